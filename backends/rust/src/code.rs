//! The little of Rust that expressions are printed in.

use std::collections::{BTreeMap, BTreeSet};

/// An expression of Rust.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Code {
    /// A name, literal, path or macro call, as it stands.
    Atom(String),
    /// A variable of the function, by number.
    Local(usize),
    /// `function(arguments)`.
    Call(String, Vec<Code>),
    /// `receiver.method(arguments)`.
    Method(Box<Code>, String, Vec<Code>),
    /// `code?`.
    Try(Box<Code>),
    /// `!code`, `&code`, `-code`.
    Prefix(&'static str, Box<Code>),
    /// `left operator right`.
    Infix(Box<Code>, &'static str, Box<Code>),
    /// `|variables| code`.
    Closure(Vec<usize>, Box<Code>),
    /// `(a, b)`.
    Tuple(Vec<Code>),
    /// `[a, b]`.
    Array(Vec<Code>),
    /// `if condition { … } else { … }`.
    If(Box<Code>, Box<Block>, Box<Block>),
    /// `match value { pattern => …, }`.
    Match(Box<Code>, Vec<(Pattern, Block)>),
    /// A closure with statements as the only argument: `attempt(|| { … })`.
    Within(String, Box<Block>),
}

/// Statements and the value of the last line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub statements: Vec<Statement>,
    pub value: Code,
}

/// `let variable: kind = value;`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub variable: usize,
    pub kind: Option<&'static str>,
    pub value: Code,
}

/// The left side of an arm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    /// As it stands.
    Text(&'static str),
    /// Variables, each within `Some` where so marked.
    Parts(Vec<(usize, bool)>),
}

impl Pattern {
    /// See [`Block::is_like`].
    fn is_like_in(&self, other: &Self, same: &BTreeMap<usize, usize>) -> bool {
        match (self, other) {
            (Self::Parts(own), Self::Parts(other)) => {
                let is_like = |((own, is_some), (other, other_some)): (&(usize, bool), &(usize, bool))| {
                    same.get(own).unwrap_or(own) == other && is_some == other_some
                };
                own.len() == other.len() && own.iter().zip(other).all(is_like)
            }
            (own, other) => own == other,
        }
    }
}

impl Code {
    pub fn atom(text: impl Into<String>) -> Self {
        Self::Atom(text.into())
    }

    pub fn call(function: &str, arguments: impl IntoIterator<Item = Code>) -> Self {
        Self::Call(function.to_owned(), arguments.into_iter().collect())
    }

    pub fn method(self, name: &str, arguments: impl IntoIterator<Item = Code>) -> Self {
        Self::Method(Box::new(self), name.to_owned(), arguments.into_iter().collect())
    }

    pub fn tried(self) -> Self {
        Self::Try(Box::new(self))
    }

    pub fn prefix(self, operator: &'static str) -> Self {
        Self::Prefix(operator, Box::new(self))
    }

    pub fn infix(self, operator: &'static str, right: Code) -> Self {
        Self::Infix(Box::new(self), operator, Box::new(right))
    }

    /// The same with a type of its own where it is an integer whose place does not tell it.
    pub fn typed(self) -> Self {
        match self {
            Self::Atom(text) if text.trim_start_matches('-').starts_with(|digit: char| digit.is_ascii_digit()) => {
                let whole = text.trim_start_matches('-').chars().all(|digit| digit.is_ascii_digit() || digit == '_');
                Self::Atom(if whole { format!("{text}_i64") } else { text })
            }
            Self::Call(name, parts) if name == "Some" => Self::Call(name, parts.into_iter().map(Self::typed).collect()),
            other => other,
        }
    }

    pub fn some(self) -> Self {
        Self::call("Some", [self])
    }

    /// Whether a `?` in it may leave the function that it stands in.
    pub fn tries(&self) -> bool {
        match self {
            Self::Try(_) => true,
            Self::Atom(_) | Self::Local(_) | Self::Closure(..) | Self::Within(..) => false,
            Self::Call(_, parts) | Self::Tuple(parts) | Self::Array(parts) => parts.iter().any(Self::tries),
            Self::Method(receiver, _, arguments) => receiver.tries() || arguments.iter().any(Self::tries),
            Self::Prefix(_, part) => part.tries(),
            Self::Infix(a, _, b) => a.tries() || b.tries(),
            Self::If(condition, a, b) => condition.tries() || a.tries() || b.tries(),
            Self::Match(value, arms) => value.tries() || arms.iter().any(|(_, arm)| arm.tries()),
        }
    }

