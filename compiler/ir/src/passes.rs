//! The optimiser: named passes in one list, each followed by the verifier.

mod aggregations;
mod dead;
mod fold;
mod fuse;
mod predicates;
mod projections;
mod share;

use fec_diagnostics::{Diagnostic, codes};
use serde::Serialize;

use crate::ir::Ir;
use crate::verify::{Verifier, Violation};

/// What a pass did to one node, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The node's name.
    pub node: String,
    /// What was done and for what reason.
    pub reason: String,
}

/// The changes of one pass.
#[derive(Debug, Clone, Serialize)]
pub struct Applied {
    /// The pass.
    pub pass: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What it did, in order.
    pub changes: Vec<Change>,
}

/// A pass: what it is called, what for, and how.
pub struct Pass {
    /// Name.
    pub name: &'static str,
    /// Purpose.
    pub purpose: &'static str,
    /// Changes the plan and tells what it did. The answer of the plan stays the same, dead letters included.
    pub run: fn(&mut Ir) -> Vec<Change>,
}

/// The passes in their order.
pub const PASSES: &[Pass] = &[
    // First, so that conditions which are constant do not hinder those that move or compare expressions.
    Pass { name: "fold", purpose: "compute what does not depend on a row", run: fold::run },
    // Before everything that looks at how many consumers a node has.
    Pass { name: "share", purpose: "do equal work of several flows once", run: share::run },
    Pass {
        name: "aggregations",
        purpose: "keep feature sets over one input and key in one state",
        run: aggregations::run,
    },
    // Before projections: a filter that moves down no longer needs what was computed above it.
    Pass { name: "predicates", purpose: "filter before rows become expensive", run: predicates::run },
    Pass { name: "projections", purpose: "carry only the columns that somebody reads", run: projections::run },
    // After the passes that leave nodes without a consumer.
    Pass { name: "dead", purpose: "remove what nobody uses", run: dead::run },
    // Last: fused steps are harder to move.
    Pass { name: "fuse", purpose: "run stateless steps in one loop over the batch", run: fuse::run },
];

/// Optimises a plan; tells what each pass did. A diagnostic means that a pass broke an invariant: a defect of the
/// compiler, not of the solution.
#[must_use]
pub fn optimise(mut ir: Ir) -> (Ir, Vec<Applied>, Vec<Diagnostic>) {
    let mut applied = Vec::new();
    let mut verifier = Verifier::default();
    let mut diagnostics = broken(verifier.all(&ir), "lower");
    drop(ir.graph.take_changed());
    for pass in PASSES {
        let changes = (pass.run)(&mut ir);
        let changed = ir.graph.take_changed();
        diagnostics.extend(broken(verifier.again(&ir, changed), pass.name));
        applied.push(Applied { pass: pass.name, purpose: pass.purpose, changes });
    }
    (ir, applied, diagnostics)
}

fn broken(violations: Vec<Violation>, pass: &str) -> Vec<Diagnostic> {
    let report = |violation: Violation| {
        let span = violation.span.unwrap_or_default();
        Diagnostic::error(codes::E0990, span, format!("the plan after `{pass}` is inconsistent: {}", violation.message))
            .help("this is a defect of the compiler; please report it together with the solution")
    };
    violations.into_iter().map(report).collect()
}
