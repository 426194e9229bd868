//! Typed expressions. Every implicit conversion is written out; user functions and rules are expanded at the call.

use std::fmt;

use fec_diagnostics::Span;
use fec_syntax::Symbol;
use serde::{Serialize, Serializer};

use crate::relation::Relation;
use crate::types::Type;

/// A typed expression.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Type,
    /// The text it came from.
    pub span: Span,
}

/// A variable of [`ExprKind::Let`]; unique within a model.
pub type VarId = u32;

/// What an expression is. "Absent in, absent out" holds only where said; elsewhere operands are not optional.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum ExprKind {
    /// Something wrong; a diagnostic was given.
    Error,
    /// A constant of the expression's type.
    Literal(Literal),
    /// A column of the row in scope. In a join's conditions: of the left row.
    Column(Symbol),
    /// In a join's conditions: a column of the right row.
    Right(Symbol),
    /// A field of a record; of an absent record it is absent.
    Field(Box<Expr>, Symbol),
    /// A variable bound by an enclosing `Let`.
    Var(VarId),
    /// A binding of the flow that holds a scalar or record, or a parameter of a job or service.
    Binding(Symbol),
    /// A `param` of the solution.
    Param(Symbol),
    /// The row's or request's time; in a job the scheduled time.
    Now,
    /// `not a` (bool), `-a` (int, float, decimal, duration).
    Unary(UnaryOp, Box<Expr>),
    /// Operands have been converted to the type that the operation wants (decimals keep their own scales).
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// A conversion to this expression's type; absent stays absent.
    Convert(Box<Expr>),
    /// A function of the language.
    Call(Function, Vec<Expr>),
    /// `if c then a else b`; only the chosen branch counts.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `a ?? b`.
    Coalesce(Box<Expr>, Box<Expr>),
    /// `a == null`.
    IsAbsent(Box<Expr>),
    /// `a in [b, c]` or `a in list`: whether the second, a list, holds the first; `null in` a list without null is false.
    In(Box<Expr>, Box<Expr>),
    /// A record in the order of its type.
    Record(Vec<Expr>),
    /// A list.
    List(Vec<Expr>),
    /// Evaluates `value` once, then `body`.
    Let {
        /// Variable.
        var: VarId,
        /// Its value.
        value: Box<Expr>,
        /// Where it may be used.
        body: Box<Expr>,
    },
    /// `"text {e}"`: parts are strings.
    Concat(Vec<Expr>),
    /// A feature set read by key: in a service and in tests. The record of its columns, never absent.
    FeatureRead {
        /// Feature set.
        set: Symbol,
        /// Key values in the order of the set's key.
        keys: Box<[Expr]>,
    },
    /// A table source or keyed view read by key; absent where there is no row.
    TableRead {
        /// Source or view.
        table: Symbol,
        /// Key values.
        keys: Box<[Expr]>,
    },
    /// A published model applied; absent while no version is published.
    Predict {
        /// Published name.
        model: Symbol,
        /// Inputs in the order of the model's features.
        inputs: Box<[Expr]>,
    },
    /// In tests: a service called with its parameters; its response.
    Request {
        /// `engine.service`, or `service`.
        service: Symbol,
        /// Arguments in order.
        arguments: Box<[Expr]>,
    },
    /// A relation as a list of records (services and tests).
    Rows(Box<Relation>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Literal {
    /// `null`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float`: finite.
    Float(f64),
    /// `decimal`: the mantissa at the scale of the expression's type; as a text where it has more than 64 bits.
    Decimal(Wide),
    /// `string`.
    String(String),
    /// Days.
    Date(i32),
    /// Microseconds.
    Timestamp(i64),
    /// Microseconds.
    Duration(i64),
    /// An enum member by index.
    Member(u32),
}

/// An integer of 128 bits that may lie wherever one of 64 may: what holds it, which is every expression, is smaller so.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(8))]
pub struct Wide(i128);

impl Wide {
    /// The integer.
    #[must_use]
    pub const fn get(self) -> i128 {
        self.0
    }
}

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Readers of JSON know integers of 64 bits.
impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.get()) {
            Ok(small) => serializer.serialize_i64(small),
            Err(_) => serializer.collect_str(&self.get()),
        }
    }
}

impl Literal {
    /// A decimal by its mantissa.
    #[must_use]
    pub fn decimal(mantissa: i128) -> Self {
        Self::Decimal(mantissa.into())
    }
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Negate,
}

