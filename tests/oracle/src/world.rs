//! Everything that is known of a solution at one moment, and the questions that can be asked.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fec_model::Symbol;
use fec_model::expr::Aggregate;
use fec_model::model::{Binding, Flow, Item, Model, Plane, Shape, Sink, Source, Write};
use fec_model::relation::Relation;
use fec_model::types::Kind;

use crate::aggregate::{Entry, aggregate, entry};
use crate::change::{Change, Identity, Place, Standing, sort};
use crate::evaluate::{Stop, broken};
use crate::kept::Kept;
use crate::relation::names;
use crate::scope::{Bound, Scope};
use crate::source::{Event, Intake, Record, accept, accept_table, table_at};
use crate::value::{Cell, Fault, Ordered, Value, compare_cells};

/// What lies in the sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Records of the stream sources by name; of a source without data nothing.
    pub records: BTreeMap<Symbol, Vec<Record>>,
    /// Rows of the tables by name, in the order of their files; none where a row is unreadable.
    pub tables: BTreeMap<Symbol, Vec<Option<Vec<Cell>>>>,
}

/// Up to which place changes count.
#[derive(Debug, Clone, Copy)]
pub enum Until<'p> {
    /// All places before this one.
    Before(&'p Place),
    /// And this one.
    Including(&'p Place),
    /// All that had arrived before this instant.
    Arrived(i64),
}

impl Until<'_> {
    fn has(&self, place: &Place) -> bool {
        match self {
            Self::Before(bound) => place < *bound,
            Self::Including(bound) => place <= *bound,
            Self::Arrived(cut) => place.arrived < *cut,
        }
    }
}

/// A change of a feature set's input, with what it brings to each aggregate.
#[derive(Debug)]
struct Contribution {
    identity: Identity,
    time: i64,
    place: Place,
    weight: i64,
    entries: Vec<Option<Entry>>,
}

/// Contributions by key, and the records left out.
#[derive(Debug, Default)]
struct Input {
    by_key: BTreeMap<Vec<Ordered>, Vec<Contribution>>,
    left_out: BTreeSet<(Place, Fault)>,
}

/// What a flow gave to a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// The sink.
    pub sink: Symbol,
    /// Changes of a stream, or rows of a job, in order; columns in the sink's order.
    pub changes: Vec<Change>,
    /// Places of records that were left out, with the fault.
    pub left_out: BTreeSet<(Place, Fault)>,
}

/// A solution's model with its data.
#[derive(Debug)]
pub struct World<'w> {
    /// The checked solution.
    pub model: &'w Model,
    /// What each published model answers; a missing one has no version.
    pub predictions: BTreeMap<Symbol, Value>,
    /// T: a microsecond after the greatest arrival, or the instant of a test.
    pub end: i64,
    intakes: BTreeMap<Symbol, Intake>,
    tables: BTreeMap<Symbol, (Vec<Vec<Cell>>, Vec<i64>)>,
    ranks: BTreeMap<Symbol, usize>,
    inputs: RefCell<BTreeMap<Symbol, Rc<Input>>>,
    /// Of each view over streams what it keeps.
    pub(crate) views: RefCell<BTreeMap<Symbol, Rc<Kept>>>,
    /// What answered requests have given to sinks, in order.
    requested: RefCell<Vec<Emitted>>,
}

impl<'w> World<'w> {
    /// Takes in the history.
    #[must_use]
    pub fn new(model: &'w Model, history: &History) -> Self {
        let mut intakes = BTreeMap::new();
        let mut tables = BTreeMap::new();
        for source in &model.sources {
            if source.shape == Shape::Stream {
                let records = history.records.get(&source.name).map_or(&[][..], Vec::as_slice);
                intakes.insert(source.name, accept(source, records));
            } else {
                let rows = history.tables.get(&source.name).map_or(&[][..], Vec::as_slice);
                tables.insert(source.name, accept_table(source, rows));
            }
        }
        let end = intakes.values().filter_map(|intake| intake.arrived).max().map_or(0, |last| last.saturating_add(1));
        let names: BTreeSet<&Symbol> = model.sources.iter().map(|source| &source.name).collect();
        let ranks = names.into_iter().cloned().zip(0..).collect();
        let (inputs, views, requested) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { model, predictions: BTreeMap::new(), end, intakes, tables, ranks, inputs, views, requested }
    }

    /// What came of a stream source's records.
    #[must_use]
    pub fn intake(&self, source: &str) -> Option<&Intake> {
        self.intakes.get(source)
    }

    /// Rows of a table's file that were refused.
    #[must_use]
    pub fn refused_rows(&self, table: &str) -> &[i64] {
        self.tables.get(table).map_or(&[], |(_, refused)| refused)
    }

