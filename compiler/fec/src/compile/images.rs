//! `fec compile --images`: the generated crates built, and an image of each binary, without a container engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use fec_images::elf::{Located, closure};
use fec_images::{Common, Layer, archive, image, layout};
use fec_ir::Ir;
use fec_plan::{Deployment, FileKind, OutputFile, images};
use serde_json::Value;

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
pub fn recipe(deployment: &Deployment<'_>) -> Vec<OutputFile> {
    let solution = &deployment.ir.name;
    let version = env!("CARGO_PKG_RUST_VERSION");
    let text = format!(
        "# The image of one process of `{solution}`, built by a container engine:\n\
         #   docker build --build-arg BINARY=UNIT --build-context solution=FOLDER_OF_THE_SOLUTION -t NAME .\n\
         # `fec compile --images` makes the same without one.\n\
         FROM rust:{version}-slim-bookworm AS build\n\
         WORKDIR /build\n\
         COPY crates .\n\
         RUN cargo build --release --locked\n\
         \n\
         FROM debian:bookworm-slim\n\
         RUN apt-get update \\\n\
         \x20   && apt-get install -y --no-install-recommends ca-certificates tzdata \\\n\
         \x20   && rm -rf /var/lib/apt/lists/*\n\
         ARG BINARY\n\
         COPY --from=build /build/target/release/${{BINARY}} /usr/local/bin/process\n\
         COPY --from=solution . /solution\n\
         WORKDIR /solution\n\
         USER 65532:65532\n\
         ENTRYPOINT [\"/usr/local/bin/process\"]\n"
    );
    vec![file("Dockerfile", text.into_bytes()), file(".dockerignore", b"crates/target\nimages\n".to_vec())]
}

fn file(path: &str, contents: Vec<u8>) -> OutputFile {
    OutputFile { path: path.to_owned(), kind: FileKind::Image, contents, source: None, lines: Vec::new() }
}

/// Builds the crates in `out`, and gives the images of their binaries: one layout of all, and an archive of each.
///
/// # Errors
/// Cargo that is not there or fails; a library that is nowhere.
pub fn made(out: &Path, root: &Path, deployment: &Deployment<'_>) -> Result<Vec<OutputFile>, Failure> {
    let binaries = built(&out.join("crates"))?;
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
    let common = Common { needs, certificates, zones: zones(ir)?, files: at_rest(ir, root)? };
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

/// The binaries of a workspace by name, built for release.
fn built(crates: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--offline", "--message-format", "json-render-diagnostics"]);
    let done = cargo.current_dir(crates).stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        Failure::environment(format!(
            "cannot start `cargo`, which builds what images hold: {error}; install Rust (rustup)"
        ))
    })?;
    if !done.status.success() {
        return Err(Failure::environment(format!(
            "the crates in `{}` could not be built, see above; where dependencies are missing, run `cargo fetch --locked` there once",
            crates.display()
        )));
    }
    let mut binaries = BTreeMap::new();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        let Some(path) = message.get("executable").and_then(Value::as_str) else { continue };
        let path = PathBuf::from(path);
        let bytes = fs::read(&path).map_err(|error| Failure::environment(format!("`{}`: {error}", path.display())))?;
        if let Some(name) = path.file_name() {
            binaries.insert(name.to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(binaries)
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

/// The files of the solution that its sources name: they belong to a release. What lies outside of its folder does not.
fn at_rest(ir: &Ir, root: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    for source in &ir.sources {
        let Some(named) = source.file.as_ref().or(source.path.as_ref()) else { continue };
        let path = Path::new(named);
        if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            eprintln!(
                "note: `{named}` of source `{}` lies outside of the solution's folder, and images do not hold it",
                source.name
            );
            continue;
        }
        collect(root, path, &mut files)?;
    }
    Ok(files)
}

/// Reads a file, or all files of a folder; what is not there is simulated, or comes through a topic.
fn collect(root: &Path, path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let whole = root.join(path);
    let refused = |error: std::io::Error| Failure::environment(format!("cannot read `{}`: {error}", whole.display()));
    if whole.is_dir() {
        for entry in fs::read_dir(&whole).map_err(refused)? {
            let name = entry.map_err(refused)?.file_name();
            if !name.to_string_lossy().starts_with('.') && whole.join(&name).is_file() {
                collect(root, &path.join(name), files)?;
            }
        }
        return Ok(());
    }
    if whole.exists() {
        let bytes = fs::read(&whole).map_err(refused)?;
        let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        files.insert(parts.join("/"), bytes);
    }
    Ok(())
}
