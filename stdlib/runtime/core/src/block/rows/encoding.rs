//! Tiles as bytes: of each ring its totals first, so that a read passes over the tiles that it need not know one by one.
//!
//! A ring is the number of its tiles and, where there are some, of each column its total over all of them, and the oldest
//! tile's index. One tile is all said with that. Of more there follow how far the newest is from the oldest, the length of
//! the rest, and the tiles: each but the oldest as the distance from the one before, each with its columns.

use super::{ASIDE, Rows, in_place, index, load, store, two_words, words};
use crate::aggregate::Total;
use crate::block::plan::{Ring, tail};
use crate::block::{Scratch, SetSpec};
use crate::bytes::{DecodeError, Reader, write_signed, write_unsigned};

/// What stands before the tiles of a ring that has some, behind its totals.
struct Tiles<'a> {
    count: usize,
    oldest: i64,
    newest: i64,
    /// The tiles; none where there is but one.
    bytes: Reader<'a>,
}

impl<'a> Tiles<'a> {
    #[inline(always)]
    fn read(count: usize, from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let oldest = from.signed()?;
        if count == 1 {
            return Ok(Self { count, oldest, newest: oldest, bytes: Reader::new(&[]) });
        }
        let newest = oldest.checked_add_unsigned(from.unsigned()?).ok_or(DecodeError)?;
        let length = from.count()?;
        Ok(Self { count, oldest, newest, bytes: Reader::new(from.bytes(length)?) })
    }
}

impl Rows {
    /// Appends the canonical encoding.
    pub(in crate::block) fn encode(&self, spec: &SetSpec, out: &mut Vec<u8>) {
        for (at, ring) in spec.rings.iter().enumerate() {
            let rows = self.ring(spec, at);
            write_unsigned(out, rows.len() as u64);
            let Some(oldest) = rows.clone().next().map(index) else { continue };
            for column in &ring.columns {
                match spec.columns[*column].sum {
                    Some(sum) if self.aside.is_none() => write_signed(out, two_words(&self.words[sum..])),
                    _ => self.sum(spec, *column, rows.clone()).encode(out),
                }
            }
            write_signed(out, oldest);
            if rows.len() == 1 {
                continue;
            }
            let newest = rows.clone().next_back().map_or(oldest, index);
            write_unsigned(out, newest.wrapping_sub(oldest).cast_unsigned());
            let start = out.len();
            let mut before = oldest;
            for (place, row) in rows.enumerate() {
                let tile = index(row);
                if place > 0 {
                    write_unsigned(out, tile.wrapping_sub(before).cast_unsigned());
                }
                before = tile;
                self.encode_row(spec, ring, row, out);
            }
            // The length is known only now, and stands before what it is of.
            let end = out.len();
            write_unsigned(out, (end - start) as u64);
            let length = out.len() - end;
            out[start..].rotate_right(length);
        }
    }

    fn encode_row(&self, spec: &SetSpec, ring: &Ring, row: &[u32], out: &mut Vec<u8>) {
        for place in &ring.columns {
            let column = &spec.columns[*place];
            let words = &row[column.at..column.at + words(column.measure)];
            if words.len() == 1 && words[0].cast_signed() != ASIDE {
                Total::encode_narrow(words[0].cast_signed(), out);
                continue;
            }
            match load(column.measure, words) {
                Some(total) => total.encode(out),
                None => self.aside(*place, row).unwrap_or(&column.measure.zero()).encode(out),
            }
        }
    }

    /// Reads what [`Rows::encode`] wrote.
    pub(in crate::block) fn decode(spec: &SetSpec, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut rows = Self::default();
        rows.words.resize(spec.header, 0);
        let mut sums = Vec::new();
        for (at, ring) in spec.rings.iter().enumerate() {
            let count = from.count()?;
            if count == 0 {
                continue;
            }
            rows.words[at] = u32::try_from(count).map_err(|_| DecodeError)?;
            // A count is never more than the bytes that are left, so that damaged ones ask for little more than they are.
            rows.words.reserve_exact(count.saturating_mul(ring.width));
            let start = *from;
            for column in &ring.columns {
                Total::decode(spec.columns[*column].measure, from)?;
            }
            let told = from.since(&start);
            let Tiles { oldest, newest, bytes: mut tiles, .. } = Tiles::read(count, from)?;
            if count == 1 {
                rows.decode_row(spec, ring, oldest, &mut Reader::new(told))?;
            } else {
                let mut tile = oldest;
                for place in 0..count {
                    if place > 0 {
                        let next = tile.checked_add_unsigned(tiles.unsigned()?).ok_or(DecodeError)?;
                        if next == tile {
                            return Err(DecodeError);
                        }
                        tile = next;
                    }
                    rows.decode_row(spec, ring, tile, &mut tiles)?;
                }
                if tile != newest || !tiles.is_empty() {
                    return Err(DecodeError);
                }
            }
            // Reads believe the totals.
            sums.clear();
            for column in &ring.columns {
                rows.sum(spec, *column, rows.ring(spec, at)).encode(&mut sums);
            }
            if sums != told {
                return Err(DecodeError);
            }
        }
        rows.words.shrink_to_fit();
        rows.forget_if_empty(spec);
        Ok(rows)
    }

