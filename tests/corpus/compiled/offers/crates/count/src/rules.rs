//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;

/// `amount > 20` (offers.asol:24)
pub fn last_sale_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let amount = row.int(2);
    Ok(amount? > 20)
}

/// `l.level == level` (offers.asol:54)
pub fn filter_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let l_level = row.record(5).int(3);
    let level = row.int(3);
    Ok(l_level? == level?)
}
