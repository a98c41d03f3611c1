//! Attempts to reach foreign targets, bounded so that RNDZ cannot be used to scan ports
//! (docs/protocol/extensions.md, "No port scanner"). Attempts over the limit of their account wait.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_proto::server::Ticket;
use ftp_proto::server::ask::TryEnd;
use ftp_proto::shared::proofs::{AT_ONCE, ProofLimits, Verdict};
use tokio::sync::oneshot;

use super::limit::{Limit, Use};

/// Names an attempt: the number of its session, and the ticket of the machine's question.
type Key = (u64, Ticket);

/// The attempts of all sessions.
#[derive(Debug)]
pub struct Proofs {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    limits: ProofLimits<Key>,
    waiting: HashMap<Key, oneshot::Sender<bool>>,
}

/// The place of one attempt, in progress or waiting. Dropping it counts as a failed attempt.
#[derive(Debug)]
#[must_use]
pub struct ProofSlot {
    proofs: Arc<Proofs>,
    key: Option<Key>,
}

/// Whether an attempt may begin.
#[derive(Debug)]
pub enum Permission {
    /// It may begin now.
    Now(ProofSlot),
    /// It has to wait: the receiver gets the answer when other attempts have ended.
    Later(ProofSlot, oneshot::Receiver<bool>),
    /// The limits forbid it.
    Never,
}

impl Proofs {
    /// Nothing is counted yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// Whether session number `session` may now try to reach `target` for `account`.
    pub fn ask(
        self: &Arc<Self>,
        session: u64,
        ticket: Ticket,
        account: &[u8],
        target: SocketAddr,
    ) -> Permission {
        let key = (session, ticket);
        let slot = || ProofSlot { proofs: Arc::clone(self), key: Some(key) };
        let mut state = self.state.locked();
        match state.limits.ask(self.clock.now(), key, account, target) {
            Verdict::Now => Permission::Now(slot()),
            Verdict::Never => Permission::Never,
            Verdict::Later => {
                let (answer, answered) = oneshot::channel();
                state.waiting.insert(key, answer);
                Permission::Later(slot(), answered)
            }
        }
    }

    /// The host `peer` has proven itself to `account`, to which it has connected.
    pub fn proved(&self, account: &[u8], peer: IpAddr) {
        self.state.locked().limits.proved(self.clock.now(), account, peer);
    }

    /// How far the limit of targets at the same time is used.
    pub fn in_use(&self) -> Use {
        let used = self.state.locked().limits.most_at_once();
        Use { limit: Limit::ForeignTargets, used, bound: Some(AT_ONCE) }
    }

    fn done(&self, key: Key, end: TryEnd) {
        let mut state = self.state.locked();
        state.waiting.remove(&key);
        for (key, verdict) in state.limits.done(self.clock.now(), key, end) {
            if let Some(answer) = state.waiting.remove(&key) {
                // If that session has ended, it drops its slot, and the next attempt is called.
                let _ = answer.send(verdict == Verdict::Now);
            }
        }
    }
}

impl ProofSlot {
    /// Ends the attempt.
    pub fn done(mut self, end: TryEnd) {
        if let Some(key) = self.key.take() {
            self.proofs.done(key, end);
        }
    }
}

impl Drop for ProofSlot {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.proofs.done(key, TryEnd::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fifth_wait_of_an_account_has_its_turn_when_one_ends() {
        let proofs = Proofs::new(Clock::start());
        let ask = |session| proofs.ask(session, Ticket(1), b"ann", ([192, 0, 2, 1], 2000).into());
        let mut going = Vec::new();
        for session in 0..4 {
            let Permission::Now(slot) = ask(session) else { panic!("session {session} has to wait") };
            going.push(slot);
        }
        let Permission::Later(_fifth, answered) = ask(4) else { panic!("the fifth goes at once") };
        going.pop().unwrap().done(TryEnd::Proven);
        assert_eq!(answered.await, Ok(true));
    }

    #[tokio::test]
    async fn a_session_that_ends_gives_its_turn_back() {
        let proofs = Proofs::new(Clock::start());
        let ask = |session| proofs.ask(session, Ticket(1), b"ann", ([192, 0, 2, 1], 2000).into());
        let mut going: Vec<_> = (0..4).map(ask).collect();
        let Permission::Later(fifth, _) = ask(4) else { panic!("the fifth goes at once") };
        let Permission::Later(_sixth, answered) = ask(5) else { panic!("the sixth goes at once") };
        drop(fifth);
        going.pop();
        assert_eq!(answered.await, Ok(true));
    }
}
