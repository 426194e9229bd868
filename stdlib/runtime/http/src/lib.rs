//! The HTTP rim of services.
