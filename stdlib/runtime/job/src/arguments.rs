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

#[cfg(test)]
mod tests {
    use super::*;

    fn job(kinds: &[(&str, Kind)]) -> Job<'static> {
        let param = |(slot, (name, kind)): (usize, &(&str, Kind))| Parameter {
            name: (*name).to_owned(),
            slot,
            kind: kind.clone(),
            value: None,
        };
        Job {
            path: "nightly".to_owned(),
            tolerate: 0,
            slots: kinds.len(),
            params: kinds.iter().enumerate().map(param).collect(),
            history: Box::new(|_| Err(RunError::Stopped)),
            relations: Vec::new(),
            statements: Vec::new(),
        }
    }

    #[test]
    fn texts_stand_as_they_are_and_all_else_as_in_json() {
        let job = job(&[
            ("day", Kind::Date),
            ("word", Kind::String),
            ("n", Kind::Int),
            ("share", Kind::Float),
            ("amount", Kind::Decimal { precision: 4, scale: 2 }),
            ("on", Kind::Bool),
        ]);
        let given = [
            ("day", "1970-01-02", Value::Int(1)),
            ("word", "a \"b\"", Value::String("a \"b\"".into())),
            ("word", "7", Value::String("7".into())),
            ("n", "-7", Value::Int(-7)),
            ("share", "0.5", Value::Float(0.5)),
            ("amount", "1.50", Value::Decimal(150)),
            ("on", "true", Value::Bool(true)),
        ];
        for (name, text, value) in given {
            assert_eq!(argument(&job, name, text).ok(), Some(value), "{name}={text}");
        }
        for (name, text) in
            [("day", "soon"), ("n", "1.5"), ("n", "null"), ("n", "\"7\""), ("amount", "1.505"), ("on", "1")]
        {
            let told = argument(&job, name, text).unwrap_err().to_string();
            assert!(told.contains(&format!("--param {name}={text}: this is no value")), "{told}");
        }
        let told = argument(&job, "days", "1").unwrap_err().to_string();
        assert!(told.contains("`nightly` has no such parameter; there are day, word, n, share, amount, on"), "{told}");
        let told = argument(&self::job(&[]), "day", "1").unwrap_err().to_string();
        assert!(told.contains("it has none"), "{told}");
    }
}
