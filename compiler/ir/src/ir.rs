//! The whole solution as backends read it: declarations and the DAG.

use std::collections::BTreeMap;

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::model::{FlowSettings, Param, Plane, PublishedModel, RecordDecl, Shape, Sink, Source, Target};
use fec_model::types::{Column, Columns, Type};
use serde::Serialize;

use crate::graph::{Graph, NodeId};
use crate::op::Op;

/// A solution, lowered.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ir {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Docs of the solution.
    pub description: String,
    /// IANA zone of `date()` and `hour()`.
    pub timezone: String,
    /// Enumerations.
    pub enums: BTreeMap<Symbol, Vec<Symbol>>,
    /// Named record types.
    pub types: BTreeMap<Symbol, RecordDecl>,
    /// Parameters.
    pub params: Vec<Param>,
    /// Names of secrets.
    pub secrets: Vec<Symbol>,
    /// Sources by name.
    pub sources: Vec<Source>,
    /// Sinks by name.
    pub sinks: Vec<Sink>,
    /// Feature sets.
    pub features: Vec<FeatureInfo>,
    /// Views that can be read by key.
    pub views: Vec<ViewInfo>,
    /// Published models.
    pub models: Vec<PublishedModel>,
    /// Jobs, streams, services.
    pub flows: Vec<FlowPlan>,
    /// Targets.
    pub targets: Vec<Target>,
    /// Tests.
    pub tests: Vec<TestPlan>,
    /// The nodes.
    pub graph: Graph,
}

/// A feature set and the node that keeps it.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureInfo {
    /// Name.
    pub name: Symbol,
    /// Docs.
    pub docs: String,
    /// Key columns.
    pub keys: Vec<Column>,
    /// Columns as declared.
    pub columns: Columns,
    /// The [`Op::Features`](crate::op::Op::Features) node.
    pub node: NodeId,
    /// Place.
    pub span: Span,
}

/// A view and the node that gives its rows.
#[derive(Debug, Clone, Serialize)]
pub struct ViewInfo {
    /// Name.
    pub name: Symbol,
    /// Key columns.
    pub key: Vec<Symbol>,
    /// Columns.
    pub columns: Columns,
    /// Node.
    pub node: NodeId,
    /// Over streams: the [`Op::KeyedRows`](crate::op::Op::KeyedRows) node that keeps the last row of each key.
    pub kept: Option<NodeId>,
    /// Place.
    pub span: Span,
}

/// A job, stream or service.
#[derive(Debug, Clone, Serialize)]
pub struct FlowPlan {
    /// Engine.
    pub engine: Option<Symbol>,
    /// Name.
    pub name: Symbol,
    /// `engine.name`, or the name alone.
    pub path: String,
    /// Docs.
    pub docs: String,
    /// Plane.
    pub plane: Plane,
    /// Parameters with defaults.
    pub params: Vec<(Column, Option<Expr>)>,
    /// A service's result.
    pub result: Option<Type>,
    /// Attributes.
    pub settings: FlowSettings,
    /// The nodes that stand for its statements, in the order written: bindings, emits, publishes, responds.
    pub nodes: Vec<NodeId>,
    /// Place.
    pub span: Span,
}

/// A test.
#[derive(Debug, Clone, Serialize)]
pub struct TestPlan {
    /// What it says.
    pub name: String,
    /// Events and tables.
    pub given: Vec<(Symbol, Vec<Expr>)>,
    /// Models.
    pub returns: Vec<(Symbol, Expr)>,
    /// `now`.
    pub at: Option<i64>,
    /// Expectations: for each its nodes in order, of which the last is an [`Op::Respond`](crate::op::Op::Respond) of a bool.
    pub expectations: Vec<Expectation>,
    /// Place.
    pub span: Span,
}

/// One `expect`.
#[derive(Debug, Clone, Serialize)]
pub struct Expectation {
    /// Nodes in order.
    pub nodes: Vec<NodeId>,
    /// Place.
    pub span: Span,
}

impl Ir {
    /// The source called `name`.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Whether `name` is a source that is a table.
    #[must_use]
    pub fn is_table(&self, name: &str) -> bool {
        self.source(name).is_some_and(|source| source.shape != Shape::Stream)
    }

    /// The sink called `name`.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&Sink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// The feature set called `name`.
    #[must_use]
    pub fn feature_set(&self, name: &str) -> Option<&FeatureInfo> {
        self.features.iter().find(|set| set.name == name)
    }

    /// The view called `name`, where it has a key.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&ViewInfo> {
        self.views.iter().find(|view| view.name == name)
    }

    /// Whether a node joins rows with what a view keeps by its key.
    #[must_use]
    pub fn reads_kept(&self, id: NodeId) -> bool {
        let op = |id: NodeId| self.graph.get(id).map(|node| &node.op);
        let right = self.graph.input(id, 1);
        matches!(op(id), Some(Op::LookupJoin { .. }))
            && right.is_some_and(|right| matches!(op(right), Some(Op::KeyedRows { .. })))
    }

    /// Whether a node's rows stand in the order of a sort, in that of a list, or as a sink received them: stateless steps,
    /// lookups, feature reads, `take` and what hands rows on keep it.
    #[must_use]
    pub fn is_sorted(&self, id: NodeId) -> bool {
        match self.graph.get(id).map(|node| &node.op) {
            Some(Op::Rows { .. } | Op::SinkRows { .. } | Op::Sort { .. } | Op::Top { .. }) => true,
            Some(
                Op::Fused { .. }
                | Op::LookupJoin { .. }
                | Op::FeatureRead { .. }
                | Op::Take { .. }
                | Op::Emit { .. }
                | Op::Collect,
            ) => self.graph.input(id, 0).is_some_and(|input| self.is_sorted(input)),
            _ => false,
        }
    }

    /// The flow at `path`.
    #[must_use]
    pub fn flow(&self, path: &str) -> Option<&FlowPlan> {
        self.flows.iter().find(|flow| flow.path == path)
    }
}

#[cfg(test)]
mod tests {
    use fec_model::expr::Literal;

    #[test]
    fn a_number_beyond_64_bits_is_text() {
        let json = |mantissa| serde_json::to_value(Literal::decimal(mantissa)).unwrap().to_string();
        assert_eq!(json(-12_345), r#"{"Decimal":-12345}"#);
        assert_eq!(json(10_i128.pow(37)), format!(r#"{{"Decimal":"1{}"}}"#, "0".repeat(37)));
    }
}
