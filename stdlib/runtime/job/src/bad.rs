//! Rows of a job that cannot be computed.

use std::collections::{BTreeMap, BTreeSet};

use flow_operators::operator::DeadLetter;
use flow_operators::order::{Order, UNPLACED};
use flow_task::{RunError, SourceSpec};
use serde::{Deserialize, Serialize};

/// What a part of a job left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// How many rows.
    pub rows: u64,
    /// Where the first one stands and what is wrong with it.
    pub first: Option<String>,
    /// The statement that left them out, where several parts do so for it; then several rows of one place count once.
    #[serde(default)]
    pub statement: Option<usize>,
    /// Their places, where they count once: arrival, source, partition, offset.
    #[serde(default)]
    pub places: Vec<(i64, u32, u32, i64)>,
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
        let mut rows = 0;
        let mut first = None;
        for letter in letters.iter().filter(|letter| !is_refusal(letter)) {
            rows += 1;
            first.get_or_insert_with(|| {
                if letter.order.arrived == UNPLACED {
                    return format!("one of a table or a group, {}", letter.detail);
                }
                let source = sources.get(letter.order.event_origin().source as usize);
                let source = source.map_or("a part of a split", |source| source.name.as_str());
                format!("offset {} of `{source}`, {}", letter.order.offset, letter.detail)
            });
        }
        Self { rows, first, ..Self::default() }
    }

    /// The same, left out for a statement. Rows without a place count one by one.
    #[must_use]
    pub fn for_statement(self, statement: usize, letters: &[DeadLetter]) -> Self {
        let place = |(number, order): (i64, Order)| match order.arrived {
            UNPLACED => (UNPLACED, 0, 0, number),
            arrived => (arrived, order.origin.source, order.origin.partition, order.offset),
        };
        let places: BTreeSet<_> = (0..).zip(letters.iter().map(|letter| letter.order)).map(place).collect();
        Self { statement: Some(statement), places: places.into_iter().collect(), ..self }
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

    /// How many they are: of one statement several rows of one place count once.
    fn count(&self) -> u64 {
        let mut count = 0;
        let mut of_statements: BTreeMap<usize, BTreeSet<(i64, u32, u32, i64)>> = BTreeMap::new();
        for (_, bad) in &self.parts {
            match bad.statement {
                Some(statement) => of_statements.entry(statement).or_default().extend(&bad.places),
                None => count += bad.rows,
            }
        }
        count + of_statements.values().map(|places| places.len() as u64).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flow_core::fault::Fault;
    use flow_operators::operator::Reason;

    use super::*;

    fn told(bad: &BadRows, tolerate: u64) -> String {
        bad.check("nightly", tolerate).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn as_many_bad_rows_as_are_tolerated_are_tolerated_and_not_one_more() {
        let bad = |rows| Bad { rows, first: Some(format!("offset {rows} of `sales`, why")), ..Bad::default() };
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
    fn what_several_parts_leave_out_for_one_statement_counts_once() {
        let bad = |statement, places: &[i64]| Bad {
            rows: 9,
            first: None,
            statement: Some(statement),
            places: places.iter().map(|offset| (0, 0, 0, *offset)).collect(),
        };
        let mut rows = BadRows { accepted: 10, ..BadRows::default() };
        rows.add("training", bad(4, &[1, 2]));
        rows.add("evaluation", bad(4, &[2, 3]));
        assert_eq!(told(&rows, 300_000), "", "three places");
        assert!(told(&rows, 299_999).contains("3 of 10"));
        rows.add("other training", bad(5, &[1]));
        assert!(told(&rows, 300_000).contains("4 of 10"), "of another statement it counts again");
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
        let letters = [group, group, group, Order::default(), Order::default()].map(letter);
        let bad = Bad::of(&letters, &[]).for_statement(1, &letters);
        let mut rows = BadRows { accepted: 10, ..BadRows::default() };
        rows.add("training", bad.clone());
        rows.add("evaluation", bad);
        assert_eq!(told(&rows, 400_000), "", "three of a group, and two of one place");
        let said = told(&rows, 399_999);
        assert!(said.contains("4 of 10 rows cannot be computed, the first: one of a table or a group, why"), "{said}");
    }
}
