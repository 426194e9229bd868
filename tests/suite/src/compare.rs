//! Holds a subject against the naive evaluator, bit for bit.

use std::collections::BTreeSet;

use asol_oracle::evaluate::Stop;
use asol_oracle::read;
use asol_oracle::value::{Cell, Value};
use asol_oracle::world::{Emitted, History, World, upserted};
use fec_diagnostics::{FileId, Severity};
use fec_model::CheckOptions;
use fec_model::model::{Model, Plane, Write};

use crate::generate::Program;
use crate::random::Random;
use crate::subject::{Subject, Written};

/// What was compared. A report over nothing, or over absent values alone, proves nothing: that is why it counts.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Cells compared.
    pub compared: u64,
    /// Of these, cells with a value.
    pub present: u64,
    /// Different values among them.
    pub distinct: BTreeSet<String>,
    /// What was not equal, in words.
    pub differences: Vec<String>,
}

/// One reading of a feature set.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Feature set.
    pub set: String,
    /// Key.
    pub key: Vec<Value>,
    /// Microseconds: the time of the read, and before it everything counts that had arrived.
    pub t: i64,
}

/// The model of a program, or its errors, each with the line that it is in.
///
/// # Errors
/// What the parser or the checker calls an error.
pub fn checked(program: &Program) -> Result<Model, Vec<String>> {
    let parsed = fec_syntax::parse(FileId(0), &program.asol);
    let (model, found) = fec_model::check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let mistakes: Vec<String> = parsed
        .diagnostics
        .iter()
        .chain(&found)
        .filter(|mistake| mistake.severity == Severity::Error)
        .map(|mistake| {
            let before = usize::try_from(mistake.span.start).ok().and_then(|start| program.asol.get(..start));
            let line = before.and_then(|before| program.asol.lines().nth(before.matches('\n').count()));
            format!("seed {}: {}\n{}", program.seed, mistake.message, line.unwrap_or_default())
        })
        .collect();
    if mistakes.is_empty() { Ok(model) } else { Err(mistakes) }
}

/// A program's data as its sources hold it.
#[must_use]
pub fn history(program: &Program, model: &Model) -> History {
    let mut history = History::default();
    for source in &model.sources {
        if let Some(text) = source.file.as_ref().and_then(|path| program.files.get(path)) {
            read::add(&mut history, model, source, text.as_bytes());
        }
    }
    history
}

/// Up to `count` readings of each feature set: of keys seen and never seen, at the end and at instants where events enter and leave windows.
///
/// # Errors
/// [`Stop::Broken`] where the model makes no sense.
pub fn questions(world: &World<'_>, seed: u64, count: usize) -> Result<Vec<Question>, Stop> {
    let mut random = Random::new(seed);
    let mut instants = vec![world.end];
    for source in &world.model.sources {
        for event in world.intake(&source.name).map_or(&[][..], |intake| &intake.accepted) {
            instants.extend([event.arrived, event.arrived + 1, event.time]);
        }
    }
    let mut out = Vec::new();
    for set in &world.model.features {
        let mut keys = world.feature_keys(&set.name)?;
        let unseen = set.keys.iter().map(|_| Value::String("never seen".into())).collect();
        if set.keys.iter().all(|(_, key)| key.ty.kind == fec_model::types::Kind::String) {
            keys.push(unseen);
        }
        if keys.is_empty() {
            continue;
        }
        for number in 0..count {
            let key = random.pick(&keys).clone();
            let mut t = if number < keys.len() { world.end } else { *random.pick(&instants) };
            if random.chance(20)
                && let Some(window) = set.aggregates.first().and_then(|aggregate| aggregate.window)
            {
                t = t.saturating_add(*random.pick(&[
                    window.size,
                    window.size + window.step - 1,
                    window.size + window.step,
                ]));
            }
            out.push(Question { set: set.name.clone(), key, t });
        }
    }
    Ok(out)
}

/// Asks both and writes down what differs.
///
/// # Errors
/// What kept the subject or the evaluator from answering at all.
pub fn compare(program: &Program, model: &Model, subject: &mut dyn Subject, report: &mut Report) -> Result<(), String> {
    let history = history(program, model);
    let world = World::new(model, &history);
    let broken = |stop: Stop| format!("seed {}: {stop:?}", program.seed);
    for question in questions(&world, program.seed, 12).map_err(broken)? {
        let Question { set, key, t } = &question;
        let expected = world.features_before(set, key, *t, *t).map_err(broken)?;
        let got = subject.features(program, set, key, *t)?;
        if expected.len() != got.len() {
            report.differences.push(format!(
                "seed {}: `{set}` has {} columns, not {}",
                program.seed,
                got.len(),
                expected.len()
            ));
        }
        for ((name, expected), (_, got)) in expected.iter().zip(&got) {
            let place = || format!("seed {}: {}: {set}{key:?} at {t}: `{name}`", program.seed, subject.name());
            report.cell(expected, got, place);
        }
    }
    for flow in model.flows.iter().filter(|flow| flow.plane != Plane::Online) {
        for emitted in world.emitted(flow, world.end).map_err(broken)? {
            let sink = emitted.sink.clone();
            let got = subject.sink(program, &sink)?;
            let place = format!("seed {}: {}: sink `{sink}`", program.seed, subject.name());
            report.rows(&written(model, emitted), &got, &place);
        }
    }
    Ok(())
}

