//! The state of one aggregate over one group.

use super::total::Measure;
use super::{Aggregate, AggregateFunc, Edge, Key, Order, Tops, Total, better, finish_top, is_gone};
use crate::fault::Fault;
use crate::hll::Distinct;
use crate::value::{Cell, Value};

/// One aggregate over the rows of one group.
#[derive(Debug, Clone)]
pub struct Accumulator {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Totals(Vec<(Measure, Total)>),
    Extreme(Option<Value>),
    Edge(Option<Edge>),
    Distinct(Distinct),
    Top(Tops),
}

impl Accumulator {
    /// The state over no rows.
    #[must_use]
    pub fn new(aggregate: &Aggregate) -> Self {
        let state = match aggregate.func {
            AggregateFunc::Min | AggregateFunc::Max => State::Extreme(None),
            AggregateFunc::First | AggregateFunc::Last => State::Edge(None),
            AggregateFunc::CountDistinct { exact } => State::Distinct(Distinct::new(exact)),
            AggregateFunc::TopK { .. } => State::Top(Tops::new()),
            _ => State::Totals(aggregate.measures(0).into_iter().map(|measure| (measure, measure.zero())).collect()),
        };
        Self { state }
    }

    /// Adds (weight 1) or takes back (weight −1) a row: its argument cells, its time in microseconds and its place in
    /// arrival order. A row that the aggregate's filter leaves out is not passed.
    ///
    /// # Errors
    /// [`Fault::Malformed`] where a cell is absent or not of its type, or where a row is taken back from an aggregate that
    /// is not invertible; [`Fault::NotFinite`] for a float that is not finite. The state is then unchanged.
    pub fn update(
        &mut self,
        aggregate: &Aggregate,
        cells: &[Cell<'_>],
        time: i64,
        order: Order,
        weight: i8,
    ) -> Result<(), Fault> {
        if cells.len() != aggregate.kinds.len() || (weight < 0 && !aggregate.func.invertible()) {
            return Err(Fault::Malformed);
        }
        aggregate.fits(cells.iter().copied())?;
        match (&mut self.state, cells) {
            (State::Totals(totals), _) => {
                for (measure, total) in totals {
                    total.add(measure.part(cells)?, weight)?;
                }
            }
            (State::Extreme(best), [cell]) => {
                if best.as_ref().is_none_or(|best| better(aggregate.func, *cell, best.as_cell())) {
                    *best = Some(cell.to_value());
                }
            }
            (State::Edge(edge), [cell]) => {
                Edge { time, order, value: cell.to_value() }.keep(aggregate.func, edge);
            }
            (State::Distinct(values), [cell]) => values.insert(*cell),
            (State::Top(tops), [cell, by @ ..]) => {
                let key = Key(cell.to_value());
                let measure = aggregate.sum_of(0);
                let entry = tops.entry(key.clone()).or_insert_with(|| (0, by.first().map(|_| measure.zero())));
                entry.0 += i64::from(weight);
                if let Some(sum) = &mut entry.1 {
                    sum.add(measure.part(by)?, weight)?;
                }
                if is_gone(entry) {
                    tops.remove(&key);
                }
            }
            _ => return Err(Fault::Malformed),
        }
        Ok(())
    }

    /// Adds the rows of another state of the same aggregate.
    pub fn merge(&mut self, aggregate: &Aggregate, other: &Self) {
        match (&mut self.state, &other.state) {
            (State::Totals(totals), State::Totals(more)) => {
                totals.iter_mut().zip(more).for_each(|((_, total), (_, more))| total.merge(more));
            }
            (State::Extreme(best), State::Extreme(Some(other)))
                if best.as_ref().is_none_or(|best| better(aggregate.func, other.as_cell(), best.as_cell())) =>
            {
                *best = Some(other.clone());
            }
            (State::Edge(edge), State::Edge(Some(other))) => other.clone().keep(aggregate.func, edge),
            (State::Distinct(values), State::Distinct(more)) => values.merge(more),
            (State::Top(tops), State::Top(more)) => {
                for (key, (rows, sum)) in more {
                    let entry = tops.entry(key.clone()).or_insert_with(|| (0, None));
                    entry.0 += rows;
                    match (&mut entry.1, sum) {
                        (Some(total), Some(sum)) => total.merge(sum),
                        (total @ None, sum) => total.clone_from(sum),
                        _ => {}
                    }
                    if is_gone(entry) {
                        tops.remove(key);
                    }
                }
            }
            _ => {}
        }
    }

    /// The answer over the rows so far.
    ///
    /// # Errors
    /// [`Fault::Overflow`] or [`Fault::NotFinite`] where the final value is out of its type's range.
    pub fn read(&self, aggregate: &Aggregate) -> Result<Value, Fault> {
        match &self.state {
            State::Totals(totals) => {
                let totals: Vec<&Total> = totals.iter().map(|(_, total)| total).collect();
                aggregate.finish(&totals)
            }
            State::Extreme(best) => Ok(best.clone().unwrap_or(Value::Absent)),
            State::Edge(edge) => Ok(edge.as_ref().map_or(Value::Absent, |edge| edge.value.clone())),
            State::Distinct(values) => i64::try_from(values.count()).map(Value::Int).map_err(|_| Fault::Overflow),
            State::Top(tops) => {
                let n = if let AggregateFunc::TopK { n, .. } = aggregate.func { n } else { 0 };
                finish_top(tops, n, aggregate.numeric)
            }
        }
    }
}
