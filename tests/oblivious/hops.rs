//! A phone, an oblivious relay and a relay, each on a port of its own.

use std::{cell::RefCell, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use rand_chacha::ChaCha20Rng;
use sotto_core::{
    link::Link,
    native::{Ways, ways},
    transport::{Method, Request, Response, Transport, Unreachable},
};
use sotto_relay::{
    forward::{self, Forwarder, Settings},
    http::Bounds,
    serve::{Connections, serve},
};
use sotto_tests::{
    machines::DeskMachine,
    world::{Backend, World, received},
};
use tokio::{net::TcpListener, task::JoinSet};
use tower::ServiceExt as _;

pub(super) const BOUNDS: Bounds = Bounds {
    in_flight: 64,
    request_timeout: Duration::from_secs(30),
};

/// What a network observer between a phone and its oblivious relay sees of one request.
pub(super) type Shape = (Method, usize, usize);

/// Passes on like an oblivious relay in the same process, and writes down sizes.
pub(super) struct Observed<'w> {
    pub(super) world: &'w World,
    app: axum::Router,
    pub(super) shapes: &'w RefCell<Vec<Shape>>,
}

impl<'w> Observed<'w> {
    pub(super) fn new(world: &'w World, shapes: &'w RefCell<Vec<Shape>>) -> Self {
        Self {
            world,
            app: world.another(&world.store, BOUNDS),
            shapes,
        }
    }
}

impl Transport for Observed<'_> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        assert_eq!(request.target, "", "exactly to the address");
        let target = match request.method {
            Method::Get => "/ohttp-keys",
            _ => "/ohttp",
        };
        let mut builder = http::Request::builder()
            .method(request.method.name())
            .uri(target);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let body = axum::body::Body::from(request.body.clone());
        let call = self.app.clone().oneshot(builder.body(body).unwrap());
        let response = self
            .world
            .block_on(async { received(call.await.unwrap()).await });
        let sizes = (request.body.len(), response.body.len());
        let mut shapes = self.shapes.borrow_mut();
        shapes.push((request.method, sizes.0, sizes.1));
        Ok(response)
    }
}

/// A way that no bundle changes: everything goes under the key that the oblivious relay gave.
pub(super) struct Only<T>(pub(super) T);

impl<T: Transport> Transport for Only<T> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        self.0.send(request)
    }
}

/// Relay and oblivious relay on real ports.
pub(super) struct Hops {
    pub(super) world: World,
    pub(super) desk: DeskMachine,
    pub(super) relay: SocketAddr,
    pub(super) oblivious: SocketAddr,
    _served: JoinSet<()>,
}

impl Hops {
    pub(super) fn begin(seed: u64) -> Self {
        let mut world = World::new(Backend::Embedded, seed);
        let mut desk = DeskMachine::join(&mut world);
        desk.run(&world, 600);
        let app = world.another(&world.store, BOUNDS);
        let mut served = JoinSet::new();
        let (relay, oblivious) = world.block_on(async {
            let (listener, relay) = listen().await;
            let connections = Connections {
                most: 100,
                head: Duration::from_secs(10),
                life: Duration::from_mins(10),
                stop: Duration::from_secs(1),
            };
            let stop = std::future::pending();
            served.spawn(serve(listener, app, connections, Arc::default(), stop));
            let (listener, oblivious) = listen().await;
            let forwarder = Arc::new(Forwarder::new(settings(relay)).unwrap());
            served.spawn(forward::serve(listener, forwarder, std::future::pending()));
            (relay, oblivious)
        });
        Self {
            world,
            desk,
            relay,
            oblivious,
            _served: served,
        }
    }

    /// How a phone gets there that knows the oblivious relay from its link.
    pub(super) fn way(&mut self) -> Only<Ways<ChaCha20Rng>> {
        let rng = self.world.seed();
        let link = Link {
            // Nobody listens there: what were asked openly would fail.
            base: "http://127.0.0.1:9".into(),
            ohttp: Some(format!("http://{}/", self.oblivious)),
            pin: self.world.pin(),
        };
        Only(ways(&link, rng))
    }
}

pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(super) fn settings(gateway: SocketAddr) -> Settings {
    let many = NonZeroU32::new(10_000).unwrap();
    Settings {
        gateway: format!("http://{gateway}").parse().unwrap(),
        per_minute: many,
        burst: many,
        caller: None,
        in_flight: 8,
        connections: 64,
        patience: Duration::from_secs(2),
    }
}
