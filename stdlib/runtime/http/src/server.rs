//! The server: axum on a runtime of its own, stopped by draining.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use http_body_util::BodyExt;
use tokio::sync::watch;

use crate::accept::accept;
use crate::metrics::Metrics;
use crate::{Answer, Call, Route, Status};

/// The largest body that is read.
const MOST_BODY: usize = 1 << 20;

/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(30);

/// How long a connection may take to its next request: longer than a load balancer commonly keeps one that is idle, so that
/// mostly the side that asks is the one that closes.
const IDLE: Duration = Duration::from_secs(75);

/// Why a server could not start.
#[derive(Debug)]
pub struct ServerError(String);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerError {}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets running requests end (for at most ten seconds) and returns.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Without a receiver the thread has ended already.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves `routes` besides `/healthz /readyz /metrics /openapi.json` on `address`; port 0 takes a free one.
///
/// # Errors
/// A port that is in use or not permitted, in words that name it and the repair.
pub fn serve(
    address: SocketAddr,
    routes: &[Route],
    status: Arc<dyn Status>,
    metrics: Arc<Metrics>,
) -> Result<Server, ServerError> {
    serve_router(address, router(routes, status, metrics), IDLE)
}

/// Serves a router on an address; a connection whose next request does not begin and bring its whole head within `idle` is
/// closed.
fn serve_router(address: SocketAddr, router: Router, idle: Duration) -> Result<Server, ServerError> {
    let refused = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ServerError(format!("port {} is in use; choose another with --port, or 0 for a free one", address.port()))
        }
        std::io::ErrorKind::PermissionDenied => {
            ServerError(format!("port {} needs more rights than this user has; choose one above 1023", address.port()))
        }
        _ => ServerError(format!("cannot listen on {address}: {error}")),
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("http")
        .build()
        .map_err(|error| ServerError(format!("cannot start the threads of the server: {error}")))?;
    let (stop, stopped) = watch::channel(false);
    let work = move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            accept(listener, router, idle, stopped).await;
        });
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new()
        .name("http-server".to_owned())
        .spawn(work)
        .map_err(|error| ServerError(format!("cannot start the threads of the server: {error}")))?;
    Ok(Server { address, stop, thread: Some(thread) })
}

fn router(routes: &[Route], status: Arc<dyn Status>, metrics: Arc<Metrics>) -> Router {
    let mut router = Router::new();
    for route in routes {
        router = router.route(&axum_path(&route.path), method(route, &metrics));
    }
    let ready = Arc::clone(&status);
    let openapi = Arc::clone(&status);
    router
        .route("/healthz", get(|| async { json(StatusCode::OK, b"{\"ok\":true}".to_vec()) }))
        .route(
            "/readyz",
            get(move || async move {
                let (ready, body) = ready.ready();
                let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                json(code, body.to_string().into_bytes())
            }),
        )
        .route(
            "/metrics",
            get(move || async move {
                let mut response =
                    json(StatusCode::OK, format!("{}{}", metrics.render(), status.metrics()).into_bytes());
                let text = HeaderValue::from_static("text/plain; version=0.0.4");
                response.headers_mut().insert(header::CONTENT_TYPE, text);
                response
            }),
        )
        .route("/openapi.json", get(move || async move { json(StatusCode::OK, openapi.openapi().into_bytes()) }))
        .fallback(|| async { respond(refusal(404, "not_found", "no such path")) })
        .method_not_allowed_fallback(|method: Method| async move {
            respond(refusal(405, "method_not_allowed", &format!("this path does not take {method}; `allow` says what")))
        })
}

