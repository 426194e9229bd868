//! What every object begins with.

use std::collections::BTreeMap;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_plan::{Deployment, FileKind, OutputFile, Unit, UnitKind, names};
use serde::Serialize;

use crate::tree::{At, NoTree, Node, node};
use crate::yaml::documents;

/// Labels or annotations.
pub type Labels = BTreeMap<String, String>;

/// Metadata of an object.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Metadata {
    /// Name.
    pub name: Option<At<String>>,
    /// Labels.
    pub labels: Option<Labels>,
    /// Annotations.
    pub annotations: Option<Labels>,
}

/// An object with a `spec`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<S> {
    /// `apps/v1`.
    pub api_version: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// Name, labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: S,
}

/// The comment at the head of each file.
pub const HEAD: &str = "Written by `fec compile`: changes made here are lost with the next one.";

/// Labels by which the objects of a unit are found: they never change.
#[must_use]
pub fn selector(deployment: &Deployment<'_>, unit: &Unit) -> Labels {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), names::of_unit(unit)),
        ("app.kubernetes.io/instance".to_owned(), names::solution(deployment)),
    ])
}

/// The recommended labels of an object of the whole solution.
#[must_use]
pub fn labels(deployment: &Deployment<'_>, name: &str, component: &str) -> Labels {
    let mut labels = BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), names::label(name)),
        ("app.kubernetes.io/instance".to_owned(), names::solution(deployment)),
        ("app.kubernetes.io/part-of".to_owned(), names::solution(deployment)),
        ("app.kubernetes.io/component".to_owned(), component.to_owned()),
        ("app.kubernetes.io/managed-by".to_owned(), "fec".to_owned()),
    ]);
    if !deployment.ir.version.is_empty() {
        labels.insert("app.kubernetes.io/version".to_owned(), names::label(&deployment.ir.version));
    }
    labels
}

/// The recommended labels of an object of a unit.
#[must_use]
pub fn unit_labels(deployment: &Deployment<'_>, unit: &Unit) -> Labels {
    let component = match unit.kind {
        UnitKind::Worker => "worker",
        UnitKind::Service => "service",
        UnitKind::Job => "job",
    };
    labels(deployment, &names::of_unit(unit), component)
}

/// Metadata of an object of a unit; its docs are an annotation.
#[must_use]
pub fn unit_metadata(deployment: &Deployment<'_>, unit: &Unit) -> Metadata {
    let docs = unit.docs.trim();
    Metadata {
        name: Some(At::new(unit.span, names::of_unit(unit))),
        labels: Some(unit_labels(deployment, unit)),
        annotations: (!docs.is_empty()).then(|| BTreeMap::from([(DESCRIPTION.to_owned(), docs.to_owned())])),
    }
}

/// The annotation for what an object is about.
pub const DESCRIPTION: &str = "kubernetes.io/description";

/// Metadata of an object of the whole solution.
#[must_use]
pub fn metadata(deployment: &Deployment<'_>, name: &str, component: &str) -> Metadata {
    Metadata {
        name: Some(At::new(None, name.to_owned())),
        labels: Some(labels(deployment, name, component)),
        annotations: None,
    }
}

/// A file of one or several objects, below its folder.
///
/// # Errors
/// A defect of the backend, as a diagnostic.
pub fn file(
    path: String,
    kind: FileKind,
    source: Option<Span>,
    objects: Result<Vec<Node>, NoTree>,
) -> Result<OutputFile, Box<Diagnostic>> {
    let objects = objects.map_err(|error| {
        let place = source.unwrap_or_default();
        Box::new(Diagnostic::error(codes::E0990, place, format!("`{path}` cannot be written: {error}")))
    })?;
    let mut written = documents(&[HEAD], &objects);
    // Parts without a place of their own are the file's.
    if let Some(source) = source
        && written.lines.first().is_none_or(|(line, _)| *line > 1)
    {
        written.lines.insert(0, (1, source));
    }
    Ok(OutputFile { path, kind, contents: written.text.into_bytes(), source, lines: written.lines })
}

/// An object as a tree that came from a place.
///
/// # Errors
/// See [`node`].
pub fn placed<T: Serialize>(span: Option<Span>, object: T) -> Result<Node, NoTree> {
    node(&At::new(span, object))
}
