//! Counters and latencies of endpoints in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS: [u64; 10] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// Latencies of one endpoint.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Requests within each bound and above the one before it; then those above all.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    /// Adds one request.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Requests to one endpoint by status, and their latencies.
#[derive(Debug, Default)]
pub struct EndpointMetrics {
    statuses: RwLock<BTreeMap<u16, AtomicU64>>,
    latencies: Histogram,
}

impl EndpointMetrics {
    /// Counts a request that was answered with `status` after `took`.
    pub fn count(&self, status: u16, took: Duration) {
        self.latencies.observe(took);
        if let Ok(statuses) = self.statuses.read()
            && let Some(requests) = statuses.get(&status)
        {
            requests.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Ok(mut statuses) = self.statuses.write() {
            statuses.entry(status).or_default().fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Requests by endpoint and status, and their latencies.
#[derive(Debug, Default)]
pub struct Metrics {
    endpoints: Mutex<BTreeMap<String, Arc<EndpointMetrics>>>,
}

impl Metrics {
    /// The counters of an endpoint, which are to be kept beside it: a request then looks nothing up.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Arc<EndpointMetrics> {
        match self.endpoints.lock() {
            Ok(mut endpoints) => Arc::clone(endpoints.entry(name.to_owned()).or_default()),
            Err(_) => Arc::default(),
        }
    }

    /// Everything counted so far.
    #[must_use]
    pub fn render(&self) -> String {
        let mut requests = String::from("# TYPE fec_requests_total counter\n");
        let mut latencies = String::from("# TYPE fec_request_seconds histogram\n");
        let Ok(endpoints) = self.endpoints.lock() else { return requests + &latencies };
        for (endpoint, metrics) in &*endpoints {
            let Ok(statuses) = metrics.statuses.read() else { continue };
            for (status, count) in &*statuses {
                let count = count.load(Ordering::Relaxed);
                let _ = writeln!(requests, "fec_requests_total{{endpoint=\"{endpoint}\",status=\"{status}\"}} {count}");
            }
            if statuses.is_empty() {
                continue;
            }
            let mut count = 0;
            let bounds = BOUNDS.iter().map(|bound| (*bound as f64 / 1e6).to_string()).chain(["+Inf".to_owned()]);
            for (bound, bucket) in bounds.zip(&metrics.latencies.buckets) {
                count += bucket.load(Ordering::Relaxed);
                let _ =
                    writeln!(latencies, "fec_request_seconds_bucket{{endpoint=\"{endpoint}\",le=\"{bound}\"}} {count}");
            }
            let sum = metrics.latencies.micros.load(Ordering::Relaxed) as f64 / 1e6;
            let _ = writeln!(latencies, "fec_request_seconds_sum{{endpoint=\"{endpoint}\"}} {sum}");
            let _ = writeln!(latencies, "fec_request_seconds_count{{endpoint=\"{endpoint}\"}} {count}");
        }
        requests + &latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_endpoint_and_status() {
        let metrics = Metrics::default();
        let score = metrics.endpoint("/score");
        let _quiet = metrics.endpoint("/quiet");
        score.count(200, Duration::from_micros(300));
        score.count(200, Duration::from_micros(100));
        metrics.endpoint("/score").count(422, Duration::from_micros(3));
        score.count(200, Duration::from_secs(9));
        let text = metrics.render();
        assert!(text.contains("fec_requests_total{endpoint=\"/score\",status=\"200\"} 3\n"), "{text}");
        assert!(text.contains("fec_requests_total{endpoint=\"/score\",status=\"422\"} 1\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"0.0001\"} 2\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"1\"} 3\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"+Inf\"} 4\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"0.00025\"} 2\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"0.0005\"} 3\n"), "{text}");
        assert!(text.contains("fec_request_seconds_sum{endpoint=\"/score\"} 9.000403\n"), "{text}");
        assert!(!text.contains("/quiet"), "{text}");
        assert!(text.contains("fec_request_seconds_count{endpoint=\"/score\"} 4\n"), "{text}");
    }
}
