//! The language's tests (`spec/semantics.md`, 10).

use fec_model::expr::Expr;
use fec_model::model::{Model, Shape, Test};

use crate::evaluate::{Stop, broken};
use crate::scope::Scope;
use crate::source::Record;
use crate::value::{Cell, Value};
use crate::world::{History, World};

/// Whether each expectation of a test holds, in the order written.
///
/// # Errors
/// [`Stop::Broken`] where the test makes no sense; a fault of what it gives.
pub fn expectations(model: &Model, test: &Test) -> Result<Vec<Result<bool, Stop>>, Stop> {
    let nothing = World::new(model, &History::default());
    let given = Scope::new(&nothing, test.at.unwrap_or_default());
    let row = |expr: &Expr| match given.env().value(expr)? {
        Value::Record(cells) => Ok(cells),
        other => broken(format!("a row that is {other:?}")),
    };
    let mut history = History::default();
    for (name, rows) in &test.given {
        let Some(source) = model.source(name) else { return broken(format!("no source `{name}`")) };
        let rows = rows.iter().map(row).collect::<Result<Vec<Vec<Cell>>, Stop>>()?;
        if source.shape == Shape::Stream {
            let records = rows.into_iter().zip(0..).map(|(cells, offset)| Record {
                partition: 0,
                offset,
                stamp: None,
                cells: Some(cells),
            });
            history.records.entry(*name).or_default().extend(records);
        } else {
            history.tables.entry(*name).or_default().extend(rows.into_iter().map(Some));
        }
    }
    let answers = test.returns.iter().map(|(name, value)| Ok((*name, given.env().value(value)?)));
    let predictions = answers.collect::<Result<_, Stop>>()?;
    let mut world = World::new(model, &history);
    world.predictions = predictions;
    world.end = test.at.unwrap_or(world.end);
    let mut scope = Scope::new(&world, world.end);
    scope.now = Some(scope.cut);
    Ok(test.expectations.iter().map(|expectation| scope.env().holds(expectation)).collect())
}
