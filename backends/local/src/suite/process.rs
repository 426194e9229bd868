//! Binaries as children of this process: their folder, their end, what they say.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio, id};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flow_task::state::refused;

use crate::error::LocalError;

/// The longest time that a binary has to end, or to be ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// The end of what a binary said that is worth telling.
const SAID: usize = 600;

/// A folder of its own, which goes with whoever made it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder.
    ///
    /// # Errors
    /// A folder for temporary files that cannot be written.
    pub fn new() -> Result<Self, LocalError> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("fec-test-{}-{number}", id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Another process of this number left it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(&path, &error)),
            }
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A binary at work.
pub(super) struct Process {
    child: Child,
    name: String,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts `binary` with `words`; what it says goes to files of `name` in `folder`.
    ///
    /// # Errors
    /// A binary that cannot be started, or a folder that cannot be written.
    pub fn start(binary: &Path, name: &str, words: &[String], folder: &Path) -> Result<Self, LocalError> {
        let (out, err) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        let file = |path: &Path| File::create(path).map_err(|error| refused(path, &error));
        let mut command = Command::new(binary);
        command.args(words).stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?);
        let child = command.spawn().map_err(|error| {
            LocalError::Environment(format!("`{}` cannot be started: {error}; build it again", binary.display()))
        })?;
        Ok(Self { child, name: name.to_owned(), out, err })
    }

    /// Waits for its end; the inner error is how it failed.
    ///
    /// # Errors
    /// [`LocalError::Stopped`] once `stop` is set.
    pub fn ended(&mut self, stop: &AtomicBool) -> Result<Result<(), String>, LocalError> {
        let begun = Instant::now();
        loop {
            match self.status()? {
                Some(status) if status.success() => return Ok(Ok(())),
                Some(status) => return Ok(Err(self.failed(status))),
                None if begun.elapsed() > PATIENCE => return Ok(Err(self.late("it did not end"))),
                None => pause(stop)?,
            }
        }
    }

    /// Waits until it tells where it answers; the inner error is how it failed.
    ///
    /// # Errors
    /// As [`Self::ended`].
    pub fn ready(&mut self, stop: &AtomicBool) -> Result<Result<String, String>, LocalError> {
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(&self.out).unwrap_or_default();
            if let Some(url) = said.lines().find_map(url) {
                return Ok(Ok(url));
            }
            match self.status()? {
                Some(status) => return Ok(Err(self.failed(status))),
                None if begun.elapsed() > PATIENCE => return Ok(Err(self.late("it was not ready"))),
                None => pause(stop)?,
            }
        }
    }

    /// Asks it to end, and waits until it has: what it has in hand is written then.
    ///
    /// # Errors
    /// As [`Self::ended`].
    pub fn end(mut self, stop: &AtomicBool) -> Result<Result<(), String>, LocalError> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        if let Err(error) = asked {
            return Err(LocalError::Environment(format!("`kill` cannot be started: {error}")));
        }
        self.ended(stop)
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, LocalError> {
        let lost = |error| LocalError::Environment(format!("`{}` cannot be waited for: {error}", self.name));
        self.child.try_wait().map_err(lost)
    }

    fn failed(&self, status: ExitStatus) -> String {
        format!("`{}` ended with {status}: {}", self.name, self.said())
    }

    fn late(&self, what: &str) -> String {
        format!("`{}`: {what} within {} seconds: {}", self.name, PATIENCE.as_secs(), self.said())
    }

    /// The end of what it said on stderr.
    fn said(&self) -> String {
        let said = fs::read(&self.err).unwrap_or_default();
        let from = said.len().saturating_sub(SAID);
        String::from_utf8_lossy(said.get(from..).unwrap_or_default()).trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a process answers, from the line that says it is ready.
fn url(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line.get("event")? == "ready").then(|| line.get("url")?.as_str().map(str::to_owned)).flatten()
}

fn pause(stop: &AtomicBool) -> Result<(), LocalError> {
    if stop.load(Ordering::Relaxed) {
        return Err(LocalError::Stopped);
    }
    std::thread::sleep(LOOK);
    Ok(())
}
