//! Connections: accepted, bounded, served, and finished when it is time to stop.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use crate::{
    telemetry::{self, metrics::Metrics},
    tls::Tls,
};

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// Open at once; further ones wait in the kernel's queue.
    pub most: usize,
    /// Until a request's head must be complete, and between two requests.
    pub head: Duration,
    /// Longest life of one.
    pub life: Duration,
    /// To finish what is in progress when told to stop.
    pub stop: Duration,
}

/// A listener, with the certificate that is shown on it where TLS ends here.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    tls: Option<Tls>,
}

impl Door {
    /// With TLS if there is a certificate.
    pub const fn new(listener: TcpListener, tls: Option<Tls>) -> Self {
        Self { listener, tls }
    }
}

impl From<TcpListener> for Door {
    fn from(listener: TcpListener) -> Self {
        Self::new(listener, None)
    }
}

/// Serves `app` until `stop` resolves, then finishes what is in progress. `metrics` counts connections.
pub async fn serve(
    door: impl Into<Door>,
    app: Router,
    bounds: Connections,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) {
    let Door { listener, tls } = door.into();
    let free = Arc::new(Semaphore::new(bounds.most));
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    tokio::pin!(stop);
    loop {
        // What is finished leaves the set here, so that it cannot grow with the number served.
        while open.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &free) => accepted,
        };
        let Ok((stream, permit)) = accepted else {
            telemetry::accept_failed();
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (app, watcher, tls) = (app.clone(), graceful.watcher(), tls.clone());
        let connected = metrics.connected();
        open.spawn(async move {
            let _counted = (permit, connected);
            let with = (app, bounds, watcher);
            // Two boxes, so that a connection without TLS has no room for its state.
            let served: Pin<Box<dyn Future<Output = ()> + Send>> = match tls {
                Some(tls) => Box::pin(greet(stream, tls, with)),
                None => Box::pin(one(stream, with)),
            };
            // How a connection ends is nobody's business.
            let _ended = tokio::time::timeout(bounds.life, served).await;
        });
    }
    drop(listener);
    let _in_time = tokio::time::timeout(bounds.stop, graceful.shutdown()).await;
    open.shutdown().await;
}

/// One connection with TLS to its end.
async fn greet(stream: TcpStream, tls: Tls, with: (Router, Connections, Watcher)) {
    let (_, bounds, _) = &with;
    let greeting = tls.accept(stream);
    if let Ok(Ok(stream)) = tokio::time::timeout(bounds.head, greeting).await {
        one(stream, with).await;
    }
}

/// What every connection speaks: HTTP/1.1, with heads bounded in time and size.
pub(crate) fn builder(head: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES);
    builder
}

async fn one(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    (app, bounds, watcher): (Router, Connections, Watcher),
) {
    let service = TowerToHyperService::new(app);
    let builder = builder(bounds.head);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _ended = watcher.watch(connection.into_owned()).await;
}

/// After a failed accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Largest head of a request; also the read buffer of a connection.
const HEAD_BYTES: usize = 16_384;

/// The next connection. The caller's address is dropped here and goes nowhere else.
async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    if free.available_permits() == 0 {
        telemetry::connections_full();
    }
    let permit = Arc::clone(free).acquire_owned().await;
    let permit = permit.map_err(|_| io::Error::other("closed"))?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}
