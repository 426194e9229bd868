//! Aggregates: what each one takes, gives and needs, and how it is read.
//!
//! Every aggregate is independent of the order of its rows and of how partial ones are merged. Those that are
//! [invertible](AggregateFunc::invertible) also take rows back, so that they work over changes.

mod accumulator;
mod edge;
mod order;
#[cfg(test)]
mod tests;
mod top;
mod total;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::types::{DataType, Field, Kind, RecordType};
use crate::value::{Cell, Value};
pub use accumulator::Accumulator;
pub(crate) use edge::{Edge, EdgeRef, PackedEdge, better};
pub use order::compare;
pub(crate) use top::{Key, Tops, finish_top, is_gone};
pub(crate) use total::{Measure, Total};

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AggregateFunc {
    /// `count()`: rows; no arguments.
    Count,
    /// `sum(x)` of `int`, `float`, `decimal` or `duration`; 0 over no rows.
    Sum,
    /// `mean(x)` of `int`, `float` or `decimal`.
    Mean,
    /// `min(x)` of any type, in the order of [`compare`].
    Min,
    /// `max(x)` of any type, in the order of [`compare`].
    Max,
    /// `var(x)`: the sample variance of `int`, `float` or `decimal`, a float; absent below two rows.
    Var,
    /// `stddev(x)`: the root of the rounded `var`.
    Stddev,
    /// `first(x)` by (time, arrival order).
    First,
    /// `last(x)` by (time, arrival order).
    Last,
    /// `count_distinct(x)`.
    CountDistinct {
        /// `exact: true`: every value is kept.
        exact: bool,
    },
    /// `top_k(x, n)`, `top_k(x, n, by: e)`: the arguments are `x` and, where `by`, `e`.
    TopK {
        /// How many values at most.
        n: u32,
        /// Ranked by `sum(e)` instead of the number of rows.
        by: bool,
    },
    /// `ratio(c)`: rows where the bool `c` holds ÷ rows.
    Ratio,
}

impl AggregateFunc {
    /// Whether it can take rows back, so that it works over changes. `min max first last count_distinct` cannot: a bounded
    /// state does not know what stood behind the value that goes.
    #[must_use]
    pub fn invertible(self) -> bool {
        match self {
            Self::Count | Self::Sum | Self::Mean | Self::Var | Self::Stddev | Self::TopK { .. } | Self::Ratio => true,
            Self::Min | Self::Max | Self::First | Self::Last | Self::CountDistinct { .. } => false,
        }
    }

    /// How many arguments it takes.
    #[must_use]
    pub fn arity(self) -> usize {
        match self {
            Self::Count => 0,
            Self::TopK { by: true, .. } => 2,
            _ => 1,
        }
    }

