//! The expressions of the flow, each as a function over a row.

use flow_core::fault::Fault;
use flow_core::generated::Row;

/// `users.email_verified == 1` (returns.asol:68)
pub fn verified(row: Row<'_>) -> Result<bool, Fault> {
    let users_email_verified = row.record(5).int(2);
    Ok(users_email_verified? == 1)
}
