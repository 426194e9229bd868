//! The expressions of the service, each as a function over its cells.

use flow_core::fault::Fault;
use flow_core::generated::{Answer, Row, attempt};
use flow_core::row::Bound;
use flow_core::scalar::length_list;

/// `shop` (offers.asol:94)
pub fn mine_key(row: Row<'_>) -> Result<&str, Fault> {
    row.string(0)
}

/// `shop` (offers.asol:97)
pub fn part_2_key(row: Row<'_>) -> Result<&str, Fault> {
    row.string(0)
}

/// `shop` (offers.asol:97)
pub fn part_3_key(row: Row<'_>) -> Result<&str, Fault> {
    row.string(0)
}

/// `shop` (offers.asol:98)
pub fn part_5_key(row: Row<'_>) -> Result<&str, Fault> {
    row.string(0)
}

/// `shop` (offers.asol:98)
pub fn part_6_key(row: Row<'_>) -> Result<&str, Fault> {
    row.string(0)
}

/// `{ known: best[shop] != null, factor: current[shop].factor, n: mine.sales_30d, total: mine.total, others: length(others), last: last_sale[shop], stands: standing…` (offers.asol:96)
pub fn answer(row: Row<'_>) -> Bound {
    let n4_factor = row.record(3).optional_int(1);
    let mine_sales_30d = row.record(1).int(1);
    let mine_total = row.record(1).int(0);
    let n5 = row.list(4);
    let n7_id = row.record(6).optional_string(1);
    Bound::record([
        attempt(|| Ok(!row.record(2).is_absent()?)).bound(),
        n4_factor.bound(),
        mine_sales_30d.bound(),
        mine_total.bound(),
        attempt(|| Ok(length_list(n5?))).bound(),
        row.record(5).bound(),
        n7_id.bound(),
    ])
}
