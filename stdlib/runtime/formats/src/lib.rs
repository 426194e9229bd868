//! CSV, JSON lines and Parquet to batches and back.
//!
//! [`file`] hands out records as raw bytes, whatever they come from; [`Decoder`] turns records, of a file or of a log, into
//! columns. What cannot be read costs its cell, or where the record itself is broken its row, and nothing else.

pub mod csv;
pub mod decode;
pub mod encode;
pub mod error;
pub mod file;
mod json;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "without_parquet.rs"]
mod parquet;
mod scalar;

pub use decode::{Decoded, Decoder, Encoding, Positions, Refused};
pub use encode::RowEncoder;
pub use error::FormatError;
pub use file::{Format, RawRows, open};
