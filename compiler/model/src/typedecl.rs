//! Types as written, and the declarations of records and enumerations.

use hashbrown::HashMap;
use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, closest, codes};
use fec_syntax::ast::{self, TypeExpr, TypeKind};
use fec_syntax::{Symbol, foreign};

use crate::check::Checker;
use crate::model::RecordDecl;
use crate::names::Known;
use crate::types::{Column, Kind, Record, Type};

const BUILTIN: &[&str] =
    &["bool", "int", "float", "decimal", "string", "bytes", "date", "timestamp", "duration", "list", "rows"];

/// Types of the language that this version does not have.
const LATER: &[&str] = &["json", "map", "vector"];

impl<'a> Checker<'a> {
    pub(crate) fn declare_type(
        &mut self,
        path: Symbol,
        name: &'a ast::Name,
        fields: &'a [ast::Field],
        docs: &[String],
        engine: Option<Symbol>,
    ) -> Known {
        self.refuse_builtin(name);
        let fields_of = self.fields(fields, engine);
        let docs_of = |name: &str| {
            fields.iter().find(|field| field.name.text == name).map(|field| field.docs.join("\n")).unwrap_or_default()
        };
        let record = RecordDecl {
            docs: docs.join("\n"),
            fields: fields_of.iter().map(|column| (column.clone(), docs_of(&column.name))).collect(),
        };
        self.model.types.insert(path, record);
        Known::Record(Rc::new(Record { name: Some(path), fields: fields_of.into() }))
    }

    pub(crate) fn declare_enum(&mut self, name: &'a ast::Name, members: &'a [ast::Name]) -> Known {
        self.refuse_builtin(name);
        let mut index = HashMap::new();
        let mut list = Vec::new();
        for member in members {
            let next = u32::try_from(list.len()).unwrap_or(u32::MAX);
            if index.contains_key(member.text.as_str()) {
                self.report(Diagnostic::error(
                    codes::E0202,
                    member.span,
                    format!("`{}` has `{}` twice", name.text, member.text),
                ));
                continue;
            }
            index.insert(member.text, next);
            list.push(member.text);
        }
        self.members.insert(name.text, index);
        self.model.enums.insert(name.text, list);
        Known::Enum
    }

    fn refuse_builtin(&mut self, name: &ast::Name) {
        if BUILTIN.contains(&name.text.as_str()) {
            self.report(Diagnostic::error(
                codes::E0202,
                name.span,
                format!("`{}` is a type of the language", name.text),
            ));
        }
    }

    /// The columns of a record type as written; a repeated name is left out, with a message.
    pub(crate) fn fields(&mut self, fields: &'a [ast::Field], engine: Option<Symbol>) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
        for field in fields {
            let ty = self.type_of(&field.ty, engine);
            if columns.iter().any(|column| column.name == field.name.text) {
                self.report(Diagnostic::error(
                    codes::E0310,
                    field.name.span,
                    format!("the field `{}` stands twice", field.name.text),
                ));
                continue;
            }
            columns.push(Column { name: field.name.text, ty });
        }
        columns
    }

    /// The type that a type expression means.
    pub(crate) fn type_of(&mut self, ty: &'a TypeExpr, engine: Option<Symbol>) -> Type {
        if !self.enter(ty.span) {
            return Type::error();
        }
        let kind = match &ty.kind {
            TypeKind::Named { name, numbers, types } => self.named_type(name, numbers, types, ty.span, engine),
            TypeKind::Record { fields, open } => {
                if *open {
                    self.report(Diagnostic::not_yet(ty.span, "an open record type"));
                    Kind::Error
                } else {
                    Kind::Record(Record { name: None, fields: self.fields(fields, engine).into() })
                }
            }
            TypeKind::Error => Kind::Error,
        };
        self.leave();
        Type { kind, optional: ty.optional }
    }

