//! Wiring as text that `rustfmt` leaves as it is, with its default settings: calls, struct literals, arrays, statements.
//!
//! What is wired is data: there is no arithmetic, no condition and no chain in it. Those are in expressions, which
//! [`Scope`](crate::Scope) prints.

use crate::layout::width;

/// The longest line.
const WIDTH: usize = 100;
/// The longest arguments of a call or array on one line.
const SHORT: usize = 60;
/// The longest fields of a struct literal on one line.
const SHORT_FIELDS: usize = 18;
/// Arrays of parts up to this length are filled line by line.
const SHORT_PART: usize = 10;
const STEP: usize = 4;
/// So many brackets in each other may begin on one line.
const DEEPEST: usize = 8;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A name, path, literal or closure, as it stands.
    Atom(String),
    /// `function(arguments)`, or `function(arguments)?`.
    Call {
        /// What is called, as a path.
        function: String,
        /// In order.
        arguments: Vec<Tree>,
        /// Whether a `?` follows.
        tried: bool,
    },
    /// `Name { field: value, ..base }`.
    Struct {
        /// The type, as a path.
        name: String,
        /// In order.
        fields: Vec<(String, Tree)>,
        /// What the other fields are taken from.
        base: Option<Box<Tree>>,
    },
    /// `(a, b)`.
    Tuple(Vec<Tree>),
    /// `[a, b]`, `vec![a, b]`, `&[a, b]`.
    Array {
        /// What stands before the bracket.
        open: &'static str,
        /// In order.
        parts: Vec<Tree>,
    },
}

/// A name, path, literal or closure, as it stands.
pub fn atom(text: impl Into<String>) -> Tree {
    Tree::Atom(text.into())
}

/// A string literal.
pub fn text(text: &str) -> Tree {
    Tree::Atom(literal(text))
}

/// A call of a function by its path.
pub fn call(function: &str, arguments: impl IntoIterator<Item = Tree>) -> Tree {
    Tree::Call { function: function.to_owned(), arguments: arguments.into_iter().collect(), tried: false }
}

/// An array, with what stands before its bracket.
pub fn list(open: &'static str, parts: impl IntoIterator<Item = Tree>) -> Tree {
    Tree::Array { open, parts: parts.into_iter().collect() }
}

