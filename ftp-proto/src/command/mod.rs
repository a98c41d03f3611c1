//! Commands as types: what a line means, before anything is done about it.
//!
//! [`parse`] turns a line into a [`Command`], and [`Command::to_line`] does the reverse. The rules of a
//! verb that do not depend on its argument, such as whether it needs a login, are data in [`verbs`].

mod digests;
mod extension;
mod gridftp;
mod pack;
mod parse;
mod site;
pub mod verbs;
mod write;

pub use digests::{DigestCommand, XDigest};
pub use extension::{Detached, Extension, Practice, Rate, RateGroup};
pub use gridftp::GridFtp;
pub use pack::{FileNumbers, FileToSend, FileToStore, GroupNumber, Pack};
pub use parse::{CommandError, Fault, parse};
pub use site::{NewFact, Site};
pub use verbs::{VERBS, Verb};

use crate::address::SockTarget;
use crate::digest::Algorithm;
use crate::wire::{ByteRange, Fingerprint, PathName, RendezvousSecret, Secret};
use std::net::{SocketAddr, SocketAddrV4};

/// One command with its argument parsed. Each verb of [`VERBS`] that this crate serves or sends has a
/// variant; the others are [`Command::Other`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Command {
    /// USER: the user name (RFC 354, RFC 959).
    User(Vec<u8>),
    /// PASS: the password (RFC 354, RFC 959).
    Pass(Secret),
    /// ACCT: the account (RFC 385, RFC 959).
    Acct(Secret),
    /// REIN: back to the state after the greeting (RFC 454, RFC 959).
    Rein,
    /// QUIT, or BYE in 1973 (RFC 354): end the session.
    Quit,
    /// TYPE: how the bytes of files travel (RFC 354, RFC 959).
    Type(DataType),
    /// MODE: how the data connection is structured (RFC 354, RFC 959).
    Mode(Mode),
    /// STRU: the structure of files (RFC 354, RFC 959).
    Stru(Structure),
    /// BYTE: the byte size of the data connection, in bits (RFC 354).
    Byte(u8),
    /// SOCK: the data socket of the other end (RFC 354, RFC 438).
    Sock(SockTarget),
    /// LSTN: listen for a data connection (RFC 438).
    Lstn(Direction),
    /// PASV: listen for a data connection, once (RFC 478, RFC 959).
    Pasv,
    /// ACTV: undo PASV (RFC 607, RFC 614).
    Actv,
    /// GSOC: reserve the data socket and report its number (RFC 430, RFC 463).
    Gsoc,
    /// PORT: connect to this address (RFC 959).
    Port(SocketAddrV4),
    /// EPRT: connect to this address, of any family (RFC 2428).
    Eprt(SocketAddr),
    /// EPRT with a protocol number other than 1 and 2, which is answered with 522.
    EprtUnknown(u32),
    /// EPSV: listen and report only the port (RFC 2428).
    Epsv(Epsv),
    /// RNDZ: the rendezvous secret of the next data connection; `None` clears it.
    Rndz(Option<RendezvousSecret>),
    /// PRET: the transfer command that will follow the next PASV.
    Pret(Box<Self>),
    /// RETR: send this file (RTRV in a figure of RFC 478).
    Retr(PathName),
    /// STOR: receive this file (RFC 354, RFC 959).
    Stor(PathName),
    /// APPE: receive bytes and append them to this file (RFC 354, RFC 959).
    Appe(PathName),
    /// REST: the number of bytes to skip at the start of the file (RFC 3659).
    Rest(u64),
    /// STOU: receive this file under a name that the server chooses (RFC 959).
    Stou,
    /// LIST: list a directory or file in the server's own format (RFC 354, RFC 959).
    List(Option<PathName>),
    /// NLST: list only the names in a directory (RFC 354, RFC 959).
    Nlst(Option<PathName>),
    /// LIST -a: list a directory with the names that begin with a dot, which some servers leave out otherwise (vsftpd).
    ListAll(Option<PathName>),
    /// NLST -a: the same with only the names.
    NlstAll(Option<PathName>),
    /// MLSD: list a directory as facts (RFC 3659).
    Mlsd(Option<PathName>),
    /// MLST: report the facts of one file or directory (RFC 3659).
    Mlst(Option<PathName>),
    /// SIZE: report how many bytes a transfer of the file would have (RFC 3659).
    Size(PathName),
    /// MDTM: report when the file was modified (RFC 3659).
    Mdtm(PathName),
    /// HASH: compute the digest of a file (draft-ietf-ftpext2-hash).
    Hash(PathName),
    /// XMD5 and similar commands: compute the digest of a file, or of a part of it.
    XDigest(XDigest, PathName, Option<ByteRange>),
    /// ERET, ESTO, CKSM: send, receive or digest a part of a file (GridFTP).
    GridFtp(GridFtp),
    /// RANG: the part of a file for the next digest or transfer (draft-bryan-ftp-range). `None`, which is
    /// `RANG 1 0`, means the whole file again.
    Rang(Option<ByteRange>),
    /// RNFR: the old name of a file to rename (RFC 354, RFC 959).
    Rnfr(PathName),
    /// RNTO: the new name of that file (RFC 354, RFC 959).
    Rnto(PathName),
    /// DELE: delete this file (RFC 354, RFC 959).
    Dele(PathName),
    /// MKD or XMKD: make this directory (RFC 959).
    Mkd(PathName),
    /// RMD or XRMD: remove this directory (RFC 959).
    Rmd(PathName),
    /// CWD or XCWD: change the working directory (RFC 959).
    Cwd(PathName),
    /// CDUP or XCUP: change to the parent directory (RFC 959).
    Cdup,
    /// PWD or XPWD: report the working directory (RFC 959).
    Pwd,
    /// ABOR: break off the transfer (RFC 354, RFC 959).
    Abor,
    /// STAT: report the status of the session, the transfer, or a file (RFC 354, RFC 959).
    Stat(Option<PathName>),
    /// NOOP: do nothing but answer (RFC 454, RFC 959).
    Noop,
    /// ALLO: reserve this many bytes of space (RFC 354, RFC 959).
    Allo(u64),
    /// A command of this suite's own: DGST, RATE, PROB.
    Extension(Extension),
    /// DETA, and STAT and ABOR of a transfer that DETA has named.
    Detached(Detached),
    /// PACK: a group of small files.
    Pack(Box<Pack>),
    /// A command of a draft or of today's practice: MFMT, MFF, SITE, HOST and others.
    Practice(Practice),
    /// SYST: report the operating system (RFC 959).
    Syst,
    /// HELP: list the verbs, or explain one (RFC 354, RFC 959).
    Help(Option<Vec<u8>>),
    /// FEAT: list the features (RFC 2389).
    Feat,
    /// OPTS: options for another command (RFC 2389).
    Opts(Opts),
    /// AUTH: make the control connection private (RFC 2228, RFC 4217).
    Auth(Mechanism),
    /// PBSZ: the largest protected piece; always 0 with TLS (RFC 2228, RFC 4217).
    Pbsz(u64),
    /// PROT: whether data connections are private (RFC 2228, RFC 4217).
    Prot(Protection),
    /// CCC: make the control connection clear again (RFC 2228, RFC 4217).
    Ccc,
    /// SSCN: whether this server is the TLS client of its data connections; `None` asks (practice).
    Sscn(Option<bool>),
    /// CPSV: PASV whose transfer makes this server the TLS client (practice).
    Cpsv,
    /// PINC: the certificate that the other end of the next data connections must show; `None` forgets
    /// it.
    Pinc(Option<Fingerprint>),
    /// A verb of the table that has no variant, with its argument as it was received.
    Other(Verb, Vec<u8>),
}

