//! What services emit, on its way into the log: one writer for all threads, many requests in one transaction.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use flow_core::key::write_row_key;
use flow_formats::RowEncoder;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::{AppendError, Log, Outcome, PartitionId};
use flow_task::stream::served_topic;
use flow_task::{RunError, SinkSpec};

use crate::emits::{Emits, Emitted};

/// Requests that wait for the writer; beyond that, the next one waits.
const WAITING: usize = 10_000;

/// Requests in one transaction.
const BLOCK: usize = 5_000;

struct Record {
    to: PartitionId,
    key: Vec<u8>,
    record: Vec<u8>,
    stamp: i64,
}

enum Message {
    Rows(Vec<Record>),
    End,
}

struct Out {
    topic: PartitionId,
    encoder: RowEncoder,
    key: Vec<usize>,
}

/// Takes what requests emit.
pub struct Emitter {
    outs: BTreeMap<String, Out>,
    send: SyncSender<Message>,
    left_out: Arc<AtomicU64>,
}

/// The thread that writes.
pub struct Writer {
    send: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
    has_failed: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<RunError>>>,
}

/// Makes the topics of what the services of `solution` emit to `sinks`, and starts the thread that writes them to the log
/// in `folder`; without a sink there is no such thread, and no log.
///
/// Several processes may write at once: a transaction holds what some requests emitted, whole.
///
/// # Errors
/// A log that cannot be opened or written.
pub fn emitting<'a>(
    solution: &str,
    sinks: impl IntoIterator<Item = &'a SinkSpec>,
    folder: &Path,
) -> Result<(Arc<Emitter>, Option<Writer>), RunError> {
    let mut outs = BTreeMap::new();
    for sink in sinks {
        let out = Out {
            topic: PartitionId::new(served_topic(solution, &sink.name), 0),
            encoder: RowEncoder::new(&sink.schema),
            key: sink.key.iter().filter_map(|name| sink.schema.position(name)).collect(),
        };
        outs.insert(sink.name.clone(), out);
    }
    let (send, received) = sync_channel(WAITING);
    let left_out = Arc::new(AtomicU64::new(0));
    let emitter = Arc::new(Emitter { outs, send: send.clone(), left_out: Arc::clone(&left_out) });
    if emitter.outs.is_empty() {
        return Ok((emitter, None));
    }
    let mut log = EmbeddedLog::open(folder, Options::default())?;
    for out in emitter.outs.values() {
        log.create(&out.topic.topic, 1)?;
    }
    let (has_failed, failure) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    let (failed, reason) = (Arc::clone(&has_failed), Arc::clone(&failure));
    let work = move || {
        if let Err(error) = write(&mut log, &received, &left_out) {
            if let Ok(mut reason) = reason.lock() {
                *reason = Some(error);
            }
            failed.store(true, Ordering::Release);
            // Requests that are answered until the process has ended do not wait for a log that takes nothing.
            while let Ok(Message::Rows(_)) = received.recv() {}
        }
    };
    let thread = std::thread::Builder::new()
        .name("emit".to_owned())
        .spawn(work)
        .map_err(|error| RunError::Environment(format!("cannot start the thread that writes sinks: {error}")))?;
    Ok((emitter, Some(Writer { send, thread: Some(thread), has_failed, failure })))
}

impl Emitter {
    /// Lines for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> String {
        let left_out = self.left_out.load(Ordering::Relaxed);
        format!("# TYPE fec_emits_left_out_total counter\nfec_emits_left_out_total {left_out}\n")
    }

    fn records(&self, emitted: &Emitted, stamp: i64) -> Vec<Record> {
        let Some(out) = self.outs.get(&emitted.sink) else { return Vec::new() };
        let rows = &emitted.rows;
        let keys: Vec<_> = out.key.iter().filter_map(|position| rows.columns.get(*position)).collect();
        let mut records = Vec::with_capacity(rows.rows);
        for row in 0..rows.rows {
            let (mut key, mut record) = (Vec::new(), Vec::new());
            let keyed = if keys.is_empty() { Ok(()) } else { write_row_key(&mut key, &keys, row) };
            match keyed.and_then(|()| out.encoder.json(&mut record, &rows.columns, row)) {
                Ok(()) => records.push(Record { to: out.topic.clone(), key, record, stamp }),
                Err(_) => {
                    self.left_out.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        records
    }
}

impl Emits for Emitter {
    fn take(&self, emitted: Vec<Emitted>, left_out: usize, now: i64) {
        self.left_out.fetch_add(left_out as u64, Ordering::Relaxed);
        let records: Vec<Record> = emitted.iter().flat_map(|emitted| self.records(emitted, now)).collect();
        if !records.is_empty() {
            // Without a receiver the process has ended, and nobody gets this response.
            let _ = self.send.send(Message::Rows(records));
        }
    }
}

impl Writer {
    /// Why nothing is written any more.
    ///
    /// # Errors
    /// What the log said.
    pub fn check(&self) -> Result<(), RunError> {
        if !self.has_failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let failure = self.failure.lock().ok().and_then(|mut failure| failure.take());
        Err(failure.unwrap_or_else(|| RunError::Environment("what services emit cannot be written".to_owned())))
    }

    /// Writes what has been taken so far, and ends.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn stop(mut self) -> Result<(), RunError> {
        let _ = self.send.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.check()
    }
}

/// Writes until the end; what waits goes in one transaction.
fn write(log: &mut EmbeddedLog, received: &Receiver<Message>, left_out: &AtomicU64) -> Result<(), RunError> {
    let mut is_over = false;
    while !is_over {
        let mut block = Vec::new();
        let mut next = received.recv().ok();
        loop {
            match next {
                Some(Message::Rows(records)) => block.push(records),
                Some(Message::End) | None => {
                    is_over = true;
                    break;
                }
            }
            if block.len() >= BLOCK {
                break;
            }
            match received.try_recv() {
                Ok(message) => next = Some(message),
                Err(_) => break,
            }
        }
        append(log, &block, left_out)?;
    }
    Ok(())
}

fn append(log: &mut EmbeddedLog, block: &[Vec<Record>], left_out: &AtomicU64) -> Result<(), RunError> {
    if block.is_empty() {
        return Ok(());
    }
    loop {
        let mut too_large = 0;
        let mut transaction = log.begin()?;
        for record in block.iter().flatten() {
            match transaction.append(&record.to, &record.key, &record.record, record.stamp) {
                Ok(()) => {}
                Err(AppendError::Row(_)) => too_large += 1,
                Err(AppendError::Log(error)) => return Err(error.into()),
            }
        }
        let mut outcome = transaction.commit();
        while let Outcome::Unknown(_) = outcome {
            std::thread::sleep(Duration::from_millis(5));
            outcome = log.resolve()?;
        }
        match outcome {
            Outcome::Committed => {
                left_out.fetch_add(too_large, Ordering::Relaxed);
                return Ok(());
            }
            Outcome::Aborted(error) => return Err(error.into()),
            Outcome::Fenced(_) | Outcome::Unknown(_) => {}
        }
    }
}
