//! Growing one tree level by level over histograms of exact integer sums.
#![expect(clippy::indexing_slicing, reason = "rows, bins and nodes index lists that this module sizes itself")]

use flow_core::trees::Node;

use crate::bins::Binned;
use crate::gbdt::Scale;

/// A row's first and second derivative of the loss, in fixed point.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gradient {
    pub(crate) first: i32,
    pub(crate) second: i32,
}

/// What bounds a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) depth: usize,
    pub(crate) min_leaf: usize,
    pub(crate) l2: f64,
    pub(crate) learning_rate: f64,
    pub(crate) threads: usize,
    /// Most bins of a level's histograms that are kept for the next level.
    pub(crate) kept_bins: usize,
}

/// Sums over the rows of a bin or a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    first: i64,
    second: i64,
    rows: u32,
}

impl Sums {
    fn add(&mut self, gradient: Gradient) {
        self.first += i64::from(gradient.first);
        self.second += i64::from(gradient.second);
        self.rows += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second, rows: self.rows + other.rows }
    }

    fn minus(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second, rows: self.rows - other.rows }
    }
}

/// The state that all trees share: the binned features and the rows in the order of the nodes.
pub(crate) struct Forest {
    features: Vec<FeatureWork>,
    limits: Limits,
    order: Vec<u32>,
    spare: Vec<u32>,
}

/// A feature with its histograms; a thread works on whole features.
struct FeatureWork {
    position: u16,
    data: Binned,
    /// Bins of a node: one for missing, one for each range of values.
    width: usize,
    /// Histograms of the level above, pair by pair; empty if they were not kept.
    above: Vec<Sums>,
    histograms: Vec<Sums>,
    best: Vec<Option<Candidate>>,
    gain: f64,
}

/// A way to split a node.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    feature: u16,
    /// Bins from 1 to this one go left.
    bin: u8,
    missing_left: bool,
    gain: f64,
    left: Sums,
}

/// A node of the level that is being split: its rows are `order[start..end]`.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: usize,
    end: usize,
    sums: Sums,
    /// Its position in the tree.
    node: usize,
}

/// Two siblings; of the root's pair only `left` is there.
#[derive(Debug, Clone, Copy)]
struct Pair {
    left: Open,
    right: Option<Open>,
    /// Where the parent's histogram stands in the level above.
    parent: usize,
}

/// Levels with fewer cells than this are done by one thread: starting others takes longer.
const CELLS_FOR_THREADS: usize = 16_384;

impl Forest {
    pub(crate) fn new(features: Vec<Binned>, rows: usize, limits: Limits) -> Self {
        let work = |(position, data): (u16, Binned)| FeatureWork {
            position,
            width: data.cuts.len() + 2,
            data,
            above: Vec::new(),
            histograms: Vec::new(),
            best: Vec::new(),
            gain: 0.0,
        };
        let features = (0..=u16::MAX).zip(features).map(work).collect();
        Self { features, limits, order: vec![0; rows], spare: Vec::with_capacity(rows) }
    }

    /// The loss reduction of all splits so far, feature by feature.
    pub(crate) fn gains(&self) -> impl Iterator<Item = f64> {
        self.features.iter().map(|feature| feature.gain)
    }

    /// Grows a tree against the gradients and adds its leaves to the rows' scores.
    pub(crate) fn grow(&mut self, gradients: &[Gradient], scale: Scale, scores: &mut [f64]) -> Vec<Node> {
        for (slot, row) in self.order.iter_mut().zip(0..) {
            *slot = row;
        }
        let mut sums = Sums::default();
        for gradient in gradients {
            sums.add(*gradient);
        }
        let mut tree = vec![Node::Leaf { value: 0.0 }];
        let mut level =
            vec![Pair { left: Open { start: 0, end: gradients.len(), sums, node: 0 }, right: None, parent: 0 }];
        for depth in 0..self.limits.depth {
            let best = self.search(&level, depth, gradients, scale);
            let mut below = Vec::new();
            let slots = level
                .iter()
                .enumerate()
                .flat_map(|(pair, nodes)| [(2 * pair, Some(nodes.left)), (2 * pair + 1, nodes.right)]);
            for ((slot, open), best) in slots.zip(best) {
                let Some(open) = open else { continue };
                match best {
                    Some(split) => below.push(self.split(open, slot, split, &mut tree)),
                    None => self.close(open, scale, &mut tree, scores),
                }
            }
            level = below;
            if level.is_empty() {
                break;
            }
        }
        for pair in level {
            self.close(pair.left, scale, &mut tree, scores);
            if let Some(right) = pair.right {
                self.close(right, scale, &mut tree, scores);
            }
        }
        tree
    }

