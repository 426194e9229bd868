//! The HTTP rim of services: routes, health, metrics and a clean stop. What an endpoint answers is not decided here.

mod accept;
mod metrics;
mod server;

pub use axum::body::Bytes;
pub use axum::http::{HeaderName, HeaderValue};
pub use metrics::{EndpointMetrics, Histogram, Metrics};
pub use server::{Server, ServerError, serve};

/// One request as an endpoint sees it.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Parameters of the path (`/home/:user`) by name, percent-decoded.
    pub path: Vec<(String, String)>,
    /// Parameters of the query by name, percent-decoded, in order.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The header `fec-time`, where it was sent.
    pub time: Option<String>,
}

/// What an endpoint answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Answers requests of one route; called from several threads at once.
pub trait Endpoint: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, call: Call) -> Answer;
}

/// A route and who answers it.
#[derive(Clone)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// `/home/:user`.
    pub path: String,
    /// Who answers.
    pub endpoint: std::sync::Arc<dyn Endpoint>,
}

/// What a service says about itself.
pub trait Status: Send + Sync + 'static {
    /// Whether requests are answered from everything that history holds, and the JSON body of `/readyz`.
    fn ready(&self) -> (bool, serde_json::Value);

    /// The OpenAPI document, JSON.
    fn openapi(&self) -> String;

    /// The body of `/metrics`, in the text format of Prometheus.
    fn metrics(&self) -> String;
}
