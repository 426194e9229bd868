//! The local model registry: a folder a model, a file a version.
//!
//! `DIR/NAME/000001.json` is written once and never changed. A version appears whole or not at all: its text goes to a
//! temporary file, to disk, and then under its name by a link that refuses to replace. Several processes may publish
//! at once; each gets its own number.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use flow_core::trees::{Ensemble, Fnv128};
use flow_core::types::Schema;
use flow_files::{Fresh, is_fresh};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is published under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The model's name in the solution.
    pub name: String,
    /// What the job measured: `auc`, `log_loss` and others by name.
    pub metrics: BTreeMap<String, f64>,
    /// The model's parameters with the types that they had in training.
    pub inputs: Schema,
    /// The model.
    pub ensemble: Ensemble,
}

impl Publication {
    /// Its text, as a version's file holds it: with a checksum, every number bit for bit.
    ///
    /// # Errors
    /// A model that has no text.
    pub fn to_text(&self) -> Result<String, RegistryError> {
        text_of(self)
    }

    /// The publication that a text holds.
    ///
    /// # Errors
    /// In words, what is wrong with the text.
    pub fn from_text(text: &[u8]) -> Result<Self, String> {
        parsed(text)
    }
}

/// A published model and its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// 1, 2, 3 …
    pub version: u64,
    /// What was published.
    pub publication: Publication,
}

/// The newest readable version, and what stood in the way of newer ones.
#[derive(Debug, Default)]
pub struct Latest {
    /// Absent if nothing readable was published.
    pub found: Option<Version>,
    /// Newer files that were passed over because they are torn, and files that do not belong in the folder.
    pub ignored: Vec<RegistryError>,
}

/// What the registry answers when it cannot do what was asked.
#[derive(Debug)]
pub enum RegistryError {
    /// A name that cannot be a model's.
    Name(String),
    /// The folder or a file could not be read or written.
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A version's file is torn or was changed.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that the registry did not write.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The model's text could not be made.
    Text(String),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(f, "`{name}` cannot name a model: use letters, digits, `_`, `-` and `.` after a letter")
            }
            Self::Io { path, source } => write!(f, "the model registry cannot use {}: {source}", path.display()),
            Self::Damaged { path, reason } => {
                write!(f, "{} is not a whole model version and is ignored: {reason}; delete it", path.display())
            }
            Self::Foreign { path } => {
                write!(f, "{} is not a model version and is ignored; move it elsewhere", path.display())
            }
            Self::Text(reason) => write!(f, "the model cannot be written: {reason}"),
        }
    }
}

impl std::error::Error for RegistryError {}

/// The file's text: a checksum and what it covers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: u32,
    /// 128-bit FNV-1a of the content's text, in hexadecimal.
    checksum: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// The number of this file format.
const FORMAT: u32 = 1;

