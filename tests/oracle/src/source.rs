//! What a source accepts, and when it arrived (`spec/semantics.md`, 1 and 2).

use std::collections::{BTreeMap, BTreeSet};

use fec_model::Symbol;
use fec_model::model::{Shape, Source};

use crate::value::{Cell, Ordered, Value};

/// A record as it lies in a log or file.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Partition; 0 in a file.
    pub partition: i64,
    /// Offset; the data row in a file.
    pub offset: i64,
    /// When the log took it, in microseconds; none in a file without `_arrived`.
    pub stamp: Option<i64>,
    /// Cells in the order of the source's columns; none where the bytes are no record.
    pub cells: Option<Vec<Cell>>,
}

/// An accepted event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Event time.
    pub time: i64,
    /// Arrival.
    pub arrived: i64,
    /// Partition.
    pub partition: i64,
    /// Offset.
    pub offset: i64,
    /// Cells in the order of the source's columns.
    pub cells: Vec<Cell>,
}

/// Why a source refused a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No record, or a cell that decides about it is bad.
    Malformed,
    /// Older than its arrival by more than the lateness.
    Late,
    /// Newer than its arrival by more than `ahead`.
    Ahead,
}

/// What came of a source's records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intake {
    /// Events by partition and offset.
    pub accepted: Vec<Event>,
    /// Refused records: reason, partition, offset.
    pub refused: Vec<(Reason, i64, i64)>,
    /// Repeated ids left out: partition, offset.
    pub repeated: Vec<(i64, i64)>,
    /// The greatest arrival of any record.
    pub arrived: Option<i64>,
}

/// The column called `name` of a source.
pub(crate) fn position(source: &Source, name: &str) -> Option<usize> {
    source.ty.columns.iter().position(|column| column.name == name)
}

fn cells<'r>(source: &Source, record: &'r [Cell], names: &[Symbol]) -> Option<Vec<&'r Value>> {
    names.iter().map(|name| record.get(position(source, name)?)?.as_ref().ok()).collect()
}

/// Decides about every record of a stream source.
#[must_use]
pub fn accept(source: &Source, records: &[Record]) -> Intake {
    let mut intake = Intake::default();
    // Stable: of two records at one place the earlier row of the file comes first.
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|record| (record.partition, record.offset));
    let mut high: BTreeMap<i64, i64> = BTreeMap::new();
    let mut seen: BTreeSet<(i64, i64)> = BTreeSet::new();
    for record in records {
        let place = (record.partition, record.offset);
        let refuse = |reason| (reason, record.partition, record.offset);
        if record.cells.is_some() && !seen.insert(place) {
            intake.refused.push(refuse(Reason::Malformed));
            continue;
        }
        let event_time = match (&source.time, &record.cells) {
            (Some(name), Some(cells)) => match position(source, name).and_then(|at| cells.get(at)) {
                Some(Ok(Value::Timestamp(time))) => Some(*time),
                _ => None,
            },
            _ => None,
        };
        let stamp = match (&source.time, record.stamp) {
            (Some(_), _) if source.arrival_is_event_time => event_time,
            (Some(_), stamp) => stamp.or(event_time),
            (None, stamp) => Some(stamp.unwrap_or(0)),
        };
        let arrived = match (high.get(&record.partition).copied(), stamp) {
            (before, Some(stamp)) => {
                // There is an instant after every arrival.
                let stamp = stamp.min(i64::MAX - 1);
                let arrived = before.map_or(stamp, |before| before.max(stamp));
                high.insert(record.partition, arrived);
                intake.arrived = intake.arrived.max(Some(arrived));
                arrived
            }
            (Some(before), None) => before,
            (None, None) => {
                intake.refused.push(refuse(Reason::Malformed));
                continue;
            }
        };
        let id = record.cells.as_ref().and_then(|record| cells(source, record, &source.unique));
        let time = if source.time.is_some() { event_time } else { Some(arrived) };
        let (Some(time), Some(id), Some(cells)) = (time, id, &record.cells) else {
            intake.refused.push(refuse(Reason::Malformed));
            continue;
        };
        if time < arrived.saturating_sub(source.lateness) {
            intake.refused.push(refuse(Reason::Late));
        } else if source.ahead.is_some_and(|ahead| time > arrived.saturating_add(ahead)) {
            intake.refused.push(refuse(Reason::Ahead));
        } else if repeated(source, &intake.accepted, record.partition, arrived, &id) {
            intake.repeated.push(place);
        } else {
            let cells = cells.clone();
            intake.accepted.push(Event { time, arrived, partition: record.partition, offset: record.offset, cells });
        }
    }
    intake
}

fn repeated(source: &Source, before: &[Event], partition: i64, arrived: i64, id: &[&Value]) -> bool {
    if id.is_empty() || id.iter().any(|value| value.is_absent()) {
        return false;
    }
    before.iter().any(|event| {
        event.partition == partition
            && event.arrived >= arrived.saturating_sub(source.lateness)
            && cells(source, &event.cells, &source.unique)
                .is_some_and(|other| other.iter().zip(id).all(|(a, b)| crate::value::same(a, b)))
    })
}

/// The rows of a table source in the order of the file, and the positions of those that are malformed.
#[must_use]
pub fn accept_table(source: &Source, rows: &[Option<Vec<Cell>>]) -> (Vec<Vec<Cell>>, Vec<i64>) {
    debug_assert_eq!(source.shape, Shape::Table, "a table source");
    let needed: Vec<Symbol> = source.key.iter().chain(&source.versions).cloned().collect();
    let mut accepted = Vec::new();
    let mut refused = Vec::new();
    for (row, offset) in rows.iter().zip(0..) {
        match row {
            Some(row) if cells(source, row, &needed).is_some_and(|key| !key.iter().any(|value| value.is_absent())) => {
                accepted.push(row.clone());
            }
            _ => refused.push(offset),
        }
    }
    (accepted, refused)
}

/// The rows of a table as of `instant`, by key: of several of one key the last, with `versions:` the greatest version that has begun.
#[must_use]
pub fn table_at(source: &Source, rows: &[Vec<Cell>], instant: i64) -> Vec<Vec<Cell>> {
    let mut current: BTreeMap<Vec<Ordered>, (i64, Vec<Cell>)> = BTreeMap::new();
    for row in rows {
        let Some(key) = cells(source, row, &source.key) else { continue };
        let version = match &source.versions {
            None => i64::MIN,
            Some(name) => match position(source, name).and_then(|at| row.get(at)) {
                Some(Ok(Value::Timestamp(at))) => *at,
                Some(Ok(Value::Date(day))) => i64::from(*day) * 86_400_000_000,
                _ => continue,
            },
        };
        if source.versions.is_some() && version > instant {
            continue;
        }
        let key = key.into_iter().cloned().map(Ordered).collect::<Vec<_>>();
        if current.get(&key).is_none_or(|(other, _)| version >= *other) {
            current.insert(key, (version, row.clone()));
        }
    }
    current.into_values().map(|(_, row)| row).collect()
}
