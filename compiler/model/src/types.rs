//! Types of values and relations, as the checker knows them.

use fec_syntax::Symbol;
use serde::Serialize;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Type {
    /// What a present value is.
    pub kind: Kind,
    /// `T?`: it may be absent.
    pub optional: bool,
}

/// What a present value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A type that could not be found out; it goes with every other, so that one mistake gives one message.
    Error,
    /// The type of `null` before it meets another.
    Null,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `float`.
    Float,
    /// `decimal(precision, scale)`; results of arithmetic have precision 38.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to 38.
        scale: u8,
    },
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// `date`.
    Date,
    /// `timestamp`.
    Timestamp,
    /// `duration`.
    Duration,
    /// An enumeration, by its declared name.
    Enum(Symbol),
    /// `list<T>`.
    List(Box<Type>),
    /// A record. Two records are the same type when their fields are, whatever their names.
    Record(Record),
}

/// A record's fields in order, with its declared name where it has one.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// `Payment`; a feature set's record has the set's name.
    pub name: Option<Symbol>,
    /// Fields in order.
    pub fields: Vec<Column>,
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl Eq for Record {}

/// A named field of a record or column of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name; no dot in it.
    pub name: Symbol,
    /// Type.
    pub ty: Type,
}

/// Whether a relation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundedness {
    /// It ends: history in a job, the rows of a request.
    Bounded,
    /// It never ends.
    Stream,
    /// The current rows by key.
    Table,
}

/// The type of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelationType {
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Key columns, where rows have a key.
    pub key: Vec<Symbol>,
    /// Whether it ends.
    pub boundedness: Boundedness,
    /// Rows may be taken back by later events (an unmatched left row, an aggregate): a changelog, not append-only.
    pub changes: bool,
    /// Rows carry event time and arrival.
    pub timed: bool,
    /// Rows may come later than their source's lateness: after an interval join or `final`, and in a job after what needs
    /// all rows, and a split. No `with` any more.
    pub late: bool,
}

impl Type {
    /// Always present.
    #[must_use]
    pub fn required(kind: Kind) -> Self {
        Self { kind, optional: false }
    }

    /// May be absent.
    #[must_use]
    pub fn maybe(kind: Kind) -> Self {
        Self { kind, optional: true }
    }

    /// The type of something wrong.
    #[must_use]
    pub fn error() -> Self {
        Self::required(Kind::Error)
    }
}

impl RelationType {
    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
