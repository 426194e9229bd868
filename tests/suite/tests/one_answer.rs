//! One answer: random programs over random histories give, bit for bit, what the naive evaluator gives, however they run.
//!
//! `FEC_PROGRAMS` says how many there are, `FEC_SEED` or else the clock from which seed on; `FEC_ONE_ANSWER` names the
//! first one itself. A failure is shrunk and prints the command that repeats it. The first hundred also run whole, as
//! `fec run` runs them, and are read over HTTP.

#![expect(clippy::panic, reason = "helpers of tests fail as the tests do")]

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use fec_suite::compare::{Report, checked, compare};
use fec_suite::generate::{Program, count, generate};
use fec_suite::replayed::{How, Replayed};
use fec_suite::served::served;
use fec_suite::shrink::shrink;

/// So many programs run whole, and are read over HTTP.
const SERVED: u64 = 100;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => otherwise,
    }
}

/// The roads to an answer: as written, with every pass in small batches, and restored from a checkpoint in the middle.
fn roads(program: &Program) -> [How; 3] {
    let records: usize = program.files.values().map(|text| text.lines().count()).sum();
    [
        How::default(),
        How { optimised: true, size: 3, restart_after: None },
        How { optimised: true, size: 0, restart_after: Some(records / 2) },
    ]
}

fn differences(program: &Program, how: How, report: &mut Report) -> Vec<String> {
    let model = match checked(program) {
        Ok(model) => model,
        Err(mistakes) => return mistakes,
    };
    let mut own = Report::default();
    let ended = compare(program, &model, &mut Replayed::new(how), &mut own);
    let mut found = std::mem::take(&mut own.differences);
    found.extend(ended.err());
    report.add(own);
    found
}

/// A first seed that no run before had.
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_micros() as u64 % 1_000_000_000_000
}

/// A line that is seen whatever becomes of the test: what tests print is kept back where they pass.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn every_road_gives_the_answer_of_the_evaluator() {
    let seed = number("FEC_ONE_ANSWER", number("FEC_SEED", fresh()));
    let programs = number("FEC_PROGRAMS", 100);
    tell(&format!("one answer: {programs} programs from seed {seed}"));
    let threads = 2;
    let parts: Vec<(Report, Report)> = std::thread::scope(|scope| {
        let work = |part: u64| {
            scope.spawn(move || {
                let (mut report, mut read) = (Report::default(), Report::default());
                for program in (seed..seed + programs).filter(|program| program % threads == part) {
                    one(program, &mut report);
                    if program < seed + SERVED {
                        served_one(program, &mut read);
                    }
                }
                (report, read)
            })
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let (mut report, mut read) = (Report::default(), Report::default());
    for (part, served) in parts {
        report.add(part);
        read.add(served);
    }
    let Report { compared, present, letters, answers, distinct, .. } = &report;
    tell(&format!(
        "one answer: {compared} compared, {present} present, {} distinct; {letters} dead letters, {answers} answers of \
         services; {} programs over HTTP: {} answers, {} lines of sinks, {} dead letters",
        distinct.len(),
        programs.min(SERVED),
        read.answers,
        read.compared,
        read.letters,
    ));
    let constructs: Vec<String> =
        report.constructs.iter().map(|(part, count)| format!("`{}` {count}", part.trim())).collect();
    tell(&format!("one answer: programs with {}", constructs.join(", ")));
    assert!(present * 2 >= *compared, "only {present} of {compared} cells have a value");
    assert!(distinct.len() as u64 >= 100.min(programs), "only {} distinct values", distinct.len());
    assert!(programs < 100 || *letters > 0 && *answers > 0, "{letters} dead letters, {answers} answers");
}

fn served_one(seed: u64, report: &mut Report) {
    let program = generate(seed);
    let differences = |program: &Program, report: &mut Report| -> Vec<String> {
        let mut own = Report::default();
        let ended = match checked(program) {
            Ok(model) => served(program, &model, &mut own),
            Err(mistakes) => Err(mistakes.join("\n")),
        };
        let mut found = std::mem::take(&mut own.differences);
        found.extend(ended.err());
        report.add(own);
        found
    };
    let found = differences(&program, report);
    if !found.is_empty() {
        let mut scratch = Report::default();
        let small = shrink(&program, |small| checked(small).is_ok() && !differences(small, &mut scratch).is_empty());
        let left = differences(&small, &mut scratch);
        fail(seed, "fec run, over HTTP", &small, &left);
    }
}

/// Says how to repeat it, and what is left of the program.
fn fail(seed: u64, how: &str, small: &Program, left: &[String]) -> ! {
    let files: String = small.files.iter().map(|(path, text)| format!("// {path}\n{text}\n")).collect();
    panic!(
        "seed {seed}, {how}: repeat with FEC_ONE_ANSWER={seed} FEC_PROGRAMS=1 cargo test --release -p fec-suite --test \
         one_answer\n{}\n{files}{}",
        small.asol,
        left.join("\n")
    );
}

fn one(seed: u64, report: &mut Report) {
    let program = generate(seed);
    count(&program, &mut report.constructs);
    for how in roads(&program) {
        let found = differences(&program, how, report);
        if found.is_empty() {
            continue;
        }
        let mut scratch = Report::default();
        let small =
            shrink(&program, |small| checked(small).is_ok() && !differences(small, how, &mut scratch).is_empty());
        let left = differences(&small, how, &mut scratch);
        fail(seed, &format!("{how:?}"), &small, &left);
    }
}
