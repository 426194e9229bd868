//! How a verb ends, and how diagnostics are printed.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use fec_diagnostics::{Diagnostic, Sources, has_errors, json_report, render_human};

use crate::args::Format;

/// The program or its tests are wrong.
pub const WRONG: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// The environment does not let it.
pub const ENVIRONMENT: u8 = 3;

/// The end of a verb that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// For stderr; empty where everything has been said.
    pub message: String,
    /// Exit code.
    pub code: u8,
}

impl Failure {
    /// Everything has been said.
    pub fn silent(code: u8) -> Self {
        Self { message: String::new(), code }
    }

    /// Something about the command line.
    pub fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), code: USAGE }
    }

    /// Something about files, ports or the machine.
    pub fn environment(message: impl Display) -> Self {
        Self { message: message.to_string(), code: ENVIRONMENT }
    }

    /// Something about the program.
    pub fn wrong(message: impl Display) -> Self {
        Self { message: message.to_string(), code: WRONG }
    }
}

/// Writes a line on stdout. A reader that went away ends the command quietly.
pub fn line(text: impl Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::silent(0)),
        Err(error) => Err(Failure::environment(format!("cannot write to stdout: {error}"))),
    }
}

/// Prints diagnostics on stderr for people; fails where one of them is an error.
pub fn report(diagnostics: &[Diagnostic], sources: &Sources) -> Result<(), Failure> {
    let mut stderr = std::io::stderr().lock();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        // Where stderr is closed there is nobody left to tell.
        let _ = writeln!(stderr, "{}", render_human(diagnostic, sources, colour));
    }
    if has_errors(diagnostics) { Err(Failure::silent(WRONG)) } else { Ok(()) }
}

/// Prints what `check` found, in the wanted form.
pub fn check_report(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> Result<(), Failure> {
    match format {
        Format::Human => report(diagnostics, sources),
        Format::Json => {
            line(json_report(diagnostics, sources))?;
            if has_errors(diagnostics) { Err(Failure::silent(WRONG)) } else { Ok(()) }
        }
    }
}

/// What kept the local target from doing its work.
pub fn local(error: fec_local::LocalError) -> Failure {
    Failure { code: error.exit_code(), message: error.to_string() }
}
