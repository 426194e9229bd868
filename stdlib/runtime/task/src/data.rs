//! Data at rest: files and tables of sources, decoded, with their raw bytes kept for dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::types::Schema;
use flow_core::value::{Cell, Value};
use flow_formats::{Decoded, Decoder, Encoding, Format, OpenParquet};
use flow_operators::accept::Arriving;

use crate::error::RunError;
use crate::pipeline::arrivals;
use crate::spec::{SourceSpec, streams};
use crate::tables::{Loaded, Tables};

/// The partition of rows that cannot be read in a file whose rows name their places; dead letters call it 0.
pub const UNPLACED: u32 = u32::MAX;

/// Records that are decoded at once.
const CHUNK: usize = 8_192;

/// Consecutive records of one partition: decoded, and as they lie.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The source's number.
    pub source: u32,
    /// Decoded.
    pub arriving: Arriving,
    /// The bytes that `views` points into.
    pub payload: Arc<Vec<u8>>,
    /// Start and end of each record.
    pub views: Vec<(usize, usize)>,
}

impl Chunk {
    /// The records at these positions, in that order.
    #[must_use]
    pub fn rows(&self, rows: &[usize]) -> Self {
        let arriving = &self.arriving;
        let known: BTreeMap<usize, _> =
            arriving.refused.iter().map(|(row, fault, detail)| (*row, (*fault, detail))).collect();
        let at = |(at, row): (usize, &usize)| known.get(row).map(|(fault, detail)| (at, *fault, (*detail).clone()));
        let refused = rows.iter().enumerate().filter_map(at);
        Self {
            source: self.source,
            arriving: Arriving {
                partition: arriving.partition,
                offsets: rows.iter().filter_map(|row| arriving.offsets.get(*row)).copied().collect(),
                stamps: rows.iter().filter_map(|row| arriving.stamps.get(*row)).copied().collect(),
                columns: arriving.columns.iter().map(|column| column.take(rows)).collect(),
                refused: refused.collect(),
            },
            payload: Arc::clone(&self.payload),
            views: rows.iter().filter_map(|row| self.views.get(*row)).copied().collect(),
        }
    }

    /// The raw bytes of the record with this offset of which `detail` was said. Of several with one offset all but the
    /// first are refused, each by its own detail.
    #[must_use]
    pub fn raw(&self, offset: i64, detail: &str) -> Option<&[u8]> {
        let Arriving { offsets, refused, .. } = &self.arriving;
        let first = offsets.partition_point(|before| *before < offset);
        let alike = offsets.iter().skip(first).take_while(|other| **other == offset).count();
        let from = refused.partition_point(|(row, ..)| *row < first);
        let mut known = refused.iter().skip(from).take_while(|(row, ..)| *row < first + alike);
        let said = known.find(|(_, _, said)| said == detail).map_or(first, |(row, ..)| *row);
        let (start, end) = *self.views.get(said).filter(|_| alike > 0)?;
        self.payload.get(start..end)
    }
}

/// All records that are at hand.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Chunks; those of one partition in order of offset.
    pub chunks: Vec<Chunk>,
}

impl History {
    /// The last arrival of all, microseconds since the epoch; none where there is no record, or none that says when it came.
    #[must_use]
    pub fn arrived(&self, sources: &[SourceSpec]) -> Option<i64> {
        let gates: BTreeMap<u32, _> = streams(sources).map(|(number, source)| (number, source.gate(number))).collect();
        let last = |chunk: &Chunk| {
            let gate = gates.get(&chunk.source)?;
            arrivals(gate.spec(), &chunk.arriving, None).last().copied().filter(|arrived| *arrived > i64::MIN)
        };
        self.chunks.iter().filter_map(last).max()
    }

    /// The partitions that it has.
    #[must_use]
    pub fn partitions(&self) -> Vec<Origin> {
        let mut partitions: Vec<Origin> = self
            .chunks
            .iter()
            .map(|chunk| Origin { source: chunk.source, partition: chunk.arriving.partition })
            .collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }
}

/// What the caller says about where sources lie.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The solution's folder.
    pub root: PathBuf,
    /// Sources that are read from these files instead of their topic, file and history.
    pub bound: BTreeMap<String, PathBuf>,
    /// Sources that the local target fills.
    pub simulated: BTreeSet<String>,
    /// Opens Parquet files; without it they are refused.
    pub parquet: Option<OpenParquet>,
}

