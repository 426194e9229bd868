//! Tables as joins see them: rows by key, with the span of time for which each holds.

use std::collections::HashMap;
use std::sync::Arc;

use flow_core::batch::{Batch, Origin};
use flow_core::column::{Column, State};
use flow_core::value::{Cell, Value};

use crate::compare::compare_columns;
use crate::expression::Expr;
use crate::join::{JoinKind, JoinSpec, Pick};
use crate::keys::{KeyState, Keys, encode_values};
use crate::operator::{Context, Reason};
use crate::order::{Order, UNPLACED};

/// The rows of a relation that does not change while it is joined, by join key. Rows of one key go by time and as they
/// stand, those of a table by columns.
#[derive(Debug)]
pub struct Table {
    rows: Batch,
    by_key: HashMap<Box<[u8]>, Vec<usize>>,
    /// For each row the instants at which it holds: from, included, to, excluded.
    spans: Option<Vec<(i64, i64)>>,
}

/// What makes a relation a table: one row a key, perhaps one version after the other.
#[derive(Clone)]
pub struct TableKey {
    /// The table's own key. Of several rows with one key (and version) the last counts.
    pub keys: Vec<Expr>,
    /// The instant, in microseconds, from which a row holds until that of the next row with its key; without it rows are
    /// constants.
    pub version: Option<Expr>,
    /// The name under which rows with a faulty key or version are dead letters.
    pub flow: Arc<str>,
}

impl Table {
    /// The rows of a table source or keyed view, in the order of the file, to be found by `keys`. They lose time and
    /// place, so that among several only columns decide.
    #[must_use]
    pub fn new(rows: Batch, table: &TableKey, keys: &[Expr], flow: &Arc<str>, cx: &mut Context) -> Self {
        let count = rows.rows;
        let own = Keys::of(&table.keys, &rows, &cx.env);
        let versions = table.version.as_ref().map(|version| version.evaluate(&rows, &cx.env));
        let mut spans = vec![(i64::MAX, i64::MIN); count];
        let mut histories: HashMap<Vec<u8>, Vec<(i64, usize)>> = HashMap::new();
        let mut key = Vec::new();
        for row in 0..count {
            let from = match versions.as_ref().map(|column| column.cell(row)) {
                None => Ok(i64::MIN),
                Some(Ok(Cell::Int(from))) => Ok(from),
                Some(Ok(_)) => continue,
                Some(Err(fault)) => Err(fault),
            };
            match (own.encode(row, &mut key), from) {
                (KeyState::Fault(fault), _) | (_, Err(fault)) => {
                    let detail = "the key of a table's row cannot be read";
                    cx.left_out(&table.flow, &rows, row, fault, detail);
                }
                (_, Ok(from)) => histories.entry(key.clone()).or_default().push((from, row)),
            }
        }
        for mut versions in histories.into_values() {
            versions.sort_by_key(|(from, _)| *from);
            let ends = versions.iter().skip(1).map(|(from, _)| *from).chain([i64::MAX]);
            for ((from, row), to) in versions.iter().zip(ends) {
                if let Some(span) = spans.get_mut(*row) {
                    *span = (*from, to);
                }
            }
        }
        Self::unplaced(rows, spans, keys, flow, cx)
    }

    /// The rows of a view over tables, to be found by `keys`: all of them hold. They lose time and place, too.
    #[must_use]
    pub fn of_view(rows: Batch, keys: &[Expr], flow: &Arc<str>, cx: &mut Context) -> Self {
        let spans = vec![(i64::MIN, i64::MAX); rows.rows];
        Self::unplaced(rows, spans, keys, flow, cx)
    }

    fn unplaced(rows: Batch, spans: Vec<(i64, i64)>, keys: &[Expr], flow: &Arc<str>, cx: &mut Context) -> Self {
        let count = rows.rows;
        let rows = Batch {
            time: vec![0; count],
            arrived: vec![UNPLACED; count],
            origin: vec![Origin::default(); count],
            offset: vec![0; count],
            ..rows
        };
        let Self { rows, mut by_key, .. } = Self::of_rows(rows, keys, flow, cx);
        for equal in by_key.values_mut() {
            equal.sort_by(|left, right| compare_columns(&rows.columns, *left, *right));
        }
        Self { rows, by_key, spans: Some(spans) }
    }

