//! Tree ensembles as they are evaluated online: gradient-boosted regression trees over numbers and categories.
//!
//! An [`Ensemble`] is checked once, when it is built or read, so that evaluation cannot fail: every child lies behind
//! its parent and every split names a feature that exists. Two equal ensembles give the same bits on every machine:
//! only additions, comparisons and `libm`'s exponential take part, in a fixed order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A feature of an ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// How a cell becomes the number that splits compare.
    pub kind: FeatureKind,
    /// The sum of the loss reductions of all splits on this feature; 0 if it is never used.
    pub gain: f64,
}

/// How a cell becomes the number that splits compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// The number itself.
    Numeric,
    /// The text's position in this list, which training ordered by the label's mean; a text that is not in the list
    /// counts as missing.
    Categorical(Vec<String>),
}

/// A cell handed to a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input<'a> {
    /// No value: each split has a learned side for it.
    Missing,
    /// A number; `bool` is 0 or 1. One that is not finite counts as missing.
    Number(f64),
    /// A text, for a categorical feature.
    Text(&'a str),
}

/// What the sum of the trees means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The log-odds of a binary label; predictions are probabilities.
    Logistic,
    /// The mean of a float label.
    Squared,
}

/// One node of a tree under construction or in its serialised form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// The tree's contribution.
    Leaf {
        /// Added to the sum.
        value: f64,
    },
    /// A comparison; the right child stands directly behind the left one.
    Split {
        /// Position of the feature.
        feature: u16,
        /// Numbers up to and including this one go left.
        threshold: f64,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// Position of the left child in the tree, greater than that of the split.
        left: u32,
    },
}

/// Why an ensemble cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnsembleError(String);

impl fmt::Display for EnsembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EnsembleError {}

/// A checked sum of trees. Its serialised form is canonical: equal ensembles give equal bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Ensemble {
    objective: Objective,
    base: f64,
    features: Vec<Feature>,
    /// For a categorical feature, the positions of its categories in the order of their text.
    sorted: Vec<Vec<u32>>,
    roots: Vec<u32>,
    nodes: Vec<Flat>,
    /// The comparisons on the longest path of each [`TOGETHER`] trees.
    depths: Vec<u32>,
}

/// How many trees are walked side by side: while a step of one waits for memory, the others go on. Fewer wait, and the
/// places of more have no room in registers.
const TOGETHER: usize = 16;

/// A node as evaluation reads it: 16 bytes, children by absolute position.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Flat {
    /// The threshold of a split, the value of a leaf.
    number: f64,
    /// The left child; its sibling stands behind it. A leaf names itself: a walk that has come to it stays there.
    left: u32,
    /// Where the numbers that are compared have that of this node: twice the feature, and one more where a missing value
    /// goes left. A leaf has the place behind all features, where a number is less than any other.
    place: u32,
}

impl Flat {
    /// The feature of a split.
    fn feature(self) -> u16 {
        (self.place / 2) as u16
    }

    fn missing_left(self) -> bool {
        self.place % 2 == 1
    }
}

