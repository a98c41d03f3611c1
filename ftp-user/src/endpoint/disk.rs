//! What the disk of an end is asked: whether what was stored would survive a power failure.

use crate::failure::Result;
use crate::session::StableStorage;
use crate::world::{self, local_path};
use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::io;
use std::path::PathBuf;
use tokio::sync::Mutex;

/// What a server has said of its disk. It tells once that a write has failed, so what it says is kept for all who ask.
#[derive(Debug, Default)]
pub(super) struct ServerDisk(Mutex<Option<NotStable>>);

impl ServerDisk {
    /// Asks the server. Nobody else asks it meanwhile.
    pub(super) async fn ask(
        &self,
        clock: Clock,
        asked: impl Future<Output = Result<StableStorage>>,
    ) -> AskedDisk {
        let mut disk = self.0.lock().await;
        let now = asked.await.unwrap_or_else(|failure| StableStorage::Refused(failure.to_string()));
        if let StableStorage::Refused(said) = &now {
            *disk = Some(NotStable { until: clock.now(), said: said.clone() });
        }
        AskedDisk { now, earlier: disk.clone() }
    }
}

/// What was stored until then may be lost with the power.
#[derive(Clone, Debug)]
struct NotStable {
    until: Moment,
    said: String,
}

/// What the disk of an end has said.
#[derive(Clone, Debug)]
pub(crate) struct AskedDisk {
    now: StableStorage,
    earlier: Option<NotStable>,
}

impl AskedDisk {
    /// What is said of a file that was verified at that moment.
    pub(crate) fn of(&self, verified: Moment) -> StableStorage {
        match &self.earlier {
            Some(NotStable { until, said }) if verified <= *until => StableStorage::Refused(said.clone()),
            Some(_) | None => self.now.clone(),
        }
    }

    /// Whether the end cannot be asked.
    pub(crate) fn is_unasked(&self) -> bool {
        self.now == StableStorage::Unasked
    }
}

/// Writes files of this host and their names to the disk.
pub(super) async fn make_stable_here(paths: &[&PathName]) -> AskedDisk {
    let paths: Vec<PathBuf> = paths.iter().map(|path| local_path(path).to_owned()).collect();
    let done = ftp_io::blocking::spawn(move || world::make_stable(&paths)).await.map_err(io::Error::other);
    let now = match done.flatten() {
        Ok(()) => StableStorage::Stable,
        Err(error) => StableStorage::Refused(format!("cannot write what was copied to the disk: {error}")),
    };
    AskedDisk { now, earlier: None }
}
