//! Feature sets, streams, jobs, services and sinks of random programs.

use crate::generate::{DAY, HOUR, SECOND, SourcePlan, Span, duration};
use crate::generate_kept::Kept;
use crate::generate_types::{Col, Ty, condition, present, typed};
use crate::random::Random;

/// A feature set that flows may read.
pub(crate) struct Set {
    pub name: String,
    /// Its keys, the first one a text; none of one global record.
    pub keys: Vec<Col>,
    /// Name of the source whose events it has, where its rows are plain events.
    source: Option<String>,
    pub columns: Vec<Col>,
}

/// Writes the flows of a program.
pub(crate) struct Flows<'r> {
    pub random: &'r mut Random,
    pub sources: &'r [SourcePlan],
    span: Span,
    pub sets: Vec<Set>,
    /// Views over streams with a key.
    pub kept: Vec<Kept>,
    pub sinks: usize,
}

/// A pipeline as it grows.
pub(crate) struct Pipeline {
    pub text: String,
    pub scope: Vec<Col>,
    /// Rows may be taken back.
    pub changes: bool,
    /// Every row is one event of the source, or none.
    pub events: bool,
}

impl Pipeline {
    pub fn step(&mut self, text: &str) {
        self.text.push_str("\n    |> ");
        self.text.push_str(text);
    }
}

impl<'r> Flows<'r> {
    pub fn new(random: &'r mut Random, sources: &'r [SourcePlan], span: Span) -> Self {
        Self { random, sources, span, sets: Vec::new(), kept: Vec::new(), sinks: 0 }
    }

    pub fn text(mut self) -> String {
        let mut text = String::new();
        if self.random.is_rich() {
            for number in 0..self.random.between(0, 2) {
                text.push('\n');
                text.push_str(&self.kept_view(number));
            }
        }
        for number in 0..self.random.between(1, 4) {
            text.push('\n');
            text.push_str(&self.features(number));
        }
        for number in 0..self.random.between(1, 2) {
            text.push('\n');
            text.push_str(&self.flow("stream", &format!("live{number}")));
        }
        text.push('\n');
        text.push_str(&self.flow("job", "nightly"));
        for number in 0..self.sets.len() {
            text.push('\n');
            text.push_str(&self.service(number));
        }
        text
    }

