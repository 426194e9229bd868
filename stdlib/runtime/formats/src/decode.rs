//! Records to columns: one way for log topics, files and request bodies.

use flow_core::builder::ColumnBuilder;
use flow_core::column::{Column, State};
use flow_core::fault::Fault;
use flow_core::functions::TimeUnit;
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;

use crate::csv;
use crate::json::scan::SyntaxError;
use crate::json::{self, JsonDecoder};

/// How the bytes of a record are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// One JSON object a record.
    Json,
    /// One CSV row a record, its cells named by the given header.
    Csv(Vec<String>),
}

/// Records as columns.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// One column a field of the schema, one row a record; all cells of a refused record are faulty.
    pub columns: Vec<Column>,
    /// The records that could not be read at all, in order.
    pub refused: Vec<Refused>,
    /// What the records say of their own place, where the decoder was asked for it.
    pub positions: Option<Positions>,
}

/// A record that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its row among those decoded together.
    pub row: usize,
    /// Why.
    pub fault: Fault,
    /// What was expected and where, for the dead letter.
    pub detail: String,
}

/// The columns `_partition`, `_offset` and `_arrived` of the records; absent where a record has none.
#[derive(Debug, Clone)]
pub struct Positions {
    /// Integers.
    pub partition: Column,
    /// Integers.
    pub offset: Column,
    /// Microseconds since the epoch.
    pub arrived: Column,
}

/// Decodes records of one schema.
#[derive(Debug)]
pub struct Decoder {
    /// The fields of the schema, then those of the positions where asked for.
    fields: Vec<Field>,
    columns: usize,
    encoding: Encoding,
    /// For JSON: the key of each of `fields`.
    keys: Vec<Vec<u8>>,
    /// For CSV: the column of each of `fields` in the header.
    cells: Vec<Option<usize>>,
    /// For JSON: the positions that are fields of the schema, too, by their places among `fields`.
    declared: Vec<usize>,
    unit: Option<TimeUnit>,
}

impl Decoder {
    /// A decoder of records of `schema`; `unit` is what integer timestamps count, without which they are malformed.
    #[must_use]
    pub fn new(schema: &Schema, encoding: Encoding, unit: Option<TimeUnit>) -> Self {
        let mut decoder = Self {
            fields: schema.fields.clone(),
            columns: schema.fields.len(),
            encoding,
            keys: Vec::new(),
            cells: Vec::new(),
            declared: Vec::new(),
            unit,
        };
        decoder.place();
        decoder
    }

    /// Also reads the columns `_partition`, `_offset` and `_arrived`; a record in which one of them is bad is refused.
    /// An integer `_arrived` counts the decoder's unit, microseconds without one.
    #[must_use]
    pub fn with_positions(mut self) -> Self {
        for (name, kind) in [("_partition", Kind::Int), ("_offset", Kind::Int), ("_arrived", Kind::Timestamp)] {
            self.fields.push(Field { name: name.to_owned(), ty: DataType::optional(kind) });
        }
        self.place();
        self
    }

    fn place(&mut self) {
        self.keys = json::keys(&self.fields);
        let (own, positions) = self.fields.split_at(self.columns.min(self.fields.len()));
        let is_own = |field: &Field| own.iter().any(|other| other.name == field.name);
        self.declared = (self.columns..).zip(positions).filter(|(_, field)| is_own(field)).map(|(at, _)| at).collect();
        if let Encoding::Csv(header) = &self.encoding {
            let cell = |field: &Field| header.iter().rposition(|name| *name == field.name);
            self.cells = self.fields.iter().map(cell).collect();
        }
    }

    /// The cells of one record, where it is a JSON object that has the fields in their order, each of them plain and good: what
    /// [`Self::decode`] gives of it, without columns. Nothing of any other record, whatever is the matter with it.
    #[must_use]
    pub fn plain(&self, record: &[u8]) -> Option<Vec<Value>> {
        // What does not fit into a column is too large for it.
        u32::try_from(record.len()).ok()?;
        match self.encoding {
            Encoding::Json if self.fields.len() == self.columns => {
                json::plain_record(std::str::from_utf8(record).ok()?, &self.fields, &self.keys, self.unit)
            }
            Encoding::Json | Encoding::Csv(_) => None,
        }
    }

    /// Decodes `records`, each the bytes of one record.
    #[must_use]
    pub fn decode<'a>(&self, records: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
        let records = records.into_iter();
        let expected = records.size_hint().0;
        let mut builders: Vec<ColumnBuilder> =
            self.fields.iter().map(|field| ColumnBuilder::new(&field.ty.kind, expected)).collect();
        let mut refused = Vec::new();
        let mut rows = Rows { decoder: self, json: JsonDecoder::new(self.unit), csv: csv::Splitter::new() };
        for (row, record) in records.enumerate() {
            if let Err(detail) = rows.record(record, &mut builders, row) {
                refused.push(Refused { row, fault: Fault::Malformed, detail });
                for builder in &mut builders {
                    builder.truncate(row);
                    builder.push_fault(Fault::Malformed);
                }
            }
        }
        let mut columns: Vec<Column> = builders.into_iter().map(ColumnBuilder::finish).collect();
        let mut own = columns.split_off(self.columns.min(columns.len())).into_iter();
        let positions = match (own.next(), own.next(), own.next()) {
            (Some(partition), Some(offset), Some(arrived)) => Some(Positions { partition, offset, arrived }),
            _ => None,
        };
        let mut decoded = Decoded { columns, refused, positions };
        decoded.refuse_bad_positions();
        decoded
    }
}

