//! From a line to a [`Command`], or to what is wrong with it. Lines are bytes: names may contain everything but NUL and LF.

#[cfg(test)]
mod tests;

use super::digests::{self, XDigest};
use super::extension::{Detached, Extension, Practice, timed};
use super::pack::Pack;
use super::{
    Command, DataType, Direction, Epsv, Mode, Opts, Partial, Structure, Verb, mechanism, pinned, protection,
    switch,
};
use crate::address::{Eprt, Invalid, parse_eprt, parse_port, parse_sock};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::wire::{BadDecimal, BadName, ByteRange, PathName, RendezvousSecret, Secret, decimal, unindented};

/// Parses one line, without its CR LF and with Telnet commands removed.
///
/// In [`Dialect::Rfc354`] any number of blanks separates verb and argument. In [`Dialect::Rfc959`]
/// exactly one does, and the rest is the argument (A04, RFC 2640 section 3.1).
///
/// # Errors
///
/// Fails if the line is not a command; see [`Fault`].
///
/// ```
/// use ftp_proto::command::{Command, Direction, parse};
/// use ftp_proto::dialect::Dialect;
///
/// assert_eq!(parse(b"lstn r", Dialect::Rfc354), Ok(Command::Lstn(Direction::Receive)));
/// ```
pub fn parse(line: &[u8], dialect: Dialect) -> Result<Command, CommandError> {
    let line = unindented(line);
    if line.is_empty() {
        return Err(CommandError { verb: None, fault: Fault::Empty });
    }
    let (name, rest) = line.iter().position(|o| *o == b' ').map_or((line, &[][..]), |i| line.split_at(i));
    let verb = Verb::named(name).ok_or(CommandError { verb: None, fault: Fault::Unknown })?;
    let rest = match dialect {
        Dialect::Rfc354 => unindented(rest),
        Dialect::Rfc959 => rest.strip_prefix(b" ").unwrap_or(rest),
    };
    argument(verb, rest).map_err(|fault| CommandError { verb: Some(verb), fault })
}

