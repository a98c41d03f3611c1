//! What the server machine asks of its driver, and what the driver answers.
//!
//! A [`Ticket`] names a question, and afterwards what came of it: the reserved port, the listener,
//! the prepared file. Tickets are never used twice; an answer to a ticket that the machine has
//! given up is ignored by rule. A [`ConnId`] names a data connection; the driver makes it.

use super::Timer;
use crate::command::{DataType, Direction, Partial};
use crate::digest::{Algorithm, Digest};
use crate::listing::Entry;
use crate::policy::{Foreign, Why};
use crate::timer::Moment;
use crate::wire::{PathName, Secret};
use std::net::{IpAddr, SocketAddr};

/// Names a question of one session and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Names one data connection of one session. Chosen by the driver, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// What goes into the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// The control connection stands: the greeting is due.
    Start,
    /// Octets of the control connection.
    Bytes(&'a [u8]),
    /// The control connection has ended or broken.
    Closed,
    /// An answer.
    Answer(Ticket, Answer),
    /// A connection was accepted at the listener of `listener`. It is held open, nothing is read.
    Arrived {
        /// The ticket of the listening.
        listener: Ticket,
        /// The new connection.
        conn: ConnId,
        /// Its other end.
        from: SocketAddr,
    },
    /// Octets that [`Ask::Read`] asked for: 1 to that many.
    Data {
        /// The connection.
        conn: ConnId,
        /// The octets.
        octets: &'a [u8],
    },
    /// A connection that was being read ([`Ask::Read`]) has ended or broken.
    Lost(ConnId),
    /// The deadline of the last [`Output::Wait`] has come.
    Timeout,
    /// The server stops: finish what moves, then close (SIGTERM).
    Shutdown,
}

/// What comes out of the machine.
#[derive(Debug)]
pub enum Output {
    /// Octets for the control connection, one reply whole.
    Send(Vec<u8>),
    /// Do this.
    Ask(Ask),
    /// Tell whoever cares.
    Event(Event),
    /// Close the control connection once everything sent is flushed; everything the session holds
    /// is released by the driver: files as [`Ask::Stop`] leaves them, data connections with a reset,
    /// so that nobody takes their end for the end of a file. Nothing comes after it.
    Close,
    /// Nothing more until an input or this moment.
    Wait(Option<Moment>),
}

