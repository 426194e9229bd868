//! Relations (`spec/semantics.md`, 3, 4.2 and 5.4): the changes of each operator from all changes of its input.

use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::model::Shape;
use fec_model::relation::{Relation, RelationOp};
use fec_model::types::{Boundedness, Column};
use fec_syntax::ast::{JoinKind, JoinPick};

use crate::change::{At, Change, Place, Standing, add_up, sort};
use crate::evaluate::{Stop, broken};
use crate::scope::{Bound, Scope};
use crate::value::{Cell, Value, compare_cells};
use crate::world::Until;

/// Names of columns.
#[must_use]
pub(crate) fn names(columns: &[Column]) -> Vec<Symbol> {
    columns.iter().map(|column| column.name).collect()
}

impl Scope<'_> {
    /// The relation's changes that arrived before the cut, in order.
    ///
    /// # Errors
    /// [`Stop::Broken`] where the model makes no sense; faults of rows leave out those rows.
    pub fn changes(&self, relation: &Relation) -> Result<Vec<Change>, Stop> {
        let mut changes = match &relation.op {
            RelationOp::Error => return broken("a relation with an error in it"),
            RelationOp::Source(name) => self.source(name)?,
            RelationOp::View(name) => match self.world.model.view(name) {
                Some(view) => self.in_view(|scope| scope.changes(&view.relation))?,
                None => return broken(format!("no view `{name}`")),
            },
            RelationOp::Binding(name) => match self.bindings.get(name) {
                Some(Bound::Rows(relation)) => self.changes(relation)?,
                Some(Bound::Scalar(cell)) => listed(cell.clone())?,
                Some(Bound::Each(list)) => listed(self.env().cell(list)?)?,
                None => return broken(format!("no binding `{name}`")),
            },
            RelationOp::Part { split, part } => return broken(format!("`{split}.{part}` needs the split's hash")),
            RelationOp::Sink(name) => self.world.sink(name, self.cut)?,
            RelationOp::Rows(list) => listed(self.env().cell(list)?)?,
            RelationOp::Where { input, condition } => {
                let (names, changes) = self.input(input)?;
                let mut kept = Vec::new();
                for change in changes {
                    let holds = self.row(&names, &change.cells, change.time, &change.place).holds(condition);
                    if self.needed(&change, holds)? == Some(true) {
                        kept.push(change);
                    }
                }
                kept
            }
            RelationOp::Select { input, columns } => {
                let (names, mut changes) = self.input(input)?;
                for change in &mut changes {
                    let env = self.row(&names, &change.cells, change.time, &change.place);
                    change.cells = columns.iter().map(|(_, e)| env.cell(e)).collect::<Result<_, Stop>>()?;
                }
                changes
            }
            RelationOp::Derive { input, columns } => {
                let (names, mut changes) = self.input(input)?;
                for change in &mut changes {
                    self.derive(&names, change, columns, relation)?;
                }
                changes
            }
            RelationOp::With { input, set, keys, alias, including_row } => {
                let (names, changes) = self.input(input)?;
                let mut out = Vec::new();
                for mut change in changes {
                    let env = self.row(&names, &change.cells, change.time, &change.place);
                    let Some(keys) = self.needed(&change, self.keys(&env, keys))? else { continue };
                    let until =
                        if *including_row { Until::Including(&change.place) } else { Until::Before(&change.place) };
                    let cells = match self.now {
                        // A row of a request has no place: it reads as the request does.
                        Some(now) if change.place == Place::nowhere() => {
                            self.world.features_before(set, &keys, now, self.cut.min(self.world.end))?
                        }
                        _ => self.world.features(set, &keys, change.time, until)?,
                    };
                    let cells = cells.into_iter().map(|(_, cell)| cell);
                    match alias {
                        Some(_) => change.cells.push(Ok(Value::Record(cells.collect()))),
                        None => change.cells.extend(cells),
                    }
                    out.push(change);
                }
                out
            }
            RelationOp::Join { left, right, kind, pick, on, residual, within, .. } => {
                let join = crate::join::Join {
                    left,
                    right,
                    kind: *kind,
                    pick: *pick,
                    on,
                    residual: residual.as_deref(),
                    within: *within,
                };
                self.join(&join)?
            }
            RelationOp::Final { input } => self.closed(input)?,
            RelationOp::Union { inputs } => self.union(inputs)?,
            RelationOp::Group { .. }
            | RelationOp::Sort { .. }
            | RelationOp::Top { .. }
            | RelationOp::Take { .. }
            | RelationOp::Distinct { .. }
            | RelationOp::Latest { .. } => self.bounded(relation)?,
        };
        if !self.ordered(relation) {
            order(relation, &mut changes);
        }
        Ok(changes)
    }

    /// The relation's rows at the cut, in order, each as often as it is there.
    ///
    /// # Errors
    /// As [`Scope::changes`].
    pub fn rows(&self, relation: &Relation) -> Result<Vec<Change>, Stop> {
        let changes = self.changes(relation)?;
        if self.ordered(relation) {
            return Ok(changes);
        }
        let mut rows = Vec::new();
        for row in add_up(&changes) {
            for _ in 0..row.weight {
                rows.push(Change { weight: 1, ..row.clone() });
            }
        }
        order(relation, &mut rows);
        Ok(rows)
    }

    fn input(&self, input: &Relation) -> Result<(Vec<Symbol>, Vec<Change>), Stop> {
        Ok((names(&input.ty.columns), self.changes(input)?))
    }

    /// Whether a `sort` or `top` before it still gives the order.
    pub(crate) fn ordered(&self, relation: &Relation) -> bool {
        match &relation.op {
            RelationOp::Sort { .. } | RelationOp::Top { .. } => true,
            RelationOp::Where { input, .. }
            | RelationOp::Select { input, .. }
            | RelationOp::Derive { input, .. }
            | RelationOp::With { input, .. }
            | RelationOp::Take { input, .. } => self.ordered(input),
            RelationOp::Join { left, right, within: None, .. } if right.ty.boundedness == Boundedness::Table => {
                self.ordered(left)
            }
            RelationOp::View(name) => self.world.model.view(name).is_some_and(|view| self.ordered(&view.relation)),
            RelationOp::Binding(name) => match self.bindings.get(name) {
                Some(Bound::Rows(relation)) => self.ordered(relation),
                // A list has the order it was written in.
                Some(Bound::Scalar(_) | Bound::Each(_)) => true,
                None => false,
            },
            RelationOp::Rows(_) => true,
            // A sink has what it received as it came.
            RelationOp::Sink(_) => true,
            _ => false,
        }
    }

    fn source(&self, name: &str) -> Result<Vec<Change>, Stop> {
        let Some(source) = self.world.model.source(name) else { return broken(format!("no source `{name}`")) };
        if source.shape != Shape::Stream {
            return Ok(self.world.table(source, self.tables_at).into_iter().map(unplaced).collect());
        }
        let rank = self.world.rank(name);
        let events = self.world.events(name).iter().filter(|event| event.arrived < self.cut);
        Ok(events
            .map(|event| {
                let place = Place { arrived: event.arrived, at: At::Event(rank, event.partition, event.offset) };
                Change {
                    cells: event.cells.clone(),
                    time: event.time,
                    lineage: vec![place.clone()],
                    standing: Vec::new(),
                    place,
                    weight: 1,
                }
            })
            .collect())
    }

    fn derive(
        &self,
        names: &[Symbol],
        change: &mut Change,
        columns: &[(Symbol, Expr)],
        to: &Relation,
    ) -> Result<(), Stop> {
        let mut names = names.to_vec();
        let mut cells = change.cells.clone();
        for (name, expr) in columns {
            let cell = self.row(&names, &cells, change.time, &change.place).cell(expr)?;
            match names.iter().position(|other| other == name).and_then(|at| cells.get_mut(at)) {
                Some(replaced) => *replaced = cell,
                None => {
                    names.push(*name);
                    cells.push(cell);
                }
            }
        }
        change.cells = pick(&names, &cells, to)?;
        Ok(())
    }

    fn union(&self, inputs: &[Relation]) -> Result<Vec<Change>, Stop> {
        let Some(first) = inputs.first() else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            let (names, changes) = self.input(input)?;
            for mut change in changes {
                change.cells = pick(&names, &change.cells, first)?;
                if first.ty.timed {
                    let arrived = i64::try_from(number).unwrap_or(i64::MAX);
                    change.lineage.push(Place { arrived, at: At::Nowhere });
                    change.standing.insert(0, Standing::Input(number));
                }
                out.push(change);
            }
        }
        Ok(out)
    }

    /// `final`: the rows of the input that nothing can change any more.
    fn closed(&self, input: &Relation) -> Result<Vec<Change>, Stop> {
        let changes = self.changes(input)?;
        let Some(settle) = self.settle(input)? else { return Ok(changes) };
        let mut out = Vec::new();
        for mut row in add_up(&changes) {
            let last = row.time.saturating_add(settle);
            if last >= self.cut {
                continue;
            }
            if row.place.arrived <= last {
                row.standing = vec![row.stood()];
                row.place = row.place.closing(last);
            }
            out.push(row);
        }
        Ok(out)
    }

    /// Until how long after its time a row may still be changed; none where never.
    fn settle(&self, relation: &Relation) -> Result<Option<i64>, Stop> {
        Ok(match &relation.op {
            RelationOp::Join { left, right, kind, pick, within: Some((_, high)), .. } => {
                let monotone = matches!(kind, JoinKind::Inner | JoinKind::Semi) && *pick == JoinPick::All;
                let right = if monotone { self.settle(right)? } else { Some(self.delay(right)?) };
                self.settle(left)?.max(right.map(|right| right.saturating_add(*high)))
            }
            RelationOp::Union { inputs } => {
                let mut most = None;
                for input in inputs {
                    most = most.max(self.settle(input)?);
                }
                most
            }
            _ => match self.before(relation) {
                Some(input) if !matches!(relation.op, RelationOp::Final { .. }) => self.settle(input)?,
                _ => None,
            },
        })
    }

    /// Until how long after its time a row may come or be changed.
    fn delay(&self, relation: &Relation) -> Result<i64, Stop> {
        Ok(match &relation.op {
            RelationOp::Source(name) => match self.world.model.source(name) {
                Some(source) => source.lateness,
                None => return broken(format!("no source `{name}`")),
            },
            RelationOp::Join { left, right, within: Some((_, high)), .. } => {
                self.delay(left)?.max(self.delay(right)?.saturating_add(*high))
            }
            RelationOp::Union { inputs } => {
                let mut most = 0;
                for input in inputs {
                    most = most.max(self.delay(input)?);
                }
                most
            }
            RelationOp::Final { input } => self.delay(input)?.max(self.settle(input)?.unwrap_or(i64::MIN)),
            _ => match self.before(relation) {
                Some(input) => self.delay(input)?,
                None => return broken("a relation that never ends and has no source"),
            },
        })
    }

    /// The (left) input of an operator, or what its name stands for.
    fn before<'r>(&'r self, relation: &'r Relation) -> Option<&'r Relation> {
        match &relation.op {
            RelationOp::View(name) => self.world.model.view(name).map(|view| &view.relation),
            RelationOp::Binding(name) => match self.bindings.get(name) {
                Some(Bound::Rows(relation)) => Some(relation),
                _ => None,
            },
            RelationOp::Where { input, .. }
            | RelationOp::Select { input, .. }
            | RelationOp::Derive { input, .. }
            | RelationOp::With { input, .. }
            | RelationOp::Final { input }
            | RelationOp::Group { input, .. }
            | RelationOp::Sort { input, .. }
            | RelationOp::Top { input, .. }
            | RelationOp::Take { input, .. }
            | RelationOp::Distinct { input, .. }
            | RelationOp::Latest { input, .. }
            | RelationOp::Join { left: input, .. } => Some(input),
            _ => None,
        }
    }
}

