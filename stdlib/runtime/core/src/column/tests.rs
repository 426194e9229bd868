use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::types::{DataType, Field, RecordType};

fn record() -> Kind {
    let field = |name: &str, kind| Field { name: name.into(), ty: DataType::optional(kind) };
    let inner = Kind::Record(Arc::new(RecordType { fields: vec![field("text", Kind::String)] }));
    Kind::Record(Arc::new(RecordType { fields: vec![field("number", Kind::Int), field("inner", inner)] }))
}

fn kinds() -> [Kind; 6] {
    [Kind::Int, Kind::Float, Kind::String, Kind::Bytes, Kind::List(Arc::new(DataType::required(Kind::Bool))), record()]
}

fn value(kind: usize, seed: u8) -> Value {
    match kind {
        0 => Value::Int(seed.into()),
        1 => Value::Float(seed.into()),
        2 => Value::String("é".repeat(usize::from(seed % 3)).into()),
        3 => Value::Bytes(vec![seed; usize::from(seed % 3)].into()),
        4 => Value::List(vec![Value::Bool(seed > 9)].into()),
        _ => {
            let inner = if seed.is_multiple_of(3) { Value::Absent } else { Value::Record([value(2, seed)].into()) };
            Value::Record([value(0, seed), inner].into())
        }
    }
}

fn cells() -> impl Strategy<Value = (usize, Vec<Result<Value, Fault>>)> {
    (0usize..6).prop_flat_map(|kind| {
        let cell = prop_oneof![
            6 => any::<u8>().prop_map(move |seed| Ok(value(kind, seed))),
            1 => Just(Ok(Value::Absent)),
            1 => Just(Err(Fault::Overflow)),
        ];
        (Just(kind), prop::collection::vec(cell, 0..8))
    })
}

fn build(kind: &Kind, cells: &[Result<Value, Fault>]) -> Column {
    let mut builder = ColumnBuilder::new(kind, 0);
    cells.iter().for_each(|cell| builder.push_value(cell.as_ref().map_err(|fault| *fault)));
    builder.finish()
}

fn read(column: &Column) -> Vec<Result<Value, Fault>> {
    (0..column.rows()).map(|row| column.value(row)).collect()
}

proptest! {
    /// A column against a plain list of its cells.
    #[test]
    fn columns_are_lists_of_cells((kind, cells) in cells(), picks in prop::collection::vec(0usize..9, 0..8), cut in 0usize..9) {
        let kind = &kinds()[kind];
        let column = build(kind, &cells);
        prop_assert_eq!(read(&column), cells.clone());
        let mut again = ColumnBuilder::new(kind, 0);
        for (row, cell) in cells.iter().enumerate() {
            let mut to = Cell::Bool(true);
            prop_assert_eq!(&column.cell_to(row, &mut to).map(|()| to.to_value()), cell);
            match cell {
                Ok(value) => again.push_cell(&value.as_cell()),
                Err(fault) => again.push_fault(*fault),
            }
        }
        prop_assert_eq!(read(&again.finish()), cells.clone());
        let mut beyond = Cell::Bool(true);
        prop_assert_eq!((column.cell_to(cells.len(), &mut beyond), beyond), (Ok(()), Cell::Absent));
        let taken: Vec<_> = picks.iter().map(|row| cells.get(*row).cloned().unwrap_or(Ok(Value::Absent))).collect();
        prop_assert_eq!(read(&column.take(&picks)), taken);
        let cut = cut.min(cells.len());
        let (left, right) = (column.slice(0, cut), column.slice(cut, usize::MAX));
        prop_assert_eq!(read(&left), &cells[..cut]);
        prop_assert_eq!(read(&Column::concat(kind, &[left, right, column.clone()])), [cells.clone(), cells.clone()].concat());
        let keep: Vec<bool> = (0..cells.len()).map(|row| row % 2 == 0).collect();
        prop_assert_eq!(read(&column.filter(&keep)), cells.iter().step_by(2).cloned().collect::<Vec<_>>());
        let mut builder = ColumnBuilder::new(kind, 0);
        builder.extend(&column);
        builder.truncate(cut);
        builder.extend(&column);
        prop_assert_eq!(read(&builder.finish()), [&cells[..cut], &cells[..]].concat());
    }
}

#[test]
fn a_field_of_an_absent_or_faulty_record_is_so_too() {
    let cells = [Ok(value(5, 1)), Ok(Value::Absent), Err(Fault::Overflow), Ok(value(5, 3))];
    let column = build(&record(), &cells);
    assert_eq!(
        read(&column.field(0).unwrap()),
        [Ok(Value::Int(1)), Ok(Value::Absent), Err(Fault::Overflow), Ok(Value::Int(3))]
    );
    let text = column.field(1).and_then(|inner| inner.field(0)).unwrap();
    assert_eq!(
        read(&text),
        [Ok(Value::String("é".into())), Ok(Value::Absent), Err(Fault::Overflow), Ok(Value::Absent)]
    );
    assert!(column.field(2).is_none());
}

#[test]
fn a_cell_of_another_kind_is_a_fault() {
    let column = build(&Kind::Int, &[Ok(Value::Bool(true)), Ok(Value::Int(1))]);
    assert_eq!(read(&column), [Err(Fault::Conversion), Ok(Value::Int(1))]);
}

#[test]
fn a_fault_in_one_field_leaves_the_others() {
    let mut bad = ColumnBuilder::new(&Kind::Int, 1);
    bad.push_fault(Fault::Overflow);
    let column = Column::record(vec![Column::ints(vec![7]), bad.finish()], None, 1);
    assert_eq!(column.value(0), Err(Fault::Overflow));
    assert_eq!(column.state(0), State::Present);
    assert_eq!(column.field(0).unwrap().value(0), Ok(Value::Int(7)));
}
