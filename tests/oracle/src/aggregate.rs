//! Aggregates (`spec/types.md`, 6): all rows at hand, exact until one rounding.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fec_model::expr::{Aggregate, AggregateFunction};
use fec_model::types::Kind;

use crate::change::Place;
use crate::distinct;
use crate::evaluate::{Env, Stop, broken, exact, rounded};
use crate::exact::Exact;
use crate::value::{Cell, Fault, Ordered, Value, compare};

/// What one row brings to an aggregate.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The argument; absent for `count`.
    pub argument: Value,
    /// The value of `by:`.
    pub by: Value,
    /// Event time of the row.
    pub time: i64,
    /// Its place.
    pub place: Place,
    /// How often it is there.
    pub weight: i64,
}

/// What a row brings: nothing where the filter is false or the argument absent.
///
/// # Errors
/// The fault of what the aggregate needs of the row.
pub fn entry(
    aggregate: &Aggregate,
    env: &Env<'_>,
    time: i64,
    place: &Place,
    weight: i64,
) -> Result<Option<Entry>, Stop> {
    if let Some(filter) = &aggregate.filter
        && !env.holds(filter)?
    {
        return Ok(None);
    }
    let argument = match &aggregate.argument {
        None => Value::Absent,
        Some(argument) => match env.whole(argument)? {
            Value::Absent => return Ok(None),
            value => value,
        },
    };
    let by = match &aggregate.by {
        None => Value::Absent,
        Some(by) => match env.whole(by)? {
            Value::Absent => return Ok(None),
            value => value,
        },
    };
    Ok(Some(Entry { argument, by, time, place: place.clone(), weight }))
}

/// The aggregate over entries whose weights have been added up.
///
/// # Errors
/// [`Stop::Broken`] where the function takes no such argument.
pub fn aggregate(aggregate: &Aggregate, entries: &[Entry]) -> Result<Cell, Stop> {
    match compute(aggregate, entries) {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Fault(fault)) => Ok(Err(fault)),
        Err(stop) => Err(stop),
    }
}

fn compute(aggregate: &Aggregate, entries: &[Entry]) -> Result<Value, Stop> {
    let kind = &aggregate.ty.kind;
    let rows: i64 = entries.iter().map(|entry| entry.weight).sum();
    let empty = rows == 0;
    Ok(match aggregate.function {
        AggregateFunction::Count => Value::Int(rows),
        AggregateFunction::Sum => rounded(&total(entries.iter().map(|e| (&e.argument, e.weight)))?, kind)?,
        AggregateFunction::Ratio => {
            let held: i64 =
                entries.iter().filter(|entry| entry.argument == Value::Bool(true)).map(|entry| entry.weight).sum();
            quotient(&Exact::whole(held.into()), rows, kind)?
        }
        AggregateFunction::Mean => quotient(&total(entries.iter().map(|e| (&e.argument, e.weight)))?, rows, kind)?,
        AggregateFunction::Var => variance(entries, rows)?.map_or(Value::Absent, Value::Float),
        AggregateFunction::Stddev => variance(entries, rows)?.map_or(Value::Absent, |var| Value::Float(var.sqrt())),
        _ if empty && !matches!(aggregate.function, AggregateFunction::CountDistinct | AggregateFunction::TopK) => {
            Value::Absent
        }
        AggregateFunction::Min => best(entries, |a, b| compare(&a.argument, &b.argument).is_lt()),
        AggregateFunction::Max => best(entries, |a, b| compare(&a.argument, &b.argument).is_gt()),
        AggregateFunction::First => best(entries, |a, b| in_order(a, b).is_lt()),
        AggregateFunction::Last => best(entries, |a, b| in_order(a, b).is_gt()),
        AggregateFunction::CountDistinct => {
            let values = groups(entries).into_keys().map(|value| value.0).collect::<Vec<_>>();
            Value::Int(if aggregate.exact { count(values.len())? } else { distinct::estimate(&values)? })
        }
        AggregateFunction::TopK => top(aggregate, entries)?,
    })
}

fn count(n: usize) -> Result<i64, Fault> {
    i64::try_from(n).map_err(|_| Fault::Overflow)
}

fn total<'e>(values: impl Iterator<Item = (&'e Value, i64)>) -> Result<Exact, Stop> {
    let mut sum = Exact::whole(0);
    for (value, weight) in values {
        let Some(number) = exact(value) else { return broken(format!("sum of {value:?}")) };
        sum = &sum + &(&number * &Exact::whole(weight.into()));
    }
    Ok(sum)
}

fn quotient(sum: &Exact, rows: i64, kind: &Kind) -> Result<Value, Stop> {
    match sum.divide(&Exact::whole(rows.into())) {
        None => Ok(Value::Absent),
        Some(mean) => rounded(&mean, kind),
    }
}

fn variance(entries: &[Entry], rows: i64) -> Result<Option<f64>, Stop> {
    if rows < 2 {
        return Ok(None);
    }
    let sum = total(entries.iter().map(|e| (&e.argument, e.weight)))?;
    let mut squares = Exact::whole(0);
    for entry in entries {
        let Some(number) = exact(&entry.argument) else { return broken(format!("variance of {:?}", entry.argument)) };
        squares = &squares + &(&(&number * &number) * &Exact::whole(entry.weight.into()));
    }
    let n = Exact::whole(rows.into());
    let over = &(&n * &squares) - &(&sum * &sum);
    let under = &n * &Exact::whole((rows - 1).into());
    Ok(over.divide(&under).map(|var| var.to_float()).transpose()?)
}

/// By time, place and value.
fn in_order(a: &Entry, b: &Entry) -> Ordering {
    (a.time, &a.place).cmp(&(b.time, &b.place)).then_with(|| compare(&a.argument, &b.argument))
}

/// The first entry that no other beats.
fn best(entries: &[Entry], beats: impl Fn(&Entry, &Entry) -> bool) -> Value {
    let mut best: Option<&Entry> = None;
    for entry in entries.iter().filter(|entry| entry.weight > 0) {
        if best.is_none_or(|other| beats(entry, other)) {
            best = Some(entry);
        }
    }
    best.map_or(Value::Absent, |entry| entry.argument.clone())
}

/// Entries by argument, without those whose weights cancel.
fn groups(entries: &[Entry]) -> BTreeMap<Ordered, Vec<&Entry>> {
    let mut groups: BTreeMap<Ordered, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(Ordered(entry.argument.clone())).or_default().push(entry);
    }
    groups.retain(|_, group| group.iter().map(|entry| entry.weight).sum::<i64>() != 0);
    groups
}

fn top(aggregate: &Aggregate, entries: &[Entry]) -> Result<Value, Stop> {
    let mut ranked = Vec::new();
    for (value, group) in groups(entries) {
        let count = Value::Int(group.iter().map(|entry| entry.weight).sum());
        let rank = match &aggregate.by {
            Some(by) => rounded(&total(group.iter().map(|e| (&e.by, e.weight)))?, &by.ty.kind)?,
            None => count.clone(),
        };
        ranked.push((value.0, rank, count));
    }
    ranked.sort_by(|a, b| compare(&b.1, &a.1).then_with(|| compare(&a.0, &b.0)));
    let limit = usize::try_from(aggregate.limit).unwrap_or(usize::MAX);
    let items = ranked.into_iter().take(limit).map(|(value, _, count)| Ok(Value::Record(vec![Ok(value), Ok(count)])));
    Ok(Value::List(items.collect()))
}
