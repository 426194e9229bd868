//! Parquet files with a flat schema: a crate of its own, so that only processes that read them hold it.

mod read;
mod write;

use std::path::Path;

use flow_core::types::Field;
use flow_formats::{FormatError, Records};

pub use write::ParquetWriter;

/// Opens a file: what whoever reads files is given, where Parquet may be among them. A column of bytes that does not say
/// what they are is text, unless the field of its name is one of bytes.
///
/// # Errors
/// A file that cannot be read, or is no such file.
pub fn open(path: &Path, fields: &[Field]) -> Result<Box<dyn Records>, FormatError> {
    Ok(Box::new(read::Rows::new(path, fields)?))
}
