//! A request to a service in another process: its arguments as HTTP, the answer as a value.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flow_core::fault::Fault;
use flow_core::json::{write_json, write_string};
use flow_core::types::{DataType, Field, Kind, Schema};
use flow_core::value::Value;
use flow_formats::{Decoder, Encoding};
use flow_serve::{RequestError, Service};

/// The longest time that an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every fault, to be found by its code.
const FAULTS: [Fault; 6] =
    [Fault::Malformed, Fault::Overflow, Fault::NotFinite, Fault::Precision, Fault::Conversion, Fault::TooLarge];

/// Asks the service at `url`.
///
/// # Errors
/// What it answers with another status than 200, or why there is no answer.
pub(super) fn ask(url: &str, service: &Service, arguments: &[Value]) -> Result<Value, RequestError> {
    let Some((method, route)) = &service.route else {
        return Err(RequestError::Unknown(service.path.clone()));
    };
    if let Some(name) = never_in(route, &service.parameters, arguments) {
        let found = format!("`{name}` stands in the path of `{}`, where it is neither absent nor empty", service.path);
        return Err(RequestError::Unavailable(found));
    }
    let request = request(url, method, route, &service.parameters, arguments);
    let lost = |error: io::Error| RequestError::Unavailable(format!("`{}` at {url}: {error}", service.path));
    let (status, body) = exchange(url, &request).map_err(lost)?;
    if status == 200 {
        return value(&body, &service.result).ok_or_else(|| {
            let text = String::from_utf8_lossy(&body).into_owned();
            RequestError::Unavailable(format!("`{}` answers what is not of its type: {text}", service.path))
        });
    }
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |field: &str| told.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    match FAULTS.into_iter().find(|fault| status == 500 && fault.code() == text("code")) {
        Some(fault) => Err(RequestError::Fault(fault)),
        None => Err(RequestError::Unavailable(format!("`{}` answers {status}: {}", service.path, text("message")))),
    }
}

/// A parameter of the path for which no path can stand: it would be read as text, or be no path of the service.
fn never_in<'a>(route: &str, parameters: &'a Schema, arguments: &[Value]) -> Option<&'a str> {
    let in_path = |field: &Field| route.split('/').any(|part| part.strip_prefix(':') == Some(field.name.as_str()));
    let is_nothing = |value: &Value, field: &Field| *value == Value::Absent || plain(value, &field.ty.kind).is_empty();
    let mut given = parameters.fields.iter().zip(arguments);
    given.find(|(field, value)| in_path(field) && is_nothing(value, field)).map(|(field, _)| field.name.as_str())
}

/// The bytes of a request: parameters of the path and of a GET as text, the others in the body.
fn request(url: &str, method: &str, route: &str, parameters: &Schema, arguments: &[Value]) -> Vec<u8> {
    let mut body: Vec<(&Field, &Value)> = Vec::new();
    let mut query: Vec<String> = Vec::new();
    let mut path = route.to_owned();
    for (field, value) in parameters.fields.iter().zip(arguments) {
        let place = format!(":{}", field.name);
        if route.split('/').any(|part| part == place) {
            let filled = |part: &str| if part == place { plain(value, &field.ty.kind) } else { part.to_owned() };
            path = path.split('/').map(filled).collect::<Vec<_>>().join("/");
        } else if method != "GET" {
            body.push((field, value));
        } else if *value != Value::Absent {
            query.push(format!("{}={}", percent(&field.name), plain(value, &field.ty.kind)));
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let mut text = Vec::new();
    match body.as_slice() {
        // A single record is the body itself.
        [(field, value)] if matches!(field.ty.kind, Kind::Record(_)) => {
            write_json(&mut text, value.as_cell(), &field.ty.kind);
        }
        fields if method != "GET" => {
            text.push(b'{');
            for (position, (field, value)) in fields.iter().enumerate() {
                if position > 0 {
                    text.push(b',');
                }
                write_string(&mut text, &field.name);
                text.push(b':');
                write_json(&mut text, value.as_cell(), &field.ty.kind);
            }
            text.push(b'}');
        }
        _ => {}
    }
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        host(url),
        text.len()
    );
    // The route of a service is in the letters that it was declared with.
    if !request.is_ascii() {
        request = request
            .chars()
            .map(|letter| if letter.is_ascii() { letter.into() } else { percent(&letter.to_string()) })
            .collect();
    }
    let mut request = request.into_bytes();
    request.append(&mut text);
    request
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url)
}

