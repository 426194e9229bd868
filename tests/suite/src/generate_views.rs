//! Views of random programs, and what reads tables: statements of jobs, services.

use crate::generate::{SourcePlan, capitalised};
use crate::generate_flows::Flows;
use crate::generate_types::{Col, Ty, bare as constant, condition, literal, present, typed, with_fields};
use crate::random::Random;

/// Views over the sources: what can stand where they can, and its declarations.
pub(crate) fn views(random: &mut Random, sources: &[SourcePlan]) -> (Vec<SourcePlan>, String) {
    let (mut plans, mut text) = (Vec::new(), String::new());
    for (number, source) in sources.iter().enumerate() {
        if !random.chance(if source.table { 70 } else { 40 }) {
            continue;
        }
        let mut plan = source.clone();
        plan.name = format!("{}{number}", if source.table { "kept" } else { "seen" });
        let mut steps = String::new();
        if random.chance(70) {
            // Of a table without arithmetic: a row that is left out there is nobody's record.
            let depth = i64::from(!source.table);
            steps.push_str(&format!(" |> where {}", condition(random, &source.scope(), depth)));
        }
        if random.chance(50) || steps.is_empty() {
            let ty = typed(random, &source.scope(), &[Ty::Int, Ty::Float, Ty::Money, Ty::Text, Ty::Bool]);
            let name = format!("w{number}");
            steps.push_str(&format!("\n  |> derive {name} = {}", present(random, &source.scope(), &ty, 2)));
            plan.columns.push(Col::new(&name, ty, false));
        }
        text.push_str(&format!("\nview {} = {}{steps}\n", plan.name, source.name));
        plans.push(plan);
    }
    (plans, text)
}

