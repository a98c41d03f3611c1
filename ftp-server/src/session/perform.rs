//! Performs what the machine asks for, and turns the results into inputs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ftp_io::copy::Meter;
use ftp_io::os_error::words;
use ftp_io::tls;
use ftp_proto::digest::Algorithm;
use ftp_proto::server::ask::{
    Answer, Ask, ConnId, DataTls, Event, FileAnswer, FileAsk, FileFailure, Input, Intent, Ticket,
};
use ftp_proto::wire::{ByteRange, PathName};
use tokio::sync::Notify;
use tokio::task::JoinError;
use tracing::Instrument;

use super::context::{Context, Ready};
use super::copying;
use super::digest::digest;
use super::done::Done;
use super::hook_room::HookedCommand;
use super::transfers::{self, Transfers};
use super::uploads::Uploads;
use super::visit::Visit;
use super::{groups, hook, login, network, ports, syncing};
use crate::limits::{Permission, Turn};
use crate::operate::Running;
use crate::vfs::View;

/// Performs the machine's questions and holds what comes of them.
pub(super) struct Performer {
    cx: Context,
    transfers: Transfers,
    uploads: Uploads,
    /// The room of the command that is being carried out for the hooks after its uploads.
    hooked: Option<Box<HookedCommand>>,
    /// Signalled when the session must release its data ports.
    ports_needed: Arc<Notify>,
    /// Whether the session does nothing.
    is_idle: bool,
}

impl Performer {
    pub(super) fn new(cx: Context) -> Self {
        Self {
            cx,
            transfers: Transfers::default(),
            uploads: Uploads::default(),
            hooked: None,
            ports_needed: Arc::new(Notify::new()),
            is_idle: false,
        }
    }

    /// How many bytes the move that is under way has brought.
    pub(super) fn moved(&self) -> u64 {
        self.cx.held.moves.values().map(Meter::moved).sum()
    }

    /// TLS begins on the control connection: data connections use the same session of it.
    ///
    /// # Errors
    /// There is no certificate, or there are no random bytes.
    pub(super) fn begin_tls(&mut self) -> io::Result<Arc<tls::Session>> {
        let server =
            self.cx.shared.tls.as_ref().ok_or_else(|| io::Error::other("there is no certificate"))?;
        let session = Arc::new(server.session()?);
        self.cx.tls = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The next thing that needs no wait. Take these when the machine has nothing more to say.
    pub(super) fn next_ready(&mut self) -> Option<Ready> {
        self.cx.next_ready()
    }

    /// An answer that needs no wait.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.cx.answer(ticket, answer);
    }

    /// Records whether commands wait for the one that is being carried out.
    pub(super) fn note_commands(&mut self, wait: bool) {
        self.cx.visit.note_commands(wait);
    }

    /// Whether the session has to go to a thread that may block, for work that waits there.
    pub(super) const fn wants_visit(&self) -> bool {
        matches!(self.cx.visit, Visit::Wanted { .. })
    }

    /// Begins the visit to the thread that this is called on: work that may block is done at once until
    /// [`Self::end_visit`]. Keep the turn until then.
    pub(super) fn begin_visit(&mut self) -> Option<Turn> {
        let (turn, work) = self.cx.visit.begin(self.cx.shared.clock.now())?;
        self.cx.ready.push_back(Ready::Done(Box::new(work())));
        Some(turn)
    }

    /// Ends a visit.
    pub(super) fn end_visit(&mut self) {
        self.cx.visit = Visit::default();
    }

    /// Waits for work that has ended. Pass it to [`Self::finish`].
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next_done(&mut self) -> Result<Done, JoinError> {
        tokio::select! {
            biased;
            () = self.ports_needed.notified() => Ok(Done::PortsNeeded),
            () = self.transfers.connections_needed.notified() => Ok(Done::ConnectionsNeeded),
            () = self.transfers.groups_needed.notified() => Ok(Done::GroupsNeeded),
            done = self.cx.held.next() => done,
        }
    }