/// A value as it stands in a path or query.
fn plain(value: &Value, kind: &Kind) -> String {
    let mut text = Vec::new();
    write_json(&mut text, value.as_cell(), kind);
    match serde_json::from_slice::<String>(&text) {
        Ok(text) => percent(&text),
        Err(_) => percent(&String::from_utf8_lossy(&text)),
    }
}

fn percent(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// Sends a request and reads the status and the body of the answer.
fn exchange(url: &str, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(host(url))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parted(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

/// The status and the body of an answer that says how long it is.
fn parted(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length?.1.trim().parse().ok()?;
    let body = answer.get(end + 4..)?;
    (body.len() == length).then(|| (status, body.to_vec()))
}

/// The value of an answer.
fn value(body: &[u8], kind: &Kind) -> Option<Value> {
    let schema = Schema { fields: vec![Field { name: "value".to_owned(), ty: DataType::optional(kind.clone()) }] };
    let record = [b"{\"value\":".as_slice(), body, b"}"].concat();
    let decoded = Decoder::new(&schema, Encoding::Json, None).decode([record.as_slice()]);
    if !decoded.refused.is_empty() {
        return None;
    }
    decoded.columns.first()?.value(0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind) -> Field {
        Field { name: name.to_owned(), ty: DataType::optional(kind) }
    }

    fn sent(method: &str, route: &str, fields: Vec<Field>, arguments: &[Value]) -> (String, String) {
        let request = request("http://127.0.0.1:1", method, route, &Schema { fields }, arguments);
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    #[test]
    fn parameters_stand_where_the_service_reads_them() {
        let fields = || vec![field("user", Kind::String), field("n", Kind::Int), field("rest", Kind::Float)];
        let values = [Value::String("a/ü".into()), Value::Int(7), Value::Absent];
        let (line, body) = sent("GET", "/home/:user", fields(), &values);
        assert_eq!((line.as_str(), body.as_str()), ("GET /home/a%2F%C3%BC?n=7 HTTP/1.1", ""));
        let (line, body) = sent("POST", "/home/:user", fields(), &values);
        assert_eq!((line.as_str(), body.as_str()), ("POST /home/a%2F%C3%BC HTTP/1.1", "{\"n\":7,\"rest\":null}"));
        let record = Kind::Record(flow_core::types::RecordType { fields: fields() }.into());
        let (line, body) = sent("POST", "/评分", vec![field("one", record)], &[Value::Record(values.to_vec().into())]);
        assert_eq!(line, "POST /%E8%AF%84%E5%88%86 HTTP/1.1");
        assert_eq!(body, "{\"user\":\"a/ü\",\"n\":7,\"rest\":null}");
        assert_eq!(sent("POST", "/none", Vec::new(), &[]).1, "{}");
    }

    #[test]
    fn what_no_path_says_is_not_asked() {
        let schema = Schema { fields: vec![field("user", Kind::String), field("n", Kind::String)] };
        let (some, empty) = (Value::String("a".into()), Value::String("".into()));
        let never = |route: &str, user: &Value, n: &Value| {
            never_in(route, &schema, &[user.clone(), n.clone()]).map(str::to_owned)
        };
        assert_eq!(never("/home/:user", &some, &Value::Absent), None);
        assert_eq!(never("/home/:user/:n", &some, &Value::Absent).as_deref(), Some("n"));
        assert_eq!(never("/home/:user/:n", &empty, &some).as_deref(), Some("user"));
        assert_eq!(never("/:use", &Value::Absent, &empty), None);
    }

    #[test]
    fn answers_are_whole_or_none() {
        let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parted(answer), Some((500, b"{}".to_vec())));
        assert_eq!(parted(&answer[..answer.len() - 1]), None);
        assert_eq!(parted(b"HTTP/1.1 200 OK"), None);
        assert_eq!(value(b"0.1", &Kind::Float), Some(Value::Float(0.1)));
        assert_eq!(value(b"null", &Kind::Float), Some(Value::Absent));
        assert_eq!(value(b"\"x\"", &Kind::Float), None);
    }
}
