//! A second session with the destination: it tells how large the file has become that the first one stores.

use crate::context::{Cancel, Context};
use crate::endpoint::{Server, files};
use crate::failure::{Failure, Result};
use crate::place::{Site, base_name, join, parent};
use crate::report::Topic;
use crate::session::{Role, Session, SessionOpening};
use ftp_io::clock::Clock;
use ftp_proto::command::Command;
use ftp_proto::listing::told_size;
use ftp_proto::wire::PathName;
use std::future::pending;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A second session that reports the size of the destination's file. Dropping it ends the session.
#[derive(Debug)]
pub(super) struct SecondSession {
    /// How many bytes the destination has received, once it has said so.
    sizes: watch::Receiver<Option<u64>>,
    /// The file that it asks about; `None` while there is none.
    paths: watch::Sender<Option<PathName>>,
    /// Sending `true` makes the session begin soon.
    hurry: watch::Sender<bool>,
    _task: JoinSet<()>,
}

/// The destination's file, for a second session.
#[derive(Clone, Debug)]
pub(super) struct DestinationFile {
    /// The site of the destination.
    pub(super) site: Site,
    /// The path at which it stores, once it does.
    pub(super) path: Option<PathName>,
    /// How large the file was before.
    pub(super) before: u64,
}

impl SecondSession {
    /// Opens a second session that asks again and again how large the file has become. If anything fails there,
    /// it stops asking.
    pub(super) fn open(context: &Context, stored: DestinationFile) -> Self {
        let (sender, sizes) = watch::channel(None);
        let (hurry, hurries) = watch::channel(false);
        let (paths, path) = watch::channel(stored.path.clone());
        let mut context = context.clone();
        context.run.cancel = Cancel::never();
        let asking = async move {
            let mut waits = Waits { clock: context.world.clock, path, hurries, slow: None };
            waits.slow_file().await;
            let Ok(mut session) = SessionOpening::new(&context, &stored.site, Role::Destination).open().await
            else {
                return;
            };
            loop {
                let path = waits.slow_file().await;
                let Ok(size) = shown(&mut session, &path).await else { return };
                let received = size.map(|size| size.saturating_sub(stored.before));
                if sender.send(received).is_err() {
                    return;
                }
                waits.pause(received.unwrap_or(0) == 0).await;
            }
        };
        Self { sizes, paths, hurry, _task: JoinSet::from_iter([asking]) }
    }

    /// The next size that it has seen; `None` if no file was shown. Never returns if it does not ask any more. May be dropped
    /// without losing anything.
    pub(super) async fn size(&mut self) -> Option<u64> {
        if self.sizes.changed().await.is_err() {
            return pending().await;
        }
        *self.sizes.borrow_and_update()
    }

    /// From now on it asks about this file.
    pub(super) fn asks_about(&self, path: Option<&PathName>) {
        self.paths.send_if_modified(|now| {
            let is_other = now.as_ref() != path;
            if is_other {
                *now = path.cloned();
            }
            is_other
        });
    }

    /// It begins soon.
    pub(super) fn hurry(&self) {
        self.hurry.send_replace(true);
    }
}

/// The size of a file that is being stored; `None` if nothing shows it. Until it is complete it may have another name.
///
/// # Errors
///
/// The session has ended.
async fn shown(session: &mut Session, path: &PathName) -> Result<Option<u64>> {
    match files::size_by_command(session, path).await? {
        None => hidden(session, path).await,
        size => Ok(size),
    }
}

/// The size of the file under the name that ProFTPD's `HiddenStores` gives it until it is complete.
async fn hidden(session: &mut Session, path: &PathName) -> Result<Option<u64>> {
    let Some(name) = base_name(path) else { return Ok(None) };
    let hidden = [b".in.", name.as_bytes(), b"."].concat();
    let Ok(hidden) = PathName::from_wire(hidden) else { return Ok(None) };
    // Without the check for dots: only ProFTPD has such a file, and the answer decides nothing but whether bytes move.
    let asked = Command::Size(join(parent(path).as_ref(), &hidden));
    let answer = session.ask_unchecked(asked, None).await?;
    Ok(told_size(answer.reply.text()).filter(|_| answer.is_done()))
}

