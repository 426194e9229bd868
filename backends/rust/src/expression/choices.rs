//! What is evaluated only in some cases: `and`, `or`, `if`, `??`, and whether something is absent.

use fec_model::expr::{BinaryOp, Expr};

use super::{Printer, SHORT};
use crate::code::{Block, Code, Pattern, Statement};
use crate::error::Error;
use crate::layout::{Layout, width};
use crate::literal::UNITS;
use crate::records::is_record;
use crate::value::{Form, Piece, common};

impl Printer<'_> {
    /// `and`, `or`: the right side is evaluated where the left one does not decide.
    pub(crate) fn connect(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Piece, Error> {
        let operator = if op == BinaryOp::And { "&&" } else { "||" };
        let left = self.expr(left)?;
        let left = self.holds(left);
        let decisive = Code::atom(if op == BinaryOp::And { "false" } else { "true" });
        if left == decisive {
            return Ok(Piece::plain(left, "constant"));
        }
        if matches!(left, Code::Atom(_)) && is_constant(&left) {
            let right = self.expr(right)?;
            let right = self.holds(right);
            return Ok(Piece::plain(right, "second"));
        }
        let left = self.line(left, operator, "first");
        let (statements, right) = self.block(|printer| {
            let right = printer.expr(right)?;
            let right = printer.holds(right);
            Ok(printer.line(right, operator, "second"))
        })?;
        let is_open = !statements.is_empty();
        let mut open = Block::new(statements, right);
        open.prune();
        // A constant whose statements are pruned is as bare as what had none.
        if is_open && (!open.statements.is_empty() || !is_constant(&open.value)) {
            let decided = Block::of(decisive);
            let (then, otherwise) = if op == BinaryOp::And { (open, decided) } else { (decided, open) };
            let code = self.chosen(left, then, otherwise);
            return Ok(Piece::plain(self.bind(code, if op == BinaryOp::And { "both" } else { "either" }), "both"));
        }
        let right = open.value;
        if right == decisive {
            // The left side's fault counts all the same.
            self.bind(left, "first");
            return Ok(Piece::plain(right, "constant"));
        }
        if is_constant(&right) || (right == left && !left.tries()) {
            return Ok(Piece::plain(left, "first"));
        }
        Ok(Piece::plain(chained(left, operator, right), if op == BinaryOp::And { "both" } else { "either" }))
    }

    /// An operand of `&&` and `||`: it fits on a line.
    fn line(&mut self, code: Code, operator: &str, name: &str) -> Code {
        let chain = matches!(&code, Code::Infix(_, own @ ("&&" | "||"), _) if *own == operator);
        if chain || self.is_short(&code, 64) || self.is_short_chain(&code, 56) {
            return code;
        }
        self.bind(code, name)
    }

    fn is_short_chain(&self, code: &Code, most: usize) -> bool {
        matches!(code, Code::Infix(..)) && Layout::new(&self.names).flat(code).is_some_and(|text| width(&text) <= most)
    }

    /// A condition that fits on the line of its `if`.
    fn condition(&mut self, code: Code) -> Code {
        let short = Layout::new(&self.names).flat(&code).is_some_and(|text| width(&text) <= SHORT + 14);
        if short && !matches!(code, Code::If(..)) { code } else { self.bind(code, "condition") }
    }

    /// An `if`; one whose `else` chooses the same is one with it.
    fn chosen(&mut self, condition: Code, then: Block, otherwise: Block) -> Code {
        if then.is_like(&otherwise) {
            // The condition decides nothing; its fault counts.
            self.bind(condition, "condition");
            self.statements.extend(then.statements);
            return then.value;
        }
        match otherwise {
            Block { statements, value: Code::If(more, same, otherwise) } if statements.is_empty() && *same == then => {
                let (condition, more) = (self.line(condition, "||", "first"), *more);
                self.chosen(chained(condition, "||", more), then, *otherwise)
            }
            otherwise => {
                let condition = self.condition(condition);
                Code::If(Box::new(condition), Box::new(then), Box::new(otherwise))
            }
        }
    }

    pub(super) fn choice(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr) -> Result<Piece, Error> {
        let condition = self.expr(condition)?;
        let condition = self.holds(condition);
        match is_true(&condition) {
            Some(true) => return self.expr(then),
            Some(false) => return self.expr(otherwise),
            None => {}
        }
        let condition = self.condition(condition);
        let (then_statements, then) = self.block(|printer| printer.expr(then))?;
        let (else_statements, otherwise) = self.block(|printer| printer.expr(otherwise))?;
        if then_statements.is_empty() && else_statements.is_empty() && then.code == otherwise.code {
            // The condition decides nothing; its fault counts.
            self.bind(condition, "condition");
            return Ok(then);
        }
        if then_statements.is_empty() && else_statements.is_empty() {
            match (is_true(&then.code), is_true(&otherwise.code)) {
                (Some(true), Some(false)) => return Ok(Piece::plain(condition, "choice")),
                (Some(false), Some(true)) => return Ok(Piece::plain(negated(condition), "choice")),
                _ => {}
            }
        }
        let form = match (then.is_none(), otherwise.is_none()) {
            (true, _) => otherwise.form,
            (_, true) => then.form,
            _ => common(then.form, otherwise.form),
        };
        let optional = then.optional || otherwise.optional;
        let name = if then.name == otherwise.name { then.name.clone() } else { "choice".to_owned() };
        let then = self.branch(then_statements, then, form, optional)?;
        let otherwise = self.branch(else_statements, otherwise, form, optional)?;
        let code = self.chosen(condition, then, otherwise);
        Ok(self.held(code, form, optional, &name))
    }

    /// The block of a branch.
    fn branch(&mut self, statements: Vec<Statement>, piece: Piece, form: Form, optional: bool) -> Result<Block, Error> {
        let (statements, value) = self.block(|printer| {
            printer.statements = statements;
            let name = piece.name.clone();
            let code = piece.into_form(form, optional).typed();
            if printer.is_short(&code, 46) || matches!(code, Code::If(..) | Code::Match(..)) {
                return Ok(code);
            }
            Ok(match code {
                Code::Call(some, mut parts) if some == "Some" && parts.len() == 1 => {
                    let part = parts.pop().unwrap_or(Code::atom("None"));
                    printer.bind(part, &name).some()
                }
                code => printer.bind(code, &name),
            })
        })?;
        let mut block = Block::new(statements, value);
        block.prune();
        Ok(block)
    }

    /// A choice, which has a variable of its own.
    fn held(&mut self, code: Code, form: Form, optional: bool, name: &str) -> Piece {
        let kind = (form == Form::Cow).then_some(if optional { "Option<Cow<'_, str>>" } else { "Cow<'_, str>" });
        let variable = self.local(name);
        self.statements.push(Statement { variable, kind, value: code });
        Piece::new(Code::Local(variable), form, name).optional(optional)
    }

    pub(super) fn coalesce(&mut self, first: &Expr, second: &Expr) -> Result<Piece, Error> {
        let left = self.expr(first)?;
        if left.is_none() {
            return self.expr(second);
        }
        if !left.optional {
            return Ok(left);
        }
        let (statements, right) = self.block(|printer| printer.expr(second))?;
        let name = left.name.clone();
        let simple = statements.is_empty() && is_simple(&right.code);
        if right.is_none() {
            return Ok(left);
        }
        let copied = |form: Form| matches!(form, Form::Plain | Form::Str | Form::LocalStr);
        if simple && copied(left.form) && copied(right.form) {
            let form = common(left.form, right.form);
            let method = if right.optional { "or" } else { "unwrap_or" };
            let mut code = left.code.clone().method(method, [right.code.clone()]);
            if !self.is_short(&code, 60) {
                code = self.bind(left.code.clone(), &name).method(method, [right.code.clone()]);
            }
            return Ok(Piece::new(code, form, &name).optional(right.optional));
        }
        let form = common(left.form, right.form);
        let optional = right.optional;
        let scrutinee =
            if self.is_short(&left.code, SHORT) { left.code.clone() } else { self.bind(left.code.clone(), &name) };
        let variable = self.variable_of(&Piece { code: scrutinee.clone(), ..left.clone() }, &[]);
        let found = Piece { code: Code::Local(variable), optional, ..left };
        let otherwise = self.branch(statements, right, form, optional)?;
        let found = Block::of(found.into_form(form, optional));
        let is_bare = otherwise.statements.is_empty() && is_simple(&otherwise.value);
        if is_bare && !optional && found.value == Code::Local(variable) {
            // What the other one needed has turned out to be constant.
            return Ok(self.held(scrutinee.method("unwrap_or", [otherwise.value]), form, optional, &name));
        }
        let arms = if optional {
            vec![(Pattern::Text("None"), otherwise), (Pattern::Parts(vec![(variable, false)]), found)]
        } else {
            vec![(Pattern::Parts(vec![(variable, true)]), found), (Pattern::Text("None"), otherwise)]
        };
        let code = Code::Match(Box::new(scrutinee), arms);
        Ok(self.held(code, form, optional, &name))
    }

    pub(super) fn is_absent(&mut self, operand: &Expr) -> Result<Piece, Error> {
        if is_record(operand)
            && let Ok((record, name, _)) = self.source(operand)
        {
            return Ok(Piece::plain(record.method("is_absent", []).tried(), &name));
        }
        let Some(piece) = self.operands(&[operand])?.pop() else { return Err(Error::missing("operand of", "== null")) };
        let code = match piece {
            _ if piece.is_none() => Code::atom("true"),
            Piece { optional: true, code, .. } => code.method("is_none", []),
            Piece { code: Code::Atom(_), .. } => Code::atom("false"),
            Piece { code, .. } => Code::call("is_absent", [code]),
        };
        Ok(Piece::plain(code, "absent"))
    }
}

