//! JSON for readers, of which only the first levels stand on lines of their own: the rows of a long `match` are nested in each
//! other, and were each indented further than the one before, the text would grow with the square of their number.

use std::io::{self, Write};

use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// What is nested deeper stands on the line of what holds it.
const DEEPEST: usize = 64;

/// Writes JSON so.
#[derive(Default)]
pub struct Indented {
    pretty: PrettyFormatter<'static>,
    depth: usize,
}

impl Indented {
    fn is_flat(&self) -> bool {
        self.depth > DEEPEST
    }
}

/// The parts of the format in which the two differ, each left to one of them.
macro_rules! parts {
    ($($name:ident($($first:ident)?)),*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W $(, $first: bool)?) -> io::Result<()> {
            if self.is_flat() { CompactFormatter.$name(out $(, $first)?) } else { self.pretty.$name(out $(, $first)?) }
        })*
    };
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_flat() { CompactFormatter.begin_array(out) } else { self.pretty.begin_array(out) }
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        let ended = if self.is_flat() { CompactFormatter.end_array(out) } else { self.pretty.end_array(out) };
        self.depth = self.depth.saturating_sub(1);
        ended
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_flat() { CompactFormatter.begin_object(out) } else { self.pretty.begin_object(out) }
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        let ended = if self.is_flat() { CompactFormatter.end_object(out) } else { self.pretty.end_object(out) };
        self.depth = self.depth.saturating_sub(1);
        ended
    }

    parts!(
        begin_array_value(first),
        end_array_value(),
        begin_object_key(first),
        end_object_key(),
        begin_object_value(),
        end_object_value()
    );
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Serializer, Value, json};

    use super::*;

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        assert!(value.serialize(&mut Serializer::with_formatter(&mut out, Indented::default())).is_ok());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_is_not_deep_stands_as_ever_and_what_is_grows_no_faster_than_its_depth() {
        let flat = json!({"a": [1, {"b": []}, {}], "c": {"d": null}});
        assert_eq!(text(&flat), serde_json::to_string_pretty(&flat).unwrap_or_default());
        let deep = |levels: usize| (0..levels).fold(flat.clone(), |inner, _| json!({"x": [inner, 1]}));
        let [less, more] = [400, 800].map(|levels| text(&deep(levels)));
        assert!(more.len() < less.len() * 2, "{} and {}", less.len(), more.len());
        // Beyond the last level that is indented, and not deeper than what is read again.
        let edge = deep(50);
        assert_eq!(serde_json::from_str::<Value>(&text(&edge)).unwrap_or_default(), edge);
    }
}
