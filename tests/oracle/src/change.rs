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
    /// A row became final: its time and own place.
    Closing(i64, Box<Place>),
}

impl Place {
    /// Of rows that have none.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { arrived: i64::MIN, at: At::Nowhere }
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
}

/// Changes in order: by place, −1 before +1, lineage, columns.
pub fn sort(changes: &mut [Change]) {
    changes.sort_by(|a, b| {
        (&a.place, a.weight > 0, &a.lineage)
            .cmp(&(&b.place, b.weight > 0, &b.lineage))
            .then_with(|| compare_cells(&a.cells, &b.cells))
    });
}

/// What changes add up to: the rows that are left, each at the place of its last addition, in order.
#[must_use]
pub fn add_up<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<Change> {
    let mut rows: BTreeMap<Identity, Change> = BTreeMap::new();
    for change in changes {
        rows.entry(change.identity())
            .and_modify(|row| {
                row.weight += change.weight;
                if change.weight > 0 && change.place > row.place {
                    row.place = change.place.clone();
                }
            })
            .or_insert_with(|| change.clone());
    }
    let mut rows: Vec<Change> = rows.into_values().filter(|row| row.weight != 0).collect();
    sort(&mut rows);
    rows
}