    /// Its name in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Var => "var",
            Self::Stddev => "stddev",
            Self::First => "first",
            Self::Last => "last",
            Self::CountDistinct { .. } => "count_distinct",
            Self::TopK { .. } => "top_k",
            Self::Ratio => "ratio",
        }
    }

    /// The type of its answer over arguments of these types; optional where no rows give no value.
    ///
    /// # Errors
    /// Where the number or a type of the arguments is not one it takes.
    pub fn result(self, args: &[DataType]) -> Result<DataType, AggregateError> {
        if args.len() != self.arity() {
            return Err(AggregateError::Arity { func: self, found: args.len() });
        }
        let refused = |at: usize| AggregateError::Argument { func: self, at };
        let kinds: Vec<&Kind> = args.iter().map(|arg| &arg.kind).collect();
        Ok(match (self, kinds.as_slice()) {
            (Self::Count | Self::CountDistinct { .. }, _) => DataType::required(Kind::Int),
            (Self::Sum, [kind @ (Kind::Int | Kind::Float | Kind::Duration)]) => DataType::required((*kind).clone()),
            (Self::Sum, [Kind::Decimal { scale, .. }]) => {
                DataType::required(Kind::Decimal { precision: 38, scale: *scale })
            }
            (Self::Mean, [Kind::Decimal { scale, .. }]) => {
                DataType::optional(Kind::Decimal { precision: 38, scale: mean_scale(*scale) })
            }
            (Self::Mean, [Kind::Duration]) => DataType::optional(Kind::Duration),
            (Self::Mean, [Kind::Int | Kind::Float])
            | (Self::Var | Self::Stddev, [Kind::Int | Kind::Float | Kind::Decimal { .. }])
            | (Self::Ratio, [Kind::Bool]) => DataType::optional(Kind::Float),
            (Self::Min | Self::Max | Self::First | Self::Last, [kind]) => DataType::optional((*kind).clone()),
            (Self::TopK { .. }, [_, by]) if Numeric::of(by).is_none() => return Err(refused(1)),
            (Self::TopK { .. }, [kind, ..]) => {
                let field = |name: &str, kind: Kind| Field { name: name.to_owned(), ty: DataType::required(kind) };
                let fields = vec![field("value", (*kind).clone()), field("count", Kind::Int)];
                let row = DataType::required(Kind::Record(Arc::new(RecordType { fields })));
                DataType::required(Kind::List(Arc::new(row)))
            }
            _ => return Err(refused(0)),
        })
    }
}

/// An aggregate that does not fit its arguments: the compiler's mistake, since it types them first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AggregateError {
    /// The wrong number of arguments.
    Arity {
        /// The function.
        func: AggregateFunc,
        /// How many were given.
        found: usize,
    },
    /// An argument of a type that the function does not take.
    Argument {
        /// The function.
        func: AggregateFunc,
        /// Which argument, from 0.
        at: usize,
    },
    /// An argument or a filter that names no slot of the right type.
    Slot {
        /// The slot.
        slot: usize,
    },
    /// A window or a step that is not longer than zero, or a head below zero.
    Window {
        /// Its length, microseconds.
        length: i64,
    },
}

impl fmt::Display for AggregateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arity { func, found } => {
                write!(f, "`{}` takes {} arguments, not {found}", func.name(), func.arity())
            }
            Self::Argument { func, at } => write!(f, "`{}` does not take the type of argument {}", func.name(), at + 1),
            Self::Slot { slot } => write!(f, "there is no argument slot {slot} of the needed type"),
            Self::Window { length } => write!(f, "{length} microseconds is not the length of a window"),
        }
    }
}

impl std::error::Error for AggregateError {}

/// A row's place in arrival order: a total order over all events of all sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Order {
    /// When it arrived, microseconds.
    pub arrived: i64,
    /// Its source, by name order.
    pub source: u32,
    /// Its partition.
    pub partition: u32,
    /// Its offset in the partition.
    pub offset: i64,
}

/// Which arithmetic a numeric argument has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numeric {
    /// `int` and `duration`.
    Int,
    Float,
    Decimal {
        scale: u8,
    },
}

impl Numeric {
    pub(crate) fn of(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::Int | Kind::Duration => Some(Self::Int),
            Kind::Float => Some(Self::Float),
            Kind::Decimal { scale, .. } => Some(Self::Decimal { scale: *scale }),
            _ => None,
        }
    }
}

/// The digits after the point of a decimal's mean: those of `/`, within 38.
fn mean_scale(scale: u8) -> u8 {
    (scale + 6).min(38)
}

/// An aggregate over arguments of known types.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub(crate) func: AggregateFunc,
    pub(crate) kinds: Vec<Kind>,
    /// The arithmetic of the summed argument, where there is one.
    pub(crate) numeric: Numeric,
    result: DataType,
}

impl Aggregate {
    /// An aggregate over arguments of these types.
    ///
    /// # Errors
    /// Where the number or a type of the arguments is not one it takes.
    pub fn new(func: AggregateFunc, args: &[DataType]) -> Result<Self, AggregateError> {
        let result = func.result(args)?;
        let numeric = args.last().and_then(|arg| Numeric::of(&arg.kind)).unwrap_or(Numeric::Int);
        Ok(Self { func, kinds: args.iter().map(|arg| arg.kind.clone()).collect(), numeric, result })
    }

