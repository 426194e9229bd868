//! How fresh feature sets are: when the newest record that is in them arrived.

use std::fmt::Write;

use flow_log::Cut;

use crate::spec::SourceSpec;

/// A feature set, and the streams that its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSources {
    /// The set.
    pub set: String,
    /// The names of the streams.
    pub sources: Vec<String>,
}

impl FeatureSources {
    /// The set, and the streams that its values come from.
    #[must_use]
    pub fn new(set: &str, sources: &[&str]) -> Self {
        Self { set: set.to_owned(), sources: sources.iter().map(|source| (*source).to_owned()).collect() }
    }
}

/// What tells how fresh feature sets are.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// Of each set its name, and what the partitions that it reads are called.
    sets: Vec<(String, Vec<String>)>,
}

impl Freshness {
    /// For these sets, over the sources of a solution.
    #[must_use]
    pub fn new(sets: &[FeatureSources], sources: &[SourceSpec]) -> Self {
        let topics = |set: &FeatureSources| {
            let read = sources.iter().filter(|source| set.sources.contains(&source.name));
            // From a file, or from the topic: a cut has one of them.
            read.flat_map(|source| [source.topic.clone(), file_topic(&source.name)]).collect()
        };
        Self { sets: sets.iter().map(|set| (set.set.clone(), topics(set))).collect() }
    }

    /// Lines for `/metrics`: `fec_feature_time_seconds`, once everything up to `cut` is applied. A set without a record has
    /// none.
    #[must_use]
    pub fn lines(&self, cut: &Cut) -> String {
        let mut text = String::new();
        for (set, topics) in &self.sets {
            let is_read = |topic: &str| topics.iter().any(|known| known == topic);
            let marks = cut.0.iter().filter(|(partition, _)| is_read(&partition.topic));
            let newest = marks.map(|(_, mark)| mark.arrived).filter(|arrived| *arrived > i64::MIN).max();
            if let Some(newest) = newest {
                if text.is_empty() {
                    text.push_str("# TYPE fec_feature_time_seconds gauge\n");
                }
                let seconds = newest as f64 / 1e6;
                // Writing to a string does not fail.
                let _ = writeln!(text, "fec_feature_time_seconds{{features=\"{set}\"}} {seconds}");
            }
        }
        text
    }
}

/// What the partitions of a source's file are called in a cut.
#[must_use]
pub fn file_topic(source: &str) -> String {
    format!("file:{source}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flow_core::types::Schema;
    use flow_log::{Mark, PartitionId};

    use super::*;
    use crate::spec::Shape;

    #[test]
    fn each_set_tells_when_its_newest_record_arrived() {
        let source = |name: &str| SourceSpec::new(name, Shape::Stream, Schema { fields: Vec::new() });
        let sets = [
            FeatureSources::new("by_card", &["payments"]),
            FeatureSources::new("disputes", &["chargebacks", "payments"]),
            FeatureSources::new("visits", &["clicks"]),
        ];
        // A file goes by the name of its source, and a topic by its own.
        let chargebacks = SourceSpec { topic: "disputed".to_owned(), ..source("chargebacks") };
        let freshness = Freshness::new(&sets, &[chargebacks, source("clicks"), source("payments")]);
        let at = |arrived| Mark { next: 1, arrived };
        let cut = Cut(BTreeMap::from([
            (PartitionId::new("payments", 0), at(2_500_000)),
            (PartitionId::new("payments", 1), at(1_000_000)),
            (PartitionId::new("file:chargebacks", 0), at(7_000_000)),
            (PartitionId::new("clicks", 0), Mark::START),
        ]));
        let wanted = "# TYPE fec_feature_time_seconds gauge\n\
                      fec_feature_time_seconds{features=\"by_card\"} 2.5\n\
                      fec_feature_time_seconds{features=\"disputes\"} 7\n";
        assert_eq!(freshness.lines(&cut), wanted);
        assert_eq!(freshness.lines(&Cut::default()), "");
    }
}
