use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::column::ColumnData;
use crate::functions::TimeUnit;
use crate::types::{DataType, Field, Schema};

const MONEY: Kind = Kind::Decimal { precision: 12, scale: 2 };
const FINE: Kind = Kind::Decimal { precision: 20, scale: 5 };

/// Two columns of each plain kind.
fn schema() -> Schema {
    let kinds = [Kind::Int, Kind::Float, MONEY, FINE, Kind::Bool, Kind::String, Kind::Timestamp, Kind::Duration];
    let fields = kinds.iter().chain(&kinds).enumerate();
    let fields = fields.map(|(index, kind)| Field { name: format!("c{index}"), ty: DataType::optional(kind.clone()) });
    Schema { fields: fields.collect() }
}

fn one(build: impl Fn(&mut ProgramBuilder) -> Register) -> Result<Value, Fault> {
    let mut builder = ProgramBuilder::new(&schema());
    let output = build(&mut builder);
    let cells = vec![Value::Absent; 16];
    let program = builder.finish(vec![output]);
    let result = program.eval_row(&cells, 7, &[]);
    let column = program.eval(&Batch::one(&schema(), &cells, 7), &Env::default());
    assert_eq!(column.value(0), result, "column and row differ");
    result
}

fn int(builder: &mut ProgramBuilder, value: i64) -> Register {
    builder.constant(Value::Int(value), Kind::Int).unwrap()
}

fn fault(builder: &mut ProgramBuilder) -> Register {
    let (a, b) = (int(builder, i64::MAX), int(builder, 1));
    builder.binary(Binary::Add, a, b).unwrap()
}

#[test]
fn a_side_that_is_not_needed_does_not_count() {
    let value = one(|b| {
        let (zero, bad) = (int(b, 0), fault(b));
        let no = b.constant(Value::Bool(false), Kind::Bool).unwrap();
        b.select(no, bad, zero).unwrap()
    });
    assert_eq!(value, Ok(Value::Int(0)));
    let value = one(|b| {
        let (zero, bad) = (int(b, 0), fault(b));
        let bad = b.compare(Comparison::Less, bad, zero).unwrap();
        let no = b.constant(Value::Bool(false), Kind::Bool).unwrap();
        b.and(no, bad).unwrap()
    });
    assert_eq!(value, Ok(Value::Bool(false)));
    let value = one(|b| {
        let (zero, bad) = (int(b, 0), fault(b));
        let bad = b.compare(Comparison::Less, bad, zero).unwrap();
        let no = b.constant(Value::Bool(false), Kind::Bool).unwrap();
        b.and(bad, no).unwrap()
    });
    assert_eq!(value, Err(Fault::Overflow));
    let value = one(|b| {
        let (zero, bad) = (int(b, 0), fault(b));
        b.coalesce(zero, bad).unwrap()
    });
    assert_eq!(value, Ok(Value::Int(0)));
}

#[test]
fn absence_is_two_valued_in_equality_only() {
    let null = |b: &mut ProgramBuilder| b.constant(Value::Absent, Kind::Int).unwrap();
    let equal = |left: Option<i64>, right: Option<i64>| {
        one(|b| {
            let mut side = |value: Option<i64>| match value {
                Some(value) => int(b, value),
                None => null(b),
            };
            let (left, right) = (side(left), side(right));
            b.equal(left, right).unwrap()
        })
    };
    assert_eq!(equal(None, None), Ok(Value::Bool(true)));
    assert_eq!(equal(None, Some(1)), Ok(Value::Bool(false)));
    let less = one(|b| {
        let (left, right) = (null(b), int(b, 1));
        b.compare(Comparison::Less, left, right).unwrap()
    });
    assert_eq!(less, Ok(Value::Absent));
}

#[test]
fn a_zero_divisor_gives_absent() {
    for operation in [Binary::Divide, Binary::Div, Binary::Mod] {
        let value = one(|b| {
            let (left, right) = (int(b, 1), int(b, 0));
            b.binary(operation, left, right).unwrap()
        });
        assert_eq!(value, Ok(Value::Absent));
    }
}

#[test]
fn a_field_is_read_past_the_fault_of_another() {
    let value = one(|b| {
        let (good, bad) = (int(b, 5), fault(b));
        let record = b.record(&[("good", good), ("bad", bad)]).unwrap();
        let yes = b.constant(Value::Bool(true), Kind::Bool).unwrap();
        let chosen = b.select(yes, record, record).unwrap();
        b.field(chosen, 0).unwrap()
    });
    assert_eq!(value, Ok(Value::Int(5)));
    let value = one(|b| {
        let (first, second) = (int(b, 5), int(b, 6));
        let record = b.record(&[("first", first), ("second", second)]).unwrap();
        b.field(record, 1).unwrap()
    });
    assert_eq!(value, Ok(Value::Int(6)), "each field is that of its place");
}

