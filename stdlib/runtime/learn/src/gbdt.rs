//! Gradient boosting of regression trees over histograms: Friedman, "Greedy function approximation" (2001), with the
//! second-order gain of Chen and Guestrin, "XGBoost" (2016), and its learned side for missing values.
//!
//! Gradients are fixed-point integers, so that histogram sums are exact: neither the number of threads nor the order
//! of the rows changes a bit of the model.

use flow_core::trees::{Ensemble, Feature, Objective, sigmoid};

use crate::bins::{Binned, bin};
use crate::grow::{Forest, Gradient, Limits};
use crate::{LearnError, Matrix};

/// How to fit an ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct GbdtOptions {
    /// What the label is; [`Objective::Logistic`] takes labels 0 and 1.
    pub objective: Objective,
    /// Number of trees, at least 1.
    pub trees: usize,
    /// Comparisons on the longest path of a tree, 1 to 16.
    pub depth: usize,
    /// The part of each tree's step that is taken, above 0 up to 1.
    pub learning_rate: f64,
    /// Most bins of a feature, 2 to 255.
    pub bins: usize,
    /// Fewest rows of a leaf, at least 1.
    pub min_leaf: usize,
    /// Penalty on the square of leaf values, at least 0.
    pub l2: f64,
    /// Threads to use; 0 is as many as the machine has. No matter for the result.
    pub threads: usize,
}

impl Default for GbdtOptions {
    fn default() -> Self {
        Self {
            objective: Objective::Logistic,
            trees: 100,
            depth: 6,
            learning_rate: 0.1,
            bins: 255,
            min_leaf: 20,
            l2: 1.0,
            threads: 0,
        }
    }
}

impl GbdtOptions {
    fn check(&self) -> Result<(), LearnError> {
        let checks = [
            ("trees", self.trees >= 1, "at least 1"),
            ("depth", (1..=16).contains(&self.depth), "from 1 to 16"),
            ("learning_rate", self.learning_rate > 0.0 && self.learning_rate <= 1.0, "above 0 and at most 1"),
            ("bins", (2..=255).contains(&self.bins), "from 2 to 255"),
            ("min_leaf", self.min_leaf >= 1, "at least 1"),
            ("l2", self.l2 >= 0.0 && self.l2.is_finite(), "at least 0"),
        ];
        match checks.iter().find(|(_, holds, _)| !holds) {
            Some((name, _, expected)) => Err(LearnError::Option { name, expected }),
            None => Ok(()),
        }
    }
}

/// Float labels beyond it would make the gains overflow.
const LARGEST_LABEL: f64 = 1e100;

/// Fits an ensemble to `data` (rows × features) and one label a row. `progress` is called with (trees done, trees to
/// do) after each tree, and says whether to go on.
///
/// # Errors
/// [`LearnError::Stopped`] where `progress` said so; no rows or features, a label too many, too few or unfit for the objective, an option out of range.
pub fn gbdt(
    data: &Matrix,
    labels: &[f64],
    options: &GbdtOptions,
    progress: impl FnMut(usize, usize) -> bool,
) -> Result<Ensemble, LearnError> {
    fit(data, labels, options, KEPT_BINS, progress)
}

/// Histograms of a level beyond this many bins are built anew instead of being kept for subtraction: 240 MB.
const KEPT_BINS: usize = 10_000_000;

fn fit(
    data: &Matrix,
    labels: &[f64],
    options: &GbdtOptions,
    kept_bins: usize,
    mut progress: impl FnMut(usize, usize) -> bool,
) -> Result<Ensemble, LearnError> {
    options.check()?;
    check_data(data, labels, options.objective)?;
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let mean = mean(labels);
    let (mut features, binned) = bin_columns(data, labels, mean, options.bins, threads);
    let base = match options.objective {
        Objective::Logistic => log_odds(mean, labels.len()),
        Objective::Squared => mean,
    };
    let limits = Limits {
        depth: options.depth,
        min_leaf: options.min_leaf,
        l2: options.l2,
        learning_rate: options.learning_rate,
        threads,
        kept_bins,
    };
    let mut forest = Forest::new(binned, labels.len(), limits);
    let mut scores = vec![base; labels.len()];
    let mut gradients = vec![Gradient::default(); labels.len()];
    let mut trees = Vec::with_capacity(options.trees);
    for done in 1..=options.trees {
        let scale = fill_gradients(options.objective, &scores, labels, &mut gradients, threads);
        trees.push(forest.grow(&gradients, scale, &mut scores));
        if !progress(done, options.trees) {
            return Err(LearnError::Stopped);
        }
    }
    for (feature, gain) in features.iter_mut().zip(forest.gains()) {
        feature.gain = gain;
    }
    Ensemble::new(options.objective, base, features, &trees).map_err(LearnError::Ensemble)
}

