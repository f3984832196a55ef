//! Connections of this role, which alone looks at who connects.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

use super::Forwarder;
use crate::serve::builder;

/// Serves until `stop` resolves, then finishes what is in progress.
pub async fn serve(
    listener: TcpListener,
    forwarder: Arc<Forwarder>,
    stop: impl Future<Output = ()>,
) {
    let free = Arc::new(Semaphore::new(forwarder.settings.connections));
    let patience = forwarder.settings.patience;
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    tokio::pin!(stop);
    loop {
        while open.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = async {
                let permit = Arc::clone(&free).acquire_owned().await;
                (listener.accept().await, permit)
            } => accepted,
        };
        let (Ok((stream, address)), Ok(permit)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (peer, forwarder) = (address.ip(), Arc::clone(&forwarder));
        let service = service_fn(move |request: Request<Incoming>| {
            let forwarder = Arc::clone(&forwarder);
            async move { Ok::<_, Infallible>(forwarder.answer(peer, request).await) }
        });
        let builder = builder(patience);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        open.spawn(async move {
            let _held = permit;
            let _ended = tokio::time::timeout(LIFE, connection).await;
        });
    }
    drop(listener);
    let _in_time = tokio::time::timeout(patience, graceful.shutdown()).await;
    open.shutdown().await;
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest life of a connection: longer than a sitting of an hour has a reason to.
const LIFE: Duration = Duration::from_mins(15);
