//! Keyed state against two maps: what is there now, and what was there at the last commit.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

use std::collections::BTreeMap;

use flow_operators::state::{Keyed, StateWriter};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u32),
    Remove(u8),
    /// With or without the commit that follows.
    Freeze(bool),
    Rollback,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, any::<u32>()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => (0u8..6).prop_map(Step::Remove),
        1 => any::<bool>().prop_map(Step::Freeze),
        1 => Just(Step::Rollback),
    ]
}

type Values = BTreeMap<u8, u32>;

/// The key that these bytes are.
fn key(bytes: &[u8]) -> u8 {
    u8::from_le_bytes(bytes.try_into().unwrap())
}

fn there(state: &Keyed<u32>) -> Values {
    state.iter().map(|(slot, value)| (key(state.key(slot)), *value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_frozen_is_what_changed_and_a_rollback_returns(steps in proptest::collection::vec(step(), 0..60)) {
        let mut state = Keyed::default();
        let (mut now, mut committed, mut staged) = (Values::new(), Values::new(), Values::new());
        let mut out = StateWriter::default();
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    let slot = state.intern(&[key]);
                    if let Some(place) = state.change(slot, || 0) {
                        *place = value;
                    }
                    now.insert(key, value);
                }
                Step::Remove(key) => {
                    if let Some(slot) = state.lookup(&[key]) {
                        state.remove(slot);
                    }
                    now.remove(&key);
                }
                Step::Freeze(commits) => {
                    out.clear();
                    state.freeze(&mut out, |value, bytes| bytes.extend(value.to_le_bytes()));
                    for (bytes, value) in out.iter() {
                        match value {
                            Some(value) => staged.insert(key(bytes), u32::from_le_bytes(value.try_into().unwrap())),
                            // Nobody is told of a key that he never knew.
                            None => Some(staged.remove(&key(bytes)).unwrap()),
                        };
                    }
                    prop_assert_eq!(&staged, &now);
                    if commits {
                        state.commit();
                        committed.clone_from(&now);
                    }
                }
                Step::Rollback => {
                    state.rollback().unwrap();
                    now.clone_from(&committed);
                    staged.clone_from(&committed);
                }
            }
            prop_assert_eq!(there(&state), now.clone());
            for key in 0..6 {
                let held = state.lookup(&[key]).and_then(|slot| state.get(slot));
                prop_assert_eq!(held, now.get(&key));
            }
        }
    }
}

/// Ids that are forgotten before the next commit take no room until then.
#[test]
fn a_key_that_came_and_went_leaves_its_place_to_the_next() {
    let mut state = Keyed::default();
    let old = state.intern(b"old");
    state.change(old, || 1);
    state.commit();
    let mut come_and_go = |key: &[u8]| {
        let slot = state.intern(key);
        state.change(slot, || 2);
        state.remove(slot);
        slot
    };
    assert_eq!(come_and_go(b"one"), come_and_go(b"two"));
    // What the last commit has may come back.
    assert_eq!(come_and_go(b"old"), old);
    assert_ne!(come_and_go(b"three"), old);
    state.rollback().unwrap();
    assert_eq!(state.iter().map(|(slot, value)| (state.key(slot), *value)).collect::<Vec<_>>(), [(&b"old"[..], 1)]);
}
