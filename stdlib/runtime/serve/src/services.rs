//! All services of a process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_core::batch::Batch;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::{Kind, Schema};
use flow_core::value::Value;
use flow_operators::keyed_rows::RowReader;

use crate::emits::Emitted;
use crate::error::{RequestError, ServeError};
use crate::plan::{Plan, Work};
use crate::reads::{Moment, PublishedModel, Reads};
use crate::relation::Ordered;
use crate::run::Run;
use crate::sets::FeatureView;
use crate::tables::Keyed;

/// A service.
#[derive(Clone)]
pub struct Service {
    /// Its path in the solution: `engine.name`, or `name`.
    pub path: String,
    /// `GET` or `POST`, and the path of its route, such as `/home/:user`; nothing where only other services call it.
    pub route: Option<(&'static str, String)>,
    /// Its parameters in order.
    pub parameters: Schema,
    /// What it answers.
    pub result: Kind,
    /// Its statements.
    pub plan: Plan,
}

/// A view that services read by key: over tables alone.
#[derive(Clone)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its rows; of several with one key the last in order counts.
    pub rows: Ordered,
    /// Its columns.
    pub schema: Arc<Schema>,
    /// Its key.
    pub key: Vec<String>,
}

/// A view over streams that services read by key, from what the worker keeps of it.
#[derive(Clone)]
pub struct KeptView {
    name: String,
    table: u32,
    reader: RowReader,
}

impl KeptView {
    /// The view `name` with rows of `schema`, whose state lies in a table.
    #[must_use]
    pub fn new(name: &str, table: u32, schema: Arc<Schema>) -> Self {
        Self { name: name.to_owned(), table, reader: RowReader::new(schema) }
    }

    /// The row that a key holds, as a column of one record.
    fn read(&self, key: &[Value], reads: &dyn Reads) -> Result<Option<Column>, ServeError> {
        let Some(key) = self.reader.key(key) else { return Ok(None) };
        let mut read = Ok(None);
        reads.state(self.table, &key, &mut |stored| read = self.reader.read(stored))?;
        Ok(read?)
    }

    /// The rows that keys hold, each once, without a place.
    fn rows(&self, keys: &[Vec<Value>], reads: &dyn Reads) -> Result<Batch, ServeError> {
        let keys: BTreeSet<Vec<u8>> = keys.iter().filter_map(|key| self.reader.key(key)).collect();
        let mut stored = Vec::with_capacity(keys.len());
        for key in &keys {
            reads.state(self.table, key, &mut |found| stored.push(found.to_vec()))?;
        }
        Ok(self.reader.rows(stored.iter().map(Vec::as_slice))?)
    }
}

/// What the services of a solution are made of.
pub struct Solution {
    /// The values of the solution's parameters.
    pub slots: Vec<Value>,
    /// Feature sets.
    pub features: Vec<FeatureView>,
    /// Tables, loaded.
    pub tables: Vec<Keyed>,
    /// Views over them.
    pub views: Vec<View>,
    /// Views over streams.
    pub kept: Vec<KeptView>,
    /// The names of models.
    pub models: Vec<String>,
    /// The services.
    pub services: Vec<Service>,
    /// The OpenAPI document, JSON.
    pub document: String,
}

impl Solution {
    /// The tables that its services and views read; views are among them.
    #[must_use]
    pub fn tables_read(&self) -> BTreeSet<&str> {
        let views = self.views.iter().flat_map(|view| view.rows.rows.tables());
        self.services.iter().flat_map(|service| service.plan.tables()).chain(views).collect()
    }
}

impl Default for Solution {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            features: Vec::new(),
            tables: Vec::new(),
            views: Vec::new(),
            kept: Vec::new(),
            models: Vec::new(),
            services: Vec::new(),
            document: "{}".to_owned(),
        }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The value, of the service's result type.
    pub value: Value,
    /// Whether a fallback stood in for a binding.
    pub fallback: bool,
    /// What goes to sinks.
    pub emitted: Vec<Emitted>,
    /// Rows, and whole statements, that cannot be emitted.
    pub left_out: usize,
}

impl Reply {
    /// A value that was computed, and nothing else.
    pub(crate) fn of(value: Value) -> Self {
        Self { value, fallback: false, emitted: Vec::new(), left_out: 0 }
    }
}

/// All services of a process.
pub struct Services {
    slots: Vec<Value>,
    features: BTreeMap<String, FeatureView>,
    tables: BTreeMap<String, Keyed>,
    /// Views over tables that have versions.
    changing: BTreeMap<String, View>,
    /// Views over streams.
    kept: BTreeMap<String, KeptView>,
    services: BTreeMap<String, Service>,
    models: Vec<String>,
    document: String,
}

