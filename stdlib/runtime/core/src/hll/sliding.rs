//! Distinct values over trailing windows: each value with the newest tile that has it.
//!
//! A window reads the tiles from some tile on, so a value counts by its newest tile. All answers are those of the set of
//! values inside of the window alone:
//! - the 257 values with the newest tiles are kept (ties by hash), enough to count every window of at most 256 exactly;
//! - from the 257th value on, each register holds the ranks that no newer tile reaches (Y. Chabchoub, G. Hébrail,
//!   "Sliding HyperLogLog", 2010), from which follow the registers of every window, as if it were counted alone.

use std::collections::BTreeMap;

use super::{EXACT_LIMIT, GREATEST_RANK, REGISTERS, Registers, encoded, hash_cell, place};
use crate::bytes::{DecodeError, Reader, write_signed, write_unsigned};
use crate::value::Cell;

/// Distinct values by newest tile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SlidingDistinct {
    /// By hash, of exactly one: that and its newest tile, which then need no memory of their own.
    One(u64, i64),
    /// By hash, sketched above [`EXACT_LIMIT`].
    Sketch {
        /// Hash and newest tile, by hash; all values while they are at most [`EXACT_LIMIT`], else one more than that.
        kept: Vec<(u64, i64)>,
        /// Present where `kept` is full.
        ranks: Option<Box<Ranks>>,
    },
    /// Every value's encoding and newest tile.
    Exact(BTreeMap<Box<[u8]>, i64>),
}

impl Clone for SlidingDistinct {
    fn clone(&self) -> Self {
        match self {
            Self::One(hash, tile) => Self::One(*hash, *tile),
            Self::Sketch { kept, ranks } => Self::Sketch { kept: kept.clone(), ranks: ranks.clone() },
            Self::Exact(values) => Self::Exact(values.clone()),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Sketch { kept, ranks }, Self::Sketch { kept: from, ranks: of }) => {
                kept.clone_from(from);
                ranks.clone_from(of);
            }
            (place, source) => *place = source.clone(),
        }
    }
}

/// The values of a state where they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DistinctRef<'a> {
    /// In memory.
    Held(&'a SlidingDistinct),
    /// At most [`EXACT_LIMIT`] hashes with their tiles, as [`SlidingDistinct::encode`] writes them.
    Few(&'a [[u8; ENTRY]]),
}

/// Bytes of a hash and its tile, little-endian.
const ENTRY: usize = 16;

#[inline]
fn entry(bytes: &[u8; ENTRY]) -> (u64, i64) {
    let both = u128::from_le_bytes(*bytes);
    (both as u64, ((both >> 64) as u64).cast_signed())
}

impl<'a> DistinctRef<'a> {
    /// Looks at what [`SlidingDistinct::encode`] wrote for a sketch, without making one of it; `None` where there are more
    /// values than can be looked at one by one.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        if bytes.len() > EXACT_LIMIT * ENTRY {
            return Ok(None);
        }
        match bytes.as_chunks::<ENTRY>() {
            (hashes, []) => Ok(Some(Self::Few(hashes))),
            _ => Err(DecodeError),
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Held(SlidingDistinct::Exact(_)))
    }

    /// As [`SlidingDistinct::count`].
    pub(crate) fn count(&self, first: i64, more: &mut Distincts) -> u64 {
        match (self, more) {
            (Self::Held(state), more) => state.count(first, more),
            (Self::Few(hashes), Distincts::Sketch(more)) => count_few(hashes, first, more.sorted()),
            (Self::Few(_), Distincts::Exact(_)) => 0,
        }
    }
}

/// As [`count`], of hashes as they are encoded.
fn count_few(hashes: &[[u8; ENTRY]], first: i64, more: &[u64]) -> u64 {
    let inside = || hashes.iter().map(entry).filter(|(_, tile)| *tile >= first);
    let (mut exact, mut others) = (more.len(), more);
    for (hash, _) in inside() {
        while let [other, rest @ ..] = others
            && *other < hash
        {
            others = rest;
        }
        exact += usize::from(others.first() != Some(&hash));
    }
    if exact <= EXACT_LIMIT {
        return exact as u64;
    }
    let mut registers = Registers::new();
    inside().for_each(|(hash, _)| registers.add(hash));
    more.iter().for_each(|hash| registers.add(*hash));
    registers.estimate()
}

/// Values that are counted besides those of a state, in the form that it compares.
#[derive(Debug)]
pub(crate) enum Distincts {
    Sketch(Hashes),
    /// Encodings.
    Exact(Vec<Vec<u8>>),
}

/// Hashes; mostly few, which then need no memory of their own.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// Ascending, each once.
    few: [u64; Self::FEW],
    count: usize,
    /// All of them, as they came, where they are more.
    all: Vec<u64>,
}

