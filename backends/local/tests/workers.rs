//! The same log with one process and with eight, batches of 1 and of 8,192, killed at random: output, dead letters and
//! state are the same bytes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_local::data::History;
use fec_local::dataflow::Parts;
use fec_local::environment::Environment;
use fec_local::output;
use fec_local::specs::{self, fingerprint};
use fec_local::state::StateFolder;
use fec_local::stream::setup;
use fec_local::tables::Tables;
use fec_model::{CheckOptions, check};
use fec_plan::{Work, deployment, workers};
use flow_core::calendar::write_timestamp;
use flow_core::key::partition;
use flow_log::archive::FolderLake;
use flow_log::embedded::{EmbeddedLog, Options};
use flow_log::snapshot::whole;
use flow_log::{Log, LogError, Outcome, PartitionId, Sequence};
use flow_store::MemoryFeatureStore;
use flow_task::RunError;
use flow_task::snapshots::Snapshots;
use flow_task::stream::{StreamTask, task_of};

/// Three streams over two feature sets and a view that keeps rows by key, which are taken back: two of them write to one sink with a key, all of them and a feature have rows
/// that cannot be computed or written.
const SHOP: &str = r#"
solution shop { version: "1.0.0" }
type Sale { id: string, card: string, shop: string, amount: int, at: timestamp }
source sales:   stream<Sale> { key: card, time: at, lateness: 30s, unique: id }
source refunds: stream<{ sale: string, at: timestamp }> { key: sale, time: at, lateness: 1m }
features by_card by card from sales { n_1h = count() over 1h, spent_1h = sum(amount) over 1h }
features by_shop by shop from sales { sold_1h = sum(9_223_372_036_854_775_000 + amount) over 1h }
view unsure: table<{ card: string, id: string, back: bool, share: int }> key card = sales
  |> left join refunds as r on id == r.sale within 10m
  |> where r == null or amount > 50
  |> select card, id, back = r != null, share = 9_223_372_036_854_775_000 + amount
sink busy:     stream<{ id: string, n_1h: int, share: int, before: string?, back: bool? }> {}
sink top:      table<{ card: string, id: string, spent_1h: int }> key card {}
sink outcomes: stream<{ id: string, refunded: bool, share: int }> {}
stream bursts {
  emit sales
    |> with by_card
    |> left join unsure as u on card == u.card
    |> where n_1h > 1
    |> select id, n_1h, share = 9_223_372_036_854_775_000 + amount, before = u.id, back = u.back to busy
}
stream spenders {
  emit sales |> with by_card |> with by_shop |> where spent_1h > 100 |> select card, id, spent_1h to top
}
stream unpaid {
  emit sales
    |> left join refunds as r on id == r.sale within 10m
    |> final
    |> select id, refunded = r != null, share = 9_223_372_036_854_775_000 + amount to outcomes
  emit sales |> where amount == 7 |> select card, id, spent_1h = amount to top
}
"#;

/// 2026-01-01T00:00:00Z
const NEW_YEAR: i64 = 1_767_225_600_000_000;
const PARTITIONS: u32 = 4;
/// Batches and commits of the run that nothing disturbs, and that keeps its whole changelog.
const WHOLE: (usize, usize) = (1_024, 50_000);
/// What tells a process of this test that it is a worker: the folder, its number, rows in a batch, rows in a commit.
const WORKER: &str = "FEC_TEST_WORKER";

struct Shop {
    ir: Ir,
    environment: Environment,
    works: Vec<Work>,
}

