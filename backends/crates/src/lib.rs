//! A solution as a Cargo workspace: one crate that all processes share, one for each process, the runtime beside them.

mod lines;

use fec_diagnostics::{Diagnostic, Sources, Span, codes};
use fec_plan::{Backend, Deployment, FileKind, Generated, OutputFile, UnitKind};
use fec_rust::Error;
use fec_rust::ident::snake;
use fec_workspace::{Crate, FOLDER, package_name};

/// The runtime's crates, as code names them, with the packages that hold them.
const RUNTIME: [(&str, &str); 12] = [
    ("flow_core", "flow-core"),
    ("flow_formats", "flow-formats"),
    ("flow_http", "flow-http"),
    ("flow_job", "flow-job"),
    ("flow_launch", "flow-launch"),
    ("flow_learn", "flow-learn"),
    ("flow_log", "flow-log"),
    ("flow_operators", "flow-operators"),
    ("flow_parquet", "flow-parquet"),
    ("flow_serve", "flow-serve"),
    ("flow_store", "flow-store"),
    ("flow_task", "flow-task"),
];

/// Prints the crates.
pub struct Crates<'a> {
    /// The text of the solution; its files are named relative to its folder.
    pub sources: &'a Sources,
    /// The fingerprint of the plan, by which processes know state that belongs to it.
    pub fingerprint: &'a str,
}

impl Backend for Crates<'_> {
    fn name(&self) -> &'static str {
        FOLDER
    }

    fn generate(&self, deployment: &Deployment<'_>) -> Generated {
        let mut printed = Printed::default();
        let ir = deployment.ir;
        let plain = snake(&ir.name).replace('_', "-");
        let package = package_name(plain.trim_matches('-'), &[]);
        let shared = package.replace('-', "_");
        let made = fec_stream::shared_files(deployment, self.sources, self.fingerprint).map(owned);
        let description = format!("What the processes of `{}` share.", ir.name);
        let one = Crate { package, binary: None, description, runtime: Vec::new(), siblings: Vec::new() };
        printed.add(one, None, made, self.sources);
        for unit in &deployment.units {
            let word = match unit.kind {
                UnitKind::Worker => "worker",
                UnitKind::Service => "service",
                UnitKind::Job => "job",
            };
            let made = match unit.kind {
                UnitKind::Worker => fec_stream::files(deployment, unit, self.sources, &shared).map(owned),
                UnitKind::Service => fec_online::files(deployment, unit, self.sources, &shared),
                UnitKind::Job => fec_batch::files(deployment, unit, self.sources, &shared).map(owned),
            };
            let package = package_name(&unit.binary, &printed.packages());
            let description = format!("The {word} `{}` of `{}`.", unit.name, ir.name);
            let siblings = printed.packages().into_iter().take(1).collect();
            let binary = Some(unit.binary.clone());
            let one = Crate { package, binary, description, runtime: Vec::new(), siblings };
            printed.add(one, unit.span, made, self.sources);
        }
        let mut files = fec_workspace::files(&printed.crates);
        files.append(&mut printed.files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Generated { files, diagnostics: printed.diagnostics }
    }
}

/// Files of a crate below its `src`, by name.
type Files = Vec<(String, String)>;

fn owned(files: Vec<(&'static str, String)>) -> Files {
    files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The crates so far.
#[derive(Default)]
struct Printed {
    crates: Vec<Crate>,
    files: Vec<OutputFile>,
    diagnostics: Vec<Diagnostic>,
}

impl Printed {
    fn packages(&self) -> Vec<String> {
        self.crates.iter().map(|one| one.package.clone()).collect()
    }

    /// Adds a crate that depends on what its files name.
    fn add(&mut self, mut one: Crate, source: Option<Span>, files: Result<Files, Error>, sources: &Sources) {
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                let message = format!("`{}` cannot be printed: {}", one.package, error.message);
                self.diagnostics.push(Diagnostic::error(codes::E0990, source.unwrap_or_default(), message));
                return;
            }
        };
        let names = |path: &str| files.iter().any(|(_, text)| text.contains(&format!("{path}::")));
        one.runtime = RUNTIME.iter().filter(|(path, _)| names(path)).map(|(_, package)| *package).collect();
        for (name, text) in files {
            let path = format!("{FOLDER}/{}/src/{name}", one.package);
            let lines = if name.ends_with(".rs") { lines::lines(&text, sources, source) } else { Vec::new() };
            self.files.push(OutputFile { path, kind: FileKind::Crate, contents: text.into_bytes(), source, lines });
        }
        self.crates.push(one);
    }
}
