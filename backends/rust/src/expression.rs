//! Typed expressions as functions of Rust.
//!
//! A fault is the `Err` of a `Result` and leaves by `?`; absent is `None`; everything else is a plain value. A strict
//! operation evaluates its operands in order, so that the first fault among them is its result, and then looks whether
//! one is absent. What may not be evaluated in every case stands in a block of its own.

use std::collections::BTreeMap;

use fec_model::expr::{BinaryOp, Expr, ExprKind, Literal, UnaryOp, VarId};
use fec_model::types::Kind;

use crate::code::{Block, Code, Pattern, Statement};
use crate::error::Error;
use crate::ident::snake;
use crate::layout::{Layout, width};
use crate::records::is_record;
use crate::scope::{Place, Scope};
use crate::value::{Form, Piece, common, lasting, reader, rust_type};

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
        Self { scope, kinds, names: Vec::new(), statements: Vec::new(), cells: Vec::new(), variables: BTreeMap::new() }
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

    /// The body of a function that gives a record whose fields may be faulty.
    pub fn record_function(mut self, expr: &Expr) -> Result<(Block, Vec<String>), Error> {
        let value = self.bound(expr)?;
        Ok((self.close(value), self.names))
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

    /// The record or row that `of` is, its path as a name, and whether it may be absent.
    fn source(&self, of: &Expr) -> Result<(Code, String, bool), Error> {
        let (row, name, place) = self.place(of)?;
        let optional = place.optional;
        Ok((row.method("record", [Code::atom(place.position.to_string())]), name, optional))
    }

    /// The row that holds the cell that `expr` names, the name of the path to it, and where it lies there.
    fn place(&self, expr: &Expr) -> Result<(Code, String, Position), Error> {
        let found = |place: Option<Place<'_>>, what: &str, name: &str| {
            let place = place.ok_or_else(|| Error::missing(what, name))?;
            let row = if place.slot { Code::atom("row").method("slots", []) } else { Code::atom("row") };
            let optional = place.ty.optional || expr.ty.optional;
            Ok((row, name.to_owned(), Position { position: place.position, optional }))
        };
        match &expr.kind {
            ExprKind::Column(name) => found(self.scope.column(name), "column", name),
            ExprKind::Right(name) => found(self.scope.right_column(name), "column of the right side", name),
            ExprKind::Binding(name) | ExprKind::Param(name) => found(self.scope.outside(name), "binding", name),
            ExprKind::Field(of, name) => {
                let (row, path, outer) = self.source(of)?;
                let Kind::Record(record) = &of.ty.kind else { return Err(Error::missing("record with", name)) };
                let position = record.fields.iter().position(|field| field.name == *name);
                let (position, field) = position
                    .and_then(|position| Some((position, record.fields.get(position)?)))
                    .ok_or_else(|| Error::missing("field", name))?;
                let optional = outer || field.ty.optional || expr.ty.optional;
                Ok((row, format!("{path} {name}"), Position { position, optional }))
            }
            _ => Err(Error::missing("place of", "a record")),
        }
    }

    /// A cell of the row, read into a variable at the top of the function.
    fn cell(&mut self, expr: &Expr) -> Result<Piece, Error> {
        let (row, name, place) = self.place(expr)?;
        let (method, form) = reader(&expr.ty.kind);
        let code = if is_record(expr) {
            let record = row.method("record", [Code::atom(place.position.to_string())]);
            record.method(if place.optional { "optional_value" } else { "value" }, [])
        } else {
            let method = if place.optional { format!("optional_{method}") } else { method.to_owned() };
            row.method(&method, [Code::atom(place.position.to_string())])
        };
        if is_record(expr) {
            return Ok(Piece::new(code.tried(), form, &name).optional(place.optional));
        }
        let known = self.cells.iter().find(|(_, _, read)| *read == code).map(|(_, variable, _)| *variable);
        let variable = known.unwrap_or_else(|| {
            let variable = self.local(&name);
            self.cells.push((name.clone(), variable, code));
            variable
        });
        Ok(Piece::new(Code::Local(variable).tried(), form, &name).optional(place.optional))
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
        if statements.is_empty() && right == decisive {
            // The left side's fault counts all the same.
            self.bind(left, "first");
            return Ok(Piece::plain(right, "constant"));
        }
        if statements.is_empty() && (is_constant(&right) || (right == left && !left.tries())) {
            return Ok(Piece::plain(left, "first"));
        }
        if statements.is_empty() {
            return Ok(Piece::plain(left.infix(operator, right), if op == BinaryOp::And { "both" } else { "either" }));
        }
        let decided = Block::of(decisive);
        let open = Block::new(statements, right);
        let (then, otherwise) = if op == BinaryOp::And { (open, decided) } else { (decided, open) };
        let code = self.chosen(left, then, otherwise);
        Ok(Piece::plain(self.bind(code, if op == BinaryOp::And { "both" } else { "either" }), "both"))
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
        match otherwise {
            Block { statements, value: Code::If(more, same, otherwise) } if statements.is_empty() && *same == then => {
                let (condition, more) = (self.line(condition, "||", "first"), *more);
                self.chosen(condition.infix("||", more), then, *otherwise)
            }
            otherwise => {
                let condition = self.condition(condition);
                Code::If(Box::new(condition), Box::new(then), Box::new(otherwise))
            }
        }
    }

    fn choice(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr) -> Result<Piece, Error> {
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
        if then == otherwise {
            self.bind(condition, "condition");
            self.statements.extend(then.statements);
            return Ok(Piece::new(then.value, form, &name).optional(optional));
        }
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

    fn coalesce(&mut self, first: &Expr, second: &Expr) -> Result<Piece, Error> {
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
        let arms = if optional {
            vec![(Pattern::Text("None"), otherwise), (Pattern::Parts(vec![(variable, false)]), found)]
        } else {
            vec![(Pattern::Parts(vec![(variable, true)]), found), (Pattern::Text("None"), otherwise)]
        };
        let code = Code::Match(Box::new(scrutinee), arms);
        Ok(self.held(code, form, optional, &name))
    }

    fn is_absent(&mut self, operand: &Expr) -> Result<Piece, Error> {
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

    /// A list, or a record as one value.
    fn cells(&mut self, function: &str, values: &[Expr]) -> Result<Piece, Error> {
        let pieces = self.operands(&values.iter().collect::<Vec<_>>())?;
        let parts = pieces.iter().map(|piece| {
            if piece.is_none() {
                Code::atom("Value::Absent")
            } else {
                Code::call("value", [piece.code.clone().typed()])
            }
        });
        let code = Code::call(function, [Code::Array(parts.collect())]);
        Ok(Piece::new(code, Form::Value, function))
    }

    fn concat(&mut self, parts: &[Expr]) -> Result<Piece, Error> {
        let pieces = self.operands(&parts.iter().collect::<Vec<_>>())?;
        self.strict(pieces, "text", concatenation)
    }

    /// An answer of kind record: its fields are faulty one by one.
    fn bound(&mut self, expr: &Expr) -> Result<Code, Error> {
        if !is_record(expr) {
            return self.answer(expr);
        }
        match &expr.kind {
            ExprKind::Record(values) => {
                let mut fields = Vec::with_capacity(values.len());
                for value in values {
                    let field = self.bound(value)?;
                    let short = self.is_short(&field, 60);
                    fields.push(if short { field } else { self.bind(field, "field") });
                }
                Ok(Code::call("Bound::record", [Code::Array(fields)]))
            }
            ExprKind::If(condition, then, otherwise) => {
                let (statements, condition) = self.block(|printer| {
                    let condition = printer.expr(condition)?;
                    Ok(printer.holds(condition))
                })?;
                let condition = self.within(statements, condition)?;
                let condition = self.bind(condition, "condition");
                let then = self.deferred(|printer| printer.bound(then))?;
                let otherwise = self.deferred(|printer| printer.bound(otherwise))?;
                Ok(Code::call("Bound::choose", [condition, then, otherwise]))
            }
            ExprKind::Coalesce(first, second) => {
                let first = self.bound(first)?;
                let first = self.bind(first, "first");
                let second = self.deferred(|printer| printer.bound(second))?;
                Ok(first.method("or_else", [second]))
            }
            ExprKind::Let { var, value, body } => {
                self.bind_variable(*var, value)?;
                self.bound(body)
            }
            ExprKind::Literal(Literal::Null) => Ok(Code::atom("Bound::ABSENT")),
            _ => {
                let (record, _, _) = self.source(expr)?;
                Ok(record.method("bound", []))
            }
        }
    }

    /// A scalar as a field of an answer.
    fn answer(&mut self, expr: &Expr) -> Result<Code, Error> {
        Ok(match self.attempted(expr)? {
            Code::Call(name, parts) if name == "Ok" => match parts.as_slice() {
                [Code::Atom(none)] if none == "None" => Code::atom("Bound::ABSENT"),
                [part] => Code::call("Bound::Value", [Code::call("value", [part.clone().typed()])]),
                _ => Code::Call(name, parts),
            },
            result if self.is_short(&result, 50) => result.method("bound", []),
            result => {
                let variable = self.bind(result, "field");
                variable.method("bound", [])
            }
        })
    }

    /// The `Result` of an expression, whose fault leaves nothing.
    fn attempted(&mut self, expr: &Expr) -> Result<Code, Error> {
        let (statements, piece) = self.block(|printer| printer.expr(expr))?;
        let (form, optional) = (lasting(piece.form), piece.optional);
        self.within(statements, piece.into_form(form, optional).typed())
    }

    /// The `Result` of statements and the value after them.
    fn within(&mut self, statements: Vec<Statement>, code: Code) -> Result<Code, Error> {
        let (inside, result) = self.block(|printer| {
            printer.statements = statements;
            Ok(printer.result(code))
        })?;
        let block = Block::new(inside, result);
        Ok(if block.statements.is_empty() && !block.value.tries() {
            block.value
        } else {
            Code::Within("attempt".to_owned(), Box::new(block))
        })
    }

    /// A closure that gives a record.
    fn deferred(&mut self, make: impl FnOnce(&mut Self) -> Result<Code, Error>) -> Result<Code, Error> {
        let (statements, value) = self.block(make)?;
        let block = Block::new(statements, value);
        if block.statements.is_empty() && self.is_short(&block.value, 40) {
            return Ok(Code::Closure(Vec::new(), Box::new(block.value)));
        }
        let name = self.local("make");
        self.statements.push(Statement {
            variable: name,
            kind: None,
            value: Code::Within(String::new(), Box::new(block)),
        });
        Ok(Code::Local(name))
    }
}

/// Where a cell lies in its row or record.
struct Position {
    position: usize,
    optional: bool,
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
fn negated(code: Code) -> Code {
    match code {
        Code::Infix(left, "==", right) => left.infix("!=", *right),
        Code::Infix(left, "!=", right) => left.infix("==", *right),
        Code::Infix(left, "<", right) => left.infix(">=", *right),
        Code::Infix(left, "<=", right) => left.infix(">", *right),
        Code::Infix(left, ">", right) => left.infix("<=", *right),
        Code::Infix(left, ">=", right) => left.infix("<", *right),
        Code::Prefix("!", inner) => *inner,
        Code::Method(of, name, none) if name == "is_none" && none.is_empty() => of.method("is_some", []),
        Code::Atom(text) if text == "true" => Code::atom("false"),
        Code::Atom(text) if text == "false" => Code::atom("true"),
        other => other.prefix("!"),
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
