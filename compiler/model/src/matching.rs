//! `match`: patterns as conditions, and whether all cases are covered.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, ExprKind as Ast, PatternKind};

use crate::check::Checker;
use crate::expr::{BinaryOp, Expr, ExprKind, Literal, VarId};
use crate::scope::{Scope, path, present};
use crate::types::{Kind, Type};

/// More combinations than these are not enumerated: an `else` is asked for.
const MOST_CASES: usize = 4096;

/// The most rows of a `match` or a decision table.
const MOST_ROWS: usize = 4096;

/// The subjects of a `match`, each a name or constant, with the variables that had to be bound for that.
pub(crate) struct Subjects {
    pub values: Vec<Expr>,
    pub lets: Vec<(VarId, Expr)>,
}

impl<'a> Checker<'a> {
    pub(crate) fn match_value(
        &mut self,
        subjects: &'a [ast::Expr],
        arms: &'a [ast::MatchArm],
        span: Span,
        scope: &Scope<'_>,
        want: Option<&Type>,
    ) -> Expr {
        let Some(subjects) = self.subjects(subjects, scope) else { return self.wrong(span) };
        let patterns: Vec<&'a [ast::Pattern]> = arms.iter().map(|arm| arm.patterns.as_slice()).collect();
        let Some(conditions) = self.conditions(&subjects, &patterns, span, scope) else { return self.wrong(span) };
        let mut beside: Option<Type> = None;
        let mut values = Vec::with_capacity(arms.len());
        let mut arm_scope = scope.clone();
        for (arm, condition) in arms.iter().zip(&conditions) {
            let inner = match condition {
                Some(condition) => {
                    let inner = arm_scope.given(condition, true);
                    arm_scope = arm_scope.given(condition, false);
                    inner
                }
                None => arm_scope.clone(),
            };
            let value = match &beside {
                Some(other) => self.infer_beside(&arm.value, &inner, other),
                None => self.infer(&arm.value, &inner, want),
            };
            if want.is_none() && beside.is_none() && !matches!(value.ty.kind, Kind::Error | Kind::Null) {
                beside = Some(value.ty.clone());
            }
            values.push(value);
        }
        let mut rows = conditions.into_iter().zip(values).rev();
        // All cases are covered, so the last arm needs no condition.
        let Some((_, mut expr)) = rows.next() else { return self.wrong(span) };
        for (condition, value) in rows {
            let Some(condition) = condition else { continue };
            if expr.ty.kind == Kind::Error {
                return self.wrong(span);
            }
            expr = self.choice(condition, value, expr, span);
        }
        bind(subjects.lets, expr)
    }

    /// The subjects as values that can be named more than once.
    pub(crate) fn subjects(&mut self, subjects: &'a [ast::Expr], scope: &Scope<'_>) -> Option<Subjects> {
        let mut all = Subjects { values: Vec::new(), lets: Vec::new() };
        for subject in subjects {
            let value = self.infer(subject, scope, None);
            if value.ty.kind == Kind::Error {
                return None;
            }
            if path(&value).is_some() || matches!(value.kind, ExprKind::Literal(_)) {
                all.values.push(value);
                continue;
            }
            let var = self.fresh_var();
            all.values.push(Expr { kind: ExprKind::Var(var), ty: value.ty.clone(), span: value.span });
            all.lets.push((var, value));
        }
        Some(all)
    }

