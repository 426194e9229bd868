//! A service's copy of the feature state: it follows the generation that is there, and begins anew with the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_log::archive::FolderLake;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_serve::{Follower, LiveReads, Reads};
use flow_store::MemoryFeatureStore;
use flow_task::RunError;
use flow_task::state::{Found, StateFolder};
use flow_task::stream::{FIRST_PRIVATE, task_of};

/// How often it looks at which generation is there.
const LOOK: Duration = Duration::from_millis(500);

/// What follows the worker that keeps the features, whatever generation it is in.
pub(crate) struct Following {
    folder: StateFolder,
    found: Found,
    /// The fingerprint of the plan that this process was compiled from.
    plan: String,
    keeper: String,
    store: Arc<MemoryFeatureStore>,
    reads: Arc<LiveReads>,
    /// Nothing while the state is of no worker of this plan.
    follower: Option<Follower>,
    looked: Instant,
    /// Since when nothing new has come.
    still: Instant,
}

impl Following {
    /// Follows the worker `keeper` in a state folder that was opened for `plan`, into `store`, which is empty.
    ///
    /// # Errors
    /// A log that cannot be opened.
    pub fn new(
        (folder, found): (StateFolder, Found),
        plan: &str,
        keeper: &str,
        (store, reads): (Arc<MemoryFeatureStore>, Arc<LiveReads>),
    ) -> Result<Self, RunError> {
        let (looked, still) = (Instant::now(), Instant::now());
        let (plan, keeper) = (plan.to_owned(), keeper.to_owned());
        let mut made = Self { folder, found, plan, keeper, store, reads, follower: None, looked, still };
        if found == Found::Same {
            made.begin()?;
        }
        made.explain();
        Ok(made)
    }

    /// Takes what has been committed since the last call; tells whether there may be more. `tell` hears of a state that
    /// begins anew.
    ///
    /// # Errors
    /// A log that cannot be read; a state folder that now is another solution's.
    pub fn step(&mut self, tell: &mut dyn FnMut(&str)) -> Result<bool, RunError> {
        if self.looked.elapsed() >= LOOK {
            self.look(tell)?;
        }
        let Some(follower) = &mut self.follower else { return Ok(false) };
        let before = follower.sequence();
        let more = follower.step()?;
        if follower.sequence() != before {
            self.still = Instant::now();
        }
        Ok(more)
    }

    /// How long nothing new has come.
    pub fn still(&self) -> Duration {
        self.still.elapsed()
    }

    /// What it waits for.
    pub fn reason(&self) -> String {
        let (keeper, folder) = (&self.keeper, self.folder.root().display());
        match (&self.follower, self.found) {
            (Some(follower), _) if follower.sequence().0 > 0 => {
                format!("`{keeper}` is applying history, and has committed {} times", follower.sequence().0)
            }
            (Some(_), _) => format!("`{keeper}` has committed nothing yet to the state in `{folder}`"),
            (None, Found::Changed) => format!(
                "the state in `{folder}` is of another version of this solution; `{keeper}` of this version rebuilds it"
            ),
            (None, Found::Empty | Found::Same) => {
                format!("the state in `{folder}` is empty; `{keeper}` fills it, once it is started there")
            }
        }
    }

    /// Looks at which generation is there.
    fn look(&mut self, tell: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        self.looked = Instant::now();
        let (folder, found) = self.folder.again(&self.plan)?;
        let is_other = found != self.found || folder.generation() != self.folder.generation();
        (self.folder, self.found) = (folder, found);
        if is_other && self.follower.take().is_some() {
            // What the copy holds was kept by a worker that has ended: nobody adds to it any more.
            tell(match self.stays() {
                true => "another version of this solution has taken the state over: answers stay as of now",
                false => {
                    "the state has begun anew: not ready until the worker that keeps the features has rebuilt them"
                }
            });
        }
        if (is_other || !self.reads.ready()) && !self.stays() {
            self.explain();
        }
        if self.follower.is_none() && found == Found::Same {
            self.begin()?;
        }
        Ok(())
    }

    /// Whether it goes on answering from a whole copy that nobody adds to: until processes of the version that has the state
    /// have rebuilt it and stand in for this one, somebody has to.
    fn stays(&self) -> bool {
        self.found == Found::Changed && self.reads.ready()
    }

    fn begin(&mut self) -> Result<(), RunError> {
        self.still = Instant::now();
        self.store.clear();
        let task = task_of(&self.folder.generation(), &self.keeper);
        let log = Box::new(EmbeddedLog::open(self.folder.log(), Options::default())?);
        let lake = Box::new(FolderLake::open(&self.folder.lake())?);
        let store = Arc::clone(&self.store);
        self.follower = Some(Follower::new(log, lake, task, FIRST_PRIVATE, store, Arc::clone(&self.reads)));
        Ok(())
    }

