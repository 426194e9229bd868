//! Requests to typed arguments, and what is wrong with those that have none.
//!
//! The decoder of sources reads bodies too, so that a value means the same wherever it comes in. Only a request that it
//! cannot read is looked at again, field by field, to name the field.

use std::collections::BTreeMap;

use flow_core::column::State;
use flow_core::fault::Fault;
use flow_core::json::write_string;
use flow_core::types::{DataType, Field, Kind, RecordType, Schema};
use flow_core::value::Value;
use flow_formats::{Decoder, Encoding};
use serde_json::value::RawValue;

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) message: String,
}

impl Refusal {
    fn malformed(message: String) -> Self {
        Self { status: 400, code: "malformed", field: None, message }
    }

    fn field(code: &'static str, field: &str, message: String) -> Self {
        Self { status: 422, code, field: Some(field.to_owned()), message }
    }
}

/// Where a service's parameters come from.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// The parameters in order.
    all: Schema,
    /// Those of the path, or in a `GET` also of the query.
    text: Option<Part>,
    /// Those of the body.
    body: Option<Part>,
    /// The body is the only parameter itself.
    is_whole: bool,
}

/// Some of the parameters, decoded together from one JSON object.
#[derive(Debug)]
struct Part {
    schema: Schema,
    decoder: Decoder,
}

impl Part {
    fn new(fields: Vec<Field>) -> Option<Self> {
        if fields.is_empty() {
            return None;
        }
        let schema = Schema { fields };
        let decoder = Decoder::new(&schema, Encoding::Json, None);
        Some(Self { schema, decoder })
    }
}

impl Parameters {
    /// The parameters of a service with a route.
    pub(crate) fn new(all: Schema, method: &str, path: &str) -> Self {
        let in_path = |name: &str| path.split('/').any(|part| part.strip_prefix(':') == Some(name));
        let (text, body): (Vec<Field>, Vec<Field>) =
            all.fields.iter().cloned().partition(|field| method == "GET" || in_path(&field.name));
        let (is_whole, body) = match body.as_slice() {
            [Field { ty: DataType { kind: Kind::Record(record), .. }, .. }] => (true, record.fields.clone()),
            _ => (false, body),
        };
        let body = if is_whole && body.is_empty() { None } else { Part::new(body) };
        Self { all, text: Part::new(text), body, is_whole }
    }

    /// The arguments in the order of the parameters.
    pub(crate) fn arguments(
        &self,
        path: &[(String, String)],
        query: &[(String, String)],
        body: &[u8],
    ) -> Result<Vec<Value>, Refusal> {
        if let (None, true, Some(part), [_]) = (&self.text, self.is_whole, &self.body, self.all.fields.as_slice())
            && let Some(values) = part.decoder.plain(body)
        {
            // The usual request, without detours.
            return Ok(vec![Value::Record(values.into())]);
        }
        let mut found: BTreeMap<&str, Value> = BTreeMap::new();
        if let Some(text) = &self.text {
            let object = object(&text.schema, path, query);
            for (field, value) in text.schema.fields.iter().zip(decode(text, &object)?) {
                found.insert(&field.name, value);
            }
        }
        let text = self.text.as_ref();
        let is_of_body = |field: &&Field| text.is_none_or(|text| text.schema.position(&field.name).is_none());
        let whole = self.all.fields.iter().find(is_of_body).filter(|_| self.is_whole);
        match (whole, &self.body) {
            (Some(field), _) if field.ty.optional && matches!(body.trim_ascii(), b"" | b"null") => {
                found.insert(&field.name, Value::Absent);
            }
            (Some(field), Some(part)) => {
                let record = Value::Record(decode_named(part, body, &field.name)?.into());
                found.insert(&field.name, record);
            }
            (Some(field), None) => {
                found.insert(&field.name, Value::Record(Vec::new().into()));
            }
            (None, Some(part)) => {
                for (field, value) in part.schema.fields.iter().zip(decode_named(part, body, "body")?) {
                    found.insert(&field.name, value);
                }
            }
            (None, None) => {}
        }
        let argument = |field: &Field| found.remove(field.name.as_str()).unwrap_or(Value::Absent);
        Ok(self.all.fields.iter().map(argument).collect())
    }
}

/// Parameters of path and query as a JSON object: what its type writes without quotes stands without, if it can.
fn object(schema: &Schema, path: &[(String, String)], query: &[(String, String)]) -> Vec<u8> {
    let mut out = vec![b'{'];
    for field in &schema.fields {
        let named = |(name, _): &&(String, String)| *name == field.name;
        let found = path.iter().rfind(named).or_else(|| query.iter().rfind(named));
        let Some((_, text)) = found else { continue };
        if text.is_empty() && field.ty.kind != Kind::String {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        write_string(&mut out, &field.name);
        out.push(b':');
        let is_word = match field.ty.kind {
            Kind::Bool => matches!(text.as_str(), "true" | "false"),
            Kind::Int | Kind::Duration => is_whole_number(text),
            _ => false,
        };
        if is_word {
            out.extend_from_slice(text.as_bytes());
        } else {
            write_string(&mut out, text);
        }
    }
    out.push(b'}');
    out
}

/// An integer as JSON writes it.
fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}

