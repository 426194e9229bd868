//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;

/// `id != shop` (offers.asol:95)
pub fn filter_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let id = row.string(0);
    let shop = row.slots().string(1);
    Ok(id? != shop?)
}

/// `rank <= 2` (offers.asol:20)
pub fn filter_keeps_2(row: Row<'_>) -> Result<bool, Fault> {
    let rank = row.int(2);
    Ok(rank? <= 2)
}

/// `rank <= 2` (offers.asol:20)
pub fn filter_keeps_3(row: Row<'_>) -> Result<bool, Fault> {
    let rank = row.int(2);
    Ok(rank? <= 2)
}
