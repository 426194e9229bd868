//! Files as raw records: one file, or all files of a folder in the order of their paths.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::types::{Field, Schema};

use crate::decode::Encoding;
use crate::{FormatError, csv};

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// A header row, then rows.
    Csv,
    /// Apache Parquet with a flat schema.
    Parquet,
}

impl Format {
    /// The format that a file's name stands for: `.csv`, `.parquet`, or `.jsonl`, `.ndjson` and `.json`.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "jsonl" | "ndjson" | "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Some consecutive records of one file, byte for byte.
#[derive(Debug, Clone)]
pub struct RawRows {
    /// The file.
    pub path: PathBuf,
    /// How the records are to be read.
    pub encoding: Encoding,
    /// The number of the first record: data rows from 0, counted on through the files of a folder.
    pub first: i64,
    /// The bytes that `views` points into.
    pub payload: Arc<Vec<u8>>,
    /// Start and end of each record, without its line end. A Parquet row is a JSON object here.
    pub views: Vec<(usize, usize)>,
}

impl RawRows {
    /// The bytes of each record.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.views.iter().map(|(start, end)| self.payload.get(*start..*end).unwrap_or(&[]))
    }
}

/// The bytes of some records, and the place of each in them; or what is wrong with the file.
pub type Next = Result<(Arc<Vec<u8>>, Vec<(usize, usize)>), FormatError>;

/// Records of a file that is no text, each as a JSON object.
pub trait Records: std::fmt::Debug + Send {
    /// At most `limit` records; nothing at the end.
    fn next_records(&mut self, limit: usize) -> Option<Next>;
}

/// Opens a Parquet file whose rows will be read as these fields.
pub type OpenParquet = fn(&Path, &[Field]) -> Result<Box<dyn Records>, FormatError>;

/// Reads the records of files; an iterator of [`RawRows`].
#[derive(Debug)]
pub struct Reader {
    files: VecDeque<PathBuf>,
    format: Option<Format>,
    unnamed: Format,
    limit: usize,
    next_row: i64,
    open: Option<OpenFile>,
    parquet: Option<(OpenParquet, Arc<Schema>)>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    encoding: Encoding,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// JSON lines or CSV, from the given byte on.
    Text(Arc<Vec<u8>>, usize),
    Parquet(Box<dyn Records>),
}

/// Opens a file, or a folder for all files that are [`within`] it. `format` is that of all files; without it a file's name
/// tells, and a name that does not tell means JSON lines, unless [`Reader::unnamed`] says otherwise. At most `limit`
/// records are handed out at a time.
///
/// # Errors
///
/// If there is no such file or folder, or it may not be read.
pub fn open(path: &Path, format: Option<Format>, limit: usize) -> Result<Reader, FormatError> {
    let files = within(path)?.into();
    let limit = limit.max(1);
    Ok(Reader { files, format, unnamed: Format::Json, limit, next_row: 0, open: None, parquet: None })
}

/// A file itself, or all files in a folder and its subfolders in the order of their paths. What has a name that begins with
/// `.` or `_` is left out: it is hidden, or a mark of whoever wrote the others. Links to folders are not followed.
///
/// # Errors
///
/// If there is no such file or folder, or it may not be read.
pub fn within(path: &Path) -> Result<Vec<PathBuf>, FormatError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            if entry.file_name().to_string_lossy().starts_with(['.', '_']) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Reads records from memory, as from a file called `path`: what came through standard input.
///
/// # Errors
///
/// If the bytes are no such file at all. Parquet is read from files only.
pub fn read(path: &Path, bytes: Vec<u8>, format: Format, limit: usize) -> Result<Reader, FormatError> {
    let open = Some(OpenFile::text(path.to_owned(), bytes, format)?);
    let (files, limit) = (VecDeque::new(), limit.max(1));
    Ok(Reader { files, format: Some(format), unnamed: format, limit, next_row: 0, open, parquet: None })
}

/// A file or folder that cannot be read, in words.
#[must_use]
pub fn unreadable(path: &Path, error: &std::io::Error) -> FormatError {
    FormatError::new(
        path,
        match error.kind() {
            ErrorKind::NotFound => "there is no such file or folder; create it or correct the path".to_owned(),
            ErrorKind::PermissionDenied => "no permission to read it; grant it or run as another user".to_owned(),
            _ => format!("cannot be read: {error}"),
        },
    )
}

