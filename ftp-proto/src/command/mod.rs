//! Commands as types: what a line means before anybody acts on it.
//!
//! [`parse`] makes a [`Command`] of a line, [`Command::to_line`] the reverse. The rules that hold
//! for a verb whatever its argument is (who may say it when) are data in [`verbs`].

mod parse;
mod verb_of;
pub mod verbs;
mod write;

pub use parse::{CommandError, Fault, parse};
pub use verbs::{VERBS, Verb};

use crate::address::SockTarget;
use crate::digest::{Algorithm, XDigest};
use crate::rendezvous::RendezvousSecret;
use crate::wire::{PathName, Secret};
use std::net::{SocketAddr, SocketAddrV4};

/// One command with its argument parsed. One variant for each verb of [`VERBS`] that this suite
/// serves or sends; the others are [`Command::Other`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// USER name (RFC 354, 959).
    User(Vec<u8>),
    /// PASS password.
    Pass(Secret),
    /// ACCT account.
    Acct(Secret),
    /// REIN: back to the greeting (RFC 454).
    Rein,
    /// QUIT, BYE.
    Quit,
    /// TYPE.
    Type(DataType),
    /// MODE.
    Mode(Mode),
    /// STRU.
    Stru(Structure),
    /// BYTE size of the data connection (RFC 354).
    Byte(u8),
    /// SOCK: the foreign data socket (RFC 354, 438).
    Sock(SockTarget),
    /// LSTN: allocate a listening data socket (RFC 438).
    Lstn(Direction),
    /// PASV (RFC 478, 959).
    Pasv,
    /// ACTV: undo PASV (RFC 607, 614).
    Actv,
    /// GSOC: assign the data socket and say its number (RFC 430, 463).
    Gsoc,
    /// PORT (RFC 959).
    Port(SocketAddrV4),
    /// EPRT (RFC 2428).
    Eprt(SocketAddr),
    /// EPRT with a protocol number that is neither 1 nor 2 (answered 522).
    EprtUnknown(u32),
    /// EPSV (RFC 2428).
    Epsv(Epsv),
    /// RNDZ: rendezvous secret of the next data connection; `None` forgets it.
    Rndz(Option<RendezvousSecret>),
    /// PRET: what the next PASV is for, said by the user agent only; the server reads it as
    /// [`Command::Other`].
    Pret(Box<Self>),
    /// RETR path (RTRV in RFC 478's figure).
    Retr(PathName),
    /// STOR path.
    Stor(PathName),
    /// APPE path.
    Appe(PathName),
    /// REST: octets to skip (RFC 3659).
    Rest(u64),
    /// LIST \[path\].
    List(Option<PathName>),
    /// NLST \[path\].
    Nlst(Option<PathName>),
    /// MLSD \[path\] (RFC 3659).
    Mlsd(Option<PathName>),
    /// MLST \[path\] (RFC 3659).
    Mlst(Option<PathName>),
    /// SIZE path (RFC 3659).
    Size(PathName),
    /// MDTM path (RFC 3659).
    Mdtm(PathName),
    /// HASH path (draft-ietf-ftpext2-hash).
    Hash(PathName),
    /// XMD5 path and the like; the server reads them as [`Command::Other`].
    XDigest(XDigest, PathName),
    /// RNFR path.
    Rnfr(PathName),
    /// RNTO path.
    Rnto(PathName),
    /// DELE path.
    Dele(PathName),
    /// MKD, XMKD path.
    Mkd(PathName),
    /// RMD, XRMD path.
    Rmd(PathName),
    /// CWD, XCWD path.
    Cwd(PathName),
    /// CDUP, XCUP.
    Cdup,
    /// PWD, XPWD.
    Pwd,
    /// ABOR.
    Abor,
    /// STAT \[path\].
    Stat(Option<PathName>),
    /// NOOP.
    Noop,
    /// ALLO octets.
    Allo(u64),
    /// SYST.
    Syst,
    /// HELP \[verb\].
    Help(Option<Vec<u8>>),
    /// FEAT (RFC 2389).
    Feat,
    /// OPTS (RFC 2389).
    Opts(Opts),
    /// A verb of the table without a command of its own: its argument as it came.
    Other(Verb, Vec<u8>),
}

/// TYPE's argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DataType {
    /// `A` and `A N`: lines end with CR LF on the wire.
    Ascii,
    /// `I`: octets as they are.
    Image,
    /// `L 8`: the same as image here.
    Local8,
    /// Any other that the RFCs define (E, P, F, `A T`, `A C`, `L n`): legal, not served.
    Unserved,
}

/// MODE's argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// `S`: the end of the connection is the end of the file.
    Stream,
    /// `B`, `C`, `T`, `H`, `E`, `Z`: legal, not served yet.
    Unserved(u8),
}

/// STRU's argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Structure {
    /// `F`.
    File,
    /// `R`, `P`: legal, not served.
    Unserved(u8),
}

/// Which way this server's octets go, as LSTN says it (RFC 438).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// `S`: this server will send (RETR, LIST, NLST, MLSD).
    Send,
    /// `R`: this server will receive (STOR, APPE).
    Receive,
}

/// EPSV's argument (RFC 2428 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Epsv {
    /// No argument: the family of the control connection.
    Same,
    /// `1`.
    V4,
    /// `2`.
    V6,
    /// `ALL`: from now on only EPSV.
    All,
    /// A protocol number that nobody serves (answered 522).
    Unknown(u32),
}

/// OPTS's argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opts {
    /// `OPTS UTF8 [ON]`.
    Utf8,
    /// `OPTS HASH [alg]`.
    Hash(Option<Algorithm>),
    /// `OPTS MLST fact;fact;`: the facts as they came, lower case.
    Mlst(Vec<String>),
    /// `OPTS STOR PARTIAL KEEP|DISCARD`.
    Partial(Partial),
    /// Anything else.
    Unknown(Vec<u8>),
}

/// What becomes of the first part of a broken STOR (extensions, "Names under way").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Partial {
    /// Published under a target name that did not exist; the default.
    #[default]
    Publish,
    /// Written under the target's name from the start.
    Keep,
    /// Never published.
    Discard,
}

impl Direction {
    /// The letter of LSTN and of the RNDZ role.
    pub const fn letter(self) -> char {
        match self {
            Self::Send => 'S',
            Self::Receive => 'R',
        }
    }
}

impl Command {
    /// Whether this command uses a data connection, so that it is answered twice: by a preliminary
    /// reply and by a final one.
    pub const fn is_transfer(&self) -> bool {
        matches!(
            self,
            Self::Retr(_) | Self::Stor(_) | Self::Appe(_) | Self::List(_) | Self::Nlst(_) | Self::Mlsd(_)
        )
    }
}
