//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;
use flow_core::scalar::subtract_int;

/// `0 - refund_amt` (returns.asol:58)
pub fn amount(row: Row<'_>) -> Result<i64, Fault> {
    let refund_amt = row.int(4);
    subtract_int(0, refund_amt?)
}

/// `r != null` (returns.asol:54)
pub fn on(row: Row<'_>) -> Result<bool, Fault> {
    Ok(!row.record(3).is_absent()?)
}

/// `if r != null then r.refund_amt else 0` (returns.asol:54)
pub fn y(row: Row<'_>) -> Result<Option<i64>, Fault> {
    let r_refund_amt = row.record(3).optional_int(4);
    let choice = if !row.record(3).is_absent()? {
        r_refund_amt?
    } else {
        Some(0_i64)
    };
    Ok(choice)
}

/// `if purchase_price > 250 then "dear" else "cheap"` (returns.asol:55)
pub fn type_(row: Row<'_>) -> Result<&str, Fault> {
    let purchase_price = row.int(2);
    let text = if purchase_price? > 250 {
        "dear"
    } else {
        "cheap"
    };
    Ok(text)
}

/// `r.user_id` (returns.asol:36)
pub fn refund_delays_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(1).string(2)
}

/// `r.refund_amt - purchase_price` (returns.asol:39)
pub fn refund_delays_of(row: Row<'_>) -> Result<i64, Fault> {
    let r_refund_amt = row.record(1).int(4);
    let purchase_price = row.int(0);
    subtract_int(r_refund_amt?, purchase_price?)
}

/// `refund_amt > 200` (returns.asol:32)
pub fn return_windows_of(row: Row<'_>) -> Result<bool, Fault> {
    let refund_amt = row.int(4);
    Ok(refund_amt? > 200)
}

/// `refunded_30d > bought.spent_30d` (returns.asol:47)
pub fn project_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let refunded_30d = row.int(3);
    let bought_spent_30d = row.record(4).int(2);
    Ok(refunded_30d? > bought_spent_30d?)
}

/// `bought.spent_30d` (returns.asol:48)
pub fn spent(row: Row<'_>) -> Result<i64, Fault> {
    row.record(4).int(2)
}