/// The argument of AUTH.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Mechanism {
    /// `TLS` or `TLS-C`: data connections are clear until PROT (RFC 4217 4).
    Tls,
    /// `SSL` or `TLS-P`, as older clients say: data connections are private from the start.
    Ssl,
    /// Another mechanism, which is not served.
    Unserved(Vec<u8>),
}

/// The argument of PROT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protection {
    /// `C`: data connections are in clear.
    Clear,
    /// `P`: data connections are inside TLS.
    Private,
    /// `S` or `E`: levels that TLS does not have (RFC 4217 9).
    Unserved,
    /// No level at all.
    Unknown,
}

/// The argument of TYPE.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DataType {
    /// `A` or `A N`: lines end with CR LF on the data connection.
    Ascii,
    /// `I`: the bytes of the file as they are.
    Image,
    /// `L 8`: the same as [`DataType::Image`] here.
    Local8,
    /// Another type that the RFCs define but this crate does not serve: E, P, F, `A T`, `A C`, `L n`.
    Unserved,
}

/// The argument of MODE.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// `S`: the end of the connection is the end of the file.
    Stream,
    /// `B`: blocks, so that the end of the file is told (RFC 354, RFC 959).
    Block,
    /// `Z`: as stream mode, but the bytes are one zlib stream (draft-preston-ftpext-deflate).
    Deflate,
    /// `C`, `T`, `H` or `E`: legal, but not served.
    Unserved(u8),
}

