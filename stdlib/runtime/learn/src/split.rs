//! Telling training rows from test rows by a hash of a key, so that all rows of one key land on one side.

/// The key's place in `[0, 1)`: 64-bit FNV-1a, mixed by MurmurHash3's finaliser, its upper 53 bits as a fraction. This
/// function never changes: a split made years ago must be found again.
#[must_use]
pub fn bucket(key: &[u8]) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The part that a key falls into, among parts that take `shares` of the keys: 0.8 for 80 %. Shares that add up to 1
/// within rounding take every key; those that add up to less leave some keys out.
#[must_use]
pub fn part(key: &[u8], shares: &[f64]) -> Option<usize> {
    let place = bucket(key);
    let mut end = 0.0;
    for (position, share) in shares.iter().enumerate() {
        end += share;
        if place < end {
            return Some(position);
        }
    }
    (end > 1.0 - 1e-9).then(|| shares.len().checked_sub(1)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_pinned() {
        let places = ["", "c0", "c1", "card-17"].map(|key| bucket(key.as_bytes()));
        assert_eq!(places, [0.93676944839044, 0.18088634066343845, 0.29226838535598687, 0.5291255795060058]);
    }

    #[test]
    fn shares_are_kept_and_rows_of_a_key_stay_together() {
        let keys: Vec<String> = (0..100_000).map(|i| format!("c{i}")).collect();
        let parts: Vec<Option<usize>> = keys.iter().map(|key| part(key.as_bytes(), &[0.8, 0.2])).collect();
        assert!(parts.iter().all(Option::is_some));
        let train = parts.iter().filter(|part| **part == Some(0)).count();
        assert!((79_500..80_500).contains(&train), "{train} of 100,000 are in training");
        assert_eq!(part(b"c1", &[0.8, 0.2]), part(b"c1", &[0.8, 0.2]));
    }

    #[test]
    fn what_the_shares_leave_is_in_no_part() {
        let keys: Vec<String> = (0..10_000).map(|i| format!("c{i}")).collect();
        let out = keys.iter().filter(|key| part(key.as_bytes(), &[0.5, 0.2]).is_none()).count();
        assert!((2_800..3_200).contains(&out), "{out} of 10,000 are in no part");
        assert_eq!(part(b"c1", &[]), None);
        // A part ends before the place that is its end.
        assert_eq!(part(b"c0", &[bucket(b"c0"), 0.5]), Some(1));
        assert!(keys.iter().all(|key| part(key.as_bytes(), &[0.1; 10]).is_some()), "ten tenths are everything");
    }
}
