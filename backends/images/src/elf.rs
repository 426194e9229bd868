//! What a binary needs from its system: the loader and the shared libraries, of it and of those.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use object::elf;
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, FileKind};

/// What one file of the ELF format names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path of the loader; none for a static binary and for a library.
    pub loader: Option<String>,
    /// Names of shared libraries in the order of the file.
    pub libraries: Vec<String>,
    /// `amd64`, `arm64`: as images name the machine.
    pub architecture: &'static str,
}

/// Why the libraries of a binary cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElfError {
    /// This file is no 64-bit ELF file.
    NotElf(String),
    /// It is of a machine that images are not made for here.
    Machine(String, u16),
    /// A library that is needed is nowhere.
    Missing {
        /// The library.
        library: String,
        /// Who needs it.
        by: String,
    },
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf(file) => {
                write!(
                    f,
                    "`{file}` is no Linux binary of 64 bits; build the generated crates on Linux, or use the Dockerfile"
                )
            }
            Self::Machine(file, machine) => {
                write!(
                    f,
                    "`{file}` is of machine {machine}, and images are made for x86-64 and arm64; use the Dockerfile"
                )
            }
            Self::Missing { library, by } => {
                write!(f, "`{by}` needs `{library}`, which is in none of the system's library folders; install it")
            }
        }
    }
}

impl std::error::Error for ElfError {}

/// Reads what a file needs; `name` is what errors call it.
///
/// # Errors
/// A file of another format or machine.
pub fn needs(name: &str, bytes: &[u8]) -> Result<Needs, ElfError> {
    let not_elf = || ElfError::NotElf(name.to_owned());
    if FileKind::parse(bytes).ok() != Some(FileKind::Elf64) {
        return Err(not_elf());
    }
    let file = ElfFile64::<Endianness>::parse(bytes).map_err(|_| not_elf())?;
    let header = file.elf_header();
    let endian = header.endian().map_err(|_| not_elf())?;
    let machine = header.e_machine(endian);
    let architecture = match machine {
        elf::EM_X86_64 => "amd64",
        elf::EM_AARCH64 => "arm64",
        _ => return Err(ElfError::Machine(name.to_owned(), machine.0)),
    };
    let mut found = Needs { architecture, ..Needs::default() };
    let sections = header.sections(endian, bytes).map_err(|_| not_elf())?;
    if let Ok(Some((dynamic, link))) = sections.dynamic(endian, bytes) {
        let strings = sections.strings(endian, bytes, link).map_err(|_| not_elf())?;
        for entry in dynamic.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED) {
            let library = entry.val32(endian).and_then(|offset| strings.get(offset).ok()).ok_or_else(not_elf)?;
            found.libraries.push(String::from_utf8_lossy(library).into_owned());
        }
    }
    for segment in header.program_headers(endian, bytes).map_err(|_| not_elf())? {
        if let Ok(Some(loader)) = segment.interpreter(endian, bytes) {
            found.loader = Some(String::from_utf8_lossy(loader).into_owned());
        }
    }
    Ok(found)
}

/// Everything that some binaries need, and what that needs in turn. `library` finds a library by its name: its path and its
/// bytes; `loader` gives the bytes of a path.
///
/// # Errors
/// As [`needs`]; a library that is nowhere.
pub fn closure(
    binaries: &BTreeMap<String, Vec<u8>>,
    library: &dyn Fn(&str) -> Option<Located>,
    loader: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Closure, ElfError> {
    let mut closure = Closure::default();
    let mut open = VecDeque::new();
    for (name, bytes) in binaries {
        let needs = needs(name, bytes)?;
        closure.architecture = needs.architecture;
        if let Some(path) = &needs.loader
            && !closure.loaders.contains_key(path)
        {
            let missing = || ElfError::Missing { library: path.clone(), by: name.clone() };
            closure.loaders.insert(path.clone(), loader(path).ok_or_else(missing)?);
        }
        open.extend(needs.libraries.into_iter().map(|library| (library, name.clone())));
    }
    while let Some((name, by)) = open.pop_front() {
        let is_loader = closure.loaders.keys().any(|path| path.rsplit('/').next() == Some(name.as_str()));
        if is_loader || closure.libraries.contains_key(&name) {
            continue;
        }
        let missing = || ElfError::Missing { library: name.clone(), by: by.clone() };
        let found = library(&name).ok_or_else(missing)?;
        let further = needs(&name, &found.bytes)?;
        open.extend(further.libraries.into_iter().map(|library| (library, name.clone())));
        closure.libraries.insert(name, found);
    }
    Ok(closure)
}

/// A library as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// Its absolute path: the loader of the same system looks there.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What some binaries need to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// Libraries by name.
    pub libraries: BTreeMap<String, Located>,
    /// Loaders by absolute path.
    pub loaders: BTreeMap<String, Vec<u8>>,
    /// `amd64`, `arm64`.
    pub architecture: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_needs_the_c_library_and_a_loader() {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(path).unwrap();
        let found = needs("test", &bytes).unwrap();
        assert!(found.libraries.iter().any(|library| library.starts_with("libc.so")), "{found:?}");
        assert!(found.loader.unwrap().contains("ld-linux"));
    }

    #[test]
    fn what_a_library_needs_is_needed_too() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let binaries = BTreeMap::from([("test".to_owned(), bytes.clone())]);
        let missing = closure(&binaries, &|_| None, &|_| Some(Vec::new())).unwrap_err();
        assert!(matches!(&missing, ElfError::Missing { by, .. } if by == "test"), "{missing}");
        // Every library is this binary again: the walk ends, and holds each name once.
        let all =
            closure(&binaries, &|name| Some(Located { path: format!("/lib/{name}"), bytes: bytes.clone() }), &|_| {
                Some(Vec::new())
            })
            .unwrap();
        assert!(all.libraries.keys().any(|library| library.starts_with("libc.so")));
        assert_eq!(all.loaders.len(), 1);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        for bytes in [&b""[..], b"#!/bin/sh", &[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]] {
            assert_eq!(needs("thing", bytes).unwrap_err(), ElfError::NotElf("thing".to_owned()));
        }
    }
}