/// `rest` is what follows the separator. Names and secrets are read as they are; for other arguments the
/// blanks around them are removed.
fn argument(verb: Verb, rest: &[u8]) -> Result<Command, Fault> {
    let word = trimmed(rest);
    Ok(match verb {
        Verb::User => Command::User(text(rest)?),
        Verb::Pass => Command::Pass(Secret::new(rest)), // an empty password is one
        Verb::Acct => Command::Acct(Secret::new(text(rest)?)),
        Verb::Rein | Verb::Quit | Verb::Pasv | Verb::Actv | Verb::Gsoc => alone(verb, word)?,
        Verb::Cdup | Verb::Pwd | Verb::Ccc | Verb::Cpsv => alone(verb, word)?,
        // ABOR, NOOP, SYST and FEAT are accepted with an argument, which changes nothing.
        Verb::Abor => Detached::about(verb, word).map_or(Command::Abor, Command::Detached),
        Verb::Noop => Command::Noop,
        Verb::Syst => Command::Syst,
        Verb::Feat => Command::Feat,
        Verb::Type => Command::Type(data_type(word)?),
        Verb::Mode => Command::Mode(mode(word)?),
        Verb::Stru => Command::Stru(structure(word)?),
        Verb::Lstn => Command::Lstn(direction(word)?),
        Verb::Byte => match number::<u64>(word)? {
            0 => return Err(Fault::Syntax),
            size => Command::Byte(u8::try_from(size).map_err(|_| Fault::Syntax)?),
        },
        Verb::Sock => Command::Sock(parse_sock(word)?),
        Verb::Port if word.is_empty() => return Err(Fault::Missing),
        Verb::Port => Command::Port(parse_port(word).ok_or(Fault::Syntax)?),
        Verb::Eprt => eprt(word)?,
        Verb::Epsv => Command::Epsv(epsv(word)?),
        Verb::Rndz if word.is_empty() => Command::Rndz(None),
        Verb::Rndz => Command::Rndz(Some(RendezvousSecret::from_hex(word).ok_or(Fault::Syntax)?)),
        Verb::Auth => Command::Auth(mechanism(some(word)?)),
        Verb::Pbsz => Command::Pbsz(number(word)?),
        Verb::Prot => Command::Prot(protection(some(word)?)),
        Verb::Sscn => Command::Sscn(switch(word).ok_or(Fault::Syntax)?),
        Verb::Pinc => Command::Pinc(pinned(some(word)?).ok_or(Fault::Syntax)?),
        Verb::Rest => Command::Rest(number(word)?),
        Verb::Allo => Command::Allo(allo(word)?),
        Verb::Retr | Verb::Stor | Verb::Appe | Verb::Size | Verb::Hash | Verb::Rnfr | Verb::Rnto => {
            of_a_file(verb, rest)?
        }
        Verb::Dele | Verb::Mkd | Verb::Rmd | Verb::Cwd => of_a_file(verb, rest)?,
        // Older clients set the time with MDTM. A name that begins like that can be written as `./name`.
        Verb::Mdtm => match timed(rest) {
            Some((time, path)) => Command::Practice(Practice::Mfmt(time, name(path)?)),
            None => Command::Mdtm(name(rest)?),
        },
        Verb::List => Command::List(optional_name(without_options(rest))?),
        Verb::Nlst => Command::Nlst(optional_name(without_options(rest))?),
        Verb::Mlsd => Command::Mlsd(optional_name(rest)?),
        Verb::Mlst => Command::Mlst(optional_name(rest)?),
        Verb::Stat => stat(rest)?,
        Verb::Help => Command::Help(if word.is_empty() { None } else { Some(word.to_ascii_uppercase()) }),
        Verb::Opts => Command::Opts(opts(word)?),
        Verb::Smnt | Verb::Form | Verb::Mail | Verb::Mlfl => other(verb, rest),
        Verb::Rang => Command::Rang(rang(word)?),
        // Some clients propose a name; the server chooses.
        Verb::Stou => Command::Stou,
        Verb::Mfmt | Verb::Mff | Verb::Avbl | Verb::Site | Verb::Clnt => practice(verb, rest)?,
        Verb::Csid | Verb::Host | Verb::Lang | Verb::Cepr => practice(verb, rest)?,
        Verb::Pret => Command::Pret(Box::new(pret(rest)?)),
        Verb::Xcrc | Verb::Md5 | Verb::Xmd5 | Verb::Xsha | Verb::Xsha1 | Verb::Xsha256 | Verb::Xsha512 => {
            x_digest(verb, rest)?
        }
        Verb::Quot | Verb::Nquo | Verb::Adat | Verb::Mic | Verb::Conf | Verb::Enc => other(verb, rest),
        Verb::Eret | Verb::Esto | Verb::Cksm => other(verb, rest),
        Verb::Dgst | Verb::Prob | Verb::Rate | Verb::Rsym => {
            Command::Extension(Extension::parse(verb, trimmed(rest))?)
        }
        Verb::Pack => Command::Pack(Box::new(Pack::parse(rest)?)),
        Verb::Deta => Command::Detached(Detached::Next(number(word)?)),
    })
}

/// STAT of the session, of a transfer that DETA has named, or of a path.
fn stat(rest: &[u8]) -> Result<Command, Fault> {
    match Detached::about(Verb::Stat, trimmed(rest)) {
        Some(transfer) => Ok(Command::Detached(transfer)),
        None => optional_name(rest).map(Command::Stat),
    }
}

/// Makes a command of its one name.
type OfAFile = fn(PathName) -> Command;

/// The commands whose argument is one name.
const OF_A_FILE: [(Verb, OfAFile); 11] = [
    (Verb::Retr, Command::Retr),
    (Verb::Stor, Command::Stor),
    (Verb::Appe, Command::Appe),
    (Verb::Size, Command::Size),
    (Verb::Hash, Command::Hash),
    (Verb::Rnfr, Command::Rnfr),
    (Verb::Rnto, Command::Rnto),
    (Verb::Dele, Command::Dele),
    (Verb::Mkd, Command::Mkd),
    (Verb::Rmd, Command::Rmd),
    (Verb::Cwd, Command::Cwd),
];