fn decode_named(part: &Part, body: &[u8], name: &str) -> Result<Vec<Value>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(Refusal::malformed("the body is empty; a JSON object was expected".to_owned()));
    }
    let is_object = body.trim_ascii().first() == Some(&b'{');
    if !is_object && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        let message = "the body is no JSON object".to_owned();
        return Err(Refusal::field("type", name, message));
    }
    decode(part, body)
}

/// The values of the fields of a part, in order.
fn decode(part: &Part, object: &[u8]) -> Result<Vec<Value>, Refusal> {
    if let Some(values) = part.decoder.plain(object) {
        return Ok(values);
    }
    let decoded = part.decoder.decode([object]);
    if let Some(refused) = decoded.refused.first() {
        return Err(Refusal::malformed(format!("the body is not JSON: {}", refused.detail)));
    }
    let values: Result<Vec<Value>, Fault> = decoded.columns.iter().map(|column| column.value(0)).collect();
    values.map_err(|fault| {
        let raw: Option<Fields<'_>> = serde_json::from_slice(object).ok();
        let found = raw.and_then(|raw| wrong_field(&part.schema, &raw, ""));
        found.unwrap_or_else(|| Refusal::field(fault.code(), "", fault.to_string()))
    })
}

/// The fields of an object as they stand. Of several with one name the last counts.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The first field that does not fit its type, in the order of the type.
fn wrong_field(record: &RecordType, raw: &Fields<'_>, within: &str) -> Option<Refusal> {
    record.fields.iter().find_map(|field| {
        let path = if within.is_empty() { field.name.clone() } else { format!("{within}.{}", field.name) };
        wrong(&field.ty, raw.get(&field.name).copied(), &path)
    })
}

fn wrong(ty: &DataType, raw: Option<&RawValue>, path: &str) -> Option<Refusal> {
    let text = raw.map(RawValue::get).filter(|text| *text != "null");
    let Some(text) = text else {
        let message = || format!("`{path}` is missing; {} was expected", expected(&ty.kind));
        return (!ty.optional).then(|| Refusal::field("missing", path, message()));
    };
    let mismatch = || {
        Some(Refusal::field("type", path, format!("`{path}` is {}; {} was expected", seen(text), expected(&ty.kind))))
    };
    match &ty.kind {
        Kind::Record(record) => match serde_json::from_str::<Fields<'_>>(text) {
            Ok(fields) => wrong_field(record, &fields, path),
            Err(_) => mismatch(),
        },
        Kind::List(element) => match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => items
                .iter()
                .enumerate()
                .find_map(|(position, item)| wrong(element, Some(item), &format!("{path}[{position}]"))),
            Err(_) => mismatch(),
        },
        kind => match fault(kind, text)? {
            Fault::Malformed | Fault::Conversion => mismatch(),
            fault => {
                let message = format!("`{path}` is {}: {fault}; {} was expected", seen(text), expected(kind));
                Some(Refusal::field(fault.code(), path, message))
            }
        },
    }
}

/// Why a single value does not fit a kind.
fn fault(kind: &Kind, text: &str) -> Option<Fault> {
    let schema = Schema { fields: vec![Field { name: "v".to_owned(), ty: DataType::optional(kind.clone()) }] };
    let object = format!("{{\"v\":{text}}}");
    let decoded = Decoder::new(&schema, Encoding::Json, None).decode([object.as_bytes()]);
    match decoded.columns.first()?.state(0) {
        State::Fault(fault) => Some(fault),
        State::Present | State::Absent => None,
    }
}

/// What stands there, cut where it is long.
fn seen(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// A kind in the words of who sends it.
fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Int => "a whole number".to_owned(),
        Kind::Float => "a finite number".to_owned(),
        Kind::Decimal { precision, scale } => {
            format!("a decimal number of at most {precision} digits, {scale} of them after the point,")
        }
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "a text in base64".to_owned(),
        Kind::Date => "a date such as \"2026-01-31\"".to_owned(),
        Kind::Timestamp => "an instant such as \"2026-01-31T12:00:00Z\"".to_owned(),
        Kind::Duration => "a whole number of microseconds".to_owned(),
        Kind::Enum(members) => {
            let names: Vec<String> = members.members.iter().map(|member| format!("\"{member}\"")).collect();
            format!("one of {}", names.join(", "))
        }
        Kind::List(_) => "a list".to_owned(),
        Kind::Record(_) => "an object".to_owned(),
    }
}
