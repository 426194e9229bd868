//! Whole programs are read without a mistake.

use fec_diagnostics::{FileId, Sources, render_human};
use std::path::PathBuf;

fn corpus(folder: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/syntax").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "asol"));
    files.sort();
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap_or_default())).collect()
}

#[test]
fn valid_programs_have_no_mistake() {
    let programs = corpus("valid");
    assert!(programs.len() >= 4);
    for (name, text) in programs {
        let mut sources = Sources::new();
        let file = sources.add(&name, &text);
        let parsed = fec_syntax::parse(file, &text);
        let shown: String = parsed.diagnostics.iter().map(|d| render_human(d, &sources, false)).collect();
        assert_eq!(shown, "", "{name}");
        assert!(parsed.file.items.len() > 3, "{name}");
    }
}

/// What a program says of itself: `// error[E0101]: message` behind a line, or alone below it.
fn expected(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut above = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let (code, comment) = line.split_once("// error[").unwrap_or((line, ""));
        if !code.trim().is_empty() {
            above = number;
        }
        if !comment.is_empty() {
            found.push(format!("{above}: error[{comment}"));
        }
    }
    found
}

#[test]
fn broken_programs_say_what_stands_beside_them() {
    let programs = corpus("broken");
    assert!(programs.len() >= 25);
    let mut failed = String::new();
    for (name, text) in programs {
        let mut sources = Sources::new();
        let file = sources.add(&name, &text);
        let parsed = fec_syntax::parse(file, &text);
        let shown = |d: &fec_diagnostics::Diagnostic| {
            let line = sources.position(d.span.file, d.span.start).line;
            format!("{line}: {}[{}]: {}", d.severity.name(), d.code, d.message)
        };
        let found: Vec<String> = parsed.diagnostics.iter().map(shown).collect();
        assert!(!found.is_empty(), "{name} is not broken");
        if found != expected(&text) {
            failed += &format!("{name}\n  {}\nexpected\n  {}\n", found.join("\n  "), expected(&text).join("\n  "));
        }
    }
    assert_eq!(failed, "");
}

/// Every repair is one: with it, its message is gone and no other has come.
#[test]
fn fixes_mend() {
    let mut mended = 0;
    for (name, text) in corpus("broken") {
        let before = fec_syntax::parse(FileId(0), &text).diagnostics;
        for found in &before {
            for fix in &found.fixes {
                let mut fixed = text.clone();
                let mut edits = fix.edits.clone();
                edits.sort_by_key(|e| std::cmp::Reverse(e.span));
                edits.iter().for_each(|e| fixed.replace_range(e.span.range(), &e.text));
                let after = fec_syntax::parse(FileId(0), &fixed).diagnostics;
                assert!(
                    after.len() < before.len(),
                    "{name}: `{}` does not mend `{}`:\n{fixed}",
                    fix.title,
                    found.message
                );
                mended += 1;
            }
        }
    }
    assert!(mended > 20);
}

/// Where it is plain what is missing or too much, there is a repair.
#[test]
fn what_is_missing_before_an_operator_is_put_there() {
    let text = corpus("broken").into_iter().find(|(name, _)| name.contains("pipes")).unwrap().1;
    let found = fec_syntax::parse(FileId(0), &text).diagnostics;
    let titles: Vec<&str> = found.iter().flat_map(|found| &found.fixes).map(|fix| fix.title.as_str()).collect();
    let piped = |word: &str| format!("operators stand behind `|>`: write `|> {word}`");
    let others = ["put a comma between columns".to_owned(), "a binding is a name and its value".to_owned()];
    let [comma, binding] = others;
    let pipes = ["select", "where", "where", "where", "left"].map(piped);
    let [first, second, third, fourth, fifth] = pipes;
    assert_eq!(titles, [first, second, third, comma, fourth, fifth, binding]);
}

/// Each code of lexing and parsing is shown by a program; a file of more than 4 GiB, or that is no text, is not kept here.
#[test]
fn each_code_has_a_program() {
    let said: String = corpus("broken").iter().map(|(_, text)| text.as_str()).collect();
    for code in fec_diagnostics::codes::ALL {
        let ours = code.id().starts_with("E00") || code.id().starts_with("E01");
        let elsewhere = ["E0008", "E0010", "E0107"].contains(&code.id());
        assert!(!ours || elsewhere || said.contains(&format!("error[{code}]")), "no program shows {code}");
    }
}
