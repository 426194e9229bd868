//! The runtime: JSON records through gate, merge, the six features as of each row and the predicate of the alerts; the
//! state of a card, and a read of it.

use std::collections::BTreeMap;
use std::hint::black_box;

use fec_ir::{Ir, NodeId, Op};
use fec_local::dataflow::features::descriptor;
use fec_local::dataflow::sinks::stream_sinks;
use fec_local::dataflow::{Parts, build};
use fec_local::environment::Environment;
use fec_local::pipeline::{MICRO_BATCH, Pipeline, Produced};
use fec_local::specs;
use fec_local::stream::kept_nodes;
use fec_local::tables::Tables;
use flow_core::batch::Origin;
use flow_core::block::Block;
use flow_core::fault::Fault;
use flow_core::value::Value;
use flow_formats::{Decoder, Encoding};
use flow_operators::accept::Arriving;
use flow_operators::feature_set::FeatureReader;
use flow_task::spec::find;
use hashbrown::HashMap;

use crate::compile::plan;
use crate::measure::{Figure, Goal, Took, median, timed};
use crate::naive::{Features, Naive};
use crate::payments::Payments;
use crate::{Outcome, Size};

const PROGRAM: &str = include_str!("../programs/events.asol");

/// The predicate of the alerts, left out where every row is compared.
const PREDICATE: &str = "    |> where payments_10m > 5 and spend_1h > 10 * (mean_30d ?? 0)\n";

/// Records that come at once, as a poll of the log gives them.
const CHUNK: usize = 8_192;

/// Records in a transaction of a stream.
const COMMIT: usize = 50_000;

/// Who goes on from the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nobody, as in jobs: nothing is tracked.
    No,
    /// A stream, which writes what changed after so many records.
    Committed,
}

/// What came out of the pipeline.
pub(crate) struct Given {
    pub(crate) rows: Vec<(String, Features)>,
    accepted: u64,
    /// The last value of each key of the features' state.
    state: HashMap<Vec<u8>, Vec<u8>>,
    pub(crate) took: Took,
}

fn cell(column: Option<&Result<Value, Fault>>) -> Result<Value, String> {
    match column {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(fault)) => Err(format!("a feature cannot be computed: {fault}")),
        None => Err("a column is missing".to_owned()),
    }
}

fn whole(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(value) => Ok(*value),
        Value::Decimal(value) => i64::try_from(*value).map_err(|error| error.to_string()),
        other => Err(format!("a number was expected, not {other:?}")),
    }
}

/// The six features in the order of the program.
fn features(cells: &[Result<Value, Fault>]) -> Result<Features, String> {
    let at = |position: usize| cell(cells.get(position));
    Ok(Features {
        spend_1h: whole(&at(0)?)?,
        spend_30d: whole(&at(1)?)?,
        payments_10m: whole(&at(2)?)?,
        countries_24h: whole(&at(3)?)?,
        mean_30d: if let Value::Decimal(mean) = at(4)? { Some(mean) } else { None },
        last_country: if let Value::String(text) = at(5)? { text.as_bytes().try_into().ok() } else { None },
    })
}

/// The rows that were tapped: the id, then the features.
pub(crate) fn tapped(produced: &Produced, tap: NodeId) -> Result<Vec<(String, Features)>, String> {
    let mut rows = Vec::new();
    for batch in produced.rows.get(&specs::tap(tap)).map(Vec::as_slice).unwrap_or_default() {
        for row in 0..batch.rows {
            let cells: Vec<_> = batch.columns.iter().map(|column| column.value(row)).collect();
            let (id, rest) = cells.split_first().ok_or("a row has no columns")?;
            let Ok(Value::String(id)) = id else { return Err("a row has no id".to_owned()) };
            rows.push((id.to_string(), features(rest)?));
        }
    }
    Ok(rows)
}