/// Parses the argument of a command whose argument is one name.
fn of_a_file(verb: Verb, rest: &[u8]) -> Result<Command, Fault> {
    let (_, command) = OF_A_FILE.iter().find(|(known, _)| *known == verb).ok_or(Fault::Unknown)?;
    name(rest).map(command)
}

/// Removes leading and trailing blanks.
pub(super) const fn trimmed(bytes: &[u8]) -> &[u8] {
    let mut bytes = unindented(bytes);
    while let [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

fn other(verb: Verb, rest: &[u8]) -> Command {
    Command::Other(verb, rest.to_vec())
}

/// Returns the command of `verb` if nothing but blanks follows it.
fn alone(verb: Verb, word: &[u8]) -> Result<Command, Fault> {
    const ALONE: [Command; 9] = [
        Command::Rein,
        Command::Quit,
        Command::Pasv,
        Command::Actv,
        Command::Gsoc,
        Command::Cdup,
        Command::Pwd,
        Command::Ccc,
        Command::Cpsv,
    ];
    let command = ALONE.into_iter().find(|command| command.verb() == verb).ok_or(Fault::Unknown)?;
    if word.is_empty() { Ok(command) } else { Err(Fault::Syntax) }
}

/// An argument that must not be missing.
const fn some(word: &[u8]) -> Result<&[u8], Fault> {
    if word.is_empty() { Err(Fault::Missing) } else { Ok(word) }
}

fn text(rest: &[u8]) -> Result<Vec<u8>, Fault> {
    if rest.is_empty() { Err(Fault::Missing) } else { Ok(rest.to_vec()) }
}

/// Removes options: clients send `LIST -la path` as to a shell, so the first words with a dash are not
/// the name. A file of that name can still be listed as `./-la`.
fn without_options(mut rest: &[u8]) -> &[u8] {
    while rest.first() == Some(&b'-') {
        let end = rest.iter().position(|o| *o == b' ').unwrap_or(rest.len());
        rest = unindented(rest.get(end..).unwrap_or_default());
    }
    rest
}

/// Parses one letter and returns it in upper case (A02).
fn letter(word: &[u8]) -> Result<u8, Fault> {
    match word {
        [] => Err(Fault::Missing),
        [one] => Ok(one.to_ascii_uppercase()),
        [_, ..] => Err(Fault::Syntax),
    }
}

/// Parses a decimal number.
pub(super) fn number<T: std::str::FromStr>(word: &[u8]) -> Result<T, Fault> {
    decimal(word).map_err(|bad| match bad {
        BadDecimal::Empty => Fault::Missing,
        BadDecimal::NotADigit => Fault::Syntax,
        BadDecimal::OutOfRange => Fault::OutOfRange,
    })
}

/// Parses the argument of TYPE. `A`, `A N`, `I` and `L 8` are served; the others of RFC 354, 385, 542
/// and 959 are legal (E16).
fn data_type(word: &[u8]) -> Result<DataType, Fault> {
    let upper = word.to_ascii_uppercase();
    let mut words = upper.split(|o| *o == b' ').filter(|w| !w.is_empty());
    let kind = words.next().ok_or(Fault::Missing)?;
    let form = words.next();
    if words.next().is_some() {
        return Err(Fault::Syntax);
    }
    match (kind, form) {
        (b"A", None | Some(b"N")) => Ok(DataType::Ascii),
        (b"I", None) => Ok(DataType::Image),
        // `L` without a size was legal when BYTE set the size (RFC 354). Here it is 8.
        (b"L", None) | (b"L8", None) | (b"L", Some(b"8")) => Ok(DataType::Local8),
        (b"A" | b"E", Some(b"N" | b"T" | b"C")) => Ok(DataType::Unserved),
        ([letter], None) if letter.is_ascii_alphabetic() => Ok(DataType::Unserved),
        (b"L", Some(size)) => number::<u64>(size).map(|_| DataType::Unserved),
        (_, _) => Err(Fault::Syntax),
    }
}

/// Parses the argument of MODE. Any letter has the form of a mode (RFC 959 5.3.2), so the answer to one that is
/// not served is 504, as RFC 959 has it, and not 501.
fn mode(word: &[u8]) -> Result<Mode, Fault> {
    match letter(word)? {
        b'S' => Ok(Mode::Stream),
        b'B' => Ok(Mode::Block),
        b'Z' => Ok(Mode::Deflate),
        other if other.is_ascii_alphabetic() => Ok(Mode::Unserved(other)),
        _ => Err(Fault::Syntax),
    }
}

/// Parses the argument of STRU. Letters that are not served are 504, as for MODE.
fn structure(word: &[u8]) -> Result<Structure, Fault> {
    match letter(word)? {
        b'F' => Ok(Structure::File),
        other if other.is_ascii_alphabetic() => Ok(Structure::Unserved(other)),
        _ => Err(Fault::Syntax),
    }
}

/// Parses the argument of LSTN (C05).
fn direction(word: &[u8]) -> Result<Direction, Fault> {
    match letter(word)? {
        b'S' => Ok(Direction::Send),
        b'R' => Ok(Direction::Receive),
        _ => Err(Fault::Syntax),
    }
}

/// Parses the argument of PRET: another command, which must not be PRET again.
fn pret(rest: &[u8]) -> Result<Command, Fault> {
    let (verb, argument_of) = first_word(unindented(rest));
    match Verb::named(verb) {
        _ if verb.is_empty() => Err(Fault::Missing),
        None | Some(Verb::Pret) => Err(Fault::Syntax),
        Some(verb) => argument(verb, argument_of),
    }
}

/// Parses the argument of a command of today's practice.
fn practice(verb: Verb, rest: &[u8]) -> Result<Command, Fault> {
    Practice::parse(verb, rest).map(Command::Practice)
}

/// Parses the argument of RANG. The last byte belongs to the range, and `1 0` is no range.
fn rang(word: &[u8]) -> Result<Option<ByteRange>, Fault> {
    let mut words = word.split(|o| *o == b' ').filter(|w| !w.is_empty());
    let (first, last) = (words.next().ok_or(Fault::Missing)?, words.next().ok_or(Fault::Missing)?);
    match (number(first)?, number(last)?, words.next()) {
        (1, 0, None) => Ok(None),
        (first, last, None) => ByteRange::through(first, last).map(Some).ok_or(Fault::Syntax),
        (_, _, Some(_)) => Err(Fault::Syntax),
    }
}

/// Parses the argument of XCRC and its relatives: a name, perhaps in quotes, and perhaps a range.
fn x_digest(verb: Verb, rest: &[u8]) -> Result<Command, Fault> {
    let digest = XDigest::of(verb).ok_or(Fault::Unknown)?;
    let (found, range) = digests::split(rest).ok_or(Fault::Syntax)?;
    Ok(Command::XDigest(digest, name(found)?, range))
}

/// Parses the argument of EPRT.
fn eprt(word: &[u8]) -> Result<Command, Fault> {
    Ok(match parse_eprt(word)? {
        Eprt::Address(address) => Command::Eprt(address),
        Eprt::UnknownProtocol(number) => Command::EprtUnknown(number),
    })
}

/// Parses the argument of EPSV (RFC 2428 section 3).
fn epsv(word: &[u8]) -> Result<Epsv, Fault> {
    if word.is_empty() {
        return Ok(Epsv::Same);
    }
    if word.eq_ignore_ascii_case(b"ALL") {
        return Ok(Epsv::All);
    }
    Ok(match number(word)? {
        1 => Epsv::V4,
        2 => Epsv::V6,
        unknown => Epsv::Unknown(unknown),
    })
}

/// Parses `n` or `n R m` (RFC 959) or `n [ R m]` (RFC 542). The record size is ignored.
fn allo(word: &[u8]) -> Result<u64, Fault> {
    let mut words = word.split(|o| *o == b' ').filter(|w| !w.is_empty());
    let bytes = number(words.next().ok_or(Fault::Missing)?)?;
    match (words.next(), words.next(), words.next()) {
        (None, None, None) => Ok(bytes),
        (Some(r), Some(record), None) if r.eq_ignore_ascii_case(b"R") => number::<u64>(record).map(|_| bytes),
        (_, _, _) => Err(Fault::Syntax),
    }
}

fn opts(word: &[u8]) -> Result<Opts, Fault> {
    let text = std::str::from_utf8(word).map_err(|_| Fault::Syntax)?;
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Err(Fault::Missing),
        ["UTF8"] | ["UTF8", "ON"] => Ok(Opts::Utf8),
        ["MODE", "Z", ..] => Ok(Opts::Deflate),
        ["HASH"] => Ok(Opts::Hash(None)),
        ["HASH", algorithm] => Algorithm::named(algorithm).map(|a| Opts::Hash(Some(a))).ok_or(Fault::Syntax),
        ["MLST"] => Ok(Opts::Mlst(Vec::new())),
        ["MLST", facts] => {
            let facts = facts.split(';').filter(|fact| !fact.is_empty()).take(MAX_FACTS);
            Ok(Opts::Mlst(facts.map(str::to_ascii_lowercase).collect()))
        }
        ["STOR", "PARTIAL", "KEEP"] => Ok(Opts::Partial(Partial::Keep)),
        ["STOR", "PARTIAL", "DISCARD"] => Ok(Opts::Partial(Partial::Discard)),
        ["STOR", "PARTIAL", "PUBLISH"] => Ok(Opts::Partial(Partial::Publish)),
        [_, ..] => Ok(Opts::Unknown(word.to_vec())),
    }
}

/// Maximum number of facts that OPTS MLST keeps. A server knows a dozen of them, and a line could name
/// thousands.
const MAX_FACTS: usize = 64;

/// Reads a name, which is the whole text.
pub(super) fn name(rest: &[u8]) -> Result<PathName, Fault> {
    PathName::from_wire(rest).map_err(|bad| match bad {
        BadName::Empty => Fault::Missing,
        BadName::Control | BadName::CarriageReturn => Fault::BadName,
    })
}

/// Reads a name that may be left out.
pub(super) fn optional_name(rest: &[u8]) -> Result<Option<PathName>, Fault> {
    if rest.is_empty() { Ok(None) } else { name(rest).map(Some) }
}

/// Reads the permission bits of a file: three or four octal digits.
pub(super) fn parse_mode(word: &[u8]) -> Option<u32> {
    let word = std::str::from_utf8(word).ok()?;
    if !(3..=4).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u32::from_str_radix(word, 8).ok()
}

/// The first word, and what follows the blank behind it.
pub(super) fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, b""),
    }
}

/// Why a line is not a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// The verb, if it is in the table. Some sessions act on a failed command: a SOCK with a bad
    /// argument clears the old one (B06).
    pub verb: Option<Verb>,
    /// What is wrong with the line.
    pub fault: Fault,
}

/// What can be wrong with a command line. Each fault has a reply of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The verb is not in the table.
    Unknown,
    /// The line is empty.
    Empty,
    /// The argument does not have the form that the verb requires.
    Syntax,
    /// The argument is missing.
    Missing,
    /// The host number is in no host table (B09; reply 503 or 501).
    UnknownHost,
    /// A number is out of range (reply 503 or 501).
    OutOfRange,
    /// The socket number is legal in RFC 354 but not a TCP port (reply 503 or 504).
    NotAPort,
    /// The value is legal, but nobody here serves it (reply 506 or 504).
    Unserved,
    /// The name contains NUL or a bare LF (A14).
    BadName,
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Missing => Self::Missing,
            Invalid::Syntax => Self::Syntax,
            Invalid::UnknownHost => Self::UnknownHost,
            Invalid::OutOfRange => Self::OutOfRange,
            Invalid::NotAPort => Self::NotAPort,
        }
    }
}
