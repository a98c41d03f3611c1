//! What the server machine asks of its driver, and what the driver answers.
//!
//! A [`Ticket`] names a question, and afterwards what came of it: the reserved port, the listener,
//! the prepared file. The machine never uses a ticket twice, and it ignores an answer to a ticket that
//! it has given up. A [`ConnId`] names a data connection; the driver makes it.

mod event;
mod files;

pub use crate::shared::proofs::TryEnd;
pub use event::{Account, Carried, End, Event, TransferFailure};
pub use files::{FileAnswer, FileAsk, FileFailure, FileIdentity, Intent, ListStyle, Uploading};

use crate::address::Parity;
use crate::command::{DataType, GroupNumber, Mode, Partial, Rate};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::timer::Moment;
use crate::wire::{Fingerprint, PathName, Secret, TransferId};
use std::net::{IpAddr, SocketAddr};

/// Names a question of one session, and afterwards what came of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Names one data connection of one session. The driver chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// What goes into the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// The control connection is there, and the greeting is due.
    Start,
    /// Bytes of the control connection.
    Bytes(&'a [u8]),
    /// The control connection has broken, or has ended in order and nothing is to be said about it. A
    /// transfer that DETA has let outlive it goes on
    /// ([`Session::is_detached`](crate::server::Session::is_detached)), also after [`Self::HungUp`].
    Closed,
    /// The client has ended the control connection in order, so nothing more comes from it. A file that is
    /// being received from its own host is received to its end (A24). Everything else ends as after
    /// [`Self::Closed`].
    HungUp,
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// A listener has accepted a connection. The driver holds it open and reads nothing from it.
    Arrived {
        /// The ticket of [`Ask::Listen`].
        listener: Ticket,
        /// The new connection.
        conn: ConnId,
        /// The address of its other end.
        from: SocketAddr,
    },
    /// Bytes that [`Ask::Read`] asked for: at least one, and not more than its limit.
    Data {
        /// The connection that was read.
        conn: ConnId,
        /// What was read.
        bytes: &'a [u8],
    },
    /// A connection that was being read ([`Ask::Read`]), or that is kept between two files
    /// ([`Answer::Moved`]), was ended by its other end or has broken.
    Lost(ConnId),
    /// The deadline of the last [`Output::Wait`] has come.
    Timeout,
    /// Others need the data ports of this session: it gives back those that it listens at or has
    /// reserved, as soon as no file moves. A transfer that still waits for its peer there fails.
    PortsNeeded,
    /// Others need the data connections that this session keeps between two files: it closes them.
    ConnectionsNeeded,
    /// The driver has removed a group that waited for its names, because others need its place.
    GroupTaken(GroupNumber),
    /// The server stops (SIGTERM). A session that moves or digests a file, or did so just before
    /// ([`Timeouts::stopping`](crate::server::Timeouts::stopping)), still takes commands, so that a client
    /// can verify and rename what it has stored; a new transfer is refused with 421. All others end.
    Shutdown,
    /// The driver ends the session at once: a limit was reached, or the account is gone. The text is what
    /// the client is told (421).
    End(&'a str),
}

/// What comes out of the machine.
#[derive(Debug)]
pub enum Output {
    /// Bytes for the control connection: one whole reply.
    Send(Vec<u8>),
    /// A request to the driver.
    Ask(Ask),
    /// Something that a log may want to know.
    Event(Event),
    /// Close the control connection once everything has been sent, and release all that the session holds:
    /// moves as after [`Ask::Stop`], data connections with a reset, so that no peer takes their end for the
    /// end of a file; those that are kept between two files in order. Nothing comes after it.
    Close,
    /// There is nothing more until an input or until this moment.
    Wait(Option<Moment>),
}

/// A request to the driver. Those with a ticket are answered under it; the others are not answered.
#[derive(Debug)]
pub enum Ask {
    /// Check a user's password -> [`Answer::Login`].
    Login {
        /// Names the question.
        ticket: Ticket,
        /// The argument of USER.
        user: Vec<u8>,
        /// The argument of PASS.
        password: Secret,
        /// The certificate that the client has shown on the control connection.
        certificate: Option<Fingerprint>,
    },
    /// Say whether USER alone logs in, by the certificate that the client has shown on the control
    /// connection (RFC 4217 12.3) -> [`Answer::Login`]. If it does not, a password follows.
    Recognise {
        /// Names the question.
        ticket: Ticket,
        /// The argument of USER.
        user: Vec<u8>,
        /// The certificate that the client has shown.
        certificate: Fingerprint,
    },
    /// The user was logged out (USER, REIN, AUTH): the session counts as one without a login.
    LogOut,
    /// Remove a group of small files that is held under this number: its time is over (PACK).
    DropGroup(GroupNumber),
    /// Tell how far the limits of the server are used, for STAT of an account that may see it
    /// -> [`Answer::Limits`].
    Limits(Ticket),
    /// Reserve a port of the passive range for this session, without listening on it
    /// -> [`Answer::Port`].
    Reserve {
        /// Names the question, then the reservation until [`Ask::Release`].
        ticket: Ticket,
        /// The local address to bind.
        at: IpAddr,
        /// Which numbers will do.
        parity: Parity,
    },
    /// Reserve two ports of the passive range in the same way, an even one and the next one -> the even
    /// one in [`Answer::Port`]. Each is released by its own [`Ask::Release`].
    ReservePair {
        /// Names the question, then the reservation of the even port.
        ticket: Ticket,
        /// Names the reservation of the odd port.
        odd: Ticket,
        /// The local address to bind.
        at: IpAddr,
    },
    /// Listen on a reserved port -> [`Answer::Port`]. Connections come as [`Input::Arrived`].
    Listen {
        /// Names the question, then the listener until [`Ask::Unlisten`].
        ticket: Ticket,
        /// The reservation of the port.
        reservation: Ticket,
        /// Whether connections are made from the same port at the same time (RSYM).
        connects: bool,
    },
    /// Stop listening. Connections that were handed over stay; the others are reset.
    Unlisten(Ticket),
    /// Give a reserved port back.
    Release(Ticket),
    /// Make one attempt to connect -> [`Answer::Connected`] or [`Answer::Failed`]. The machine retries.
    Connect {
        /// Names the question.
        ticket: Ticket,
        /// The reserved port to connect from (B03); `None` is any port of the local address.
        from: Option<Ticket>,
        /// The local address to bind.
        local: IpAddr,
        /// The target of the connection.
        to: SocketAddr,
    },
    /// Give a question up: its work may stop, and its answer is ignored. A connection that it has made
    /// is reset.
    Cancel(Ticket),
    /// Close a data connection. A handshake on it ends without an answer.
    Drop {
        /// The connection to close.
        conn: ConnId,
        /// How to close it.
        how: Ending,
    },
    /// Write a few bytes to a data connection (RNDZ).
    Write {
        /// The connection to write to.
        conn: ConnId,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// Read from a data connection once -> [`Input::Data`] or [`Input::Lost`].
    Read {
        /// The connection to read from.
        conn: ConnId,
        /// Maximum number of bytes. What follows them belongs to the file.
        limit: usize,
    },
    /// Ask the limits that all sessions share whether this foreign target may be tried
    /// -> [`Answer::Permit`], as soon as it is this session's turn.
    Permit {
        /// Names the question, then the permit until [`Ask::PermitDone`].
        ticket: Ticket,
        /// The account that asks.
        account: Vec<u8>,
        /// The target to be tried.
        target: SocketAddr,
    },
    /// A permitted try has ended.
    PermitDone {
        /// The permit of the try.
        ticket: Ticket,
        /// How the try ended.
        end: TryEnd,
    },
    /// A foreign host that has connected to a listener has proven itself: the limits of tries count what the
    /// account has given up at that host no more.
    PeerProven {
        /// The account to which it has proven itself.
        account: Vec<u8>,
        /// The address of that host.
        peer: IpAddr,
    },
    /// Take room for the hooks after these uploads -> [`Answer::Room`], as soon as there is some. It is asked only where
    /// [`Config::has_hooks`](crate::server::Config::has_hooks) says so. What the command does not use is given back.
    Room {
        /// Names the question.
        ticket: Ticket,
        /// What is uploaded.
        of: Uploading,
    },
    /// Check that a transfer is possible, before there is a data connection (RFC 614.3). For RETR, open
    /// the file; for STOR and APPE, check the path and the permission and touch nothing; for a listing,
    /// open the directory -> [`Answer::Prepared`], or [`Answer::File`] with the failure.
    Prepare {
        /// Names the question, then what was prepared until [`Ask::Move`] or [`Ask::Cancel`].
        ticket: Ticket,
        /// The absolute path of the file or directory.
        path: PathName,
        /// What the transfer is to do with it.
        intent: Intent,
    },
    /// Move what was prepared over a connection, to the end -> [`Answer::Started`] once the file is
    /// open, then [`Answer::Moved`]. By then the connection is closed or kept, and a received file is
    /// closed and has its final name.
    Move {
        /// Names the question, then the move.
        ticket: Ticket,
        /// The ticket of [`Ask::Prepare`].
        prepared: Ticket,
        /// The connection to use.
        conn: ConnId,
        /// How the bytes move.
        terms: TransferTerms,
    },
    /// Ask how far a move is -> [`Answer::Progress`], at once.
    Progress {
        /// Names the question.
        ticket: Ticket,
        /// The ticket of [`Ask::Move`].
        of: Ticket,
    },
    /// The client of a move that receives a file has gone, and may have been killed. Then the end of the data
    /// connection is the end of the file only if exactly this many bytes have moved; otherwise the move
    /// ends with [`End::Broken`].
    Doubt {
        /// The ticket of [`Ask::Move`].
        of: Ticket,
        /// What ALLO has announced; `None` if it has announced nothing.
        unless: Option<u64>,
    },
    /// Stop a move. Its [`Answer::Moved`] comes with [`End::Stopped`].
    Stop(Ticket),
    /// Send these last bytes in clear, then begin TLS on the control connection as its server
    /// -> [`Answer::Secured`] or [`Answer::Failed`]. Nothing that has come in clear and was not read yet
    /// may be read any more: anybody could have sent it.
    Secure {
        /// Names the question.
        ticket: Ticket,
        /// What is still sent in clear.
        last: Vec<u8>,
    },
    /// Send these last bytes inside TLS, end TLS on the control connection and wait until the client has
    /// ended it too -> [`Answer::Cleared`] or [`Answer::Failed`]. What is read afterwards is in clear.
    Clear {
        /// Names the question.
        ticket: Ticket,
        /// What is still sent inside TLS.
        last: Vec<u8>,
    },
    /// Begin TLS on a data connection -> [`Answer::Secured`] or [`Answer::Failed`]. What is read, written
    /// and moved afterwards is inside TLS.
    SecureData {
        /// Names the question.
        ticket: Ticket,
        /// The connection to begin on.
        conn: ConnId,
        /// How the handshake goes.
        how: DataTls,
    },
    /// Take a place among the transfers of this account that may outlive their control connection, for the next
    /// one of this session -> [`Answer::Detach`]. It takes the place of the last one that has not begun.
    Detach {
        /// Names the question.
        ticket: Ticket,
        /// The name of the transfer, afterwards that of [`TransferTerms::detach`].
        id: TransferId,
    },
    /// Ask how far such a transfer of this account is -> [`Answer::Detached`].
    Detached {
        /// Names the question.
        ticket: Ticket,
        /// The name of the transfer.
        id: TransferId,
        /// Whether it is to end: its move is stopped.
        stop: bool,
    },
    /// Ask something about files -> [`Answer::File`].
    File {
        /// Names the question.
        ticket: Ticket,
        /// The question itself.
        ask: FileAsk,
    },
}

/// How the handshake of a data connection goes. Either end shows the certificate of the control
/// connection (extensions, "PINC").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DataTls {
    /// The role of this server.
    pub role: TlsRole,
    /// Whether the TLS session of the control connection may be resumed. If not, nothing can be resumed
    /// later either: there are no tickets.
    pub resumes: bool,
    /// Whether the machine compares the other end's certificate. Then any certificate is accepted whose
    /// key has signed the handshake, and a server demands one. If not, a client verifies the chain and
    /// the address by its roots, and a server demands none.
    pub pinned: bool,
}

/// The role of this server in the TLS of a data connection. It never follows from who has connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TlsRole {
    /// As on the control connection.
    Server,
    /// After SSCN ON or CPSV.
    Client,
}

