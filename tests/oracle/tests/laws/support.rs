//! Models and histories by hand.

use asol_oracle::source::Record;
use asol_oracle::value::{Cell, Value};
use asol_oracle::world::History;
use fec_diagnostics::{FileId, Span};
use fec_model::expr::{Aggregate, AggregateFunction, BinaryOp, Expr, ExprKind, Literal, Trailing};
use fec_model::model::{FeatureSet, Format, Model, Shape, Source};
use fec_model::relation::{Relation, RelationOp};
use fec_model::types::{Boundedness, Column, Columns, Kind, RelationType, Type};

pub const S: i64 = 1_000_000;
pub const H: i64 = 3_600 * S;
pub const DAY: i64 = 24 * H;

pub fn span() -> Span {
    Span { file: FileId(0), start: 0, end: 0 }
}

pub fn columns(columns: &[(&str, Kind)]) -> Vec<Column> {
    columns.iter().map(|(name, kind)| Column { name: (*name).into(), ty: Type::required(kind.clone()) }).collect()
}

pub fn relation_type(columns: impl Into<Columns>) -> RelationType {
    RelationType {
        columns: columns.into(),
        key: Vec::new(),
        boundedness: Boundedness::Stream,
        changes: false,
        timed: true,
        late: false,
    }
}

/// A stream source with time `at`.
pub fn source(name: &str, cells: &[(&str, Kind)], lateness: i64) -> Source {
    Source {
        name: name.into(),
        docs: String::new(),
        shape: Shape::Stream,
        ty: relation_type(columns(cells)),
        topic: name.into(),
        file: None,
        path: None,
        history: None,
        format: Format::Json,
        unit: None,
        key: Vec::new(),
        time: Some("at".into()),
        arrival_is_event_time: false,
        lateness,
        ahead: None,
        idle: 10 * S,
        unique: Vec::new(),
        versions: None,
        span: span(),
    }
}

pub fn model(sources: Vec<Source>) -> Model {
    Model { timezone: "UTC".into(), sources, ..Model::default() }
}

pub fn expr(kind: ExprKind, ty: Kind) -> Expr {
    Expr { kind, ty: Type::required(ty), span: span() }
}

pub fn column(name: &str, kind: Kind) -> Expr {
    expr(ExprKind::Column(name.into()), kind)
}

pub fn right(name: &str, kind: Kind) -> Expr {
    expr(ExprKind::Right(name.into()), kind)
}

pub fn int(value: i64) -> Expr {
    expr(ExprKind::Literal(Literal::Int(value)), Kind::Int)
}

pub fn binary(op: BinaryOp, left: Expr, right: Expr, kind: Kind) -> Expr {
    expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), kind)
}

/// `op` over input of type `columns`.
pub fn relation(op: RelationOp, columns: impl Into<Columns>) -> Relation {
    Relation { op, ty: relation_type(columns), span: span() }
}

pub fn from(source: &Source) -> Relation {
    Relation { op: RelationOp::Source(source.name), ty: source.ty.clone(), span: span() }
}

pub fn aggregate(
    name: &str,
    function: AggregateFunction,
    argument: Option<Expr>,
    ty: Kind,
    window: (i64, i64),
) -> Aggregate {
    Aggregate {
        name: name.into(),
        function,
        argument,
        by: None,
        limit: 0,
        exact: false,
        filter: None,
        window: Some(Trailing { size: window.0, step: window.1 }),
        ty: Type::maybe(ty),
        span: span(),
    }
}

pub fn feature_set(name: &str, key: &str, input: Relation, aggregates: Vec<Aggregate>) -> FeatureSet {
    FeatureSet {
        name: name.into(),
        docs: String::new(),
        keys: vec![(key.into(), column(key, Kind::String))],
        columns: aggregates.iter().map(|a| Column { name: a.name, ty: a.ty.clone() }).collect(),
        input,
        aggregates,
        scalars: Vec::new(),
        span: span(),
    }
}

pub fn text(value: &str) -> Cell {
    Ok(Value::String(value.into()))
}

pub fn at(time: i64) -> Cell {
    Ok(Value::Timestamp(time))
}

/// Records of a log: (partition, stamp, cells); offsets count up in each partition.
pub fn log(records: Vec<(i64, i64, Vec<Cell>)>) -> Vec<Record> {
    let mut next = std::collections::BTreeMap::new();
    records
        .into_iter()
        .map(|(partition, stamp, cells)| {
            let offset = next.entry(partition).or_insert(0);
            *offset += 1;
            Record { partition, offset: *offset - 1, stamp: Some(stamp), cells: Some(cells) }
        })
        .collect()
}

/// Records of a file without arrivals.
pub fn file(rows: Vec<Vec<Cell>>) -> Vec<Record> {
    rows.into_iter()
        .zip(0..)
        .map(|(cells, offset)| Record { partition: 0, offset, stamp: None, cells: Some(cells) })
        .collect()
}

pub fn history(records: Vec<(&str, Vec<Record>)>) -> History {
    History {
        records: records.into_iter().map(|(name, records)| (name.into(), records)).collect(),
        ..History::default()
    }
}
