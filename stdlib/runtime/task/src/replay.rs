//! History through a dataflow, to its end: what jobs, tests and `show` do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::data::History;
use crate::dataflow::Build;
use crate::error::RunError;
use crate::pipeline::{MICRO_BATCH, Pipeline, Produced, StateEntry};

/// How history is replayed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replay<'a> {
    /// The instant T: only what had arrived before it counts, and the frontier stands there at the end. Without one, T is
    /// a microsecond after the greatest arrival.
    pub at: Option<i64>,
    /// Whether operators that wait for the end of input shall give their rows: in jobs.
    pub finish: bool,
    /// Rows in a micro-batch; 0 is the usual size.
    pub size: usize,
    /// Writes a checkpoint after this many records, and goes on from it in a new dataflow.
    pub restart_after: Option<usize>,
    /// Set by whoever wants the replay no more: it ends with [`RunError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
}

/// Records between two looks at whether a replay is still wanted.
const SLICE: usize = 1 << 15;

/// What a replay gave.
pub struct Replayed {
    /// Rows of the taps, and dead letters.
    pub produced: Produced,
    /// The pipeline at T.
    pub pipeline: Pipeline,
    /// T.
    pub at: i64,
    /// All state, as written to checkpoints; none where the input was finished in one go.
    pub state: Vec<StateEntry>,
}

/// Replays history through a dataflow.
///
/// # Errors
/// A dataflow that cannot be built, or damaged state.
pub fn replay(build: Build<'_>, history: &History, how: Replay<'_>) -> Result<Replayed, RunError> {
    let size = if how.size == 0 { MICRO_BATCH } else { how.size };
    let mut produced = Produced::default();
    let mut pipeline = Pipeline::new(build()?);
    if let Some(at) = how.at {
        pipeline.until(at);
    }
    // Nobody goes on from a job's state: it is neither tracked nor written.
    let is_kept = !how.finish || how.restart_after.is_some();
    if !is_kept {
        pipeline.untracked();
    }
    load(&mut pipeline, history);
    let mut state = Vec::new();
    if let Some(records) = how.restart_after {
        pipeline.drain(records, size, &mut produced)?;
        state = pipeline.freeze();
        pipeline.commit();
        let mut restarted = Pipeline::new(build()?);
        for entry in &state {
            if let Some(value) = &entry.value {
                restarted.restore(&entry.node, &entry.key, value)?;
            }
        }
        if let Some(at) = how.at {
            restarted.until(at);
        }
        restarted.restored(pipeline.frontier());
        for (origin, next, _) in pipeline.positions().collect::<Vec<_>>() {
            restarted.resume(origin, next);
        }
        let rest = after(history, &restarted);
        load(&mut restarted, &rest);
        // A partition without a rest is at its end, too: nobody waits for it.
        for origin in history.partitions() {
            restarted.silent(origin, true);
        }
        pipeline = restarted;
    }
    // Between slices of records it looks whether anybody still wants it.
    while pipeline.drain(SLICE, size, &mut produced)? > 0 {
        if how.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(RunError::Stopped);
        }
    }
    let at = how.at.or_else(|| pipeline.arrived().map(|arrived| arrived.saturating_add(1))).unwrap_or(0);
    pipeline.advance(at, &mut produced)?;
    if how.finish {
        pipeline.finish(&mut produced)?;
    }
    if is_kept {
        state.extend(pipeline.freeze());
    }
    Ok(Replayed { produced, pipeline, at, state })
}

fn load(pipeline: &mut Pipeline, history: &History) {
    for origin in history.partitions() {
        pipeline.partition(origin);
    }
    for chunk in &history.chunks {
        pipeline.feed(chunk.source, chunk.arriving.clone());
    }
    for origin in history.partitions() {
        pipeline.silent(origin, true);
    }
}

/// The records that come after a pipeline's positions.
fn after(history: &History, pipeline: &Pipeline) -> History {
    let positions: std::collections::BTreeMap<_, _> =
        pipeline.positions().map(|(origin, next, _)| (origin, next)).collect();
    let mut rest = History::default();
    for chunk in &history.chunks {
        let origin = flow_core::batch::Origin { source: chunk.source, partition: chunk.arriving.partition };
        let next = positions.get(&origin).copied().unwrap_or(i64::MIN);
        let rows: Vec<usize> = chunk
            .arriving
            .offsets
            .iter()
            .enumerate()
            .filter(|(_, offset)| **offset >= next)
            .map(|(row, _)| row)
            .collect();
        if !rows.is_empty() {
            rest.chunks.push(chunk.rows(&rows));
        }
    }
    rest
}

/// The last state of each key of each node.
#[must_use]
pub fn states(replayed: &Replayed) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let mut states = BTreeMap::new();
    for entry in &replayed.state {
        let key = (entry.node.clone(), entry.key.clone());
        match &entry.value {
            Some(value) => states.insert(key, value.clone()),
            None => states.remove(&key),
        };
    }
    states
}
