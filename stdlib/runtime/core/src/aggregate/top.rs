//! `top_k`: exact counts, or sums, by value.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Numeric, Total, compare};
use crate::fault::Fault;
use crate::value::Value;

/// A value as a key of an ordered map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key(pub(crate) Value);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0.as_cell(), other.0.as_cell())
    }
}

/// Rows and, where ranked by one, the sum of each value.
pub(crate) type Tops = BTreeMap<Key, (i64, Option<Total>)>;

/// The first `n` values by rows or by sum, ties by value ascending, as a list of `{ value, count }`. Values all of whose
/// rows were taken back are none.
pub(crate) fn finish_top(tops: &Tops, n: u32, numeric: Numeric) -> Result<Value, Fault> {
    let mut ranked = tops
        .iter()
        .filter(|(_, (rows, _))| *rows != 0)
        .map(|(key, (rows, sum))| {
            let rank = sum.as_ref().map_or(Ok(Value::Int(*rows)), |sum| sum.sum(numeric))?;
            Ok((rank, &key.0, *rows))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    // Stable: equal ranks stay in the map's order, which is that of the values.
    ranked.sort_by(|a, b| compare(b.0.as_cell(), a.0.as_cell()));
    let rows = ranked.into_iter().take(n as usize);
    Ok(Value::List(rows.map(|(_, value, count)| Value::Record([value.clone(), Value::Int(count)].into())).collect()))
}

/// Whether nothing is left of a value.
pub(crate) fn is_gone((rows, sum): &(i64, Option<Total>)) -> bool {
    *rows == 0 && sum.as_ref().is_none_or(Total::is_zero)
}
