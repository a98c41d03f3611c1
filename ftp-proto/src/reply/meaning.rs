//! All meanings of the replies that this crate's server sends, and their codes in both dialects. Reply
//! codes of servers stand only here (dialect-1973 section 4).

use super::Code;
use crate::dialect::Dialect;

/// What a reply means. Its text is chosen where the reply is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Meaning {
    /// The greeting: the server is ready.
    Ready,
    /// The service is not available, and the session ends.
    Unavailable,
    /// USER was accepted, and a password is needed.
    NeedPassword,
    /// The login needs an account as well.
    NeedAccount,
    /// The login is complete.
    LoggedIn,
    /// The login is complete by the certificate of the client, and no password is needed.
    Recognised,
    /// The user name or the password is wrong.
    LoginWrong,
    /// There were too many failed logins, and the session ends.
    TooManyTries,
    /// The command is allowed only after the login.
    NotLoggedIn,
    /// The session ends at the user's request.
    Goodbye,
    /// The session ends when the transfer is complete.
    GoodbyeLater,
    /// REIN has reset the login and all parameters.
    Reinitialized,
    /// The command has succeeded.
    Okay,
    /// The command was accepted but has no effect here.
    Superfluous,
    /// The offset of REST was noted, and a transfer command is expected.
    RestNoted,
    /// RNFR was accepted, and RNTO is expected.
    RenameNoted,
    /// SITE CPFR was accepted, and SITE CPTO is expected.
    CopyNoted,
    /// A long command of the control connection goes on, and another reply says how it ended.
    GoesOn,
    /// The file was copied within the server.
    Copied,
    /// The number of the data socket follows.
    Socket,
    /// The server listens; the reply names the address (227; 255 in 1973).
    Passive,
    /// The server listens; the reply names the port (229; 255 in 1973).
    ExtendedPassive,
    /// The transfer starts on a connection that has just been opened.
    Started,
    /// The transfer starts on a connection that MODE B has kept after the last file.
    StartedAgain,
    /// The transfer is complete and the data connection is closed.
    Transferred,
    /// The transfer is complete and the data connection stays open for the next one (MODE B).
    TransferredKept,
    /// The file was renamed.
    Renamed,
    /// The file was deleted.
    Deleted,
    /// The operation on a directory has succeeded.
    DirectoryDone,
    /// PACK LOOK, SAME, KEEP, DROP: done, with a line for each file that was left out.
    GroupDone,
    /// The reply names a directory that was made, or the working directory.
    DirectoryName,
    /// The digest of a file, as XCRC and its relatives report it.
    FileDigest,
    /// One fact about a file, on one line (SIZE, MDTM, HASH).
    FileFact,
    /// The facts about a file, on several lines (MLST).
    FileFacts,
    /// The status of the server.
    SystemStatus,
    /// The status of a file or directory.
    FileStatus,
    /// The list of features.
    Features,
    /// The text of HELP.
    HelpText,
    /// The name of the operating system.
    SystemName,
    /// The final 200 after the lines of STAT or HELP in 1973.
    StatusEnd,
    /// ABOR has ended a transfer.
    Aborted,
    /// ABOR found nothing to end.
    NothingToAbort,
    /// PROB has found its data connection.
    Probed,
    /// The transfer was broken off: by ABOR, by the other end or by a stall.
    TransferAborted,
    /// The data connection could not be opened.
    CannotConnect,
    /// There is no such file.
    NotFound,
    /// The user has no permission for this file.
    Denied,
    /// The name cannot be used for this.
    BadName,
    /// The name exists already.
    NameTaken,
    /// The file is in use.
    FileBusy,
    /// The account has as many of these as it may; it may try again later.
    TooMany,
    /// A local error occurred before or during the transfer.
    LocalError,
    /// There is no space left.
    NoSpace,
    /// The offset of REST lies beyond the end of the file.
    RestTooFar,
    /// The verb is unknown.
    Unrecognised,
    /// The command line is too long.
    TooLong,
    /// The argument does not have the form that the verb requires.
    Syntax,
    /// The argument is missing.
    Missing,
    /// A host or socket number is out of range.
    OutOfRange,
    /// A socket number of 1973 is not a TCP port.
    NotAPort,
    /// The verb is known but not served.
    NotImplemented,
    /// The parameter is known but not served.
    ParameterNotImplemented,
    /// TYPE, REST and other parameters do not fit this transfer.
    ParametersConflict,
    /// The command is not allowed at this point of a sequence.
    BadSequence,
    /// The command is not allowed during a transfer.
    WhileTransfer,
    /// No data port is available now.
    NoPort,
    /// The policy forbids the data connection.
    Refused,
    /// The address family is not served for this.
    BadFamily,
    /// AUTH was accepted, and the handshake of TLS follows.
    TlsBegins,
    /// The security mechanism or level is refused by policy.
    SecurityDenied,
    /// TLS does not have this level of protection.
    LevelNotServed,
    /// Data connections must be private.
    DataInClear,
    /// The handshake of a data connection failed, or it did not resume the session that it must.
    NotPrivate,
}

