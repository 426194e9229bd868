use std::time::Instant;

use flow_core::trees::{FeatureKind, Input};
use proptest::prelude::*;

use super::*;
use crate::{ColumnKind, evaluate};

/// A small generator of test data, uniform in `[0, 1)`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rows of eight uniform features, a tenth missing; the label depends on three of them, on one by its absence.
fn sample(rows: usize, seed: u64) -> (Vec<[Option<f64>; 8]>, Vec<f64>) {
    let mut random = Random(seed);
    let label = |row: &[Option<f64>; 8], chance: f64| {
        let x = |at: usize| row[at].unwrap_or(0.5);
        let sum = 6.0 * (x(0) - 0.5) + if x(1) > 0.7 { 2.0 } else { -1.0 } + if row[2].is_none() { 3.0 } else { 0.0 };
        f64::from(u8::from(chance < sigmoid(sum)))
    };
    let mut all = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..rows {
        let row = [(); 8].map(|()| (random.next() > 0.1).then(|| random.next()));
        labels.push(label(&row, random.next()));
        all.push(row);
    }
    (all, labels)
}

fn matrix(rows: &[[Option<f64>; 8]]) -> Matrix {
    let mut data = Matrix::new((0..8).map(|i| (format!("f{i}"), ColumnKind::Numeric)));
    for row in rows {
        data.push(&row.map(|cell| cell.map_or(Input::Missing, Input::Number))).unwrap();
    }
    data
}

fn small() -> GbdtOptions {
    GbdtOptions { trees: 30, depth: 4, ..GbdtOptions::default() }
}

#[test]
fn it_learns_what_there_is_to_learn() {
    let (rows, labels) = sample(8_000, 1);
    let (unseen, truth) = sample(4_000, 2);
    let model = gbdt(&matrix(&rows), &labels, &small(), |_, _| true).unwrap();
    let report = evaluate(&model, &matrix(&unseen), &truth).unwrap();
    assert!(report.auc.unwrap() > 0.88, "{report:?}");
    assert!(report.log_loss.unwrap() < 0.45, "{report:?}");
    let first: Vec<&str> = report.importance.iter().take(3).map(|(name, _)| name.as_str()).collect();
    assert!(["f0", "f1", "f2"].iter().all(|name| first.contains(name)), "{report:?}");
    for bin in report.calibration.iter().filter(|bin| bin.count > 200) {
        assert!((bin.observed - bin.mean_predicted).abs() < 0.08, "{bin:?}");
    }
}

#[test]
fn trees_and_depth_are_honoured() {
    let (rows, labels) = sample(2_000, 3);
    for (trees, depth) in [(1, 1), (7, 3), (20, 6)] {
        let options = GbdtOptions { trees, depth, min_leaf: 5, ..GbdtOptions::default() };
        let mut calls = Vec::new();
        let model = gbdt(&matrix(&rows), &labels, &options, |done, total| {
            calls.push((done, total));
            true
        })
        .unwrap();
        assert_eq!((model.trees(), model.depth()), (trees, depth));
        assert_eq!(calls, (1..=trees).map(|done| (done, trees)).collect::<Vec<_>>());
    }
}

#[test]
fn a_training_stops_when_it_is_told_to() {
    let (rows, labels) = sample(500, 3);
    let mut trees = 0;
    let stopped = gbdt(&matrix(&rows), &labels, &small(), |done, _| {
        trees = done;
        done < 2
    });
    assert_eq!(stopped.unwrap_err(), super::LearnError::Stopped);
    assert_eq!(trees, 2);
}

#[test]
fn one_thread_and_many_give_the_same_bits() {
    let (rows, labels) = sample(9_000, 4);
    let data = matrix(&rows);
    let train = |threads| gbdt(&data, &labels, &GbdtOptions { threads, ..small() }, |_, _| true).unwrap();
    let one = train(1);
    for threads in [2, 3, 8, 64] {
        assert_eq!(train(threads).content_hash(), one.content_hash(), "{threads} threads");
    }
    assert_eq!(one.content_hash(), 305_163_062_414_968_192_171_567_224_355_721_543_907, "the pinned model");
}