/// A literal with the fields in order.
pub fn record(name: &str, fields: impl IntoIterator<Item = (&'static str, Tree)>) -> Tree {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Tree::Struct { name: name.to_owned(), fields, base: None }
}

/// A text as a literal of Rust.
pub fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() || is_invisible(letter) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Whether code names `word`, outside of its literals and comments.
pub fn mentions(code: &str, word: &str) -> bool {
    let mut found = String::new();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut letters = lines.flat_map(|line| line.chars().chain(['\n']));
    while let Some(letter) = letters.next() {
        if letter == '"' {
            while let Some(inner) = letters.next().filter(|inner| *inner != '"') {
                if inner == '\\' {
                    letters.next();
                }
            }
        }
        let is_of_word = letter.is_alphanumeric() || letter == '_';
        if is_of_word {
            found.push(letter);
        } else {
            if found == word {
                return true;
            }
            found.clear();
        }
    }
    found == word
}

/// Whether a letter changes how text is shown and not what it says: marks of direction, joiners.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl Tree {
    /// The same call, which leaves the function where it fails.
    pub fn tried(self) -> Self {
        match self {
            Self::Call { function, arguments, .. } => Self::Call { function, arguments, tried: true },
            other => other,
        }
    }

    /// The same literal, with what is not given from `base`.
    pub fn with(self, base: Tree) -> Self {
        match self {
            Self::Struct { name, fields, .. } => Self::Struct { name, fields, base: Some(Box::new(base)) },
            other => other,
        }
    }

    /// `let name = …;`, as lines.
    pub fn bound(&self, name: &str, indent: usize) -> String {
        let pad = " ".repeat(indent);
        format!("{pad}let {name} ={};\n", self.assigned(indent, indent + width(name) + 6, 1))
    }

    /// The last expression of a block, as lines.
    pub fn last(&self, indent: usize) -> String {
        format!("{}{}\n", " ".repeat(indent), self.laid(indent, indent, 0))
    }

    /// What follows `=` or `:` at `column`, with the space before it: on this line, or whole on the next.
    fn assigned(&self, indent: usize, column: usize, after: usize) -> String {
        if let Some(flat) = self.flat() {
            // A method with a `?` keeps two columns free.
            let tries = matches!(self, Self::Call { function, tried: true, .. } if function.contains('.'));
            if column + 1 + width(&flat) + after + if tries { 2 } else { 0 } <= WIDTH {
                return format!(" {flat}");
            }
            if indent + STEP + width(&flat) + after <= WIDTH {
                return format!("\n{}{flat}", " ".repeat(indent + STEP));
            }
        }
        format!(" {}", self.laid(indent, column + 1, after))
    }

    /// Where it begins at `column` of a line of `indent`, with `after` characters after it.
    fn laid(&self, indent: usize, column: usize, after: usize) -> String {
        match self.flat() {
            Some(flat) if column + width(&flat) + after <= WIDTH => flat,
            _ => self.broken(indent, column, DEEPEST),
        }
    }

    /// The same over several lines, where at most `hugs` brackets that hold one part alone begin it on their own line.
    fn broken(&self, indent: usize, column: usize, hugs: usize) -> String {
        match self {
            Self::Atom(text) => text.clone(),
            Self::Call { function, arguments, tried } => {
                let end = if *tried { ")?" } else { ")" };
                format!("{function}({}{end}", parts(arguments, indent, column + width(function) + 1, false, hugs))
            }
            Self::Tuple(items) => format!("({})", parts(items, indent, column + 1, false, hugs)),
            Self::Array { open, parts: items } => {
                format!("{open}[{}]", parts(items, indent, column + width(open) + 1, true, hugs))
            }
            Self::Struct { name, fields, base } => {
                let pad = " ".repeat(indent + STEP);
                let field = |(name, value): &(String, Tree)| {
                    if *value == Self::Atom(name.clone()) {
                        return format!("{pad}{name},\n");
                    }
                    let column = indent + STEP + width(name) + 1;
                    // A field's value goes to the next line only where it cannot be broken.
                    let value = match value {
                        Self::Atom(_) => value.assigned(indent + STEP, column, 1),
                        _ => format!(" {}", value.laid(indent + STEP, column + 1, 1)),
                    };
                    format!("{pad}{name}:{value},\n")
                };
                let fields: String = fields.iter().map(field).collect();
                let laid = |base: &Tree| base.laid(indent + STEP, indent + STEP + 2, 0);
                let base = base.as_ref().map(|base| format!("{pad}..{}\n", laid(base))).unwrap_or_default();
                format!("{name} {{\n{fields}{base}{}}}", " ".repeat(indent))
            }
        }
    }

    /// On one line, if `rustfmt` would leave it there.
    fn flat(&self) -> Option<String> {
        let all = |parts: &[Tree], most: usize| -> Option<String> {
            let texts = parts.iter().map(Self::flat).collect::<Option<Vec<_>>>()?;
            let text = texts.join(", ");
            // A name, a literal or an array that stands alone may fill the line.
            let is_alone = matches!(parts, [Self::Atom(_) | Self::Array { open: "", .. }]);
            (is_alone || width(&text) <= most).then_some(text)
        };
        match self {
            Self::Atom(text) => Some(text.clone()),
            Self::Call { function, arguments, tried } => {
                Some(format!("{function}({}){}", all(arguments, SHORT)?, if *tried { "?" } else { "" }))
            }
            Self::Tuple(parts) => Some(format!("({})", all(parts, SHORT)?)),
            Self::Array { open, parts } => Some(format!("{open}[{}]", all(parts, SHORT)?)),
            Self::Struct { name, fields, base } => {
                let field = |(name, value): &(String, Tree)| {
                    let value = value.flat()?;
                    Some(if value == *name { value } else { format!("{name}: {value}") })
                };
                let base = base.iter().map(|base| Some(format!("..{}", base.flat()?)));
                let texts = fields.iter().map(field).chain(base).collect::<Option<Vec<_>>>()?;
                let text = texts.join(", ");
                (width(&text) <= SHORT_FIELDS).then(|| format!("{name} {{ {text} }}"))
            }
        }
    }

    /// Whether it takes little of a line, wherever that begins.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.flat().is_some_and(|text| width(&text) <= SHORT / 2)
    }

    /// Whether it may begin on the line of a bracket that holds it alone.
    fn hugs(&self) -> bool {
        !matches!(self, Self::Atom(_))
    }
}

