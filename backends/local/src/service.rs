//! The online plane: services compiled once, each request answered from the state that feature sets have reached.
//!
//! [`Services`] knows the plan and no store: what it reads comes through [`Reads`], so that `run`, `show` and tests use the
//! same code. A request is a batch of one; its statements run in the order written.

mod body;
mod endpoint;
mod expectation;
mod openapi;
mod program;
mod reads;
mod rows;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fec_ir::ir::{FlowPlan, ViewInfo};
use fec_ir::{Ir, NodeId, Op};
use fec_model::model::Plane;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::trees::Ensemble;
use flow_core::types::Kind;
use flow_core::value::Value;

pub use endpoint::Health;
pub use expectation::Verdict;
pub use rows::Given;

use crate::error::LocalError;
use crate::expr::Names;
use crate::tables::{Loaded, Tables};
use program::{Plan, compile};
use reads::{Keyed, Set, sets};
use run::Run;

/// What a service reads besides its request. Called from several threads at once.
pub trait Reads: Send + Sync {
    /// The instant at which requests are answered, microseconds since the epoch.
    fn now(&self) -> i64;

    /// The stored state of a key of an [`Op::Features`] node, as the operator froze it; nothing where the key has none.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn state(&self, features: NodeId, key: &[u8]) -> Result<Option<Vec<u8>>, LocalError>;

    /// The newest version of a model; nothing before the first.
    fn model(&self, name: &str) -> Option<Arc<PublishedModel>>;

    /// The cut that the state is of, as the header `fec-cut` names it.
    fn cut(&self) -> String;

    /// Whether all history is applied.
    fn ready(&self) -> bool;
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedModel {
    /// 1, 2, 3 …
    pub version: u64,
    /// What it answers.
    pub prediction: Prediction,
}

/// How a model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// As it was trained.
    Ensemble(Arc<Ensemble>),
    /// Always the same: `given … returns` of a test.
    Fixed(Value),
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The value, of the service's result type.
    pub value: Value,
    /// Whether a fallback stood in for a binding.
    pub fallback: bool,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// There is no such service.
    Unknown(String),
    /// The response needs a value that cannot be computed.
    Fault(Fault),
    /// The service's `@deadline` has passed.
    Deadline(Duration),
    /// The response needs a binding whose `@timeout` has passed.
    Timeout(String),
    /// The response needs a store that cannot be read.
    Unavailable(String),
}

impl RequestError {
    /// The HTTP status for it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown(_) => 404,
            Self::Fault(_) => 500,
            Self::Deadline(_) | Self::Timeout(_) => 504,
            Self::Unavailable(_) => 503,
        }
    }

    /// The code under which a response names it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "not_found",
            Self::Fault(fault) => fault.code(),
            Self::Deadline(_) => "deadline",
            Self::Timeout(_) => "timeout",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) => write!(f, "there is no service `{path}`"),
            Self::Fault(fault) => write!(f, "a value that the response needs cannot be computed: {fault}"),
            Self::Deadline(after) => write!(f, "there was no answer within the deadline of {after:?}"),
            Self::Timeout(binding) => {
                write!(f, "`{binding}`, which the response needs, was not there in time; give it a `@fallback`")
            }
            Self::Unavailable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RequestError {}

/// A service.
struct Service {
    /// Its place among the plan's flows.
    flow: usize,
    plan: Plan,
    result: Kind,
}

/// All services of a solution.
pub struct Services {
    ir: Arc<Ir>,
    names: Names,
    slots: Vec<Value>,
    tables: Arc<Tables>,
    sets: BTreeMap<String, Set>,
    keyed: BTreeMap<String, Keyed>,
    /// Views over tables that have versions.
    changing: BTreeMap<String, ViewInfo>,
    services: BTreeMap<String, Service>,
}

impl Services {
    /// Compiles the services of a plan. `slots` are the values of the solution's parameters, whose places `names` knows;
    /// `tables` are the table sources, loaded.
    ///
    /// # Errors
    /// A plan that no checked solution has.
    pub fn new(ir: Arc<Ir>, names: Names, slots: Vec<Value>, tables: Arc<Tables>) -> Result<Self, LocalError> {
        let sets = sets(&ir, &names)?;
        let mut keyed = BTreeMap::new();
        for source in &ir.sources {
            if let Some(loaded) = tables.get(&source.name) {
                keyed.insert(source.name.clone(), Keyed::new(&source.name, loaded)?);
            }
        }
        let mut services =
            Self { ir, names, slots, tables, sets, keyed, changing: BTreeMap::new(), services: BTreeMap::new() };
        services.views()?;
        let ir = Arc::clone(&services.ir);
        for (flow, declared) in ir.flows.iter().enumerate() {
            if declared.plane != Plane::Online {
                continue;
            }
            let settings = &declared.settings;
            let deadline = settings.deadline.into_iter().chain(settings.timeout).min();
            let plan = compile(&ir, &services.names, &declared.nodes, deadline)?;
            let result = declared.result.as_ref().map(|result| services.names.enums.kind(&result.kind));
            let result = result.ok_or_else(|| LocalError::Plan(format!("`{}` has no result", declared.path)))?;
            services.services.insert(declared.path.clone(), Service { flow, plan, result });
        }
        Ok(services)
    }