/// Requests. Those with a ticket are answered under it, the others are not answered.
#[derive(Debug)]
pub enum Ask {
    /// Who is this? -> [`Answer::Login`].
    Login {
        /// The question.
        ticket: Ticket,
        /// USER's argument.
        user: Vec<u8>,
        /// PASS's argument.
        password: Secret,
    },
    /// Take a port of the passive range on the control connection's local address for this session
    /// alone, do not listen -> [`Answer::Port`]. The ticket names the reservation until
    /// [`Ask::Release`].
    Reserve {
        /// The question, then the reservation.
        ticket: Ticket,
        /// Bind here; port 0.
        at: IpAddr,
    },
    /// Listen on a reserved port; connections come as [`Input::Arrived`] -> [`Answer::Port`].
    Listen {
        /// The question, then the listener.
        ticket: Ticket,
        /// The reservation to listen on.
        reservation: Ticket,
    },
    /// Stop listening. Connections already handed over stay, those that were not are reset.
    Unlisten(Ticket),
    /// Give a reserved port back.
    Release(Ticket),
    /// One attempt to connect -> [`Answer::Connected`] or [`Answer::Failed`]. The machine retries.
    Connect {
        /// The question.
        ticket: Ticket,
        /// The reserved port to connect from (B03); `None` is any port of the local address.
        from: Option<Ticket>,
        /// Local address to bind.
        local: IpAddr,
        /// The target.
        to: SocketAddr,
    },
    /// Forget a question: its answer will be ignored, its work may stop. A connection that it has made
    /// is reset.
    Cancel(Ticket),
    /// Close a data connection, in order or with a reset.
    Drop {
        /// The connection.
        conn: ConnId,
        /// How.
        how: Ending,
    },
    /// Write these few octets to a data connection (RNDZ).
    Write {
        /// The connection.
        conn: ConnId,
        /// The octets.
        octets: Vec<u8>,
    },
    /// Read at most so many octets of a data connection, once -> [`Input::Data`] or [`Input::Lost`].
    Read {
        /// The connection.
        conn: ConnId,
        /// At most so many, so that no octet of the file is read.
        limit: usize,
    },
    /// May this session try this foreign target now (shared limits of the server)?
    /// -> [`Answer::Permit`], at once or when it is this session's turn.
    Permit {
        /// The question, then the permit until [`Ask::PermitDone`].
        ticket: Ticket,
        /// The account that asks.
        account: Vec<u8>,
        /// The target.
        target: SocketAddr,
    },
    /// How a permitted try ended.
    PermitDone {
        /// The permit.
        ticket: Ticket,
        /// Whether the other end proved itself.
        proven: bool,
    },
    /// Check that a transfer may happen, before any data connection (RFC 614.3). RETR: open for
    /// reading; STOR, APPE: resolve and check permission, touch nothing; listing: the directory
    /// exists -> [`Answer::Prepared`] or [`Answer::File`] with the failure. The ticket names what
    /// was prepared until [`Ask::Move`] uses it or [`Ask::Cancel`] drops it.
    Prepare {
        /// The question, then the prepared file.
        ticket: Ticket,
        /// The absolute path.
        path: PathName,
        /// What for.
        intent: Intent,
    },
    /// Move a prepared file over a connection, until its end -> [`Answer::Started`] once the file is
    /// open (a temporary one for STOR), then [`Answer::Moved`]. The connection is closed by then
    /// (STREAM), a received file is closed, and renamed where that is due.
    Move {
        /// The question.
        ticket: Ticket,
        /// The prepared file.
        prepared: Ticket,
        /// The connection.
        conn: ConnId,
        /// The coding.
        data_type: DataType,
        /// What becomes of the first part of a broken STOR.
        partial: Partial,
    },
    /// How far is a move? -> [`Answer::Progress`], at once.
    Progress {
        /// The question.
        ticket: Ticket,
        /// The move.
        of: Ticket,
    },
    /// Stop a move -> its [`Answer::Moved`] comes with [`End::Stopped`].
    Stop(Ticket),
    /// A question about files -> [`Answer::File`].
    File {
        /// The question.
        ticket: Ticket,
        /// What.
        ask: FileAsk,
    },
}

/// What a transfer is to do with its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// RETR from this offset.
    Send {
        /// Octets to skip.
        offset: u64,
    },
    /// STOR: a new file in place of the old, atomically.
    Replace,
    /// STOR after REST n (n > 0): in place from there.
    WriteAt {
        /// Where.
        offset: u64,
    },
    /// APPE: in place at the end, created when absent.
    Append,
    /// LIST, NLST, MLSD.
    List(ListStyle),
}

impl Intent {
    /// Which way the octets go, seen from this server.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Send { .. } | Self::List(_) => Direction::Send,
            Self::Replace | Self::WriteAt { .. } | Self::Append => Direction::Receive,
        }
    }
}

/// How a listing is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListStyle {
    /// `ls -l` lines.
    Long,
    /// Names, prefixed with the argument's directory so that RETR takes them (E19).
    Names {
        /// What to put before each name: empty or `dir/`.
        prefix: Vec<u8>,
    },
    /// MLSD with these facts (all when `None`).
    Facts(Option<Vec<String>>),
}

/// How to close a data connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// In order (FIN).
    Close,
    /// At once (RST): never taken for an end of file.
    Reset,
}

/// Questions about files. All paths are absolute and normalised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileAsk {
    /// Facts of one entry -> [`Found::Entry`].
    Facts(PathName),
    /// Facts of a directory's entries for STAT on the control connection, at most so many
    /// -> [`Found::Entries`].
    List(PathName, usize),
    /// Is this a directory that may be entered? -> [`Found::Done`].
    Enter(PathName),
    /// Make a directory -> [`Found::Done`].
    MakeDirectory(PathName),
    /// Remove an empty directory -> [`Found::Done`].
    RemoveDirectory(PathName),
    /// Remove a file -> [`Found::Done`].
    Remove(PathName),
    /// Does it exist, so that it may be renamed? -> [`Found::Done`].
    RenameFrom(PathName),
    /// Rename; an existing regular file at the target is replaced atomically -> [`Found::Done`].
    Rename {
        /// From.
        from: PathName,
        /// To.
        to: PathName,
    },
    /// Digest of a whole file -> [`Found::Digest`].
    Hash(PathName, Algorithm),
}

