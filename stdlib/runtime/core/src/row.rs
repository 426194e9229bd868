//! One row as generated code sees it: typed cells by position, whether it is a row of a batch or a request's bindings.

use crate::column::{Column, ColumnData, State};
use crate::fault::Fault;
use crate::value::{Cell, Value};
use crate::zone::Zone;

/// A cell on its own, which may be faulty, or a record of which some fields are.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A value, or absent.
    Value(Value),
    /// It could not be computed.
    Fault(Fault),
    /// A present record, field by field.
    Record(Vec<Bound>),
}

impl Bound {
    /// No value.
    pub const ABSENT: Self = Self::Value(Value::Absent);

    /// A present record of the given fields.
    #[must_use]
    pub fn record<const N: usize>(fields: [Self; N]) -> Self {
        Self::Record(fields.into())
    }

    /// The cell of row `row` of a column.
    #[must_use]
    pub fn of(column: &Column, row: usize) -> Self {
        match (column.state(row), column.data()) {
            (State::Present, ColumnData::Record(record)) if row < column.rows() => {
                Self::Record(record.fields().iter().map(|field| Self::of(field, row)).collect())
            }
            _ => Self::from(column.value(row)),
        }
    }

    /// The value, where all of it is needed.
    ///
    /// # Errors
    ///
    /// The first fault in it.
    pub fn whole(self) -> Result<Value, Fault> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Fault(fault) => Err(fault),
            Self::Record(fields) => fields.into_iter().map(Self::whole).collect::<Result<_, _>>().map(Value::Record),
        }
    }

    /// This, or what `other` gives where this is absent.
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::ABSENT { other() } else { self }
    }

    /// What `then` or `otherwise` gives, or the condition's fault.
    #[must_use]
    pub fn choose(
        condition: Result<bool, Fault>,
        then: impl FnOnce() -> Self,
        otherwise: impl FnOnce() -> Self,
    ) -> Self {
        match condition {
            Ok(true) => then(),
            Ok(false) => otherwise(),
            Err(fault) => Self::Fault(fault),
        }
    }
}

impl From<Result<Value, Fault>> for Bound {
    fn from(cell: Result<Value, Fault>) -> Self {
        match cell {
            Ok(value) => Self::Value(value),
            Err(fault) => Self::Fault(fault),
        }
    }
}

/// What expressions read besides the cells of their row.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Values from outside, by position.
    pub slots: &'a [Value],
    /// The solution's time zone.
    pub zone: &'a Zone,
}