impl Hashes {
    const FEW: usize = 4;

    fn push(&mut self, hash: u64) {
        if !self.all.is_empty() {
            self.all.push(hash);
            return;
        }
        let there = self.few.get(..self.count).unwrap_or_default();
        let at = there.iter().take_while(|held| **held < hash).count();
        if there.get(at) == Some(&hash) {
            return;
        }
        match self.few.get_mut(at..=self.count) {
            Some(rest) => {
                rest.rotate_right(1);
                rest.iter_mut().take(1).for_each(|place| *place = hash);
                self.count += 1;
            }
            None => {
                self.all.extend_from_slice(&self.few);
                self.all.push(hash);
            }
        }
    }

    /// All of them, ascending, each once.
    fn sorted(&mut self) -> &[u64] {
        if self.all.is_empty() {
            return self.few.get(..self.count).unwrap_or_default();
        }
        self.all.sort_unstable();
        self.all.dedup();
        &self.all
    }
}

impl Distincts {
    pub(crate) fn new(exact: bool) -> Self {
        if exact { Self::Exact(Vec::new()) } else { Self::Sketch(Hashes::default()) }
    }

    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    pub(crate) fn push(&mut self, cell: &Cell<'_>) {
        match self {
            Self::Sketch(hashes) => hashes.push(hash_cell(cell)),
            Self::Exact(values) => values.push(encoded(*cell)),
        }
    }
}

/// (register, tile, rank), ascending: within a register, newer tiles have lower ranks.
type Ranks = Vec<(u16, i64, u8)>;

const FULL: usize = EXACT_LIMIT + 1;

