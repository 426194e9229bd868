//! Each operator of the plan as code that makes one of the runtime.

use fec_ir::Step;
use fec_model::Symbol;
use fec_model::expr::{Aggregate, AggregateFunction, Expr};
use fec_model::relation::{JoinKind, JoinPick};
use fec_model::types::Column;
use fec_plan::dataflow::{FeatureRead, FeatureState, Join, KeptJoin, Operator, Picked, RowOp, StandBy, TableRows};
use fec_rust::Error;

use crate::unit::{Over, Unit};
use fec_rust::page::{Tree, atom, call, list, record, text};
use fec_rust::schema;

/// What stands before the line that adds an operator, and the operator.
pub(crate) struct Made {
    pub before: Vec<(String, Tree)>,
    pub operator: Tree,
}

impl Made {
    fn plain(operator: Tree) -> Self {
        Self { before: Vec::new(), operator }
    }
}

impl Unit<'_> {
    /// The operator; `label` is what variables and functions of it are called after.
    pub(crate) fn operator(&mut self, placed: &Operator, label: &str, within: &str) -> Result<Made, Error> {
        let input = placed.inputs.first().map(Vec::as_slice).unwrap_or_default();
        let output = placed.outputs.first().map(Vec::as_slice).unwrap_or_default();
        let row = Over::Row(input);
        let flow = call("Arc::from", [text(&placed.flow)]);
        let mut use_operator = |module: &str, name: &str| {
            self.main.import(&format!("flow_operators::{module}"), name);
        };
        Ok(match &placed.op {
            RowOp::Table { source } => Made::plain(call("given.rows", [text(source)]).tried()),
            RowOp::Steps(steps) => {
                use_operator("fused", "Fused");
                let steps = self.steps(steps, input, label)?;
                let name = self.variable(within, &format!("{label}_steps"));
                let operator = call("Fused::new", [atom(&name), flow]);
                Made { before: vec![(name, steps)], operator }
            }
            RowOp::Pick(picks) => Made::plain(self.picked(picks)),
            RowOp::IntervalJoin { join, low, high, left_lateness, right_lateness } => {
                use_operator("interval_join", "Interval");
                use_operator("interval_join", "IntervalJoin");
                let join = self.join(join, label, flow)?;
                let name = self.variable(within, &format!("{label}_on"));
                let interval = record(
                    "Interval",
                    [
                        ("low", schema::duration(&mut self.main, *low)),
                        ("high", schema::duration(&mut self.main, *high)),
                        ("left_lateness", schema::duration(&mut self.main, *left_lateness)),
                        ("right_lateness", schema::duration(&mut self.main, *right_lateness)),
                    ],
                );
                let within_name = self.variable(within, &format!("{label}_within"));
                let operator = call("IntervalJoin::new", [atom(&name), atom(&within_name)]);
                Made { before: vec![(name, join), (within_name, interval)], operator }
            }
            RowOp::LookupJoin { join, table } => {
                use_operator("lookup_join", "LookupJoin");
                let spec = self.join(join, label, flow)?;
                let name = self.variable(within, &format!("{label}_on"));
                let rows = match table {
                    TableRows::Source(source) => call("given.keyed", [text(source), atom(format!("&{name}"))]).tried(),
                    TableRows::View { dataflow, tables } => {
                        let view = self.view(dataflow, label, within)?;
                        let columns = self.schema(&format!("{label}_table"), &join.right);
                        let tables = list("&", tables.iter().map(|name| text(name)));
                        call("given.viewed", [atom(&view), columns, tables, atom(format!("&{name}"))]).tried()
                    }
                };
                let table = self.variable(within, &format!("{label}_table"));
                let operator = call("LookupJoin::new", [atom(&name), atom(&table)]);
                Made { before: vec![(name, spec), (table, rows)], operator }
            }
            RowOp::HashJoin { join } => {
                use_operator("hash_join", "HashJoin");
                let join = self.join(join, label, flow)?;
                let name = self.variable(within, &format!("{label}_on"));
                Made { operator: call("HashJoin::new", [atom(&name)]), before: vec![(name, join)] }
            }
            RowOp::Final { settle } => {
                use_operator("finality", "Final");
                let settle = schema::duration(&mut self.main, *settle);
                Made::plain(call("Final::new", [self.schema(label, input), settle]))
            }
            RowOp::Union => {
                use_operator("union", "Union");
                let count = atom(placed.feeds.len().to_string());
                Made::plain(call("Union::new", [self.schema(label, output), count]))
            }
            RowOp::Group { keys, aggregates, outputs, row: group } => {
                use_operator("group", "Group");
                use_operator("group", "GroupSpec");
                let spec = self.group(label, placed, (keys, aggregates, outputs, group), flow)?;
                let name = self.variable(within, &format!("{label}_by"));
                Made { operator: call("Group::new", [atom(&name)]), before: vec![(name, spec)] }
            }
            RowOp::Sort { keys } => {
                use_operator("sort", "Sort");
                let keys = self.sort_keys(keys, input, label)?;
                Made::plain(call("Sort::new", [self.schema(label, input), keys, flow]))
            }
            RowOp::Top { count, keys, per, with_ties, rank } => {
                use_operator("sort", "Top");
                use_operator("sort", "TopSpec");
                let rank = match rank {
                    Some(name) => call("Some", [call("String::from", [text(name)])]),
                    None => atom("None"),
                };
                let fields = [
                    ("count", atom(count.to_string())),
                    ("keys", self.sort_keys(keys, input, label)?),
                    ("per", self.expressions(&format!("{label}_per"), per, &row)?),
                    ("with_ties", atom(with_ties.to_string())),
                    ("rank", rank),
                    ("flow", flow),
                ];
                let name = self.variable(within, &format!("{label}_spec"));
                let operator = call("Top::new", [self.schema(label, input), atom(&name)]);
                Made { before: vec![(name, record("TopSpec", fields))], operator }
            }
            RowOp::Take { count, is_sorted } => {
                use_operator("sort", "Take");
                let (count, is_sorted) = (atom(count.to_string()), atom(is_sorted.to_string()));
                Made::plain(call("Take::new", [self.schema(label, input), count, is_sorted]))
            }
            RowOp::Stand { by } => {
                use_operator("stand", "Stand");
                use_operator("stand", "StandBy");
                let by = atom(match by {
                    StandBy::Memory => "StandBy::Memory",
                    StandBy::Columns => "StandBy::Columns",
                    StandBy::Coming => "StandBy::Coming",
                });
                Made::plain(call("Stand::new", [self.schema(label, input), by]))
            }
            RowOp::OnePerKey { keys, is_last } => {
                use_operator("distinct", "Distinct");
                use_operator("distinct", "Which");
                let keys = self.expressions(&format!("{label}_key"), keys, &row)?;
                let which = atom(if *is_last { "Which::Last" } else { "Which::First" });
                Made::plain(call("Distinct::new", [self.schema(label, input), keys, which, flow]))
            }
            RowOp::Whole { sink } => {
                use_operator("whole", "Whole");
                Made::plain(call("Whole::new", [text(sink), self.schema(label, input), flow]))
            }
            RowOp::Upsert { key, settle } => {
                use_operator("upsert", "Upsert");
                let key = list("vec!", key.iter().map(|position| atom(position.to_string())));
                let settle = match settle {
                    Some(settle) => call("Some", [schema::duration(&mut self.main, *settle)]),
                    None => atom("None"),
                };
                Made::plain(call("Upsert::new", [self.schema(label, input), key, settle]))
            }
            RowOp::Features { state, keys, reads } => self.features(placed, (state, keys, reads), label, within)?,
            RowOp::KeyedRows { key, settle, joins } => {
                self.keyed_rows((input, flow), (key, *settle, joins), label, within)?
            }
        })
    }

    fn keyed_rows(
        &mut self,
        (input, flow): (&[Column], Tree),
        (key, settle, joins): (&[usize], Option<i64>, &[KeptJoin]),
        label: &str,
        within: &str,
    ) -> Result<Made, Error> {
        for name in ["KeptRows", "KeyedRows"] {
            self.main.import("flow_operators::keyed_rows", name);
        }
        self.main.import("flow_operators::expression", "Input");
        let settle = match settle {
            Some(settle) => call("Some", [schema::duration(&mut self.main, settle)]),
            None => atom("None"),
        };
        let fields = [
            ("schema", self.schema(label, input)),
            ("key", list("vec!", key.iter().map(|position| atom(format!("Input::column({position})"))))),
            ("settle", settle),
            ("flow", flow),
        ];
        let kept = self.variable(within, &format!("{label}_kept"));
        let mut before = vec![(kept.clone(), record("KeptRows", fields))];
        let mut names = Vec::with_capacity(joins.len());
        for read in joins {
            let spec = self.join(&read.join, &format!("{label}_join"), call("Arc::from", [text(&read.flow)]))?;
            let name = self.variable(within, &format!("{label}_on"));
            names.push(atom(&name));
            before.push((name, spec));
        }
        Ok(Made { before, operator: call("KeyedRows::new", [atom(&kept), list("vec!", names)]) })
    }

    fn picked(&mut self, picks: &[Picked]) -> Tree {
        let position = |pick: &Picked| match pick {
            Picked::Column(position) => Some(atom(position.to_string())),
            Picked::Record(_) => None,
        };
        if let Some(positions) = picks.iter().map(position).collect::<Option<Vec<_>>>() {
            self.main.import("flow_task::wiring", "columns");
            return call("columns", [list("", positions)]);
        }
        for (module, name) in [("flow_task::wiring", "picked"), ("flow_operators::expression", "Record")] {
            self.main.import(module, name);
        }
        let mut expressions = Vec::with_capacity(picks.len());
        for pick in picks {
            expressions.push(match pick {
                Picked::Column(position) => {
                    self.main.import("flow_operators::expression", "Input");
                    atom(format!("Input::column({position})"))
                }
                Picked::Record(positions) => {
                    call("Record::of", [list("vec!", positions.iter().map(|at| atom(at.to_string())))])
                }
            });
        }
        call("picked", [list("vec!", expressions)])
    }

    fn steps(&mut self, steps: &[Step], input: &[Column], label: &str) -> Result<Tree, Error> {
        self.main.import("flow_operators::fused", "Step");
        let mut columns = input.to_vec();
        let mut made = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Step::Filter { condition, unless_fault } => {
                    let over = Over::Row(&columns);
                    let condition = self.expression(&format!("{label}_keeps"), condition, &over)?;
                    let unless_fault = self.expressions(&format!("{label}_before"), unless_fault, &over)?;
                    made.push(record("Step::Filter", [("condition", condition), ("unless_fault", unless_fault)]));
                }
                Step::Project { columns: projected } => {
                    let over = Over::Row(&columns);
                    let mut values = Vec::with_capacity(projected.len());
                    for (name, value) in projected {
                        values.push(self.expression(name, value, &over)?);
                    }
                    made.push(call("Step::Project", [list("vec!", values)]));
                    let named = |(name, value): &(Symbol, Expr)| Column { name: *name, ty: value.ty.clone() };
                    columns = projected.iter().map(named).collect();
                }
            }
        }
        Ok(list("vec!", made))
    }

    fn sort_keys(&mut self, keys: &[(Expr, bool)], input: &[Column], label: &str) -> Result<Tree, Error> {
        self.main.import("flow_operators::sort", "SortKey");
        let mut made = Vec::with_capacity(keys.len());
        for (value, descending) in keys {
            let value = self.expression(&format!("{label}_by"), value, &Over::Row(input))?;
            made.push(record("SortKey", [("value", value), ("descending", atom(descending.to_string()))]));
        }
        Ok(list("vec!", made))
    }

    fn join(&mut self, join: &Join, label: &str, flow: Tree) -> Result<Tree, Error> {
        for name in ["JoinKind", "JoinSpec", "Pick"] {
            self.main.import("flow_operators::join", name);
        }
        let mut left_keys = Vec::with_capacity(join.on.len());
        let mut right_keys = Vec::with_capacity(join.on.len());
        for (left, right) in &join.on {
            left_keys.push(self.expression(&format!("{label}_left_key"), left, &Over::Row(&join.left))?);
            right_keys.push(self.expression(&format!("{label}_right_key"), right, &Over::Right(&join.right))?);
        }
        let residual = match &join.residual {
            Some(residual) => {
                let pair = Over::Pair(&join.left, &join.right);
                call("Some", [self.expression(&format!("{label}_matches"), residual, &pair)?])
            }
            None => atom("None"),
        };
        let kind = match join.kind {
            JoinKind::Inner => "JoinKind::Inner",
            JoinKind::Left => "JoinKind::Left",
            JoinKind::Semi => "JoinKind::Semi",
            JoinKind::Anti => "JoinKind::Anti",
        };
        let pick = match join.pick {
            JoinPick::All => "Pick::All",
            JoinPick::First => "Pick::First",
            JoinPick::Latest => "Pick::Latest",
        };
        let fields = [
            ("kind", atom(kind)),
            ("pick", atom(pick)),
            ("left", self.schema(&format!("{label}_left"), &join.left)),
            ("right", self.schema(&format!("{label}_right"), &join.right)),
            ("left_keys", list("vec!", left_keys)),
            ("right_keys", list("vec!", right_keys)),
            ("residual", residual),
            ("alias", call("String::from", [text(&join.alias)])),
            ("flow", flow),
        ];
        Ok(record("JoinSpec", fields))
    }

    #[expect(clippy::type_complexity, reason = "the four parts of a group stand together here alone")]
    fn group(
        &mut self,
        label: &str,
        placed: &Operator,
        (keys, aggregates, outputs, row): (&[(Symbol, Expr)], &[Aggregate], &[(Symbol, Expr)], &[Column]),
        flow: Tree,
    ) -> Result<Tree, Error> {
        let input = placed.inputs.first().map(Vec::as_slice).unwrap_or_default();
        let output = placed.outputs.first().map(Vec::as_slice).unwrap_or_default();
        let over = Over::Row(input);
        let mut made_keys = Vec::with_capacity(keys.len());
        for (name, key) in keys {
            made_keys.push(self.expression(name, key, &over)?);
        }
        let mut made = Vec::with_capacity(aggregates.len());
        for aggregate in aggregates {
            made.push(self.aggregate(aggregate, input)?);
        }
        let mut columns: Vec<Tree> = (0..row.len()).map(|at| atom(format!("Input::column({at})"))).collect();
        self.main.import("flow_operators::expression", "Input");
        for (name, value) in outputs {
            columns.push(self.expression(name, value, &Over::Row(row))?);
        }
        let fields = [
            ("input", self.schema(&format!("{label}_input"), input)),
            ("keys", list("vec!", made_keys)),
            ("aggregates", list("vec!", made)),
            ("outputs", list("vec!", columns)),
            ("output", self.schema(label, output)),
            ("flow", flow),
        ];
        Ok(record("GroupSpec", fields))
    }

    fn aggregate(&mut self, aggregate: &Aggregate, input: &[Column]) -> Result<Tree, Error> {
        self.main.import("flow_operators::group", "GroupAggregate");
        self.main.import("flow_core::aggregate", "Aggregate");
        self.main.import("flow_core::aggregate", "AggregateFunc");
        let over = Over::Row(input);
        let arguments: Vec<Expr> = aggregate.argument.iter().chain(aggregate.by.as_deref()).cloned().collect();
        let types: Vec<Tree> =
            arguments.iter().map(|one| schema::ty(&mut self.main, &self.shared.clone(), &one.ty)).collect();
        let ranked = aggregate.by.is_some();
        let function = function(aggregate.function, aggregate.limit, ranked, aggregate.exact);
        let filter = match &aggregate.filter {
            Some(filter) => call("Some", [self.expression(&format!("{}_counts", aggregate.name), filter, &over)?]),
            None => atom("None"),
        };
        let fields = [
            ("aggregate", call("Aggregate::new", [function, list("&", types)]).tried()),
            ("arguments", self.expressions(&format!("{}_of", aggregate.name), &arguments, &over)?),
            ("filter", filter),
        ];
        Ok(record("GroupAggregate", fields))
    }

    fn features(
        &mut self,
        placed: &Operator,
        (state, keys, reads): (&FeatureState, &[Expr], &[FeatureRead]),
        label: &str,
        within: &str,
    ) -> Result<Made, Error> {
        for name in ["Features", "Updates"] {
            self.main.import("flow_operators::features", name);
        }
        let Some((input, rows)) = placed.inputs.split_first() else { return Ok(Made::plain(atom("()"))) };
        let over = Over::Row(input);
        let updates = record(
            "Updates",
            [
                ("keys", self.expressions(&format!("{label}_key"), keys, &over)?),
                ("arguments", self.expressions(&format!("{label}_of"), &state.arguments, &over)?),
            ],
        );
        let mut readers = Vec::with_capacity(reads.len());
        for (read, columns) in reads.iter().zip(rows) {
            self.main.import("flow_operators::features", "Read");
            let fields = [
                ("input", self.schema(&format!("{label}_reader"), columns)),
                ("keys", self.expressions(&format!("{label}_read_key"), &read.keys, &Over::Row(columns))?),
                ("alias", atom("None")),
                ("including_row", atom(read.including_row.to_string())),
                ("flow", call("Arc::from", [text(&read.flow)])),
            ];
            readers.push(record("Read", fields));
        }
        self.main.import(&self.shared.clone(), "features");
        let function = crate::shared::feature_function(self.ir, placed.node);
        let set = call(&format!("features::{function}"), [atom("zone")]).tried();
        // Another worker tells its dead letters.
        let set = if state.name.is_empty() { call("FeatureSet::silent", [set]) } else { set };
        if state.name.is_empty() {
            self.main.import("flow_operators::feature_set", "FeatureSet");
        }
        let updating = self.variable(within, &format!("{label}_updates"));
        let reading = self.variable(within, &format!("{label}_reads"));
        let operator = call("Features::new", [set, atom(&updating), atom(&reading)]);
        Ok(Made { before: vec![(updating, updates), (reading, list("vec!", readers))], operator })
    }
}

/// `AggregateFunc::…`.
pub(crate) fn function(function: AggregateFunction, limit: u32, ranked: bool, exact: bool) -> Tree {
    let name = match function {
        AggregateFunction::Count => "Count",
        AggregateFunction::Sum => "Sum",
        AggregateFunction::Mean => "Mean",
        AggregateFunction::Min => "Min",
        AggregateFunction::Max => "Max",
        AggregateFunction::Var => "Var",
        AggregateFunction::Stddev => "Stddev",
        AggregateFunction::First => "First",
        AggregateFunction::Last => "Last",
        AggregateFunction::Ratio => "Ratio",
        AggregateFunction::CountDistinct => {
            return record("AggregateFunc::CountDistinct", [("exact", atom(exact.to_string()))]);
        }
        AggregateFunction::TopK => {
            let fields = [("n", atom(limit.to_string())), ("by", atom(ranked.to_string()))];
            return record("AggregateFunc::TopK", fields);
        }
    };
    atom(format!("AggregateFunc::{name}"))
}
