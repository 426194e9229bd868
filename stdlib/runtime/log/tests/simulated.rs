//! The simulated log keeps the promises of a log, also while it goes wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::time::Duration;

use flow_log::simulated::{CrashPoint, Faults, Injection, SimulatedLog};
use flow_log::{
    Block, Cut, Limits, Log, LogError, Mark, Outcome, PartitionId, Restored, Sequence, Source, Start, TaskId,
};

fn p() -> PartitionId {
    PartitionId::new("payments", 0)
}

fn task() -> TaskId {
    TaskId::new("alerts", 0)
}

fn new(faults: Faults) -> SimulatedLog {
    let mut log = SimulatedLog::new(1, faults);
    log.create("payments", 1).unwrap();
    log.own(&task()).unwrap();
    log
}

fn block(n: u64) -> Block {
    let cut = Cut([(p(), Mark { next: n as i64, arrived: n as i64 })].into());
    Block { sequence: Sequence(n), cut, ..Block::default() }
}

/// Commits a record and block `n`.
fn commit(log: &mut SimulatedLog, n: u64) -> Outcome {
    let mut t = log.begin().unwrap();
    t.append(&p(), b"k", &n.to_le_bytes(), n as i64).unwrap();
    t.block(&task(), &block(n)).unwrap();
    t.positions(&task(), &block(n).cut).unwrap();
    t.commit()
}

fn read(log: &SimulatedLog) -> Vec<(i64, i64)> {
    let mut source = log.source().unwrap();
    source.assign(&[(p(), Start::Earliest)], &[]).unwrap();
    take(source.as_mut())
}

fn take(source: &mut dyn Source) -> Vec<(i64, i64)> {
    let mut out = Vec::new();
    source.poll(Limits::default(), Duration::ZERO, &mut out).unwrap();
    out.iter().flat_map(|b| b.iter().map(|(r, _, _)| (r.offset, r.stamp))).collect()
}

fn restore(log: &mut SimulatedLog) -> (Restored, Vec<u64>) {
    let mut out = Vec::new();
    let restored = log.blocks(&task(), Sequence::NONE, usize::MAX, &mut out).unwrap();
    (restored, out.iter().map(|b| b.sequence.0).collect())
}

