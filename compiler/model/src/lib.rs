//! Names resolved, every expression and relation typed.
