//! What can keep a solution from running on this machine.

use std::fmt;

use flow_core::aggregate::AggregateError;
use flow_core::program::BuildError;
use flow_log::LogError;
use flow_log::archive::ArchiveError;
use flow_operators::operator::OperatorError;

/// Why a solution cannot be run here, or not any further.
#[derive(Debug)]
pub enum RunError {
    /// The plan asks for something that it does not have: a defect of the compiler.
    Plan(String),
    /// The environment refuses: a file, a port, a lock. The text names the thing and the repair.
    Environment(String),
    /// The program asks for something that cannot be had, such as a training without rows.
    Program(String),
    /// Whoever asked for it wants it no more.
    Stopped,
    /// The log.
    Log(LogError),
    /// An operator.
    Operator(OperatorError),
}

impl RunError {
    /// The exit code of the command for it: 1 for the program, 3 for the environment.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program(_) => 1,
            Self::Plan(_) | Self::Environment(_) | Self::Stopped | Self::Log(_) | Self::Operator(_) => 3,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(what) => write!(f, "the plan is inconsistent, which is a defect of the compiler: {what}"),
            Self::Environment(what) | Self::Program(what) => f.write_str(what),
            Self::Stopped => f.write_str("it was stopped"),
            Self::Log(error) => error.fmt(f),
            Self::Operator(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<LogError> for RunError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<ArchiveError> for RunError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Log(error) => Self::Log(error),
            error => Self::Environment(error.to_string()),
        }
    }
}

impl From<OperatorError> for RunError {
    fn from(error: OperatorError) -> Self {
        Self::Operator(error)
    }
}

impl From<AggregateError> for RunError {
    fn from(error: AggregateError) -> Self {
        Self::Plan(error.to_string())
    }
}

impl From<BuildError> for RunError {
    fn from(error: BuildError) -> Self {
        Self::Plan(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_to_repair_it_is_told_by_the_exit_code() {
        assert_eq!(RunError::Program(String::new()).exit_code(), 1);
        let others = [RunError::Plan(String::new()), RunError::Environment(String::new()), RunError::Stopped];
        assert_eq!(others.map(|error| error.exit_code()), [3; 3]);
        assert_eq!(RunError::from(OperatorError::State("damaged")).exit_code(), 3);
        assert_eq!(RunError::from(LogError::GivenUp).exit_code(), 3);
    }
}
