//! The flags of generated binaries: those of `fec run`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use flow_core::calendar::parse_timestamp;

use crate::service::PORT;

/// How a process is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// To the end of the data, and no further.
    pub once: bool,
    /// Where log, state and models are kept.
    pub state: Option<PathBuf>,
    /// What the paths of the solution are relative to.
    pub root: Option<PathBuf>,
    /// Sources that are read from files.
    pub bind: BTreeMap<String, PathBuf>,
    /// Where committed rows are written as files at the end.
    pub out: Option<PathBuf>,
    /// The instant to stand at, microseconds since the epoch.
    pub now: Option<i64>,
    /// The port to serve on; 0 takes a free one.
    pub port: Option<u16>,
    /// The address to serve on.
    pub host: Option<IpAddr>,
    /// Lines of JSON instead of text.
    pub json: bool,
    /// What only jobs take.
    pub job: JobFlags,
}

/// How a job is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobFlags {
    /// One step of it.
    pub step: Option<String>,
    /// The run that the step belongs to.
    pub run: Option<String>,
    /// Values of parameters by name.
    pub params: BTreeMap<String, String>,
}

/// What kind of process reads the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One that reads streams.
    Worker,
    /// One that answers requests.
    Service,
    /// One that runs to its end.
    Job,
}

impl Flags {
    /// Where to serve, on `otherwise` where no port is given: nowhere without one.
    pub fn address(&self, otherwise: Option<u16>) -> Option<SocketAddr> {
        let host = self.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.port.or(otherwise).map(|port| SocketAddr::new(host, port))
    }
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To run.
    Run(Box<Flags>),
    /// How to call it.
    Help,
}

/// How a process is called.
pub(crate) fn usage(name: &str, kind: Kind) -> String {
    let port = if kind == Kind::Service { PORT.to_string() } else { "none".to_owned() };
    let once = match kind {
        Kind::Job => "Taken for the sake of the others: a job always ends",
        _ => "Go to the end of the data, print a summary and stop",
    };
    let own = match kind {
        Kind::Job => {
            "\x20     --param <NAME=VALUE>  Give a parameter of the job a value\n\
             \x20     --step <STEP>         Do one step only; the steps of a run hand rows to each other below --state\n\
             \x20     --run <RUN>           The run that the step belongs to\n"
                .to_owned()
        }
        _ => format!(
            "\x20     --port <N>            Serve here, and say whether it is healthy and ready; 0 takes a free port [default: {port}]\n\
             \x20     --host <ADDRESS>      The address to serve on; 0.0.0.0 is all of them [default: 127.0.0.1]\n"
        ),
    };
    let out = match kind {
        Kind::Service => "",
        _ => "     --out <DIR>           Write what was committed here: sinks/NAME.jsonl and dead/SOURCE.jsonl\n ",
    };
    format!(
        "Usage: {name} [OPTIONS]\n\n\
         Options:\n\
         \x20     --once                {once}\n\
         \x20     --state <DIR>         Where log, state and models are kept [default: .fec]\n\
         \x20     --root <DIR>          The folder that the solution's paths are relative to [default: .]\n\
         \x20     --bind <SOURCE=FILE>  Read a source from a file instead of its topic, file and history\n\
         \x20     --now <T>             Stand at an instant such as 2026-01-31T12:00:00Z: what arrived before it counts, and no more\n\
         {own}\
         \x20{out}     --format <FORMAT>     human or json [default: human]\n\
         \x20 -h, --help                Print this"
    )
}