impl Meaning {
    /// Returns the code of this meaning in a dialect.
    pub const fn code(self, dialect: Dialect) -> Code {
        let (old, new) = match self {
            Self::Ready | Self::Reinitialized => (300, 220),
            Self::Unavailable => (401, 421),
            Self::NeedPassword => (330, 331),
            Self::NeedAccount => (331, 332),
            Self::LoggedIn => (230, 230),
            Self::Recognised => (230, 232), // RFC 2228 4; in 1973 there is no TLS
            Self::LoginWrong => (431, 530),
            Self::TooManyTries => (430, 421),
            Self::NotLoggedIn => (332, 530), // RFC 542
            Self::Goodbye => (231, 221),
            Self::GoodbyeLater => (232, 221),
            Self::Okay => (200, 200),
            Self::Superfluous => (200, 202),
            Self::RestNoted | Self::RenameNoted | Self::CopyNoted => (200, 350),
            Self::GoesOn => (150, 150),
            Self::Copied => (200, 250),
            Self::Socket => (255, 255), // RFC 438 d.1
            Self::Passive => (255, 227),
            Self::ExtendedPassive => (255, 229),
            Self::Started => (250, 150), // 250 is preliminary in 1973 and final in 959
            Self::StartedAgain => (250, 125),
            Self::Transferred => (257, 226), // RFC 542: closing the data connection
            Self::TransferredKept => (252, 250), // C24
            Self::Renamed => (253, 250),
            Self::Deleted => (254, 250),
            Self::DirectoryDone | Self::GroupDone | Self::FileDigest | Self::FileFacts => (200, 250),
            Self::DirectoryName => (200, 257),
            Self::FileFact => (200, 213),
            Self::SystemStatus => (100, 211),
            Self::FileStatus => (150, 213),
            Self::Features => (200, 211),
            Self::HelpText => (200, 214),
            Self::SystemName => (200, 215),
            Self::StatusEnd => (200, 211),
            Self::Aborted => (201, 226),
            Self::NothingToAbort => (202, 225),
            Self::Probed => (200, 225),
            Self::TransferAborted => (452, 426),
            Self::CannotConnect => (454, 425), // RFC 385.12
            Self::NotFound => (450, 550),
            Self::Denied => (451, 550),
            Self::BadName => (550, 553),
            Self::NameTaken => (456, 550),
            Self::FileBusy | Self::TooMany => (455, 450),
            Self::LocalError => (455, 451),
            Self::NoSpace => (453, 552),
            Self::RestTooFar => (503, 554),
            Self::Unrecognised | Self::TooLong => (500, 500),
            Self::Syntax => (501, 501),
            Self::Missing => (502, 501),
            Self::OutOfRange => (503, 501),
            Self::NotAPort => (503, 504),
            Self::NotImplemented => (506, 502),
            Self::ParameterNotImplemented => (506, 504),
            Self::ParametersConflict => (457, 504),
            Self::BadSequence | Self::WhileTransfer => (505, 503),
            Self::NoPort => (504, 425),
            Self::Refused => (504, 504),
            Self::BadFamily => (506, 522),
            // There is no TLS in the dialect of 1973.
            Self::TlsBegins => (200, 234),
            Self::SecurityDenied => (506, 534),
            Self::LevelNotServed => (506, 536),
            Self::DataInClear => (454, 521), // RFC 2228 5.2, RFC 4217 9
            Self::NotPrivate => (454, 522),
        };
        Code(match dialect {
            Dialect::Rfc354 => old,
            Dialect::Rfc959 => new,
        })
    }
}
