//! A feature set's definition and what follows from it: rings, columns, suffix states, and who reads them.

use crate::aggregate::{Aggregate, AggregateError, AggregateFunc, Measure, check};
use crate::fault::Fault;
use crate::types::{DataType, Kind};
use crate::value::Cell;

/// One aggregate over a trailing window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowedAggregate {
    /// The function.
    pub func: AggregateFunc,
    /// Its arguments, as slots of the set's arguments.
    pub args: Vec<usize>,
    /// The slot of the bool that says which rows count; all do without.
    pub filter: Option<usize>,
    /// The window's length, microseconds.
    pub size: i64,
    /// The grid on which the window's start moves, microseconds.
    pub step: i64,
}

/// The step of a window of `size` microseconds that names none.
#[must_use]
pub fn default_step(size: i64) -> i64 {
    const SECOND: i64 = 1_000_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    // The longest window of each step.
    let steps = [
        (10 * MINUTE, 10 * SECOND),
        (HOUR, MINUTE),
        (6 * HOUR, 5 * MINUTE),
        (DAY, 30 * MINUTE),
        (7 * DAY, 3 * HOUR),
        (30 * DAY, 12 * HOUR),
    ];
    steps.iter().find(|(longest, _)| size <= *longest).map_or(DAY, |(_, step)| *step)
}

/// A feature set over one input, checked and planned: the descriptor that drives every [`Block`](super::Block) of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SetSpec {
    pub(super) arguments: Vec<DataType>,
    head: i64,
    invertible: bool,
    /// From the coarsest to the finest, which changes most.
    pub(super) rings: Vec<Ring>,
    /// Words before the rows of the rings: the number of rows of each, and the sums of columns of wholes.
    pub(super) header: usize,
    pub(super) columns: Vec<Column>,
    pub(super) totals: Vec<TotalUse>,
    pub(super) suffixes: Vec<Suffix>,
    pub(super) reads: Vec<Read>,
    /// Each argument that is needed, with the filter under which it is.
    uses: Vec<(Option<usize>, usize)>,
    filters: Vec<usize>,
}

/// The tiles of one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ring {
    pub(super) step: i64,
    /// The longest window over it.
    pub(super) keep: i64,
    /// Words of a row: two of the tile's index, then the columns.
    pub(super) width: usize,
    /// Its columns' places among all.
    pub(super) columns: Vec<usize>,
}

/// One total per tile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) measure: Measure,
    pub(super) filter: Option<usize>,
    pub(super) ring: usize,
    /// Its first word in the row.
    pub(super) at: usize,
    /// The first of the two words before all rows that have the sum of what stands in its own; of wholes alone.
    pub(super) sum: Option<usize>,
    /// The places of the totals that sum it.
    pub(super) uses: Vec<usize>,
}

/// A column summed over a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TotalUse {
    pub(super) column: usize,
    pub(super) size: i64,
}

/// A state that answers for the tiles from some tile on, but takes nothing back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Suffix {
    pub(super) func: AggregateFunc,
    pub(super) args: Vec<usize>,
    pub(super) filter: Option<usize>,
    pub(super) step: i64,
    pub(super) keep: i64,
    /// What is summed for the ranking of `top_k`.
    pub(super) by: Option<Measure>,
}

/// One aggregate of the set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    pub(super) aggregate: Aggregate,
    pub(super) size: i64,
    pub(super) how: How,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum How {
    /// From these totals.
    Totals(Vec<usize>),
    /// From this suffix state.
    Suffix(usize),
}

impl SetSpec {
    /// Checks and plans a set: its aggregates, the types of the argument slots, and the length of the head in microseconds
    /// (the greatest lateness of the set's source and of every source whose rows read it).
    ///
    /// # Errors
    /// Where a slot does not exist or has the wrong type, or a length is not one.
    pub fn new(aggregates: &[WindowedAggregate], arguments: Vec<DataType>, head: i64) -> Result<Self, AggregateError> {
        if head < 0 {
            return Err(AggregateError::Window { length: head });
        }
        let mut spec = Self {
            arguments,
            head,
            invertible: aggregates.iter().all(|aggregate| aggregate.func.invertible()),
            rings: Vec::new(),
            header: 0,
            columns: Vec::new(),
            totals: Vec::new(),
            suffixes: Vec::new(),
            reads: Vec::new(),
            uses: Vec::new(),
            filters: Vec::new(),
        };
        aggregates.iter().try_for_each(|aggregate| spec.plan(aggregate))?;
        spec.lay_out();
        Ok(spec)
    }

