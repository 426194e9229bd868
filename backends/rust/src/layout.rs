//! Lines as `rustfmt` would leave them, with its default settings.
//!
//! What is printed is simple enough for that: what does not fit on a line is an `if`, a `match`, a closure with
//! statements, a chain of `&&` or `||`, or a call or array of short parts. The generator gives everything else a variable.

use unicode_width::UnicodeWidthStr;

use crate::code::{Block, Code, Pattern, Statement};

/// The longest line.
const WIDTH: usize = 100;
/// The longest arguments of a call, chain of methods or array on one line.
const SHORT: usize = 60;
/// The longest `if` on one line.
const SHORT_IF: usize = 50;
/// Arrays of parts up to this length are filled line by line.
const SHORT_PART: usize = 10;
const STEP: usize = 4;

/// Prints code with the names of its variables.
pub(crate) struct Layout<'a> {
    names: &'a [String],
    out: String,
}

impl<'a> Layout<'a> {
    pub fn new(names: &'a [String]) -> Self {
        Self { names, out: String::new() }
    }

    pub fn finish(self) -> String {
        self.out
    }

    /// The lines of a block without its braces.
    pub fn block(&mut self, block: &Block, indent: usize) {
        for statement in &block.statements {
            self.statement(statement, indent);
        }
        self.pad(indent);
        self.value(&block.value, indent, indent, 0);
        self.out.push('\n');
    }

    /// `head value;` at `indent`.
    pub fn constant(&mut self, head: &str, value: &Code, indent: usize) {
        self.pad(indent);
        self.out.push_str(head);
        self.assigned(value, indent, indent + width(head));
        self.out.push_str(";\n");
    }

    /// `static NAME: LazyLock<Kind>` of a value, at the left edge.
    pub fn lazy(&mut self, name: &str, value: &Code) {
        let head = format!("static {name}: LazyLock<Kind> =");
        let flat = self.flat(value).map(|flat| format!("LazyLock::new(|| {flat});"));
        match flat {
            Some(flat) if width(&head) + 1 + width(&flat) <= WIDTH => self.out.push_str(&format!("{head} {flat}")),
            Some(flat) if STEP + width(&flat) <= WIDTH => self.out.push_str(&format!("{head}\n    {flat}")),
            _ => {
                self.out.push_str(&format!("{head} LazyLock::new(|| {{\n"));
                self.block(&Block::of(value.clone()), STEP);
                self.out.push_str("});");
            }
        }
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn statement(&mut self, statement: &Statement, indent: usize) {
        let kind = statement.kind.map(|kind| format!(": {kind}")).unwrap_or_default();
        let head = format!("let {}{kind} = ", self.name(statement.variable));
        self.pad(indent);
        self.out.push_str(&head);
        self.assigned(&statement.value, indent, indent + width(&head));
        self.out.push_str(";\n");
    }

    /// The right side of `=`: on the next line where only that holds it.
    fn assigned(&mut self, code: &Code, indent: usize, column: usize) {
        let (flat, below) = (self.flat(code), indent + STEP);
        if flat.as_ref().is_none_or(|flat| column + width(flat) + 1 > WIDTH) {
            match (flat, code) {
                (Some(flat), _) if below + width(&flat) < WIDTH => {
                    self.line_below(below);
                    self.out.push_str(&flat);
                    return;
                }
                (_, Code::If(condition, ..)) => {
                    let head = self.text(condition);
                    // A condition that is broken here and would not be on the next line.
                    if is_long_head(column, &head) && !is_long_head(below, &head) {
                        self.line_below(below);
                        self.broken(code, below, below);
                        return;
                    }
                }
                _ => {}
            }
        }
        self.value(code, indent, column, 1);
    }

    /// Goes on at `indent` of the next line.
    fn line_below(&mut self, indent: usize) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
        self.pad(indent);
    }

    fn name(&self, variable: usize) -> &str {
        self.names.get(variable).map_or("_", String::as_str)
    }

    /// A value that begins at `column` in a statement at `indent`; `after` characters follow it on its last line.
    fn value(&mut self, code: &Code, indent: usize, column: usize, after: usize) {
        if let Some(flat) = self.flat(code)
            && column + width(&flat) + after <= WIDTH
        {
            self.out.push_str(&flat);
            return;
        }
        self.broken(code, indent, column);
    }