/// The cells of one row, and what an expression over it may read besides. A copy is a few words.
///
/// Each kind has two readers: one for cells that are always present, and one, `optional_…`, for those that may be
/// absent. Both give the fault that the cell carries, and [`Fault::Malformed`] for a cell that is of another kind or, in
/// the first, absent all the same.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    cells: Cells<'a>,
    now: i64,
    context: &'a Context<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Cells<'a> {
    Columns(&'a [Column], usize),
    Values(&'a [Value]),
    Absent,
    Fault(Fault),
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident, $optional:ident: $type:ty = $pattern:pat => $cell:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// The cell's fault; [`Fault::Malformed`] for one that is absent or of another kind.
            #[inline]
            pub fn $name(self, position: usize) -> Result<$type, Fault> {
                match self.cell(position)? {
                    $pattern => Ok($cell),
                    _ => Err(Fault::Malformed),
                }
            }

            $(#[$doc])*
            /// May be absent.
            ///
            /// # Errors
            ///
            /// The cell's fault; [`Fault::Malformed`] for one of another kind.
            #[inline]
            pub fn $optional(self, position: usize) -> Result<Option<$type>, Fault> {
                match self.cell(position)? {
                    Cell::Absent => Ok(None),
                    $pattern => Ok(Some($cell)),
                    _ => Err(Fault::Malformed),
                }
            }
        )*
    };
}

impl<'a> Row<'a> {
    /// Row `row` of `columns`, at the instant `now`.
    #[inline]
    #[must_use]
    pub fn of_columns(columns: &'a [Column], row: usize, now: i64, context: &'a Context<'a>) -> Self {
        Self { cells: Cells::Columns(columns, row), now, context }
    }

    /// A row of values, at the instant `now`: the bindings of a request.
    #[inline]
    #[must_use]
    pub fn of_values(values: &'a [Value], now: i64, context: &'a Context<'a>) -> Self {
        Self { cells: Cells::Values(values), now, context }
    }

    /// The instant that `now` means, in microseconds.
    #[inline]
    #[must_use]
    pub fn now(self) -> i64 {
        self.now
    }

    /// The solution's time zone.
    #[inline]
    #[must_use]
    pub fn zone(self) -> &'a Zone {
        self.context.zone
    }

    /// The values from outside of the flow: parameters, results of jobs, arguments.
    #[inline]
    #[must_use]
    pub fn slots(self) -> Self {
        Self { cells: Cells::Values(self.context.slots), ..self }
    }

    /// The record at `position`, whose fields are read in turn: all absent where it is absent, and faulty where it is
    /// faulty.
    #[inline]
    #[must_use]
    pub fn record(self, position: usize) -> Self {
        let cells = match self.cells {
            Cells::Columns(columns, row) => {
                columns.get(position).map_or(Cells::Absent, |column| match (column.state(row), column.data()) {
                    (State::Fault(fault), _) => Cells::Fault(fault),
                    (State::Present, ColumnData::Record(record)) => Cells::Columns(record.fields(), row),
                    _ => Cells::Absent,
                })
            }
            Cells::Values(values) => match values.get(position) {
                Some(Value::Record(fields)) => Cells::Values(fields),
                _ => Cells::Absent,
            },
            outside => outside,
        };
        Self { cells, ..self }
    }

    /// The cell at `position`; absent where there is none.
    ///
    /// # Errors
    ///
    /// The fault that it carries. A record read as one cell is faulty where one of its fields is.
    #[inline]
    pub fn cell(self, position: usize) -> Result<Cell<'a>, Fault> {
        match self.cells {
            Cells::Columns(columns, row) => columns.get(position).map_or(Ok(Cell::Absent), |column| column.cell(row)),
            Cells::Values(values) => Ok(values.get(position).map_or(Cell::Absent, Value::as_cell)),
            Cells::Absent => Ok(Cell::Absent),
            Cells::Fault(fault) => Err(fault),
        }
    }

    readers! {
        /// A `bool`.
        bool, optional_bool: bool = Cell::Bool(cell) => cell;
        /// An `int`, a date (days), a timestamp or duration (microseconds), or an enum member's index.
        int, optional_int: i64 = Cell::Int(cell) => cell;
        /// A `float`.
        float, optional_float: f64 = Cell::Float(cell) => cell;
        /// The mantissa of a `decimal`.
        decimal, optional_decimal: i128 = Cell::Decimal(cell) => cell;
        /// A `string`.
        string, optional_string: &'a str = Cell::String(cell) => cell;
        /// `bytes`.
        bytes, optional_bytes: &'a [u8] = Cell::Bytes(cell) => cell;
        /// A list.
        list, optional_list: &'a Value = Cell::Cells(cell @ Value::List(_)) => cell;
    }

    /// Whether there is no row: of [`Row::record`], whether the record is absent.
    ///
    /// # Errors
    ///
    /// The record's fault.
    #[inline]
    pub fn is_absent(self) -> Result<bool, Fault> {
        match self.cells {
            Cells::Absent => Ok(true),
            Cells::Fault(fault) => Err(fault),
            _ => Ok(false),
        }
    }

    /// All cells as one value of a record; absent where the record is.
    ///
    /// # Errors
    ///
    /// The record's fault, or the first one among its fields.
    pub fn optional_value(self) -> Result<Option<Value>, Fault> {
        match self.bound().whole()? {
            Value::Absent => Ok(None),
            value => Ok(Some(value)),
        }
    }

    /// All cells as one value of a record.
    ///
    /// # Errors
    ///
    /// As [`Row::optional_value`]; [`Fault::Malformed`] where the record is absent.
    pub fn value(self) -> Result<Value, Fault> {
        self.optional_value()?.ok_or(Fault::Malformed)
    }

    /// All cells as a record that may be faulty in parts.
    #[must_use]
    pub fn bound(self) -> Bound {
        match self.cells {
            Cells::Columns(columns, row) => {
                Bound::Record(columns.iter().map(|column| Bound::of(column, row)).collect())
            }
            Cells::Values(values) => Bound::Value(Value::Record(values.into())),
            Cells::Absent => Bound::ABSENT,
            Cells::Fault(fault) => Bound::Fault(fault),
        }
    }
}
