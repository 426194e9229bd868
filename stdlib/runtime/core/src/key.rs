//! Keys as bytes, and the partition that a key belongs to.

use crate::column::Column;
use crate::fault::Fault;
use crate::types::Kind;
use crate::value::{Cell, Value};

/// Writes one cell of a key so that byte order is the language's order within a kind (absent last) and no key is the
/// beginning of another.
///
/// A tag (1 present, 2 absent), then: `bool` one byte; integers, dates, instants, durations and enums eight bytes, big
/// endian, sign flipped; floats eight bytes in IEEE total order; decimals sixteen bytes, sign flipped; texts and bytes
/// with 0 written as `0 255` and ended by `0 0`; lists their elements each after a 1, then 0; records their cells.
pub fn write_key(out: &mut Vec<u8>, cell: Cell<'_>) {
    out.push(if matches!(cell, Cell::Absent) { 2 } else { 1 });
    match cell {
        Cell::Absent => {}
        Cell::Bool(cell) => out.push(cell.into()),
        Cell::Int(cell) => out.extend_from_slice(&(cell.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
        Cell::Float(cell) => {
            let bits = (cell + 0.0).to_bits();
            let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Cell::Decimal(cell) => out.extend_from_slice(&(cell.cast_unsigned() ^ (1 << 127)).to_be_bytes()),
        Cell::String(text) => write_escaped(out, text.as_bytes()),
        Cell::Bytes(bytes) => write_escaped(out, bytes),
        Cell::Cells(Value::List(cells)) => {
            for cell in cells.iter() {
                out.push(1);
                write_key(out, cell.as_cell());
            }
            out.push(0);
        }
        Cell::Cells(Value::Record(cells)) => cells.iter().for_each(|cell| write_key(out, cell.as_cell())),
        Cell::Cells(_) => {}
    }
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    // Hardly a text has a 0.
    if !bytes.contains(&0) {
        out.extend_from_slice(bytes);
        out.extend_from_slice(&[0, 0]);
        return;
    }
    for part in bytes.split_inclusive(|byte| *byte == 0) {
        out.extend_from_slice(part);
        if part.last() == Some(&0) {
            out.push(255);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Writes the key of one row: its cells in `columns`, one after the other.
///
/// # Errors
///
/// The first fault among the cells: the key needs them all. `out` is then as before.
pub fn write_row_key(out: &mut Vec<u8>, columns: &[&Column], row: usize) -> Result<(), Fault> {
    let start = out.len();
    for column in columns {
        match column.cell(row) {
            Ok(cell) => write_key(out, cell),
            Err(fault) => {
                out.truncate(start);
                return Err(fault);
            }
        }
    }
    Ok(())
}

/// Reads back the cells that [`write_key`] wrote, one of each kind in `kinds`; `None` where the bytes are no such key.
#[must_use]
pub fn read_key(bytes: &[u8], kinds: &[&Kind]) -> Option<Vec<Value>> {
    let mut rest = bytes;
    let values = kinds.iter().map(|kind| read_cell(&mut rest, kind)).collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some(values)
}

fn read_cell(rest: &mut &[u8], kind: &Kind) -> Option<Value> {
    match rest.split_off_first()? {
        1 => {}
        2 => return Some(Value::Absent),
        _ => return None,
    }
    Some(match kind {
        Kind::Bool => Value::Bool(*rest.split_off_first()? == 1),
        Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_) => {
            Value::Int((u64::from_be_bytes(take(rest)?) ^ (1 << 63)).cast_signed())
        }
        Kind::Float => {
            let ordered = u64::from_be_bytes(take(rest)?);
            Value::Float(f64::from_bits(if ordered >> 63 == 1 { ordered ^ (1 << 63) } else { !ordered }))
        }
        Kind::Decimal { .. } => Value::Decimal((u128::from_be_bytes(take(rest)?) ^ (1 << 127)).cast_signed()),
        Kind::String => Value::String(String::from_utf8(read_escaped(rest)?).ok()?.into()),
        Kind::Bytes => Value::Bytes(read_escaped(rest)?.into()),
        Kind::List(element) => {
            let mut cells = Vec::new();
            while *rest.split_off_first()? == 1 {
                cells.push(read_cell(rest, &element.kind)?);
            }
            Value::List(cells.into())
        }
        Kind::Record(record) => Value::Record(
            record.fields.iter().map(|field| read_cell(rest, &field.ty.kind)).collect::<Option<Vec<_>>>()?.into(),
        ),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn read_escaped(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let byte = *rest.split_off_first()?;
        if byte == 0 {
            match *rest.split_off_first()? {
                0 => return Some(bytes),
                255 => bytes.push(0),
                _ => return None,
            }
        } else {
            bytes.push(byte);
        }
    }
}

/// Murmur2 as Java's Kafka client computes it over the bytes of a key (seed 0x9747b28c, 32 bits).
/// Method: A. Appleby, MurmurHash2.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ mixed.wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

/// The partition of `partitions` (at least one) that Java's Kafka client chooses for a record key.
#[must_use]
pub fn partition(bytes: &[u8], partitions: u32) -> u32 {
    (murmur2(bytes) & 0x7fff_ffff) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::functions::order;

    fn key(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        write_key(&mut out, value.as_cell());
        out
    }

    #[test]
    fn murmur2_as_in_kafkas_own_test() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    fn cell() -> impl Strategy<Value = (Kind, Value, Value)> {
        let finite = || any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| x + 0.0);
        let text = || "[\\x00-\\x02a]{0,4}".prop_map(|text| Value::String(text.into()));
        let bytes = || prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 0..4);
        prop_oneof![
            (any::<i64>(), any::<i64>()).prop_map(|(a, b)| (Kind::Int, Value::Int(a), Value::Int(b))),
            (finite(), finite()).prop_map(|(a, b)| (Kind::Float, Value::Float(a), Value::Float(b))),
            (any::<i128>(), any::<i128>()).prop_map(|(a, b)| (
                Kind::Decimal { precision: 38, scale: 2 },
                Value::Decimal(a),
                Value::Decimal(b)
            )),
            (text(), text()).prop_map(|(a, b)| (Kind::String, a, b)),
            (bytes(), bytes()).prop_map(|(a, b)| (Kind::Bytes, Value::Bytes(a.into()), Value::Bytes(b.into()))),
            any::<bool>().prop_map(|a| (Kind::Bool, Value::Bool(a), Value::Absent)),
        ]
    }

    proptest! {
        #[test]
        fn bytes_sort_as_cells_do((kind, a, b) in cell()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), order(a.as_cell(), b.as_cell()));
            let mut both = key(&a);
            both.extend(key(&b));
            prop_assert_eq!(read_key(&both, &[&kind, &kind]), Some(vec![a, b]));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = read_key(&bytes, &[&Kind::String, &Kind::Bool]);
        }
    }
}
