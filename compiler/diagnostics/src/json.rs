//! Diagnostics as JSON, in the shape of `fec check --format json`.

use crate::diagnostic::Diagnostic;
use crate::sources::Sources;
use crate::span::Span;
use serde_json::{Value, json};

/// `{"diagnostics":[…]}`, in the given order.
pub fn json_report(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    json!({ "diagnostics": diagnostics.iter().map(|d| to_json(d, sources)).collect::<Vec<_>>() })
}

/// One diagnostic: `{code,severity,message,file,start:{line,column,offset},end,labels,help,fixes}`.
///
/// A label is `{file,start,end,message}`, a fix `{title,edits:[{file,start,end,text}]}`; every `start` and `end` is an
/// object of line, column (from 1) and byte offset.
pub fn to_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("code".into(), diagnostic.code.id().into());
    object.insert("severity".into(), diagnostic.severity.name().into());
    object.insert("message".into(), diagnostic.message.as_str().into());
    place(&mut object, diagnostic.span, sources);
    let labels = diagnostic.labels.iter().map(|l| with_place(l.span, "message", &l.message, sources)).collect();
    object.insert("labels".into(), Value::Array(labels));
    object.insert("help".into(), json!(diagnostic.help));
    let fixes = diagnostic.fixes.iter().map(|fix| {
        let edits: Vec<Value> = fix.edits.iter().map(|e| with_place(e.span, "text", &e.text, sources)).collect();
        json!({ "title": fix.title, "edits": edits })
    });
    object.insert("fixes".into(), Value::Array(fixes.collect()));
    Value::Object(object)
}

fn with_place(span: Span, key: &str, text: &str, sources: &Sources) -> Value {
    let mut object = serde_json::Map::new();
    place(&mut object, span, sources);
    object.insert(key.into(), text.into());
    Value::Object(object)
}

fn place(object: &mut serde_json::Map<String, Value>, span: Span, sources: &Sources) {
    object.insert("file".into(), sources.name(span.file).into());
    for (key, offset) in [("start", span.start), ("end", span.end)] {
        let at = sources.position(span.file, offset);
        object.insert(key.into(), json!({ "line": at.line, "column": at.column, "offset": at.offset }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn each_repair_is_told() {
        let mut sources = Sources::new();
        let file = sources.add("a.asol", "one\n");
        let span = Span::new(file, 0, 3);
        let found = Diagnostic::error(codes::E0201, span, "no `one`").fix("a", span, "two").fix("b", span, "three");
        let told = json_report(&[found], &sources);
        let titles = [0, 1].map(|at| told.pointer(&format!("/diagnostics/0/fixes/{at}/title")).and_then(Value::as_str));
        assert_eq!(titles, [Some("a"), Some("b")]);
    }

    #[test]
    fn the_shape_of_the_command() {
        let mut sources = Sources::new();
        let file = sources.add("a.asol", "one\ntwo\n");
        let found = Diagnostic::error(codes::E0201, Span::new(file, 4, 7), "no `two`")
            .label(Span::new(file, 0, 3), "after this")
            .help("write `three`")
            .fix("write `three`", Span::new(file, 4, 7), "three");
        let (at1, at3) = (json!({"line":1,"column":1,"offset":0}), json!({"line":1,"column":4,"offset":3}));
        let (at4, at7) = (json!({"line":2,"column":1,"offset":4}), json!({"line":2,"column":4,"offset":7}));
        assert_eq!(
            json_report(&[found], &sources),
            json!({"diagnostics":[{"code":"E0201","severity":"error","message":"no `two`","file":"a.asol","start":at4,
        "end":at7,"labels":[{"file":"a.asol","start":at1,"end":at3,"message":"after this"}],"help":["write `three`"],
        "fixes":[{"title":"write `three`","edits":[{"file":"a.asol","start":at4,"end":at7,"text":"three"}]}]}]})
        );
    }
}
