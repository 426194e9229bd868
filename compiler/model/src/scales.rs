//! `scale path { … }` of a target: how many processes there are, and how large.

use fec_diagnostics::{Diagnostic, Span, codes};
use fec_syntax::ast::{self, ExprKind as Ast, ItemKind};

use crate::check::Checker;
use crate::names::{DeclKind, Known};
use crate::target::{Scale, Target};

const KNOWN: &[&str] = &["replicas", "cpu", "cores", "memory"];
/// The most processes of one kind.
const MOST_REPLICAS: u64 = 1_000;
/// The least memory that a process starts with.
const LEAST_MEMORY: u64 = 16 << 20;
const MOST_MEMORY: u64 = 1 << 44;

/// What there can be of a flow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scaled {
    /// As many as wanted: a service.
    Many,
    /// One, because it owns what it keeps.
    One(&'static str),
    Unknown,
}

impl<'a> Checker<'a> {
    pub(crate) fn scale(&mut self, path: &'a [ast::Name], settings: &'a [ast::Setting], target: &mut Target) {
        let Some(last) = path.last() else { return };
        let span = path.first().map_or(last.span, |first| first.span.to(last.span));
        let whole = path.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".");
        let Some(kind) = self.scaled(path) else {
            self.report(Diagnostic::error(codes::E0505, span, format!("there is nothing called `{whole}` to scale")));
            return;
        };
        if target.scale(&whole).is_some() {
            self.report(Diagnostic::error(codes::E0504, span, format!("`{whole}` is scaled twice")));
            return;
        }
        let settings = self.settings(settings, "`scale`", KNOWN, &[]);
        let replicas = settings.get("replicas").and_then(|value| self.replicas(value, kind));
        let cpu = settings.get("cpu").and_then(|value| self.busy(value, kind));
        let cores = settings.get("cores").and_then(|value| self.cores(value));
        let memory = settings.get("memory").and_then(|value| self.memory(value));
        target.scales.push(Scale { path: whole, replicas, cpu, cores, memory, span });
    }

    /// What the path names, where that is something to scale.
    fn scaled(&mut self, path: &'a [ast::Name]) -> Option<Scaled> {
        let (engine, last) = match path {
            [name] => (None, name),
            [engine, name] => (Some(engine), name),
            _ => return None,
        };
        let id = match engine {
            Some(engine) => self.engines.get(engine.text.as_str())?.get(last.text.as_str()).copied(),
            None => self.resolve(None, &last.text),
        }?;
        match self.known(id, None) {
            Known::Service(_) => Some(Scaled::Many),
            Known::Features(_) => Some(Scaled::One("what keeps features")),
            Known::Failed => Some(Scaled::Unknown),
            Known::Flow => match self.decls.get(id).map(|decl| decl.kind) {
                Some(DeclKind::Item(ast::Item { kind: ItemKind::Job { .. }, .. })) => Some(Scaled::One("a job")),
                _ => Some(Scaled::One("a stream")),
            },
            _ => None,
        }
    }

    /// `3`, `3..=20`.
    fn replicas(&mut self, value: &'a ast::Expr, kind: Scaled) -> Option<(u32, u32)> {
        let (low, high) = match &value.kind {
            Ast::Range { low: Some(low), high: Some(high), inclusive } => {
                let (from, to) = (self.processes(low)?, self.processes(high)?);
                (from, if *inclusive { to } else { to.saturating_sub(1) })
            }
            Ast::Range { .. } => {
                let found = Diagnostic::error(codes::E0502, value.span, "`replicas` has two ends");
                self.report(found.help("as in `replicas: 3..=20`"));
                return None;
            }
            _ => {
                let number = self.processes(value)?;
                (number, number)
            }
        };
        if low > high {
            let found = Diagnostic::error(codes::E0502, value.span, "`replicas` goes from the least to the most");
            self.report(found.help("as in `replicas: 3..=20`"));
            return None;
        }
        match kind {
            Scaled::One(what) if high > 1 => {
                self.report_one(value.span, what);
                None
            }
            _ => Some((low, high)),
        }
    }

    fn report_one(&mut self, span: Span, what: &str) {
        let found = Diagnostic::error(codes::E0507, span, format!("{what} is one process at a time"));
        self.report(found.help("leave it out, and give the process `cores` and `memory`; services take `replicas`"));
    }

    fn processes(&mut self, value: &'a ast::Expr) -> Option<u32> {
        let number = self.count(value, "a number of replicas", 1)?;
        if number > MOST_REPLICAS {
            let found = format!("a number of replicas is at most {MOST_REPLICAS}");
            self.report(Diagnostic::error(codes::E0502, value.span, found));
            return None;
        }
        u32::try_from(number).ok()
    }

    /// `70%`.
    fn busy(&mut self, value: &'a ast::Expr, kind: Scaled) -> Option<u32> {
        let share = self.constant_float(value, "`cpu`")?;
        if !(0.01..=1.0).contains(&share) {
            let found = Diagnostic::error(codes::E0502, value.span, "`cpu` goes from 1% to 100%");
            self.report(
                found.help("the share at which there are more replicas, as in `cpu: 70%`; `cores` says how many"),
            );
            return None;
        }
        if let Scaled::One(what) = kind {
            self.report_one(value.span, what);
            return None;
        }
        Some(rounded(share * 100.0))
    }

    /// `2`, `0.5`.
    fn cores(&mut self, value: &'a ast::Expr) -> Option<u32> {
        let cores = self.constant_float(value, "`cores`")?;
        if !(0.001..=1_000.0).contains(&cores) {
            self.report(Diagnostic::error(codes::E0502, value.span, "`cores` goes from 0.001 to 1000"));
            return None;
        }
        Some(rounded(cores * 1_000.0))
    }

    /// `512MiB`.
    fn memory(&mut self, value: &'a ast::Expr) -> Option<u64> {
        let bytes = self.count(value, "`memory`", 0)?;
        if !(LEAST_MEMORY..=MOST_MEMORY).contains(&bytes) {
            let found = Diagnostic::error(codes::E0502, value.span, "`memory` goes from 16MiB to 16TiB");
            self.report(found.help("as in `memory: 512MiB`"));
            return None;
        }
        Some(bytes)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is rounded lies between 1 and 1,000,000"
)]
fn rounded(number: f64) -> u32 {
    number.round() as u32
}
