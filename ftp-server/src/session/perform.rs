//! Performs what the machine asks for, and turns the results into inputs.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ftp_io::clock::Clock;
use ftp_io::copy::{Kept, Meter};
use ftp_io::limiter::Limiter;
use ftp_io::os_error::words;
use ftp_io::tls::{self, Data};
use ftp_proto::address::Parity;
use ftp_proto::digest::Algorithm;
use ftp_proto::server::ask::{
    Answer, Ask, ConnId, DataTls, End, Event, FileAsk, FileFailure, Input, Ticket, TransferTerms,
};
use ftp_proto::wire::{ByteRange, Fingerprint, PathName, Secret, TransferId};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tracing::Instrument;

use super::client::Client;
use super::digest::digest;
use super::hook;
use super::login::{self, Attempt, Judged};
use super::network;
use super::resources::{Done, Resources};
use super::shared::Shared;
use super::uploads::Uploads;
use crate::auth::{Entry, Origin};
use crate::data::{Begun, Doubt, Pumped, begin, pump};
use crate::limits::{
    DataPort, DetachedSlot, Entered, Full, MAX_ANONYMOUS_PORTS, Owner, Permission, Scarcity, SessionSlot,
    Turns,
};
use crate::operate::Running;
use crate::operate::audit::Record;
use crate::vfs::View;

/// Performs the machine's questions and holds what comes of them.
pub(super) struct Performer {
    /// The number of the session.
    id: u64,
    shared: Arc<Shared>,
    held: Resources,
    /// What needed no wait.
    ready: VecDeque<Ready>,
    /// The place of the session in the limits.
    slot: SessionSlot,
    /// TLS of the control connection and its data connections, once it has begun.
    tls: Option<Arc<tls::Session>>,
    client: Client,
    uploads: Uploads,
    /// Signalled when the session must release its data ports.
    ports_needed: Arc<Notify>,
    /// Whether the session does nothing.
    is_idle: bool,
    /// Signalled when the session must close the data connections that it keeps between two files.
    connections_needed: Arc<Notify>,
    /// The place of the next transfer, if DETA has given it leave.
    detaches: Option<DetachedSlot>,
}

/// An answer that is available immediately.
#[derive(Debug)]
pub(super) enum Ready {
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// Work that has ended as soon as it was begun.
    Done(Box<Done>),
    /// The session ends, because this limit is reached.
    End(Full),
}

impl Performer {
    pub(super) fn new(
        id: u64,
        from: IpAddr,
        shared: Arc<Shared>,
        slot: SessionSlot,
        running: Running,
    ) -> Self {
        Self {
            id,
            shared,
            held: Resources::new(running),
            ready: VecDeque::new(),
            slot,
            tls: None,
            client: Client::new(from),
            uploads: Uploads::default(),
            ports_needed: Arc::new(Notify::new()),
            is_idle: false,
            connections_needed: Arc::new(Notify::new()),
            detaches: None,
        }
    }

    /// How many bytes the move that is under way has brought.
    pub(super) fn moved(&self) -> u64 {
        self.held.moves.values().map(Meter::moved).sum()
    }