impl Places {
    /// The file or folder in which a source's data lies at rest; nothing where it has none.
    #[must_use]
    pub fn at_rest(&self, source: &SourceSpec) -> Option<PathBuf> {
        if let Some(file) = self.bound.get(&source.name) {
            return Some(file.clone());
        }
        let path = source.file.as_ref().or(source.path.as_ref()).map(|path| self.root.join(path));
        if let Some(path) = path {
            // What the local target simulates need not be there.
            return (path.exists() || !self.simulated.contains(&source.name)).then_some(path);
        }
        // History is what a deployment archives; a solution that has not been deployed yet has none.
        source.history.as_ref().map(|history| self.root.join(history)).filter(|path| path.exists())
    }
}

/// Reads all data at rest: streams into chunks, tables into [`Tables`].
///
/// # Errors
/// A stream's file that is not there, or any that cannot be read at all; bad rows of streams are no error here.
pub fn read_all(sources: &[SourceSpec], places: &Places) -> Result<(History, Tables), RunError> {
    let mut history = History::default();
    for (number, source) in streams(sources) {
        if let Some(path) = places.at_rest(source) {
            history.chunks.extend(read_stream(source, number, &path, places.parquet)?);
        }
    }
    Ok((history, read_tables(sources, places)?))
}

/// Reads all tables; of one whose file is not there, [`Tables`] says so to whoever reads it.
///
/// # Errors
/// As [`read_table`].
pub fn read_tables(sources: &[SourceSpec], places: &Places) -> Result<Tables, RunError> {
    let mut tables = Tables::default();
    for source in sources.iter().filter(|source| !source.is_stream()) {
        let path = places.at_rest(source);
        match path.as_deref().filter(|path| !path.exists()).map(|path| open(source, path, places.parquet)) {
            Some(Err(missing)) => tables.lacks(&source.name, missing.to_string()),
            _ => tables.insert(&source.name, read_table(source, path.as_deref(), places.parquet)?),
        }
    }
    Ok(tables)
}

/// Reads a stream's file or folder.
///
/// # Errors
/// As [`read_all`].
pub fn read_stream(
    source: &SourceSpec,
    number: u32,
    path: &Path,
    parquet: Option<OpenParquet>,
) -> Result<Vec<Chunk>, RunError> {
    let schema = &source.schema;
    let mut chunks: Vec<Chunk> = Vec::new();
    for rows in open(source, path, parquet)? {
        let rows = rows.map_err(|error| RunError::Environment(format!("source `{}`: {error}", source.name)))?;
        let decoder = Decoder::new(schema, rows.encoding.clone(), source.unit).with_positions();
        let decoded = decoder.decode(rows.records());
        place(number, rows.first, decoded, &rows.payload, &rows.views, &mut chunks);
    }
    Ok(in_order(chunks, schema))
}

/// Puts the records of each partition into the order of their offsets, whatever the order of lines; of two with one
/// offset the later is refused.
fn in_order(chunks: Vec<Chunk>, schema: &Schema) -> Vec<Chunk> {
    let mut by_partition: BTreeMap<u32, Vec<Chunk>> = BTreeMap::new();
    for chunk in chunks {
        by_partition.entry(chunk.arriving.partition).or_default().push(chunk);
    }
    let mut ordered = Vec::new();
    for chunks in by_partition.into_values() {
        let offsets = || chunks.iter().flat_map(|chunk| chunk.arriving.offsets.iter());
        if offsets().zip(offsets().skip(1)).all(|(before, after)| before < after) {
            ordered.extend(chunks);
        } else {
            ordered.extend(whole(&chunks, schema));
        }
    }
    ordered
}

