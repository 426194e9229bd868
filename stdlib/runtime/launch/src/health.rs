//! What a worker says about itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use flow_http::{Metrics, Server, Status};
use flow_log::{Log, PartitionId};
use flow_operators::accept::Counters;
use flow_task::spec::{SourceSpec, streams};
use flow_task::stream::StreamTask;
use flow_task::{Freshness, RunError};
use serde_json::json;

/// Whether a worker has applied its history, and how far it is.
#[derive(Default)]
pub(crate) struct Health {
    ready: AtomicBool,
    /// Records that are applied, and those in topics that are not.
    applied: AtomicU64,
    waiting: AtomicU64,
    metrics: RwLock<String>,
    /// Of the features that it keeps.
    freshness: OnceLock<Freshness>,
}

impl Health {
    /// Serves `/healthz`, `/readyz` and `/metrics`.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub fn serve(self: &Arc<Self>, address: SocketAddr) -> Result<Server, RunError> {
        let status: Arc<dyn Status> = Arc::clone(self) as _;
        flow_http::serve(address, &[], status, Arc::new(Metrics::default()))
            .map_err(|error| RunError::Environment(error.to_string()))
    }

    /// Tells how fresh features are, too.
    pub fn tells(&self, freshness: Freshness) {
        let _ = self.freshness.set(freshness);
    }

    /// History is applied.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Looks at how far a task is in `log`.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn look(&self, task: &StreamTask, sources: &[SourceSpec], log: &mut dyn Log) -> Result<(), RunError> {
        let mut lags = Vec::new();
        for (_, source) in streams(sources) {
            for index in 0..log.partitions(&source.topic)?.unwrap_or(0) {
                let partition = PartitionId::new(source.topic.as_str(), index);
                let lag = log.end(&partition)?.next - task.cut().mark(&partition).next;
                lags.push((source.name.as_str(), index, lag));
            }
        }
        let mut text = self.counted(task.arrived(), &task.counters(), &lags);
        if let Some(freshness) = self.freshness.get() {
            text.push_str(&freshness.lines(task.cut()));
        }
        *self.metrics.write().unwrap_or_else(PoisonError::into_inner) = text;
        Ok(())
    }

    /// Takes in how many records are applied and wait, and tells it in lines for `/metrics`: the greatest arrival, what
    /// became of the records of each source, and how many of each partition wait.
    fn counted(
        &self,
        arrived: Option<i64>,
        counters: &BTreeMap<String, Counters>,
        lags: &[(&str, u32, i64)],
    ) -> String {
        let mut text = String::new();
        let seconds = arrived.unwrap_or(0) as f64 / 1e6;
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE fec_applied_time_seconds gauge\nfec_applied_time_seconds {seconds}");
        text.push_str("# TYPE fec_records_total counter\n");
        let mut applied = 0;
        for (source, counts) in counters {
            for (outcome, count) in outcomes(*counts) {
                applied += count;
                let _ = writeln!(text, "fec_records_total{{source=\"{source}\",outcome=\"{outcome}\"}} {count}");
            }
        }
        text.push_str("# TYPE fec_lag_records gauge\n");
        for (source, index, lag) in lags {
            let _ = writeln!(text, "fec_lag_records{{source=\"{source}\",partition=\"{index}\"}} {lag}");
        }
        let waiting: i64 = lags.iter().map(|(.., lag)| *lag).sum();
        self.applied.store(applied, Ordering::Relaxed);
        self.waiting.store(u64::try_from(waiting).unwrap_or(0), Ordering::Relaxed);
        text
    }
}

/// What became of the records of a source: each of them counts once.
fn outcomes(counts: Counters) -> [(&'static str, u64); 5] {
    let Counters { accepted, late, ahead, repeated, malformed } = counts;
    [("accepted", accepted), ("late", late), ("ahead", ahead), ("repeated", repeated), ("malformed", malformed)]
}

impl Status for Health {
    fn ready(&self) -> (bool, serde_json::Value) {
        let ready = self.ready.load(Ordering::Acquire);
        if ready {
            return (ready, json!({ "ready": ready }));
        }
        let (applied, waiting) = (self.applied.load(Ordering::Relaxed), self.waiting.load(Ordering::Relaxed));
        let reason = match (applied, waiting) {
            (0, 0) => "history is being read".to_owned(),
            (applied, 0) => format!("history is being applied: {applied} records so far"),
            (applied, waiting) => {
                format!("history is being applied: {applied} records so far, and at least {waiting} to come")
            }
        };
        (ready, json!({ "ready": ready, "reason": reason }))
    }

    fn openapi(&self) -> String {
        json!({ "openapi": "3.1.0", "info": { "title": "worker", "version": "1" }, "paths": {} }).to_string()
    }

    fn metrics(&self) -> String {
        self.metrics.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_ready_says_how_far_it_is() {
        let health = Health::default();
        let told = |applied, waiting| {
            health.applied.store(applied, Ordering::Relaxed);
            health.waiting.store(waiting, Ordering::Relaxed);
            let (ready, body) = health.ready();
            (ready, body["reason"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(told(0, 0), (false, "history is being read".to_owned()));
        assert_eq!(told(7, 0), (false, "history is being applied: 7 records so far".to_owned()));
        let wanted = "history is being applied: 7 records so far, and at least 5 to come";
        assert_eq!(told(7, 5), (false, wanted.to_owned()));
        health.set_ready();
        assert_eq!(health.ready(), (true, json!({ "ready": true })));
    }

    #[test]
    fn what_is_told_is_what_is_counted() {
        let health = Health::default();
        let counts = Counters { accepted: 1, late: 2, ahead: 3, repeated: 4, malformed: 5 };
        let counters = BTreeMap::from([("sales".to_owned(), counts)]);
        let told = health.counted(Some(2_500_000), &counters, &[("sales", 0, 7), ("sales", 1, 8)]);
        let wanted = "# TYPE fec_applied_time_seconds gauge\n\
                      fec_applied_time_seconds 2.5\n\
                      # TYPE fec_records_total counter\n\
                      fec_records_total{source=\"sales\",outcome=\"accepted\"} 1\n\
                      fec_records_total{source=\"sales\",outcome=\"late\"} 2\n\
                      fec_records_total{source=\"sales\",outcome=\"ahead\"} 3\n\
                      fec_records_total{source=\"sales\",outcome=\"repeated\"} 4\n\
                      fec_records_total{source=\"sales\",outcome=\"malformed\"} 5\n\
                      # TYPE fec_lag_records gauge\n\
                      fec_lag_records{source=\"sales\",partition=\"0\"} 7\n\
                      fec_lag_records{source=\"sales\",partition=\"1\"} 8\n";
        assert_eq!(told, wanted);
        let (_, body) = health.ready();
        assert_eq!(body["reason"], "history is being applied: 15 records so far, and at least 15 to come");
    }

    #[test]
    fn each_record_counts_whatever_became_of_it() {
        let counts = Counters { accepted: 1, late: 2, ahead: 3, repeated: 4, malformed: 5 };
        let told = outcomes(counts);
        let wanted = [("accepted", 1), ("late", 2), ("ahead", 3), ("repeated", 4), ("malformed", 5)];
        assert_eq!(told, wanted);
    }
}
