//! What every verb gets: the clock, the reporter, the waits, and the wish to stop.

use crate::config::Relays;
use crate::report::Events;
use ftp_io::clock::Clock;
use ftp_io::tls::Trust;
use ftp_proto::address::Family;
use std::time::Duration;
use tokio::sync::watch;

/// What every verb gets. Clones share everything.
#[derive(Clone, Debug)]
pub struct App {
    /// The clock.
    pub clock: Clock,
    /// Where to say what happens.
    pub events: Events,
    /// Whether somebody wants the program to stop.
    pub stop: Stop,
    /// How long to wait for what.
    pub waits: Waits,
    /// The only family to use, if one was chosen.
    pub family: Option<Family>,
    /// The relays that may be used.
    pub relays: Relays,
    /// Data between two servers may go in clear although a control connection runs TLS.
    pub clear_data: bool,
    /// Whose certificates are good.
    pub trust: Trust,
}

/// How long to wait for what, and how often to try again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waits {
    /// For a connection, and for each reply.
    pub reply: Duration,
    /// For the next octet of a transfer.
    pub stall: Duration,
    /// How often a temporary failure is tried again.
    pub retries: u32,
}

/// Whether somebody wants the program to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The wish, and the one who expresses it with `true`.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// A wish that nobody will express: for work that tidies up.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether it was expressed.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is expressed, at once if it was before.
    pub async fn raised(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|raised| *raised).await.is_err() {
            // Nobody can express it any more.
            std::future::pending::<()>().await;
        }
    }
}