    /// The best split of each node of the level, two slots a pair. Features are compared in their order and only a
    /// greater gain wins, so that it does not matter which thread was first.
    fn search(&mut self, level: &[Pair], depth: usize, gradients: &[Gradient], scale: Scale) -> Vec<Option<Candidate>> {
        let Self { features, limits, order, .. } = self;
        let bins: usize = features.iter().map(|feature| feature.width).sum();
        let cells = level.iter().map(Pair::rows).sum::<usize>() * features.len();
        let job = Level {
            pairs: level,
            order,
            gradients,
            scale,
            limits: *limits,
            keep: depth + 1 < limits.depth && 2 * level.len() * bins <= limits.kept_bins,
        };
        let threads = if cells < CELLS_FOR_THREADS { 1 } else { limits.threads.clamp(1, features.len().max(1)) };
        if threads == 1 {
            features.iter_mut().for_each(|feature| feature.search(&job));
        } else {
            let each = features.len().div_ceil(threads);
            std::thread::scope(|scope| {
                for part in features.chunks_mut(each) {
                    scope.spawn(|| part.iter_mut().for_each(|feature| feature.search(&job)));
                }
            });
        }
        let mut best: Vec<Option<Candidate>> = vec![None; 2 * level.len()];
        for feature in features {
            for (best, found) in best.iter_mut().zip(&feature.best) {
                if found.is_some_and(|found| best.is_none_or(|best| found.gain > best.gain)) {
                    *best = *found;
                }
            }
        }
        best
    }

    /// Splits a node: its rows into left and right, both in their old order, and the tree's leaf into a comparison.
    fn split(&mut self, open: Open, slot: usize, by: Candidate, tree: &mut Vec<Node>) -> Pair {
        let feature = &mut self.features[usize::from(by.feature)];
        feature.gain += by.gain;
        self.spare.clear();
        let mut end = open.start;
        for at in open.start..open.end {
            let row = self.order[at];
            let bin = feature.data.bins[row as usize];
            if if bin == 0 { by.missing_left } else { bin <= by.bin } {
                self.order[end] = row;
                end += 1;
            } else {
                self.spare.push(row);
            }
        }
        self.order[end..open.end].copy_from_slice(&self.spare);
        let left = tree.len();
        tree[open.node] = Node::Split {
            feature: by.feature,
            // Behind the last cut only missing values are told from the others.
            threshold: feature.data.cuts.get(usize::from(by.bin) - 1).copied().unwrap_or(f64::MAX),
            missing_left: by.missing_left,
            left: u32::try_from(left).unwrap_or(u32::MAX),
        };
        tree.extend([Node::Leaf { value: 0.0 }; 2]);
        Pair {
            left: Open { start: open.start, end, sums: by.left, node: left },
            right: Some(Open { start: end, end: open.end, sums: open.sums.minus(by.left), node: left + 1 }),
            parent: slot,
        }
    }

    /// Makes a node a leaf: the Newton step of its rows, shortened by the learning rate.
    fn close(&self, open: Open, scale: Scale, tree: &mut [Node], scores: &mut [f64]) {
        let (first, second) = scale.values(open.sums.first, open.sums.second);
        let weight = second + self.limits.l2;
        let value = if weight > 0.0 { -first / weight * self.limits.learning_rate } else { 0.0 };
        tree[open.node] = Node::Leaf { value };
        for row in &self.order[open.start..open.end] {
            scores[*row as usize] += value;
        }
    }
}

impl Pair {
    fn rows(&self) -> usize {
        self.right.unwrap_or(self.left).end - self.left.start
    }
}

