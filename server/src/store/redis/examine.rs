//! The examination at start: whether this Redis may be trusted with messages, and how far.

use redis::cmd;

use super::{
    super::{Durability, StoreError},
    batch::Batch,
    connections::Connections,
    fault::Fault,
};

impl Connections {
    /// Refuses a Redis that may throw messages away; says how durable it is.
    pub(super) async fn examine(&self) -> Result<Durability, StoreError> {
        let cluster = self.info("cluster").await?;
        if !self.is_cluster() && any(&cluster, "cluster_enabled", "1") {
            return Err(StoreError::IsCluster);
        }
        for memory in self.info("memory").await? {
            let limit = field(&memory, "maxmemory").unwrap_or("0");
            if limit != "0" && field(&memory, "maxmemory_policy") != Some("noeviction") {
                return Err(StoreError::Evicts);
            }
            let number = |name| field(&memory, name).and_then(|value| value.parse::<u64>().ok());
            let (used, limit) = (number("used_memory"), number("maxmemory"));
            if limit > Some(0) && used >= limit {
                return Err(StoreError::NoRoom);
            }
        }
        let persistence = self.info("persistence").await?;
        // Redis itself refuses to write until its log can be written again.
        if any(&persistence, "aof_last_write_status", "err") {
            return Err(StoreError::Unavailable);
        }
        if !persistence
            .iter()
            .all(|info| field(info, "aof_enabled") == Some("1"))
        {
            return Ok(Durability::Volatile);
        }
        if self.replicas() > 0 {
            let replicas = self.info("replication").await?;
            let enough = replicas.iter().all(|info| {
                let connected = field(info, "connected_slaves").and_then(|n| n.parse().ok());
                connected.is_some_and(|connected: u16| connected >= self.replicas())
            });
            return if enough {
                Ok(Durability::Replicated)
            } else {
                Err(StoreError::Replicas)
            };
        }
        if self.is_cluster() {
            return Ok(Durability::Failover);
        }
        self.policy().await
    }

    async fn policy(&self) -> Result<Durability, StoreError> {
        let mut ask = cmd("CONFIG");
        ask.arg("GET").arg("appendfsync");
        // An ACL may forbid CONFIG, and should.
        let answer = self.run(Batch::of(ask)).await;
        Ok(match answer.map(|(values,): (Vec<String>,)| values) {
            Ok(values) if values.iter().any(|v| v == "always") => Durability::Synced,
            Ok(values) if values.iter().any(|v| v == "everysec") => Durability::EverySecond,
            _ => Durability::Unknown,
        })
    }

    async fn info(&self, section: &str) -> Result<Vec<String>, StoreError> {
        let mut ask = cmd("INFO");
        ask.arg(section);
        let infos = self.each_master(ask).await;
        infos.map_err(Fault::into_error)
    }
}

fn any(infos: &[String], name: &str, value: &str) -> bool {
    infos.iter().any(|info| field(info, name) == Some(value))
}

pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
