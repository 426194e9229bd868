//! Names that nobody else draws.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A part of a file's name that no other process, thread or call draws. The number of a process is none: in containers
/// each of them is the first.
#[must_use]
pub fn unique() -> String {
    format!("{:016x}", number())
}

/// A number from the keys that the standard library draws for its maps.
#[must_use]
pub fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn each_call_of_each_thread_draws_another() {
        let draws = || (0..1000).map(|_| super::unique()).collect::<Vec<String>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draws)).collect();
        let drawn: BTreeSet<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.len(), 4000);
    }
}
