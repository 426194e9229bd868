//! Makes a failing program small: fewer events, then fewer features and flows, then fewer lines.

use crate::generate::Program;

/// The smallest program found of which `fails` still holds; `fails` must be false for programs that do not check.
pub fn shrink(program: &Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    let mut best = program.clone();
    loop {
        let size = length(&best);
        let paths: Vec<String> = best.files.keys().cloned().collect();
        for path in paths {
            let rows: Vec<String> = best
                .files
                .get(&path)
                .into_iter()
                .flat_map(|text| text.split_inclusive('\n'))
                .map(str::to_owned)
                .collect();
            // The header of a CSV file stays.
            let header = usize::from(path.ends_with(".csv"));
            let with = |rows: &[String]| Program { files: replaced(&best, &path, rows.concat()), ..best.clone() };
            let rows = fewest(rows, header, |rows| fails(&with(rows)));
            best = with(&rows);
        }
        for split in ["\n\n", "\n"] {
            let parts: Vec<String> = best.asol.split_inclusive(split).map(str::to_owned).collect();
            let with = |parts: &[String]| Program { asol: parts.concat(), ..best.clone() };
            let parts = fewest(parts, 0, |parts| fails(&with(parts)));
            best = with(&parts);
        }
        if length(&best) == size {
            return best;
        }
    }
}

fn length(program: &Program) -> usize {
    program.asol.len() + program.files.values().map(String::len).sum::<usize>()
}

fn replaced(program: &Program, path: &str, text: String) -> std::collections::BTreeMap<String, String> {
    let mut files = program.files.clone();
    files.insert(path.to_owned(), text);
    files
}

/// Drops runs of items, halving their length, as long as the rest fails; the first `kept` stay.
fn fewest(mut items: Vec<String>, kept: usize, mut fails: impl FnMut(&[String]) -> bool) -> Vec<String> {
    let mut run = items.len().saturating_sub(kept).next_power_of_two();
    while run > 0 {
        let mut at = kept;
        while at < items.len() {
            let rest: Vec<String> = items
                .iter()
                .enumerate()
                .filter(|(n, _)| *n < at || *n >= at + run)
                .map(|(_, item)| item.clone())
                .collect();
            if fails(&rest) {
                items = rest;
            } else {
                at += run;
            }
        }
        run /= 2;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::generate;

    #[test]
    fn finds_the_row_and_the_line_that_matter() {
        let program = generate(7);
        let row = program.files.values().flat_map(|text| text.lines().skip(1)).nth(2).unwrap().to_owned();
        let line = program.asol.lines().find(|line| line.contains(" over ")).unwrap().to_owned();
        let fails = |p: &Program| p.asol.contains(&line) && p.files.values().any(|text| text.contains(&row));
        let small = shrink(&program, fails);
        assert!(fails(&small));
        assert_eq!(small.asol.trim_end(), line);
        let rows: usize =
            small.files.iter().map(|(path, text)| text.lines().count() - usize::from(path.ends_with(".csv"))).sum();
        assert_eq!(rows, 1);
    }
}
