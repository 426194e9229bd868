//! The totals of windows from tiles, as they lie in memory or encoded.

use super::{Word, in_place, index, is_near, load, partition, two_words, words};
use crate::aggregate::{Measure, Total};
use crate::block::SetSpec;
use crate::block::plan::{Column, has_left};
use crate::bytes::DecodeError;

/// The tiles of a ring.
#[derive(Clone, Copy)]
struct Tiles<'a, W> {
    words: &'a [W],
    width: usize,
    count: usize,
}

/// Puts the totals of a set at `t` into the places of `out`, from words of tiles none of whose totals stands aside.
/// `over_all` gives the total over all tiles of a ring of its next column whose sum does not stand before them, where that
/// is known.
pub(super) fn totals<W: Word>(
    spec: &SetSpec,
    words: &[W],
    mut over_all: impl FnMut(Measure) -> Result<Option<Total>, DecodeError>,
    t: i64,
    out: &mut [Total],
) -> Result<(), DecodeError> {
    if words.is_empty() {
        spec.totals.iter().zip(out).for_each(|(used, total)| total.set_zero(spec.columns[used.column].measure));
        return Ok(());
    }
    let (header, mut rest) = words.split_at_checked(spec.header).ok_or(DecodeError)?;
    for (ring, count) in spec.rings.iter().zip(header) {
        let count = count.bits() as usize;
        let (words, after) = rest.split_at_checked(count.saturating_mul(ring.width)).ok_or(DecodeError)?;
        rest = after;
        let tiles = Tiles { words, width: ring.width, count };
        // Columns of a ring mostly share their windows.
        let mut window = None;
        for column in ring.columns.iter().map(|column| &spec.columns[*column]) {
            let other = if column.sum.is_none() && count > 0 { over_all(column.measure)? } else { None };
            for used in &column.uses {
                let size = spec.totals[*used].size;
                let gone = match window {
                    Some((same, gone)) if same == size => gone,
                    _ => tiles.before(|tile| has_left(tile, t, size, ring.step)),
                };
                window = Some((size, gone));
                match column.sum {
                    Some(sum) => out[*used].set_whole(tiles.whole(column, gone, two_words(&header[sum..]))),
                    None => out[*used] = tiles.total(column, gone, other.as_ref())?,
                }
            }
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(DecodeError) }
}

impl<W: Word> Tiles<'_, W> {
    fn rows(&self) -> std::slice::ChunksExact<'_, W> {
        self.words.chunks_exact(self.width)
    }

    /// How many have left a window, given which do.
    #[inline]
    fn before(&self, has_left: impl Fn(i64) -> bool) -> usize {
        let has_left = |row: usize| has_left(index(&self.words[row * self.width..]));
        // Mostly none or all.
        match self.count.checked_sub(1) {
            None => 0,
            Some(_) if !has_left(0) => 0,
            Some(newest) if has_left(newest) => self.count,
            Some(_) => partition(self.count, has_left),
        }
    }

    /// What a column of wholes has in all but the first `gone` tiles; `all` is what it has in all.
    #[inline]
    fn whole(&self, column: &Column, gone: usize, all: i64) -> i64 {
        let sum = |rows: std::slice::ChunksExact<'_, W>| rows.map(|row| in_place(&row[column.at..])).sum::<i64>();
        if gone == 0 {
            all
        } else if gone == self.count {
            0
        } else if gone <= self.count / 2 {
            all.wrapping_sub(sum(self.words[..gone * self.width].chunks_exact(self.width)))
        } else {
            sum(self.words[gone * self.width..].chunks_exact(self.width))
        }
    }

    /// As [`Tiles::whole`], of any column; without `all` the tiles are added up.
    fn total(&self, column: &Column, gone: usize, all: Option<&Total>) -> Result<Total, DecodeError> {
        let part = |row: &[W]| {
            let held = &row[column.at..column.at + words(column.measure)];
            is_near(held).map(|()| load(column.measure, held))
        };
        match all {
            Some(all) if gone <= self.count / 2 => {
                let mut total = all.clone();
                for row in self.rows().take(gone) {
                    part(row)?.iter().for_each(|part| total.unmerge(part));
                }
                Ok(total)
            }
            _ => {
                let mut total = column.measure.zero();
                for row in self.rows().skip(gone) {
                    part(row)?.iter().for_each(|part| total.merge(part));
                }
                Ok(total)
            }
        }
    }
}
