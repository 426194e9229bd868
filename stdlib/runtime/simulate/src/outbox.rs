//! Events on their way to the log, given out by the time at which they reach it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::SimulatedEvent;

/// Events waiting for their stamp. Of equal stamps the one that was put in first comes first.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: BinaryHeap<Reverse<Waiting>>,
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    order: (i64, u64),
    event: SimulatedEvent,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl Outbox {
    /// Adds an event.
    pub fn put(&mut self, event: SimulatedEvent) {
        self.waiting.push(Reverse(Waiting { order: (event.stamp, self.count), event }));
        self.count += 1;
    }

    /// The stamp of the next event.
    #[must_use]
    pub fn next_stamp(&self) -> Option<i64> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.event.stamp)
    }

    /// Takes the next event if its stamp is not after `until`: all that may still be put in must come later.
    pub fn take(&mut self, until: i64) -> Option<SimulatedEvent> {
        let next = self.waiting.peek_mut()?;
        if next.0.event.stamp > until {
            return None;
        }
        Some(std::collections::binary_heap::PeekMut::pop(next).0.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_stamp_then_as_they_were_put_in() {
        let mut outbox = Outbox::default();
        for (output, stamp) in [(0, 5), (1, 3), (2, 5), (3, 9)] {
            outbox.put(SimulatedEvent { output, stamp, key: vec![], json: vec![] });
        }
        let mut take = |until| outbox.take(until).map(|event| event.output);
        assert_eq!(
            [take(2), take(5), take(5), take(5), take(5), take(9)],
            [None, Some(1), Some(0), Some(2), None, Some(3)]
        );
        assert_eq!(outbox.next_stamp(), None);
    }
}
