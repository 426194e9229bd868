//! Names of packages.

use crate::{LOCK, lock};

/// Names that a package may not have, or that would hide what every crate sees: types of Rust, modules of generated crates.
const RESERVED: [&str; 28] = [
    "alloc",
    "bool",
    "build",
    "char",
    "core",
    "enums",
    "f64",
    "features",
    "i128",
    "i64",
    "main",
    "proc-macro",
    "relations",
    "rules",
    "runtime",
    "schemas",
    "service",
    "sinks",
    "solution",
    "sources",
    "std",
    "str",
    "target",
    "test",
    "u32",
    "u8",
    "usize",
    "views",
];

/// A package's name from a plain one: itself, or with a number where another package of the workspace has it, or cargo or
/// Rust a use for it. `taken` are those that were given before.
#[must_use]
pub fn package_name(plain: &str, taken: &[String]) -> String {
    let is_free = |name: &str| {
        let rust = name.replace('-', "_");
        !RESERVED.contains(&name)
            && !is_keyword(&rust)
            && !taken.iter().any(|known| known.replace('-', "_") == rust)
            && !lock::names(LOCK).any(|known| known.replace('-', "_") == rust)
    };
    let numbered = (2u32..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.to_owned()).chain(numbered).find(|name| is_free(name)).unwrap_or_default()
}

/// Whether Rust has a use for a word, now or later.
#[must_use]
pub fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 53] = [
        "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
        "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct",
        "super", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield",
    ];
    KEYWORDS.contains(&word)
}
