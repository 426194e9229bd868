//! What a simulated log does wrong, and how often.

/// How often things go wrong, each in thousandths of the occasions. [`Faults::default`] is a log without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// A commit is given up by the log: [`Outcome::Aborted`](crate::Outcome::Aborted).
    pub abort: u16,
    /// A commit's outcome is unknown; whether it is there is decided by a coin.
    pub unknown: u16,
    /// Another owner has just taken one of the transaction's tasks: [`Outcome::Fenced`](crate::Outcome::Fenced).
    pub rebalance: u16,
    /// A commit's marker reaches a partition or a changelog only some reads later.
    pub late_marker: u16,
    /// A poll hands out fewer records than it could, or none.
    pub short_poll: u16,
    /// The process dies at a [`CrashPoint`], whichever comes.
    pub crash: u16,
}

impl Faults {
    /// Everything goes wrong now and then.
    #[must_use]
    pub fn all() -> Self {
        Self { abort: 60, unknown: 60, rebalance: 20, late_marker: 150, short_poll: 300, crash: 30 }
    }
}

/// A moment at which a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CrashPoint {
    /// The transaction is written, not committed.
    BeforeCommit,
    /// The transaction is committed; its state changes are not in the store.
    AfterCommit,
    /// A store has begun to take in a block.
    InsideApply,
    /// One store has the block, the next has not.
    BetweenStores,
}

impl CrashPoint {
    /// Every crash point, in the order in which a commit passes them.
    pub const ALL: [Self; 4] = [Self::BeforeCommit, Self::AfterCommit, Self::InsideApply, Self::BetweenStores];
}

/// What the next commit shall do, whatever the dice say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// It succeeds.
    Commit,
    /// It is given up by the log.
    Abort,
    /// Its outcome is unknown, and it is in the log.
    UnknownCommitted,
    /// Its outcome is unknown, and it is not in the log.
    UnknownLost,
    /// Its first task has just been taken by another owner.
    Rebalance,
    /// It succeeds, and its markers are seen only after this many reads of the log.
    LateMarker(u64),
}

/// A seeded stream of random numbers (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`, 0 if `n` is 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).checked_rem(n).unwrap_or(0)
    }

    /// True in `thousandths` of 1,000 cases.
    pub(super) fn happens(&mut self, thousandths: u16) -> bool {
        self.below(1_000) < u64::from(thousandths)
    }
}
