//! The bytes of encoded state: variable-length integers, fixed words and cells, and a reader that never panics.

use std::fmt;

use crate::value::{Cell, Value};

/// Bytes that are not an encoding of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError;

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored state is damaged or was written for another definition; rebuild it")
    }
}

impl std::error::Error for DecodeError {}

/// Appends an unsigned integer, seven bits a byte, least significant first.
#[inline]
pub fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    if value < 1 << 56 {
        // As many bytes as hold it are put together in a word, of which the rest is cut off again.
        let fours = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
        let pairs = fours & 0x0000_3fff_0000_3fff | (fours & 0x0fff_c000_0fff_c000) << 2;
        let kept = pairs & 0x007f_007f_007f_007f | (pairs & 0x3f80_3f80_3f80_3f80) << 1;
        let length = (63 - value.leading_zeros() as usize) / 7 + 1;
        let more = 0x8080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
        out.extend_from_slice(&(kept | more).to_le_bytes());
        out.truncate(out.len() - (8 - length));
        return;
    }
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer; small magnitudes take few bytes.
#[inline]
pub fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends a 128-bit signed integer as [`write_signed`] does.
#[inline]
pub fn write_wide(out: &mut Vec<u8>, value: i128) {
    if let Ok(value) = i64::try_from(value) {
        write_signed(out, value);
        return;
    }
    let mut rest = ((value << 1) ^ (value >> 127)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

mod tag {
    pub(super) const ABSENT: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const DECIMAL: u8 = 5;
    pub(super) const STRING: u8 = 6;
    pub(super) const BYTES: u8 = 7;
    pub(super) const LIST: u8 = 8;
    pub(super) const RECORD: u8 = 9;
}

/// The kind of a cell as it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort(u8);

impl Sort {
    /// That of a bool that holds.
    pub(crate) const TRUE: Self = Self(tag::TRUE);
}

/// Appends a cell with its kind: equal cells give equal bytes, different cells of one type different ones.
pub fn write_cell(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Absent => out.push(tag::ABSENT),
        Cell::Bool(false) => out.push(tag::FALSE),
        Cell::Bool(true) => out.push(tag::TRUE),
        Cell::Int(value) => {
            out.push(tag::INT);
            write_signed(out, value);
        }
        Cell::Float(value) => {
            out.push(tag::FLOAT);
            // −0 is 0.
            out.extend_from_slice(&(value + 0.0).to_bits().to_le_bytes());
        }
        Cell::Decimal(value) => {
            out.push(tag::DECIMAL);
            write_wide(out, value);
        }
        Cell::String(value) => {
            out.push(tag::STRING);
            write_unsigned(out, value.len() as u64);
            out.extend_from_slice(value.as_bytes());
        }
        Cell::Bytes(value) => {
            out.push(tag::BYTES);
            write_unsigned(out, value.len() as u64);
            out.extend_from_slice(value);
        }
        Cell::Cells(Value::List(cells)) => write_cells(out, tag::LIST, cells),
        Cell::Cells(Value::Record(cells)) => write_cells(out, tag::RECORD, cells),
        Cell::Cells(scalar) => write_cell(out, scalar.as_cell()),
    }
}

fn write_cells(out: &mut Vec<u8>, tag: u8, cells: &[Value]) {
    out.push(tag);
    write_unsigned(out, cells.len() as u64);
    for cell in cells {
        write_cell(out, cell.as_cell());
    }
}

/// The signed integer that [`write_signed`] writes as this unsigned one.
#[inline]
fn with_sign(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Reads encoded state from its front.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// How deep lists and records may nest in stored state; types do not nest deeper.
const DEPTH: u32 = 64;

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of bytes that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What was read since `start`, an earlier state of this reader.
    #[must_use]
    pub(crate) fn since(&self, start: &Self) -> &'a [u8] {
        start.rest.get(..start.rest.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }

    /// Passes over a cell.
    pub(crate) fn skip_cell(&mut self) -> Result<(), DecodeError> {
        let start = *self;
        let mut cell = Cell::Absent;
        if !self.scalar_to(&mut cell)? {
            *self = start;
            self.value()?;
        }
        Ok(())
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Where fewer are left.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// Where none is left.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError)?;
        self.rest = rest;
        Ok(*first)
    }

    /// What [`write_unsigned`] wrote.
    ///
    /// # Errors
    /// Where it is cut off or longer than 64 bits.
    #[inline]
    pub fn unsigned(&mut self) -> Result<u64, DecodeError> {
        match self.short() {
            Some(value) => Ok(value),
            None => u64::try_from(self.variable(64)?).map_err(|_| DecodeError),
        }
    }

    /// An integer of at most nine bytes, which 64 bits hold; `None` (and nothing read) for any other.
    #[inline]
    fn short(&mut self) -> Option<u64> {
        if let Some((word, _)) = self.rest.split_first_chunk::<8>() {
            // Mostly at most eight bytes, of seven bits each: all are put together, then cut off behind the last, so that
            // nothing branches on how many they are.
            let word = u64::from_le_bytes(*word);
            let bits = (!word & 0x8080_8080_8080_8080).trailing_zeros();
            if bits < 64 {
                let kept = word & (u64::MAX >> (63 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
                let pairs = kept & 0x007f_007f_007f_007f | (kept & 0x7f00_7f00_7f00_7f00) >> 1;
                let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
                self.rest = self.rest.get(bits as usize / 8 + 1..)?;
                return Some(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4);
            }
        }
        let mut value = 0u64;
        for (place, byte) in self.rest.iter().take(9).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.rest = self.rest.get(place + 1..)?;
                return Some(value);
            }
        }
        None
    }

    /// What [`write_signed`] wrote.
    ///
    /// # Errors
    /// Where it is cut off or longer than 64 bits.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        self.unsigned().map(with_sign)
    }

    /// What [`write_wide`] wrote.
    ///
    /// # Errors
    /// Where it is cut off or longer than 128 bits.
    #[inline]
    pub fn wide(&mut self) -> Result<i128, DecodeError> {
        let value = match self.short() {
            Some(value) => u128::from(value),
            None => self.variable(128)?,
        };
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    #[cold]
    fn variable(&mut self, bits: u32) -> Result<u128, DecodeError> {
        let mut value = 0u128;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            if shift >= bits {
                return Err(DecodeError);
            }
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// Where fewer are left.
    #[inline]
    pub fn word(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| DecodeError)?))
    }

    /// A count of things of at least one byte each: never more than there are bytes, so that it may be allocated for.
    ///
    /// # Errors
    /// Where it is cut off or greater.
    #[inline]
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.unsigned()?).map_err(|_| DecodeError)?;
        if count <= self.rest.len() { Ok(count) } else { Err(DecodeError) }
    }

    /// A scalar cell that [`write_cell`] wrote, borrowed; `None` (and nothing read) for a list or a record.
    ///
    /// # Errors
    /// Where the bytes are not a cell.
    pub fn scalar(&mut self) -> Result<Option<Cell<'a>>, DecodeError> {
        let mut cell = Cell::Absent;
        Ok(self.scalar_to(&mut cell)?.then_some(cell))
    }

    /// As [`Reader::scalar`], put where it is wanted: whether there was one.
    pub(crate) fn scalar_to(&mut self, to: &mut Cell<'a>) -> Result<bool, DecodeError> {
        let start = self.rest;
        *to = match self.byte()? {
            tag::ABSENT => Cell::Absent,
            tag::FALSE => Cell::Bool(false),
            tag::TRUE => Cell::Bool(true),
            tag::INT => Cell::Int(self.signed()?),
            tag::FLOAT => {
                let value = f64::from_bits(self.word()?);
                if !value.is_finite() {
                    return Err(DecodeError);
                }
                Cell::Float(value)
            }
            tag::DECIMAL => Cell::Decimal(self.wide()?),
            tag::STRING => {
                let length = self.count()?;
                Cell::String(std::str::from_utf8(self.bytes(length)?).map_err(|_| DecodeError)?)
            }
            tag::BYTES => {
                let length = self.count()?;
                Cell::Bytes(self.bytes(length)?)
            }
            _ => {
                self.rest = start;
                return Ok(false);
            }
        };
        Ok(true)
    }

    /// Passes over an integer of any length.
    #[inline]
    pub(crate) fn skip_variable(&mut self) -> Result<(), DecodeError> {
        if let Some((word, _)) = self.rest.split_first_chunk::<8>() {
            let bits = (!u64::from_le_bytes(*word) & 0x8080_8080_8080_8080).trailing_zeros();
            if bits < 64 {
                self.rest = self.rest.get(bits as usize / 8 + 1..).unwrap_or_default();
                return Ok(());
            }
        }
        let more = self.rest.iter().take_while(|byte| **byte >= 0x80).count();
        self.bytes(more + 1).map(|_| ())
    }

    /// Passes over a scalar cell: its kind; `None` (and nothing read) for a list or a record.
    #[inline]
    pub(crate) fn skip_scalar(&mut self) -> Result<Option<Sort>, DecodeError> {
        let start = self.rest;
        let tag = self.byte()?;
        match tag {
            tag::ABSENT | tag::FALSE | tag::TRUE => {}
            tag::INT | tag::DECIMAL => self.skip_variable()?,
            tag::FLOAT => {
                self.bytes(8)?;
            }
            tag::STRING | tag::BYTES => {
                let length = self.count()?;
                self.bytes(length)?;
            }
            _ => {
                self.rest = start;
                return Ok(None);
            }
        }
        Ok(Some(Sort(tag)))
    }

    /// A cell that [`write_cell`] wrote, owned.
    ///
    /// # Errors
    /// Where the bytes are not a cell.
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: u32) -> Result<Value, DecodeError> {
        if let Some(cell) = self.scalar()? {
            return Ok(cell.to_value());
        }
        let kind = self.byte()?;
        if depth == DEPTH {
            return Err(DecodeError);
        }
        let count = self.count()?;
        let cells = (0..count).map(|_| self.nested(depth + 1)).collect::<Result<Vec<_>, _>>()?;
        match kind {
            tag::LIST => Ok(Value::List(cells.into())),
            tag::RECORD => Ok(Value::Record(cells.into())),
            _ => Err(DecodeError),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Absent),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<i128>().prop_map(Value::Decimal),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| Value::Float(x + 0.0)),
            ".{0,9}".prop_map(|text| Value::String(text.into())),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        ];
        scalar.prop_recursive(3, 16, 4, |inner| {
            (any::<bool>(), proptest::collection::vec(inner, 0..4))
                .prop_map(|(list, cells)| if list { Value::List(cells.into()) } else { Value::Record(cells.into()) })
        })
    }

    proptest! {
        #[test]
        fn cells_come_back(value in value()) {
            let mut bytes = Vec::new();
            write_cell(&mut bytes, value.as_cell());
            let mut reader = Reader::new(&bytes);
            let mut passed = reader;
            let is_scalar = !matches!(value, Value::List(_) | Value::Record(_));
            prop_assert_eq!(passed.skip_scalar().map(|sort| sort.is_some()), Ok(is_scalar));
            prop_assert_eq!(passed.is_empty(), is_scalar);
            prop_assert_eq!(reader.value(), Ok(value));
            prop_assert!(reader.is_empty());
            for cut in 0..bytes.len() {
                prop_assert_eq!(Reader::new(&bytes[..cut]).value(), Err(DecodeError));
            }
        }

        #[test]
        fn integers_come_back(a in any::<u64>(), b in any::<i64>(), c in any::<i128>(), less in 0u32..64) {
            // Of every length.
            let (a, b, c) = (a >> less, b >> less, c >> (2 * less));
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, a);
            let seven_bits_a_byte = (a.max(1).ilog2() / 7 + 1) as usize;
            prop_assert_eq!(bytes.len(), seven_bits_a_byte);
            write_signed(&mut bytes, b);
            write_wide(&mut bytes, c);
            let mut passed = Reader::new(&bytes);
            for left in (0..3).rev() {
                prop_assert_eq!(passed.skip_variable(), Ok(()));
                prop_assert_eq!(passed.is_empty(), left == 0);
            }
            prop_assert_eq!(passed.skip_variable(), Err(DecodeError));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!((reader.unsigned(), reader.signed(), reader.wide()), (Ok(a), Ok(b), Ok(c)));
        }

        #[test]
        fn damage_never_panics(bytes in any::<Vec<u8>>()) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() && reader.value().is_ok() {}
        }
    }
}
