//! What a run leaves behind: counts, and committed rows as files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use flow_core::batch::Batch;
use flow_formats::RowEncoder;
use flow_log::{Limits, Log, PartitionId, Start};
use flow_operators::accept::Counters;
use serde_json::{Map, Value, json};

use crate::error::RunError;
use crate::spec::{SinkSpec, SourceSpec, streams};
use crate::state::{StateFolder, refused, replace};
use crate::stream::{dead_topic, served_topic, sink_topic};

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Events by source, with the number of its dead letters.
    pub sources: BTreeMap<String, (Counters, u64)>,
    /// Rows by sink.
    pub sinks: BTreeMap<String, u64>,
}

impl Summary {
    /// The counts for programs: a line of JSON that `fec run` and the processes that it compiles give alike.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut sources = Map::new();
        for (name, (counts, dead)) in &self.sources {
            let counts = json!({
                "accepted": counts.accepted,
                "late": counts.late,
                "ahead": counts.ahead,
                "repeated": counts.repeated,
                "dead": dead,
            });
            sources.insert(name.clone(), counts);
        }
        json!({ "event": "summary", "sources": Value::Object(sources), "sinks": self.sinks })
    }

    /// The counts for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let source = |(name, (counts, dead)): (&String, &(Counters, u64))| {
            format!(
                "source {name}: {} accepted, {} late, {} ahead, {} repeated, {dead} dead letters",
                counts.accepted, counts.late, counts.ahead, counts.repeated
            )
        };
        let sink = |(name, rows): (&String, &u64)| format!("sink {name}: {rows} rows");
        self.sources.iter().map(source).chain(self.sinks.iter().map(sink)).collect()
    }
}

/// Counts what is committed, and writes it to `out` where that is wanted: the folder is rewritten whole.
///
/// # Errors
/// A log that cannot be read or a folder that cannot be written.
pub fn finish(
    log: &mut dyn Log,
    (sources, sinks): (&[SourceSpec], &[SinkSpec]),
    folder: &StateFolder,
    counters: &BTreeMap<String, Counters>,
    out: Option<&Path>,
) -> Result<Summary, RunError> {
    let mut summary = Summary::default();
    if let Some(out) = out {
        for part in ["sinks", "dead"] {
            let path = out.join(part);
            if path.exists() {
                std::fs::remove_dir_all(&path).map_err(|error| refused(&path, &error))?;
            }
            std::fs::create_dir_all(&path).map_err(|error| refused(&path, &error))?;
        }
    }
    for sink in sinks {
        let lines = sink_lines(log, folder, sink)?;
        summary.sinks.insert(sink.name.clone(), lines.len() as u64);
        if let Some(out) = out {
            write_lines(&out.join("sinks").join(format!("{}.jsonl", sink.name)), &lines)?;
        }
    }
    for (_, source) in streams(sources) {
        let letters = in_order(records(log, &dead_topic(&folder.generation(), &source.name))?);
        let counts = counters.get(&source.name).copied().unwrap_or_default();
        summary.sources.insert(source.name.clone(), (counts, letters.len() as u64));
        if let Some(out) = out {
            write_lines(&out.join("dead").join(format!("{}.jsonl", source.name)), &letters)?;
        }
    }
    Ok(summary)
}