    /// A value on several lines.
    fn broken(&mut self, code: &Code, indent: usize, column: usize) {
        match code {
            Code::If(condition, then, otherwise) => self.branches(condition, then, otherwise, (indent, column)),
            Code::Match(value, arms) => {
                self.out.push_str("match ");
                match (&**value, self.flat(value)) {
                    (Code::Tuple(parts), flat) if flat.as_ref().is_none_or(|flat| column + width(flat) + 8 > WIDTH) => {
                        self.out.push('(');
                        self.items(parts, indent, false);
                        self.out.push(')');
                    }
                    (_, flat) => {
                        let head = flat.unwrap_or_else(|| self.text(value));
                        self.out.push_str(&head);
                    }
                }
                self.out.push_str(" {\n");
                for (pattern, arm) in arms {
                    self.arm(pattern, arm, indent + STEP);
                }
                self.pad(indent);
                self.out.push('}');
            }
            Code::Within(function, block) => {
                let (open, close) = if function.is_empty() { ("|| {\n", "}") } else { ("(|| {\n", "})") };
                self.out.push_str(function);
                self.out.push_str(open);
                self.block(block, indent + STEP);
                self.pad(indent);
                self.out.push_str(close);
            }
            Code::Try(_) if methods(code) > 1 => self.chain(code, indent, column),
            Code::Try(inner) => {
                self.broken(inner, indent, column);
                self.out.push('?');
            }
            Code::Infix(_, operator @ ("&&" | "||"), _) => {
                let mut parts = Vec::new();
                operands(code, operator, &mut parts);
                for (number, part) in parts.into_iter().enumerate() {
                    let mut begins = (indent, column);
                    if number > 0 {
                        self.out.push('\n');
                        self.pad(indent + STEP);
                        self.out.push_str(operator);
                        self.out.push(' ');
                        begins = (indent + STEP, indent + STEP + width(operator) + 1);
                    }
                    if self.flat(part).is_none() && methods(part) > 1 {
                        self.broken(part, begins.0, begins.1);
                        continue;
                    }
                    let text = self.operand(part, level(code));
                    self.out.push_str(&text);
                }
            }
            Code::Infix(left, operator, right) => {
                let (left, right) = (self.operand(left, level(code)), self.operand(right, level(code)));
                self.out.push_str(&left);
                self.out.push('\n');
                self.pad(indent + STEP);
                self.out.push_str(&format!("{operator} {right}"));
            }
            Code::Call(function, arguments) => {
                // What is called on an array stands below its bracket, and not further to the left than the function's.
                let below = matches!(arguments.as_slice(), [Code::Method(of, ..)] if matches!(**of, Code::Array(_)));
                if below && width(function) >= STEP {
                    self.out.push_str(&format!("{function}("));
                    self.items(arguments, indent, false);
                    self.out.push(')');
                } else if let [inner @ (Code::Call(..) | Code::Method(..) | Code::Try(_))] = arguments.as_slice() {
                    self.out.push_str(&format!("{function}("));
                    self.broken(inner, indent, column + width(function) + 1);
                    self.out.push(')');
                } else if let [Code::Array(parts)] = arguments.as_slice() {
                    self.out.push_str(&format!("{function}(["));
                    self.items(parts, indent, true);
                    self.out.push_str("])");
                } else {
                    self.out.push_str(&format!("{function}("));
                    self.items(arguments, indent, false);
                    self.out.push(')');
                }
            }
            Code::Array(parts) => {
                self.out.push('[');
                self.items(parts, indent, true);
                self.out.push(']');
            }
            Code::Method(receiver, name, arguments) => match (&**receiver, arguments.as_slice()) {
                (Code::Array(parts), []) => {
                    self.out.push('[');
                    self.items(parts, indent, true);
                    self.out.push_str("]\n");
                    self.pad(indent);
                    self.out.push_str(&format!(".{name}()"));
                }
                _ => self.chain(code, indent, column),
            },
            _ => {
                let text = self.text(code);
                self.out.push_str(&text);
            }
        }
    }

