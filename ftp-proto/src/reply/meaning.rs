//! Every meaning a server of this suite can give, and its digits in both dialects: the only place
//! with reply digits (dialect-1973 section 4).

use super::Code;
use crate::dialect::Dialect;

/// What a reply means. The text is chosen where it is said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Meaning {
    /// Greeting.
    Ready,
    /// The service ends this session.
    Unavailable,
    /// A password is needed.
    NeedPassword,
    /// An account is needed.
    NeedAccount,
    /// Logged in.
    LoggedIn,
    /// User or password wrong.
    LoginWrong,
    /// Too many wrong logins; the session ends.
    TooManyTries,
    /// The command needs a login.
    NotLoggedIn,
    /// Logged out, goodbye.
    Goodbye,
    /// Logged out when the transfer is done.
    GoodbyeLater,
    /// Parameters and login reset.
    Reinitialized,
    /// Done.
    Okay,
    /// Done, and it was not needed.
    Superfluous,
    /// REST noted, the transfer command is awaited.
    RestNoted,
    /// RNFR noted, RNTO is awaited.
    RenameNoted,
    /// The number of the data socket.
    Socket,
    /// Passive, with address (227; 255 in 1973).
    Passive,
    /// Extended passive (229; 255 in 1973).
    ExtendedPassive,
    /// The transfer starts on a connection that was just opened.
    Started,
    /// The transfer is complete, the data connection closed.
    Transferred,
    /// A file was renamed.
    Renamed,
    /// A file was deleted.
    Deleted,
    /// A directory operation is done.
    DirectoryDone,
    /// A directory was made, or is the working directory.
    DirectoryName,
    /// A fact of a file on one line (SIZE, MDTM, HASH).
    FileFact,
    /// Facts of a file on several lines (MLST).
    FileFacts,
    /// Status of the server.
    SystemStatus,
    /// Status of a file or directory.
    FileStatus,
    /// Features.
    Features,
    /// Help text.
    HelpText,
    /// The system's name.
    SystemName,
    /// The command before the last line of an old STAT or HELP: its final 200.
    StatusEnd,
    /// ABOR ended a transfer.
    Aborted,
    /// ABOR had nothing to end.
    NothingToAbort,
    /// The transfer was ended: by ABOR, by the peer or by a stall.
    TransferAborted,
    /// No data connection.
    CannotConnect,
    /// No such file.
    NotFound,
    /// Permission denied for a file.
    Denied,
    /// The name cannot be used for this.
    BadName,
    /// There is something of that name already.
    NameTaken,
    /// The file is in use.
    FileBusy,
    /// A local error while it moved or before.
    LocalError,
    /// No space.
    NoSpace,
    /// REST beyond the end of the file.
    RestTooFar,
    /// Verb not known.
    Unrecognised,
    /// Line too long.
    TooLong,
    /// Argument not of the verb's form.
    Syntax,
    /// Argument missing.
    Missing,
    /// A host or socket number that cannot be one.
    OutOfRange,
    /// A socket number of 1973 that is no TCP port.
    NotAPort,
    /// Verb known, not served.
    NotImplemented,
    /// Parameter known, not served.
    ParameterNotImplemented,
    /// TYPE, REST and the like do not go together with this transfer.
    ParametersConflict,
    /// Not in this order.
    BadSequence,
    /// Not while a transfer is under way.
    WhileTransfer,
    /// No data port to be had now.
    NoPort,
    /// Policy forbids the data connection.
    Refused,
    /// Address family not served for this.
    BadFamily,
}

impl Meaning {
    /// The code of this meaning in each dialect.
    pub const fn code(self, dialect: Dialect) -> Code {
        let (old, new) = match self {
            Self::Ready => (300, 220),
            Self::Unavailable => (401, 421),
            Self::NeedPassword => (330, 331),
            Self::NeedAccount => (331, 332),
            Self::LoggedIn => (230, 230),
            Self::LoginWrong => (431, 530),
            Self::TooManyTries => (430, 421),
            Self::NotLoggedIn => (332, 530), // RFC 542
            Self::Goodbye => (231, 221),
            Self::GoodbyeLater => (232, 221),
            Self::Reinitialized => (300, 220),
            Self::Okay => (200, 200),
            Self::Superfluous => (200, 202),
            Self::RestNoted => (200, 350),
            Self::RenameNoted => (200, 350),
            Self::Socket => (255, 255), // RFC 438 d.1
            Self::Passive => (255, 227),
            Self::ExtendedPassive => (255, 229),
            Self::Started => (250, 150), // 250 is preliminary in 1973 and final in 959
            Self::Transferred => (257, 226), // RFC 542: closing the data connection
            Self::Renamed => (253, 250),
            Self::Deleted => (254, 250),
            Self::DirectoryDone => (200, 250),
            Self::DirectoryName => (200, 257),
            Self::FileFact => (200, 213),
            Self::FileFacts => (200, 250),
            Self::SystemStatus => (100, 211),
            Self::FileStatus => (150, 213),
            Self::Features => (200, 211),
            Self::HelpText => (200, 214),
            Self::SystemName => (200, 215),
            Self::StatusEnd => (200, 211),
            Self::Aborted => (201, 226),
            Self::NothingToAbort => (202, 225),
            Self::TransferAborted => (452, 426),
            Self::CannotConnect => (454, 425), // RFC 385.12
            Self::NotFound => (450, 550),
            Self::Denied => (451, 550),
            Self::BadName => (550, 553),
            Self::NameTaken => (456, 550),
            Self::FileBusy => (455, 450),
            Self::LocalError => (455, 451),
            Self::NoSpace => (453, 552),
            Self::RestTooFar => (503, 554),
            Self::Unrecognised => (500, 500),
            Self::TooLong => (500, 500),
            Self::Syntax => (501, 501),
            Self::Missing => (502, 501),
            Self::OutOfRange => (503, 501),
            Self::NotAPort => (503, 504),
            Self::NotImplemented => (506, 502),
            Self::ParameterNotImplemented => (506, 504),
            Self::ParametersConflict => (457, 504),
            Self::BadSequence => (505, 503),
            Self::WhileTransfer => (505, 503),
            Self::NoPort => (504, 425),
            Self::Refused => (504, 504),
            Self::BadFamily => (506, 522),
        };
        Code(match dialect {
            Dialect::Rfc354 => old,
            Dialect::Rfc959 => new,
        })
    }
}