    /// See [`Block::is_like`].
    fn is_like_in(&self, other: &Self, same: &mut BTreeMap<usize, usize>) -> bool {
        let all = |own: &[Self], other: &[Self], same: &mut BTreeMap<usize, usize>| {
            own.len() == other.len() && own.iter().zip(other).all(|(own, other)| own.is_like_in(other, same))
        };
        let is_one = |own: &usize, other: &usize, same: &BTreeMap<usize, usize>| same.get(own).unwrap_or(own) == other;
        match (self, other) {
            (Self::Local(own), Self::Local(other)) => is_one(own, other, same),
            (Self::Call(a, own), Self::Call(b, other)) => a == b && all(own, other, same),
            (Self::Tuple(own), Self::Tuple(other)) | (Self::Array(own), Self::Array(other)) => all(own, other, same),
            (Self::Method(own, a, own_rest), Self::Method(other, b, other_rest)) => {
                a == b && own.is_like_in(other, same) && all(own_rest, other_rest, same)
            }
            (Self::Try(own), Self::Try(other)) => own.is_like_in(other, same),
            (Self::Prefix(a, own), Self::Prefix(b, other)) => a == b && own.is_like_in(other, same),
            (Self::Infix(own, a, own_right), Self::Infix(other, b, other_right)) => {
                a == b && own.is_like_in(other, same) && own_right.is_like_in(other_right, same)
            }
            (Self::Closure(a, own), Self::Closure(b, other)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_one(a, b, same)) && own.is_like_in(other, same)
            }
            (Self::If(own, own_then, own_else), Self::If(other, other_then, other_else)) => {
                own.is_like_in(other, same)
                    && own_then.is_like_in(other_then, same)
                    && own_else.is_like_in(other_else, same)
            }
            (Self::Match(own, own_arms), Self::Match(other, other_arms)) => {
                own_arms.len() == other_arms.len()
                    && own.is_like_in(other, same)
                    && own_arms
                        .iter()
                        .zip(other_arms)
                        .all(|((a, own), (b, other))| a.is_like_in(b, same) && own.is_like_in(other, same))
            }
            (Self::Within(a, own), Self::Within(b, other)) => a == b && own.is_like_in(other, same),
            (own, other) => own == other,
        }
    }

    /// Calls `each` for it and everything in it.
    pub fn visit(&self, each: &mut dyn FnMut(&Code)) {
        each(self);
        match self {
            Self::Atom(_) | Self::Local(_) => {}
            Self::Call(_, parts) | Self::Tuple(parts) | Self::Array(parts) => {
                parts.iter().for_each(|part| part.visit(each));
            }
            Self::Method(receiver, _, arguments) => {
                receiver.visit(each);
                arguments.iter().for_each(|part| part.visit(each));
            }
            Self::Try(part) | Self::Prefix(_, part) | Self::Closure(_, part) => part.visit(each),
            Self::Infix(a, _, b) => {
                a.visit(each);
                b.visit(each);
            }
            Self::If(condition, a, b) => {
                condition.visit(each);
                a.visit(each);
                b.visit(each);
            }
            Self::Match(value, arms) => {
                value.visit(each);
                arms.iter().for_each(|(_, arm)| arm.visit(each));
            }
            Self::Within(_, block) => block.visit(each),
        }
    }

    /// Calls `each` for every block in it that is not within another.
    fn blocks(&mut self, each: &mut dyn FnMut(&mut Block)) {
        match self {
            Self::Atom(_) | Self::Local(_) => {}
            Self::Call(_, parts) | Self::Tuple(parts) | Self::Array(parts) => {
                parts.iter_mut().for_each(|part| part.blocks(each));
            }
            Self::Method(receiver, _, arguments) => {
                receiver.blocks(each);
                arguments.iter_mut().for_each(|part| part.blocks(each));
            }
            Self::Try(part) | Self::Prefix(_, part) | Self::Closure(_, part) => part.blocks(each),
            Self::Infix(a, _, b) => {
                a.blocks(each);
                b.blocks(each);
            }
            Self::If(condition, a, b) => {
                condition.blocks(each);
                each(a);
                each(b);
            }
            Self::Match(value, arms) => {
                value.blocks(each);
                arms.iter_mut().for_each(|(_, arm)| each(arm));
            }
            Self::Within(_, block) => each(block),
        }
    }
}

