//! Random typed expressions, as the checker would have typed them, over a row with a cell of every kind.

use std::collections::BTreeMap;

use fec_diagnostics::Span;
use fec_model::Symbol;
use fec_model::expr::{BinaryOp, Expr, ExprKind, Function, Literal, UnaryOp, VarId};
use fec_model::types::{Column, Kind, Record, Type};

use crate::random::Random;

/// The members of the one enumeration.
#[must_use]
pub fn enums() -> BTreeMap<Symbol, Vec<Symbol>> {
    let members = ["calm", "Wild", "1e3", "type", "größe"];
    BTreeMap::from([("Mood".into(), members.iter().map(|member| (*member).into()).collect())])
}

fn decimal(precision: u8, scale: u8) -> Kind {
    Kind::Decimal { precision, scale }
}

fn record(fields: &[(&str, Type)]) -> Kind {
    let fields = fields.iter().map(|(name, ty)| Column { name: (*name).into(), ty: ty.clone() }).collect();
    Kind::Record(Record { name: None, fields })
}

fn list(element: Type) -> Kind {
    Kind::List(Box::new(element))
}

fn deep() -> Kind {
    let inner = record(&[("city", Type::required(Kind::String)), ("type", Type::maybe(Kind::Int))]);
    record(&[("x", Type::required(Kind::Int)), ("price", Type::maybe(decimal(12, 2))), ("where", Type::maybe(inner))])
}

/// The same fields in wider types.
fn wide() -> Kind {
    let inner = record(&[("city", Type::required(Kind::String)), ("type", Type::maybe(Kind::Float))]);
    record(&[("x", Type::required(Kind::Float)), ("price", Type::maybe(decimal(38, 4))), ("where", Type::maybe(inner))])
}

/// The kinds that expressions have.
#[must_use]
pub fn kinds() -> Vec<Kind> {
    vec![
        Kind::Bool,
        Kind::Int,
        Kind::Float,
        decimal(12, 2),
        decimal(38, 6),
        Kind::String,
        Kind::Bytes,
        Kind::Date,
        Kind::Timestamp,
        Kind::Duration,
        Kind::Enum("Mood".into()),
        list(Type::required(Kind::Int)),
        list(Type::maybe(Kind::String)),
        list(Type::required(decimal(12, 2))),
        deep(),
        wide(),
    ]
}

/// The columns of the row: of each kind one that may be absent and one that may not, under names that want care.
#[must_use]
pub fn columns() -> Vec<Column> {
    let names = [
        "type", "hour", "on", "amount", "1e3", "date", "raw", "größe", "now", "value", "mood", "list", "fn", "row",
        "payment", "record",
    ];
    let mut columns = Vec::new();
    for (name, kind) in names.into_iter().zip(kinds()) {
        columns.push(Column { name: name.into(), ty: Type::required(kind.clone()) });
        columns.push(Column { name: format!("{name}?").into(), ty: Type::maybe(kind) });
    }
    columns
}

/// The parameters, by position.
#[must_use]
pub fn slots() -> Vec<(String, Type)> {
    vec![
        ("limit".to_owned(), Type::required(Kind::Int)),
        ("amount".to_owned(), Type::required(decimal(12, 2))),
        ("city".to_owned(), Type::maybe(Kind::String)),
        ("payment".to_owned(), Type::maybe(deep())),
    ]
}

/// Makes expressions.
pub struct Expressions<'r> {
    random: &'r mut Random,
    columns: Vec<Column>,
    vars: VarId,
    bound: Vec<(VarId, Type)>,
}

