//! Values that know their own type, the faults that stand in their place, and their order (`spec/types.md`, 1).

use std::cmp::Ordering;

use crate::exact::Exact;

/// A present or absent value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Absent,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float`: finite, never −0.
    Float(f64),
    /// `decimal`: mantissa and scale.
    Decimal(i128, u8),
    /// `string`.
    String(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `date`: days.
    Date(i32),
    /// `timestamp`: microseconds.
    Timestamp(i64),
    /// `duration`: microseconds.
    Duration(i64),
    /// An enum's member by index.
    Member(u32),
    /// `list<T>`.
    List(Vec<Cell>),
    /// A record's fields in order.
    Record(Vec<Cell>),
}

/// A value, or the fault for which there is none; a fault inside of a list or record costs nothing until it is read.
pub type Cell = Result<Value, Fault>;

/// Why a cell has no value although it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Unreadable, or absent where that is not allowed.
    Malformed,
    /// Out of the range of an exact type.
    Overflow,
    /// NaN or infinite.
    NotFinite,
    /// More digits than the declared precision.
    Precision,
    /// A text that is not of the wanted type.
    Conversion,
}

impl Fault {
    /// The code in dead letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Overflow => "overflow",
            Self::NotFinite => "not_finite",
            Self::Precision => "precision",
            Self::Conversion => "conversion",
        }
    }
}

impl Value {
    /// Whether there is no value.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value if nothing in it is a fault.
    ///
    /// # Errors
    /// The first fault inside of it.
    pub fn whole(self) -> Cell {
        if let Self::List(cells) | Self::Record(cells) = &self {
            for cell in cells {
                cell.clone()?.whole()?;
            }
        }
        Ok(self)
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Decimal(..) => 3,
            Self::String(_) => 4,
            Self::Bytes(_) => 5,
            Self::Date(_) => 6,
            Self::Timestamp(_) => 7,
            Self::Duration(_) => 8,
            Self::Member(_) => 9,
            Self::List(_) => 10,
            Self::Record(_) => 11,
            Self::Absent => 12,
        }
    }
}

/// The order of section 1: absent after everything, decimals by value.
#[must_use]
pub fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b))
        | (Value::Timestamp(a), Value::Timestamp(b))
        | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Decimal(a, s), Value::Decimal(b, z)) => Exact::decimal(*a, *s).cmp(&Exact::decimal(*b, *z)),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Member(a), Value::Member(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) | (Value::Record(a), Value::Record(b)) => compare_cells(a, b),
        (a, b) => a.rank().cmp(&b.rank()),
    }
}

/// Cells from left to right, the shorter first; a fault comes last.
#[must_use]
pub fn compare_cells(left: &[Cell], right: &[Cell]) -> Ordering {
    for (a, b) in left.iter().zip(right) {
        let order = match (a, b) {
            (Ok(a), Ok(b)) => compare(a, b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(a), Err(b)) => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Whether neither comes before the other.
#[must_use]
pub fn same(left: &Value, right: &Value) -> bool {
    compare(left, right).is_eq()
}

/// A value that orders and equals by [`compare`], for maps and sets.
#[derive(Debug, Clone)]
pub struct Ordered(pub Value);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}
