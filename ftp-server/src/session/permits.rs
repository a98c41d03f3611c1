//! The limits that all sessions share, so that RNDZ makes no port scanner of this server
//! (docs/protocol/extensions.md, "No port scanner"), and those who wait for their turn.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ftp_io::clock::Clock;
use ftp_proto::server::Ticket;
use ftp_proto::server::limits::{ProofLimits, Verdict};
use tokio::sync::oneshot;

/// Names a permit: the session's number and the ticket of its question.
type Key = (u64, Ticket);

/// The permits of all sessions.
#[derive(Debug)]
pub struct Permits {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    limits: ProofLimits<Key>,
    waiting: HashMap<Key, oneshot::Sender<bool>>,
}

/// A permit, given or waited for. Dropped, it counts as a try without proof.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    key: Option<Key>,
}

/// What is answered to a question.
#[derive(Debug)]
pub(super) enum Turn {
    /// A SYN may be sent.
    Now(Permit),
    /// The receiver will tell.
    Later(Permit, oneshot::Receiver<bool>),
    /// The limits forbid it.
    Never,
}

impl Permits {
    /// Nothing counted yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// May this session try `target` for `account`?
    pub(super) fn ask(
        self: &Arc<Self>,
        session: u64,
        ticket: Ticket,
        account: &[u8],
        target: SocketAddr,
    ) -> Turn {
        let key = (session, ticket);
        let permit = || Permit { permits: Arc::clone(self), key: Some(key) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.limits.ask(self.clock.now(), key, account, target) {
            Verdict::Go => Turn::Now(permit()),
            Verdict::No => Turn::Never,
            Verdict::Later => {
                let (tell, told) = oneshot::channel();
                state.waiting.insert(key, tell);
                Turn::Later(permit(), told)
            }
        }
    }

    fn done(&self, key: Key, proven: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.remove(&key);
        for (key, verdict) in state.limits.done(self.clock.now(), key, proven) {
            if let Some(tell) = state.waiting.remove(&key) {
                // A session that has gone drops its permit, which calls the next one.
                let _ = tell.send(verdict == Verdict::Go);
            }
        }
    }
}

impl Permit {
    /// The try is over.
    pub(super) fn done(mut self, proven: bool) {
        if let Some(key) = self.key.take() {
            self.permits.done(key, proven);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.permits.done(key, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fifth_wait_of_an_account_has_its_turn_when_one_ends() {
        let permits = Permits::new(Clock::start());
        let ask = |session| permits.ask(session, Ticket(1), b"ann", ([192, 0, 2, 1], 2000).into());
        let mut going = Vec::new();
        for session in 0..4 {
            let Turn::Now(permit) = ask(session) else { panic!("session {session} has to wait") };
            going.push(permit);
        }
        let Turn::Later(_fifth, told) = ask(4) else { panic!("the fifth goes at once") };
        going.pop().unwrap().done(true);
        assert_eq!(told.await, Ok(true));
    }

    #[tokio::test]
    async fn a_session_that_ends_gives_its_turn_back() {
        let permits = Permits::new(Clock::start());
        let ask = |session| permits.ask(session, Ticket(1), b"ann", ([192, 0, 2, 1], 2000).into());
        let mut going: Vec<_> = (0..4).map(ask).collect();
        let Turn::Later(fifth, _) = ask(4) else { panic!("the fifth goes at once") };
        let Turn::Later(_sixth, told) = ask(5) else { panic!("the sixth goes at once") };
        drop(fifth);
        going.pop();
        assert_eq!(told.await, Ok(true));
    }
}