impl OpenFile {
    fn new(path: PathBuf, format: Format, parquet: Option<&(OpenParquet, Arc<Schema>)>) -> Result<Self, FormatError> {
        if format == Format::Parquet {
            let Some((open, schema)) = parquet else {
                let why = "this process reads no Parquet files; give it a CSV or JSON file";
                return Err(FormatError::new(&path, why));
            };
            let rows = open(&path, &schema.fields)?;
            return Ok(Self { path, encoding: Encoding::Json, content: Content::Parquet(rows) });
        }
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        Self::text(path, bytes, format)
    }

    fn text(path: PathBuf, bytes: Vec<u8>, format: Format) -> Result<Self, FormatError> {
        Ok(match format {
            Format::Json => {
                let start = mark(&bytes);
                Self { path, encoding: Encoding::Json, content: Content::Text(Arc::new(bytes), start) }
            }
            Format::Csv => {
                let (header, next) = match csv::next_record(&bytes, mark(&bytes)) {
                    Some((start, end, next)) => {
                        let record = bytes.get(start..end).unwrap_or(&[]);
                        (csv::header(record).map_err(|message| FormatError::new(&path, message))?, next)
                    }
                    None => (Vec::new(), bytes.len()),
                };
                Self { path, encoding: Encoding::Csv(header), content: Content::Text(Arc::new(bytes), next) }
            }
            Format::Parquet => {
                return Err(FormatError::new(&path, "Parquet cannot be read from a pipe; name the file itself"));
            }
        })
    }

    /// At most `limit` records; `None` at the end.
    fn next(&mut self, limit: usize) -> Option<Next> {
        match &mut self.content {
            Content::Text(bytes, at) => {
                let mut views = Vec::new();
                while views.len() < limit {
                    let record = match self.encoding {
                        Encoding::Json => next_line(bytes, *at),
                        Encoding::Csv(_) => csv::next_record(bytes, *at),
                    };
                    let Some((start, end, next)) = record else { break };
                    views.push((start, end));
                    *at = next;
                }
                (!views.is_empty()).then(|| Ok((Arc::clone(bytes), views)))
            }
            Content::Parquet(rows) => rows.next_records(limit),
        }
    }
}

/// How long the byte order mark is before the first record, of which it is no part.
fn mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// The next line that is not blank: start, end without the line end, and where to go on.
fn next_line(bytes: &[u8], from: usize) -> Option<(usize, usize, usize)> {
    let mut start = from;
    loop {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest.get(..length)?;
        if !line.iter().all(u8::is_ascii_whitespace) {
            let end = if line.last() == Some(&b'\r') { start + length - 1 } else { start + length };
            return Some((start, end, start + length + 1));
        }
        start += length + 1;
    }
}

impl Reader {
    /// Opens Parquet files with `open`, to be decoded as rows of `schema`; without it they are refused in words.
    #[must_use]
    pub fn parquet(self, open: Option<OpenParquet>, schema: &Arc<Schema>) -> Self {
        Self { parquet: open.map(|open| (open, Arc::clone(schema))), ..self }
    }

    /// Reads files whose names do not tell their format as `format`.
    #[must_use]
    pub fn unnamed(self, format: Format) -> Self {
        Self { unnamed: format, ..self }
    }

    fn next_file(&mut self) -> Option<Result<OpenFile, FormatError>> {
        let path = self.files.pop_front()?;
        let format = self.format.or_else(|| Format::of_path(&path)).unwrap_or(self.unnamed);
        Some(OpenFile::new(path, format, self.parquet.as_ref()))
    }
}

impl Iterator for Reader {
    type Item = Result<RawRows, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(file) = &mut self.open else {
                match self.next_file()? {
                    Ok(file) => self.open = Some(file),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            match file.next(self.limit) {
                Some(Ok((payload, views))) => {
                    let first = self.next_row;
                    self.next_row += i64::try_from(views.len()).unwrap_or(i64::MAX);
                    return Some(Ok(RawRows {
                        path: file.path.clone(),
                        encoding: file.encoding.clone(),
                        first,
                        payload,
                        views,
                    }));
                }
                Some(Err(error)) => {
                    self.open = None;
                    return Some(Err(error));
                }
                None => self.open = None,
            }
        }
    }
}