/// One chunk of several of one partition, sorted by offset.
fn whole(chunks: &[Chunk], schema: &Schema) -> Option<Chunk> {
    let first = chunks.first()?;
    let mut payload = Vec::new();
    let mut views = Vec::new();
    let mut refused = Vec::new();
    let mut rows = 0;
    for chunk in chunks {
        let base = payload.len();
        payload.extend_from_slice(&chunk.payload);
        views.extend(chunk.views.iter().map(|(start, end)| (base + start, base + end)));
        refused.extend(chunk.arriving.refused.iter().map(|(row, fault, detail)| (rows + row, *fault, detail.clone())));
        rows += chunk.arriving.offsets.len();
    }
    let offsets: Vec<i64> = chunks.iter().flat_map(|chunk| chunk.arriving.offsets.iter().copied()).collect();
    let column = |(position, field): (usize, &flow_core::types::Field)| {
        let parts: Vec<Column> =
            chunks.iter().filter_map(|chunk| chunk.arriving.columns.get(position)).cloned().collect();
        Column::concat(&field.ty.kind, &parts)
    };
    let arriving = Arriving {
        partition: first.arriving.partition,
        stamps: chunks.iter().flat_map(|chunk| chunk.arriving.stamps.iter().copied()).collect(),
        columns: schema.fields.iter().enumerate().map(column).collect(),
        offsets: offsets.clone(),
        refused,
    };
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|row| offsets.get(*row).copied());
    let unsorted = Chunk { source: first.source, arriving, payload: Arc::new(payload), views };
    let mut sorted = unsorted.rows(&order);
    let arriving = &mut sorted.arriving;
    let known: BTreeSet<usize> = arriving.refused.iter().map(|(row, ..)| *row).collect();
    let (mut alike, mut before) = (0, None);
    for (row, offset) in arriving.offsets.iter().enumerate() {
        alike = if before == Some(*offset) { alike + 1 } else { 0 };
        before = Some(*offset);
        if alike > 0 && !known.contains(&row) {
            // Each is told from the others of its place by what is said of it.
            let detail = match alike {
                1 => "another row has this partition and offset".to_owned(),
                _ => format!("{alike} rows before it have this partition and offset"),
            };
            arriving.refused.push((row, Fault::Malformed, detail));
        }
    }
    arriving.refused.sort_by_key(|(row, ..)| *row);
    Some(sorted)
}

fn open(
    source: &SourceSpec,
    path: &Path,
    parquet: Option<OpenParquet>,
) -> Result<flow_formats::file::Reader, RunError> {
    // A file that says by its name what it is may be bound to any source.
    flow_formats::open(path, None, CHUNK)
        .map(|reader| reader.unnamed(source.format).parquet(parquet, &source.schema))
        .map_err(|error| RunError::Environment(format!("source `{}`: {error}", source.name)))
}

/// Deals decoded rows of a file to partitions.
fn place(
    source: u32,
    first: i64,
    decoded: Decoded,
    payload: &Arc<Vec<u8>>,
    views: &[(usize, usize)],
    chunks: &mut Vec<Chunk>,
) {
    let mut by_partition: BTreeMap<u32, Vec<(i64, usize, Option<i64>)>> = BTreeMap::new();
    let is_placed = |column: &Column| (0..column.rows()).any(|row| matches!(column.cell(row), Ok(Cell::Int(_))));
    let placed = decoded.positions.as_ref().is_some_and(|own| is_placed(&own.offset) || is_placed(&own.partition));
    for (row, number) in (0..views.len()).zip(first..) {
        let int = |column: Option<&Column>| match column.map(|column| column.cell(row)) {
            Some(Ok(Cell::Int(value))) => Some(value),
            _ => None,
        };
        let positions = decoded.positions.as_ref();
        let partition = int(positions.map(|positions| &positions.partition)).and_then(|p| u32::try_from(p).ok());
        let offset = int(positions.map(|positions| &positions.offset));
        let arrived = int(positions.map(|positions| &positions.arrived));
        // A row that cannot be read says nothing of its place, and must not take that of another.
        let lost = placed && decoded.refused.binary_search_by_key(&row, |refused| refused.row).is_ok();
        let partition = if lost { UNPLACED } else { partition.unwrap_or(0) };
        by_partition.entry(partition).or_default().push((offset.unwrap_or(number), row, arrived));
    }
    let refused: BTreeMap<usize, _> =
        decoded.refused.into_iter().map(|refused| (refused.row, (refused.fault, refused.detail))).collect();
    for (partition, mut rows) in by_partition {
        rows.sort_by_key(|(offset, row, _)| (*offset, *row));
        let taken: Vec<usize> = rows.iter().map(|(_, row, _)| *row).collect();
        let columns = decoded.columns.iter().map(|column| column.take(&taken)).collect();
        let refused = taken
            .iter()
            .enumerate()
            .filter_map(|(at, row)| refused.get(row).map(|(fault, detail)| (at, *fault, detail.clone())));
        let arriving = Arriving {
            partition,
            offsets: rows.iter().map(|(offset, ..)| *offset).collect(),
            stamps: rows.iter().map(|(_, _, arrived)| *arrived).collect(),
            columns,
            refused: refused.collect(),
        };
        let views = taken.iter().filter_map(|row| views.get(*row)).copied().collect();
        chunks.push(Chunk { source, arriving, payload: Arc::clone(payload), views });
    }
}

