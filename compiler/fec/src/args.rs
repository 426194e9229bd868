//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// One definition, one answer: checks, tests and runs asol solutions.
#[derive(Debug, Parser)]
#[command(name = "fec", version, about, long_about = None, disable_help_subcommand = true)]
pub struct Args {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: JSON on stdout.
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a new solution that runs as it is
    Init(Init),
    /// Find mistakes, without running anything
    Check(Solution),
    /// Bring the files into the one format
    Fmt(Fmt),
    /// Run the solution's tests in every plane
    Test(Test),
    /// Run the whole solution on this machine
    Run(Run),
    /// Show a feature set's values for one key
    Show(Show),
    /// Write the events that the local target simulates
    Simulate(Simulate),
    /// Compile the solution into what runs without this command
    Compile(Compile),
    /// Draw the dataflow with its column lineage
    Graph(Graph),
    /// Explain a plan (a solution), a message (a code such as E0312) or a line of a compiled file (FILE:LINE)
    Explain(Explain),
}

/// A solution alone.
#[derive(Debug, Group)]
pub struct Solution {
    /// The solution's folder, a file of it, or `-` for one file from stdin
    pub solution: PathBuf,
}

/// `init`.
#[derive(Debug, Group)]
pub struct Init {
    /// The folder to write; it must be new or empty
    pub folder: PathBuf,
    /// Which solution to begin with
    #[arg(long, default_value = "starter")]
    pub template: String,
}

/// `fmt`.
#[derive(Debug, Group)]
pub struct Fmt {
    /// The solution's folder, a file of it, or `-` for stdin to stdout
    pub solution: PathBuf,
    /// Change nothing; list files that are not formatted and exit with 1
    #[arg(long)]
    pub check: bool,
}

/// `test`.
#[derive(Debug, Group)]
pub struct Test {
    /// The solution's folder
    pub solution: PathBuf,
    /// Only tests whose name contains this text
    #[arg(long)]
    pub only: Option<String>,
    /// Ask the binaries of this folder, which `compile` wrote and cargo built, instead of interpreting the solution
    #[arg(long, value_name = "OUT")]
    pub compiled: Option<PathBuf>,
}

/// `run`.
#[derive(Debug, Group)]
pub struct Run {
    /// The solution's folder
    pub solution: PathBuf,
    /// Go to the end of the data, print a summary and stop
    #[arg(long)]
    pub once: bool,
    /// Serve on this port; 0 takes a free one [default: 8080, with --once none]
    #[arg(long)]
    pub port: Option<u16>,
    /// Where log, state and models are kept [default: .fec in the solution's folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Read a source from a file instead of its topic, file and history
    #[arg(long, value_name = "SOURCE=FILE", value_parser = parse_bind)]
    pub bind: Vec<(String, PathBuf)>,
    /// Write what was committed here: sinks/NAME.jsonl and dead/SOURCE.jsonl
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `show`.
#[derive(Debug, Group)]
pub struct Show {
    /// The solution's folder
    pub solution: PathBuf,
    /// The feature set
    pub features: String,
    /// The key; several parts as a JSON array. A set without `by` has none
    #[arg(long)]
    pub key: Option<String>,
    /// The instant, RFC 3339 [default: a microsecond after the last arrival]
    #[arg(long)]
    pub at: Option<String>,
    /// Through which plane
    #[arg(long, value_enum, default_value_t = Plane::Batch)]
    pub plane: Plane,
    /// Read a source from a file instead of its topic, file and history
    #[arg(long, value_name = "SOURCE=FILE", value_parser = parse_bind)]
    pub bind: Vec<(String, PathBuf)>,
}

/// A plane to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Plane {
    /// The job's replay of history.
    Batch,
    /// State restored from a checkpoint.
    Stream,
    /// The service's read.
    Online,
}

/// `simulate`.
#[derive(Debug, Group)]
pub struct Simulate {
    /// The solution's folder
    pub solution: PathBuf,
    /// How many rows of history [default: as the target says]
    #[arg(long)]
    pub rows: Option<u64>,
    /// The seed: the same seed gives the same bytes [default: as the target says]
    #[arg(long)]
    pub seed: Option<u64>,
    /// The folder to write
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

/// `compile`.
#[derive(Debug, Group)]
pub struct Compile {
    /// The solution's folder
    pub solution: PathBuf,
    /// For which target [default: local]
    #[arg(long)]
    pub target: Option<String>,
    /// The folder to write: new, empty, or written by an earlier compile
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Build the crates with cargo, and write a container image of each binary
    #[arg(long)]
    pub images: bool,
}

/// `graph`.
#[derive(Debug, Group)]
pub struct Graph {
    /// The solution's folder
    pub solution: PathBuf,
    /// What to write
    #[arg(long = "as", value_enum, default_value_t = Picture::Json)]
    pub picture: Picture,
    /// Leave out spans and numbers, so that two graphs can be compared
    #[arg(long)]
    pub canonical: bool,
}

/// A form of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Nodes, edges and lineage.
    Json,
    /// A picture.
    Svg,
    /// Graphviz.
    Dot,
}

/// `explain`.
#[derive(Debug, Group)]
pub struct Explain {
    /// The solution's folder, a code such as E0312, or a line of a compiled file, as `out/argo/train.yaml:42`
    pub subject: String,
}

fn parse_bind(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((source, file)) if !source.is_empty() && !file.is_empty() => Ok((source.to_owned(), PathBuf::from(file))),
        _ => Err(format!("`{text}` is not SOURCE=FILE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_has_a_source_and_a_file() {
        let found = parse_bind("taps=data/a=b.csv").unwrap();
        assert_eq!(found, ("taps".to_owned(), PathBuf::from("data/a=b.csv")), "the first `=` ends the name");
        for text in ["taps", "taps=", "=a.csv", ""] {
            assert_eq!(parse_bind(text), Err(format!("`{text}` is not SOURCE=FILE")));
        }
    }
}
