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

/// Views read views, and each row of a `match` stands in the one before it: a plan is as deep as such chains are long. It is
/// taken from the system as far as it is used.
const STACK: usize = 1 << 28;

fn main() -> ExitCode {
    match std::thread::Builder::new().name("fec".to_owned()).stack_size(STACK).spawn(command) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::from(101)),
        // Without room for that, what is not so deep goes as well.
        Err(_) => command(),
    }
}

fn command() -> ExitCode {
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