/// Runs the plan over all records, as `fec run` does after it has polled them; only the records' way is timed, not that what
/// came out of it is kept here.
pub(crate) fn run_pipeline(ir: &Ir, payments: &Payments, kept: Kept) -> Result<Given, String> {
    let message = |error: fec_local::LocalError| error.to_string();
    let environment = Environment::new(ir).map_err(message)?;
    let (number, source) = find(&environment.names.sources, "payments").ok_or("there is no source")?;
    let (tables, given) = (Tables::default(), BTreeMap::new());
    let parts =
        Parts { ir, names: &environment.names, slots: &environment.slots, tables: &tables, given: &given, now: None };
    let tap = stream_sinks(ir).first().map(|(tap, _)| *tap).ok_or("there is no emit")?;
    let mut pipeline = Pipeline::new(build(parts, &[tap], &kept_nodes(ir)).map_err(message)?);
    if kept == Kept::No {
        pipeline.untracked();
    }
    let origin = Origin { source: number, partition: 0 };
    pipeline.partition(origin);
    let mut produced = Produced::default();
    let mut state = HashMap::new();
    let mut paused = 0.0;
    let (result, mut took) = timed(|| {
        let mut uncommitted = 0;
        for start in (0..payments.rows()).step_by(CHUNK) {
            let end = payments.rows().min(start + CHUNK);
            let decoder = Decoder::new(&source.schema, Encoding::Json, source.unit);
            let decoded = decoder.decode(payments.records(start..end));
            let refused = decoded.refused.into_iter().map(|refused| (refused.row, refused.fault, refused.detail));
            let arriving = Arriving {
                partition: 0,
                offsets: (start as i64..end as i64).collect(),
                stamps: payments.stamps.get(start..end).unwrap_or_default().iter().copied().map(Some).collect(),
                columns: decoded.columns,
                refused: refused.collect(),
            };
            pipeline.feed(number, arriving);
            pipeline.drain(usize::MAX, MICRO_BATCH, &mut produced)?;
            uncommitted += end - start;
            if kept == Kept::Committed && (uncommitted >= COMMIT || end == payments.rows()) {
                uncommitted = 0;
                paused += keep(&mut pipeline, &mut state);
                pipeline.commit();
            }
        }
        pipeline.silent(origin, true);
        pipeline.drain(usize::MAX, MICRO_BATCH, &mut produced)
    });
    result.map_err(message)?;
    took.cpu -= paused;
    if kept == Kept::Committed {
        // What went through after the last commit, untimed.
        keep(&mut pipeline, &mut state);
    }
    Ok(Given { rows: tapped(&produced, tap)?, accepted: pipeline.accepted(), state, took })
}

/// Takes in what has changed of the features' state: the CPU seconds that this took, without those of the pipeline.
fn keep(pipeline: &mut Pipeline, state: &mut HashMap<Vec<u8>, Vec<u8>>) -> f64 {
    let mut own = 0.0;
    pipeline.frozen(&mut |node, changes| {
        if node.starts_with("source/") {
            return;
        }
        let take = || {
            for (key, value) in changes.iter() {
                match value {
                    Some(value) => state.insert(key.to_vec(), value.to_vec()),
                    None => state.remove(key),
                };
            }
        };
        own += timed(take).1.cpu;
    });
    own
}

/// The peer over all records: the rows that its predicate lets through, or all, and what it took.
fn run_naive(payments: &Payments, is_filtered: bool) -> (Vec<(String, Features)>, u64, Took) {
    let (result, took) = timed(|| {
        let mut naive = Naive::default();
        let mut rows = Vec::new();
        for (record, stamp) in payments.records(0..payments.rows()).zip(&payments.stamps) {
            if let Some((id, features)) = naive.take(record, *stamp) {
                let bar = features.mean_30d.unwrap_or(0) * 10;
                let is_burst = features.payments_10m > 5 && i128::from(features.spend_1h) * 1_000_000 > bar;
                if is_burst || !is_filtered {
                    rows.push((id.to_owned(), features));
                }
            }
        }
        (rows, payments.rows() as u64 - naive.refused)
    });
    (result.0, result.1, took)
}

pub(crate) fn same(ours: &[(String, Features)], theirs: &[(String, Features)]) -> Result<(), String> {
    if let Some((ours, theirs)) = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
        return Err(format!("the answers differ: {ours:?}, and by hand {theirs:?}"));
    }
    match ours.len() == theirs.len() {
        true => Ok(()),
        false => Err(format!("{} rows, and {} by hand", ours.len(), theirs.len())),
    }
}

/// The plan without the predicate, which gives every row.
pub(crate) fn unfiltered() -> Result<Ir, String> {
    if !PROGRAM.contains(PREDICATE) {
        return Err("the predicate stands elsewhere".to_owned());
    }
    plan(&PROGRAM.replace(PREDICATE, ""))
}

/// Some passes over so many payments of so many cards, untracked and unmeasured: what a profiler is to look at.
///
/// # Errors
/// As [`run`].
pub fn passes(rows: usize, cards: usize, rounds: usize) -> Result<usize, String> {
    let (plan, payments) = (plan(PROGRAM)?, Payments::generate(rows, cards, 30));
    let mut alerts = 0;
    for _ in 0..rounds {
        let given = run_pipeline(&plan, &payments, Kept::No)?;
        eprintln!("{:.3} CPU seconds", given.took.cpu);
        alerts = given.rows.len();
    }
    Ok(alerts)
}

/// The figures of stored state alone, its reads many times over: what a profiler is to look at.
///
/// # Errors
/// As [`run`].
pub fn reads(rows: usize, cards: usize, rounds: usize) -> Outcome {
    let ir = plan(PROGRAM)?;
    let payments = Payments::generate(rows, cards, 30);
    let kept = run_pipeline(&ir, &payments, Kept::Committed)?;
    state_figures(&ir, &payments, &kept.state, rounds)
}

/// A reader of the features' stored state, and its blocks in memory.
fn reader(ir: &Ir) -> Result<FeatureReader, String> {
    let environment = Environment::new(ir).map_err(|error| error.to_string())?;
    let node = kept_nodes(ir).first().and_then(|id| ir.graph.get(*id)).ok_or("there are no features")?;
    let Op::Features { sets, head } = &node.op else { return Err("the node keeps no features".to_owned()) };
    let (set, _) = descriptor(&node.name, sets, *head, &environment.names).map_err(|error| error.to_string())?;
    Ok(FeatureReader::new(set))
}

