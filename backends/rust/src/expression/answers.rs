//! Answers: records whose fields are faulty one by one, and values whose fault leaves nothing.

use fec_model::expr::{Expr, ExprKind, Literal};

use super::Printer;
use crate::code::{Block, Code, Statement};
use crate::error::Error;
use crate::records::is_record;
use crate::value::lasting;

impl Printer<'_> {
    /// An answer of kind record: its fields are faulty one by one.
    pub(super) fn bound(&mut self, expr: &Expr) -> Result<Code, Error> {
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
            result => {
                self.answers = true;
                let result = if self.is_short(&result, 50) { result } else { self.bind(result, "field") };
                result.method("bound", [])
            }
        })
    }

    /// The `Result` of an expression, whose fault leaves nothing.
    fn attempted(&mut self, expr: &Expr) -> Result<Code, Error> {
        let (statements, piece) = self.block(|printer| printer.expr(expr))?;
        if piece.is_none() && !statements.is_empty() {
            // Only the faults before it tell anything: what is absent may be of any type.
            return self.within(statements, Code::atom("None::<bool>"));
        }
        let (form, optional) = (lasting(piece.form), piece.optional);
        self.within(statements, piece.into_form(form, optional).typed())
    }

    /// The `Result` of statements and the value after them.
    pub(super) fn within(&mut self, statements: Vec<Statement>, code: Code) -> Result<Code, Error> {
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
