//! What the machine asks for becomes work, and work that is done becomes an answer: the only file
//! that knows both vocabularies.

use std::io;
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_io::copy::Meter;
use ftp_io::{hash, socket};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::server::ask::{Answer, Ask, ConnId, End, Ending, FileAsk, FileFailure, Found, Input, Ticket};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use super::Session;
use super::held::Done;
use super::permits::Turn;
use crate::data::{begin, pump};
use crate::vfs::{Subject, View, io_failure};

impl Session {
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Login { ticket, user, password } => {
                let account = self.shared.users.login(&user, &password);
                self.view = account.as_ref().map(|account| View::new(&self.shared.root, account.read_only));
                self.answer(ticket, Answer::Login(account));
            }
            Ask::Reserve { ticket, at } => {
                let port = self.reserve(ticket, at);
                self.answer(ticket, Answer::Port(port));
            }
            Ask::Listen { ticket, reservation } => {
                let port = self.listen(ticket, reservation);
                self.answer(ticket, Answer::Port(port));
            }
            Ask::Unlisten(ticket) => self.held.unlisten(ticket),
            Ask::Release(ticket) => {
                self.held.reservations.remove(&ticket);
            }
            Ask::Connect { ticket, from, local, to } => {
                // B03: from the announced port or not at all.
                let from = from.map(|from| self.held.reservations.get(&from).cloned());
                self.held.question(ticket, async move {
                    let connected = match from {
                        Some(Some(reserved)) => reserved.connect(to).await,
                        Some(None) => Err(io::Error::other("the reserved port is gone")),
                        None => socket::connect(local, to).await,
                    };
                    Done::Connected(ticket, connected)
                });
            }
            Ask::Cancel(ticket) => self.held.cancel(ticket),
            Ask::Drop { conn, how } => self.let_go(conn, how),
            Ask::Write { conn, octets } => self.write(conn, &octets),
            Ask::Read { conn, limit } => self.read(conn, limit),
            Ask::Permit { ticket, account, target } => {
                match self.shared.permits.ask(self.id, ticket, &account, target) {
                    Turn::Now(permit) => {
                        self.held.permits.insert(ticket, permit);
                        self.answer(ticket, Answer::Permit(true));
                    }
                    Turn::Later(permit, told) => {
                        self.held.permits.insert(ticket, permit);
                        self.held.question(ticket, async move {
                            Done::Answer(ticket, Answer::Permit(told.await.unwrap_or(false)))
                        });
                    }
                    Turn::Never => self.answer(ticket, Answer::Permit(false)),
                }
            }
            Ask::PermitDone { ticket, proven } => {
                if let Some(permit) = self.held.permits.remove(&ticket) {
                    permit.done(proven);
                }
            }
            Ask::Prepare { ticket, path, intent } => {
                let work = self.with_files(move |view| view.prepare(&path, &intent));
                self.held.question(ticket, async move { Done::Prepared(ticket, work.await) });
            }
            Ask::Move { ticket, prepared, conn, data_type, partial } => {
                let (Some(prepared), Some(stream)) =
                    (self.held.prepared.remove(&prepared), self.held.take(conn))
                else {
                    let lost = End::Broken("the data connection is gone".to_owned());
                    return self.answer(ticket, Answer::Moved { octets: 0, end: lost });
                };
                self.held.moves.insert(ticket, Meter::default());
                let work = spawn_blocking(move || begin(prepared, partial));
                self.held.question(ticket, async move {
                    let begun = work.await.unwrap_or(Err(FileFailure::Other));
                    Done::Begun(ticket, begun, stream, data_type)
                });
            }
            Ask::Progress { ticket, of } => {
                let moved = self.held.moves.get(&of).map_or(0, Meter::moved);
                // Nothing is synced while it moves, so nothing more is known to be durable.
                self.answer(ticket, Answer::Progress { moved, durable: 0 });
            }
            Ask::Stop(ticket) => {
                if let Some(meter) = self.held.moves.get(&ticket) {
                    meter.stop();
                }
            }
            Ask::File { ticket, ask: FileAsk::Hash(path, algorithm) } => {
                let subject = self.with_files(move |view| view.subject(&path));
                self.held.question(ticket, async move {
                    let found = match subject.await {
                        Ok(subject) => digest(subject, algorithm).await,
                        Err(failure) => Err(failure),
                    };
                    Done::Answer(ticket, Answer::File(found))
                });
            }
            Ask::File { ticket, ask } => {
                let work = self.with_files(move |view| view.answer(&ask));
                self.held.question(ticket, async move { Done::Answer(ticket, Answer::File(work.await)) });
            }
        }
    }
}