#[test]
fn decimals_of_two_scales_give_the_scale_of_the_specification_on_either_side() {
    use Binary::{Add, Div, Mod, Multiply, Subtract};
    let mut builder = ProgramBuilder::new(&schema());
    let [one, two] = [1, 2].map(|scale| {
        let kind = Kind::Decimal { precision: 10, scale };
        builder.constant(Value::Decimal(1), kind).unwrap()
    });
    for (operation, wanted) in [(Add, 2), (Subtract, 2), (Mod, 2), (Multiply, 3), (Div, 0)] {
        for (a, b) in [(one, two), (two, one)] {
            let made = builder.binary(operation, a, b).unwrap();
            let Ok(Kind::Decimal { scale, .. }) = builder.kind(made) else { panic!("{operation:?} gives no decimal") };
            assert_eq!(*scale, wanted, "{operation:?}");
        }
    }
}

#[test]
fn texts_are_interpolated_and_lists_searched() {
    let value = one(|b| {
        let amount = b.constant(Value::Decimal(-150), MONEY).unwrap();
        let now = b.now();
        b.format(vec![Piece::Text("at ".into()), Piece::Cell(now), Piece::Text(": ".into()), Piece::Cell(amount)])
            .unwrap()
    });
    assert_eq!(value, Ok(Value::String("at 1970-01-01T00:00:00.000007Z: -1.50".into())));
    let value = one(|b| {
        let cells = vec![int(b, 1), int(b, 2)];
        let (list, wanted) = (b.list(&Kind::Int, cells).unwrap(), int(b, 2));
        b.contains(wanted, list).unwrap()
    });
    assert_eq!(value, Ok(Value::Bool(true)));
}

#[test]
fn slots_and_now_come_from_outside() {
    let mut builder = ProgramBuilder::new(&schema());
    let (slot, now) = (builder.slot(0, Kind::Duration), builder.now());
    let sum = builder.binary(Binary::Add, now, slot).unwrap();
    let program = builder.finish(vec![sum, slot]);
    let mut batch = Batch::one(&schema(), &[], 100);
    batch = Batch::concat(&schema(), &[batch.clone(), Batch { time: vec![200], ..batch }]);
    let slots = [Value::Int(5)];
    let columns = program.eval_all(&batch, &Env { now: Now::Row, slots: &slots });
    assert_eq!(columns, [Column::ints(vec![105, 205]), Column::ints(vec![5, 5])]);
    assert_eq!(program.eval(&batch, &Env { now: Now::At(1), slots: &slots }), Column::ints(vec![6, 6]));
    assert_eq!(program.eval_row(&[], 9, &slots), Ok(Value::Int(14)));
}

#[test]
fn kinds_are_checked_while_building() {
    let mut builder = ProgramBuilder::new(&schema());
    let (integer, float) = (builder.column(0).unwrap(), builder.column(1).unwrap());
    assert!(builder.binary(Binary::Add, integer, float).is_err());
    assert!(builder.column(99).is_err());
    assert!(builder.constant(Value::Int(1), Kind::Float).is_err());
    assert!(builder.and(integer, float).is_err());
    assert!(builder.call(Function::Lower, vec![integer]).is_err());
    let product = {
        let (a, b) = (builder.column(2).unwrap(), builder.column(3).unwrap());
        builder.binary(Binary::Multiply, a, b).unwrap()
    };
    assert_eq!(builder.kind(product), Ok(&Kind::Decimal { precision: 38, scale: 7 }));
    assert!(matches!(
        builder.finish(Vec::new()).eval(&Batch::empty(&schema()), &Env::default()).data(),
        ColumnData::Record(_)
    ));
}

fn cell(kind: usize) -> BoxedStrategy<Option<Value>> {
    let present = match kind % 8 {
        0 => prop_oneof![-3i64..4, any::<i64>()].prop_map(Value::Int).boxed(),
        1 => prop_oneof![Just(0.0), Just(1e308), -4f64..4.0].prop_map(Value::Float).boxed(),
        2 | 3 => prop_oneof![-300i128..300, -10i128.pow(37)..10i128.pow(37)].prop_map(Value::Decimal).boxed(),
        4 => any::<bool>().prop_map(Value::Bool).boxed(),
        5 => "[ab]{0,2}".prop_map(|text| Value::String(text.into())).boxed(),
        _ => prop_oneof![-3i64..4, any::<i64>()].prop_map(Value::Int).boxed(),
    };
    // `None` is a faulty cell.
    prop_oneof![8 => present.prop_map(Some), 1 => Just(Some(Value::Absent)), 1 => Just(None)].boxed()
}

fn row() -> impl Strategy<Value = Vec<Option<Value>>> {
    (0..16).map(cell).collect::<Vec<_>>()
}

