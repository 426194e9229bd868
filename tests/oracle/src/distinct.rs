//! `count_distinct` without `exact` (`spec/types.md`, 6.1).

use crate::value::{Fault, Value};

/// Up to this many different values are counted exactly.
const EXACT: usize = 256;

/// How many different values there are; `values` has each once.
///
/// # Errors
/// None up to 256 values.
pub fn estimate(values: &[Value]) -> Result<i64, Fault> {
    if values.len() <= EXACT { i64::try_from(values.len()).map_err(|_| Fault::Overflow) } else { Err(Fault::Overflow) }
}
