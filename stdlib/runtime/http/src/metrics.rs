//! Counters and latencies of endpoints in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS: [u64; 10] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// Latencies of one endpoint.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Adds one request.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            if micros <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Requests by endpoint and status, and their latencies.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    latencies: Mutex<BTreeMap<String, std::sync::Arc<Histogram>>>,
}

impl Metrics {
    /// Counts a request to `endpoint` that was answered with `status` after `took`.
    pub fn count(&self, endpoint: &str, status: u16, took: Duration) {
        if let Ok(mut requests) = self.requests.lock() {
            *requests.entry((endpoint.to_owned(), status)).or_insert(0) += 1;
        }
        if let Ok(mut latencies) = self.latencies.lock() {
            match latencies.get(endpoint) {
                Some(histogram) => histogram.observe(took),
                None => latencies.entry(endpoint.to_owned()).or_default().observe(took),
            }
        }
    }

    /// Everything counted so far.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::from("# TYPE fec_requests_total counter\n");
        if let Ok(requests) = self.requests.lock() {
            for ((endpoint, status), count) in &*requests {
                let _ = writeln!(out, "fec_requests_total{{endpoint=\"{endpoint}\",status=\"{status}\"}} {count}");
            }
        }
        out.push_str("# TYPE fec_request_seconds histogram\n");
        if let Ok(latencies) = self.latencies.lock() {
            for (endpoint, histogram) in &*latencies {
                for (bound, bucket) in BOUNDS.iter().zip(&histogram.buckets) {
                    let (count, seconds) = (bucket.load(Ordering::Relaxed), *bound as f64 / 1e6);
                    let _ =
                        writeln!(out, "fec_request_seconds_bucket{{endpoint=\"{endpoint}\",le=\"{seconds}\"}} {count}");
                }
                let count = histogram.count.load(Ordering::Relaxed);
                let sum = histogram.micros.load(Ordering::Relaxed) as f64 / 1e6;
                let _ = writeln!(out, "fec_request_seconds_bucket{{endpoint=\"{endpoint}\",le=\"+Inf\"}} {count}");
                let _ = writeln!(out, "fec_request_seconds_sum{{endpoint=\"{endpoint}\"}} {sum}");
                let _ = writeln!(out, "fec_request_seconds_count{{endpoint=\"{endpoint}\"}} {count}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_endpoint_and_status() {
        let metrics = Metrics::default();
        metrics.count("/score", 200, Duration::from_micros(300));
        metrics.count("/score", 200, Duration::from_micros(3));
        metrics.count("/score", 422, Duration::from_micros(3));
        let text = metrics.render();
        assert!(text.contains("fec_requests_total{endpoint=\"/score\",status=\"200\"} 2\n"), "{text}");
        assert!(text.contains("fec_requests_total{endpoint=\"/score\",status=\"422\"} 1\n"), "{text}");
        assert!(text.contains("fec_request_seconds_bucket{endpoint=\"/score\",le=\"0.0001\"} 2\n"), "{text}");
        assert!(text.contains("fec_request_seconds_count{endpoint=\"/score\"} 3\n"), "{text}");
    }
}