/// The arguments of a call or parts of an array that do not fit on a line, up to the closing bracket.
fn parts(parts: &[Tree], indent: usize, column: usize, is_array: bool, hugs: usize) -> String {
    if let [part] = parts
        && part.hugs()
    {
        // As many brackets as fit begin on this line.
        for fewer in (0..hugs).rev() {
            let broken = part.broken(indent, column, fewer);
            let first = broken.lines().next().unwrap_or_default();
            // Each bracket that is open, this one too, leaves a column for its end.
            let open = 1 + first.chars().filter(|letter| matches!(letter, '(' | '[')).count();
            if width(first) <= SHORT && column + width(first) + open <= WIDTH {
                return broken;
            }
        }
    }
    let pad = " ".repeat(indent + STEP);
    let flats: Option<Vec<String>> = parts.iter().map(Tree::flat).collect();
    if let Some(texts) = flats
        && is_array
        && parts.iter().all(|part| matches!(part, Tree::Atom(text) if !text.contains('(')))
        && texts.iter().all(|text| width(text) <= SHORT_PART)
    {
        let mut out = String::new();
        let (mut line, mut lines) = (WIDTH, 0);
        for (number, text) in texts.iter().enumerate() {
            // What follows the last part is not on its line, if that is the only one.
            let end = if number + 1 == texts.len() && lines < 2 { WIDTH + 1 } else { WIDTH };
            if line + 1 + width(text) + 1 >= end {
                out.push_str(&format!("\n{pad}"));
                lines += 1;
                line = indent + STEP;
            } else {
                out.push(' ');
                line += 1;
            }
            out.push_str(&format!("{text},"));
            line += width(text) + 1;
        }
        return format!("{out}\n{}", " ".repeat(indent));
    }
    let line = |part: &Tree| format!("{pad}{},\n", part.laid(indent + STEP, indent + STEP, 1));
    let lines: String = parts.iter().map(line).collect();
    format!("\n{lines}{}", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tree: &Tree) -> Vec<String> {
        tree.last(12).lines().map(str::to_owned).collect()
    }

    #[test]
    fn short_names_fill_lines_and_calls_have_one_each() {
        let filled = |last: usize, after: usize| -> Vec<usize> {
            let names = ["a".repeat(9)].into_iter().cycle().take(7).chain(["b".repeat(last)]);
            let names = names.chain(["c".repeat(9)].into_iter().cycle().take(after));
            let tree = list("vec!", names.map(atom));
            tree.last(8).lines().map(width).collect()
        };
        // A line that is not the last ends one column earlier.
        assert_eq!(filled(9, 2), [13, 99, 33, 9]);
        assert_eq!(filled(10, 2), [13, 88, 45, 9]);
        assert_eq!(filled(10, 0), [13, 100, 9]);
        assert_eq!(filled(11, 0).len(), 10);
        let calls = list("vec!", (0..20).map(|number| atom(format!("s_{number}()"))));
        assert_eq!(lines(&calls).len(), 22);
    }

    #[test]
    fn a_line_is_as_long_as_the_page_and_a_method_that_tries_two_shorter() {
        let of = |function: &str, tried: bool, more: usize| {
            let made = Tree::Call { function: function.to_owned(), arguments: vec![atom("a".repeat(40))], tried };
            let own = made.flat().map_or(0, |flat| width(&flat));
            made.bound(&"n".repeat(WIDTH - own - 14 + more), 4).lines().count()
        };
        assert_eq!((of("add", false, 2), of("add", false, 3)), (1, 2));
        assert_eq!((of("add", true, 2), of("add", true, 3)), (1, 2));
        assert_eq!((of("a.b", false, 2), of("a.b", false, 3)), (1, 2));
        // 98 columns: `rustfmt` counts the question mark of a chain twice.
        assert_eq!((of("a.b", true, 0), of("a.b", true, 1)), (1, 2));
    }

    #[test]
    fn a_word_in_a_text_or_comment_is_not_named() {
        let code = "    // `on zone == z.zone`\n    let zones = wiring.source(\"zone\")?;\n    f(zones)\n";
        assert!(!mentions(code, "zone") && mentions(code, "zones") && mentions(code, "wiring"));
        assert!(mentions("g(zone)", "zone") && mentions("&given.zone", "zone"));
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let of = |letters: &str| lines(&call("wiring.add", [atom("a".repeat(40)), text(letters)])).len();
        assert_eq!((of(&"x".repeat(16)), of(&"x".repeat(17)), of(&"服".repeat(8)), of(&"服".repeat(9))), (1, 4, 1, 4));
    }

    #[test]
    fn as_many_brackets_as_fit_begin_on_one_line() {
        let field = |name: &str| call("Field::required", [text(name), atom("Kind::String")]);
        let required = |kind: Tree| call("DataType::required", [kind]);
        let of = |fields: &[&str]| call("Kind::record", [list("", fields.iter().map(|name| field(name)))]);
        let kind = required(call("Kind::list", [required(of(&["first", "second"]))]));
        assert_eq!(
            lines(&list("&", [kind.clone()])),
            [
                "            &[DataType::required(Kind::list(DataType::required(",
                "                Kind::record([",
                "                    Field::required(\"first\", Kind::String),",
                "                    Field::required(\"second\", Kind::String),",
                "                ]),",
                "            )))]",
            ]
        );
        assert_eq!(
            lines(&call("Kind::list", [required(of(&["first", "second"]))]))[0],
            "            Kind::list(DataType::required(Kind::record(["
        );
        assert!(!kind.is_short() && atom("Kind::Int").is_short());
        let far = |indent: usize| -> Vec<String> {
            let decimal = call("Kind::decimal", [atom("16, 2")]);
            let field = call("Field::optional", [text("x"), call("Kind::list", [required(decimal)])]);
            field.last(indent).lines().map(|line| line.trim().to_owned()).collect()
        };
        let hugging = ["Kind::list(DataType::required(Kind::decimal(", "16, 2,", "))),"];
        assert_eq!(far(48)[2..5], hugging);
        // A column that each open bracket's end would need is not there.
        let parted = ["Kind::list(DataType::required(", "Kind::decimal(16, 2),", ")),"];
        assert_eq!(far(52)[2..5], parted);
    }
}
