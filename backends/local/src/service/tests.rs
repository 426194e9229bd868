//! Services of small solutions, from their text to their answers.

mod answers;
mod http;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use flow_core::value::Value;

use flow_task::spec::find;

use super::{Moment, Prediction, PublishedModel, Reads, ServeError, Services};
use crate::data::{History, given_stream, given_table};
use crate::dataflow::Parts;
use crate::environment::Environment;
use crate::replay::{Replay, replay, states};
use crate::stream::kept_nodes;
use crate::tables::Tables;

/// 2026-01-01T00:00:00Z
const NEW_YEAR: i64 = 1_767_225_600_000_000;
const HOUR: i64 = 3_600_000_000;

/// A store at rest.
#[derive(Default)]
struct AtRest {
    now: i64,
    state: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    models: BTreeMap<String, Arc<PublishedModel>>,
    ir: Arc<Ir>,
    /// How long each read of a state takes.
    slow: Duration,
    is_broken: bool,
}

impl Reads for AtRest {
    fn moment(&self) -> Arc<Moment> {
        Arc::new(Moment::new(self.now, "sales/0:3"))
    }

    fn state(&self, table: u32, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError> {
        std::thread::sleep(self.slow);
        if self.is_broken {
            return Err(ServeError::Unavailable("the store is gone".to_owned()));
        }
        let node = kept_nodes(&self.ir).get(table as usize).and_then(|node| self.ir.graph.get(*node)).unwrap();
        if let Some(state) = self.state.get(&(node.name.clone(), key.to_vec())) {
            found(state);
        }
        Ok(())
    }

    fn model(&self, name: &str) -> Option<Arc<PublishedModel>> {
        self.models.get(name).cloned()
    }

    fn ready(&self) -> bool {
        true
    }

    fn waiting(&self) -> String {
        "nobody who is ready says so".to_owned()
    }
}

/// A solution with its services and a store that its history has filled.
struct Fixture {
    ir: Arc<Ir>,
    environment: Environment,
    services: Services,
    reads: AtRest,
}

fn compiled(text: &str) -> Ir {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let wrong: Vec<_> = parsed.diagnostics.iter().chain(&found).filter(|one| one.is_error()).collect();
    let shown = |one: &&fec_diagnostics::Diagnostic| {
        format!(
            "{} at `{}`",
            one.message,
            text.get(one.span.start as usize..).unwrap_or_default().lines().next().unwrap_or("")
        )
    };
    assert!(wrong.is_empty(), "{:#?}", wrong.iter().map(shown).collect::<Vec<_>>());
    optimise(lower(model)).0
}

/// Fills the store from the events and tables of the solution's first test, and stands at that test's instant.
fn fixture(text: &str) -> Fixture {
    let ir = Arc::new(compiled(text));
    let environment = Environment::new(&ir).unwrap();
    let test = ir.tests.first().unwrap();
    let mut history = History::default();
    let mut tables = Tables::default();
    let sources = &environment.names.sources;
    for source in sources.iter().filter(|source| !source.is_stream()) {
        tables.insert(&source.name, given_table(source, &[]).unwrap());
    }
    for (name, rows) in &test.given {
        let (number, source) = find(sources, name).unwrap();
        let rows: Vec<Value> = rows.iter().map(|row| environment.constant(row, 0).unwrap().unwrap()).collect();
        if source.is_stream() {
            history.chunks.push(given_stream(source, number, &rows));
        } else {
            tables.insert(name, given_table(source, &rows).unwrap());
        }
    }
    let given = BTreeMap::new();
    let parts = Parts {
        ir: &ir,
        names: &environment.names,
        slots: &environment.slots,
        tables: &tables,
        given: &given,
        now: None,
    };
    let how = Replay { at: test.at, ..Replay::default() };
    let replayed = replay(parts, &[], &kept_nodes(&ir), &history, how).unwrap();
    let reads = AtRest { now: replayed.at, state: states(&replayed), ir: Arc::clone(&ir), ..AtRest::default() };
    let (names, slots) = (environment.names.clone(), environment.slots.clone());
    let services = Services::new(Arc::clone(&ir), names, slots, Arc::new(tables)).unwrap();
    Fixture { ir, environment, services, reads }
}

impl Fixture {
    fn publish(&mut self, name: &str, prediction: Prediction) {
        self.reads.models.insert(name.to_owned(), Arc::new(PublishedModel { version: 1, prediction }));
    }
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}
