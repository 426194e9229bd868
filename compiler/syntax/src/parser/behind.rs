//! What other languages write behind a value: reported with what is written here, and read over.

use super::{Parser, role};
use crate::ast::{BinaryOp, Expr, ExprKind};
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, codes};

/// Words between two values that stand for an operator: what they are, what it is written as, and how many they are.
pub type Infix = (BinaryOp, &'static str, u8);

impl Parser<'_> {
    /// The operator that SQL's word here stands for, behind a value.
    pub fn foreign_infix(&self) -> Option<Infix> {
        if self.kind() != Kind::Ident || self.line_ended() {
            return None;
        }
        let is = |ahead: usize, word: &str| self.ident_at(ahead).eq_ignore_ascii_case(word);
        Some(match self.ident() {
            "AND" => (BinaryOp::And, "and", 1),
            "OR" => (BinaryOp::Or, "or", 1),
            "IN" => (BinaryOp::In, "in", 1),
            "NOT" if self.ident_at(1) == "IN" => (BinaryOp::NotIn, "not in", 2),
            "is" | "IS" if is(1, "not") || self.kind_at(1) == Kind::Not => (BinaryOp::NotEqual, "!=", 2),
            "is" | "IS" => (BinaryOp::Equal, "==", 1),
            _ => return None,
        })
    }

    /// Says how the operator that comes is written; it is read for what it stands for.
    pub fn report_infix(&mut self, (_, ours, words): Infix) {
        let span = self.span().to(self.span_at(usize::from(words) - 1));
        let theirs = self.slice(span);
        let found = Diagnostic::error(codes::E0101, span, format!("`{theirs}` is written `{ours}` here"));
        self.report_read(found.fix(format!("write `{ours}`"), span, ours));
    }

    /// Whether a query or a `case` of SQL begins here; it is reported then, and read over.
    pub fn foreign_query(&mut self) -> bool {
        // Each of these words may be a name, too: what follows tells.
        let (word, next) = (self.ident(), self.word_at(1));
        let is = |ours: &[&str]| ours.contains(&word) && next.column == super::WITHIN_LINE;
        let is_column = next.kind == Kind::Star || (next.kind == Kind::Ident && !CLAUSES.contains(&self.ident_at(1)));
        let goes_on = self.kind_at(2) == Kind::Comma || matches!(self.ident_at(2), "from" | "FROM");
        if is(&["select", "SELECT"]) && is_column && goes_on {
            let found = Diagnostic::error(codes::E0101, self.span(), "a query begins with its rows");
            self.report(found.help("as in `payments |> where amount > 100 |> select id, amount`"));
            self.skip_item(false, true);
            return true;
        }
        let words = ["interval", "INTERVAL", "date", "DATE", "timestamp", "TIMESTAMP"];
        if is(&words) && matches!(next.kind, Kind::Text | Kind::RawText) {
            let found = Diagnostic::error(codes::E0101, self.span(), format!("`{word}` stands before no text"));
            self.report(found.help("a duration is `1d`, a date `2026-01-31`, an instant `2026-01-31T12:00:00Z`"));
            self.bump();
            self.bump();
            return true;
        }
        let is_when = |ahead: usize| matches!(self.ident_at(ahead), "when" | "WHEN");
        if is(&["case", "CASE"]) && (is_when(1) || (is_when(2) && is_column)) {
            let found = Diagnostic::error(codes::E0101, self.span(), format!("there is no `{word}`"));
            self.report(found.help("a choice is `if … then … else …`, or `match x { a -> … else -> … }`"));
            while self.kind() != Kind::End && !self.line_ended() {
                let word = self.bump();
                if matches!(self.slice(word), "end" | "END") {
                    break;
                }
            }
            return true;
        }
        false
    }

    /// Whether `NOT` stands here for `not`; it is reported then.
    pub fn foreign_not(&mut self) -> bool {
        let found = self.ident() == "NOT" && !matches!(self.kind_at(1), Kind::Assign | Kind::Colon | Kind::Dot);
        let operand = matches!(self.kind_at(1), Kind::Ident | Kind::LeftParen | Kind::True | Kind::False);
        if !found || !operand || CLAUSES.contains(&self.ident_at(1)) || self.word_at(1).column != super::WITHIN_LINE {
            return false;
        }
        let told = Diagnostic::error(codes::E0101, self.span(), "`NOT` is written `not` here");
        self.report_read(told.fix("write `not`", self.span(), "not"));
        true
    }

    /// Reads over what goes on with `value` in other languages and is nothing here; the value is then none.
    pub fn foreign_behind(&mut self, value: Expr) -> Expr {
        if self.line_ended() || self.bail {
            return value;
        }
        let span = self.span();
        let begins = |kind: Kind| matches!(kind, Kind::Assign | Kind::Colon);
        match self.kind() {
            Kind::Question if self.kind_at(1) == Kind::Dot => {
                let told = Diagnostic::error(codes::E0101, span, "`?.` is written `.` here");
                self.report(told.fix("a field of an absent record is absent: write `.`", span, ""));
                self.bump();
                self.note(role::TIGHT);
                self.bump();
                self.bump();
            }
            Kind::Question => {
                let told = Diagnostic::error(codes::E0101, span, "`… ? … : …` is written `if … then … else …` here");
                self.report(told);
                self.bump();
                self.operand();
                if self.eat(Kind::Colon).is_some() {
                    self.operand();
                }
            }
            Kind::Colon if self.kind_at(1) == Kind::Colon => {
                let to = self.slice(self.span_at(2));
                let told = Diagnostic::error(codes::E0101, span.to(self.span_at(1)), "`::` is nothing here");
                self.report(told.help(format!("a type is a function: `{to}({})`", self.slice(value.span))));
                self.bump();
                self.bump();
                self.ty();
            }
            Kind::Ident if begins(self.kind_at(1)) => return value,
            Kind::Ident => match self.ident() {
                "between" | "BETWEEN" => {
                    let shown = self.slice(value.span);
                    let help = format!("write `a <= {shown} and {shown} <= b`");
                    self.report(Diagnostic::error(codes::E0101, span, "there is no `between`").help(help));
                    self.bump();
                    self.bound();
                    if self.kind() == Kind::And || self.ident() == "AND" {
                        self.bump();
                        self.bound();
                    }
                }
                "like" | "LIKE" | "ilike" | "ILIKE" => {
                    let help = "texts are searched with `contains(s, p)`, `starts_with(s, p)`, `ends_with(s, p)`";
                    self.report(Diagnostic::error(codes::E0101, span, "there is no `like`").help(help));
                    self.bump();
                    self.bound();
                }
                word if is_number(&value) && unit(word).is_some() => {
                    let (number, unit) = (self.slice(value.span), unit(word).unwrap_or_default());
                    let told = Diagnostic::error(codes::E0101, value.span.to(span), "a duration is one word");
                    let text = format!("{number}{unit}");
                    self.report(told.fix(format!("write `{text}`"), value.span.to(span), text));
                    self.bump();
                }
                _ => return value,
            },
            Kind::Text | Kind::RawText | Kind::TextOpen
                if matches!(value.kind, ExprKind::Name(_)) && value.span.end == span.start =>
            {
                let told = Diagnostic::error(codes::E0101, value.span, "a text has no prefix");
                self.report(told.fix("`{x}` in a text is a value as it is: remove it", value.span, ""));
                self.postfix();
            }
            _ => return value,
        }
        Expr { kind: ExprKind::Error, span: self.since(value.span) }
    }
}

/// Words that may follow a name.
const CLAUSES: &[&str] = &[
    "to",
    "on",
    "as",
    "by",
    "from",
    "within",
    "where",
    "over",
    "every",
    "when",
    "per",
    "rank",
    "with",
    "asc",
    "desc",
    "returns",
    "including",
    "window",
];

fn is_number(value: &Expr) -> bool {
    use crate::ast::Literal::{Int, Number};
    matches!(value.kind, ExprKind::Literal(Int(_) | Number(_)))
}

/// The unit of durations that a word of its own names.
fn unit(word: &str) -> Option<&'static str> {
    Some(match word {
        "us" | "microseconds" => "us",
        "ms" | "milliseconds" => "ms",
        "s" | "sec" | "second" | "seconds" => "s",
        "m" | "min" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    })
}