/// The argument of STRU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Structure {
    /// `F`: a file is a sequence of bytes.
    File,
    /// `R` or `P`: legal, but not served.
    Unserved(u8),
}

/// The argument of EPSV (RFC 2428 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Epsv {
    /// No argument: listen in the address family of the control connection.
    Same,
    /// `1`: listen at an IPv4 address.
    V4,
    /// `2`: listen at an IPv6 address.
    V6,
    /// `ALL`: from now on only EPSV is accepted.
    All,
    /// Another protocol number, which is answered with 522.
    Unknown(u32),
}

/// The argument of OPTS.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Opts {
    /// `OPTS UTF8 [ON]`: names are UTF-8.
    Utf8,
    /// `OPTS HASH [algorithm]`: select or report the algorithm of HASH.
    Hash(Option<Algorithm>),
    /// `OPTS MLST fact;fact;`: select the facts of MLSx; in lower case.
    Mlst(Vec<String>),
    /// `OPTS MODE Z ...`: wishes for the compression, which change nothing here.
    Deflate,
    /// `OPTS STOR PARTIAL KEEP|DISCARD`: what happens to a part of a file.
    Partial(Partial),
    /// Any other argument.
    Unknown(Vec<u8>),
}

/// What a server does with the first part of a file when a STOR breaks off (extensions, "Names under
/// way").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Partial {
    /// Publish it under the target's name if that name did not exist. This is the default.
    #[default]
    Publish,
    /// Write it under the target's name from the start.
    Keep,
    /// Never publish it.
    Discard,
}

impl Command {
    /// Maximum number of bytes of a whole line with its CR LF that `ftp-server` reads: a path of 4,096 bytes and room for
    /// the verb (A13). A byte 255 and a CR count twice.
    pub const MAX_LINE: usize = 4352;
    /// How many commands may wait at `ftp-server` behind the one that it carries out.
    pub const MAX_WAITING: usize = 64;
    /// How many bytes of their lines. A single command may be longer.
    pub const MAX_WAITING_BYTES: usize = 16 * 1024;

    /// The path of a file or directory that it names.
    pub const fn path(&self) -> Option<&PathName> {
        if let Self::Retr(path)
        | Self::Stor(path)
        | Self::Appe(path)
        | Self::Size(path)
        | Self::Mdtm(path)
        | Self::Hash(path)
        | Self::XDigest(_, path, _)
        | Self::Rnfr(path)
        | Self::Rnto(path)
        | Self::Dele(path)
        | Self::Mkd(path)
        | Self::Rmd(path)
        | Self::Cwd(path) = self
        {
            return Some(path);
        }
        if let Self::GridFtp(command) = self {
            return Some(command.path());
        }
        if let Self::List(path)
        | Self::Nlst(path)
        | Self::ListAll(path)
        | Self::NlstAll(path)
        | Self::Mlsd(path)
        | Self::Mlst(path)
        | Self::Stat(path) = self
        {
            return path.as_ref();
        }
        None
    }