    fn named_type(
        &mut self,
        name: &'a ast::Name,
        numbers: &'a [ast::Expr],
        types: &'a [TypeExpr],
        span: Span,
        engine: Option<Symbol>,
    ) -> Kind {
        let word = name.text.as_str();
        let wanted_types = usize::from(matches!(word, "list" | "rows" | "stream" | "table" | "map"));
        if !matches!(word, "decimal" | "vector") && !numbers.is_empty() {
            let is_unknown = !BUILTIN.contains(&word) && self.resolve(engine, word).is_none();
            if let (true, Some(foreign)) = (is_unknown, foreign::ty(word)) {
                let found = Diagnostic::error(codes::E0204, name.span, format!("there is no type called `{word}`"));
                self.report(foreign.mends(found, span));
                return Kind::Error;
            }
            self.report(Diagnostic::error(codes::E0302, span, format!("`{word}` takes nothing in parentheses")));
        }
        if types.len() != wanted_types && (BUILTIN.contains(&word) || LATER.contains(&word) || wanted_types == 1) {
            let takes = if wanted_types == 1 { "takes one type: " } else { "takes no types" };
            let example = if wanted_types == 1 { format!("`{word}<T>`") } else { String::new() };
            self.report(Diagnostic::error(codes::E0302, span, format!("`{word}` {takes}{example}")));
            return Kind::Error;
        }
        match word {
            "bool" => Kind::Bool,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "date" => Kind::Date,
            "timestamp" => Kind::Timestamp,
            "duration" => Kind::Duration,
            "decimal" => self.decimal_type(numbers, span),
            "list" | "rows" => {
                let item = types.first().map_or_else(Type::error, |item| self.type_of(item, engine));
                if word == "rows" && !matches!(item.kind, Kind::Record(_) | Kind::Error) {
                    self.report(Diagnostic::error(codes::E0301, span, format!("rows are records, not `{item}`")));
                    return Kind::Error;
                }
                Kind::List(Box::new(item))
            }
            "json" | "map" | "vector" => {
                self.report(Diagnostic::not_yet(span, &format!("the type `{word}`")));
                Kind::Error
            }
            "stream" | "table" => {
                self.report(
                    Diagnostic::error(codes::E0301, span, format!("`{word}` is no type of a value"))
                        .help("it stands after `source` and `sink`; several records are `list<T>` or `rows<T>`"),
                );
                Kind::Error
            }
            _ => self.declared_type(name, engine),
        }
    }

    fn declared_type(&mut self, name: &ast::Name, engine: Option<Symbol>) -> Kind {
        let Some(id) = self.resolve(engine, &name.text) else {
            let declared = self.model.types.keys().chain(self.model.enums.keys()).map(Symbol::as_str);
            let mut found =
                Diagnostic::error(codes::E0204, name.span, format!("there is no type called `{}`", name.text));
            let near = closest(&name.text, declared);
            if let (Some(foreign), None) = (foreign::ty(&name.text), near) {
                found = foreign.mends(found, name.span);
            } else if let Some(near) = near.or_else(|| closest(&name.text, BUILTIN.iter().copied())) {
                found = found.fix(format!("write `{near}`"), name.span, near);
            }
            self.report(found);
            return Kind::Error;
        };
        match self.known(id, Some(name.span)) {
            Known::Record(record) => Kind::Record((*record).clone()),
            Known::Enum => Kind::Enum(name.text),
            Known::Features(set) => Kind::Record(set.record.clone()),
            Known::Failed => Kind::Error,
            _ => {
                self.report(Diagnostic::error(codes::E0204, name.span, format!("`{}` is not a type", name.text)));
                Kind::Error
            }
        }
    }

    fn decimal_type(&mut self, numbers: &[ast::Expr], span: Span) -> Kind {
        let number = |expr: &ast::Expr| match &expr.kind {
            ast::ExprKind::Literal(ast::Literal::Int(text)) => text.parse::<u8>().ok(),
            _ => None,
        };
        if let [precision, scale] = numbers
            && let (Some(precision), Some(scale)) = (number(precision), number(scale))
            && (1..=38).contains(&precision)
            && scale <= precision
        {
            return Kind::Decimal { precision, scale };
        }
        self.report(
            Diagnostic::error(
                codes::E0319,
                span,
                "a decimal needs its digits in all, 1 to 38, and those after the point",
            )
            .help("as in `decimal(12, 2)`"),
        );
        Kind::Error
    }
}