/// Reads a table; one whose file does not exist is an error, one without a file is empty.
///
/// # Errors
/// As [`read_all`]; a row that cannot be read, or has no key or version, is an error that names it, since a table is a
/// constant of the release.
pub fn read_table(source: &SourceSpec, path: Option<&Path>, parquet: Option<OpenParquet>) -> Result<Loaded, RunError> {
    match path {
        Some(path) => table_rows(source, path, open(source, path, parquet)?),
        None => given_table(source, &[]),
    }
}

/// Reads a table from the bytes of a CSV file.
///
/// # Errors
/// As [`read_table`].
pub fn read_table_bytes(source: &SourceSpec, csv: Vec<u8>) -> Result<Loaded, RunError> {
    let path = PathBuf::from(format!("{}.csv", source.name));
    let reader = flow_formats::file::read(&path, csv, Format::Csv, CHUNK)
        .map_err(|error| RunError::Environment(format!("table `{}`: {error}", source.name)))?;
    table_rows(source, &path, reader)
}

fn table_rows(source: &SourceSpec, path: &Path, reader: flow_formats::file::Reader) -> Result<Loaded, RunError> {
    let schema = Arc::clone(&source.schema);
    let mut batches = Vec::new();
    for rows in reader {
        let rows = rows.map_err(|error| RunError::Environment(format!("table `{}`: {error}", source.name)))?;
        let decoded = Decoder::new(&schema, rows.encoding.clone(), source.unit).decode(rows.records());
        if let Some(refused) = decoded.refused.first() {
            let row = rows.first + i64::try_from(refused.row).unwrap_or(0);
            return Err(bad_row(source, row, &format!("of `{}` cannot be read: {}", path.display(), refused.detail)));
        }
        if let Some((row, why)) = without_place(source, &decoded.columns) {
            let row = rows.first + i64::try_from(row).unwrap_or(0);
            return Err(bad_row(source, row, &format!("of `{}`: {why}", path.display())));
        }
        batches.push(plain(decoded.columns, rows.views.len()));
    }
    Ok(loaded(source, schema, &batches))
}

/// The first row whose key or version is bad or absent, and which: a lookup would miss the row without a word.
fn without_place(source: &SourceSpec, columns: &[Column]) -> Option<(usize, String)> {
    let mut places: Vec<(&String, &Column)> = Vec::new();
    for name in source.key.iter().chain(&source.versions) {
        places.extend(source.schema.position(name).and_then(|at| columns.get(at)).map(|column| (name, column)));
    }
    let rows = places.first().map_or(0, |(_, column)| column.rows());
    (0..rows).find_map(|row| {
        places.iter().find_map(|(name, column)| match column.cell(row) {
            Ok(Cell::Absent) => Some((row, format!("`{name}` is absent, and is its key or version"))),
            Ok(_) => None,
            Err(fault) => Some((row, format!("`{name}`, its key or version, cannot be read: {fault}"))),
        })
    })
}

fn bad_row(source: &SourceSpec, row: i64, why: &str) -> RunError {
    RunError::Program(format!("table `{}`: row {row} {why}; correct it or remove the row", source.name))
}

fn loaded(source: &SourceSpec, schema: Arc<Schema>, batches: &[Batch]) -> Loaded {
    let rows = if batches.is_empty() { Batch::empty(&schema) } else { Batch::concat(&schema, batches) };
    Loaded { schema, rows, key: source.key.clone(), version: source.versions.clone() }
}

/// Rows without time and place.
#[must_use]
pub fn plain(columns: Vec<Column>, rows: usize) -> Batch {
    Batch {
        columns,
        rows,
        time: vec![0; rows],
        arrived: vec![0; rows],
        origin: vec![Origin::default(); rows],
        offset: vec![0; rows],
        weight: vec![1; rows],
        lineage: Vec::new(),
    }
}