/// What random expressions come to seldom, and was printed wrongly or badly once: constants beside constants, what is
/// always so, and branches that are alike or only look so.
#[must_use]
pub fn seldom() -> Vec<Expr> {
    let bool_ = || Type::required(Kind::Bool);
    let literal = |literal: Literal, kind: Kind| make(ExprKind::Literal(literal), Type::required(kind));
    let column = |name: &str| {
        let found = columns().into_iter().find(|column| *column.name == *name);
        found.map_or_else(null, |column| make(ExprKind::Column(column.name), column.ty))
    };
    let binary = |op, a: Expr, b: Expr, ty: Type| make(ExprKind::Binary(op, boxed(a), boxed(b)), ty);
    let float = || Type::maybe(Kind::Float);
    let quotient = |a, b| binary(BinaryOp::Divide, column(a), column(b), float());
    let sum = |a, b| binary(BinaryOp::Add, quotient(a, b), quotient(b, a), float());
    let member = |text: Expr| make(ExprKind::Convert(boxed(text)), Type::maybe(Kind::Enum("Mood".into())));
    let city = make(ExprKind::Param("city".into()), Type::maybe(Kind::String));
    let choice = |then: Expr, otherwise: Expr| {
        let ty = then.ty.clone();
        make(ExprKind::If(boxed(column("type")), boxed(then), boxed(otherwise)), ty)
    };
    let not = |part: Expr| make(ExprKind::Unary(UnaryOp::Not, boxed(part)), bool_());
    let is_absent = |name: &str| make(ExprKind::IsAbsent(boxed(column(name))), bool_());
    let ints = [12_345, 7].map(|value| literal(Literal::Int(value), Kind::Int)).to_vec();
    let greatest = make(ExprKind::Call(Function::Greatest, ints), Type::required(Kind::Int));
    let text = || literal(Literal::String("ü".to_owned()), Kind::String);
    let half = || literal(Literal::Float(0.5), Kind::Float);
    vec![
        make(ExprKind::List(vec![greatest]), Type::required(list(Type::required(Kind::Int)))),
        binary(BinaryOp::Greater, text(), text(), bool_()),
        binary(BinaryOp::LessEqual, half(), half(), bool_()),
        binary(BinaryOp::Less, column("on"), column("on"), bool_()),
        binary(BinaryOp::Equal, column("type"), not(column("type")), bool_()),
        not(binary(BinaryOp::Equal, make(ExprKind::IsAbsent(boxed(column("on"))), bool_()), column("type"), bool_())),
        make(
            ExprKind::If(boxed(not(not(is_absent("amount?")))), boxed(column("raw?")), boxed(null())),
            Type::maybe(Kind::Bytes),
        ),
        make(
            ExprKind::If(boxed(not(is_absent("amount?"))), boxed(column("raw?")), boxed(null())),
            Type::maybe(Kind::Bytes),
        ),
        // The same in both branches, with variables of its own; and what differs in the columns alone.
        choice(sum("on", "on?"), sum("on", "on?")),
        choice(sum("on", "on?"), sum("on?", "on")),
        choice(sum("on", "on?"), sum("on", "on")),
        choice(member(column("date?")), member(city)),
    ]
}

fn make(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty, span: Span::default() }
}

