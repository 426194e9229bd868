//! Measuring a model on rows that it has not seen.

use flow_core::trees::{Ensemble, Objective};
use serde::{Deserialize, Serialize};

use crate::{LearnError, Matrix};

/// How well a model predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of rows measured.
    pub rows: usize,
    /// The probability that a positive row is ranked above a negative one, ties counting half; exact but for one
    /// rounding. Absent unless there are rows of both classes.
    pub auc: Option<f64>,
    /// The mean of −ln of the probability given to what happened, which is kept 1e-15 away from 0. Absent without rows
    /// and for a float label.
    pub log_loss: Option<f64>,
    /// The root of the mean squared difference of prediction and label; absent without rows.
    pub rmse: Option<f64>,
    /// Ten ranges of the predicted probability, of which those without rows are left out; empty for a float label.
    pub calibration: Vec<CalibrationBin>,
    /// Each feature with its share of all loss reductions in training, largest first; all 0 if the model never splits.
    pub importance: Vec<(String, f64)>,
}

/// The rows whose predicted probability lies in a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Lower end, inside.
    pub low: f64,
    /// Upper end, outside but for 1.
    pub high: f64,
    /// Number of rows.
    pub count: usize,
    /// The mean of their predictions.
    pub mean_predicted: f64,
    /// The share of positive rows.
    pub observed: f64,
}

/// Measures `model` on `data` and one label a row. Columns are found by name. The order of the rows is no matter.
///
/// # Errors
/// Too many or too few labels, a label that is not 0 or 1 for a binary model or not finite, a feature without its
/// column.
pub fn evaluate(model: &Ensemble, data: &Matrix, labels: &[f64]) -> Result<Report, LearnError> {
    if data.rows() != labels.len() {
        return Err(LearnError::Labels { labels: labels.len(), rows: data.rows() });
    }
    let binary = model.objective() == Objective::Logistic;
    let fits = |label: f64| if binary { label == 0.0 || label == 1.0 } else { label.is_finite() };
    if let Some((row, label)) = labels.iter().enumerate().find(|(_, label)| !fits(**label)) {
        let expected = if binary { "0 or 1" } else { "a finite number" };
        return Err(LearnError::Label { row, label: *label, expected });
    }
    let mut rows: Vec<(f64, f64)> = data.predict(model)?.into_iter().zip(labels.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mean = |loss: fn(f64, f64) -> f64| {
        let sum: f64 = rows.iter().map(|(predicted, label)| loss(*predicted, *label)).sum();
        (!rows.is_empty()).then(|| sum / rows.len() as f64)
    };
    Ok(Report {
        rows: rows.len(),
        auc: if binary { auc(&rows) } else { None },
        log_loss: if binary { mean(log_loss) } else { None },
        rmse: mean(|predicted, label| (predicted - label) * (predicted - label)).map(libm::sqrt),
        calibration: if binary { calibration(&rows) } else { Vec::new() },
        importance: importance(model),
    })
}

/// The area under the ROC curve by counting pairs (Mann–Whitney) over rows sorted by prediction.
fn auc(rows: &[(f64, f64)]) -> Option<f64> {
    let (mut below, mut half_wins, mut positives) = (0_u128, 0_u128, 0_u128);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, label)| *label == 1.0).count() as u128;
        let negative = tied.len() as u128 - positive;
        half_wins += positive * (2 * below + negative);
        below += negative;
        positives += positive;
    }
    let pairs = positives * below;
    (pairs > 0).then(|| half_wins as f64 / (2 * pairs) as f64)
}

fn log_loss(predicted: f64, label: f64) -> f64 {
    let given = if label == 1.0 { predicted } else { 1.0 - predicted };
    -libm::log(given.clamp(1e-15, 1.0 - 1e-15))
}

const CALIBRATION_BINS: u32 = 10;

