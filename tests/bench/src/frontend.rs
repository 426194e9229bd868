//! The front end: parse, check, lower, optimise with its verifier, over a generated solution of many files.

use fec_diagnostics::FileId;
use fec_ir::{Ir, lower, optimise};
use fec_model::{CheckOptions, check};

use crate::compile::sound;
use crate::measure::{Figure, Goal, Took, median, timed};
use crate::{Outcome, Size};

/// One part of a solution; its names end in 0000, those of another part in 9999.
const MODULE: &str = include_str!("../programs/module.asol");

/// What stands once.
const HEADER: &str = "solution generated { version: \"1.0.0\" }\n\nuse std.ml.{ gbdt, evaluate, split }\n\n";

/// Parts in one file.
const PARTS_A_FILE: usize = 6;

/// A generated solution.
pub struct Generated {
    /// The text of each file.
    pub files: Vec<String>,
    /// All lines.
    pub lines: usize,
    /// How often the module stands in it.
    pub parts: usize,
}

/// A solution of about so many lines.
#[must_use]
pub fn solution(lines: usize) -> Generated {
    let parts = (lines / MODULE.lines().count()).max(1);
    let mut files: Vec<String> = Vec::new();
    for part in 0..parts {
        if part % PARTS_A_FILE == 0 {
            files.push(if part == 0 { HEADER.to_owned() } else { String::new() });
        }
        if let Some(file) = files.last_mut() {
            // Each part looks things up in another one, wherever that stands.
            let other = (part * 7 + 3) % parts;
            let text =
                MODULE.replace("0000", &format!("{:04}", part + 1)).replace("9999", &format!("{:04}", other + 1));
            file.push_str(&text);
            file.push('\n');
        }
    }
    let lines = files.iter().map(|file| file.lines().count()).sum();
    Generated { files, lines, parts }
}

/// What the stages took.
#[derive(Debug, Clone, Copy)]
struct Stages {
    parse: Took,
    check: Took,
    lower: Took,
    optimise: Took,
}

impl Stages {
    fn all(&self) -> f64 {
        self.parse.cpu + self.check.cpu + self.lower.cpu + self.optimise.cpu
    }
}

fn compile(files: &[String]) -> Result<(Ir, Stages), String> {
    let (parsed, parse) = timed(|| {
        let numbered = (0u32..).map(FileId).zip(files);
        numbered.map(|(id, text)| (id, fec_syntax::parse(id, text))).collect::<Vec<_>>()
    });
    let trees: Vec<_> = parsed.iter().map(|(id, parsed)| (*id, &parsed.file)).collect();
    let ((model, found), check) = timed(|| check(&trees, &CheckOptions::default()));
    sound(parsed.iter().flat_map(|(_, parsed)| &parsed.diagnostics).chain(&found))?;
    let (ir, lower) = timed(|| lower(model));
    let ((ir, _, broken), optimise) = timed(|| optimise(ir));
    sound(&broken)?;
    Ok((ir, Stages { parse, check, lower, optimise }))
}

/// A floor: what it costs to look at every byte, be sure that it is UTF-8, and count the lines.
fn floor(bytes: &[Vec<u8>]) -> Result<(usize, Took), String> {
    let (count, took) = timed(|| {
        let texts = bytes.iter().map(|file| std::str::from_utf8(file));
        texts.map(|text| text.map(|text| text.lines().count())).sum::<Result<usize, _>>()
    });
    count.map(|count| (count, took)).map_err(|error| error.to_string())
}

/// Runs the bench.
///
/// # Errors
/// A generated solution with a mistake, or a plan that is too small for it.
pub fn run(size: Size) -> Outcome {
    let (small, large, runs) = if size == Size::Full { (10_000, 100_000, 5) } else { (500, 2_000, 1) };
    let Generated { files: few, lines: few_lines, .. } = solution(small);
    let Generated { files: many, lines: many_lines, parts } = solution(large);
    // Neither this nor half of it is held by a cache: what a line costs more is more work.
    let Generated { files: twice, lines: twice_lines, .. } = solution(2 * large);
    let bytes: Vec<Vec<u8>> = many.iter().map(|file| file.clone().into_bytes()).collect();
    if size == Size::Full {
        compile(&many)?;
    }
    let mut seconds = [(); 8].map(|()| Vec::new());
    for _ in 0..runs {
        // Alternating, so that what disturbs the machine disturbs all alike.
        let (ir, stages) = compile(&many)?;
        // Four feature sets, a job, two streams and a service a part.
        if ir.features.len() != parts * 4 || ir.flows.len() != parts * 4 {
            return Err(format!("{parts} parts gave {} feature sets and {} flows", ir.features.len(), ir.flows.len()));
        }
        drop(ir);
        let small = (0..large / small).map(|_| compile(&few).map(|(_, stages)| stages.all()));
        let small = small.collect::<Result<Vec<f64>, String>>()?;
        let doubled = compile(&twice).map(|(_, stages)| stages.all())?;
        let (lines, floor) = floor(&bytes)?;
        if lines != many_lines {
            return Err(format!("the floor counts {lines} lines of {many_lines}"));
        }
        let took = [
            stages.all(),
            stages.parse.cpu,
            stages.check.cpu,
            stages.lower.cpu,
            stages.optimise.cpu,
            median(&small),
            doubled,
            floor.cpu,
        ];
        for (all, one) in seconds.iter_mut().zip(took) {
            all.push(one);
        }
    }
    let [all, parse, check, lower, optimise, small, doubled, floor] = seconds.map(|values| median(&values));
    let lines = many_lines as f64;
    let rate = |seconds: f64| lines / seconds;
    let growth = (all / lines) / (small / few_lines as f64);
    let doubling = (doubled / twice_lines as f64) / (all / lines);
    Ok(vec![
        Figure::new(format!("{many_lines} lines to the optimised plan"), rate(all), "lines/s")
            .peer("UTF-8 check and line count", rate(floor))
            .goal(Goal::AtLeast(300_000.0)),
        Figure::new(format!("time a line at {twice_lines} lines ÷ at {many_lines}"), doubling, "")
            .goal(Goal::AtMost(1.25)),
        Figure::new(format!("time a line at {many_lines} lines ÷ at {few_lines}"), growth, ""),
        Figure::new("parse", rate(parse), "lines/s"),
        Figure::new("check", rate(check), "lines/s"),
        Figure::new("lower", rate(lower), "lines/s"),
        Figure::new("optimise and verify", rate(optimise), "lines/s"),
    ])
}
