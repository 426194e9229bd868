//! The block against a plain list of rows, whatever the disorder, the restarts and what was taken back; and the cases of
//! time that catch a toy.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::AggregateFunc;
use crate::naive;
use crate::types::{DataType, Kind};

/// The value as the language defines it: over the accepted changes with tail(t) ≤ time ≤ t.
fn expected(windowed: &WindowedAggregate, rows: &[naive::Row], t: i64) -> Result<Value, Fault> {
    let tail = (t - windowed.size).div_euclid(windowed.step) * windowed.step;
    let inside: Vec<naive::Row> = rows
        .iter()
        .filter(|row| (tail..=t).contains(&row.time))
        .filter(|row| windowed.filter.is_none_or(|slot| row.args[slot] == Value::Bool(true)))
        .cloned()
        .collect();
    naive::value(windowed.func, &windowed.args, &inside)
}

fn windowed() -> impl Strategy<Value = WindowedAggregate> {
    let filter = prop_oneof![3 => Just(None), 1 => Just(Some(5))];
    (naive::aggregate(), filter, 1i64..80, prop_oneof![Just(1i64), Just(7), 1i64..30])
        .prop_map(|((func, args), filter, size, step)| WindowedAggregate { func, args, filter, size, step })
}

/// Rows in arrival order with the frontier after each: times jump back within and beyond the head, and ahead; some rows
/// share their place in arrival order, as joined ones may.
fn history() -> impl Strategy<Value = Vec<(naive::Row, i64)>> {
    let behind = prop_oneof![2 => Just(1i64), 4 => -3i64..20, 1 => -30i64..90];
    let row = (naive::row(1), prop_oneof![Just(0i64), 0i64..12], behind);
    proptest::collection::vec(row, 0..60).prop_map(|rows| {
        let mut frontier = -50i64;
        let place = |(at, (mut row, gap, behind)): (usize, (naive::Row, i64, i64))| {
            frontier += gap;
            row.time = frontier - behind;
            row.order = Order { arrived: frontier, source: 0, partition: 1, offset: at as i64 / 2 };
            (row, frontier)
        };
        rows.into_iter().enumerate().map(place).collect()
    })
}

fn change(block: &mut Block, spec: &SetSpec, row: &naive::Row, frontier: i64) {
    let cells: Vec<Cell<'_>> = row.args.iter().map(Value::as_cell).collect();
    block.update(spec, row.time, row.order, &cells, row.weight, frontier).unwrap();
}

fn bytes(block: &Block, spec: &SetSpec) -> Vec<u8> {
    let mut out = Vec::new();
    block.encode(spec, &mut out);
    out
}

fn read(block: &Block, spec: &SetSpec, t: i64) -> Vec<Result<Value, Fault>> {
    let mut out = Vec::new();
    block.read(spec, t, &mut out);
    let encoded = read_encoded(&bytes(block, spec), spec, t);
    assert_eq!(encoded.as_ref(), Ok(&out), "encoded at {t}");
    out
}

