//! Bare servers to compare with: axum with the relay's own connection loop and nothing behind it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use bytes::Bytes;
use http::StatusCode;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sotto_protocol::limits::PAGE_BYTES;
use sotto_relay::serve::{Connections, serve};
use tokio::net::TcpListener;

use crate::pages::PAGES;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Reads the body of a post and drops it.
    Intake,
    /// Serves pages from memory.
    Pages,
}

impl Kind {
    /// As an argument.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Pages => "pages",
        }
    }
}

/// Serves until it is killed.
pub fn run(kind: Kind, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let app = match kind {
            Kind::Intake => Router::new().route("/v1/{line}/in", post(drop_body)),
            Kind::Pages => Router::new()
                .route("/v1/{line}/out/{board}/{page}", get(page))
                .with_state(random_pages()),
        };
        let bounds = Connections {
            most: 16_384,
            head: Duration::from_secs(30),
            life: Duration::from_mins(15),
            stop: Duration::from_secs(1),
        };
        serve(
            listener,
            app,
            bounds,
            Arc::default(),
            std::future::pending(),
        )
        .await;
    });
}

async fn drop_body(_body: Bytes) -> StatusCode {
    StatusCode::NO_CONTENT
}

type Pages = Arc<Vec<Bytes>>;

async fn page(
    State(pages): State<Pages>,
    Path((_, _, page)): Path<(String, String, usize)>,
) -> Result<Bytes, StatusCode> {
    pages.get(page).cloned().ok_or(StatusCode::NOT_FOUND)
}

fn random_pages() -> Pages {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let pages = (0..PAGES).map(|_| {
        let mut page = vec![0; PAGE_BYTES];
        rng.fill_bytes(&mut page);
        Bytes::from(page)
    });
    Arc::new(pages.collect())
}
