//! Tiles: per ring rows of 32-bit words in tile order, all rings in one run of words.
//!
//! A row is its tile's index (two words) and its columns. A total that does not fit its column's words stands aside, and the
//! column holds a mark. Before the rows stands the sum of each column of wholes, so that a read of its whole window looks
//! only at the tiles that have left it.

#![expect(clippy::indexing_slicing, reason = "places in the words follow from the plan that laid them out")]

mod encoding;
mod totals;

use std::collections::BTreeMap;

use super::plan::{Column, Ring, tail};
use super::{Fault, SetSpec};
use crate::aggregate::{Measure, Total};
use crate::bytes::DecodeError;
use crate::exact::{Exact, FARTHEST, Mantissa};
use crate::value::Cell;
use crate::wide::I256;

#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The number of rows of each ring, the sums of columns, then the rows ring by ring. Empty before the first row.
    words: Vec<u32>,
    /// Totals too wide for their words, by column and tile.
    #[expect(clippy::box_collection, reason = "seldom there, and every key of every feature set pays for its place")]
    aside: Option<Box<BTreeMap<(usize, i64), Total>>>,
}

/// The mark of a total that stands aside: no whole or exponent is this.
const ASIDE: i32 = i32::MIN;

/// Words of a total of this measure.
pub(super) fn words(measure: Measure) -> usize {
    match measure.zero() {
        Total::Whole(_) => 1,
        // An exponent and a mantissa.
        Total::Float(_) => 5,
        Total::Squares(_) => 9,
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        Self { words: self.words.clone(), aside: self.aside.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.words.clone_from(&source.words);
        self.aside.clone_from(&source.aside);
    }
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Looks at the memory of the tiles, a word a cache line: at the first ones, where the sums are, and at the last ones,
    /// where rows come in; the number means nothing.
    pub(super) fn touch(&self) -> u32 {
        const LINE: usize = 16;
        const LINES: usize = 4;
        let first = self.words.iter().step_by(LINE).take(LINES);
        let last = self.words.iter().rev().step_by(LINE).take(LINES);
        first.chain(last).fold(0, |seen, word| seen ^ word)
    }

    /// Adds a change to its tile in every ring, unless that has expired.
    pub(super) fn add(
        &mut self,
        spec: &SetSpec,
        time: i64,
        cells: &[Cell<'_>],
        weight: i8,
        boundary: i64,
    ) -> Result<(), Fault> {
        let mut start = spec.header;
        for (at, ring) in spec.rings.iter().enumerate() {
            let count = self.words.get(at).map_or(0, |count| *count as usize);
            let tile = time.div_euclid(ring.step);
            let counts = |column: &usize| spec.columns[*column].takes(cells);
            if !ring.has_left(tile, boundary) && ring.columns.iter().any(counts) {
                self.add_to(spec, ring, at, (start, count), tile, cells, weight)?;
            }
            start += self.words.get(at).map_or(0, |count| *count as usize) * ring.width;
        }
        self.forget_if_empty(spec);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a ring, its place and a change")]
    fn add_to(
        &mut self,
        spec: &SetSpec,
        ring: &Ring,
        ring_at: usize,
        (start, count): (usize, usize),
        tile: i64,
        cells: &[Cell<'_>],
        weight: i8,
    ) -> Result<(), Fault> {
        if self.words.is_empty() {
            self.words.reserve_exact(spec.header + spec.rings.iter().map(|ring| ring.width).sum::<usize>());
            self.words.resize(spec.header, 0);
        }
        let tile_at = |row: usize| index(&self.words[start + row * ring.width..]);
        // Changes come mostly in order: look at the newest tile first.
        let row = match count.checked_sub(1).map(|last| (last, tile_at(last))) {
            Some((last, newest)) if newest == tile => last,
            Some((_, newest)) if newest < tile => count,
            _ => partition(count, |row| tile_at(row) < tile),
        };
        let place = start + row * ring.width;
        if row == count || tile_at(row) != tile {
            if self.words.capacity() - self.words.len() < ring.width {
                self.words.reserve_exact(ring.width + self.words.len() / 8);
            }
            let end = self.words.len();
            self.words.resize(end + ring.width, 0);
            self.words[place..].rotate_right(ring.width);
            let bits = tile.cast_unsigned();
            self.words[place] = bits as u32;
            self.words[place + 1] = (bits >> 32) as u32;
            self.words[ring_at] += 1;
        }
        for at in &ring.columns {
            let column = &spec.columns[*at];
            if !column.takes(cells) {
                continue;
            }
            if let Some(value) = column.measure.narrow(cells)
                && let Some(more) = add_narrow(&mut self.words[place + column.at], value, weight)
            {
                self.add_to_sum(column, more);
                continue;
            }
            let words = &mut self.words[place + column.at..place + column.at + words(column.measure)];
            let part = column.measure.part(cells)?;
            let before = in_place(words);
            let mut total = match load(column.measure, words) {
                Some(total) => total,
                None => {
                    self.aside.as_mut().and_then(|aside| aside.remove(&(*at, tile))).unwrap_or(column.measure.zero())
                }
            };
            let added = total.add(part, weight);
            if !store(&total, words) {
                self.aside.get_or_insert_default().insert((*at, tile), total);
            }
            let after = in_place(words);
            self.add_to_sum(column, after - before);
            added?;
        }
        if self.words[place + 2..place + ring.width].iter().all(|word| *word == 0) {
            self.words.drain(place..place + ring.width);
            self.words[ring_at] -= 1;
        }
        Ok(())
    }

    /// Adds to the sum of what stands in a column's words.
    fn add_to_sum(&mut self, column: &Column, more: i64) {
        let Some(at) = column.sum else { return };
        let sum = two_words(&self.words[at..]).wrapping_add(more).cast_unsigned();
        self.words[at] = sum as u32;
        self.words[at + 1] = (sum >> 32) as u32;
    }

    /// The totals of a set at `t`, into `out`.
    pub(super) fn totals(&self, spec: &SetSpec, t: i64, out: &mut Vec<Total>) {
        out.resize_with(spec.totals.len(), Total::default);
        if self.aside.is_none() {
            let done = totals::totals(spec, &self.words, |_| Ok(None), t, out);
            debug_assert_eq!(done, Ok(()));
            return;
        }
        for (used, total) in spec.totals.iter().zip(out) {
            let ring = spec.columns[used.column].ring;
            let first = tail(t, used.size, spec.rings[ring].step);
            *total = self.sum(spec, used.column, self.ring_from(spec, ring, first));
        }
    }

    /// A column's total over some rows of its ring.
    fn sum(&self, spec: &SetSpec, at: usize, rows: std::slice::ChunksExact<'_, u32>) -> Total {
        let column = &spec.columns[at];
        let mut total = column.measure.zero();
        match &mut total {
            Total::Whole(sum) => {
                // 2^31 rows of 2^31 stay below 2^63.
                let mut narrow = 0i64;
                let mut is_aside = false;
                for row in rows.clone() {
                    let value = row[column.at].cast_signed();
                    is_aside |= value == ASIDE;
                    narrow += i64::from(value);
                }
                if is_aside {
                    for row in rows.filter(|row| row[column.at].cast_signed() == ASIDE) {
                        narrow -= i64::from(ASIDE);
                        if let Some(Total::Whole(wide)) = self.aside(at, row) {
                            *sum = *sum + *wide;
                        }
                    }
                }
                *sum = *sum + I256::from(narrow);
            }
            Total::Float(_) | Total::Squares(_) => {
                for row in rows {
                    match load(column.measure, &row[column.at..column.at + words(column.measure)]) {
                        Some(part) => total.merge(&part),
                        None => self.aside(at, row).into_iter().for_each(|part| total.merge(part)),
                    }
                }
            }
        }
        total
    }

    fn aside(&self, column: usize, row: &[u32]) -> Option<&Total> {
        self.aside.as_ref()?.get(&(column, index(row)))
    }

    /// The rows of a ring, oldest tile first.
    fn ring(&self, spec: &SetSpec, ring: usize) -> std::slice::ChunksExact<'_, u32> {
        let mut start = spec.header;
        for (before, count) in spec.rings[..ring].iter().zip(&self.words) {
            start += *count as usize * before.width;
        }
        let width = spec.rings[ring].width;
        let count = self.words.get(ring).map_or(0, |count| *count as usize);
        self.words.get(start..start + count * width).unwrap_or_default().chunks_exact(width)
    }

    /// The rows of a ring from tile `first` on.
    fn ring_from(&self, spec: &SetSpec, ring: usize, first: i64) -> std::slice::ChunksExact<'_, u32> {
        let mut rows = self.ring(spec, ring);
        // Mostly nothing has expired since the last change.
        if rows.clone().next().is_some_and(|row| index(row) < first) {
            let before = partition(rows.len(), |row| rows.clone().nth(row).is_some_and(|row| index(row) < first));
            rows.nth(before - 1);
        }
        rows
    }

    /// Drops the tiles that no read from `boundary` on can reach.
    pub(super) fn expire(&mut self, spec: &SetSpec, boundary: i64) {
        if self.words.is_empty() {
            return;
        }
        let mut start = spec.header;
        for (at, ring) in spec.rings.iter().enumerate() {
            let count = self.words[at] as usize;
            let rows = self.words[start..start + count * ring.width].chunks_exact(ring.width);
            let gone = rows.take_while(|row| ring.has_left(index(row), boundary)).count();
            if gone > 0 {
                for column in ring.columns.iter().map(|column| &spec.columns[*column]) {
                    let rows = self.words[start..start + gone * ring.width].chunks_exact(ring.width);
                    let less: i64 = rows.map(|row| in_place(&row[column.at..])).sum();
                    self.add_to_sum(column, -less);
                }
                self.words.drain(start..start + gone * ring.width);
                self.words[at] -= gone as u32;
                if let Some(aside) = &mut self.aside {
                    aside.retain(|(column, tile), _| {
                        spec.columns[*column].ring != at || !ring.has_left(*tile, boundary)
                    });
                }
            }
            start += (count - gone) * ring.width;
        }
        self.forget_if_empty(spec);
    }

    fn forget_if_empty(&mut self, spec: &SetSpec) {
        if self.aside.as_ref().is_some_and(|aside| aside.is_empty()) {
            self.aside = None;
        }
        if self.words.len() == spec.header {
            self.words = Vec::new();
        } else if self.words.capacity() > 2 * self.words.len() + 16 {
            self.words.shrink_to(self.words.len() + self.words.len() / 8);
        }
    }

    pub(super) fn heap(&self) -> usize {
        let aside = self.aside.as_ref().map_or(0, |aside| aside.len() * size_of::<((usize, i64), Total)>());
        self.words.capacity() * size_of::<u32>() + aside
    }
}

/// A word of 32 bits, as it lies in memory or encoded.
trait Word: Copy {
    fn bits(self) -> u32;
}

impl Word for u32 {
    #[inline]
    fn bits(self) -> u32 {
        self
    }
}

impl Word for [u8; 4] {
    #[inline]
    fn bits(self) -> u32 {
        u32::from_le_bytes(self)
    }
}

/// The tile of a row.
#[inline]
fn index<W: Word>(row: &[W]) -> i64 {
    two_words(row)
}

#[inline]
fn two_words<W: Word>(words: &[W]) -> i64 {
    (u64::from(words[0].bits()) | u64::from(words[1].bits()) << 32).cast_signed()
}

/// The whole that stands in a column's word; 0 where it stands aside.
#[inline]
fn in_place<W: Word>(words: &[W]) -> i64 {
    match words[0].bits().cast_signed() {
        ASIDE => 0,
        value => i64::from(value),
    }
}

/// Whether the words are those of a total that stands aside.
fn is_aside<W: Word>(words: &[W]) -> bool {
    words[0].bits().cast_signed() == ASIDE
}

/// Whether an exponent is that of a sum: one of damaged bytes could ask for any amount of memory.
fn is_near<W: Word>(words: &[W]) -> Result<(), DecodeError> {
    let exponent = words[0].bits().cast_signed();
    if exponent == ASIDE || exponent.unsigned_abs() <= FARTHEST { Ok(()) } else { Err(DecodeError) }
}

/// The first of `count` rows of which `before` does not hold, which holds for a prefix.
fn partition(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Adds to a whole that stands in its word and still does afterwards: what it has become more.
#[inline]
fn add_narrow(word: &mut u32, value: i64, weight: i8) -> Option<i64> {
    let held = word.cast_signed();
    let more = value.checked_mul(i64::from(weight))?;
    let sum = i32::try_from(more.checked_add(i64::from(held))?).ok()?;
    if held == ASIDE || sum == ASIDE {
        return None;
    }
    *word = sum.cast_unsigned();
    Some(more)
}

/// The total that the words hold; `None` where it stands aside.
fn load<W: Word>(measure: Measure, words: &[W]) -> Option<Total> {
    Some(match measure.zero() {
        Total::Whole(_) => match words[0].bits().cast_signed() {
            ASIDE => return None,
            value => Total::Whole(I256::from(i64::from(value))),
        },
        Total::Float(_) => {
            let (mantissa, exponent) = load_exact(words)?;
            Total::Float(Exact::Narrow { mantissa, exponent })
        }
        Total::Squares(_) => {
            let (mantissa, exponent) = load_exact(words)?;
            Total::Squares(Exact::Narrow { mantissa, exponent })
        }
    })
}

fn load_exact<W: Word, M: Mantissa>(words: &[W]) -> Option<(M, i32)> {
    let exponent = words[0].bits().cast_signed();
    if exponent == ASIDE {
        return None;
    }
    let mut limbs = [0u64; 4];
    let halves = &words[1..];
    for (limb, pair) in limbs.iter_mut().zip(halves.chunks_exact(2)) {
        *limb = two_words(pair).cast_unsigned();
    }
    if halves.len() == 4 && limbs[1] >> 63 == 1 {
        limbs[2..].fill(u64::MAX);
    }
    Some((M::from_wide(I256::from_limbs(limbs))?, exponent))
}

/// Puts a total into its words, or the mark where it does not fit them; whether it does.
fn store(total: &Total, words: &mut [u32]) -> bool {
    let fits = match total {
        Total::Whole(sum) => match sum.to_i64().and_then(|sum| i32::try_from(sum).ok()).filter(|sum| *sum != ASIDE) {
            Some(sum) => {
                words[0] = sum.cast_unsigned();
                true
            }
            None => false,
        },
        Total::Float(sum) => store_exact(sum, words),
        Total::Squares(sum) => store_exact(sum, words),
    };
    if !fits {
        words[0] = ASIDE.cast_unsigned();
    }
    fits
}

fn store_exact<M: Mantissa>(sum: &Exact<M>, words: &mut [u32]) -> bool {
    let Some((mantissa, exponent)) = sum.narrowed() else { return false };
    put_exact(mantissa, exponent, words);
    true
}

fn put_exact<M: Mantissa>(mantissa: M, exponent: i32, words: &mut [u32]) {
    // A row of zeros is dropped, so zero is all zeros.
    words[0] = if mantissa == M::default() { 0 } else { exponent.cast_unsigned() };
    for (pair, limb) in words[1..].chunks_exact_mut(2).zip(mantissa.limbs()) {
        pair[0] = limb as u32;
        pair[1] = (limb >> 32) as u32;
    }
}

/// Gives a total in its words the form that every way to it has: without zeros at the mantissa's end.
fn tidy(measure: Measure, words: &mut [u32]) {
    match measure.zero() {
        Total::Whole(_) => {}
        Total::Float(_) => tidy_exact::<i128>(words),
        Total::Squares(_) => tidy_exact::<I256>(words),
    }
}

fn tidy_exact<M: Mantissa>(words: &mut [u32]) {
    if let Some((mantissa, exponent)) = load_exact::<u32, M>(words)
        && mantissa != M::default()
    {
        let zeros = mantissa.trailing_zeros();
        put_exact(mantissa.shift_right(zeros), exponent.saturating_add_unsigned(zeros), words);
    }
}
