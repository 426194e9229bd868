//! What all joins share: their kinds, and how a matched or unmatched row looks.

use std::sync::Arc;

use flow_core::types::{DataType, Field, Kind, Schema};

use crate::expression::Expr;

/// Which rows a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Left rows with each match.
    Inner,
    /// The same, and left rows without a match, with an absent right side.
    Left,
    /// Left rows that have a match, once.
    Semi,
    /// Left rows that have none.
    Anti,
}

impl JoinKind {
    /// Whether the right side is a column of the output.
    #[must_use]
    pub fn has_right(self) -> bool {
        matches!(self, Self::Inner | Self::Left)
    }
}

/// Which of several matches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// All.
    All,
    /// The first by (time, place).
    First,
    /// The last by (time, place).
    Latest,
}

/// A join: its sides, what must be equal, and what else must hold.
#[derive(Clone)]
pub struct JoinSpec {
    /// Which rows it gives.
    pub kind: JoinKind,
    /// Which matches count.
    pub pick: Pick,
    /// Columns of the left side.
    pub left: Arc<Schema>,
    /// Columns of the right side.
    pub right: Arc<Schema>,
    /// Key over the left row. An absent cell matches nothing.
    pub left_keys: Vec<Expr>,
    /// Key over the right row, of the same types.
    pub right_keys: Vec<Expr>,
    /// A bool over a row of the left columns followed by the right ones. A pair for which it is faulty is a dead letter
    /// at the place of its later row, and no match.
    pub residual: Option<Expr>,
    /// The name of the record column for the right side; not used by semi and anti joins.
    pub alias: String,
    /// The name under which its dead letters go.
    pub flow: Arc<str>,
}

impl JoinSpec {
    /// The columns of the output: those of the left side, then one record column for the right side (inner and left).
    #[must_use]
    pub fn output(&self) -> Arc<Schema> {
        let mut fields = self.left.fields.clone();
        if self.kind.has_right() {
            let kind = Kind::Record(Arc::clone(&self.right));
            let ty = DataType { kind, optional: self.kind == JoinKind::Left };
            fields.push(Field { name: self.alias.clone(), ty });
        }
        Arc::new(Schema { fields })
    }

    /// The columns of a pair: those of the left side, then those of the right.
    #[must_use]
    pub fn pair(&self) -> Arc<Schema> {
        Arc::new(Schema { fields: self.left.fields.iter().chain(&self.right.fields).cloned().collect() })
    }
}