/// Both, as one chain from the left: that is how a chain is laid out, and it asks for the same in the same order.
fn chained(left: Code, operator: &'static str, right: Code) -> Code {
    match right {
        Code::Infix(first, own, rest) if own == operator => chained(chained(left, operator, *first), operator, *rest),
        right => match left {
            Code::Infix(first, own, last) if own == operator => match within(&last, operator, &right) {
                Some(range) => first.infix(operator, range),
                None => first.infix(operator, *last).infix(operator, right),
            },
            left => within(&left, operator, &right).unwrap_or_else(|| left.infix(operator, right)),
        },
    }
}

/// Two comparisons of a variable with constants that ask together whether it is in a range, or (`||`) outside of it.
fn within(left: &Code, operator: &str, right: &Code) -> Option<Code> {
    let (Code::Infix(value, one, first), Code::Infix(other, two, second)) = (left, right) else { return None };
    if value != other || !matches!(**value, Code::Local(_)) {
        return None;
    }
    let (low, high, dots) = match (operator, *one, *two) {
        ("&&", ">=", "<") | ("||", "<", ">=") => (first, second, ".."),
        ("&&", ">=", "<=") | ("||", "<", ">") => (first, second, "..="),
        ("&&", "<", ">=") | ("||", ">=", "<") => (second, first, ".."),
        ("&&", "<=", ">=") | ("||", ">", "<") => (second, first, "..="),
        _ => return None,
    };
    if !is_below(low, high) {
        return None;
    }
    let range = Code::atom(format!("({}{dots}{})", bound(low)?, bound(high)?));
    let held = range.method("contains", [(**value).clone().prefix("&")]);
    Some(if operator == "&&" { held } else { held.prefix("!") })
}