/// A file whose transfer may go on although a control connection has ended.
#[derive(Debug)]
pub(crate) struct UnendedFile<'a> {
    /// Where the destination stores it.
    pub(crate) path: &'a PathName,
    /// How long its source is.
    pub(crate) size: u64,
    /// Whether it was seen with fewer bytes, or an end has said that it is complete. Some servers give a file its length
    /// before its bytes have come.
    pub(crate) was_shorter: bool,
    /// Whether it may still grow.
    pub(crate) may_grow: bool,
}

impl UnendedFile<'_> {
    /// Whether it becomes as long as its source, as its server shows it, in a new session if need be. It is looked at until it
    /// is so long, or has not grown for [`STANDSTILL`] or `--stall`.
    ///
    /// # Errors
    ///
    /// The server cannot be asked.
    pub(crate) async fn becomes_whole(mut self, context: &Context, server: &mut Server) -> Result<bool> {
        let clock = context.world.clock;
        let patience =
            if self.may_grow { STANDSTILL.min(context.settings.patience.stall) } else { Duration::ZERO };
        let (mut longest, mut since) = (None, clock.now());
        loop {
            let session = server.session(context).await?;
            let named = files::size_at_server(session, self.path).await?;
            let shown = if named.is_some() { named } else { hidden(session, self.path).await? };
            if named == Some(self.size) {
                return Ok(self.was_shorter);
            }
            let Some(length) = shown.filter(|shown| *shown <= self.size) else { return Ok(false) };
            self.was_shorter = true;
            if Some(length) > longest {
                (longest, since) = (Some(length), clock.now());
            } else if clock.now().since(since) >= patience {
                return Ok(false);
            }
            tokio::select! {
                biased;
                () = context.run.cancel.cancelled() => return Ok(false),
                () = clock.sleep_until(Some(clock.now() + REMOTE_PERIOD)) => {}
            }
        }
    }
}

/// Tells that a file at `site` is as long as its source in spite of this failure.
pub(crate) fn warn_as_long(context: &Context, site: impl Into<String>, failure: &Failure) {
    let text = format!("{failure}; what is stored is as long as the source, and is compared with it now");
    context.run.events.warn_of(Topic::AsLong, site, text);
}

/// When a second session asks, and about which file.
struct Waits {
    clock: Clock,
    path: watch::Receiver<Option<PathName>>,
    hurries: watch::Receiver<bool>,
    /// The file that it has waited for.
    slow: Option<PathName>,
}

impl Waits {
    /// Waits until the destination has stored the same file for so long that a question is useful. Returns that file.
    async fn slow_file(&mut self) -> PathName {
        loop {
            let path = self.path.borrow_and_update().clone();
            if let Some(path) = path.clone().filter(|_| path == self.slow) {
                return path;
            }
            let hurry = async {
                if self.hurries.wait_for(|hurries| *hurries).await.is_err() {
                    pending::<()>().await;
                }
                self.clock.sleep_until(Some(self.clock.now() + SOON)).await;
            };
            tokio::select! {
                biased;
                Ok(()) = self.path.changed() => {}
                () = self.clock.sleep_until(Some(self.clock.now() + HEAD_START)), if path.is_some() => {
                    self.slow = path;
                }
                () = hurry, if path.is_some() => self.slow = path,
                else => pending().await,
            }
        }
    }

    /// Waits between two questions.
    async fn pause(&self, nothing_has_come: bool) {
        let pause = if *self.hurries.borrow() && nothing_has_come { SOON } else { REMOTE_PERIOD };
        self.clock.sleep_until(Some(self.clock.now() + pause)).await;
    }
}

/// How long a file whose control connection was lost may stand still before it is given up.
const STANDSTILL: Duration = Duration::from_secs(10);
/// How often a server is asked.
pub(super) const REMOTE_PERIOD: Duration = Duration::from_secs(1);
/// Most transfers end before a second session would be useful.
const HEAD_START: Duration = Duration::from_secs(3);
/// The same if it is not certain that the transfer has begun, and between two questions of that time.
const SOON: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    impl SecondSession {
        /// One that asks nobody, and whoever tells it sizes.
        pub(in crate::route) fn for_tests() -> (Self, watch::Sender<Option<u64>>) {
            let (sender, sizes) = watch::channel(None);
            let (paths, hurry) = (watch::channel(None).0, watch::channel(false).0);
            (Self { sizes, paths, hurry, _task: JoinSet::new() }, sender)
        }
    }
}
