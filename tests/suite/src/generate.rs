//! Random programs with random histories: every construct of a flow, every kind of disorder. The same seed gives the
//! same bytes.

use std::collections::BTreeMap;

use crate::generate_data::file;
use crate::generate_flows::Flows;
use crate::generate_types::{CALLED, Col, DEEP, Names, Ty, with_fields};
use crate::generate_views::views;
use crate::random::Random;

/// A solution with the files that its sources read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it was made from.
    pub seed: u64,
    /// Text of `main.asol`.
    pub asol: String,
    /// Files by path relative to the solution.
    pub files: BTreeMap<String, String>,
}

impl Program {
    /// A folder with its files, which goes when it is dropped.
    ///
    /// # Errors
    /// A disk that does not take them.
    pub fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for (path, text) in &self.files {
            let path = folder.path().join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(folder)
    }
}

/// A stream or table source to be.
#[derive(Debug, Clone)]
pub(crate) struct SourcePlan {
    pub name: String,
    pub table: bool,
    pub columns: Vec<Col>,
    /// The grouping key, text of a small domain; a table's key.
    pub key: String,
    /// A text that is mostly unique.
    pub id: String,
    /// Event time, or a table's version.
    pub time: Option<String>,
    /// Microseconds.
    pub lateness: i64,
    pub ahead: Option<i64>,
    pub unique: bool,
    pub csv: bool,
    /// Timestamps are integers of milliseconds.
    pub milliseconds: bool,
    /// Rows carry `_partition`, `_offset`, `_arrived`.
    pub positions: bool,
    pub rows: usize,
}

/// The clock of a program: when its events happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// Microseconds.
    pub start: i64,
    /// Microseconds.
    pub length: i64,
}

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600 * SECOND;

impl SourcePlan {
    /// Path of its file.
    pub fn path(&self) -> String {
        format!("data/{}.{}", self.name, if self.csv { "csv" } else { "jsonl" })
    }

    /// What is read of its rows.
    pub fn scope(&self) -> Vec<Col> {
        with_fields(&self.columns)
    }

    fn declaration(&self) -> String {
        let ty = format!("Row{}", capitalised(&self.name));
        let fields: Vec<String> =
            self.columns.iter().map(|column| format!("  {}: {}", column.name, column.declared())).collect();
        let mut settings = vec![format!("file: \"{}\"", self.path())];
        match (&self.time, self.table) {
            (Some(time), true) => settings.push(format!("versions: {time}")),
            (Some(time), false) => settings.push(format!("time: {time}")),
            (None, _) => {}
        }
        if !self.table {
            settings.push(format!("lateness: {}", duration(self.lateness)));
            settings.extend(self.ahead.map(|ahead| format!("ahead: {}", duration(ahead))));
            if self.unique {
                settings.push(format!("unique: {}", self.id));
            }
        }
        if self.milliseconds {
            settings.push("unit: ms".into());
        }
        let shape = if self.table { format!("table<{ty}> key {}", self.key) } else { format!("stream<{ty}>") };
        let settings = settings.join("\n  ");
        format!("type {ty} {{\n{}\n}}\n\nsource {}: {shape} {{\n  {settings}\n}}\n", fields.join("\n"), self.name)
    }
}

/// The program of a seed.
#[must_use]
pub fn generate(seed: u64) -> Program {
    let mut random = Random::new(seed);
    // Programs of odd seeds stay as they always were: some are kept for what they once found.
    random.set_rich(seed.is_multiple_of(2));
    let length = *random.pick(&[10 * 60 * SECOND, 6 * HOUR, 3 * DAY, 40 * DAY]);
    let start = if random.chance(5) { -length / 2 } else { NEW_YEAR + random.below(86_400) * SECOND };
    let span = Span { start, length };
    let mut names = Names::default();
    let streams = random.between(1, 3);
    let tables = random.between(0, 1);
    let mut sources = Vec::new();
    for number in 0..streams + tables {
        sources.push(source(&mut random, &mut names, number >= streams, span));
    }
    let mut text = format!("solution random_{seed} {{\n  version: \"1.0.0\"\n}}\n\nenum Mood {{ calm, Wild, off }}\n");
    if random.is_rich() {
        text.push_str(CALLED);
        text.push_str(DEEP);
    }
    for plan in &sources {
        text.push('\n');
        text.push_str(&plan.declaration());
    }
    let mut relations = sources.clone();
    if random.is_rich() {
        let (views, declared) = views(&mut random, &sources);
        text.push_str(&declared);
        relations.extend(views);
    }
    text.push_str(&Flows::new(&mut random, &relations, span).text());
    let files = sources.iter().map(|plan| (plan.path(), file(&mut random, plan, span))).collect();
    Program { seed, asol: text, files }
}

