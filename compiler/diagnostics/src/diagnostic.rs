//! What a stage found, as data.

use crate::codes::Code;
use crate::span::Span;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program is wrong: nothing is compiled or run.
    Error,
    /// The program is right, but does something its author hardly wants.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A remark on a place. On the diagnostic's own span it says what is wrong there, elsewhere why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// Lower case, no final period, the user's text in backticks.
    pub message: String,
}

/// Replaces the text of a span; an empty span inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// What stands there instead.
    pub text: String,
}

/// A repair that is certain enough to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in lower case: ``remove the `??` ``.
    pub title: String,
    /// Edits that do not overlap.
    pub edits: Vec<Edit>,
}

/// One mistake: its code, place, message, reasons and repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The entry in the registry of codes.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in the user's terms: lower case, no final period, the user's text in backticks.
    pub message: String,
    /// The exact text that is wrong.
    pub span: Span,
    /// Remarks, on `span` itself or elsewhere.
    pub labels: Vec<Label>,
    /// Hints, where the repair is not certain.
    pub help: Vec<String>,
    /// Repairs, where they are.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    /// `E0900`: a construct of the language that this version does not have yet. `what` names it with its article, as
    /// ``a `component` ``.
    pub fn not_yet(span: Span, what: &str) -> Self {
        Self::error(crate::codes::E0900, span, format!("{what} is not there yet"))
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        Self { code, severity, message, span, labels: Vec::new(), help: Vec::new(), fixes: Vec::new() }
    }

    /// Adds a remark on a place.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Adds a remark on the diagnostic's own place.
    #[must_use]
    pub fn here(self, message: impl Into<String>) -> Self {
        let span = self.span;
        self.label(span, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a repair of one edit.
    #[must_use]
    pub fn fix(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix_all(title, vec![Edit { span, text: text.into() }])
    }

    /// Adds a repair of several edits.
    #[must_use]
    pub fn fix_all(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fixes.push(Fix { title: title.into(), edits });
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Whether any of them is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Sorts by file, place and code, and drops repetitions: the order in which they are reported.
pub fn in_source_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by(|a, b| (a.span, a.code.id(), &a.message).cmp(&(b.span, b.code.id(), &b.message)));
    diagnostics.dedup();
    diagnostics
}
