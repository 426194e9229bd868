//! Operators, functions and conversions: which function of the runtime each of them is.

use fec_model::expr::{BinaryOp, Expr, ExprKind, Function, Literal};
use fec_model::types::{Kind, Type};

use crate::code::{Block, Code, Pattern};
use crate::error::Error;
use crate::expression::{Made, Printer, concatenation, negated};
use crate::value::{Form, Piece};

/// Code that is never reached: an operation without its operands.
fn argument(pieces: &[Piece], number: usize) -> Code {
    pieces.get(number).map_or(Code::atom("None"), Piece::argument)
}

fn number(value: impl std::fmt::Display) -> Code {
    Code::atom(value.to_string())
}

fn zone() -> Code {
    Code::atom("row").method("zone", [])
}

fn scale(kind: &Kind) -> u8 {
    if let Kind::Decimal { scale, .. } = kind { *scale } else { 0 }
}

fn is_decimal(kind: &Kind) -> bool {
    matches!(kind, Kind::Decimal { .. })
}

fn is_composite(kind: &Kind) -> bool {
    matches!(kind, Kind::List(_) | Kind::Record(_))
}

impl Printer<'_> {
    pub(crate) fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Piece, Error> {
        match op {
            BinaryOp::And | BinaryOp::Or => self.connect(op, left, right),
            BinaryOp::Equal => self.equal(left, right),
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                self.compare(op, left, right)
            }
            _ => self.arithmetic(op, left, right),
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Piece, Error> {
        let pieces = self.operands(&[left, right])?;
        let (a, b) = (&left.ty.kind, &right.ty.kind);
        let (word, name) = match op {
            BinaryOp::Add => ("add", "sum"),
            BinaryOp::Subtract => ("subtract", "difference"),
            BinaryOp::Multiply => ("multiply", "product"),
            BinaryOp::Divide => ("divide", "quotient"),
            BinaryOp::IntegerDivide => ("div", "quotient"),
            _ => ("mod", "remainder"),
        };
        let divides = matches!(op, BinaryOp::Divide | BinaryOp::IntegerDivide | BinaryOp::Modulo);
        self.strict(pieces, name, |pieces| {
            let (x, y) = (argument(pieces, 0), argument(pieces, 1));
            match (a, b) {
                (Kind::Decimal { scale: sa, .. }, Kind::Decimal { scale: sb, .. }) => {
                    let code = Code::call(&format!("{word}_decimal"), [x, number(sa), y, number(sb)]);
                    Made { optional: divides, ..Made::faulty(code) }
                }
                (Kind::Float, Kind::Float) => {
                    let code = Code::call(&format!("{word}_float"), [x, y]);
                    Made { optional: divides, faulty: op != BinaryOp::Modulo, ..Made::plain(code) }
                }
                (Kind::String, Kind::String) => concatenation(pieces),
                (Kind::Date, Kind::Date) => Made::faulty(Code::call("subtract_dates", [x, y])),
                (Kind::Date, _) if op == BinaryOp::Add => Made::faulty(Code::call("add_to_date", [x, y])),
                (Kind::Date, _) => Made::faulty(Code::call("subtract_from_date", [x, y])),
                _ => {
                    let code = Code::call(&format!("{word}_int"), [x, y]);
                    let faulty = !matches!(op, BinaryOp::Divide | BinaryOp::Modulo);
                    Made { optional: divides, faulty, ..Made::plain(code) }
                }
            }
        })
    }

    fn compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Piece, Error> {
        let pieces = self.operands(&[left, right])?;
        let (operator, method) = match op {
            BinaryOp::Less => ("<", "is_lt"),
            BinaryOp::LessEqual => ("<=", "is_le"),
            BinaryOp::Greater => (">", "is_gt"),
            _ => (">=", "is_ge"),
        };
        let (a, b) = (&left.ty.kind, &right.ty.kind);
        // Constants at the end of a range, the empty text, the same on both sides, and `bool`s, are compared by their
        // order: a comparison that can only have one result, or has a shorter form, is no mistake here.
        let is_same = pieces.first().map(|piece| &piece.code) == pieces.get(1).map(|piece| &piece.code);
        let ordered = matches!(a, Kind::Bool) || is_same || pieces.iter().any(is_extreme);
        let is_text = matches!(a, Kind::String | Kind::Bytes);
        let is_float = matches!(a, Kind::Float);
        self.strict(pieces, "comparison", |pieces| {
            if is_decimal(a) && is_decimal(b) && scale(a) != scale(b) {
                return Made::plain(decimal_order(pieces, a, b).method(method, []));
            }
            let texts = pieces.iter().any(|piece| piece.form == Form::Cow || piece.form == Form::String);
            let (x, y) = match pieces {
                [x, y] if texts => (x.borrowed(), y.borrowed()),
                [x, y] => (x.code.clone(), y.code.clone()),
                _ => (Code::atom("None"), Code::atom("None")),
            };
            if is_composite(a) {
                return Made::plain(
                    Code::call("order_values", [argument(pieces, 0), argument(pieces, 1)]).method(method, []),
                );
            }
            if ordered {
                let y = if is_text { y } else { y.prefix("&") };
                let order =
                    if is_float { Code::call("f64::total_cmp", [x.prefix("&"), y]) } else { x.method("cmp", [y]) };
                return Made::plain(order.method(method, []));
            }
            Made::plain(x.infix(operator, y))
        })
    }

    /// Two-valued equality: two absent values are equal.
    fn equal(&mut self, left: &Expr, right: &Expr) -> Result<Piece, Error> {
        let pieces = self.operands(&[left, right])?;
        let [x, y] = pieces.as_slice() else { return Err(Error::missing("operands of", "==")) };
        let (a, b) = (&left.ty.kind, &right.ty.kind);
        let none = x.is_none() || y.is_none();
        if none {
            let other = if x.is_none() { y } else { x };
            let code = match other {
                _ if other.is_none() => Code::atom("true"),
                _ if other.optional => other.code.clone().method("is_none", []),
                Piece { code: Code::Atom(_), .. } => Code::atom("false"),
                _ => Code::call("is_absent", [other.code.clone()]),
            };
            return Ok(Piece::plain(code, "equal"));
        }
        let special = is_composite(a) || (is_decimal(a) && is_decimal(b) && scale(a) != scale(b));
        if !x.optional && !y.optional {
            let code = if special {
                equality(&pieces, a, b)
            } else {
                match (literal_bool(x), literal_bool(y)) {
                    (Some(true), _) => y.code.clone(),
                    (_, Some(true)) => x.code.clone(),
                    (Some(false), _) => negated(y.code.clone()),
                    (_, Some(false)) => negated(x.code.clone()),
                    _ if is_empty_text(x) => y.code.clone().method("is_empty", []),
                    _ if is_empty_text(y) => x.code.clone().method("is_empty", []),
                    _ => match (&x.code, &y.code) {
                        (Code::Prefix("!", part), other) | (other, Code::Prefix("!", part)) => {
                            (**part).clone().infix("!=", other.clone())
                        }
                        (x, y) => x.clone().infix("==", y.clone()),
                    },
                }
            };
            return Ok(Piece::plain(code, "equal"));
        }
        if !special {
            let side = |piece: &Piece| if piece.optional { piece.borrowed() } else { piece.borrowed().some() };
            return Ok(Piece::plain(side(x).infix("==", side(y)), "equal"));
        }
        let mut inside = pieces.clone();
        let mut parts = Vec::new();
        for piece in &mut inside {
            let variable = self.local(&piece.name);
            parts.push((variable, piece.optional));
            piece.code = Code::Local(variable);
            piece.optional = false;
        }
        let mut arms = vec![(Pattern::Parts(parts), Block::of(equality(&inside, a, b)))];
        if x.optional && y.optional {
            arms.push((Pattern::Text("(None, None)"), Block::of(Code::atom("true"))));
        }
        arms.push((Pattern::Text("_"), Block::of(Code::atom("false"))));
        let code = Code::Match(Box::new(Code::Tuple(vec![x.code.clone(), y.code.clone()])), arms);
        Ok(Piece::plain(self.bind(code, "equal"), "equal"))
    }

    pub(crate) fn contains(&mut self, item: &Expr, list: &Expr) -> Result<Piece, Error> {
        let element = if let Kind::List(element) = &list.ty.kind { element.kind.clone() } else { Kind::Null };
        let rescaled = is_decimal(&item.ty.kind) && is_decimal(&element) && scale(&item.ty.kind) != scale(&element);
        if let ExprKind::List(values) = &list.kind
            && !rescaled
            && !is_composite(&element)
            && !values.is_empty()
        {
            return self.one_of(item, values);
        }
        let pieces = self.operands(&[item, list])?;
        let [x, cells] = pieces.as_slice() else { return Err(Error::missing("operands of", "in")) };
        // The item may be absent: only an absent list makes the answer absent.
        let x = if x.tries() && (cells.tries() || cells.optional) { self.kept(x) } else { x.clone() };
        let own = scale(&item.ty.kind);
        let cell = match &x {
            none if none.is_none() => Code::atom("Value::Absent"),
            // A list that may be absent is looked into by a closure.
            Piece { form: Form::String | Form::Cow | Form::Value, .. } => x.borrowed(),
            _ => x.code.clone().typed(),
        };
        self.strict(vec![cells.clone()], "contained", |pieces| {
            let list = argument(pieces, 0);
            Made::plain(if rescaled {
                Code::call("list_contains_decimal", [list, number(scale(&element)), cell, number(own)])
            } else {
                Code::call("list_contains", [list, cell])
            })
        })
    }

    /// The same piece from a variable of its own.
    fn kept(&mut self, piece: &Piece) -> Piece {
        Piece { code: self.bind(piece.code.clone(), &piece.name), ..piece.clone() }
    }

    /// `item in [a, b]`.
    fn one_of(&mut self, item: &Expr, values: &[Expr]) -> Result<Piece, Error> {
        let all: Vec<&Expr> = std::iter::once(item).chain(values).collect();
        let mut pieces = self.operands(&all)?;
        let item = pieces.remove(0);
        let optional = item.optional || item.is_none() || pieces.iter().any(|piece| piece.optional);
        // The item is looked at before the list.
        let item = if item.tries() && pieces.iter().any(Piece::tries) { self.kept(&item) } else { item };
        let side = |piece: &Piece| {
            let code = piece.borrowed();
            if optional && !piece.optional { code.some() } else { code }
        };
        let list = Code::Array(pieces.iter().map(side).collect());
        let list = if self.is_short(&list, 40) {
            list
        } else {
            // What the variable of the list borrows has one of its own; and what may fail, so that they fail in order.
            let members = pieces.iter().map(|piece| {
                let is_bound = !piece.is_none() && (piece.is_owned() || piece.tries());
                let piece = if is_bound { self.kept(piece) } else { piece.clone() };
                side(&piece)
            });
            let members = members.collect();
            self.bind(Code::Array(members), "members")
        };
        let item = match side(&item) {
            code if self.is_short(&code, 30) => code,
            _ if item.is_owned() => side(&self.kept(&item)),
            code => self.bind(code, &item.name),
        };
        Ok(Piece::plain(list.method("contains", [item.prefix("&")]), "member"))
    }

    pub(crate) fn convert(&mut self, inner: &Expr, to: &Type) -> Result<Piece, Error> {
        let (from, to) = (&inner.ty.kind, &to.kind);
        if *from == Kind::Null {
            return Ok(Piece::plain(Code::atom("None"), "absent").optional(true));
        }
        if from == to {
            return self.expr(inner);
        }
        let pieces = self.operands(&[inner])?;
        let name = pieces.first().map_or_else(String::new, |piece| piece.name.clone());
        let name = if matches!(to, Kind::String) { "text".to_owned() } else { name };
        let members = |name: &str| Code::atom(format!("&{}", self.scope.modules().members_path(name)));
        let (function, more, faulty): (&str, Vec<Code>, bool) = match (from, to) {
            (Kind::String, Kind::Bool) => ("text_to_bool", Vec::new(), true),
            (Kind::String, Kind::Int | Kind::Duration) => ("text_to_int", Vec::new(), true),
            (Kind::String, Kind::Float) => ("text_to_float", Vec::new(), true),
            (Kind::String, Kind::Decimal { precision, scale }) => {
                ("text_to_decimal", vec![number(precision), number(scale)], true)
            }
            (Kind::String, Kind::Date) => ("text_to_date", Vec::new(), true),
            (Kind::String, Kind::Timestamp) => ("text_to_timestamp", Vec::new(), true),
            (Kind::String, Kind::Enum(name)) => ("text_to_member", vec![members(name)], true),
            (Kind::Bool, Kind::String) => ("bool_to_text", Vec::new(), false),
            (Kind::Int | Kind::Duration, Kind::String) => ("int_to_text", Vec::new(), false),
            (Kind::Float, Kind::String) => ("float_to_text", Vec::new(), false),
            (Kind::Decimal { scale, .. }, Kind::String) => ("decimal_to_text", vec![number(scale)], false),
            (Kind::Date, Kind::String) => ("date_to_text", Vec::new(), false),
            (Kind::Timestamp, Kind::String) => ("timestamp_to_text", Vec::new(), false),
            (Kind::Enum(name), Kind::String) => ("member_to_text", vec![members(name)], false),
            (Kind::Bytes, Kind::String) => ("bytes_to_text", Vec::new(), false),
            (Kind::List(_) | Kind::Record(_), Kind::String) => {
                let kind = Code::atom(format!("&{}", (self.kinds)(from)));
                ("value_to_text", vec![kind], false)
            }
            (Kind::Int, Kind::Float) => ("int_to_float", Vec::new(), false),
            (Kind::Int, Kind::Decimal { precision, scale }) => {
                ("int_to_checked_decimal", vec![number(precision), number(scale)], true)
            }
            (Kind::Float, Kind::Int) => ("float_to_int", Vec::new(), true),
            (Kind::Float, Kind::Decimal { precision, scale }) => {
                ("float_to_checked_decimal", vec![number(precision), number(scale)], true)
            }
            (Kind::Decimal { scale, .. }, Kind::Int) => ("decimal_to_int", vec![number(scale)], true),
            (Kind::Decimal { scale, .. }, Kind::Float) => ("decimal_to_float", vec![number(scale)], false),
            (Kind::Decimal { scale: own, .. }, Kind::Decimal { precision, scale }) => {
                ("decimal_to_decimal", vec![number(own), number(precision), number(scale)], true)
            }
            (Kind::Date, Kind::Timestamp) => ("date_to_timestamp", vec![zone()], true),
            (Kind::Timestamp, Kind::Date) => ("date", vec![zone()], false),
            (Kind::List(_), Kind::List(_)) | (Kind::Record(_), Kind::Record(_)) => {
                let (from, to) = ((self.kinds)(from), (self.kinds)(to));
                ("convert_value", vec![Code::atom(format!("&{from}")), Code::atom(format!("&{to}")), zone()], true)
            }
            (Kind::Enum(_), Kind::Enum(_)) => {
                return pieces.into_iter().next().ok_or_else(|| Error::missing("operand of", "a conversion"));
            }
            _ => return Err(Error::new(format!("{from:?} does not convert to {to:?}"))),
        };
        let form = match (from, to) {
            (Kind::Bool, Kind::String) => Form::Str,
            (_, Kind::String) => Form::String,
            (_, Kind::List(_) | Kind::Record(_)) => Form::Value,
            _ => Form::Plain,
        };
        self.strict(pieces, &name, |pieces| {
            let arguments = std::iter::once(argument(pieces, 0)).chain(more);
            Made { form, faulty, ..Made::plain(Code::call(function, arguments)) }
        })
    }

    pub(crate) fn call(&mut self, function: Function, arguments: &[Expr]) -> Result<Piece, Error> {
        let Some(first) = arguments.first() else { return Err(Error::missing("argument of", "a function")) };
        let kind = &first.ty.kind;
        // The digits of `round(x, n)` are a part of the function.
        if let (Function::Round, Some(ExprKind::Literal(Literal::Int(digits)))) =
            (function, arguments.get(1).map(|digits| &digits.kind))
        {
            let (from, digits) = (scale(kind), number(digits));
            let pieces = self.operands(&[first])?;
            return self.strict(pieces, "rounded", |pieces| {
                Made::faulty(Code::call("rescale", [argument(pieces, 0), number(from), digits]))
            });
        }
        let pieces = self.operands(&arguments.iter().collect::<Vec<_>>())?;
        let (name, extra, faulty, form) = match function_of(function, kind) {
            Some(found) => found,
            None if matches!(function, Function::Floor | Function::Ceil | Function::Round) && *kind == Kind::Int => {
                return pieces.into_iter().next().ok_or_else(|| Error::missing("argument of", "a function"));
            }
            None if function == Function::DateOf => {
                return pieces.into_iter().next().ok_or_else(|| Error::missing("argument of", "a function"));
            }
            None => {
                return self
                    .strict(pieces, "start", |pieces| Made::plain(Code::call("midnight", [argument(pieces, 0)])));
            }
        };
        let result = match function {
            Function::Abs => "magnitude",
            Function::Lower | Function::Upper | Function::Trim | Function::Substring | Function::Replace => "text",
            Function::Floor | Function::Ceil | Function::Round => "rounded",
            Function::Contains | Function::StartsWith | Function::EndsWith => "found",
            Function::Length => "size",
            Function::Sqrt => "root",
            Function::Exp | Function::Pow => "power",
            Function::Ln => "logarithm",
            _ => name.split('_').next().unwrap_or(name),
        };
        self.strict(pieces, result, |pieces| {
            let mut arguments: Vec<Code> = (0..pieces.len()).map(|number| argument(pieces, number)).collect();
            let mut form = form;
            match extra {
                Extra::Zone => arguments.push(zone()),
                Extra::Scale => arguments.push(number(scale(kind))),
                Extra::None => {}
            }
            if function == Function::Substring && arguments.len() == 2 {
                arguments.push(Code::atom("i64::MAX"));
            }
            let mut code = None;
            if matches!(function, Function::Least | Function::Greatest) {
                form = pieces.iter().map(|piece| piece.form).reduce(crate::value::common).unwrap_or(Form::Plain);
                let wanted = if matches!(form, Form::String | Form::Cow) { Form::String } else { form };
                form = wanted;
                let values = pieces.iter().map(|piece| piece.clone().into_form(wanted, false));
                let mut values: Vec<Code> = values.collect();
                // Where all are integers without a type, the first one has it.
                if values.iter().all(|value| value.clone().typed() != *value) {
                    values = values.into_iter().map(Code::typed).collect();
                }
                let mut values = values.into_iter();
                if let Some(first) = values.next() {
                    code = Some(values.fold(first, |best, value| Code::call(name, [best, value])));
                }
            }
            if function == Function::Trim {
                match pieces.first().map(|piece| piece.form) {
                    Some(Form::Str) => form = Form::Str,
                    Some(Form::LocalStr) => form = Form::LocalStr,
                    _ => {
                        form = Form::String;
                        code = Some(Code::call(name, arguments.clone()).method("to_owned", []));
                    }
                }
            }
            Made { form, faulty, ..Made::plain(code.unwrap_or_else(|| Code::call(name, arguments))) }
        })
    }
}

