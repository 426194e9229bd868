//! Rows of a job that cannot be computed.

use std::collections::{BTreeMap, BTreeSet};

use flow_operators::operator::DeadLetter;
use flow_operators::order::UNPLACED;
use flow_task::{RunError, SourceSpec};
use serde::{Deserialize, Serialize};

/// The event that a row came from: source, partition, offset.
type Place = (u32, u32, i64);

/// What a part of a job left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// The events whose rows were left out, in order.
    pub places: Vec<Place>,
    /// How many rows of no event, as those of tables and groups.
    pub unplaced: u64,
    /// Where the first one stands and what is wrong with it.
    pub first: Option<String>,
    /// The statement that left them out, where several parts do so for it: they read the same rows.
    #[serde(default)]
    pub statement: Option<usize>,
}

/// What the parts of a job left out, and how much there was.
#[derive(Debug, Clone, Default)]
pub struct BadRows {
    /// The rows that went in.
    pub accepted: u64,
    parts: Vec<(String, Bad)>,
}

impl Bad {
    /// The letters that are no refusals of a source.
    #[must_use]
    pub fn of(letters: &[DeadLetter], sources: &[SourceSpec]) -> Self {
        let is_refusal = |letter: &DeadLetter| sources.iter().any(|source| source.name == *letter.flow);
        let (mut places, mut unplaced, mut first) = (BTreeSet::new(), 0, None);
        for letter in letters.iter().filter(|letter| !is_refusal(letter)) {
            let (is_placed, origin) = (letter.order.arrived != UNPLACED, letter.order.event_origin());
            if is_placed {
                places.insert((origin.source, origin.partition, letter.order.offset));
            } else {
                unplaced += 1;
            }
            first.get_or_insert_with(|| {
                if !is_placed {
                    return format!("one of a table or a group, {}", letter.detail);
                }
                let source = sources.get(origin.source as usize);
                let source = source.map_or("a part of a split", |source| source.name.as_str());
                format!("offset {} of `{source}`, {}", letter.order.offset, letter.detail)
            });
        }
        Self { places: places.into_iter().collect(), unplaced, first, statement: None }
    }

    /// The same, left out for a statement.
    #[must_use]
    pub fn for_statement(self, statement: usize) -> Self {
        Self { statement: Some(statement), ..self }
    }
}

impl BadRows {
    /// Takes in what a part left out; a part that is told again is the same.
    pub fn add(&mut self, part: &str, bad: Bad) {
        if !self.parts.iter().any(|(known, _)| known == part) {
            self.parts.push((part.to_owned(), bad));
        }
    }

    /// Bad rows fail a job, unless they are at most `tolerate` of a million of those that went in.
    ///
    /// # Errors
    /// Names the first one.
    pub fn check(&self, job: &str, tolerate: u64) -> Result<(), RunError> {
        let count = self.count();
        if u128::from(count) * 1_000_000 <= u128::from(tolerate) * u128::from(self.accepted) {
            return Ok(());
        }
        let said = self.said(job, count);
        Err(RunError::Program(format!("{said}; correct them, or allow some with @tolerate")))
    }

    /// What a job that has tolerated them says of its bad rows; nothing where there are none.
    #[must_use]
    pub fn tolerated(&self, job: &str) -> Option<String> {
        let count = self.count();
        (count > 0).then(|| format!("{}; @tolerate allows it", self.said(job, count)))
    }

    fn said(&self, job: &str, count: u64) -> String {
        let first = self.parts.iter().find_map(|(_, bad)| bad.first.as_deref()).unwrap_or_default();
        format!("job `{job}`: {count} of {} rows cannot be computed, the first: {first}", self.accepted)
    }