fn shop() -> Shop {
    let parsed = fec_syntax::parse(FileId(0), SHOP);
    let (model, found) = check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let wrong: Vec<_> = parsed.diagnostics.iter().chain(&found).filter(|one| one.is_error()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let ir = optimise(lower(model)).0;
    let environment = Environment::new(&ir).unwrap();
    let works = workers(&deployment(&ir, None));
    Shop { ir, environment, works }
}

/// A log of short segments, so that changelogs can lose their first ones.
fn log(folder: &Path) -> EmbeddedLog {
    let options = Options { segment_bytes: 16 << 10, ..Options::default() };
    EmbeddedLog::open(folder.join("log"), options).unwrap()
}

fn lake(folder: &Path) -> FolderLake {
    FolderLake::open(&folder.join("lake")).unwrap()
}

/// A snapshot after every 30 KB of changes.
fn snapshots(folder: &Path) -> Snapshots {
    let root = folder.to_path_buf();
    Snapshots::new(move || Ok((Box::new(log(&root)), Box::new(lake(&root)))), 30_000)
}

fn folder(shop: &Shop, root: &Path) -> StateFolder {
    StateFolder::open(root, "shop", &fingerprint(&shop.ir).unwrap()).unwrap().0
}

impl Shop {
    fn open(&self, root: &Path, work: &Work, (batch, commit): (usize, usize)) -> Result<StreamTask, RunError> {
        let snapshots = (commit != WHOLE.1).then(|| snapshots(root));
        let (tables, given) = (Tables::default(), BTreeMap::new());
        let Environment { names, slots } = &self.environment;
        let parts = Parts { ir: &self.ir, names, slots, tables: &tables, given: &given, now: None };
        let store = Arc::new(MemoryFeatureStore::new());
        let mut setup = setup(parts, work, &folder(self, root).generation(), History::default(), store, snapshots)?;
        (setup.micro_batch, setup.commit_rows) = (batch, commit);
        StreamTask::open(Box::new(log(root)), setup)
    }

    /// Runs every task that is free to the end of the log, until all of them are there.
    fn work(&self, root: &Path, number: usize, sizes: (usize, usize)) {
        let mut left: Vec<&Work> = self.works.iter().collect();
        left.rotate_left(number % self.works.len());
        while !left.is_empty() {
            left.retain(|work| match self.open(root, work, sizes) {
                Ok(mut task) => {
                    task.catch_up(&mut |_| {}, &AtomicBool::new(false)).unwrap();
                    let at = task.arrived().unwrap() + 1;
                    task.history_applied(at).unwrap();
                    task.close();
                    false
                }
                Err(RunError::Log(LogError::Owned { .. })) => true,
                Err(error) => panic!("{error}"),
            });
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What is committed: sinks and dead letters as files, and the state of each task.
    fn committed(&self, root: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut log = log(root);
        let (state, out) = (folder(self, root), root.join("out"));
        let sinks = specs::sinks(&self.ir, &self.environment.names.enums);
        let sources = &self.environment.names.sources;
        output::finish(&mut log, (sources, &sinks), &state, &BTreeMap::new(), Some(&out)).unwrap();
        let mut found = BTreeMap::new();
        for part in ["sinks", "dead"] {
            for file in std::fs::read_dir(out.join(part)).unwrap() {
                let path = file.unwrap().path();
                let name = format!("{part}/{}", path.file_name().unwrap().to_string_lossy());
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
        for work in &self.works {
            let task = task_of(&state.generation(), &work.name);
            let state = whole(&mut log, &lake(root), &task).unwrap();
            let state: Vec<_> = state.writes.iter().collect();
            found.insert(format!("state/{}", work.name), format!("{state:?}").into_bytes());
        }
        found
    }
}

/// Sales and refunds: some late, repeated, unreadable, too great to be computed with.
fn produce(root: &Path, events: u64) {
    let mut log = log(root);
    for topic in ["sales", "refunds"] {
        log.create(topic, PARTITIONS).unwrap();
    }
    let mut transaction = log.begin().unwrap();
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for number in 0..events {
        let arrived = NEW_YEAR + i64::try_from(number).unwrap() * 400_000;
        let late = i64::try_from(next(if number % 50 == 0 { 90 } else { 20 })).unwrap() * 1_000_000;
        let at = instant(arrived - late);
        let (card, id) = (format!("c{}", next(40)), if next(30) == 0 { number / 2 } else { number });
        let amount = if next(25) == 0 { 900 } else { next(20) };
        let sale = match next(60) {
            0 => "{\"id\":".to_owned(),
            _ => format!(
                "{{\"id\":\"{id}\",\"card\":\"{card}\",\"shop\":\"s{}\",\"amount\":{amount},\"at\":\"{at}\"}}",
                next(5)
            ),
        };
        let place = |topic: &str, key: &str| PartitionId::new(topic, partition(key.as_bytes(), PARTITIONS));
        transaction.append(&place("sales", &card), card.as_bytes(), sale.as_bytes(), arrived).unwrap();
        if next(3) == 0 {
            let key = next(number + 1).to_string();
            let refund = format!("{{\"sale\":\"{key}\",\"at\":\"{at}\"}}");
            transaction.append(&place("refunds", &key), key.as_bytes(), refund.as_bytes(), arrived).unwrap();
        }
    }
    assert_eq!(transaction.commit(), Outcome::Committed);
}

fn instant(at: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(&mut text, at);
    String::from_utf8(text).unwrap()
}

fn spawn(root: &Path, number: usize, (batch, commit): (usize, usize)) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_worker_of_this_test"])
        .env(WORKER, format!("{}|{number}|{batch}|{commit}", root.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs `count` processes over the log, kills each `kills` times at random, and lets the next ones end.
fn killed(shop: &Shop, root: &Path, count: usize, sizes: (usize, usize), kills: u64) -> BTreeMap<String, Vec<u8>> {
    produce(root, 3_000);
    folder(shop, root).save().unwrap();
    let mut random = 2_463_534_242_u64 + count as u64;
    for _ in 0..kills {
        let mut running: Vec<Child> = (0..count).map(|number| spawn(root, number, sizes)).collect();
        for child in &mut running {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_millis(random % (160 / count as u64)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let running: Vec<Child> = (0..count).map(|number| spawn(root, number, sizes)).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    shop.committed(root)
}

/// Not a test of its own: a process that the test below starts.
#[test]
fn a_worker_of_this_test() {
    let Ok(told) = std::env::var(WORKER) else { return };
    let parts: Vec<&str> = told.split('|').collect();
    let [root, number, batch, commit] = parts.as_slice() else { panic!("{told}") };
    let sizes = (batch.parse().unwrap(), commit.parse().unwrap());
    shop().work(&PathBuf::from(root), number.parse().unwrap(), sizes);
}

#[test]
fn processes_batches_and_kills_change_nothing() {
    let shop = shop();
    assert_eq!(shop.works.iter().filter(|work| work.keeps_features).count(), 1);
    assert_eq!(shop.works.len(), 4);
    let undisturbed = tempfile::tempdir().unwrap();
    produce(undisturbed.path(), 3_000);
    folder(&shop, undisturbed.path()).save().unwrap();
    shop.work(undisturbed.path(), 0, WHOLE);
    let expected = shop.committed(undisturbed.path());
    for file in ["sinks/busy.jsonl", "sinks/top.jsonl", "sinks/outcomes.jsonl", "dead/sales.jsonl"] {
        assert!(expected[file].len() > 500, "{file} has {} bytes", expected[file].len());
    }
    let letters = String::from_utf8(expected["dead/sales.jsonl"].clone()).unwrap();
    for flow in ["sales", "bursts", "by_shop"] {
        assert!(letters.contains(&format!("\"flow\":\"{flow}\"")), "no letter of {flow}");
    }
    assert!(letters.contains("sold_1h` needs a cell that cannot be had"), "no letter names its column");
    let mut once: Vec<&str> = letters.lines().collect();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), letters.lines().count(), "a letter was written twice");
    for (count, sizes, kills) in [(1, (1, 100), 6), (1, (8_192, 700), 4), (8, (1, 100), 3), (8, (8_192, 700), 3)] {
        let root = tempfile::tempdir().unwrap();
        let found = killed(&shop, root.path(), count, sizes, kills);
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{name} differs with {count} processes and batches of {sizes:?}");
        }
        let begins = |work: &Work| {
            let task = task_of(&folder(&shop, root.path()).generation(), &work.name);
            log(root.path()).blocks(&task, Sequence::NONE, 1, &mut Vec::new())
        };
        let shorter = shop.works.iter().filter(|work| matches!(begins(work), Err(LogError::Forgotten { .. }))).count();
        assert!(shorter > 0 || sizes.1 > 100, "no changelog has lost its first blocks");
    }
}