    /// An `if` that begins at `column` of a line at `indent`.
    fn branches(&mut self, condition: &Code, then: &Block, otherwise: &Block, (indent, column): (usize, usize)) {
        let head = self.text(condition);
        self.out.push_str("if ");
        if is_long_head(column, &head) && matches!(condition, Code::Infix(..)) {
            self.broken(condition, indent, column + STEP);
            self.out.push('\n');
            self.pad(indent);
            self.out.push_str("{\n");
        } else {
            self.out.push_str(&format!("{head} {{\n"));
        }
        self.block(then, indent + STEP);
        self.pad(indent);
        if let (true, Code::If(condition, then, more)) = (otherwise.statements.is_empty(), &otherwise.value) {
            self.out.push_str("} else ");
            self.branches(condition, then, more, (indent, indent + width("} else ")));
            return;
        }
        self.out.push_str("} else {\n");
        self.block(otherwise, indent + STEP);
        self.pad(indent);
        self.out.push('}');
    }

    fn arm(&mut self, pattern: &Pattern, arm: &Block, indent: usize) {
        let mut head = format!("{} => ", self.pattern(pattern));
        self.pad(indent);
        if let Pattern::Parts(parts) = pattern
            && parts.len() > 1
            && indent + width(&head) + 1 > WIDTH
        {
            self.out.push_str("(\n");
            for part in parts {
                self.pad(indent + STEP);
                self.out.push_str(&self.part(part));
                self.out.push_str(",\n");
            }
            self.pad(indent);
            head = ") => ".to_owned();
        }
        self.out.push_str(&head);
        if let (true, Code::If(condition, then, otherwise)) = (arm.statements.is_empty(), &arm.value) {
            self.out.push_str("{\n");
            self.pad(indent + STEP);
            self.branches(condition, then, otherwise, (indent + STEP, indent + STEP));
            self.out.push('\n');
            self.pad(indent);
            self.out.push_str("}\n");
            return;
        }
        if arm.statements.is_empty() {
            match self.flat(&arm.value) {
                Some(flat) if indent + width(&head) + width(&flat) < WIDTH => {
                    self.out.push_str(&flat);
                    self.out.push_str(",\n");
                    return;
                }
                None => {
                    self.value(&arm.value, indent, indent + width(&head), 1);
                    self.out.push_str(",\n");
                    return;
                }
                Some(_) => {}
            }
        }
        self.out.push_str("{\n");
        self.block(arm, indent + STEP);
        self.pad(indent);
        self.out.push_str("}\n");
    }