    /// Rows that others have found: nothing is looked for among them.
    pub(crate) fn of_found(rows: Batch) -> Self {
        Self { rows, by_key: HashMap::new(), spans: Some(Vec::new()) }
    }

    /// All rows of a bounded relation, which come as they stand, to be found by `keys`.
    #[must_use]
    pub fn of_rows(rows: Batch, keys: &[Expr], flow: &Arc<str>, cx: &mut Context) -> Self {
        let columns = Keys::of(keys, &rows, &cx.env);
        let mut by_key: HashMap<Box<[u8]>, Vec<usize>> = HashMap::new();
        let mut key = Vec::new();
        for row in 0..rows.rows {
            match columns.encode(row, &mut key) {
                KeyState::Absent => {}
                KeyState::Fault(fault) => {
                    let detail = "the key of a join cannot be computed";
                    cx.left_out(flow, &rows, row, fault, detail);
                }
                KeyState::Present => match by_key.get_mut(key.as_slice()) {
                    Some(equal) => equal.push(row),
                    None => {
                        by_key.insert(key.as_slice().into(), vec![row]);
                    }
                },
            }
        }
        for equal in by_key.values_mut() {
            equal.sort_by_key(|row| rows.time.get(*row).copied());
        }
        Self { rows, by_key, spans: None }
    }

    /// The row with this key as of instant `at`, microseconds, where the table is read by its own key: `table[k]`.
    /// `None` where there is none, or a part of the key is absent.
    #[must_use]
    pub fn get(&self, key: &[Value], at: i64) -> Option<usize> {
        if key.iter().any(Value::is_absent) {
            return None;
        }
        self.found(&encode_values(key), at).last()
    }

    /// The columns and rows.
    #[must_use]
    pub fn rows(&self) -> &Batch {
        &self.rows
    }

    /// The rows that hold as of instant `at`, in their order: at most one for each of the table's own keys.
    #[must_use]
    pub fn held(&self, at: i64) -> Batch {
        self.rows.filter(&(0..self.rows.rows).map(|row| self.holds(row, at)).collect::<Vec<bool>>())
    }

    fn found(&self, key: &[u8], at: i64) -> impl Iterator<Item = usize> + '_ {
        let rows = self.by_key.get(key).map(Vec::as_slice).unwrap_or_default();
        rows.iter().copied().filter(move |row| self.holds(*row, at))
    }

    fn holds(&self, row: usize, at: i64) -> bool {
        match self.spans.as_ref().map(|spans| spans.get(row)) {
            None => true,
            // Constants and last versions hold for ever, also at the last instant.
            Some(span) => span.is_some_and(|(from, to)| *from <= at && (at < *to || *to == i64::MAX)),
        }
    }
}

/// The instant as of which a row reads tables: its arrival; what has no place, rows of tables and groups, reads them as of
/// the frontier, which is the instant at which bounded relations stand.
pub(crate) fn as_of(rows: &Batch, row: usize, frontier: i64) -> i64 {
    match rows.arrived.get(row) {
        None | Some(&UNPLACED) => frontier,
        Some(arrived) => *arrived,
    }
}

/// Joins every row of `left` with the table as of its arrival. The joined row has the time and weight of the left one, and
/// the later place of the two.
pub(crate) fn join(spec: &JoinSpec, left: &Batch, table: &Table, cx: &mut Context) -> Batch {
    let keys = Keys::of(&spec.left_keys, left, &cx.env);
    let mut pairs = Pairs::default();
    let mut key = Vec::new();
    for row in 0..left.rows {
        if pairs.key(spec, left, row, &keys, &mut key, cx) {
            for found in table.found(&key, as_of(left, row, cx.frontier)) {
                pairs.push(row, found);
            }
        }
        pairs.end();
    }
    join_pairs(spec, left, table, pairs, cx)
}

/// The right rows that have the keys of left rows.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    lefts: Vec<usize>,
    rights: Vec<usize>,
    /// For each left row how many pairs there are up to it.
    ends: Vec<usize>,
    /// For each left row whether its key cannot be computed.
    refused: Vec<bool>,
}

