//! Writes what happens in a session to the log: addresses and numbers, never a secret, the name of a
//! file, or a byte that was carried.

use std::net::SocketAddr;

use ftp_proto::relay::agent::Event;
use ftp_proto::relay::message::Id;

/// Logs one event.
pub(super) fn log(event: &Event) {
    match event {
        Event::Denied(denial) => tracing::warn!("denied: {denial}"),
        Event::Introduced { name, build } => tracing::info!(name, build, "user agent"),
        Event::Granted(Id(id)) => tracing::debug!(id, "granted"),
        Event::Refused { id: Id(id), code, why, address, text } => {
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            match why {
                Some(why) => tracing::warn!(id, address, "refused by --allow: {why}"),
                None => tracing::warn!(id, address, "refused: {code}: {text}"),
            }
        }
        Event::Greeted { id: Id(id), peer } => tracing::info!(id, %peer, "greeted"),
        Event::TunnelReady { id: Id(id), peer } => tracing::info!(id, %peer, "tunnel"),
        Event::Stranger { join: Id(id), leg, from } => {
            tracing::warn!(id, ?leg, %from, "the connection of a stranger was reset");
        }
        Event::Joined { id: Id(id), a, b } => {
            let words =
                |peer: &Option<SocketAddr>| peer.map_or_else(|| "agent".to_owned(), |at| at.to_string());
            tracing::info!(id, a = words(a), b = words(b), "joined");
        }
        Event::Ended { id: Id(id), a_to_b, b_to_a, how } => {
            tracing::info!(id, a_to_b, b_to_a, ?how, "ended");
        }
        Event::TimedOut(timer) => tracing::info!("timed out: {}", timer.name()),
        Event::Protocol(what) => tracing::warn!("the user agent broke the protocol: {what}"),
    }
}
