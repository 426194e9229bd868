//! The functions of `spec/types.md`, 5.

use fec_model::expr::Function;
use fec_model::types::{Kind, Type};

use crate::calendar;
use crate::evaluate::{Stop, broken, exact, finite, rounded};
use crate::exact::Exact;
use crate::value::{Fault, Value, compare};
use crate::world::World;

/// The function's value for its arguments; an absent one gives absent.
///
/// # Errors
/// The fault that it has instead, or [`Stop::Broken`] where it takes no such arguments.
pub fn call(function: Function, arguments: Vec<Value>, ty: &Type, world: &World<'_>) -> Result<Value, Stop> {
    if arguments.iter().any(Value::is_absent) {
        return Ok(Value::Absent);
    }
    match function {
        Function::Abs
        | Function::Least
        | Function::Greatest
        | Function::Floor
        | Function::Ceil
        | Function::Round
        | Function::Sqrt
        | Function::Exp
        | Function::Ln
        | Function::Pow
        | Function::Seconds => numeric(function, &arguments, ty),
        Function::DateOf
        | Function::Year
        | Function::Month
        | Function::Day
        | Function::Hour
        | Function::Minute
        | Function::Weekday => calendar_part(function, &arguments, world),
        _ => textual(function, &arguments),
    }
}

fn numeric(function: Function, arguments: &[Value], ty: &Type) -> Result<Value, Stop> {
    let kind = &ty.kind;
    Ok(match (function, arguments) {
        (Function::Abs, [x]) => match exact(x) {
            Some(number) if number < Exact::whole(0) => rounded(&-&number, kind)?,
            _ => x.clone(),
        },
        (Function::Least, [a, b]) => {
            if compare(b, a).is_lt() {
                b.clone()
            } else {
                a.clone()
            }
        }
        (Function::Greatest, [a, b]) => {
            if compare(b, a).is_gt() {
                b.clone()
            } else {
                a.clone()
            }
        }
        (Function::Floor | Function::Ceil | Function::Round, [x]) => {
            let Some(number) = exact(x) else { return broken(format!("{function:?} of {x:?}")) };
            let whole = match function {
                Function::Floor => number.floor(),
                Function::Ceil => -&(-&number).floor(),
                _ => number.round(),
            };
            rounded(&whole, kind)?
        }
        (Function::Round, [Value::Decimal(m, s), Value::Int(_)]) => rounded(&Exact::decimal(*m, *s), kind)?,
        (Function::Sqrt, [Value::Float(x)]) => Value::Float(finite(x.sqrt())?),
        (Function::Exp, [Value::Float(x)]) => Value::Float(finite(libm::exp(*x))?),
        (Function::Ln, [Value::Float(x)]) => Value::Float(finite(libm::log(*x))?),
        (Function::Pow, [Value::Float(x), Value::Float(y)]) => Value::Float(finite(libm::pow(*x, *y))?),
        (Function::Seconds, [Value::Duration(d)]) => rounded(&Exact::decimal((*d).into(), 6), &Kind::Float)?,
        (function, arguments) => return broken(format!("{function:?}{arguments:?}")),
    })
}

fn calendar_part(function: Function, arguments: &[Value], world: &World<'_>) -> Result<Value, Stop> {
    let at = match arguments {
        [Value::Timestamp(t)] => calendar::local(*t, world.zone())?,
        [Value::Date(days)] => calendar::date(*days)?.at(0, 0, 0, 0),
        other => return broken(format!("{function:?}{other:?}")),
    };
    Ok(match (function, arguments) {
        (Function::DateOf, [Value::Timestamp(t)]) => Value::Date(calendar::day(*t, world.zone())?),
        (Function::DateOf, [date]) => date.clone(),
        (Function::Year, _) => Value::Int(at.year().into()),
        (Function::Month, _) => Value::Int(at.month().into()),
        (Function::Day, _) => Value::Int(at.day().into()),
        (Function::Hour, _) => Value::Int(at.hour().into()),
        (Function::Minute, _) => Value::Int(at.minute().into()),
        _ => Value::Int(at.weekday().to_monday_one_offset().into()),
    })
}

fn textual(function: Function, arguments: &[Value]) -> Result<Value, Stop> {
    let count = |n: usize| i64::try_from(n).map(Value::Int).map_err(|_| Stop::Fault(Fault::Overflow));
    let clamp = |n: &i64| usize::try_from((*n).max(0)).unwrap_or(usize::MAX);
    Ok(match (function, arguments) {
        (Function::Length, [Value::String(s)]) => count(s.chars().count())?,
        (Function::Length, [Value::Bytes(bytes)]) => count(bytes.len())?,
        (Function::Length, [Value::List(items)]) => count(items.len())?,
        (Function::Lower, [Value::String(s)]) => Value::String(s.to_lowercase()),
        (Function::Upper, [Value::String(s)]) => Value::String(s.to_uppercase()),
        (Function::Trim, [Value::String(s)]) => Value::String(s.trim().to_owned()),
        (Function::Contains, [Value::String(s), Value::String(part)]) => Value::Bool(s.contains(part.as_str())),
        (Function::StartsWith, [Value::String(s), Value::String(part)]) => Value::Bool(s.starts_with(part.as_str())),
        (Function::EndsWith, [Value::String(s), Value::String(part)]) => Value::Bool(s.ends_with(part.as_str())),
        (Function::Substring, [Value::String(s), Value::Int(from), Value::Int(n)]) => {
            Value::String(s.chars().skip(clamp(from)).take(clamp(n)).collect())
        }
        (Function::Replace, [Value::String(s), Value::String(what), Value::String(by)]) => {
            Value::String(if what.is_empty() { s.clone() } else { s.replace(what.as_str(), by) })
        }
        (function, arguments) => return broken(format!("{function:?}{arguments:?}")),
    })
}
