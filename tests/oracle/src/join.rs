//! Joins (`spec/semantics.md`, 5): what every left row gives at every place, and the differences.

use std::collections::{BTreeMap, BTreeSet};

use fec_model::expr::Expr;
use fec_model::relation::{Relation, RelationOp};
use fec_model::types::Boundedness;
use fec_syntax::ast::{JoinKind, JoinPick};

use crate::change::{Change, Identity, Place, add_up};
use crate::evaluate::{Env, Frame, Stop};
use crate::relation::names;
use crate::scope::Scope;
use crate::value::{Value, compare_cells, same};

/// A join's parts.
#[derive(Debug, Clone, Copy)]
pub struct Join<'j> {
    /// Left input.
    pub left: &'j Relation,
    /// Right input.
    pub right: &'j Relation,
    /// Kind.
    pub kind: JoinKind,
    /// Which matches.
    pub pick: JoinPick,
    /// Pairs that are equal.
    pub on: &'j [(Expr, Expr)],
    /// What else holds.
    pub residual: Option<&'j Expr>,
    /// Bounds on right time − left time.
    pub within: Option<(i64, i64)>,
}

/// A change with the values of its side of `on`; none where one is absent, so that it matches nothing.
struct Keyed {
    change: Change,
    keys: Option<Vec<Value>>,
}

impl Scope<'_> {
    pub(crate) fn join(&self, join: &Join<'_>) -> Result<Vec<Change>, Stop> {
        let left = self.keyed(join, self.changes(join.left)?, true)?;
        if join.within.is_some() {
            let right = self.keyed(join, self.changes(join.right)?, false)?;
            return self.interval(join, &left, &right);
        }
        let mut out = Vec::new();
        let is_table = join.right.ty.boundedness == Boundedness::Table;
        let at_cut = match is_table {
            true => self.as_of(self.tables_at, |scope| scope.keyed(join, scope.rows(join.right)?, false))?,
            false => self.keyed(join, self.rows(join.right)?, false)?,
        };
        for left in left {
            let looked_up = if let RelationOp::View(view) = &join.right.op
                && is_table
                && self.world.model.view(view).is_some_and(|view| view.kept)
            {
                let rows = match left.change.place == Place::nowhere() {
                    true => self.world.kept_at(view, self.cut)?,
                    false => self.world.kept(view)?.before(&left.change.place),
                };
                Some(Scope::new(self.world, self.cut).keyed(join, rows, false)?)
            } else if is_table && left.change.place != Place::nowhere() {
                Some(self.as_of(left.change.place.arrived, |scope| scope.keyed(join, scope.rows(join.right)?, false))?)
            } else {
                None
            };
            let mut matches = Vec::new();
            for right in looked_up.as_ref().unwrap_or(&at_cut) {
                if self.matches(join, &left, right)? {
                    matches.push(right.change.clone());
                }
            }
            for mut row in joined(join, &left.change, &matches) {
                row.weight *= left.change.weight;
                out.push(row);
            }
        }
        Ok(out)
    }

    fn keyed(&self, join: &Join<'_>, changes: Vec<Change>, left: bool) -> Result<Vec<Keyed>, Stop> {
        let names = names(if left { &join.left.ty.columns } else { &join.right.ty.columns });
        let mut out = Vec::new();
        for change in changes {
            let mut env = self.row(&names, &change.cells, change.time, &change.place);
            if !left {
                env.right = env.left.take();
            }
            let keys = self.keys(&env, join.on.iter().map(|(l, r)| if left { l } else { r }));
            if let Some(keys) = self.needed(&change, keys)? {
                let keys = if keys.iter().any(Value::is_absent) { None } else { Some(keys) };
                out.push(Keyed { change, keys });
            }
        }
        Ok(out)
    }

    /// Whether two rows match; where that cannot be computed, the record of the later one is left out.
    fn matches(&self, join: &Join<'_>, left: &Keyed, right: &Keyed) -> Result<bool, Stop> {
        let later = left.change.place.clone().max(right.change.place.clone());
        let met = Change { place: later, ..left.change.clone() };
        Ok(self.needed(&met, self.judge(join, left, right))?.unwrap_or(false))
    }

    fn judge(&self, join: &Join<'_>, left: &Keyed, right: &Keyed) -> Result<bool, Stop> {
        let (Some(a), Some(b)) = (&left.keys, &right.keys) else { return Ok(false) };
        if !a.iter().zip(b).all(|(a, b)| same(a, b)) {
            return Ok(false);
        }
        if let Some((low, high)) = join.within {
            let apart = i128::from(right.change.time) - i128::from(left.change.time);
            if apart < i128::from(low) || apart > i128::from(high) {
                return Ok(false);
            }
        }
        let Some(residual) = join.residual else { return Ok(true) };
        let (left_names, right_names) = (names(&join.left.ty.columns), names(&join.right.ty.columns));
        let env = self.row(&left_names, &left.change.cells, left.change.time, &left.change.place);
        let env = Env { right: Some(Frame { names: &right_names, cells: &right.change.cells }), ..env };
        env.holds(residual)
    }

    fn interval(&self, join: &Join<'_>, left: &[Keyed], right: &[Keyed]) -> Result<Vec<Change>, Stop> {
        let (lefts, rights) = (by_row(left), by_row(right));
        let mut out = Vec::new();
        for group in lefts.values() {
            let Some(row) = group.first() else { continue };
            let mut matches = Vec::new();
            for others in rights.values() {
                let Some(other) = others.first() else { continue };
                match self.judge(join, row, other) {
                    Ok(true) => matches.extend(others.iter().map(|right| &right.change)),
                    Ok(false) => {}
                    Err(Stop::Fault(fault)) => {
                        met(group, others).into_iter().for_each(|place| self.leave_out(place, fault));
                    }
                    Err(stop) => return Err(stop),
                }
            }
            let places: BTreeSet<&Place> =
                group.iter().map(|left| &left.change.place).chain(matches.iter().map(|right| &right.place)).collect();
            let mut before: BTreeMap<Identity, Vec<Change>> = BTreeMap::new();
            for place in places {
                let until = |change: &&Change| change.place <= *place;
                // A row is there as it was added last.
                let there = add_up(group.iter().map(|left| &left.change).filter(until));
                let live = add_up(matches.iter().copied().filter(until));
                let mut now: BTreeMap<Identity, Vec<Change>> = BTreeMap::new();
                for left in &there {
                    for mut output in joined(join, left, &live) {
                        output.weight *= left.weight;
                        output.place = place.clone();
                        now.entry(output.identity()).or_default().push(output);
                    }
                }
                for (identity, old) in &before {
                    let mut kept = weights(now.get(identity));
                    for old in old {
                        let weight = kept.min(old.weight) - old.weight;
                        kept -= kept.min(old.weight);
                        if weight < 0 {
                            out.push(Change { weight, place: place.clone(), ..old.clone() });
                        }
                    }
                }
                for (identity, new) in &now {
                    let mut kept = weights(before.get(identity));
                    for new in new {
                        let weight = new.weight - kept.min(new.weight);
                        kept -= kept.min(new.weight);
                        if weight > 0 {
                            out.push(Change { weight, ..new.clone() });
                        }
                    }
                }
                before = now;
            }
        }
        Ok(out)
    }
}

