//! `fec show`: a feature set's values for one key at one instant, by the road of each plane.

use std::collections::BTreeMap;

use fec_ir::{Ir, Op};
use flow_core::fault::Fault;
use flow_core::types::{DataType, Schema};
use flow_core::value::Value;
use flow_formats::{Decoder, Encoding};
use flow_log::{Cut, Sequence, TaskId, Writes};
use flow_operators::feature_set::FeatureReader;
use flow_store::{FeatureStore, MemoryFeatureStore};

use crate::data::History;
use crate::dataflow::Parts;
use crate::dataflow::features::{descriptor, set_columns};
use crate::environment::Environment;
use crate::error::LocalError;
use crate::expr::Names;
use crate::replay::{Replay, replay, states};
use crate::stream::{kept_nodes, kept_set};
use crate::tables::Tables;

/// The road by which a value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// The job's replay of history.
    Batch,
    /// State restored from a checkpoint in the middle.
    Stream,
    /// The service's read of the feature store.
    Online,
}

/// A feature set as it can be read: descriptor and positions of its columns.
pub struct Readable {
    /// Reads stored state.
    pub reader: FeatureReader,
    /// Positions of the set's columns within the state's.
    pub columns: Vec<usize>,
    /// Stable name of the node that keeps the state.
    pub node: String,
}

impl Readable {
    /// The set called `name`.
    ///
    /// # Errors
    /// There is no such set.
    pub fn new(ir: &Ir, name: &str, environment: &Environment) -> Result<Self, LocalError> {
        let known = || ir.features.iter().map(|set| format!("`{}`", set.name)).collect::<Vec<_>>().join(", ");
        let set = ir
            .feature_set(name)
            .ok_or_else(|| LocalError::Program(format!("there is no feature set `{name}`; there are {}", known())))?;
        let node = ir.graph.get(set.node).ok_or_else(|| LocalError::Plan(format!("`{name}` has no node")))?;
        let Op::Features { sets, head } = &node.op else {
            return Err(LocalError::Plan(format!("`{}` keeps no features", node.name)));
        };
        let (set, _) = descriptor(&node.name, sets, *head, &environment.names)?;
        Ok(Self { reader: FeatureReader::new(set), columns: set_columns(sets, name), node: node.name.clone() })
    }

    /// The set's columns at `t` from stored state, in declared order.
    ///
    /// # Errors
    /// Damaged state.
    pub fn read(
        &self,
        stored: Option<&[u8]>,
        t: i64,
        slots: &[Value],
    ) -> Result<Vec<Result<Value, Fault>>, LocalError> {
        let mut all: Vec<Option<Result<Value, Fault>>> =
            self.reader.read(stored, t, slots)?.into_iter().map(Some).collect();
        Ok(self
            .columns
            .iter()
            .map(|position| all.get_mut(*position).and_then(Option::take).unwrap_or(Ok(Value::Absent)))
            .collect())
    }
}

/// Values of `set` for `key` at `at`; without `at`, a microsecond after the last arrival.
///
/// # Errors
/// There is no such set, or its history cannot be replayed.
#[expect(clippy::too_many_arguments, reason = "a question is all of these")]
pub fn show(
    ir: &Ir,
    environment: &Environment,
    history: &History,
    tables: &Tables,
    set: &str,
    key: &[Value],
    at: Option<i64>,
    road: Road,
) -> Result<Vec<Result<Value, Fault>>, LocalError> {
    let readable = Readable::new(ir, set, environment)?;
    let given = BTreeMap::new();
    let parts = Parts { ir, names: &environment.names, slots: &environment.slots, tables, given: &given, now: None };
    let records: usize = history.chunks.iter().map(|chunk| chunk.arriving.offsets.len()).sum();
    let restart_after = (road == Road::Stream).then_some(records / 2);
    let how = Replay { at, restart_after, ..Replay::default() };
    let replayed = replay(parts, &[], &kept_nodes(ir), history, how)?;
    let key = readable.reader.key(key);
    let state = states(&replayed);
    let t = at.unwrap_or(replayed.at);
    let stored = match (&key, road) {
        (None, _) => None,
        (Some(key), Road::Batch | Road::Stream) => state.get(&(readable.node.clone(), key.clone())).cloned(),
        (Some(key), Road::Online) => from_store(ir, set, key, &state)?,
    };
    readable.read(stored.as_deref(), t, &environment.slots)
}

