//! Tiles as bytes: their words as they lie in memory, and the rest.
//!
//! The rest is, of each ring that has tiles, the total over all of them of each column whose sum does not stand before the
//! tiles, so that a read looks only at those that its window has left; then the totals that stand aside, with their
//! columns and tiles.

use super::totals::totals;
use super::{Rows, in_place, index, is_aside, is_near, tidy, two_words, words};
use crate::aggregate::Total;
use crate::block::SetSpec;
use crate::bytes::{DecodeError, Reader, write_signed, write_unsigned};

/// Bytes of a word.
const WORD: usize = 4;

impl Rows {
    /// Appends the words, little-endian; the same tiles give the same.
    pub(in crate::block) fn encode_words(&self, spec: &SetSpec, out: &mut Vec<u8>) {
        if spec.columns.iter().all(|column| column.sum.is_some()) {
            return put_words(&self.words, out);
        }
        let mut tidied = self.words.clone();
        let mut start = spec.header;
        for (at, ring) in spec.rings.iter().enumerate() {
            let end = start + self.ring(spec, at).len() * ring.width;
            for row in tidied.get_mut(start..end).unwrap_or_default().chunks_exact_mut(ring.width) {
                for column in ring.columns.iter().map(|column| &spec.columns[*column]) {
                    tidy(column.measure, &mut row[column.at..column.at + words(column.measure)]);
                }
            }
            start = end;
        }
        put_words(&tidied, out);
    }

    /// Appends what does not stand in the words.
    pub(in crate::block) fn encode_rest(&self, spec: &SetSpec, out: &mut Vec<u8>) {
        for (at, ring) in spec.rings.iter().enumerate() {
            let rows = self.ring(spec, at);
            for column in ring.columns.iter().filter(|column| spec.columns[**column].sum.is_none()) {
                if rows.len() > 0 {
                    self.sum(spec, *column, rows.clone()).encode(out);
                }
            }
        }
        for ((column, tile), total) in self.aside.iter().flat_map(|aside| aside.iter()) {
            write_unsigned(out, *column as u64);
            write_signed(out, *tile);
            total.encode(out);
        }
    }

    /// Reads what [`Rows::encode_words`] and [`Rows::encode_rest`] wrote.
    pub(in crate::block) fn decode(spec: &SetSpec, words: &[u8], rest: &[u8]) -> Result<Self, DecodeError> {
        let words = chunks(words)?.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let mut rows = Self { words, aside: None };
        let mut from = Reader::new(rest);
        // That it is of the words is told by the totals, too: they find all rings and no more.
        let mut out = vec![Total::default(); spec.totals.len()];
        totals(spec, &rows.words, |measure| Total::decode(measure, &mut from).map(Some), i64::MIN, &mut out)?;
        while !from.is_empty() {
            let column = from.unsigned().map(|column| usize::try_from(column).ok())?.ok_or(DecodeError)?;
            let measure = spec.columns.get(column).ok_or(DecodeError)?.measure;
            let tile = from.signed()?;
            rows.aside.get_or_insert_default().insert((column, tile), Total::decode(measure, &mut from)?);
        }
        rows.check(spec)?;
        // Reads believe these.
        let mut again = Vec::with_capacity(rest.len());
        rows.encode_rest(spec, &mut again);
        if again != rest {
            return Err(DecodeError);
        }
        rows.forget_if_empty(spec);
        Ok(rows)
    }

    /// Whether tiles ascend, columns are sound, sums are those of their columns, and what is marked stands aside.
    fn check(&self, spec: &SetSpec) -> Result<(), DecodeError> {
        let mut marks = 0;
        for (at, ring) in spec.rings.iter().enumerate() {
            let rows = self.ring(spec, at);
            if !rows.clone().map(index).is_sorted_by(|a, b| a < b) {
                return Err(DecodeError);
            }
            for place in &ring.columns {
                let column = &spec.columns[*place];
                let mut sum = 0i64;
                for row in rows.clone() {
                    let held = &row[column.at..column.at + words(column.measure)];
                    if is_aside(held) {
                        marks += 1;
                        self.aside(*place, row).ok_or(DecodeError)?;
                    } else if column.sum.is_none() {
                        is_near(held)?;
                    }
                    sum = sum.wrapping_add(in_place(held));
                }
                if column.sum.is_some_and(|at| !self.words.is_empty() && two_words(&self.words[at..]) != sum) {
                    return Err(DecodeError);
                }
            }
        }
        let held = self.aside.as_ref().map_or(0, |aside| aside.len());
        if marks == held { Ok(()) } else { Err(DecodeError) }
    }

    /// The totals of a set at `t` from what [`Rows::encode_words`] and [`Rows::encode_rest`] wrote.
    pub(in crate::block) fn encoded_totals(
        spec: &SetSpec,
        words: &[u8],
        rest: &[u8],
        t: i64,
        out: &mut Vec<Total>,
    ) -> Result<(), DecodeError> {
        out.resize_with(spec.totals.len(), Total::default);
        let mut from = Reader::new(rest);
        totals(spec, chunks(words)?, |measure| Total::decode(measure, &mut from).map(Some), t, out)?;
        if !from.is_empty() {
            // Totals stand aside, which is seldom.
            Self::decode(spec, words, rest)?.totals(spec, t, out);
        }
        Ok(())
    }
}

/// The words of some bytes.
fn chunks(bytes: &[u8]) -> Result<&[[u8; WORD]], DecodeError> {
    match bytes.as_chunks() {
        (words, []) => Ok(words),
        _ => Err(DecodeError),
    }
}

fn put_words(words: &[u32], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + words.len() * WORD, 0);
    let (places, _) = out[start..].as_chunks_mut::<WORD>();
    places.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
}