    fn streams(&self) -> Vec<&'r SourcePlan> {
        self.sources.iter().filter(|plan| !plan.table).collect()
    }

    /// A table, or a view over one.
    pub(crate) fn table(&mut self) -> Option<&'r SourcePlan> {
        let tables: Vec<&'r SourcePlan> = self.sources.iter().filter(|plan| plan.table).collect();
        match tables.as_slice() {
            [] => None,
            [one] => Some(one),
            several => Some(*self.random.pick(several)),
        }
    }

    pub(crate) fn source(&mut self) -> &'r SourcePlan {
        let streams = self.streams();
        let found: &&SourcePlan = self.random.pick(&streams);
        found
    }

    /// A window, long or short against the span of the events.
    fn window(&mut self) -> i64 {
        let all = [10 * SECOND, 60 * SECOND, 15 * 60 * SECOND, HOUR, 3 * HOUR, DAY, 7 * DAY, 30 * DAY, 60 * DAY];
        let fitting: Vec<i64> =
            all.into_iter().filter(|w| *w <= self.span.length * 2 && *w * 100 >= self.span.length).collect();
        *self.random.pick(&fitting)
    }

    fn within(&mut self) -> String {
        let high = self.window();
        if self.random.chance(50) {
            return duration(high);
        }
        let low = self.window();
        let high = if self.random.chance(30) { "0s".into() } else { duration(high) };
        format!("-{}..{high}", duration(low))
    }

    fn features(&mut self, number: i64) -> String {
        let left = self.source();
        let mut input = Pipeline { text: left.name.clone(), scope: left.scope(), changes: false, events: true };
        if self.random.chance(40) {
            let c = condition(self.random, &input.scope, 1);
            input.step(&format!("where {c}"));
        }
        if self.random.chance(30) {
            self.derive(&mut input);
        }
        if self.random.is_rich() && self.random.chance(30) {
            self.join_kept(&mut input, left, "w");
        }
        if self.random.chance(40) {
            self.join_stream(&mut input, left, "r");
            if self.random.is_rich() && self.random.chance(30) {
                input.step("final");
                input.changes = false;
            }
        }
        let keys: Vec<Col> = input
            .scope
            .iter()
            .filter(|c| c.ty == Ty::Text && (!c.optional || !c.name.contains('.')))
            .cloned()
            .collect();
        let by = if self.random.chance(70) { left.key.clone() } else { self.random.pick(&keys).name.clone() };
        let mut by = vec![Col::new(&by, Ty::Text, false)];
        let name = format!("f{number}");
        let mut columns: Vec<Col> = Vec::new();
        let mut lines = Vec::new();
        for at in 0..self.random.between(1, 5) {
            let (call, ty, optional) = self.aggregate(&input);
            let column = format!("{name}_{at}");
            let filter = if self.random.chance(30) {
                format!(" where {}", condition(self.random, &input.scope, 1))
            } else {
                String::new()
            };
            let size = self.window();
            let steps: Vec<i64> =
                [SECOND, 7 * SECOND, 60 * SECOND, HOUR, DAY].into_iter().filter(|step| *step <= size).collect();
            let every = if self.random.chance(25) {
                format!(" every {}", duration(*self.random.pick(&steps)))
            } else {
                String::new()
            };
            lines.push(format!("  {column} = {call}{filter} over {}{every}", duration(size)));
            columns.push(Col { name: column, ty, optional });
        }
        for at in 0..self.random.between(0, 2) {
            let ty = typed(self.random, &columns, &[Ty::Int, Ty::Float, Ty::Money]);
            let column = format!("{name}_s{at}");
            lines.push(format!("  {column} = {}", present(self.random, &columns, &ty, 2)));
            columns.push(Col::new(&column, ty, false));
        }
        if self.random.is_rich() {
            match self.random.below(10) {
                0 | 1 => by.clear(),
                2..5 => by.extend(self.another_key(&input.scope, &by)),
                _ => {}
            }
        }
        let names: Vec<&str> = by.iter().map(|key| key.name.as_str()).collect();
        let head = if by.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) };
        let text = format!("features {name}{head} from {} {{\n{}\n}}\n", input.text, lines.join("\n"));
        let last = |key: &Col| Col { name: key.name.rsplit('.').next().unwrap_or(&key.name).to_owned(), ..key.clone() };
        let keys = by.iter().map(last).collect();
        self.sets.push(Set { name, keys, source: input.events.then(|| left.name.clone()), columns });
        text
    }

    /// A column that may stand as a key beside others.
    fn another_key(&mut self, scope: &[Col], others: &[Col]) -> Option<Col> {
        let fits = |c: &&Col| {
            matches!(c.ty, Ty::Int | Ty::Money | Ty::Text | Ty::Bool | Ty::Mood)
                && !c.name.contains('.')
                && others.iter().all(|other| other.name.rsplit('.').next() != Some(c.name.as_str()))
        };
        let fitting: Vec<Col> = scope.iter().filter(fits).cloned().collect();
        if fitting.is_empty() { None } else { Some(self.random.pick(&fitting).clone()) }
    }

    /// An aggregate's call, its type and whether it may be absent.
    fn aggregate(&mut self, input: &Pipeline) -> (String, Ty, bool) {
        let scope = &input.scope;
        // What cannot take back stays away from changes.
        let choices = if input.changes { 7 } else { 12 };
        let numeric = typed(self.random, scope, &[Ty::Int, Ty::Float, Ty::Money]);
        let any = typed(self.random, scope, &[Ty::Int, Ty::Float, Ty::Money, Ty::Text]);
        let key = typed(self.random, scope, &[Ty::Int, Ty::Money, Ty::Text, Ty::Mood]);
        let mean = if numeric == Ty::Money { Ty::Mean } else { Ty::Float };
        match self.random.below(choices) {
            0 => ("count()".into(), Ty::Int, false),
            1 => (format!("sum({})", present(self.random, scope, &numeric, 1)), numeric, false),
            2 => (format!("mean({})", present(self.random, scope, &numeric, 1)), mean, true),
            3 => (format!("var({})", present(self.random, scope, &numeric, 0)), Ty::Float, true),
            4 => (format!("stddev({})", present(self.random, scope, &numeric, 0)), Ty::Float, true),
            5 => (format!("ratio({})", condition(self.random, scope, 1)), Ty::Float, true),
            6 => {
                let n = self.random.between(1, 4);
                let x = present(self.random, scope, &key, 0);
                (format!("top_k({x}, {n})"), Ty::Top(Box::new(key)), false)
            }
            7 => (format!("min({})", present(self.random, scope, &any, 1)), any, true),
            8 => (format!("max({})", present(self.random, scope, &any, 1)), any, true),
            9 => (format!("first({})", present(self.random, scope, &any, 1)), any, true),
            10 => (format!("last({})", present(self.random, scope, &any, 1)), any, true),
            _ => {
                let exact = if self.random.chance(30) { ", exact: true" } else { "" };
                (format!("count_distinct({}{exact})", present(self.random, scope, &key, 0)), Ty::Int, false)
            }
        }
    }

    pub(crate) fn derive(&mut self, pipeline: &mut Pipeline) {
        let mut parts = Vec::new();
        for _ in 0..self.random.between(1, 2) {
            let name = format!("d{}", pipeline.scope.iter().filter(|c| c.name.starts_with('d')).count());
            let all = [Ty::Int, Ty::Float, Ty::Money, Ty::Text, Ty::Bool, Ty::Mood];
            let ty = typed(self.random, &pipeline.scope, &all);
            let value = present(self.random, &pipeline.scope, &ty, 2);
            parts.push(format!("{name} = {value}"));
            pipeline.scope.push(Col::new(&name, ty, false));
        }
        pipeline.step(&format!("derive {}", parts.join(", ")));
    }

    /// A union of the rows with some of them.
    fn twice(&mut self, pipeline: &mut Pipeline) {
        let c = condition(self.random, &pipeline.scope, 1);
        let again = pipeline.text.replace('\n', " ");
        pipeline.step(&format!("union ({again} |> where {c})"));
        pipeline.events = false;
    }

    /// Joins another stream by the common key, so that the row comes late.
    pub(crate) fn join_stream(&mut self, pipeline: &mut Pipeline, left: &SourcePlan, alias: &str) {
        let others: Vec<&SourcePlan> = self.streams().into_iter().filter(|other| other.name != left.name).collect();
        if others.is_empty() {
            return;
        }
        let right = *self.random.pick(&others);
        let kind = *self.random.pick(&[
            "join",
            "join",
            "left join first",
            "left join",
            "join first",
            "semi join",
            "anti join",
        ]);
        let within = self.within();
        // `join first on …` reads as a relation called `first` and its condition.
        let relation = if right.name == "on" { "(on)" } else { &right.name };
        let theirs: Vec<Col> = right.scope().iter().map(|c| c.of(alias)).collect();
        let more = self.more_conditions(&pipeline.scope, &theirs);
        let on = format!("{} == {alias}.{}{more}", left.key, right.key);
        pipeline.step(&format!("{kind} {relation} as {alias} on {on} within {within}"));
        pipeline.events = false;
        pipeline.changes |= !matches!(kind, "join" | "semi join");
        if !kind.contains("semi") && !kind.contains("anti") {
            let optional = kind.starts_with("left");
            pipeline.scope.extend(theirs.into_iter().map(|c| Col { optional: c.optional || optional, ..c }));
        }
    }

    /// What a join asks of two rows besides equal keys.
    fn more_conditions(&mut self, ours: &[Col], theirs: &[Col]) -> String {
        let mut text = String::new();
        if !self.random.is_rich() {
            return text;
        }
        if self.random.chance(25) {
            let shared = [Ty::Int, Ty::Money, Ty::Text, Ty::Bool, Ty::Mood];
            let both = |ty: &Ty| [ours, theirs].iter().all(|side| side.iter().any(|c| c.ty == *ty));
            let shared: Vec<Ty> = shared.into_iter().filter(both).collect();
            if !shared.is_empty() {
                let ty = self.random.pick(&shared).clone();
                let (left, right) = (present(self.random, ours, &ty, 0), present(self.random, theirs, &ty, 0));
                let op = if matches!(ty, Ty::Int | Ty::Money) { *self.random.pick(&["==", "<=", "!="]) } else { "==" };
                text.push_str(&format!(" and {left} {op} {right}"));
            }
        }
        if self.random.chance(25) {
            text.push_str(&format!(" and {}", condition(self.random, theirs, 1)));
        }
        text
    }

    fn with_features(&mut self, pipeline: &mut Pipeline, left: &SourcePlan, alias: &str) {
        let set = self.random.below(i64::try_from(self.sets.len()).unwrap_or(1));
        let Some(set) = self.sets.get(usize::try_from(set).unwrap_or(0)) else { return };
        let mut text = format!("with {}", set.name);
        let there = |key: &Col| pipeline.scope.iter().any(|c| c.name == key.name && c.ty == key.ty);
        if let Some((_, more)) = set.keys.split_first()
            && (!set.keys.iter().all(there) || self.random.chance(30))
        {
            text.push_str(&format!(" on {}", left.key));
            for key in more {
                text.push_str(&format!(", {}", present(self.random, &pipeline.scope, &key.ty, 1)));
            }
        }
        let prefix = if pipeline.text.contains(&format!("with {}", set.name)) || self.random.chance(30) {
            text.push_str(&format!(" as {alias}"));
            format!("{alias}.")
        } else {
            String::new()
        };
        if pipeline.events && set.source.as_ref() == Some(&left.name) && self.random.chance(50) {
            text.push_str(" including row");
        }
        pipeline
            .scope
            .extend(set.columns.iter().map(|c| Col::new(&format!("{prefix}{}", c.name), c.ty.clone(), c.optional)));
        pipeline.step(&text);
    }

    /// A stream or a job.
    fn flow(&mut self, plane: &str, name: &str) -> String {
        let left = self.source();
        let mut rows = Pipeline { text: left.name.clone(), scope: left.scope(), changes: false, events: true };
        if self.random.chance(15) {
            rows.events = false;
            rows.text =
                format!("{} |> union ({} |> where {})", left.name, left.name, condition(self.random, &left.scope(), 1));
        }
        if self.random.chance(40) {
            let c = condition(self.random, &rows.scope, 1);
            rows.step(&format!("where {c}"));
        }
        if let Some(table) = self.table()
            && self.random.chance(50)
        {
            let kind = *self.random.pick(&["join", "left join"]);
            rows.step(&format!("{kind} {} as p on {} == p.{}", table.name, left.key, table.key));
            let optional = kind == "left join";
            let columns = table.scope();
            let columns = columns.iter();
            rows.scope
                .extend(columns.map(|c| Col::new(&format!("p.{}", c.name), c.ty.clone(), c.optional || optional)));
        }
        if self.random.is_rich() && self.random.chance(60) {
            self.join_kept(&mut rows, left, "w");
        }
        for alias in ["g", "h"] {
            if self.random.chance(70) {
                self.with_features(&mut rows, left, alias);
            }
        }
        if self.random.chance(50) {
            self.derive(&mut rows);
        }
        if self.random.chance(30) {
            let c = condition(self.random, &rows.scope, 1);
            rows.step(&format!("where {c}"));
        }
        if self.random.chance(40) {
            self.join_stream(&mut rows, left, "r");
            if self.random.is_rich() && self.random.chance(40) {
                self.twice(&mut rows);
            }
            if self.random.is_rich() && self.random.chance(40) {
                self.join_stream(&mut rows, left, "q");
            }
            if rows.changes && self.random.chance(60) {
                rows.step("final");
                rows.changes = false;
            }
        }
        let mut chosen = vec![Col::new(&left.id, Ty::Text, false)];
        let mut parts = vec![left.id.clone()];
        let mut others: Vec<Col> = rows.scope.iter().filter(|c| c.name != left.id).cloned().collect();
        self.random.shuffle(&mut others);
        let count = usize::try_from(self.random.between(1, 8)).unwrap_or(8);
        for (column, at) in others.into_iter().take(count).zip(0..) {
            if column.name.contains('.') || self.random.chance(20) {
                let named = format!("c{at}");
                parts.push(format!("{named} = {}", column.name));
                chosen.push(Col::new(&named, column.ty, column.optional));
            } else {
                parts.push(column.name.clone());
                chosen.push(column);
            }
        }
        rows.step(&format!("select {}", parts.join(", ")));
        let sink = format!("out{}", self.sinks);
        self.sinks += 1;
        let fields: Vec<String> = chosen.iter().map(|c| format!("{}: {}", c.name, c.declared())).collect();
        let row = format!("{{ {} }}", fields.join(", "));
        let declared = match (plane, rows.changes) {
            ("job", _) => format!("sink {sink}: rows<{row}> {{ path: \"out/{sink}.jsonl\" }}"),
            (_, true) => format!("sink {sink}: table<{row}> key {} {{ write: upsert }}", left.id),
            (_, false) => format!("sink {sink}: stream<{row}> {{ topic: \"{sink}\" }}"),
        };
        let (more, sinks) = match plane {
            "job" if self.random.is_rich() => self.bounded(&left.id, &chosen),
            _ => (String::new(), String::new()),
        };
        format!("{plane} {name} {{\n  rows = {}\n  emit rows to {sink}\n{more}}}\n\n{declared}\n{sinks}", rows.text)
    }

    /// Statements over all rows of a job, and the sinks that take them.
    fn bounded(&mut self, id: &str, columns: &[Col]) -> (String, String) {
        let (mut statements, mut sinks) = (String::new(), String::new());
        for _ in 0..self.random.between(1, 3) {
            let mut rows = Pipeline { text: "rows".into(), scope: columns.to_vec(), changes: false, events: false };
            for _ in 0..self.random.between(1, 3) {
                self.over_all(&mut rows, id);
            }
            let sink = format!("out{}", self.sinks);
            self.sinks += 1;
            statements.push_str(&format!("  emit {} to {sink}\n", rows.text));
            let fields: Vec<String> = rows.scope.iter().map(|c| format!("{}: {}", c.name, c.declared())).collect();
            sinks.push_str(&format!("\nsink {sink}: rows<{{ {} }}> {{}}\n", fields.join(", ")));
        }
        self.of_tables(columns, &mut statements, &mut sinks);
        (statements, sinks)
    }

    /// One operator over all rows.
    fn over_all(&mut self, rows: &mut Pipeline, id: &str) {
        let keys: Vec<Col> =
            rows.scope.iter().filter(|c| matches!(c.ty, Ty::Int | Ty::Text | Ty::Mood | Ty::Bool)).cloned().collect();
        let sorting: Vec<Col> = rows.scope.iter().filter(|c| !matches!(c.ty, Ty::Top(_) | Ty::Deep)).cloned().collect();
        let (Some(_), Some(_)) = (keys.first(), sorting.first()) else { return };
        let key = self.random.pick(&keys).clone();
        let by = self.random.pick(&sorting).name.clone();
        let way = *self.random.pick(&["", " desc", " asc"]);
        let count = self.random.between(1, 6);
        match self.random.below(8) {
            0 => {
                let grouped = rows.text.matches("group by").count();
                let mut scope = vec![key.clone()];
                let mut lines = Vec::new();
                for at in 0..self.random.between(1, 3) {
                    let (call, ty, optional) = self.aggregate(rows);
                    let column = format!("a{grouped}_{at}");
                    let filter = match self.random.chance(30) {
                        true => format!(" where {}", condition(self.random, &rows.scope, 1)),
                        false => String::new(),
                    };
                    lines.push(format!("{column} = {call}{filter}"));
                    scope.push(Col { name: column, ty, optional });
                }
                let more = if self.random.chance(30) { self.another_key(&rows.scope, &scope) } else { None };
                let keys: Vec<&str> = [&key].into_iter().chain(&more).map(|key| key.name.as_str()).collect();
                rows.step(&format!("group by {} {{ {} }}", keys.join(", "), lines.join(", ")));
                scope.splice(1..1, more);
                rows.scope = scope;
            }
            1 => rows.step(&format!("sort by {by}{way}, {}", key.name)),
            2 => {
                let per = if self.random.chance(50) { format!(" per {}", key.name) } else { String::new() };
                let ties = if self.random.chance(40) { " with ties" } else { "" };
                let ranked = !rows.scope.iter().any(|c| c.name == "place") && self.random.chance(40);
                let rank = if ranked { " rank as place" } else { "" };
                rows.step(&format!("top {count} by {by}{way}{per}{ties}{rank}"));
                if ranked {
                    rows.scope.push(Col::new("place", Ty::Int, false));
                }
            }
            3 => rows.step(&format!("take {count}")),
            4 => rows.step(&format!("distinct by {}", key.name)),
            5 => rows.step(&format!("latest by {}", key.name)),
            6 => {
                let others: Vec<Col> =
                    rows.scope.iter().filter(|c| c.name != id && c.name != key.name).cloned().collect();
                if let Some(gone) = others.first() {
                    rows.step(&format!("drop {}", gone.name));
                    rows.scope.retain(|c| c.name != gone.name);
                }
            }
            _ => {
                let named = format!("{}_again", key.name);
                if !rows.scope.iter().any(|c| c.name == named) {
                    rows.step(&format!("rename {} as {named}", key.name));
                    if let Some(column) = rows.scope.iter_mut().find(|c| c.name == key.name) {
                        column.name = named;
                    }
                }
            }
        }
    }
}
