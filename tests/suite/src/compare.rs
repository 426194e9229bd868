//! Holds a subject against the naive evaluator, bit for bit.

use std::collections::{BTreeMap, BTreeSet};

use asol_oracle::change::{At, Place};
use asol_oracle::evaluate::Stop;
use asol_oracle::read;
use asol_oracle::source::Reason;
use asol_oracle::value::{Cell, Fault, Value};
use asol_oracle::world::{Emitted, History, World, upserted};
use fec_diagnostics::{FileId, Severity};
use fec_model::CheckOptions;
use fec_model::Symbol;
use fec_model::model::{Model, Plane, Write};

use crate::generate::Program;
use crate::random::Random;
use crate::subject::{Letter, Subject, Written};

/// What was compared. A report over nothing, or over absent values alone, proves nothing: that is why it counts.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Cells compared.
    pub compared: u64,
    /// Of these, cells with a value.
    pub present: u64,
    /// Different values among them.
    pub distinct: BTreeSet<String>,
    /// Dead letters compared.
    pub letters: u64,
    /// Answers of services compared.
    pub answers: u64,
    /// How many of the programs have each construct.
    pub constructs: BTreeMap<&'static str, u64>,
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
            out.push(Question { set: set.name.to_string(), key, t });
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
            let sink = emitted.sink;
            let got = subject.sink(program, &sink)?;
            let place = format!("seed {}: {}: sink `{sink}`", program.seed, subject.name());
            report.rows(&written(model, emitted), &got, &place);
        }
    }
    for Asked { service, key, now } in asked(&world, program.seed).map_err(broken)? {
        let expected = answer(&world, &service, &key, now).map_err(broken)?;
        let got = subject.request(program, &service, &key, now)?;
        let place = |at: &str| format!("seed {}: {}: {service}({key:?}) at {now}{at}", program.seed, subject.name());
        report.answer(&expected, &got, place);
    }
    let expected = letters(&world).map_err(broken)?;
    let got = subject.dead(program)?;
    let place = format!("seed {}: {}", program.seed, subject.name());
    if subject.shares() {
        report.letters(&unnamed(expected), &unnamed(got), &place);
    } else {
        report.letters(&expected, &got, &place);
    }
    Ok(())
}

/// A request to a service with one parameter, a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its name.
    pub service: String,
    /// The argument.
    pub key: String,
    /// When.
    pub now: i64,
}

/// Requests to each service: with keys that were seen and one that was not, at the end of the data and later.
///
/// # Errors
/// As [`questions`].
pub fn asked(world: &World<'_>, seed: u64) -> Result<Vec<Asked>, Stop> {
    let mut random = Random::new(seed ^ 0x5e7);
    let mut keys: Vec<String> = vec!["never seen".to_owned()];
    for set in &world.model.features {
        for key in world.feature_keys(&set.name)? {
            if let [Value::String(key)] = key.as_slice()
                && !keys.contains(key)
            {
                keys.push(key.clone());
            }
        }
    }
    let windows = world.model.features.iter().flat_map(|set| &set.aggregates).filter_map(|one| one.window);
    let sizes: Vec<i64> = windows.map(|window| window.size).collect();
    let mut out = Vec::new();
    for flow in world.model.flows.iter().filter(|flow| flow.plane == Plane::Online) {
        for number in 0..4 {
            let later = if number == 0 || sizes.is_empty() { 0 } else { random.below(*random.clone().pick(&sizes)) };
            out.push(Asked { service: flow.path(), key: random.pick(&keys).clone(), now: world.end + later });
        }
    }
    // What services emit stands by its instant.
    out.sort_by_key(|asked| asked.now);
    Ok(out)
}

/// What a service answers: a value, or the fault that it would need.
///
/// # Errors
/// [`Stop::Broken`].
pub fn answer(world: &World<'_>, service: &str, key: &str, now: i64) -> Result<Cell, Stop> {
    match world.request(service, &[Ok(Value::String(key.to_owned()))], now) {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Fault(fault)) => Ok(Err(fault)),
        Err(stop) => Err(stop),
    }
}

