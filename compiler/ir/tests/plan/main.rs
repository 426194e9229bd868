//! Small plans: what the verifier refuses in them, and what each pass does to them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: a failure is the test's failure")]

mod bounds;
mod folding;
mod lineage;
mod lowering;
mod passes;
mod verifier;

use fec_diagnostics::{FileId, Severity};
use fec_ir::{Ir, Node, NodeId, lower};
use fec_model::CheckOptions;

/// What every program begins with.
const SOURCES: &str = r#"
solution small { version: "1.0.0" }
type Tap { user: string, amount: float, note: string, at: timestamp }
source taps: stream<Tap> { time: at }
source others: stream<Tap> { time: at }
"#;

/// The plan of a program as written.
fn plan(flows: &str) -> Ir {
    let text = format!("{SOURCES}{flows}");
    let parsed = fec_syntax::parse(FileId(0), &text);
    let (model, found) = fec_model::check(&[(FileId(0), &parsed.file)], &CheckOptions::default());
    let mistakes: Vec<&str> = parsed
        .diagnostics
        .iter()
        .chain(&found)
        .filter(|mistake| mistake.severity == Severity::Error)
        .map(|mistake| mistake.message.as_str())
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:?}");
    lower(model)
}

/// The nodes of an operator, by its word.
fn nodes(ir: &Ir, word: &str) -> Vec<NodeId> {
    ir.graph.ids().into_iter().filter(|id| ir.graph.get(*id).is_some_and(|node| node.op.word() == word)).collect()
}

/// The first node of an operator.
fn first(ir: &Ir, word: &str) -> NodeId {
    *nodes(ir, word).first().unwrap_or_else(|| panic!("there is no `{word}`"))
}

fn node(ir: &mut Ir, id: NodeId) -> &mut Node {
    ir.graph.get_mut(id).unwrap()
}