    /// Puts the rings in order, and the sums of columns of wholes behind the numbers of their rows.
    fn lay_out(&mut self) {
        let mut order: Vec<usize> = (0..self.rings.len()).collect();
        order.sort_by_key(|at| self.rings.get(*at).map(|ring| std::cmp::Reverse(ring.step)));
        self.rings = order.iter().filter_map(|at| self.rings.get(*at)).cloned().collect();
        self.header = self.rings.len();
        for column in &mut self.columns {
            column.ring = order.iter().position(|at| *at == column.ring).unwrap_or_default();
            if super::rows::words(column.measure) == 1 {
                column.sum = Some(self.header);
                self.header += 2;
            }
        }
    }

    /// The types of the answers, in order; optional where no rows give no value.
    pub fn results(&self) -> impl Iterator<Item = &DataType> {
        self.reads.iter().map(|read| read.aggregate.result())
    }

    /// Whether rows may be taken back: all its aggregates are invertible.
    #[must_use]
    pub fn invertible(&self) -> bool {
        self.invertible
    }

    fn plan(&mut self, windowed: &WindowedAggregate) -> Result<(), AggregateError> {
        let WindowedAggregate { func, args, filter, size, step } = windowed;
        for length in [*size, *step] {
            if length <= 0 {
                return Err(AggregateError::Window { length });
            }
        }
        let slot = |slot: usize| self.arguments.get(slot).ok_or(AggregateError::Slot { slot });
        let types = args.iter().map(|at| slot(*at).cloned()).collect::<Result<Vec<_>, _>>()?;
        if let Some(filter) = *filter {
            if slot(filter)?.kind != Kind::Bool {
                return Err(AggregateError::Slot { slot: filter });
            }
            put(&mut self.filters, filter);
        }
        let aggregate = Aggregate::new(*func, &types)?;
        for arg in args {
            put(&mut self.uses, (*filter, *arg));
        }
        let measures = aggregate.measures(args.first().copied().unwrap_or(0));
        let how = if measures.is_empty() {
            How::Suffix(self.suffix(windowed, &aggregate))
        } else {
            let ring = self.ring(*step, *size);
            let totals = measures.into_iter().map(|measure| {
                let column = self.column(ring, measure, *filter);
                let total = put(&mut self.totals, TotalUse { column, size: *size });
                if let Some(column) = self.columns.get_mut(column) {
                    put(&mut column.uses, total);
                }
                total
            });
            How::Totals(totals.collect())
        };
        self.reads.push(Read { aggregate, size: *size, how });
        Ok(())
    }

    fn ring(&mut self, step: i64, size: i64) -> usize {
        let at = self.rings.iter().position(|ring| ring.step == step).unwrap_or_else(|| {
            self.rings.push(Ring { step, keep: 0, width: 2, columns: Vec::new() });
            self.rings.len() - 1
        });
        if let Some(ring) = self.rings.get_mut(at) {
            ring.keep = ring.keep.max(size);
        }
        at
    }

    fn column(&mut self, ring: usize, measure: Measure, filter: Option<usize>) -> usize {
        let same = |column: &Column| (column.ring, column.measure, column.filter) == (ring, measure, filter);
        if let Some(at) = self.columns.iter().position(same) {
            return at;
        }
        let place = self.columns.len();
        if let Some(owner) = self.rings.get_mut(ring) {
            self.columns.push(Column { measure, filter, ring, at: owner.width, sum: None, uses: Vec::new() });
            owner.width += super::rows::words(measure);
            owner.columns.push(place);
        }
        place
    }

    fn suffix(&mut self, windowed: &WindowedAggregate, aggregate: &Aggregate) -> usize {
        let WindowedAggregate { func, args, filter, size, step } = windowed;
        // `top_k`s that differ in their length share one state.
        let func = if let AggregateFunc::TopK { by, .. } = *func { AggregateFunc::TopK { n: 0, by } } else { *func };
        let same =
            |suffix: &Suffix| (suffix.func, &suffix.args, suffix.filter, suffix.step) == (func, args, *filter, *step);
        if let Some(at) = self.suffixes.iter().position(same) {
            if let Some(suffix) = self.suffixes.get_mut(at) {
                suffix.keep = suffix.keep.max(*size);
            }
            return at;
        }
        let by = match (func, args.as_slice()) {
            (AggregateFunc::TopK { by: true, .. }, [_, by]) => Some(aggregate.sum_of(*by)),
            _ => None,
        };
        self.suffixes.push(Suffix { func, args: args.clone(), filter: *filter, step: *step, keep: *size, by });
        self.suffixes.len() - 1
    }

    /// Of how many parts an encoded block consists: the words of the tiles, the rest of the tiles, the head, and the states.
    #[inline]
    pub(super) fn parts(&self) -> usize {
        3 + self.suffixes.len()
    }

