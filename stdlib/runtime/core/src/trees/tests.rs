use std::hint::black_box;
use std::time::Instant;

use super::*;

fn numeric(name: &str) -> Feature {
    Feature { name: name.into(), kind: FeatureKind::Numeric, gain: 0.0 }
}

fn leaf(value: f64) -> Node {
    Node::Leaf { value }
}

fn stump(feature: u16, threshold: f64, missing_left: bool) -> Vec<Node> {
    vec![Node::Split { feature, threshold, missing_left, left: 1 }, leaf(-1.0), leaf(2.0)]
}

#[test]
fn a_threshold_belongs_to_the_left_and_missing_has_its_side() {
    let features = vec![numeric("x")];
    let model =
        Ensemble::new(Objective::Squared, 10.0, features, &[stump(0, 3.0, false), stump(0, 5.0, true)]).unwrap();
    assert_eq!(model.predict(&[Some(3.0)]), 8.0);
    assert_eq!(model.predict(&[Some(4.0)]), 11.0);
    assert_eq!(model.predict(&[Some(5.5)]), 14.0);
    assert_eq!(model.predict(&[None]), 11.0);
    assert_eq!(model.predict(&[]), 11.0, "a cell that is not there is missing");
    assert_eq!((model.trees(), model.depth()), (2, 1));
}

#[test]
fn the_logistic_objective_gives_probabilities() {
    let model = Ensemble::new(Objective::Logistic, 0.0, vec![], &[vec![leaf(1.0)]]).unwrap();
    assert_eq!(model.predict(&[]), 0.731_058_578_630_004_9);
    assert_eq!(model.sum(&[]), 1.0);
    assert_eq!((sigmoid(-800.0), sigmoid(0.0), sigmoid(800.0)), (0.0, 0.5, 1.0));
}

#[test]
fn categories_are_found_by_text_and_unknown_ones_are_missing() {
    let kind = FeatureKind::Categorical(vec!["FR".into(), "DE".into(), "AT".into()]);
    let country = Feature { name: "country".into(), kind, gain: 0.0 };
    let model = Ensemble::new(Objective::Squared, 0.0, vec![country, numeric("x")], &[]).unwrap();
    assert_eq!(model.encode(0, Input::Text("FR")), Some(0.0));
    assert_eq!(model.encode(0, Input::Text("AT")), Some(2.0));
    assert_eq!(model.encode(0, Input::Text("US")), None);
    assert_eq!(model.encode(0, Input::Number(1.0)), None);
    assert_eq!(model.encode(1, Input::Number(1.5)), Some(1.5));
    assert_eq!(model.encode(1, Input::Number(f64::NAN)), None);
    assert_eq!(model.encode(2, Input::Missing), None);
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_its_place() {
    let refuse = |features: Vec<Feature>, tree: Vec<Node>| {
        Ensemble::new(Objective::Squared, 0.0, features, &[tree]).unwrap_err().to_string()
    };
    let x = || vec![numeric("x")];
    assert_eq!(refuse(x(), vec![]), "tree 0 has no node");
    assert_eq!(refuse(x(), stump(1, 0.0, false)), "node 0 of tree 0: the feature does not exist");
    assert_eq!(refuse(x(), stump(0, f64::NAN, false)), "node 0 of tree 0: the threshold is not finite");
    assert_eq!(refuse(x(), vec![leaf(f64::INFINITY)]), "node 0 of tree 0: the leaf is not finite");
    let back = |left| vec![leaf(0.0), Node::Split { feature: 0, threshold: 0.0, missing_left: false, left }, leaf(0.0)];
    assert_eq!(refuse(x(), back(1)), "node 1 of tree 0: its children do not stand behind it");
    assert_eq!(refuse(x(), back(2)), "node 1 of tree 0: its children are not in the tree");
    assert_eq!(refuse(vec![numeric("x"), numeric("x")], vec![leaf(0.0)]), "the feature `x` is listed twice");
    let twice = FeatureKind::Categorical(vec!["a".into(), "a".into()]);
    let twice = vec![Feature { name: "c".into(), kind: twice, gain: 0.0 }];
    assert_eq!(refuse(twice, vec![leaf(0.0)]), "the feature `c` lists the category `a` twice");
}

/// A full tree: the children of node `i` are `2i + 1` and `2i + 2`.
fn full(depth: u32, seed: &mut u64) -> Vec<Node> {
    let mut random = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as u32
    };
    let inner = 2_u32.pow(depth) - 1;
    let split = |i: u32, r: u32| Node::Split {
        feature: (r % 8) as u16,
        threshold: f64::from(r) / 16_777_216.0,
        missing_left: r.is_multiple_of(3),
        left: 2 * i + 1,
    };
    let nodes = (0..inner).map(|i| split(i, random())).collect::<Vec<_>>();
    let leaves = (0..=inner).map(|_| leaf(f64::from(random()) / 1e9)).collect::<Vec<_>>();
    [nodes, leaves].concat()
}

