//! Pipelines of rows `id, k, n, d` wherever one may stand, the records that come to them, and how their programs are run.

use std::fmt::Write;

use fec_model::model::Model;

use crate::compare::{Report, compare};
use crate::generate::Program;
use crate::random::Random;
use crate::replayed::{How, Replayed};
use crate::served::served;

/// The type of the rows that a pipeline gives.
const ROW: &str = "{ id: string, k: string?, n: int, d: decimal(10, 2)? }";

/// Where a pipeline may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What a job emits.
    Job,
    /// What a stream emits to a table.
    Stream,
    /// What a stream emits to a stream.
    Append,
    /// The rows of a feature set, which a service reads.
    Features,
    /// A view that a service reads by key.
    View,
    /// What a service returns.
    Service,
}

/// All of them.
pub const PLACES: [Place; 6] = [Place::Job, Place::Stream, Place::Append, Place::Features, Place::View, Place::Service];

impl Place {
    /// So many lines, whatever the place.
    pub const LINES: usize = 2;

    /// The source whose rows a pipeline takes here.
    #[must_use]
    pub fn rows(self) -> &'static str {
        if self == Self::Service { "few" } else { "ev" }
    }

    /// The declarations that hold a pipeline, numbered `at`; `of_job` are the attributes of a job.
    #[must_use]
    pub fn text(self, at: usize, pipe: &str, of_job: &str) -> String {
        match self {
            Self::Job => format!("sink o{at}: rows<{ROW}> {{}}\n{of_job}job j{at} {{ emit {pipe} to o{at} }}\n"),
            Self::Stream => format!("sink o{at}: table<{ROW}> key id {{}}\nstream s{at} {{ emit {pipe} to o{at} }}\n"),
            Self::Append => format!("sink o{at}: stream<{ROW}> {{}}\nstream s{at} {{ emit {pipe} to o{at} }}\n"),
            Self::Features => format!(
                "features g{at} by k from {pipe} {{ c = count() over 4s, m = sum(n) over 9s }}\n\
                 @post(\"/a{at}\") service a{at}(k: string) -> g{at} {{ return g{at}[k] }}\n"
            ),
            Self::View => format!(
                "view v{at}: table<{ROW}> key k = {pipe}\n\
                 @post(\"/a{at}\") service a{at}(k: string) -> {{ n: int?, d: decimal(10, 2)? }} {{ return {{ n: v{at}[k].n, d: v{at}[k].d }} }}\n"
            ),
            Self::Service => {
                format!("\n@post(\"/a{at}\") service a{at}(k: string) -> list<{ROW}> {{ return {pipe} }}\n")
            }
        }
    }
}

/// Records of several partitions, some late, some of one time, with absent keys; `cells` gives their other cells.
pub fn records(seed: u64, count: i64, mut cells: impl FnMut(&mut Random) -> String) -> String {
    let mut random = Random::new(seed);
    let (mut text, mut offsets) = (String::new(), [0; 3]);
    for number in 0..count {
        let partition = random.below(3);
        let arrived = 60 + number / 2;
        let time = arrived - *random.pick(&[0, 0, 0, 1, 1, 2, 3, 4, 9]);
        let Some(offset) = offsets.get_mut(usize::try_from(partition).unwrap_or(0)) else { continue };
        let k = *random.pick(&["\"a\"", "\"b\"", "\"c\"", "\"d\"", "null"]);
        let cells = cells(&mut random);
        let _ = writeln!(
            text,
            "{{\"id\":\"i{}\",\"k\":{k},{cells},\"at\":\"2026-01-01T00:{:02}:{:02}Z\",\"_partition\":{partition},\
             \"_offset\":{offset},\"_arrived\":\"2026-01-01T00:{:02}:{:02}Z\"}}",
            random.below(count),
            time / 60,
            time % 60,
            arrived / 60,
            arrived % 60,
        );
        *offset += 1;
    }
    text
}

/// Runs a program whole; and as written, in small batches, and restored in the middle.
///
/// # Errors
/// As [`served`] and [`compare`].
pub fn run(program: &Program, model: &Model, report: &mut Report) -> Result<(), String> {
    served(program, model, report)?;
    let roads = [
        How::default(),
        How { optimised: true, size: 3, restart_after: None },
        How { optimised: true, size: 0, restart_after: Some(43) },
    ];
    roads.iter().try_for_each(|road| compare(program, model, &mut Replayed::new(*road), report))
}