/// What is committed to a sink, each row a line of JSON.
///
/// # Errors
/// A log that cannot be read.
pub fn sink_lines(log: &mut dyn Log, folder: &StateFolder, sink: &SinkSpec) -> Result<Vec<Vec<u8>>, RunError> {
    let mut written = records(log, &sink_topic(&folder.generation(), &sink.name))?;
    let served = records(log, &served_topic(folder.solution(), &sink.name))?;
    let is_mixed = !written.is_empty() && !served.is_empty();
    written.extend(served);
    if is_mixed {
        written.sort_by_key(|record| record.stamp);
    }
    let mut lines = match sink.upsert {
        true => last_by_key(written),
        false => written.into_iter().map(|record| record.value).collect(),
    };
    if sink.by_jobs
        && let Ok(bytes) = std::fs::read(folder.rows(&sink.name))
    {
        lines.extend(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
    }
    Ok(lines)
}

/// A committed record.
struct Record {
    stamp: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// All committed records of a topic, those of each partition in their order.
fn records(log: &mut dyn Log, topic: &str) -> Result<Vec<Record>, RunError> {
    let mut found = Vec::new();
    let partitions = log.partitions(topic)?.unwrap_or(0);
    let mut reader = log.source()?;
    let all: Vec<_> = (0..partitions).map(|index| (PartitionId::new(topic, index), Start::Earliest)).collect();
    reader.assign(&all, &[])?;
    loop {
        let mut batches = Vec::new();
        reader.poll(Limits { records: 50_000, bytes: 64 << 20 }, Duration::ZERO, &mut batches)?;
        if batches.is_empty() {
            return Ok(found);
        }
        for batch in &batches {
            found.extend(batch.iter().map(|(record, key, value)| Record {
                stamp: record.stamp,
                key: key.to_vec(),
                value: value.to_vec(),
            }));
        }
    }
}

/// Dead letters in the order of their records' arrival, then by text: which task wrote them when does not show.
fn in_order(mut letters: Vec<Record>) -> Vec<Vec<u8>> {
    let place = |record: &Record| {
        let letter: serde_json::Value = serde_json::from_slice(&record.value).unwrap_or_default();
        let number = |name: &str| letter.get(name).and_then(serde_json::Value::as_i64);
        let text = |name: &str| letter.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        (record.stamp, number("partition"), number("offset"), text("flow"), text("reason"), text("detail"))
    };
    letters.sort_by_cached_key(place);
    letters.into_iter().map(|record| record.value).collect()
}

/// The last record of each key, in order of key; a key whose last record is empty is gone.
fn last_by_key(records: Vec<Record>) -> Vec<Vec<u8>> {
    let mut last: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for record in records {
        if record.value.is_empty() {
            last.remove(&record.key);
        } else {
            last.insert(record.key, record.value);
        }
    }
    last.into_values().collect()
}

fn write_lines(path: &Path, lines: &[Vec<u8>]) -> Result<(), RunError> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    replace(path, &bytes)
}

/// Writes what a job emitted: each sink's rows, whole; where it has a key, of each key the last.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_lake(folder: &StateFolder, sinks: &[SinkSpec], emitted: &[(String, Batch)]) -> Result<(), RunError> {
    let mut by_sink: BTreeMap<&str, Vec<Batch>> = BTreeMap::new();
    for (sink, rows) in emitted {
        by_sink.entry(sink).or_default().push(rows.clone());
    }
    for (name, batches) in by_sink {
        let Some(sink) = sinks.iter().find(|sink| sink.name == name) else { continue };
        let rows = sink.taken(Batch::concat(&sink.schema, &batches))?;
        let encoder = RowEncoder::new(&sink.schema);
        let mut lines = Vec::with_capacity(rows.rows);
        for row in 0..rows.rows {
            let mut line = Vec::new();
            encoder.json(&mut line, &rows.columns, row).map_err(|fault| {
                RunError::Program(format!("row {row} of what the job emits to `{name}` cannot be written: {fault}"))
            })?;
            lines.push(line);
        }
        write_lines(&folder.rows(name), &lines)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_core::column::Column;
    use flow_core::types::{Field, Kind, Schema};
    use flow_core::value::Value;
    use flow_log::Outcome;
    use flow_log::simulated::{Faults, SimulatedLog};

    use super::*;

    /// A state folder, and a log that holds these (topic, key, stamp) of a stream and of services.
    fn left(streamed: &[(&str, i64)], served: &[(&str, i64)]) -> (tempfile::TempDir, StateFolder, SimulatedLog) {
        let root = tempfile::tempdir().unwrap();
        let (folder, _) = StateFolder::open(root.path(), "shop", "1").unwrap();
        let mut log = SimulatedLog::new(1, Faults::default());
        let topics = [sink_topic(&folder.generation(), "seen"), served_topic("shop", "seen")];
        for (topic, records) in topics.iter().zip([streamed, served]) {
            log.create(topic, 1).unwrap();
            let mut transaction = log.begin().unwrap();
            for (key, stamp) in records {
                let value = if key.starts_with('-') { String::new() } else { format!("{key}@{stamp}") };
                let key = key.trim_start_matches('-').as_bytes();
                transaction.append(&PartitionId::new(topic.as_str(), 0), key, value.as_bytes(), *stamp).unwrap();
            }
            assert_eq!(transaction.commit(), Outcome::Committed);
        }
        (root, folder, log)
    }

    fn seen(upsert: bool) -> SinkSpec {
        SinkSpec { name: "seen".to_owned(), schema: Arc::new(Schema::of([])), key: Vec::new(), upsert, by_jobs: true }
    }

    #[test]
    fn each_count_stands_under_its_name() {
        let counts = Counters { accepted: 1, late: 2, ahead: 3, repeated: 4, malformed: 5 };
        let summary = Summary {
            sources: BTreeMap::from([("sales".to_owned(), (counts, 10))]),
            sinks: BTreeMap::from([("seen".to_owned(), 7)]),
        };
        let source = "source sales: 1 accepted, 2 late, 3 ahead, 4 repeated, 10 dead letters";
        assert_eq!(summary.lines(), [source, "sink seen: 7 rows"]);
        let sales = json!({ "accepted": 1, "late": 2, "ahead": 3, "repeated": 4, "dead": 10 });
        let told = json!({ "event": "summary", "sources": { "sales": sales }, "sinks": { "seen": 7 } });
        assert_eq!(summary.event(), told);
    }

    #[test]
    fn rows_of_a_stream_and_of_services_stand_in_the_order_of_their_instants() {
        // A stream alone keeps its own order, which goes by more than the instant.
        let (_root, folder, mut log) = left(&[("b", 3), ("a", 1), ("c", 3)], &[]);
        assert_eq!(shown(sink_lines(&mut log, &folder, &seen(false)).unwrap()), ["b@3", "a@1", "c@3"]);
        let (_root, folder, mut log) =
            left(&[("a", 1), ("b", 3), ("a", 7), ("-b", 9)], &[("b", 2), ("c", 4), ("a", 5)]);
        let lines = shown(sink_lines(&mut log, &folder, &seen(false)).unwrap());
        assert_eq!(lines, ["a@1", "b@2", "b@3", "c@4", "a@5", "a@7", ""]);
        assert_eq!(shown(sink_lines(&mut log, &folder, &seen(true)).unwrap()), ["a@7", "c@4"]);
        let (_root, folder, mut log) = left(&[("a", 1), ("-b", 3)], &[("a", 2), ("b", 4)]);
        assert_eq!(shown(sink_lines(&mut log, &folder, &seen(true)).unwrap()), ["a@2", "b@4"]);
    }

    #[test]
    fn what_lay_in_the_folder_before_is_no_part_of_what_is_written() {
        let (root, folder, mut log) = left(&[("a", 1)], &[]);
        let out = root.path().join("out");
        for part in ["sinks", "dead"] {
            std::fs::create_dir_all(out.join(part)).unwrap();
            std::fs::write(out.join(part).join("old.jsonl"), "old\n").unwrap();
        }
        std::fs::create_dir_all(folder.lake()).unwrap();
        std::fs::write(folder.lake().join("seen.jsonl"), "\nb@2\n\nc@3").unwrap();
        let summary = finish(&mut log, (&[], &[seen(false)]), &folder, &BTreeMap::new(), Some(&out)).unwrap();
        assert_eq!(summary.sinks, BTreeMap::from([("seen".to_owned(), 3)]));
        assert_eq!(std::fs::read_to_string(out.join("sinks/seen.jsonl")).unwrap(), "a@1\nb@2\nc@3\n");
        assert!(!out.join("sinks/old.jsonl").exists() && !out.join("dead/old.jsonl").exists());
    }

    #[test]
    fn what_jobs_wrote_is_no_part_of_a_sink_that_none_writes() {
        let (root, folder, mut log) = left(&[("a", 1)], &[]);
        std::fs::create_dir_all(folder.lake()).unwrap();
        std::fs::write(folder.lake().join("seen.jsonl"), "a@1\n").unwrap();
        let moved = SinkSpec { by_jobs: false, ..seen(false) };
        assert_eq!(shown(sink_lines(&mut log, &folder, &moved).unwrap()), ["a@1"]);
        assert_eq!(shown(sink_lines(&mut log, &folder, &seen(false)).unwrap()), ["a@1", "a@1"]);
        drop(root);
    }

    #[test]
    fn of_what_a_job_emits_to_a_key_the_last_row_is_written() {
        let root = tempfile::tempdir().unwrap();
        let (folder, _) = StateFolder::open(root.path(), "shop", "1").unwrap();
        let schema = Arc::new(Schema::of([Field::required("k", Kind::Int), Field::required("n", Kind::Int)]));
        let rows = |rows: &[(i64, i64)]| {
            let columns = [rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()];
            Batch {
                columns: columns.map(Column::ints).into(),
                rows: rows.len(),
                weight: vec![1; rows.len()],
                ..Batch::concat(&schema, &vec![Batch::one(&schema, &[Value::Int(0), Value::Int(0)], 0); rows.len()])
            }
        };
        let emitted = [("seen".to_owned(), rows(&[(2, 1), (1, 2), (2, 3)])), ("seen".to_owned(), rows(&[(1, 4)]))];
        let written = |upsert| {
            let key = if upsert { vec!["k".to_owned()] } else { Vec::new() };
            let sink = SinkSpec { schema: Arc::clone(&schema), key, ..seen(upsert) };
            write_lake(&folder, &[sink], &emitted).unwrap();
            std::fs::read_to_string(folder.rows("seen")).unwrap()
        };
        let row = |k: i64, n: i64| format!("{{\"k\":{k},\"n\":{n}}}\n");
        assert_eq!(written(false), [row(2, 1), row(1, 2), row(2, 3), row(1, 4)].concat());
        assert_eq!(written(true), [row(1, 4), row(2, 3)].concat());
    }

    fn record(stamp: i64, key: &str, value: &str) -> Record {
        Record { stamp, key: key.into(), value: value.into() }
    }

    fn shown(lines: Vec<Vec<u8>>) -> Vec<String> {
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn an_upsert_sink_holds_the_last_of_each_key_unless_that_is_empty() {
        let records = vec![
            record(1, "b", "b1"),
            record(2, "a", "a1"),
            record(3, "b", ""),
            record(4, "c", ""),
            record(5, "a", "a2"),
            record(6, "c", "c1"),
        ];
        assert_eq!(shown(last_by_key(records)), ["a2", "c1"]);
    }

    #[test]
    fn dead_letters_go_by_arrival_then_by_place() {
        let letter = |stamp, partition: i64, offset: i64, flow: &str| {
            let text = format!("{{\"flow\":\"{flow}\",\"partition\":{partition},\"offset\":{offset}}}");
            record(stamp, "", &text)
        };
        let letters = [(2, 0, 0, "a"), (1, 1, 10, "a"), (1, 1, 9, "b"), (1, 0, 11, "a"), (1, 1, 9, "a")];
        let given = letters.map(|(stamp, partition, offset, flow)| letter(stamp, partition, offset, flow));
        let order = [3, 4, 2, 1, 0].map(|at: usize| letters[at]);
        let expected = order.map(|(stamp, partition, offset, flow)| letter(stamp, partition, offset, flow).value);
        assert_eq!(in_order(given.into()), expected);
    }
}