fn null() -> Expr {
    make(ExprKind::Literal(Literal::Null), Type::maybe(Kind::Null))
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

impl<'r> Expressions<'r> {
    /// Makes them from `random`.
    pub fn new(random: &'r mut Random) -> Self {
        Self { random, columns: columns(), vars: 0, bound: Vec::new() }
    }

    /// An expression of some kind.
    pub fn any(&mut self, depth: i64) -> Expr {
        let kinds = kinds();
        let kind = self.random.pick(&kinds).clone();
        self.of(&kind, depth)
    }

    /// An expression of `kind`.
    pub fn of(&mut self, kind: &Kind, depth: i64) -> Expr {
        if depth <= 0 || self.random.chance(12) {
            return self.leaf(kind);
        }
        let deeper = depth - 1;
        match self.random.below(10) {
            0 => self.choice(kind, deeper),
            1 => self.coalesce(kind, deeper),
            2 => self.bound(kind, deeper),
            3 if self.random.chance(50) => self.field(kind, deeper),
            _ => self.operation(kind, deeper),
        }
    }

    fn leaf(&mut self, kind: &Kind) -> Expr {
        let bound: Vec<(VarId, Type)> = self.bound.iter().filter(|(_, ty)| ty.kind == *kind).cloned().collect();
        if !bound.is_empty() && self.random.chance(60) {
            let (var, ty) = self.random.pick(&bound).clone();
            return make(ExprKind::Var(var), ty);
        }
        let slots: Vec<(String, Type)> = slots().into_iter().filter(|(_, ty)| ty.kind == *kind).collect();
        if !slots.is_empty() && self.random.chance(15) {
            let (name, ty) = self.random.pick(&slots).clone();
            let name = Symbol::from(name);
            let kind = if self.random.chance(50) { ExprKind::Param(name) } else { ExprKind::Binding(name) };
            return make(kind, ty);
        }
        if *kind == Kind::Timestamp && self.random.chance(15) {
            return make(ExprKind::Now, Type::required(Kind::Timestamp));
        }
        if self.random.chance(30)
            && let Some(literal) = self.literal(kind)
        {
            return make(ExprKind::Literal(literal), Type::required(kind.clone()));
        }
        let fitting: Vec<Column> = self.columns.iter().filter(|column| column.ty.kind == *kind).cloned().collect();
        if fitting.is_empty() {
            return self
                .literal(kind)
                .map_or_else(null, |literal| make(ExprKind::Literal(literal), Type::required(kind.clone())));
        }
        let column = self.random.pick(&fitting).clone();
        make(ExprKind::Column(column.name), column.ty)
    }

    fn literal(&mut self, kind: &Kind) -> Option<Literal> {
        let random = &mut self.random;
        Some(match kind {
            Kind::Bool => Literal::Bool(random.chance(50)),
            Kind::Int => Literal::Int(*random.pick(&[0, 1, -3, 7, 12_345, 1_000_000, i64::MAX, i64::MIN])),
            Kind::Float => {
                Literal::Float(*random.pick(&[0.0, 0.5, -2.25, 314.0 / 100.0, 2_718.0 / 1_000.0, 1e300, 1e-7, 100.0]))
            }
            Kind::Decimal { precision, .. } => {
                let most = 10i128.pow(u32::from(*precision)) - 1;
                Literal::decimal(*random.pick(&[0, 1, -250, 99_999, most]))
            }
            Kind::String => {
                Literal::String((*random.pick(&["", "a", "b", "\"q\"\n", "ü", "true", "a{b}c"])).to_owned())
            }
            Kind::Date => Literal::Date(i32::try_from(random.between(20_400, 20_800)).unwrap_or(0)),
            Kind::Timestamp => Literal::Timestamp(*random.pick(&[0, 1, 1_767_323_045_000_000, i64::MAX])),
            Kind::Duration => {
                Literal::Duration(*random.pick(&[0, 1, 1_000_000, 60_000_000, 604_800_000_000, -86_400_000_000]))
            }
            Kind::Enum(_) => Literal::Member(u32::try_from(random.below(5)).unwrap_or(0)),
            _ => return None,
        })
    }

    fn choice(&mut self, kind: &Kind, depth: i64) -> Expr {
        let condition = self.of(&Kind::Bool, depth);
        let then = self.of(kind, depth);
        let otherwise = if self.random.chance(10) { null() } else { self.of(kind, depth) };
        let (then, otherwise) = if self.random.chance(20) { (otherwise, then) } else { (then, otherwise) };
        let ty = Type { kind: kind.clone(), optional: then.ty.optional || otherwise.ty.optional };
        make(ExprKind::If(boxed(condition), boxed(then), boxed(otherwise)), ty)
    }

    fn coalesce(&mut self, kind: &Kind, depth: i64) -> Expr {
        let first = self.of(kind, depth);
        let second = self.of(kind, depth);
        let ty = Type { kind: kind.clone(), optional: first.ty.optional && second.ty.optional };
        make(ExprKind::Coalesce(boxed(first), boxed(second)), ty)
    }

    fn bound(&mut self, kind: &Kind, depth: i64) -> Expr {
        let kinds = kinds();
        let of = self.random.pick(&kinds).clone();
        let value = self.of(&of, depth);
        self.vars += 1;
        let var = self.vars;
        self.bound.push((var, value.ty.clone()));
        let body = self.of(kind, depth);
        self.bound.pop();
        let ty = body.ty.clone();
        make(ExprKind::Let { var, value: boxed(value), body: boxed(body) }, ty)
    }

    fn field(&mut self, kind: &Kind, depth: i64) -> Expr {
        let records = [deep(), wide()];
        let of = self.random.pick(&records).clone();
        let of = self.of(&of, depth);
        let reached = self.fields(&of, kind);
        if reached.is_empty() { self.operation(kind, depth) } else { self.random.pick(&reached).clone() }
    }

    /// Fields of `kind` in a record, however deep.
    fn fields(&mut self, of: &Expr, kind: &Kind) -> Vec<Expr> {
        let Kind::Record(record) = &of.ty.kind else { return Vec::new() };
        let mut found = Vec::new();
        for field in &record.fields {
            let ty = Type { kind: field.ty.kind.clone(), optional: field.ty.optional || of.ty.optional };
            let field = make(ExprKind::Field(boxed(of.clone()), field.name), ty);
            found.extend(self.fields(&field, kind));
            if field.ty.kind == *kind {
                found.push(field);
            }
        }
        found
    }

    fn strict(kind: ExprKind, of: Kind, parts: &[&Expr], more: bool) -> Expr {
        let optional = more || parts.iter().any(|part| part.ty.optional);
        make(kind, Type { kind: of, optional })
    }

    fn two(&mut self, op: BinaryOp, of: &Kind, a: &Kind, b: &Kind, depth: i64) -> Expr {
        let (left, right) = (self.of(a, depth), self.of(b, depth));
        let more = matches!(op, BinaryOp::Divide | BinaryOp::IntegerDivide | BinaryOp::Modulo);
        let shape = ExprKind::Binary(op, boxed(left.clone()), boxed(right.clone()));
        Self::strict(shape, of.clone(), &[&left, &right], more)
    }

    fn call(&mut self, function: Function, of: &Kind, kinds: &[Kind], depth: i64) -> Expr {
        let arguments: Vec<Expr> = kinds.iter().map(|kind| self.of(kind, depth)).collect();
        let parts: Vec<&Expr> = arguments.iter().collect();
        let optional = parts.iter().any(|part| part.ty.optional);
        make(ExprKind::Call(function, arguments), Type { kind: of.clone(), optional })
    }

    fn convert(&mut self, from: &Kind, to: &Kind, depth: i64) -> Expr {
        let inner = self.of(from, depth);
        let ty = Type { kind: to.clone(), optional: inner.ty.optional };
        make(ExprKind::Convert(boxed(inner)), ty)
    }

    fn negate(&mut self, kind: &Kind, depth: i64) -> Expr {
        let inner = self.of(kind, depth);
        let ty = inner.ty.clone();
        make(ExprKind::Unary(UnaryOp::Negate, boxed(inner)), ty)
    }

    fn pick(&mut self, kinds: &[Kind]) -> Kind {
        self.random.pick(kinds).clone()
    }

    fn operation(&mut self, kind: &Kind, depth: i64) -> Expr {
        use BinaryOp::{Add, Divide, IntegerDivide, Modulo, Multiply, Subtract};
        let (date, instant, span) = (Kind::Date, Kind::Timestamp, Kind::Duration);
        match kind {
            Kind::Bool => self.condition(depth),
            Kind::Int => match self.random.below(8) {
                0..3 => {
                    let op = *self.random.pick(&[Add, Subtract, Multiply, IntegerDivide, Modulo]);
                    self.two(op, kind, kind, kind, depth)
                }
                3 => {
                    let from = self.pick(&[Kind::Float, decimal(12, 2), decimal(38, 6), Kind::String]);
                    self.convert(&from, kind, depth)
                }
                4 => {
                    let function = *self.random.pick(&[Function::Floor, Function::Ceil, Function::Round]);
                    let from = self.pick(&[Kind::Float, decimal(12, 2), Kind::Int]);
                    self.call(function, kind, &[from], depth)
                }
                5 => {
                    let from = self.pick(&[Kind::String, Kind::Bytes, list(Type::maybe(Kind::String))]);
                    self.call(Function::Length, kind, &[from], depth)
                }
                6 => {
                    use Function::{Day, Hour, Minute, Month, Weekday, Year};
                    let function = *self.random.pick(&[Year, Month, Day, Hour, Minute, Weekday]);
                    let from = self.pick(&[date, instant]);
                    self.call(function, kind, &[from], depth)
                }
                _ => match self.random.below(3) {
                    0 => self.negate(kind, depth),
                    1 => self.two(IntegerDivide, kind, &span, &span, depth),
                    _ => self.extreme(kind, depth),
                },
            },
            Kind::Float => match self.random.below(8) {
                0..3 => {
                    let op = *self.random.pick(&[Add, Subtract, Multiply, Divide, IntegerDivide, Modulo]);
                    self.two(op, kind, kind, kind, depth)
                }
                3 => {
                    let of = self.pick(&[Kind::Int, span]);
                    self.two(Divide, kind, &of, &of, depth)
                }
                4 => {
                    let function = *self.random.pick(&[Function::Sqrt, Function::Exp, Function::Ln]);
                    self.call(function, kind, std::slice::from_ref(kind), depth)
                }
                5 => self.call(Function::Pow, kind, &[kind.clone(), kind.clone()], depth),
                6 => self.call(Function::Seconds, kind, &[span], depth),
                _ => match self.random.below(3) {
                    0 => self.negate(kind, depth),
                    1 => self.extreme(kind, depth),
                    _ => {
                        let from = self.pick(&[Kind::Int, decimal(12, 2), Kind::String]);
                        self.convert(&from, kind, depth)
                    }
                },
            },
            Kind::Decimal { .. } => self.money(kind, depth),
            Kind::String => self.text(depth),
            Kind::Date => match self.random.below(4) {
                0 => self.call(Function::DateOf, kind, &[instant], depth),
                1 => {
                    let op = *self.random.pick(&[Add, Subtract]);
                    self.two(op, kind, kind, &span, depth)
                }
                2 => self.call(Function::DateOf, kind, &[date], depth),
                _ => {
                    let from = self.pick(&[Kind::String, instant]);
                    self.convert(&from, kind, depth)
                }
            },
            Kind::Timestamp => match self.random.below(3) {
                0 => {
                    let from = self.pick(&[Kind::String, date]);
                    self.convert(&from, kind, depth)
                }
                1 => self.two(Add, kind, &span, kind, depth),
                _ => {
                    let op = *self.random.pick(&[Add, Subtract]);
                    self.two(op, kind, kind, &span, depth)
                }
            },
            Kind::Duration => match self.random.below(6) {
                0 => self.two(Subtract, kind, &instant, &instant, depth),
                1 => self.two(Subtract, kind, &date, &date, depth),
                2 => {
                    let op = *self.random.pick(&[Add, Subtract, Modulo]);
                    self.two(op, kind, kind, kind, depth)
                }
                3 => {
                    let op = *self.random.pick(&[Multiply, IntegerDivide]);
                    self.two(op, kind, kind, &Kind::Int, depth)
                }
                4 => self.two(Multiply, kind, &Kind::Int, kind, depth),
                _ => self.negate(kind, depth),
            },
            Kind::Enum(_) => self.convert(&Kind::String, kind, depth),
            Kind::List(element) => self.list(element, depth),
            Kind::Record(record) => {
                if *kind == wide() && self.random.chance(40) {
                    return self.convert(&deep(), kind, depth);
                }
                let values: Vec<Expr> = record.fields.iter().map(|field| self.typed(&field.ty, depth)).collect();
                make(ExprKind::Record(values), Type::required(kind.clone()))
            }
            _ => self.leaf(kind),
        }
    }

    /// An expression of a type: present where it must be.
    fn typed(&mut self, ty: &Type, depth: i64) -> Expr {
        if ty.optional && self.random.chance(10) {
            return null();
        }
        let expr = self.of(&ty.kind, depth);
        if expr.ty.optional && !ty.optional { self.present(expr) } else { expr }
    }

    /// With something else where it is absent.
    fn present(&mut self, expr: Expr) -> Expr {
        let kind = expr.ty.kind.clone();
        let second = match self.literal(&kind) {
            Some(literal) => make(ExprKind::Literal(literal), Type::required(kind.clone())),
            None => {
                let fitting: Vec<Column> =
                    self.columns.iter().filter(|column| column.ty == Type::required(kind.clone())).cloned().collect();
                let column = self.random.pick(&fitting).clone();
                make(ExprKind::Column(column.name), column.ty)
            }
        };
        make(ExprKind::Coalesce(boxed(expr), boxed(second)), Type::required(kind))
    }

    fn extreme(&mut self, kind: &Kind, depth: i64) -> Expr {
        let function = *self.random.pick(&[Function::Least, Function::Greatest, Function::Abs]);
        let count = if function == Function::Abs { 1 } else { 2 };
        self.call(function, kind, &vec![kind.clone(); count], depth)
    }

    fn money(&mut self, kind: &Kind, depth: i64) -> Expr {
        let arithmetic = self.random.chance(60);
        if !arithmetic {
            return match self.random.below(3) {
                0 => self.negate(kind, depth),
                1 => self.extreme(kind, depth),
                _ => {
                    let from = self.pick(&[Kind::Int, Kind::Float, Kind::String, decimal(12, 2), decimal(38, 6)]);
                    if from == *kind { self.negate(kind, depth) } else { self.convert(&from, kind, depth) }
                }
            };
        }
        let operands = [decimal(12, 2), decimal(38, 6)];
        let (a, b) = (self.pick(&operands), self.pick(&operands));
        let scale = |kind: &Kind| if let Kind::Decimal { scale, .. } = kind { *scale } else { 0 };
        use BinaryOp::{Add, Divide, IntegerDivide, Modulo, Multiply, Subtract};
        let op = *self.random.pick(&[Add, Subtract, Multiply, Divide, IntegerDivide, Modulo]);
        let (sa, sb) = (scale(&a), scale(&b));
        let result = match op {
            Multiply => sa + sb,
            Divide => sa.max(sb) + 6,
            IntegerDivide => 0,
            _ => sa.max(sb),
        };
        let made = self.two(op, &decimal(38, result), &a, &b, depth);
        let ty = Type { kind: kind.clone(), optional: made.ty.optional };
        if let Kind::Decimal { precision: 38, scale } = kind
            && self.random.chance(50)
        {
            let digits = make(ExprKind::Literal(Literal::Int(i64::from(*scale))), Type::required(Kind::Int));
            return make(ExprKind::Call(Function::Round, vec![made, digits]), ty);
        }
        if made.ty.kind == *kind { made } else { make(ExprKind::Convert(boxed(made)), ty) }
    }

    fn text(&mut self, depth: i64) -> Expr {
        let text = Kind::String;
        match self.random.below(7) {
            0 | 1 => {
                let function = *self.random.pick(&[Function::Lower, Function::Upper, Function::Trim]);
                self.call(function, &text, std::slice::from_ref(&text), depth)
            }
            2 => self.call(Function::Substring, &text, &[text.clone(), Kind::Int, Kind::Int], depth),
            3 => self.call(Function::Replace, &text, &vec![text.clone(); 3], depth),
            4 => {
                let kinds = kinds();
                let from = self.pick(&kinds);
                if from == text { self.extreme_text(depth) } else { self.convert(&from, &text, depth) }
            }
            5 => self.two(BinaryOp::Add, &text, &text, &text, depth),
            _ => {
                let parts: Vec<Expr> = (0..self.random.between(1, 4)).map(|_| self.of(&text, depth)).collect();
                let optional = parts.iter().any(|part| part.ty.optional);
                make(ExprKind::Concat(parts), Type { kind: text, optional })
            }
        }
    }

    fn extreme_text(&mut self, depth: i64) -> Expr {
        let function = *self.random.pick(&[Function::Least, Function::Greatest]);
        self.call(function, &Kind::String, &vec![Kind::String; 2], depth)
    }

    fn list(&mut self, element: &Type, depth: i64) -> Expr {
        let count = if self.random.chance(10) { 24 } else { self.random.between(1, 4) };
        let depth = if count > 4 { 0 } else { depth };
        let values: Vec<Expr> = (0..count).map(|_| self.typed(element, depth)).collect();
        make(ExprKind::List(values), Type::required(list(element.clone())))
    }

    fn condition(&mut self, depth: i64) -> Expr {
        let all = kinds();
        let bool = Kind::Bool;
        let made = match self.random.below(10) {
            9 => return self.within(depth),
            0 => {
                let inner = self.of(&bool, depth);
                let ty = inner.ty.clone();
                return make(ExprKind::Unary(UnaryOp::Not, boxed(inner)), ty);
            }
            1 | 2 => {
                let op = *self.random.pick(&[BinaryOp::And, BinaryOp::Or]);
                let (left, right) = (self.of(&bool, depth), self.of(&bool, depth));
                ExprKind::Binary(op, boxed(left), boxed(right))
            }
            3 => {
                let kind = self.pick(&all);
                let left = self.of(&kind, depth);
                let kind = if self.random.chance(50) { self.alike(&kind) } else { kind };
                let right = if self.random.chance(5) { null() } else { self.of(&kind, depth) };
                ExprKind::Binary(BinaryOp::Equal, boxed(left), boxed(right))
            }
            4 => {
                let kind = self.pick(&all);
                ExprKind::IsAbsent(boxed(self.of(&kind, depth)))
            }
            5 => {
                let lists = [
                    list(Type::required(Kind::Int)),
                    list(Type::maybe(Kind::String)),
                    list(Type::required(decimal(12, 2))),
                ];
                let of = self.pick(&lists);
                let Kind::List(element) = &of else { return self.leaf(&bool) };
                let item = self.alike(&element.kind);
                let (item, list) = (self.of(&item, depth), self.of(&of, depth));
                let optional = list.ty.optional;
                return make(ExprKind::In(boxed(item), boxed(list)), Type { kind: bool, optional });
            }
            6 => {
                let function = *self.random.pick(&[Function::Contains, Function::StartsWith, Function::EndsWith]);
                return self.call(function, &bool, &[Kind::String, Kind::String], depth);
            }
            7 => return self.convert(&Kind::String, &bool, depth),
            _ => {
                let ordered: Vec<Kind> =
                    all.into_iter().filter(|kind| !matches!(kind, Kind::List(_) | Kind::Record(_))).collect();
                let kind = self.pick(&ordered);
                let other = self.alike(&kind);
                use BinaryOp::{Greater, GreaterEqual, Less, LessEqual};
                let op = *self.random.pick(&[Less, LessEqual, Greater, GreaterEqual]);
                return self.two(op, &bool, &kind, &other, depth);
            }
        };
        make(made, Type::required(bool))
    }

    /// A range of a pattern, or what is outside of it, perhaps as a part of another condition.
    fn within(&mut self, depth: i64) -> Expr {
        use BinaryOp::{And, Greater, GreaterEqual, Less, LessEqual, Or};
        let kind = self.pick(&[Kind::Int, Kind::Float, Kind::Duration]);
        let value = self.of(&kind, depth);
        let value = if value.ty.optional { self.present(value) } else { value };
        self.vars += 1;
        let (var, bool) = (self.vars, Type::required(Kind::Bool));
        let sides = [
            (And, GreaterEqual, Less),
            (And, GreaterEqual, LessEqual),
            (And, LessEqual, GreaterEqual),
            (Or, Less, GreaterEqual),
            (Or, Greater, Less),
        ];
        let sides = *self.random.pick(&sides);
        let (op, one, two) = sides;
        // A range that ends before it begins holds nothing, and clippy says so.
        let (low, high) = *self.random.pick(&[(0, 1_000_000), (-86_400_000_000, 7), (1, i64::MAX)]);
        let compared = |op: BinaryOp| {
            let number = if matches!(op, Greater | GreaterEqual) == (sides.0 == And) { low } else { high };
            let literal = match kind {
                Kind::Int => Literal::Int(number),
                Kind::Float => Literal::Float(if number == low { -0.5 } else { 100.0 }),
                _ => Literal::Duration(number),
            };
            let variable = make(ExprKind::Var(var), value.ty.clone());
            let bound = make(ExprKind::Literal(literal), value.ty.clone());
            make(ExprKind::Binary(op, boxed(variable), boxed(bound)), bool.clone())
        };
        let (one, two) = (compared(one), compared(two));
        let mut body = make(ExprKind::Binary(op, boxed(one), boxed(two)), bool.clone());
        if self.random.chance(40) {
            let other = self.of(&Kind::Bool, 0);
            let (left, right) = if self.random.chance(50) { (other, body) } else { (body, other) };
            body = make(ExprKind::Binary(op, boxed(left), boxed(right)), bool.clone());
        }
        make(ExprKind::Let { var, value: boxed(value), body: boxed(body) }, bool)
    }

    /// A kind that compares with `kind`.
    fn alike(&mut self, kind: &Kind) -> Kind {
        if matches!(kind, Kind::Decimal { .. }) { self.pick(&[decimal(12, 2), decimal(38, 6)]) } else { kind.clone() }
    }
}
