//! The entry points of generated binaries: flags, signals, what is printed, and the loop of each kind of process.

mod flags;
mod health;
mod process;
mod service;
mod solution;
mod tell;
mod worker;

use std::process::ExitCode;

use flow_task::RunError;

use flags::{Flags, Wanted};

pub use service::Service;
pub use solution::{Parameter, Solution};
pub use worker::Worker;

/// Runs a worker with the flags of the command line.
#[must_use]
pub fn worker(solution: Solution, worker: Worker) -> ExitCode {
    let name = worker.name.clone();
    launched(&name, None, |flags| worker::run(&solution, worker, flags))
}

/// Runs a service with the flags of the command line.
#[must_use]
pub fn service(solution: Solution, service: Service) -> ExitCode {
    let name = service.name.clone();
    launched(&name, Some(service::PORT), |flags| service::run(&solution, service, flags))
}

/// Reads the flags, runs a process, and tells how it ended.
fn launched(name: &str, port: Option<u16>, run: impl FnOnce(&Flags) -> Result<(), RunError>) -> ExitCode {
    let flags = match flags::read(std::env::args().skip(1)) {
        Ok(Wanted::Run(flags)) => flags,
        Ok(Wanted::Help) => {
            println!("{}", flags::usage(name, port));
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{}", flags::usage(name, port));
            return ExitCode::from(2);
        }
    };
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
