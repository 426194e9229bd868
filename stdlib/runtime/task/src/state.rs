//! The state folder of a run: which solution wrote it, which generation its state is of, which jobs are done.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use flow_core::hll::hash;
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
    /// For each sink whose rows a job wrote the generation and the form of that job.
    #[serde(default)]
    written: BTreeMap<String, String>,
    /// The data at rest that each worker's state of this generation was made of: they read it when they begin, one sooner
    /// than the other.
    #[serde(default)]
    workers: BTreeMap<String, AtRest>,
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
                let StateFile { generation, simulated, simulated_whole, written, .. } = file;
                let generation = generation + 1;
                (StateFile { generation, simulated, simulated_whole, written, ..fresh }, Found::Changed)
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

    /// The rows that jobs wrote to a sink.
    #[must_use]
    pub fn rows(&self, sink: &str) -> PathBuf {
        self.lake().join(format!("{sink}.jsonl"))
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
        let _held = self.held()?;
        self.file.jobs.insert(job.to_owned(), inputs.to_owned());
        self.write()
    }

    /// Remembers which job, in which form, writes these sinks; to be called before it does.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn set_written<'a>(&mut self, sinks: impl Iterator<Item = &'a str>, form: &str) -> Result<(), RunError> {
        let _held = self.held()?;
        let by = self.written_by(form);
        self.file.written.extend(sinks.map(|sink| (sink.to_owned(), by.clone())));
        self.write()
    }

    /// Takes away the rows of sinks that no job wrote in this generation in one of the forms that there are now: they
    /// would stand beside what the solution, as it is, writes.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn keep_written<'a>(&mut self, forms: impl Iterator<Item = &'a str>) -> Result<(), RunError> {
        let _held = self.held()?;
        let known: Vec<String> = forms.map(|form| self.written_by(form)).collect();
        let is_gone = |(_, by): &(&String, &String)| !known.contains(by);
        let gone: Vec<String> = self.file.written.iter().filter(is_gone).map(|(sink, _)| sink.clone()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        for sink in &gone {
            let path = self.rows(sink);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(&path, &error)),
                _ => self.file.written.remove(sink),
            };
        }
        self.write()
    }

    fn written_by(&self, form: &str) -> String {
        format!("{} {form}", self.file.generation)
    }

    /// Takes note of the data at rest that `workers` begin with. Where the state of one of them cannot go on with it, a
    /// new generation begins, as for another plan; says why. Processes do this one after the other.
    ///
    /// # Errors
    /// A folder that cannot be written, or a log that cannot be read.
    pub fn reads(
        &mut self,
        workers: &[&str],
        present: &Present<'_>,
        log: &mut dyn Log,
    ) -> Result<Option<String>, RunError> {
        let (_held, found) = self.held()?;
        let mut why = None;
        let mut after: Vec<(Option<&AtRest>, AtRest)> = Vec::new();
        for worker in workers {
            let before = self.file.workers.get(*worker);
            // Most have begun with the same.
            if after.iter().all(|(known, _)| *known != before) {
                let (now, because) = AtRest::then(before, present, log)?;
                why = why.or(because);
                after.push((before, now));
            }
        }
        let is_same = found == Found::Same && after.iter().all(|(before, now)| *before == Some(now));
        // All of them say what is there now.
        let Some((_, now)) = after.pop() else { return Ok(None) };
        if why.is_some() {
            self.file.generation += 1;
            self.file.jobs.clear();
            self.file.workers.clear();
        }
        self.file.workers.extend(workers.iter().map(|worker| ((*worker).to_owned(), now.clone())));
        if !is_same || why.is_some() {
            self.write()?;
        }
        Ok(why)
    }

    /// The data at rest in a word.
    #[must_use]
    pub fn at_rest(&self) -> String {
        format!("{:016x}", hash(format!("{:?}", self.file.workers).as_bytes()))
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
        let _held = self.held()?;
        self.file.simulated = Some(settings.to_owned());
        self.write()
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
        let _held = self.held()?;
        self.file.simulated_whole = true;
        self.write()
    }

    /// Begins the generation that it was opened for, unless another process has meanwhile.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&mut self) -> Result<(), RunError> {
        let (_held, found) = self.held()?;
        if found == Found::Same { Ok(()) } else { self.write() }
    }

    /// Whether the generation that it was opened for, or has begun, is that of the folder still, for this plan.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn is_current(&self) -> Result<bool, RunError> {
        let (now, found) = self.again(&self.file.plan)?;
        Ok(found != Found::Same || now.file.generation == self.file.generation)
    }

    /// Takes the folder's lock, and what is remembered as it is now: another process may have written it since. What is
    /// written before the lock is dropped takes back nothing that another one wrote.
    fn held(&mut self) -> Result<(File, Found), RunError> {
        let path = self.root.join("solution.lock");
        let held = flow_files::lock(&path).map_err(|error| refused(&path, &error))?;
        let (now, found) = self.again(&self.file.plan)?;
        *self = now;
        Ok((held, found))
    }

    /// Writes what is remembered: whole or not at all.
    fn write(&self) -> Result<(), RunError> {
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
    use flow_core::types::{DataType, Field, Kind, Schema};
    use flow_formats::Format;
    use flow_log::embedded::{EmbeddedLog, Options};

    use super::*;
    use crate::data::{History, Places, read_all};
    use crate::spec::{Shape, SourceSpec};
    use crate::tables::Tables;

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
        let (mut folder, found) = open("b");
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

    #[test]
    fn rows_of_a_job_in_another_form_or_generation_go() {
        let root = tempfile::tempdir().unwrap();
        let (mut folder, _) = StateFolder::open(root.path(), "shop", "a").unwrap();
        let wrote = |folder: &mut StateFolder, sink: &str, form: &str| {
            folder.set_written([sink].into_iter(), form).unwrap();
            replace(&folder.rows(sink), b"{}\n").unwrap();
        };
        let lying = |folder: &StateFolder| ["kept", "moved", "unknown"].map(|sink| folder.rows(sink).exists());
        wrote(&mut folder, "kept", "nightly 1");
        wrote(&mut folder, "moved", "nightly 0");
        replace(&folder.rows("unknown"), b"{}\n").unwrap();
        folder.keep_written(["nightly 0", "nightly 1"].into_iter()).unwrap();
        assert_eq!(lying(&folder), [true, true, true]);
        folder.keep_written(["nightly 1"].into_iter()).unwrap();
        assert_eq!(lying(&folder), [true, false, true], "nobody has said who wrote the third");
        let (mut folder, _) = StateFolder::open(root.path(), "shop", "b").unwrap();
        folder.save().unwrap();
        folder.keep_written(["nightly 1"].into_iter()).unwrap();
        assert_eq!(lying(&folder), [false, false, true]);
        wrote(&mut folder, "kept", "nightly 1");
        folder.keep_written(["nightly 1"].into_iter()).unwrap();
        assert_eq!(lying(&folder), [true, false, true]);
    }

    /// What lies in a folder, read once: a process that begins with it does so later.
    struct Lying {
        sources: Vec<SourceSpec>,
        places: Places,
        files: History,
        tables: Tables,
    }

    impl Lying {
        fn read(root: &Path) -> Self {
            let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::required(kind) };
            let mut prices =
                SourceSpec::new("prices", Shape::Table, Schema { fields: vec![field("sku", Kind::String)] });
            prices.file = Some("prices.csv".into());
            prices.format = Format::Csv;
            let mut sales =
                SourceSpec::new("sales", Shape::Stream, Schema { fields: vec![field("at", Kind::Timestamp)] });
            (sales.file, sales.time) = (Some("sales.jsonl".into()), Some("at".to_owned()));
            let (sources, places) = (vec![prices, sales], Places { root: root.to_owned(), ..Places::default() });
            let (files, tables) = read_all(&sources, &places).unwrap();
            Self { sources, places, files, tables }
        }

        /// A worker, or some, begin with it: which generation they are in, and why.
        fn begins(&self, folder: &mut StateFolder, worker: &str) -> (String, Option<String>) {
            let Self { sources, places, files, tables } = self;
            let mut log = EmbeddedLog::open(folder.log(), Options::default()).unwrap();
            let present = Present { sources, places, files, tables };
            let workers: Vec<&str> = worker.split(' ').collect();
            let why = folder.reads(&workers, &present, &mut log).unwrap();
            (folder.generation(), why)
        }
    }

    #[test]
    fn workers_that_begin_at_once_take_nothing_back_that_another_wrote() {
        let root = tempfile::tempdir().unwrap();
        let open = || StateFolder::open(root.path(), "shop", "a").unwrap().0;
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        write("sales.jsonl", "{\"at\":\"2026-01-01T00:00:01Z\"}\n");
        write("prices.csv", "sku\na\n");
        let first = Lying::read(root.path());
        let g = |number: u32| format!("shop.g{number}");
        for worker in ["one", "two"] {
            assert_eq!(first.begins(&mut open(), worker), (g(1), None));
        }
        // Both are opened before one of them sees that the table is another.
        let (mut one, mut two) = (open(), open());
        write("prices.csv", "sku\nb\n");
        let second = Lying::read(root.path());
        let (generation, why) = second.begins(&mut one, "one");
        assert_eq!((generation, why.as_deref()), (g(2), Some("the table `prices` has changed")));
        assert!(one.is_current().unwrap() && !two.is_current().unwrap(), "who goes on in the first hears of it");
        two.save().unwrap();
        two.set_simulated("cards(1)").unwrap();
        assert_eq!((two.generation(), open().generation()), (g(2), g(2)));
        assert_eq!(second.begins(&mut two, "two"), (g(2), None));
        assert!(one.is_current().unwrap());
        assert_eq!(open().simulated(), Some("cards(1)"));
    }

    #[test]
    fn each_worker_goes_on_from_what_it_began_with_itself() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = StateFolder::open(root.path(), "shop", "a").unwrap().0;
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        let (early, late) = ("{\"at\":\"2026-01-01T00:00:01Z\"}\n", "{\"at\":\"2026-01-01T00:00:09Z\"}\n");
        write("prices.csv", "sku\na\n");
        write("sales.jsonl", early);
        let short = Lying::read(root.path());
        write("sales.jsonl", &format!("{early}{late}"));
        let long = Lying::read(root.path());
        assert_eq!(short.begins(&mut folder, "one"), ("shop.g1".to_owned(), None));
        assert_eq!(short.begins(&mut folder, "two"), ("shop.g1".to_owned(), None));
        assert_eq!(long.begins(&mut folder, "one"), ("shop.g1".to_owned(), None));
        // What the other has taken note of says nothing of what this one has read.
        assert_eq!(short.begins(&mut folder, "two"), ("shop.g1".to_owned(), None));
        folder.set_done("train", "inputs").unwrap();
        // It takes one of them that cannot go on, whoever comes after it.
        let (generation, why) = short.begins(&mut folder, "one two");
        assert_eq!((generation.as_str(), folder.done("train")), ("shop.g2", None));
        assert!(why.unwrap().contains("`sales` before is another now"));
        // Another plan has a generation of its own: in this one somebody goes on until its processes stand in for him.
        StateFolder::open(root.path(), "shop", "b").unwrap().0.save().unwrap();
        assert!(folder.is_current().unwrap());
    }
}
