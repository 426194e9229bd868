//! The entry points of generated binaries: flags, signals, what is printed, and the loop of each kind of process.

mod feeding;
mod flags;
mod following;
mod health;
mod job;
mod process;
mod service;
mod solution;
mod tell;
mod worker;

use std::process::ExitCode;

use flow_task::RunError;

use flags::{Flags, Kind, Wanted};

pub use job::Job;
pub use service::Service;
pub use solution::{Parameter, Solution};
pub use worker::Worker;

/// As in `fec`: requests and rows are many small allocations, of threads of their own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a worker with the flags of the command line.
#[must_use]
pub fn worker(solution: Solution, worker: Worker) -> ExitCode {
    let name = worker.name.clone();
    launched(&name, Kind::Worker, |flags| worker::run(&solution, worker, flags))
}

/// Runs a service with the flags of the command line.
#[must_use]
pub fn service(solution: Solution, service: Service) -> ExitCode {
    let name = service.name.clone();
    launched(&name, Kind::Service, |flags| service::run(&solution, service, flags))
}

/// Runs a job, or one step of it, with the flags of the command line.
#[must_use]
pub fn job(solution: Solution, job: Job) -> ExitCode {
    let name = job.name.clone();
    launched(&name, Kind::Job, |flags| job::run(&solution, &job, flags))
}

/// Reads the flags, runs a process, and tells how it ended.
fn launched(name: &str, kind: Kind, run: impl FnOnce(&Flags) -> Result<(), RunError>) -> ExitCode {
    let flags = match flags::read(std::env::args().skip(1), kind) {
        Ok(Wanted::Run(flags)) => flags,
        Ok(Wanted::Help) => {
            println!("{}", flags::usage(name, kind));
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{}", flags::usage(name, kind));
            return ExitCode::from(2);
        }
    };
    if kind == Kind::Service && flags.out.is_some() {
        eprintln!(
            "error: --out is an option of workers and jobs: a service writes no rows\n\n{}",
            flags::usage(name, kind)
        );
        return ExitCode::from(2);
    }
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
