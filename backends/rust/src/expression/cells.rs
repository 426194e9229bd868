//! Cells of rows and records, and what is made of cells: lists and records.

use fec_model::expr::{Expr, ExprKind};
use fec_model::types::Kind;

use super::Printer;
use crate::code::Code;
use crate::error::Error;
use crate::records::is_record;
use crate::scope::Place;
use crate::value::{Form, Piece, reader};

impl Printer<'_> {
    /// The record or row that `of` is, its path as a name, and whether it may be absent.
    pub(super) fn source(&self, of: &Expr) -> Result<(Code, String, bool), Error> {
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
    pub(super) fn cell(&mut self, expr: &Expr) -> Result<Piece, Error> {
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

    /// A list, or a record as one value.
    pub(super) fn cells(&mut self, function: &str, values: &[Expr]) -> Result<Piece, Error> {
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
}

/// Where a cell lies in its row or record.
struct Position {
    position: usize,
    optional: bool,
}