/// The state of decoding some records.
struct Rows<'a> {
    decoder: &'a Decoder,
    json: JsonDecoder,
    csv: csv::Splitter,
}

impl Rows<'_> {
    /// Adds a cell to each builder, or says why the record is none.
    fn record(&mut self, record: &[u8], builders: &mut [ColumnBuilder], row: usize) -> Result<(), String> {
        let text = std::str::from_utf8(record)
            .map_err(|error| format!("expected UTF-8 text at byte {}", error.valid_up_to()))?;
        let fields = &self.decoder.fields;
        match &self.decoder.encoding {
            Encoding::Json => self
                .json
                .record(text, fields, &self.decoder.keys, builders, row)
                .and_then(|()| self.declared(text, builders, row))
                .map_err(|error| format!("expected {} at byte {}", error.expected, error.at))?,
            Encoding::Csv(header) => {
                let cells = self.csv.split(text, header.len())?;
                for ((field, cell), builder) in fields.iter().zip(&self.decoder.cells).zip(builders.iter_mut()) {
                    let text = cell.and_then(|cell| cells.get(cell));
                    csv::push(builder, text, &field.ty, self.decoder.unit, &mut self.json);
                }
            }
        }
        if self.decoder.unit.is_none() && fields.len() > self.decoder.columns {
            self.arrived(text, builders, row);
        }
        Ok(())
    }

    /// Reads the positions that a record's fields have taken: of two fields of one name the first has the cell.
    fn declared(&mut self, text: &str, builders: &mut [ColumnBuilder], row: usize) -> Result<(), SyntaxError> {
        let decoder = self.decoder;
        for at in &decoder.declared {
            let (Some(field), Some(builder)) = (decoder.fields.get(*at), builders.get_mut(*at)) else { continue };
            builder.truncate(row);
            self.json.record(text, std::slice::from_ref(field), &[], std::slice::from_mut(builder), row)?;
        }
        Ok(())
    }

    /// Reads `_arrived` again as microseconds, where the decoder has no unit and it could not be read.
    fn arrived(&mut self, text: &str, builders: &mut [ColumnBuilder], row: usize) {
        let (Some(field), Some(builder)) = (self.decoder.fields.last(), builders.last_mut()) else { return };
        if builder.state(row) != State::Fault(Fault::Malformed) {
            return;
        }
        builder.truncate(row);
        match &self.decoder.encoding {
            Encoding::Json => {
                let mut json = JsonDecoder::new(Some(TimeUnit::Microsecond));
                if json.record(text, std::slice::from_ref(field), &[], std::slice::from_mut(builder), row).is_err() {
                    builder.truncate(row);
                    builder.push_fault(Fault::Malformed);
                }
            }
            Encoding::Csv(header) => {
                let cell = self.decoder.cells.last().copied().flatten();
                let cells = self.csv.split(text, header.len()).ok();
                let text = cells.and_then(|cells| cells.get(cell?));
                csv::push(builder, text, &field.ty, Some(TimeUnit::Microsecond), &mut self.json);
            }
        }
    }
}

impl Decoded {
    fn refuse_bad_positions(&mut self) {
        let Some(positions) = &self.positions else { return };
        let own =
            [("_partition", &positions.partition), ("_offset", &positions.offset), ("_arrived", &positions.arrived)];
        if own.iter().all(|(_, column)| column.states().is_none()) {
            return;
        }
        let mut bad: Vec<Refused> = Vec::new();
        for row in 0..positions.partition.rows() {
            let name =
                own.iter().find(|(_, column)| matches!(column.state(row), State::Fault(_))).map(|(name, _)| name);
            if let Some(name) = name
                && self.refused.binary_search_by_key(&row, |refused| refused.row).is_err()
            {
                let detail = format!("expected a number in `{name}`");
                bad.push(Refused { row, fault: Fault::Malformed, detail });
            }
        }
        if bad.is_empty() {
            return;
        }
        for column in &mut self.columns {
            let mut states: Vec<State> = (0..column.rows()).map(|row| column.state(row)).collect();
            for refused in &bad {
                if let Some(state) = states.get_mut(refused.row) {
                    *state = State::Fault(Fault::Malformed);
                }
            }
            *column = column.with_states(states);
        }
        self.refused.extend(bad);
        self.refused.sort_by_key(|refused| refused.row);
    }
}
