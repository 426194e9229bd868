//! A read of a block, as it lies in memory or encoded: the totals of its tiles, its head and its suffix states.

use super::head::Row;
use super::plan::{How, Read, lies_before};
use super::state::{Encoded, Pending, State, StateRef};
use super::{Fault, SetSpec};
use crate::aggregate::{AggregateFunc, Total};
use crate::few::Few;
use crate::value::{Cell, Value};

/// The changes of a head.
pub(super) trait Changes {
    /// Changes from the oldest on.
    fn oldest(&self) -> impl Iterator<Item = Row<'_>>;

    /// Changes from the newest back.
    fn newest(&self) -> impl Iterator<Item = Row<'_>>;
}

/// The suffix states of a set, by their place.
pub(super) trait States {
    /// One of them; none before the first update.
    fn state(&self, at: usize) -> Option<StateRef<'_>>;
}

impl States for [State] {
    #[inline]
    fn state(&self, at: usize) -> Option<StateRef<'_>> {
        self.get(at).map(State::look)
    }
}

impl<const N: usize> States for Few<Encoded<'_>, N> {
    #[inline]
    fn state(&self, at: usize) -> Option<StateRef<'_>> {
        self.get(at).map(Encoded::look)
    }
}

/// What a read looks at besides tiles.
pub(super) struct View<'a, H: ?Sized, S: ?Sized> {
    pub(super) head: &'a H,
    pub(super) states: &'a S,
}

impl<H: Changes + ?Sized, S: States + ?Sized> View<'_, H, S> {
    /// The values of all aggregates at `t`, in the set's order, each given to `take`; `totals` are those of all tiles.
    pub(super) fn read(
        &self,
        spec: &SetSpec,
        t: i64,
        totals: &mut [Total],
        take: &mut impl FnMut(Result<&Cell<'_>, Fault>),
    ) {
        if let Err(fault) = self.take_newer(spec, t, totals) {
            spec.reads.iter().for_each(|_| take(Err(fault)));
            return;
        }
        for read in &spec.reads {
            match &read.how {
                How::Totals(uses) => give(&finish(read, totals, uses), take),
                How::Suffix(at) => {
                    let mut cell = Cell::Absent;
                    if self.last_to(spec, *at, read, t, &mut cell) {
                        take(Ok(&cell));
                    } else {
                        give(&self.suffix(spec, *at, read, t), take);
                    }
                }
            }
        }
    }

    /// Takes the head's rows that are newer than `t` back from the totals.
    fn take_newer(&self, spec: &SetSpec, t: i64, totals: &mut [Total]) -> Result<(), Fault> {
        if totals.is_empty() {
            return Ok(());
        }
        for row in self.head.newest().take_while(|row| row.time > t) {
            row.with_cells(spec.arguments.len(), |cells| {
                for (used, total) in spec.totals.iter().zip(totals.iter_mut()) {
                    if let Some(column) = spec.columns.get(used.column)
                        && column.takes(cells)
                    {
                        total.add(column.measure.part(cells)?, -row.weight)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Puts the answer of `last` where it is wanted if one row decides it, as it mostly does: the newest of the head up to
    /// `t` that counts, or, where there is none, the settled one. Not where more has to be looked at.
    fn last_to<'c>(&'c self, spec: &SetSpec, at: usize, read: &Read, t: i64, to: &mut Cell<'c>) -> bool {
        let Some(suffix) = spec.suffixes.get(at).filter(|suffix| suffix.func == AggregateFunc::Last) else {
            return false;
        };
        let settled = self.states.state(at);
        let mut rows = self.head.newest().skip_while(|row| row.time > t).peekable();
        while let Some(row) = rows.next() {
            match row.holds(suffix.filter) {
                Some(true) => {}
                Some(false) => continue,
                None => return false,
            }
            let place = (row.time, row.order);
            let is_alone = rows.peek().is_none_or(|older| (older.time, older.order) != place);
            if !is_alone || settled.and_then(StateRef::last_place).is_some_and(|settled| settled >= place) {
                return false;
            }
            if lies_before(row.time, t, read.size, suffix.step) {
                return true;
            }
            return suffix.args.first().is_none_or(|slot| row.cell_to(*slot, to));
        }
        settled.is_none_or(|state| state.last_to(suffix, read, t, to))
    }

    /// A suffix aggregate at `t`: its state, and the head's rows up to `t`, or less those that are newer.
    fn suffix(&self, spec: &SetSpec, at: usize, read: &Read, t: i64) -> Result<Value, Fault> {
        let suffix = spec.suffixes.get(at).ok_or(Fault::Malformed)?;
        let mut pending = Pending::new(self.states.state(at), suffix, read, t);
        if suffix.covers_head() {
            for row in self.head.newest().take_while(|row| row.time > t) {
                row.with_cells(spec.arguments.len(), |cells| pending.take_back(cells, row.time, row.weight))?;
            }
        } else if suffix.func == AggregateFunc::Last {
            let rows = self.head.newest().skip_while(|row| row.time > t);
            add_until_decided(spec, &mut pending, rows)?;
        } else {
            let rows = self.head.oldest().take_while(|row| row.time <= t);
            add_until_decided(spec, &mut pending, rows)?;
        }
        pending.finish(&read.aggregate)
    }
}

/// Gives a value that was made.
#[inline]
fn give(made: &Result<Value, Fault>, take: &mut impl FnMut(Result<&Cell<'_>, Fault>)) {
    match made {
        Ok(value) => take(Ok(&value.as_cell())),
        Err(fault) => take(Err(*fault)),
    }
}

fn add_until_decided<'a>(
    spec: &SetSpec,
    pending: &mut Pending<'_>,
    rows: impl Iterator<Item = Row<'a>>,
) -> Result<(), Fault> {
    for row in rows {
        if pending.is_decided(row.time, row.order) {
            break;
        }
        if pending.covers(row.time) {
            row.with_argument(spec, pending.suffix, |cell| pending.add(cell, row.time, row.order))?;
        }
    }
    Ok(())
}

/// The answer of an aggregate from its totals.
fn finish(read: &Read, totals: &[Total], uses: &[usize]) -> Result<Value, Fault> {
    match uses {
        [one] => read.aggregate.finish(&[total(totals, *one)?]),
        [one, two] => read.aggregate.finish(&[total(totals, *one)?, total(totals, *two)?]),
        more => {
            let parts = more.iter().map(|at| total(totals, *at)).collect::<Result<Vec<_>, _>>()?;
            read.aggregate.finish(&parts)
        }
    }
}

fn total(totals: &[Total], at: usize) -> Result<&Total, Fault> {
    totals.get(at).ok_or(Fault::Malformed)
}
