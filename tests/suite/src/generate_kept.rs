//! Views over streams with a key: services read them, streams and jobs join them.

use crate::generate::SourcePlan;
use crate::generate_flows::{Flows, Pipeline};
use crate::generate_types::{Col, Ty, condition, with_fields};

/// A view that keeps the last row of each key.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub name: String,
    /// Its only key, a text.
    key: String,
    /// A text that is mostly unique.
    id: String,
    pub columns: Vec<Col>,
}

impl Flows<'_> {
    /// A view over a stream, by the key of its source.
    pub(crate) fn kept_view(&mut self, number: i64) -> String {
        let left = self.source();
        let mut rows = Pipeline { text: left.name.clone(), scope: left.scope(), changes: false, events: true };
        if self.random.chance(60) {
            let c = condition(self.random, &rows.scope, 1);
            rows.step(&format!("where {c}"));
        }
        if self.random.chance(40) {
            self.derive(&mut rows);
        }
        if self.random.chance(30) {
            self.join_kept(&mut rows, left, "w");
        }
        if self.random.chance(50) {
            self.join_stream(&mut rows, left, "r");
            if rows.changes && self.random.chance(30) {
                rows.step("final");
            }
        }
        let optional = left.columns.iter().any(|c| c.name == left.key && c.optional);
        let mut chosen = vec![Col::new(&left.key, Ty::Text, optional), Col::new(&left.id, Ty::Text, false)];
        let mut parts = vec![left.key.clone(), left.id.clone()];
        let mut others: Vec<Col> =
            rows.scope.iter().filter(|c| c.name != left.id && c.name != left.key).cloned().collect();
        self.random.shuffle(&mut others);
        let count = usize::try_from(self.random.between(1, 4)).unwrap_or(4);
        for (column, at) in others.into_iter().take(count).zip(0..) {
            let named = format!("k{at}");
            parts.push(format!("{named} = {}", column.name));
            chosen.push(Col::new(&named, column.ty, column.optional));
        }
        rows.step(&format!("select {}", parts.join(", ")));
        let fields: Vec<String> = chosen.iter().map(|c| format!("{}: {}", c.name, c.declared())).collect();
        let name = format!("last{number}");
        let text = format!("view {name}: table<{{ {} }}> key {} = {}\n", fields.join(", "), left.key, rows.text);
        self.kept.push(Kept { name, key: left.key.clone(), id: left.id.clone(), columns: chosen });
        text
    }

    /// A list of a request joined with a view by its key, and the field of the answer that holds what came of it.
    pub(crate) fn joined_in_request(&mut self) -> Option<(String, String)> {
        if self.kept.is_empty() || self.random.chance(50) {
            return None;
        }
        let view = self.random.pick(&self.kept).clone();
        let kind = *self.random.pick(&["join", "left join", "left join"]);
        let found = self.random.pick(&view.columns).clone();
        let found = Col { optional: found.optional || kind == "left join", ..found };
        let again = if self.random.chance(30) { format!(" and a != w.{}", view.id) } else { String::new() };
        let (name, key, column) = (&view.name, &view.key, &found.name);
        let text = format!(
            "  j = [{{ a: k }}, {{ a: \"a\" }}, {{ a: k }}] |> {kind} {name} as w on a == w.{key}{again} |> select a, b = w.{column}\n"
        );
        Some((text, format!("  j: list<{{ a: string, b: {} }}>", found.declared())))
    }

    /// Joins a view by its key, where there is one: as it was when the row came.
    pub(crate) fn join_kept(&mut self, pipeline: &mut Pipeline, left: &SourcePlan, alias: &str) {
        if self.kept.is_empty() {
            return;
        }
        let view = self.random.pick(&self.kept).clone();
        let kind = *self.random.pick(&["join", "left join", "left join", "semi join", "anti join"]);
        let mut on = format!("{} == {alias}.{}", left.key, view.key);
        if self.random.chance(30) {
            on.push_str(&format!(" and {} != {alias}.{}", left.id, view.id));
        }
        pipeline.step(&format!("{kind} {} as {alias} on {on}", view.name));
        if matches!(kind, "join" | "left join") {
            let optional = kind == "left join";
            let columns = with_fields(&view.columns);
            let columns = columns.iter();
            pipeline.scope.extend(
                columns.map(|c| Col::new(&format!("{alias}.{}", c.name), c.ty.clone(), c.optional || optional)),
            );
        }
    }
}