/// Builds a random program: each choice picks an instruction and operands among the registers so far; what does not fit
/// is skipped.
fn random(builder: &mut ProgramBuilder, choices: &[(u8, usize, usize, usize)]) -> Vec<Register> {
    let mut registers: Vec<Register> = (0..16).map(|column| builder.column(column).unwrap()).collect();
    registers.push(builder.constant(Value::Int(2), Kind::Int).unwrap());
    registers.push(builder.constant(Value::Decimal(250), MONEY).unwrap());
    registers.push(builder.constant(Value::String("a".into()), Kind::String).unwrap());
    registers.push(builder.constant(Value::Absent, Kind::Float).unwrap());
    for (choice, a, b, c) in choices {
        let pick = |index: &usize| registers[index % registers.len()];
        let (a, b, c) = (pick(a), pick(b), pick(c));
        let operations = [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide, Binary::Div, Binary::Mod];
        let comparisons = [Comparison::Less, Comparison::LessEqual, Comparison::Greater, Comparison::GreaterEqual];
        let made = match choice {
            0..=5 => builder.binary(operations[usize::from(*choice)], a, b),
            6..=9 => builder.compare(comparisons[usize::from(*choice) - 6], a, b),
            10 => builder.equal(a, b),
            11 => builder.and(a, b),
            12 => builder.or(a, b),
            13 => builder.select(a, b, c),
            14 => builder.coalesce(a, b),
            15 => builder.is_absent(a),
            16 => builder.unary(Unary::Negate, a).or_else(|_| builder.unary(Unary::Not, a)),
            17 => builder.convert(Conversion::Plain, a, &Kind::Float),
            18 => builder.convert(Conversion::Checked, a, &MONEY),
            19 => builder.convert(Conversion::Plain, a, &FINE),
            20 => builder.record(&[("x", a), ("y", b)]),
            21 => builder.field(a, 1),
            22 => builder.list(&builder.kind(a).unwrap().clone(), vec![a, b]),
            23 => builder.contains(a, b),
            24 => builder.format(vec![Piece::Cell(a), Piece::Text("-".into()), Piece::Cell(b)]),
            25 => builder.call(Function::Abs, vec![a]),
            26 => builder.call(Function::Greatest, vec![a, b]),
            27 => builder.call(Function::Round, vec![a]),
            28 => builder.call(Function::Hour, vec![a]),
            _ => builder.call(Function::ToEpoch(TimeUnit::Second), vec![a]),
        };
        registers.extend(made);
    }
    registers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Column kernels against the meaning of each instruction on one row. Rows with a faulty cell are compared where no
    /// record is involved: only columns keep a fault inside of a record.
    #[test]
    fn columns_and_rows_agree(
        rows in prop::collection::vec(row(), 1..6),
        choices in prop::collection::vec((0u8..30, any::<usize>(), any::<usize>(), any::<usize>()), 1..24),
    ) {
        let schema = schema();
        let mut builder = ProgramBuilder::new(&schema);
        let outputs = random(&mut builder, &choices);
        let kinds: Vec<Kind> = outputs.iter().map(|output| builder.kind(*output).unwrap().clone()).collect();
        let program = builder.finish(outputs.clone());
        let columns = (0..16).map(|column| {
            let mut cells = crate::builder::ColumnBuilder::new(&schema.fields[column].ty.kind, rows.len());
            rows.iter().for_each(|row| cells.push_value(row[column].as_ref().ok_or(Fault::Malformed)));
            cells.finish()
        });
        let count = rows.len();
        let batch = Batch {
            columns: columns.collect(),
            rows: count,
            time: vec![7; count],
            arrived: vec![0; count],
            origin: vec![Default::default(); count],
            offset: vec![0; count],
            weight: vec![1; count],
            lineage: Vec::new(),
        };
        let results = program.eval_all(&batch, &Env::default());
        prop_assert_eq!(results.len(), outputs.len());
        for (index, row) in rows.iter().enumerate() {
            let Some(cells) = row.iter().cloned().collect::<Option<Vec<Value>>>() else {
                // The same row alone, with its faults, gives the same.
                let alone = program.eval_all(&batch.slice(index, 1), &Env::default());
                for (result, alone) in results.iter().zip(alone) {
                    prop_assert_eq!(result.value(index), alone.value(0));
                }
                continue;
            };
            for ((result, output), kind) in results.iter().zip(&outputs).zip(&kinds) {
                let expected = scalar::eval_row(&program, *output, &cells, 7, &[]);
                prop_assert_eq!(result.value(index), expected, "{:?} of {:?}", output, kind);
            }
        }
    }
}

#[test]
fn a_zone_shifts_the_calendar() {
    let schema = Schema { fields: vec![Field { name: "at".into(), ty: DataType::required(Kind::Timestamp) }] };
    let mut builder = ProgramBuilder::new(&schema).zone(Arc::new(Zone::fixed(28_800)));
    let at = builder.column(0).unwrap();
    let hour = builder.call(Function::Hour, vec![at]).unwrap();
    let date = builder.call(Function::Date, vec![at]).unwrap();
    let midnight = builder.convert(Conversion::Plain, date, &Kind::Timestamp).unwrap();
    let program = builder.finish(vec![hour, midnight]);
    let batch = Batch::one(&schema, &[Value::Int(0)], 0);
    let columns = program.eval_all(&batch, &Env::default());
    assert_eq!(columns, [Column::ints(vec![8]), Column::ints(vec![-28_800_000_000])]);
}
