//! Connections: let in, served, and let go.

use std::io::ErrorKind;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long requests may take to end after the stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// Where the system lets nobody in, as for too many open files, it is asked again after so long.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves `router` to all who connect until it is `stopped`; then nobody else is let in, idle connections are closed, and
/// running requests have [`DRAIN`] to end. A connection on which no whole head of a request comes within `idle` is closed, so
/// that nobody holds one, and what the system gives for it, by saying nothing. `axum::serve` has no such clock.
pub(crate) async fn accept(listener: TcpListener, router: Router, idle: Duration, mut stopped: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // Who asked to be let in has gone.
            Err(error) if is_gone(error.kind()) => continue,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // A response is one write: there is nothing to wait for. Where that cannot be said, it is only later.
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // How a connection ends is its own affair.
            let _ = connection.await;
        });
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => {}
    }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
