//! A real Redis Cluster of one's own on loopback: masters, replicas, and what happens to them.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, Connection, FromRedisValue, cmd};
use tempfile::TempDir;

use crate::{
    programs::until,
    redis::{OPERATOR, RELAY, dump, users},
};

/// Nodes as child processes. Killed when dropped.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    dir: TempDir,
    /// More settings of every node.
    options: Vec<String>,
}

#[derive(Debug)]
struct Node {
    child: Child,
    port: u16,
    bus: u16,
    /// Beside the port, where it speaks TLS.
    tls: Option<u16>,
    id: String,
}

/// How a replica takes over from its master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// The master waits until the replica has everything.
    Agreed,
    /// The replica asks nobody.
    Takeover,
}

/// A slot on its way from one master to another, some keys here, some there.
#[derive(Debug)]
pub struct Migration<'c> {
    cluster: &'c RedisCluster,
    slot: u16,
    from: usize,
    to: usize,
}

/// Slots of a Cluster.
const SLOTS: u16 = 16_384;
/// Milliseconds after which a silent node counts as gone.
const NODE_TIMEOUT: &str = "1500";

impl RedisCluster {
    /// So many masters, each with one replica if `has_replicas`, ready for use. Masters come first.
    ///
    /// # Panics
    /// Where there is no `redis-server`: `cargo xtask test` installs it.
    pub fn start(masters: usize, has_replicas: bool) -> Self {
        let count = if has_replicas { 2 * masters } else { masters };
        Self::form(masters, count, None)
    }

    /// Masters that speak TLS, with their neighbours too; `options` say with which certificates.
    pub fn on_tls(masters: usize, options: &[&str]) -> Self {
        Self::form(masters, masters, Some(options))
    }

    fn form(masters: usize, count: usize, tls: Option<&[&str]>) -> Self {
        let dir = TempDir::new().unwrap();
        let options: Vec<String> = tls.unwrap_or(&[]).iter().map(|o| (*o).to_owned()).collect();
        let nodes = (0..count)
            .map(|i| Node::spawn(&dir, i, tls.is_some(), &options))
            .collect();
        let mut cluster = Self {
            nodes,
            dir,
            options,
        };
        for i in 0..count {
            until("a node answers", || {
                cluster.try_ask::<String>(i, "PING").is_some()
            });
            cluster.nodes[i].id = cluster.ask(i, "CLUSTER MYID");
        }
        cluster.share_slots(masters);
        cluster.meet();
        for replica in masters..count {
            let master = cluster.nodes[replica - masters].id.clone();
            until("a replica knows its master", || {
                let follow = format!("CLUSTER REPLICATE {master}");
                cluster.try_ask::<String>(replica, &follow).is_some()
            });
        }
        cluster.settle();
        cluster
    }

    fn share_slots(&self, masters: usize) {
        let each = usize::from(SLOTS).div_ceil(masters);
        for i in 0..masters {
            let first = i * each;
            let last = (first + each).min(usize::from(SLOTS)) - 1;
            let _: String = self.ask(i, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
            let _: String = self.ask(i, &format!("CLUSTER SET-CONFIG-EPOCH {}", i + 1));
        }
    }

    fn meet(&self) {
        for node in &self.nodes[1..] {
            let port = node.tls.unwrap_or(node.port);
            let meet = format!("CLUSTER MEET 127.0.0.1 {port} {}", node.bus);
            let _: String = self.ask(0, &meet);
        }
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for i in 0..self.nodes.len() {
            until("the nodes know each other", || {
                let info: String = self.ask(i, "CLUSTER INFO");
                info.contains(&known)
                    && !self.ask::<String>(i, "CLUSTER NODES").contains("handshake")
            });
        }
    }

    /// Waits until every node that runs finds the Cluster whole, and every replica its master.
    pub fn settle(&self) {
        for i in (0..self.nodes.len()).filter(|i| self.is_up(*i)) {
            until("the Cluster is whole", || {
                let info: String = self.ask(i, "CLUSTER INFO");
                let role: String = self.ask(i, "INFO replication");
                info.contains("cluster_state:ok") && !role.contains("master_link_status:down")
            });
        }
    }

    /// For the relay's settings: every node that runs.
    pub fn urls(&self) -> Vec<String> {
        let running = (0..self.nodes.len()).filter(|i| self.is_up(*i));
        running.map(|i| self.url(i)).collect()
    }

    fn url(&self, node: usize) -> String {
        let node = &self.nodes[node];
        match node.tls {
            Some(port) => format!("rediss://relay:{RELAY}@127.0.0.1:{port}/"),
            None => format!("redis://relay:{RELAY}@127.0.0.1:{}/", node.port),
        }
    }

    fn is_up(&self, node: usize) -> bool {
        self.try_ask::<String>(node, "PING").is_some()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for i in 0..self.nodes.len() {
            // A replica refuses, and follows its master.
            let _: Option<String> = self.try_ask(i, "FLUSHALL");
        }
    }

    /// Kills a node at once.
    pub fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.child.kill().unwrap();
        node.child.wait().unwrap();
    }