fn check_data(data: &Matrix, labels: &[f64], objective: Objective) -> Result<(), LearnError> {
    if data.rows() != labels.len() {
        return Err(LearnError::Labels { labels: labels.len(), rows: data.rows() });
    }
    if labels.is_empty() {
        return Err(LearnError::NoRows);
    }
    if data.columns().is_empty() {
        return Err(LearnError::NoFeatures);
    }
    let (fits, expected): (fn(&f64) -> bool, _) = match objective {
        Objective::Logistic => (|label| *label == 0.0 || *label == 1.0, "0 or 1"),
        Objective::Squared => (|label| label.abs() <= LARGEST_LABEL, "a number between -1e100 and 1e100"),
    };
    match labels.iter().enumerate().find(|(_, label)| !fits(label)) {
        Some((row, label)) => Err(LearnError::Label { row, label: *label, expected }),
        None => Ok(()),
    }
}

/// The mean, from a sum in ascending order: the rows' order is no matter.
fn mean(labels: &[f64]) -> f64 {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.iter().sum::<f64>() / labels.len() as f64
}

/// The log-odds of a share of positive rows, drawn half a row inwards where all labels are equal.
fn log_odds(share: f64, rows: usize) -> f64 {
    let edge = 0.5 / (rows as f64 + 1.0);
    let share = share.clamp(edge, 1.0 - edge);
    libm::log(share / (1.0 - share))
}

/// Bins all columns, as many at once as there are threads.
fn bin_columns(data: &Matrix, labels: &[f64], mean: f64, most: usize, threads: usize) -> (Vec<Feature>, Vec<Binned>) {
    let columns = data.columns();
    let each = columns.len().div_ceil(threads.max(1)).max(1);
    let mut slots: Vec<Option<(Feature, Binned)>> = columns.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for (columns, slots) in columns.chunks(each).zip(slots.chunks_mut(each)) {
            scope.spawn(move || {
                for (column, slot) in columns.iter().zip(slots) {
                    *slot = Some(bin(column, labels, mean, most));
                }
            });
        }
    });
    slots.into_iter().flatten().unzip()
}

/// The first and second derivative of the loss at a score, given the label.
type Derivatives = fn(f64, f64) -> (f64, f64);

/// Fills in each row's gradient and curvature of the loss as integers; returns what one unit of each is worth.
fn fill_gradients(
    objective: Objective,
    scores: &[f64],
    labels: &[f64],
    gradients: &mut [Gradient],
    threads: usize,
) -> Scale {
    let (scale, derive): (Scale, Derivatives) = match objective {
        Objective::Logistic => (Scale::unit(1.0), |score, label| {
            let p = sigmoid(score);
            (p - label, p * (1.0 - p))
        }),
        Objective::Squared => {
            let largest = scores.iter().zip(labels).map(|(score, label)| (score - label).abs()).fold(0.0, f64::max);
            (Scale::unit(largest), |score, label| (score - label, 1.0))
        }
    };
    let fill = |scores: &[f64], labels: &[f64], gradients: &mut [Gradient]| {
        for ((score, label), gradient) in scores.iter().zip(labels).zip(gradients) {
            let (first, second) = derive(*score, *label);
            *gradient = scale.gradient(first, second);
        }
    };
    let each = labels.len().div_ceil(threads.max(1)).max(4096);
    std::thread::scope(|scope| {
        let parts = scores.chunks(each).zip(labels.chunks(each)).zip(gradients.chunks_mut(each));
        for ((scores, labels), gradients) in parts {
            if scores.len() < each || threads == 1 {
                fill(scores, labels, gradients);
            } else {
                scope.spawn(move || fill(scores, labels, gradients));
            }
        }
    });
    scale
}

/// What the integers of a [`Gradient`] are worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Units of the gradient in 1.
    first: f64,
    /// Units of the curvature in 1.
    second: f64,
}

/// The greatest integer used: sums of 2^33 rows still fit an `i64`.
const UNITS: f64 = (1_u32 << 30) as f64;

impl Scale {
    /// For gradients of at most `largest` in size and curvatures of at most 1.
    fn unit(largest: f64) -> Self {
        Self { first: if largest > 0.0 { UNITS / largest } else { UNITS }, second: UNITS }
    }

    #[expect(clippy::cast_possible_truncation, reason = "both products are at most 2^30")]
    fn gradient(self, first: f64, second: f64) -> Gradient {
        Gradient { first: (first * self.first).round() as i32, second: (second * self.second).round() as i32 }
    }

    /// The gradient and the curvature that two sums stand for.
    pub(crate) fn values(self, first: i64, second: i64) -> (f64, f64) {
        (first as f64 / self.first, second as f64 / self.second)
    }
}

#[cfg(test)]
mod tests;