#[test]
fn subtracted_histograms_are_those_that_were_counted() {
    let (rows, labels) = sample(3_000, 11);
    let train = |kept| fit(&matrix(&rows), &labels, &small(), kept, |_, _| true).unwrap().content_hash();
    assert_eq!(train(0), train(KEPT_BINS));
    assert_eq!(train(5_000), train(KEPT_BINS), "where only the upper levels are kept");
}

#[test]
fn the_order_of_rows_is_no_matter() {
    for objective in [Objective::Logistic, Objective::Squared] {
        let (mut rows, mut labels) = sample(3_000, 5);
        if objective == Objective::Squared {
            labels = rows.iter().map(|row| row[0].unwrap_or(0.1) / 3.0).collect();
        }
        let train = |rows: &[[Option<f64>; 8]], labels: &[f64]| {
            gbdt(&matrix(rows), labels, &GbdtOptions { objective, ..small() }, |_, _| true).unwrap().content_hash()
        };
        let before = train(&rows, &labels);
        rows.rotate_left(1_234);
        labels.rotate_left(1_234);
        assert_eq!(train(&rows, &labels), before);
    }
}

#[test]
fn a_float_label_is_fitted_by_squares() {
    let (rows, _) = sample(6_000, 6);
    let labels: Vec<f64> = rows.iter().map(|row| 1e6 * row[4].map_or(2.0, |x| x * x)).collect();
    let options = GbdtOptions { objective: Objective::Squared, trees: 60, ..small() };
    let model = gbdt(&matrix(&rows), &labels, &options, |_, _| true).unwrap();
    let report = evaluate(&model, &matrix(&rows), &labels).unwrap();
    assert!(report.rmse.unwrap() < 2e4, "{report:?}");
    assert_eq!((report.auc, report.log_loss), (None, None));
}

#[test]
fn of_equal_features_the_first_is_split_by() {
    let (rows, labels) = sample(2_000, 7);
    let rows: Vec<_> =
        rows.iter().map(|row| [row[1], row[0], row[0], row[1], row[1], row[1], row[1], row[1]]).collect();
    let model = gbdt(&matrix(&rows), &labels, &small(), |_, _| true).unwrap();
    let gains = evaluate(&model, &matrix(&rows), &labels).unwrap().importance;
    let used: Vec<&str> = gains.iter().filter(|(_, gain)| *gain > 0.0).map(|(name, _)| name.as_str()).collect();
    assert_eq!(used.len(), 2, "{gains:?}");
    assert!(["f0", "f1"].iter().all(|name| used.contains(name)), "{gains:?}");
}

#[test]
fn categories_are_learned_and_an_unknown_one_counts_as_missing() {
    let mut data = Matrix::new([("c", ColumnKind::Categorical)]);
    let mut labels = Vec::new();
    for i in 0..2_000_u32 {
        let text = format!("c{}", i % 20);
        data.push(&[Input::Text(&text)]).unwrap();
        labels.push(f64::from(u8::from([3, 7, 11].contains(&(i % 20)))));
    }
    let model = gbdt(&data, &labels, &small(), |_, _| true).unwrap();
    let predict = |text: &str| model.predict(&[model.encode(0, Input::Text(text))]);
    assert!(predict("c7") > 0.9 && predict("c8") < 0.1, "{} {}", predict("c7"), predict("c8"));
    assert_eq!(predict("never seen"), model.predict(&[None]));
    let FeatureKind::Categorical(categories) = &model.features()[0].kind else { panic!("it is categorical") };
    assert_eq!(categories[17..], ["c11", "c3", "c7"].map(String::from));
}

#[test]
fn labels_of_one_class_give_a_model_that_says_so() {
    let (rows, _) = sample(100, 7);
    let model = gbdt(&matrix(&rows), &[0.0; 100], &small(), |_, _| true).unwrap();
    assert!(model.predict(&[]) < 0.01);
    assert_eq!((model.trees(), model.depth()), (30, 0));
}

