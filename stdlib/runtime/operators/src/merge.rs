//! The merge of all partitions of all sources into micro-batches, in arrival order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::types::Schema;

use crate::order::Order;

/// The next rows of all sources: a contiguous range of arrival order.
#[derive(Debug, Clone, Default)]
pub struct MicroBatch {
    /// The rows of each source that has some, by its number, in arrival order.
    pub rows: Vec<(u32, Batch)>,
    /// No event that comes after has `arrived` below this, microseconds.
    pub frontier: i64,
}

#[derive(Debug)]
struct Queue {
    batches: VecDeque<Batch>,
    /// The next row of the first batch.
    row: usize,
    waiting: usize,
    /// No row to come has `arrived` below this.
    arrived: i64,
    /// Holds nobody back while it has no rows: silent for too long, or at its declared end.
    silent: bool,
}

/// Merges partitions. A row is given once no other partition can still give one before it. That depends only on the
/// rows; how they were pushed makes no difference to their order.
#[derive(Debug)]
pub struct Merger {
    schemas: BTreeMap<u32, Arc<Schema>>,
    queues: BTreeMap<Origin, Queue>,
    frontier: i64,
}

impl Merger {
    /// A merger without partitions. `schemas` are those of the sources by number.
    #[must_use]
    pub fn new(schemas: impl IntoIterator<Item = (u32, Arc<Schema>)>) -> Self {
        Self { schemas: schemas.into_iter().collect(), queues: BTreeMap::new(), frontier: i64::MIN }
    }

    /// Adds a partition, from which nothing is known yet: it holds all others back.
    pub fn add(&mut self, origin: Origin) {
        self.queues.entry(origin).or_insert_with(|| Queue {
            batches: VecDeque::new(),
            row: 0,
            waiting: 0,
            arrived: i64::MIN,
            silent: false,
        });
    }

    /// The next accepted rows of a partition, all of that origin, in arrival order. A partition that was silent holds
    /// others back again.
    pub fn push(&mut self, origin: Origin, batch: Batch) {
        self.add(origin);
        if let Some(queue) = self.queues.get_mut(&origin)
            && let Some(arrived) = batch.arrived.last()
        {
            queue.arrived = queue.arrived.max(*arrived);
            queue.waiting += batch.rows;
            queue.silent = false;
            queue.batches.push_back(batch);
        }
    }

    /// No row that this partition gives from now on has `arrived` below `arrived`; refused rows make progress too.
    pub fn progress(&mut self, origin: Origin, arrived: i64) {
        self.add(origin);
        if let Some(queue) = self.queues.get_mut(&origin) {
            queue.arrived = queue.arrived.max(arrived);
        }
    }

    /// Whether a partition is at its end and silent, so that nobody waits for it.
    pub fn silent(&mut self, origin: Origin, silent: bool) {
        self.add(origin);
        if let Some(queue) = self.queues.get_mut(&origin) {
            queue.silent = silent;
        }
    }

    /// The number of rows of a partition that wait to be given: who fetches faster than others should pause.
    #[must_use]
    pub fn waiting(&self, origin: Origin) -> usize {
        self.queues.get(&origin).map_or(0, |queue| queue.waiting)
    }

    /// Forgets all rows and progress, and keeps the partitions: after a rollback.
    pub fn reset(&mut self) {
        for queue in self.queues.values_mut() {
            *queue = Queue { batches: VecDeque::new(), row: 0, waiting: 0, arrived: i64::MIN, silent: false };
        }
        self.frontier = i64::MIN;
    }

    /// Forgets a partition: another task has it now.
    pub fn remove(&mut self, origin: Origin) {
        self.queues.remove(&origin);
    }

    /// At most `limit` rows that no other partition can precede, and the frontier after them. Without such rows the
    /// frontier alone; it never goes back.
    pub fn next(&mut self, limit: usize) -> MicroBatch {
        let mut picked: BTreeMap<u32, Vec<Batch>> = BTreeMap::new();
        let mut count = 0;
        while count < limit {
            let Some((origin, bound)) = self.ready() else { break };
            let Some(queue) = self.queues.get_mut(&origin) else { break };
            let Some(batch) = queue.batches.front() else { break };
            let within = |row: usize| bound.is_none_or(|bound| Order::of(batch, row) < bound);
            let start = queue.row;
            let most = batch.rows.min(start.saturating_add(limit - count));
            // The head row itself is ready, so that every round makes progress.
            let mut end = start + 1;
            while end < most && within(end) {
                end += 1;
            }
            let run = if start == 0 && end == batch.rows { batch.clone() } else { batch.slice(start, end - start) };
            picked.entry(origin.source).or_default().push(run);
            count += end - start;
            queue.waiting -= end - start;
            if end == batch.rows {
                queue.batches.pop_front();
                queue.row = 0;
            } else {
                queue.row = end;
            }
        }
        let rows = picked
            .into_iter()
            .map(|(source, runs)| match self.schemas.get(&source) {
                Some(schema) => (source, Batch::concat(schema, &runs)),
                None => (source, Batch::concat(&Schema { fields: Vec::new() }, &runs)),
            })
            .collect();
        let reached = self.queues.values().filter_map(Queue::reached).min();
        self.frontier = self.frontier.max(reached.unwrap_or(i64::MIN));
        if self.queues.values().all(|queue| queue.reached().is_none()) {
            let last = self.queues.values().map(|queue| queue.arrived).max();
            self.frontier = self.frontier.max(last.unwrap_or(i64::MIN));
        }
        MicroBatch { rows, frontier: self.frontier }
    }

    /// The partition whose head comes next, and the place from which on another one may come first.
    fn ready(&self) -> Option<(Origin, Option<Order>)> {
        let mut heads = self.queues.iter().filter_map(|(origin, queue)| queue.head(*origin));
        let mut first = heads.next()?;
        let mut bound: Option<Head> = None;
        for head in heads {
            let later = if head.order < first.order { std::mem::replace(&mut first, head) } else { head };
            if bound.is_none_or(|bound| later.order < bound.order) {
                bound = Some(later);
            }
        }
        first.is_row.then_some((first.order.origin, bound.map(|bound| bound.order)))
    }
}

/// The first place that a partition can still take.
#[derive(Clone, Copy)]
struct Head {
    order: Order,
    /// It is a row that is there, not a bound on those to come.
    is_row: bool,
}

impl Queue {
    fn head(&self, origin: Origin) -> Option<Head> {
        match self.batches.front() {
            Some(batch) => Some(Head { order: Order::of(batch, self.row), is_row: true }),
            None if self.silent => None,
            None => {
                let order = Order { arrived: self.arrived, origin, offset: i64::MIN };
                Some(Head { order, is_row: false })
            }
        }
    }

    /// No row to come has `arrived` below this; `None` where nobody waits for it.
    fn reached(&self) -> Option<i64> {
        match self.batches.front() {
            Some(batch) => Some(Order::of(batch, self.row).arrived),
            None if self.silent => None,
            None => Some(self.arrived),
        }
    }
}
