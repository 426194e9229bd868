//! Progress of long work on stderr; nothing where stderr is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or a count where the end is not known.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins; `of` is how much there is to do.
    pub fn new(what: &str, of: Option<u64>) -> Self {
        let bar = match of {
            Some(of) => ProgressBar::new(of),
            None => ProgressBar::new_spinner(),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let template = if of.is_some() { "{msg:<18} {bar:32} {pos}/{len}" } else { "{msg:<18} {pos}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// How much is done.
    pub fn at(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Ends, and leaves no trace.
    pub fn done(self) {
        self.0.finish_and_clear();
    }
}
