//! Typed expressions as functions of Rust.
//!
//! A fault is the `Err` of a `Result` and leaves by `?`; absent is `None`; everything else is a plain value. A strict
//! operation evaluates its operands in order, so that the first fault among them is its result, and then looks whether
//! one is absent. What may not be evaluated in every case stands in a block of its own.

mod answers;
mod cells;
mod choices;

use std::collections::BTreeMap;

use fec_model::expr::{Expr, ExprKind, UnaryOp, VarId};
use fec_model::types::Kind;

use crate::code::{Block, Code, Pattern, Statement};
use crate::error::Error;
use crate::ident::snake;
use crate::layout::{Layout, width};
use crate::scope::Scope;
use crate::value::{Form, Piece, lasting, rust_type};

pub(crate) use choices::negated;

/// Parts up to this width stay within the expression that they are part of.
const SHORT: usize = 36;

/// Prints one expression.
pub(crate) struct Printer<'a> {
    pub(crate) scope: &'a Scope,
    /// The kinds that conversions of whole lists and records need, with their numbers.
    pub(crate) kinds: &'a mut dyn FnMut(&Kind) -> String,
    /// Wanted names of variables.
    pub(crate) names: Vec<String>,
    pub(crate) statements: Vec<Statement>,
    /// Whether a computed value has become a field of an answer, by the trait that does so.
    answers: bool,
    /// Variables that hold cells of the row, by path: read at the top of the function.
    cells: Vec<(String, usize, Code)>,
    variables: BTreeMap<VarId, Piece>,
}

/// What an operation makes of its operands.
pub(crate) struct Made {
    pub code: Code,
    /// It gives a `Result`.
    pub faulty: bool,
    /// It gives an `Option`.
    pub optional: bool,
    pub form: Form,
}

impl Made {
    pub fn plain(code: Code) -> Self {
        Self { code, faulty: false, optional: false, form: Form::Plain }
    }

    pub fn faulty(code: Code) -> Self {
        Self { faulty: true, ..Self::plain(code) }
    }
}

impl<'a> Printer<'a> {
    pub fn new(scope: &'a Scope, kinds: &'a mut dyn FnMut(&Kind) -> String) -> Self {
        Self {
            scope,
            kinds,
            names: Vec::new(),
            statements: Vec::new(),
            answers: false,
            cells: Vec::new(),
            variables: BTreeMap::new(),
        }
    }

    /// The body of a function that gives the value of `expr`, and the type of that value.
    pub fn function(mut self, expr: &Expr) -> Result<(Block, Vec<String>, String), Error> {
        let piece = self.expr(expr)?;
        let (form, optional) = (lasting(piece.form), piece.optional || piece.is_none());
        let ty = rust_type(&expr.ty.kind, form);
        let ty = if optional { format!("Option<{ty}>") } else { ty.to_owned() };
        let code = piece.into_form(form, optional);
        let value = self.result(code);
        Ok((self.close(value), self.names, ty))
    }

    /// The body of a function that gives a record whose fields may be faulty, and whether one of them is computed.
    pub fn record_function(mut self, expr: &Expr) -> Result<(Block, Vec<String>, bool), Error> {
        let value = self.bound(expr)?;
        Ok((self.close(value), self.names, self.answers))
    }

    /// The statements so far, after those that read the cells of the row.
    fn close(&mut self, value: Code) -> Block {
        let mut statements: Vec<Statement> =
            self.cells.drain(..).map(|(_, variable, value)| Statement { variable, kind: None, value }).collect();
        statements.append(&mut self.statements);
        Block::new(statements, value)
    }

    /// `Ok(code)`, or the `Result` that `code` takes apart.
    fn result(&mut self, code: Code) -> Code {
        match code {
            Code::Try(inner) => *inner,
            code if self.is_short(&code, 48) => Code::call("Ok", [code]),
            code => Code::call("Ok", [self.bind(code, "answer")]),
        }
    }

    pub(crate) fn local(&mut self, name: &str) -> usize {
        self.names.push(snake(name));
        self.names.len() - 1
    }