/// Infix operators after typing. `in`, `??`, `!= null` have their own nodes; `!=` is `not ==`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    /// `or`: the right side counts only where the left is false.
    Or,
    /// `and`: the right side counts only where the left is true.
    And,
    /// `==`: any type, also optional; two absent values are equal.
    Equal,
    /// `<` over ordered types; decimals of unlike scale compare by value.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `+`: numbers; timestamp + duration, duration + duration, date + duration is refused by the checker.
    Add,
    /// `-`: numbers; timestamp − timestamp gives a duration.
    Subtract,
    /// `*`: numbers; duration * int.
    Multiply,
    /// `/`: float by float gives float; decimals give scale max+6, half-even; absent on zero.
    Divide,
    /// `div`: truncates; absent on zero.
    IntegerDivide,
    /// `mod`: takes the dividend's sign; absent on zero.
    Modulo,
}

/// Functions of the language: pure, usable in every plane. An absent argument gives absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `abs(x)`.
    Abs,
    /// `least(a, b)`.
    Least,
    /// `greatest(a, b)`.
    Greatest,
    /// `floor(x)`: to int.
    Floor,
    /// `ceil(x)`: to int.
    Ceil,
    /// `round(x)`: half-even, to int; `round(x, n)` of a decimal: to scale n.
    Round,
    /// `sqrt(x)`: float.
    Sqrt,
    /// `exp(x)`.
    Exp,
    /// `ln(x)`; a fault unless x > 0.
    Ln,
    /// `pow(x, y)`.
    Pow,
    /// `length(s)`: code points of a string, items of a list.
    Length,
    /// `lower(s)`.
    Lower,
    /// `upper(s)`.
    Upper,
    /// `trim(s)`.
    Trim,
    /// `contains(s, part)`.
    Contains,
    /// `starts_with(s, part)`.
    StartsWith,
    /// `ends_with(s, part)`.
    EndsWith,
    /// `substring(s, from, count)`: code points, from 0.
    Substring,
    /// `replace(s, what, by)`.
    Replace,
    /// `date(t)`: the day in the solution's zone.
    DateOf,
    /// `year(t)`.
    Year,
    /// `month(t)`: 1 to 12.
    Month,
    /// `day(t)`: of the month.
    Day,
    /// `hour(t)`: in the solution's zone.
    Hour,
    /// `minute(t)`.
    Minute,
    /// `weekday(t)`: 1 is Monday.
    Weekday,
    /// `seconds(d)`: a duration as float seconds.
    Seconds,
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateFunction {
    /// `count()`.
    Count,
    /// `sum(x)`: int, float, decimal, duration.
    Sum,
    /// `mean(x)`.
    Mean,
    /// `min(x)`: any ordered type.
    Min,
    /// `max(x)`.
    Max,
    /// `var(x)`: sample variance, float.
    Var,
    /// `stddev(x)`.
    Stddev,
    /// `first(x)` by (time, arrival).
    First,
    /// `last(x)` by (time, arrival).
    Last,
    /// `count_distinct(x)`.
    CountDistinct,
    /// `top_k(x, n)`: list of { value, count }; `by: e` ranks by sum(e).
    TopK,
    /// `ratio(c)`: rows where c over rows.
    Ratio,
}

/// One aggregate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// Result column.
    pub name: Symbol,
    /// Function.
    pub function: AggregateFunction,
    /// Argument over an input row; none for `count`.
    pub argument: Option<Expr>,
    /// `top_k`'s `by:`.
    pub by: Option<Box<Expr>>,
    /// `top_k`'s n.
    pub limit: u32,
    /// `count_distinct(x, exact: true)`.
    pub exact: bool,
    /// `where c`.
    pub filter: Option<Box<Expr>>,
    /// Given in feature sets.
    pub window: Option<Trailing>,
    /// Result type.
    pub ty: Type,
    /// Place.
    pub span: Span,
}

impl Aggregate {
    /// Its expressions over an input row: argument, `by:` and condition, as far as there are any.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.argument.iter().chain(self.by.as_deref()).chain(self.filter.as_deref())
    }

    /// Its expressions, to be changed.
    pub fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.argument.iter_mut().chain(self.by.as_deref_mut()).chain(self.filter.as_deref_mut())
    }
}

/// A trailing window, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Trailing {
    /// Length W.
    pub size: i64,
    /// Tile width: the tail is t − W floored to it.
    pub step: i64,
}

/// Adds the columns of the (left) row that an expression reads to those that are known, each once. Rows have few columns:
/// looking through a list of them costs less than a set.
pub fn add_columns(expr: &Expr, known: &mut Vec<Symbol>) {
    if let ExprKind::Column(name) = &expr.kind
        && !known.contains(name)
    {
        known.push(*name);
    }
    expr.each_child(&mut |child| add_columns(child, known));
}