/// What a handshake of TLS has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// The certificate of the other end, if it has shown one.
    pub leaf: Option<Fingerprint>,
    /// Whether it has resumed the session of the control connection.
    pub resumed: bool,
    /// The exporter of the connection (RFC 9266). Both ends have the same; a host between them has another.
    pub exporter: [u8; 32],
}

/// How to close a data connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// In order, with a FIN.
    Close,
    /// At once, with a reset, which no peer takes for the end of a file.
    Reset,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// To [`Ask::Login`] and [`Ask::Recognise`]: the account, or `None` if the login is refused.
    Login(Option<Account>),
    /// To [`Ask::Limits`]: a line for each limit.
    Limits(Vec<String>),
    /// To [`Ask::Reserve`], [`Ask::ReservePair`] and [`Ask::Listen`]: the port, or `None` if there is none.
    Port(Option<u16>),
    /// To [`Ask::Connect`]: the connection is there.
    Connected {
        /// The new connection.
        conn: ConnId,
    },
    /// To [`Ask::Secure`] and [`Ask::SecureData`]: the handshake is done.
    Secured(Handshake),
    /// To [`Ask::Clear`]: the control connection is in clear.
    Cleared,
    /// To [`Ask::Connect`]: this attempt failed; to [`Ask::Secure`] and [`Ask::SecureData`]: the handshake
    /// has failed. The machine drops what is left of the connection. The text is for the log; under the
    /// policy `proven` no client may see it.
    Failed(String),
    /// To [`Ask::Permit`]: whether the target may be tried. If not, the machine waits in silence.
    Permit(bool),
    /// To [`Ask::Room`]: there is room.
    Room,
    /// To [`Ask::Prepare`]: the transfer is possible.
    Prepared {
        /// The size of the file to send, in bytes; `None` if there is none.
        size: Option<u64>,
    },
    /// To [`Ask::Move`], first: the file is open and bytes move.
    Started,
    /// To [`Ask::Move`], last. It comes without [`Answer::Started`] if the file could not be opened.
    Moved {
        /// How many bytes of the file have moved.
        bytes: u64,
        /// Whether the connection stays open under its name, for another [`Ask::Move`] or until
        /// [`Ask::Drop`]. Only [`TransferTerms::keep`] permits it, and only after a whole file. Nothing is
        /// read from it meanwhile, because the peer may have begun to send the next file; [`Input::Lost`]
        /// tells its end.
        kept: bool,
        /// How the move ended.
        end: End,
    },
    /// To [`Ask::Progress`]: how far the move is.
    Progress {
        /// How many bytes have moved.
        moved: u64,
        /// How many of them are known to be on stable storage.
        durable: u64,
    },
    /// To [`Ask::Detach`]: whether there is a place.
    Detach(bool),
    /// To [`Ask::Detached`]: how far it was; `None` if the account has no transfer of this name.
    Detached(Option<DetachedTransfer>),
    /// To [`Ask::File`], and to [`Ask::Prepare`] if it fails.
    File(Result<FileAnswer, FileFailure>),
}

