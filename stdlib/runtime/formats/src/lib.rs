//! CSV and JSON lines to batches and back; whoever has Parquet (`flow-parquet`) gives it to the reader of files.
//!
//! [`file`] hands out records as raw bytes, whatever they come from; [`Decoder`] turns records, of a file or of a log, into
//! columns. What cannot be read costs its cell, or where the record itself is broken its row, and nothing else.

pub mod csv;
pub mod decode;
pub mod encode;
pub mod error;
pub mod file;
mod json;
mod scalar;

pub use decode::{Decoded, Decoder, Encoding, Positions, Refused};
pub use encode::RowEncoder;
pub use error::FormatError;
pub use file::{Format, OpenParquet, RawRows, Records, open};
