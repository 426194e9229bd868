//! Operators over all rows at the cut (`spec/semantics.md`, 3.6).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fec_model::Symbol;
use fec_model::expr::{Aggregate, Expr};
use fec_model::relation::{Relation, RelationOp};

use crate::aggregate::{Entry, aggregate, entry};
use crate::change::{Change, Place};
use crate::evaluate::{Stop, broken};
use crate::relation::{names, pick, unplaced};
use crate::scope::Scope;
use crate::value::{Cell, Ordered, Value, compare, compare_cells};

/// A row with the values it is sorted or grouped by.
type Keyed = (Vec<Value>, Change);

impl Scope<'_> {
    pub(crate) fn bounded(&self, relation: &Relation) -> Result<Vec<Change>, Stop> {
        match &relation.op {
            RelationOp::Group { input, keys, aggregates, outputs } => {
                self.group(input, keys, aggregates, outputs, relation)
            }
            RelationOp::Sort { input, keys } => Ok(without_keys(self.sorted(input, keys)?)),
            RelationOp::Top { input, count, keys, per, with_ties, rank } => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                let mut groups: BTreeMap<Vec<Ordered>, Vec<Keyed>> = BTreeMap::new();
                let columns = names(&input.ty.columns);
                for (values, row) in self.sorted(input, keys)? {
                    let env = self.row(&columns, &row.cells, row.time, &row.place);
                    let Some(group) = self.needed(&row, self.keys(&env, per))? else { continue };
                    groups.entry(group.into_iter().map(Ordered).collect()).or_default().push((values, row));
                }
                let mut out = Vec::new();
                for group in groups.into_values() {
                    out.extend(first_of(group, keys, count, *with_ties, rank.is_some())?);
                }
                Ok(out)
            }
            RelationOp::Take { input, count } => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                let rows = if self.ordered(input) { self.rows(input)? } else { without_keys(self.sorted(input, &[])?) };
                Ok(rows.into_iter().take(count).collect())
            }
            RelationOp::Distinct { input, keys } => self.one_a_key(input, keys, false),
            RelationOp::Latest { input, keys } => self.one_a_key(input, keys, true),
            other => broken(format!("{other:?} is not an operator over all rows")),
        }
    }

    /// Rows by keys, then time, then columns; all ascending where not said otherwise, absent last.
    fn sorted(&self, input: &Relation, keys: &[(Expr, bool)]) -> Result<Vec<Keyed>, Stop> {
        let columns = names(&input.ty.columns);
        let mut out: Vec<Keyed> = Vec::new();
        for row in self.rows(input)? {
            let env = self.row(&columns, &row.cells, row.time, &row.place);
            let values = self.keys(&env, keys.iter().map(|(key, _)| key));
            if let Some(values) = self.needed(&row, values)? {
                out.push((values, row));
            }
        }
        out.sort_by(|(a, x), (b, y)| {
            by_keys(a, b, keys).then_with(|| x.time.cmp(&y.time)).then_with(|| compare_cells(&x.cells, &y.cells))
        });
        Ok(out)
    }

    fn one_a_key(&self, input: &Relation, keys: &[Expr], last: bool) -> Result<Vec<Change>, Stop> {
        let columns = names(&input.ty.columns);
        let mut rows = self.rows(input)?;
        rows.sort_by(|a, b| {
            (a.time, &a.place, &a.standing)
                .cmp(&(b.time, &b.place, &b.standing))
                .then_with(|| compare_cells(&a.cells, &b.cells))
        });
        let mut found: BTreeMap<Vec<Ordered>, Change> = BTreeMap::new();
        for row in rows {
            let env = self.row(&columns, &row.cells, row.time, &row.place);
            let Some(key) = self.needed(&row, self.keys(&env, keys))? else { continue };
            let key: Vec<Ordered> = key.into_iter().map(Ordered).collect();
            if last || !found.contains_key(&key) {
                found.insert(key, row);
            }
        }
        Ok(found.into_values().collect())
    }

    fn group(
        &self,
        input: &Relation,
        keys: &[(Symbol, Expr)],
        aggregates: &[Aggregate],
        outputs: &[(Symbol, Expr)],
        to: &Relation,
    ) -> Result<Vec<Change>, Stop> {
        let columns = names(&input.ty.columns);
        let mut groups: BTreeMap<Vec<Ordered>, Vec<Vec<Option<Entry>>>> = BTreeMap::new();
        if keys.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        for row in self.rows(input)? {
            let env = self.row(&columns, &row.cells, row.time, &row.place);
            let needed = self.keys(&env, keys.iter().map(|(_, key)| key)).and_then(|key| {
                let entries = aggregates.iter().map(|a| entry(a, &env, row.time, &row.place, 1));
                Ok((key, entries.collect::<Result<Vec<_>, Stop>>()?))
            });
            if let Some((key, entries)) = self.needed(&row, needed)? {
                groups.entry(key.into_iter().map(Ordered).collect()).or_default().push(entries);
            }
        }
        let mut out = Vec::new();
        for (key, rows) in groups {
            let mut names: Vec<Symbol> = keys.iter().map(|(name, _)| *name).collect();
            let mut cells: Vec<Cell> = key.into_iter().map(|value| Ok(value.0)).collect();
            for (number, item) in aggregates.iter().enumerate() {
                let entries: Vec<Entry> = rows.iter().filter_map(|row| row.get(number).cloned().flatten()).collect();
                names.push(item.name);
                cells.push(aggregate(item, &entries)?);
            }
            for (name, expr) in outputs {
                let cell = self.row(&names, &cells, self.cut, &Place::nowhere()).cell(expr)?;
                names.push(*name);
                cells.push(cell);
            }
            out.push(unplaced(pick(&names, &cells, to)?));
        }
        Ok(out)
    }
}

fn by_keys(a: &[Value], b: &[Value], keys: &[(Expr, bool)]) -> Ordering {
    for ((a, b), (_, descending)) in a.iter().zip(b).zip(keys) {
        let order = match (a.is_absent(), b.is_absent()) {
            (false, false) if *descending => compare(b, a),
            _ => compare(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn without_keys(rows: Vec<Keyed>) -> Vec<Change> {
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The first `count` rows of one group, sorted before.
fn first_of(
    group: Vec<Keyed>,
    keys: &[(Expr, bool)],
    count: usize,
    with_ties: bool,
    rank: bool,
) -> Result<Vec<Change>, Stop> {
    let last = count.checked_sub(1).and_then(|at| group.get(at)).map(|(values, _)| values.clone());
    let mut out = Vec::new();
    let mut shared: Option<(Vec<Value>, i64)> = None;
    for ((values, mut row), number) in group.into_iter().zip(1_i64..) {
        let tie = with_ties && last.as_ref().is_some_and(|last| by_keys(last, &values, keys).is_eq());
        if out.len() >= count && !tie {
            break;
        }
        let position = match &shared {
            Some((before, position)) if with_ties && by_keys(before, &values, keys).is_eq() => *position,
            _ => number,
        };
        shared = Some((values, position));
        if rank {
            row.cells.push(Ok(Value::Int(position)));
        }
        out.push(row);
    }
    Ok(out)
}