    /// How many they are: an event counts once, however many of its rows were left out and however often; rows of none
    /// count one by one, once for a statement.
    fn count(&self) -> u64 {
        let mut places: BTreeSet<Place> = BTreeSet::new();
        let mut unplaced = 0;
        let mut of_statements: BTreeMap<usize, u64> = BTreeMap::new();
        for (_, bad) in &self.parts {
            places.extend(&bad.places);
            match bad.statement {
                Some(statement) => {
                    let most = of_statements.entry(statement).or_default();
                    *most = bad.unplaced.max(*most);
                }
                None => unplaced += bad.unplaced,
            }
        }
        places.len() as u64 + unplaced + of_statements.values().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_core::fault::Fault;
    use flow_operators::operator::Reason;
    use flow_operators::order::Order;

    use super::*;

    fn told(bad: &BadRows, tolerate: u64) -> String {
        bad.check("nightly", tolerate).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn as_many_bad_rows_as_are_tolerated_are_tolerated_and_not_one_more() {
        let bad =
            |unplaced| Bad { unplaced, first: Some(format!("offset {unplaced} of `sales`, why")), ..Bad::default() };
        let mut rows = BadRows { accepted: 1_000, ..BadRows::default() };
        assert_eq!(told(&rows, 0), "", "none is bad");
        assert_eq!(rows.tolerated("nightly"), None);
        rows.add("history", bad(3));
        rows.add("history", bad(90));
        rows.add("rows-1", bad(2));
        // Five of a thousand are 5,000 of a million.
        assert_eq!(told(&rows, 5_000), "");
        let said = told(&rows, 4_999);
        assert!(said.contains("job `nightly`: 5 of 1000 rows cannot be computed, the first: offset 3 of"), "{said}");
        assert!(said.ends_with("correct them, or allow some with @tolerate"), "{said}");
        assert_eq!(
            rows.tolerated("nightly").as_deref(),
            Some(
                "job `nightly`: 5 of 1000 rows cannot be computed, the first: offset 3 of `sales`, why; @tolerate allows it"
            )
        );
    }

    #[test]
    fn an_event_that_several_parts_leave_out_counts_once() {
        let bad =
            |places: &[i64]| Bad { places: places.iter().map(|offset| (0, 0, *offset)).collect(), ..Bad::default() };
        let mut rows = BadRows { accepted: 10, ..BadRows::default() };
        rows.add("training", bad(&[1, 2]).for_statement(4));
        rows.add("evaluation", bad(&[2, 3]).for_statement(4));
        rows.add("emitted-5", bad(&[1, 3]));
        assert_eq!(told(&rows, 300_000), "", "three events");
        assert!(told(&rows, 299_999).contains("3 of 10"));
        rows.add("emitted-6", Bad { places: vec![(1, 0, 1), (0, 1, 1)], ..Bad::default() });
        assert!(told(&rows, 499_999).contains("5 of 10"), "of another source or partition it is another one");
    }

    #[test]
    fn rows_without_a_place_count_one_by_one_and_are_no_offset_of_a_source() {
        let letter = |order| DeadLetter {
            flow: Arc::from("nightly"),
            order,
            reason: Reason::Fault(Fault::NotFinite),
            detail: "why".to_owned(),
        };
        let group = Order { arrived: UNPLACED, ..Order::default() };
        let event = Order { offset: 7, ..Order::default() };
        // What time has released of an event is that event's.
        let released = Order::released(event, 90);
        let bad = Bad::of(&[group, group, group, event, event, released].map(letter), &[]);
        let mut rows = BadRows { accepted: 10, ..BadRows::default() };
        rows.add("training", bad.clone().for_statement(1));
        rows.add("evaluation", bad.clone().for_statement(1));
        assert_eq!(told(&rows, 400_000), "", "three of a group, and an event");
        let said = told(&rows, 399_999);
        assert!(said.contains("4 of 10 rows cannot be computed, the first: one of a table or a group, why"), "{said}");
        rows.add("emitted-4", bad);
        assert!(told(&rows, 699_999).contains("7 of 10"), "a group's rows of another part are others");
    }
}