/// Answers.
#[derive(Debug)]
pub enum Answer {
    /// To [`Ask::Login`]: the account, or nobody.
    Login(Option<Account>),
    /// To [`Ask::Reserve`] and [`Ask::Listen`]: the port, or none to be had.
    Port(Option<u16>),
    /// To [`Ask::Connect`]: connected, from that local port.
    Connected {
        /// The connection.
        conn: ConnId,
    },
    /// To [`Ask::Connect`]: this attempt failed (words for the log, never for the peer under
    /// `proven`).
    Failed(String),
    /// To [`Ask::Permit`]: a SYN may be sent; or the limits forbid it and the wait goes on silently.
    Permit(bool),
    /// To [`Ask::Prepare`].
    Prepared {
        /// The file's size, where it is one to send.
        size: Option<u64>,
    },
    /// To [`Ask::Move`], first: the file is open, octets move.
    Started,
    /// To [`Ask::Move`], last (also without [`Answer::Started`] when the file could not be opened).
    Moved {
        /// Octets of the file moved.
        octets: u64,
        /// How it ended.
        end: End,
    },
    /// To [`Ask::Progress`].
    Progress {
        /// Octets moved.
        moved: u64,
        /// Octets known to be on stable storage.
        durable: u64,
    },
    /// To [`Ask::File`], and to [`Ask::Prepare`] when it fails.
    File(Result<Found, FileFailure>),
}

/// What a question about files found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Done, nothing to tell.
    Done,
    /// One entry.
    Entry(Entry),
    /// Entries, and whether there were more.
    Entries(Vec<Entry>, bool),
    /// A digest and the size it was taken over.
    Digest(Digest, u64),
}

/// How a move ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Whole: sent and closed in order, or received to the peer's orderly end, closed and named.
    Whole,
    /// The connection broke (reset): never a whole file (E10).
    Broken(String),
    /// [`Ask::Stop`] stopped it.
    Stopped,
    /// The local file failed.
    Failed(FileFailure),
}

/// Why a file operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum FileFailure {
    /// No such file or directory.
    #[error("No such file or directory")]
    NotFound,
    /// Not allowed.
    #[error("Permission denied")]
    Denied,
    /// The account may only read.
    #[error("This account may only read")]
    ReadOnly,
    /// A directory where a file is needed.
    #[error("Is a directory")]
    IsDirectory,
    /// A file where a directory is needed.
    #[error("Not a directory")]
    NotDirectory,
    /// Device, FIFO, socket.
    #[error("Not a regular file")]
    NotRegular,
    /// A directory that is not empty.
    #[error("Directory not empty")]
    NotEmpty,
    /// Exists already.
    #[error("File exists")]
    Exists,
    /// A name that is reserved, too long, or leads outside.
    #[error("Name not allowed")]
    BadName,
    /// In use by a writer.
    #[error("File is in use")]
    Busy,
    /// REST beyond the end.
    #[error("Restart point beyond the end of the file")]
    BeyondEnd,
    /// Disk or quota full.
    #[error("No space left")]
    NoSpace,
    /// It was replaced or changed under the operation.
    #[error("File changed during the operation")]
    Changed,
    /// Anything else.
    #[error("Local error")]
    Other,
}

/// Who has logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The name.
    pub name: Vec<u8>,
    /// Never names a foreign host.
    pub anonymous: bool,
    /// Writes are refused.
    pub read_only: bool,
    /// This account's foreign policy.
    pub foreign: Foreign,
}

/// What a log, a metric or a test may want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A line arrived, masked.
    Command(String),
    /// A reply left: its first line.
    Replied(String),
    /// Logged in.
    LoggedIn {
        /// The account.
        name: Vec<u8>,
    },
    /// A login failed.
    LoginFailed {
        /// The name given.
        name: Vec<u8>,
    },
    /// Policy refused.
    Refused {
        /// Why.
        why: Why,
        /// The address.
        address: SocketAddr,
    },
    /// A stranger was closed at a listener.
    Stranger {
        /// Its address.
        from: SocketAddr,
    },
    /// A wait ended by its timer.
    TimedOut(Timer),
    /// A transfer ended.
    Transfer {
        /// The path.
        path: PathName,
        /// Which way.
        direction: Direction,
        /// Octets.
        octets: u64,
        /// The other end.
        peer: Option<SocketAddr>,
        /// Whether whole.
        whole: bool,
    },
}