#[test]
fn without_faults_everything_commits() {
    let mut log = new(Faults::default());
    for n in 1..=3 {
        assert_eq!(commit(&mut log, n), Outcome::Committed);
    }
    assert_eq!(read(&log), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(restore(&mut log), (Restored::Complete(Sequence(3)), vec![1, 2, 3]));
    assert_eq!(log.positions(&task()), Ok(Some(block(3).cut)));
}

#[test]
fn an_abort_leaves_no_trace() {
    let mut log = new(Faults::default());
    log.inject(Injection::Abort);
    assert_eq!(commit(&mut log, 1), Outcome::Aborted(LogError::GivenUp));
    assert_eq!((read(&log), restore(&mut log)), (vec![], (Restored::Complete(Sequence::NONE), vec![])));
    assert_eq!(commit(&mut log, 1), Outcome::Committed);
    assert_eq!(read(&log), [(0, 1)]);
}

#[test]
fn a_rebalance_fences_until_the_task_is_taken_again() {
    let mut log = new(Faults::default());
    log.inject(Injection::Rebalance);
    assert_eq!(commit(&mut log, 1), Outcome::Fenced(task()));
    assert_eq!(commit(&mut log, 1), Outcome::Fenced(task()));
    log.own(&task()).unwrap();
    assert_eq!(commit(&mut log, 1), Outcome::Committed);
    let mut other = log.process();
    other.own(&task()).unwrap();
    assert_eq!(commit(&mut log, 2), Outcome::Fenced(task()));
    assert_eq!(commit(&mut other, 2), Outcome::Committed);
}

/// An unknown outcome is resolved to what happened: once if committed, never if not, and nothing begins before.
#[test]
fn an_unknown_outcome_is_resolved_before_anything_else() {
    let mut outcomes = [0; 2];
    for seed in 0..50 {
        for (injection, there) in [(Injection::UnknownCommitted, true), (Injection::UnknownLost, false)] {
            let mut log = SimulatedLog::new(seed, Faults::default());
            log.create("payments", 1).unwrap();
            log.own(&task()).unwrap();
            log.inject(injection);
            assert!(matches!(commit(&mut log, 1), Outcome::Unknown(_)));
            assert_eq!(read(&log).len(), usize::from(there));
            assert!(matches!(log.begin().map(drop), Err(LogError::Unresolved)));
            let outcome = loop {
                match log.resolve().unwrap() {
                    Outcome::Unknown(_) => {}
                    outcome => break outcome,
                }
            };
            let committed = outcome == Outcome::Committed;
            assert!(committed || !there);
            assert_eq!(read(&log).len(), usize::from(committed));
            outcomes[usize::from(committed)] += 1;
            let next = if committed { 2 } else { 1 };
            assert_eq!(commit(&mut log, next), Outcome::Committed);
        }
    }
    assert!(outcomes[0] > 5 && outcomes[1] > 50, "{outcomes:?}");
}

#[test]
fn a_lost_commit_is_not_retried_after_another_took_the_task() {
    for seed in 0..20 {
        let mut log = SimulatedLog::new(seed, Faults::default());
        log.create("payments", 1).unwrap();
        log.own(&task()).unwrap();
        log.inject(Injection::UnknownLost);
        assert!(matches!(commit(&mut log, 1), Outcome::Unknown(_)));
        let mut other = log.process();
        other.own(&task()).unwrap();
        assert_eq!(commit(&mut other, 1), Outcome::Committed);
        assert_eq!(log.resolve(), Ok(Outcome::Fenced(task())));
        assert_eq!(read(&log).len(), 1);
    }
}

/// Case 7: the commit succeeded, its marker is late, another process takes the task.
#[test]
fn a_new_owner_waits_for_a_late_marker_and_misses_nothing() {
    let mut log = new(Faults::default());
    assert_eq!(commit(&mut log, 1), Outcome::Committed);
    log.inject(Injection::LateMarker(3));
    assert_eq!(commit(&mut log, 2), Outcome::Committed);
    let mut other = log.process();
    other.own(&task()).unwrap();
    let mut waited = 0;
    let mut blocks = Vec::new();
    let mut at = Sequence::NONE;
    loop {
        match other.blocks(&task(), at, usize::MAX, &mut blocks).unwrap() {
            Restored::Complete(_) => break,
            Restored::Waiting(done) => {
                assert_eq!(done, Sequence(1));
                waited += 1;
                at = done;
            }
            Restored::More(done) => at = done,
        }
    }
    assert_eq!(waited, 3);
    assert_eq!(blocks, [block(1), block(2)]);
    assert_eq!(other.positions(&task()), Ok(Some(block(2).cut)));
    assert_eq!(commit(&mut other, 3), Outcome::Committed);
}

/// An owner that did not wait would write a block that is there already: it is refused.
#[test]
fn an_owner_that_does_not_wait_cannot_commit() {
    let mut log = new(Faults::default());
    log.inject(Injection::LateMarker(1_000));
    assert_eq!(commit(&mut log, 1), Outcome::Committed);
    assert_eq!(read(&log), []);
    let mut other = log.process();
    other.own(&task()).unwrap();
    let gap = LogError::Gap { task: task(), expected: Sequence(2), found: Sequence(1) };
    assert_eq!(commit(&mut other, 1), Outcome::Aborted(gap));
    log.settle();
    assert_eq!(restore(&mut other), (Restored::Complete(Sequence(1)), vec![1]));
    assert_eq!(read(&other), [(0, 1)]);
}

#[test]
fn a_process_that_died_does_nothing_more_and_what_it_committed_stays() {
    for (point, there) in [(CrashPoint::BeforeCommit, 0), (CrashPoint::AfterCommit, 1)] {
        let mut log = new(Faults::default());
        log.crash_at(point, 1);
        let mut source = log.source().unwrap();
        source.assign(&[(p(), Start::Earliest)], &[]).unwrap();
        assert_eq!(commit(&mut log, 1), Outcome::Unknown(LogError::Crashed));
        assert!(log.crashed());
        assert_eq!(log.begin().map(drop), Err(LogError::Crashed));
        assert_eq!(log.resolve(), Err(LogError::Crashed));
        assert_eq!(source.poll(Limits::default(), Duration::ZERO, &mut Vec::new()), Err(LogError::Crashed));
        let mut next = log.process();
        next.own(&task()).unwrap();
        while !matches!(restore(&mut next).0, Restored::Complete(_)) {}
        assert_eq!(restore(&mut next).1.len(), there);
        assert_eq!(read(&next).len(), there);
        assert_eq!(next.passed(CrashPoint::BeforeCommit), 1);
    }
}

#[test]
fn the_same_seed_goes_wrong_in_the_same_way() {
    let run = |seed| {
        let mut log = SimulatedLog::new(seed, Faults { crash: 0, ..Faults::all() });
        log.create("payments", 1).unwrap();
        (0..200)
            .map(|_| {
                log.own(&task()).unwrap();
                let mut t = log.begin().unwrap();
                t.append(&p(), b"", b"", 0).unwrap();
                t.positions(&task(), &Cut::default()).unwrap();
                let outcome = t.commit();
                while matches!(log.begin().map(drop), Err(LogError::Unresolved)) {
                    log.resolve().unwrap();
                }
                (outcome, read(&log).len())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_source_reads_from_anywhere() {
    let mut log = new(Faults::default());
    for n in 1..=5 {
        commit(&mut log, n);
    }
    let mut source = log.source().unwrap();
    source.assign(&[(p(), Start::Since(3))], &[]).unwrap();
    assert_eq!(source.progress(&p()).unwrap().arrived, 2);
    assert_eq!(take(source.as_mut()), [(2, 3), (3, 4), (4, 5)]);
    source.rewind(&block(4).cut).unwrap();
    source.pause(&p(), true);
    assert_eq!(take(source.as_mut()), []);
    source.pause(&p(), false);
    assert_eq!(take(source.as_mut()), [(4, 5)]);
    assert!(source.progress(&p()).unwrap().at_end);
    let beyond = source.rewind(&block(9).cut);
    assert_eq!(beyond, Err(LogError::OutOfRange { partition: p(), asked: 9, end: 5 }));
}
