//! What services of a run read: the feature store as the stream has filled it, the newest models.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use fec_ir::{Ir, NodeId};
use flow_learn::Registry;
use flow_log::Cut;
use flow_store::FeatureStore;

use crate::error::LocalError;
use crate::service::{Prediction, PublishedModel, Reads};
use crate::stream::feature_table;

/// The reads of a running solution.
pub struct LiveReads {
    ir: Arc<Ir>,
    store: Arc<dyn FeatureStore>,
    registry: Arc<Registry>,
    models: RwLock<BTreeMap<String, Arc<PublishedModel>>>,
    tables: BTreeMap<NodeId, flow_store::SetId>,
    now: AtomicI64,
    cut: RwLock<String>,
    ready: AtomicBool,
    commits: AtomicU64,
}

impl LiveReads {
    /// Reads of `store`, before anything was applied.
    #[must_use]
    pub fn new(ir: Arc<Ir>, store: Arc<dyn FeatureStore>, registry: Arc<Registry>) -> Self {
        let tables = ir.features.iter().filter_map(|set| Some((set.node, feature_table(&ir, set.node)?))).collect();
        Self {
            ir,
            store,
            registry,
            models: RwLock::default(),
            tables,
            now: AtomicI64::new(0),
            cut: RwLock::default(),
            ready: AtomicBool::new(false),
            commits: AtomicU64::new(0),
        }
    }

    /// Loads the newest version of each model; tells of files that were passed over.
    pub fn reload(&self, tell: &mut dyn FnMut(String)) {
        let mut found = BTreeMap::new();
        for model in &self.ir.models {
            match self.registry.latest(&model.name) {
                Ok(latest) => {
                    for ignored in latest.ignored {
                        tell(ignored.to_string());
                    }
                    if let Some(version) = latest.found {
                        let prediction = Prediction::Ensemble(Arc::new(version.publication.ensemble));
                        found.insert(
                            model.name.clone(),
                            Arc::new(PublishedModel { version: version.version, prediction }),
                        );
                    }
                }
                Err(error) => tell(error.to_string()),
            }
        }
        if let Ok(mut models) = self.models.write() {
            *models = found;
        }
    }

    /// Everything up to `cut` is applied: requests are answered at `now`.
    pub fn applied(&self, now: i64, cut: &Cut) {
        self.now.store(now, Ordering::Release);
        self.commits.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut text) = self.cut.write() {
            *text = cut.to_string();
        }
    }

    /// All history is applied.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Lines for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> String {
        let seconds = self.now() as f64 / 1e6;
        format!(
            "# TYPE fec_applied_time_seconds gauge\nfec_applied_time_seconds {seconds}\n# TYPE fec_commits_total counter\nfec_commits_total {}\n",
            self.commits.load(Ordering::Relaxed)
        )
    }
}

impl Reads for LiveReads {
    fn now(&self) -> i64 {
        self.now.load(Ordering::Acquire)
    }

    fn state(&self, features: NodeId, key: &[u8]) -> Result<Option<Vec<u8>>, LocalError> {
        let Some(table) = self.tables.get(&features) else { return Ok(None) };
        let mut found = None;
        self.store
            .read(*table, &[key], &mut |_, value| found = value.map(<[u8]>::to_vec))
            .map_err(|error| LocalError::Environment(error.to_string()))?;
        Ok(found)
    }

    fn model(&self, name: &str) -> Option<Arc<PublishedModel>> {
        self.models.read().ok()?.get(name).cloned()
    }

    fn cut(&self) -> String {
        self.cut.read().map(|cut| cut.clone()).unwrap_or_default()
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