/// The state of a key by way of a feature store, as a service gets it.
fn from_store(
    ir: &Ir,
    set: &str,
    key: &[u8],
    state: &BTreeMap<(String, Vec<u8>), Vec<u8>>,
) -> Result<Option<Vec<u8>>, LocalError> {
    let refused = |error: flow_store::StoreError| LocalError::Environment(error.to_string());
    let store = MemoryFeatureStore::new();
    let mut writes = Writes::new();
    for node in kept_nodes(ir) {
        let (Some(table), Some(node)) = (kept_set(ir, node), ir.graph.get(node)) else { continue };
        for ((owner, key), value) in state {
            if *owner == node.name {
                writes.put(table.table(), key, value);
            }
        }
    }
    let task = TaskId::new("show", 0);
    store.apply(&task, Sequence(1), Sequence(1), &writes, &Cut::default()).map_err(refused)?;
    let node = ir.feature_set(set).map(|set| set.node);
    let Some(table) = node.and_then(|node| kept_set(ir, node)) else { return Ok(None) };
    let mut found = None;
    store.read(table, &[key], &mut |_, value| found = value.map(<[u8]>::to_vec)).map_err(refused)?;
    Ok(found)
}

/// The key of a feature set from text: the value itself, or a JSON array of its parts; nothing for a set without keys.
///
/// # Errors
/// Text that is no such key, or none where the set has one.
pub fn parse_key(ir: &Ir, environment: &Environment, set: &str, text: Option<&str>) -> Result<Vec<Value>, LocalError> {
    let info = ir.feature_set(set).ok_or_else(|| {
        let sets: Vec<String> = ir.features.iter().map(|set| format!("`{}`", set.name)).collect();
        let has = if sets.is_empty() { "none".to_owned() } else { sets.join(", ") };
        LocalError::Program(format!("there is no feature set `{set}`; the solution has {has}"))
    })?;
    let by = || info.keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ");
    let text = match (info.keys.is_empty(), text) {
        (true, None) => return Ok(Vec::new()),
        (true, Some(_)) => {
            return Err(LocalError::Program(format!(
                "`{set}` has no `by`, and so one record and no key: leave out --key"
            )));
        }
        (false, None) => {
            return Err(LocalError::Program(format!("`{set}` is by {}: say of which one with --key", by())));
        }
        (false, Some(text)) => text,
    };
    let mut fields = environment.names.enums.schema(&info.keys).fields;
    for field in &mut fields {
        field.ty = DataType::optional(field.ty.kind.clone());
    }
    let wrong = || {
        let several = if info.keys.len() > 1 { "; write its parts as a JSON array" } else { "" };
        LocalError::Program(format!("`{text}` is not a key of `{set}`, which is by {}{several}", by()))
    };
    let parts: Vec<serde_json::Value> = match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(parts)) => parts,
        Ok(value)
            if fields.len() == 1
                && !matches!(fields.first().map(|f| &f.ty.kind), Some(flow_core::types::Kind::String)) =>
        {
            vec![value]
        }
        _ if fields.len() == 1 => vec![serde_json::Value::String(text.to_owned())],
        _ => return Err(wrong()),
    };
    if parts.len() != fields.len() {
        return Err(wrong());
    }
    let record: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|field| field.name.clone()).zip(parts).collect();
    let bytes = serde_json::Value::Object(record).to_string();
    let decoded = Decoder::new(&Schema { fields }, Encoding::Json, None).decode([bytes.as_bytes()]);
    let mut key = Vec::new();
    for column in &decoded.columns {
        key.push(column.value(0).map_err(|_| wrong())?);
    }
    Ok(key)
}

/// An instant from RFC 3339 text, microseconds.
///
/// # Errors
/// Text that is no instant.
pub fn parse_instant(text: &str) -> Result<i64, LocalError> {
    let field =
        flow_core::types::Field { name: "at".to_owned(), ty: DataType::required(flow_core::types::Kind::Timestamp) };
    let record = serde_json::json!({ "at": text }).to_string();
    let decoded = Decoder::new(&Schema { fields: vec![field] }, Encoding::Json, None).decode([record.as_bytes()]);
    match decoded.columns.first().map(|column| column.value(0)) {
        Some(Ok(Value::Int(at))) => Ok(at),
        _ => Err(LocalError::Program(format!("`{text}` is not an instant such as 2026-01-01T00:00:00Z"))),
    }
}

/// A feature set's values for one key as one JSON object, in declared order.
#[must_use]
pub fn object(ir: &Ir, names: &Names, set: &str, cells: &[Result<Value, Fault>]) -> String {
    let mut out = vec![b'{'];
    if let Some(set) = ir.feature_set(set) {
        for (position, (column, cell)) in set.columns.iter().zip(cells).enumerate() {
            if position > 0 {
                out.push(b',');
            }
            flow_core::json::write_string(&mut out, &column.name);
            out.push(b':');
            let kind = names.enums.kind(&column.ty.kind);
            match cell {
                Ok(value) => flow_core::json::write_json(&mut out, value.as_cell(), &kind),
                // A value that cannot be computed has none to show.
                Err(_) => out.extend_from_slice(b"null"),
            }
        }
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