fn source(random: &mut Random, names: &mut Names, table: bool, span: Span) -> SourcePlan {
    let name = names.source(random, table);
    let mut used = Names::default();
    let key = used.column(random);
    let id = used.column(random);
    let time = used.column(random);
    let optional_key = !table && random.chance(15);
    let mut columns = vec![Col::new(&key, Ty::Text, optional_key)];
    if !table {
        columns.push(Col::new(&id, Ty::Text, false));
    }
    let versions = table && random.chance(40);
    if !table || versions {
        columns.push(Col::new(&time, Ty::Time, false));
    }
    for _ in 0..random.between(1, 4) {
        let ty = Ty::random(random);
        columns.push(Col::new(&used.column(random), ty, random.chance(25)));
    }
    if random.is_rich() && random.chance(40) {
        columns.push(Col::new(&used.column(random), Ty::Deep, random.chance(40)));
    }
    let fields = columns.len();
    if random.chance(50) {
        columns.swap(0, fields - 1);
    }
    let lateness = *random.pick(&[0, SECOND, 10 * SECOND, 30 * SECOND, span.length / 20 / SECOND * SECOND]);
    SourcePlan {
        name,
        table,
        columns,
        key,
        id,
        time: (!table || versions).then_some(time),
        lateness,
        ahead: random.chance(20).then(|| *random.pick(&[0, SECOND, 60 * SECOND])),
        unique: random.chance(30),
        csv: random.chance(40),
        milliseconds: random.chance(25),
        positions: !table && random.chance(60),
        rows: usize::try_from(if table { random.between(1, 8) } else { random.between(5, 80) }).unwrap_or(8),
    }
}

/// A duration as the language writes it.
pub(crate) fn duration(micros: i64) -> String {
    let seconds = micros / SECOND;
    match seconds {
        s if s != 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s != 0 && s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s != 0 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// With its first letter in upper case.
pub(crate) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What programs are made of, as it stands in their text.
pub const CONSTRUCTS: &[&str] = &[
    "|> with ",
    " including row",
    " as ",
    "left join first ",
    "join ",
    " within ",
    "|> final",
    "|> where ",
    "|> derive ",
    "|> select ",
    "union ",
    "count_distinct(",
    "top_k(",
    "ratio(",
    "stddev(",
    " every ",
    " over ",
    "first(",
    "last(",
    " where ",
    "table<",
    "stream<",
    "unique:",
    "ahead:",
    "unit: ms",
    "versions:",
    "service ",
    "job ",
    "stream ",
    "emit ",
    "semi join",
    "anti join",
    "??",
    "if ",
    " y",
    " on",
    " type",
    "write: upsert",
    "func bump",
    " bump(",
    " either(",
    "grade(",
    "(match ",
    "null ->",
    "|> group by ",
    "|> sort by ",
    "|> top ",
    " per ",
    " with ties",
    " rank as ",
    "|> take ",
    "|> distinct by ",
    "|> latest by ",
    "|> drop ",
    "|> rename ",
    "view seen",
    "view kept",
    "from seen",
    "= seen",
    "emit kept",
    " as p on ",
    "join kept",
    "view last",
    "= last",
    "join last",
    "semi join last",
    "anti join last",
    " as w on ",
    "= w.",
    "\n  l = last",
    "\n  n = last",
    "\n  j = [",
    ": Deep",
    ".c.e",
    ".a ",
    "\n  f = f",
    "\n  w = [",
    "[k, ",
    "\n  t = ",
    "\n  v = kept",
    "@fallback(",
    "|> left join ",
    "s on ",
    "emit rows |> where ",
];

/// Counts the programs that have each construct.
pub fn count(program: &Program, counts: &mut BTreeMap<&'static str, u64>) {
    for part in CONSTRUCTS.iter().filter(|part| program.asol.contains(**part)) {
        *counts.entry(part).or_insert(0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        for seed in 0..50 {
            assert_eq!(generate(seed), generate(seed));
        }
        assert_ne!(generate(1).files, generate(2).files);
    }

    #[test]
    fn every_program_checks_without_an_error() {
        let mistakes: Vec<String> =
            (0..300).filter_map(|seed| crate::compare::checked(&generate(seed)).err()).flatten().collect();
        assert!(mistakes.is_empty(), "{} mistakes: {}", mistakes.len(), mistakes.join("\n"));
    }

    #[test]
    fn two_hundred_programs_have_every_construct() {
        let mut counts = BTreeMap::new();
        (0..200).for_each(|seed| count(&generate(seed), &mut counts));
        for part in CONSTRUCTS {
            assert!(counts.contains_key(part), "no `{part}` in two hundred programs");
        }
    }
}