    /// Whether files get the names by which others find them.
    pub fn gives_final_names(&self) -> bool {
        let is_kept = |pack: &Pack| matches!(pack, Pack::Keep(..));
        matches!(self, Self::Rnto(_)) || matches!(self, Self::Pack(pack) if is_kept(pack))
    }

    /// Whether this command uses a data connection, so that it is answered twice: by a preliminary
    /// reply and by a final one.
    pub fn is_transfer(&self) -> bool {
        let is_group = |pack: &Pack| matches!(pack, Pack::Send(..) | Pack::Store(..));
        matches!(
            self,
            Self::Retr(_)
                | Self::Stor(_)
                | Self::Appe(_)
                | Self::Stou
                | Self::List(_)
                | Self::Nlst(_)
                | Self::ListAll(_)
                | Self::NlstAll(_)
                | Self::Mlsd(_)
                | Self::Extension(Extension::Prob(_))
                | Self::GridFtp(GridFtp::Eret(..) | GridFtp::Esto(..))
        ) || matches!(self, Self::Pack(pack) if is_group(pack))
    }
}

/// The direction in which a server moves the bytes of a file, as in the argument of LSTN (RFC 438).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// `S`: the server sends (RETR, LIST, NLST, MLSD).
    Send,
    /// `R`: the server receives (STOR, APPE).
    Receive,
}

impl Direction {
    /// Both directions, sending first.
    pub const BOTH: [Self; 2] = [Self::Send, Self::Receive];

    /// Returns the letter for LSTN and for the role in RNDZ.
    pub const fn letter(self) -> char {
        match self {
            Self::Send => 'S',
            Self::Receive => 'R',
        }
    }
}

impl Mechanism {
    /// The name of the mechanism in a command line.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Tls => b"TLS",
            Self::Ssl => b"SSL",
            Self::Unserved(name) => name,
        }
    }
}

impl Protection {
    /// The letter of the level in a command line; for a level that is not known, one that is none.
    pub const fn letter(self) -> char {
        match self {
            Self::Clear => 'C',
            Self::Private => 'P',
            Self::Unserved => 'S',
            Self::Unknown => 'X',
        }
    }
}

/// Parses the argument of AUTH (RFC 4217 4; the other names are those of its drafts).
fn mechanism(word: &[u8]) -> Mechanism {
    match word.to_ascii_uppercase().as_slice() {
        b"TLS" | b"TLS-C" => Mechanism::Tls,
        b"SSL" | b"TLS-P" => Mechanism::Ssl,
        _ => Mechanism::Unserved(word.to_vec()),
    }
}

/// Parses the argument of PROT. An unknown level has a reply of its own (RFC 2228 5.1).
const fn protection(word: &[u8]) -> Protection {
    match word {
        b"C" | b"c" => Protection::Clear,
        b"P" | b"p" => Protection::Private,
        b"S" | b"s" | b"E" | b"e" => Protection::Unserved,
        _ => Protection::Unknown,
    }
}

/// Parses `ON`, `OFF` or nothing (SSCN). Returns `None` for anything else.
const fn switch(word: &[u8]) -> Option<Option<bool>> {
    match word {
        b"" => Some(None),
        _ if word.eq_ignore_ascii_case(b"ON") => Some(Some(true)),
        _ if word.eq_ignore_ascii_case(b"OFF") => Some(Some(false)),
        _ => None,
    }
}

/// Parses `SHA-256 <64 hex digits>` or `OFF` (PINC). Returns `None` for anything else.
fn pinned(word: &[u8]) -> Option<Option<Fingerprint>> {
    if word.eq_ignore_ascii_case(b"OFF") {
        return Some(None);
    }
    let (name, digits) = word.split_at_checked(ALGORITHM.len())?;
    if !name.eq_ignore_ascii_case(ALGORITHM) {
        return None;
    }
    Fingerprint::from_hex(digits).ok().map(Some)
}

/// How every pin begins.
const ALGORITHM: &[u8] = b"SHA-256 ";