impl Session {
    /// Work that is done becomes an input of the machine.
    pub(super) fn settle(&mut self, done: Done) {
        match done {
            Done::Answer(ticket, answer) => self.input(Input::Answer(ticket, answer)),
            Done::Prepared(ticket, Ok((prepared, size))) => {
                self.held.prepared.insert(ticket, prepared);
                self.input(Input::Answer(ticket, Answer::Prepared { size }));
            }
            Done::Prepared(ticket, Err(failure)) => {
                self.input(Input::Answer(ticket, Answer::File(Err(failure))));
            }
            Done::Connected(ticket, Ok(stream)) => {
                let conn = self.held.connection(stream);
                self.input(Input::Answer(ticket, Answer::Connected { conn }));
            }
            Done::Connected(ticket, Err(error)) => {
                self.input(Input::Answer(ticket, Answer::Failed(error.to_string())));
            }
            Done::Arrived(listener, stream, from) => {
                let conn = self.held.connection(stream);
                self.input(Input::Arrived { listener, conn, from });
            }
            Done::Read(conn, Ok(octets)) if !octets.is_empty() => {
                self.input(Input::Data { conn, octets: &octets });
            }
            Done::Read(conn, Ok(_) | Err(_)) => self.input(Input::Lost(conn)),
            Done::Begun(ticket, Ok(begun), stream, data_type) => {
                let meter = self.held.moves.get(&ticket).cloned().unwrap_or_default();
                self.held.start_move(async move {
                    let (octets, end) = pump(begun, stream, data_type, Clock::today(), meter).await;
                    Done::Moved(ticket, octets, end)
                });
                self.input(Input::Answer(ticket, Answer::Started));
            }
            Done::Begun(ticket, Err(failure), stream, _) => {
                socket::reset(stream);
                self.held.moves.remove(&ticket);
                self.input(Input::Answer(ticket, Answer::Moved { octets: 0, end: End::Failed(failure) }));
            }
            Done::Moved(ticket, octets, end) => {
                self.input(Input::Answer(ticket, Answer::Moved { octets, end }));
            }
        }
    }

    /// An answer that needs no wait. It is given when the machine has said everything it has to say.
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.ready.push_back((ticket, answer));
    }

    fn reserve(&mut self, ticket: Ticket, at: IpAddr) -> Option<u16> {
        match self.shared.ports.reserve(at) {
            Ok(reserved) => {
                let port = reserved.port();
                self.held.reservations.insert(ticket, Arc::new(reserved));
                Some(port)
            }
            Err(error) => {
                tracing::warn!(%error, %at, "no data port to be had");
                None
            }
        }
    }

    fn listen(&mut self, ticket: Ticket, reservation: Ticket) -> Option<u16> {
        let reserved = self.held.reservations.get(&reservation)?;
        match reserved.listen() {
            Ok(listener) => {
                let port = reserved.port();
                self.held.listen(ticket, listener);
                Some(port)
            }
            Err(error) => {
                tracing::warn!(%error, at = %reserved.local(), "cannot listen on a data port");
                None
            }
        }
    }

    /// Closes a connection, whatever reads it.
    fn let_go(&mut self, conn: ConnId, how: Ending) {
        if let Some(stream) = self.held.let_go(conn) {
            match how {
                Ending::Close => socket::end_in_order(&stream),
                Ending::Reset => {}
            }
        }
    }

    /// A hello or a proof fits into the empty buffer of a new connection; one that does not take it
    /// is broken, and its reader finds out.
    fn write(&mut self, conn: ConnId, octets: &[u8]) {
        if let Some(stream) = self.held.borrow(conn)
            && stream.try_write(octets).ok() != Some(octets.len())
        {
            let _ = SockRef::from(&*stream).shutdown(Shutdown::Both);
        }
    }

    fn read(&mut self, conn: ConnId, limit: usize) {
        let Some(stream) = self.held.borrow(conn) else { return };
        self.held.read(conn, async move { Done::Read(conn, read_once(&stream, limit).await) });
    }

    /// Work on the files of the account, where it blocks nobody.
    fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(View) -> Result<T, FileFailure> + Send + 'static,
    ) -> impl Future<Output = Result<T, FileFailure>> + Send + 'static {
        let work = self.view.clone().map(|view| spawn_blocking(move || work(view)));
        async {
            match work {
                Some(work) => work.await.unwrap_or(Err(FileFailure::Other)),
                None => Err(FileFailure::Denied),
            }
        }
    }
}

async fn read_once(stream: &TcpStream, limit: usize) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; limit];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut octets) {
            Ok(count) => {
                octets.truncate(count);
                return Ok(octets);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The digest of a file that does not change meanwhile. Dropping the future stops the work.
async fn digest(subject: Subject, algorithm: Algorithm) -> Result<Found, FileFailure> {
    struct StopOnDrop(Meter);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let work = StopOnDrop(Meter::default());
    let (hex, size) = hash::sha256(subject.file()?, &work.0).await.map_err(|error| io_failure(&error))?;
    spawn_blocking(move || subject.unchanged()).await.unwrap_or(Err(FileFailure::Other))?;
    Ok(Found::Digest(Digest { algorithm, hex }, size))
}