/// A table of given rows, each a record of the source's columns.
///
/// # Errors
/// A row without key or version, counted from 0.
pub fn given_table(source: &SourceSpec, rows: &[Value]) -> Result<Loaded, RunError> {
    let schema = Arc::clone(&source.schema);
    let columns = columns_of(&schema, rows);
    if let Some((row, why)) = without_place(source, &columns) {
        return Err(bad_row(source, i64::try_from(row).unwrap_or(0), &why));
    }
    Ok(loaded(source, schema, &[plain(columns, rows.len())]))
}

/// Events given as records of the source's columns: partition 0, in the order given, arriving at their event time.
#[must_use]
pub fn given_stream(source: &SourceSpec, number: u32, rows: &[Value]) -> Chunk {
    let arriving = Arriving {
        partition: 0,
        offsets: (0i64..).take(rows.len()).collect(),
        stamps: vec![None; rows.len()],
        columns: columns_of(&source.schema, rows),
        refused: Vec::new(),
    };
    Chunk { source: number, arriving, payload: Arc::default(), views: vec![(0, 0); rows.len()] }
}

fn columns_of(schema: &Schema, rows: &[Value]) -> Vec<Column> {
    let cell = |row: &Value, position: usize| match row {
        Value::Record(cells) => cells.get(position).cloned().unwrap_or(Value::Absent),
        _ => Value::Absent,
    };
    let column = |(position, field): (usize, &flow_core::types::Field)| {
        let cells: Vec<Value> = rows.iter().map(|row| cell(row, position)).collect();
        Column::from_values(&field.ty.kind, &cells)
    };
    schema.fields.iter().enumerate().map(column).collect()
}