impl Block {
    /// A block of a value alone.
    pub fn of(value: Code) -> Self {
        Self { statements: Vec::new(), value }
    }

    /// A block; where its value is the variable of its last statement, that statement's value takes its place.
    pub fn new(mut statements: Vec<Statement>, value: Code) -> Self {
        if let (Some(last), Code::Local(variable)) = (statements.last(), &value)
            && last.variable == *variable
            && last.kind.is_none()
            && let Some(last) = statements.pop()
        {
            return Self { statements, value: last.value };
        }
        Self { statements, value }
    }

    fn tries(&self) -> bool {
        self.value.tries() || self.statements.iter().any(|statement| statement.value.tries())
    }

    /// Calls `each` for everything in it.
    pub fn visit(&self, each: &mut dyn FnMut(&Code)) {
        self.statements.iter().for_each(|statement| statement.value.visit(each));
        self.value.visit(each);
    }

    /// Every name that stands in it: of functions, constants, macros and paths.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        self.visit(&mut |code| {
            let text = match code {
                Code::Atom(text) if text.starts_with('"') => "",
                Code::Atom(text) | Code::Call(text, _) | Code::Within(text, _) => text.as_str(),
                _ => "",
            };
            let mut before = ' ';
            for part in text.split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '_') {
                // Neither methods nor what stands in a module are names of their own.
                if before != ':' && before != '.' {
                    words.insert(
                        part.trim_end_matches(|letter: char| !letter.is_alphanumeric() && letter != '_').to_owned(),
                    );
                }
                before = part.chars().next_back().unwrap_or(' ');
            }
        });
        words
    }

    /// The variables that are read in it.
    pub fn read(&self) -> BTreeSet<usize> {
        let mut read = BTreeSet::new();
        self.visit(&mut |code| {
            if let Code::Local(variable) = code {
                read.insert(*variable);
            }
        });
        read
    }

    /// Whether it is the other one up to the variables that statements in them give their values, which are of nothing
    /// else. A pattern or a closure may give one that there is outside, too, so that theirs stand for each other only then.
    pub fn is_like(&self, other: &Self) -> bool {
        self.is_like_in(other, &mut BTreeMap::new())
    }

    /// The same where some variables stand for those of the other one.
    fn is_like_in(&self, other: &Self, same: &mut BTreeMap<usize, usize>) -> bool {
        let is_like = |(own, other): (&Statement, &Statement), same: &mut BTreeMap<usize, usize>| {
            let is_like = own.kind == other.kind && own.value.is_like_in(&other.value, same);
            same.insert(own.variable, other.variable);
            is_like
        };
        self.statements.len() == other.statements.len()
            && self.statements.iter().zip(&other.statements).all(|pair| is_like(pair, same))
            && self.value.is_like_in(&other.value, same)
    }

    /// Takes out the variables that nobody reads and that cannot be faulty.
    pub fn prune(&mut self) {
        loop {
            let read = self.read();
            if !self.drop_unread(&read) {
                return;
            }
        }
    }

    fn drop_unread(&mut self, read: &BTreeSet<usize>) -> bool {
        let before = self.statements.len();
        self.statements.retain(|statement| read.contains(&statement.variable) || statement.value.tries());
        let mut dropped = self.statements.len() < before;
        let mut inner = |block: &mut Block| dropped |= block.drop_unread(read);
        self.statements.iter_mut().for_each(|statement| statement.value.blocks(&mut inner));
        self.value.blocks(&mut inner);
        if matches!((self.statements.last(), &self.value), (Some(last), Code::Local(value)) if last.variable == *value)
        {
            *self = Self::new(std::mem::take(&mut self.statements), self.value.clone());
        }
        dropped
    }
}
