//! A few multiplexed connections to one Redis or to the nodes of a Cluster, and the scripts of the
//! busy paths.

use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{
    Cmd, FromRedisValue, Pipeline, RedisError, RedisFuture, Script, Value,
    aio::{ConnectionLike, ConnectionManager},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    cmd,
};

use super::{
    super::StoreError,
    batch::{Batch, Sealed},
    fault::Fault,
    settings::RedisSettings,
};

/// One multiplexed connection, which finds the node of a key by itself.
#[derive(Clone)]
pub(super) enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

pub(super) struct Connections {
    is_cluster: bool,
    settings: RedisSettings,
    all: Vec<RwLock<Link>>,
    /// For what need not wait for replicas, and must not wait behind what does.
    quick: Vec<RwLock<Link>>,
    next: AtomicUsize,
    replicas: u16,
    pub(super) append: Script,
    pub(super) serve: Script,
}

const SCRIPTS: [&str; 2] = [include_str!("append.lua"), include_str!("serve.lua")];
/// A Cluster in which a node just died may refuse the first connection.
const CONNECT_TRIES: usize = 5;
const CONNECT_PAUSE: Duration = Duration::from_millis(200);

impl Connections {
    pub(super) async fn open(settings: &RedisSettings) -> Result<Self, StoreError> {
        if settings.urls.iter().any(|url| url.starts_with("rediss:")) {
            // Fails where the process has chosen a provider already, which is as good.
            let _chosen = rustls::crypto::ring::default_provider().install_default();
        }
        let count = settings.connections.max(1);
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(RwLock::new(connect(settings).await?));
        }
        let quick = match settings.replicas {
            0 => Vec::new(),
            _ => vec![
                RwLock::new(connect(settings).await?),
                RwLock::new(connect(settings).await?),
            ],
        };
        let [append, serve] = SCRIPTS.map(Script::new);
        let connections = Self {
            is_cluster: settings.is_cluster,
            settings: settings.clone(),
            all,
            quick,
            next: AtomicUsize::new(0),
            replicas: settings.replicas,
            append,
            serve,
        };
        connections.load().await.map_err(Fault::into_error)?;
        Ok(connections)
    }

    /// Sends a batch and reads its answers. Everything sent here is safe to repeat, so it is, once,
    /// where the scripts were gone or the connection was.
    pub(super) async fn run<T: FromRedisValue>(&self, batch: Batch) -> Result<T, StoreError> {
        let is_kept = batch.is_kept();
        let sealed = batch.seal(self.replicas);
        let fault = match self.send(&sealed, is_kept).await {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        match fault {
            Fault::NoScript => self.load().await.map_err(Fault::into_error)?,
            // A cluster connection has tried often enough by then.
            Fault::NoAnswer | Fault::Silence if !self.is_cluster() => {}
            other => return Err(other.into_error()),
        }
        match self.send(&sealed, is_kept).await {
            // After a restart of Redis both come in turn.
            Err(Fault::NoScript) => self.load().await.map_err(Fault::into_error)?,
            other => return other.map_err(Fault::into_error),
        }
        self.send(&sealed, is_kept).await.map_err(Fault::into_error)
    }

    pub(super) const fn replicas(&self) -> u16 {
        self.replicas
    }

    pub(super) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// What every master answers to a command without keys.
    pub(super) async fn each_master(&self, command: Cmd) -> Result<Vec<String>, Fault> {
        let answer = match self.pick(false)? {
            Link::Single(mut link) => {
                let answer = link.req_packed_command(&command).await?;
                return Ok(vec![text(answer)?]);
            }
            Link::Cluster(mut link) => {
                let masters = (MultipleNodeRoutingInfo::AllMasters, None);
                link.route_command(command, RoutingInfo::MultiNode(masters))
                    .await?
            }
        };
        let Value::Map(nodes) = answer.extract_error()? else {
            return Err(Fault::Store(StoreError::Corrupt));
        };
        nodes.into_iter().map(|(_, answer)| text(answer)).collect()
    }

    async fn send<T: FromRedisValue>(&self, sealed: &Sealed, is_kept: bool) -> Result<T, Fault> {
        let count = sealed.pipeline.cmd_iter().count();
        let place = self.place(is_kept)?;
        let mut link = link_of(place);
        let answer = link.req_packed_commands(&sealed.pipeline, 0, count).await;
        let answer = answer.map_err(Fault::from);
        if answer == Err(Fault::Silence) {
            self.replace(place);
        }
        sealed.read(answer?)
    }

    /// A connection whose other end is silent may stay so for a quarter of an hour before the system
    /// gives it up; a new one is made at its next use. A Cluster's connection sees to that itself.
    fn replace(&self, place: &RwLock<Link>) {
        if self.is_cluster {
            return;
        }
        let client = self.settings.client().ok();
        let new = client.and_then(|client| {
            ConnectionManager::new_lazy_with_config(client, RedisSettings::manager()).ok()
        });
        if let Some(new) = new {
            *place.write().unwrap_or_else(PoisonError::into_inner) = Link::Single(new);
        }
    }

    async fn load(&self) -> Result<(), Fault> {
        for script in SCRIPTS {
            let mut load = cmd("SCRIPT");
            load.arg("LOAD").arg(script);
            // To every master of a Cluster.
            let answer = self.pick(false)?.req_packed_command(&load).await?;
            answer.extract_error()?;
        }
        Ok(())
    }

    fn pick(&self, is_kept: bool) -> Result<Link, Fault> {
        self.place(is_kept).map(link_of)
    }

    fn place(&self, is_kept: bool) -> Result<&RwLock<Link>, Fault> {
        let from = if is_kept || self.quick.is_empty() {
            &self.all
        } else {
            &self.quick
        };
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % from.len().max(1);
        from.get(turn).ok_or(Fault::NoAnswer)
    }
}

fn link_of(place: &RwLock<Link>) -> Link {
    place.read().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn connect(settings: &RedisSettings) -> Result<Link, StoreError> {
    let mut fault = Fault::NoAnswer;
    for turn in 0..CONNECT_TRIES {
        if turn > 0 {
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
        fault = match connect_once(settings).await? {
            Ok(link) => return Ok(link),
            Err(error) if is_no_cluster(&error) => return Err(StoreError::NoCluster),
            Err(error) => error.into(),
        };
        if !settings.is_cluster || fault.into_error() != StoreError::Unavailable {
            break;
        }
    }
    Err(fault.into_error())
}

async fn connect_once(settings: &RedisSettings) -> Result<Result<Link, RedisError>, StoreError> {
    Ok(if settings.is_cluster {
        let connection = settings.cluster()?.get_async_connection().await;
        connection.map(Link::Cluster)
    } else {
        let manager =
            ConnectionManager::new_with_config(settings.client()?, RedisSettings::manager());
        manager.await.map(Link::Single)
    })
}

fn is_no_cluster(error: &RedisError) -> bool {
    error.to_string().contains("cluster support disabled")
}

fn text(value: Value) -> Result<String, Fault> {
    let value = value.extract_error()?;
    String::from_redis_value(value).map_err(|_| Fault::Store(StoreError::Corrupt))
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(link) => link.req_packed_command(command),
            Self::Cluster(link) => link.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}
