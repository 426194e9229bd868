//! Whole relations: changes netted out.

use std::collections::HashMap;

use flow_core::batch::Batch;
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
}
