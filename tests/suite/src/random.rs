//! Random numbers from a seed: SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).

/// A generator.
#[derive(Debug, Clone)]
pub struct Random(u64, bool);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x6173_6f6c, false)
    }

    /// Lets programs have what the generator learnt later, or not.
    pub fn set_rich(&mut self, rich: bool) {
        self.1 = rich;
    }

    /// Whether programs have it.
    #[must_use]
    pub fn is_rich(&self) -> bool {
        self.1
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number from 0 to below `bound`; 0 where `bound` is not above zero.
    pub fn below(&mut self, bound: i64) -> i64 {
        let bound = u64::try_from(bound).unwrap_or(0).max(1);
        i64::try_from(self.next() % bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of cases.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    /// One of the items, which are not none.
    ///
    /// # Panics
    /// Where there is no item.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the length; an empty list is a mistake of the test"
    )]
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        let at = self.below(i64::try_from(items.len()).unwrap_or(i64::MAX));
        &items[usize::try_from(at).unwrap_or(0)]
    }

    /// Puts the items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(i64::try_from(at + 1).unwrap_or(1));
            items.swap(at, usize::try_from(other).unwrap_or(0));
        }
    }
}
