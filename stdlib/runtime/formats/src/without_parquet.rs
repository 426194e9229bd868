//! What stands for Parquet in a process that is built without it.

use std::path::Path;
use std::sync::Arc;

use crate::FormatError;

/// The rows of a Parquet file: of none.
#[derive(Debug)]
pub(crate) enum Rows {}

impl Rows {
    /// Refuses the file.
    pub(crate) fn new(path: &Path) -> Result<Self, FormatError> {
        let why = "this program is built without Parquet; bind a CSV or JSON file, or build it with the feature `parquet` of `flow-launch`";
        Err(FormatError::new(path, why))
    }

    /// There are none.
    #[expect(clippy::type_complexity, reason = "bytes and the place of each record in them")]
    pub(crate) fn next(&mut self, _limit: usize) -> Option<Result<(Arc<Vec<u8>>, Vec<(usize, usize)>), FormatError>> {
        match *self {}
    }
}
