//! The state folder of a run: which solution wrote it, which generation its state is of, which jobs are done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flow_files::Fresh;
use flow_log::Log;
use serde::{Deserialize, Serialize};

use crate::at_rest::{AtRest, Present};
use crate::error::RunError;

/// A state folder.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
    file: StateFile,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct StateFile {
    solution: String,
    /// Hash of the plan without spans.
    plan: String,
    /// 1, 2, …: a changed plan begins a new one.
    generation: u32,
    /// For each job the inputs that it has worked on.
    jobs: BTreeMap<String, String>,
    /// The data at rest that the state of this generation was made of.
    #[serde(default)]
    at_rest: Option<AtRest>,
    /// Events of the simulation that are in the log.
    #[serde(default)]
    simulated: Option<String>,
    /// Whether all of its history is.
    #[serde(default)]
    simulated_whole: bool,
}

/// What a state folder held when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Empty,
    /// State of this solution.
    Same,
    /// State of an earlier form of this solution: a new generation begins.
    Changed,
}

impl StateFolder {
    /// Opens or makes a state folder for a solution; `plan` is the fingerprint of its plan: another one begins a new
    /// generation.
    ///
    /// # Errors
    /// A folder that cannot be written, or that holds another solution's state.
    pub fn open(root: &Path, solution: &str, plan: &str) -> Result<(Self, Found), RunError> {
        std::fs::create_dir_all(root).map_err(|error| refused(root, &error))?;
        Self::read(root, solution, plan)
    }

    fn read(root: &Path, solution: &str, plan: &str) -> Result<(Self, Found), RunError> {
        let path = root.join("solution.json");
        let existing = match std::fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice::<StateFile>(&bytes).map_err(|error| {
                RunError::Environment(format!(
                    "`{}` is damaged ({error}); remove the state folder to rebuild it from history",
                    path.display()
                ))
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(&path, &error)),
        };
        let fresh =
            StateFile { solution: solution.to_owned(), plan: plan.to_owned(), generation: 1, ..StateFile::default() };
        let (file, found) = match existing {
            None => (fresh, Found::Empty),
            Some(file) if file.solution != solution => {
                return Err(RunError::Environment(format!(
                    "`{}` holds the state of solution `{}`; choose another folder with --state",
                    root.display(),
                    file.solution
                )));
            }
            Some(file) if file.plan == plan => (file, Found::Same),
            Some(file) => {
                let (generation, simulated, simulated_whole) =
                    (file.generation + 1, file.simulated, file.simulated_whole);
                (StateFile { generation, simulated, simulated_whole, ..fresh }, Found::Changed)
            }
        };
        Ok((Self { root: root.to_path_buf(), file }, found))
    }

    /// Looks at the folder again, where another process may have begun a new generation since.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn again(&self, plan: &str) -> Result<(Self, Found), RunError> {
        Self::read(&self.root, &self.file.solution, plan)
    }

    /// Where it lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The solution whose state it holds.
    #[must_use]
    pub fn solution(&self) -> &str {
        &self.file.solution
    }

    /// The folder of the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The folder of models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The folder of what jobs wrote.
    #[must_use]
    pub fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// The name under which this generation's changelog and topics go.
    #[must_use]
    pub fn generation(&self) -> String {
        format!("{}.g{}", self.file.solution, self.file.generation)
    }

    /// What `job` worked on last.
    #[must_use]
    pub fn done(&self, job: &str) -> Option<&str> {
        self.file.jobs.get(job).map(String::as_str)
    }

    /// Remembers what `job` has worked on.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn set_done(&mut self, job: &str, inputs: &str) -> Result<(), RunError> {
        self.file.jobs.insert(job.to_owned(), inputs.to_owned());
        self.save()
    }

    /// Takes note of the data at rest. Where the state cannot go on with it, a new generation begins, as for another plan;
    /// says why.
    ///
    /// # Errors
    /// A folder that cannot be written, or a log that cannot be read.
    pub fn reads(&mut self, present: &Present<'_>, log: &mut dyn Log) -> Result<Option<String>, RunError> {
        let (now, why) = AtRest::then(self.file.at_rest.as_ref(), present, log)?;
        self.file.at_rest = Some(now);
        if why.is_some() {
            self.file.generation += 1;
            self.file.jobs.clear();
        }
        self.save()?;
        Ok(why)
    }

    /// The data at rest in a word.
    #[must_use]
    pub fn at_rest(&self) -> String {
        self.file.at_rest.as_ref().map(AtRest::word).unwrap_or_default()
    }

    /// The settings of the simulation whose events are in the log.
    #[must_use]
    pub fn simulated(&self) -> Option<&str> {
        self.file.simulated.as_deref()
    }

    /// Remembers the settings of the simulation before its first event goes into the log.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn set_simulated(&mut self, settings: &str) -> Result<(), RunError> {
        self.file.simulated = Some(settings.to_owned());
        self.save()
    }

    /// Whether all of the simulation's history was in the log when the folder was opened.
    #[must_use]
    pub fn simulated_whole(&self) -> bool {
        self.file.simulated_whole
    }

    /// Remembers that all of the simulation's history is in the log: others wait for that.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn set_simulated_whole(&mut self) -> Result<(), RunError> {
        if self.file.simulated_whole {
            return Ok(());
        }
        self.file.simulated_whole = true;
        self.save()
    }

    /// Writes what is remembered: whole or not at all.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&self) -> Result<(), RunError> {
        let path = self.root.join("solution.json");
        let text = serde_json::to_vec_pretty(&self.file).map_err(|error| RunError::Plan(error.to_string()))?;
        replace(&path, &text)
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// A folder that cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    }
    Fresh::replace(path, bytes, false).map_err(|error| refused(path, &error))
}