    pub(crate) fn zone(&self) -> &str {
        &self.model.timezone
    }

    pub(crate) fn rank(&self, source: &str) -> usize {
        self.ranks.get(source).copied().unwrap_or(usize::MAX)
    }

    pub(crate) fn events(&self, source: &str) -> &[Event] {
        self.intakes.get(source).map_or(&[], |intake| &intake.accepted)
    }

    pub(crate) fn table(&self, source: &Source, instant: i64) -> Vec<Vec<Cell>> {
        self.tables.get(&source.name).map_or_else(Vec::new, |(rows, _)| table_at(source, rows, instant))
    }

    pub(crate) fn member(&self, value: &Value, kind: &Kind) -> Result<&str, Stop> {
        let (Value::Member(index), Kind::Enum(name)) = (value, kind) else {
            return broken(format!("{value:?} of {kind:?}"));
        };
        let members = self.model.enums.get(name);
        match members.and_then(|members| members.get(usize::try_from(*index).ok()?)) {
            Some(member) => Ok(member),
            None => broken(format!("no member {index} of {name}")),
        }
    }

    /// `value(F, k, t, P)` (4.1): the columns of a feature set in their order.
    ///
    /// # Errors
    /// [`Stop::Broken`] where there is no such set or its model makes no sense.
    pub fn features(&self, set: &str, key: &[Value], t: i64, until: Until<'_>) -> Result<Vec<(Symbol, Cell)>, Stop> {
        let Some(declared) = self.model.feature_set(set) else { return broken(format!("no feature set `{set}`")) };
        let input = self.input(set)?;
        let key: Vec<Ordered> = key.iter().cloned().map(Ordered).collect();
        let absent = key.iter().any(|value| value.0.is_absent());
        let contributions = if absent { &[][..] } else { input.by_key.get(&key).map_or(&[][..], Vec::as_slice) };
        let mut columns: Vec<(Symbol, Cell)> = Vec::new();
        for (number, item) in declared.aggregates.iter().enumerate() {
            let Some(window) = item.window else { return broken(format!("`{}` without a window", item.name)) };
            let tail = (i128::from(t) - i128::from(window.size)).div_euclid(window.step.max(1).into())
                * i128::from(window.step.max(1));
            let mut there: BTreeMap<&Identity, Entry> = BTreeMap::new();
            for change in contributions {
                if i128::from(change.time) < tail || change.time > t || !until.has(&change.place) {
                    continue;
                }
                let Some(Some(entry)) = change.entries.get(number) else { continue };
                let row = there.entry(&change.identity).or_insert_with(|| Entry { weight: 0, ..entry.clone() });
                row.weight += change.weight;
                if change.weight > 0 && change.place > row.place {
                    row.place = change.place.clone();
                }
            }
            let entries: Vec<Entry> = there.into_values().filter(|entry| entry.weight != 0).collect();
            columns.push((item.name, aggregate(item, &entries)?));
        }
        let scope = Scope::new(self, i64::MAX);
        for (name, scalar) in &declared.scalars {
            let (names, cells): (Vec<Symbol>, Vec<Cell>) = columns.iter().cloned().unzip();
            let cell = scope.row(&names, &cells, t, &Place::nowhere()).cell(scalar)?;
            columns.push((*name, cell));
        }
        let ordered =
            declared.columns.iter().map(|column| match columns.iter().find(|(name, _)| *name == column.name) {
                Some(found) => Ok(found.clone()),
                None => broken(format!("no feature `{}`", column.name)),
            });
        ordered.collect()
    }

    /// A feature set's columns at t over all that had arrived before `cut`.
    ///
    /// # Errors
    /// As [`World::features`].
    pub fn features_before(&self, set: &str, key: &[Value], t: i64, cut: i64) -> Result<Vec<(Symbol, Cell)>, Stop> {
        self.features(set, key, t, Until::Arrived(cut))
    }

    /// Places of the records that a feature set leaves out by the end, with the fault: final rows may come after it.
    ///
    /// # Errors
    /// As [`World::features`].
    pub fn features_left_out(&self, set: &str) -> Result<BTreeSet<(Place, Fault)>, Stop> {
        let left_out = &self.input(set)?.left_out;
        Ok(left_out.iter().filter(|(place, _)| place.arrived < self.end).cloned().collect())
    }

    /// Every key of which a feature set has seen anything, in order.
    ///
    /// # Errors
    /// As [`World::features`].
    pub fn feature_keys(&self, set: &str) -> Result<Vec<Vec<Value>>, Stop> {
        Ok(self.input(set)?.by_key.keys().map(|key| key.iter().map(|value| value.0.clone()).collect()).collect())
    }

