//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;

/// The members of `Level` by position.
pub mod level {
    /// `low`.
    pub const LOW: i64 = 0;
    /// `high`.
    pub const HIGH: i64 = 2;
}

/// `level == Level.low` (offers.asol:28)
pub fn standing_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let level_value = row.int(3);
    Ok(level_value? == level::LOW)
}

/// `level == Level.high` (offers.asol:27)
pub fn standing_keeps_2(row: Row<'_>) -> Result<bool, Fault> {
    let level_value = row.int(3);
    Ok(level_value? == level::HIGH)
}

/// `amount > 20` (offers.asol:24)
pub fn last_sale_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let amount = row.int(2);
    Ok(amount? > 20)
}

/// `amount > l.amount` (offers.asol:46)
pub fn last_sale_join_matches(row: Row<'_>) -> Result<bool, Fault> {
    let amount = row.int(2);
    let amount_2 = row.int(7);
    Ok(amount? > amount_2?)
}

/// `total > 300` (offers.asol:44)
pub fn project_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let total = row.int(3);
    Ok(total? > 300)
}

/// `l.id ?? ""` (offers.asol:48)
pub fn before(row: Row<'_>) -> Result<&str, Fault> {
    let l_id = row.record(2).optional_string(0);
    Ok(l_id?.unwrap_or(""))
}

/// `h.id ?? ""` (offers.asol:48)
pub fn held(row: Row<'_>) -> Result<&str, Fault> {
    let h_id = row.record(3).optional_string(1);
    Ok(h_id?.unwrap_or(""))
}