    /// Starts a node that was killed on what it left on disk.
    pub fn start_again(&mut self, node: usize) {
        let id = self.nodes[node].id.clone();
        let Node { port, bus, tls, .. } = self.nodes[node];
        self.nodes[node] = Node::run(&self.dir, node, (port, bus, tls), &self.options);
        self.nodes[node].id = id;
    }

    /// The master in charge of a key now.
    pub fn master_of(&self, key: &str) -> usize {
        let slot = self.slot_of(key);
        self.owner(slot).expect("a slot without a master")
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &str) -> u16 {
        let any = (0..self.nodes.len()).find(|i| self.is_up(*i)).unwrap();
        self.ask(any, &format!("CLUSTER KEYSLOT {key}"))
    }

    fn owner(&self, slot: u16) -> Option<usize> {
        let key = slot.to_string();
        (0..self.nodes.len()).find(|i| {
            let Some(nodes) = self.try_ask::<String>(*i, "CLUSTER NODES") else {
                return false;
            };
            let own = nodes.lines().find(|line| line.contains("myself,master"));
            own.is_some_and(|line| line.split(' ').skip(8).any(|range| holds(range, &key)))
        })
    }

    /// A replica of a master.
    pub fn replica_of(&self, master: usize) -> usize {
        let id = &self.nodes[master].id;
        let replica = (0..self.nodes.len()).find(|i| {
            let nodes: Option<String> = self.try_ask(*i, "CLUSTER NODES");
            let own = nodes.and_then(|nodes| {
                let own = nodes.lines().find(|line| line.contains("myself,slave"));
                own.map(str::to_owned)
            });
            own.is_some_and(|line| line.contains(id.as_str()))
        });
        replica.expect("a master without a replica")
    }

    /// Makes a replica the master, and waits until it is.
    pub fn promote(&self, replica: usize, how: Promotion) {
        let ask = match how {
            Promotion::Agreed => "CLUSTER FAILOVER",
            Promotion::Takeover => "CLUSTER FAILOVER TAKEOVER",
        };
        let _: String = self.ask(replica, ask);
        self.until_master(replica);
    }

    /// Waits until a node is a master.
    pub fn until_master(&self, node: usize) {
        until("the replica is in charge", || {
            let info: Option<String> = self.try_ask(node, "INFO replication");
            info.is_some_and(|info| info.contains("role:master"))
        });
    }

    /// Begins to move the slot of a key to another master.
    pub fn migrate(&self, key: &str, to: usize) -> Migration<'_> {
        let (slot, from) = (self.slot_of(key), self.master_of(key));
        assert_ne!(from, to);
        let (source, target) = (&self.nodes[from].id, &self.nodes[to].id);
        let _: String = self.ask(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}"));
        let _: String = self.ask(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}"));
        Migration {
            cluster: self,
            slot,
            from,
            to,
        }
    }

    /// A connection to one node.
    pub fn connection(&self, node: usize) -> Connection {
        self.try_connection(node).unwrap()
    }

    fn try_connection(&self, node: usize) -> Option<Connection> {
        let port = self.nodes[node].port;
        let url = format!("redis://operator:{OPERATOR}@127.0.0.1:{port}/");
        let client = Client::open(url).unwrap();
        client
            .get_connection_with_timeout(Duration::from_secs(2))
            .ok()
    }

    /// Every key of every master with its whole value, raw.
    pub fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let masters = (0..self.nodes.len()).filter(|i| {
            let info: Option<String> = self.try_ask(*i, "INFO replication");
            info.is_some_and(|info| info.contains("role:master"))
        });
        masters
            .flat_map(|i| dump(&mut self.connection(i)))
            .collect()
    }

    fn ask<T: FromRedisValue>(&self, node: usize, command: &str) -> T {
        run(&mut self.connection(node), command).unwrap()
    }

    fn try_ask<T: FromRedisValue>(&self, node: usize, command: &str) -> Option<T> {
        run(&mut self.try_connection(node)?, command).ok()
    }
}

