//! The online plane: the services of a plan compiled once for the runtime's engine, with interpreted expressions.

mod expectation;
mod program;
mod relation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use fec_ir::{Ir, NodeId, Op};
use fec_plan::openapi;
use fec_plan::service::{Scope, Statements, services, views};
use flow_core::value::Value;
use flow_operators::feature_set::FeatureReader;
use flow_serve::{FeatureView, KeptView, Keyed, Service, Solution, View};

pub use expectation::Verdict;
pub use flow_serve::{
    Emits, Emitted, Health, LiveReads, Moment, Prediction, PublishedModel, Reads, Reply, RequestError, ServeError,
};
pub use relation::Given;

use crate::dataflow::broken;
use crate::dataflow::features::{descriptor, set_columns};
use crate::error::LocalError;
use crate::expr::Names;
use crate::stream::kept_set;
use crate::tables::Tables;
use crate::types;
use program::Compiler;

/// What services are compiled from.
struct Parts {
    ir: Arc<Ir>,
    names: Names,
    slots: Vec<Value>,
    tables: Arc<Tables>,
}

/// All services of a solution.
pub struct Services {
    parts: Parts,
    engine: Arc<flow_serve::Services>,
}

impl Deref for Services {
    type Target = Arc<flow_serve::Services>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

impl Services {
    /// Compiles the services of a plan. `slots` are the values of the solution's parameters, whose places `names` knows;
    /// `tables` are the table sources, loaded.
    ///
    /// # Errors
    /// A plan that no checked solution has.
    pub fn new(ir: Arc<Ir>, names: Names, slots: Vec<Value>, tables: Arc<Tables>) -> Result<Self, LocalError> {
        let parts = Parts { ir, names, slots, tables };
        let mut solution = Solution {
            slots: parts.slots.clone(),
            features: parts.features()?,
            models: parts.ir.models.iter().map(|model| model.name.to_string()).collect(),
            document: openapi(&parts.ir, |_| true).to_string(),
            ..Solution::default()
        };
        for source in &parts.ir.sources {
            if let Some(loaded) = parts.tables.get(&source.name) {
                solution.tables.push(Keyed::loaded(&source.name, loaded)?);
            }
        }
        let is_table = |source: &str| parts.tables.get(source).is_some();
        let scope = Scope { ir: &parts.ir, given: &[], is_table: &is_table };
        for view in views(scope).map_err(broken)? {
            let rows = Compiler::new(&parts, &Statements::default()).relation(&view.relation)?.rows;
            let schema = Arc::new(parts.names.enums.schema(&view.columns));
            solution.views.push(View { name: view.name.to_string(), rows, schema, key: types::names(&view.key) });
        }
        for view in &parts.ir.views {
            let Some(table) = view.kept.and_then(|node| kept_set(&parts.ir, node)) else { continue };
            let schema = Arc::new(parts.names.enums.schema(&view.columns));
            solution.kept.push(KeptView::new(&view.name, table.0, schema));
        }
        for service in services(scope, |_| true).map_err(broken)? {
            solution.services.push(Service {
                plan: Compiler::new(&parts, &service.statements).plan(&service.statements)?,
                route: Some((service.method, service.route)),
                parameters: parts.names.enums.schema(&service.parameters),
                result: parts.names.enums.kind(&service.result.kind),
                path: service.path,
            });
        }
        let engine = Arc::new(flow_serve::Services::new(solution)?);
        Ok(Self { parts, engine })
    }
}

impl Parts {
    /// The readers of all feature sets.
    fn features(&self) -> Result<Vec<FeatureView>, LocalError> {
        let mut readers: BTreeMap<NodeId, Arc<FeatureReader>> = BTreeMap::new();
        let mut views = Vec::new();
        for info in &self.ir.features {
            let Some(node) = self.ir.graph.get(info.node) else { continue };
            let Op::Features { sets: plans, head } = &node.op else { continue };
            let Some(table) = kept_set(&self.ir, info.node) else { continue };
            let reader = match readers.get(&info.node) {
                Some(reader) => Arc::clone(reader),
                None => {
                    let (set, _) = descriptor(&node.name, plans, *head, &self.names)?;
                    let reader = Arc::new(FeatureReader::new(set));
                    readers.insert(info.node, Arc::clone(&reader));
                    reader
                }
            };
            views.push(FeatureView::new(&info.name, table.0, &reader, set_columns(plans, &info.name)));
        }
        Ok(views)
    }
}