/// Where a class is not seen it counts as half a row of one row more: no model is sure.
#[test]
fn a_model_begins_with_the_share_of_its_labels() {
    let odds = |share: f64| libm::log(share / (1.0 - share));
    for (share, rows, expected) in [(0.25, 8, 0.25), (0.0, 99, 0.005), (1.0, 99, 0.995), (0.01, 100, 0.01)] {
        assert!((log_odds(share, rows) - odds(expected)).abs() < 1e-12, "{share} of {rows}");
    }
}

#[test]
fn a_leaf_has_at_least_its_rows() {
    let (rows, labels) = sample(100, 8);
    let options = GbdtOptions { min_leaf: 51, ..small() };
    assert_eq!(gbdt(&matrix(&rows), &labels, &options, |_, _| true).unwrap().depth(), 0);
    let options = GbdtOptions { min_leaf: 34, ..small() };
    assert_eq!(gbdt(&matrix(&rows), &labels, &options, |_, _| true).unwrap().depth(), 1);
}

#[test]
fn what_cannot_be_trained_is_named() {
    let (rows, labels) = sample(10, 9);
    let refuse = |data: &Matrix, labels: &[f64], options: GbdtOptions| {
        gbdt(data, labels, &options, |_, _| true).unwrap_err().to_string()
    };
    let data = matrix(&rows);
    assert_eq!(refuse(&matrix(&[]), &[], small()), "there are no rows to learn from");
    assert_eq!(refuse(&data, &labels[1..], small()), "9 labels for 10 rows: each row needs one");
    assert_eq!(refuse(&data, &[2.0; 10], small()), "the label of row 0 is 2, but the model needs 0 or 1");
    assert_eq!(refuse(&data, &labels, GbdtOptions { depth: 17, ..small() }), "`depth` must be from 1 to 16");
    assert_eq!(refuse(&data, &labels, GbdtOptions { bins: 256, ..small() }), "`bins` must be from 2 to 255");
    let wrong = [
        ("trees", GbdtOptions { trees: 0, ..small() }),
        ("depth", GbdtOptions { depth: 0, ..small() }),
        ("bins", GbdtOptions { bins: 1, ..small() }),
        ("min_leaf", GbdtOptions { min_leaf: 0, ..small() }),
        ("learning_rate", GbdtOptions { learning_rate: 0.0, ..small() }),
        ("learning_rate", GbdtOptions { learning_rate: 1.01, ..small() }),
        ("l2", GbdtOptions { l2: -0.5, ..small() }),
        ("l2", GbdtOptions { l2: f64::INFINITY, ..small() }),
    ];
    for (name, options) in wrong {
        let told = refuse(&data, &labels, options);
        assert!(told.starts_with(&format!("`{name}` must be")), "{told}");
    }
    let squared = GbdtOptions { objective: Objective::Squared, ..small() };
    assert!(refuse(&data, &[1.1e100; 10], squared.clone()).contains("between -1e100 and 1e100"));
    let edges = [
        GbdtOptions { trees: 1, depth: 16, bins: 255, min_leaf: 1, learning_rate: 1.0, l2: 0.0, ..small() },
        GbdtOptions { trees: 1, depth: 1, bins: 2, min_leaf: 1, learning_rate: 1e-9, ..squared },
    ];
    for options in edges {
        let labels = if options.objective == Objective::Squared { vec![1e100; 10] } else { labels.clone() };
        gbdt(&data, &labels, &options, |_, _| true).unwrap();
    }
    let nan = GbdtOptions { learning_rate: f64::NAN, ..small() };
    assert_eq!(refuse(&data, &labels, nan), "`learning_rate` must be above 0 and at most 1");
    let mut bare = Matrix::new::<String>([]);
    bare.push(&[]).unwrap();
    assert_eq!(refuse(&bare, &[1.0], small()), "there are no features to learn from: list at least one in `features`");
}

/// Run it with `--release -- --ignored`; a debug build says nothing about speed.
#[test]
#[ignore = "a measurement: needs a release build"]
fn forty_thousand_rows_take_a_few_seconds() {
    let (rows, labels) = sample(40_000, 10);
    let data = matrix(&rows);
    let start = Instant::now();
    let model = gbdt(&data, &labels, &GbdtOptions { trees: 200, ..GbdtOptions::default() }, |_, _| true).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.2} s for {} trees", model.trees());
    assert!(seconds < 10.0, "{seconds} s");
}