impl Migration<'_> {
    /// Moves up to `count` keys; whether there were any.
    pub fn step(&self, count: usize) -> bool {
        let mut source = self.cluster.connection(self.from);
        let keys: Vec<Vec<u8>> = cmd("CLUSTER")
            .arg("GETKEYSINSLOT")
            .arg(self.slot)
            .arg(count)
            .query(&mut source)
            .unwrap();
        if keys.is_empty() {
            return false;
        }
        let port = self.cluster.nodes[self.to].port;
        let mut migrate = cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(port).arg("").arg(0).arg(5_000);
        migrate.arg("AUTH2").arg("operator").arg(OPERATOR);
        let moved = migrate.arg("KEYS").arg(keys).query::<String>(&mut source);
        // Keys that expired or went meanwhile are no failure.
        assert!(["OK", "NOKEY"].contains(&moved.unwrap().as_str()));
        true
    }

    /// Moves what is left and puts the new master in charge.
    pub fn finish(self) {
        while self.step(16) {}
        let target = &self.cluster.nodes[self.to].id;
        let own = format!("CLUSTER SETSLOT {} NODE {target}", self.slot);
        let _: String = self.cluster.ask(self.to, &own);
        // What came while the last step was looking.
        while self.step(16) {}
        let _: String = self.cluster.ask(self.from, &own);
        until("the slot has moved", || {
            self.cluster.owner(self.slot) == Some(self.to)
        });
    }
}

impl Node {
    fn spawn(dir: &TempDir, number: usize, is_tls: bool, options: &[String]) -> Self {
        // All are bound at once, so that they differ, and let go for the node.
        let free = [0; 3].map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let [port, bus, tls] = free.map(|listener| listener.local_addr().unwrap().port());
        Self::run(dir, number, (port, bus, is_tls.then_some(tls)), options)
    }

    fn run(
        dir: &TempDir,
        number: usize,
        (port, bus, tls): (u16, u16, Option<u16>),
        options: &[String],
    ) -> Self {
        let home = dir.path().join(number.to_string());
        fs::create_dir_all(&home).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string()])
            .args(["--cluster-port", &bus.to_string()])
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(["--cluster-enabled", "yes"])
            .args(["--cluster-node-timeout", NODE_TIMEOUT])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            .arg("--aclfile")
            .arg(users())
            .args(["--masteruser", "operator", "--masterauth", OPERATOR])
            .args(options)
            .args(tls.iter().flat_map(|port| tls_options(*port)))
            .args(["--repl-diskless-sync-delay", "0"])
            .arg("--dir")
            .arg(&home)
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no redis-server here; `cargo xtask test` installs it");
        Self {
            child,
            port,
            bus,
            tls,
            id: String::new(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn tls_options(port: u16) -> [String; 6] {
    [
        "--tls-port",
        &port.to_string(),
        "--tls-cluster",
        "yes",
        "--tls-replication",
        "yes",
    ]
    .map(str::to_owned)
}

fn run<T: FromRedisValue>(connection: &mut Connection, command: &str) -> redis::RedisResult<T> {
    let mut words = command.split(' ');
    let mut command = cmd(words.next().unwrap_or_default());
    for word in words {
        command.arg(word);
    }
    command.query(connection)
}

/// Whether `0-5460` or `7` of CLUSTER NODES holds a slot.
fn holds(range: &str, slot: &str) -> bool {
    let slot: u16 = slot.parse().unwrap();
    let mut ends = range.split('-').map(str::parse::<u16>);
    match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (first..=last).contains(&slot),
        (Some(Ok(only)), None) => only == slot,
        // A slot on its way is named beside: `[7->-id]`.
        _ => false,
    }
}