impl Ensemble {
    /// Checks and lays out an ensemble: `base` plus one leaf of each tree is what `objective` interprets.
    ///
    /// # Errors
    /// A tree without nodes, a child that is not behind its parent or not in its tree, a split on an unknown feature,
    /// a number that is not finite, two features of one name, or a category listed twice.
    pub fn new(
        objective: Objective,
        base: f64,
        features: Vec<Feature>,
        trees: &[Vec<Node>],
    ) -> Result<Self, EnsembleError> {
        let fail = |text: String| Err(EnsembleError(text));
        if !base.is_finite() || features.iter().any(|feature| !feature.gain.is_finite()) {
            return fail("the model's base and gains must be finite".into());
        }
        if features.len() > usize::from(u16::MAX) {
            return fail(format!("a model has at most {} features, this one has {}", u16::MAX, features.len()));
        }
        let mut names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
        names.sort_unstable();
        if let Some(name) = names.iter().zip(names.iter().skip(1)).find_map(|(a, b)| (a == b).then_some(a)) {
            return fail(format!("the feature `{name}` is listed twice"));
        }
        let mut sorted = Vec::with_capacity(features.len());
        for feature in &features {
            sorted.push(sort_categories(feature)?);
        }
        let mut roots = Vec::with_capacity(trees.len());
        let mut nodes = Vec::with_capacity(trees.iter().map(Vec::len).sum());
        for (number, tree) in trees.iter().enumerate() {
            let Ok(root) = u32::try_from(nodes.len()) else {
                return fail("the model has more than 4,294,967,295 nodes".into());
            };
            roots.push(root);
            if tree.is_empty() {
                return fail(format!("tree {number} has no node"));
            }
            for (position, node) in tree.iter().enumerate() {
                match flatten(*node, position, tree.len(), root, features.len()) {
                    Ok(flat) => nodes.push(flat),
                    Err(what) => return fail(format!("node {position} of tree {number}: {what}")),
                }
            }
        }
        let mut ensemble = Self { objective, base, features, sorted, roots, nodes, depths: Vec::new() };
        ensemble.depths = ensemble.depths();
        Ok(ensemble)
    }