/// How often a row is there.
fn weights(copies: Option<&Vec<Change>>) -> i64 {
    copies.into_iter().flatten().map(|copy| copy.weight).sum()
}

/// The changes of each row.
fn by_row(changes: &[Keyed]) -> BTreeMap<Identity, Vec<&Keyed>> {
    let mut rows: BTreeMap<Identity, Vec<&Keyed>> = BTreeMap::new();
    for change in changes {
        rows.entry(change.change.identity()).or_default().push(change);
    }
    rows
}

/// The places at which a left and a right row meet: one comes, and the other is there. Of one event the right one comes first.
fn met<'c>(left: &[&'c Keyed], right: &[&'c Keyed]) -> Vec<&'c Place> {
    let there = |row: &[&Keyed], until: &dyn Fn(&Place) -> bool| -> bool {
        let changes = row.iter().map(|keyed| &keyed.change);
        changes.filter(|change| until(&change.place)).map(|change| change.weight).sum::<i64>() > 0
    };
    let comes = |row: &[&'c Keyed]| -> Vec<&'c Place> {
        row.iter().map(|keyed| &keyed.change).filter(|change| change.weight > 0).map(|change| &change.place).collect()
    };
    let mut places: Vec<&Place> = comes(right);
    places.retain(|place| there(left, &|other| other < *place));
    places.extend(comes(left).into_iter().filter(|place| there(right, &|other| other <= *place)));
    places
}

/// What a left row gives with the right rows that match it and are there.
fn joined(join: &Join<'_>, left: &Change, matches: &[Change]) -> Vec<Change> {
    let mut matches: Vec<&Change> = matches.iter().collect();
    matches.sort_by(|a, b| {
        (a.time, &a.place, &a.standing)
            .cmp(&(b.time, &b.place, &b.standing))
            .then_with(|| compare_cells(&a.cells, &b.cells))
    });
    let alone = |record: Option<Value>| {
        let mut row = Change { weight: 1, standing: vec![left.stood()], ..left.clone() };
        row.cells.extend(record.map(Ok));
        row
    };
    match (join.kind, matches.is_empty()) {
        (JoinKind::Semi, true) | (JoinKind::Anti, false) | (JoinKind::Inner, true) => Vec::new(),
        (JoinKind::Semi, false) | (JoinKind::Anti, true) => vec![alone(None)],
        (JoinKind::Left, true) => vec![alone(Some(Value::Absent))],
        (JoinKind::Inner | JoinKind::Left, false) => {
            let picked: Vec<&Change> = match join.pick {
                JoinPick::All => matches,
                JoinPick::First => matches.first().copied().into_iter().collect(),
                JoinPick::Latest => matches.last().copied().into_iter().collect(),
            };
            let pair = |right: &Change| {
                let mut row = alone(Some(Value::Record(right.cells.clone())));
                row.lineage.extend(right.lineage.iter().cloned());
                row.standing.push(right.stood());
                row.place = row.place.max(right.place.clone());
                row.weight = if join.pick == JoinPick::All { right.weight } else { 1 };
                row
            };
            picked.into_iter().map(pair).collect()
        }
    }
}
