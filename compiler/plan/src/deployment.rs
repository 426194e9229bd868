//! The processes of a solution.

use fec_diagnostics::Span;
use fec_ir::Ir;
use fec_ir::ir::FlowPlan;
use fec_model::model::{Plane, Target};

use crate::names::{folded, hash};

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// Reads streams without end, keeps state, writes to sinks.
    Worker,
    /// Answers requests.
    Service,
    /// Runs to its end.
    Job,
}

/// One process: what is built, deployed and scaled on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name: `ENGINE-NAME`, `NAME` outside of an engine, `SOLUTION-features` for the worker that only keeps features.
    /// As declared: each backend makes it valid for its own place.
    pub name: String,
    /// The name of its binary: its name in ASCII, such as every file system and cargo take it, and no other unit's.
    pub binary: String,
    /// What it does.
    pub kind: UnitKind,
    /// The path of its flow; none for the worker that only keeps features.
    pub flow: Option<String>,
    /// Whether it judges the records of the sources and keeps the feature sets that services read: one worker of a
    /// solution does.
    pub keeps_features: bool,
    /// Docs of the flow.
    pub docs: String,
    /// Where it was declared.
    pub span: Option<Span>,
}

/// A solution as it is deployed to a target.
#[derive(Debug, Clone)]
pub struct Deployment<'a> {
    /// The optimised plan.
    pub ir: &'a Ir,
    /// The target; none is the local one with its defaults.
    pub target: Option<&'a Target>,
    /// Its processes: workers, services, jobs, each in the order of their names.
    pub units: Vec<Unit>,
}

/// Divides a solution into processes.
///
/// Every stream is a worker, every service a service, every job a job. The feature sets that services read, and the
/// refusals of the sources, belong to one worker: to that of the only stream where there is exactly one, which so keeps
/// one state instead of two; else to a worker of their own.
#[must_use]
pub fn deployment<'a>(ir: &'a Ir, target: Option<&'a Target>) -> Deployment<'a> {
    let streams = ir.flows.iter().filter(|flow| flow.plane == Plane::Stream).count();
    let mut units: Vec<Unit> = ir.flows.iter().map(|flow| unit(flow, streams == 1)).collect();
    if streams != 1 {
        units.push(Unit {
            name: format!("{}-features", ir.name),
            binary: String::new(),
            kind: UnitKind::Worker,
            flow: None,
            keeps_features: true,
            docs: "Judges the records of the sources and keeps the feature sets.".to_owned(),
            span: None,
        });
    }
    units.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let mut taken: Vec<String> = Vec::new();
    for unit in &mut units {
        unit.binary = binary(&unit.name, &taken);
        taken.push(unit.binary.to_lowercase());
    }
    Deployment { ir, target, units }
}

/// Folders of cargo's own beside the binaries.
const FOLDERS: [&str; 4] = ["build", "deps", "examples", "incremental"];

/// The longest name of a binary. Cargo and those who write manifests add to it, and file systems take 255 bytes.
const BINARY: usize = 150;

/// A name in ASCII letters, digits, `-` and `_` that begins with a letter, with a hash at its end where it would be too
/// long, numbered where it is taken.
fn binary(name: &str, taken: &[String]) -> String {
    let mut plain = String::new();
    for letter in name.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => plain.push(letter),
            letter if letter.is_alphanumeric() => plain.push_str(&format!("u{:x}", u32::from(letter))),
            _ => plain.push('-'),
        }
    }
    if !plain.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        plain.insert(0, 'n');
    }
    if plain.len() > BINARY {
        plain.truncate(BINARY - 9);
        plain.push_str(&format!("-{:08x}", folded(hash(name.as_bytes()))));
    }
    let is_free = |name: &String| {
        let name = name.to_lowercase();
        !taken.contains(&name) && !FOLDERS.contains(&name.as_str())
    };
    let numbered = (2u32..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain)
}

fn unit(flow: &FlowPlan, is_only_stream: bool) -> Unit {
    let kind = match flow.plane {
        Plane::Batch => UnitKind::Job,
        Plane::Stream => UnitKind::Worker,
        Plane::Online => UnitKind::Service,
    };
    Unit {
        name: flow.path.replace('.', "-"),
        binary: String::new(),
        kind,
        flow: Some(flow.path.clone()),
        keeps_features: kind == UnitKind::Worker && is_only_stream,
        docs: flow.docs.clone(),
        span: Some(flow.span),
    }
}

#[cfg(test)]
mod tests {
    use super::binary;

    #[test]
    fn binaries_have_plain_names_of_their_own() {
        let names = ["scoring-score", "Scoring-Score", "1e3", "on", "build", "得分", "a b", "_"];
        let mut taken: Vec<String> = Vec::new();
        let given: Vec<String> = names
            .iter()
            .map(|name| {
                let name = binary(name, &taken);
                taken.push(name.to_lowercase());
                name
            })
            .collect();
        let wanted = ["scoring-score", "Scoring-Score-2", "n1e3", "on", "build-2", "u5f97u5206", "a-b", "n_"];
        assert_eq!(given, wanted);
    }

    #[test]
    fn binaries_of_long_names_are_short_and_told_apart() {
        let long = |end: &str| binary(&format!("{}-{}{end}", "a".repeat(70), "数".repeat(69)), &[]);
        let (one, other) = (long("一"), long("二"));
        assert_eq!((one.len(), other.len()), (150, 150));
        assert!(one != other && one == long("一"));
    }
}