fn large() -> Ensemble {
    let mut seed = 1;
    let trees: Vec<Vec<Node>> = (0..200).map(|_| full(6, &mut seed)).collect();
    Ensemble::new(Objective::Logistic, -0.25, (0..8).map(|i| numeric(&format!("f{i}"))).collect(), &trees).unwrap()
}

#[test]
fn bits_and_contents_are_pinned() {
    let model = large();
    assert_eq!((model.trees(), model.depth()), (200, 6));
    let row: Vec<Option<f64>> = (0..8).map(|i| (i != 3).then_some(f64::from(i) / 8.0)).collect();
    assert_eq!(model.predict(&row).to_bits(), 4_605_474_521_892_824_550);
    assert_eq!(model.content_hash(), 158_447_675_340_997_915_138_623_303_842_941_274_302);
    let mut hash = Fnv128::default();
    hash.write(b"a");
    assert_eq!(hash.finish(), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
}

/// A tree of any shape: at most `splits` of them, each of a leaf that is there.
fn uneven(splits: u32, random: &mut impl FnMut(u32) -> u32) -> Vec<Node> {
    let mut tree = vec![leaf(f64::from(random(1_000)) / 7.0)];
    for _ in 0..random(splits + 1) {
        let at = random(tree.len() as u32) as usize;
        if let Node::Leaf { value } = tree[at] {
            let threshold = f64::from(random(8)) / 2.0;
            let (feature, missing_left, left) = (random(3) as u16, random(2) == 0, tree.len() as u32);
            tree[at] = Node::Split { feature, threshold, missing_left, left };
            tree.extend([leaf(value / 3.0), leaf(-value)]);
        }
    }
    tree
}

/// The sum as the form of the trees says it, one tree after the other.
fn walked(base: f64, trees: &[Vec<Node>], row: &[Option<f64>]) -> f64 {
    let of_tree = |tree: &Vec<Node>| {
        let mut at = 0;
        loop {
            match tree[at] {
                Node::Leaf { value } => return value,
                Node::Split { feature, threshold, missing_left, left } => {
                    let is_left = match row.get(usize::from(feature)) {
                        Some(Some(number)) => *number <= threshold,
                        _ => missing_left,
                    };
                    at = left as usize + usize::from(!is_left);
                }
            }
        }
    };
    trees.iter().map(of_tree).fold(base, |sum, value| sum + value)
}

#[test]
fn trees_walked_together_give_the_sum_of_each_alone() {
    let mut seed = 11_u64;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u32 % below
    };
    for round in 0..400 {
        let trees: Vec<Vec<Node>> = (0..random(40)).map(|_| uneven(12, &mut random)).collect();
        let features = ["a", "b", "c"].map(numeric).to_vec();
        let model = Ensemble::new(Objective::Squared, 0.1, features, &trees).unwrap();
        let back = Ensemble::try_from(Form::from(model.clone())).unwrap();
        assert_eq!((&back, back.content_hash()), (&model, model.content_hash()));
        for _ in 0..20 {
            let cell = |random: &mut dyn FnMut(u32) -> u32| match random(12) {
                0 | 1 => None,
                2 => Some(f64::INFINITY),
                3 => Some(f64::NEG_INFINITY),
                4 => Some(f64::NAN),
                more => Some(f64::from(more) / 2.0),
            };
            let row: Vec<Option<f64>> = (0..random(4)).map(|_| cell(&mut random)).collect();
            let (sum, alone) = (model.sum(&row), walked(0.1, &trees, &row));
            assert_eq!(sum.to_bits(), alone.to_bits(), "round {round}: {row:?} over {trees:?}");
        }
    }
}

/// Run it with `--release -- --ignored`; a debug build says nothing about speed.
#[test]
#[ignore = "a measurement: needs a release build"]
fn two_hundred_trees_take_less_than_ten_microseconds() {
    let model = large();
    let rows: Vec<Vec<Option<f64>>> =
        (0..1000_u32).map(|i| (0..8).map(|j| Some(f64::from((i * 7 + j * 131) % 1000) / 1000.0)).collect()).collect();
    let start = Instant::now();
    for row in rows.iter().cycle().take(100_000) {
        black_box(model.predict(row));
    }
    let each = start.elapsed().as_nanos() / 100_000;
    println!("{each} ns a prediction");
    assert!(each < 10_000, "{each} ns");
}
