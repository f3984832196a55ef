//! A few multiplexed connections, the two scripts of the busy paths, and the start-up examination.

use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{
    Client, ErrorKind, FromRedisValue, Pipeline, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    pipe,
};

use super::super::{Durability, StoreError};

/// A put that takes longer is unknown, and is repeated by the client.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct Connections {
    client: Client,
    config: ConnectionManagerConfig,
    all: Vec<RwLock<ConnectionManager>>,
    next: AtomicUsize,
    pub(super) append: Script,
    pub(super) serve: Script,
}

impl Connections {
    pub(super) async fn open(url: &str, count: usize) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(|_| StoreError::Unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(2);
        let mut all = Vec::with_capacity(count.max(1));
        for _ in 0..count.max(1) {
            let connection = ConnectionManager::new_with_config(client.clone(), config.clone());
            let connection = connection.await.map_err(|_| StoreError::Unavailable)?;
            all.push(RwLock::new(connection));
        }
        let connections = Self {
            client,
            config,
            all,
            next: AtomicUsize::new(0),
            append: Script::new(include_str!("append.lua")),
            serve: Script::new(include_str!("serve.lua")),
        };
        connections
            .load()
            .await
            .map_err(|_| StoreError::Unavailable)?;
        Ok(connections)
    }

    /// Runs a pipeline. Everything sent here is safe to repeat, so it is, once: after a restart of
    /// Redis the scripts are gone, and a connection may have been lost since its last use.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, StoreError> {
        match self.send(pipeline).await {
            Ok(value) => return Ok(value),
            Err(error) if is_out_of_memory(&error) => return Err(StoreError::NoRoom),
            Err(_) => {}
        }
        self.load().await.map_err(|_| StoreError::Unavailable)?;
        self.send(pipeline)
            .await
            .map_err(|_| StoreError::Unavailable)
    }

    /// Refuses a Redis that may throw messages away; says how durable it is.
    pub(super) async fn examine(&self) -> Result<Durability, StoreError> {
        let mut ask = pipe();
        ask.cmd("INFO").arg("persistence").cmd("INFO").arg("memory");
        let (persistence, memory): (String, String) = self.run(&ask).await?;
        let limit = field(&memory, "maxmemory").unwrap_or("0");
        if limit != "0" && field(&memory, "maxmemory_policy") != Some("noeviction") {
            return Err(StoreError::Evicts);
        }
        let number = |name| field(&memory, name).and_then(|value| value.parse::<u64>().ok());
        let (used, limit) = (number("used_memory"), number("maxmemory"));
        if limit > Some(0) && used >= limit {
            return Err(StoreError::NoRoom);
        }
        // Redis itself refuses to write until its log can be written again.
        if field(&persistence, "aof_last_write_status") == Some("err") {
            return Err(StoreError::Unavailable);
        }
        if field(&persistence, "aof_enabled") != Some("1") {
            return Ok(Durability::Volatile);
        }
        let mut ask = pipe();
        ask.cmd("CONFIG").arg("GET").arg("appendfsync");
        // An ACL may forbid CONFIG, and should.
        let answer: Result<(Vec<String>,), _> = self.send(&ask).await;
        Ok(match answer {
            Ok((values,)) if values.iter().any(|v| v == "always") => Durability::Synced,
            Ok((values,)) if values.iter().any(|v| v == "everysec") => Durability::EverySecond,
            _ => Durability::Unknown,
        })
    }

    async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len();
        let nowhere = || RedisError::from((ErrorKind::Client, "no connection"));
        let place = self.all.get(turn).ok_or_else(nowhere)?;
        let connection = place.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = pipeline.query_async(&mut connection.clone()).await;
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            self.replace(place)?;
        }
        answer
    }

    /// A connection whose other end is silent may stay so for a quarter of an hour before the system
    /// gives it up; a new one is made at its next use.
    fn replace(&self, place: &RwLock<ConnectionManager>) -> Result<(), RedisError> {
        let new =
            ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())?;
        *place.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    async fn load(&self) -> Result<(), RedisError> {
        for script in [include_str!("append.lua"), include_str!("serve.lua")] {
            let mut load = pipe();
            load.cmd("SCRIPT").arg("LOAD").arg(script).ignore();
            self.send::<()>(&load).await?;
        }
        Ok(())
    }
}

/// Whether Redis refused because of its `maxmemory`, before it did anything.
fn is_out_of_memory(error: &RedisError) -> bool {
    let errors = error.clone().into_server_errors();
    errors.is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == "OOM"))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
