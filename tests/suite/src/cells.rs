//! Random rows of every kind of cell, and what an expression makes of them, in words: the same in the test that
//! interprets and in the program that was generated.

use std::fmt::Write;
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::program::Now;
use flow_core::row::Bound;
use flow_core::types::{DataType, Kind, Schema};
use flow_core::value::Value;
use flow_core::zone::Zone;
use flow_operators::expression::{Environment, Expression};

use crate::random::Random;

/// A zone whose clock is set twice.
#[must_use]
pub fn zone() -> Arc<Zone> {
    let transitions = vec![(1_774_746_000_000_000, 7_200), (1_792_890_000_000_000, 3_600)];
    Arc::new(Zone::new(3_600, transitions))
}

/// `rows` rows of `schema`.
#[must_use]
pub fn batch(random: &mut Random, schema: &Schema, rows: usize) -> Batch {
    let mut builders: Vec<ColumnBuilder> =
        schema.fields.iter().map(|field| ColumnBuilder::new(&field.ty.kind, rows)).collect();
    for row in 0..rows {
        // Each third row is sound.
        let faulty = row % 3 != 0;
        for (builder, field) in builders.iter_mut().zip(&schema.fields) {
            put(random, builder, &field.ty, faulty);
        }
    }
    Batch {
        columns: builders.into_iter().map(ColumnBuilder::finish).collect(),
        rows,
        time: (0..rows).map(|_| instant(random)).collect(),
        arrived: vec![0; rows],
        origin: vec![Origin::default(); rows],
        offset: vec![0; rows],
        weight: vec![1; rows],
        lineage: Vec::new(),
    }
}

fn put(random: &mut Random, builder: &mut ColumnBuilder, ty: &DataType, faulty: bool) {
    if faulty && random.chance(6) {
        return builder.push_fault(*random.pick(&[Fault::Malformed, Fault::Overflow, Fault::Precision]));
    }
    if ty.optional && random.chance(25) {
        return builder.push_absent();
    }
    if let Kind::Record(record) = &ty.kind {
        for (position, field) in record.fields.iter().enumerate() {
            if let Some(builder) = builder.fields().and_then(|fields| fields.get_mut(position)) {
                put(random, builder, &field.ty, faulty);
            }
        }
        return builder.end_record();
    }
    builder.push_value(Ok(&value(random, &ty.kind)));
}

fn instant(random: &mut Random) -> i64 {
    if random.chance(5) {
        return *random.pick(&[i64::MIN, i64::MAX, 0, -1]);
    }
    1_767_225_600_000_000 + random.below(31_536_000) * 1_000_000 + random.below(3)
}

/// A present value.
#[must_use]
pub fn value(random: &mut Random, kind: &Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(random.chance(50)),
        Kind::Int => Value::Int(if random.chance(12) {
            *random.pick(&[i64::MIN, i64::MAX, 0, 1_000_000_007, -1])
        } else {
            random.between(-4, 12)
        }),
        Kind::Float => Value::Float(if random.chance(12) {
            *random.pick(&[f64::MAX, f64::MIN_POSITIVE, 0.0, 1e18, -1e300])
        } else {
            whole(random.between(-40, 90)) / 8.0
        }),
        Kind::Decimal { precision, .. } => {
            let limit = 10i128.pow(u32::from(*precision).min(38)) - 1;
            let small = i128::from(random.between(-900, 4_000));
            Value::Decimal(if random.chance(12) {
                *random.pick(&[limit, -limit, 0])
            } else {
                small.clamp(-limit, limit)
            })
        }
        Kind::String => Value::String(
            (*random.pick(&[
                "",
                "a",
                "Ab",
                " ß\t",
                "x1",
                "12",
                "-7.25",
                "true",
                "2026-03-29",
                "calm",
                "2026-03-29T01:30:00Z",
            ]))
            .into(),
        ),
        Kind::Bytes => Value::Bytes(random.pick(&[&b""[..], b"a", b"\x00\xff"]).to_vec().into()),
        Kind::Date => Value::Int(random.between(20_400, 20_900)),
        Kind::Timestamp => Value::Int(instant(random)),
        Kind::Duration => Value::Int(match random.below(4) {
            0 => random.between(-3, 9) * 86_400_000_000,
            1 => random.between(-9, 9),
            2 => *random.pick(&[i64::MAX, i64::MIN, 0]),
            _ => random.between(1, 900) * 1_000_000,
        }),
        Kind::Enum(members) => Value::Int(random.below(i64::try_from(members.members.len()).unwrap_or(1))),
        Kind::List(element) => {
            let cells = (0..random.below(4)).map(|_| maybe(random, element)).collect();
            Value::List(cells)
        }
        Kind::Record(record) => Value::Record(record.fields.iter().map(|field| maybe(random, &field.ty)).collect()),
    }
}

fn maybe(random: &mut Random, ty: &DataType) -> Value {
    if ty.optional && random.chance(25) { Value::Absent } else { value(random, &ty.kind) }
}

fn whole(value: i64) -> f64 {
    f64::from(i32::try_from(value).unwrap_or(0))
}

/// What an expression makes of a batch, row by row.
#[must_use]
pub fn answers(expr: &dyn Expression, batch: &Batch, slots: &[Value]) -> Vec<String> {
    let env = Environment { now: Now::Row, slots: slots.to_vec() };
    let column = expr.evaluate(batch, &env);
    (0..batch.rows).map(|row| show(&Bound::of(&column, row))).collect()
}

/// What `value` makes of the cells of each row on their own; nothing where one of them is faulty.
#[must_use]
pub fn alone(batch: &Batch, value: impl Fn(&[Value], i64) -> Result<Value, Fault>) -> Vec<String> {
    let one = |row: usize| {
        let cells: Result<Vec<Value>, Fault> = batch.columns.iter().map(|column| column.value(row)).collect();
        let now = batch.time.get(row).copied().unwrap_or_default();
        cells.map_or_else(|_| String::new(), |cells| show(&Bound::from(value(&cells, now))))
    };
    (0..batch.rows).map(one).collect()
}

fn show(cell: &Bound) -> String {
    match (cell.clone().whole(), cell) {
        (Ok(value), _) => format!("{value:?}"),
        (_, Bound::Record(fields)) => {
            let mut out = String::from("{");
            for field in fields {
                let _ = write!(out, " {}", show(field));
            }
            out + " }"
        }
        (Err(fault), _) => format!("{fault:?}"),
    }
}
