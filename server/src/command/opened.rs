//! The store of the settings, opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sotto_protocol::{bundle::Pin, id::LineId};
use sotto_relay::{
    clock::SystemClock,
    config::StoreConfig,
    epochs::{EpochError, EpochKeys, FileKeys},
    store::{Embedded, Redis, Sealed, Store, StoreError, format, sealed},
};

use super::Failure;

/// A store, and its file if it is one.
pub(super) struct Opened {
    /// As it is on disk: what is in it is sealed.
    pub(super) shared: Arc<dyn Store>,
    pub(super) embedded: Option<(PathBuf, Embedded)>,
}

impl Opened {
    /// The store as the relay uses it, under the retention keys in `path`.
    pub(super) async fn sealed(
        &self,
        path: &Path,
        pins: &[Pin],
    ) -> Result<Arc<dyn Store>, Failure> {
        let keys = epochs(path, &*self.shared).await?;
        let shared = Arc::clone(&self.shared);
        let sealed = Sealed::open(shared, keys, Arc::new(SystemClock), &lines(pins)).await?;
        Ok(Arc::new(sealed))
    }

    /// Resolves when the store cannot go on in this process.
    pub(super) async fn ended(&self) {
        match &self.embedded {
            Some((_, store)) => store.ended().await,
            None => std::future::pending().await,
        }
    }
}

pub(super) async fn open(config: &StoreConfig, pins: &[Pin]) -> Result<Opened, Failure> {
    let seed = random()?;
    if let StoreConfig::Embedded { path } = config {
        let store = Embedded::open(path, seed)?;
        return Ok(Opened {
            shared: Arc::new(store.clone()),
            embedded: Some((path.clone(), store)),
        });
    }
    let settings = config.redis(seed)?.ok_or(StoreError::Address)?;
    let store = Redis::open(&settings).await?;
    format::check(&store, &lines(pins)).await?;
    Ok(Opened {
        shared: Arc::new(store),
        embedded: None,
    })
}

fn lines(pins: &[Pin]) -> Vec<LineId> {
    pins.iter().map(|pin| pin.line).collect()
}

pub(super) fn random() -> Result<u64, Failure> {
    getrandom::u64().map_err(|_| Failure::Random)
}

/// The retention keys; made where the store is new.
async fn epochs(path: &Path, store: &dyn Store) -> Result<Arc<dyn EpochKeys>, Failure> {
    let keys = match FileKeys::open(path) {
        Err(EpochError::Missing) if !sealed::is_marked(store).await? => FileKeys::create(path),
        opened => opened,
    };
    Ok(Arc::new(keys?))
}