/// Decodes the records of a log's batch.
#[must_use]
pub fn from_log(source: &SourceSpec, number: u32, batch: &flow_log::RawBatch) -> Chunk {
    let encoding = match source.format {
        Format::Csv => Encoding::Csv(source.schema.fields.iter().map(|field| field.name.clone()).collect()),
        Format::Json | Format::Parquet => Encoding::Json,
    };
    let decoder = Decoder::new(&source.schema, encoding, source.unit);
    let decoded = decoder.decode(batch.iter().map(|(_, _, value)| value));
    let refused = decoded.refused.into_iter().map(|refused| (refused.row, refused.fault, refused.detail));
    let arriving = Arriving {
        partition: batch.partition.index,
        offsets: batch.records.iter().map(|record| record.offset).collect(),
        stamps: batch.records.iter().map(|record| Some(record.arrived)).collect(),
        columns: decoded.columns,
        refused: refused.collect(),
    };
    let view = |(start, length): (u32, u32)| (start as usize, start as usize + length as usize);
    Chunk {
        source: number,
        arriving,
        payload: Arc::clone(&batch.payload),
        views: batch.records.iter().map(|record| view(record.value)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_core::types::{DataType, Field, Kind};

    #[test]
    fn only_who_reads_a_table_needs_its_file() {
        use crate::spec::Shape;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("here.csv"), "id\na\n").unwrap();
        let columns = Schema::of([Field::required("id", Kind::String)]);
        let table = |name: &str| SourceSpec {
            file: Some(format!("{name}.csv")),
            format: Format::Csv,
            ..SourceSpec::new(name, Shape::Table, columns.clone())
        };
        let sources = [table("here"), table("nowhere")];
        let places = Places { root: folder.path().to_owned(), ..Places::default() };
        let tables = read_tables(&sources, &places).unwrap();
        assert_eq!(tables.wanted("here").unwrap().rows.rows, 1);
        let missing = |found: Option<RunError>| match found {
            Some(RunError::Environment(why)) => why.contains("`nowhere`") && why.contains("nowhere.csv"),
            _ => false,
        };
        assert!(missing(tables.wanted("nowhere").err()));
        assert!(missing(tables.complete().err()));
    }

    fn chunk(offsets: &[i64], refused: &[usize], payload: &Arc<Vec<u8>>) -> Chunk {
        let arriving = Arriving {
            partition: 0,
            offsets: offsets.to_vec(),
            stamps: vec![None; offsets.len()],
            columns: vec![Column::ints(offsets.iter().map(|offset| offset * 10).collect())],
            refused: refused.iter().map(|row| (*row, Fault::Malformed, "unreadable".to_owned())).collect(),
        };
        Chunk {
            source: 0,
            arriving,
            payload: Arc::clone(payload),
            views: (0..offsets.len()).map(|at| (at, at + 1)).collect(),
        }
    }

    #[test]
    fn chunks_whose_offsets_overlap_become_one_in_order() {
        let schema = Schema { fields: vec![Field { name: "x".to_owned(), ty: DataType::required(Kind::Int) }] };
        let (first, second) = (Arc::new(b"abc".to_vec()), Arc::new(b"de".to_vec()));
        let chunks = vec![chunk(&[7], &[], &first), chunk(&[0, 3, 5], &[1], &first), chunk(&[1, 4], &[0], &second)];
        let ordered = in_order(chunks, &schema);
        let offsets: Vec<_> = ordered.iter().map(|chunk| chunk.arriving.offsets.clone()).collect();
        assert_eq!(offsets, [vec![0, 1, 3, 4, 5, 7]]);
        let joined = &ordered[0];
        let refused: Vec<_> = joined.arriving.refused.iter().map(|(row, ..)| *row).collect();
        assert_eq!(refused, [1, 2]);
        assert_eq!(joined.arriving.columns[0].value(3), Ok(Value::Int(40)));
        let history = History { chunks: ordered };
        let raw = |offset| history.chunks[0].raw(offset, "unreadable").map(<[u8]>::to_vec);
        assert_eq!(
            (raw(0), raw(1), raw(4), raw(5)),
            (Some(b"a".into()), Some(b"d".into()), Some(b"e".into()), Some(b"c".into()))
        );
    }

    #[test]
    fn of_two_rows_with_one_offset_the_later_is_refused() {
        let schema = Schema { fields: vec![Field { name: "x".to_owned(), ty: DataType::required(Kind::Int) }] };
        let (first, second) = (Arc::new(b"ab".to_vec()), Arc::new(b"cd".to_vec()));
        let third = Arc::new(b"e".to_vec());
        let chunks = vec![chunk(&[4, 5], &[], &first), chunk(&[4, 6], &[], &second), chunk(&[4], &[], &third)];
        let ordered = in_order(chunks, &schema);
        let arriving = &ordered[0].arriving;
        assert_eq!(arriving.offsets, [4, 4, 4, 5, 6]);
        assert_eq!(arriving.refused.iter().map(|(row, ..)| *row).collect::<Vec<_>>(), [1, 2]);
        let late = "a second later than its lateness";
        let repeated = arriving.refused[0].2.as_str();
        assert_eq!(ordered[0].raw(4, &arriving.refused[1].2), Some(&b"e"[..]));
        let raw = |offset, detail| ordered[0].raw(offset, detail);
        assert_eq!((raw(4, late), raw(4, repeated)), (Some(&b"a"[..]), Some(&b"c"[..])), "each has its own bytes");
        assert_eq!(
            (raw(5, late), raw(6, late), raw(3, late), raw(7, late)),
            (Some(&b"b"[..]), Some(&b"d"[..]), None, None)
        );
    }

    #[test]
    fn rows_lie_where_they_say_and_what_cannot_be_read_lies_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sales.jsonl");
        let lines = [
            r#"{"x":10,"_partition":1,"_offset":7,"_arrived":70}"#,
            "{torn",
            r#"{"x":11,"_partition":0,"_offset":3,"_arrived":30}"#,
            r#"{"x":12,"_partition":1,"_offset":5,"_arrived":50}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let columns = Schema::of([Field::required("x", Kind::Int)]);
        let source = SourceSpec::new("sales", crate::spec::Shape::Stream, columns);
        let chunks = read_stream(&source, 4, &path, None).unwrap();
        let places: Vec<_> = chunks
            .iter()
            .map(|chunk| {
                let arriving = &chunk.arriving;
                (chunk.source, arriving.partition, arriving.offsets.clone(), arriving.stamps.clone())
            })
            .collect();
        let expected = [
            (4, 0, vec![3], vec![Some(30)]),
            (4, 1, vec![5, 7], vec![Some(50), Some(70)]),
            (4, UNPLACED, vec![1], vec![None]),
        ];
        assert_eq!(places, expected);
        let history = History { chunks };
        let raw = |chunk: usize, offset| history.chunks[chunk].raw(offset, "late");
        assert_eq!(raw(1, 7), Some(lines[0].as_bytes()));
        assert_eq!(raw(2, 1), Some(lines[1].as_bytes()));
        assert_eq!(raw(0, 7), None);
        assert_eq!(history.chunks[2].arriving.refused.len(), 1);
        assert_eq!(history.arrived(std::slice::from_ref(&source)), None, "its number is 0, and not 4");
        let sources = vec![source; 5];
        assert_eq!(history.arrived(&sources), Some(70));
    }

    #[test]
    fn a_table_with_a_row_that_cannot_be_read_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.jsonl");
        std::fs::write(&path, "{\"id\":1}\n{\"id\":2}\n[3]\n").unwrap();
        let columns = Schema::of([Field::required("id", Kind::Int)]);
        let source = SourceSpec::new("items", crate::spec::Shape::Table, columns);
        let told = read_table(&source, Some(&path), None).err().unwrap().to_string();
        assert!(told.contains("table `items`: row 2 of `") && told.contains("items.jsonl`"), "{told}");
    }

    #[test]
    fn a_table_with_a_key_or_version_that_is_bad_or_absent_names_it() {
        let columns = Schema::of([Field::optional("id", Kind::Int), Field::required("since", Kind::Timestamp)]);
        let mut source = SourceSpec::new("items", crate::spec::Shape::Table, columns);
        source.key = vec!["id".to_owned()];
        let read = |source: &SourceSpec, row: &str| {
            read_table_bytes(source, format!("id,since\n1,2026-01-01T00:00:00Z\n{row}\n").into_bytes())
        };
        let told = |source: &SourceSpec, row: &str| {
            read(source, row).err().map(|error| (error.exit_code(), error.to_string()))
        };
        let said =
            |why: &str| Some((1, format!("table `items`: row 1 of `items.csv`: {why}; correct it or remove the row")));
        assert_eq!(told(&source, ",2026-01-01T00:00:00Z"), said("`id` is absent, and is its key or version"));
        let bad = |name: &str, fault: Fault| said(&format!("`{name}`, its key or version, cannot be read: {fault}"));
        assert_eq!(told(&source, "x,2026-01-01T00:00:00Z"), bad("id", Fault::Malformed));
        assert_eq!(told(&source, "1,today"), None, "no other cell has to be there");
        source.versions = Some("since".to_owned());
        assert_eq!(told(&source, "1,today"), bad("since", Fault::Malformed));
        assert_eq!(told(&source, "1,"), bad("since", Fault::Malformed));
        assert_eq!(told(&source, "1,2026-01-01T00:00:00Z"), None);
        let given = |id: Value| given_table(&source, &[Value::Record([id, Value::Int(0)].into())]);
        assert!(given(Value::Int(1)).is_ok() && given(Value::Absent).is_err());
    }

    #[test]
    fn what_is_bound_comes_before_a_file_and_a_file_before_what_was_archived() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut source = SourceSpec::new("sales", crate::spec::Shape::Stream, Schema::of([]));
        let mut places = Places { root: root.to_owned(), ..Places::default() };
        assert_eq!(places.at_rest(&source), None);
        source.history = Some("lake/sales".to_owned());
        assert_eq!(places.at_rest(&source), None, "a solution that was not deployed has archived nothing");
        std::fs::create_dir_all(root.join("lake/sales")).unwrap();
        assert_eq!(places.at_rest(&source), Some(root.join("lake/sales")));
        source.file = Some("sales.csv".to_owned());
        assert_eq!(places.at_rest(&source), Some(root.join("sales.csv")), "it is missed where it is not there");
        places.simulated.insert("sales".to_owned());
        assert_eq!(places.at_rest(&source), None, "what is simulated need not be there");
        std::fs::write(root.join("sales.csv"), "").unwrap();
        assert_eq!(places.at_rest(&source), Some(root.join("sales.csv")));
        places.bound.insert("sales".to_owned(), root.join("other.csv"));
        assert_eq!(places.at_rest(&source), Some(root.join("other.csv")));
    }
}
