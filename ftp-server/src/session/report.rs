//! Writes what happens in a session to the log. The machine has masked the secrets; both forms of the
//! log escape what could break a line.

use ftp_proto::command::Direction;
use ftp_proto::server::ask::Event;

/// Logs one event.
pub(super) fn log(event: &Event) {
    match event {
        Event::Command(line) => tracing::debug!(command = line, "received"),
        Event::Replied(line) => tracing::debug!(reply = line, "said"),
        Event::LoggedIn { name } => tracing::info!(user = text(name), "logged in"),
        Event::LoginFailed { name } => tracing::warn!(user = text(name), "login failed"),
        Event::Refused { why, address } => tracing::warn!(%address, "data connection refused: {why}"),
        Event::Stranger { from } => {
            tracing::warn!(%from, "closed the connection of a stranger at a data port")
        }
        Event::GavePortsUp => tracing::info!("gave its data ports up, because others need them"),
        Event::NotPrivate { from, why } => tracing::warn!(%from, why, "no TLS"),
        Event::NotFtp(protocol) => tracing::warn!(protocol, "the client does not speak FTP"),
        Event::TimedOut(timer) => tracing::info!(timer = timer.name(), "timed out"),
        Event::Transfer { path, direction, bytes, peer, whole } => {
            let direction = match direction {
                Direction::Send => "sent",
                Direction::Receive => "received",
            };
            let peer = peer.map(|peer| peer.to_string());
            tracing::info!(path = path.display(), bytes, peer, whole, "{direction}");
        }
        // Events that a later version of the machine may have.
        other => tracing::debug!("{other:?}"),
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
