//! Performs what the machine asks for, and turns the results into inputs. The only file that knows
//! both vocabularies.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_io::connection::Connection;
use ftp_io::copy::Meter;
use ftp_io::hash::{self, Digester};
use ftp_io::os_error::words;
use ftp_io::{socket, tls};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::server::ask::{
    Answer, Ask, ConnId, DataTls, End, Ending, FileAsk, FileFailure, Found, Input, Terms, Ticket,
};
use ftp_proto::wire::{ByteRange, PathName, Secret};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinError, spawn_blocking};

use super::login::Client;
use super::resources::{Done, Resources};
use super::shared::Shared;
use crate::auth::{Check, Entry};
use crate::data::{Pumped, begin, pump};
use crate::limits::{Entered, Full, Left, MAX_ANONYMOUS_PORTS, Owner, Permission, SessionSlot, Turn};
use crate::operate::Running;
use crate::vfs::{Prepared, Subject, View, io_failure};

/// Performs the machine's questions and holds what comes of them.
pub(super) struct Performer {
    /// The number of the session.
    id: u64,
    shared: Arc<Shared>,
    held: Resources,
    /// What needed no wait.
    ready: VecDeque<Ready>,
    /// The place of the session among the others.
    slot: SessionSlot,
    /// TLS of the control connection and its data connections, once it has begun.
    tls: Option<Arc<tls::Session>>,
    /// The files as the account that is logged in sees them.
    view: Option<View>,
    /// Who is logged in.
    entry: Option<Arc<Entry>>,
    /// The address of the client.
    from: IpAddr,
    /// Whose shares the session counts in.
    owner: Owner,
    /// Others need the data ports of the session.
    ports_needed: Arc<Notify>,
}