    fn decode_row(&mut self, spec: &SetSpec, ring: &Ring, tile: i64, from: &mut Reader<'_>) -> Result<(), DecodeError> {
        let bits = tile.cast_unsigned();
        let place = self.words.len();
        self.words.resize(place + ring.width, 0);
        self.words[place] = bits as u32;
        self.words[place + 1] = (bits >> 32) as u32;
        for at in &ring.columns {
            let column = &spec.columns[*at];
            let start = place + column.at;
            if let Some(value) = Total::decode_narrow(column.measure, from, ASIDE) {
                self.words[start] = value.cast_unsigned();
                self.add_to_sum(column, i64::from(value));
                continue;
            }
            let total = Total::decode(column.measure, from)?;
            if !store(&total, &mut self.words[start..start + words(column.measure)]) {
                self.aside.get_or_insert_default().insert((*at, tile), total);
            }
            let there = in_place(&self.words[start..]);
            self.add_to_sum(column, there);
        }
        Ok(())
    }

    /// The totals of a set at `t` from what [`Rows::encode`] wrote, into `scratch`: those of the rings, less the tiles that
    /// their windows have left behind.
    pub(in crate::block) fn encoded_totals(
        spec: &SetSpec,
        from: &mut Reader<'_>,
        t: i64,
        scratch: &mut Scratch,
    ) -> Result<(), DecodeError> {
        let Scratch { totals, firsts } = scratch;
        totals.resize_with(spec.totals.len(), Total::default);
        for (used, total) in spec.totals.iter().zip(totals.iter_mut()) {
            total.set_zero(spec.columns[used.column].measure);
        }
        firsts.clear();
        firsts
            .extend(spec.totals.iter().map(|used| tail(t, used.size, spec.rings[spec.columns[used.column].ring].step)));
        for ring in &spec.rings {
            let count = from.count()?;
            if count == 0 {
                continue;
            }
            for at in &ring.columns {
                let column = &spec.columns[*at];
                if let Some(value) = Total::decode_narrow(column.measure, from, ASIDE) {
                    column.uses.iter().for_each(|used| totals[*used].set_narrow(value));
                    continue;
                }
                let total = Total::decode(column.measure, from)?;
                if let Some((last, others)) = column.uses.split_last() {
                    others.iter().for_each(|used| totals[*used].clone_from(&total));
                    totals[*last] = total;
                }
            }
            let tiles = Tiles::read(count, from)?;
            // From which tile on all windows of the ring that have not left it wholly behind have every tile.
            let mut until = tiles.oldest;
            for at in &ring.columns {
                let column = &spec.columns[*at];
                for used in &column.uses {
                    if firsts[*used] > tiles.newest {
                        totals[*used].set_zero(column.measure);
                    } else {
                        until = until.max(firsts[*used]);
                    }
                }
            }
            if until > tiles.oldest {
                take_back(spec, ring, &tiles, until, firsts, totals)?;
            }
        }
        Ok(())
    }
}

/// Takes the tiles before `until` back from the totals of the windows that they lie before.
fn take_back(
    spec: &SetSpec,
    ring: &Ring,
    tiles: &Tiles<'_>,
    until: i64,
    firsts: &[i64],
    totals: &mut [Total],
) -> Result<(), DecodeError> {
    let mut from = tiles.bytes;
    let mut tile = tiles.oldest;
    for place in 0..tiles.count {
        if place > 0 {
            tile = tile.checked_add_unsigned(from.unsigned()?).ok_or(DecodeError)?;
        }
        if tile >= until {
            break;
        }
        for at in &ring.columns {
            let column = &spec.columns[*at];
            let behind = column.uses.iter().filter(|used| tile < firsts[**used] && firsts[**used] <= tiles.newest);
            match Total::decode_narrow(column.measure, &mut from, ASIDE) {
                Some(value) => behind.for_each(|used| totals[*used].less(value)),
                None => {
                    let part = Total::decode(column.measure, &mut from)?;
                    behind.for_each(|used| totals[*used].unmerge(&part));
                }
            }
        }
    }
    Ok(())
}