/// Runs the bench.
///
/// # Errors
/// Where the answers differ from those of the peer.
pub fn run(size: Size) -> Outcome {
    let (rows, cards, compared, runs) =
        if size == Size::Full { (2_000_000, 94_000, 200_000, 5) } else { (6_000, 300, 6_000, 1) };
    let every = unfiltered()?;
    // Few cards, so that windows hold many rows of different ages.
    let some = Payments::generate(compared, cards / 40 + 1, 30);
    let ours = run_pipeline(&every, &some, Kept::Committed)?;
    let (theirs, accepted, _) = run_naive(&some, false);
    same(&ours.rows, &theirs)?;
    if ours.accepted != accepted || accepted == compared as u64 {
        return Err(format!("{} accepted of {compared}, and {accepted} by hand", ours.accepted));
    }
    drop((some, ours, theirs));

    let ir = plan(PROGRAM)?;
    let payments = Payments::generate(rows, cards, if size == Size::Full { 30 } else { 1 });
    let mut seconds = [(); 3].map(|()| Vec::new());
    let mut state = HashMap::new();
    for run in 0..=runs {
        let ours = run_pipeline(&ir, &payments, Kept::No)?;
        let (theirs, _, naive) = run_naive(&payments, true);
        same(&ours.rows, &theirs)?;
        if ours.rows.is_empty() {
            return Err("there are no alerts".to_owned());
        }
        let kept = run_pipeline(&ir, &payments, Kept::Committed)?;
        same(&kept.rows, &theirs)?;
        state = kept.state;
        // The first pass warms up.
        if run > 0 {
            for (all, one) in seconds.iter_mut().zip([ours.took.cpu, kept.took.cpu, naive.cpu]) {
                all.push(one);
            }
        }
    }
    let [untracked, committed, naive] = seconds.map(|values| rows as f64 / median(&values));
    let mut figures = vec![
        Figure::new("as of each row, untracked (a job)", untracked, "events/s")
            .peer("serde_json and structs by hand", naive)
            .goal(Goal::AtLeast(1_500_000.0)),
        Figure::new("as of each row, state written every 50,000 (a stream)", committed, "events/s")
            .peer("serde_json and structs by hand", naive),
    ];
    figures.extend(state_figures(&ir, &payments, &state, if size == Size::Full { 10 } else { 1 })?);
    Ok(figures)
}

/// Bytes of a card's state and the time of a read of it, cards as often as they pay.
fn state_figures(ir: &Ir, payments: &Payments, state: &HashMap<Vec<u8>, Vec<u8>>, rounds: usize) -> Outcome {
    let reader = reader(ir)?;
    let keys = state.len().max(1) as f64;
    let encoded: usize = state.values().map(Vec::len).sum();
    let mut memory = 0;
    for bytes in state.values() {
        // Before the block stands the newest time of the key.
        let block = Block::decode(reader.set().set(), bytes.get(8..).unwrap_or_default());
        memory += block.map_err(|error| error.to_string())?.memory();
    }
    let last = payments.stamps.last().copied().unwrap_or_default();
    let mut by_card = Vec::new();
    let sampled = payments.rows().min(100_000);
    for record in payments.records(payments.rows() - sampled..payments.rows()) {
        let payment: serde_json::Value = serde_json::from_slice(record).map_err(|error| error.to_string())?;
        let card = payment.get("card").and_then(serde_json::Value::as_str).unwrap_or_default();
        let key = reader.key(&[Value::String(card.into())]).ok_or("a card is absent")?;
        // A card that only a refused record names has no state.
        by_card.extend(state.get(&key));
    }
    let every: Vec<&Vec<u8>> = state.values().collect();
    let mut nanos = [(); 2].map(|()| Vec::new());
    for _ in 0..=rounds {
        for (states, all) in [&by_card, &every].into_iter().zip(&mut nanos) {
            let (result, took) = timed(|| {
                states.iter().try_for_each(|bytes| {
                    black_box(reader.read(Some(bytes), last, &[])).map(|_| ()).map_err(|error| error.to_string())
                })
            });
            result?;
            all.push(took.cpu * 1e9 / states.len().max(1) as f64);
        }
    }
    let [weighted, uniform] = nanos.map(|values| median(values.get(1..).unwrap_or_default()));
    Ok(vec![
        Figure::new(format!("state of a card, encoded ({} cards)", state.len()), encoded as f64 / keys, "bytes")
            .goal(Goal::AtMost(500.0)),
        Figure::new("state of a card, in memory", memory as f64 / keys, "bytes").goal(Goal::AtMost(500.0)),
        Figure::new("feature read of a service, every card once", uniform, "ns").goal(Goal::AtMost(500.0)),
        Figure::new("feature read of a service, cards as often as they pay", weighted, "ns").goal(Goal::AtMost(500.0)),
    ])
}
