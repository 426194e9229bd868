//! Many small cases together: which of them `check` takes, and which of them differ from the evaluator.

use std::collections::BTreeSet;

use fec_diagnostics::{FileId, Severity};
use fec_model::CheckOptions;
use fec_model::model::Model;

use crate::compare::{Report, checked};
use crate::generate::Program;

/// The lines of a text that have a mistake, from 0 on, and the model.
#[must_use]
pub fn mistaken(asol: &str) -> (BTreeSet<usize>, Model) {
    let parsed = fec_syntax::parse(FileId(0), asol);
    let (model, found) = fec_model::check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let mistakes = parsed.diagnostics.iter().chain(&found).filter(|mistake| mistake.severity == Severity::Error);
    let mut starts: Vec<usize> = mistakes.map(|mistake| mistake.span.start as usize).collect();
    starts.sort_unstable();
    let (mut line, mut end) = (0, 0);
    let lines = starts.into_iter().map(|start| {
        line += asol.get(end..start).unwrap_or_default().matches('\n').count();
        end = start;
        line
    });
    (lines.collect(), model)
}

/// Those of some cases in which nothing is a mistake, and their model. `text` makes so many `lines` of each, behind `head`.
pub fn right<T>(cases: Vec<T>, head: &str, lines: usize, text: impl Fn(&T, usize) -> String) -> (Vec<T>, Model) {
    let first = head.matches('\n').count();
    let all = |cases: &[T]| {
        let texts: Vec<String> = cases.iter().enumerate().map(|(at, case)| text(case, at)).collect();
        mistaken(&format!("{head}{}", texts.concat()))
    };
    let (wrong, _) = all(&cases);
    let wrong: BTreeSet<usize> = wrong.iter().filter_map(|line| Some(line.checked_sub(first)? / lines)).collect();
    let right: Vec<T> =
        cases.into_iter().enumerate().filter(|(at, _)| !wrong.contains(at)).map(|(_, case)| case).collect();
    let (wrong, model) = all(&right);
    assert_eq!(wrong, BTreeSet::new(), "what was right stays right");
    (right, model)
}

/// What some cases are made a program of, and how that is held against the evaluator.
pub struct Held<'a, T> {
    /// What their programs begin with.
    pub head: &'a str,
    /// Makes one program of some of them.
    pub program: &'a dyn Fn(&[T]) -> Program,
    /// Runs a program, and writes down what differs.
    pub run: &'a dyn Fn(&Program, &Model, &mut Report) -> Result<(), String>,
}

impl<T> Held<'_, T> {
    /// What differs for some cases; of many, it is looked for the few that do.
    pub fn differences(&self, cases: &[T], report: &mut Report) -> Vec<String> {
        let made = (self.program)(cases);
        let mut own = Report::default();
        let ended = checked(&made).map_err(|mistakes| mistakes.join("\n"));
        let ended = ended.and_then(|model| (self.run)(&made, &model, &mut own));
        let mut found = std::mem::take(&mut own.differences);
        found.extend(ended.err());
        report.add(own);
        match cases {
            _ if found.is_empty() => Vec::new(),
            [_] => vec![format!("{}\n  {}", made.asol.trim_start_matches(self.head), found.join("\n  "))],
            many => {
                let (a, b) = many.split_at(many.len() / 2);
                let mut apart = self.differences(a, report);
                apart.extend(self.differences(b, report));
                // What only shows together is told as it showed.
                if apart.is_empty() { found } else { apart }
            }
        }
    }
}
