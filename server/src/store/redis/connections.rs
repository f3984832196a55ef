//! A few multiplexed connections, the two scripts of the busy paths, and the start-up examination.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use redis::{
    Client, FromRedisValue, Pipeline, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    pipe,
};

use super::super::{Durability, StoreError};

/// A put that takes longer is unknown, and is repeated by the client.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct Connections {
    all: Vec<ConnectionManager>,
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
            all.push(connection.await.map_err(|_| StoreError::Unavailable)?);
        }
        let connections = Self {
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
        if let Ok(value) = self.send(pipeline).await {
            return Ok(value);
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
        pipeline.query_async(&mut self.pick()?).await
    }

    async fn load(&self) -> Result<(), RedisError> {
        for script in [include_str!("append.lua"), include_str!("serve.lua")] {
            let mut load = pipe();
            load.cmd("SCRIPT").arg("LOAD").arg(script).ignore();
            self.send::<()>(&load).await?;
        }
        Ok(())
    }

    fn pick(&self) -> Result<ConnectionManager, RedisError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len();
        let connection = self.all.get(turn).cloned();
        connection.ok_or_else(|| RedisError::from((redis::ErrorKind::Client, "no connection")))
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
