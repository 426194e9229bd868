//! What views over streams keep by their keys (`spec/semantics.md`, 7.3).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fec_model::Symbol;

use crate::change::{Change, Place, add_up};
use crate::evaluate::{Stop, broken};
use crate::relation::unplaced;
use crate::scope::Scope;
use crate::value::{Fault, Ordered};
use crate::world::World;

/// The changes of a view's rows, each with its key.
#[derive(Debug, Default)]
pub struct Kept {
    changes: Vec<(Vec<Ordered>, Change)>,
    left_out: BTreeSet<(Place, Fault)>,
}

impl Kept {
    /// The rows of the view as a row at `place` sees them: of each key the last of those that were there before.
    pub(crate) fn before(&self, place: &Place) -> Vec<Change> {
        let mut by_key: BTreeMap<&Vec<Ordered>, Vec<&Change>> = BTreeMap::new();
        for (key, change) in self.changes.iter().filter(|(_, change)| change.place < *place) {
            by_key.entry(key).or_default().push(change);
        }
        let last = |changes: Vec<&Change>| add_up(changes).pop();
        by_key.into_values().filter_map(last).map(|row| unplaced(row.cells)).collect()
    }
}

impl World<'_> {
    /// What a view over streams keeps.
    ///
    /// # Errors
    /// [`Stop::Broken`] where there is no such view or its model makes no sense.
    pub(crate) fn kept(&self, name: &str) -> Result<Rc<Kept>, Stop> {
        if let Some(kept) = self.views.borrow().get(name) {
            return Ok(Rc::clone(kept));
        }
        let Some(view) = self.model.view(name) else { return broken(format!("no view `{name}`")) };
        let scope = Scope::new(self, i64::MAX);
        let ty = &view.relation.ty;
        let at = |name: &Symbol| ty.columns.iter().position(|column| column.name == *name);
        let positions: Vec<usize> = ty.key.iter().filter_map(at).collect();
        let mut kept = Kept::default();
        for change in scope.changes(&view.relation)? {
            let cell = |at: &usize| change.cells.get(*at).cloned();
            let key = positions.iter().filter_map(cell).map(|cell| cell?.whole()).collect::<Result<Vec<_>, Fault>>();
            let Some(key) = scope.needed(&change, key.map_err(Stop::Fault))? else { continue };
            if !key.iter().any(crate::value::Value::is_absent) {
                kept.changes.push((key.into_iter().map(Ordered).collect(), change));
            }
        }
        kept.left_out = scope.left_out.into_inner();
        let kept = Rc::new(kept);
        self.views.borrow_mut().insert(name.into(), Rc::clone(&kept));
        Ok(kept)
    }

    /// The rows that a view over streams keeps with all that had arrived before `cut`, or that the store has applied.
    pub(crate) fn kept_at(&self, name: &str, cut: i64) -> Result<Vec<Change>, Stop> {
        let Some(view) = self.model.view(name) else { return broken(format!("no view `{name}`")) };
        let ty = &view.relation.ty;
        let at = |name: &Symbol| ty.columns.iter().position(|column| column.name == *name);
        let positions: Vec<usize> = ty.key.iter().filter_map(at).collect();
        let mut last: BTreeMap<Vec<Ordered>, Change> = BTreeMap::new();
        for row in Scope::new(self, cut.min(self.end)).rows(&view.relation)? {
            let key: Option<Vec<Ordered>> =
                positions.iter().map(|at| row.cells.get(*at)?.clone().ok().map(Ordered)).collect();
            if let Some(key) = key.filter(|key| !key.iter().any(|value| value.0.is_absent())) {
                last.insert(key, unplaced(row.cells));
            }
        }
        Ok(last.into_values().collect())
    }

    /// Places of the records that a view over streams leaves out, with the fault.
    ///
    /// # Errors
    /// As the view's rows.
    pub fn view_left_out(&self, name: &str) -> Result<BTreeSet<(Place, Fault)>, Stop> {
        Ok(self.kept(name)?.left_out.clone())
    }
}
