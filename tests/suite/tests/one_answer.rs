//! One answer: random programs over random histories give, bit for bit, what the naive evaluator gives, however they run.
//!
//! `FEC_PROGRAMS` says how many there are. They are the same in every run, from seed 1; `FEC_ONE_ANSWER` chooses another
//! first seed, and a soak a fresh one. A failure is shrunk and prints its seed.

#![expect(clippy::panic, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeSet;

use fec_suite::compare::{Report, checked, compare};
use fec_suite::generate::{Program, generate};
use fec_suite::replayed::{How, Replayed};
use fec_suite::shrink::shrink;

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
    report.compared += own.compared;
    report.present += own.present;
    report.distinct.extend(own.distinct);
    match ended {
        Ok(()) => own.differences,
        Err(why) => vec![why],
    }
}

#[test]
fn every_road_gives_the_answer_of_the_evaluator() {
    let fresh = if std::env::var_os("FEC_SOAK").is_some() { number("FEC_SEED", 1) } else { 1 };
    let seed = number("FEC_ONE_ANSWER", fresh);
    let programs = number("FEC_PROGRAMS", 100);
    let threads = 2;
    let parts: Vec<Report> = std::thread::scope(|scope| {
        let work = |part: u64| {
            scope.spawn(move || {
                let mut report = Report::default();
                for program in (seed..seed + programs).filter(|program| program % threads == part) {
                    one(program, &mut report);
                }
                report
            })
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let compared: u64 = parts.iter().map(|part| part.compared).sum();
    let present: u64 = parts.iter().map(|part| part.present).sum();
    let distinct: BTreeSet<&String> = parts.iter().flat_map(|part| &part.distinct).collect();
    println!(
        "{programs} programs from seed {seed}: {compared} compared, {present} present, {} distinct",
        distinct.len()
    );
    assert!(present * 2 >= compared, "only {present} of {compared} cells have a value");
    assert!(distinct.len() > 100, "only {} distinct values", distinct.len());
}

fn one(seed: u64, report: &mut Report) {
    let program = generate(seed);
    for how in roads(&program) {
        let found = differences(&program, how, report);
        if found.is_empty() {
            continue;
        }
        let mut scratch = Report::default();
        let small =
            shrink(&program, |small| checked(small).is_ok() && !differences(small, how, &mut scratch).is_empty());
        let files: String = small.files.iter().map(|(path, text)| format!("// {path}\n{text}\n")).collect();
        let left = differences(&small, how, &mut scratch);
        panic!(
            "seed {seed}, {how:?}: {} differences; repeat with FEC_ONE_ANSWER={seed} FEC_PROGRAMS=1\n{}\n{files}{}",
            found.len(),
            small.asol,
            left.join("\n")
        );
    }
}