fn calibration(rows: &[(f64, f64)]) -> Vec<CalibrationBin> {
    let bin_of =
        |predicted: f64| (predicted * f64::from(CALIBRATION_BINS)).floor().min(f64::from(CALIBRATION_BINS - 1));
    let bins = rows.chunk_by(|a, b| bin_of(a.0) == bin_of(b.0)).filter_map(|inside| {
        let bin = bin_of(inside.first()?.0);
        let count = inside.len();
        let mean = |cell: fn(&(f64, f64)) -> f64| inside.iter().map(cell).sum::<f64>() / count as f64;
        Some(CalibrationBin {
            low: bin / f64::from(CALIBRATION_BINS),
            high: (bin + 1.0) / f64::from(CALIBRATION_BINS),
            count,
            mean_predicted: mean(|row| row.0),
            observed: mean(|row| row.1),
        })
    });
    bins.collect()
}

fn importance(model: &Ensemble) -> Vec<(String, f64)> {
    let total: f64 = model.features().iter().map(|feature| feature.gain).sum();
    let share = |gain: f64| if total > 0.0 { gain / total } else { 0.0 };
    let mut shares: Vec<(String, f64)> =
        model.features().iter().map(|feature| (feature.name.clone(), share(feature.gain))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

#[cfg(test)]
mod tests {
    use flow_core::trees::{Feature, FeatureKind, Input, Node};
    use proptest::prelude::*;

    use super::*;
    use crate::ColumnKind;

    /// A model that gives the value of its feature `x` ∈ {0, 1, 2, 3} as log-odds −3, −1, 1, 3.
    fn steps() -> Ensemble {
        let x = Feature { name: "x".into(), kind: FeatureKind::Numeric, gain: 3.0 };
        let y = Feature { name: "y".into(), kind: FeatureKind::Numeric, gain: 1.0 };
        let split = |threshold| Node::Split { feature: 0, threshold, missing_left: true, left: 1 };
        let tree = |threshold| vec![split(threshold), Node::Leaf { value: 0.0 }, Node::Leaf { value: 2.0 }];
        Ensemble::new(
            Objective::Logistic,
            -3.0,
            vec![y, x],
            &[tree(0.5), tree(1.5), tree(2.5)].map(|mut tree| {
                if let Some(Node::Split { feature, .. }) = tree.first_mut() {
                    *feature = 1;
                }
                tree
            }),
        )
        .unwrap()
    }

    fn data(xs: &[u8]) -> Matrix {
        let mut data = Matrix::new(["x", "y"].map(|name| (name, ColumnKind::Numeric)));
        for x in xs {
            data.push(&[Input::Number(f64::from(*x)), Input::Missing]).unwrap();
        }
        data
    }

    #[test]
    fn a_report_is_what_one_computes_by_hand() {
        let report = evaluate(&steps(), &data(&[0, 1, 2, 3, 3]), &[0.0, 1.0, 0.0, 1.0, 0.0]).unwrap();
        // Positive rows 1 and 3 against negative rows 0, 2, 3: 1 + (1 + 1 + ½) of 6 pairs.
        assert_eq!(report.auc, Some(3.5 / 6.0));
        let p = [-3.0, -1.0, 1.0, 3.0].map(flow_core::trees::sigmoid);
        let by_hand =
            -(libm::log(1.0 - p[0]) + libm::log(p[1]) + libm::log(1.0 - p[2]) + libm::log(p[3] * (1.0 - p[3])));
        assert!((report.log_loss.unwrap() - by_hand / 5.0).abs() < 1e-12);
        assert_eq!(report.importance, [("x".to_owned(), 0.75), ("y".to_owned(), 0.25)]);
        let last = report.calibration.last().unwrap();
        assert_eq!((last.low, last.high, last.count, last.observed), (0.9, 1.0, 2, 0.5));
        assert_eq!(report.calibration.iter().map(|bin| bin.count).collect::<Vec<_>>(), [1, 1, 1, 2]);
    }

    #[test]
    fn what_is_certain_counts_in_the_last_range_and_costs_no_infinity() {
        let x = Feature { name: "x".into(), kind: FeatureKind::Numeric, gain: 0.0 };
        let fixed = |objective, base| Ensemble::new(objective, base, vec![x.clone()], &[]).unwrap();
        let data = |rows: usize| {
            let mut data = Matrix::new([("x", ColumnKind::Numeric)]);
            (0..rows).for_each(|_| data.push(&[Input::Missing]).unwrap());
            data
        };
        let report = evaluate(&fixed(Objective::Logistic, 50.0), &data(2), &[1.0, 0.0]).unwrap();
        let [bin] = report.calibration.as_slice() else { panic!("{report:?}") };
        assert_eq!((bin.low, bin.high, bin.count, bin.mean_predicted, bin.observed), (0.9, 1.0, 2, 1.0, 0.5));
        let loss = -(libm::log(1e-15) + libm::log(1.0 - 1e-15)) / 2.0;
        assert_eq!(report.log_loss, Some(loss));
        assert_eq!(report.importance, [("x".to_owned(), 0.0)], "nothing was split");
        let report = evaluate(&fixed(Objective::Squared, 2.0), &data(2), &[1.0, 5.0]).unwrap();
        assert_eq!((report.rmse, report.calibration.len()), (Some(libm::sqrt(5.0)), 0));
        let error = evaluate(&fixed(Objective::Squared, 2.0), &data(1), &[f64::NAN]).unwrap_err().to_string();
        assert!(error.contains("a finite number"), "{error}");
    }

    #[test]
    fn one_class_has_no_auc_and_no_rows_have_no_means() {
        let report = evaluate(&steps(), &data(&[0, 1]), &[1.0, 1.0]).unwrap();
        assert_eq!(report.auc, None);
        assert!(report.log_loss.is_some());
        let report = evaluate(&steps(), &data(&[]), &[]).unwrap();
        assert_eq!((report.rows, report.auc, report.log_loss, report.rmse), (0, None, None, None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = |labels: &[f64]| evaluate(&steps(), &data(&[0, 1]), labels).unwrap_err().to_string();
        assert_eq!(error(&[1.0]), "1 labels for 2 rows: each row needs one");
        assert_eq!(error(&[1.0, 0.5]), "the label of row 1 is 0.5, but the model needs 0 or 1");
        let other = Matrix::new([("x", ColumnKind::Categorical), ("y", ColumnKind::Numeric)]);
        let error = evaluate(&steps(), &other, &[]).unwrap_err().to_string();
        assert_eq!(error, "the model needs the feature `x`, which the data lacks or has in another type");
    }

    proptest! {
        #[test]
        fn auc_is_the_count_over_all_pairs(mut rows in prop::collection::vec((0_u8..6, any::<bool>()), 0..60)) {
            rows.sort_unstable();
            let rows: Vec<(f64, f64)> = rows.iter().map(|(p, y)| (f64::from(*p), f64::from(u8::from(*y)))).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for positive in rows.iter().filter(|row| row.1 == 1.0) {
                for negative in rows.iter().filter(|row| row.1 == 0.0) {
                    pairs += 1.0;
                    wins += if positive.0 > negative.0 { 1.0 } else if positive.0 == negative.0 { 0.5 } else { 0.0 };
                }
            }
            prop_assert_eq!(auc(&rows), (pairs > 0.0).then(|| wins / pairs));
        }

        #[test]
        fn the_order_of_rows_is_no_matter(rows in prop::collection::vec((0_u8..4, any::<bool>()), 1..60)) {
            let report = |rows: &[(u8, bool)]| {
                let labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
                evaluate(&steps(), &data(&rows.iter().map(|row| row.0).collect::<Vec<_>>()), &labels).unwrap()
            };
            let mut other = rows.clone();
            other.reverse();
            prop_assert_eq!(report(&rows), report(&other));
        }
    }
}