    fn input(&self, set: &str) -> Result<Rc<Input>, Stop> {
        if let Some(input) = self.inputs.borrow().get(set) {
            return Ok(Rc::clone(input));
        }
        let Some(declared) = self.model.feature_set(set) else { return broken(format!("no feature set `{set}`")) };
        let scope = Scope::new(self, i64::MAX);
        let columns = names(&declared.input.ty.columns);
        let mut input = Input::default();
        for change in scope.changes(&declared.input)? {
            let env = scope.row(&columns, &change.cells, change.time, &change.place);
            let keys = scope.keys(&env, declared.keys.iter().map(|(_, key)| key));
            let Some(key) = scope.needed(&change, keys)? else { continue };
            // A row that belongs to no key needs nothing else.
            if key.iter().any(Value::is_absent) {
                continue;
            }
            let entry = |item: &Aggregate| entry(item, &env, change.time, &change.place, 1);
            let entries = declared.aggregates.iter().map(entry).collect::<Result<Vec<_>, Stop>>();
            let Some(entries) = scope.needed(&change, entries)? else { continue };
            let identity = change.identity();
            let contribution =
                Contribution { identity, time: change.time, place: change.place, weight: change.weight, entries };
            input.by_key.entry(key.into_iter().map(Ordered).collect()).or_default().push(contribution);
        }
        input.left_out = scope.left_out.into_inner();
        let input = Rc::new(input);
        self.inputs.borrow_mut().insert(set.into(), Rc::clone(&input));
        Ok(input)
    }

    /// What a stream or job gives to its sinks with all that had arrived before `cut` and the frontier there; a job's `now` is `cut`, too.
    ///
    /// # Errors
    /// [`Stop::Broken`] where the model makes no sense; a fault of a scalar binding that is needed.
    pub fn emitted(&self, flow: &Flow, cut: i64) -> Result<Vec<Emitted>, Stop> {
        let mut scope = Scope::new(self, cut);
        if flow.plane != Plane::Stream {
            scope.now = Some(cut);
        }
        self.defaults(flow, &mut scope)?;
        let mut out = Vec::new();
        self.run(&flow.items, flow.plane, &mut scope, &mut out)?;
        Ok(if flow.plane == Plane::Batch { united(out) } else { out })
    }

    /// A service's response at `now`.
    ///
    /// # Errors
    /// The fault that the response would need, or [`Stop::Broken`].
    pub fn request(&self, service: &str, arguments: &[Cell], now: i64) -> Result<Value, Stop> {
        let named = |flow: &&Flow| flow.plane == Plane::Online && (flow.path() == service || flow.name == service);
        let Some(flow) = self.model.flows.iter().find(named) else { return broken(format!("no service `{service}`")) };
        let mut scope = Scope::new(self, now);
        scope.now = Some(now);
        for ((column, _), argument) in flow.params.iter().zip(arguments) {
            scope.bindings.insert(column.name, Bound::Scalar(argument.clone()));
        }
        let mut emits = Vec::new();
        let response = match self.run(&flow.items, flow.plane, &mut scope, &mut emits)? {
            Some(response) => response.whole()?,
            None => return broken(format!("`{service}` returns nothing")),
        };
        self.requested.borrow_mut().extend(emits);
        Ok(response)
    }