/// The text of a bound: a number, or a constant by its name, perhaps a multiple of it.
fn bound(code: &Code) -> Option<String> {
    match code {
        Code::Atom(text) if !text.starts_with('"') => Some(text.clone()),
        Code::Infix(a, operator @ "*", b) => Some(format!("{} {operator} {}", bound(a)?, bound(b)?)),
        Code::Prefix("-", part) => Some(format!("-{}", bound(part)?)),
        _ => None,
    }
}

/// Whether a range from the one to the other has values.
fn is_below(low: &Code, high: &Code) -> bool {
    matches!((number(low), number(high)), (Some(low), Some(high)) if low < high)
}

/// The number that a constant is, near enough to be compared.
fn number(code: &Code) -> Option<f64> {
    let unit = |name: &str| UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, micros)| micros.to_string());
    match code {
        Code::Atom(text) => match text.as_str() {
            "i64::MAX" => Some(f64::INFINITY),
            "i64::MIN" => Some(f64::NEG_INFINITY),
            text => unit(text).unwrap_or_else(|| text.replace('_', "")).parse().ok(),
        },
        Code::Prefix("-", part) => number(part).map(|number| -number),
        Code::Infix(a, "*", b) => Some(number(a)? * number(b)?),
        _ => None,
    }
}

/// A constant or variable, or a sum of constants.
fn is_simple(code: &Code) -> bool {
    match code {
        Code::Atom(_) | Code::Local(_) => true,
        Code::Infix(a, "*" | "/", b) => is_simple(a) && is_simple(b),
        Code::Prefix("-", part) => is_simple(part),
        _ => false,
    }
}

fn is_true(code: &Code) -> Option<bool> {
    match code {
        Code::Atom(text) => text.parse().ok(),
        _ => None,
    }
}

fn is_constant(code: &Code) -> bool {
    is_true(code).is_some()
}

/// `not code`.
pub(crate) fn negated(code: Code) -> Code {
    match code {
        Code::Infix(left, "==", right) => left.infix("!=", *right),
        Code::Infix(left, "!=", right) => left.infix("==", *right),
        Code::Infix(left, "<", right) => left.infix(">=", *right),
        Code::Infix(left, "<=", right) => left.infix(">", *right),
        Code::Infix(left, ">", right) => left.infix("<=", *right),
        Code::Infix(left, ">=", right) => left.infix("<", *right),
        Code::Prefix("!", inner) => *inner,
        Code::Method(of, name, none) if name == "is_none" && none.is_empty() => of.method("is_some", []),
        Code::Method(of, name, none) if name == "is_some" && none.is_empty() => of.method("is_none", []),
        Code::Atom(text) if text == "true" => Code::atom("false"),
        Code::Atom(text) if text == "false" => Code::atom("true"),
        other => other.prefix("!"),
    }
}
