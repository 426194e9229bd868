//! Values of parameters as they are given on a command line.

use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_formats::Decoder;
use flow_formats::decode::Encoding;
use flow_task::RunError;

use crate::plan::{Job, Parameter};

/// The value that a text stands for, of the parameter `name` of a job. Text, dates, times, decimals and members of
/// enumerations are written as they are, all else as in JSON.
///
/// # Errors
/// A parameter that is not there, or a text that is no such value.
pub fn argument(job: &Job<'_>, name: &str, text: &str) -> Result<Value, RunError> {
    let path = &job.path;
    let Some(Parameter { kind, .. }) = job.params.iter().find(|param| param.name == name) else {
        let known: Vec<&str> = job.params.iter().map(|param| param.name.as_str()).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("there are {}", known.join(", ")) };
        return Err(RunError::Environment(format!("--param {name}: job `{path}` has no such parameter; {known}")));
    };
    let is_text =
        !matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Duration | Kind::List(_) | Kind::Record(_));
    let cell = if is_text { serde_json::Value::from(text).to_string() } else { text.to_owned() };
    let schema = Schema { fields: vec![Field { name: "value".to_owned(), ty: DataType::required(kind.clone()) }] };
    let record = format!("{{\"value\":{cell}}}");
    let decoded = Decoder::new(&schema, Encoding::Json, None).decode([record.as_bytes()]);
    let value = decoded.columns.first().map(|column| column.value(0));
    match (decoded.refused.is_empty(), value) {
        (true, Some(Ok(value))) if !value.is_absent() => Ok(value),
        (_, Some(Err(fault))) => Err(wrong(path, name, text, &fault.to_string())),
        _ => Err(wrong(path, name, text, "it cannot be read")),
    }
}

fn wrong(path: &str, name: &str, text: &str, why: &str) -> RunError {
    RunError::Environment(format!("--param {name}={text}: this is no value of the parameter of job `{path}`: {why}"))
}
