//! The door for backups: a socket beside the store, for the account that the relay runs under.
//!
//! Whoever connects is sent a backup, and nothing is read from him. So nobody can make the relay write
//! a file anywhere, and no listener that can be reached over a network gives anything away.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixStream as Blocking,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::net::{UnixListener, UnixStream};

use crate::{
    clock::Clock,
    store::{Embedded, backup::BackupError},
    telemetry::{self, metrics::Metrics},
};

/// Where the socket of a store is.
pub fn path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".backup");
    name.into()
}

/// Makes the socket. The store is open, so what an earlier relay left there is nobody's.
pub fn listen(store: &Path) -> io::Result<UnixListener> {
    let path = path(store);
    if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Gives backups, one at a time. Ends when it is dropped.
pub async fn serve(
    listener: UnixListener,
    store: Embedded,
    place: PathBuf,
    clock: &dyn Clock,
    metrics: Arc<Metrics>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            telemetry::accept_failed();
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if !is_owner(&stream, &place) {
            continue;
        }
        let store = store.clone();
        let given = tokio::task::spawn_blocking(move || give(&store, stream)).await;
        if matches!(given, Ok(Ok(()))) {
            metrics.backed_up(clock.now());
            telemetry::backup_taken();
        } else {
            telemetry::backup_failed();
        }
    }
}

/// Whether the other side runs under the account that owns the store, or is the machine's own.
fn is_owner(stream: &UnixStream, store: &Path) -> bool {
    let owner = fs::metadata(store).map(|found| found.uid());
    let peer = stream.peer_cred().map(|peer| peer.uid());
    matches!((owner, peer), (Ok(owner), Ok(peer)) if peer == owner || peer == 0)
}

fn give(store: &Embedded, stream: UnixStream) -> Result<(), BackupError> {
    let stream: Blocking = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = BufWriter::with_capacity(BUFFER, stream);
    store.backup(&mut out)?;
    Ok(out.flush()?)
}

/// After a failed accept, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);
/// Who takes nothing for so long is hung up on, because the file grows meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
const BUFFER: usize = 1 << 18;
