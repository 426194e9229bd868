//! Types of values and relations, as the checker knows them.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use fec_syntax::Symbol;
use serde::{Serialize, Serializer};

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
    pub fields: Columns,
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

/// A list of columns that many hold: a copy costs nothing, and whoever changes his own is given a list of its own first.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Columns(Arc<Vec<Column>>);

impl Columns {
    /// Adds a column. Whoever shares the list is given one of his own, with room for this column and no other.
    pub fn push(&mut self, column: Column) {
        match Arc::get_mut(&mut self.0) {
            Some(own) => own.push(column),
            None => {
                let mut own = Vec::with_capacity(self.len() + 1);
                own.extend_from_slice(self);
                own.push(column);
                *self = own.into();
            }
        }
    }

    /// Keeps the columns that satisfy `test`, in a list that has no room for others.
    pub fn retain(&mut self, mut test: impl FnMut(&Column) -> bool) {
        let mut kept: Vec<Column> = self.iter().filter(|column| test(column)).cloned().collect();
        kept.shrink_to_fit();
        *self = kept.into();
    }
}

impl Deref for Columns {
    type Target = Vec<Column>;

    #[inline]
    fn deref(&self) -> &Vec<Column> {
        &self.0
    }
}

impl DerefMut for Columns {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<Column> {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl From<Vec<Column>> for Columns {
    fn from(columns: Vec<Column>) -> Self {
        Self(Arc::new(columns))
    }
}

impl From<Columns> for Vec<Column> {
    fn from(columns: Columns) -> Self {
        Arc::unwrap_or_clone(columns.0)
    }
}

impl FromIterator<Column> for Columns {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        columns.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a Columns {
    type Item = &'a Column;
    type IntoIter = std::slice::Iter<'a, Column>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Columns {
    type Item = Column;
    type IntoIter = std::vec::IntoIter<Column>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
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
    pub columns: Columns,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_changes_shared_columns_gets_his_own() {
        let column = |name: &str| Column { name: name.into(), ty: Type::required(Kind::Int) };
        let given: Columns = ["a", "b"].map(column).into_iter().collect();
        let mut own = given.clone();
        assert!(std::ptr::eq(given.as_slice(), own.as_slice()), "a copy is the same list");
        own.retain(|column| column.name == "b");
        own.push(column("c"));
        let names = |columns: &Columns| columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
        assert_eq!((names(&given), names(&own)), (vec!["a", "b"], vec!["b", "c"]));
        assert_eq!(Vec::from(own.clone()), own.to_vec());
        assert_eq!(own, own.iter().cloned().collect());
        assert_ne!(own, given);
    }
}
