//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;
use flow_core::scalar::{compare_decimal, int_to_checked_decimal, length};

/// `order.id` (decisions.asol:22)
pub fn order(row: Row<'_>) -> Result<&str, Fault> {
    row.slots().record(0).string(0)
}

/// `price > length(order.coupon)` (decisions.asol:30)
pub fn project_2_keeps(row: Row<'_>) -> Result<Option<bool>, Fault> {
    let price = row.decimal(1);
    let order_coupon = row.slots().record(0).optional_string(4);
    let price_2 = price?;
    let size_2 = match order_coupon?.map(length) {
        Some(size) => Some(int_to_checked_decimal(size, 19, 0)?),
        None => None,
    };
    let comparison = size_2.map(|size_2| compare_decimal(price_2, 2, size_2, 0).is_gt());
    Ok(comparison)
}

/// `order.coupon` (decisions.asol:30)
pub fn order_2(row: Row<'_>) -> Result<Option<&str>, Fault> {
    row.slots().record(0).optional_string(4)
}
