//! What features keep, and the values over it.