    /// Does what the machine asks, or starts it.
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Login { ticket, user, password, certificate } => {
                login::login(&mut self.cx, ticket, &user, password, certificate);
            }
            Ask::Recognise { ticket, user, certificate } => {
                login::recognise(&mut self.cx, ticket, &user, certificate)
            }
            Ask::LogOut => login::log_out(&mut self.cx),
            Ask::DropGroup(group) => self.cx.held.remove_group(group),
            Ask::Limits(ticket) => {
                let uses = self.cx.shared.shares.uses();
                self.cx.answer(ticket, Answer::Limits(uses.iter().map(ToString::to_string).collect()));
            }
            Ask::Reserve { ticket, at, parity } => {
                ports::reserve(&mut self.cx, &self.ports_needed, ticket, (at, parity))
            }
            Ask::ReservePair { ticket, odd, at } => {
                ports::reserve_pair(&mut self.cx, &self.ports_needed, [ticket, odd], at)
            }
            Ask::Listen { ticket, reservation, connects } => {
                let port = network::listen(&mut self.cx.held, ticket, (reservation, connects));
                self.cx.answer(ticket, Answer::Port(port));
            }
            Ask::Unlisten(ticket) => self.cx.held.unlisten(ticket),
            Ask::Release(ticket) => drop(self.cx.held.reservations.remove(&ticket)),
            Ask::Connect { ticket, from, local, to } => {
                network::connect(&mut self.cx.held, ticket, from, (local, to));
            }
            Ask::Cancel(ticket) => self.cancel(ticket),
            Ask::Drop { conn, how } => network::close(&mut self.cx.held, conn, how),
            Ask::Write { conn, bytes } => network::write(&self.cx.held, conn, &bytes),
            Ask::Read { conn, limit } => network::read(&mut self.cx.held, conn, limit),
            Ask::SecureData { ticket, conn, how } => self.secure_data(ticket, (conn, how)),
            // The task of the session has the control connection.
            Ask::Secure { .. } | Ask::Clear { .. } => {}
            Ask::Permit { ticket, account, target } => self.permit(ticket, &account, target),
            Ask::PermitDone { ticket, end } => self.cx.held.end_proof(ticket, end),
            Ask::PeerProven { account, peer } => self.cx.shared.shares.proofs.proved(&account, peer),
            Ask::Room { ticket, of } => {
                self.hooked = None; // what the last command has not used is free again
                hook::take_room(&mut self.cx, ticket, &of);
            }
            Ask::Prepare { ticket, path, intent } => self.prepare(ticket, path, intent),
            Ask::Move { ticket, prepared, conn, terms } => {
                transfers::begin(&mut self.cx, &mut self.transfers, ticket, (prepared, conn), terms)
            }
            Ask::Progress { ticket, of } => {
                let moved = self.cx.held.moves.get(&of).map_or(0, Meter::moved);
                // Nothing is synced during a transfer, so no byte is known to be durable.
                self.cx.answer(ticket, Answer::Progress { moved, durable: 0 });
            }
            Ask::Doubt { of, unless } => {
                if let Some(doubt) = self.cx.held.doubts.get(&of) {
                    doubt.set(unless);
                }
            }
            Ask::Stop(ticket) => self.cx.held.stop(ticket),
            Ask::Detach { ticket, id } => self.transfers.detach(&mut self.cx, ticket, id),
            Ask::Detached { ticket, id, stop } => {
                let found = self.cx.shared.shares.detached.look(&self.cx.client.owner, id, stop);
                self.cx.answer(ticket, Answer::Detached(found));
            }
            Ask::File { ticket, ask } => self.file(ticket, ask),
        }
    }

    /// Answers a question about files.
    fn file(&mut self, ticket: Ticket, ask: FileAsk) {
        match ask {
            FileAsk::Hash { path, algorithm, range } => self.hash(ticket, path, (algorithm, range)),
            FileAsk::Copy { from, to } => self.copy(ticket, from, to),
            FileAsk::Sync => self.sync(ticket),
            FileAsk::Keep(group, path, numbers) => {
                groups::keep(&mut self.cx, ticket, group, path, numbers);
            }
            FileAsk::Drop(group) => groups::remove(&mut self.cx, ticket, group),
            ask @ (FileAsk::Facts(_)
            | FileAsk::List(..)
            | FileAsk::Enter(_)
            | FileAsk::MakeDirectory(_)
            | FileAsk::RemoveDirectory(_)
            | FileAsk::Remove(_)
            | FileAsk::RenameFrom(_)
            | FileAsk::Rename { .. }
            | FileAsk::CopyFrom(_)
            | FileAsk::Change { .. }
            | FileAsk::Link { .. }
            | FileAsk::Look(..)
            | FileAsk::Compare(..)
            | FileAsk::RemoveSame(..)
            | FileAsk::Space(_)) => self.look(ticket, ask),
        }
    }

    /// Prepares a file for a transfer, without a thread if the system has it in memory.
    fn prepare(&mut self, ticket: Ticket, path: PathName, intent: Intent) {
        if matches!(intent, Intent::StoreGroup { .. }) && !self.transfers.reserve_group(&self.cx) {
            return self.cx.answer(ticket, Answer::File(Err(FileFailure::HeldGroups)));
        }
        if let Some(found) = self.cx.cached(|view| view.prepare_cached(&path, &intent)) {
            let done = Done::Prepared(ticket, Ok(found));
            return self.cx.ready.push_back(Ready::Done(Box::new(done)));
        }
        let is_near = self.cx.are_near(&[&path]);
        let work = move |view: View| view.prepare(&path, &intent);
        self.cx.start_with_files(ticket, is_near, work, move |prepared| Done::Prepared(ticket, prepared));
    }

    /// Answers a quick question about files in the same way.
    fn look(&mut self, ticket: Ticket, ask: FileAsk) {
        if let Some(found) = self.cx.cached(|view| view.answer_cached(&ask)) {
            return self.cx.answer(ticket, Answer::File(Ok(found)));
        }
        let (is_near, durability) = (self.cx.are_near(&quick(&ask)), self.cx.shared.durability);
        let work = move |view: View| view.answer_durably(&ask, durability);
        self.cx
            .start_with_files(ticket, is_near, work, move |found| Done::Answer(ticket, Answer::File(found)));
    }

    /// Cancels work: its result is not needed any more.
    fn cancel(&mut self, ticket: Ticket) {
        let is_of = |ready: &Ready| matches!(ready, Ready::Done(done) if done.ticket() == Some(ticket));
        self.cx.ready.retain(|ready| !is_of(ready));
        self.cx.visit.cancel(ticket);
        self.cx.held.cancel(ticket);
    }

    /// Begins TLS on a data connection.
    fn secure_data(&mut self, ticket: Ticket, (conn, how): (ConnId, DataTls)) {
        let tls = self.cx.tls.clone();
        if let Some(answer) = network::secure(&mut self.cx.held, tls, ticket, (conn, how)) {
            self.cx.answer(ticket, answer);
        }
    }

    /// Gives the result of some work to `input`, which passes it to the machine.
    pub(super) fn finish(&mut self, done: Done, input: impl FnOnce(Input<'_>)) {
        match done {
            Done::Answer(ticket, answer) => input(self.cx.held.answered(ticket, answer)),
            Done::Login(ticket, None) => input(Input::Answer(ticket, Answer::Login(None))),
            Done::Login(ticket, Some(entry)) => login::logged_in(&mut self.cx, ticket, &entry),
            Done::Reserved(ticket, Ok(port)) => {
                input(Input::Answer(ticket, ports::reserved(&mut self.cx, [(ticket, port)])));
            }
            Done::ReservedPair([ticket, odd], Ok([first, second])) => {
                input(Input::Answer(ticket, ports::reserved(&mut self.cx, [(ticket, first), (odd, second)])));
            }
            Done::Reserved(ticket, Err(error)) | Done::ReservedPair([ticket, _], Err(error)) => {
                input(Input::Answer(ticket, ports::no_port(&self.cx, &error)));
            }
            Done::PortsNeeded => input(Input::PortsNeeded),
            Done::ConnectionsNeeded => input(Input::ConnectionsNeeded),
            Done::GroupsNeeded => {
                if let Some(number) = self.cx.held.take_group_away() {
                    // Another one may have lost its place meanwhile.
                    self.transfers.groups_needed.notify_one();
                    input(Input::GroupTaken(number));
                }
            }
            Done::Ended(conn) => input(Input::Lost(conn)),
            Done::Room(ticket, room) => {
                self.hooked = Some(room);
                input(Input::Answer(ticket, Answer::Room));
            }
            Done::Prepared(ticket, Ok((prepared, size))) => {
                self.cx.held.prepared.insert(ticket, prepared);
                input(Input::Answer(ticket, Answer::Prepared { size }));
            }
            Done::Prepared(ticket, Err(failure)) => {
                input(Input::Answer(ticket, Answer::File(Err(failure))));
            }
            Done::Connected(ticket, Ok(stream)) => {
                let conn = self.cx.held.connection(stream);
                input(Input::Answer(ticket, Answer::Connected { conn }));
            }
            Done::Connected(ticket, Err(error)) => {
                input(Input::Answer(ticket, Answer::Failed(words(&error))));
            }
            Done::Arrived(_, stream, _) if !self.cx.may_hold(&stream) => {}
            Done::Arrived(listener, stream, from) => {
                let conn = self.cx.held.connection(stream);
                input(Input::Arrived { listener, conn, from });
            }
            Done::Read(conn, Ok(bytes)) if !bytes.is_empty() => {
                input(Input::Data { conn, bytes: &bytes });
            }
            Done::Read(conn, Ok(_) | Err(_)) => input(Input::Lost(conn)),
            Done::Secured(ticket, conn, Ok((connection, handshake))) => {
                log_tls(&connection, handshake.resumed);
                self.cx.held.give_back(conn, connection);
                input(Input::Answer(ticket, Answer::Secured(handshake)));
            }
            Done::Secured(ticket, _, Err(error)) => {
                input(Input::Answer(ticket, Answer::Failed(words(&error))));
            }
            Done::Begun(ticket, Ok(begun), conn, terms) => {
                transfers::start(&mut self.cx, ticket, *begun, conn, terms);
                input(Input::Answer(ticket, Answer::Started));
            }
            Done::Begun(ticket, Err(failure), ..) => {
                input(Input::Answer(ticket, transfers::not_begun(&mut self.cx, ticket, failure)));
            }
            Done::Moved(ticket, conn, pumped) => {
                self.uploads.note_end(pumped.stored);
                input(Input::Answer(ticket, self.transfers.moved(&mut self.cx, ticket, conn, pumped)));
            }
        }
    }

    /// Starts the operator's hook after an upload. It goes on when the session has ended; the server waits
    /// for it as for a transfer.
    pub(super) fn start_hook_after_upload(&mut self, event: &Event, running: &Running) {
        if self.cx.shared.hook.is_some()
            && let Some(upload) = self.uploads.find(event)
        {
            let shared = &self.cx.shared;
            let notification =
                hook::Notification::new(upload, &self.cx.client, self.hooked.as_deref_mut(), shared);
            tokio::spawn(
                hook::run(Arc::clone(&self.cx.shared), notification, running.guard()).in_current_span(),
            );
        }
    }

    /// Records whether the session only waits for its client. An idle session may be displaced.
    pub(super) fn note_idle(&mut self, is_idle: bool) {
        if is_idle != self.is_idle {
            self.is_idle = is_idle;
            if is_idle {
                self.hooked = None;
                self.transfers.held_slot = None;
                self.cx.held.shrink();
            }
            self.cx.slot.set_idle(is_idle.then(|| self.cx.shared.clock.now()));
        }
    }

    fn permit(&mut self, ticket: Ticket, account: &[u8], target: SocketAddr) {
        match self.cx.shared.shares.proofs.ask(self.cx.id, ticket, account, target) {
            Permission::Now(slot) => {
                self.cx.held.proofs.insert(ticket, slot);
                self.cx.answer(ticket, Answer::Permit(true));
            }
            Permission::Later(slot, answered) => {
                self.cx.held.proofs.insert(ticket, slot);
                self.cx.held.start(ticket, async move {
                    Done::Answer(ticket, Answer::Permit(answered.await.unwrap_or(false)))
                });
            }
            Permission::Never => self.cx.answer(ticket, Answer::Permit(false)),
        }
    }

    /// Copies a file within the server. It is stopped as a move is.
    fn copy(&mut self, ticket: Ticket, from: PathName, to: PathName) {
        let (turns, owner) = (Arc::clone(&self.cx.shared.shares.digests), self.cx.client.owner.clone());
        let durability = self.cx.shared.durability;
        let begin = move |view: View| view.copying(&from, &to, durability);
        let begun = self.cx.client.with_files(&self.cx.shared.shares.files, begin);
        let meter = Meter::default();
        self.cx.held.moves.insert(ticket, meter.clone());
        let guard = self.cx.held.guard();
        self.cx.held.start(ticket, async move {
            let copied = match begun.await {
                Ok(begun) => copying::copy(begun, meter, || turns.wait(owner.clone())).await,
                Err(failure) => Err(failure),
            };
            drop(guard);
            Done::Answer(ticket, Answer::File(copied.map(FileAnswer::Copied)))
        });
    }

    /// Brings what the account has stored to stable storage.
    fn sync(&mut self, ticket: Ticket) {
        let shares = &self.cx.shared.shares;
        let (syncs, owner) = (Arc::clone(&shares.syncs), self.cx.client.owner.clone());
        let found = self.cx.client.with_files(&shares.files, |view| view.file_systems());
        self.cx.held.start(ticket, async move {
            let synced = match found.await {
                Ok(found) => syncing::sync(found, &syncs, &owner).await,
                Err(failure) => Err(failure),
            };
            Done::Answer(ticket, Answer::File(synced.map(|()| FileAnswer::Done)))
        });
    }

    fn hash(&mut self, ticket: Ticket, path: PathName, what: (Algorithm, ByteRange)) {
        let (turns, owner) = (Arc::clone(&self.cx.shared.shares.digests), self.cx.client.owner.clone());
        let subject =
            self.cx.client.with_files(&self.cx.shared.shares.files, move |view| view.subject(&path));
        self.cx.held.start(ticket, async move {
            let found = match subject.await {
                Ok(subject) => digest(subject, what, || turns.wait(owner.clone())).await,
                Err(failure) => Err(failure),
            };
            Done::Answer(ticket, Answer::File(found))
        });
    }
}

