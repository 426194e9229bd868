//! Sources without their tests. The sources are formatted, so that the end of an item can be seen from its indent.

/// A source without the items that only tests compile, and the modules of which nothing is left.
pub fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut kept: Vec<&str> = Vec::new();
    let mut modules = Vec::new();
    let mut lines = text.lines();
    let mut was_removed = false;
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            // What stood around the item is one blank line apart again.
            if !(was_removed && line.is_empty() && kept.last().is_none_or(|last| last.is_empty())) {
                kept.push(line);
            }
            was_removed = false;
            continue;
        }
        was_removed = true;
        for line in lines.by_ref() {
            if let Some(module) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                modules.push(module.to_owned());
            }
            let is_end = line.starts_with('}') || (line.ends_with(';') && !line.starts_with(' '));
            if is_end {
                break;
            }
        }
    }
    while kept.last().is_some_and(|last| last.is_empty()) {
        kept.pop();
    }
    (kept.iter().flat_map(|line| [line, "\n"]).collect(), modules)
}