    /// What predictions are.
    #[must_use]
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The features, in the order in which a row lists them.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The number of trees.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// The length of the longest path from a root to a leaf, in comparisons.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depths.iter().max().map_or(0, |depth| *depth as usize)
    }

    /// The comparisons on the longest path of each [`TOGETHER`] trees.
    fn depths(&self) -> Vec<u32> {
        let mut depths = vec![0_u32; self.nodes.len()];
        for (position, node) in self.nodes.iter().enumerate() {
            let depth = depths.get(position).copied().unwrap_or(0);
            if !self.is_leaf(position, node) {
                for child in depths.iter_mut().skip(node.left as usize).take(2) {
                    *child = depth + 1;
                }
            }
        }
        let begins = self.roots.iter().step_by(TOGETHER).map(|root| *root as usize);
        let ends = self.roots.iter().step_by(TOGETHER).skip(1).map(|root| *root as usize).chain([self.nodes.len()]);
        let deepest = |(begin, end)| depths.get(begin..end).and_then(|some| some.iter().max()).copied().unwrap_or(0);
        begins.zip(ends).map(deepest).collect()
    }

    fn is_leaf(&self, position: usize, node: &Flat) -> bool {
        node.left as usize == position
    }

    /// The number that splits on the feature at `position` compare; absent if the input is missing, unknown to
    /// training, or of the other kind.
    #[must_use]
    pub fn encode(&self, position: usize, input: Input<'_>) -> Option<f64> {
        match (self.features.get(position).map(|feature| &feature.kind)?, input) {
            (FeatureKind::Numeric, Input::Number(number)) if number.is_finite() => Some(number),
            (FeatureKind::Categorical(categories), Input::Text(text)) => {
                let order = self.sorted.get(position)?;
                let text_of = |at: u32| categories.get(at as usize).map(String::as_str);
                let found = order.binary_search_by(|at| text_of(*at).cmp(&Some(text))).ok()?;
                order.get(found).copied().map(f64::from)
            }
            _ => None,
        }
    }

    /// The prediction for one row of encoded features: a probability under [`Objective::Logistic`], the label's
    /// estimate under [`Objective::Squared`]. Cells that the row lacks count as missing.
    #[must_use]
    pub fn predict(&self, row: &[Option<f64>]) -> f64 {
        let sum = self.sum(row);
        match self.objective {
            Objective::Logistic => sigmoid(sum),
            Objective::Squared => sum,
        }
    }

    /// The base plus one leaf of each tree: the log-odds under [`Objective::Logistic`].
    #[must_use]
    pub fn sum(&self, row: &[Option<f64>]) -> f64 {
        // Each feature twice, for nodes of either side: what is missing is greater than all, or less.
        let mut numbers = Vec::with_capacity(2 * self.features.len() + 1);
        for position in 0..self.features.len() {
            numbers.extend(match row.get(position) {
                Some(Some(number)) => [*number; 2],
                _ => [f64::INFINITY, f64::NEG_INFINITY],
            });
        }
        numbers.push(f64::NEG_INFINITY);
        let mut sum = self.base;
        for (roots, depth) in self.roots.chunks(TOGETHER).zip(&self.depths) {
            // Where fewer trees are left, the first of them fills the row up and counts once.
            let mut places = [roots.first().copied().unwrap_or_default(); TOGETHER];
            places.iter_mut().zip(roots).for_each(|(place, root)| *place = *root);
            for _ in 0..*depth {
                for place in &mut places {
                    *place = self.next(*place, &numbers);
                }
            }
            for place in places.iter().take(roots.len()) {
                sum += self.nodes.get(*place as usize).map_or(0.0, |leaf| leaf.number);
            }
        }
        sum
    }

    /// The child of a split on the row's side; a leaf itself. Without a branch, since nobody can foretell it.
    #[inline(always)]
    fn next(&self, place: u32, numbers: &[f64]) -> u32 {
        // INVARIANT: `new` let in only children and features that exist.
        let Some(node) = self.nodes.get(place as usize) else { return place };
        let Some(number) = numbers.get(node.place as usize) else { return place };
        let is_left = *number <= node.number;
        node.left + u32::from(!is_left)
    }

    /// A hash of the content, the same on every machine: FNV-1a over 128 bits of all names, numbers and nodes.
    #[must_use]
    pub fn content_hash(&self) -> u128 {
        let mut hash = Fnv128::default();
        hash.write(&[match self.objective {
            Objective::Logistic => 0,
            Objective::Squared => 1,
        }]);
        hash.write(&self.base.to_bits().to_le_bytes());
        hash.length(self.features.len());
        for feature in &self.features {
            hash.text(&feature.name);
            hash.write(&feature.gain.to_bits().to_le_bytes());
            match &feature.kind {
                FeatureKind::Numeric => hash.write(&[0]),
                FeatureKind::Categorical(categories) => {
                    hash.write(&[1]);
                    hash.length(categories.len());
                    for category in categories {
                        hash.text(category);
                    }
                }
            }
        }
        hash.length(self.roots.len());
        for root in &self.roots {
            hash.write(&root.to_le_bytes());
        }
        for (position, node) in self.nodes.iter().enumerate() {
            let (left, feature) = if self.is_leaf(position, node) { (0, 0) } else { (node.left, node.feature()) };
            hash.write(&node.number.to_bits().to_le_bytes());
            hash.write(&left.to_le_bytes());
            hash.write(&feature.to_le_bytes());
            hash.write(&[u8::from(node.missing_left())]);
        }
        hash.finish()
    }
}

fn sort_categories(feature: &Feature) -> Result<Vec<u32>, EnsembleError> {
    let FeatureKind::Categorical(categories) = &feature.kind else { return Ok(Vec::new()) };
    let mut order: Vec<(&str, u32)> = categories.iter().map(String::as_str).zip(0..).collect();
    order.sort_unstable();
    if let Some(text) = order.iter().zip(order.iter().skip(1)).find_map(|(a, b)| (a.0 == b.0).then_some(a.0)) {
        return Err(EnsembleError(format!("the feature `{}` lists the category `{text}` twice", feature.name)));
    }
    Ok(order.into_iter().map(|(_, at)| at).collect())
}

const TOO_MANY: &str = "the model has too many nodes";