    /// Up to which time changes are settled.
    #[inline]
    pub(super) fn boundary(&self, frontier: i64) -> i64 {
        frontier.saturating_sub(self.head)
    }

    /// Whether a change's cells are those that the aggregates need.
    #[inline]
    pub(super) fn check(&self, args: &[Cell<'_>], weight: i8) -> Result<(), Fault> {
        let sound = args.len() == self.arguments.len() && (weight == 1 || weight == -1 && self.invertible);
        if !sound || !self.filters.iter().all(|filter| matches!(args.get(*filter), Some(Cell::Bool(_)))) {
            return Err(Fault::Malformed);
        }
        for (filter, slot) in &self.uses {
            if holds(*filter, args)
                && let (Some(cell), Some(ty)) = (args.get(*slot), self.arguments.get(*slot))
            {
                check(&ty.kind, cell)?;
            }
        }
        Ok(())
    }
}

impl Ring {
    /// Whether no read from `boundary` on can reach a tile.
    #[inline]
    pub(super) fn has_left(&self, tile: i64, boundary: i64) -> bool {
        has_left(tile, boundary, self.keep, self.step)
    }
}

impl Column {
    /// Whether a row of these cells counts.
    #[inline]
    pub(super) fn takes(&self, cells: &[Cell<'_>]) -> bool {
        holds(self.filter, cells)
    }
}

impl Suffix {
    /// The first tile that a read from `boundary` on can reach.
    #[inline]
    pub(super) fn first_tile(&self, boundary: i64) -> i64 {
        tail(boundary, self.keep, self.step)
    }

    /// Whether no read from `boundary` on can reach a tile.
    #[inline]
    pub(super) fn has_left(&self, tile: i64, boundary: i64) -> bool {
        has_left(tile, boundary, self.keep, self.step)
    }

    /// Whether no read from `boundary` on can reach the tile of `time`.
    #[inline]
    pub(super) fn is_past(&self, time: i64, boundary: i64) -> bool {
        lies_before(time, boundary, self.keep, self.step)
    }

    /// Whether the state holds the head's rows too, as totals do: `top_k` can take them back.
    #[inline]
    pub(super) fn covers_head(&self) -> bool {
        self.func.invertible()
    }

    /// Whether a row of these cells counts.
    #[inline]
    pub(super) fn takes(&self, cells: &[Cell<'_>]) -> bool {
        holds(self.filter, cells)
    }

    /// The aggregated cell of a row.
    #[inline]
    pub(super) fn argument<'a, 'b>(&self, cells: &'b [Cell<'a>]) -> &'b Cell<'a> {
        self.args.first().and_then(|slot| cells.get(*slot)).unwrap_or(&Cell::Absent)
    }
}

/// The tile in which the window of length `size` that ends at `t` begins.
#[inline]
pub(super) fn tail(t: i64, size: i64, step: i64) -> i64 {
    t.saturating_sub(size).div_euclid(step)
}

/// Whether a tile lies before the window: `tile < tail(t, size, step)`, told without dividing.
#[inline]
pub(super) fn has_left(tile: i64, t: i64, size: i64, step: i64) -> bool {
    let Some(next) = tile.checked_add(1) else { return false };
    next.checked_mul(step).map_or(next < 0, |next| next <= t.saturating_sub(size))
}

/// Whether the tile of a time lies before the window. Mostly the time itself does not, and is then not divided.
#[inline]
pub(super) fn lies_before(time: i64, t: i64, size: i64, step: i64) -> bool {
    time < t.saturating_sub(size) && time.div_euclid(step) < tail(t, size, step)
}

#[inline]
fn holds(filter: Option<usize>, cells: &[Cell<'_>]) -> bool {
    filter.is_none_or(|filter| matches!(cells.get(filter), Some(Cell::Bool(true))))
}

/// The place of `item`, put at the end where it is new.
fn put<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|held| *held == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = i64> {
        prop_oneof![4 => -200i64..200, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_tile_has_left_when_the_window_begins_behind_it(
            time in time(), t in time(), size in prop_oneof![1i64..100, 1..i64::MAX], step in prop_oneof![1i64..30, 1..i64::MAX],
        ) {
            let tile = time.div_euclid(step);
            let expected = tile < tail(t, size, step);
            prop_assert_eq!(has_left(tile, t, size, step), expected);
            prop_assert_eq!(lies_before(time, t, size, step), expected);
            prop_assert!(has_left(i64::MIN, t, size, step) || tail(t, size, step) == i64::MIN);
        }
    }
}
