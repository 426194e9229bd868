//! The operators after `|>`.

use super::{Parser, role};
use crate::ast::{
    AggregateLine, Expr, ExprKind, JoinKind, JoinPick, Name, Operator, OperatorKind, SelectItem, SortKey,
};
use crate::foreign;
use crate::symbol::Symbol;
use crate::token::Kind;
use fec_diagnostics::{Diagnostic, Span, closest, codes};

/// The words that begin an operator.
pub const OPERATORS: &[&str] = &[
    "where", "select", "derive", "drop", "rename", "join", "left", "semi", "anti", "with", "final", "group", "window",
    "sort", "top", "take", "distinct", "latest", "union", "unnest", "sample", "number", "changes", "cap", "delay",
    "nearest",
];

impl Parser<'_> {
    /// The repair where an operator stands without the `|>` before it: what is found wrong at it, with that.
    pub fn without_pipe(&self, found: Diagnostic) -> Diagnostic {
        let word = self.ident();
        let is_join = !matches!(word, "left" | "semi" | "anti") || self.ident_at(1) == "join";
        if !OPERATORS.contains(&word) || !is_join || matches!(self.kind_at(1), Kind::Assign | Kind::Colon) {
            return found;
        }
        found.fix(format!("operators stand behind `|>`: write `|> {word}`"), self.span().before(), "|> ")
    }

    /// One operator, after its `|>`.
    pub fn operator(&mut self) -> Operator {
        let from = self.span();
        let word = self.ident();
        if self.line_ended() && self.item_ahead() {
            self.fail("an operator");
            return Operator { kind: OperatorKind::Error, span: self.here(), word: self.here() };
        }
        let joins = matches!(word, "left" | "semi" | "anti") && self.ident_at(1) == "join";
        let span = if joins { from.to(self.span_at(1)) } else { from };
        let kind = if OPERATORS.contains(&word) && (joins || !matches!(word, "left" | "semi" | "anti")) {
            self.bump();
            self.operator_kind(word, from)
        } else {
            self.called(word)
        };
        Operator { kind, span: self.since(from), word: span }
    }

    /// `|> f(…)`, or no operator at all.
    fn called(&mut self, word: &str) -> OperatorKind {
        let from = self.span();
        if matches!(word, "left" | "semi" | "anti") {
            self.bump();
            self.fail("`join`");
            return self.join(JoinKind::Left);
        }
        if word.is_empty() || !matches!(self.kind_at(1), Kind::LeftParen | Kind::Dot) {
            let found = if word.is_empty() {
                self.found("an operator")
            } else {
                let found = Diagnostic::error(codes::E0105, from, format!("`{word}` is not an operator"));
                match (foreign::operator(word), closest(word, OPERATORS.iter().copied())) {
                    (Some(foreign), _) => foreign.mends(found, from),
                    (None, Some(near)) => found.fix(format!("write `{near}`"), from, near),
                    (None, None) => found.help(format!("a component or function is called: `{word}(…)`")),
                }
            };
            self.report(found);
            self.skip_operator();
            return OperatorKind::Error;
        }
        let call = self.postfix();
        match call.kind {
            ExprKind::Call { function, arguments } => OperatorKind::Call { function: *function, arguments },
            ExprKind::Error => OperatorKind::Error,
            _ => {
                let found = Diagnostic::error(codes::E0105, call.span, "expected an operator or a call after `|>`");
                self.report(found);
                OperatorKind::Error
            }
        }
    }

    /// Goes to the next `|>`, or to where the item ends.
    fn skip_operator(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.kind() {
                Kind::End | Kind::TextMiddle | Kind::TextClose | Kind::TextCut => return,
                Kind::Pipe if open == 0 => return,
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => open += 1,
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace if open == 0 => return,
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace => open -= 1,
                _ if self.outer_declaration() || (self.line_ended() && open == 0) => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn operator_kind(&mut self, word: &str, from: Span) -> OperatorKind {
        match word {
            "where" => OperatorKind::Where(self.condition()),
            "select" => {
                let items = self.select_items();
                // Which columns it has is not known then.
                let is_lost = |item: &SelectItem| matches!(item, SelectItem::Expr(Expr { kind: ExprKind::Error, .. }));
                if items.iter().any(is_lost) { OperatorKind::Error } else { OperatorKind::Select(items) }
            }
            "derive" => OperatorKind::Derive(self.derived()),
            "drop" => OperatorKind::Drop(self.names("a column")),
            "rename" => OperatorKind::Rename(self.renamed()),
            "join" => self.join(JoinKind::Inner),
            "left" | "semi" | "anti" => {
                self.bump();
                self.join(match word {
                    "left" => JoinKind::Left,
                    "semi" => JoinKind::Semi,
                    _ => JoinKind::Anti,
                })
            }
            "with" => self.with(),
            "final" => OperatorKind::Final,
            "group" => self.group(),
            "window" => {
                let window = self.operand();
                let by = if self.eat_clause("by") { self.expressions() } else { Vec::new() };
                OperatorKind::Window { window, by }
            }
            "sort" => {
                self.word("by");
                OperatorKind::Sort(self.sort_keys())
            }
            "top" => self.top(),
            "take" => OperatorKind::Take(self.operand()),
            "distinct" | "latest" => {
                let is_key = self.key_follows();
                if is_key {
                    self.word("by");
                }
                let by = if is_key || self.eat_clause("by") { self.expressions() } else { Vec::new() };
                if word == "distinct" { OperatorKind::Distinct(by) } else { OperatorKind::Latest(by) }
            }
            "union" => OperatorKind::Union(self.expressions()),
            _ => self.not_yet_operator(word, from),
        }
    }

    /// A word that must follow.
    fn word(&mut self, word: &str) {
        if self.eat_clause(word) {
            return;
        }
        let is_other = foreign::stands_for(self.ident(), word) && !self.line_ended();
        if is_other && (word != "by" || (self.kind_at(1) == Kind::Ident && self.same_line(1))) {
            let found = self.found(&format!("`{word}`"));
            self.report_read(found.fix(format!("write `{word}`"), self.span(), word));
            self.bump();
            return;
        }
        let found = self.found(&format!("`{word}`"));
        let goes_on = self.kind() == Kind::Ident && !self.line_ended();
        self.report(match goes_on {
            true => found.fix(format!("write `{word}`"), self.span().before(), format!("{word} ")),
            false => found,
        });
        self.mended = goes_on;
    }

    fn select_items(&mut self) -> Vec<SelectItem> {
        let mut items = vec![self.select_item()];
        while self.eat_comma() {
            items.push(self.select_item());
        }
        items
    }

    fn select_item(&mut self) -> SelectItem {
        if self.kind() == Kind::DotDot {
            self.note(role::PREFIX);
            self.bump();
            return SelectItem::Spread(self.operand());
        }
        let named = match self.kind_at(1) {
            Kind::Assign => true,
            Kind::Colon => !self.entries,
            _ => false,
        };
        if self.kind() == Kind::Star {
            let found = Diagnostic::error(codes::E0101, self.span(), "all columns are there without a `select`");
            self.report(found.help("`derive` adds columns to them, `drop` leaves some out"));
            return SelectItem::Expr(Expr { kind: ExprKind::Error, span: self.bump() });
        }
        if !named || self.missing_column() {
            let value = self.operand();
            return SelectItem::Expr(if self.clause("as") { self.named_behind(value) } else { value });
        }
        match self.item_name("a column") {
            Some(name) => {
                self.assign("a column");
                SelectItem::Named { name, value: self.operand() }
            }
            None => SelectItem::Expr(Expr { kind: ExprKind::Error, span: self.here() }),
        }
    }

    /// `value as name`, of SQL.
    fn named_behind(&mut self, value: Expr) -> Expr {
        self.bump();
        if let Some(name) = self.name("a column") {
            let span = value.span.to(name.span);
            let text = format!("{} = {}", name.text, self.slice(value.span));
            let found = Diagnostic::error(codes::E0101, span, "a column has its name before its value");
            self.report(found.fix(format!("write `{text}`"), span, text));
        }
        Expr { kind: ExprKind::Error, span: self.since(value.span) }
    }

    /// Whether the list of columns stops short: the line ended without a comma before it.
    fn missing_column(&self) -> bool {
        self.line_ended() && self.slice(self.last_span()) != ","
    }

    fn derived(&mut self) -> Vec<(Name, Expr)> {
        let mut columns = Vec::new();
        loop {
            if self.missing_column() {
                self.fail("a column: `name = value`");
                return columns;
            }
            let Some(name) = self.item_name("a column: `name = value`") else { return columns };
            self.assign("a column");
            columns.push((name, self.operand()));
            if !self.eat_comma() {
                return columns;
            }
        }
    }

    fn renamed(&mut self) -> Vec<(Name, Name)> {
        let mut columns = Vec::new();
        loop {
            let Some(old) = self.name("a column") else { return columns };
            self.word("as");
            let Some(new) = self.name("the new name") else { return columns };
            columns.push((old, new));
            if !self.eat_comma() {
                return columns;
            }
        }
    }

    fn join(&mut self, kind: JoinKind) -> OperatorKind {
        // A relation may be called `first`: then no other name follows it.
        let picks = match self.kind_at(1) {
            Kind::Ident => !matches!(self.ident_at(1), "as" | "on" | "within"),
            Kind::LeftParen => true,
            _ => false,
        };
        let pick = match self.ident() {
            "first" if picks => JoinPick::First,
            "latest" if picks => JoinPick::Latest,
            _ => JoinPick::All,
        };
        if pick != JoinPick::All {
            self.bump();
        }
        let right = self.postfix();
        let (mut alias, mut on, mut within) = (None, None, None);
        loop {
            if self.clause("as") {
                self.clause_word(alias.is_some());
                alias = self.name("a name for the right side");
            } else if self.clause("on") {
                on = Some(self.clause_condition(on.is_some()));
            } else if self.clause("within") {
                within = Some(self.clause_value(within.is_some()));
            } else if alias.is_none() && on.is_none() && self.names_right() {
                let found =
                    Diagnostic::error(codes::E0101, self.span(), "a name for the right side stands behind `as`");
                self.report_read(found.fix("write `as`", self.span().before(), "as "));
                alias = self.name("a name for the right side");
            } else if on.is_none() && (self.clause("by") || self.clause("using")) {
                let found =
                    Diagnostic::error(codes::E0101, self.span(), "a join says with `on` which rows belong together");
                self.report(found.help("as in `join shops on shop == shops.id`"));
                let from = self.bump();
                self.expressions();
                on = Some(Expr { kind: ExprKind::Error, span: self.since(from) });
            } else {
                return OperatorKind::Join { kind, pick, right, alias, on, within };
            }
            if self.bail {
                return OperatorKind::Error;
            }
        }
    }

    /// Whether the right side of a join has a name without `as`.
    fn names_right(&self) -> bool {
        self.kind() == Kind::Ident && !self.line_ended() && self.ident_at(1) == "on"
    }

    fn with(&mut self) -> OperatorKind {
        let features = self.postfix();
        let (mut on, mut alias, mut including_row) = (Vec::new(), None, false);
        loop {
            if self.clause("on") {
                self.clause_word(!on.is_empty());
                on = self.expressions();
            } else if self.clause("as") {
                self.clause_word(alias.is_some());
                alias = self.name("a name for the features");
            } else if self.clause("including") {
                self.clause_word(including_row);
                self.word("row");
                including_row = true;
            } else {
                return OperatorKind::With { features, on, alias, including_row };
            }
            if self.bail {
                return OperatorKind::Error;
            }
        }
    }

    fn group(&mut self) -> OperatorKind {
        let mut by = Vec::new();
        if self.ident() != "window" && self.key_follows() {
            self.word("by");
            by = self.select_items();
        } else if self.eat_clause("by") {
            by = self.select_items();
        }
        let window = if self.eat_clause("window") { Some(self.operand()) } else { None };
        if by.is_empty() && self.eat_clause("by") {
            by = self.select_items();
        }
        let (mut lines, mut is_lost) = (Vec::new(), false);
        if self.kind() == Kind::Pipe {
            let found = self.found("`{`").help("aggregates stand within: `group by shop { n = count() }`");
            self.report(found);
            self.skip_operator();
            return OperatorKind::Error;
        }
        if self.body_follows() {
            self.body(true, |p| {
                let item = p.at;
                if p.kind() == Kind::Ident && p.kind_at(1) == Kind::LeftParen {
                    let found = Diagnostic::error(codes::E0101, p.span(), "an aggregate has a name");
                    let text = format!("{} = ", if p.ident() == "count" { "n" } else { "value" });
                    p.report(found.fix(format!("write `{text}…`"), p.span().before(), text));
                    p.operand();
                    is_lost = true;
                    return;
                }
                let Some(name) = p.item_name("an aggregate: `name = …`") else { return };
                p.note_column(item);
                p.assign("an aggregate");
                let value = p.operand();
                let filter = if p.clause("where") { Some(p.clause_condition(false)) } else { None };
                lines.push(AggregateLine { name, value, filter });
            });
        }
        // Which columns it has is not known then.
        if is_lost { OperatorKind::Error } else { OperatorKind::Group { by, window, lines } }
    }

    /// Whether a key follows that lacks its `by`.
    fn key_follows(&self) -> bool {
        if self.kind() != Kind::Ident || self.line_ended() || matches!(self.ident(), "by" | "to") {
            return false;
        }
        let ends = matches!(self.kind_at(1), Kind::Comma | Kind::LeftBrace | Kind::Dot | Kind::Pipe | Kind::RightParen);
        ends || !self.same_line(1) || matches!(self.ident(), "on" | "per") || self.ident_at(1) == "to"
    }

    fn sort_keys(&mut self) -> Vec<SortKey> {
        let mut keys = Vec::new();
        loop {
            let value = self.operand();
            if let Some(ours) = foreign::order(self.ident()).filter(|_| self.clause(self.ident())) {
                let theirs = self.ident();
                let told = Diagnostic::error(codes::E0101, self.span(), format!("`{theirs}` is written `{ours}` here"));
                self.report_read(told.fix(format!("write `{ours}`"), self.span(), ours));
                self.bump();
                keys.push(SortKey { value, descending: Some(ours == "desc") });
                if !self.eat_comma() {
                    return keys;
                }
                continue;
            }
            let descending = match self.ident() {
                "asc" if self.clause("asc") => Some(false),
                "desc" if self.clause("desc") => Some(true),
                _ => None,
            };
            if descending.is_some() {
                self.bump();
            }
            keys.push(SortKey { value, descending });
            if !self.eat_comma() {
                return keys;
            }
        }
    }

    fn top(&mut self) -> OperatorKind {
        let count = self.operand();
        self.word("by");
        let by = self.sort_keys();
        let (mut per, mut with_ties, mut rank) = (Vec::new(), false, None);
        loop {
            if self.clause("per") {
                self.clause_word(!per.is_empty());
                per = self.expressions();
            } else if self.clause("with") {
                self.clause_word(with_ties);
                self.word("ties");
                with_ties = true;
            } else if self.clause("rank") {
                self.clause_word(rank.is_some());
                self.word("as");
                rank = self.name("a name for the rank");
            } else {
                return OperatorKind::Top { count, by, per, with_ties, rank };
            }
            if self.bail {
                return OperatorKind::Error;
            }
        }
    }

    /// `R as r` before the first `|>`.
    pub fn input_alias(&mut self, input: Expr) -> Expr {
        let word = self.bump();
        self.name("a name for the relation");
        let keyword = Name { text: Symbol::new("as"), span: word };
        let op = Operator { kind: OperatorKind::NotYet { keyword }, span: self.since(word), word };
        let span = self.since(input.span);
        Expr { kind: ExprKind::Pipe { input: Box::new(input), op: Box::new(op) }, span }
    }

    /// Operators that are read and have no node of their own.
    fn not_yet_operator(&mut self, word: &str, from: Span) -> OperatorKind {
        match word {
            "unnest" => {
                self.operand();
                if self.eat_clause("as") {
                    self.name("a name for the elements");
                }
            }
            "number" => {
                self.word("as");
                self.name("a name for the number");
            }
            "cap" => {
                self.operand();
                self.word("per");
                self.expressions();
                self.word("over");
                self.operand();
            }
            "delay" => {
                self.word("until");
                self.operand();
            }
            "nearest" => {
                self.operand();
                self.word("by");
                self.operand();
            }
            "sample" => {
                self.operand();
            }
            _ => {}
        }
        OperatorKind::NotYet { keyword: Name { text: Symbol::new(word), span: from } }
    }
}