/// `/home/:user` in the words of axum, `/home/{user}`.
fn axum_path(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn method(route: &Route, metrics: &Arc<Metrics>) -> MethodRouter {
    let (endpoint, metrics) = (Arc::clone(&route.endpoint), metrics.endpoint(&route.path));
    let filter = if route.method == "GET" { MethodFilter::GET } else { MethodFilter::POST };
    let answer = move |called: Result<Call, Answer>, started: Instant| {
        let answer = called.map_or_else(|refused| refused, |call| endpoint.answer(call));
        metrics.count(answer.status, started.elapsed());
        respond(answer)
    };
    if !route.path.contains("/:") {
        // Most routes have no parameters: nobody looks for some.
        return on(filter, move |request: Request| async move {
            let started = Instant::now();
            answer(call(Vec::new(), request).await, started)
        });
    }
    on(filter, move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request| async move {
        let started = Instant::now();
        let called = match path {
            Ok(path) => {
                let owned = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
                call(owned.collect(), request).await
            }
            Err(_) => Err(refusal(400, "malformed", "the path is not UTF-8 once its escapes (`%41`) are read")),
        };
        answer(called, started)
    })
}

async fn call(path: Vec<(String, String)>, request: Request) -> Result<Call, Answer> {
    let query = match request.uri().query().map(parse_query) {
        None => Vec::new(),
        Some(Some(query)) => query,
        Some(None) => {
            return Err(refusal(400, "malformed", "the query is not UTF-8 once its escapes (`%41`) are read"));
        }
    };
    let time = request.headers().get("fec-time").and_then(|value| value.to_str().ok()).map(str::to_owned);
    plain(request.headers())?;
    let body = read(request.into_body(), BODY).await?;
    Ok(Call { path, query, body, time })
}

/// Refuses a body that is compressed or otherwise encoded: its bytes are not what the caller means to say.
fn plain(headers: &HeaderMap) -> Result<(), Answer> {
    let encodings =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    for encoding in encodings.map(<[u8]>::trim_ascii).filter(|encoding| !encoding.is_empty()) {
        if !encoding.eq_ignore_ascii_case(b"identity") {
            let name = String::from_utf8_lossy(encoding);
            let message = format!("a body is taken as it is, without `content-encoding: {name}`");
            return Err(refusal(415, "encoded", &message));
        }
    }
    Ok(())
}

/// The whole body of a request, which has to come `within` a time. A body that is there already starts no clock.
async fn read(body: Body, within: Duration) -> Result<Bytes, Answer> {
    let late = || refusal(408, "timeout", &format!("the body did not come within {} seconds", within.as_secs()));
    tokio::time::timeout(within, whole(body)).await.unwrap_or_else(|_| Err(late()))
}

async fn whole(mut body: Body) -> Result<Bytes, Answer> {
    let too_large = || refusal(413, "too_large", "the body is larger than 1 MiB");
    if body.size_hint().lower() > MOST_BODY as u64 {
        return Err(too_large());
    }
    // Most bodies come in one piece, which is not copied; of others all pieces go into one.
    let (mut only, mut pieces) = (Bytes::new(), Vec::new());
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|_| refusal(400, "malformed", "the body breaks off"))?;
        // What is no data are trailers.
        let Ok(data) = frame.into_data() else { continue };
        if only.len() + pieces.len() + data.len() > MOST_BODY {
            return Err(too_large());
        }
        if only.is_empty() && pieces.is_empty() {
            only = data;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut only));
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { only } else { pieces.into() })
}

