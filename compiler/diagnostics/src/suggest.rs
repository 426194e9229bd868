//! Names that a user may have meant.

/// The candidate closest to `name`, if one is close: at most a third of its letters differ, a letter more or less or a
/// swap of neighbours counting one (optimal string alignment). The first of equally close ones.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().collect();
    if wanted.len() > 64 {
        return None;
    }
    let limit = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().take(80).collect();
        if letters.len().abs_diff(wanted.len()) > limit {
            continue;
        }
        let far = distance(&wanted, &letters);
        if far <= limit && far < wanted.len() && best.is_none_or(|(least, _)| far < least) {
            best = Some((far, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut last_b = None;
        for (j, y) in b.iter().enumerate() {
            let at = |line: &[usize], k: usize| line.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            if last_a == Some(y) && last_b == Some(x) {
                cost = cost.min(at(&before, j.wrapping_sub(1)) + 1);
            }
            row.push(cost);
            last_b = Some(y);
        }
        before = std::mem::replace(&mut above, row);
        last_a = Some(x);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_close() {
        let names = ["payments", "chargebacks", "merchants", "id"];
        assert_eq!(closest("paymnets", names), Some("payments"));
        assert_eq!(closest("payment", names), Some("payments"));
        assert_eq!(closest("ie", names), Some("id"));
        assert_eq!(closest("x", names), None);
        assert_eq!(closest("customers", names), None);
    }
}
