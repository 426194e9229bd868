//! CPU time, medians, and the table of figures.

use std::fmt::Write;
use std::time::Instant;

/// What one pass took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Took {
    /// Seconds that this thread was on a core.
    pub cpu: f64,
    /// Seconds by the clock.
    pub wall: f64,
}

/// Runs `work` and tells what it took. CPU time is that of this thread alone, so that other processes disturb it little.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (cpu, wall) = (thread_seconds(), Instant::now());
    let result = work();
    let wall = wall.elapsed().as_secs_f64();
    let cpu = match (cpu, thread_seconds()) {
        (Some(before), Some(after)) => after - before,
        // Where the system does not tell, the clock has to do.
        _ => wall,
    };
    (result, Took { cpu, wall })
}

/// CPU seconds of this thread so far.
fn thread_seconds() -> Option<f64> {
    // The system brings its count up to date when it looks for another thread to run.
    std::thread::yield_now();
    seconds_in(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// CPU seconds of all threads of a process that live, so far.
#[must_use]
pub fn process_seconds(process: u32) -> Option<f64> {
    let mut sum = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let path = task.ok()?.path().join("schedstat");
        // A thread may have ended since.
        sum += std::fs::read_to_string(path).ok().and_then(|text| seconds_in(&text)).unwrap_or(0.0);
    }
    Some(sum)
}

/// CPU seconds of all children that have ended, and of theirs.
#[must_use]
pub fn children_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before the last `)` may hold anything; the 14th and 15th field after it count ticks of 10 ms.
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(13)? + ticks(14)?) / 100.0)
}

fn seconds_in(schedstat: &str) -> Option<f64> {
    schedstat.split_whitespace().next()?.parse::<f64>().ok().map(|nanos| nanos / 1e9)
}

/// The middle value; the mean of the two middle ones of an even number. 0 of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => at(odd / 2),
        even => f64::midpoint(at(even / 2 - 1), at(even / 2)),
    }
}

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// At least so much of what the peer does.
    Ratio(f64),
    /// Nothing was set.
    None,
}

/// One number of a bench.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it counts.
    pub name: String,
    /// The median over the runs.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The same of the peer in the same run, where there is one, with the peer's name.
    pub peer: Option<(&'static str, f64)>,
    /// What is to be reached.
    pub goal: Goal,
}

impl Figure {
    /// A figure without peer and goal.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, peer: None, goal: Goal::None }
    }

    /// Sets what is to be reached.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = goal;
        self
    }

    /// Sets the peer's value in the same run.
    #[must_use]
    pub fn peer(mut self, name: &'static str, value: f64) -> Self {
        self.peer = Some((name, value));
        self
    }

    /// This value ÷ the peer's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        self.peer.filter(|(_, value)| *value > 0.0).map(|(_, value)| self.value / value)
    }

    fn is_reached(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(least) => Some(self.value >= least),
            Goal::AtMost(most) => Some(self.value <= most),
            Goal::Ratio(least) => Some(self.ratio()? >= least),
            Goal::None => None,
        }
    }
}

/// Figures as a table in Markdown, as `README.md` holds it.
#[must_use]
pub fn table(bench: &str, figures: &[Figure]) -> String {
    let mut text = String::new();
    for figure in figures {
        let goal = match figure.goal {
            Goal::AtLeast(least) => format!("≥ {}", number(least)),
            Goal::AtMost(most) => format!("≤ {}", number(most)),
            Goal::Ratio(least) => format!("ratio ≥ {}", number(least)),
            Goal::None => String::new(),
        };
        let reached = match figure.is_reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let (peer, ratio) = match (figure.peer, figure.ratio()) {
            (Some((name, value)), Some(ratio)) => (format!("{name}: {}", number(value)), format!("{ratio:.2}")),
            _ => (String::new(), String::new()),
        };
        let row = format!(
            "| {bench} | {} | {} {} | {peer} | {ratio} | {goal} | {reached} |",
            figure.name,
            number(figure.value),
            figure.unit
        );
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{row}");
    }
    text
}

/// The head of [`table`].
pub const HEAD: &str =
    "| bench | figure | value | peer in the same run | ratio | goal | reached |\n|---|---|---|---|---|---|---|";

fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.strip_suffix(".00").map(str::to_owned).unwrap_or(text);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_numbers() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!([number(1_234_567.0), number(999.4), number(0.5), number(3.0)], ["1,234,567", "999", "0.50", "3"]);
    }
}
