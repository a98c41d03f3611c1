//! Keeps a session with the hub: connects, and returns after it was lost.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::link::{self, Link, LinkFailure, Stranger};
use ftp_proto::relay::at_hub::Failure;
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::Code;
use ftp_proto::relay::reconnect::{LossReason, Reconnect};
use ftp_proto::relay::token::Token;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::session::{Ends, Session};
use super::{Caller, HubAddress, Spots};
use crate::operate::audit::{Audit, Record};

pub use super::session::Incoming;

/// Where to join, and as whom.
#[derive(Debug)]
pub struct Settings {
    /// The hub to join.
    pub hub: HubAddress,
    /// The name of this agent there.
    pub name: String,
    /// The token of this agent.
    pub token: Token,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
}

/// An agent that joins a hub until it is dropped or stopped.
#[derive(Debug)]
pub struct Joiner {
    wishes: watch::Sender<Wish>,
    joined: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// What the operator wants.
#[derive(Clone, Debug)]
enum Wish {
    /// To be joined, with this token.
    Join(Token),
    /// To leave the hub.
    Leave,
}

/// An agent that joins a hub.
#[derive(Debug)]
pub struct Membership {
    /// Joins, and leaves.
    pub joiner: Joiner,
    /// Calls other agents.
    pub caller: Caller,
    /// The connections that come from the hub.
    pub incoming: mpsc::Receiver<Incoming>,
}

/// Begins to join.
///
/// # Errors
///
/// The operating system has no random bytes.
pub fn start(settings: Settings) -> std::io::Result<Membership> {
    let Settings { hub, name, token, audit } = settings;
    let (sees, seen_as) = watch::channel(None);
    let (caller, requests) = Caller::new(seen_as);
    let (sender, incoming) = mpsc::channel(MAX_INCOMING);
    let (told, joined) = watch::channel(false);
    let (wishes, wish) = watch::channel(Wish::Join(token));
    let boot = u64::from_be_bytes(ftp_io::random::bytes()?);
    let ends = Ends {
        clock: Clock::start(),
        name,
        boot,
        requests,
        incoming: sender,
        joined: told,
        seen_as: sees,
        connecting: JoinSet::new(),
        spots: Spots::new(),
        audit,
    };
    let task = tokio::spawn(Keeper { hub, ends, wish, reconnect: Reconnect::default() }.run());
    Ok(Membership { joiner: Joiner { wishes, joined, task }, caller, incoming })
}

impl Joiner {
    /// Waits until the agent has joined for the first time.
    pub async fn joined(&mut self) {
        // If the task has ended, nothing joins any more.
        if self.joined.wait_for(|joined| *joined).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns to the hub at once if there is no session, and takes this token from now on.
    pub fn renew(&self, token: Token) {
        self.wishes.send_replace(Wish::Join(token));
    }

    /// Leaves the hub.
    pub async fn leave(self) {
        self.wishes.send_replace(Wish::Leave);
        // It ends by itself.
        drop(self.task.await);
    }
}

struct Keeper {
    hub: HubAddress,
    ends: Ends,
    wish: watch::Receiver<Wish>,
    reconnect: Reconnect,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let Wish::Join(token) = self.wish.borrow_and_update().clone() else { return };
            let lost = tokio::select! {
                biased;
                connected = connect(&self.hub, &token) => match connected {
                    Ok((link, welcome)) => match self.session(link, &welcome, &token).await {
                        Some(lost) => lost,
                        None => continue,
                    },
                    Err(failure) => self.not_connected(&failure, &token),
                },
                // With another token, or not at all.
                _ = self.wish.changed() => continue,
            };
            let random = ftp_io::random::bytes().map_or(u32::MAX, u32::from_be_bytes);
            let wait = self.reconnect.after(lost, random);
            tracing::info!(hub = %self.hub, "tries again in {:.1} s", wait.as_secs_f64());
            tokio::select! {
                biased;
                () = sleep(wait) => {}
                // The operator wants something now.
                _ = self.wish.changed() => {}
            }
        }
    }

    fn not_connected(&self, failure: &LinkFailure, token: &Token) -> LossReason {
        let hub = &self.hub;
        if failure.is_distrust() {
            let what_to_do = if token.is_expired(Clock::today()) {
                "the token has expired: make a new one (ftp-relay-agent token) for the hub, the agents and their users"
            } else {
                "the hub's token file must hold the line of token --for-hub"
            };
            tracing::error!(%hub, "{failure}; {what_to_do}");
            return LossReason::Denied { retry_after: None };
        }
        match failure.stranger() {
            Some(Stranger::NotTls) => tracing::error!(
                %hub,
                "cannot join: what is there is no hub, it does not speak TLS; name the port of ftp-relay-agent hub"
            ),
            Some(Stranger::OtherTls) => tracing::error!(
                %hub,
                "cannot join: what is there is no hub, but a relay (ftp-relay-agent run) or another program that speaks \
                 TLS; name the port of ftp-relay-agent hub"
            ),
            Some(Stranger::Silent | Stranger::Closed) | None => {
                tracing::warn!(%hub, "cannot join: {failure}")
            }
        }
        LossReason::Unreachable
    }

    /// Runs a session to its end. Returns `None` if the operator has ended it.
    async fn session(&mut self, link: Link, welcome: &Welcome, token: &Token) -> Option<LossReason> {
        let clock = self.ends.clock;
        let begun = clock.now();
        let Ok(mut session) = Session::new(&mut self.ends, link, welcome) else {
            return Some(LossReason::Unreachable);
        };
        let failure = loop {
            tokio::select! {
                biased;
                failure = session.run() => break failure,
                changed = self.wish.changed() => {
                    let other = match &*self.wish.borrow_and_update() {
                        Wish::Join(wanted) => wanted != token,
                        Wish::Leave => true,
                    };
                    if other || changed.is_err() {
                        session.close().await;
                        self.wish.mark_changed();
                        return None;
                    }
                }
            }
        };
        let spread = session.spread;
        drop(session);
        if let Some(spread) = spread {
            self.reconnect.spread(spread);
        }
        tracing::warn!(hub = %self.hub, "the session with the hub is over: {failure}");
        self.ends.record(&Record::HubLost { reason: failure.to_string() });
        let lived = clock.now().since(begun);
        let Failure::Bye { code, retry_after, .. } = failure else {
            return Some(LossReason::Session { lived, retry_after: None });
        };
        let for_now = matches!(code, Code::Draining | Code::LegTimeout);
        Some(if for_now {
            LossReason::Session { lived, retry_after }
        } else {
            LossReason::Denied { retry_after }
        })
    }
}

async fn connect(hub: &HubAddress, token: &Token) -> Result<(Link, Welcome), LinkFailure> {
    let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer");
    let stream = timeout(CONNECT, hub.connect()).await.map_err(late)??;
    link::hub_session(stream, token).await
}

/// How long a connection to the hub may take.
const CONNECT: Duration = Duration::from_secs(15);
/// Connections from the hub that wait to be served.
const MAX_INCOMING: usize = 64;
