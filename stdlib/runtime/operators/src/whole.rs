//! What leaves a flow: rows whose cells can all be read.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::{Column, ColumnData, State};

use crate::operator::{Context, Operator, OperatorError, Reason};
use crate::order::Order;

/// Leaves out the rows that have a bad cell: a sink needs every column.
pub struct Whole {
    flow: Arc<str>,
    detail: String,
}

impl Whole {
    /// Rows for the sink `sink`; `flow` is the name under which dead letters go.
    #[must_use]
    pub fn new(sink: &str, flow: Arc<str>) -> Self {
        Self { flow, detail: format!("the row cannot be written to `{sink}`") }
    }
}

impl Operator for Whole {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("what is emitted has one input")) };
        let suspects: Vec<&Column> = input.columns.iter().filter(|column| may_be_faulty(column)).collect();
        if suspects.is_empty() {
            return Ok(vec![input.clone()]);
        }
        let keep: Vec<bool> = (0..input.rows)
            .map(|row| {
                let fault = suspects.iter().find_map(|column| column.cell(row).err());
                if let Some(fault) = fault {
                    cx.dead(&self.flow, Order::of(input, row), Reason::Fault(fault), self.detail.as_str());
                }
                fault.is_none()
            })
            .collect();
        Ok(vec![input.filter(&keep)])
    }
}

fn may_be_faulty(column: &Column) -> bool {
    let is_fault = |state: &State| matches!(state, State::Fault(_));
    let own = column.states().is_some_and(|states| states.iter().any(is_fault));
    own || matches!(column.data(), ColumnData::Record(record) if record.fields().iter().any(may_be_faulty))
}
