//! Cutting a feature's values into at most 255 bins of about equal weight.

use std::collections::BTreeMap;

use flow_core::trees::{Feature, FeatureKind};

use crate::matrix::{Column, Data};

/// A feature as histograms see it.
#[derive(Debug)]
pub(crate) struct Binned {
    /// Upper ends of all bins but the last, ascending: bin `b`, counted from 1, holds values up to `cuts[b - 1]`.
    pub(crate) cuts: Vec<f64>,
    /// Each row's bin; 0 is missing.
    pub(crate) bins: Vec<u8>,
}

/// How strongly a category's mean label is drawn to the mean of all: as if it had that many more average rows.
const SMOOTHING: f64 = 10.0;

/// The feature and its bins. Categories are ordered by their smoothed mean label (Fisher's ordering, which makes the
/// best of all subsets a threshold for convex losses: Breiman et al. 1984, section 4.2.2), then by their text.
pub(crate) fn bin(column: &Column, labels: &[f64], mean: f64, most: usize) -> (Feature, Binned) {
    let (kind, binned) = match &column.data {
        Data::Numbers(numbers) => (FeatureKind::Numeric, bin_numbers(numbers, most)),
        Data::Texts { texts, codes, .. } => {
            let order = order_categories(texts, codes, labels, mean);
            let mut ranks = vec![f64::NAN; texts.len()];
            for (rank, code) in (0_u32..).zip(&order) {
                if let Some(slot) = ranks.get_mut(*code as usize) {
                    *slot = f64::from(rank);
                }
            }
            let numbers: Vec<f64> =
                codes.iter().map(|code| ranks.get(*code as usize).copied().unwrap_or(f64::NAN)).collect();
            let categories = order.iter().filter_map(|code| texts.get(*code as usize).cloned()).collect();
            (FeatureKind::Categorical(categories), bin_numbers(&numbers, most))
        }
    };
    (Feature { name: column.name.clone(), kind, gain: 0.0 }, binned)
}

/// Codes of the categories by ascending smoothed mean. Sums run over sorted labels: the rows' order is no matter.
fn order_categories(texts: &[String], codes: &[u32], labels: &[f64], mean: f64) -> Vec<u32> {
    let mut by_code: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (code, label) in codes.iter().zip(labels).filter(|(code, _)| (**code as usize) < texts.len()) {
        by_code.entry(*code).or_default().push(*label);
    }
    let mut order: Vec<(f64, &str, u32)> = by_code
        .into_iter()
        .filter_map(|(code, mut labels)| {
            labels.sort_unstable_by(f64::total_cmp);
            let smoothed = (labels.iter().sum::<f64>() + SMOOTHING * mean) / (labels.len() as f64 + SMOOTHING);
            Some((smoothed, texts.get(code as usize)?.as_str(), code))
        })
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    order.into_iter().map(|(_, _, code)| code).collect()
}

fn bin_numbers(numbers: &[f64], most: usize) -> Binned {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let cuts = cuts(&sorted, most);
    let bin_of = |number: &f64| {
        if number.is_nan() { 0 } else { u8::try_from(1 + cuts.partition_point(|cut| cut < number)).unwrap_or(u8::MAX) }
    };
    let bins = numbers.iter().map(bin_of).collect();
    Binned { cuts, bins }
}

/// At most `most − 1` cuts between neighbouring distinct values: between all of them if they are few, else such that
/// each bin takes about its share of the rows that are left.
fn cuts(sorted: &[f64], most: usize) -> Vec<f64> {
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for number in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == *number => *count += 1,
            _ => distinct.push((*number, 1)),
        }
    }
    let all = distinct.len() <= most;
    let mut cuts = Vec::new();
    let (mut inside, mut left, mut bins) = (0, sorted.len(), most);
    for ((value, count), (next, _)) in distinct.iter().zip(distinct.iter().skip(1)) {
        inside += count;
        if all || (bins > 1 && inside * bins >= left) {
            cuts.push(between(*value, *next));
            left -= inside;
            bins -= 1;
            inside = 0;
        }
    }
    cuts
}

/// A number that is at least `low` and less than `high`, in the middle if there is one.
fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_missing_has_bin_zero() {
        let binned = bin_numbers(&[3.0, f64::NAN, 1.0, 3.0, 2.0], 255);
        assert_eq!(binned.cuts, [1.5, 2.5]);
        assert_eq!(binned.bins, [3, 0, 1, 3, 2]);
    }

    #[test]
    fn a_heavy_value_takes_one_bin_and_the_others_share_the_rest() {
        let mut numbers = vec![0.0; 900];
        numbers.extend((1..=100).map(f64::from));
        let binned = bin_numbers(&numbers, 11);
        assert_eq!(binned.cuts, [0.5, 10.5, 20.5, 30.5, 40.5, 50.5, 60.5, 70.5, 80.5, 90.5]);
    }

    #[test]
    fn categories_go_by_smoothed_mean_then_text() {
        let texts: Vec<String> = ["rare", "bad", "good", "also good"].map(String::from).into();
        let mut codes = vec![0];
        let mut labels = vec![1.0];
        for (code, label) in [(1, 1.0), (2, 0.0), (3, 0.0)] {
            codes.extend([code; 40]);
            labels.extend([label; 40]);
        }
        assert_eq!(order_categories(&texts, &codes, &labels, 0.3), [3, 2, 0, 1]);
    }

    /// Between two numbers that follow each other there is none: the lower one is the cut, and stays below it.
    #[test]
    fn neighbours_are_told_apart() {
        let binned = bin_numbers(&[1.0, 1.0_f64.next_up()], 255);
        assert_eq!((binned.cuts.as_slice(), binned.bins.as_slice()), ([1.0].as_slice(), [1, 2].as_slice()));
    }

    /// Equal labels are equal in any order, though their sums are not: then texts decide.
    #[test]
    fn the_order_of_labels_is_no_matter_for_categories() {
        let texts: Vec<String> = ["a", "b"].map(String::from).into();
        let labels = [0.1, 0.2, 0.3, 0.3, 0.2, 0.1];
        assert_eq!(order_categories(&texts, &[0, 0, 0, 1, 1, 1], &labels, 0.0), [0, 1]);
        assert_eq!(order_categories(&texts, &[1, 1, 1, 0, 0, 0], &labels, 0.0), [0, 1]);
    }

    fn finite() -> impl Strategy<Value = f64> {
        use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
    }

    proptest! {
        /// What training counts as left of a split is what evaluation sends left.
        #[test]
        fn bins_and_thresholds_agree(numbers in prop::collection::vec(-1e9_f64..1e9, 1..600), most in 2_usize..=255) {
            let binned = bin_numbers(&numbers, most);
            prop_assert!(binned.cuts.len() < most);
            for (number, bin) in numbers.iter().zip(&binned.bins) {
                for (position, cut) in binned.cuts.iter().enumerate() {
                    prop_assert_eq!(usize::from(*bin) <= position + 1, number <= cut);
                }
            }
        }

        #[test]
        fn between_is_between(one in finite(), other in finite()) {
            let (low, high) = if one < other { (one, other) } else { (other, one) };
            prop_assume!(low < high);
            let cut = between(low, high);
            prop_assert!(low <= cut && cut < high);
        }
    }
}
