//! A graph of operators, and what its parts stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_core::types::Schema;
use flow_operators::graph::{Graph, NodeId};

use crate::error::RunError;
use crate::spec::SourceSpec;

/// A place where rows leave a dataflow: the number of the plan's node whose rows they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tap(pub u32);

/// A graph of operators, and what its parts stand for.
pub struct Dataflow {
    /// The operators.
    pub graph: Graph,
    /// What each sink of the graph stands for, in the order of the sinks.
    pub taps: Vec<Tap>,
    /// All sources of the solution. Streams that nothing reads are judged and counted all the same, for T is after the
    /// last arrival of all.
    pub sources: Arc<[SourceSpec]>,
    /// The sources that feed it.
    pub read: BTreeSet<u32>,
    /// The stable name of each operator: its state is found again by it.
    pub names: BTreeMap<NodeId, String>,
    /// Columns of each tap.
    pub schemas: BTreeMap<Tap, Arc<Schema>>,
}

/// Makes a new instance of a dataflow, without state: a replay that is restarted needs two.
pub type Build<'a> = &'a dyn Fn() -> Result<Dataflow, RunError>;