impl SlidingDistinct {
    pub(crate) fn new(exact: bool) -> Self {
        if exact { Self::Exact(BTreeMap::new()) } else { Self::Sketch { kept: Vec::new(), ranks: None } }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::One(..) => false,
            Self::Sketch { kept, .. } => kept.is_empty(),
            Self::Exact(values) => values.is_empty(),
        }
    }

    /// Looks at the memory of the values; the number means nothing.
    pub(crate) fn touch(&self) -> u64 {
        match self {
            Self::Sketch { kept, .. } => kept.first().map_or(0, |(hash, _)| *hash),
            Self::One(..) | Self::Exact(_) => 0,
        }
    }

    /// Adds a value seen in `tile`.
    pub(crate) fn insert(&mut self, cell: &Cell<'_>, tile: i64) {
        match self {
            Self::One(..) | Self::Sketch { .. } => self.insert_hash(hash_cell(cell), tile),
            Self::Exact(values) => {
                let newest = values.entry(encoded(*cell).into()).or_insert(tile);
                *newest = tile.max(*newest);
            }
        }
    }

    fn insert_hash(&mut self, hash: u64, tile: i64) {
        match self {
            Self::One(held, newest) if *held == hash => *newest = tile.max(*newest),
            Self::One(held, newest) => {
                let mut kept = vec![(*held, *newest), (hash, tile)];
                kept.sort_unstable();
                *self = Self::Sketch { kept, ranks: None };
            }
            Self::Sketch { kept, .. } if kept.is_empty() => *self = Self::One(hash, tile),
            Self::Sketch { kept, ranks } => insert(kept, ranks, hash, tile),
            Self::Exact(_) => {}
        }
    }

    /// Forgets what lies before `first`.
    pub(crate) fn expire(&mut self, first: i64) {
        match self {
            Self::One(_, tile) => {
                if *tile < first {
                    *self = Self::new(false);
                }
            }
            Self::Sketch { kept, ranks } => {
                kept.retain(|(_, tile)| *tile >= first);
                if kept.len() < FULL {
                    *ranks = None;
                } else if let Some(ranks) = ranks {
                    ranks.retain(|(_, tile, _)| *tile >= first);
                }
                if let [(hash, tile)] = kept.as_slice() {
                    *self = Self::One(*hash, *tile);
                }
            }
            Self::Exact(values) => values.retain(|_, tile| *tile >= first),
        }
    }

    /// How many values lie in the tiles from `first` on or in `more`, which is of the same sort.
    pub(crate) fn count(&self, first: i64, more: &mut Distincts) -> u64 {
        match (self, more) {
            (Self::One(hash, tile), Distincts::Sketch(more)) => count(&[(*hash, *tile)], None, first, more.sorted()),
            (Self::Sketch { kept, ranks }, Distincts::Sketch(more)) => {
                count(kept, ranks.as_deref(), first, more.sorted())
            }
            (Self::Exact(values), Distincts::Exact(more)) => {
                let inside = values.values().filter(|tile| **tile >= first).count();
                more.retain(|key| values.get(key.as_slice()).is_none_or(|tile| *tile < first));
                more.sort_unstable();
                more.dedup();
                (inside + more.len()) as u64
            }
            (Self::One(..) | Self::Sketch { .. }, Distincts::Exact(_)) | (Self::Exact(_), Distincts::Sketch(_)) => 0,
        }
    }

    /// Appends the canonical encoding, which ends with the bytes: of a sketch its hashes with their tiles, and behind
    /// [`FULL`] of them the ranks; else the values with their tiles.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let put = |out: &mut Vec<u8>, hash: u64, tile: i64| {
            out.extend_from_slice(&(u128::from(hash) | u128::from(tile.cast_unsigned()) << 64).to_le_bytes());
        };
        match self {
            Self::One(hash, tile) => put(out, *hash, *tile),
            Self::Sketch { kept, ranks } => {
                kept.iter().for_each(|(hash, tile)| put(out, *hash, *tile));
                if let Some(ranks) = ranks {
                    write_unsigned(out, ranks.len() as u64);
                    for (register, tile, rank) in ranks.iter() {
                        write_unsigned(out, u64::from(*register));
                        write_signed(out, *tile);
                        out.push(*rank);
                    }
                }
            }
            Self::Exact(values) => {
                for (value, tile) in values {
                    write_unsigned(out, value.len() as u64);
                    out.extend_from_slice(value);
                    write_signed(out, *tile);
                }
            }
        }
    }

    /// Reads what [`SlidingDistinct::encode`] wrote.
    pub(crate) fn decode(exact: bool, bytes: &[u8]) -> Result<Self, DecodeError> {
        if exact {
            let (mut from, mut values) = (Reader::new(bytes), BTreeMap::new());
            while !from.is_empty() {
                let length = from.count()?;
                let value = from.bytes(length)?.into();
                values.insert(value, from.signed()?);
            }
            return Ok(Self::Exact(values));
        }
        let (hashes, rest) = bytes.split_at(bytes.len().min(FULL * ENTRY));
        let (hashes, cut) = hashes.as_chunks::<ENTRY>();
        let kept: Vec<(u64, i64)> = hashes.iter().map(entry).collect();
        if !cut.is_empty() || !kept.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError);
        }
        if let [(hash, tile)] = kept.as_slice() {
            return Ok(Self::One(*hash, *tile));
        }
        if kept.len() < FULL {
            return Ok(Self::Sketch { kept, ranks: None });
        }
        let mut from = Reader::new(rest);
        let entries = from.count()?;
        let mut ranks = Ranks::with_capacity(entries);
        for _ in 0..entries {
            let register = u16::try_from(from.unsigned()?).map_err(|_| DecodeError)?;
            ranks.push((register, from.signed()?, from.byte()?));
        }
        let sound =
            ranks.iter().all(|(register, _, rank)| usize::from(*register) < REGISTERS && *rank <= GREATEST_RANK);
        if !sound || !ranks.is_sorted() || !from.is_empty() {
            return Err(DecodeError);
        }
        Ok(Self::Sketch { kept, ranks: Some(Box::new(ranks)) })
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::One(..) => 0,
            Self::Sketch { kept, ranks } => {
                kept.capacity() * size_of::<(u64, i64)>()
                    + ranks
                        .as_ref()
                        .map_or(0, |ranks| ranks.capacity() * size_of::<(u16, i64, u8)>() + size_of::<Ranks>())
            }
            Self::Exact(values) => values.keys().map(|key| key.len() + 40).sum(),
        }
    }
}

fn insert(kept: &mut Vec<(u64, i64)>, ranks: &mut Option<Box<Ranks>>, hash: u64, tile: i64) {
    match kept.binary_search_by_key(&hash, |(hash, _)| *hash) {
        Ok(at) => {
            if let Some((_, newest)) = kept.get_mut(at) {
                *newest = tile.max(*newest);
            }
        }
        Err(at) => {
            if kept.len() == kept.capacity() {
                kept.reserve_exact(1 + kept.len() / 2);
            }
            kept.insert(at, (hash, tile));
        }
    }
    if kept.len() < FULL {
        return;
    }
    match ranks {
        Some(ranks) => raise(ranks, hash, tile),
        None => {
            let mut all = Box::new(Ranks::new());
            kept.iter().for_each(|(hash, tile)| raise(&mut all, *hash, *tile));
            *ranks = Some(all);
        }
    }
    if kept.len() > FULL {
        let worst = kept.iter().enumerate().min_by_key(|(_, (hash, tile))| (*tile, std::cmp::Reverse(*hash)));
        if let Some((at, _)) = worst {
            kept.remove(at);
        }
    }
}