/// Reads the arguments after the program's name; a flag's value follows it, or stands after `=`.
pub(crate) fn read(arguments: impl IntoIterator<Item = String>, kind: Kind) -> Result<Wanted, String> {
    let mut flags = Flags::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, given) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (argument, None),
        };
        let mut value = || match given.clone().or_else(|| arguments.next()) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(format!("{name} needs a value")),
        };
        match name.as_str() {
            "-h" | "--help" => return Ok(Wanted::Help),
            "--once" if given.is_none() => flags.once = true,
            "--state" => flags.state = Some(value()?.into()),
            "--root" => flags.root = Some(value()?.into()),
            "--out" => flags.out = Some(value()?.into()),
            "--bind" => {
                let bound = value()?;
                let Some((source, file)) = bound.split_once('=') else {
                    return Err(format!("--bind {bound}: a source and a file are bound by SOURCE=FILE"));
                };
                flags.bind.insert(source.to_owned(), file.into());
            }
            // Whoever calls a step and has nothing to say writes nothing: that is the default.
            "--now" if kind == Kind::Job && given.as_deref() == Some("") => {}
            "--now" => {
                let now = value()?;
                let wrong = || format!("--now {now}: an instant is written as 2026-01-31T12:00:00Z");
                flags.now = Some(parse_timestamp(now.as_bytes()).ok_or_else(wrong)?);
            }
            "--port" if kind != Kind::Job => {
                let port = value()?;
                let wrong = |_| format!("--port {port}: a port is a number from 0 to 65535");
                flags.port = Some(port.parse().map_err(wrong)?);
            }
            "--host" if kind != Kind::Job => {
                let host = value()?;
                let wrong = |_| format!("--host {host}: an address is written as 127.0.0.1 or ::1");
                flags.host = Some(host.parse().map_err(wrong)?);
            }
            "--format" => match value()?.as_str() {
                "json" => flags.json = true,
                "human" => flags.json = false,
                other => return Err(format!("--format {other}: there are human and json")),
            },
            "--param" if kind == Kind::Job => {
                let param = value()?;
                let Some((name, value)) = param.split_once('=') else {
                    return Err(format!("--param {param}: a parameter gets a value by NAME=VALUE"));
                };
                if !value.is_empty() {
                    flags.job.params.insert(name.to_owned(), value.to_owned());
                }
            }
            "--step" if kind == Kind::Job => flags.job.step = Some(value()?),
            "--run" if kind == Kind::Job => flags.job.run = Some(value()?),
            _ => return Err(format!("there is no option `{name}`")),
        }
    }
    match (&flags.job.step, &flags.job.run) {
        (Some(step), None) => Err(format!("--step {step} needs --run: steps of one run find each other by its name")),
        (None, Some(run)) => Err(format!("--run {run} names the run of a --step, and there is none")),
        _ => Ok(Wanted::Run(Box::new(flags))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Wanted, String> {
        read(words.iter().map(|word| (*word).to_owned()), Kind::Worker)
    }

    fn of_job(words: &[&str]) -> Result<Wanted, String> {
        read(words.iter().map(|word| (*word).to_owned()), Kind::Job)
    }

    #[test]
    fn jobs_have_flags_of_their_own() {
        let words = ["--step", "rows", "--run=r", "--now=", "--param", "day=2026-01-01", "--param", "x="];
        let Ok(Wanted::Run(flags)) = of_job(&words) else { panic!("it is a call") };
        let params = BTreeMap::from([("day".to_owned(), "2026-01-01".to_owned())]);
        assert_eq!(flags.job, JobFlags { step: Some("rows".into()), run: Some("r".into()), params });
        assert_eq!(flags.now, None);
        let Ok(Wanted::Run(flags)) = of_job(&["--now", "1970-01-01T00:00:01Z"]) else { panic!("it is a call") };
        assert_eq!(flags.now, Some(1_000_000));
        assert!(of_job(&["--now=soon"]).unwrap_err().contains("2026-01-31T12:00:00Z"));
        assert!(of_job(&["--step", "rows"]).unwrap_err().contains("--run"));
        assert!(of_job(&["--run", "r"]).unwrap_err().contains("--step"));
        assert!(of_job(&["--param", "x"]).unwrap_err().contains("NAME=VALUE"));
        assert_eq!(of_job(&["--port", "1"]), Err("there is no option `--port`".to_owned()));
        assert_eq!(of(&["--step", "rows"]), Err("there is no option `--step`".to_owned()));
    }

    #[test]
    fn flags_are_those_of_run() {
        let words = ["--once", "--state=s", "--root", "r", "--bind", "a=b=c", "--out", "o", "--format", "json"];
        let wanted = of(&words).unwrap();
        let bind = BTreeMap::from([("a".to_owned(), PathBuf::from("b=c"))]);
        let (state, root, out) = (Some("s".into()), Some("r".into()), Some("o".into()));
        let flags = Flags { once: true, state, root, out, bind, json: true, ..Flags::default() };
        assert_eq!(wanted, Wanted::Run(Box::new(flags)));
        let Ok(Wanted::Run(flags)) = of(&["--port", "0", "--host=0.0.0.0"]) else { panic!("it is a call") };
        assert_eq!(flags.address(Some(1)).map(|address| address.to_string()).as_deref(), Some("0.0.0.0:0"));
        assert_eq!(Flags::default().address(None), None);
        // Nobody else is let in unless somebody says so.
        let usual = Flags::default().address(Some(7)).map(|address| address.to_string());
        assert_eq!(usual.as_deref(), Some("127.0.0.1:7"));
        assert_eq!(of(&["--format=json", "--format=human"]), Ok(Wanted::Run(Box::default())), "the last one counts");
        let Ok(Wanted::Run(flags)) = of(&["--now=1970-01-01T00:00:01Z"]) else { panic!("it is a call") };
        assert_eq!(flags.now, Some(1_000_000));
        // To say nothing is the default of jobs alone, and no value is none.
        assert!(of(&["--now="]).unwrap_err().contains("--now needs a value"));
        assert_eq!(of(&["--state", ""]), Err("--state needs a value".to_owned()));
        assert!(of(&["--now", "soon"]).unwrap_err().contains("2026-01-31T12:00:00Z"));
        assert!(of(&["--port", "65536"]).unwrap_err().contains("65535"));
        assert!(of(&["--host", "here"]).unwrap_err().contains("127.0.0.1"));
        assert_eq!(of(&["-h"]), Ok(Wanted::Help));
        assert_eq!(of(&["--out"]), Err("--out needs a value".to_owned()));
        assert_eq!(of(&["--once=1"]), Err("there is no option `--once`".to_owned()));
        assert!(of(&["--bind", "x"]).unwrap_err().contains("SOURCE=FILE"));
        assert!(of(&["--format", "xml"]).unwrap_err().contains("human and json"));
    }
}
