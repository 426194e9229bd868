//! How somebody who has a container engine builds the same images: a Dockerfile.

use handlebars::{Handlebars, RenderError, no_escape};
use serde::Serialize;

/// What the Dockerfile of a solution is made from.
#[derive(Debug, Clone, Serialize)]
pub struct Recipe<'a> {
    /// Name of the solution.
    pub solution: &'a str,
    /// The version of Rust that builds its crates.
    pub rust: &'a str,
    /// Its processes.
    pub units: Vec<Built>,
    /// The files and folders of the solution that belong into an image, by path relative to it: as [`word`] writes them.
    pub files: Vec<String>,
}

/// A process.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// The package that its binary is built from.
    pub package: String,
    /// The name of its image.
    pub image: String,
}

/// A text as one word of a shell.
#[must_use]
pub fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

impl Recipe<'_> {
    /// The text of the Dockerfile.
    ///
    /// # Errors
    /// A template that cannot be filled in, which is a defect of this crate.
    pub fn dockerfile(&self) -> Result<String, RenderError> {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        // It is no HTML.
        templates.register_escape_fn(no_escape);
        templates.render_template(include_str!("Dockerfile.hbs"), self)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn recipe(files: &[&str]) -> String {
        let unit = |name: &str| Built { package: name.to_owned(), image: format!("docker.io/shop/{name}:1.0.0") };
        let files = files.iter().map(|path| word(path)).collect();
        Recipe { solution: "shop", rust: "1.90", units: vec![unit("api"), unit("build-2")], files }
            .dockerfile()
            .unwrap()
    }

    #[test]
    fn it_builds_one_package_and_copies_what_sources_name() {
        let text = recipe(&["data/items.csv", "it's"]);
        assert!(text.contains(
            "PACKAGE=build-2 --build-context solution=FOLDER_OF_THE_SOLUTION -t docker.io/shop/build-2:1.0.0 ."
        ));
        assert!(text.contains("for path in 'data/items.csv' 'it'\\''s'; do"), "{text}");
        assert!(!text.contains("{{") && !text.contains("COPY --from=solution"), "{text}");
        assert!(!recipe(&[]).contains("/from"), "nothing is mounted where nothing is copied");
    }

    #[test]
    fn what_no_source_names_stays_out_of_the_image() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for path in ["data/items.csv", "lake/a/1.jsonl", ".fec/log/commits", "notes.txt"] {
            let path = from.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::create_dir(&to).unwrap();
        let text = recipe(&["data/items.csv", "lake/a", "missing"]);
        let (_, script) = text.split_once("target=/from ").unwrap();
        let (script, _) = script.split_once("\nCOPY").unwrap();
        let script = script.replace("/from", from.to_str().unwrap()).replace("/solution", to.to_str().unwrap());
        let done = Command::new("sh").arg("-ec").arg(script).status().unwrap();
        assert!(done.success());
        let there = |path: &str| to.join(path).exists();
        assert!(there("data/items.csv") && there("lake/a/1.jsonl"));
        assert!(!there(".fec") && !there("notes.txt"));
    }
}
