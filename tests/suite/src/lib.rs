//! What every plane must agree on.
