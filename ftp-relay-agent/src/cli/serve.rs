//! What the verbs have in common that serve until they are told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use ftp_io::os_error::words;
use ftp_io::program::ready;
use ftp_io::program::runtime::Threads;

/// Says that the listeners are open, each with its kind.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn announce(
    places: impl Iterator<Item = (SocketAddr, &'static str)>,
) -> Result<(), anyhow::Error> {
    ready::announce(places).context("cannot say on standard output that the relay is ready")?;
    tell_systemd();
    Ok(())
}

/// Tells systemd that the program is ready, if systemd has started it.
pub(super) fn tell_systemd() {
    if let Err(error) = ready::notify_systemd(ready::Notice::Ready) {
        tracing::warn!(error = words(&error), "cannot tell systemd that the relay is ready");
    }
}

/// A few threads serve the sessions; the others resolve names.
pub(super) const THREADS: Threads = Threads { name: "ftp-relay", workers: 4, blocking: 64 };
/// How long transfers may go on after the first signal.
pub(super) const GRACE: Duration = Duration::from_secs(30);
