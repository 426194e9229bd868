//! Where a relation or expression is evaluated: the flow around it, up to when, and the faults that it met.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::relation::Relation;

use crate::change::{Change, Place};
use crate::evaluate::{Env, Frame, Stop, broken};
use crate::value::{Cell, Fault, Value, same};
use crate::world::World;

/// What a flow's binding stands for.
#[derive(Debug, Clone)]
pub enum Bound<'w> {
    /// A scalar or record.
    Scalar(Cell),
    /// A relation.
    Rows(&'w Relation),
    /// A scalar of a stream, computed anew for each row that reads it.
    Each(&'w Expr),
}

/// The surroundings of an evaluation.
#[derive(Debug)]
pub struct Scope<'w> {
    /// Everything that is known.
    pub world: &'w World<'w>,
    /// T: what counts arrived before it.
    pub cut: i64,
    /// The instant as of which tables stand as relations; T unless a row looks something up.
    pub tables_at: i64,
    /// `now` in a job's own body and in a service's; elsewhere it is the row's time.
    pub now: Option<i64>,
    /// Bindings and parameters by name.
    pub bindings: BTreeMap<Symbol, Bound<'w>>,
    /// Places of the records that were left out, and why.
    pub left_out: RefCell<BTreeSet<(Place, Fault)>>,
}

impl<'w> Scope<'w> {
    /// Surroundings without bindings, where `now` is the row's time.
    #[must_use]
    pub fn new(world: &'w World<'w>, cut: i64) -> Self {
        Self { world, cut, tables_at: cut, now: None, bindings: BTreeMap::new(), left_out: RefCell::default() }
    }

    /// The same surroundings with tables as of another instant. What leaves a table's row out there is nobody's record
    /// (8.2), and does not count.
    ///
    /// # Errors
    /// As `then`.
    pub fn as_of<T>(&self, instant: i64, then: impl FnOnce(&Scope<'w>) -> Result<T, Stop>) -> Result<T, Stop> {
        then(&Scope {
            tables_at: instant,
            bindings: self.bindings.clone(),
            now: self.now,
            ..Scope::new(self.world, self.cut)
        })
    }

    /// The surroundings of a view: no bindings, `now` is the row's time.
    ///
    /// # Errors
    /// As `then`.
    pub fn in_view<T>(&self, then: impl FnOnce(&Scope<'w>) -> Result<T, Stop>) -> Result<T, Stop> {
        self.within(Scope { tables_at: self.tables_at, ..Scope::new(self.world, self.cut) }, then)
    }

    fn within<T>(&self, scope: Scope<'w>, then: impl FnOnce(&Scope<'w>) -> Result<T, Stop>) -> Result<T, Stop> {
        let result = then(&scope)?;
        self.left_out.borrow_mut().append(&mut scope.left_out.into_inner());
        Ok(result)
    }

    /// A binding that holds a scalar.
    ///
    /// # Errors
    /// [`Stop::Broken`] where there is none.
    pub fn scalar(&self, name: &str) -> Result<Cell, Stop> {
        match self.bindings.get(name) {
            Some(Bound::Scalar(cell)) => Ok(cell.clone()),
            _ => broken(format!("no scalar binding `{name}`")),
        }
    }

    /// What an expression without a row sees.
    #[must_use]
    pub fn env(&self) -> Env<'_> {
        let now = self.now.unwrap_or(self.cut);
        Env { scope: self, left: None, right: None, now, instant: now, variables: None }
    }

    /// What an expression over a row sees.
    #[must_use]
    pub fn row<'e>(&'e self, names: &'e [Symbol], cells: &'e [Cell], time: i64, place: &Place) -> Env<'e> {
        let instant = if *place == Place::nowhere() { self.tables_at } else { place.arrived };
        let left = Some(Frame { names, cells });
        Env { scope: self, left, right: None, now: self.now.unwrap_or(time), instant, variables: None }
    }

    /// `Some` of what was computed, or `None` where a fault leaves the row out, and with it, where the row was added, the
    /// record at its place: one that is taken back was named when it came (8.2).
    ///
    /// # Errors
    /// [`Stop::Broken`] only.
    pub fn needed<T>(&self, row: &Change, result: Result<T, Stop>) -> Result<Option<T>, Stop> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Fault(fault)) => {
                if row.weight > 0 {
                    self.leave_out(&row.place, fault);
                }
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    /// The record at `place` is left out because of a fault.
    pub fn leave_out(&self, place: &Place, fault: Fault) {
        self.left_out.borrow_mut().insert((place.clone(), fault));
    }

    /// Values of keys over a row.
    ///
    /// # Errors
    /// The fault of one of them.
    pub fn keys<'e>(&self, env: &Env<'_>, keys: impl IntoIterator<Item = &'e Expr>) -> Result<Vec<Value>, Stop> {
        keys.into_iter().map(|key| env.whole(key)).collect()
    }

    /// The row of a table or keyed view with a key; absent where there is none.
    ///
    /// # Errors
    /// [`Stop::Broken`] where there is no such table.
    pub fn table_row(&self, table: &str, keys: &[Value], instant: i64) -> Result<Value, Stop> {
        if keys.iter().any(Value::is_absent) {
            return Ok(Value::Absent);
        }
        let (rows, columns, key): (Vec<Vec<Cell>>, _, _) =
            match (self.world.model.source(table), self.world.model.view(table)) {
                (Some(source), _) => (self.world.table(source, instant), &source.ty.columns, &source.key),
                // What is kept of streams stands where the store does, also where a request names a later instant.
                (None, Some(view)) if view.kept => {
                    let cut = self.cut.min(self.world.end);
                    let rows = Scope::new(self.world, cut).rows(&view.relation)?;
                    let rows = rows.into_iter().map(|row| row.cells).collect();
                    (rows, &view.relation.ty.columns, &view.relation.ty.key)
                }
                (None, Some(view)) => {
                    let rows: Vec<Change> = self.in_view(|scope| scope.rows(&view.relation))?;
                    let rows = rows.into_iter().map(|row| row.cells).collect();
                    (rows, &view.relation.ty.columns, &view.relation.ty.key)
                }
                _ => return broken(format!("no table `{table}`")),
            };
        let mut found = Value::Absent;
        for row in rows {
            let matches = key.iter().zip(keys).all(|(name, wanted)| {
                let at = columns.iter().position(|column| column.name == *name);
                matches!(at.and_then(|at| row.get(at)), Some(Ok(value)) if same(value, wanted))
            });
            if matches {
                found = Value::Record(row);
            }
        }
        Ok(found)
    }
}