/// What a function of the runtime takes after the arguments.
enum Extra {
    None,
    Zone,
    Scale,
}

/// The function of the runtime: its name, what it takes besides, whether it may be faulty, and what it gives.
fn function_of(function: Function, kind: &Kind) -> Option<(&'static str, Extra, bool, Form)> {
    let date = *kind == Kind::Date;
    let (plain, text) = (Form::Plain, Form::String);
    Some(match (function, kind) {
        (Function::Abs, Kind::Float) => ("abs_float", Extra::None, false, plain),
        (Function::Abs, Kind::Decimal { .. }) => ("abs_decimal", Extra::None, true, plain),
        (Function::Abs, _) => ("abs_int", Extra::None, true, plain),
        (Function::Least, _) => ("least", Extra::None, false, plain),
        (Function::Greatest, _) => ("greatest", Extra::None, false, plain),
        (Function::Floor, Kind::Float) => ("floor_float", Extra::None, true, plain),
        (Function::Floor, Kind::Decimal { .. }) => ("floor_decimal", Extra::Scale, true, plain),
        (Function::Ceil, Kind::Float) => ("ceil_float", Extra::None, true, plain),
        (Function::Ceil, Kind::Decimal { .. }) => ("ceil_decimal", Extra::Scale, true, plain),
        (Function::Round, Kind::Float) => ("round_float", Extra::None, true, plain),
        (Function::Round, Kind::Decimal { .. }) => ("round_decimal", Extra::Scale, true, plain),
        (Function::Floor | Function::Ceil | Function::Round, _) => return None,
        (Function::Sqrt, _) => ("sqrt", Extra::None, true, plain),
        (Function::Exp, _) => ("exp", Extra::None, true, plain),
        (Function::Ln, _) => ("ln", Extra::None, true, plain),
        (Function::Pow, _) => ("pow", Extra::None, true, plain),
        (Function::Length, Kind::List(_)) => ("length_list", Extra::None, false, plain),
        (Function::Length, Kind::Bytes) => ("length_bytes", Extra::None, false, plain),
        (Function::Length, _) => ("length", Extra::None, false, plain),
        (Function::Lower, _) => ("lower", Extra::None, false, text),
        (Function::Upper, _) => ("upper", Extra::None, false, text),
        (Function::Trim, _) => ("trim", Extra::None, false, text),
        (Function::Contains, _) => ("contains", Extra::None, false, plain),
        (Function::StartsWith, _) => ("starts_with", Extra::None, false, plain),
        (Function::EndsWith, _) => ("ends_with", Extra::None, false, plain),
        (Function::Substring, _) => ("substring", Extra::None, false, text),
        (Function::Replace, _) => ("replace", Extra::None, false, text),
        (Function::Seconds, _) => ("seconds", Extra::None, false, plain),
        (Function::Year, _) if date => ("year_of_date", Extra::None, false, plain),
        (Function::Month, _) if date => ("month_of_date", Extra::None, false, plain),
        (Function::Day, _) if date => ("day_of_date", Extra::None, false, plain),
        (Function::Weekday, _) if date => ("weekday_of_date", Extra::None, false, plain),
        (Function::DateOf | Function::Hour | Function::Minute, _) if date => return None,
        (Function::DateOf, _) => ("date", Extra::Zone, false, plain),
        (Function::Year, _) => ("year", Extra::Zone, false, plain),
        (Function::Month, _) => ("month", Extra::Zone, false, plain),
        (Function::Day, _) => ("day", Extra::Zone, false, plain),
        (Function::Hour, _) => ("hour", Extra::Zone, false, plain),
        (Function::Minute, _) => ("minute", Extra::Zone, false, plain),
        (Function::Weekday, _) => ("weekday", Extra::Zone, false, plain),
    })
}

fn decimal_order(pieces: &[Piece], a: &Kind, b: &Kind) -> Code {
    let arguments = [argument(pieces, 0), number(scale(a)), argument(pieces, 1), number(scale(b))];
    Code::call("compare_decimal", arguments)
}

/// Whether two present values are equal, of kinds that have no `==`.
fn equality(pieces: &[Piece], a: &Kind, b: &Kind) -> Code {
    if is_composite(a) {
        return Code::call("equal", [argument(pieces, 0), argument(pieces, 1)]);
    }
    decimal_order(pieces, a, b).method("is_eq", [])
}

fn literal_bool(piece: &Piece) -> Option<bool> {
    match &piece.code {
        Code::Atom(text) if text == "true" => Some(true),
        Code::Atom(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// Whether it is a constant at an end of its range, or the empty text.
fn is_extreme(piece: &Piece) -> bool {
    is_empty_text(piece) || matches!(&piece.code, Code::Atom(text) if matches!(text.as_str(), "i64::MIN" | "i64::MAX"))
}

fn is_empty_text(piece: &Piece) -> bool {
    matches!(&piece.code, Code::Atom(text) if text == "\"\"")
}