impl Flows<'_> {
    /// Statements of a job that read tables, or give several relations to one sink.
    pub(crate) fn of_tables(&mut self, columns: &[Col], statements: &mut String, sinks: &mut String) {
        if self.random.chance(40) {
            let sink = self.sink(columns, sinks);
            for _ in 0..2 {
                let c = condition(self.random, columns, 1);
                statements.push_str(&format!("  emit rows |> where {c} to {sink}\n"));
            }
        }
        let Some(table) = self.table() else { return };
        if self.random.chance(50) {
            let sink = self.sink(&table.columns, sinks);
            let filter = match self.random.chance(50) {
                true => format!(" |> where {}", condition(self.random, &table.scope(), 0)),
                false => String::new(),
            };
            statements.push_str(&format!("  emit {}{filter} to {sink}\n", table.name));
        }
        let keys: Vec<Col> = columns.iter().filter(|c| c.ty == Ty::Text).cloned().collect();
        if !keys.is_empty() && self.random.chance(50) {
            let key = self.random.pick(&keys).clone();
            let found = self.random.pick(&table.columns).clone();
            let kind = *self.random.pick(&["left join", "join"]);
            let (name, key_name) = (&table.name, &key.name);
            let optional = found.optional || kind == "left join";
            let wanted = [
                Col { optional: key.optional && kind == "left join", ..key.clone() },
                Col::new("m9", Ty::Int, false),
                Col::new("c9", found.ty.clone(), optional),
            ];
            let sink = self.sink(&wanted, sinks);
            statements.push_str(&format!(
                "  emit rows |> group by {key_name} {{ m9 = count() }} |> {kind} {name} as s on {key_name} == s.{} \
                 |> select {key_name}, m9, c9 = s.{} to {sink}\n",
                table.key, found.name
            ));
        }
    }

    fn sink(&mut self, columns: &[Col], sinks: &mut String) -> String {
        let sink = format!("out{}", self.sinks);
        self.sinks += 1;
        let fields: Vec<String> = columns.iter().map(|c| format!("{}: {}", c.name, c.declared())).collect();
        sinks.push_str(&format!("\nsink {sink}: rows<{{ {} }}> {{}}\n", fields.join(", ")));
        sink
    }

    /// A service that reads a feature set by its key, perhaps tables and views, too, and computes with what it has read.
    pub(crate) fn service(&mut self, number: usize) -> String {
        let Some(set) = self.sets.get(number) else { return String::new() };
        let name = set.name.clone();
        let ty = format!("Read{}", capitalised(&name));
        let mut fields: Vec<String> = set.columns.iter().map(|c| format!("  {}: {}", c.name, c.declared())).collect();
        let mut values: Vec<String> = set.columns.iter().map(|c| format!("{0}: f.{0}", c.name)).collect();
        let mut scope: Vec<Col> =
            set.columns.iter().map(|c| Col::new(&format!("f.{}", c.name), c.ty.clone(), c.optional)).collect();
        if self.random.chance(50) {
            fields.push("  extra: int".into());
            let extra = if self.random.chance(50) {
                present(self.random, &scope, &Ty::Int, 2)
            } else {
                literal(self.random, &Ty::Int)
            };
            values.push(format!("extra: {extra}"));
        }
        let more: Option<String> = set
            .keys
            .split_first()
            .map(|(_, more)| more.iter().map(|key| format!(", {}", literal(self.random, &key.ty))).collect());
        let mut statements = match &more {
            Some(more) => format!("  f = {name}[k{more}]\n"),
            None => format!("  f = {name}\n"),
        };
        if self.random.is_rich() {
            let tables: Vec<SourcePlan> = self.sources.iter().filter(|plan| plan.table).cloned().collect();
            for (table, cell) in tables.iter().zip(["t", "v"]) {
                if !self.random.chance(60) {
                    continue;
                }
                statements.push_str(&format!("  {cell} = {}[k]\n", table.name));
                let there: Vec<Col> =
                    table.columns.iter().map(|c| Col::new(&format!("{cell}.{}", c.name), c.ty.clone(), true)).collect();
                let shown = self.random.pick(&there).clone();
                fields.push(format!("  {cell}0: {}", shown.declared()));
                values.push(format!("{cell}0: {}", shown.name));
                scope.extend(with_fields(&there));
            }
            for (view, cell) in self.kept.clone().iter().zip(["l", "n"]) {
                if !self.random.chance(80) {
                    continue;
                }
                statements.push_str(&format!("  {cell} = {}[k]\n", view.name));
                let there: Vec<Col> =
                    view.columns.iter().map(|c| Col::new(&format!("{cell}.{}", c.name), c.ty.clone(), true)).collect();
                for (shown, number) in there.iter().zip(0..) {
                    fields.push(format!("  {cell}{number}: {}", shown.declared()));
                    values.push(format!("{cell}{number}: {}", shown.name));
                }
                scope.extend(with_fields(&there));
            }
            if number.is_multiple_of(2) {
                let on = more.map_or_else(String::new, |more| format!(" on c{more}"));
                let rows = "[{ c: k }, { c: \"k1\" }]";
                statements.push_str(&format!("  w = {rows} |> with {name}{on} as g |> select c, g\n"));
                fields.push(format!("  w: list<{{ c: string, g: {name} }}>"));
                values.push("w".into());
            }
            if let Some((text, field)) = self.joined_in_request() {
                statements.push_str(&text);
                fields.push(field);
                values.push("j: j".into());
            }
            for number in 0..self.random.between(0, 2) {
                let ty = typed(self.random, &scope, &[Ty::Int, Ty::Float, Ty::Money, Ty::Text, Ty::Bool]);
                let value = present(self.random, &scope, &ty, 3);
                let cell = format!("x{number}");
                if self.random.chance(40) {
                    let kept = constant(self.random, &ty);
                    statements.push_str(&format!("  @fallback({kept}) "));
                } else {
                    statements.push_str("  ");
                }
                statements.push_str(&format!("{cell} = {value}\n"));
                fields.push(format!("  {cell}: {}", ty.name()));
                values.push(format!("{cell}: {cell}"));
                scope.push(Col::new(&cell, ty, false));
            }
        }
        format!(
            "type {ty} {{\n{}\n}}\n\n@post(\"/{name}\")\nservice read_{name}(k: string) -> {ty} {{\n{statements}  \
             return {{ {} }}\n}}\n",
            fields.join("\n"),
            values.join(", "),
        )
    }
}
