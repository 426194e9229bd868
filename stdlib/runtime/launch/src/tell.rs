//! What a process prints: the lines of `fec run`.

use std::io::{self, Write};

use flow_http::Server;
use flow_job::ModelOutcome;
use flow_task::RunError;
use flow_task::output::Summary;
use serde_json::json;

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
        let lines = if self.json { vec![summary.event().to_string()] } else { summary.lines() };
        lines.iter().try_for_each(|line| self.line(line))
    }
}