/// A refusal of the file system in words.
pub fn refused(path: &Path, error: &std::io::Error) -> RunError {
    let repair = match error.kind() {
        std::io::ErrorKind::StorageFull => "free space on its disk, or choose another folder",
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "give this user the right to write there, or choose another folder"
        }
        _ => "check the folder, or choose another one",
    };
    RunError::Environment(format!("cannot write `{}`: {error}; {repair}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_one_number_and_file_do_not_mix() {
        // As in pods: each is process 1, and they share a folder.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        std::thread::scope(|scope| {
            let write =
                |byte: u8| (0..200).try_for_each(|_| replace(&folder.path().join("run.json"), &vec![byte; 50_000]));
            let writers: Vec<_> = (0..3).map(|byte| scope.spawn(move || write(byte))).collect();
            while writers.iter().any(|writer| !writer.is_finished()) {
                let Ok(found) = std::fs::read(&path) else { continue };
                let is_whole = found.len() == 50_000 && found.windows(2).all(|pair| pair[0] == pair[1]);
                assert!(is_whole, "{} bytes of several writers", found.len());
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn another_plan_begins_a_generation_and_forgets_the_jobs_but_not_the_log() {
        let root = tempfile::tempdir().unwrap();
        let open = |plan: &str| StateFolder::open(root.path(), "shop", plan).unwrap();
        let (mut folder, found) = open("a");
        assert_eq!((found, folder.generation().as_str()), (Found::Empty, "shop.g1"));
        folder.set_done("train", "inputs").unwrap();
        folder.set_simulated("cards(1)").unwrap();
        folder.set_simulated_whole().unwrap();
        let (folder, found) = open("a");
        assert_eq!((found, folder.done("train"), folder.done("other")), (Found::Same, Some("inputs"), None));
        let (folder, found) = open("b");
        assert_eq!((found, folder.generation().as_str(), folder.done("train")), (Found::Changed, "shop.g2", None));
        assert_eq!((folder.simulated(), folder.simulated_whole()), (Some("cards(1)"), true));
        // It has begun once that is written.
        assert_eq!(open("a").1, Found::Same);
        folder.save().unwrap();
        assert_eq!((open("a").0.generation().as_str(), open("a").1), ("shop.g3", Found::Changed));
        assert_eq!((folder.again("b").unwrap().1, folder.again("c").unwrap().1), (Found::Same, Found::Changed));
        let other = StateFolder::open(root.path(), "bank", "b").unwrap_err().to_string();
        assert!(other.contains("`shop`") && other.contains("--state"), "{other}");
        std::fs::write(root.path().join("solution.json"), "{").unwrap();
        let damaged = StateFolder::open(root.path(), "shop", "b").unwrap_err().to_string();
        assert!(damaged.contains("is damaged") && damaged.contains("remove the state folder"), "{damaged}");
    }
}
