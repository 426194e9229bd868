//! The dataflow as a picture: DOT for tools, SVG for eyes.

use std::collections::BTreeMap;
use std::fmt::Write;

use fec_model::model::Plane;

use crate::lineage::{Dataflow, FlowNode};

/// The dataflow in Graphviz's language.
#[must_use]
pub fn dot(flow: &Dataflow) -> String {
    let mut out = String::from(
        "digraph solution {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    for node in &flow.nodes {
        let label = format!("{}\n{}", title(node), node.name);
        let _ = writeln!(out, "  \"{}\" [label=\"{}\"];", quoted(&node.id), quoted(&label));
    }
    for edge in &flow.edges {
        let _ = writeln!(out, "  \"{}\" -> \"{}\";", quoted(&edge.from), quoted(&edge.to));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn title(node: &FlowNode) -> String {
    match &node.subject {
        Some(subject) => format!("{} {subject}", node.op),
        None => node.op.to_owned(),
    }
}

const WIDTH: usize = 260;
const HEIGHT: usize = 48;
const GAP_X: usize = 80;
const GAP_Y: usize = 18;
const MARGIN: usize = 24;

/// The dataflow as SVG, left to right: each node stands one column right of the furthest node that feeds it.
#[must_use]
pub fn svg(flow: &Dataflow) -> String {
    let places = layout(flow);
    let columns = places.values().map(|(x, _)| x + 1).max().unwrap_or(1);
    let rows = places.values().map(|(_, y)| y + 1).max().unwrap_or(1);
    let width = MARGIN * 2 + columns * (WIDTH + GAP_X) - GAP_X;
    let height = MARGIN * 2 + rows * (HEIGHT + GAP_Y) - GAP_Y;
    let at = |id: &str| {
        let (x, y) = places.get(id).copied().unwrap_or((0, 0));
        (MARGIN + x * (WIDTH + GAP_X), MARGIN + y * (HEIGHT + GAP_Y))
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\">"
    );
    out.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<g fill=\"none\" stroke=\"#8a94a6\" stroke-width=\"1.4\">\n");
    for edge in &flow.edges {
        let ((x1, y1), (x2, y2)) = (at(&edge.from), at(&edge.to));
        let (x1, y1, y2) = (x1 + WIDTH, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
        let bend = GAP_X / 2;
        let _ =
            writeln!(out, "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\"/>", x1 + bend, x2.saturating_sub(bend));
    }
    out.push_str("</g>\n");
    for node in &flow.nodes {
        let (x, y) = at(&node.id);
        let colour = colour(node);
        let _ = writeln!(
            out,
            "<g><title>{}: {}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"{colour}\" stroke=\"#445069\"/>",
            escaped(&node.name),
            escaped(&node.columns.join(", "))
        );
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-size=\"13\" font-weight=\"600\" fill=\"#18202f\">{}</text>",
            x + 10,
            y + 20,
            escaped(&short(&title(node), 32))
        );
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"#445069\">{}</text></g>",
            x + 10,
            y + 37,
            escaped(&short(&node.name, 40))
        );
    }
    out.push_str("</svg>\n");
    out
}

fn colour(node: &FlowNode) -> &'static str {
    match (node.op, node.plane.as_slice()) {
        ("scan", _) => "#e3effd",
        ("features", _) => "#fdf0d5",
        ("emit" | "publish" | "respond", _) => "#e2f4e4",
        (_, [Plane::Batch]) => "#f1eafb",
        (_, [Plane::Online]) => "#fde8ee",
        _ => "#f4f6fa",
    }
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Column and row of each node.
fn layout(flow: &Dataflow) -> BTreeMap<String, (usize, usize)> {
    let mut depth: BTreeMap<&str, usize> = flow.nodes.iter().map(|node| (node.id.as_str(), 0)).collect();
    // A plan has no cycle, so as many rounds as nodes settle every depth; most plans need few.
    for _ in 0..flow.nodes.len() {
        let mut moved = false;
        for edge in &flow.edges {
            let wanted = depth.get(edge.from.as_str()).map_or(0, |depth| depth + 1);
            if let Some(own) = depth.get_mut(edge.to.as_str())
                && *own < wanted
            {
                *own = wanted;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut filled: BTreeMap<usize, usize> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for node in &flow.nodes {
        let column = depth.get(node.id.as_str()).copied().unwrap_or(0);
        let row = filled.entry(column).or_insert(0);
        places.insert(node.id.clone(), (column, *row));
        *row += 1;
    }
    places
}
