//! What services read besides their requests.

use std::sync::Arc;

use flow_core::calendar::write_timestamp;
use flow_core::trees::Ensemble;
use flow_core::value::Value;
use flow_http::{HeaderName, HeaderValue};

use crate::error::{RequestError, ServeError};

const TIME: HeaderName = HeaderName::from_static("fec-time");
const CUT: HeaderName = HeaderName::from_static("fec-cut");

/// What a service reads besides its request. Called from several threads at once.
pub trait Reads: Send + Sync {
    /// The instant at which requests are answered, and the cut that the state is of.
    fn moment(&self) -> Arc<Moment>;

    /// Gives `found` the stored state of a key in a table of features, or of a view's rows, as the operator froze it; does
    /// not call it where the key has none.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn state(&self, table: u32, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), ServeError>;

    /// The newest version of a model; nothing before the first.
    fn model(&self, name: &str) -> Option<Arc<PublishedModel>>;

    /// Whether all history is applied.
    fn ready(&self) -> bool;

    /// The answer of a service that another process answers for; nothing where this one does.
    fn elsewhere(&self, _service: &str, _arguments: &[Value]) -> Option<Result<Value, RequestError>> {
        None
    }

    /// What has to happen until it is ready, in words; nothing where that is not known.
    fn waiting(&self) -> String {
        String::new()
    }
}

/// An instant at which requests are answered. Its headers are written once, not once a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    now: i64,
    time: HeaderValue,
    cut: Option<HeaderValue>,
}

impl Moment {
    /// The state of `cut`, read at `now`, microseconds since the epoch.
    #[must_use]
    pub fn new(now: i64, cut: &str) -> Self {
        Self { now, time: time_header(now), cut: HeaderValue::from_str(cut).ok() }
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The headers `fec-time` and `fec-cut` of an answer at `now`, which is this instant or a later one.
    pub(crate) fn headers(&self, now: i64) -> Vec<(HeaderName, HeaderValue)> {
        let time = if now == self.now { self.time.clone() } else { time_header(now) };
        let mut headers = Vec::with_capacity(2);
        headers.push((TIME, time));
        headers.extend(self.cut.iter().map(|cut| (CUT, cut.clone())));
        headers
    }
}

/// An instant as a header: digits and signs, which every header may hold.
fn time_header(now: i64) -> HeaderValue {
    let mut text = Vec::with_capacity(32);
    write_timestamp(&mut text, now);
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedModel {
    /// 1, 2, 3 …
    pub version: u64,
    /// What it answers.
    pub prediction: Prediction,
}

/// How a model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// As it was trained.
    Ensemble(Arc<Ensemble>),
    /// Always the same: `given … returns` of a test.
    Fixed(Value),
}
