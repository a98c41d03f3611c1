//! Performs what the machine asks for, and turns the results into inputs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ftp_io::copy::Meter;
use ftp_io::os_error::words;
use ftp_io::tls;
use ftp_proto::server::ask::{Answer, Ask, Event, FileFailure, Input, Intent, Ticket};
use ftp_proto::wire::PathName;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tracing::Instrument;

use super::context::{Context, ReadyAnswer, WorkResult};
use super::hook::{self, HookedCommand, Uploads};
use super::transfers::{self, Transfers};
use super::visit::Visit;
use super::{files, login, network};
use crate::limits::{Permission, Turn};
use crate::operate::Running;
use crate::vfs::View;

/// Performs the machine's questions and holds what comes of them.
pub(super) struct Performer {
    pub(super) cx: Context,
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

    /// Whether the session has to go to a thread that may block, for work that waits there.
    pub(super) const fn wants_visit(&self) -> bool {
        matches!(self.cx.visit, Visit::Wanted { .. })
    }

    /// Begins the visit to the thread that this is called on: work that may block is done at once until
    /// the visit ends. Keep the turn until then.
    pub(super) fn begin_visit(&mut self) -> Option<Turn> {
        let (turn, work) = self.cx.visit.begin(self.cx.shared.clock.now())?;
        self.cx.ready.push_back(ReadyAnswer::Done(Box::new(work())));
        Some(turn)
    }