/// Something for the machine that needed no wait.
#[derive(Debug)]
pub(super) enum Ready {
    /// The answer to a question.
    Answer(Ticket, Answer),
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
            view: None,
            entry: None,
            from,
            owner: Owner::new(None, from),
            ports_needed: Arc::new(Notify::new()),
        }
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
        self.ready.pop_front()
    }

    /// Waits for work that has ended. Pass it to [`Self::finish`].
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next_done(&mut self) -> Result<Done, JoinError> {
        tokio::select! {
            biased;
            () = self.ports_needed.notified() => Ok(Done::PortsNeeded),
            done = self.held.next() => done,
        }
    }

    /// Does what the machine asks, or starts it.
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Login { ticket, user, password, .. } => self.login(ticket, &user, password),
            Ask::Reserve { ticket, at } => self.reserve(ticket, at),
            Ask::Listen { ticket, reservation } => {
                let port = self.listen(ticket, reservation);
                self.answer(ticket, Answer::Port(port));
            }
            Ask::Unlisten(ticket) => self.held.unlisten(ticket),
            Ask::Release(ticket) => drop(self.held.reservations.remove(&ticket)),
            Ask::Connect { ticket, from, local, to } => self.connect(ticket, from, local, to),
            Ask::Cancel(ticket) => self.held.cancel(ticket),
            Ask::Drop { conn, how } => self.close(conn, how),
            Ask::Write { conn, bytes } => self.write(conn, &bytes),
            Ask::Read { conn, limit } => self.read(conn, limit),
            Ask::SecureData { ticket, conn, how } => self.secure(ticket, conn, how),
            // The task of the session has the control connection.
            Ask::Secure { .. } | Ask::Clear { .. } => {}
            Ask::Permit { ticket, account, target } => self.permit(ticket, &account, target),
            Ask::PermitDone { ticket, end } => {
                if let Some(slot) = self.held.proofs.remove(&ticket) {
                    slot.done(end);
                }
            }
            Ask::Prepare { ticket, path, intent } => {
                let work = self.with_files(move |view| view.prepare(&path, &intent));
                self.held.start(ticket, async move { Done::Prepared(ticket, work.await) });
            }
            Ask::Move { ticket, prepared, conn, terms } => self.transfer(ticket, (prepared, conn), terms),
            Ask::Progress { ticket, of } => {
                let moved = self.held.moves.get(&of).map_or(0, Meter::moved);
                // Nothing is synced during a transfer, so no byte is known to be durable.
                self.answer(ticket, Answer::Progress { moved, durable: 0 });
            }
            Ask::Stop(ticket) => {
                if let Some(meter) = self.held.moves.get(&ticket) {
                    meter.stop();
                }
            }
            Ask::File { ticket, ask: FileAsk::Hash { path, algorithm, range } } => {
                self.hash(ticket, path, (algorithm, range));
            }
            Ask::File { ticket, ask } => {
                let work = self.with_files(move |view| view.answer(&ask));
                self.held.start(ticket, async move { Done::Answer(ticket, Answer::File(work.await)) });
            }
        }
    }

    /// Gives the result of some work to `input`, which passes it to the machine.
    pub(super) fn finish(&mut self, done: Done, input: impl FnOnce(Input<'_>)) {
        match done {
            Done::Answer(ticket, answer) => input(Input::Answer(ticket, answer)),
            Done::Login(ticket, None) => input(Input::Answer(ticket, Answer::Login(None))),
            Done::Login(ticket, Some(entry)) => self.logged_in(ticket, &entry),
            Done::Reserved(ticket, Ok(port)) => {
                let number = port.reserved.port();
                self.held.reservations.insert(ticket, port);
                input(Input::Answer(ticket, Answer::Port(Some(number))));
            }
            Done::Reserved(ticket, Err(error)) => {
                tracing::warn!(error = words(&error), owner = %self.owner, "no data port is free");
                input(Input::Answer(ticket, Answer::Port(None)));
            }
            Done::PortsNeeded => input(Input::PortsNeeded),
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
                self.held.give_back(conn, connection);
                input(Input::Answer(ticket, Answer::Secured(handshake)));
            }
            Done::Secured(ticket, _, Err(error)) => {
                input(Input::Answer(ticket, Answer::Failed(words(&error))));
            }
            Done::Begun(ticket, Ok(begun), stream, terms) => {
                let meter = self.held.moves.get(&ticket).cloned().unwrap_or_default();
                self.held.start_transfer(async move {
                    Done::Moved(ticket, pump(begun, stream, terms, Clock::today(), meter).await)
                });
                input(Input::Answer(ticket, Answer::Started));
            }
            Done::Begun(ticket, Err(failure), stream, _) => {
                drop(stream); // it ends by reset
                self.held.moves.remove(&ticket);
                let end = End::Failed(failure);
                input(Input::Answer(ticket, Answer::Moved { bytes: 0, omitted: 0, digest: None, end }));
            }
            Done::Moved(ticket, Pumped { bytes, omitted, digest, end }) => {
                input(Input::Answer(ticket, Answer::Moved { bytes, omitted, digest, end }));
            }
        }
    }

    /// Whether there are descriptors enough to hold a data connection that has arrived. While there are
    /// few, a session holds one, and whoever has most data ports gives one back.
    fn may_hold(&self, stream: &TcpStream) -> bool {
        let shares = &self.shared.shares;
        if shares.descriptors.left(stream) < Left::ForTransfers {
            return true;
        }
        shares.ports.relieve();
        !self.held.has_connections()
    }

    /// An answer that needs no wait.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.ready.push_back(Ready::Answer(ticket, answer));
    }

    /// Checks a login. A right password without a slow hash needs no wait.
    fn login(&mut self, ticket: Ticket, user: &[u8], password: Secret) {
        let client = Client { from: self.from, private: self.tls.is_some() };
        let users = self.shared.users();
        let slot = match self.shared.shares.logins.enter(self.from, user) {
            Entered::Now(slot) => match client.judge(users.check(user, password)) {
                Check::Right(entry) => {
                    slot.right();
                    return self.logged_in(ticket, &entry);
                }
                other @ (Check::Wrong | Check::Slow(_)) => {
                    return self.held.start(ticket, client.conclude(ticket, slot, other));
                }
            },
            Entered::Later(waiting) => waiting,
        };
        let user = user.to_vec();
        self.held.start(ticket, async move {
            let slot = slot.granted().await;
            client.conclude(ticket, slot, client.judge(users.check(&user, password))).await
        });
    }

    /// The password was right. From here on the files are those of this user, unless the account has as
    /// many sessions as it may.
    fn logged_in(&mut self, ticket: Ticket, entry: &Arc<Entry>) {
        match self.slot.log_in(&entry.account.name, entry.limits) {
            Ok(()) => {
                self.owner = Owner::new(Some(&entry.account), self.from);
                self.view = Some(View::new(&entry.tree, &entry.account.access));
                self.entry = Some(Arc::clone(entry));
                self.answer(ticket, Answer::Login(Some(entry.account.clone())));
            }
            Err(full) => self.ready.push_back(Ready::End(full)),
        }
    }

    /// Reserves a data port. If none is free, others may have to give one back first.
    fn reserve(&mut self, ticket: Ticket, at: IpAddr) {
        if self.owner.is_anonymous() && self.held.reservations.len() >= MAX_ANONYMOUS_PORTS {
            return self.answer(ticket, Answer::Port(None));
        }
        let ports = Arc::clone(&self.shared.shares.ports);
        let (owner, needed) = (self.owner.clone(), Arc::clone(&self.ports_needed));
        self.held
            .start(ticket, async move { Done::Reserved(ticket, ports.reserve(at, owner, &needed).await) });
    }

    fn listen(&mut self, ticket: Ticket, reservation: Ticket) -> Option<u16> {
        let reserved = &self.held.reservations.get(&reservation)?.reserved;
        match reserved.listen() {
            Ok(listener) => {
                let port = reserved.port();
                self.held.listen(ticket, listener);
                Some(port)
            }
            Err(error) => {
                tracing::warn!(error = words(&error), at = %reserved.local(), "cannot listen on a data port");
                None
            }
        }
    }

    /// Connects to `to`; with `from`, from that reserved port or not at all (B03).
    fn connect(&mut self, ticket: Ticket, from: Option<Ticket>, local: IpAddr, to: SocketAddr) {
        let from = from.map(|from| self.held.reservations.get(&from).map(|port| Arc::clone(&port.reserved)));
        self.held.start(ticket, async move {
            let connected = match from {
                Some(Some(reserved)) => reserved.connect(to).await,
                Some(None) => Err(io::Error::other("the reserved port is gone")),
                None => socket::connect(local, to).await,
            };
            Done::Connected(ticket, connected)
        });
    }

    /// Closes a connection, even while it is being read.
    fn close(&mut self, conn: ConnId, how: Ending) {
        if let Some(stream) = self.held.remove(conn) {
            match how {
                Ending::Close => socket::end_in_order(stream.socket()),
                Ending::Reset => {}
            }
        }
    }

    /// Writes a hello or a proof. It fits into the empty buffer of a new connection; if it does not,
    /// the connection is broken, and its reader finds out.
    fn write(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(stream) = self.held.borrow(conn)
            && (stream.try_write(bytes).ok() != Some(bytes.len()) || stream.try_flush().is_err())
        {
            let _ = SockRef::from(stream.socket()).shutdown(Shutdown::Both);
        }
    }

    /// Begins TLS on a data connection. It is out of reach until that is done.
    fn secure(&mut self, ticket: Ticket, conn: ConnId, how: DataTls) {
        let (Some(connection), Some(tls)) = (self.held.take(conn), self.tls.clone()) else {
            return self.answer(ticket, Answer::Failed("the data connection is gone".to_owned()));
        };
        self.held.read(conn, async move {
            let secured = match connection.into_plain() {
                Some(stream) => tls.data(stream, how).await,
                None => Err(io::Error::other("the connection is inside TLS already")),
            };
            Done::Secured(ticket, conn, secured)
        });
    }

    fn read(&mut self, conn: ConnId, limit: usize) {
        let Some(stream) = self.held.borrow(conn) else { return };
        self.held.read(conn, async move { Done::Read(conn, read_once(&stream, limit).await) });
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

    /// The meter of a transfer, no faster than the user may be.
    fn meter(&self, prepared: &Prepared) -> Meter {
        let limiter = self.entry.as_ref().and_then(|entry| match prepared {
            Prepared::Receive(_) => entry.up.clone(),
            Prepared::Send { .. } | Prepared::List { .. } => entry.down.clone(),
        });
        Meter::limited(limiter.into_iter().collect())
    }

    /// Opens the prepared file; the transfer starts when that is done.
    fn transfer(&mut self, ticket: Ticket, (prepared, conn): (Ticket, ConnId), terms: Terms) {
        let (Some(prepared), Some(stream)) = (self.held.prepared.remove(&prepared), self.held.take(conn))
        else {
            let end = End::Broken("the data connection is gone".to_owned());
            return self.answer(ticket, Answer::Moved { bytes: 0, omitted: 0, digest: None, end });
        };
        self.held.moves.insert(ticket, self.meter(&prepared));
        let work = spawn_blocking(move || begin(prepared, terms.partial));
        self.held.start(ticket, async move {
            let begun = work.await.unwrap_or(Err(FileFailure::Other));
            Done::Begun(ticket, begun, stream, terms)
        });
    }

    fn hash(&mut self, ticket: Ticket, path: PathName, what: (Algorithm, ByteRange)) {
        let (turns, owner) = (Arc::clone(&self.shared.shares.digests), self.owner.clone());
        let subject = self.with_files(move |view| view.subject(&path));
        self.held.start(ticket, async move {
            let found = match subject.await {
                Ok(subject) => digest(subject, what, || turns.wait(owner.clone())).await,
                Err(failure) => Err(failure),
            };
            Done::Answer(ticket, Answer::File(found))
        });
    }

    /// Work on the files of the account, on a thread that may block.
    fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
    ) -> impl Future<Output = Result<T, FileFailure>> + Send + 'static {
        let view = self.view.clone();
        let (turns, owner) = (Arc::clone(&self.shared.shares.files), self.owner.clone());
        async move {
            match view {
                Some(view) => {
                    let turn = turns.wait(owner).await;
                    // The turn lasts as long as the work, also if the session ends before.
                    let work = spawn_blocking(move || {
                        let _turn = turn;
                        work(view)
                    });
                    work.await.unwrap_or(Err(FileFailure::Other))
                }
                None => Err(FileFailure::Denied),
            }
        }
    }
}

