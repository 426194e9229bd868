//! What the steps of a run leave for each other: files in a folder of the lake, each put in place whole.
//!
//! Files of rows belong to one build of one job and are read by no other: `FLOWROW1`, a count, the rows with their system
//! columns, and a checksum of all that.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::trees::Fnv128;
use flow_core::types::Schema;
use flow_learn::registry::Publication;
use flow_operators::order::Order;
use flow_operators::rows::{BatchBuilder, encode_row};
use flow_task::RunError;
use flow_task::state::{refused, replace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bad::{Bad, BadRows};

const MAGIC: &[u8; 8] = b"FLOWROW1";
/// Arrival, source, partition, offset, time, weight, length.
const HEAD: usize = 8 + 4 + 4 + 8 + 8 + 1 + 4;
const BAD: &str = "bad ";

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

/// What a run works on: its first step decides, the others follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The job.
    pub job: String,
    /// T.
    pub at: i64,
    /// What `now` is.
    pub now: i64,
    /// The values of parameters, as they were given.
    pub arguments: BTreeMap<String, String>,
    /// How far the topics of the log are read: topic, partition, the next offset.
    pub cut: Vec<(String, u32, i64)>,
}

impl RunFolder {
    /// The folder of the run `run` in a lake.
    ///
    /// # Errors
    /// A name that is none.
    pub fn new(lake: &Path, run: &str) -> Result<Self, RunError> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if run.is_empty() || run.starts_with('.') || run.len() > 128 || !run.chars().all(fits) {
            return Err(RunError::Environment(format!(
                "--run {run}: a run is named by at most 128 ASCII letters, digits, `-`, `_` and `.`, and begins with no `.`"
            )));
        }
        Ok(Self { root: lake.join(".runs").join(run) })
    }

    /// What the run works on; nothing before its first step.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn started(&self) -> Result<Option<Started>, RunError> {
        self.json("run.json")
    }

    /// Decides what the run works on.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn start(&self, started: &Started) -> Result<(), RunError> {
        self.put_json("run.json", started)
    }

    /// Leaves what a part of the job left out, and how many rows went in where it says so.
    pub(crate) fn put_bad(&self, part: &str, bad: &Bad, accepted: Option<u64>) -> Result<(), RunError> {
        self.put_json(&format!("{BAD}{part}.json"), &(bad, accepted))
    }

    /// What all parts so far have left out.
    pub(crate) fn bad(&self) -> Result<BadRows, RunError> {
        let mut all = BadRows::default();
        let mut names: Vec<String> = match fs::read_dir(&self.root) {
            Ok(entries) => {
                let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
                entries.filter_map(name).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unread(&self.root, &error.to_string())),
        };
        names.sort();
        for name in names {
            let part = name.strip_prefix(BAD).and_then(|name| name.strip_suffix(".json"));
            let Some(part) = part else { continue };
            let Some((bad, accepted)) = self.json::<(Bad, Option<u64>)>(&name)? else { continue };
            all.accepted += accepted.unwrap_or(0);
            all.add(part, bad);
        }
        Ok(all)
    }

    pub(crate) fn put_model(&self, name: &str, model: &Publication) -> Result<(), RunError> {
        let text = model.to_text().map_err(|error| RunError::Plan(error.to_string()))?;
        replace(&self.root.join(format!("{name}.json")), text.as_bytes())
    }

    pub(crate) fn model(&self, name: &str) -> Result<Option<Publication>, RunError> {
        let path = self.root.join(format!("{name}.json"));
        let Some(text) = read(&path)? else { return Ok(None) };
        Publication::from_text(&text).map(Some).map_err(|reason| unread(&path, &reason))
    }

    pub(crate) fn put_rows(&self, name: &str, rows: &Batch) -> Result<(), RunError> {
        replace(&self.root.join(name), &encoded(rows))
    }

    pub(crate) fn rows(&self, name: &str, schema: &Arc<Schema>) -> Result<Option<Batch>, RunError> {
        let path = self.root.join(name);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        decoded(&bytes, schema).map(Some).ok_or_else(|| unread(&path, "it is torn, or another build wrote it"))
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn remove(&self) -> Result<(), RunError> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(refused(&self.root, &error)),
            _ => Ok(()),
        }
    }

    fn put_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let text = serde_json::to_vec_pretty(value).map_err(|error| RunError::Plan(error.to_string()))?;
        replace(&self.root.join(name), &text)
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, RunError> {
        let path = self.root.join(name);
        let Some(text) = read(&path)? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| unread(&path, &error.to_string()))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, RunError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(path, &error.to_string())),
    }
}

fn unread(path: &Path, why: &str) -> RunError {
    let path = path.display();
    RunError::Environment(format!("`{path}` of this run cannot be used: {why}; begin a new run, under another --run"))
}