    /// Waits for work that has ended. Pass it to [`Self::finish`].
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next_done(&mut self) -> Result<WorkResult, JoinError> {
        tokio::select! {
            biased;
            () = self.ports_needed.notified() => Ok(WorkResult::PortsNeeded),
            () = self.transfers.connections_needed.notified() => Ok(WorkResult::ConnectionsNeeded),
            () = self.transfers.groups_needed.notified() => Ok(WorkResult::GroupsNeeded),
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
                network::reserve(&mut self.cx, &self.ports_needed, ticket, (at, parity))
            }
            Ask::ReservePair { ticket, odd, at } => {
                network::reserve_pair(&mut self.cx, &self.ports_needed, [ticket, odd], at)
            }
            Ask::Listen { ticket, reservation, connects } => {
                let port = network::listen(&mut self.cx, ticket, (reservation, connects));
                self.cx.answer(ticket, Answer::Port(port));
            }
            Ask::Unlisten(ticket) => self.cx.held.unlisten(ticket),
            Ask::Release(ticket) => drop(self.cx.held.reservations.remove(&ticket)),
            Ask::Connect { ticket, from, local, to } => {
                network::connect(&mut self.cx, ticket, from, (local, to));
            }
            Ask::Cancel(ticket) => self.cancel(ticket),
            Ask::Drop { conn, how } => network::close(&mut self.cx.held, conn, how),
            Ask::Write { conn, bytes } => network::write(&self.cx.held, conn, &bytes),
            Ask::Read { conn, limit } => network::read(&mut self.cx.held, conn, limit),
            Ask::SecureData { ticket, conn, how } => network::secure(&mut self.cx, ticket, (conn, how)),
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
            Ask::File { ticket, ask } => files::answer(&mut self.cx, ticket, ask),
        }
    }

    /// Prepares a file for a transfer, without a thread if the system has it in memory.
    fn prepare(&mut self, ticket: Ticket, path: PathName, intent: Intent) {
        if matches!(intent, Intent::StoreGroup { .. }) && !self.transfers.reserve_group(&self.cx) {
            return self.cx.answer(ticket, Answer::File(Err(FileFailure::HeldGroups)));
        }
        if let Some(found) = self.cx.cached(|view| view.prepare_cached(&path, &intent)) {
            let done = WorkResult::Prepared(ticket, Ok(found));
            return self.cx.ready.push_back(ReadyAnswer::Done(Box::new(done)));
        }
        let is_near = self.cx.are_near(&[&path]);
        let work = move |view: View| view.prepare(&path, &intent);
        self.cx
            .start_with_files(ticket, is_near, work, move |prepared| WorkResult::Prepared(ticket, prepared));
    }

    /// Cancels work: its result is not needed any more.
    fn cancel(&mut self, ticket: Ticket) {
        let is_of =
            |ready: &ReadyAnswer| matches!(ready, ReadyAnswer::Done(done) if done.ticket() == Some(ticket));
        self.cx.ready.retain(|ready| !is_of(ready));
        self.cx.visit.cancel(ticket);
        self.cx.held.cancel(ticket);
    }

    /// Gives the result of some work to `input`, which passes it to the machine.
    pub(super) fn finish(&mut self, done: WorkResult, input: impl FnOnce(Input<'_>)) {
        let held = &mut self.cx.held;
        let (ticket, answer) = match done {
            WorkResult::Answer(ticket, answer) => {
                // What was counted and could be stopped meanwhile has ended.
                held.forget_move(ticket);
                (ticket, answer)
            }
            WorkResult::Login(ticket, None) => (ticket, Answer::Login(None)),
            WorkResult::Login(ticket, Some(entry)) => return login::logged_in(&mut self.cx, ticket, &entry),
            WorkResult::Reserved(ticket, Ok(port)) => (ticket, network::reserved(held, [(ticket, port)])),
            WorkResult::ReservedPair([ticket, odd], Ok([first, second])) => {
                (ticket, network::reserved(held, [(ticket, first), (odd, second)]))
            }
            WorkResult::Reserved(ticket, Err(error)) | WorkResult::ReservedPair([ticket, _], Err(error)) => {
                (ticket, network::no_port(&self.cx, &error))
            }
            WorkResult::PortsNeeded => return input(Input::PortsNeeded),
            WorkResult::ConnectionsNeeded => return input(Input::ConnectionsNeeded),
            WorkResult::GroupsNeeded => {
                let Some(number) = held.take_group_away() else { return };
                // Another one may have lost its place meanwhile.
                self.transfers.groups_needed.notify_one();
                return input(Input::GroupTaken(number));
            }
            WorkResult::Ended(conn) => return input(Input::Lost(conn)),
            WorkResult::Room(ticket, room) => {
                self.hooked = Some(room);
                (ticket, Answer::Room)
            }
            WorkResult::Prepared(ticket, Ok((prepared, size))) => {
                held.prepared.insert(ticket, prepared);
                (ticket, Answer::Prepared { size })
            }
            WorkResult::Prepared(ticket, Err(failure)) => (ticket, Answer::File(Err(failure))),
            WorkResult::Connected(ticket, Ok(stream)) => {
                (ticket, Answer::Connected { conn: held.connection(stream) })
            }
            WorkResult::Connected(ticket, Err(error)) | WorkResult::Secured(ticket, _, Err(error)) => {
                (ticket, Answer::Failed(words(&error)))
            }
            WorkResult::Arrived(listener, stream, from) => {
                if !self.cx.may_hold(&stream) {
                    return;
                }
                let conn = self.cx.held.connection(stream);
                return input(Input::Arrived { listener, conn, from });
            }
            WorkResult::Read(conn, Ok(bytes)) if !bytes.is_empty() => {
                return input(Input::Data { conn, bytes: &bytes });
            }
            WorkResult::Read(conn, Ok(_) | Err(_)) => return input(Input::Lost(conn)),
            WorkResult::Secured(ticket, conn, Ok((connection, handshake))) => {
                let (version, resumed) = (connection.tls_version(), handshake.resumed);
                tracing::debug!(version, resumed, "TLS on a data connection");
                held.give_back(conn, connection);
                (ticket, Answer::Secured(handshake))
            }
            WorkResult::Begun(ticket, Ok(begun), conn, terms) => {
                transfers::start(&mut self.cx, ticket, *begun, conn, terms);
                (ticket, Answer::Started)
            }
            WorkResult::Begun(ticket, Err(failure), ..) => {
                (ticket, transfers::not_begun(&mut self.cx, ticket, failure))
            }
            WorkResult::Moved(ticket, conn, pumped) => {
                self.uploads.note_end(pumped.stored);
                (ticket, self.transfers.moved(&mut self.cx, ticket, conn, pumped))
            }
        };
        input(Input::Answer(ticket, answer));
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
            tokio::spawn(notification.run(Arc::clone(shared), running.guard()).in_current_span());
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
                    WorkResult::Answer(ticket, Answer::Permit(answered.await.unwrap_or(false)))
                });
            }
            Permission::Never => self.cx.answer(ticket, Answer::Permit(false)),
        }
    }
}
