//! The client of a session: the owner that it is charged to, and after its login its files and rates.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ftp_io::copy::Meter;
use ftp_io::limiter::Limiter;
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;

use crate::auth::Entry;
use crate::limits::{Owner, Turns};
use crate::vfs::{Prepared, View};

/// The client of a session.
pub(super) struct Client {
    /// Where it comes from.
    pub(super) from: IpAddr,
    /// The owner that the session is charged to.
    pub(super) owner: Owner,
    /// The files as the account that is logged in sees them.
    view: Option<View>,
    /// Who is logged in.
    entry: Option<Arc<Entry>>,
}

impl Client {
    /// A client at `from` that has not logged in.
    pub(super) fn new(from: IpAddr) -> Self {
        Self { from, owner: Owner::new(None, from), view: None, entry: None }
    }

    /// Logs the client in.
    pub(super) fn log_in(&mut self, entry: &Arc<Entry>) {
        *self = Self {
            from: self.from,
            owner: Owner::new(Some(&entry.account), self.from),
            view: Some(View::new(&entry.tree, &entry.account.access)),
            entry: Some(Arc::clone(entry)),
        };
    }

    /// The name of the account that is logged in.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.entry.as_ref().map(|entry| entry.account.name.as_slice())
    }

    /// Logs the client out.
    pub(super) fn log_out(&mut self) {
        *self = Self::new(self.from);
    }

    /// The meter of a transfer: it is no faster than the account may be, nor than `own` (RATE) wants it. Its
    /// file is worked on when it is the owner's turn.
    pub(super) fn meter(&self, prepared: &Prepared, own: Option<Limiter>, turns: &Arc<Turns>) -> Meter {
        let limiter = self.entry.as_ref().and_then(|entry| match prepared {
            Prepared::Receive(_) | Prepared::ReceiveGroup(_) => entry.up.clone(),
            Prepared::Send { .. } | Prepared::SendGroup(_) | Prepared::List { .. } => entry.down.clone(),
        });
        Meter::gated(limiter.into_iter().chain(own).collect(), turns.of(self.owner.clone()))
    }

    /// The files as the account that is logged in sees them.
    pub(super) fn view(&self) -> Option<View> {
        self.view.clone()
    }

    /// What `look` finds among the files without a wait for a disk, if it finds something.
    pub(super) fn cached<T>(&self, look: impl FnOnce(&View) -> Option<T>) -> Option<T> {
        self.view.as_ref().and_then(look)
    }

    /// Whether the kernel knows the directory of this file, on the root's own file system, which is one of this host.
    pub(super) fn is_near(&self, path: &PathName) -> bool {
        self.view.as_ref().is_some_and(|view| view.is_near(path))
    }

    /// The path of a file of the account for other programs of this host.
    pub(super) fn host_path_of(&self, path: &PathName) -> Option<PathBuf> {
        self.view.as_ref()?.host_path_of(path)
    }

    /// Work on the files of the account, on a thread that may block, when it is the owner's turn.
    pub(super) fn with_files<T: Send + 'static>(
        &self,
        turns: &Arc<Turns>,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
    ) -> impl Future<Output = Result<T, FileFailure>> + Send + 'static {
        let view = self.view.clone();
        let (turns, owner) = (Arc::clone(turns), self.owner.clone());
        async move {
            match view {
                Some(view) => {
                    let work = turns.run_blocking(owner, move || work(view));
                    work.await.unwrap_or(Err(FileFailure::Other))
                }
                None => Err(FileFailure::Denied),
            }
        }
    }
}