/// Rows with time by place, others by their columns.
fn order(relation: &Relation, changes: &mut [Change]) {
    if relation.ty.timed {
        sort(changes);
    } else {
        changes.sort_by(|a, b| compare_cells(&a.cells, &b.cells));
    }
}

/// The cells of a relation's columns, by name.
pub(crate) fn pick(names: &[Symbol], cells: &[Cell], to: &Relation) -> Result<Vec<Cell>, Stop> {
    let column = |column: &Column| match names.iter().position(|name| *name == column.name).and_then(|at| cells.get(at))
    {
        Some(cell) => Ok(cell.clone()),
        None => broken(format!("no column `{}` among {names:?}", column.name)),
    };
    to.ty.columns.iter().map(column).collect()
}

/// A row without time and place.
pub(crate) fn unplaced(cells: Vec<Cell>) -> Change {
    Change { cells, time: 0, place: Place::nowhere(), lineage: Vec::new(), standing: Vec::new(), weight: 1 }
}

/// A list of records as rows.
fn listed(cell: Cell) -> Result<Vec<Change>, Stop> {
    let Value::List(items) = cell? else { return broken("rows that are no list") };
    let rows = items.into_iter().map(|item| match item? {
        Value::Record(cells) => Ok(unplaced(cells)),
        other => broken(format!("a row that is {other:?}")),
    });
    rows.collect()
}
