//! Training: `split`, `gbdt`, `evaluate`, `publish`.

use std::rc::Rc;

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::Symbol;
use fec_syntax::ast::{self, Argument, ExprKind as Ast};
use fec_syntax::foreign;

use crate::aggregates::is_key;
use crate::check::Checker;
use crate::convert::field_of;
use crate::expr::{BinaryOp, Expr, ExprKind, Literal, add_columns};
use crate::flows::Body;
use crate::model::{Binding, Item, PublishedModel, Train, evaluation};
use crate::names::Known;
use crate::pipeline::Piped;
use crate::scope::{Bound, Place, Scope, Trained};
use crate::types::{Column, Kind, Record, Type};
use crate::unknown::suggest_among;

const MILLION: f64 = 1_000_000.0;
const DEFAULT_TREES: u64 = 100;
const DEFAULT_DEPTH: u64 = 6;
const DEFAULT_RATE: f64 = 0.1;
const MOST_TREES: u64 = 10_000;
const DEEPEST: u64 = 16;

impl<'a> Checker<'a> {
    /// A binding that trains, if the expression is one; the inner is none where something is wrong.
    #[expect(clippy::option_option, reason = "the outer says whether it is training, the inner whether it is right")]
    pub(crate) fn training(&mut self, e: &'a ast::Expr, body: &Body) -> Option<Option<(Binding, Bound)>> {
        let Ast::Call { function, arguments } = &e.kind else { return None };
        let Ast::Name(word) = &function.kind else { return None };
        let id = self.resolve(body.engine, word)?;
        match self.known(id, Some(function.span)) {
            Known::Import(module) if module == "std.ml" => {}
            _ => return None,
        }
        if body.place != Place::Job {
            self.report(Diagnostic::error(codes::E0401, function.span, format!("`{word}` belongs to jobs")));
            return Some(None);
        }
        let scope = body.scope();
        Some(match word.as_str() {
            "split" => self.split(arguments, function.span, &scope),
            "gbdt" => self.gbdt(arguments, function.span, &scope),
            "evaluate" => self.evaluate(arguments, function.span, &scope),
            _ => None,
        })
    }

    fn rows_argument(
        &mut self,
        word: &str,
        arguments: &'a [Argument],
        place: Span,
        scope: &Scope<'_>,
    ) -> Option<Piped> {
        let Some(first) = arguments.iter().find(|argument| argument.name.is_none()) else {
            let found = Diagnostic::error(codes::E0303, place, format!("`{word}` needs rows"));
            self.report(found.help("the relation comes first"));
            return None;
        };
        let piped = self.relation(&first.value, scope);
        (!piped.is_wrong()).then_some(piped)
    }

