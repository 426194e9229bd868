//! The state of one key of one feature set.
//!
//! Totals stand in sparse sorted tiles, one ring per step shared by all aggregates with that step; they hold every change.
//! The *head* keeps the raw changes with `time > frontier − head`: a read at `t` takes back from the totals those newer than
//! `t`. Aggregates that cannot take back stand in suffix states over the older, *settled* changes, and a read adds the
//! head's rows up to `t` to them. So a read is exact for every `t ≥ frontier − head`, where the frontier is the greatest
//! one passed so far; tiles that no such read can reach are dropped.

mod head;
mod parts;
mod plan;
mod rows;
mod state;
#[cfg(test)]
mod tests;
mod view;

use crate::aggregate::{Order, Total};
use crate::bytes::DecodeError;
use crate::fault::Fault;
use crate::few::Few;
use crate::value::{Cell, Value};
use head::{Head, HeadRef};
use parts::{Parts, Writer};
pub use plan::{SetSpec, WindowedAggregate, default_step};
use rows::Rows;
use state::{Encoded, State};
use view::View;

/// The state of one key of one feature set. All methods take the [`SetSpec`] that the block was made with.
#[derive(Debug, Default)]
pub struct Block {
    rows: Rows,
    head: Head,
    /// One per suffix state of the set, from the first update on.
    states: Box<[State]>,
}

impl Clone for Block {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), head: self.head.clone(), states: self.states.clone() }
    }

    /// In the memory that is there.
    fn clone_from(&mut self, source: &Self) {
        self.rows.clone_from(&source.rows);
        self.head.clone_from(&source.head);
        self.states.clone_from(&source.states);
    }
}