async fn read_once(stream: &Connection, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; limit];
    loop {
        match stream.try_read(&mut bytes) {
            Ok(count) => {
                bytes.truncate(count);
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.socket().readable().await?,
            Err(error) => return Err(error),
        }
    }
}

/// The digest of a file that does not change meanwhile, a part at a time, each when it has its turn.
/// Dropping the future stops the work.
async fn digest<W: Future<Output = Turn>>(
    subject: Subject,
    (algorithm, range): (Algorithm, ByteRange),
    turn: impl Fn() -> W,
) -> Result<Found, FileFailure> {
    struct StopOnDrop(Meter);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let work = StopOnDrop(Meter::default());
    let (mut file, limit) = subject.part(range)?;
    let (mut digester, mut length) = (Digester::new(algorithm), 0);
    loop {
        let part = DIGESTED_AT_ONCE.min(limit - length);
        let _turn = turn().await;
        let taken = hash::digest_part(digester, file, part, &work.0).await;
        let taken = taken.map_err(|error| io_failure(&error))?;
        (digester, file, length) = (taken.0, taken.1, length + taken.2);
        if taken.2 < part || length == limit {
            break;
        }
    }
    let hex = digester.hex();
    spawn_blocking(move || subject.unchanged()).await.unwrap_or(Err(FileFailure::Other))?;
    let range = ByteRange { first: range.first, length: Some(length) };
    Ok(Found::Digest(Digest { algorithm, hex }, range))
}

/// Bytes of a file that are digested in one turn: a fraction of a second.
const DIGESTED_AT_ONCE: u64 = 64 * 1024 * 1024;
