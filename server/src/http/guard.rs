//! Bounds on what is going on at once and on how long it may take.
//!
//! A request takes its turn once its body is here: those who send slowly hold a connection and what
//! they have sent, and nobody's turn.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Bounds;
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Guard {
    free: Arc<Semaphore>,
    bounds: Bounds,
}

impl Guard {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bounds.in_flight)),
            bounds,
        }
    }
}

pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let turn = Turn(Arc::new(Mutex::new(Stage::Arriving(Arc::clone(
        &guard.free,
    )))));
    if request.body().is_end_stream() {
        turn.take()?;
    }
    let arriving = turn.clone();
    let request = request.map(|body| {
        Body::new(Arriving {
            body,
            turn: arriving,
        })
    });
    let answer = tokio::time::timeout(guard.bounds.request_timeout, next.run(request)).await;
    let stage = turn.0.lock().unwrap_or_else(PoisonError::into_inner);
    match (answer, &*stage) {
        (_, Stage::Refused) => Err(Error::Busy),
        (Ok(answer), _) => Ok(answer),
        (Err(_), Stage::Arriving(_)) => Err(Error::Slow),
        // Whether anything was stored is unknown.
        (Err(_), Stage::Working(_)) => Err(Error::Unavailable),
    }
}

/// How far a request is.
enum Stage {
    Arriving(Arc<Semaphore>),
    Working(#[expect(dead_code, reason = "held until the request is over")] OwnedSemaphorePermit),
    Refused,
}

#[derive(Clone)]
struct Turn(Arc<Mutex<Stage>>);

impl Turn {
    fn take(&self) -> Result<(), Error> {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Arriving(free) = &*stage {
            *stage = match Arc::clone(free).try_acquire_owned() {
                Ok(permit) => Stage::Working(permit),
                Err(_) => Stage::Refused,
            };
        }
        match *stage {
            Stage::Refused => Err(Error::Busy),
            Stage::Arriving(_) | Stage::Working(_) => Ok(()),
        }
    }
}

/// A body that takes the request's turn when it ends.
struct Arriving {
    body: Body,
    turn: Turn,
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arriving(..)")
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none()
            && let Err(busy) = self.turn.take()
        {
            return Poll::Ready(Some(Err(axum::Error::new(busy))));
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
