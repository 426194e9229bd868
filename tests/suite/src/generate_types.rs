//! Types, columns and names of random programs, and expressions over columns.

use crate::random::Random;

/// The type of a column or expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    Int,
    Float,
    /// With two digits after the point.
    Money,
    /// With eight: a mean of money.
    Mean,
    Text,
    Bool,
    Mood,
    Time,
    /// A record: [`DEEP`].
    Deep,
    /// A list of `{ value, count }`.
    Top(Box<Ty>),
}

impl Ty {
    pub fn random(random: &mut Random) -> Self {
        random
            .pick(&[Self::Int, Self::Int, Self::Float, Self::Money, Self::Money, Self::Text, Self::Bool, Self::Mood])
            .clone()
    }

    pub fn name(&self) -> String {
        match self {
            Self::Int => "int".into(),
            Self::Float => "float".into(),
            Self::Money => "decimal(38, 2)".into(),
            Self::Mean => "decimal(38, 8)".into(),
            Self::Text => "string".into(),
            Self::Bool => "bool".into(),
            Self::Mood => "Mood".into(),
            Self::Time => "timestamp".into(),
            Self::Deep => "Deep".into(),
            Self::Top(value) => format!("list<{{ value: {}, count: int }}>", value.name()),
        }
    }

    fn numeric(&self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Money)
    }
}

/// A column in scope, written as it is read (`r.x` too).
#[derive(Debug, Clone)]
pub(crate) struct Col {
    pub name: String,
    pub ty: Ty,
    pub optional: bool,
}

impl Col {
    pub fn new(name: &str, ty: Ty, optional: bool) -> Self {
        Self { name: name.into(), ty, optional }
    }

    /// As it is read of the relation with that alias.
    pub fn of(&self, alias: &str) -> Self {
        Self { name: format!("{alias}.{}", self.name), ..self.clone() }
    }

    /// Its type as declared.
    pub fn declared(&self) -> String {
        format!("{}{}", self.ty.name(), if self.optional { "?" } else { "" })
    }
}

/// Words that a careless lexer, parser or YAML writer trips over, and plain ones.
const COLUMNS: &[&str] = &[
    "y", "on", "type", "at", "window", "n", "no", "key", "amount", "code", "city", "level", "x", "topic", "value",
    "over", "first", "latest", "shop", "flag", "within", "count", "time", "table",
];
const STREAMS: &[&str] = &["y", "orders", "type", "taps", "on", "events"];
const TABLES: &[&str] = &["shops", "n", "places"];

/// Names given so far.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    fn fresh(&mut self, random: &mut Random, from: &[&str]) -> String {
        loop {
            let name = (*random.pick(from)).to_owned();
            if !self.0.contains(&name) {
                self.0.push(name.clone());
                return name;
            }
        }
    }

    pub fn source(&mut self, random: &mut Random, table: bool) -> String {
        self.fresh(random, if table { TABLES } else { STREAMS })
    }

    pub fn column(&mut self, random: &mut Random) -> String {
        self.fresh(random, COLUMNS)
    }
}

/// Columns of a type; an optional one is made present.
fn read(random: &mut Random, scope: &[Col], ty: &Ty) -> Option<String> {
    let fitting: Vec<&Col> = scope.iter().filter(|column| column.ty == *ty).collect();
    if fitting.is_empty() {
        return None;
    }
    let column = *random.pick(&fitting);
    Some(if column.optional { format!("({} ?? {})", column.name, literal(random, ty)) } else { column.name.clone() })
}

/// A constant.
pub(crate) fn literal(random: &mut Random, ty: &Ty) -> String {
    match ty {
        Ty::Int => random.between(0, 9).to_string(),
        Ty::Float => format!("{}.{}", random.between(0, 9), random.pick(&["0", "5", "1", "25"])),
        Ty::Money | Ty::Mean => format!("{}.{:02}", random.between(0, 30), random.below(100)),
        Ty::Text => format!("\"{}\"", random.pick(&["a", "b", "c", "ü"])),
        Ty::Bool => (*random.pick(&["true", "false"])).into(),
        Ty::Mood => (*random.pick(&["calm", "Wild", "off"])).into(),
        Ty::Time => "2026-01-02T03:04:05Z".into(),
        Ty::Deep => "{ a: 1, b: null, c: { e: 0.5 } }".into(),
        Ty::Top(_) => "[]".into(),
    }
}

