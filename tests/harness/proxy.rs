//! Between a relay and its Redis: passes on, is silent, is slow, or loses the answers of what was done.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream, tcp, unix},
    task::JoinSet,
};

use crate::redis::RELAY;

/// What happens to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives.
    Fair,
    /// Requests arrive; their answer is lost, and the connection with it.
    CutAfter,
    /// Nothing arrives in either direction, and nobody is told.
    Silent,
    /// Answers come after a while.
    Slow(Duration),
}

/// A listener on loopback in front of a Unix socket.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    weather: Arc<Mutex<Weather>>,
    lost: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// In front of `socket`. A connection that was once silent stays so, whatever the weather.
    pub async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Arc::new(Mutex::new(Weather::Fair));
        let lost = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let line = Line {
            weather: Arc::clone(&weather),
            lost: Arc::clone(&lost),
        };
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (line, socket) = (line.clone(), socket.clone());
                open.spawn(line.join(near, socket));
            }
        });
        Self {
            port,
            weather,
            lost,
            _tasks: tasks,
        }
    }

    /// For the relay's settings.
    pub fn url(&self) -> String {
        format!("redis://relay:{RELAY}@127.0.0.1:{}", self.port)
    }

    /// From now on.
    pub fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// Answers that were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Line {
    weather: Arc<Mutex<Weather>>,
    lost: Arc<AtomicUsize>,
}

impl Line {
    async fn join(self, near: TcpStream, socket: PathBuf) {
        // However it ends, both sides see that it did.
        self.connect(near, socket).await.ok();
    }

    async fn connect(self, mut near: TcpStream, socket: PathBuf) -> io::Result<()> {
        let mut far = UnixStream::connect(socket).await?;
        near.set_nodelay(true)?;
        let (near_in, near_out) = near.split();
        let (far_in, far_out) = far.split();
        tokio::select! {
            ended = self.there(near_in, far_out) => ended,
            ended = self.back(far_in, near_out) => ended,
        }
    }

    fn now(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    async fn there(
        &self,
        mut from: tcp::ReadHalf<'_>,
        mut to: unix::WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut bytes = vec![0; 65_536];
        loop {
            let read = from.read(&mut bytes).await?;
            if self.now() == Weather::Silent {
                std::future::pending::<()>().await;
            }
            if read == 0 {
                return Ok(());
            }
            to.write_all(&bytes[..read]).await?;
        }
    }

    async fn back(
        &self,
        mut from: unix::ReadHalf<'_>,
        mut to: tcp::WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut bytes = vec![0; 65_536];
        loop {
            let read = from.read(&mut bytes).await?;
            match self.now() {
                Weather::Fair => {}
                Weather::Silent => std::future::pending().await,
                Weather::CutAfter => {
                    self.lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                Weather::Slow(pause) => tokio::time::sleep(pause).await,
            }
            if read == 0 {
                return Ok(());
            }
            to.write_all(&bytes[..read]).await?;
        }
    }
}