    fn defaults<'s>(&'s self, flow: &Flow, scope: &mut Scope<'s>) -> Result<(), Stop> {
        for (column, default) in &flow.params {
            if let Some(default) = default {
                let cell = scope.env().cell(default)?;
                scope.bindings.insert(column.name, Bound::Scalar(cell));
            }
        }
        Ok(())
    }

    /// Runs the items of a flow; what they return ends it.
    fn run<'s>(
        &'s self,
        items: &'s [Item],
        plane: Plane,
        scope: &mut Scope<'s>,
        out: &mut Vec<Emitted>,
    ) -> Result<Option<Value>, Stop> {
        for item in items {
            match item {
                Item::Bind { name, value: Binding::Relation(relation), .. } => {
                    scope.bindings.insert(*name, Bound::Rows(relation));
                }
                Item::Bind { name, value: Binding::Scalar(expr), .. } if plane == Plane::Stream => {
                    scope.bindings.insert(*name, Bound::Each(expr));
                }
                Item::Bind { name, value: Binding::Scalar(expr), settings, .. } => {
                    let mut cell = scope.env().cell(expr)?;
                    if let (Some(fallback), Ok(Value::Absent) | Err(_)) = (&settings.fallback, &cell) {
                        cell = scope.env().cell(fallback)?;
                    }
                    scope.bindings.insert(*name, Bound::Scalar(cell));
                }
                // Training is no part of what this evaluator judges: what needs it will find no binding.
                Item::Bind { .. } | Item::Publish { .. } => {}
                Item::Emit { relation, sink, .. } => match emit(relation, sink, plane, scope) {
                    // What cannot be emitted is nothing to the response.
                    Err(Stop::Fault(_)) if plane == Plane::Online => {}
                    emitted => out.push(emitted?),
                },
                Item::Return { value, .. } => return Ok(Some(scope.env().value(value)?)),
                Item::If { condition, then, otherwise, .. } => {
                    let branch = if scope.env().holds(condition)? { then } else { otherwise };
                    if let Some(value) = self.run(branch, plane, scope, out)? {
                        return Ok(Some(value));
                    }
                }
            }
        }
        Ok(None)
    }

    /// What a sink holds when all streams have written what arrived before `cut`, and then the requests answered so far.
    ///
    /// # Errors
    /// As [`World::emitted`].
    pub fn sink(&self, name: &str, cut: i64) -> Result<Vec<Change>, Stop> {
        let Some(sink) = self.model.sink(name) else { return broken(format!("no sink `{name}`")) };
        let mut emitted = Vec::new();
        for flow in self.model.flows.iter().filter(|flow| flow.plane == Plane::Stream) {
            emitted.extend(self.emitted(flow, cut)?.into_iter().filter(|emitted| emitted.sink == name));
        }
        let mut changes = united(emitted).pop().map_or_else(Vec::new, |emitted| emitted.changes);
        sort(&mut changes);
        let requested = self.requested.borrow();
        let requested = requested.iter().filter(|emitted| emitted.sink == name);
        changes.extend(requested.flat_map(|emitted| emitted.changes.iter().cloned()));
        Ok(if sink.write == Write::Append { changes } else { upserted(sink, &changes) })
    }
}

/// What a job gives to each sink: of several `emit`s into one their union (6), of which columns order what has no time.
fn united(emitted: Vec<Emitted>) -> Vec<Emitted> {
    let mut sinks: Vec<(Emitted, usize)> = Vec::new();
    for mut one in emitted {
        let Some((before, count)) = sinks.iter_mut().find(|(before, _)| before.sink == one.sink) else {
            sinks.push((one, 1));
            continue;
        };
        if *count == 1 {
            numbered(&mut before.changes, 0);
        }
        numbered(&mut one.changes, *count);
        *count += 1;
        before.changes.append(&mut one.changes);
        before.left_out.append(&mut one.left_out);
        if before.changes.iter().any(|row| row.place == Place::nowhere()) {
            before.changes.sort_by(|a, b| compare_cells(&a.cells, &b.cells));
        } else {
            sort(&mut before.changes);
        }
    }
    sinks.into_iter().map(|(emitted, _)| emitted).collect()
}

fn numbered(rows: &mut [Change], input: usize) {
    rows.iter_mut().for_each(|row| row.standing.insert(0, Standing::Input(input)));
}

fn emit(relation: &Relation, sink: &str, plane: Plane, scope: &Scope<'_>) -> Result<Emitted, Stop> {
    // Each `emit` is a flow of its own where faults are concerned.
    let scope = Scope { bindings: scope.bindings.clone(), now: scope.now, ..Scope::new(scope.world, scope.cut) };
    let rows = if plane == Plane::Stream { scope.changes(relation)? } else { scope.rows(relation)? };
    let mut changes = Vec::new();
    for mut row in rows {
        let cells = row.cells.iter().map(|cell| cell.clone()?.whole()).collect::<Result<Vec<_>, Fault>>();
        if let Some(cells) = scope.needed(&row, cells.map_err(Stop::Fault))? {
            row.cells = cells.into_iter().map(Ok).collect();
            changes.push(row);
        }
    }
    Ok(Emitted { sink: sink.into(), changes, left_out: scope.left_out.into_inner() })
}

/// What a sink with a key holds after changes in order (6): of the rows of a key that are there, the last.
#[must_use]
pub fn upserted(sink: &Sink, changes: &[Change]) -> Vec<Change> {
    let at: Vec<usize> =
        sink.key.iter().filter_map(|name| sink.columns.iter().position(|column| column.name == *name)).collect();
    let key = |row: &Change| -> Vec<Ordered> {
        at.iter().filter_map(|at| row.cells.get(*at)).flatten().cloned().map(Ordered).collect()
    };
    let mut there: BTreeMap<Vec<Ordered>, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let rows = there.entry(key(change)).or_default();
        if change.weight > 0 {
            rows.push(change.clone());
        } else if let Some(at) = rows.iter().position(|row| row.identity() == change.identity()) {
            rows.remove(at);
        }
    }
    there.into_values().filter_map(|mut rows| rows.pop()).collect()
}
