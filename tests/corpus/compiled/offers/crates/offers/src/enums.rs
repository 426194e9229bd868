//! The enumerations of the solution.

/// The members of `Level` by position.
pub mod level {
    /// Their names.
    pub const MEMBERS: [&str; 3] = ["low", "mid", "high"];
    /// `low`.
    pub const LOW: i64 = 0;
    /// `mid`.
    pub const MID: i64 = 1;
    /// `high`.
    pub const HIGH: i64 = 2;
}