fn read_encoded(bytes: &[u8], spec: &SetSpec, t: i64) -> Result<Vec<Result<Value, Fault>>, DecodeError> {
    let mut out = Vec::new();
    let take = &mut |answer: Result<&Cell<'_>, Fault>| put(answer, &mut out);
    Block::read_encoded(bytes, spec, t, &mut Scratch::default(), take)?;
    Ok(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn every_read_is_that_of_the_list_of_rows(
        set in proptest::collection::vec(windowed(), 1..6), rows in history(), head in 0i64..25,
        reads in proptest::collection::vec((any::<prop::sample::Index>(), 0i64..70), 1..10),
        restart in any::<prop::sample::Index>(), takes in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        shuffle in any::<u64>(),
    ) {
        let spec = SetSpec::new(&set, naive::arguments(), head).unwrap();
        let mut changes = rows;
        if spec.invertible() && !changes.is_empty() {
            // Each taken row goes at a later place, with the frontier of that place.
            let mut plain: Vec<naive::Row> = changes.iter().map(|(row, _)| row.clone()).collect();
            let count = plain.len();
            naive::take_back(&mut plain, &takes);
            for back in plain.drain(count..) {
                let came = changes.iter().rposition(|(row, _)| naive::Row { weight: -1, ..row.clone() } == back).unwrap();
                let at = came + 1 + (shuffle as usize + came) % (changes.len() - came);
                let frontier = changes[at - 1].1;
                changes.insert(at, (back, frontier));
            }
        }
        let mut block = Block::new();
        let last = changes.last().map_or(0, |(_, frontier)| *frontier);
        for (at, (row, frontier)) in changes.iter().enumerate() {
            change(&mut block, &spec, row, *frontier);
            if at == restart.index(changes.len()) {
                let before = bytes(&block, &spec);
                block = Block::decode(&spec, &before).unwrap();
                prop_assert_eq!(bytes(&block, &spec), before);
            }
            let seen: Vec<naive::Row> = changes[..=at].iter().map(|(row, _)| row.clone()).collect();
            for (_, after) in reads.iter().filter(|(index, _)| index.index(changes.len()) == at) {
                let t = frontier - head + after;
                let values: Vec<_> = set.iter().map(|windowed| expected(windowed, &seen, t)).collect();
                prop_assert_eq!(read(&block, &spec, t), values, "at {} of frontier {}", t, frontier);
            }
        }

        // The state is that of the set of changes and the frontier, not of the way there.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|at| (shuffle ^ *at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut again = Block::new();
        let mut frontier = i64::MIN;
        for at in order {
            frontier = frontier.max(changes[at].1);
            change(&mut again, &spec, &changes[at].0, frontier);
        }
        let reached = bytes(&block, &spec);
        block.expire(&spec, last);
        prop_assert_eq!(&bytes(&block, &spec), &reached);
        again.expire(&spec, last);
        prop_assert_eq!(bytes(&again, &spec), bytes(&block, &spec));

        // Time passes without a write: the windows empty, and the state with them.
        let later = last + 40;
        let seen: Vec<naive::Row> = changes.iter().map(|(row, _)| row.clone()).collect();
        let values: Vec<_> = set.iter().map(|windowed| expected(windowed, &seen, later)).collect();
        prop_assert_eq!(read(&block, &spec, later), values.clone());
        block.expire(&spec, later);
        prop_assert_eq!(read(&block, &spec, later), values);
        block.expire(&spec, last + 1000);
        prop_assert!(block.is_empty());
        prop_assert_eq!(bytes(&block, &spec), bytes(&Block::new(), &spec));
    }

    /// What a rollback does with the memory of another block; the copy then goes on as the block does.
    #[test]
    fn a_copy_in_the_memory_of_another_block_is_the_block(
        set in proptest::collection::vec(windowed(), 1..6), rows in history(), others in history(), head in 0i64..25,
        at in any::<prop::sample::Index>(),
    ) {
        let spec = SetSpec::new(&set, naive::arguments(), head).unwrap();
        let (mut block, mut copy) = (Block::new(), Block::new());
        others.iter().for_each(|(row, frontier)| change(&mut copy, &spec, row, frontier + 200));
        let (before, after) = rows.split_at(at.index(rows.len() + 1));
        before.iter().for_each(|(row, frontier)| change(&mut block, &spec, row, *frontier));
        copy.clone_from(&block);
        prop_assert_eq!(bytes(&copy, &spec), bytes(&block, &spec));
        for (row, frontier) in after {
            change(&mut block, &spec, row, *frontier);
            change(&mut copy, &spec, row, *frontier);
        }
        prop_assert_eq!(bytes(&copy, &spec), bytes(&block, &spec));
    }

    /// Sums too wide for their tile's words, and back: against one group of the same rows.
    #[test]
    fn tiles_add_up_to_the_group(
        cells in proptest::collection::vec((-2i64..40, prop_oneof![
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| x + 0.0),
            (-900i32..900).prop_map(f64::from),
        ], any::<i128>().prop_map(|x| x >> 3)), 1..30),
        back in any::<prop::sample::Index>(), restart in any::<prop::sample::Index>(), head in 0i64..50,
    ) {
        let types: Vec<_> = [Kind::Float, Kind::Decimal { precision: 38, scale: 3 }].map(DataType::required).into();
        let funcs = [AggregateFunc::Sum, AggregateFunc::Mean, AggregateFunc::Var, AggregateFunc::Stddev];
        let set: Vec<_> = funcs.iter().flat_map(|func| [0, 1].map(|slot| WindowedAggregate {
            func: *func, args: vec![slot], filter: None, size: 100, step: 10,
        })).collect();
        let spec = SetSpec::new(&set, types.clone(), head).unwrap();
        let mut changes: Vec<_> = cells.iter().map(|cell| (*cell, 1)).collect();
        changes.push((cells[back.index(cells.len())], -1));
        let mut block = Block::new();
        let mut groups: Vec<_> = set.iter().map(|windowed| {
            let aggregate = crate::aggregate::Aggregate::new(windowed.func, &[types[windowed.args[0]].clone()]).unwrap();
            (crate::aggregate::Accumulator::new(&aggregate), aggregate, windowed.args[0])
        }).collect();
        for (at, ((time, float, decimal), weight)) in changes.iter().enumerate() {
            let row = [Cell::Float(*float), Cell::Decimal(*decimal)];
            block.update(&spec, *time, Order::default(), &row, *weight, 40).unwrap();
            for (group, aggregate, slot) in &mut groups {
                group.update(aggregate, &[row[*slot]], *time, Order::default(), *weight).unwrap();
            }
            if at == restart.index(changes.len()) {
                block = Block::decode(&spec, &bytes(&block, &spec)).unwrap();
            }
        }
        let expected: Vec<_> = groups.iter().map(|(group, aggregate, _)| group.read(aggregate)).collect();
        prop_assert_eq!(read(&block, &spec, 41), expected);
    }

    #[test]
    fn damaged_bytes_never_panic(
        set in proptest::collection::vec(windowed(), 1..5), rows in history(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let spec = SetSpec::new(&set, naive::arguments(), 5).unwrap();
        let mut block = Block::new();
        rows.iter().for_each(|(row, frontier)| change(&mut block, &spec, row, *frontier));
        let mut damaged = bytes(&block, &spec);
        for cut in 0..damaged.len() {
            prop_assert!(Block::decode(&spec, &damaged[..cut]).is_err());
            prop_assert!(read_encoded(&damaged[..cut], &spec, 0).is_err());
        }
        let place = at.index(damaged.len());
        damaged[place] = byte;
        let as_it_lies = read_encoded(&damaged, &spec, 0);
        if let Ok(block) = Block::decode(&spec, &damaged) {
            prop_assert_eq!(as_it_lies, Ok(read(&block, &spec, 0)));
        }
    }
}

const SECOND: i64 = 1_000_000;

fn one(func: AggregateFunc, args: &[usize], size: i64, step: i64, kind: Kind, head: i64) -> SetSpec {
    let windowed = WindowedAggregate { func, args: args.to_vec(), filter: None, size, step };
    SetSpec::new(&[windowed], vec![DataType::required(kind)], head).unwrap()
}

fn add(block: &mut Block, spec: &SetSpec, time: i64, cell: Cell<'_>) {
    let order = Order { arrived: time, ..Order::default() };
    block.update(spec, time, order, &[cell], 1, time).unwrap();
}

/// Case 4 of the runtime's list.
#[test]
fn floats_cancel_across_tiles_and_a_restart() {
    let spec = one(AggregateFunc::Sum, &[0], 3600 * SECOND, 60 * SECOND, Kind::Float, 30 * SECOND);
    let terms = [1e308, 1e308, -1e308, -1e308, 1e-320];
    for (turn, gap) in (0..5).flat_map(|turn| [(turn, 1), (turn, 100)]) {
        let mut block = Block::new();
        for (at, term) in terms.iter().cycle().skip(turn).take(5).enumerate() {
            add(&mut block, &spec, at as i64 * gap * SECOND, Cell::Float(*term));
            if at == 2 {
                block = Block::decode(&spec, &bytes(&block, &spec)).unwrap();
            }
        }
        assert_eq!(read(&block, &spec, 500 * SECOND), [Ok(Value::Float(1e-320))]);
        block.expire(&spec, 1000 * SECOND);
        assert_eq!(read(&block, &spec, 1000 * SECOND), [Ok(Value::Float(1e-320))]);
    }
    let mut block = Block::new();
    add(&mut block, &spec, 0, Cell::Float(1e308));
    add(&mut block, &spec, 100 * SECOND, Cell::Float(1e308));
    assert_eq!(read(&block, &spec, 100 * SECOND), [Err(Fault::NotFinite)]);
}

/// Case 5 of the runtime's list.
#[test]
fn the_tail_is_inside_and_what_lies_before_it_is_out() {
    let minute = 60 * SECOND;
    let spec = one(AggregateFunc::Count, &[], 10 * minute, minute, Kind::Int, 30 * SECOND);
    let t = 100 * minute + 17 * SECOND;
    let tail = 90 * minute;
    let mut block = Block::new();
    add(&mut block, &spec, tail - 1, Cell::Int(0));
    add(&mut block, &spec, tail, Cell::Int(0));
    assert_eq!(read(&block, &spec, t), [Ok(Value::Int(1))]);
    // Without any write the window goes on: the next minute leaves the event behind.
    assert_eq!(read(&block, &spec, 101 * minute - 1), [Ok(Value::Int(1))]);
    assert_eq!(read(&block, &spec, 101 * minute), [Ok(Value::Int(0))]);
    // Deleting what has expired changes no answer.
    block.expire(&spec, t);
    assert_eq!(read(&block, &spec, t), [Ok(Value::Int(1))]);
    block.expire(&spec, 101 * minute);
    assert_eq!(read(&block, &spec, 101 * minute), [Ok(Value::Int(0))]);
    assert!(!block.is_empty(), "a reader half a minute back still sees the event");
    block.expire(&spec, 102 * minute);
    assert!(block.is_empty());
}

/// Rows of one place in arrival order, as joins give them, go by value, whichever came first.
#[test]
fn equal_places_go_by_value() {
    for (func, winner) in [(AggregateFunc::First, "a"), (AggregateFunc::Last, "b")] {
        let spec = one(func, &[0], 1000, 10, Kind::String, 50);
        for values in [["a", "b"], ["b", "a"]] {
            let mut block = Block::new();
            values.iter().for_each(|value| add(&mut block, &spec, 5, Cell::String(value)));
            assert_eq!(read(&block, &spec, 5), [Ok(Value::String(winner.into()))], "{values:?} in the head");
            block.expire(&spec, 100);
            assert_eq!(read(&block, &spec, 100), [Ok(Value::String(winner.into()))], "{values:?} settled");
            let mut apart = Block::new();
            for (value, frontier) in values.iter().zip([5, 100]) {
                apart.update(&spec, 5, Order::default(), &[Cell::String(value)], 1, frontier).unwrap();
            }
            assert_eq!(read(&apart, &spec, 100), [Ok(Value::String(winner.into()))], "{values:?} late");
        }
    }
}

#[test]
fn negative_times_floor_toward_the_past() {
    let spec = one(AggregateFunc::Count, &[], 10, 10, Kind::Int, 0);
    let mut block = Block::new();
    add(&mut block, &spec, -21, Cell::Int(0));
    add(&mut block, &spec, -20, Cell::Int(0));
    assert_eq!(read(&block, &spec, -9), [Ok(Value::Int(1))]);
    assert_eq!(read(&block, &spec, -11), [Ok(Value::Int(2))]);
}

#[test]
fn the_ends_of_time_do_not_panic() {
    let spec = one(AggregateFunc::Last, &[0], i64::MAX, 1, Kind::Int, i64::MAX);
    let mut block = Block::new();
    for time in [i64::MIN, i64::MAX, 0] {
        add(&mut block, &spec, time, Cell::Int(time));
    }
    assert_eq!(read(&block, &spec, i64::MAX), [Ok(Value::Int(i64::MAX))]);
    let back = Block::decode(&spec, &bytes(&block, &spec)).unwrap();
    // Reads go back to the frontier less the head, which is 0 here.
    assert_eq!(read(&back, &spec, 0), [Ok(Value::Int(0))]);
}

#[test]
fn more_than_256_distinct_values_depend_on_the_window_alone() {
    let func = AggregateFunc::CountDistinct { exact: false };
    let spec = one(func, &[0], 1000, 10, Kind::Int, 50);
    let count = |block: &Block, t: i64| match read(block, &spec, t).remove(0) {
        Ok(Value::Int(count)) => count,
        other => panic!("{other:?}"),
    };
    let mut block = Block::new();
    for value in 0..2000 {
        add(&mut block, &spec, value, Cell::Int(value));
    }
    let mut fresh = Block::new();
    for value in 990..2000 {
        add(&mut fresh, &spec, value, Cell::Int(value));
    }
    assert_eq!(count(&block, 1999), count(&fresh, 1999));
    assert!((count(&block, 1999) - 1010).abs() < 60, "{}", count(&block, 1999));
    // 250 values are left at 2750, which is exact again.
    assert_eq!(count(&block, 2750), 250);
}

#[test]
fn faulty_cells_change_nothing() {
    let set = [WindowedAggregate { func: AggregateFunc::Sum, args: vec![0], filter: Some(1), size: 10, step: 1 }];
    let types = vec![DataType::optional(Kind::Int), DataType::required(Kind::Bool)];
    let spec = SetSpec::new(&set, types, 5).unwrap();
    let mut block = Block::new();
    let mut put = |cells: &[Cell<'_>], weight| block.update(&spec, 0, Order::default(), cells, weight, 0);
    assert_eq!(put(&[Cell::Absent, Cell::Bool(true)], 1), Err(Fault::Malformed));
    assert_eq!(put(&[Cell::Int(1), Cell::Absent], 1), Err(Fault::Malformed));
    assert_eq!(put(&[Cell::Int(1), Cell::Bool(true)], 0), Err(Fault::Malformed));
    assert_eq!(put(&[Cell::Int(1)], 1), Err(Fault::Malformed));
    // What the filter leaves out need not be there.
    assert_eq!(put(&[Cell::Absent, Cell::Bool(false)], 1), Ok(()));
    assert_eq!(put(&[Cell::Int(4), Cell::Bool(true)], 1), Ok(()));
    assert_eq!(read(&block, &spec, 0), [Ok(Value::Int(4))]);
}

#[test]
fn changes_of_another_kind_are_no_encoding() {
    let sum = |kind| {
        let set = [WindowedAggregate { func: AggregateFunc::Sum, args: vec![0], filter: None, size: 10, step: 1 }];
        SetSpec::new(&set, vec![DataType::required(kind)], 5).unwrap()
    };
    let (ints, decimals) = (sum(Kind::Int), sum(Kind::Decimal { precision: 9, scale: 2 }));
    let mut block = Block::new();
    block.update(&ints, 0, Order::default(), &[Cell::Int(4)], 1, 0).unwrap();
    let bytes = bytes(&block, &ints);
    assert_eq!(read_encoded(&bytes, &ints, 0), Ok(vec![Ok(Value::Int(4))]));
    assert_eq!(Block::decode(&decimals, &bytes).map(|_| ()), Err(DecodeError));
}

#[test]
fn sets_are_checked() {
    let windowed =
        |func, args: &[usize], filter, size, step| WindowedAggregate { func, args: args.to_vec(), filter, size, step };
    let refused = [
        windowed(AggregateFunc::Count, &[], None, 0, 1),
        windowed(AggregateFunc::Count, &[], None, 1, -1),
        windowed(AggregateFunc::Count, &[], Some(0), 1, 1),
        windowed(AggregateFunc::Sum, &[9], None, 1, 1),
        windowed(AggregateFunc::Sum, &[1], None, 1, 1),
    ];
    let types = vec![DataType::required(Kind::Int), DataType::required(Kind::String)];
    for set in refused {
        assert!(SetSpec::new(std::slice::from_ref(&set), types.clone(), 0).is_err(), "{set:?}");
    }
    assert!(SetSpec::new(&[], types, -1).is_err());
}

#[test]
fn default_steps_follow_the_window() {
    let minute = 60 * SECOND;
    let steps: BTreeMap<i64, i64> = [1, 10, 11, 60, 61, 360, 361, 1440, 1441, 10_080, 10_081, 43_200, 43_201]
        .map(|minutes| (minutes, default_step(minutes * minute) / SECOND))
        .into();
    let expected = [10, 10, 60, 60, 300, 300, 1800, 1800, 10_800, 10_800, 43_200, 43_200, 86_400];
    assert_eq!(steps.into_values().collect::<Vec<_>>(), expected);
}
