//! What is due, what waits and what has been done, step by step: the clock stands where a test puts it.

use std::path::Path;

use flow_log::ManualClock;
use flow_serve::Reads;
use flow_store::MemoryFeatureStore;
use flow_task::at_rest::Present;

use super::*;
use crate::data::{Places, read_all};
use crate::run::tests::compiled;
use crate::specs;
use crate::state::StateFolder;

/// 2026-06-01T00:00:30Z
const CLOCK: i64 = 1_780_272_030_000_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

const SHOP: &str = r#"
solution shop { version: "1.0.0" }
use std.ml.{ gbdt }
type Sale { id: string, amount: int, at: timestamp }
source sales: stream<Sale> { time: at, file: "sales.jsonl" }
sink first: rows<{ id: string, now_: timestamp }>
sink second: rows<{ id: string }>
@schedule("* * * * *")
job one { emit sales |> select id, now_ = now to first }
@schedule("*/2 * * * *")
job two { emit sales |> select id to second }
@schedule("0 0 29 2 *")
job rare {
  model = gbdt(sales, label: amount > 3, features: [amount], trees: 2, depth: 2)
  publish model as scorer
}
"#;

/// The jobs of a run, and what they are driven with.
struct Bench {
    jobs: Jobs,
    state: StateFolder,
    clock: Arc<ManualClock>,
    reads: LiveReads,
    notes: Vec<String>,
}

/// Begins a run over `sales.jsonl` in `root`, with its state beside it.
fn begun(root: &Path) -> Bench {
    let ir = compiled(SHOP);
    let environment = Environment::new(&ir).unwrap();
    let sources = Arc::clone(&environment.names.sources);
    let (mut state, _) = StateFolder::open(&root.join("state"), "shop", "plan").unwrap();
    let mut log = EmbeddedLog::open(state.log(), Options::default()).unwrap();
    let places = Places { root: root.to_path_buf(), ..Places::default() };
    let (files, tables) = read_all(&sources, &places).unwrap();
    let tables = Arc::new(tables.complete().unwrap());
    let present = Present { sources: &sources, places: &places, files: &files, tables: &tables };
    state.reads(&["worker"], &present, &mut log).unwrap();
    let registry = Arc::new(Registry::new(state.models()));
    let store = Arc::new(MemoryFeatureStore::new());
    let reads = LiveReads::new(store, Arc::clone(&registry), vec!["scorer".to_owned()]);
    let fingerprint = |flow: &FlowPlan| (flow.path.clone(), specs::job_fingerprint(&ir, flow).unwrap());
    let fingerprints = job::jobs(&ir).map(fingerprint).collect();
    let folder = state.clone();
    let writing = std::sync::Mutex::default();
    let shared = Shared { ir, environment, files, tables, registry, folder, fingerprints, writing };
    let clock = Arc::new(ManualClock::new(CLOCK));
    let jobs = Jobs::new(Arc::new(shared), Arc::clone(&clock) as _).unwrap();
    Bench { jobs, state, clock, reads, notes: Vec::new() }
}

fn sales(root: &Path, times: &[&str]) {
    let row = |time: &&str| format!("{{\"id\":\"{time}\",\"amount\":{},\"at\":\"2026-01-01T{time}Z\"}}\n", time.len());
    std::fs::write(root.join("sales.jsonl"), times.iter().map(row).collect::<String>()).unwrap();
}

impl Bench {
    /// The instant up to which a job reads that falls due: none of its rows has that time, and none has that of its `now`.
    fn inputs(due: i64) -> Inputs {
        Inputs { at: due - 7, cut: Cut::default() }
    }

    fn begin(&mut self, at: i64) -> Vec<String> {
        self.jobs.begin(&Inputs { at, cut: Cut::default() }, &mut self.state).unwrap();
        self.waiting().into_iter().map(|(job, ..)| job).collect()
    }

    fn schedule(&mut self) {
        self.jobs.schedule();
    }

    /// What is due once the clock has gone on.
    fn due(&mut self, after: i64) {
        self.clock.advance(after);
        let notes = &mut self.notes;
        self.jobs.due(&Self::inputs, &mut |event| notes.extend(noted(event)));
    }

    /// Each job that waits, the instant up to which it reads, and its `now`.
    fn waiting(&self) -> Vec<(String, i64, i64)> {
        self.jobs.waiting.iter().map(|due| (due.job.clone(), due.inputs.at, due.now)).collect()
    }

    /// Lets all that waits and runs come to its end.
    fn work(&mut self) {
        let (notes, reads) = (&mut self.notes, &self.reads);
        let mut tell = |event: Event| {
            if matches!(event, Event::Model(_)) {
                assert!(reads.model("scorer").is_some(), "who hears of a model finds it");
            }
            notes.extend(noted(event));
        };
        while !self.jobs.idle() {
            self.jobs.poll(Duration::from_millis(5), &Self::inputs, &mut self.state, reads, &mut tell).unwrap();
        }
    }

