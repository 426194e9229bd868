//! The registry of codes: one table, a code is never reused.
//!
//! `E00xx` lexing, `E01xx` parsing, `E02xx` names, `E03xx` types and relations, `E04xx` planes, boundedness and time,
//! `E05xx` targets and settings, `E0900` what this version does not have, `W…` warnings. Each has a page in
//! `spec/errors/`, without which this module does not compile.

use serde::{Serialize, Serializer};

/// A code of the registry, with its title and its page.
#[derive(Clone, Copy)]
pub struct Code {
    id: &'static str,
    title: &'static str,
    page: &'static str,
}

impl Code {
    /// `E0312`.
    pub const fn id(self) -> &'static str {
        self.id
    }

    /// What it is about, in a few words.
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// The page of `spec/errors/`, in Markdown: what `fec explain E0312` prints.
    pub const fn explain(self) -> &'static str {
        self.page
    }

    /// The code with this id, in any case of its letter.
    pub fn find(id: &str) -> Option<Code> {
        ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        self.id == other.id
    }
}

impl Eq for Code {}

impl std::hash::Hash for Code {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

macro_rules! codes {
    ($($id:ident $title:literal)*) => {
        $(
            #[doc = $title]
            pub const $id: Code = Code {
                id: stringify!($id),
                title: $title,
                page: include_str!(concat!("../../../spec/errors/", stringify!($id), ".md")),
            };
        )*

        /// Every code, in the order of the table.
        pub const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    // Lexing.
    E0001 "a character that means nothing"
    E0002 "a string that is never closed"
    E0003 "a block of text that is never closed"
    E0004 "a number that cannot be read"
    E0005 "an unknown unit"
    E0006 "a date or an instant that cannot be read"
    E0007 "an unknown escape"
    E0008 "a file that is too large"
    E0009 "a literal that is out of range"
    E0010 "a file that is not UTF-8 text"

    // Parsing.
    E0101 "something else was expected"
    E0102 "a bracket that is never closed"
    E0103 "a body that is never closed"
    E0104 "an unknown declaration"
    E0105 "an unknown operator"
    E0106 "comparisons in a chain"
    E0107 "too deeply nested"
    E0108 "a reserved word as a name"
    E0109 "`=` and `:` mixed up"
    E0110 "a comma between statements"
    E0111 "two items on one line"
    E0112 "an attribute or a comment that belongs to nothing"
    E0113 "a `{` on the next line"
    E0114 "an `if` without `else`"
    E0115 "a closing bracket too much"
    E0116 "a clause given twice"
    E0117 "capital and small letters"

    // Names.
    E0201 "an unknown name"
    E0202 "a name declared twice"
    E0203 "an unknown column or field"
    E0204 "an unknown type"
    E0205 "an unknown import"
    E0206 "one `solution`, no more, no less"
    E0207 "an unknown attribute"
    E0208 "an unknown function"
    E0209 "an ambiguous name"
    E0210 "a name of another engine"
    E0211 "a definition that needs itself"
    E0212 "an unknown member"

    // Types and relations.
    E0301 "another type was expected"
    E0302 "the wrong number of arguments"
    E0303 "a missing argument"
    E0304 "an unknown argument"
    E0305 "a value that may be absent"
    E0306 "a relation was expected"
    E0307 "a single value was expected"
    E0308 "a condition that is not true or false"
    E0309 "columns that do not fit the sink"
    E0310 "a column given twice"
    E0311 "values that cannot be compared"
    E0312 "a stream cannot be sorted as a whole"
    E0313 "decimal and float mixed"
    E0314 "a row that is never reached"
    E0315 "cases that are not covered"
    E0316 "the wrong number of patterns"
    E0317 "a key that does not fit"
    E0318 "an aggregate in the wrong place"
    E0319 "a number that does not fit"
    E0320 "something that has no `[…]`"
    E0321 "a missing field"
    E0322 "something that has no fields"

    // Planes, boundedness and time.
    E0401 "an operator that this plane does not have"
    E0402 "two streams joined without `within`"
    E0403 "`with` on rows that may come late"
    E0404 "an aggregate that cannot take back"
    E0405 "changes into an append-only sink"
    E0406 "a feature without its window"
    E0408 "a flow that never ends"
    E0409 "an attribute in the wrong place"
    E0410 "an `emit` or `return` in the wrong place"
    E0411 "a service that does not always answer"
    E0412 "a window that cannot be"
    E0413 "a route that does not fit"
    E0414 "a join without an equality"
    E0415 "`within` without two streams"
    E0416 "a table on the left of a join"
    E0417 "relations that do not go together"
    E0418 "`with` on rows without a time"
    E0419 "`including row` of other rows"
    E0420 "a sink that a job cannot share"

    // Targets and settings.
    E0501 "an unknown setting"
    E0502 "a setting that cannot be this"
    E0503 "a missing setting"
    E0504 "a setting given twice"
    E0505 "a binding of nothing"
    E0506 "a secret in the text"
    E0507 "a process that cannot be many"
    E0508 "a name that a cluster refuses"

    // Versions.
    E0900 "not there yet"
    E0990 "a plan that is inconsistent"

    // Warnings.
    W0001 "a needless `??`"
    // W0003 is taken: it named a process without a crate, and every process has one.
    W0002 "a binding that is not used yet"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_once_and_has_a_page_with_its_title() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ALL {
            assert!(seen.insert(code.id), "{code} stands twice");
            let mut lines = code.explain().lines();
            assert_eq!(lines.next(), Some(format!("# {}: {}", code.id, code.title).as_str()));
            assert!(lines.map(str::len).sum::<usize>() > 30, "the page of {code} says nothing");
            assert!(!code.title.ends_with('.') && code.title.chars().next().is_some_and(|c| !c.is_uppercase()));
        }
    }

    #[test]
    fn codes_are_found_by_id() {
        assert_eq!(Code::find("e0312").map(Code::title), Some("a stream cannot be sorted as a whole"));
        assert_eq!(Code::find("E9999"), None);
    }
}