/// The dead letters of sources, feature sets, views that are kept, and streams.
///
/// # Errors
/// [`Stop::Broken`].
pub fn letters(world: &World<'_>) -> Result<BTreeSet<Letter>, Stop> {
    let mut out = BTreeSet::new();
    for source in &world.model.sources {
        for (reason, partition, offset) in world.intake(&source.name).map_or(&[][..], |intake| &intake.refused) {
            let reason = match reason {
                Reason::Malformed => "malformed",
                Reason::Late => "late",
                Reason::Ahead => "ahead",
            };
            out.insert(Letter {
                flow: source.name.to_string(),
                reason: reason.to_owned(),
                source: source.name.to_string(),
                partition: *partition,
                offset: *offset,
            });
        }
    }
    for set in &world.model.features {
        out.extend(world.features_left_out(&set.name)?.iter().filter_map(|left| left_out(world, &set.name, left)));
    }
    for view in world.model.views.iter().filter(|view| view.kept) {
        out.extend(world.view_left_out(&view.name)?.iter().filter_map(|left| left_out(world, &view.name, left)));
    }
    for flow in world.model.flows.iter().filter(|flow| flow.plane == Plane::Stream) {
        for emitted in world.emitted(flow, world.end)? {
            out.extend(emitted.left_out.iter().filter_map(|left| left_out(world, &flow.path(), left)));
        }
    }
    Ok(out)
}

/// Letters whoever needed the row: for runs that do equal work of several flows once.
#[must_use]
pub fn unnamed(letters: BTreeSet<Letter>) -> BTreeSet<Letter> {
    letters.into_iter().map(|letter| Letter { flow: String::new(), ..letter }).collect()
}

/// The letter of a row that a flow left out.
fn left_out(world: &World<'_>, flow: &str, (place, fault): &(Place, Fault)) -> Option<Letter> {
    let (At::Event(rank, partition, offset) | At::Closing(rank, partition, offset)) = &place.at else { return None };
    let mut names: Vec<&Symbol> = world.model.sources.iter().map(|source| &source.name).collect();
    names.sort_unstable();
    Some(Letter {
        flow: flow.to_owned(),
        reason: fault.code().to_owned(),
        source: names.get(*rank).map(|name| name.to_string())?,
        partition: *partition,
        offset: *offset,
    })
}

/// What a sink holds after a flow's changes.
pub(crate) fn written(model: &Model, emitted: Emitted) -> Vec<Written> {
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

    fn answer(&mut self, expected: &Cell, got: &Cell, place: impl Fn(&str) -> String) {
        self.answers += 1;
        match (expected, got) {
            (Ok(Value::Record(a)), Ok(Value::Record(b))) if a.len() == b.len() => {
                for (number, (a, b)) in a.iter().zip(b).enumerate() {
                    self.cell(a, b, || place(&format!(", field {number}")));
                }
            }
            _ => self.cell(expected, got, || place("")),
        }
    }

    /// Takes in what was found besides.
    pub fn add(&mut self, other: Self) {
        self.compared += other.compared;
        self.present += other.present;
        self.letters += other.letters;
        self.answers += other.answers;
        self.distinct.extend(other.distinct);
        for (construct, count) in other.constructs {
            *self.constructs.entry(construct).or_insert(0) += count;
        }
        self.differences.extend(other.differences);
    }

    /// Holds dead letters against those that are expected.
    pub fn letters(&mut self, expected: &BTreeSet<Letter>, got: &BTreeSet<Letter>, place: &str) {
        self.letters += expected.len() as u64;
        if let Some(missing) = expected.difference(got).next() {
            self.differences.push(format!("{place}: there is no dead letter {missing:?}"));
        }
        if let Some(extra) = got.difference(expected).next() {
            self.differences.push(format!("{place}: there is a dead letter too many: {extra:?}"));
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
            let cells = World::new(&model, &history).features_before(set, key, t, t);
            let cells = cells.map_err(|stop| format!("{stop:?}"))?;
            Ok(cells.into_iter().map(|(name, cell)| (name.into(), cell)).collect())
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

        fn dead(&mut self, program: &Program) -> Result<BTreeSet<Letter>, String> {
            let model = checked(program).map_err(|mistakes| mistakes.join("\n"))?;
            let history = history(program, &model);
            letters(&World::new(&model, &history)).map_err(|stop| format!("{stop:?}"))
        }

        fn request(&mut self, program: &Program, service: &str, argument: &str, now: i64) -> Result<Cell, String> {
            let model = checked(program).map_err(|mistakes| mistakes.join("\n"))?;
            let history = history(program, &model);
            answer(&World::new(&model, &history), service, argument, now).map_err(|stop| format!("{stop:?}"))
        }
    }

    #[test]
    fn a_report_sees_a_letter() {
        let letter = |offset| Letter {
            flow: "live".into(),
            reason: "overflow".into(),
            source: "taps".into(),
            partition: 0,
            offset,
        };
        let mut report = Report::default();
        report.letters(&BTreeSet::from([letter(1)]), &BTreeSet::from([letter(1)]), "same");
        assert_eq!((report.letters, report.differences.len()), (1, 0));
        report.letters(&BTreeSet::from([letter(1)]), &BTreeSet::new(), "one is missing");
        report.letters(&BTreeSet::new(), &BTreeSet::from([letter(2)]), "one is too many");
        assert_eq!(report.differences.len(), 2, "{:?}", report.differences);
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