/// A constant where nothing around it says that it is a decimal.
pub(crate) fn bare(random: &mut Random, ty: &Ty) -> String {
    match ty {
        Ty::Money => format!("decimal({}, 38, 2)", random.between(0, 30)),
        Ty::Mean => format!("decimal({}, 38, 8)", random.between(0, 30)),
        ty => literal(random, ty),
    }
}

/// One of the types, of those that columns have where there are such: a bare constant says little, a bare member nothing.
pub(crate) fn typed(random: &mut Random, scope: &[Col], types: &[Ty]) -> Ty {
    let there: Vec<&Ty> = types.iter().filter(|ty| scope.iter().any(|column| column.ty == **ty)).collect();
    if there.is_empty() { Ty::Int } else { (*random.pick(&there)).clone() }
}

/// An expression that is never absent.
pub(crate) fn present(random: &mut Random, scope: &[Col], ty: &Ty, depth: i64) -> String {
    let simple = read(random, scope, ty);
    if depth == 0 || random.chance(30) {
        return simple.unwrap_or_else(|| bare(random, ty));
    }
    let deeper = depth - 1;
    let choices = if random.is_rich() { 9 } else { 6 };
    match (ty, random.below(choices)) {
        (Ty::Bool, _) => condition(random, scope, depth),
        (Ty::Int, 6) => format!("bump({})", present(random, scope, ty, deeper)),
        (Ty::Text, 6) => format!("either({}, {})", absent(random, scope, ty), present(random, scope, ty, deeper)),
        (Ty::Mood, 6 | 7) => {
            let number = present(random, scope, &Ty::Int, deeper);
            format!("grade({number}, {})", present(random, scope, ty, 0))
        }
        (ty, 7 | 8) => matched(random, scope, ty, deeper),
        (ty, 0) => {
            let c = condition(random, scope, deeper);
            format!("(if {c} then {} else {})", present(random, scope, ty, deeper), present(random, scope, ty, deeper))
        }
        (ty, 1 | 2) if ty.numeric() => {
            let op = random.pick(&["+", "-"]);
            format!("({} {op} {})", present(random, scope, ty, deeper), present(random, scope, ty, deeper))
        }
        (Ty::Int | Ty::Float, 3) => {
            format!("({} * {})", present(random, scope, ty, deeper), present(random, scope, ty, deeper))
        }
        (Ty::Int, 4) => format!("({} mod 7)", present(random, scope, ty, deeper)),
        (Ty::Int, 5) => format!("length({})", present(random, scope, &Ty::Text, deeper)),
        (Ty::Float, 4) => format!("float({})", present(random, scope, &Ty::Int, deeper)),
        (Ty::Float, 5) => format!("({} / 3.0)", present(random, scope, ty, deeper)),
        (Ty::Money, 3) => format!("({} * {})", present(random, scope, ty, deeper), random.between(2, 4)),
        (Ty::Text, 4) => format!("upper({})", present(random, scope, ty, deeper)),
        _ => simple.unwrap_or_else(|| bare(random, ty)),
    }
}

/// The declaration of [`Ty::Deep`].
pub(crate) const DEEP: &str = "\ntype Deep { a: int, b: string?, c: { e: float } }\n";

/// What is read of columns: they, and the fields of those that are records.
pub(crate) fn with_fields(columns: &[Col]) -> Vec<Col> {
    let mut out = Vec::new();
    for column in columns {
        out.push(column.clone());
        if column.ty == Ty::Deep {
            let field = |name: &str, ty, optional| Col::new(&format!("{}.{name}", column.name), ty, optional);
            out.push(field("a", Ty::Int, column.optional));
            out.push(field("b", Ty::Text, true));
            out.push(field("c.e", Ty::Float, column.optional));
        }
    }
    out
}