    fn explain(&self) {
        self.reads.set_waiting(self.reason());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use flow_learn::Registry;
    use flow_log::block::HISTORY;
    use flow_log::{Block, Cut, Log, Outcome, Sequence, TableId, Writes};

    use super::*;

    /// A worker of a version of the solution: begins its generation, and commits one state, of a key that is there in each
    /// and of one of its own.
    fn works(root: &Path, plan: &str, value: &str) {
        commits(root, plan, value, 1, true);
    }

    /// A worker of a version of the solution: goes on with its generation, and commits a block of it.
    fn commits(root: &Path, plan: &str, value: &str, number: u64, has_history: bool) {
        let (mut folder, _) = StateFolder::open(root, "shop", plan).unwrap();
        folder.save().unwrap();
        let mut log = EmbeddedLog::open(folder.log(), Options::default()).unwrap();
        let task = task_of(&folder.generation(), "keeper");
        log.own(&task).unwrap();
        let mut writes = Writes::new();
        writes.put(TableId(0), b"key", value.as_bytes());
        writes.put(TableId(0), value.as_bytes(), b"there");
        let frontiers = has_history.then(|| (Arc::from(HISTORY), 1)).into_iter().collect();
        let block = Block { sequence: Sequence(number), cut: Cut::default(), frontiers, writes };
        let mut transaction = log.begin().unwrap();
        transaction.block(&task, &block).unwrap();
        transaction.positions(&task, &block.cut).unwrap();
        assert!(matches!(transaction.commit(), Outcome::Committed));
    }

    /// A worker of a version that has begun its generation, and has committed nothing.
    fn begins(root: &Path, plan: &str) {
        StateFolder::open(root, "shop", plan).unwrap().0.save().unwrap();
    }

    struct Copied {
        following: Following,
        reads: Arc<LiveReads>,
        told: usize,
    }

    impl Copied {
        /// What it holds, whether it is ready, and what it waits for, after a look at the folder.
        fn now(&mut self) -> (Option<String>, bool, String) {
            self.following.look(&mut |_| self.told += 1).unwrap();
            while self.following.step(&mut |_| {}).unwrap() {}
            let mut found = None;
            let mut visit = |value: &[u8]| found = Some(String::from_utf8_lossy(value).into_owned());
            self.reads.state(0, b"key", &mut visit).unwrap();
            (found, self.reads.ready(), self.reads.waiting())
        }
    }

    fn copy(root: &Path, plan: &str) -> Copied {
        let store = Arc::new(MemoryFeatureStore::new());
        let registry = Arc::new(Registry::new(root.join("models")));
        let reads = Arc::new(LiveReads::new(Arc::clone(&store) as _, registry, Vec::new()));
        let opened = StateFolder::open(root, "shop", plan).unwrap();
        let following = Following::new(opened, plan, "keeper", (store, Arc::clone(&reads))).unwrap();
        Copied { following, reads, told: 0 }
    }

    #[test]
    fn a_copy_follows_the_generation_of_its_plan_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut ours = copy(root, "a");
        let (found, ready, reason) = ours.now();
        assert_eq!((found, ready), (None, false));
        assert!(reason.contains("is empty") && reason.contains("`keeper`"), "{reason}");
        works(root, "a", "one");
        assert_eq!(ours.now().0.as_deref(), Some("one"));
        assert!(ours.reads.ready());
        // Another version takes the state over: what we have is of a generation that nobody adds to, and whole.
        works(root, "b", "two");
        let (found, ready, _) = ours.now();
        assert_eq!((found.as_deref(), ready), (Some("one"), true));
        assert_eq!(copy(root, "b").now().0.as_deref(), Some("two"));
        let (found, ready, reason) = copy(root, "a").now();
        assert_eq!((found, ready), (None, false), "who begins now has nothing to answer from");
        assert!(reason.contains("another version"), "{reason}");
        // The generation that would be ours is begun by a third version: it is none of ours.
        works(root, "c", "three");
        let (found, ready, _) = ours.now();
        assert_eq!((found.as_deref(), ready), (Some("one"), true));
        // And back again: nothing is left of what the generation before it held.
        works(root, "a", "four");
        assert_eq!((ours.now().0.as_deref(), ours.reads.ready()), (Some("four"), true));
        ours.reads.state(0, b"one", &mut |_| panic!("it was begun anew")).unwrap();
        assert_eq!(ours.told, 1, "it is told once that another version has the state");
        // A copy that is not whole is nothing to answer from.
        let mut early = copy(root, "d");
        begins(root, "d");
        assert!(!early.now().1);
        works(root, "e", "five");
        let (_, ready, reason) = early.now();
        assert!(!ready && reason.contains("another version"), "{reason}");
        assert_eq!(early.told, 1);
    }

    #[test]
    fn a_copy_that_waits_says_how_far_the_worker_is_and_each_commit_is_news() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        begins(root, "a");
        let mut ours = copy(root, "a");
        assert!(ours.now().2.contains("has committed nothing yet"));
        for number in 1..4 {
            commits(root, "a", "value", number, false);
            let before = Instant::now();
            std::thread::sleep(Duration::from_millis(20));
            let (found, ready, _) = ours.now();
            assert_eq!((found.as_deref(), ready), (Some("value"), false));
            assert!(ours.following.still() < before.elapsed(), "block {number} is nothing new");
            let (.., reason) = ours.now();
            assert!(reason.contains(&format!("has committed {number} times")), "{reason}");
        }
        commits(root, "a", "value", 4, true);
        assert!(ours.now().1, "history is applied");
    }

    #[test]
    fn a_copy_of_a_solution_whose_state_is_taken_by_another_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = copy(folder.path(), "a");
        let (mut other, _) = StateFolder::open(folder.path(), "bank", "z").unwrap();
        other.save().unwrap();
        let error = ours.following.look(&mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("`bank`") && error.contains("--state"), "{error}");
    }
}