/// What all features read while a level is searched.
struct Level<'a> {
    pairs: &'a [Pair],
    order: &'a [u32],
    gradients: &'a [Gradient],
    scale: Scale,
    limits: Limits,
    /// Whether the next level will subtract from this level's histograms.
    keep: bool,
}

impl FeatureWork {
    /// Fills `best` with this feature's best split of each node.
    fn search(&mut self, level: &Level<'_>) {
        self.best.clear();
        let size = 2 * self.width;
        self.histograms.clear();
        self.histograms.resize(if level.keep { size * level.pairs.len() } else { size }, Sums::default());
        for (position, pair) in level.pairs.iter().enumerate() {
            let at = if level.keep { position * size } else { 0 };
            let (left, right) = self.histograms[at..at + size].split_at_mut(self.width);
            let above = self.above.get(pair.parent * self.width..(pair.parent + 1) * self.width);
            fill_pair(pair, above, &self.data.bins, level, left, right);
            for (open, histogram) in [(Some(pair.left), &*left), (pair.right, &*right)] {
                let best = open.and_then(|open| best_split(self.position, open, histogram, level));
                self.best.push(best);
            }
        }
        std::mem::swap(&mut self.above, &mut self.histograms);
        if !level.keep {
            self.above.clear();
        }
    }
}

/// Fills both siblings' histograms: the smaller from its rows, the larger as what remains of the parent's if that was
/// kept. Sums are exact, so that both ways give the same.
fn fill_pair(
    pair: &Pair,
    above: Option<&[Sums]>,
    bins: &[u8],
    level: &Level<'_>,
    left: &mut [Sums],
    right: &mut [Sums],
) {
    let fill = |open: Open, histogram: &mut [Sums]| {
        histogram.fill(Sums::default());
        for row in &level.order[open.start..open.end] {
            let row = *row as usize;
            histogram[usize::from(bins[row])].add(level.gradients[row]);
        }
    };
    let Some(other) = pair.right else { return fill(pair.left, left) };
    match above {
        None => {
            fill(pair.left, left);
            fill(other, right);
        }
        Some(above) => {
            let left_is_small = pair.left.sums.rows <= other.sums.rows;
            let (small, open, large) = if left_is_small { (left, pair.left, right) } else { (right, other, left) };
            fill(open, small);
            for ((large, above), small) in large.iter_mut().zip(above).zip(&*small) {
                *large = above.minus(*small);
            }
        }
    }
}

/// Gains below this part of the children's scores are rounding.
const LEAST_GAIN: f64 = 1e-10;

/// The best way to split a node by one feature; of equal ones the first bin, missing values to the right.
fn best_split(feature: u16, open: Open, histogram: &[Sums], level: &Level<'_>) -> Option<Candidate> {
    let Limits { min_leaf, l2, .. } = level.limits;
    let least = u32::try_from(min_leaf).unwrap_or(u32::MAX);
    if open.sums.rows / 2 < least {
        return None;
    }
    let score = |sums: Sums| {
        let (first, second) = level.scale.values(sums.first, sums.second);
        if second + l2 > 0.0 { first * first / (second + l2) } else { 0.0 }
    };
    let own = score(open.sums);
    let missing = histogram[0];
    let mut best: Option<Candidate> = None;
    let mut known = Sums::default();
    for (bin, sums) in (1_u8..=u8::MAX).zip(&histogram[1..]) {
        known = known.plus(*sums);
        if sums.rows == 0 {
            continue;
        }
        let sides = if missing.rows == 0 { &[false][..] } else { &[false, true] };
        for missing_left in sides {
            let left = if *missing_left { known.plus(missing) } else { known };
            let right = open.sums.minus(left);
            if left.rows < least || right.rows < least {
                continue;
            }
            let children = score(left) + score(right);
            let gain = children - own;
            if gain > children * LEAST_GAIN && best.is_none_or(|best| gain > best.gain) {
                // Where training saw no missing value, one goes where most rows go.
                let missing_left = if missing.rows == 0 { left.rows > right.rows } else { *missing_left };
                best = Some(Candidate { feature, bin, missing_left, gain, left });
            }
        }
    }
    best
}