    /// The function.
    #[must_use]
    pub fn func(&self) -> AggregateFunc {
        self.func
    }

    /// The type of its answer.
    #[must_use]
    pub fn result(&self) -> &DataType {
        &self.result
    }

    /// The arithmetic of the summed argument.
    pub(crate) fn numeric(&self) -> Numeric {
        self.numeric
    }

    /// The sum of its summed argument, given that one's slot.
    pub(crate) fn sum_of(&self, slot: usize) -> Measure {
        if self.numeric == Numeric::Float { Measure::Float(slot) } else { Measure::Whole(slot) }
    }

    /// What must be summed for it, given its argument's slot; empty for those that are no sums.
    pub(crate) fn measures(&self, slot: usize) -> Vec<Measure> {
        let sum = self.sum_of(slot);
        let squares = match self.numeric {
            Numeric::Float => Measure::FloatSquares(slot),
            Numeric::Int | Numeric::Decimal { .. } => Measure::WholeSquares(slot),
        };
        match self.func {
            AggregateFunc::Count => vec![Measure::Rows],
            AggregateFunc::Sum => vec![sum],
            AggregateFunc::Mean => vec![Measure::Rows, sum],
            AggregateFunc::Var | AggregateFunc::Stddev => vec![Measure::Rows, sum, squares],
            AggregateFunc::Ratio => vec![Measure::Rows, Measure::Trues(slot)],
            _ => Vec::new(),
        }
    }

    /// The answer from the totals of its measures, in their order.
    pub(crate) fn finish(&self, totals: &[&Total]) -> Result<Value, Fault> {
        match (self.func, totals) {
            (AggregateFunc::Count, [rows]) => rows.rows().map(Value::Int),
            (AggregateFunc::Sum, [sum]) => sum.sum(self.numeric),
            (AggregateFunc::Mean, [rows, sum]) if self.result.kind == Kind::Duration => sum.whole_mean(rows.rows()?),
            (AggregateFunc::Mean, [rows, sum]) => sum.mean(self.numeric, rows.rows()?),
            (AggregateFunc::Var, [rows, sum, squares]) => {
                Ok(sum.variance(self.numeric, rows.rows()?, squares)?.map_or(Value::Absent, Value::Float))
            }
            (AggregateFunc::Stddev, [rows, sum, squares]) => {
                let variance = sum.variance(self.numeric, rows.rows()?, squares)?;
                Ok(variance.map_or(Value::Absent, |variance| Value::Float(variance.sqrt())))
            }
            (AggregateFunc::Ratio, [rows, trues]) => trues.ratio(rows.rows()?),
            _ => Err(Fault::Malformed),
        }
    }

    /// Whether the cells are present and of the argument types.
    pub(crate) fn fits<'a>(&self, cells: impl Iterator<Item = Cell<'a>>) -> Result<(), Fault> {
        self.kinds.iter().zip(cells).try_for_each(|(kind, cell)| check(kind, &cell))
    }
}

/// Whether a cell is present and of a kind.
#[inline]
pub(crate) fn check(kind: &Kind, cell: &Cell<'_>) -> Result<(), Fault> {
    match (kind, cell) {
        (Kind::Float, Cell::Float(value)) if !value.is_finite() => Err(Fault::NotFinite),
        (Kind::Bool, Cell::Bool(_))
        | (Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_), Cell::Int(_))
        | (Kind::Float, Cell::Float(_))
        | (Kind::Decimal { .. }, Cell::Decimal(_))
        | (Kind::String, Cell::String(_))
        | (Kind::Bytes, Cell::Bytes(_))
        | (Kind::List(_), Cell::Cells(Value::List(_)))
        | (Kind::Record(_), Cell::Cells(Value::Record(_))) => Ok(()),
        _ => Err(Fault::Malformed),
    }
}