    fn split(&mut self, arguments: &'a [Argument], place: Span, scope: &Scope<'_>) -> Option<(Binding, Bound)> {
        let input = self.rows_argument("split", arguments, place, scope)?;
        let row = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        let mut parts: Vec<(Symbol, u32)> = Vec::new();
        let mut by = Vec::new();
        for argument in arguments {
            let Some(name) = &argument.name else { continue };
            if name.text == "by" {
                by = self.split_keys(&argument.value, &row)?;
                continue;
            }
            let share = self.constant_float(&argument.value, &format!("the share `{}`", name.text))?;
            if !(share > 0.0 && share < 1.0) {
                let found = Diagnostic::error(codes::E0502, argument.value.span, "a share is between 0% and 100%");
                self.report(found);
                return None;
            }
            if parts.iter().any(|(other, _)| *other == name.text) {
                self.report(Diagnostic::error(
                    codes::E0310,
                    name.span,
                    format!("the part `{}` stands twice", name.text),
                ));
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share below one is below a million parts"
            )]
            parts.push((name.text, (share * MILLION).round() as u32));
        }
        if parts.is_empty() {
            let found = Diagnostic::error(codes::E0303, place, "`split` needs parts");
            self.report(found.help("as in `split(rows, train: 80%, test: 20%)`"));
            return None;
        }
        let total: u64 = parts.iter().map(|(_, share)| u64::from(*share)).sum();
        if total != 1_000_000 {
            let found = Diagnostic::error(codes::E0502, place, "the parts do not add up to 100%");
            self.report(found);
            return None;
        }
        let ty = Rc::new(input.relation.ty.clone());
        let names = Rc::new(parts.iter().map(|(name, _)| *name).collect());
        Some((Binding::Split { input: input.relation, parts, by }, Bound::Split { ty, parts: names }))
    }

    fn split_keys(&mut self, value: &'a ast::Expr, row: &Scope<'_>) -> Option<Vec<Expr>> {
        let keys: Vec<&'a ast::Expr> = match &value.kind {
            Ast::List(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut list = Vec::with_capacity(keys.len());
        for key in keys {
            let key = self.infer(key, row, None);
            if !is_key(&key.ty.kind) {
                let found = Diagnostic::error(codes::E0317, key.span, format!("`{}` cannot be a key", key.ty));
                self.report(found);
                return None;
            }
            if key.ty.kind == Kind::Error {
                return None;
            }
            list.push(key);
        }
        Some(list)
    }

    fn gbdt(&mut self, arguments: &'a [Argument], place: Span, scope: &Scope<'_>) -> Option<(Binding, Bound)> {
        let input = self.rows_argument("gbdt", arguments, place, scope)?;
        let row = scope.over(&input.relation.ty.columns, input.origin.as_ref());
        let mut label = None;
        let mut features = None;
        let (mut trees, mut depth, mut learning_rate) = (DEFAULT_TREES, DEFAULT_DEPTH, DEFAULT_RATE);
        for argument in arguments {
            let Some(name) = &argument.name else { continue };
            let value = &argument.value;
            match name.text.as_str() {
                "label" => label = Some(self.label(value, &row)),
                "features" => features = Some(self.inputs(value, &row)),
                "trees" => trees = self.bounded(value, "`trees`", MOST_TREES)?,
                "depth" => depth = self.bounded(value, "`depth`", DEEPEST)?,
                "learning_rate" => {
                    learning_rate = self.constant_float(value, "`learning_rate`")?;
                    if !(learning_rate > 0.0 && learning_rate <= 1.0) {
                        self.report(Diagnostic::error(
                            codes::E0502,
                            value.span,
                            "`learning_rate` is above 0, at most 1",
                        ));
                        return None;
                    }
                }
                other => {
                    let found = Diagnostic::error(codes::E0304, name.span, format!("`gbdt` has no argument `{other}`"));
                    let known = ["label", "features", "trees", "depth", "learning_rate"];
                    self.report(match foreign::training(other) {
                        Some(foreign) => foreign.mends(found, name.span),
                        None => suggest_among(found, name.span, other, &known, "it takes"),
                    });
                    return None;
                }
            }
        }
        if label.is_none() || features.is_none() {
            let missing = if label.is_none() { "`label: …`" } else { "`features: […]`" };
            self.report(Diagnostic::error(codes::E0303, place, format!("`gbdt` needs {missing}")));
            return None;
        }
        let (label, features) = (label.flatten()?, features.flatten()?);
        let inputs: Vec<Column> =
            features.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect();
        let mut reads = Vec::new();
        features.iter().map(|(_, value)| value).chain([&label]).for_each(|value| add_columns(value, &mut reads));
        let column = |name: Symbol| input.relation.ty.column(&name).cloned();
        let reads = reads.into_iter().filter_map(column).collect();
        let train = Train {
            input: input.relation,
            label,
            features,
            trees: u32::try_from(trees).unwrap_or(u32::MAX),
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
            learning_rate,
        };
        Some((Binding::Train(Box::new(train)), Bound::Model(Rc::new(Trained { inputs: Rc::new(inputs), reads }))))
    }

    fn bounded(&mut self, value: &'a ast::Expr, what: &str, most: u64) -> Option<u64> {
        let number = self.count(value, what, 1)?;
        if number > most {
            self.report(Diagnostic::error(codes::E0502, value.span, format!("{what} is at most {most}")));
            return None;
        }
        Some(number)
    }

    fn label(&mut self, value: &'a ast::Expr, row: &Scope<'_>) -> Option<Expr> {
        let label = self.infer(value, row, Some(&Type::required(Kind::Bool)));
        match (&label.ty.kind, label.ty.optional) {
            (Kind::Error, _) => None,
            (Kind::Bool | Kind::Int, false) => Some(label),
            (Kind::Bool | Kind::Int, true) => {
                let found = Diagnostic::error(codes::E0305, value.span, "the label may be absent");
                self.report(found.help("leave such rows out: `|> where … != null`"));
                None
            }
            _ => {
                let ty = label.ty.to_string();
                let found = Diagnostic::error(
                    codes::E0308,
                    value.span,
                    format!("the label is true or false, but this is `{ty}`"),
                );
                self.report(found);
                None
            }
        }
    }

    fn inputs(&mut self, value: &'a ast::Expr, row: &Scope<'_>) -> Option<Vec<(Symbol, Expr)>> {
        let Ast::List(items) = &value.kind else {
            let found = Diagnostic::error(codes::E0301, value.span, "`features` is a list of columns");
            self.report(found.help("as in `features: [amount, spend_1h]`"));
            return None;
        };
        let mut inputs: Vec<(Symbol, Expr)> = Vec::with_capacity(items.len());
        let mut failed = false;
        for item in items {
            let name = match &item.kind {
                Ast::Name(name) => *name,
                Ast::Field { name, .. } => name.text,
                _ => {
                    let found =
                        Diagnostic::error(codes::E0303, item.span, "a feature is a column, so that it has a name");
                    self.report(found.help("compute it first: `|> derive x = …`"));
                    failed = true;
                    continue;
                }
            };
            let value = self.infer(item, row, None);
            match value.ty.kind {
                Kind::Error => {
                    failed = true;
                    continue;
                }
                Kind::Bool | Kind::Int | Kind::Float | Kind::Decimal { .. } => {}
                _ => {
                    let found = Diagnostic::error(
                        codes::E0301,
                        item.span,
                        format!("a feature is a number or a bool, but `{name}` is `{}`", value.ty),
                    );
                    self.report(found.help("derive a number from it first"));
                    failed = true;
                    continue;
                }
            }
            if inputs.iter().any(|(other, _)| *other == name) {
                self.report(Diagnostic::error(codes::E0310, item.span, format!("the feature `{name}` stands twice")));
                failed = true;
                continue;
            }
            inputs.push((name, value));
        }
        if inputs.is_empty() && !failed {
            self.report(Diagnostic::error(codes::E0303, value.span, "a model needs at least one feature"));
            failed = true;
        }
        (!failed).then_some(inputs)
    }

    fn model_of(&mut self, e: &'a ast::Expr, scope: &Scope<'_>) -> Option<(Symbol, Rc<Trained>)> {
        if let Ast::Name(name) = &e.kind {
            match scope.flow.and_then(|flow| flow.get(name)) {
                Some(Bound::Model(trained)) => return Some((*name, trained.clone())),
                Some(Bound::Error) => return None,
                Some(_) => {}
                None => {
                    self.unknown_name(name, e.span, scope);
                    return None;
                }
            }
        }
        let found = Diagnostic::error(codes::E0301, e.span, "this is not a trained model");
        self.report(found.help("a model is bound with `name = gbdt(…)`"));
        None
    }

    fn evaluate(&mut self, arguments: &'a [Argument], place: Span, scope: &Scope<'_>) -> Option<(Binding, Bound)> {
        let [model, rows] = arguments else {
            let found = Diagnostic::error(codes::E0302, place, "`evaluate` takes a model and rows");
            self.report(found.help("as in `evaluate(model, parts.test)`"));
            return None;
        };
        let (model, trained) = self.model_of(&model.value, scope)?;
        let piped = self.relation(&rows.value, scope);
        if piped.is_wrong() {
            return None;
        }
        for read in &trained.reads {
            let name = &read.name;
            let found = match piped.relation.ty.column(name) {
                Some(column) if column.ty == read.ty => continue,
                Some(column) => Diagnostic::error(
                    codes::E0301,
                    rows.value.span,
                    format!("`{name}` is `{}` in these rows, and `{}` in those of `{model}`", column.ty, read.ty),
                )
                .help("a model is measured by rows as it was trained on: convert the column with `derive`"),
                None => Diagnostic::error(
                    codes::E0203,
                    rows.value.span,
                    format!("these rows have no column `{name}`, which `{model}` was trained with"),
                ),
            };
            self.report(found);
            return None;
        }
        let binding = Binding::Evaluate { model, input: piped.relation };
        Some((binding, Bound::Report))
    }

    /// The report of an evaluation, whose metrics are numbers. One that is absent could not be measured: what reads it
    /// is a fault, so that no gate lets its model through.
    pub(crate) fn measured(&self, name: Symbol, span: Span) -> Expr {
        let kept = evaluation();
        let of = Expr { kind: ExprKind::Binding(name), ty: Type::required(Kind::Record(kept.clone())), span };
        let float = |kind| Expr { kind, ty: Type::required(Kind::Float), span };
        let huge = || Box::new(float(ExprKind::Literal(Literal::Float(1e308))));
        let unmeasured = || Box::new(float(ExprKind::Binary(BinaryOp::Multiply, huge(), huge())));
        let metric = |index: usize| {
            let field = field_of(&of, &kept, index);
            if field.ty.optional { float(ExprKind::Coalesce(Box::new(field), unmeasured())) } else { field }
        };
        let parts: Vec<Expr> = (0..kept.fields.len()).map(metric).collect();
        let fields =
            kept.fields.iter().zip(&parts).map(|(field, part)| Column { ty: part.ty.clone(), ..field.clone() });
        let ty = Type::required(Kind::Record(Record { name: None, fields: fields.collect() }));
        Expr { kind: ExprKind::Record(parts), ty, span }
    }

    pub(crate) fn publish(
        &mut self,
        model: &'a ast::Expr,
        name: &'a ast::Name,
        when: Option<&'a ast::Expr>,
        span: Span,
        body: &Body,
    ) -> Option<Item> {
        if body.place != Place::Job {
            self.report(Diagnostic::error(codes::E0410, span, "only jobs publish models"));
            return None;
        }
        let scope = body.scope();
        let gate = when.map(|when| self.condition(when, &scope, "`when`"));
        if self.resolve(body.engine, &name.text).is_some() {
            self.report(Diagnostic::error(codes::E0202, name.span, format!("`{}` is declared already", name.text)));
            return None;
        }
        let (model, trained) = self.model_of(model, &scope)?;
        let inputs = Rc::clone(&trained.inputs);
        if let Some((first, place)) = self.model_inputs.get(&name.text).cloned() {
            if first != inputs {
                let found = Diagnostic::error(
                    codes::E0301,
                    span,
                    format!("`{}` has other inputs here than in the branch before", name.text),
                );
                let found = found.label(place, format!("here with {}", told(&first)));
                self.report(found.help(format!(
                    "who asks `{}` gives one list of inputs: train both models with the same `features`",
                    name.text
                )));
                return None;
            }
        } else {
            self.model_inputs.insert(name.text, (inputs.clone(), span));
            self.model.models.push(PublishedModel {
                name: name.text,
                job: body.path.to_string(),
                inputs: (*inputs).clone(),
                output: Type::required(Kind::Float),
            });
        }
        Some(Item::Publish { model, name: name.text, gate, span })
    }
}

/// Inputs as they are listed.
fn told(inputs: &[Column]) -> String {
    inputs.iter().map(|input| format!("`{}: {}`", input.name, input.ty)).collect::<Vec<_>>().join(", ")
}
