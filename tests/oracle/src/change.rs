//! Changes, their places and what they add up to (`spec/semantics.md`, 3).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::value::{Cell, compare_cells};

/// A place in arrival order. The derived order is the order of places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Arrival.
    pub arrived: i64,
    /// The event, or what the passing of time brings after all events of that arrival.
    pub at: At,
}

/// What happens at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// A row without a place: of a table or of a result over bounded rows.
    Nowhere,
    /// An event: rank of its source by name, partition, offset.
    Event(usize, i64, i64),
    /// A row became final: the event of its own place.
    Closing(usize, i64, i64),
}

impl Place {
    /// Of rows that have none.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { arrived: i64::MIN, at: At::Nowhere }
    }

    /// The place of a row that was here and is final once `arrived` is past.
    #[must_use]
    pub fn closing(&self, arrived: i64) -> Self {
        let at = match &self.at {
            At::Nowhere => At::Nowhere,
            At::Event(source, partition, offset) | At::Closing(source, partition, offset) => {
                At::Closing(*source, *partition, *offset)
            }
        };
        Self { arrived, at }
    }
}

/// What decides among rows of one place (3.2), from left to right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A row that it was made of: its place, and how it stood there.
    Row(Place, Vec<Standing>),
    /// The number of the union's input.
    Input(usize),
    /// A row without a place that it was joined with.
    Unplaced(Cells),
}

/// Cells that order and equal by [`compare_cells`].
#[derive(Debug, Clone)]
pub struct Cells(pub Vec<Cell>);

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cells {}

impl PartialOrd for Cells {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cells {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_cells(&self.0, &other.0)
    }
}

/// A row, added or taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Cells in the order of the relation's columns.
    pub cells: Vec<Cell>,
    /// Event time; 0 where rows have none.
    pub time: i64,
    /// Place in arrival order.
    pub place: Place,
    /// Places of the events that it was made of.
    pub lineage: Vec<Place>,
    /// How it stands among the rows of its place.
    pub standing: Vec<Standing>,
    /// +1 or −1, or how often the row is there.
    pub weight: i64,
}

/// What makes two changes speak of one row.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Places of the events that it was made of.
    pub lineage: Vec<Place>,
    /// Event time.
    pub time: i64,
    /// Cells.
    pub cells: Vec<Cell>,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Identity {}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.lineage, self.time)
            .cmp(&(&other.lineage, other.time))
            .then_with(|| compare_cells(&self.cells, &other.cells))
    }
}

impl Change {
    /// The row that it speaks of.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { lineage: self.lineage.clone(), time: self.time, cells: self.cells.clone() }
    }

    /// What it is to the rows that are made of it.
    #[must_use]
    pub fn stood(&self) -> Standing {
        if self.place == Place::nowhere() {
            return Standing::Unplaced(Cells(self.cells.clone()));
        }
        Standing::Row(self.place.clone(), self.standing.clone())
    }
}

/// Changes in order: by place, −1 before +1, as they stand there, columns.
pub fn sort(changes: &mut [Change]) {
    changes.sort_by(|a, b| {
        (&a.place, a.weight > 0, &a.standing)
            .cmp(&(&b.place, b.weight > 0, &b.standing))
            .then_with(|| compare_cells(&a.cells, &b.cells))
    });
}

/// What changes add up to: the rows that are left, each at the place of its last addition, in order. Equal rows, as those of a
/// join with rows of a table that differ in what is not kept, each stand as they came.
#[must_use]
pub fn add_up<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<Change> {
    let mut rows: BTreeMap<Identity, Copies> = BTreeMap::new();
    for change in changes {
        rows.entry(change.identity()).or_default().add(change);
    }
    let mut rows: Vec<Change> = rows.into_values().flat_map(|copies| copies.0).collect();
    sort(&mut rows);
    rows
}

/// A row as often as it is there: what added it, of one place each with its weight.
#[derive(Debug, Default)]
struct Copies(Vec<Change>);

impl Copies {
    fn add(&mut self, change: &Change) {
        if change.weight > 0 {
            // Those that are still there of an earlier place are there since this one.
            for earlier in self.0.iter_mut().filter(|earlier| earlier.place < change.place) {
                earlier.place = change.place.clone();
                earlier.standing = change.standing.clone();
            }
            self.0.push(change.clone());
            return;
        }
        let mut less = change.weight.saturating_neg();
        while less > 0 {
            // The one that stands as what is taken back, else the last.
            let at = self.0.iter().rposition(|copy| copy.standing == change.standing);
            let Some(at) = at.or_else(|| self.0.len().checked_sub(1)) else { return };
            let Some(copy) = self.0.get_mut(at) else { return };
            let taken = copy.weight.min(less);
            copy.weight -= taken;
            less -= taken;
            if copy.weight == 0 {
                self.0.remove(at);
            }
        }
    }
}
