//! What leaves a flow: rows whose cells can all be read.

use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::{Column, ColumnData, State};
use flow_core::fault::Fault;
use flow_core::types::Schema;

use crate::operator::{Context, Operator, OperatorError};

/// Leaves out the rows that have a bad cell: a sink needs every column.
pub struct Whole {
    sink: String,
    schema: Arc<Schema>,
    flow: Arc<str>,
}

impl Whole {
    /// Rows of `schema` for the sink `sink`; `flow` is the name under which dead letters go.
    #[must_use]
    pub fn new(sink: &str, schema: Arc<Schema>, flow: Arc<str>) -> Self {
        Self { sink: sink.to_owned(), schema, flow }
    }

    fn detail(&self, column: usize) -> String {
        let name = self.schema.fields.get(column).map_or("", |field| field.name.as_str());
        format!("`{name}` of a row for `{}` cannot be computed", self.sink)
    }
}

impl Operator for Whole {
    fn inputs(&self) -> usize {
        1
    }

    fn process(&mut self, inputs: &[Batch], cx: &mut Context) -> Result<Vec<Batch>, OperatorError> {
        let [input] = inputs else { return Err(OperatorError::Wiring("what is emitted has one input")) };
        Ok(vec![whole(input, &mut |row, column, fault| {
            cx.left_out(&self.flow, input, row, fault, self.detail(column));
        })])
    }
}

/// The rows of which every cell can be read. `bad` hears of each other row, and its first column that cannot.
pub fn whole(input: &Batch, bad: &mut dyn FnMut(usize, usize, Fault)) -> Batch {
    let columns = input.columns.iter().enumerate();
    let suspects: Vec<(usize, &Column)> = columns.filter(|(_, column)| may_be_faulty(column)).collect();
    if suspects.is_empty() {
        return input.clone();
    }
    let keep: Vec<bool> = (0..input.rows)
        .map(|row| {
            let fault = suspects.iter().find_map(|(at, column)| Some((*at, column.cell(row).err()?)));
            if let Some((column, fault)) = fault {
                bad(row, column, fault);
            }
            fault.is_none()
        })
        .collect();
    input.filter(&keep)
}

fn may_be_faulty(column: &Column) -> bool {
    let is_fault = |state: &State| matches!(state, State::Fault(_));
    let own = column.states().is_some_and(|states| states.iter().any(is_fault));
    own || matches!(column.data(), ColumnData::Record(record) if record.fields().iter().any(may_be_faulty))
}
