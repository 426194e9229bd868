//! The stream and feature operators.
