//! The enumerations of the solution.

/// The members of `Kind` by position.
pub mod kind {
    /// Their names.
    pub const MEMBERS: [&str; 2] = ["fine", "risky"];
    /// `fine`.
    pub const FINE: i64 = 0;
    /// `risky`.
    pub const RISKY: i64 = 1;
}
