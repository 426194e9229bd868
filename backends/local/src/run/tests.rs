//! Runs of small solutions: jobs by schedule, their retries and timeouts, and what goes on beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};
use fec_plan::{deployment, workers};
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::simulated::{AbortingLog, Aborts};
use flow_log::{Limits, Log, ManualClock, PartitionId, Start};
use flow_store::MemoryFeatureStore;
use flow_task::stream::{StreamTask, sink_topic};

use super::{Event, RunOptions, run_by};
use crate::data::{Places, read_all};
use crate::dataflow::Parts;
use crate::environment::Environment;
use crate::error::LocalError;
use crate::specs;
use crate::stream::setup;
use crate::types::Enums;

mod jobs;

const MINUTE: i64 = 60_000_000;
/// 2026-06-01T00:00:30Z
const CLOCK: i64 = 1_780_272_030_000_000;

const SALES: &str = r#"
solution shop { version: "1.0.0" }
use std.ml.{ gbdt }
type Sale { id: string, n: int, amount: int, at: timestamp }
source sales: stream<Sale> { time: at, file: "sales.jsonl" }
sink report: rows<{ id: string, now_: timestamp }>
"#;

pub(super) fn compiled(text: &str) -> Arc<Ir> {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let wrong: Vec<_> = parsed.diagnostics.iter().chain(&found).filter(|one| one.is_error()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    Arc::new(optimise(lower(model)).0)
}

fn sales(folder: &Path) {
    let row = |n: i64| {
        format!("{{\"id\":\"{n}\",\"n\":{n},\"amount\":{},\"at\":\"2026-01-01T00:00:{:02}Z\"}}\n", n % 7, n / 100)
    };
    std::fs::write(folder.join("sales.jsonl"), (0..6_000).map(row).collect::<String>()).unwrap();
}

/// A run in a thread of its own, and what it has told.
struct Started {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<Event>>>,
    thread: Option<std::thread::JoinHandle<Result<(), LocalError>>>,
}

fn start(text: &str, is_once: bool) -> Started {
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let ir = compiled(text);
    let sources = specs::sources(&ir, &Enums::new(&ir.enums));
    let simulated = crate::simulate::filled(&sources, specs::simulation(&ir).as_ref()).unwrap();
    let options = RunOptions {
        places: Places { root: folder.path().to_path_buf(), simulated, ..Places::default() },
        state: folder.path().join("state"),
        once: is_once,
        address: None,
        out: None,
    };
    let clock = Arc::new(ManualClock::new(CLOCK));
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let (time, halt, events) = (Arc::clone(&clock), Arc::clone(&stop), Arc::clone(&told));
    let run = move || run_by(&ir, &options, time, &halt, &mut |event| events.lock().unwrap().push(event));
    let thread = Some(std::thread::spawn(run));
    Started { folder, clock, stop, told, thread }
}

impl Started {
    /// Waits until something has been told, or the run has ended.
    fn until(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        let limit = Instant::now() + Duration::from_secs(60);
        while Instant::now() < limit {
            let has_ended = self.thread.as_ref().unwrap().is_finished();
            if self.told.lock().unwrap().iter().any(&wanted) {
                return true;
            }
            if has_ended {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    fn end(&mut self) -> Result<(), LocalError> {
        self.thread.take().unwrap().join().unwrap()
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.end().unwrap();
    }

    fn notes(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().filter_map(|event| if let Event::Note(text) = event { Some(text.clone()) } else { None }).collect()
    }

    fn failures(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter()
            .filter_map(|event| if let Event::JobFailed(text) = event { Some(text.clone()) } else { None })
            .collect()
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("state/lake/report.jsonl")).unwrap_or_default()
    }

    /// Waits until the job's first row says this.
    fn reports(&self, wanted: &str) {
        let limit = Instant::now() + Duration::from_secs(60);
        while !self.report().starts_with(wanted) && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(self.report().starts_with(wanted), "{}", self.report().get(..80).unwrap_or_default());
    }
}

#[test]
fn a_job_runs_once_and_then_by_schedule_with_the_scheduled_time_as_now() {
    let job = r#"
@schedule("1 2 * * *", timezone: "Europe/Berlin")
job nightly { emit sales |> select id, now_ = now to report }"#;
    let mut run = start(&format!("{SALES}{job}"), false);
    assert!(run.until(|event| matches!(event, Event::Ready { .. })));
    // First at T, a microsecond after the last arrival.
    run.reports(r#"{"id":"0","now_":"2026-01-01T00:00:59.000001Z"}"#);
    run.clock.set(CLOCK + 29_000_000);
    std::thread::sleep(Duration::from_millis(60));
    run.reports(r#"{"id":"0","now_":"2026-01-01T00:00:59.000001Z"}"#);
    // Two minutes after midnight UTC in summer; a little late.
    run.clock.set(CLOCK + 30_000_000 + 10);
    run.reports(r#"{"id":"0","now_":"2026-06-01T00:01:00Z"}"#);
    // Its rows lie there a little before the run knows that it has ended.
    std::thread::sleep(Duration::from_millis(300));
    run.clock.advance(24 * 60 * MINUTE);
    run.reports(r#"{"id":"0","now_":"2026-06-02T00:01:00Z"}"#);
    assert_eq!(run.report().lines().count(), 6_000);
    run.stop();
    assert_eq!(run.failures(), Vec::<String>::new());
}

#[test]
fn a_run_that_does_not_reach_an_emit_leaves_its_sink_as_it_was() {
    let job = r#"
sink kept: rows<{ id: string, now_: timestamp }> {}
@schedule("* * * * *")
job nightly {
  if now < 2026-05-01T00:00:00Z {
    emit sales |> select id, now_ = now to kept
  }
  emit sales |> select id, now_ = now to report
}"#;
    let mut run = start(&format!("{SALES}{job}"), false);
    assert!(run.until(|event| matches!(event, Event::Ready { .. })));
    run.reports(r#"{"id":"0","now_":"2026-01-01T00:00:59.000001Z"}"#);
    // Its rows lie there a little before the run knows that it has ended.
    std::thread::sleep(Duration::from_millis(300));
    run.clock.set(CLOCK + 30_000_000 + 10);
    run.reports(r#"{"id":"0","now_":"2026-06-01T00:01:00Z"}"#);
    let kept = std::fs::read_to_string(run.folder.path().join("state/lake/kept.jsonl")).unwrap();
    assert!(kept.starts_with(r#"{"id":"0","now_":"2026-01-01T00:00:59.000001Z"}"#), "{:?}", kept.get(..80));
    run.stop();
    assert_eq!(run.failures(), Vec::<String>::new());
}

#[test]
fn what_a_condition_of_a_job_reads_is_computed_though_nothing_else_reads_it() {
    let job = r"
sink kept: rows<{ id: string }> {}
sink other: rows<{ id: string }> {}
job nightly {
  most = 1 + int(2.5)
  day  = date(now)
  if most > 2 {
    again = most * 2
    if again == 6 { emit sales |> take 3 |> select id to kept } else { emit sales |> select id to other }
  }
  if day < 2026-01-01 { emit sales |> select id to other } else { emit sales |> select id, now_ = now to report }
  model = gbdt(sales, label: amount > 3, trees: 2, depth: 2, features: [amount, n])
  if day == 2026-01-01 { publish model as scorer } else { publish model as never }
}";
    let mut run = start(&format!("{SALES}{job}"), true);
    run.end().unwrap();
    assert_eq!(run.failures(), Vec::<String>::new());
    let lines = |name: &str| std::fs::read_to_string(run.folder.path().join(format!("state/lake/{name}.jsonl")));
    assert_eq!(lines("kept").unwrap().lines().count(), 3);
    assert!(lines("other").is_err(), "no statement that is reached writes it");
    assert_eq!(run.report().lines().count(), 6_000);
    let models: Vec<_> = std::fs::read_dir(run.folder.path().join("state/models")).unwrap().flatten().collect();
    assert!(models.iter().any(|model| model.file_name() == "scorer"), "{models:?}");
    assert!(models.iter().all(|model| model.file_name() != "never"), "{models:?}");
}

#[test]
fn once_means_once() {
    let job = r#"
@schedule("* * * * *")
job nightly { emit sales |> select id, now_ = now to report }"#;
    let mut run = start(&format!("{SALES}{job}"), true);
    run.clock.advance(10 * MINUTE);
    run.end().unwrap();
    assert!(run.report().starts_with(r#"{"id":"0","now_":"2026-01-01T00:00:59.000001Z"}"#), "{}", run.report());
}

/// Trains for far longer than any test lasts, and would write a sink after that.
const LONG: &str = r"
job long {
  model = gbdt(sales, label: amount > 3, trees: 1000, depth: 12, features: [amount, n])
  again = gbdt(sales, label: amount > 2, trees: 1000, depth: 12, features: [amount, n])
  third = gbdt(sales, label: amount > 1, trees: 1000, depth: 12, features: [amount, n])
  publish model as scorer
  emit sales |> select id, now_ = now to report
}";

#[test]
fn a_job_beyond_its_timeout_is_stopped_and_leaves_nothing() {
    let mut run = start(&format!("{SALES}@timeout(30ms){LONG}"), true);
    run.end().unwrap();
    let failures = run.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains("job `long` was stopped") && failures[0].contains("@timeout of 30ms"), "{failures:?}");
    assert_eq!(run.report(), "");
    let published = std::fs::read_dir(run.folder.path().join("state/models")).map_or(0, Iterator::count);
    assert_eq!(published, 0);
    assert!(!run.told.lock().unwrap().iter().any(|event| matches!(event, Event::Model(_))));
}

#[test]
fn a_training_over_the_same_rows_gives_the_version_that_there_is() {
    // The rows of the first run are those of all; the time of the second one makes its model another.
    let job = |label: &str| {
        format!(
            "@schedule(\"* * * * *\")\njob nightly {{\n  model = gbdt(sales, label: {label}, trees: 2, depth: 2, \
             features: [amount, n])\n  publish model as scorer\n}}"
        )
    };
    let versions = |label: &str| {
        let mut run = start(&format!("{SALES}{}", job(label)), false);
        let published = |run: &Started| {
            let told = run.told.lock().unwrap();
            let models =
                told.iter().filter_map(|event| if let Event::Model(model) = event { Some(model) } else { None });
            models.map(|model| model.version).collect::<Vec<_>>()
        };
        for count in 1..=3 {
            let limit = Instant::now() + Duration::from_secs(60);
            while published(&run).len() < count && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(2));
            }
            run.clock.advance(MINUTE);
        }
        run.stop();
        let mut all = published(&run);
        all.truncate(3);
        all
    };
    assert_eq!(versions("amount > 3"), [Some(1), Some(1), Some(1)]);
    assert_eq!(versions("amount > minute(now) mod 3"), [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_failed_attempt_is_tried_again_after_a_growing_wait() {
    let job = r"
@retry(2, backoff: 20ms)
job hopeless {
  none = sales |> where amount > 100
  model = gbdt(none, label: amount > 3, trees: 1, features: [amount])
  publish model as scorer
  emit sales |> select id, now_ = now to report
}";
    let began = Instant::now();
    let mut run = start(&format!("{SALES}{job}"), true);
    run.end().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(60));
    let notes = run.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("no rows") && notes[0].contains("attempt 2 of 3 comes in 20ms"), "{notes:?}");
    assert!(notes[1].contains("attempt 3 of 3 comes in 40ms"), "{notes:?}");
    assert_eq!(run.failures().len(), 1);
    assert_eq!(run.report(), "");
}

#[test]
fn two_runs_of_a_job_never_overlap() {
    let mut run = start(&format!("{SALES}@schedule(\"* * * * *\"){LONG}"), false);
    assert!(run.until(|event| matches!(event, Event::Progress("training", ..))));
    run.clock.advance(MINUTE);
    let left_out = |event: &Event| matches!(event, Event::Note(text) if text.contains("still at work"));
    assert!(run.until(left_out));
    let note = run.notes().into_iter().find(|note| note.contains("still at work")).unwrap();
    assert!(note.contains("`long` was due at 2026-06-01T00:01:00Z"), "{note}");
    run.stop();
    assert_eq!(run.report(), "");
    assert_eq!(run.failures(), Vec::<String>::new());
}

#[test]
fn who_is_stopped_before_the_end_of_history_says_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let ir = compiled(&format!("{SALES}{}", "features by_id by id from sales { n = count() over 1h }\n"));
    let options = RunOptions {
        places: Places { root: folder.path().to_path_buf(), ..Places::default() },
        state: folder.path().join("state"),
        once: true,
        address: None,
        out: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let ready_of = |stops: bool| {
        let mut ready = 0;
        let mut tell = |event| match event {
            // All is applied by then, but whether more comes is not known.
            Event::Progress("applying history", ..) if stops => stop.store(true, Ordering::Relaxed),
            Event::Ready { .. } => ready += 1,
            _ => {}
        };
        run_by(&ir, &options, Arc::new(ManualClock::new(CLOCK)), &stop, &mut tell).unwrap();
        ready
    };
    assert_eq!(ready_of(true), 0);
    let mut log = EmbeddedLog::open(folder.path().join("state/log"), Options::default()).unwrap();
    let mut blocks = Vec::new();
    let task = flow_task::stream::task_of("shop.g1", "shop-features");
    log.blocks(&task, flow_log::Sequence::NONE, 1 << 20, &mut blocks).unwrap();
    assert!(!blocks.is_empty(), "what was applied is committed");
    assert!(blocks.iter().all(|block| !block.frontiers.contains_key(flow_log::block::HISTORY)));
    stop.store(false, Ordering::Relaxed);
    assert_eq!(ready_of(false), 1);
}

#[test]
fn live_events_go_on_while_a_job_trains() {
    let text = r#"
solution live { version: "1.0.0" }
use std.ml.{ gbdt }
use std.simulate.{ cards }
type Payment { id: string, card: string, merchant: string, amount: decimal(12, 2), country: string, at: timestamp }
source payments: stream<Payment> { key: card, time: at, lateness: 30s, unique: id }
sink large: stream<{ id: string, amount: decimal(12, 2) }>
stream watch { emit payments |> select id, amount to large }
job long {
  known = payments |> derive m = minute(at), h = hour(at)
  model = gbdt(known, label: country == "FR", trees: 1000, depth: 12, features: [amount, m, h])
  again = gbdt(known, label: country == "DE", trees: 1000, depth: 12, features: [amount, m, h])
  third = gbdt(known, label: country == "US", trees: 1000, depth: 12, features: [amount, m, h])
  publish model as scorer
}
target local { simulate: cards(seed: 7, rows: 20_000, rate: 2_000) }
"#;
    let mut run = start(text, false);
    assert!(run.until(|event| matches!(event, Event::Progress("training", ..))));
    // 600 events; the training of one model alone takes seconds.
    std::thread::sleep(Duration::from_millis(300));
    run.stop();
    let told = run.told.lock().unwrap();
    assert!(!told.iter().any(|event| matches!(event, Event::Model(_) | Event::JobFailed(_))), "{told:?}");
    let Some(Event::Summary(summary)) = told.last() else { panic!("no summary: {told:?}") };
    let (counts, _) = &summary.sources["payments"];
    assert!(counts.accepted > 20_100, "{counts:?}");
    assert_eq!(summary.sinks["large"], counts.accepted);
}

#[test]
fn a_row_that_a_training_cannot_use_fails_the_job_unless_it_is_tolerated() {
    let ran = |tolerate: &str, label: &str, feature: &str, by: &str| {
        // `f` is beyond the greatest int in the last sale of all.
        let job = format!(
            "{tolerate} job learn {{\n  rows = sales |> derive f = 9_223_372_036_854_769_809 + n\n  \
             parts = split(rows, known: 50%, held: 50%, by: {by})\n  \
             model = gbdt(parts.known, label: {label}, trees: 1, depth: 2, features: [{feature}])\n  \
             measured = evaluate(model, parts.held)\n  publish model as scorer\n}}"
        );
        let mut run = start(&format!("{}{job}", SALES.replace("{ gbdt }", "{ gbdt, evaluate, split }")), true);
        run.end().unwrap();
        (run.failures(), run.notes())
    };
    assert_eq!(ran("", "amount > 3", "n", "id"), Default::default());
    let cases = [
        ("amount > 3", "f", "id", "the feature `f` cannot be computed"),
        ("f > 3", "n", "id", "the label cannot be computed"),
        ("amount > 3", "n", "f", "a key of the split cannot be computed"),
    ];
    for (label, feature, by, wanted) in cases {
        let (failed, notes) = ran("", label, feature, by);
        let said = format!("1 of 6000 rows cannot be computed, the first: offset 5999 of `sales`, {wanted}");
        assert!(failed.iter().any(|text| text.contains(&said)), "{wanted}: {failed:?}");
        assert_eq!(notes, Vec::<String>::new(), "{wanted}");
        let (failed, notes) = ran("@tolerate(0.1%)", label, feature, by);
        assert_eq!(failed, Vec::<String>::new(), "{wanted}");
        assert_eq!(notes, [format!("job `learn`: {said}; @tolerate allows it")], "{wanted}");
    }
}

#[test]
fn what_cannot_be_built_fails_before_the_run_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let job = "job daily(least: int = 1) { emit sales |> where amount > least |> select id, now_ = now to report }";
    let mut ir = (*compiled(&format!("{SALES}{job}"))).clone();
    ir.flows[0].params[0].1 = None;
    let options = RunOptions {
        places: Places { root: folder.path().to_path_buf(), ..Places::default() },
        state: folder.path().join("state"),
        once: true,
        address: None,
        out: None,
    };
    let mut told = Vec::new();
    let clock = Arc::new(ManualClock::new(CLOCK));
    let error = run_by(&Arc::new(ir), &options, clock, &Arc::default(), &mut |event| told.push(event)).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("parameter `least` of job `daily` has no value; give it a default"), "{error}");
    assert!(!told.iter().any(|event| matches!(event, Event::Ready { .. })), "{told:?}");
}

/// The rows of a stream's sink, over a log that gives up the first `aborts` commits.
fn streamed(aborts: u32) -> Vec<Vec<u8>> {
    let text = format!(
        r"{SALES}
features sold by amount from sales {{ before = count() over 1h }}
sink seen: stream<{{ id: string, before: int }}>
stream watch {{ emit sales |> with sold |> select id, before to seen }}"
    );
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let ir = compiled(&text);
    let environment = Environment::new(&ir).unwrap();
    let places = Places { root: folder.path().to_path_buf(), ..Places::default() };
    let (files, tables) = read_all(&environment.names.sources, &places).unwrap();
    let given = BTreeMap::new();
    let parts = Parts {
        ir: &ir,
        names: &environment.names,
        slots: &environment.slots,
        tables: &tables,
        given: &given,
        now: None,
    };
    let path = folder.path().join("log");
    let ahead = Aborts::default();
    let log = AbortingLog::new(EmbeddedLog::open(&path, Options::default()).unwrap(), ahead.clone());
    let store: Arc<MemoryFeatureStore> = Arc::default();
    let [work] = &workers(&deployment(&ir, None))[..] else { panic!("one stream is one worker") };
    let mut setup = setup(parts, work, "g", files, store as _, None).unwrap();
    setup.micro_batch = 100;
    let mut task = StreamTask::open(Box::new(log), setup).unwrap();
    ahead.next(aborts);
    let mut steps = 0;
    while !task.step(Duration::ZERO).unwrap().idle {
        steps += 1;
        assert!(steps < 1_000, "no progress");
    }
    let mut source = EmbeddedLog::open(&path, Options::default()).unwrap().source().unwrap();
    source.assign(&[(PartitionId::new(sink_topic("g", "seen"), 0), Start::Earliest)], &[]).unwrap();
    let (mut rows, mut batches) = (Vec::new(), Vec::new());
    source.poll(Limits { records: usize::MAX, bytes: usize::MAX }, Duration::ZERO, &mut batches).unwrap();
    for batch in &batches {
        rows.extend(batch.iter().map(|(_, _, row)| row.to_vec()));
    }
    rows
}

#[test]
fn a_commit_that_is_given_up_is_made_again_and_counts_once() {
    let calm = streamed(0);
    assert_eq!(calm.len(), 6_000);
    assert_eq!(calm[5_999], br#"{"id":"5999","before":857}"#);
    for aborts in [1, 2, 5] {
        assert_eq!(streamed(aborts), calm, "{aborts}");
    }
}