fn flatten(node: Node, position: usize, len: usize, root: u32, features: usize) -> Result<Flat, &'static str> {
    match node {
        Node::Leaf { value } if value.is_finite() => {
            let left = root.checked_add(position as u32).ok_or(TOO_MANY)?;
            Ok(Flat { number: value, left, place: 2 * features as u32 })
        }
        Node::Leaf { .. } => Err("the leaf is not finite"),
        Node::Split { threshold, .. } if !threshold.is_finite() => Err("the threshold is not finite"),
        Node::Split { feature, .. } if usize::from(feature) >= features => Err("the feature does not exist"),
        Node::Split { left, .. } if left as usize <= position => Err("its children do not stand behind it"),
        Node::Split { left, .. } if left as usize + 1 >= len => Err("its children are not in the tree"),
        Node::Split { feature, threshold, missing_left, left } => {
            let left = root.checked_add(left).filter(|at| *at < u32::MAX).ok_or(TOO_MANY)?;
            Ok(Flat { number: threshold, left, place: 2 * u32::from(feature) + u32::from(missing_left) })
        }
    }
}

/// 1 / (1 + e^−x), through `libm`, without overflow at either end.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo; RFC 9923): the pinned hash of model contents.
#[derive(Debug, Clone)]
pub struct Fnv128(u128);

impl Default for Fnv128 {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv128 {
    /// Takes in some bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// The hash of what was taken in.
    #[must_use]
    pub fn finish(&self) -> u128 {
        self.0
    }

    fn length(&mut self, length: usize) {
        self.write(&(length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.write(text.as_bytes());
    }
}

/// The serialised form: each tree as parallel lists, which keeps the text short and its reading fast.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    objective: Objective,
    base: f64,
    features: Vec<Feature>,
    trees: Vec<TreeForm>,
}

/// A tree: position by position the feature (−1 in a leaf), the threshold or value, the left child, the missing side.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeForm {
    feature: Vec<i32>,
    number: Vec<f64>,
    left: Vec<u32>,
    missing_left: Vec<u8>,
}

impl From<Ensemble> for Form {
    fn from(ensemble: Ensemble) -> Self {
        let ends = ensemble.roots.iter().skip(1).map(|root| *root as usize).chain([ensemble.nodes.len()]);
        let trees = ensemble.roots.iter().zip(ends).map(|(root, end)| {
            let nodes = ensemble.nodes.get(*root as usize..end).unwrap_or_default();
            let split = |(at, node): (usize, &Flat)| (!ensemble.is_leaf(*root as usize + at, node)).then_some(*node);
            let splits = || nodes.iter().enumerate().map(split);
            TreeForm {
                feature: splits().map(|node| node.map_or(-1, |node| i32::from(node.feature()))).collect(),
                number: nodes.iter().map(|node| node.number).collect(),
                left: splits().map(|node| node.map_or(0, |node| node.left - *root)).collect(),
                missing_left: nodes.iter().map(|node| u8::from(node.missing_left())).collect(),
            }
        });
        let trees = trees.collect();
        Self { objective: ensemble.objective, base: ensemble.base, features: ensemble.features, trees }
    }
}

impl TryFrom<Form> for Ensemble {
    type Error = EnsembleError;

    fn try_from(form: Form) -> Result<Self, EnsembleError> {
        let mut trees = Vec::with_capacity(form.trees.len());
        for (position, tree) in form.trees.into_iter().enumerate() {
            let len = tree.feature.len();
            if [tree.number.len(), tree.left.len(), tree.missing_left.len()] != [len; 3] {
                return Err(EnsembleError(format!("the lists of tree {position} differ in length")));
            }
            let cells = tree.feature.into_iter().zip(tree.number).zip(tree.left).zip(tree.missing_left);
            let nodes: Result<Vec<Node>, EnsembleError> = cells
                .map(|(((feature, number), left), missing)| match u16::try_from(feature) {
                    Ok(feature) => Ok(Node::Split { feature, threshold: number, missing_left: missing != 0, left }),
                    Err(_) if feature == -1 => Ok(Node::Leaf { value: number }),
                    Err(_) => Err(EnsembleError(format!("tree {position} splits on feature {feature}"))),
                })
                .collect();
            trees.push(nodes?);
        }
        Self::new(form.objective, form.base, form.features, &trees)
    }
}

#[cfg(test)]
mod tests;
