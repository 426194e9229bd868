//! The whole check: names, then declarations as they are needed, then flows and tests.

use std::collections::BTreeMap;
use std::rc::Rc;

use fec_diagnostics::{Diagnostic, FileId, Span, codes, in_source_order};
use fec_syntax::Symbol;
use fec_syntax::ast;
use hashbrown::{HashMap, HashSet};

use crate::expr::VarId;
use crate::model::Model;
use crate::names::{Decl, DeclId, Known, State};

/// What a check depends on besides the files.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The target whose values parameters have; `local` by default.
    pub target: Option<String>,
}

/// Checks the files of one solution. The model is what was understood; it is complete where no diagnostic is an error.
///
/// # Example
/// `let (model, diagnostics) = check(&[(FileId(0), &file)], &CheckOptions::default());`
#[must_use]
pub fn check(files: &[(FileId, &ast::File)], options: &CheckOptions) -> (Model, Vec<Diagnostic>) {
    let mut checker = Checker::new(options);
    checker.collect(files);
    checker.solution(files);
    checker.declarations();
    checker.check_topics();
    checker.flows();
    checker.shared_sinks();
    checker.targets(files);
    checker.tests(files);
    let Checker { mut model, diagnostics, .. } = checker;
    model.sources.sort_by_key(|a| a.name);
    model.sinks.sort_by_key(|a| a.name);
    (model, in_source_order(diagnostics))
}

/// The state of a check.
pub(crate) struct Checker<'a> {
    pub options: CheckOptions,
    pub diagnostics: Vec<Diagnostic>,
    pub model: Model,
    pub decls: Vec<Decl<'a>>,
    pub states: Vec<State>,
    /// Declarations that are being checked, outermost first.
    pub stack: Vec<DeclId>,
    pub top: HashMap<Symbol, DeclId>,
    pub engines: BTreeMap<Symbol, HashMap<Symbol, DeclId>>,
    /// Names published by jobs.
    pub published: HashMap<Symbol, DeclId>,
    /// Inputs of published models, once their job is checked, and where they were published first.
    pub model_inputs: HashMap<Symbol, (Rc<Vec<crate::types::Column>>, Span)>,
    /// Members of enumerations by name of the enumeration.
    pub members: HashMap<Symbol, HashMap<Symbol, u32>>,
    /// Values of parameters that the target gives.
    pub given_params: HashMap<&'a str, &'a ast::Expr>,
    /// Routes of services, with their parameters made alike, and whose they are.
    pub routes: HashMap<(String, String), Symbol>,
    /// Jobs already checked.
    pub checked: HashSet<DeclId>,
    /// The operators of each view, with those of the views that it reads.
    pub view_operators: HashMap<Symbol, usize>,
    /// The views that have rows of a list, and where that stands.
    pub view_lists: HashMap<Symbol, Span>,
    pub next_var: VarId,
    /// How deep the expression in hand is nested.
    pub depth: u32,
}

/// Deeper expressions are refused, so that nothing that is written can exhaust the stack.
const DEEPEST: u32 = 100;

impl Checker<'_> {
    fn new(options: &CheckOptions) -> Self {
        Self {
            options: options.clone(),
            diagnostics: Vec::new(),
            model: Model::default(),
            decls: Vec::new(),
            states: Vec::new(),
            stack: Vec::new(),
            top: HashMap::new(),
            engines: BTreeMap::new(),
            published: HashMap::new(),
            model_inputs: HashMap::new(),
            members: HashMap::new(),
            given_params: HashMap::new(),
            routes: HashMap::new(),
            checked: HashSet::new(),
            view_operators: HashMap::new(),
            view_lists: HashMap::new(),
            next_var: 0,
            depth: 0,
        }
    }

    /// Adds what was found.
    pub(crate) fn report(&mut self, found: Diagnostic) {
        self.diagnostics.push(found);
    }

    /// Goes a level deeper; false, with a message, where that is too deep.
    pub(crate) fn enter(&mut self, span: Span) -> bool {
        if self.depth >= DEEPEST {
            self.report(
                Diagnostic::error(codes::E0107, span, "this is nested too deeply")
                    .help("give parts of it names of their own"),
            );
            return false;
        }
        self.depth += 1;
        true
    }

    /// Comes back from [`Checker::enter`].
    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// What is known of a declaration that is certain to be checked already, else nothing.
    pub(crate) fn settled(&self, id: DeclId) -> Option<&Known> {
        match self.states.get(id) {
            Some(State::Done(known)) => Some(known),
            _ => None,
        }
    }
}
