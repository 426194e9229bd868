//! A feature set as the runtime sees it, and the reading of its stored state without a flow.

use std::cell::RefCell;
use std::sync::Arc;

use flow_core::aggregate::AggregateError;
use flow_core::batch::{Batch, Origin};
use flow_core::block::{Block, Scratch, SetSpec, WindowedAggregate, put};
use flow_core::builder::ColumnBuilder;
use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::program::Now;
use flow_core::types::{DataType, Kind, Schema};
use flow_core::value::{Cell, Value};

use crate::expression::{Environment, Expr};
use crate::keys::encode_values;
use crate::operator::OperatorError;
use crate::rows::Reader;

/// A feature set: its windowed aggregates, the scalars over them, and its columns.
#[derive(Clone)]
pub struct FeatureSet {
    /// Its name: the flow of its dead letters.
    pub name: Arc<str>,
    /// Its columns as declared.
    pub schema: Arc<Schema>,
    set: Arc<SetSpec>,
    /// What each aggregate needs of a row: its filter, then its arguments.
    needs: Vec<(Option<usize>, Vec<usize>)>,
    scalars: Vec<Expr>,
    order: Vec<usize>,
    /// The columns are the aggregates as they stand.
    is_plain: bool,
    lifetime: i64,
}

/// What a [`FeatureSet`] is made of.
#[derive(Clone)]
pub struct FeatureParts<'a> {
    /// Its name.
    pub name: Arc<str>,
    /// Its columns as declared.
    pub schema: Arc<Schema>,
    /// Its aggregates.
    pub aggregates: &'a [WindowedAggregate],
    /// The types of the argument slots that the aggregates name.
    pub arguments: Vec<DataType>,
    /// The greatest lateness, in microseconds, of its source and of every source whose rows read it.
    pub head: i64,
    /// Its scalars: each sees a row of all aggregates followed by the scalars before it; `now` and the row's time are the
    /// time of the read.
    pub scalars: Vec<Expr>,
    /// For each declared column its position among the aggregates followed by the scalars.
    pub order: Vec<usize>,
}

impl FeatureSet {
    /// Checks and plans a feature set.
    ///
    /// # Errors
    ///
    /// When an aggregate does not fit its arguments.
    pub fn new(parts: FeatureParts<'_>) -> Result<Self, AggregateError> {
        let FeatureParts { name, schema, aggregates, arguments, head, scalars, order } = parts;
        let windows = aggregates.iter().map(|aggregate| aggregate.size.saturating_add(aggregate.step));
        let lifetime = windows.max().unwrap_or_default().saturating_add(head);
        let set = Arc::new(SetSpec::new(aggregates, arguments, head)?);
        let needs = aggregates.iter().map(|aggregate| (aggregate.filter, aggregate.args.clone())).collect();
        let is_plain = scalars.is_empty() && order.iter().copied().eq(0..aggregates.len());
        Ok(Self { name, schema, set, needs, scalars, order, is_plain, lifetime })
    }

    /// The first fault that an aggregate needs of a row, and which aggregate that is: aggregates in their order, of each
    /// the filter first.
    pub(crate) fn fault(&self, arguments: &[Column], row: usize) -> Option<(Fault, usize)> {
        let cell = |slot: usize| arguments.get(slot).map_or(Ok(Cell::Absent), |column| column.cell(row));
        self.needs.iter().enumerate().find_map(|(number, (filter, slots))| match filter.map(cell) {
            Some(Err(fault)) => Some((fault, number)),
            None | Some(Ok(Cell::Bool(true))) => slots.iter().find_map(|slot| Some((cell(*slot).err()?, number))),
            Some(Ok(_)) => None,
        })
    }

    /// The column that an aggregate gives; none where only other columns are made of it.
    pub(crate) fn column_of(&self, aggregate: usize) -> Option<&str> {
        let column = self.order.iter().position(|at| *at == aggregate)?;
        self.schema.fields.get(column).map(|field| field.name.as_str())
    }

