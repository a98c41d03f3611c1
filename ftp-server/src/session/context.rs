//! What everything that a session asks of its driver works with: what the session holds, its client, and work that has ended.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use ftp_io::connection::Connection;
use ftp_io::copy::Meter;
use ftp_io::limiter::Limiter;
use ftp_io::socket::Stream;
use ftp_io::tls;
use ftp_proto::server::ask::{Answer, ConnId, FileFailure, Handshake, Ticket, TransferTerms};
use ftp_proto::wire::PathName;

use super::Shared;
use super::hook::HookedCommand;
use super::resources::Resources;
use super::visit::Visit;
use crate::auth::Entry;
use crate::data::{OpenTransfer, Pumped};
use crate::limits::{DataPort, NoPlace, Owner, Scarcity, SessionSlot, Turns};
use crate::operate::Running;
use crate::vfs::{PreparedTransfer, View};

/// What one session holds, and what it may use.
pub(super) struct Context {
    /// The number of the session.
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) held: Resources,
    /// Answers that need no wait.
    pub(super) ready: VecDeque<ReadyAnswer>,
    /// The place of the session in the limits.
    pub(super) slot: SessionSlot,
    /// TLS of the control connection and its data connections, once it has begun.
    pub(super) tls: Option<Arc<tls::Session>>,
    pub(super) client: Client,
    /// Whether the session is on a thread that may block.
    pub(super) visit: Visit,
}

/// An answer that is available immediately.
pub(super) enum ReadyAnswer {
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// Work that has ended as soon as it was begun.
    Done(Box<WorkResult>),
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
        self.ready.push_back(ReadyAnswer::Answer(ticket, answer));
    }

    /// The next thing that needs no wait. Take these when the machine has nothing more to say.
    pub(super) fn next_ready(&mut self) -> Option<ReadyAnswer> {
        let ready = self.ready.pop_front();
        if self.ready.is_empty() {
            // A session that waits keeps no room for it.
            self.ready = VecDeque::new();
        }
        ready
    }

    /// Starts work that nearly always needs no wait: then it has ended already.
    pub(super) fn start(&mut self, ticket: Ticket, work: impl Future<Output = WorkResult> + Send + 'static) {
        let mut work = Box::pin(work);
        match work.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => self.ready.push_back(ReadyAnswer::Done(Box::new(done))),
            Poll::Pending => self.held.start(ticket, work),
        }
    }

    /// What `look` finds among the files without a wait for a disk. Where waiting is permitted, nothing is looked for: it
    /// is done as all work there.
    pub(super) fn cached<T>(&self, look: impl FnOnce(&View) -> Option<T>) -> Option<T> {
        if self.visit.is_here() { None } else { self.client.view.as_ref().and_then(look) }
    }

    /// Whether all of these files are on a file system of this host, as far as the kernel knows that without a look at the
    /// disk.
    pub(super) fn are_near(&mut self, paths: &[&PathName]) -> bool {
        let view = &self.client.view;
        self.visit.are_near(paths, |path| view.as_ref().is_some_and(|view| view.is_near(path)))
    }

    /// Starts work on the files of the account, on a thread that may block. `is_near`: all of them are on a file system
    /// of this host. `done` makes an answer of its result.
    pub(super) fn start_with_files<T: Send + 'static>(
        &mut self,
        ticket: Ticket,
        is_near: bool,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
        done: impl FnOnce(Result<T, FileFailure>) -> WorkResult + Send + 'static,
    ) {
        let Some(view) = self.client.view.clone() else {
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
        done: impl FnOnce(Result<T, FileFailure>) -> WorkResult + Send + 'static,
    ) {
        if let Visit::Here { until, .. } = self.visit
            && is_near
            && self.shared.clock.now() < until
        {
            return self.ready.push_back(ReadyAnswer::Done(Box::new(done(work()))));
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
    pub(super) fn may_hold(&self, stream: &Stream) -> bool {
        let shares = &self.shared.shares;
        if shares.descriptors.scarcity(stream.descriptor()) < Scarcity::ForTransfers {
            return true;
        }
        shares.relieve_data();
        !self.held.has_connections()
    }
}

/// The client of a session.
pub(super) struct Client {
    /// Where it comes from.
    pub(super) from: IpAddr,
    /// The owner that the session is charged to.
    pub(super) owner: Owner,
    /// The files as the account that is logged in sees them.
    view: Option<View>,
    /// Who is logged in.
    entry: Option<Arc<Entry>>,
}

impl Client {
    /// A client at `from` that has not logged in.
    pub(super) fn new(from: IpAddr) -> Self {
        Self { from, owner: Owner::new(None, from), view: None, entry: None }
    }

    /// Logs the client in.
    pub(super) fn log_in(&mut self, entry: &Arc<Entry>) {
        *self = Self {
            from: self.from,
            owner: Owner::new(Some(&entry.account), self.from),
            view: Some(View::new(&entry.tree, &entry.account.access).of_account(&entry.account.name)),
            entry: Some(Arc::clone(entry)),
        };
    }

    /// The name of the account that is logged in.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.entry.as_ref().map(|entry| entry.account.name.as_slice())
    }

    /// Logs the client out.
    pub(super) fn log_out(&mut self) {
        *self = Self::new(self.from);
    }

    /// The meter of a transfer: it is no faster than the account may be, nor than `own` (RATE) wants it. Its
    /// file is worked on when it is the owner's turn.
    pub(super) fn meter(
        &self,
        prepared: &PreparedTransfer,
        own: Option<Limiter>,
        turns: &Arc<Turns>,
    ) -> Meter {
        let limiter = self.entry.as_ref().and_then(|entry| match prepared {
            PreparedTransfer::Receive(_) | PreparedTransfer::ReceiveGroup(_) => entry.up.clone(),
            PreparedTransfer::Send { .. }
            | PreparedTransfer::SendGroup(_)
            | PreparedTransfer::List { .. } => entry.down.clone(),
        });
        Meter::gated(limiter.into_iter().chain(own).collect(), turns.of(self.owner.clone()))
    }

    /// The path of a file of the account for other programs of this host.
    pub(super) fn host_path_of(&self, path: &PathName) -> Option<PathBuf> {
        self.view.as_ref()?.host_path_of(path)
    }

    /// Work on the files of the account, on a thread that may block, when it is the owner's turn.
    pub(super) fn with_files<T: Send + 'static>(
        &self,
        turns: &Arc<Turns>,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
    ) -> impl Future<Output = Result<T, FileFailure>> + Send + 'static {
        let view = self.view.clone();
        let (turns, owner) = (Arc::clone(turns), self.owner.clone());
        async move {
            match view {
                Some(view) => {
                    let work = turns.run_blocking(owner, move || work(view));
                    work.await.unwrap_or(Err(FileFailure::Other))
                }
                None => Err(FileFailure::Denied),
            }
        }
    }
}

