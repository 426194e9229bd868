//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;
use flow_core::scalar::multiply_float;

/// `report.auc >= 0.90` (fraud.asol:73)
pub fn scorer_gate(row: Row<'_>) -> Result<bool, Fault> {
    let report_auc = row.slots().record(0).optional_float(0);
    let report_auc_2 = match report_auc? {
        Some(report_auc) => report_auc,
        None => multiply_float(1e308, 1e308)?,
    };
    Ok(report_auc_2 >= 0.9)
}

/// `p.merchant` (fraud.asol:51)
pub fn merchant_disputes_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(2)
}

/// `c != null` (fraud.asol:68)
pub fn fraud(row: Row<'_>) -> Result<bool, Fault> {
    Ok(!row.record(14).is_absent()?)
}
