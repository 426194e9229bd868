//! Why a cell could not be computed: the cost is the row, never its batch.

use std::fmt;

/// The reason for which a cell has no value although its expression should give one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The record could not be decoded, or the cell does not fit its declared type.
    Malformed,
    /// An integer or a decimal left its range.
    Overflow,
    /// A float would be NaN or infinite.
    NotFinite,
    /// A value does not fit the declared precision or scale of its field.
    Precision,
    /// A text could not be converted to the wanted type.
    Conversion,
    /// The record is larger than the log takes.
    TooLarge,
}

impl Fault {
    /// The code under which dead letters name it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Overflow => "overflow",
            Self::NotFinite => "not_finite",
            Self::Precision => "precision",
            Self::Conversion => "conversion",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the record or cell could not be read as its declared type",
            Self::Overflow => "the result is out of range",
            Self::NotFinite => "the result is not a finite number",
            Self::Precision => "the value has more digits than its type allows",
            Self::Conversion => "the text cannot be converted",
            Self::TooLarge => "the record is larger than the log takes",
        })
    }
}

impl std::error::Error for Fault {}
