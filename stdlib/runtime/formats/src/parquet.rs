//! Parquet files with a flat schema.

mod read;
mod write;

pub(crate) use read::Rows;
pub use write::ParquetWriter;
