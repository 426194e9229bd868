//! Why a model could not be trained or evaluated.

use std::fmt;

/// Why a model could not be trained or evaluated.
#[derive(Debug, Clone, PartialEq)]
pub enum LearnError {
    /// Whoever asked for the model wants it no more.
    Stopped,
    /// There are no rows to learn from.
    NoRows,
    /// There are no features to learn from.
    NoFeatures,
    /// There is not exactly one label a row.
    Labels {
        /// Number of labels.
        labels: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A label does not suit the objective.
    Label {
        /// Position of the row.
        row: usize,
        /// The label.
        label: f64,
        /// What the objective takes.
        expected: &'static str,
    },
    /// A row has another number of cells than the matrix has columns.
    RowLength {
        /// Number of cells.
        cells: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A text was given for a numeric column, or a number for a categorical one.
    CellKind {
        /// The column's name.
        column: String,
        /// What the column takes.
        expected: &'static str,
    },
    /// The model has a feature of which the data has no column of its kind.
    MissingColumn(String),
    /// An option is out of its range.
    Option {
        /// The option's name.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The ensemble that training gave was refused.
    Ensemble(flow_core::trees::EnsembleError),
}

impl fmt::Display for LearnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the training was stopped"),
            Self::NoRows => f.write_str("there are no rows to learn from"),
            Self::NoFeatures => f.write_str("there are no features to learn from: list at least one in `features`"),
            Self::Labels { labels, rows } => write!(f, "{labels} labels for {rows} rows: each row needs one"),
            Self::Label { row, label, expected } => {
                write!(f, "the label of row {row} is {label}, but the model needs {expected}")
            }
            Self::RowLength { cells, columns } => write!(f, "a row of {cells} cells for {columns} columns"),
            Self::CellKind { column, expected } => write!(f, "the column `{column}` takes {expected}"),
            Self::MissingColumn(name) => {
                write!(f, "the model needs the feature `{name}`, which the data lacks or has in another type")
            }
            Self::Option { name, expected } => write!(f, "`{name}` must be {expected}"),
            Self::Ensemble(error) => write!(f, "training gave a model that cannot be used: {error}"),
        }
    }
}

impl std::error::Error for LearnError {}
