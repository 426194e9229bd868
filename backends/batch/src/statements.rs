//! The statements of a job as data over the engine.

use fec_model::Symbol;
use fec_model::expr::Expr;
use fec_model::types::Column;
use fec_plan::job::{Statement, Work};
use fec_rust::Error;
use fec_rust::page::{Tree, atom, call, list, record, text};
use fec_stream::Over;

use crate::process::Printing;

/// The lines that make a statement; `label` is what functions of it are called after.
pub(crate) fn lines(
    printing: &mut Printing<'_, '_>,
    statement: &Statement,
    label: &str,
    variable: &str,
) -> Result<String, Error> {
    for name in ["Statement", "Work"] {
        printing.wired.main.import("flow_job", name);
    }
    let work = work(printing, statement, label)?;
    let name = text(&statement.name);
    let made = match &statement.step {
        Some(step) => call("Statement::step", [name, text(&step.name), text(&step.label), work]),
        None => call("Statement::new", [name, work]),
    };
    let mut lines = made.bound(variable, 4);
    for (number, (condition, wanted)) in statement.guards.iter().enumerate() {
        let function = if number == 0 { format!("{label}_if") } else { format!("{label}_if_{}", number + 1) };
        let condition = printing.wired.expression(&function, condition, &Over::Row(&[]))?;
        let guarded = call(&format!("{variable}.guarded"), [condition, atom(wanted.to_string())]);
        lines.push_str(&guarded.bound(variable, 4));
    }
    Ok(lines)
}

fn work(printing: &mut Printing<'_, '_>, statement: &Statement, label: &str) -> Result<Tree, Error> {
    let plan = printing.plan;
    let columns =
        |relation: usize| plan.relations.get(relation).map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let number = |number: usize| atom(number.to_string());
    let wired = &mut *printing.wired;
    Ok(match &statement.work {
        Work::Emit { sink, rows } => {
            record("Work::Emit", [("sink", call("String::from", [text(sink)])), ("rows", number(*rows))])
        }
        Work::Split { rows, parts, by } => {
            let shares = parts.iter().map(|(_, share)| atom(format!("{:?}", f64::from(*share) / 1e6)));
            let shares = list("vec!", shares);
            let by = wired.expressions(&format!("{label}_key"), by, &Over::Row(columns(*rows)))?;
            record("Work::Split", [("rows", number(*rows)), ("shares", shares), ("by", by)])
        }
        Work::Value { slot, value } => {
            let value = wired.expression(label, value, &Over::Row(&[]))?;
            record("Work::Value", [("slot", number(*slot)), ("value", value)])
        }
        Work::Train { rows, label: target, features, trees, depth, learning_rate } => {
            let inputs: Vec<Column> =
                features.iter().map(|(name, value)| Column { name: *name, ty: value.ty.clone() }).collect();
            let inputs = wired.schema(&format!("{label}_inputs"), &inputs);
            let [features, target] = learnt(printing, label, (features, target), columns(*rows))?;
            let fields = [
                ("rows", number(*rows)),
                ("inputs", inputs),
                ("features", features),
                ("label", target),
                ("trees", atom(trees.to_string())),
                ("depth", atom(depth.to_string())),
                ("learning_rate", atom(format!("{learning_rate:?}"))),
            ];
            record("Work::Train", fields)
        }
        Work::Evaluate { training, rows, label: target, features, report } => {
            let report = match report {
                Some((slot, fields)) => call("Some", [Tree::Tuple(vec![number(*slot), wired.schema(label, fields)])]),
                None => atom("None"),
            };
            let [features, target] = learnt(printing, label, (features, target), columns(*rows))?;
            let fields = [
                ("training", number(*training)),
                ("rows", number(*rows)),
                ("features", features),
                ("label", target),
                ("report", report),
            ];
            record("Work::Evaluate", fields)
        }
        Work::Publish { model, training, gate } => {
            let gate = match gate {
                Some(gate) => call("Some", [wired.expression(&format!("{model}_gate"), gate, &Over::Row(&[]))?]),
                None => atom("None"),
            };
            let model = call("String::from", [text(model)]);
            record("Work::Publish", [("model", model), ("training", number(*training)), ("gate", gate)])
        }
    })
}

/// A model's inputs and label over a row of what it is trained on, or evaluated. Rows of one layout share what is printed.
fn learnt(
    printing: &mut Printing<'_, '_>,
    label: &str,
    (features, target): (&[(Symbol, Expr)], &Expr),
    row: &[Column],
) -> Result<[Tree; 2], Error> {
    let label = format!("{label}_label");
    let named = features.iter().map(|(name, value)| (name.as_str(), value)).chain([(label.as_str(), target)]);
    let mut all = Vec::with_capacity(features.len() + 1);
    for (name, value) in named {
        let known = printing.learnt.iter().find(|(known, over, _)| known == value && over == row);
        let made = match known {
            Some((_, _, made)) => made.clone(),
            None => {
                let made = printing.wired.expression(name, value, &Over::Row(row))?;
                printing.learnt.push((value.clone(), row.to_vec(), made.clone()));
                made
            }
        };
        all.push(made);
    }
    let target = all.pop().unwrap_or_else(|| list("vec!", []));
    Ok([list("vec!", all), target])
}