/// How far a transfer is that may outlive its control connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DetachedTransfer {
    /// How many bytes have moved.
    pub moved: u64,
    /// How many of them are known to be on stable storage.
    pub durable: u64,
    /// Whether it goes on.
    pub state: DetachedState,
}

/// Whether a transfer goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DetachedState {
    /// Its bytes do not move yet.
    Waiting,
    /// Its bytes move.
    Moving,
    /// The file is whole.
    Whole,
    /// The file is not whole; the text says why.
    Failed(String),
}

/// How the bytes of a file move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferTerms {
    /// How the bytes are coded on the connection.
    pub data_type: DataType,
    /// How the connection is structured.
    pub mode: Mode,
    /// Whether the connection may carry another file after this one, so that it need not be closed (MODE B).
    pub keep: bool,
    /// Whose blocks those of MODE B are.
    pub dialect: Dialect,
    /// What becomes of the first part of a broken STOR.
    pub partial: Partial,
    /// The digest that is computed while they move (DGST).
    pub digest: Option<Algorithm>,
    /// The name of the transfer, if it may outlive its control connection (DETA).
    pub detach: Option<TransferId>,
    /// How fast it is at most (RATE). What the account may move is a limit of its own, and the smaller one holds.
    pub rate: Option<Rate>,
    /// Whether a file that is received inside TLS must end with close_notify.
    pub close_notify: CloseNotify,
}

/// Whether an upload inside TLS must end with close_notify (F11). Anybody on the way can end a TCP connection, so
/// without it a cut file looks whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CloseNotify {
    /// An upload without it is cut short.
    #[default]
    Required,
    /// The user's own host may end the connection without it. Another server may not.
    Optional,
}
