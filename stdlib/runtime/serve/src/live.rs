//! What services of a running solution read: the feature store as it has been filled, the newest models.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use flow_learn::Registry;
use flow_log::Cut;
use flow_store::{FeatureStore, SetId};
use flow_task::Freshness;

use crate::error::ServeError;
use crate::reads::{Moment, Prediction, PublishedModel, Reads};

/// The reads of a running solution.
pub struct LiveReads {
    store: Arc<dyn FeatureStore>,
    registry: Arc<Registry>,
    names: Vec<String>,
    /// The instant at which all requests are answered, where somebody chose one.
    at: Option<i64>,
    models: RwLock<BTreeMap<String, Arc<PublishedModel>>>,
    moment: RwLock<Arc<Moment>>,
    ready: AtomicBool,
    waiting: Mutex<String>,
    commits: AtomicU64,
    freshness: Freshness,
    /// How far everything is applied.
    cut: RwLock<Cut>,
    /// The greatest versions that were there at the last look, whether they could be read or not.
    looked: Mutex<Vec<Option<u64>>>,
}

impl LiveReads {
    /// Reads of `store` and of the newest versions of `models` in `registry`, before anything was applied or loaded.
    #[must_use]
    pub fn new(store: Arc<dyn FeatureStore>, registry: Arc<Registry>, models: Vec<String>) -> Self {
        Self {
            store,
            registry,
            names: models,
            at: None,
            models: RwLock::default(),
            moment: RwLock::new(Arc::new(Moment::new(0, ""))),
            ready: AtomicBool::new(false),
            waiting: Mutex::default(),
            commits: AtomicU64::new(0),
            freshness: Freshness::default(),
            cut: RwLock::default(),
            looked: Mutex::default(),
        }
    }

    /// Answers all requests at `at`, or later where more than that has been applied; without it, when all that was applied
    /// had arrived.
    #[must_use]
    pub fn standing(self, at: Option<i64>) -> Self {
        Self { at, moment: RwLock::new(Arc::new(Moment::new(at.unwrap_or(0), ""))), ..self }
    }

    /// Tells in its metrics how fresh features are, too.
    #[must_use]
    pub fn telling(self, freshness: Freshness) -> Self {
        Self { freshness, ..self }
    }

    /// Loads the newest version of each model; tells of files that were passed over.
    pub fn reload(&self, tell: &mut dyn FnMut(String)) {
        let mut found = BTreeMap::new();
        for name in &self.names {
            match self.registry.latest(name) {
                Ok(latest) => {
                    for ignored in latest.ignored {
                        tell(ignored.to_string());
                    }
                    if let Some(version) = latest.found {
                        let prediction = Prediction::Ensemble(Arc::new(version.publication.ensemble));
                        let published = PublishedModel { version: version.version, prediction };
                        found.insert(name.clone(), Arc::new(published));
                    }
                }
                Err(error) => tell(error.to_string()),
            }
        }
        if let Ok(mut models) = self.models.write() {
            *models = found;
        }
    }

    /// [`Self::reload`], where a version has been added since the last look: for who looks again and again.
    pub fn refresh(&self, tell: &mut dyn FnMut(String)) {
        // What cannot be listed is told by the reload.
        let there: Vec<_> = self.names.iter().map(|name| self.registry.newest(name).ok().flatten()).collect();
        if let Ok(mut looked) = self.looked.lock() {
            if *looked == there {
                return;
            }
            *looked = there;
        }
        self.reload(tell);
    }

    /// Everything up to `cut` is applied: requests are answered at `now`, microseconds since the epoch.
    pub fn applied(&self, now: i64, cut: &Cut) {
        let next = Arc::new(Moment::new(self.at.map_or(now, |at| at.max(now)), &cut.to_string()));
        self.commits.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut known) = self.cut.write() {
            known.clone_from(cut);
        }
        if let Ok(mut moment) = self.moment.write() {
            *moment = next;
        }
    }

    /// All history is applied.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Not all of history is applied, or not any more; `why` says what has to happen.
    pub fn set_waiting(&self, why: impl Into<String>) {
        self.ready.store(false, Ordering::Release);
        if let Ok(mut waiting) = self.waiting.lock() {
            *waiting = why.into();
        }
    }

    /// Lines for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> String {
        let seconds = self.moment().now() as f64 / 1e6;
        let commits = self.commits.load(Ordering::Relaxed);
        let fresh = self.cut.read().map(|cut| self.freshness.lines(&cut)).unwrap_or_default();
        format!(
            "{fresh}# TYPE fec_applied_time_seconds gauge\nfec_applied_time_seconds {seconds}\n\
             # TYPE fec_commits_total counter\nfec_commits_total {commits}\n"
        )
    }
}

impl Reads for LiveReads {
    fn moment(&self) -> Arc<Moment> {
        // Nothing panics while it holds the lock.
        match self.moment.read() {
            Ok(moment) => Arc::clone(&moment),
            Err(poisoned) => Arc::clone(&poisoned.into_inner()),
        }
    }

    fn state(&self, table: u32, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        let mut visit = |_: usize, value: Option<&[u8]>| {
            if let Some(value) = value {
                found(value);
            }
        };
        match self.store.read(SetId(table), &[key], &mut visit) {
            Ok(_) => Ok(()),
            Err(error) => Err(ServeError::Unavailable(error.to_string())),
        }
    }

    fn model(&self, name: &str) -> Option<Arc<PublishedModel>> {
        self.models.read().ok()?.get(name).cloned()
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    fn waiting(&self) -> String {
        self.waiting.lock().map(|waiting| waiting.clone()).unwrap_or_default()
    }
}
