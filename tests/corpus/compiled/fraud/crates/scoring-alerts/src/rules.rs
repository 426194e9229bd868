//! The expressions of the flow, each as a function over a row.

use flow_core::decimal;
use flow_core::fault::Fault;
use flow_core::generated::Row;
use flow_core::scalar::{compare_decimal, decimal_to_decimal, multiply_decimal};

/// `p.merchant` (fraud.asol:51)
pub fn merchant_disputes_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(2)
}

/// `payments_10m > 5 and spend_1h > 10 * (mean_30d ?? 0)` (fraud.asol:79)
pub fn project_2_keeps(row: Row<'_>) -> Result<bool, Fault> {
    let payments_10m = row.int(8);
    let spend_1h = row.decimal(6);
    let mean_30d = row.optional_decimal(10);
    let both = if payments_10m? > 5 {
        let spend_1h_2 = spend_1h?;
        let mean_30d_2 = mean_30d?.unwrap_or(decimal!(0.00000000));
        let product = multiply_decimal(decimal!(10), 0, mean_30d_2, 8)?;
        compare_decimal(spend_1h_2, 2, product, 8).is_gt()
    } else {
        false
    };
    Ok(both)
}

/// `bursts` (fraud.asol:81)
pub fn spend_1h(row: Row<'_>) -> Result<i128, Fault> {
    let spend_1h = row.decimal(3);
    decimal_to_decimal(spend_1h?, 2, 12, 2)
}
