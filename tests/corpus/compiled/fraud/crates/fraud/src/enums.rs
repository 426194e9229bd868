//! The enumerations of the solution.

/// The members of `Verdict` by position.
pub mod verdict {
    /// Their names.
    pub const MEMBERS: [&str; 3] = ["allow", "review", "block"];
    /// `allow`.
    pub const ALLOW: i64 = 0;
    /// `review`.
    pub const REVIEW: i64 = 1;
    /// `block`.
    pub const BLOCK: i64 = 2;
}
