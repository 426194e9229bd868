//! Reads a solution's files and takes them through the stages of the compiler.

use std::io::Read;
use std::path::{Path, PathBuf};

use fec_diagnostics::{Diagnostic, FileId, Sources, Span, codes, in_source_order};
use fec_ir::passes::Applied;
use fec_ir::{Ir, lower, optimise};
use fec_local::data::Places;
use fec_local::types::Enums;
use fec_local::{simulate, specs};
use fec_model::model::Model;
use fec_model::{CheckOptions, check};
use fec_syntax::parse;

use crate::output::{Failure, local, report};

/// The files of a solution.
pub struct Files {
    /// The folder that paths in the solution are relative to.
    pub root: PathBuf,
    /// Texts by file.
    pub sources: Sources,
    /// Path of each file; none for stdin.
    pub paths: Vec<(FileId, Option<PathBuf>)>,
    /// Files that are no text. Of these nothing is parsed.
    pub unreadable: Vec<Diagnostic>,
}

/// A checked solution.
pub struct Checked {
    /// Its files.
    pub files: Files,
    /// What was declared.
    pub model: Model,
    /// What was found, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// A solution that can run.
pub struct Compiled {
    /// Its files.
    pub files: Files,
    /// The plan as it runs.
    pub ir: Ir,
    /// What the optimiser did.
    pub applied: Vec<Applied>,
}

impl Files {
    /// The files that are text.
    pub fn texts(&self) -> impl Iterator<Item = &(FileId, Option<PathBuf>)> {
        self.paths.iter().filter(|(id, _)| self.unreadable.iter().all(|found| found.span.file != *id))
    }
}

/// Reads the `.asol` files at `path`: a folder with its subfolders, one file, or `-` for stdin.
pub fn files(path: &Path) -> Result<Files, Failure> {
    let mut sources = Sources::new();
    if path == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin()
            .read_to_end(&mut text)
            .map_err(|error| Failure::environment(format!("cannot read stdin: {error}")))?;
        let mut unreadable = Vec::new();
        let id = add(&mut sources, "<stdin>".to_owned(), text, &mut unreadable);
        return Ok(Files { root: PathBuf::from("."), sources, paths: vec![(id, None)], unreadable });
    }
    let single = path.is_file();
    let root = if single { path.parent().unwrap_or(Path::new(".")).to_path_buf() } else { path.to_path_buf() };
    let mut found = Vec::new();
    if single {
        found.push(path.to_path_buf());
    } else {
        collect(path, &mut found)?;
        found.sort();
        if found.is_empty() {
            let message =
                format!("there is no `.asol` file in `{}`; `fec init` writes a solution to begin with", path.display());
            return Err(Failure::usage(message));
        }
    }
    let (mut paths, mut unreadable) = (Vec::new(), Vec::new());
    for file in found {
        let text = std::fs::read(&file)
            .map_err(|error| Failure::environment(format!("cannot read `{}`: {error}", file.display())))?;
        let name = file.display().to_string();
        paths.push((add(&mut sources, name, text, &mut unreadable), Some(file)));
    }
    Ok(Files { root, sources, paths, unreadable })
}

/// Takes in a file; notes where it is no text.
fn add(sources: &mut Sources, name: String, bytes: Vec<u8>, unreadable: &mut Vec<Diagnostic>) -> FileId {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return sources.add(name, text),
        Err(error) => error,
    };
    let at = error.utf8_error().valid_up_to();
    let message = format!("`{name}` is not UTF-8 text: byte {at} is the first that does not fit");
    // What stands before it is as it was; from there on the text stands for bytes that it is not.
    let id = sources.add(name, String::from_utf8_lossy(error.as_bytes()));
    let start = u32::try_from(at).unwrap_or_default();
    unreadable.push(Diagnostic::error(codes::E0010, Span::new(id, start, start), message).help("save it as UTF-8"));
    id
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let refused = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::usage(format!("there is no solution at `{}`", folder.display())),
        _ => Failure::environment(format!("cannot read `{}`: {error}", folder.display())),
    };
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "asol") {
            found.push(path);
        }
    }
    Ok(())
}