    /// The condition of each arm, none where it takes everything; checks that all cases are covered and all arms reached.
    pub(crate) fn conditions(
        &mut self,
        subjects: &Subjects,
        arms: &[&'a [ast::Pattern]],
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<Vec<Option<Expr>>> {
        if self.has_too_many_rows("this `match`", arms.len(), span) {
            return None;
        }
        let mut conditions: Vec<Option<Expr>> = Vec::with_capacity(arms.len());
        let mut cells: Vec<Vec<Cell>> = Vec::new();
        let mut failed = false;
        let mut open = true;
        for patterns in arms {
            let place = patterns.first().map_or(span, |first| first.span);
            if patterns.len() != subjects.values.len() {
                self.report(Diagnostic::error(
                    codes::E0316,
                    place,
                    format!(
                        "the number of patterns is {}, and that of values {}",
                        patterns.len(),
                        subjects.values.len()
                    ),
                ));
                return None;
            }
            let mut condition: Option<Expr> = None;
            let mut row = Vec::with_capacity(patterns.len());
            for (pattern, subject) in patterns.iter().zip(&subjects.values) {
                let Some((cell, test)) = self.pattern(pattern, subject, scope) else {
                    failed = true;
                    continue;
                };
                row.push(cell);
                condition = match (condition, test) {
                    (Some(all), Some(test)) => Some(self.boolean(BinaryOp::And, all, test, pattern.span)),
                    (all, test) => all.or(test),
                };
            }
            if row.len() != patterns.len() {
                continue;
            }
            if !open || cells.contains(&row) && !row.contains(&Cell::Other) {
                let found = Diagnostic::error(codes::E0314, place, "this case is never reached");
                self.report(found.help("the cases before it take everything that it would"));
                failed = true;
            }
            open &= condition.is_some();
            cells.push(row);
            conditions.push(condition);
        }
        if failed {
            return None;
        }
        if open && let Some(missing) = self.uncovered(&subjects.values, &cells) {
            let found = Diagnostic::error(codes::E0315, span, format!("{missing} is not covered"));
            self.report(found.help("add the case, or `else -> …`"));
            return None;
        }
        Some(conditions)
    }

    /// Whether there are more rows than can be decided one behind the other; says so. Each one is nested in those before
    /// it, so that without end they would exhaust the stack.
    pub(crate) fn has_too_many_rows(&mut self, what: &str, rows: usize, span: Span) -> bool {
        let too_many = rows > MOST_ROWS;
        if too_many {
            let found = Diagnostic::error(
                codes::E0107,
                span,
                format!("{what} has {rows} rows, and at most {MOST_ROWS} are decided one behind the other"),
            );
            self.report(found.help(
                "values for values belong into a table: `join` it by the key, or read `table[key]` in a service",
            ));
        }
        too_many
    }

    fn pattern(
        &mut self,
        pattern: &'a ast::Pattern,
        subject: &Expr,
        scope: &Scope<'_>,
    ) -> Option<(Cell, Option<Expr>)> {
        let PatternKind::Value(value) = &pattern.kind else { return Some((Cell::Any, None)) };
        let span = pattern.span;
        if let Ast::Range { low, high, inclusive } = &value.kind {
            let mut inner = scope.clone();
            present(subject, &mut inner.facts);
            let narrowed = Expr { ty: Type::required(subject.ty.kind.clone()), ..subject.clone() };
            let mut test = self.in_range(narrowed, low.as_deref(), high.as_deref(), *inclusive, span, &inner);
            if test.ty.kind == Kind::Error {
                return None;
            }
            if subject.ty.optional {
                let absent = self.is_absent(subject, span);
                let there = self.negation(absent, span);
                test = self.boolean(BinaryOp::And, there, test, span);
            }
            return Some((Cell::Other, Some(test)));
        }
        let value = self.infer(value, scope, Some(&subject.ty));
        if value.ty.kind == Kind::Error {
            return None;
        }
        let cell = match &value.kind {
            ExprKind::Literal(Literal::Null) if !subject.ty.optional => {
                let found = Diagnostic::error(codes::E0314, span, "this case is never reached");
                self.report(found.label(subject.span, format!("`{}` is never absent", subject.ty)));
                return None;
            }
            ExprKind::Literal(Literal::Null) => {
                let absent = self.is_absent(subject, span);
                return Some((Cell::Null, Some(absent)));
            }
            ExprKind::Literal(Literal::Member(index)) => Cell::Index(*index),
            ExprKind::Literal(Literal::Bool(value)) => Cell::Index(u32::from(*value)),
            ExprKind::Literal(literal) => Cell::Text(format!("{literal:?}")),
            _ => Cell::Other,
        };
        let test = self.equal(subject.clone(), value, span);
        (test.ty.kind != Kind::Error).then_some((cell, Some(test)))
    }

    fn is_absent(&self, subject: &Expr, span: Span) -> Expr {
        Expr { kind: ExprKind::IsAbsent(Box::new(subject.clone())), ty: Type::required(Kind::Bool), span }
    }

    /// A case that no arm covers, where there is one.
    fn uncovered(&self, subjects: &[Expr], rows: &[Vec<Cell>]) -> Option<String> {
        let mut domains: Vec<Vec<(Cell, String)>> = Vec::new();
        for subject in subjects {
            let mut cells: Vec<(Cell, String)> = match &subject.ty.kind {
                Kind::Enum(name) => (0..)
                    .zip(self.model.enums.get(name).into_iter().flatten())
                    .map(|(index, member)| (Cell::Index(index), format!("`{member}`")))
                    .collect(),
                Kind::Bool => vec![(Cell::Index(0), "`false`".to_owned()), (Cell::Index(1), "`true`".to_owned())],
                _ => vec![(Cell::Other, "every other value".to_owned())],
            };
            if subject.ty.optional {
                cells.push((Cell::Null, "`null`".to_owned()));
            }
            domains.push(cells);
        }
        if domains.iter().map(Vec::len).try_fold(1usize, |all, n| all.checked_mul(n)).is_none_or(|all| all > MOST_CASES)
        {
            return Some("every other combination".to_owned());
        }
        let mut cases: Vec<Vec<&(Cell, String)>> = vec![Vec::new()];
        for domain in &domains {
            cases = cases
                .iter()
                .flat_map(|case| domain.iter().map(move |cell| case.iter().copied().chain([cell]).collect()))
                .collect();
        }
        let covered = |case: &[&(Cell, String)], row: &[Cell]| {
            case.iter()
                .zip(row)
                .all(|((cell, _), pattern)| *pattern == Cell::Any || (pattern == cell && !matches!(cell, Cell::Other)))
        };
        let missing = cases.iter().find(|case| !rows.iter().any(|row| covered(case, row)))?;
        let names: Vec<&str> = missing.iter().map(|(_, name)| name.as_str()).collect();
        Some(names.join(", "))
    }
}

/// What a pattern takes.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Any,
    Null,
    /// A member of an enumeration, or a bool.
    Index(u32),
    /// Another constant.
    Text(String),
    /// A range, or a value that is not constant.
    Other,
}

/// Binds variables around an expression.
pub(crate) fn bind(lets: Vec<(VarId, Expr)>, mut expr: Expr) -> Expr {
    if expr.ty.kind == Kind::Error {
        return expr;
    }
    for (var, value) in lets.into_iter().rev() {
        let (ty, span) = (expr.ty.clone(), expr.span);
        expr = Expr { kind: ExprKind::Let { var, value: Box::new(value), body: Box::new(expr) }, ty, span };
    }
    expr
}
