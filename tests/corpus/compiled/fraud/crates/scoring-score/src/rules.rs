//! The expressions of the service, each as a function over its cells.

use flow_core::decimal;
use flow_core::fault::Fault;
use flow_core::generated::{Row, attempt, value};
use flow_core::row::Bound;
use flow_core::scalar::compare_decimal;

/// The members of `Verdict` by position.
pub mod verdict {
    /// `allow`.
    pub const ALLOW: i64 = 0;
    /// `review`.
    pub const REVIEW: i64 = 1;
    /// `block`.
    pub const BLOCK: i64 = 2;
}

/// `payment.card` (fraud.asol:86)
pub fn card_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(1)
}

/// `payment.merchant` (fraud.asol:87)
pub fn volume_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(2)
}

/// `payment.merchant` (fraud.asol:88)
pub fn disputes_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(2)
}

/// `payment` (fraud.asol:91)
pub fn risk_amount(row: Row<'_>) -> Result<i128, Fault> {
    row.record(0).decimal(3)
}

/// `card` (fraud.asol:91)
pub fn risk_spend_1h(row: Row<'_>) -> Result<i128, Fault> {
    row.record(1).decimal(0)
}

/// `card` (fraud.asol:91)
pub fn risk_spend_30d(row: Row<'_>) -> Result<i128, Fault> {
    row.record(1).decimal(1)
}

/// `card` (fraud.asol:91)
pub fn risk_payments_10m(row: Row<'_>) -> Result<i64, Fault> {
    row.record(1).int(2)
}

/// `card` (fraud.asol:91)
pub fn risk_countries_24h(row: Row<'_>) -> Result<i64, Fault> {
    row.record(1).int(3)
}

/// `card` (fraud.asol:91)
pub fn risk_mean_30d(row: Row<'_>) -> Result<Option<i128>, Fault> {
    row.record(1).optional_decimal(4)
}

/// `volume` (fraud.asol:91)
pub fn risk_payments_60d(row: Row<'_>) -> Result<i64, Fault> {
    row.record(2).int(0)
}

/// `disputes` (fraud.asol:91)
pub fn risk_disputes_60d(row: Row<'_>) -> Result<i64, Fault> {
    row.record(3).int(0)
}

/// `0.5` (fraud.asol:90)
pub fn risk_fallback(_row: Row<'_>) -> Result<f64, Fault> {
    Ok(0.5)
}

/// `decide(risk, card.countries_24h, payment.amount)` (fraud.asol:93)
pub fn answer(row: Row<'_>) -> Bound {
    let risk = row.optional_float(4);
    let card_countries_24h = row.record(1).int(3);
    let payment_amount = row.record(0).decimal(3);
    let risk_2 = risk;
    let condition = attempt(|| Ok(card_countries_24h? > 4));
    let make = || {
        Bound::record([
            Bound::Value(value(verdict::BLOCK)),
            Bound::Value(value("five countries in a day")),
        ])
    };
    let make_6 = || {
        let condition_2 = attempt(|| Ok(risk_2?.map(|risk_2| risk_2 > 0.9) == Some(true)));
        let make_2 = || {
            Bound::record([
                Bound::Value(value(verdict::BLOCK)),
                Bound::Value(value("model")),
            ])
        };
        let make_5 = || {
            let condition_3 = attempt(|| {
                let answer = risk_2?.map(|risk_2| risk_2 > 0.6) == Some(true)
                    && compare_decimal(payment_amount?, 2, decimal!(500), 0).is_gt();
                Ok(answer)
            });
            let make_3 = || {
                Bound::record([
                    Bound::Value(value(verdict::REVIEW)),
                    Bound::Value(value("model and amount")),
                ])
            };
            let make_4 =
                || Bound::record([Bound::Value(value(verdict::ALLOW)), Bound::Value(value(""))]);
            Bound::choose(condition_3, make_3, make_4)
        };
        Bound::choose(condition_2, make_2, make_5)
    };
    Bound::choose(condition, make, make_6)
}