impl Services {
    /// Makes services ready for requests: a view over tables without versions is computed here, once.
    ///
    /// # Errors
    /// A view that cannot be computed, or a document that is no JSON.
    pub fn new(solution: Solution) -> Result<Self, ServeError> {
        let document = serde_json::from_str::<serde_json::Value>(&solution.document)
            .map_err(|error| ServeError::Plan(format!("the OpenAPI document is no JSON: {error}")))?;
        let mut services = Self {
            slots: solution.slots,
            features: solution.features.into_iter().map(|set| (set.name.clone(), set)).collect(),
            tables: solution.tables.into_iter().map(|table| (table.name().to_owned(), table)).collect(),
            changing: BTreeMap::new(),
            kept: solution.kept.into_iter().map(|view| (view.name.clone(), view)).collect(),
            services: solution.services.into_iter().map(|service| (service.path.clone(), service)).collect(),
            models: solution.models,
            document: document.to_string(),
        };
        for view in solution.views {
            let is_versioned = |name: &&str| services.tables.get(*name).is_some_and(Keyed::is_versioned);
            if view.rows.rows.tables().iter().any(is_versioned) {
                services.changing.insert(view.name.clone(), view);
            } else {
                let keyed = services.view(&view, 0)?;
                services.tables.insert(view.name, keyed);
            }
        }
        Ok(services)
    }

    /// The rows of a view over tables as they are at an instant, by its key; of several with one key the last in order.
    fn view(&self, view: &View, at: i64) -> Result<Keyed, ServeError> {
        let plan = Plan::default();
        let run = Run::new(self, &plan, Vec::new(), at, &Nothing, false);
        let rows = run.ordered(&view.rows).map_err(|fail| ServeError::Plan(RequestError::from(fail).to_string()))?;
        Keyed::new(&view.name, &view.schema, rows, &view.key, None)
    }

    /// The row of a table or view for a key at an instant.
    pub(crate) fn row(
        &self,
        table: &str,
        key: &[Value],
        at: i64,
        reads: &dyn Reads,
    ) -> Result<Option<Column>, ServeError> {
        if let Some(view) = self.kept.get(table) {
            return view.read(key, reads);
        }
        if let Some(keyed) = self.tables.get(table) {
            return Ok(keyed.read(key, at));
        }
        match self.changing.get(table) {
            Some(view) => Ok(self.view(view, at)?.read(key, at)),
            None => Err(ServeError::Plan(format!("there is no table `{table}`"))),
        }
    }

    /// The rows that a view over streams keeps of some keys.
    pub(crate) fn kept_rows(&self, view: &str, keys: &[Vec<Value>], reads: &dyn Reads) -> Result<Batch, ServeError> {
        let missing = || ServeError::Plan(format!("there is no view `{view}` over streams"));
        self.kept.get(view).ok_or_else(missing)?.rows(keys, reads)
    }

    /// The table, or view that does not change, of a name.
    pub(crate) fn keyed(&self, table: &str) -> Option<&Keyed> {
        self.tables.get(table)
    }

    /// The feature set of a name.
    pub(crate) fn set(&self, name: &str) -> Result<&FeatureView, ServeError> {
        self.features.get(name).ok_or_else(|| ServeError::Plan(format!("there is no feature set `{name}`")))
    }

    /// The values of the solution's parameters.
    pub(crate) fn slots(&self) -> &[Value] {
        &self.slots
    }

    /// A feature set's columns in declared order, each a value or the fault of its computation, for a key at an instant.
    ///
    /// # Errors
    /// A set that is not there, or a store that cannot be read.
    pub fn read_features(
        &self,
        set: &str,
        key: &[Value],
        at: i64,
        reads: &dyn Reads,
    ) -> Result<Vec<Result<Value, Fault>>, ServeError> {
        self.set(set)?.read(key, at, &self.slots, reads)
    }

    /// Answers a request to the service at `path` (`engine.name`, or `name`) at `now`. `arguments` are its parameters in
    /// order; without `timeouts` no `@timeout` and no `@deadline` fires.
    ///
    /// # Errors
    /// What the response needs and cannot have.
    pub fn request(
        &self,
        path: &str,
        arguments: Vec<Value>,
        now: i64,
        reads: &dyn Reads,
        timeouts: bool,
    ) -> Result<Reply, RequestError> {
        let service = self.services.get(path).ok_or_else(|| RequestError::Unknown(path.to_owned()))?;
        let mut run = Run::new(self, &service.plan, arguments, now, reads, timeouts);
        match run.answer()? {
            Some(value) => {
                let (emitted, left_out) = run.take_emitted();
                Ok(Reply { value, fallback: run.fallback(), emitted, left_out })
            }
            None => {
                Err(RequestError::Unavailable(format!("`{path}` has no answer, which is a defect of the compiler")))
            }
        }
    }

    /// The service of a path.
    #[must_use]
    pub fn service(&self, path: &str) -> Option<&Service> {
        self.services.get(path)
    }

    /// The services in the order of their paths.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// The names of models.
    pub(crate) fn models(&self) -> &[String] {
        &self.models
    }

    /// The sinks to which services emit.
    #[must_use]
    pub fn sinks(&self) -> BTreeSet<&str> {
        let steps = self.services.values().flat_map(|service| &service.plan.steps);
        let sinks = steps.filter_map(|step| match &step.work {
            Work::Emit { sink, .. } => Some(sink.as_str()),
            _ => None,
        });
        sinks.collect()
    }

    /// The OpenAPI document, JSON without blanks.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }
}

/// The reads of what reads nothing.
struct Nothing;

impl Reads for Nothing {
    fn moment(&self) -> Arc<Moment> {
        Arc::new(Moment::new(0, ""))
    }

    fn state(&self, _table: u32, _key: &[u8], _found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        Ok(())
    }

    fn model(&self, _name: &str) -> Option<Arc<PublishedModel>> {
        None
    }

    fn ready(&self) -> bool {
        true
    }
}
