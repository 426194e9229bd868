//! Services over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use flow_core::calendar::parse_timestamp;
use flow_core::json::{write_json, write_string};
use flow_core::types::Kind;
use flow_http::{Answer, Call, Endpoint, Metrics, Route, Server, ServerError, Status};
use serde_json::{Map, json};

use crate::body::{Parameters, Refusal};
use crate::emits::Emits;
use crate::live::LiveReads;
use crate::reads::{Moment, Reads};
use crate::services::Services;

impl Services {
    /// The routes of all services that have one; `emits` takes what their requests emit.
    #[must_use]
    pub fn routes(self: &Arc<Self>, reads: &Arc<dyn Reads>, emits: &Arc<dyn Emits>) -> Vec<Route> {
        let mut routes = Vec::new();
        for service in self.services() {
            let Some((method, path)) = &service.route else { continue };
            let endpoint = ServiceEndpoint {
                services: Arc::clone(self),
                reads: Arc::clone(reads),
                emits: Arc::clone(emits),
                path: service.path.clone(),
                parameters: Parameters::new(service.parameters.clone(), method, path),
                result: service.result.clone(),
            };
            routes.push(Route { method, path: path.clone(), endpoint: Arc::new(endpoint) });
        }
        routes
    }
}

/// Serves the services that have a route, with health and metrics, on `address`; `metrics` gives further lines in the text
/// format of Prometheus.
///
/// # Errors
/// A port that cannot be had.
pub fn serve(
    services: &Arc<Services>,
    reads: &Arc<LiveReads>,
    emits: &Arc<dyn Emits>,
    metrics: impl Fn() -> String + Send + Sync + 'static,
    address: SocketAddr,
) -> Result<Server, ServerError> {
    let dynamic: Arc<dyn Reads> = Arc::clone(reads) as _;
    let routes = services.routes(&dynamic, emits);
    let own = Arc::clone(reads);
    let health = Health::new(Arc::clone(services), dynamic, move || format!("{}{}", own.metrics(), metrics()));
    flow_http::serve(address, &routes, Arc::new(health), Arc::new(Metrics::default()))
}

struct ServiceEndpoint {
    services: Arc<Services>,
    reads: Arc<dyn Reads>,
    emits: Arc<dyn Emits>,
    path: String,
    parameters: Parameters,
    result: Kind,
}

impl ServiceEndpoint {
    /// The response's value as JSON, or why there is none.
    fn value(&self, call: &Call, now: i64) -> Result<Vec<u8>, Refusal> {
        let arguments = self.parameters.arguments(&call.path, &call.query, &call.body)?;
        let reply = self.services.request(&self.path, arguments, now, self.reads.as_ref(), true);
        let reply = reply.map_err(|error| Refusal {
            status: error.status(),
            code: error.code(),
            field: None,
            message: error.to_string(),
        })?;
        let mut out = Vec::with_capacity(128);
        write_json(&mut out, reply.value.as_cell(), &self.result);
        if !reply.emitted.is_empty() || reply.left_out > 0 {
            self.emits.take(reply.emitted, reply.left_out, now);
        }
        Ok(out)
    }
}

/// The instant of a request: that of the store, or a later one that the request names.
fn now(moment: &Moment, call: &Call) -> Result<i64, Refusal> {
    match &call.time {
        None => Ok(moment.now()),
        Some(text) => match parse_timestamp(text.as_bytes()) {
            Some(time) => Ok(time.max(moment.now())),
            None => Err(Refusal {
                status: 400,
                code: "malformed",
                field: Some("fec-time".to_owned()),
                message: "the header `fec-time` is no instant such as 2026-01-31T12:00:00Z".to_owned(),
            }),
        },
    }
}

impl Endpoint for ServiceEndpoint {
    fn answer(&self, call: Call) -> Answer {
        let moment = self.reads.moment();
        let (now, answered) = match now(&moment, &call) {
            Ok(now) => (now, self.value(&call, now)),
            Err(refusal) => (moment.now(), Err(refusal)),
        };
        let headers = moment.headers(now);
        match answered {
            Ok(body) => Answer { status: 200, body, headers },
            Err(refusal) => Answer { status: refusal.status, body: error_body(&refusal), headers },
        }
    }
}

fn error_body(refusal: &Refusal) -> Vec<u8> {
    let mut out = b"{\"code\":".to_vec();
    write_string(&mut out, refusal.code);
    if let Some(field) = &refusal.field {
        out.extend_from_slice(b",\"field\":");
        write_string(&mut out, field);
    }
    out.extend_from_slice(b",\"message\":");
    write_string(&mut out, &refusal.message);
    out.push(b'}');
    out
}

/// What the services say about themselves: readiness with the models' versions, the OpenAPI document, metrics.
pub struct Health {
    services: Arc<Services>,
    reads: Arc<dyn Reads>,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl Health {
    /// The health of `services`; `metrics` gives lines in the text format of Prometheus, for `/metrics`.
    #[must_use]
    pub fn new(
        services: Arc<Services>,
        reads: Arc<dyn Reads>,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self { services, reads, metrics: Box::new(metrics) }
    }
}

impl Status for Health {
    fn ready(&self) -> (bool, serde_json::Value) {
        let ready = self.reads.ready();
        let version = |name: &String| (name.clone(), json!(self.reads.model(name).map(|published| published.version)));
        let models: Map<String, serde_json::Value> = self.services.models().iter().map(version).collect();
        match self.reads.waiting() {
            why if ready || why.is_empty() => (ready, json!({ "ready": ready, "models": models })),
            why => (ready, json!({ "ready": ready, "reason": why, "models": models })),
        }
    }

    fn openapi(&self) -> String {
        self.services.document().to_owned()
    }

    fn metrics(&self) -> String {
        (self.metrics)()
    }
}