impl Pairs {
    /// Replaces `key` by that of the next left row; tells whether all of it is present.
    pub(crate) fn key(
        &mut self,
        spec: &JoinSpec,
        left: &Batch,
        row: usize,
        keys: &Keys,
        key: &mut Vec<u8>,
        cx: &mut Context,
    ) -> bool {
        let state = keys.encode(row, key);
        if let KeyState::Fault(fault) = state {
            let detail = "the key of a join cannot be computed";
            cx.left_out(&spec.flow, left, row, fault, detail);
        }
        self.refused.push(matches!(state, KeyState::Fault(_)));
        state == KeyState::Present
    }

    /// Adds a right row with the key of the left one.
    pub(crate) fn push(&mut self, left: usize, right: usize) {
        self.lefts.push(left);
        self.rights.push(right);
    }

    /// All right rows of the left row are there.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.lefts.len());
    }
}

/// The joined rows, where all pairs of equal keys have been found.
pub(crate) fn join_pairs(spec: &JoinSpec, left: &Batch, table: &Table, pairs: Pairs, cx: &mut Context) -> Batch {
    let Pairs { lefts, rights, ends, refused } = pairs;
    let holds = residual(spec, left, table, &lefts, &rights, cx);
    let (mut out_left, mut out_right): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    let mut start = 0;
    for (row, (end, refused)) in ends.into_iter().zip(refused).enumerate() {
        let mut matched = (start..end)
            .filter(|at| holds.as_ref().is_none_or(|holds| holds.get(*at).copied().unwrap_or(false)))
            .filter_map(|at| rights.get(at).copied());
        start = end;
        if refused {
            continue;
        }
        let picked = match spec.pick {
            Pick::First => matched.next().into_iter().collect(),
            Pick::Latest => matched.next_back().into_iter().collect(),
            Pick::All => {
                let mut all: Vec<usize> = matched.collect();
                // Which is first or last goes by time; where all are given, rows go as they stand.
                if table.spans.is_none() {
                    all.sort_unstable();
                }
                all
            }
        };
        match (spec.kind, picked.is_empty()) {
            (JoinKind::Inner | JoinKind::Semi, true) | (JoinKind::Anti, false) => {}
            (JoinKind::Left | JoinKind::Anti, true) | (JoinKind::Semi, false) => {
                out_left.push(row);
                out_right.push(None);
            }
            (JoinKind::Inner | JoinKind::Left, false) => {
                out_left.extend(std::iter::repeat_n(row, picked.len()));
                out_right.extend(picked.into_iter().map(Some));
            }
        }
    }
    joined(spec, left, table, &out_left, &out_right)
}

fn joined(spec: &JoinSpec, left: &Batch, table: &Table, lefts: &[usize], rights: &[Option<usize>]) -> Batch {
    let mut out = left.take(lefts);
    if !spec.kind.has_right() {
        return out;
    }
    let fields = table.rows.columns.iter().map(|column| column.take_optional(rights.iter().copied())).collect();
    let states = rights.iter().map(|right| if right.is_some() { State::Present } else { State::Absent }).collect();
    out.columns.push(Column::record(fields, Some(states), out.rows));
    for (row, right) in rights.iter().enumerate() {
        let Some(right) = right.map(|right| Order::of(&table.rows, right)) else { continue };
        if right > Order::of(&out, row)
            && let (Some(arrived), Some(origin), Some(offset)) =
                (out.arrived.get_mut(row), out.origin.get_mut(row), out.offset.get_mut(row))
        {
            (*arrived, *origin, *offset) = (right.arrived, right.origin, right.offset);
        }
    }
    out
}

fn residual(
    spec: &JoinSpec,
    left: &Batch,
    table: &Table,
    lefts: &[usize],
    rights: &[usize],
    cx: &mut Context,
) -> Option<Vec<bool>> {
    let residual = spec.residual.as_ref()?;
    let mut pairs = left.take(lefts);
    pairs.columns.extend(table.rows.columns.iter().map(|column| column.take(rights)));
    let judged = residual.evaluate(&pairs, &cx.env);
    let holds = rights.iter().enumerate().map(|(pair, right)| match judged.cell(pair) {
        Ok(cell) => cell == Cell::Bool(true),
        Err(fault) => {
            let later = Order::of(&pairs, pair).max(Order::of(&table.rows, *right));
            // Of a row that is taken back it was told when it came.
            if pairs.adds(pair) {
                cx.dead(&spec.flow, later, Reason::Fault(fault), "the condition of a join cannot be computed");
            }
            false
        }
    });
    Some(holds.collect())
}