/// What a sink holds after a flow's changes.
fn written(model: &Model, emitted: Emitted) -> Vec<Written> {
    let rows = match model.sink(&emitted.sink) {
        Some(sink) if sink.write == Write::Upsert => upserted(sink, &emitted.changes),
        _ => emitted.changes,
    };
    rows.into_iter()
        .map(|row| Written { weight: row.weight, cells: row.cells.into_iter().flatten().collect() })
        .collect()
}

impl Report {
    fn cell(&mut self, expected: &Cell, got: &Cell, place: impl Fn() -> String) {
        self.compared += 1;
        if let Ok(value) = expected
            && !value.is_absent()
        {
            self.present += 1;
            self.distinct.insert(bits(expected));
        }
        if bits(expected) != bits(got) {
            self.differences.push(format!("{}: expected {expected:?}, got {got:?}", place()));
        }
    }

    fn rows(&mut self, expected: &[Written], got: &[Written], place: &str) {
        for (number, (expected, got)) in expected.iter().zip(got).enumerate() {
            if expected.weight != got.weight || expected.cells.len() != got.cells.len() {
                self.differences.push(format!("{place}: row {number}: expected {expected:?}, got {got:?}"));
                continue;
            }
            for (column, (a, b)) in expected.cells.iter().zip(&got.cells).enumerate() {
                self.cell(&Ok(a.clone()), &Ok(b.clone()), || format!("{place}: row {number}, column {column}"));
            }
        }
        if expected.len() != got.len() {
            let odd = |rows: &[Written], others: &[Written]| rows.iter().find(|row| !others.contains(row)).cloned();
            let (missing, extra) = (odd(expected, got), odd(got, expected));
            let counts = format!("expected {} rows, got {}", expected.len(), got.len());
            self.differences.push(format!("{place}: {counts}; missing {missing:?}, too many {extra:?}"));
        }
    }
}

/// All there is to a cell: sign of zero and scale of a decimal, too.
fn bits(cell: &Cell) -> String {
    format!("{cell:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_sees_a_bit() {
        let mut report = Report::default();
        let rows = |x: f64| vec![Written { weight: 1, cells: vec![Value::Float(x), Value::Absent] }];
        report.rows(&rows(0.1), &rows(0.1), "same");
        assert_eq!((report.compared, report.present, report.differences.len()), (2, 1, 0));
        report.rows(&rows(0.1), &rows(0.1_f64.next_up()), "a bit");
        report.rows(&rows(0.0), &rows(-0.0), "a sign");
        report.rows(&rows(0.0), &[], "a row");
        assert_eq!(report.differences.len(), 3, "{:?}", report.differences);
    }

    /// Answers as the evaluator does.
    struct Itself;

    impl Subject for Itself {
        fn name(&self) -> &str {
            "oracle"
        }

        fn features(
            &mut self,
            program: &Program,
            set: &str,
            key: &[Value],
            t: i64,
        ) -> Result<Vec<(String, Cell)>, String> {
            let model = checked(program).map_err(|mistakes| mistakes.join("\n"))?;
            let history = history(program, &model);
            World::new(&model, &history).features_before(set, key, t, t).map_err(|stop| format!("{stop:?}"))
        }

        fn sink(&mut self, program: &Program, sink: &str) -> Result<Vec<Written>, String> {
            let model = checked(program).map_err(|mistakes| mistakes.join("\n"))?;
            let history = history(program, &model);
            let world = World::new(&model, &history);
            for flow in model.flows.iter().filter(|flow| flow.plane != Plane::Online) {
                for emitted in world.emitted(flow, world.end).map_err(|stop| format!("{stop:?}"))? {
                    if emitted.sink == sink {
                        return Ok(written(&model, emitted));
                    }
                }
            }
            Err(format!("nothing writes to `{sink}`"))
        }
    }

    #[test]
    fn random_programs_have_answers_and_most_are_values() {
        let mut report = Report::default();
        for seed in 1_000..1_040 {
            let program = crate::generate::generate(seed);
            let model = checked(&program).unwrap();
            compare(&program, &model, &mut Itself, &mut report).unwrap();
        }
        assert_eq!(report.differences, Vec::<String>::new());
        assert!(report.compared > 5_000, "{} cells", report.compared);
        assert!(report.present * 2 > report.compared, "{} of {} cells have a value", report.present, report.compared);
        assert!(report.distinct.len() > 500, "{} different values", report.distinct.len());
    }
}