/// The paths of a question that takes no longer than a few reads of directories. Empty for every other one.
fn quick(ask: &FileAsk) -> Vec<&PathName> {
    match ask {
        FileAsk::Facts(path)
        | FileAsk::Enter(path)
        | FileAsk::MakeDirectory(path)
        | FileAsk::RemoveDirectory(path)
        | FileAsk::Remove(path)
        | FileAsk::RenameFrom(path)
        | FileAsk::CopyFrom(path)
        | FileAsk::Look(path, _)
        | FileAsk::Compare(path, _)
        | FileAsk::RemoveSame(path, _)
        | FileAsk::Keep(_, path, _)
        | FileAsk::Change { path, .. } => vec![path],
        FileAsk::Rename { from, to } => vec![from, to],
        FileAsk::List(..)
        | FileAsk::Link { .. }
        | FileAsk::Drop(_)
        | FileAsk::Space(_)
        | FileAsk::Sync
        | FileAsk::Copy { .. }
        | FileAsk::Hash { .. } => Vec::new(),
    }
}

/// Tells which version of TLS a data connection has, and whether it resumed the session.
fn log_tls(connection: &ftp_io::connection::Connection, resumed: bool) {
    tracing::debug!(version = connection.tls_version(), resumed, "TLS on a data connection");
}