/// Gradient, curvature and rows on both sides of each possible comparison on `cells`: the definition, plainly.
fn best_gain(cells: &[Option<f64>], gradients: &[f64], options: &GbdtOptions) -> f64 {
    let score = |sum: f64, rows: f64| if rows + options.l2 > 0.0 { sum * sum / (rows + options.l2) } else { 0.0 };
    let mut best: f64 = 0.0;
    for threshold in cells.iter().flatten() {
        for missing_left in [false, true] {
            let (mut left, mut right) = ((0.0_f64, 0.0_f64), (0.0, 0.0));
            for (cell, gradient) in cells.iter().zip(gradients) {
                let side = if cell.map_or(missing_left, |cell| cell <= *threshold) { &mut left } else { &mut right };
                *side = (side.0 + gradient, side.1 + 1.0);
            }
            if left.1.min(right.1) >= options.min_leaf as f64 {
                let children = score(left.0, left.1) + score(right.0, right.1);
                best = best.max(children - score(left.0 + right.0, left.1 + right.1));
            }
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The root's split is the best of all that there are, and its leaves are the Newton steps of their rows.
    #[test]
    fn the_first_split_is_the_best_there_is(
        rows in prop::collection::vec((prop::option::of(-9_i8..9), prop::option::of(-9_i8..9), -99_i8..99), 2..60),
        min_leaf in 1_usize..4, l2 in prop::sample::select(vec![0.0, 1.5]),
    ) {
        let mut data = Matrix::new(["a", "b"].map(|name| (name, ColumnKind::Numeric)));
        let columns = [0, 1].map(|column| {
            rows.iter().map(|row| [row.0, row.1][column].map(f64::from)).collect::<Vec<_>>()
        });
        for (a, b) in columns[0].iter().zip(&columns[1]) {
            data.push(&[*a, *b].map(|cell| cell.map_or(Input::Missing, Input::Number))).unwrap();
        }
        let labels: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        let objective = Objective::Squared;
        let options =
            GbdtOptions { objective, trees: 1, depth: 1, learning_rate: 1.0, min_leaf, l2, ..GbdtOptions::default() };
        let model = gbdt(&data, &labels, &options, |_, _| true).unwrap();
        let mean = labels.iter().sum::<f64>() / labels.len() as f64;
        let gradients: Vec<f64> = labels.iter().map(|label| mean - label).collect();
        let best = columns.iter().map(|cells| best_gain(cells, &gradients, &options)).fold(0.0, f64::max);
        let found: f64 = model.features().iter().map(|feature| feature.gain).sum();
        prop_assert!((found - best).abs() <= 1e-4 * (1.0 + best), "found {found}, the best is {best}");

        let predicted = data.predict(&model).unwrap();
        for value in &predicted {
            let side: Vec<f64> =
                predicted.iter().zip(&gradients).filter(|(other, _)| *other == value).map(|(_, g)| *g).collect();
            let step = -side.iter().sum::<f64>() / (side.len() as f64 + l2);
            prop_assert!((value - mean - step).abs() < 1e-4, "{value} is not {mean} + {step}");
        }
    }

    /// Any small table trains, and predicts finite probabilities.
    #[test]
    fn any_table_trains(
        rows in prop::collection::vec((prop::option::of(-3_i8..3), prop::option::of(any::<f64>()), any::<bool>()), 1..80),
        depth in 1_usize..5, min_leaf in 1_usize..5, l2 in prop::sample::select(vec![0.0, 1.0]),
    ) {
        let mut data = Matrix::new(["a", "b"].map(|name| (name, ColumnKind::Numeric)));
        for (a, b, _) in &rows {
            let number = |cell: Option<f64>| cell.map_or(Input::Missing, Input::Number);
            data.push(&[number(a.map(f64::from)), number(*b)]).unwrap();
        }
        let labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.2))).collect();
        let options = GbdtOptions { trees: 5, depth, min_leaf, l2, ..GbdtOptions::default() };
        let model = gbdt(&data, &labels, &options, |_, _| true).unwrap();
        prop_assert!(data.predict(&model).unwrap().iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
