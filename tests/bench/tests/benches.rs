//! Every bench in its small size: its answers are right, and it has not rotted. Its figures mean nothing here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use fec_bench::{BENCHES, Size};

fn figures(name: &str) -> usize {
    let bench = BENCHES.iter().find(|bench| bench.name == name).unwrap();
    let figures = (bench.run)(Size::Small).unwrap();
    assert!(figures.iter().all(|figure| figure.value.is_finite() && figure.value > 0.0), "{figures:?}");
    figures.len()
}

#[test]
fn a_generated_solution_compiles() {
    assert_eq!(figures("frontend"), 7);
}

#[test]
fn features_are_those_computed_by_hand() {
    assert_eq!(figures("events"), 6);
}

#[test]
fn both_servers_decide() {
    assert_eq!(figures("service"), 2);
}