/// A folder of published models.
#[derive(Debug, Clone)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The registry in `folder`, which need not exist before the first publication.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Publishes a version and returns its number, which is on disk then. What equals the latest version's ensemble and
    /// inputs is that version: nothing is written, so that a job that was killed and runs again publishes once.
    ///
    /// # Errors
    /// An unusable name, or a folder that cannot be written.
    pub fn publish(&self, publication: &Publication) -> Result<u64, RegistryError> {
        let folder = self.model_folder(&publication.name)?;
        flow_files::create_folder(&folder).map_err(io_error(&folder))?;
        let text = text_of(publication)?;
        let mut written: Option<Fresh> = None;
        loop {
            let latest = self.latest(&publication.name)?.found;
            let same = |version: &&Version| {
                let other = &version.publication;
                other.inputs == publication.inputs
                    && other.ensemble.content_hash() == publication.ensemble.content_hash()
            };
            if let Some(version) = latest.as_ref().filter(same) {
                return Ok(version.version);
            }
            let fresh = match &written {
                Some(fresh) => fresh,
                None => written.insert(whole(&folder, &text)?),
            };
            // A torn file keeps its number: the next version goes behind all that lie there.
            let (numbers, _) = list(&folder)?;
            let version = numbers.last().copied().unwrap_or(0) + 1;
            let path = version_path(&folder, version);
            match fresh.link(&path) {
                Ok(()) => {
                    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io_error(&folder))?;
                    return Ok(version);
                }
                // Somebody else took the number: look again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error(&path)(error)),
            }
        }
    }

    /// The greatest number of a version of a model, readable or not; nothing before the first.
    ///
    /// # Errors
    /// An unusable name, or a folder that cannot be read.
    pub fn newest(&self, name: &str) -> Result<Option<u64>, RegistryError> {
        Ok(list(&self.model_folder(name)?)?.0.last().copied())
    }

    /// The newest readable version of a model.
    ///
    /// # Errors
    /// An unusable name, or a folder that cannot be read; damaged and foreign files are listed in the answer instead.
    pub fn latest(&self, name: &str) -> Result<Latest, RegistryError> {
        let folder = self.model_folder(name)?;
        let (numbers, foreign) = list(&folder)?;
        let mut latest =
            Latest { found: None, ignored: foreign.into_iter().map(|path| RegistryError::Foreign { path }).collect() };
        for version in numbers.into_iter().rev() {
            match self.version(name, version) {
                Ok(found) => {
                    latest.found = Some(found);
                    break;
                }
                Err(error) => latest.ignored.push(error),
            }
        }
        Ok(latest)
    }

    /// One version of a model.
    ///
    /// # Errors
    /// An unusable name, a version that is not there, or a file that is damaged.
    pub fn version(&self, name: &str, version: u64) -> Result<Version, RegistryError> {
        let path = version_path(&self.model_folder(name)?, version);
        let text = fs::read(&path).map_err(io_error(&path))?;
        match read(&text, name) {
            Ok(publication) => Ok(Version { version, publication }),
            Err(reason) => Err(RegistryError::Damaged { path, reason }),
        }
    }

    fn model_folder(&self, name: &str) -> Result<PathBuf, RegistryError> {
        let mut letters = name.chars();
        let fits = letters.next().is_some_and(char::is_alphabetic)
            && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'));
        if fits { Ok(self.folder.join(name)) } else { Err(RegistryError::Name(name.to_owned())) }
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RegistryError {
    let path = path.to_owned();
    move |source| RegistryError::Io { path, source }
}

/// A text on disk, under no version's name yet.
fn whole(folder: &Path, text: &str) -> Result<Fresh, RegistryError> {
    let mut fresh = Fresh::begin(folder).map_err(io_error(folder))?;
    let written = fresh.file().write_all(text.as_bytes()).and_then(|()| fresh.file().sync_all());
    written.map_err(io_error(fresh.path()))?;
    Ok(fresh)
}

fn version_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("{version:06}.json"))
}

/// The numbers of the versions in ascending order, and the paths of what else lies there. Temporary files are passed
/// over: they belong to a publisher at work or to one that died.
fn list(folder: &Path) -> Result<(Vec<u64>, Vec<PathBuf>), RegistryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let (mut numbers, mut foreign) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.map_err(io_error(folder))?.file_name();
        if is_fresh(&name) {
            continue;
        }
        let text = name.to_string_lossy();
        match text.strip_suffix(".json").and_then(|number| number.parse::<u64>().ok()) {
            Some(number) if version_path(folder, number).file_name() == Some(&name) => numbers.push(number),
            _ => foreign.push(folder.join(&name)),
        }
    }
    numbers.sort_unstable();
    foreign.sort_unstable();
    Ok((numbers, foreign))
}

fn checksum(text: &str) -> u128 {
    let mut hash = Fnv128::default();
    hash.write(text.as_bytes());
    hash.finish()
}

fn text_of(publication: &Publication) -> Result<String, RegistryError> {
    let text = |error: serde_json::Error| RegistryError::Text(error.to_string());
    let content = serde_json::value::to_raw_value(publication).map_err(text)?;
    let checksum = format!("{:032x}", checksum(content.get()));
    let mut whole = serde_json::to_string(&Envelope { format: FORMAT, checksum, content: &content }).map_err(text)?;
    whole.push('\n');
    Ok(whole)
}

fn read(text: &[u8], name: &str) -> Result<Publication, String> {
    let publication = parsed(text)?;
    if publication.name != name {
        return Err(format!("it holds the model `{}`", publication.name));
    }
    Ok(publication)
}

fn parsed(text: &[u8]) -> Result<Publication, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if envelope.format != FORMAT {
        return Err(format!("its format is {}, and this program reads {FORMAT}", envelope.format));
    }
    if envelope.checksum != format!("{:032x}", checksum(envelope.content.get())) {
        return Err("its checksum does not fit its content".into());
    }
    serde_json::from_str(envelope.content.get()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
