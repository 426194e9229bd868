//! What a backend is: a pure function from the deployment plan to files.

use fec_diagnostics::{Diagnostic, Span};

use crate::deployment::Deployment;

/// What a file is for, as `manifest.json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// Rust of a generated crate, or its manifest.
    Crate,
    /// A runtime crate laid beside the generated ones.
    Runtime,
    /// An Argo resource.
    Argo,
    /// A Kubernetes resource.
    Kubernetes,
    /// What an image is built from.
    Image,
    /// The plan, or the list of files.
    Plan,
}

impl FileKind {
    /// The word in `manifest.json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Crate => "crate",
            Self::Runtime => "runtime",
            Self::Argo => "argo",
            Self::Kubernetes => "kubernetes",
            Self::Image => "image",
            Self::Plan => "plan",
        }
    }
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Path below the output folder, with `/`.
    pub path: String,
    /// What it is for.
    pub kind: FileKind,
    /// Its bytes.
    pub contents: Vec<u8>,
    /// The declaration that it came from; none for files that stand for the whole solution.
    pub source: Option<Span>,
    /// Where parts of it came from: from this line (counted from 1) on, up to the next entry. Ascending.
    pub lines: Vec<(u32, Span)>,
}

/// What a backend gives.
#[derive(Debug, Default)]
pub struct Generated {
    /// Files, in the order of their paths.
    pub files: Vec<OutputFile>,
    /// What could not be said in this target, or is said with a reservation.
    pub diagnostics: Vec<Diagnostic>,
}

/// Turns a deployment plan into files: deterministic, without I/O.
pub trait Backend {
    /// Its name, which is its folder below the output folder.
    fn name(&self) -> &'static str;

    /// The files of this backend.
    fn generate(&self, deployment: &Deployment<'_>) -> Generated;
}