/// What is declared for expressions to call: functions, rules, a parameter.
pub(crate) const CALLED: &str = r"
param spare: int = 4

func bump(x: int) -> int = if x > 5 then x - 3 else x * 2 + spare
func either(a: string?, b: string) -> string = match a {
  null -> b
  else -> a ?? b
}

rules grade(n: int, m: Mood) -> Mood first {
  n > 6 and m != off -> Wild
  n < 2 or m == calm -> off
  else -> m
}
";

/// A column of a type that may be absent, where there is one.
fn absent(random: &mut Random, scope: &[Col], ty: &Ty) -> String {
    let fitting: Vec<&Col> = scope.iter().filter(|column| column.ty == *ty).collect();
    if fitting.is_empty() { "null".into() } else { random.pick(&fitting).name.clone() }
}

/// A `match` over a column, which may be absent.
fn matched(random: &mut Random, scope: &[Col], ty: &Ty, deeper: i64) -> String {
    // A member says nothing of its enumeration: one column of it stays in the rows.
    let fits = |column: &&Col| {
        matches!(column.ty, Ty::Int | Ty::Text | Ty::Mood | Ty::Bool) && (column.ty != Ty::Mood || *ty != Ty::Mood)
    };
    let fitting: Vec<&Col> = scope.iter().filter(fits).collect();
    if fitting.is_empty() {
        return read(random, scope, ty).unwrap_or_else(|| bare(random, ty));
    }
    let column = (*random.pick(&fitting)).clone();
    let pattern = match &column.ty {
        Ty::Int => (*random.pick(&["0", "1..5", "..=3", "7"])).to_owned(),
        other => literal(random, other),
    };
    // Within a row it is known what the column is: asking again is a mistake.
    let rest: Vec<Col> = scope.iter().filter(|other| other.name != column.name).cloned().collect();
    let scope = rest.as_slice();
    let mut rows = vec![format!("{pattern} -> {}", present(random, scope, ty, deeper))];
    rows.push(format!("else -> {}", present(random, scope, ty, deeper)));
    format!("(match {} {{ {} }})", column.name, rows.join(", "))
}

/// A condition.
pub(crate) fn condition(random: &mut Random, scope: &[Col], depth: i64) -> String {
    let deeper = (depth - 1).max(0);
    if scope.is_empty() {
        return format!("spare > {}", random.below(9));
    }
    if depth > 0 {
        match random.below(6) {
            0 => return format!("({} and {})", condition(random, scope, deeper), condition(random, scope, deeper)),
            1 => return format!("({} or {})", condition(random, scope, deeper), condition(random, scope, deeper)),
            2 => return format!("not ({})", condition(random, scope, deeper)),
            _ => {}
        }
    }
    let column = (*random.pick(&scope.iter().collect::<Vec<_>>())).clone();
    if column.optional && random.chance(40) {
        let op = random.pick(&["==", "!="]);
        return format!("{} {op} null", column.name);
    }
    let one = std::slice::from_ref(&column);
    let value = present(random, one, &column.ty, 0);
    match &column.ty {
        Ty::Int | Ty::Float | Ty::Money | Ty::Mean | Ty::Time => {
            let op = random.pick(&["<", "<=", ">", ">=", "==", "!="]);
            format!("{value} {op} {}", literal(random, &column.ty))
        }
        Ty::Text if random.chance(30) => format!("{value} in [\"a\", \"c\"]"),
        Ty::Bool => value,
        Ty::Deep => format!("{}.b != null", column.name),
        Ty::Top(_) => format!("length({value}) > 1"),
        ty => {
            let op = random.pick(&["==", "!="]);
            format!("{value} {op} {}", literal(random, ty))
        }
    }
}