fn encoded(rows: &Batch) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend((rows.rows as u64).to_le_bytes());
    let has_lineage = !rows.lineage.is_empty();
    out.push(u8::from(has_lineage));
    let mut cells = Vec::new();
    for row in 0..rows.rows {
        let order = Order::of(rows, row);
        out.extend(order.arrived.to_le_bytes());
        out.extend(order.origin.source.to_le_bytes());
        out.extend(order.origin.partition.to_le_bytes());
        out.extend(order.offset.to_le_bytes());
        out.extend(rows.time.get(row).copied().unwrap_or_default().to_le_bytes());
        out.extend(rows.weight.get(row).copied().unwrap_or(1).to_le_bytes());
        cells.clear();
        encode_row(&rows.columns, row, &mut cells);
        out.extend(u32::try_from(cells.len()).unwrap_or(u32::MAX).to_le_bytes());
        if has_lineage {
            out.extend(rows.made_of(row).to_le_bytes());
        }
        out.extend_from_slice(&cells);
    }
    let sum = checksum(&out);
    out.extend(sum);
    out
}

fn decoded(bytes: &[u8], schema: &Arc<Schema>) -> Option<Batch> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
    let mut from = content.strip_prefix(MAGIC)?;
    (checksum(content) == sum).then_some(())?;
    let count = u64::from_le_bytes(take(&mut from)?);
    let [has_lineage] = take::<1>(&mut from)?;
    let mut builder = BatchBuilder::new(schema);
    for _ in 0..count {
        (from.len() >= HEAD).then_some(())?;
        let arrived = i64::from_le_bytes(take(&mut from)?);
        let source = u32::from_le_bytes(take(&mut from)?);
        let partition = u32::from_le_bytes(take(&mut from)?);
        let offset = i64::from_le_bytes(take(&mut from)?);
        let time = i64::from_le_bytes(take(&mut from)?);
        let weight = i8::from_le_bytes(take(&mut from)?);
        let length = u32::from_le_bytes(take(&mut from)?) as usize;
        let order = Order { arrived, origin: Origin { source, partition }, offset };
        if has_lineage == 1 {
            builder.begin_of(time, order, weight, u64::from_le_bytes(take(&mut from)?));
        } else {
            builder.begin(time, order, weight);
        }
        let (cells, rest) = from.split_at_checked(length)?;
        builder.cells(0, cells).ok()?;
        from = rest;
    }
    from.is_empty().then(|| builder.finish())
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = from.split_at_checked(N)?;
    *from = rest;
    head.try_into().ok()
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    let mut hash = Fnv128::default();
    hash.write(bytes);
    hash.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_core::column::Column;
    use flow_core::fault::Fault;
    use flow_core::types::{DataType, Field, Kind};
    use flow_core::value::{Cell, Value};

    fn batch() -> (Arc<Schema>, Batch) {
        let kinds = [Kind::Int, Kind::Float, Kind::String];
        let field = |(name, kind): (&str, Kind)| Field { name: name.to_owned(), ty: DataType::optional(kind) };
        let schema = Arc::new(Schema { fields: ["a", "b", "c"].into_iter().zip(kinds).map(field).collect() });
        let columns = vec![
            Column::from_values(&Kind::Int, [&Value::Int(7), &Value::Absent]),
            Column::from_values(&Kind::Float, [&Value::Float(-0.0), &Value::Float(5e-324)]),
            Column::repeat(&Kind::String, Err(Fault::Overflow), 2),
        ];
        let origin = vec![Origin { source: 3, partition: 1 }, Origin { source: 0, partition: u32::MAX }];
        let rows = Batch {
            columns,
            rows: 2,
            time: vec![i64::MIN, 5],
            arrived: vec![1, 2],
            origin,
            offset: vec![9, -1],
            weight: vec![1, -1],
            lineage: vec![11, u64::MAX],
        };
        (schema, rows)
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path(), "r-1").unwrap();
        let (schema, rows) = batch();
        assert_eq!(run.rows("rows-0", &schema).unwrap(), None);
        for rows in [rows.clone(), Batch { lineage: Vec::new(), ..rows.clone() }, rows.take(&[])] {
            run.put_rows("rows-0", &rows).unwrap();
            let back = run.rows("rows-0", &schema).unwrap().unwrap();
            assert_eq!(encoded(&back), encoded(&rows));
            assert_eq!(back.lineage, rows.lineage);
        }
        assert_eq!(batch().1.columns[2].cell(1), Err(Fault::Overflow));
        run.put_rows("rows-0", &rows).unwrap();
        let back = run.rows("rows-0", &schema).unwrap().unwrap();
        assert_eq!(back.columns[2].cell(1), Err(Fault::Overflow));
        assert_eq!(back.columns[0].cell(0), Ok(Cell::Int(7)));
        run.remove().unwrap();
        run.remove().unwrap();
        assert_eq!(run.rows("rows-0", &schema).unwrap(), None);
    }

    #[test]
    fn torn_rows_are_no_rows() {
        let (schema, rows) = batch();
        let whole = encoded(&rows);
        for length in 0..whole.len() {
            assert!(decoded(&whole[..length], &schema).is_none(), "cut at {length}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert!(decoded(&other, &schema).is_none(), "changed at {at}");
        }
    }

    #[test]
    fn names_of_runs_leave_the_folder_in_no_way() {
        for name in ["", "..", ".x", "a/b", "a b", "é", &"x".repeat(129)] {
            assert!(RunFolder::new(Path::new("lake"), name).is_err(), "{name}");
        }
        assert!(RunFolder::new(Path::new("lake"), "0f8fad5b-d9cb-469f-a165-70867728950e").is_ok());
    }
}