/// Work that has ended, with its result.
pub(super) enum WorkResult {
    /// The work has made the answer itself.
    Answer(Ticket, Answer),
    /// A login was checked: the user, or none if name or password is wrong.
    Login(Ticket, Option<Arc<Entry>>),
    /// A data port was reserved, or none is free.
    Reserved(Ticket, io::Result<DataPort>),
    /// Two data ports were reserved under these two names, or there are none.
    ReservedPair([Ticket; 2], io::Result<[DataPort; 2]>),
    /// The session must release its data ports.
    PortsNeeded,
    /// The session must close the data connections that it keeps between two files.
    ConnectionsNeeded,
    /// A group of the session has lost its place.
    GroupsNeeded,
    /// The peer has closed a connection that is kept between two files.
    Ended(ConnId),
    /// There is room for the hooks after the uploads of a command.
    Room(Ticket, Box<HookedCommand>),
    /// A file was prepared for a transfer, or could not be.
    Prepared(Ticket, Result<(PreparedTransfer, Option<u64>), FileFailure>),
    /// An outgoing connection was made, or failed.
    Connected(Ticket, io::Result<Stream>),
    /// A listener has accepted a connection.
    Arrived(Ticket, Stream, SocketAddr),
    /// The bytes that [`ftp_proto::server::ask::Ask::Read`] asked for.
    Read(ConnId, io::Result<Vec<u8>>),
    /// TLS has begun on a data connection, or could not.
    Secured(Ticket, ConnId, io::Result<(Connection, Handshake)>),
    /// The file of a transfer is open, or could not be opened.
    Begun(Ticket, Result<Box<OpenTransfer>, FileFailure>, ConnId, TransferTerms),
    /// A transfer has ended; this was the name of its connection.
    Moved(Ticket, ConnId, Pumped),
}

impl WorkResult {
    /// The question that this answers, if it is work for one.
    pub(super) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Answer(ticket, _)
            | Self::Login(ticket, _)
            | Self::Reserved(ticket, _)
            | Self::ReservedPair([ticket, _], _)
            | Self::Room(ticket, _)
            | Self::Prepared(ticket, _)
            | Self::Connected(ticket, _)
            | Self::Begun(ticket, ..) => Some(*ticket),
            Self::PortsNeeded
            | Self::ConnectionsNeeded
            | Self::GroupsNeeded
            | Self::Ended(_)
            | Self::Moved(..)
            | Self::Read(..)
            | Self::Secured(..)
            | Self::Arrived(..) => None,
        }
    }
}
