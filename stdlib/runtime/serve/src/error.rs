//! What can go wrong while a request is answered.

use std::fmt;
use std::time::Duration;

use flow_core::fault::Fault;
use flow_operators::operator::OperatorError;
use flow_task::RunError;

/// Why a service cannot do what its plan says.
#[derive(Debug)]
pub enum ServeError {
    /// The plan asks for something that it does not have: a defect of whoever made it.
    Plan(String),
    /// A store cannot be read, or a called service has no answer.
    Unavailable(String),
    /// An operator.
    Operator(OperatorError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(what) => write!(f, "the plan is inconsistent, which is a defect of the compiler: {what}"),
            Self::Unavailable(what) => f.write_str(what),
            Self::Operator(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<ServeError> for RunError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Plan(what) => Self::Plan(what),
            ServeError::Unavailable(what) => Self::Environment(what),
            ServeError::Operator(error) => Self::Operator(error),
        }
    }
}

impl From<OperatorError> for ServeError {
    fn from(error: OperatorError) -> Self {
        Self::Operator(error)
    }
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// There is no such service.
    Unknown(String),
    /// The response needs a value that cannot be computed.
    Fault(Fault),
    /// The service's `@deadline` has passed.
    Deadline(Duration),
    /// The response needs a binding whose `@timeout` has passed.
    Timeout(String),
    /// The response needs a store that cannot be read.
    Unavailable(String),
}

impl RequestError {
    /// The HTTP status for it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown(_) => 404,
            Self::Fault(_) => 500,
            Self::Deadline(_) | Self::Timeout(_) => 504,
            Self::Unavailable(_) => 503,
        }
    }

    /// The code under which a response names it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "not_found",
            Self::Fault(fault) => fault.code(),
            Self::Deadline(_) => "deadline",
            Self::Timeout(_) => "timeout",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) => write!(f, "there is no service `{path}`"),
            Self::Fault(fault) => write!(f, "a value that the response needs cannot be computed: {fault}"),
            Self::Deadline(after) => write!(f, "there was no answer within the deadline of {after:?}"),
            Self::Timeout(binding) => {
                write!(f, "`{binding}`, which the response needs, was not there in time; give it a `@fallback`")
            }
            Self::Unavailable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RequestError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_status_and_its_code() {
        let told = [
            RequestError::Unknown("x".to_owned()),
            RequestError::Fault(Fault::Overflow),
            RequestError::Deadline(Duration::from_secs(1)),
            RequestError::Timeout("x".to_owned()),
            RequestError::Unavailable("x".to_owned()),
        ];
        let wanted = [(404, "not_found"), (500, "overflow"), (504, "deadline"), (504, "timeout"), (503, "unavailable")];
        assert_eq!(told.map(|error| (error.status(), error.code())), wanted);
    }
}