    fn pattern(&self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Text(text) => (*text).to_owned(),
            Pattern::Parts(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.part(part)).collect();
                match parts.as_slice() {
                    [part] => part.clone(),
                    parts => format!("({})", parts.join(", ")),
                }
            }
        }
    }

    fn part(&self, (variable, some): &(usize, bool)) -> String {
        let name = self.name(*variable);
        if *some { format!("Some({name})") } else { name.to_owned() }
    }

    /// Parts of a call or array, each on its own line; short ones of an array fill the lines.
    fn items(&mut self, parts: &[Code], indent: usize, array: bool) {
        let texts: Vec<String> = parts.iter().map(|part| self.text(part)).collect();
        self.out.push('\n');
        // A name with a path is as long as the longest.
        if array && texts.iter().all(|text| width(text) <= SHORT_PART && !text.contains("::")) {
            let mut line = 0;
            for text in &texts {
                if line == 0 {
                    self.pad(indent + STEP);
                    line = indent + STEP;
                } else if line + 1 + width(text) + 1 >= WIDTH {
                    self.out.push('\n');
                    self.pad(indent + STEP);
                    line = indent + STEP;
                } else {
                    self.out.push(' ');
                    line += 1;
                }
                self.out.push_str(text);
                self.out.push(',');
                line += width(text) + 1;
            }
            self.out.push('\n');
        } else {
            for part in parts {
                self.pad(indent + STEP);
                self.value(part, indent + STEP, indent + STEP, 1);
                self.out.push_str(",\n");
            }
        }
        self.pad(indent);
    }

    /// Methods one below the other.
    fn chain(&mut self, code: &Code, indent: usize, column: usize) {
        if let Code::Method(receiver, name, arguments) = code
            && let [Code::Closure(variables, body)] = arguments.as_slice()
            && let variables = variables.iter().map(|variable| self.name(*variable)).collect::<Vec<_>>().join(", ")
            // A body that fits nowhere on a line of its own stands in braces.
            && self.flat(body).is_none_or(|body| {
                indent + STEP + width(&format!(".{name}(|{variables}| {body});")) > WIDTH
            })
            && let Some(receiver) = self.flat_operand(receiver, POSTFIX)
        {
            let head = format!("{receiver}.{name}(|{variables}| {{\n");
            self.out.push_str(&head);
            self.block(&Block::of((**body).clone()), indent + STEP);
            self.pad(indent);
            self.out.push_str("})");
            return;
        }
        let mut links = Vec::new();
        let root = self.links(code, &mut links);
        if matches!(root, Code::Call(..)) && self.flat(root).is_none() {
            // What is called on a call of several lines stands below its bracket.
            self.broken(root, indent, column);
            for link in links.iter().rev() {
                if link != "?" {
                    self.out.push('\n');
                    self.pad(indent);
                }
                self.out.push_str(link);
            }
            return;
        }
        let root = self.operand(root, POSTFIX);
        let short = width(&root) <= STEP.saturating_sub(column - indent);
        self.out.push_str(&root);
        for (number, link) in links.iter().rev().enumerate() {
            if link != "?" && !(short && number == 0) {
                self.out.push('\n');
                self.pad(indent + STEP);
            }
            self.out.push_str(link);
        }
    }

    fn links<'c>(&self, code: &'c Code, links: &mut Vec<String>) -> &'c Code {
        match code {
            Code::Method(receiver, name, arguments) => {
                links.push(format!(".{name}({})", self.all(arguments)));
                self.links(receiver, links)
            }
            Code::Try(inner) if matches!(**inner, Code::Method(..) | Code::Try(_)) => {
                links.push("?".to_owned());
                self.links(inner, links)
            }
            other => other,
        }
    }

    /// On one line, if `rustfmt` would leave it there.
    pub fn flat(&self, code: &Code) -> Option<String> {
        let fits = |parts: &[Code], most: usize| -> Option<String> {
            let texts = parts.iter().map(|part| self.flat(part)).collect::<Option<Vec<_>>>()?;
            let text = texts.join(", ");
            (width(&text) <= most).then_some(text)
        };
        Some(match code {
            Code::Call(name, arguments) => {
                // A single argument that ends in a bracket of its own may be as long as the line.
                let most = if let [Code::Method(..) | Code::Array(_) | Code::Within(..) | Code::Infix(..)] =
                    arguments.as_slice()
                {
                    WIDTH
                } else {
                    SHORT
                };
                format!("{name}({})", fits(arguments, most)?)
            }
            Code::Array(parts) => format!("[{}]", fits(parts, SHORT)?),
            Code::Tuple(parts) => format!("({})", fits(parts, SHORT)?),
            Code::Method(receiver, name, arguments) => {
                let receiver = self.flat_operand(receiver, POSTFIX)?;
                let most = if arguments.len() == 1 { WIDTH } else { SHORT };
                let text = format!("{receiver}.{name}({})", fits(arguments, most)?);
                if methods(code) > 1 && width(&text) > SHORT {
                    return None;
                }
                text
            }
            Code::Try(inner) => {
                let text = format!("{}?", self.flat_operand(inner, POSTFIX)?);
                if methods(code) > 1 && width(&text) >= SHORT {
                    return None;
                }
                text
            }
            Code::Prefix(operator, part) => format!("{operator}{}", self.flat_operand(part, PREFIX)?),
            Code::Infix(left, operator, right) => {
                let own = level(code);
                let (left, right) = (self.flat_operand(left, own)?, self.flat_operand(right, own + 1)?);
                format!("{left} {operator} {right}")
            }
            Code::Closure(variables, body) => {
                let variables: Vec<&str> = variables.iter().map(|variable| self.name(*variable)).collect();
                let variables =
                    if variables.len() > 1 { format!("({})", variables.join(", ")) } else { variables.join("") };
                format!("|{variables}| {}", self.flat(body)?)
            }
            Code::If(condition, then, otherwise) => {
                if !then.statements.is_empty() || !otherwise.statements.is_empty() {
                    return None;
                }
                if matches!(then.value, Code::If(..)) || matches!(otherwise.value, Code::If(..)) {
                    return None;
                }
                let (condition, then) = (self.flat(condition)?, self.flat(&then.value)?);
                let text = format!("if {condition} {{ {then} }} else {{ {} }}", self.flat(&otherwise.value)?);
                // This one is counted in bytes.
                if text.len() > SHORT_IF {
                    return None;
                }
                text
            }
            Code::Within(function, block) if block.statements.is_empty() => {
                let value = self.flat(&block.value)?;
                if function.is_empty() { format!("|| {value}") } else { format!("{function}(|| {value})") }
            }
            Code::Match(..) | Code::Within(..) => return None,
            Code::Atom(_) | Code::Local(_) => self.text(code),
        })
    }

    fn flat_operand(&self, code: &Code, around: u8) -> Option<String> {
        let text = self.flat(code)?;
        Some(if level(code) < around { format!("({text})") } else { text })
    }

    fn operand(&self, code: &Code, around: u8) -> String {
        let text = self.text(code);
        if level(code) < around { format!("({text})") } else { text }
    }

    fn all(&self, parts: &[Code]) -> String {
        let texts: Vec<String> = parts.iter().map(|part| self.text(part)).collect();
        texts.join(", ")
    }

    /// On one line, however long it is.
    pub fn text(&self, code: &Code) -> String {
        match code {
            Code::Atom(text) => text.clone(),
            Code::Local(variable) => self.name(*variable).to_owned(),
            Code::Call(name, arguments) => format!("{name}({})", self.all(arguments)),
            Code::Method(receiver, name, arguments) => {
                format!("{}.{name}({})", self.operand(receiver, POSTFIX), self.all(arguments))
            }
            Code::Try(inner) => format!("{}?", self.operand(inner, POSTFIX)),
            Code::Prefix(operator, part) => format!("{operator}{}", self.operand(part, PREFIX)),
            Code::Infix(left, operator, right) => {
                let own = level(code);
                format!("{} {operator} {}", self.operand(left, own), self.operand(right, own + 1))
            }
            Code::Closure(variables, body) => {
                let variables: Vec<&str> = variables.iter().map(|variable| self.name(*variable)).collect();
                let variables =
                    if variables.len() > 1 { format!("({})", variables.join(", ")) } else { variables.join("") };
                format!("|{variables}| {}", self.text(body))
            }
            Code::Tuple(parts) => format!("({})", self.all(parts)),
            Code::Array(parts) => format!("[{}]", self.all(parts)),
            Code::If(condition, then, otherwise) => format!(
                "if {} {{ {} }} else {{ {} }}",
                self.text(condition),
                self.text(&then.value),
                self.text(&otherwise.value)
            ),
            Code::Match(value, arms) => {
                let arms: Vec<String> = arms
                    .iter()
                    .map(|(pattern, arm)| format!("{} => {}", self.pattern(pattern), self.text(&arm.value)))
                    .collect();
                format!("match {} {{ {} }}", self.text(value), arms.join(", "))
            }
            Code::Within(name, block) => format!("{name}(|| {})", self.text(&block.value)),
        }
    }
}