    /// Finds the views that are read by key. One over constant tables is a constant of the release.
    fn views(&mut self) -> Result<(), LocalError> {
        let ir = Arc::clone(&self.ir);
        for view in &ir.views {
            let scans = program::upstream(&ir, view.node).into_iter().filter_map(|id| match &ir.graph.get(id)?.op {
                Op::Scan { source } => Some(self.keyed.get(source)),
                _ => None,
            });
            let tables: Option<Vec<&Keyed>> = scans.collect();
            let Some(tables) = tables else { continue };
            if tables.iter().any(|table| table.is_versioned) {
                self.changing.insert(view.name.clone(), view.clone());
            } else {
                let keyed = self.view(view, 0)?;
                self.keyed.insert(view.name.clone(), keyed);
            }
        }
        Ok(())
    }

    /// The rows of a view over tables as they are at an instant, by its key; of several with one key the last in order.
    fn view(&self, view: &ViewInfo, at: i64) -> Result<Keyed, LocalError> {
        let relation = program::free(&self.ir, &self.names, view.node)?;
        let plan = Plan::empty();
        let run = Run::new(self, &plan, &[], at, &Nothing, false);
        let rows =
            run.ordered(&relation, view.node).map_err(|fail| LocalError::Plan(RequestError::from(fail).to_string()))?;
        let schema = Arc::new(self.names.enums.schema(&view.columns));
        Keyed::new(&view.name, &Loaded { schema, rows, key: view.key.clone(), version: None })
    }

    /// The row of a table or view for a key at an instant.
    fn row(&self, table: &str, key: &[Value], at: i64) -> Result<Option<Column>, LocalError> {
        if let Some(keyed) = self.keyed.get(table) {
            return Ok(keyed.read(key, at));
        }
        match self.changing.get(table) {
            Some(view) => Ok(self.view(view, at)?.read(key, at)),
            None => Err(LocalError::Plan(format!("there is no table `{table}`"))),
        }
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
    ) -> Result<Vec<Result<Value, Fault>>, LocalError> {
        match self.sets.get(set) {
            Some(set) => set.read(key, at, &self.slots, reads),
            None => Err(LocalError::Plan(format!("there is no feature set `{set}`"))),
        }
    }

    /// Answers a request to the service at `path` (`engine.name`, or `name`) at `now`. `arguments` are its parameters in
    /// order; without `timeouts` no `@timeout` and no `@deadline` fires.
    ///
    /// # Errors
    /// What the response needs and cannot have.
    pub fn request(
        &self,
        path: &str,
        arguments: &[Value],
        now: i64,
        reads: &dyn Reads,
        timeouts: bool,
    ) -> Result<Reply, RequestError> {
        let service = self.services.get(path).ok_or_else(|| RequestError::Unknown(path.to_owned()))?;
        let mut run = Run::new(self, &service.plan, arguments, now, reads, timeouts);
        match run.answer()? {
            Some(value) => Ok(Reply { value, fallback: run.fallback }),
            None => {
                Err(RequestError::Unavailable(format!("`{path}` has no answer, which is a defect of the compiler")))
            }
        }
    }

    /// The services in the order of their paths, with what was declared of them.
    fn declared(&self) -> impl Iterator<Item = (&FlowPlan, &Service)> {
        self.services.values().filter_map(|service| Some((self.ir.flows.get(service.flow)?, service)))
    }
}

/// The reads of what reads nothing.
struct Nothing;

impl Reads for Nothing {
    fn now(&self) -> i64 {
        0
    }

    fn state(&self, _features: NodeId, _key: &[u8]) -> Result<Option<Vec<u8>>, LocalError> {
        Ok(None)
    }

    fn model(&self, _name: &str) -> Option<Arc<PublishedModel>> {
        None
    }

    fn cut(&self) -> String {
        String::new()
    }

    fn ready(&self) -> bool {
        true
    }
}
