//! Whole relations: changes netted out.

use std::collections::HashMap;

use flow_core::batch::Batch;
use flow_core::types::Schema;
use flow_operators::compare::compare_columns;
use flow_operators::order::{UNPLACED, sorted};
use flow_operators::rows::encode_row;

/// The rows that are left when every row that was taken back is gone: those with a positive sum of weights, each as often
/// as that sum, in their order.
#[must_use]
pub fn consolidated(batch: &Batch) -> Batch {
    if batch.weight.iter().all(|weight| *weight > 0) {
        return batch.clone();
    }
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(batch.rows);
    let mut net: HashMap<Vec<u8>, i64> = HashMap::new();
    for row in 0..batch.rows {
        let mut key = batch.time.get(row).copied().unwrap_or_default().to_le_bytes().to_vec();
        key.extend(batch.made_of(row).to_le_bytes());
        encode_row(&batch.columns, row, &mut key);
        *net.entry(key.clone()).or_insert(0) += i64::from(batch.weight.get(row).copied().unwrap_or(0));
        keys.push(key);
    }
    let mut kept = Vec::new();
    // A row stands at its last place: what was taken back in between is forgotten.
    for (row, key) in keys.iter().enumerate().rev() {
        if batch.weight.get(row).is_some_and(|weight| *weight > 0)
            && let Some(left) = net.get_mut(key)
            && *left > 0
        {
            *left -= 1;
            kept.push(row);
        }
    }
    kept.reverse();
    batch.take(&kept)
}

/// Gives rows to a sink: of several `emit`s into one the union, as its rows stand.
pub(crate) fn give(emitted: &mut Vec<(String, Batch)>, sink: &str, schema: &Schema, rows: Batch) {
    match emitted.iter_mut().find(|(known, _)| known == sink) {
        Some((_, before)) => *before = as_they_stand(Batch::concat(schema, &[std::mem::take(before), rows])),
        None => emitted.push((sink.to_owned(), rows)),
    }
}

/// Rows of a relation that ends in the order that they have where no `sort` gives them another.
pub(crate) fn as_they_stand(rows: Batch) -> Batch {
    if !rows.arrived.contains(&UNPLACED) {
        return sorted(rows);
    }
    let mut order: Vec<usize> = (0..rows.rows).collect();
    order.sort_by(|left, right| compare_columns(&rows.columns, *left, *right));
    rows.take(&order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_core::batch::Origin;
    use flow_core::column::Column;

    #[test]
    fn what_was_taken_back_is_gone() {
        let batch = Batch {
            columns: vec![Column::ints(vec![1, 2, 1, 3, 3])],
            rows: 5,
            time: vec![0; 5],
            arrived: vec![0, 1, 2, 3, 4],
            origin: vec![Origin::default(); 5],
            offset: vec![0, 1, 2, 3, 4],
            weight: vec![1, 1, -1, 1, 1],
            lineage: vec![1, 2, 1, 3, 4],
        };
        let left = consolidated(&batch);
        assert_eq!(left.offset, [1, 3, 4]);
    }

    #[test]
    fn of_equal_rows_the_one_that_is_meant_goes() {
        let row = |lineage: [u64; 4]| Batch {
            columns: vec![Column::ints(vec![1, 2, 1, 1])],
            rows: 4,
            time: vec![0; 4],
            arrived: vec![0, 1, 2, 3],
            origin: vec![Origin::default(); 4],
            offset: vec![0, 1, 2, 3],
            weight: vec![1, 1, 1, -1],
            lineage: lineage.to_vec(),
        };
        assert_eq!(consolidated(&row([1, 2, 3, 1])).offset, [1, 2]);
        assert_eq!(consolidated(&row([1, 2, 3, 3])).offset, [0, 1]);
    }

    #[test]
    fn what_several_emits_give_to_a_sink_stands_as_their_union() {
        let kinds = [flow_core::types::Kind::Int];
        let schema = Schema {
            fields: kinds
                .map(|kind| flow_core::types::Field {
                    name: "n".to_owned(),
                    ty: flow_core::types::DataType::required(kind),
                })
                .into(),
        };
        let rows = |cells: &[(i64, i64)]| Batch {
            columns: vec![Column::ints(cells.iter().map(|cell| cell.0).collect())],
            rows: cells.len(),
            time: vec![0; cells.len()],
            arrived: cells.iter().map(|cell| cell.1).collect(),
            origin: vec![Origin::default(); cells.len()],
            offset: vec![0; cells.len()],
            weight: vec![1; cells.len()],
            lineage: Vec::new(),
        };
        let given = |parts: &[Batch]| {
            let mut emitted = Vec::new();
            for part in parts {
                give(&mut emitted, "s", &schema, part.clone());
            }
            assert_eq!(emitted.len(), 1);
            let (_, rows) = emitted.remove(0);
            (0..rows.rows).map(|row| rows.columns[0].value(row).unwrap()).collect::<Vec<_>>()
        };
        let ints = |all: &[i64]| all.iter().map(|n| flow_core::value::Value::Int(*n)).collect::<Vec<_>>();
        // One `emit` alone keeps the order of a sort.
        assert_eq!(given(&[rows(&[(1, 9), (2, 3)])]), ints(&[1, 2]));
        assert_eq!(given(&[rows(&[(1, 9), (2, 3)]), rows(&[(3, 5), (4, 3)])]), ints(&[2, 4, 3, 1]));
        // Without a place, columns order them.
        let unplaced = rows(&[(8, UNPLACED), (0, UNPLACED)]);
        assert_eq!(given(&[rows(&[(1, 9)]), unplaced, rows(&[(3, 1)])]), ints(&[0, 1, 3, 8]));
    }
}
