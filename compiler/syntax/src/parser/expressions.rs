//! Expressions and pipelines, by precedence.

use super::{DEEPEST, Parser, role};
use crate::ast::{BinaryOp, Expr, ExprKind, MatchArm, Name, Part, Pattern, PatternKind, RecordEntry, UnaryOp};
use crate::literal;
use crate::symbol::Symbol;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, Edit, Span, codes};

/// How tightly operators bind, from `or` to unary `-`.
mod level {
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const COALESCE: u8 = 5;
    pub const RANGE: u8 = 6;
    pub const ADD: u8 = 7;
    pub const MULTIPLY: u8 = 8;
    pub const NEGATE: u8 = 9;
}

impl Parser<'_> {
    /// An expression that `|>` may follow.
    pub fn pipeline(&mut self) -> Expr {
        let outer = std::mem::replace(&mut self.pipes, true);
        let above = std::mem::take(&mut self.height);
        let input = self.scalar(level::OR);
        let whole = self.pipes_after(input);
        self.height = self.height.max(above);
        self.pipes = outer;
        whole
    }

    /// A pipeline that begins on the line of the word before it.
    pub fn pipeline_on_line(&mut self) -> Expr {
        if !self.line_ended() {
            return self.pipeline();
        }
        if self.kind() == Kind::LeftBrace {
            let found = self.found("a value");
            let gap = Span::new(self.file, self.last_span().end, self.span().start);
            let is_blank = self.slice(gap).trim().is_empty();
            self.report_read(if is_blank { found.fix("begin it on this line", gap, " ") } else { found });
            return self.pipeline();
        }
        self.fail("a value");
        Expr { kind: ExprKind::Error, span: self.last_span().after() }
    }

    /// A pipeline whose first relation may be named: `views as a |> …`.
    pub fn aliased_pipeline(&mut self) -> Expr {
        let outer = std::mem::replace(&mut self.pipes, true);
        let above = std::mem::take(&mut self.height);
        let mut input = self.scalar(level::OR);
        if self.clause("as") {
            input = self.input_alias(input);
        }
        let whole = self.pipes_after(input);
        self.height = self.height.max(above);
        self.pipes = outer;
        whole
    }

    fn pipes_after(&mut self, mut input: Expr) -> Expr {
        while !self.bail {
            if self.kind() == Kind::Comma && self.kind_at(1) == Kind::Pipe {
                self.lone_comma();
            }
            if self.kind() != Kind::Pipe {
                break;
            }
            self.mended = true;
            self.bump();
            let op = self.operator();
            let span = self.since(input.span);
            input = self.node(ExprKind::Pipe { input: Box::new(input), op: Box::new(op) }, span);
        }
        input
    }

    /// An expression within an operator or a header: a `|>` after it belongs to what encloses it.
    pub fn operand(&mut self) -> Expr {
        let outer = std::mem::replace(&mut self.pipes, false);
        let value = self.scalar(level::OR);
        self.pipes = outer;
        value
    }

    /// An operand that is true or false.
    pub fn condition(&mut self) -> Expr {
        let outer = std::mem::replace(&mut self.conditions, true);
        let value = self.operand();
        self.conditions = outer;
        value
    }

    /// Operands separated by commas.
    pub fn expressions(&mut self) -> Vec<Expr> {
        let mut found = vec![self.operand()];
        while self.eat_comma() {
            found.push(self.operand());
        }
        found
    }

    /// A node one higher than what it is made of.
    fn node(&mut self, kind: ExprKind, span: Span) -> Expr {
        self.height += 1;
        if self.height > DEEPEST && !self.bail {
            self.too_deep(span);
        }
        if self.bail {
            return Expr { kind: ExprKind::Error, span };
        }
        Expr { kind, span }
    }

    /// An end of a range, or what may stand in its place.
    pub fn bound(&mut self) -> Expr {
        self.scalar(level::ADD)
    }

    fn scalar(&mut self, least: u8) -> Expr {
        let above = std::mem::take(&mut self.height);
        let found = if self.enter() {
            let left = self.prefix();
            self.infix(left, least)
        } else {
            Expr { kind: ExprKind::Error, span: self.here() }
        };
        self.leave();
        self.height = self.height.max(above);
        found
    }

    fn prefix(&mut self) -> Expr {
        let from = self.span();
        match self.kind() {
            kind if (kind == Kind::Not && !self.missing_operand()) || self.foreign_not() => {
                self.bump();
                let operand = Box::new(self.scalar(level::NOT));
                let span = self.since(from);
                self.node(ExprKind::Unary { op: UnaryOp::Not, operand }, span)
            }
            Kind::Minus => {
                self.note(role::PREFIX);
                self.bump();
                let operand = Box::new(self.scalar(level::NEGATE));
                let span = self.since(from);
                self.node(ExprKind::Unary { op: UnaryOp::Negate, operand }, span)
            }
            kind @ (Kind::DotDot | Kind::DotDotEqual) => {
                self.bump();
                self.range(None, kind == Kind::DotDotEqual, from)
            }
            _ => self.postfix(),
        }
    }

    /// After `..` or `..=`.
    fn range(&mut self, low: Option<Box<Expr>>, inclusive: bool, from: Span) -> Expr {
        let mut high = None;
        if self.begins_value() {
            self.note_before(role::PREFIX);
            high = Some(Box::new(self.scalar(level::ADD)));
        }
        if high.is_none() && inclusive {
            self.fail("the end of the range");
        }
        let span = self.since(from);
        self.node(ExprKind::Range { low, high, inclusive }, span)
    }

    /// Whether a value begins here, on this line.
    fn begins_value(&self) -> bool {
        let kind = self.kind();
        let starts = kind.is_literal()
            || matches!(
                kind,
                Kind::Ident | Kind::Minus | Kind::LeftParen | Kind::LeftBracket | Kind::TextOpen | Kind::Sql
            );
        starts && !self.line_ended()
    }

    fn infix(&mut self, mut left: Expr, least: u8) -> Expr {
        let mut compared: Option<Span> = None;
        while let Some((op, level, words)) = self.infix_operator() {
            if level < least || self.bail {
                break;
            }
            let compares = level == level::COMPARE;
            if let Some(foreign) = self.foreign_infix() {
                self.report_infix(foreign);
            } else if self.kind() == Kind::Assign {
                let found = Diagnostic::error(codes::E0109, self.span(), "a comparison is `a == b`");
                self.report_read(found.fix("write `==`", self.span(), "=="));
            } else if compares && self.check_chain(compared) {
                left.kind = ExprKind::Error;
            }
            if op.is_none() {
                self.note(role::TIGHT);
            }
            let mut op_span = self.bump();
            if words == 2 {
                op_span = op_span.to(self.bump());
            }
            let from = left.span;
            if compares {
                compared = Some(op_span);
            }
            let Some(op) = op else {
                let inclusive = self.slice(op_span) == "..=";
                left = self.range(Some(Box::new(left)), inclusive, from);
                continue;
            };
            let right = Box::new(self.scalar(level + 1));
            let span = self.since(from);
            left = self.node(ExprKind::Binary { op, op_span, left: Box::new(left), right }, span);
        }
        left
    }

    /// Whether a comparison goes on with one before it; it is reported then.
    fn check_chain(&mut self, before: Option<Span>) -> bool {
        if let Some(before) = before {
            let found = Diagnostic::error(codes::E0106, self.span(), "comparisons do not chain")
                .label(before, "the first comparison")
                .help("join them with `and`: `a < b and b < c`");
            self.report(found);
        }
        before.is_some()
    }

    /// The infix operator here, its level and how many words it has. `None` for a range.
    fn infix_operator(&self) -> Option<(Option<BinaryOp>, u8, u8)> {
        let (op, level) = match self.kind() {
            Kind::Or => (BinaryOp::Or, level::OR),
            Kind::And => (BinaryOp::And, level::AND),
            Kind::Equal => (BinaryOp::Equal, level::COMPARE),
            Kind::Assign if self.conditions && !self.line_ended() => (BinaryOp::Equal, level::COMPARE),
            Kind::NotEqual => (BinaryOp::NotEqual, level::COMPARE),
            Kind::Less => (BinaryOp::Less, level::COMPARE),
            Kind::LessEqual => (BinaryOp::LessEqual, level::COMPARE),
            Kind::Greater => (BinaryOp::Greater, level::COMPARE),
            Kind::GreaterEqual => (BinaryOp::GreaterEqual, level::COMPARE),
            Kind::In => (BinaryOp::In, level::COMPARE),
            Kind::Not if self.kind_at(1) == Kind::In => return Some((Some(BinaryOp::NotIn), level::COMPARE, 2)),
            Kind::Coalesce => (BinaryOp::Coalesce, level::COALESCE),
            // These may begin an item, so they do not go on from the line before.
            Kind::DotDot | Kind::DotDotEqual if !self.line_ended() => return Some((None, level::RANGE, 1)),
            Kind::Minus if !self.line_ended() => (BinaryOp::Subtract, level::ADD),
            Kind::Plus => (BinaryOp::Add, level::ADD),
            Kind::Star => (BinaryOp::Multiply, level::MULTIPLY),
            Kind::Slash => (BinaryOp::Divide, level::MULTIPLY),
            Kind::Div => (BinaryOp::IntegerDivide, level::MULTIPLY),
            Kind::Mod => (BinaryOp::Modulo, level::MULTIPLY),
            Kind::Ident => {
                let (op, _, words) = self.foreign_infix()?;
                let level = match op {
                    BinaryOp::And => level::AND,
                    BinaryOp::Or => level::OR,
                    _ => level::COMPARE,
                };
                return Some((Some(op), level, words));
            }
            _ => return None,
        };
        Some((Some(op), level, 1))
    }

    /// A value with what is written behind it: `.name`, `[key]`, `(arguments)`.
    pub fn postfix(&mut self) -> Expr {
        let mut value = self.primary();
        while !self.bail {
            let from = value.span;
            let kind = match self.kind() {
                Kind::Dot => {
                    let dot = self.bump();
                    if matches!(value.kind, ExprKind::Literal(_)) && (self.kind() != Kind::Ident || self.line_ended()) {
                        let found = Diagnostic::error(codes::E0101, dot, "a number does not end with a point");
                        self.report(found.fix("remove it", dot, ""));
                        return Expr { kind: ExprKind::Error, span: self.since(from) };
                    }
                    let Some(name) = self.name("the name of a field") else {
                        return Expr { kind: ExprKind::Error, span: self.since(from) };
                    };
                    ExprKind::Field { of: Box::new(value), name }
                }
                Kind::LeftBracket if !self.line_ended() => {
                    let mut keys = Vec::new();
                    self.note(role::TIGHT);
                    self.list(Kind::RightBracket, "`,` or `]`", |p| keys.push(p.pipeline()));
                    ExprKind::Index { of: Box::new(value), keys }
                }
                Kind::LeftParen if !self.line_ended() && is_path(&value) => {
                    let arguments = self.arguments();
                    ExprKind::Call { function: Box::new(value), arguments }
                }
                _ => break,
            };
            let span = self.since(from);
            value = self.node(kind, span);
        }
        self.foreign_behind(value)
    }

    /// Whether the line ended where an operand was to come.
    fn missing_operand(&self) -> bool {
        self.line_ended() && self.at > 0 && self.item_ahead()
    }

    fn primary(&mut self) -> Expr {
        let from = self.span();
        let kind = match self.kind() {
            _ if self.missing_operand() => {
                self.fail("a value");
                return Expr { kind: ExprKind::Error, span: self.last_span().after() };
            }
            Kind::Ident if self.foreign_query() => return Expr { kind: ExprKind::Error, span: self.since(from) },
            Kind::Ident => {
                self.bump();
                return Expr { kind: ExprKind::Name(self.symbol(self.slice(from))), span: from };
            }
            kind if kind.is_literal() => {
                self.bump();
                let kind = literal::value(kind, self.slice(from)).map_or(ExprKind::Error, ExprKind::Literal);
                return Expr { kind, span: from };
            }
            Kind::LeftParen => return self.parenthesised(),
            Kind::LeftBracket => {
                let mut items = Vec::new();
                self.list(Kind::RightBracket, "`,` or `]`", |p| items.push(p.pipeline()));
                ExprKind::List(items)
            }
            Kind::LeftBrace => self.record(),
            Kind::TextOpen => self.interpolation(),
            Kind::If => self.conditional(),
            Kind::Match => self.match_value(),
            Kind::For => self.for_yield(),
            Kind::Sql => {
                self.bump();
                ExprKind::NotYet { keyword: Name { text: Symbol::new("sql"), span: from } }
            }
            Kind::Dot if matches!(self.kind_at(1), Kind::Number | Kind::Int) => {
                let found = self.found("a value").fix("a number begins with a digit", from.before(), "0");
                self.report(found);
                self.bump();
                self.bump();
                return Expr { kind: ExprKind::Error, span: self.since(from) };
            }
            _ => {
                self.fail("a value");
                return Expr { kind: ExprKind::Error, span: self.here() };
            }
        };
        let span = self.since(from);
        self.node(kind, span)
    }

    /// `( … )`: the value within, with the place of its brackets.
    fn parenthesised(&mut self) -> Expr {
        let from = self.span();
        let in_list = matches!(self.slice(self.last_span()), "in" | "IN");
        let mut values = Vec::new();
        let mut windows = false;
        self.list(Kind::RightParen, "`)`", |p| {
            let value = p.pipeline();
            if p.has_window(&value) {
                windows = true;
                while p.clause("over") || p.clause("every") || p.clause("where") {
                    p.bump();
                    p.scalar(level::OR);
                }
            }
            values.push(value);
        });
        if windows {
            return Expr { kind: ExprKind::Error, span: self.since(from) };
        }
        if let Some(second) = values.get(1) {
            let found = Diagnostic::error(codes::E0101, second.span, "expected one value in parentheses");
            let (span, end) = (self.since(from), self.last_span());
            let is_list = self.slice(end) == ")" && in_list;
            self.diagnostics.push(match is_list {
                true => {
                    let edits = vec![Edit { span: from, text: "[".into() }, Edit { span: end, text: "]".into() }];
                    found.fix_all("a list is written `[a, b]`", edits)
                }
                false => found.help("a list is written `[a, b]`; several keys stand without brackets: `by a, b`"),
            });
            return Expr { kind: ExprKind::Error, span };
        }
        let value = values.into_iter().next();
        let span = self.since(from);
        let kind = match value {
            Some(value) => value.kind,
            None => {
                self.diagnostics.push(Diagnostic::error(codes::E0101, span, "expected a value in the parentheses"));
                ExprKind::Error
            }
        };
        Expr { kind, span }
    }

    fn record(&mut self) -> ExprKind {
        let mut entries = Vec::new();
        self.body(true, |p| {
            let item = p.at;
            if p.kind() == Kind::DotDot {
                p.note(role::PREFIX);
                p.bump();
                entries.push(RecordEntry::Spread(p.operand()));
                return;
            }
            let Some(name) = p.entry_name("the name of a field") else { return };
            let lone = matches!(p.kind(), Kind::Comma | Kind::RightBrace) || p.line_ended();
            let value = if lone {
                Expr { kind: ExprKind::Name(name.text), span: name.span }
            } else {
                p.colon("a field of a record", "value");
                p.note_column(item);
                p.pipeline()
            };
            entries.push(RecordEntry::Field { name, value });
        });
        ExprKind::Record(entries)
    }

    fn interpolation(&mut self) -> ExprKind {
        let outer = std::mem::replace(&mut self.lines, false);
        let mut parts = Vec::new();
        let open = self.bump();
        self.text_part(open, 1, &mut parts);
        while !self.bail {
            parts.push(Part::Expr(self.pipeline()));
            let ends = |kind| matches!(kind, Kind::TextMiddle | Kind::TextClose | Kind::TextCut | Kind::End);
            if !ends(self.kind()) {
                self.fail("`}`");
                self.skip_to_text(ends);
            }
            let kind = self.kind();
            self.mended = true;
            let piece = self.bump();
            self.text_part(piece, usize::from(kind != Kind::TextCut), &mut parts);
            if kind != Kind::TextMiddle {
                break;
            }
        }
        self.lines = outer;
        ExprKind::Interpolation(parts)
    }

    fn text_part(&mut self, piece: Span, after: usize, parts: &mut Vec<Part>) {
        let text = literal::unescape(literal::inner(self.slice(piece), 1, after));
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
    }

    fn skip_to_text(&mut self, ends: impl Fn(Kind) -> bool) {
        let mut open = 0_usize;
        while self.kind() != Kind::End && !(open == 0 && ends(self.kind())) {
            match self.kind() {
                Kind::TextOpen => open += 1,
                Kind::TextClose | Kind::TextCut => open = open.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    /// A branch of an `if`: a pipeline where one may stand.
    fn branch(&mut self) -> Expr {
        if self.pipes { self.pipeline() } else { self.scalar(level::OR) }
    }

    /// Whether a window follows a value that ends in a call, where no window stands; it is reported then.
    fn has_window(&mut self, value: &Expr) -> bool {
        let follows = self.clause("over") && !self.line_ended() && ends_in_call(value);
        if follows {
            let found = Diagnostic::error(codes::E0318, value.span, "an aggregate stands on a line of its own");
            self.report(found.help("give each aggregate a name, then compute with the names"));
        }
        follows
    }

    fn conditional(&mut self) -> ExprKind {
        let from = self.bump();
        let condition = Box::new(self.condition());
        if self.eat(Kind::Then).is_none() {
            if self.has_window(&condition) {
                return ExprKind::Error;
            }
            let mut found = self.found("`then`");
            if self.kind() == Kind::LeftBrace {
                found = found.help("as a value it is `if … then … else …`");
            } else if self.begins_value() {
                found = found.fix("write `then`", self.span().before(), "then ");
            }
            self.report(found);
            return ExprKind::Error;
        }
        let then = Box::new(self.branch());
        // `else ->` on a new line is a row of what encloses this.
        let own = self.kind() == Kind::Else && !(self.line_ended() && self.kind_at(1) == Kind::Arrow);
        if !own {
            let found = Diagnostic::error(codes::E0114, from, "this `if` has no `else`");
            self.report(found.help("as a value it needs both branches: `if … then … else …`"));
            return ExprKind::Error;
        }
        self.bump();
        ExprKind::If { condition, then, otherwise: Box::new(self.branch()) }
    }

    fn match_value(&mut self) -> ExprKind {
        self.bump();
        let subjects = self.expressions();
        let mut arms = Vec::new();
        if self.body_follows() {
            let count = subjects.len();
            self.body(true, |p| {
                let (from, item) = (p.span(), p.at);
                let patterns = p.patterns(count);
                p.note_column(item);
                if p.arrow() {
                    let value = p.pipeline();
                    arms.push(MatchArm { patterns, value, span: p.since(from) });
                }
            });
        }
        ExprKind::Match { subjects, arms }
    }

    /// The `->` between a case and what it gives; `:` is reported and taken for it.
    pub fn arrow(&mut self) -> bool {
        if self.kind() == Kind::Colon && !self.line_ended() {
            let found = Diagnostic::error(codes::E0101, self.span(), "expected `->`, found `:`");
            let is_tight = self.last_span().end == self.span().start;
            self.report_read(found.fix("write `->`", self.span(), if is_tight { " ->" } else { "->" }));
            self.bump();
            return true;
        }
        self.expect(Kind::Arrow, "`->`").is_some()
    }

    /// The patterns before `->`; `else` stands for `count` that take anything.
    pub fn patterns(&mut self, count: usize) -> Vec<Pattern> {
        if self.kind() == Kind::Else {
            let span = self.bump();
            return vec![Pattern { kind: PatternKind::Any, span }; count.max(1)];
        }
        let mut patterns = vec![self.pattern()];
        while self.eat(Kind::Comma).is_some() {
            patterns.push(self.pattern());
        }
        patterns
    }

    fn pattern(&mut self) -> Pattern {
        let next = self.kind_at(1);
        if self.ident() == "case" && (next == Kind::Ident || next.is_literal()) && self.same_line(1) {
            let span = self.span();
            let found = Diagnostic::error(codes::E0101, span, "a case is its pattern alone");
            self.report_read(found.fix("remove it", span.to(self.span_at(1).before()), ""));
            self.bump();
        }
        if self.ident() == "_" {
            return Pattern { kind: PatternKind::Any, span: self.bump() };
        }
        let value = self.scalar(level::RANGE);
        Pattern { span: value.span, kind: PatternKind::Value(value) }
    }

    /// `for c in xs yield e`.
    fn for_yield(&mut self) -> ExprKind {
        let keyword = Name { text: Symbol::new("for"), span: self.bump() };
        self.name("a name");
        self.expect(Kind::In, "`in`");
        self.operand();
        self.expect(Kind::Yield, "`yield`");
        self.branch();
        ExprKind::NotYet { keyword }
    }

    /// The value of a clause, after its word. `given`: whether the operator has one already.
    pub fn clause_value(&mut self, given: bool) -> Expr {
        self.clause_word(given);
        self.operand()
    }

    /// The same of a clause whose value is a condition.
    pub fn clause_condition(&mut self, given: bool) -> Expr {
        self.clause_word(given);
        self.condition()
    }

    /// The word of a clause; a second one of its kind is reported.
    pub fn clause_word(&mut self, given: bool) -> Span {
        let span = self.span();
        if given {
            let word = self.slice(span);
            self.error(codes::E0116, span, format!("`{word}` is given twice"));
        }
        self.bump()
    }
}

/// Whether something can be called: a name or a dotted path.
fn is_path(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Name(_) => true,
        ExprKind::Field { of, .. } => is_path(of),
        _ => false,
    }
}

/// Whether the last of an expression is a call, behind which a window may be meant.
fn ends_in_call(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Call { .. } => true,
        ExprKind::Binary { right: last, .. } | ExprKind::Unary { operand: last, .. } => ends_in_call(last),
        _ => false,
    }
}
