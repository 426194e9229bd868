//! `fec compile --images`: the generated crates built, and an image of each binary, without a container engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use fec_images::elf::{Located, closure};
use fec_images::recipe::{Built, Recipe, word};
use fec_images::{Common, Layer, archive, image, layout};
use fec_ir::Ir;
use fec_plan::{Deployment, FileKind, OutputFile, Unit, images};

use super::build::{self, packages};
use crate::output::Failure;

/// Where the files of images go.
const FOLDER: &str = "images";

/// Where a library of the system may lie; the loader of an image looks in the same places.
const LIBRARIES: [&str; 6] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64", "/lib"];

/// Files that hold the certificates that this system trusts, by system.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Where the time zone database lies.
const ZONES: &str = "/usr/share/zoneinfo";

/// The file that tells how an image is built by somebody who prefers a container engine, and what stays out of it.
///
/// # Errors
/// A recipe that cannot be written, which is a defect of this command.
pub fn recipe(deployment: &Deployment<'_>, files: &[OutputFile]) -> Result<Vec<OutputFile>, Failure> {
    let packages = packages(files);
    let built = |unit: &Unit| {
        let package = packages.iter().find(|package| package.binary == unit.binary)?.name.clone();
        Some(Built { package, image: images::reference(deployment, unit) })
    };
    let recipe = Recipe {
        solution: &deployment.ir.name,
        rust: env!("CARGO_PKG_RUST_VERSION"),
        units: deployment.units.iter().filter_map(built).collect(),
        files: named(deployment.ir)
            .into_iter()
            .filter(|named| named.is_inside())
            .map(|named| word(named.path))
            .collect(),
    };
    let text = recipe.dockerfile().map_err(|error| {
        Failure::environment(format!("the Dockerfile cannot be written, which is a defect of this command: {error}"))
    })?;
    Ok(vec![file("Dockerfile", text.into_bytes()), file(".dockerignore", b"crates/target\nimages\n".to_vec())])
}

fn file(path: &str, contents: Vec<u8>) -> OutputFile {
    OutputFile { path: path.to_owned(), kind: FileKind::Image, contents, source: None, lines: Vec::new() }
}

/// Builds the crates among `files` below `out`, and gives the images of their binaries: one layout of all, and an archive
/// of each. Nothing else in `out` is touched.
///
/// # Errors
/// Cargo that is not there or fails; a library that is nowhere.
pub fn made(
    out: &Path,
    root: &Path,
    deployment: &Deployment<'_>,
    files: &[OutputFile],
) -> Result<Vec<OutputFile>, Failure> {
    let binaries = build::built(out, files, &packages(files))?;
    let units: Vec<_> = deployment.units.iter().filter_map(|unit| Some((unit, binaries.get(&unit.binary)?))).collect();
    let wanted: BTreeMap<String, Vec<u8>> =
        units.iter().map(|(unit, bytes)| (unit.binary.clone(), (*bytes).clone())).collect();
    let loader = |path: &str| fs::read(path).ok();
    let needs = closure(&wanted, &library, &loader).map_err(Failure::environment)?;
    let architecture = needs.architecture;
    let certificates = CERTIFICATES.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
    if certificates.is_empty() {
        eprintln!("note: this system has no certificates to trust; images trust nobody");
    }
    let ir = deployment.ir;
    let common = Common { needs, certificates, zones: zones(ir)?, files: at_rest(deployment, root)? };
    let layer = |made: std::io::Result<Layer>| made.map(Arc::new).map_err(Failure::environment);
    let layers = [layer(common.system())?, layer(common.solution())?];
    let mut all = Vec::with_capacity(units.len());
    let mut files = Vec::new();
    for (unit, bytes) in units {
        let labels = [
            ("org.opencontainers.image.title", unit.name.clone()),
            ("org.opencontainers.image.version", ir.version.clone()),
            ("org.opencontainers.image.description", unit.docs.clone()),
        ];
        let labels = labels.into_iter().filter(|(_, text)| !text.is_empty());
        let labels = labels.map(|(key, text)| (key.to_owned(), text)).collect();
        let reference = images::reference(deployment, unit);
        let made = image(reference, (&unit.binary, bytes), &layers, architecture, labels);
        let made = made.map_err(Failure::environment)?;
        let mut tar = file(&format!("{FOLDER}/{}.tar", unit.binary), archive(&made).map_err(Failure::environment)?);
        tar.source = unit.span;
        files.push(tar);
        all.push(made);
    }
    let oci = layout(&all).into_iter().map(|(path, bytes)| file(&format!("{FOLDER}/oci/{path}"), bytes));
    files.extend(oci);
    Ok(files)
}

/// A library of this system.
fn library(name: &str) -> Option<Located> {
    LIBRARIES.iter().find_map(|folder| {
        let path = format!("{folder}/{name}");
        fs::read(&path).ok().map(|bytes| Located { path, bytes })
    })
}

/// The zones that a solution names.
fn zones(ir: &Ir) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let schedules = ir.flows.iter().filter_map(|flow| flow.settings.schedule.as_ref()).map(|(_, zone)| zone);
    let named: BTreeSet<&String> = schedules.chain([&ir.timezone]).filter(|zone| *zone != "UTC").collect();
    let read = |zone: &String| match fs::read(Path::new(ZONES).join(zone)) {
        Ok(bytes) => Ok((zone.clone(), bytes)),
        Err(error) => Err(Failure::environment(format!(
            "the time zone `{zone}` is not in `{ZONES}`: {error}; install the time zone database (tzdata)"
        ))),
    };
    named.into_iter().map(read).collect()
}

/// A file or folder that a source names.
struct Named<'a> {
    source: &'a str,
    path: &'a str,
    /// Whether the source cannot do without it.
    is_needed: bool,
}

impl Named<'_> {
    /// Whether it lies in the solution's folder: what does not is no part of a release.
    fn is_inside(&self) -> bool {
        Path::new(self.path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    }
}

/// What the sources of a solution name.
fn named(ir: &Ir) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    for source in &ir.sources {
        let at_rest = source.file.as_ref().or(source.path.as_ref());
        // As a process reads it: the history only where there is nothing else.
        let path = at_rest.or(source.history.as_ref());
        found.extend(path.map(|path| Named { source: &source.name, path, is_needed: at_rest.is_some() }));
    }
    found
}

/// The files of the solution that its sources name: they belong to a release.
fn at_rest(deployment: &Deployment<'_>, root: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    let simulates = deployment.target.is_some_and(|target| target.simulate.is_some());
    for named in named(deployment.ir) {
        let Named { source, path, is_needed } = named;
        if !named.is_inside() {
            eprintln!(
                "note: `{path}` of source `{source}` lies outside of the solution's folder, and images do not hold it"
            );
            continue;
        }
        collect(root, Path::new(path), &mut files)?;
        if is_needed && !simulates && !root.join(path).exists() {
            eprintln!(
                "note: `{path}` of source `{source}` is not there: processes in images need it bound, or mounted"
            );
        }
    }
    Ok(files)
}

/// Reads a file, or all files of a folder; what is not there is simulated, or comes through a topic.
fn collect(root: &Path, path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let whole = root.join(path);
    let refused = |error: std::io::Error| Failure::environment(format!("cannot read `{}`: {error}", whole.display()));
    if !whole.exists() {
        return Ok(());
    }
    for file in flow_formats::file::within(&whole).map_err(Failure::environment)? {
        let bytes = fs::read(&file).map_err(refused)?;
        let path = path.join(file.strip_prefix(&whole).unwrap_or(Path::new("")));
        let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        files.insert(parts.join("/"), bytes);
    }
    Ok(())
}
