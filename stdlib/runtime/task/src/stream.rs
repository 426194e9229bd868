//! The streaming plane: one task that reads a log and files, keeps the state of features and streams, and writes rows,
//! dead letters, state changes and positions in one transaction.

mod inputs;
mod letters;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flow_core::batch::Batch;
use flow_core::fault::Fault;
use flow_core::key::write_row_key;
use flow_formats::RowEncoder;
use flow_log::{
    AppendError, Block, Cut, Log, LogError, Mark, Outcome, PartitionId, Restored, Sequence, TableId, TaskId, Writes,
};
use flow_operators::accept::Counters;
use flow_operators::operator::{DeadLetter, Reason};
use flow_operators::order::Order;
use flow_store::{Applied, FeatureStore};

use crate::data::History;
use crate::dataflow::{Dataflow, Tap};
use crate::error::RunError;
use crate::pipeline::{MICRO_BATCH, Pipeline, Produced};
use crate::snapshots::{Compactor, Snapshots};
use crate::spec::{SinkSpec, SourceSpec, streams};

pub use flow_log::block::HISTORY;
pub use inputs::{Inputs, from_topics};
pub use letters::letter;

/// Rows after which a task commits.
const COMMIT_ROWS: usize = 50_000;

/// The frontier of a block: how far time has gone.
const FRONTIER: &str = "frontier";

/// Tables from here on are the task's own; those below are the states of features, which services read: whoever follows a
/// changelog for a service leaves out the others.
pub const FIRST_PRIVATE: u32 = 1_000_000;

/// Which of the workers of a solution a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The unit's name: its changelog goes by it.
    pub name: String,
    /// Its place among the workers of the solution, in the order of their names.
    pub number: u32,
    /// How many workers there are.
    pub of: u32,
    /// Whether it writes the refusals of the sources, and the feature states that services read.
    pub keeps_features: bool,
}

/// What a task works with.
pub struct TaskSetup {
    /// Which worker it is.
    pub worker: Worker,
    /// Its operators.
    pub dataflow: Dataflow,
    /// The sinks that it writes to, and where their rows leave the dataflow: a sink has one writer.
    pub sinks: Vec<(Tap, SinkSpec)>,
    /// The nodes that keep the features of the solution, in the order of their tables.
    pub features: Vec<String>,
    /// A name for its changelog, sinks and dead letters: a changed solution gets another, and so starts anew.
    pub generation: String,
    /// Data at rest.
    pub files: History,
    /// Where states of features go after each commit.
    pub store: Arc<dyn FeatureStore>,
    /// Keeps the changelog short; without it all of it stays.
    pub snapshots: Option<Snapshots>,
    /// Rows in a micro-batch; 0 is the usual size.
    pub micro_batch: usize,
    /// Rows after which it commits; 0 is the usual number.
    pub commit_rows: usize,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Records that went through the operators.
    pub records: usize,
    /// Nothing is waiting: everything that was committed to the log has been processed and committed.
    pub idle: bool,
}

/// Where a sink's rows go.
struct Out {
    tap: Tap,
    name: Arc<str>,
    topic: PartitionId,
    encoder: RowEncoder,
    key: Vec<usize>,
}

/// Place, key, bytes and stamp of a record.
type Writing = (PartitionId, Vec<u8>, Vec<u8>, i64);

/// How many bytes of the log's limit a record takes.
fn size((_, key, record, _): &Writing) -> usize {
    key.len().saturating_add(record.len())
}

impl Out {
    fn record(&self, batch: &Batch, row: usize) -> Result<Writing, Fault> {
        let keys: Vec<_> = self.key.iter().filter_map(|position| batch.columns.get(*position)).collect();
        let mut key = Vec::new();
        if !keys.is_empty() {
            write_row_key(&mut key, &keys, row)?;
        }
        let mut record = Vec::new();
        // A key that holds nothing any more gets an empty record.
        if batch.weight.get(row).is_none_or(|weight| *weight > 0) {
            self.encoder.json(&mut record, &batch.columns, row)?;
        }
        Ok((self.topic.clone(), key, record, Order::of(batch, row).arrived))
    }

