//! `fec`: checks, tests, runs and compiles asol solutions.

mod args;
mod compile;
mod load;
mod output;
mod progress;
mod stop;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};
use output::Failure;

/// A compile makes millions of small trees and lists and drops them again: this one is a third faster at that than the
/// system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // clap prints usage errors itself and exits with 2, as the contract says.
    let args = Args::parse();
    let format = args.format;
    let done = match args.verb {
        Verb::Init(init) => verbs::init::run(&init, format),
        Verb::Check(solution) => verbs::check::run(&solution, format),
        Verb::Fmt(fmt) => verbs::fmt::run(&fmt, format),
        Verb::Test(test) => verbs::test::run(&test, format),
        Verb::Run(run) => verbs::run::run(&run, format),
        Verb::Show(show) => verbs::show::run(&show),
        Verb::Simulate(simulate) => verbs::simulate::run(&simulate, format),
        Verb::Compile(compile) => verbs::compile::run(&compile, format),
        Verb::Graph(graph) => verbs::graph::run(&graph),
        Verb::Explain(explain) => verbs::explain::run(&explain, format),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::from(code)
        }
    }
}