/// The parameters of a query; none where their escapes give what is no text.
fn parse_query(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// `%41+b` as `A b`; what is not an escape stands for itself.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, escape) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// An error as every error of a service is told.
fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "code": code, "message": message }).to_string().into_bytes();
    Answer { status, body, headers: Vec::new() }
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, answer.body);
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value);
    }
    response
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::accept::DRAIN;
    use crate::{Answer, Call, Endpoint, HeaderName, HeaderValue};

    struct Echo;

    impl Endpoint for Echo {
        fn answer(&self, call: Call) -> Answer {
            let text = String::from_utf8_lossy(&call.body);
            let body = format!("{:?} {:?} {} {text}", call.path, call.query, call.body.len());
            let time = HeaderValue::from_str(call.time.as_deref().unwrap_or("now")).unwrap();
            Answer { status: 200, body: body.into_bytes(), headers: vec![(HeaderName::from_static("fec-time"), time)] }
        }
    }

    struct Ready;

    impl Status for Ready {
        fn ready(&self) -> (bool, serde_json::Value) {
            (false, serde_json::json!({ "models": {} }))
        }
        fn openapi(&self) -> String {
            serde_json::json!({ "openapi": "3.1.0" }).to_string()
        }
        fn metrics(&self) -> String {
            "own 1\n".to_owned()
        }
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn serving(paths: &[(&'static str, &str)]) -> Server {
        let route = |(method, path): &(&'static str, &str)| {
            let endpoint: Arc<dyn Endpoint> = Arc::new(Echo);
            Route { method, path: (*path).to_owned(), endpoint }
        };
        let routes: Vec<Route> = paths.iter().map(route).collect();
        serve(SocketAddr::from(([127, 0, 0, 1], 0)), &routes, Arc::new(Ready), Arc::default()).unwrap()
    }

    #[test]
    fn a_body_comes_whole_or_not_at_all() {
        let server = serving(&[("POST", "/score")]);
        let head = "POST /score HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        let post = |rest: &str| ask(server.address(), &format!("{head}{rest}"));
        let whole = post("content-length: 4\r\n\r\nabcd");
        assert!(whole.ends_with("[] [] 4 abcd"), "{whole}");
        let chunked = post("transfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
        assert!(chunked.ends_with("[] [] 5 abcde"), "{chunked}");
        assert!(post("content-length: 0\r\n\r\n").ends_with("[] [] 0 "));
        let most = "a".repeat(1 << 20);
        assert!(post(&format!("content-length: {}\r\n\r\n{most}", most.len())).contains(" 1048576 aaaa"));
        let declared = post("content-length: 1048577\r\n\r\n");
        assert!(declared.starts_with("HTTP/1.1 413") && declared.contains("larger than 1 MiB"), "{declared}");
        let chunk = format!("transfer-encoding: chunked\r\n\r\n100000\r\n{most}\r\n1\r\na\r\n0\r\n\r\n");
        assert!(post(&chunk).starts_with("HTTP/1.1 413"));
        let broken = post("transfer-encoding: chunked\r\n\r\nzz\r\n");
        assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
        let letters = "abcdefghij".repeat(2_000);
        let each: String = letters.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect();
        let small = post(&format!("transfer-encoding: chunked\r\n\r\n{each}0\r\n\r\n"));
        assert!(small.ends_with(&format!(" 20000 {letters}")), "pieces keep their order");
        // What is compressed is refused before it is read; an encoding that changes nothing is none.
        for encoding in ["gzip", "BR", "identity, gzip", "identity\r\ncontent-encoding: deflate"] {
            let encoded = post(&format!("content-encoding: {encoding}\r\ncontent-length: 4\r\n\r\nabcd"));
            assert!(encoded.starts_with("HTTP/1.1 415"), "{encoded}");
            assert!(encoded.contains("without `content-encoding: "), "{encoded}");
        }
        for encoding in ["identity", "", "Identity, identity"] {
            let same = post(&format!("content-encoding: {encoding}\r\ncontent-length: 4\r\n\r\nabcd"));
            assert!(same.ends_with("[] [] 4 abcd"), "{same}");
        }
        // Of one connection the next request is answered, too.
        let kept = "POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na";
        let both = ask(server.address(), &format!("{kept}{head}content-length: 1\r\n\r\nb"));
        assert_eq!(both.matches("HTTP/1.1 200").count(), 2, "{both}");
    }

    #[test]
    fn a_body_that_does_not_come_is_not_waited_for() {
        // Its first bytes are there, and its end never is.
        let trailers = std::future::pending::<Option<Result<axum::http::HeaderMap, std::convert::Infallible>>>();
        let never = Body::new(http_body_util::Full::new(Bytes::from_static(b"ab")).with_trailers(trailers));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let late = runtime.block_on(read(never, Duration::from_millis(20))).unwrap_err();
        assert_eq!(late.status, 408);
        assert!(String::from_utf8(late.body).unwrap().contains("did not come within"));
        let there = runtime.block_on(read(Body::from("abc"), Duration::ZERO)).unwrap();
        assert_eq!(there, "abc", "what is there has nothing to wait for");
    }

    #[test]
    fn the_most_exact_route_answers() {
        let paths = [("GET", "/:a/:b"), ("GET", "/house/:user"), ("GET", "/house/me"), ("POST", "/house/:user")];
        let server = serving(&paths);
        let get = |method: &str, path: &str| {
            ask(server.address(), &format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
        };
        assert!(get("GET", "/house/me").ends_with("[] [] 0 "));
        assert!(get("GET", "/house/%C3%A9+1?a=%C3%A9+1").ends_with(r#"[("user", "é+1")] [("a", "é 1")] 0 "#));
        assert!(get("GET", "/away/x").ends_with(r#"[("a", "away"), ("b", "x")] [] 0 "#));
        assert!(get("POST", "/house/you").ends_with(r#"[("user", "you")] [] 0 "#));
        for path in ["/house/", "/house", "/house/a/", "/house/a/b", "//"] {
            assert!(get("GET", path).starts_with("HTTP/1.1 404"), "{path}");
        }
        let head = get("HEAD", "/house/me");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        let wrong = get("DELETE", "/house/you");
        assert!(wrong.starts_with("HTTP/1.1 405") && wrong.contains("allow: GET,HEAD,POST"), "{wrong}");
    }

    #[test]
    fn a_stop_lets_the_request_that_runs_end_and_no_other_begin() {
        let server = serving(&[("POST", "/score")]);
        let address = server.address();
        let mut idle = TcpStream::connect(address).unwrap();
        let mut asking = TcpStream::connect(address).unwrap();
        asking.write_all(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").unwrap();
        // Both are let in by now, and the second one's request has begun.
        assert!(ask(address, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").contains("ok"));
        std::thread::sleep(Duration::from_millis(200));
        let stopping = std::thread::spawn(move || server.stop());
        std::thread::sleep(Duration::from_millis(200));
        assert!(TcpStream::connect(address).is_err(), "nobody is let in any more");
        asking.write_all(b"cd").unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(" 4 abcd"), "{answer}");
        assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0, "who asks nothing is not waited for");
        let began = std::time::Instant::now();
        stopping.join().unwrap();
        assert!(began.elapsed() < DRAIN / 2);
    }

    #[test]
    fn a_connection_that_asks_nothing_is_closed_and_one_that_asks_is_kept() {
        let idle = Duration::from_millis(400);
        let router = router(&[], Arc::new(Ready), Arc::default());
        let server = serve_router(SocketAddr::from(([127, 0, 0, 1], 0)), router, idle).unwrap();
        let connect = || {
            let stream = TcpStream::connect(server.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        };
        let (mut silent, mut halting, mut asking) = (connect(), connect(), connect());
        halting.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").unwrap();
        let mut answer = [0; 4096];
        for _ in 0..8 {
            std::thread::sleep(idle / 4);
            asking.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let read = asking.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "it has been there for longer than one may be idle");
        }
        for stream in [&mut silent, &mut halting, &mut asking] {
            assert_eq!(stream.read(&mut answer).unwrap(), 0, "it was closed");
        }
    }

    #[test]
    fn a_request_that_does_not_end_holds_a_stop_for_ten_seconds_and_no_longer() {
        let server = serving(&[("POST", "/score")]);
        let mut asking = TcpStream::connect(server.address()).unwrap();
        asking.write_all(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let (stopped, hears) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let began = Instant::now();
            server.stop();
            stopped.send(began.elapsed())
        });
        let took = hears.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(took >= Duration::from_secs(9), "{took:?}");
    }

    #[test]
    fn a_server_answers_its_routes_and_speaks_of_itself() {
        let route = Route { method: "GET", path: "/home/:user".to_owned(), endpoint: Arc::new(Echo) };
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = serve(local, &[route], Arc::new(Ready), Arc::default()).unwrap();
        let get =
            |path: &str| ask(server.address(), &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        let home = get("/home/a%20b?page=x%2By+z");
        assert!(home.starts_with("HTTP/1.1 200"), "{home}");
        assert!(home.contains("fec-time: now") && home.contains(r#"[("user", "a b")] [("page", "x+y z")]"#), "{home}");
        let later = "GET /home/a HTTP/1.1\r\nhost: x\r\nfec-time: later\r\nconnection: close\r\n\r\n";
        assert!(ask(server.address(), later).contains("fec-time: later\r\n"));
        assert!(get("/healthz").starts_with("HTTP/1.1 200"));
        let waits = get("/readyz");
        assert!(waits.starts_with("HTTP/1.1 503") && waits.ends_with(r#"{"models":{}}"#), "{waits}");
        let metrics = get("/metrics");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4\r\n"), "{metrics}");
        assert!(metrics.contains(r#"fec_requests_total{endpoint="/home/:user",status="200"} 2"#), "{metrics}");
        assert!(metrics.ends_with("own 1\n"), "{metrics}");
        assert!(get("/openapi.json").ends_with(r#"{"openapi":"3.1.0"}"#));
        assert!(!home.to_lowercase().contains("access-control"), "no other origin is let in: {home}");
        let error = |answer: &str, status: u16, code: &str| {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(answer.contains("content-type: application/json"), "{answer}");
            let body: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            assert_eq!(body["code"], code);
            assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        };
        error(&get("/nowhere"), 404, "not_found");
        error(&get("/home/%ff"), 400, "malformed");
        error(&get("/home/a?x=%ff"), 400, "malformed");
        error(&get("/home/a?%C3=1"), 400, "malformed");
        // Those are counted, too; and what stands between two `&` with nothing in it is no parameter.
        assert!(get("/metrics").contains(r#"fec_requests_total{endpoint="/home/:user",status="400"} 3"#));
        assert!(get("/home/a?&x=1&&y=2&").contains(r#"[("x", "1"), ("y", "2")] 0 "#));
        let post = "POST /home/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let wrong = ask(server.address(), post);
        error(&wrong, 405, "method_not_allowed");
        assert!(wrong.to_lowercase().contains("allow: get"), "{wrong}");
        error(&ask(server.address(), &post.replace("/home/a", "/healthz")), 405, "method_not_allowed");
        let taken = serve(server.address(), &[], Arc::new(Ready), Arc::default()).unwrap_err();
        assert!(taken.to_string().contains("in use"), "{taken}");
        server.stop();
    }
}