    /// Says that a row has more bytes than the log takes.
    fn too_large(&self, bytes: usize, most: usize, batch: &Batch, row: usize) -> DeadLetter {
        DeadLetter {
            flow: Arc::clone(&self.name),
            order: Order::of(batch, row),
            reason: Reason::Fault(Fault::TooLarge),
            detail: format!("the row for `{}` has {bytes} bytes, more than the {most} that the log takes", self.name),
        }
    }
}

/// A running task.
pub struct StreamTask {
    log: Box<dyn Log>,
    compactor: Option<Compactor>,
    task: TaskId,
    inputs: Inputs,
    pipeline: Pipeline,
    outs: Vec<Out>,
    dead: BTreeMap<u32, PartitionId>,
    sources: Arc<[SourceSpec]>,
    keeps_features: bool,
    tables: BTreeMap<String, TableId>,
    sequence: Sequence,
    cut: Cut,
    store: Arc<dyn FeatureStore>,
    micro_batch: usize,
    commit_rows: usize,
    /// T, once all that had arrived before it has been applied.
    history: Option<i64>,
    /// Memory for what the next commit changes, and for what of it services see.
    spare: Writes,
    seen: Writes,
}

/// The topic of a sink's rows.
#[must_use]
pub fn sink_topic(generation: &str, sink: &str) -> String {
    format!("{generation}.sink.{sink}")
}

/// The topic of what services emit to a sink. It outlives a change of the solution: requests do not come again.
#[must_use]
pub fn served_topic(solution: &str, sink: &str) -> String {
    format!("{solution}.served.{sink}")
}

/// The topic of a source's dead letters.
#[must_use]
pub fn dead_topic(generation: &str, source: &str) -> String {
    format!("{generation}.dead.{source}")
}

/// The task of a worker: its changelog goes by it.
#[must_use]
pub fn task_of(generation: &str, worker: &str) -> TaskId {
    TaskId::new(format!("{generation}.{worker}"), 0)
}

impl StreamTask {
    /// Takes the task, restores its state and stands where its last commit was.
    ///
    /// # Errors
    /// [`LogError::Owned`] where another process runs it; damaged state; a plan that cannot be built.
    pub fn open(mut log: Box<dyn Log>, setup: TaskSetup) -> Result<Self, RunError> {
        let TaskSetup { worker, dataflow, sinks, features, generation, files, store, snapshots, .. } = setup;
        let TaskSetup { micro_batch, commit_rows, .. } = setup;
        let task = task_of(&generation, &worker.name);
        log.own(&task)?;
        let sources = Arc::clone(&dataflow.sources);
        let tables = tables(&worker, &dataflow, features);
        let mut outs = Vec::new();
        for (tap, sink) in sinks {
            let topic = sink_topic(&generation, &sink.name);
            log.create(&topic, 1)?;
            outs.push(Out {
                tap,
                name: sink.name.as_str().into(),
                topic: PartitionId::new(topic, 0),
                encoder: RowEncoder::new(&sink.schema),
                key: sink.key.iter().filter_map(|name| sink.schema.position(name)).collect(),
            });
        }
        let mut dead = BTreeMap::new();
        for (number, source) in streams(&sources) {
            let topic = dead_topic(&generation, &source.name);
            log.create(&topic, worker.of)?;
            dead.insert(number, PartitionId::new(topic, worker.number));
        }
        let inputs = Inputs::open(log.as_mut(), &sources, files)?;
        let mut pipeline = Pipeline::new(dataflow);
        pipeline.tell_refusals(worker.keeps_features);
        let compactor = snapshots.clone().map(|snapshots| Compactor::new(snapshots, task.clone()));
        let mut opened = Self {
            log,
            compactor,
            task,
            inputs,
            pipeline,
            outs,
            dead,
            sources,
            keeps_features: worker.keeps_features,
            tables,
            sequence: Sequence::NONE,
            cut: Cut::default(),
            store,
            micro_batch: if micro_batch == 0 { MICRO_BATCH } else { micro_batch },
            commit_rows: if commit_rows == 0 { COMMIT_ROWS } else { commit_rows },
            history: None,
            spare: Writes::new(),
            seen: Writes::new(),
        };
        opened.restore(snapshots.as_ref())?;
        Ok(opened)
    }