/// Parses and checks for the local target; what is wrong stands in the result.
pub fn checked(path: &Path) -> Result<Checked, Failure> {
    checked_for(path, None)
}

/// Parses and checks for a target; what is wrong stands in the result.
fn checked_for(path: &Path, target: Option<&str>) -> Result<Checked, Failure> {
    let files = files(path)?;
    let mut diagnostics = files.unreadable.clone();
    let mut parsed = Vec::new();
    for (id, _) in files.texts() {
        let one = parse(*id, files.sources.text(*id));
        diagnostics.extend(one.diagnostics);
        parsed.push((*id, one.file));
    }
    let trees: Vec<_> = parsed.iter().map(|(id, file)| (*id, file)).collect();
    let (model, found) = check(&trees, &CheckOptions { target: target.map(str::to_owned) });
    // Where a file is missing, what the others name may be in it.
    if files.unreadable.is_empty() {
        diagnostics.extend(found);
    }
    let diagnostics = in_source_order(diagnostics);
    Ok(Checked { files, model, diagnostics })
}

/// Takes a solution through all stages, for the local target; prints what is wrong and fails.
pub fn compiled(path: &Path) -> Result<Compiled, Failure> {
    compiled_for(path, None)
}

/// Takes a solution through all stages, for a target; prints what is wrong and fails.
pub fn compiled_for(path: &Path, target: Option<&str>) -> Result<Compiled, Failure> {
    let (files, written) = written(path, target)?;
    optimised(files, written)
}

/// The plan of a solution as it was written, and what becomes of it, for the local target.
pub fn explained(path: &Path) -> Result<(Ir, Compiled), Failure> {
    let (files, written) = written(path, None)?;
    Ok((written.clone(), optimised(files, written)?))
}

fn written(path: &Path, target: Option<&str>) -> Result<(Files, Ir), Failure> {
    let Checked { files, model, diagnostics } = checked_for(path, target)?;
    report(&diagnostics, &files.sources)?;
    Ok((files, lower(model)))
}

fn optimised(files: Files, written: Ir) -> Result<Compiled, Failure> {
    let (ir, applied, broken) = optimise(written);
    report(&broken, &files.sources)?;
    Ok(Compiled { files, ir, applied })
}

/// The texts of a solution under names relative to it: wherever it lies, they are the same.
pub fn relative(files: &Files) -> Sources {
    let mut sources = Sources::new();
    for (id, path) in &files.paths {
        let name = match path {
            Some(path) => {
                let path = path.strip_prefix(&files.root).unwrap_or(path);
                path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
            }
            None => files.sources.name(*id).to_owned(),
        };
        sources.add(name, files.sources.text(*id));
    }
    sources
}

/// Where a solution's data lies; refuses `--bind` of something that is no source.
pub fn places(ir: &Ir, files: &Files, bound: &[(String, PathBuf)]) -> Result<Places, Failure> {
    for (name, _) in bound {
        if ir.source(name).is_none() {
            let known: Vec<&str> = ir.sources.iter().map(|source| source.name.as_str()).collect();
            let hint = fec_diagnostics::closest(name, known.iter().copied())
                .map_or_else(|| format!("there are {}", known.join(", ")), |close| format!("did you mean `{close}`?"));
            return Err(Failure::usage(format!("--bind: there is no source `{name}`; {hint}")));
        }
    }
    let sources = specs::sources(ir, &Enums::new(&ir.enums));
    let simulated = simulate::filled(&sources, specs::simulation(ir).as_ref()).map_err(local)?;
    Ok(Places {
        root: files.root.clone(),
        bound: bound.iter().cloned().collect(),
        simulated,
        parquet: Some(fec_local::open_parquet),
    })
}