    /// The same set, whose dead letters somebody else tells.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { name: Arc::from(""), ..self }
    }

    /// The descriptor of its blocks.
    #[must_use]
    pub fn set(&self) -> &SetSpec {
        &self.set
    }

    /// How far behind the frontier, in microseconds, a change is beyond every window.
    pub(crate) fn lifetime(&self) -> i64 {
        self.lifetime
    }

    /// The columns of the set for rows at `times`, given the aggregates' columns.
    pub(crate) fn columns(&self, aggregates: Vec<Column>, times: &[i64], slots: &[Value]) -> Vec<Column> {
        let env = Environment { now: Now::Row, slots: slots.to_vec() };
        let rows = times.len();
        let mut batch = Batch {
            columns: aggregates,
            rows,
            time: times.to_vec(),
            arrived: times.to_vec(),
            origin: vec![Origin::default(); rows],
            offset: vec![0; rows],
            weight: vec![1; rows],
            lineage: Vec::new(),
        };
        for scalar in &self.scalars {
            let column = scalar.evaluate(&batch, &env);
            batch.columns.push(column);
        }
        let missing = || Column::repeat(&Kind::Bool, Err(Fault::Malformed), rows);
        self.order.iter().map(|at| batch.columns.get(*at).cloned().unwrap_or_else(missing)).collect()
    }

    /// The columns of the set for one read at `t`, given the aggregates' cells.
    pub(crate) fn values(
        &self,
        cells: Vec<Result<Value, Fault>>,
        t: i64,
        slots: &[Value],
    ) -> Vec<Result<Value, Fault>> {
        if self.is_plain && cells.len() == self.order.len() {
            return cells;
        }
        if self.scalars.is_empty() {
            let missing = || Err(Fault::Malformed);
            return self.order.iter().map(|at| cells.get(*at).cloned().unwrap_or_else(missing)).collect();
        }
        let mut builders = self.builders(1);
        push_cells(&mut builders, &cells);
        let aggregates = builders.into_iter().map(ColumnBuilder::finish).collect();
        self.columns(aggregates, &[t], slots).iter().map(|column| column.value(0)).collect()
    }

    pub(crate) fn builders(&self, rows: usize) -> Vec<ColumnBuilder> {
        self.set.results().map(|ty| ColumnBuilder::new(&ty.kind, rows)).collect()
    }
}

/// Reads the stored state of a feature set: what services, `show` and tests do.
#[derive(Clone)]
pub struct FeatureReader {
    set: FeatureSet,
}

impl FeatureReader {
    /// A reader of `set`.
    #[must_use]
    pub fn new(set: FeatureSet) -> Self {
        Self { set }
    }

    /// The feature set.
    #[must_use]
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// The key of the state, as the operator freezes it; `None` where a part is absent: such a key has no state.
    #[must_use]
    pub fn key(&self, key: &[Value]) -> Option<Vec<u8>> {
        (!key.iter().any(Value::is_absent)).then(|| encode_values(key))
    }

    /// The set's columns at `t`, microseconds, each a value or the fault of its computation, from the stored state of the
    /// key, or `None` where there is none. `slots` are the values from outside that scalars read.
    ///
    /// # Errors
    ///
    /// When the state is damaged.
    pub fn read(
        &self,
        stored: Option<&[u8]>,
        t: i64,
        slots: &[Value],
    ) -> Result<Vec<Result<Value, Fault>>, OperatorError> {
        let mut cells = Vec::with_capacity(self.set.needs.len());
        let spec = self.set.set();
        match stored {
            Some(bytes) => {
                let mut from = Reader(bytes);
                from.i64()?;
                let take = &mut |answer: Result<&Cell<'_>, Fault>| put(answer, &mut cells);
                let read = |scratch: &mut Scratch| Block::read_encoded(from.0, spec, t, scratch, take);
                SCRATCH.with_borrow_mut(read).map_err(|_| DAMAGED)?;
            }
            None => Block::new().read(spec, t, &mut cells),
        }
        Ok(self.set.values(cells, t, slots))
    }
}

thread_local! {
    /// What reads of this thread use on their way: services read in whatever thread a request is in.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

const DAMAGED: OperatorError = OperatorError::State("a feature's state is damaged");

/// The state of one key.
#[derive(Debug)]
pub(crate) struct KeyState {
    pub(crate) block: Block,
    /// The greatest time of a change.
    pub(crate) newest: i64,
}

impl Clone for KeyState {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), newest: self.newest }
    }

    fn clone_from(&mut self, source: &Self) {
        self.block.clone_from(&source.block);
        self.newest = source.newest;
    }
}

pub(crate) fn encode_state(set: &FeatureSet, state: &KeyState, out: &mut Vec<u8>) {
    out.extend(state.newest.to_le_bytes());
    state.block.encode(set.set(), out);
}

pub(crate) fn decode_state(set: &FeatureSet, bytes: &[u8]) -> Result<KeyState, OperatorError> {
    let mut from = Reader(bytes);
    let newest = from.i64()?;
    let block = Block::decode(set.set(), from.0).map_err(|_| DAMAGED)?;
    Ok(KeyState { block, newest })
}

pub(crate) fn push_cells(builders: &mut [ColumnBuilder], cells: &[Result<Value, Fault>]) {
    for (builder, cell) in builders.iter_mut().zip(cells) {
        match cell {
            Ok(value) => builder.push(Ok(value.as_cell())),
            Err(fault) => builder.push(Err(*fault)),
        }
    }
    // A set without an answer for a column leaves it absent.
    for builder in builders.iter_mut().skip(cells.len()) {
        builder.push(Ok(Cell::Absent));
    }
}