/// Notes a rank unless a tile as new already reaches it, and drops the older ranks that it reaches.
fn raise(ranks: &mut Ranks, hash: u64, tile: i64) {
    let (register, rank) = place(hash);
    let start = ranks.partition_point(|(at, _, _)| *at < register);
    let end = start + ranks.get(start..).map_or(0, |rest| rest.partition_point(|(at, _, _)| *at == register));
    let Some(group) = ranks.get(start..end) else { return };
    if group.iter().any(|(_, newer, held)| *newer >= tile && *held >= rank) {
        return;
    }
    // Ascending tiles have descending ranks, so the reached ones are neighbours that end before the newer tiles.
    let to = group.partition_point(|(_, at, _)| *at <= tile);
    let from = group.iter().take(to).position(|(_, _, held)| *held <= rank).unwrap_or(to);
    ranks.splice(start + from..start + to, [(register, tile, rank)]);
}

fn count(kept: &[(u64, i64)], ranks: Option<&Ranks>, first: i64, more: &[u64]) -> u64 {
    let inside = kept.iter().filter(|(_, tile)| *tile >= first).count();
    if inside < FULL {
        let new = more.iter().filter(|hash| {
            let at = kept.binary_search_by_key(*hash, |(hash, _)| *hash);
            at.ok().and_then(|at| kept.get(at)).is_none_or(|(_, tile)| *tile < first)
        });
        let exact = inside + new.count();
        if exact <= EXACT_LIMIT {
            return exact as u64;
        }
    }
    let mut registers = Registers::new();
    match ranks {
        Some(ranks) => {
            let inside = ranks.iter().filter(|(_, tile, _)| *tile >= first);
            inside.for_each(|(register, _, rank)| registers.raise(*register, *rank));
        }
        None => kept.iter().filter(|(_, tile)| *tile >= first).for_each(|(hash, _)| registers.add(*hash)),
    }
    more.iter().for_each(|hash| registers.add(*hash));
    registers.estimate()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Distinct;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Every window's answer is that of a set of its values alone, and the state is that of the tiles that are left.
        #[test]
        fn windows_count_as_if_alone(
            rows in proptest::collection::vec((0i64..1500, 0i64..12), 0..2500), from in 0i64..12, expired in 0i64..8,
            more in proptest::collection::vec(0i64..1500, 0..40), exact in any::<bool>(), few in 1i64..1500,
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(value, tile)| (value % few, tile)).collect();
            let mut sliding = SlidingDistinct::new(exact);
            for (at, (value, tile)) in rows.iter().enumerate() {
                if at == rows.len() / 2 { sliding.expire(expired); }
                sliding.insert(&Cell::Int(*value), *tile);
            }
            sliding.expire(expired);
            let from = from.max(expired);
            let mut alone = Distinct::new(exact);
            rows.iter().filter(|(_, tile)| *tile >= from).for_each(|(value, _)| alone.insert(Cell::Int(*value)));
            more.iter().for_each(|value| alone.insert(Cell::Int(*value)));
            let mut besides = Distincts::new(exact);
            more.iter().for_each(|value| besides.push(&Cell::Int(*value)));
            prop_assert_eq!(sliding.count(from, &mut besides), alone.count());

            let mut sorted: Vec<_> = rows.iter().filter(|(_, tile)| *tile >= expired).collect();
            sorted.sort();
            let mut again = SlidingDistinct::new(exact);
            sorted.into_iter().for_each(|(value, tile)| again.insert(&Cell::Int(*value), *tile));
            prop_assert_eq!(&again, &sliding);
            let mut bytes = Vec::new();
            sliding.encode(&mut bytes);
            if !exact && let Some(few) = DistinctRef::read(&bytes).unwrap() {
                let mut besides = Distincts::new(exact);
                more.iter().for_each(|value| besides.push(&Cell::Int(*value)));
                prop_assert_eq!(few.count(from, &mut besides), alone.count());
            }
            prop_assert_eq!(SlidingDistinct::decode(exact, &bytes), Ok(sliding));
        }
    }

    /// Up to the limit, and not beyond it, each value counts: those of the state with those beside it, however they lie.
    #[test]
    fn at_the_limit_each_value_counts() {
        for values in [EXACT_LIMIT as i64 - 1, EXACT_LIMIT as i64, EXACT_LIMIT as i64 + 1] {
            let mut sliding = SlidingDistinct::new(false);
            let mut alone = Distinct::new(false);
            let mut besides = Distincts::new(false);
            for value in 0..values {
                alone.insert(Cell::Int(value));
                if value < 200 { sliding.insert(&Cell::Int(value), 0) } else { besides.push(&Cell::Int(value)) }
            }
            let mut bytes = Vec::new();
            sliding.encode(&mut bytes);
            let few = DistinctRef::read(&bytes).unwrap().unwrap();
            let counts = [sliding.count(0, &mut besides), few.count(0, &mut besides)];
            assert_eq!(counts, [alone.count(); 2], "{values} values");
            assert!(values > EXACT_LIMIT as i64 || counts == [values as u64; 2], "{counts:?}");
        }
    }
}
