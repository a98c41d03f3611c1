//! What everything that a session asks of its driver works with.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use ftp_io::tls;
use ftp_proto::server::ask::{Answer, FileFailure, Ticket};
use tokio::net::TcpStream;

use super::client::Client;
use super::resources::{Done, Resources};
use super::shared::Shared;
use crate::limits::{NoPlace, Scarcity, SessionSlot, Turns};
use crate::operate::Running;
use crate::vfs::View;

/// What one session holds, and what it may use.
pub(super) struct Context {
    /// The number of the session.
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) held: Resources,
    /// Answers that need no wait.
    pub(super) ready: VecDeque<Ready>,
    /// The place of the session in the limits.
    pub(super) slot: SessionSlot,
    /// TLS of the control connection and its data connections, once it has begun.
    pub(super) tls: Option<Arc<tls::Session>>,
    pub(super) client: Client,
}

/// An answer that is available immediately.
#[derive(Debug)]
pub(super) enum Ready {
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// Work that has ended as soon as it was begun.
    Done(Box<Done>),
    /// The session ends, because this limit is reached.
    End(NoPlace),
}

impl Context {
    /// A session from `from` that holds nothing yet.
    pub(super) fn new(
        id: u64,
        from: IpAddr,
        shared: Arc<Shared>,
        slot: SessionSlot,
        running: Running,
    ) -> Self {
        let (held, client) = (Resources::new(running), Client::new(from));
        Self { id, shared, held, ready: VecDeque::new(), slot, tls: None, client }
    }

    /// An answer that needs no wait.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.ready.push_back(Ready::Answer(ticket, answer));
    }

    /// The next thing that needs no wait. Take these when the machine has nothing more to say.
    pub(super) fn next_ready(&mut self) -> Option<Ready> {
        let ready = self.ready.pop_front();
        if self.ready.is_empty() {
            // A session that waits keeps no room for it.
            self.ready = VecDeque::new();
        }
        ready
    }

    /// Starts work that nearly always needs no wait: then it has ended already.
    pub(super) fn start(&mut self, ticket: Ticket, work: impl Future<Output = Done> + Send + 'static) {
        let mut work = Box::pin(work);
        match work.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => self.ready.push_back(Ready::Done(Box::new(done))),
            Poll::Pending => self.held.start(ticket, work),
        }
    }

    /// Starts work on the files of the account, on a thread that may block. `done` makes an answer of its
    /// result.
    pub(super) fn start_with_files<T: Send + 'static>(
        &mut self,
        ticket: Ticket,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
        done: impl FnOnce(Result<T, FileFailure>) -> Done + Send + 'static,
    ) {
        let Some(view) = self.client.view() else {
            return self.held.start(ticket, async move { done(Err(FileFailure::Denied)) });
        };
        let turns = Arc::clone(&self.shared.shares.files);
        self.start_in_turn(ticket, &turns, move || work(view), done);
    }

    /// Starts work that may block, in a turn of the owner. `done` makes an answer of its result.
    pub(super) fn start_in_turn<T: Send + 'static>(
        &mut self,
        ticket: Ticket,
        turns: &Arc<Turns>,
        work: impl FnOnce() -> Result<T, FileFailure> + Send + 'static,
        done: impl FnOnce(Result<T, FileFailure>) -> Done + Send + 'static,
    ) {
        let owner = &self.client.owner;
        match turns.take(owner) {
            Some(turn) => self.held.start_blocking(ticket, turn.during(move || done(work()))),
            None => {
                let (turns, owner) = (Arc::clone(turns), owner.clone());
                self.held.start(ticket, async move {
                    let worked = turns.run_blocking(owner, work).await;
                    done(worked.unwrap_or(Err(FileFailure::Other)))
                });
            }
        }
    }

    /// Whether there are enough descriptors to hold a data connection that has arrived. When they are scarce,
    /// a session holds only one, and the owner of most data ports gives one back.
    pub(super) fn may_hold(&self, stream: &TcpStream) -> bool {
        let shares = &self.shared.shares;
        if shares.descriptors.scarcity(stream) < Scarcity::ForTransfers {
            return true;
        }
        shares.relieve_data();
        !self.held.has_connections()
    }
}