    fn lines(&self, sink: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.state.rows(sink)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn noted(event: Event) -> Option<String> {
    match event {
        Event::Note(text) | Event::JobFailed(text) => Some(text),
        _ => None,
    }
}

#[test]
fn of_times_that_were_slept_through_the_last_counts() {
    let root = tempfile::tempdir().unwrap();
    sales(root.path(), &["00:00:01"]);
    let mut bench = begun(root.path());
    bench.schedule();
    assert_eq!(bench.notes, Vec::<String>::new());
    bench.due(30 * SECOND - 1);
    assert_eq!(bench.waiting(), []);
    bench.due(1);
    let at = |minute: i64| CLOCK + 30 * SECOND + (minute - 1) * MINUTE;
    let wanted = |job: &str, due: i64| (job.to_owned(), due - 7, due);
    assert_eq!(bench.waiting(), [wanted("one", at(1))], "at the very instant");
    bench.due(MINUTE);
    assert_eq!(bench.waiting(), [wanted("one", at(1)), wanted("two", at(2))], "the first one waits still");
    assert_eq!(bench.notes.len(), 1, "{:?}", bench.notes);
    assert!(bench.notes[0].contains("`one` was due at 2026-06-01T00:02:00Z"), "{:?}", bench.notes);
    bench.jobs.waiting.clear();
    bench.due(3 * MINUTE + 10 * SECOND);
    assert_eq!(bench.waiting(), [wanted("one", at(5)), wanted("two", at(4))]);
    bench.jobs.waiting.clear();
    bench.due(49 * SECOND);
    assert_eq!(bench.waiting(), [], "no time comes again");
    bench.due(SECOND);
    assert_eq!(bench.waiting(), [wanted("one", at(6)), wanted("two", at(6))]);
}

#[test]
fn first_runs_go_one_after_the_other_and_later_ones_beside_each_other() {
    let root = tempfile::tempdir().unwrap();
    sales(root.path(), &["00:00:01", "00:00:09"]);
    let mut bench = begun(root.path());
    assert_eq!(bench.begin(CLOCK), ["one", "two", "rare"]);
    for left in [2, 1, 0] {
        bench.jobs.start().unwrap();
        bench.jobs.start().unwrap();
        assert_eq!((bench.jobs.running.len(), bench.jobs.waiting.len()), (1, left));
        while !bench.jobs.running.is_empty() {
            let Told::Ended(job, result) = bench.jobs.told.recv().unwrap() else { continue };
            bench.jobs.ended(&job, *result, &mut bench.state, &bench.reads, &mut |_| {}).unwrap();
        }
    }
    bench.schedule();
    bench.due(MINUTE + 30 * SECOND);
    bench.jobs.start().unwrap();
    assert_eq!((bench.jobs.running.len(), bench.jobs.waiting.len()), (2, 0));
    bench.due(MINUTE);
    assert!(bench.notes.iter().any(|note| note.contains("`one` was due at 2026-06-01T00:03:00Z")), "{:?}", bench.notes);
    bench.work();
    assert!(bench.lines("first").iter().all(|row| row.ends_with("\"now_\":\"2026-06-01T00:02:00Z\"}")));
    assert_eq!(bench.lines("first").len(), 2);
}

#[test]
fn what_has_worked_on_what_is_there_does_not_run_again() {
    let root = tempfile::tempdir().unwrap();
    sales(root.path(), &["00:00:01", "00:00:09"]);
    let mut bench = begun(root.path());
    bench.begin(CLOCK);
    bench.work();
    assert_eq!(bench.notes, Vec::<String>::new());
    assert_eq!((bench.lines("first").len(), bench.lines("second").len()), (2, 2));
    assert_eq!(begun(root.path()).begin(CLOCK), Vec::<String>::new());
    assert_eq!(begun(root.path()).begin(CLOCK + 1), ["one", "two", "rare"], "more has arrived");
    // One more of the last instant begins no new generation, and none before it; it was not there all the same.
    sales(root.path(), &["00:00:01", "00:00:09", "00:00:09"]);
    let mut bench = begun(root.path());
    assert_eq!((bench.begin(CLOCK).len(), bench.state.generation().as_str()), (3, "shop.g1"));
    bench.work();
    assert_eq!(begun(root.path()).begin(CLOCK), Vec::<String>::new());
    // A record that arrives within what was there does.
    sales(root.path(), &["00:00:01", "00:00:05", "00:00:09", "00:00:09"]);
    let mut bench = begun(root.path());
    assert_eq!((bench.begin(CLOCK).len(), bench.state.generation().as_str()), (3, "shop.g2"));
}

#[test]
fn a_job_of_another_form_runs_again_and_what_it_wrote_goes_before() {
    let root = tempfile::tempdir().unwrap();
    sales(root.path(), &["00:00:01"]);
    let mut bench = begun(root.path());
    bench.begin(CLOCK);
    bench.work();
    drop(bench);
    let mut bench = begun(root.path());
    let shared = Arc::get_mut(&mut bench.jobs.shared).unwrap();
    shared.fingerprints.insert("two".to_owned(), "another".to_owned());
    assert_eq!(bench.begin(CLOCK), ["two"]);
    assert_eq!((bench.lines("first").len(), bench.lines("second").len()), (1, 0), "before it has run");
    bench.work();
    assert_eq!((bench.lines("first").len(), bench.lines("second").len()), (1, 1));
}
