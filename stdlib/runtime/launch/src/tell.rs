//! What a process prints: the lines of `fec run`.

use std::io::{self, Write};

use flow_http::Server;
use flow_job::ModelOutcome;
use flow_operators::accept::Counters;
use flow_task::RunError;
use flow_task::output::Summary;
use serde_json::{Map, Value, json};

/// Prints on stdout, as text or JSON.
pub(crate) struct Teller {
    pub json: bool,
}

impl Teller {
    fn line(&self, text: &str) -> Result<(), RunError> {
        match writeln!(io::stdout(), "{text}") {
            Ok(()) => Ok(()),
            // Whoever read has gone; the work goes on.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(RunError::Environment(format!("stdout cannot be written: {error}"))),
        }
    }

    /// It answers, if not yet from all of history; gives where.
    pub fn serving(&self, server: &Server) -> String {
        let url = format!("http://{}", server.address());
        if !self.json {
            eprintln!("serving on {url} (ready once history is applied)");
        }
        url
    }

    /// Something worth a line.
    pub fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }

    /// History is applied.
    pub fn ready(&self, url: Option<&str>, ms: u128) -> Result<(), RunError> {
        let ms = u64::try_from(ms).unwrap_or(u64::MAX);
        if self.json {
            return self.line(&json!({ "event": "ready", "url": url, "ms": ms }).to_string());
        }
        self.line(&format!("ready after {ms} ms"))
    }

    /// A model was offered.
    pub fn model(&self, model: &ModelOutcome) -> Result<(), RunError> {
        if self.json { self.line(&model.event().to_string()) } else { self.line(&model.line()) }
    }

    /// The counts at the end.
    pub fn summary(&self, summary: &Summary) -> Result<(), RunError> {
        let lines = if self.json { vec![event(summary).to_string()] } else { lines(summary) };
        lines.iter().try_for_each(|line| self.line(line))
    }
}

/// The counts for programs.
fn event(summary: &Summary) -> Value {
    let mut sources = Map::new();
    for (name, (counts, dead)) in &summary.sources {
        let counts = json!({
            "accepted": counts.accepted,
            "late": counts.late,
            "ahead": counts.ahead,
            "repeated": counts.repeated,
            "dead": dead,
        });
        sources.insert(name.clone(), counts);
    }
    json!({ "event": "summary", "sources": Value::Object(sources), "sinks": summary.sinks })
}

/// The counts for people.
fn lines(summary: &Summary) -> Vec<String> {
    let source = |(name, (counts, dead)): (&String, &(Counters, u64))| {
        format!(
            "source {name}: {} accepted, {} late, {} ahead, {} repeated, {dead} dead letters",
            counts.accepted, counts.late, counts.ahead, counts.repeated
        )
    };
    let sink = |(name, rows): (&String, &u64)| format!("sink {name}: {rows} rows");
    summary.sources.iter().map(source).chain(summary.sinks.iter().map(sink)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_count_stands_under_its_name() {
        let counts = Counters { accepted: 1, late: 2, ahead: 3, repeated: 4, malformed: 5 };
        let summary = Summary {
            sources: BTreeMap::from([("sales".to_owned(), (counts, 10))]),
            sinks: BTreeMap::from([("seen".to_owned(), 7)]),
        };
        let source = "source sales: 1 accepted, 2 late, 3 ahead, 4 repeated, 10 dead letters";
        assert_eq!(lines(&summary), [source, "sink seen: 7 rows"]);
        let sales = json!({ "accepted": 1, "late": 2, "ahead": 3, "repeated": 4, "dead": 10 });
        let told = json!({ "event": "summary", "sources": { "sales": sales }, "sinks": { "seen": 7 } });
        assert_eq!(event(&summary), told);
    }
}