    /// Leaves out what arrives at or after `at`.
    pub fn until(&mut self, at: i64) {
        self.pipeline.until(at);
    }

    /// Reads the newest snapshot, then the changelog to its end, waiting for what an earlier owner may still have in the
    /// air.
    fn restore(&mut self, snapshots: Option<&Snapshots>) -> Result<(), RunError> {
        let mut frontier = i64::MIN;
        // Blocks hold whole values: only the last of each key counts.
        let mut state: BTreeMap<(TableId, Vec<u8>), Option<Vec<u8>>> = BTreeMap::new();
        let snapshot = snapshots.map(|snapshots| snapshots.begin(&self.task)).transpose()?.flatten();
        let snapshot_bytes = snapshot.as_ref().map_or(0, |block| block.writes.bytes());
        let mut bytes = 0;
        let mut blocks: Vec<Block> = snapshot.into_iter().collect();
        loop {
            let after = blocks.last().map_or(self.sequence, |block| block.sequence);
            let restored = self.log.blocks(&self.task, after, 8 << 20, &mut blocks)?;
            for block in blocks.drain(..) {
                self.publish(self.sequence.next(), &block)?;
                bytes += block.writes.bytes();
                for write in block.writes.iter() {
                    state.insert((write.table, write.key.to_vec()), write.value.map(<[u8]>::to_vec));
                }
                frontier = block.frontiers.get(FRONTIER).copied().unwrap_or(frontier);
                self.history = block.frontiers.get(HISTORY).copied().or(self.history);
                self.sequence = block.sequence;
                self.cut = block.cut;
            }
            match restored {
                Restored::Complete(_) => break,
                Restored::More(_) => {}
                Restored::Waiting(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        if let Some(compactor) = &mut self.compactor {
            compactor.restored(snapshot_bytes, bytes - snapshot_bytes);
        }
        let names: BTreeMap<TableId, String> = self.tables.iter().map(|(name, table)| (*table, name.clone())).collect();
        for ((table, key), value) in state {
            if let (Some(name), Some(value)) = (names.get(&table), value) {
                self.pipeline.restore(name, &key, &value)?;
            }
        }
        self.pipeline.restored(frontier);
        self.pipeline.commit();
        self.resume()
    }

    /// Lets all inputs stand at the committed cut.
    fn resume(&mut self) -> Result<(), RunError> {
        for (origin, partition) in self.inputs.partitions() {
            self.pipeline.resume(origin, self.cut.mark(&partition).next);
        }
        self.inputs.rewind(&self.cut)
    }

    /// Lets services see what a block changed in the states of features; a snapshot stands for all blocks from `from` on.
    fn publish(&mut self, from: Sequence, block: &Block) -> Result<(), RunError> {
        if !self.keeps_features {
            return Ok(());
        }
        block.writes.before(TableId(FIRST_PRIVATE), &mut self.seen);
        let applied = self.store.apply(&self.task, from, block.sequence, &self.seen, &block.cut);
        match applied.map_err(|error| RunError::Environment(error.to_string()))? {
            Applied::Done | Applied::Stale => Ok(()),
            Applied::Gap { expected } => Err(RunError::Environment(format!(
                "the feature store stands before block {expected} of the changelog; remove the state folder to rebuild it"
            ))),
        }
    }

    /// Takes what is there, at most about 50,000 records, and commits it; waits up to `wait` if there is nothing.
    ///
    /// # Errors
    /// A log that refuses, a task that another owner took, damaged state.
    pub fn step(&mut self, wait: Duration) -> Result<Step, RunError> {
        let at_end = self.inputs.poll(&mut self.pipeline, self.commit_rows, wait)?;
        let mut produced = Produced::default();
        let records = self.pipeline.drain(self.commit_rows, self.micro_batch, &mut produced)?;
        let idle = records == 0 && at_end;
        if records > 0 || !produced.dead.is_empty() || !produced.rows.is_empty() {
            self.commit(produced)?;
        }
        Ok(Step { records, idle })
    }

    /// Lets time go on to `at`, with nothing new: what may leave until then leaves.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn advance(&mut self, at: i64) -> Result<(), RunError> {
        if at <= self.pipeline.frontier() {
            return Ok(());
        }
        let mut produced = Produced::default();
        self.pipeline.advance(at, &mut produced)?;
        self.commit(produced)
    }

    /// Lets time go on to `at` and says in the changelog that all that had arrived before it has been applied: whoever
    /// follows the changelog is ready from there on.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn history_applied(&mut self, at: i64) -> Result<(), RunError> {
        let is_known = self.history.is_some_and(|known| known >= at);
        if is_known && at <= self.pipeline.frontier() {
            return Ok(());
        }
        self.history = self.history.max(Some(at));
        let mut produced = Produced::default();
        self.pipeline.advance(at, &mut produced)?;
        self.commit(produced)
    }

    fn commit(&mut self, produced: Produced) -> Result<(), RunError> {
        let writes = self.changes()?;
        let mut cut = self.cut.clone();
        let partitions = self.inputs.partitions();
        for (origin, next, arrived) in self.pipeline.positions() {
            if let Some((_, partition)) = partitions.iter().find(|(known, _)| *known == origin) {
                cut.0.insert(partition.clone(), Mark { next, arrived: arrived.unwrap_or(i64::MIN) });
            }
        }
        let mut frontiers = BTreeMap::from([(Arc::from(FRONTIER), self.pipeline.frontier())]);
        frontiers.extend(self.history.map(|at| (Arc::from(HISTORY), at)));
        let block = Block { sequence: self.sequence.next(), cut: cut.clone(), frontiers, writes };
        let records = self.records(&produced)?;
        let outcome = self.transact(&records, &block)?;
        match self.resolved(outcome)? {
            Outcome::Committed => {
                self.pipeline.commit();
                self.sequence = block.sequence;
                self.cut = cut;
                self.inputs.forget(&self.cut);
                self.publish(block.sequence, &block)?;
                let bytes = block.writes.bytes();
                self.spare = block.writes;
                let compactor = self.compactor.as_mut();
                compactor.map_or(Ok(()), |compactor| compactor.committed(bytes))
            }
            Outcome::Aborted(LogError::GivenUp) => {
                self.pipeline.rollback()?;
                self.resume()
            }
            // A full disk is no emptier for asking again: whoever frees it starts the run anew.
            Outcome::Aborted(error) => Err(error.into()),
            Outcome::Fenced(task) => {
                Err(RunError::Environment(format!("task `{task}` was taken over by another process; this one stops")))
            }
            Outcome::Unknown(error) => Err(error.into()),
        }
    }

    /// What has changed since the last commit, in memory that the one before has left.
    fn changes(&mut self) -> Result<Writes, RunError> {
        let mut writes = std::mem::take(&mut self.spare);
        writes.clear();
        let (tables, mut placeless) = (&self.tables, None);
        self.pipeline.frozen(&mut |node, changes| {
            let Some(table) = tables.get(node) else {
                placeless = (!changes.is_empty()).then(|| node.to_owned()).or(placeless.take());
                return;
            };
            for (key, value) in changes.iter() {
                match value {
                    Some(value) => writes.put(*table, key, value),
                    None => writes.delete(*table, key),
                }
            }
        });
        placeless.map_or(Ok(writes), |node| Err(RunError::Plan(format!("state of `{node}` has no place"))))
    }

    /// Asks until the outcome is known; processes nothing meanwhile.
    fn resolved(&mut self, mut outcome: Outcome) -> Result<Outcome, RunError> {
        while let Outcome::Unknown(error) = &outcome {
            if *error == LogError::Crashed {
                return Ok(outcome);
            }
            std::thread::sleep(Duration::from_millis(5));
            outcome = self.log.resolve()?;
        }
        Ok(outcome)
    }

    /// The records of sinks and dead letters, none of them larger than the log takes.
    fn records(&mut self, produced: &Produced) -> Result<Vec<Writing>, RunError> {
        let most = self.log.record_bytes();
        let (mut records, mut too_large) = (Vec::new(), Vec::new());
        for out in &self.outs {
            for batch in produced.rows.get(&out.tap).map(Vec::as_slice).unwrap_or_default() {
                for row in 0..batch.rows {
                    // INVARIANT: rows with a bad cell have left at the `emit`.
                    let record = out.record(batch, row);
                    let record = record.map_err(|fault| RunError::Plan(format!("a row of a sink is bad: {fault}")))?;
                    match size(&record) {
                        bytes if bytes > most => too_large.push(out.too_large(bytes, most, batch, row)),
                        _ => records.push(record),
                    }
                }
            }
        }
        for letter in produced.dead.iter().chain(&too_large) {
            let origin = letter.order.event_origin();
            let (Some(topic), Some(source)) = (self.dead.get(&origin.source), self.sources.get(origin.source as usize))
            else {
                continue;
            };
            let raw = self.inputs.raw(letter)?;
            let record = letters::letter(letter, &source.name, raw.as_deref(), most);
            records.push((topic.clone(), Vec::new(), record, letter.order.arrived));
        }
        Ok(records)
    }

    fn transact(&mut self, records: &[Writing], block: &Block) -> Result<Outcome, RunError> {
        let mut transaction = self.log.begin()?;
        for (to, key, record, stamp) in records {
            transaction.append(to, key, record, *stamp).map_err(|error| match error {
                AppendError::Row(fault) => RunError::Plan(format!("a record for `{}` is bad: {fault}", to.topic)),
                AppendError::Log(error) => error.into(),
            })?;
        }
        transaction.block(&self.task, block)?;
        transaction.positions(&self.task, &block.cut)?;
        Ok(transaction.commit())
    }

    /// Steps until nothing is waiting, or `stop` is set; `progress` hears how many records are done.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn catch_up(&mut self, progress: &mut dyn FnMut(usize), stop: &AtomicBool) -> Result<usize, RunError> {
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            let step = self.step(Duration::ZERO)?;
            done += step.records;
            progress(done);
            if step.idle {
                break;
            }
        }
        Ok(done)
    }

    /// The greatest arrival that was processed.
    #[must_use]
    pub fn arrived(&self) -> Option<i64> {
        self.pipeline.arrived()
    }

    /// Counts by source.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, Counters> {
        let counters = self.pipeline.counters();
        let named = counters.into_iter().filter_map(|(number, counters)| {
            self.sources.get(number as usize).map(|source| (source.name.clone(), counters))
        });
        named.collect()
    }

    /// The committed cut.
    #[must_use]
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// Gives the task back, once a snapshot that is being made is there.
    pub fn close(mut self) {
        // One that could not be made is missed by nobody: the next run makes it.
        let _ = self.compactor.as_mut().map_or(Ok(()), Compactor::finish);
        self.log.release(&self.task);
    }
}

/// The table of each state, by its stable name: those of the features first, where services read them.
fn tables(worker: &Worker, dataflow: &Dataflow, features: Vec<String>) -> BTreeMap<String, TableId> {
    let mut tables: BTreeMap<String, TableId> = BTreeMap::new();
    if worker.keeps_features {
        tables.extend((0u32..).zip(features).map(|(number, name)| (name, TableId(number))));
    }
    let gates = dataflow.sources.iter().map(|source| format!("source/{}", source.name));
    for (number, name) in (FIRST_PRIVATE..).zip(dataflow.names.values().cloned().chain(gates)) {
        tables.entry(name).or_insert(TableId(number));
    }
    tables
}