    /// TLS begins on the control connection: data connections use the same session of it.
    ///
    /// # Errors
    /// There is no certificate, or there are no random bytes.
    pub(super) fn begin_tls(&mut self) -> io::Result<Arc<tls::Session>> {
        let server = self.shared.tls.as_ref().ok_or_else(|| io::Error::other("there is no certificate"))?;
        let session = Arc::new(server.session()?);
        self.tls = Some(Arc::clone(&session));
        Ok(session)
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

    /// Waits for work that has ended. Pass it to [`Self::finish`].
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next_done(&mut self) -> Result<Done, JoinError> {
        tokio::select! {
            biased;
            () = self.ports_needed.notified() => Ok(Done::PortsNeeded),
            () = self.connections_needed.notified() => Ok(Done::ConnectionsNeeded),
            done = self.held.next() => done,
        }
    }

    /// Does what the machine asks, or starts it.
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Login { ticket, user, password, certificate } => {
                self.login(ticket, &user, password, certificate);
            }
            Ask::Recognise { ticket, user, certificate } => self.recognise(ticket, &user, certificate),
            Ask::LogOut => self.log_out(),
            Ask::Limits(ticket) => {
                let uses = self.shared.shares.uses();
                self.answer(ticket, Answer::Limits(uses.iter().map(ToString::to_string).collect()));
            }
            Ask::Reserve { ticket, at, parity } => self.reserve(ticket, at, parity),
            Ask::ReservePair { ticket, odd, at } => self.reserve_pair([ticket, odd], at),
            Ask::Listen { ticket, reservation, connects } => {
                let port = network::listen(&mut self.held, ticket, (reservation, connects));
                self.answer(ticket, Answer::Port(port));
            }
            Ask::Unlisten(ticket) => self.held.unlisten(ticket),
            Ask::Release(ticket) => drop(self.held.reservations.remove(&ticket)),
            Ask::Connect { ticket, from, local, to } => {
                network::connect(&mut self.held, ticket, from, (local, to));
            }
            Ask::Cancel(ticket) => self.cancel(ticket),
            Ask::Drop { conn, how } => network::close(&mut self.held, conn, how),
            Ask::Write { conn, bytes } => network::write(&self.held, conn, &bytes),
            Ask::Read { conn, limit } => network::read(&mut self.held, conn, limit),
            Ask::SecureData { ticket, conn, how } => self.secure_data(ticket, (conn, how)),
            // The task of the session has the control connection.
            Ask::Secure { .. } | Ask::Clear { .. } => {}
            Ask::Permit { ticket, account, target } => self.permit(ticket, &account, target),
            Ask::PermitDone { ticket, end } => {
                if let Some(slot) = self.held.proofs.remove(&ticket) {
                    slot.done(end);
                }
            }
            Ask::Prepare { ticket, path, intent } => {
                let work = move |view: View| view.prepare(&path, &intent);
                self.start_with_files(ticket, work, move |prepared| Done::Prepared(ticket, prepared));
            }
            Ask::Move { ticket, prepared, conn, terms } => self.transfer(ticket, (prepared, conn), terms),
            Ask::Progress { ticket, of } => {
                let moved = self.held.moves.get(&of).map_or(0, Meter::moved);
                // Nothing is synced during a transfer, so no byte is known to be durable.
                self.answer(ticket, Answer::Progress { moved, durable: 0 });
            }
            Ask::Doubt { of, unless } => {
                if let Some(doubt) = self.held.doubts.get(&of) {
                    doubt.set(unless);
                }
            }
            Ask::Stop(ticket) => {
                if let Some(meter) = self.held.moves.get(&ticket) {
                    meter.stop();
                }
            }
            Ask::Detach { ticket, id } => self.detach(ticket, id),
            Ask::Detached { ticket, id, stop } => {
                let found = self.shared.shares.detached.look(&self.client.owner, id, stop);
                self.answer(ticket, Answer::Detached(found));
            }
            Ask::File { ticket, ask: FileAsk::Hash { path, algorithm, range } } => {
                self.hash(ticket, path, (algorithm, range));
            }
            Ask::File { ticket, ask } => {
                let work = move |view: View| view.answer(&ask);
                self.start_with_files(ticket, work, move |found| Done::Answer(ticket, Answer::File(found)));
            }
        }
    }

    /// Cancels work: its result is not needed any more.
    fn cancel(&mut self, ticket: Ticket) {
        let is_of = |ready: &Ready| matches!(ready, Ready::Done(done) if done.ticket() == Some(ticket));
        self.ready.retain(|ready| !is_of(ready));
        self.held.cancel(ticket);
    }

    /// Begins TLS on a data connection.
    fn secure_data(&mut self, ticket: Ticket, (conn, how): (ConnId, DataTls)) {
        let tls = self.tls.clone();
        if let Some(answer) = network::secure(&mut self.held, tls, ticket, (conn, how)) {
            self.answer(ticket, answer);
        }
    }

    /// Takes the place that the next transfer needs to outlive its control connection.
    fn detach(&mut self, ticket: Ticket, id: TransferId) {
        self.detaches = None; // its place is free again before the next one is taken
        self.detaches = self.shared.shares.detached.reserve(self.client.owner.clone(), id);
        self.answer(ticket, Answer::Detach(self.detaches.is_some()));
    }

    /// Gives the result of some work to `input`, which passes it to the machine.
    pub(super) fn finish(&mut self, done: Done, input: impl FnOnce(Input<'_>)) {
        match done {
            Done::Answer(ticket, answer) => input(Input::Answer(ticket, answer)),
            Done::Login(ticket, None) => input(Input::Answer(ticket, Answer::Login(None))),
            Done::Login(ticket, Some(entry)) => self.logged_in(ticket, &entry),
            Done::Reserved(ticket, Ok(port)) => {
                input(Input::Answer(ticket, self.reserved([(ticket, port)])));
            }
            Done::ReservedPair([ticket, odd], Ok([first, second])) => {
                input(Input::Answer(ticket, self.reserved([(ticket, first), (odd, second)])));
            }
            Done::Reserved(ticket, Err(error)) | Done::ReservedPair([ticket, _], Err(error)) => {
                input(Input::Answer(ticket, self.no_port(&error)));
            }
            Done::PortsNeeded => input(Input::PortsNeeded),
            Done::ConnectionsNeeded => input(Input::ConnectionsNeeded),
            Done::Ended(conn) => input(Input::Lost(conn)),
            Done::Prepared(ticket, Ok((prepared, size))) => {
                self.held.prepared.insert(ticket, prepared);
                input(Input::Answer(ticket, Answer::Prepared { size }));
            }
            Done::Prepared(ticket, Err(failure)) => {
                input(Input::Answer(ticket, Answer::File(Err(failure))));
            }
            Done::Connected(ticket, Ok(stream)) => {
                let conn = self.held.connection(stream);
                input(Input::Answer(ticket, Answer::Connected { conn }));
            }
            Done::Connected(ticket, Err(error)) => {
                input(Input::Answer(ticket, Answer::Failed(words(&error))));
            }
            Done::Arrived(_, stream, _) if !self.may_hold(&stream) => {}
            Done::Arrived(listener, stream, from) => {
                let conn = self.held.connection(stream);
                input(Input::Arrived { listener, conn, from });
            }
            Done::Read(conn, Ok(bytes)) if !bytes.is_empty() => {
                input(Input::Data { conn, bytes: &bytes });
            }
            Done::Read(conn, Ok(_) | Err(_)) => input(Input::Lost(conn)),
            Done::Secured(ticket, conn, Ok((connection, handshake))) => {
                log_tls(&connection, handshake.resumed);
                self.held.give_back(conn, connection);
                input(Input::Answer(ticket, Answer::Secured(handshake)));
            }
            Done::Secured(ticket, _, Err(error)) => {
                input(Input::Answer(ticket, Answer::Failed(words(&error))));
            }
            Done::Begun(ticket, Ok(begun), on, terms) => {
                self.pump(ticket, begun, on, terms);
                input(Input::Answer(ticket, Answer::Started));
            }
            Done::Begun(ticket, Err(failure), on, _) => {
                input(Input::Answer(ticket, self.not_begun(ticket, failure, on)));
            }
            Done::Moved(ticket, conn, Pumped { bytes, omitted, digest, kept, end }) => {
                let kept = kept.is_some_and(|kept| self.keep(conn, kept));
                self.detached_ends(ticket, bytes, &end);
                input(Input::Answer(ticket, Answer::Moved { bytes, omitted, digest, kept, end }));
            }
        }
    }

    /// Starts the operator's hook after an upload. It goes on when the session has ended; the server waits
    /// for it as for a transfer.
    pub(super) fn start_hook_after_upload(&mut self, event: &Event, running: &Running) {
        if self.shared.hook.is_some()
            && let Some(upload) = self.uploads.find(event)
        {
            let notification = hook::Notification::new(upload, &self.client);
            tokio::spawn(
                hook::run(Arc::clone(&self.shared), notification, running.guard()).in_current_span(),
            );
        }
    }

    /// Moves the bytes of a transfer.
    fn pump(&mut self, ticket: Ticket, begun: Begun, (conn, data): (ConnId, Data), terms: TransferTerms) {
        let meter = self.held.moves.get(&ticket).cloned().unwrap_or_default();
        let doubt = self.held.doubts.entry(ticket).or_default().clone();
        // The session counts until the file is finished, even if its control connection ends before.
        let place = self.slot.share();
        self.held.start_transfer(place, async move {
            let pumped = pump(begun, data, terms, Clock::today(), (meter, doubt)).await;
            Done::Moved(ticket, conn, pumped)
        });
    }

    /// Answers that the file could not be opened, and resets the connection.
    fn not_begun(&mut self, ticket: Ticket, failure: FileFailure, data: (ConnId, Data)) -> Answer {
        drop(data);
        self.held.moves.remove(&ticket);
        self.held.doubts.remove(&ticket);
        let end = End::Failed(failure);
        self.detached_ends(ticket, 0, &end);
        nothing_moved(end)
    }

    /// Records whether the session only waits for its client. An idle session may be displaced.
    pub(super) fn note_idle(&mut self, is_idle: bool) {
        if is_idle != self.is_idle {
            self.is_idle = is_idle;
            if is_idle {
                self.held.shrink();
            }
            self.slot.set_idle(is_idle.then(|| self.shared.clock.now()));
        }
    }

    /// Keeps a connection for the next file, if there is a place for it. Otherwise it ends in order.
    fn keep(&mut self, conn: ConnId, kept: Kept) -> bool {
        let slot = self.shared.shares.kept.keep(self.client.owner.clone(), &self.connections_needed);
        match slot {
            Some(slot) => self.held.keep(conn, kept, slot),
            None => kept.close(),
        }
        self.held.keeps(conn)
    }

    /// Records the end of a transfer that might have outlived its control connection.
    fn detached_ends(&mut self, ticket: Ticket, bytes: u64, end: &End) {
        if let Some(slot) = self.held.detached.remove(&ticket) {
            slot.end(bytes, end);
        }
    }

    /// Whether there are enough descriptors to hold a data connection that has arrived. When they are scarce,
    /// a session holds only one, and the owner of most data ports gives one back.
    fn may_hold(&self, stream: &TcpStream) -> bool {
        let shares = &self.shared.shares;
        if shares.descriptors.scarcity(stream) < Scarcity::ForTransfers {
            return true;
        }
        shares.relieve_data();
        !self.held.has_connections()
    }

    /// An answer that needs no wait.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.ready.push_back(Ready::Answer(ticket, answer));
    }

    /// Where a login comes from.
    const fn origin(&self, certificate: Option<Fingerprint>) -> Origin {
        Origin { from: self.client.from, private: self.tls.is_some(), certificate }
    }

    /// Whether USER alone logs in. A certificate cannot be guessed, so this needs no slot among the logins.
    fn recognise(&mut self, ticket: Ticket, user: &[u8], certificate: Fingerprint) {
        let origin = self.origin(Some(certificate));
        let known = self.shared.users().recognise(user, certificate).cloned();
        match known.filter(|entry| entry.terms.admit(origin, Clock::today()).is_ok()) {
            Some(entry) => self.logged_in(ticket, &entry),
            None => self.answer(ticket, Answer::Login(None)),
        }
    }

    /// Logs out: the session is charged to its address again, and counts as one without a login.
    fn log_out(&mut self) {
        self.client.log_out();
        if let Err(full) = self.slot.log_out() {
            self.ready.push_back(Ready::End(full));
        }
    }

    /// Checks a login. A right password without a slow hash needs no wait.
    fn login(&mut self, ticket: Ticket, user: &[u8], password: Secret, certificate: Option<Fingerprint>) {
        let (users, shared) = (self.shared.users(), Arc::clone(&self.shared));
        let (origin, session) = (self.origin(certificate), self.slot.share());
        let attempt = Attempt { user: user.to_vec(), origin, users, session };
        match shared.shares.logins.enter(self.client.from, user) {
            Entered::Now(slot) => match attempt.judge(password) {
                Judged::In(entry) => {
                    slot.right(login::whose(&entry));
                    self.logged_in(ticket, &entry);
                }
                other @ (Judged::Out(_) | Judged::Slow(_) | Judged::Pam(_)) => {
                    self.held.start(ticket, attempt.conclude(shared, ticket, slot, other));
                }
            },
            Entered::Later(waiting) => self.held.start(ticket, async move {
                let slot = waiting.granted().await;
                let judged = attempt.judge(password);
                attempt.conclude(shared, ticket, slot, judged).await
            }),
        }
    }

    /// The password was right. From here on the files are those of this user, unless the account has as
    /// many sessions as it may.
    fn logged_in(&mut self, ticket: Ticket, entry: &Arc<Entry>) {
        let owner = Owner::new(Some(&entry.account), self.client.from);
        match self.slot.log_in(&entry.account.name, owner, entry.limits) {
            Ok(()) => {
                self.client.log_in(entry);
                self.answer(ticket, Answer::Login(Some(entry.account.clone())));
            }
            Err(full) => self.ready.push_back(Ready::End(full)),
        }
    }

    /// Reserves a data port. If none is free, others may have to give one back first.
    fn reserve(&mut self, ticket: Ticket, at: IpAddr, parity: Parity) {
        if !self.may_reserve(1) {
            return self.answer(ticket, Answer::Port(None));
        }
        let ports = Arc::clone(&self.shared.shares.ports);
        let (owner, needed) = (self.client.owner.clone(), Arc::clone(&self.ports_needed));
        self.start(
            ticket,
            async move { Done::Reserved(ticket, ports.reserve(at, owner, &needed, parity).await) },
        );
    }

    /// Starts work that nearly always needs no wait: then it has ended already.
    fn start(&mut self, ticket: Ticket, work: impl Future<Output = Done> + Send + 'static) {
        let mut work = Box::pin(work);
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => self.ready.push_back(Ready::Done(Box::new(done))),
            Poll::Pending => self.held.start(ticket, work),
        }
    }

    /// Reserves two data ports in the same way.
    fn reserve_pair(&mut self, tickets: [Ticket; 2], at: IpAddr) {
        let [ticket, _] = tickets;
        if !self.may_reserve(2) {
            return self.answer(ticket, Answer::Port(None));
        }
        let ports = Arc::clone(&self.shared.shares.ports);
        let (owner, needed) = (self.client.owner.clone(), Arc::clone(&self.ports_needed));
        self.start(ticket, async move {
            Done::ReservedPair(tickets, ports.reserve_pair(at, owner, &needed).await)
        });
    }

    /// Data ports were reserved under these names; the machine is told the first one.
    fn reserved<const N: usize>(&mut self, ports: [(Ticket, DataPort); N]) -> Answer {
        let number = ports.first().map(|(_, port)| port.reserved.port());
        self.held.reservations.extend(ports);
        Answer::Port(number)
    }

    /// Answers that no data port could be reserved.
    fn no_port(&self, error: &io::Error) -> Answer {
        self.shared.record(&Record::NoPort { owner: &self.client.owner, error: words(error) });
        Answer::Port(None)
    }

    /// Whether the session may have `more` data ports.
    fn may_reserve(&self, more: usize) -> bool {
        !self.client.owner.is_anonymous() || self.held.reservations.len() + more <= MAX_ANONYMOUS_PORTS
    }

    fn permit(&mut self, ticket: Ticket, account: &[u8], target: SocketAddr) {
        match self.shared.shares.proofs.ask(self.id, ticket, account, target) {
            Permission::Now(slot) => {
                self.held.proofs.insert(ticket, slot);
                self.answer(ticket, Answer::Permit(true));
            }
            Permission::Later(slot, answered) => {
                self.held.proofs.insert(ticket, slot);
                self.held.start(ticket, async move {
                    Done::Answer(ticket, Answer::Permit(answered.await.unwrap_or(false)))
                });
            }
            Permission::Never => self.answer(ticket, Answer::Permit(false)),
        }
    }

    /// Starts a transfer of either direction. A file that is to be received is made first.
    fn transfer(&mut self, ticket: Ticket, (prepared, conn): (Ticket, ConnId), terms: TransferTerms) {
        let (Some(prepared), Some(data)) = (self.held.prepared.remove(&prepared), self.held.take_data(conn))
        else {
            let end = End::Broken("the data connection is gone".to_owned());
            return self.answer(ticket, nothing_moved(end));
        };
        let turns = Arc::clone(&self.shared.shares.transfers);
        let own = terms.rate.map(|rate| Limiter::new(rate, self.shared.clock));
        let meter = self.client.meter(&prepared, own, &turns);
        let leave = terms.detach.and_then(|id| self.detaches.take_if(|slot| slot.id == id));
        if let Some(slot) = leave {
            slot.begin(&meter);
            self.held.detached.insert(ticket, slot);
        }
        self.held.moves.insert(ticket, meter);
        self.held.doubts.insert(ticket, Doubt::default());
        let (is_open, durability) = (prepared.is_open(), self.shared.durability);
        let open = move || begin(prepared, terms.partial, durability);
        let done = move |begun| Done::Begun(ticket, begun, (conn, data), terms);
        if is_open {
            return self.ready.push_back(Ready::Done(Box::new(done(open()))));
        }
        self.start_in_turn(ticket, &turns, open, done);
    }

    /// Starts work on the files of the account, on a thread that may block. `done` makes an answer of its
    /// result.
    fn start_with_files<T: Send + 'static>(
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
    fn start_in_turn<T: Send + 'static>(
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

    fn hash(&mut self, ticket: Ticket, path: PathName, what: (Algorithm, ByteRange)) {
        let (turns, owner) = (Arc::clone(&self.shared.shares.digests), self.client.owner.clone());
        let subject = self.client.with_files(&self.shared.shares.files, move |view| view.subject(&path));
        self.held.start(ticket, async move {
            let found = match subject.await {
                Ok(subject) => digest(subject, what, || turns.wait(owner.clone())).await,
                Err(failure) => Err(failure),
            };
            Done::Answer(ticket, Answer::File(found))
        });
    }
}

/// A move that has ended before its first byte.
const fn nothing_moved(end: End) -> Answer {
    Answer::Moved { bytes: 0, omitted: 0, digest: None, kept: false, end }
}

/// Tells which version of TLS a data connection has, and whether it resumed the session.
fn log_tls(connection: &ftp_io::connection::Connection, resumed: bool) {
    tracing::debug!(version = connection.tls_version(), resumed, "TLS on a data connection");
}
