//! Holds the local replay against the evaluator on the program of a seed, and shrinks it where they differ:
//! `agree SEED [COUNT]`.

use fec_model::model::Source;
use fec_suite::compare::{Report, checked, compare};
use fec_suite::generate::{Program, generate};
use fec_suite::replayed::{How, Replayed};
use fec_suite::shrink::shrink;

fn differences(program: &Program, how: How) -> Vec<String> {
    let Ok(model) = checked(program) else { return Vec::new() };
    let mut report = Report::default();
    match compare(program, &model, &mut Replayed::new(how), &mut report) {
        Ok(()) => report.differences,
        Err(why) => vec![why],
    }
}

/// What sources say of time: a smaller program shall fail for the same reason.
fn sources(program: &Program) -> Vec<String> {
    let model = checked(program).unwrap_or_default();
    let settings = |source: &Source| {
        let Source { name, time, lateness, ahead, unique, unit, .. } = source;
        format!("{name} {time:?} {lateness} {ahead:?} {unique:?} {unit:?} {:?}", source.versions)
    };
    model.sources.iter().map(settings).collect()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let first = arguments.next().unwrap_or(0);
    let count = arguments.next().unwrap_or(1);
    let ways = [
        How::default(),
        How { optimised: true, ..How::default() },
        How { size: 3, restart_after: Some(20), ..How::default() },
    ];
    for seed in first..first + count {
        let program = generate(seed);
        for how in ways {
            if differences(&program, how).is_empty() {
                continue;
            }
            let sources = sources(&program);
            let small = shrink(&program, |small| {
                self::sources(small).iter().all(|source| sources.contains(source))
                    && !differences(small, how).is_empty()
            });
            println!("seed {seed}, {how:?}\n{}", small.asol);
            for (path, text) in &small.files {
                println!("// {path}\n{text}");
            }
            println!("{}\n", differences(&small, how).join("\n"));
            break;
        }
    }
}