    /// Puts code into a variable.
    pub(crate) fn bind(&mut self, value: Code, name: &str) -> Code {
        let variable = self.local(name);
        self.statements.push(Statement { variable, kind: None, value });
        Code::Local(variable)
    }

    pub(crate) fn is_short(&self, code: &Code, most: usize) -> bool {
        Layout::new(&self.names).flat(code).is_some_and(|text| width(&text) <= most)
            && !matches!(code, Code::If(..) | Code::Infix(_, "&&" | "||", _))
    }

    /// Evaluates in a block of its own.
    pub(crate) fn block<T>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<(Vec<Statement>, T), Error> {
        let outside = std::mem::take(&mut self.statements);
        let made = make(self);
        let inside = std::mem::replace(&mut self.statements, outside);
        Ok((inside, made?))
    }

    /// Evaluates operands in order. The faults of earlier ones come before those of later ones, also where a later one
    /// needs statements; and none is longer than a part of a line may be.
    pub(crate) fn operands(&mut self, exprs: &[&Expr]) -> Result<Vec<Piece>, Error> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let mut before = self.statements.len();
            let piece = self.expr(expr)?;
            if self.statements.len() > before {
                for earlier in pieces.iter_mut().filter(|earlier| earlier.tries()) {
                    let variable = self.local(&earlier.name);
                    let value = std::mem::replace(&mut earlier.code, Code::Local(variable));
                    self.statements.insert(before, Statement { variable, kind: None, value });
                    before += 1;
                }
            }
            pieces.push(piece);
        }
        Ok(self.shortened(pieces, SHORT))
    }

    /// The same operands, none longer than `most`.
    pub(crate) fn shortened(&mut self, mut pieces: Vec<Piece>, most: usize) -> Vec<Piece> {
        let long: Vec<bool> = pieces.iter().map(|piece| !self.is_short(&piece.code, most)).collect();
        let last = pieces.iter().zip(&long).rposition(|(piece, long)| *long && piece.tries());
        for (number, (piece, long)) in pieces.iter_mut().zip(long).enumerate() {
            let before = last.is_some_and(|last| number < last) && piece.tries();
            if long || before {
                piece.code = self.bind(piece.code.clone(), &piece.name.clone());
            }
        }
        pieces
    }

    /// A strict operation: `make` gets operands that are present.
    pub(crate) fn strict(
        &mut self,
        pieces: Vec<Piece>,
        name: &str,
        make: impl FnOnce(&[Piece]) -> Made,
    ) -> Result<Piece, Error> {
        if pieces.iter().any(Piece::is_none) {
            // The faults of the others count all the same.
            for piece in pieces.iter().filter(|piece| piece.tries()) {
                self.bind(piece.code.clone(), &piece.name.clone());
            }
            return Ok(Piece::plain(Code::atom("None"), name).optional(true));
        }
        if !pieces.iter().any(|piece| piece.optional) {
            let made = make(&pieces);
            let code = if made.faulty { made.code.tried() } else { made.code };
            return Ok(Piece::new(code, made.form, name).optional(made.optional));
        }
        // What is evaluated before any operation: all that may be absent or faulty.
        let first: Vec<usize> = pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.optional || piece.tries())
            .map(|(number, _)| number)
            .collect();
        let mut inside = pieces.clone();
        let mut parts = Vec::new();
        for number in &first {
            let Some(piece) = inside.get_mut(*number) else { continue };
            let variable = self.variable_of(piece, &parts);
            parts.push((variable, piece.optional));
            piece.code = Code::Local(variable);
            piece.optional = false;
        }
        let made = make(&inside);
        let scrutinees: Vec<Code> =
            first.iter().filter_map(|number| pieces.get(*number)).map(|piece| piece.code.clone()).collect();
        if let ([(variable, _)], [scrutinee]) = (parts.as_slice(), scrutinees.as_slice()) {
            let code = chained(scrutinee.clone(), *variable, &made);
            if self.is_short(&code, 54) {
                return Ok(Piece::new(code, made.form, name).optional(true));
            }
        }
        let value = match (made.faulty, made.optional) {
            (true, true) => made.code.clone().tried(),
            (true, false) => made.code.clone().tried().some(),
            (false, true) => made.code.clone(),
            (false, false) => made.code.clone().some(),
        };
        // An arm is short; what is not has a variable.
        let (inner, value) = self.block(|printer| {
            Ok(match value {
                Code::Call(some, mut parts) if some == "Some" && parts.len() == 1 => {
                    let part = parts.pop().unwrap_or(Code::atom("None"));
                    if printer.is_short(&part, 46) { part } else { printer.bind(part, name) }.some()
                }
                value if printer.is_short(&value, 46) => value,
                value => printer.bind(value, name),
            })
        })?;
        let value = Block::new(inner, value);
        let mut scrutinees = scrutinees;
        let code = if scrutinees.len() == 1 {
            let scrutinee = scrutinees.pop().unwrap_or(Code::atom("None"));
            let scrutinee = if self.is_short(&scrutinee, SHORT) { scrutinee } else { self.bind(scrutinee, "found") };
            if made.faulty || made.optional {
                let arms = vec![(Pattern::Parts(parts), value), (Pattern::Text("None"), Block::of(Code::atom("None")))];
                Code::Match(Box::new(scrutinee), arms)
            } else {
                match parts.first() {
                    Some((variable, _)) => chained(scrutinee, *variable, &made),
                    None => value.value,
                }
            }
        } else {
            let arms = vec![(Pattern::Parts(parts), value), (Pattern::Text("_"), Block::of(Code::atom("None")))];
            Code::Match(Box::new(Code::Tuple(scrutinees)), arms)
        };
        let code = self.bind(code, name);
        Ok(Piece::new(code, made.form, name).optional(true))
    }

    /// A variable for a part of a pattern: that of the operand itself, shadowed, if it has one that is still free.
    fn variable_of(&mut self, piece: &Piece, taken: &[(usize, bool)]) -> usize {
        let own = match &piece.code {
            Code::Local(variable) => Some(*variable),
            Code::Try(inner) => match **inner {
                Code::Local(variable) => Some(variable),
                _ => None,
            },
            _ => None,
        };
        match own.filter(|own| taken.iter().all(|(other, _)| other != own)) {
            Some(own) => own,
            None => self.local(&piece.name),
        }
    }

    /// A bool that is true where `piece` is present and true.
    fn holds(&mut self, piece: Piece) -> Code {
        if !piece.optional {
            return piece.code;
        }
        if piece.is_none() {
            return Code::atom("false");
        }
        let code = if self.is_short(&piece.code, 50) { piece.code } else { self.bind(piece.code, &piece.name) };
        code.infix("==", Code::atom("true").some())
    }

    pub(crate) fn expr(&mut self, expr: &Expr) -> Result<Piece, Error> {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, &expr.ty.kind),
            ExprKind::Column(_) | ExprKind::Right(_) | ExprKind::Binding(_) | ExprKind::Param(_) => self.cell(expr),
            ExprKind::Field(..) => self.cell(expr),
            ExprKind::Var(var) => match self.variables.get(var) {
                Some(piece) => Ok(piece.clone()),
                None => Err(Error::missing("variable", &var.to_string())),
            },
            ExprKind::Now => Ok(Piece::plain(Code::atom("row.now()"), "now")),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right),
            ExprKind::Convert(inner) => self.convert(inner, &expr.ty),
            ExprKind::Call(function, arguments) => self.call(*function, arguments),
            ExprKind::If(condition, then, otherwise) => self.choice(condition, then, otherwise),
            ExprKind::Coalesce(first, second) => self.coalesce(first, second),
            ExprKind::IsAbsent(operand) => self.is_absent(operand),
            ExprKind::In(item, list) => self.contains(item, list),
            ExprKind::Record(values) => self.cells("record", values),
            ExprKind::List(values) => self.cells("list", values),
            ExprKind::Let { var, value, body } => {
                self.bind_variable(*var, value)?;
                self.expr(body)
            }
            ExprKind::Concat(parts) => self.concat(parts),
            ExprKind::Error
            | ExprKind::FeatureRead { .. }
            | ExprKind::TableRead { .. }
            | ExprKind::Predict { .. }
            | ExprKind::Request { .. }
            | ExprKind::Rows(_) => Err(Error::missing("place for", "a read inside of an expression")),
        }
    }

    /// A variable of the program: evaluated once, with a fault that counts where it is used.
    fn bind_variable(&mut self, var: VarId, value: &Expr) -> Result<(), Error> {
        let (statements, piece) = self.block(|printer| printer.expr(value))?;
        let name = piece.name.clone();
        let faulty = piece.tries() || statements.iter().any(|statement| statement.value.tries());
        if piece.is_none() && !faulty {
            self.variables.insert(var, piece);
            return Ok(());
        }
        let form = lasting(piece.form);
        let (optional, short) = (piece.optional, matches!(piece.form, Form::Plain | Form::Str | Form::Ref));
        let code = piece.into_form(form, optional).typed();
        let kind = (form == Form::Cow).then_some(match (faulty, optional) {
            (true, true) => "Result<Option<Cow<'_, str>>, Fault>",
            (true, false) => "Result<Cow<'_, str>, Fault>",
            (false, true) => "Option<Cow<'_, str>>",
            (false, false) => "Cow<'_, str>",
        });
        let local = self.local(&name);
        let value = if faulty {
            self.within(statements, code)?
        } else {
            self.statements.extend(statements);
            code
        };
        self.statements.push(Statement { variable: local, kind, value });
        let local = Code::Local(local);
        let code = match (faulty, short) {
            (true, true) => local.tried(),
            (true, false) if form == Form::Plain => local.tried(),
            (true, false) => local.method("lend", []).tried(),
            (false, _) => match (form, optional) {
                (Form::String, false) => local.method("as_str", []),
                (Form::Cow, false) => local.method("as_ref", []),
                (Form::String | Form::Cow, true) => local.method("as_deref", []),
                (Form::Value, false) => local.prefix("&"),
                (Form::Value, true) => local.method("as_ref", []),
                _ => local,
            },
        };
        let form = match form {
            Form::String | Form::Cow => Form::LocalStr,
            Form::Value => Form::LocalRef,
            form => form,
        };
        self.variables.insert(var, Piece::new(code, form, &name).optional(optional));
        Ok(())
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Result<Piece, Error> {
        let pieces = self.operands(&[operand])?;
        let kind = &operand.ty.kind;
        self.strict(pieces, if op == UnaryOp::Not { "negation" } else { "negative" }, |pieces| {
            let argument = pieces.first().map_or(Code::atom("None"), Piece::argument);
            match (op, kind) {
                (UnaryOp::Not, _) => Made::plain(negated(argument)),
                (UnaryOp::Negate, Kind::Float) => Made::plain(Code::call("negate_float", [argument])),
                (UnaryOp::Negate, Kind::Decimal { .. }) => Made::faulty(Code::call("negate_decimal", [argument])),
                (UnaryOp::Negate, _) => Made::faulty(Code::call("negate_int", [argument])),
            }
        })
    }

    fn concat(&mut self, parts: &[Expr]) -> Result<Piece, Error> {
        let pieces = self.operands(&parts.iter().collect::<Vec<_>>())?;
        self.strict(pieces, "text", concatenation)
    }
}

/// Several texts in one.
pub(crate) fn concatenation(pieces: &[Piece]) -> Made {
    let parts = pieces.iter().map(Piece::borrowed).collect();
    Made { form: Form::String, ..Made::plain(Code::Array(parts).method("concat", [])) }
}

/// An operation on what `scrutinee`, an `Option`, holds, as a chain of methods.
fn chained(scrutinee: Code, variable: usize, made: &Made) -> Code {
    let closure = match &made.code {
        Code::Call(function, arguments) if *arguments == [Code::Local(variable)] => Code::atom(function.as_str()),
        code => Code::Closure(vec![variable], Box::new(code.clone())),
    };
    match (made.faulty, made.optional) {
        (false, false) => scrutinee.method("map", [closure]),
        (false, true) => scrutinee.method("and_then", [closure]),
        (true, false) => scrutinee.method("map", [closure]).method("transpose", []).tried(),
        (true, true) => scrutinee.method("map", [closure]).method("transpose", []).tried().method("flatten", []),
    }
}