/// Whether an `if` at `column` has no place for its condition on its line.
fn is_long_head(column: usize, condition: &str) -> bool {
    column + width("if  {") + width(condition) > WIDTH
}

/// The methods of a chain.
fn methods(code: &Code) -> usize {
    match code {
        Code::Method(receiver, _, _) => 1 + methods(receiver),
        Code::Try(inner) => methods(inner),
        _ => 0,
    }
}

/// How wide a text is on the page, as `rustfmt` counts: some letters take two columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

const POSTFIX: u8 = 9;
const PREFIX: u8 = 8;

/// How strongly code holds together.
fn level(code: &Code) -> u8 {
    match code {
        Code::Closure(..) => 0,
        Code::Infix(_, "||", _) => 1,
        Code::Infix(_, "&&", _) => 2,
        Code::Infix(_, "+" | "-", _) => 5,
        Code::Infix(_, "*" | "/", _) => 6,
        Code::Infix(..) => 3,
        Code::Prefix(..) => PREFIX,
        Code::If(..) | Code::Match(..) => 4,
        // A literal with a sign.
        Code::Atom(text) if text.starts_with('-') => PREFIX,
        _ => 10,
    }
}

/// The operands of a chain of one operator, from the left.
fn operands<'c>(code: &'c Code, operator: &str, parts: &mut Vec<&'c Code>) {
    match code {
        Code::Infix(left, own, right) if *own == operator => {
            operands(left, operator, parts);
            parts.push(right);
        }
        other => parts.push(other),
    }
}
