//! `fec compile`.

use std::path::Path;

use fec_diagnostics::{Diagnostic, Sources, has_errors, in_source_order, json_report};
use fec_ir::Ir;
use fec_local::specs::fingerprint;
use fec_plan::{Deployment, FileKind, OutputFile, deployment};
use serde_json::json;

use crate::args::{Compile, Format};
use crate::compile::manifest::{self, Entry, Manifest};
use crate::compile::{PLAN, backends, images, plan, tree};
use crate::load;
use crate::output::{Failure, WRONG, line, local, report};

/// Compiles a solution for a target into a folder. Nothing but the solution is read, no network is used, and no other
/// program is started but for images.
pub fn run(args: &Compile, format: Format) -> Result<(), Failure> {
    tree::check(&args.output)?;
    let compiled = load::compiled_for(&args.solution, args.target.as_deref())?;
    let ir = &compiled.ir;
    let wanted = args.target.as_deref().unwrap_or("local");
    let target = ir.targets.iter().find(|target| target.name == wanted);
    let sources = load::relative(&compiled.files);
    let fingerprint = fingerprint(ir).map_err(local)?;
    let deployment = deployment(ir, target);
    let (mut files, found) = generate(&deployment, &sources, &fingerprint);
    tell(&found, &sources, format)?;
    files.push(whole(PLAN, plan(ir)?.into_bytes()));
    files.extend(images::recipe(&deployment, &files)?);
    let name = target.map(|target| target.name.as_str());
    if args.images {
        // Before anything is replaced: what fails leaves the images of an earlier compile as they are.
        files.extend(images::made(&args.output, &compiled.files.root, &deployment, &files)?);
    }
    let list = written(ir, name, &args.output, files, &sources)?;
    match format {
        Format::Human => line(format!("{} files in {}", list.files.len(), args.output.display())),
        Format::Json => {
            let told: Vec<_> =
                list.files.iter().map(|entry| json!({ "path": entry.path, "kind": entry.kind })).collect();
            line(json!({ "files": told }))
        }
    }
}

/// Writes files into the output folder, with their list.
fn written(
    ir: &Ir,
    target: Option<&str>,
    out: &Path,
    mut files: Vec<OutputFile>,
    sources: &Sources,
) -> Result<Manifest, Failure> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(twice) = files.windows(2).find_map(|pair| match pair {
        [a, b] if a.path == b.path => Some(&a.path),
        _ => None,
    }) {
        return Err(Failure::environment(format!("`{twice}` was generated twice, which is a defect of this command")));
    }
    let list = listed(ir, target, &mut files, sources)?;
    tree::write(out, &files)?;
    Ok(list)
}

/// The files of all backends, and what they found.
fn generate(deployment: &Deployment<'_>, sources: &Sources, fingerprint: &str) -> (Vec<OutputFile>, Vec<Diagnostic>) {
    let mut files = Vec::new();
    let mut found = fec_plan::bindings::unused(deployment);
    for backend in backends(sources, fingerprint) {
        let generated = backend.generate(deployment);
        files.extend(generated.files);
        found.extend(generated.diagnostics);
    }
    (files, in_source_order(found))
}

/// Prints what was found on stderr; as JSON, on stdout where it ends the command.
fn tell(found: &[Diagnostic], sources: &Sources, format: Format) -> Result<(), Failure> {
    if format == Format::Json && has_errors(found) {
        line(json_report(found, sources))?;
        return Err(Failure::silent(WRONG));
    }
    report(found, sources)
}

/// A file that stands for the whole solution.
fn whole(path: &str, contents: Vec<u8>) -> OutputFile {
    OutputFile { path: path.to_owned(), kind: FileKind::Plan, contents, source: None, lines: Vec::new() }
}

/// Adds the list of all files, itself among them.
fn listed(ir: &Ir, target: Option<&str>, files: &mut Vec<OutputFile>, sources: &Sources) -> Result<Manifest, Failure> {
    let mut list = Manifest {
        fec: env!("CARGO_PKG_VERSION").to_owned(),
        solution: ir.name.clone(),
        version: ir.version.clone(),
        target: target.map(str::to_owned),
        ..Manifest::default()
    };
    list.list(files, sources);
    let itself = Entry {
        path: manifest::NAME.to_owned(),
        kind: FileKind::Plan.word().to_owned(),
        source: None,
        lines: Vec::new(),
    };
    let at = list.files.partition_point(|entry| entry.path < itself.path);
    list.files.insert(at, itself);
    let mut text = serde_json::to_string_pretty(&list).map_err(|error| Failure::environment(error.to_string()))?;
    text.push('\n');
    files.push(whole(manifest::NAME, text.into_bytes()));
    Ok(list)
}