impl Block {
    /// The state before the first change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change: the row's event time in microseconds, its place in arrival order, its cells by argument slot, and
    /// whether it comes (weight 1) or takes an equal earlier row back (−1). `frontier` is the arrival up to which reads
    /// have gone: the greatest arrival so far, this row's included; it should not go back.
    ///
    /// # Errors
    /// [`Fault::Malformed`] where a needed cell is absent or not of its type, or where a row is taken back from a set with an
    /// aggregate that is not [invertible](AggregateFunc::invertible); [`Fault::NotFinite`] for a float that is not finite.
    /// Nothing is changed then.
    pub fn update(
        &mut self,
        spec: &SetSpec,
        time: i64,
        order: Order,
        args: &[Cell<'_>],
        weight: i8,
        frontier: i64,
    ) -> Result<(), Fault> {
        spec.check(args, weight)?;
        let boundary = spec.boundary(frontier);
        self.settle(spec, boundary);
        self.rows.add(spec, time, args, weight, boundary)?;
        self.prepare(spec);
        let settled = time <= boundary;
        for (suffix, state) in spec.suffixes.iter().zip(&mut self.states) {
            if settled || suffix.covers_head() {
                state.apply(suffix, time, order, args, weight, boundary)?;
            }
        }
        if !settled {
            self.head.insert(time, order, weight, args);
        }
        Ok(())
    }

    /// The values of all aggregates at `t`, in the set's order, into `out`, which is emptied first. Exact for every
    /// `t ≥ frontier − head`.
    ///
    /// Each is an error by itself where the final value is out of range ([`Fault::Overflow`], [`Fault::NotFinite`]).
    pub fn read(&self, spec: &SetSpec, t: i64, out: &mut Vec<Result<Value, Fault>>) {
        out.clear();
        self.read_each(spec, t, &mut Scratch::default(), &mut |answer| put(answer, out));
    }

    /// As [`Block::read`], each value given to `take` in turn, as it lies in the block where it does. One `scratch` may serve
    /// many reads.
    pub fn read_each(
        &self,
        spec: &SetSpec,
        t: i64,
        scratch: &mut Scratch,
        take: &mut impl FnMut(Result<&Cell<'_>, Fault>),
    ) {
        self.rows.totals(spec, t, &mut scratch.totals);
        View { head: &self.head, states: self.states.as_ref() }.read(spec, t, &mut scratch.totals, take);
    }

    /// As [`Block::read_each`], from what [`Block::encode`] wrote, without making a block of it. What lies in its parts is
    /// believed: [`Block::decode`] is who looks whether it is sound.
    ///
    /// # Errors
    /// Where the bytes are not the parts of a block of this set; nothing is given to `take` then.
    pub fn read_encoded(
        bytes: &[u8],
        spec: &SetSpec,
        t: i64,
        scratch: &mut Scratch,
        take: &mut impl FnMut(Result<&Cell<'_>, Fault>),
    ) -> Result<(), DecodeError> {
        ask_for(bytes);
        let mut parts = Parts::read(bytes, spec.parts())?;
        Rows::encoded_totals(spec, parts.next()?, parts.next()?, t, &mut scratch.totals)?;
        let head = HeadRef(parts.next()?);
        let mut states: Few<Encoded<'_>, 4> = Few::new();
        for suffix in &spec.suffixes {
            states.push(Encoded::read(suffix, parts.next()?)?);
        }
        View { head: &head, states: &states }.read(spec, t, &mut scratch.totals, take);
        Ok(())
    }

    /// Looks at the memory that a read or an update will need; the number means nothing.
    #[must_use]
    pub fn touch(&self) -> u32 {
        let states = self.states.iter().fold(0, |seen, state| seen ^ u32::from(matches!(state, State::Last(_))));
        self.rows.touch() ^ u32::from(self.head.touch()) ^ states
    }

    /// As [`Block::touch`], at what lies behind it: once that is there, nothing waits on the way.
    #[must_use]
    pub fn touch_behind(&self) -> u32 {
        self.states.iter().fold(0, |seen, state| seen ^ state.touch() as u32)
    }

    /// Lets the frontier go on without a change: what no read from then on can reach is dropped. It never changes an answer.
    pub fn expire(&mut self, spec: &SetSpec, frontier: i64) {
        let boundary = spec.boundary(frontier);
        self.settle(spec, boundary);
    }

    /// Whether it equals the state before the first change, so that its key may be forgotten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.head.is_empty() && self.states.iter().all(State::is_empty)
    }

    /// Appends the canonical encoding: the same set of changes and the same last frontier give the same bytes.
    pub fn encode(&self, spec: &SetSpec, out: &mut Vec<u8>) {
        let mut parts = Writer::new(out, spec.parts());
        parts.part(|out| self.rows.encode_words(spec, out));
        parts.part(|out| self.rows.encode_rest(spec, out));
        parts.part(|out| self.head.encode(out));
        if self.states.is_empty() {
            spec.suffixes.iter().for_each(|suffix| parts.part(|out| State::new(suffix).encode(out)));
        }
        self.states.iter().for_each(|state| parts.part(|out| state.encode(out)));
    }

    /// Reads what [`Block::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not the encoding of a block of this set.
    pub fn decode(spec: &SetSpec, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut parts = Parts::read(bytes, spec.parts())?;
        let rows = Rows::decode(spec, parts.next()?, parts.next()?)?;
        let head = Head::decode(spec, parts.next()?)?;
        let state = |suffix| State::decode(suffix, parts.next()?);
        let states = spec.suffixes.iter().map(state).collect::<Result<Box<[_]>, _>>()?;
        Ok(Self { rows, head, states })
    }

    /// Bytes of memory: the block itself and what it holds on the heap, without the allocator's own.
    #[must_use]
    pub fn memory(&self) -> usize {
        let states: usize = self.states.iter().map(|state| size_of::<State>() + state.heap()).sum();
        size_of::<Self>() + self.rows.heap() + self.head.heap() + states
    }

    fn prepare(&mut self, spec: &SetSpec) {
        if self.states.is_empty() && !spec.suffixes.is_empty() {
            self.states = spec.suffixes.iter().map(State::new).collect();
        }
    }

    /// Moves the head's rows up to `boundary` into the suffix states and drops what lies before every window.
    fn settle(&mut self, spec: &SetSpec, boundary: i64) {
        let Self { rows, head, states } = self;
        head.drain(boundary, |row| {
            for (suffix, state) in spec.suffixes.iter().zip(states.iter_mut()) {
                if !suffix.covers_head() {
                    // INVARIANT: the cells were checked when the row came in, so nothing is refused here.
                    let applied = state.settle(spec, suffix, &row, boundary);
                    debug_assert_eq!(applied, Ok(()));
                }
            }
        });
        rows.expire(spec, boundary);
        for (suffix, state) in spec.suffixes.iter().zip(states.iter_mut()) {
            state.expire(suffix, boundary);
        }
    }
}

/// Looks at bytes a cache line each, so that memory gives the lines side by side and not one by one as they are read.
#[inline]
fn ask_for(bytes: &[u8]) {
    const LINE: usize = 64;
    const LINES: usize = 8;
    let seen = bytes.iter().step_by(LINE).take(LINES).fold(0, |seen, byte| seen ^ byte);
    std::hint::black_box(seen ^ bytes.last().copied().unwrap_or_default());
}

/// Puts what a read gives behind other values. Each kind goes there for itself, in a function of its own: what is put
/// together elsewhere first, in parts, has to be waited for when it is copied as a whole. So it is made when there is room.
#[inline]
pub fn put(answer: Result<&Cell<'_>, Fault>, out: &mut Vec<Result<Value, Fault>>) {
    match answer {
        Ok(Cell::Int(value)) => put_int(*value, out),
        Ok(Cell::Decimal(value)) => put_decimal(*value, out),
        Ok(Cell::Float(value)) => put_float(*value, out),
        Ok(Cell::String(value)) => put_text(value, out),
        Ok(other) => out.push(Ok(other.to_value())),
        Err(fault) => out.push(Err(fault)),
    }
}

#[inline(never)]
fn put_int(value: i64, out: &mut Vec<Result<Value, Fault>>) {
    out.extend(std::iter::once_with(|| Ok(Value::Int(value))));
}

#[inline(never)]
fn put_decimal(value: i128, out: &mut Vec<Result<Value, Fault>>) {
    out.extend(std::iter::once_with(|| Ok(Value::Decimal(value))));
}

#[inline(never)]
fn put_float(value: f64, out: &mut Vec<Result<Value, Fault>>) {
    out.extend(std::iter::once_with(|| Ok(Value::Float(value))));
}

#[inline(never)]
fn put_text(value: &str, out: &mut Vec<Result<Value, Fault>>) {
    out.push(Ok(Value::String(value.into())));
}

/// What reads use on their way, so that it is made once for many of them.
#[derive(Debug, Default)]
pub struct Scratch {
    /// One for each of the set's.
    totals: Vec<Total>,
}
