//! Names of places in a log: partitions, marks in them, cuts through all of them, tasks and their sequence numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One partition of one topic; ordered by topic, then by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic's logical name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub index: u32,
}

impl PartitionId {
    /// Partition `index` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, index: u32) -> Self {
        Self { topic: topic.into(), index }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.index)
    }
}

/// One task: one partition of one flow, the unit that is owned, committed and restored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The flow's stable name.
    pub flow: Arc<str>,
    /// The task's number within the flow, from 0.
    pub index: u32,
}

impl TaskId {
    /// Task `index` of `flow`.
    #[must_use]
    pub fn new(flow: impl Into<Arc<str>>, index: u32) -> Self {
        Self { flow: flow.into(), index }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.flow, self.index)
    }
}

/// A table of a task's local state, numbered by the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// The number of a task's changelog block: 1, 2, 3, … without a gap; 0 is "before the first block".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first block.
    pub const NONE: Self = Self(0);

    /// The number that must follow this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a task's ownership: each new owner has a greater one, and only the greatest may commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Epoch(pub u64);

/// A place in one partition: everything before `next` has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The offset of the next record to take.
    pub next: i64,
    /// The greatest record timestamp (µs) before `next`; `i64::MIN` where there is no record before it.
    pub arrived: i64,
}

impl Mark {
    /// The start of a partition.
    pub const START: Self = Self { next: 0, arrived: i64::MIN };
}

/// A cut through a log: a prefix of each partition that it names. A partition that it does not name is at its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut(pub BTreeMap<PartitionId, Mark>);

impl Cut {
    /// The mark of `partition`: [`Mark::START`] where the cut does not name it.
    #[must_use]
    pub fn mark(&self, partition: &PartitionId) -> Mark {
        self.0.get(partition).copied().unwrap_or(Mark::START)
    }

    /// Takes over every mark of `other` that is further than this cut's.
    pub fn advance_to(&mut self, other: &Self) {
        for (partition, mark) in &other.0 {
            match self.0.get_mut(partition) {
                Some(own) if own.next >= mark.next => {}
                Some(own) => *own = *mark,
                None => {
                    self.0.insert(partition.clone(), *mark);
                }
            }
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (partition, mark)) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{partition}@{}", mark.next)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_only_moves_forward() {
        let p = |i| PartitionId::new("payments", i);
        let at = |next| Mark { next, arrived: next * 10 };
        let mut cut = Cut(BTreeMap::from([(p(0), at(5)), (p(1), at(7))]));
        cut.advance_to(&Cut(BTreeMap::from([(p(0), at(6)), (p(1), at(3)), (p(2), at(1))])));
        assert_eq!(cut.to_string(), "payments/0@6,payments/1@7,payments/2@1");
        assert_eq!(cut.mark(&p(1)), at(7));
        assert_eq!(cut.mark(&p(9)), Mark::START);
    }
}
