//! What everything that a session asks of its driver works with.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use ftp_io::tls;
use ftp_proto::server::ask::{Answer, FileFailure, Ticket};
use ftp_proto::wire::PathName;
use tokio::net::TcpStream;

use super::client::Client;
use super::done::Done;
use super::resources::Resources;
use super::shared::Shared;
use super::visit::Visit;
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
    /// Whether the session is on a thread that may block.
    pub(super) visit: Visit,
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
        let (ready, visit) = (VecDeque::new(), Visit::default());
        Self { id, shared, held, ready, slot, tls: None, client, visit }
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

    /// What `look` finds among the files without a wait for a disk. Where waiting is permitted, nothing is looked for: it
    /// is done as all work there.
    pub(super) fn cached<T>(&self, look: impl FnOnce(&View) -> Option<T>) -> Option<T> {
        if self.visit.is_here() { None } else { self.client.cached(look) }
    }

    /// Whether all of these files are on a file system of this host, as far as the kernel knows that without a look at the
    /// disk.
    pub(super) fn are_near(&mut self, paths: &[&PathName]) -> bool {
        let client = &self.client;
        self.visit.are_near(paths, |path| client.is_near(path))
    }

    /// Starts work on the files of the account, on a thread that may block. `is_near`: all of them are on a file system
    /// of this host. `done` makes an answer of its result.
    pub(super) fn start_with_files<T: Send + 'static>(
        &mut self,
        ticket: Ticket,
        is_near: bool,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
        done: impl FnOnce(Result<T, FileFailure>) -> Done + Send + 'static,
    ) {
        let Some(view) = self.client.view() else {
            return self.held.start(ticket, async move { done(Err(FileFailure::Denied)) });
        };
        let turns = Arc::clone(&self.shared.shares.files);
        self.start_in_turn(ticket, (&turns, is_near), move || work(view), done);
    }

    /// Starts work that may block, in a turn of the owner: in the session's own visit to a thread if the files are near,
    /// otherwise on a thread of its own. `done` makes an answer of its result.
    pub(super) fn start_in_turn<T: Send + 'static>(
        &mut self,
        ticket: Ticket,
        (turns, is_near): (&Arc<Turns>, bool),
        work: impl FnOnce() -> Result<T, FileFailure> + Send + 'static,
        done: impl FnOnce(Result<T, FileFailure>) -> Done + Send + 'static,
    ) {
        if let Visit::Here { until, .. } = self.visit
            && is_near
            && self.shared.clock.now() < until
        {
            return self.ready.push_back(Ready::Done(Box::new(done(work()))));
        }
        let owner = &self.client.owner;
        match turns.take(owner) {
            Some(turn) if is_near && matches!(self.visit, Visit::Ready) => {
                self.visit = Visit::Wanted { ticket, turn, work: Box::new(move || done(work())) };
            }
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
