//! Commands beyond the RFCs: of drafts and of today's practice, those that this suite adds and that stand alone, and those
//! about transfers that outlive their control connection (docs/protocol/extensions.md).

use super::Direction;
use super::parse::{Fault, first_word, name, optional_name, trimmed};
use super::site::{NewFact, Site};
use super::verbs::Verb;
use crate::calendar::{When, facts_time, parse_time};
use crate::digest::Algorithm;
use crate::wire::{PathName, TransferId};
use std::fmt::{self, Display, Formatter};
use std::num::NonZeroU64;

/// A command of docs/protocol/extensions.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Extension {
    /// DGST: compute this digest while the next files move; `None` is OFF.
    Dgst(Option<Algorithm>),
    /// RATE: how fast the next transfers of the session are at most; `None` is OFF.
    Rate(Option<Rate>),
    /// PROB: obtain a data connection as a transfer of this direction would, and move nothing.
    Prob(Direction),
    /// RSYM: whether active ends also listen on the port from which they connect.
    Rsym(bool),
}

/// A rate that holds for all next transfers of a session together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// The most bytes that move in a second.
    pub bytes: NonZeroU64,
    /// The sessions that share the rate; `None` is this session.
    pub group: Option<RateGroup>,
}

/// The sessions of one account that have named the same 32 hexadecimal digits share a rate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RateGroup(TransferId);

impl RateGroup {
    /// The group of these bytes, which a user agent draws.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(TransferId::new(random))
    }

    /// Reads 32 hexadecimal digits.
    fn from_hex(digits: &[u8]) -> Option<Self> {
        TransferId::from_hex(digits).map(Self)
    }
}

impl Display for RateGroup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Rate {
    /// Reads `<bytes per second>[ <32 hexadecimal digits>]`.
    fn parse(argument: &[u8]) -> Result<Self, Fault> {
        let (rate, group) = first_word(argument);
        let group = match trimmed(group) {
            b"" => None,
            digits => Some(RateGroup::from_hex(digits).ok_or(Fault::Syntax)?),
        };
        let text = str::from_utf8(rate).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let bytes = text.ok_or(Fault::Syntax)?.parse().map_err(|_| Fault::OutOfRange)?;
        Ok(Self { bytes, group })
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes)?;
        self.group.map_or(Ok(()), |group| write!(f, " {group}"))
    }
}

impl Extension {
    /// Reads the argument of `verb`.
    pub(super) fn parse(verb: Verb, argument: &[u8]) -> Result<Self, Fault> {
        let (word, _) = first_word(argument);
        let text = std::str::from_utf8(word).map_err(|_| Fault::Syntax)?;
        let off = text.eq_ignore_ascii_case("OFF");
        match (verb, text) {
            (_, "") => Err(Fault::Missing),
            (Verb::Dgst, _) if off => Ok(Self::Dgst(None)),
            (Verb::Dgst, name) => match Algorithm::named(name) {
                Some(algorithm) => Ok(Self::Dgst(Some(algorithm))),
                None => Err(Fault::Unserved),
            },
            (Verb::Rate, _) if off => Ok(Self::Rate(None)),
            (Verb::Rate, _) => Rate::parse(argument).map(|rate| Self::Rate(Some(rate))),
            (Verb::Prob, "S" | "s") => Ok(Self::Prob(Direction::Send)),
            (Verb::Prob, "R" | "r") => Ok(Self::Prob(Direction::Receive)),
            (Verb::Rsym, _) if off => Ok(Self::Rsym(false)),
            (Verb::Rsym, _) if text.eq_ignore_ascii_case("ON") => Ok(Self::Rsym(true)),
            (_, _) => Err(Fault::Syntax),
        }
    }

    /// Returns the verb of the command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Dgst(_) => Verb::Dgst,
            Self::Rate(_) => Verb::Rate,
            Self::Prob(_) => Verb::Prob,
            Self::Rsym(_) => Verb::Rsym,
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(self) -> String {
        match self {
            Self::Dgst(Some(algorithm)) => algorithm.name().to_owned(),
            Self::Rate(Some(rate)) => rate.to_string(),
            Self::Rsym(true) => "ON".to_owned(),
            Self::Dgst(None) | Self::Rate(None) | Self::Rsym(false) => "OFF".to_owned(),
            Self::Prob(direction) => direction.letter().to_string(),
        }
    }
}

/// A command of a draft or of today's practice.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Practice {
    /// MFMT, and MDTM with a time: set when the file was modified (draft-somers-ftp-mfxx).
    Mfmt(When, PathName),
    /// MFF: change facts of the file (draft-somers-ftp-mfxx).
    Mff(Vec<NewFact>, PathName),
    /// AVBL: report how many bytes may still be stored in a directory.
    Avbl(Option<PathName>),
    /// SITE: commands of this server that no RFC defines (RFC 454, RFC 959).
    Site(Site),
    /// CLNT: the client tells its name.
    Clnt(Vec<u8>),
    /// CSID: both ends tell what they are.
    Csid(Vec<u8>),
    /// HOST: the name by which the client knows the server (RFC 7151).
    Host(Vec<u8>),
    /// LANG: the language of replies; `None` is the server's own (RFC 2640).
    Lang(Option<Vec<u8>>),
    /// CEPR: whether the reply to EPSV names the address too.
    Cepr(bool),
}

/// Reads the argument of one verb.
type Parse = fn(&[u8]) -> Result<Practice, Fault>;

/// The verbs, each with what reads its argument.
const PARSERS: [(Verb, Parse); 9] = [
    (Verb::Mfmt, |rest| {
        let (time, path) = timed(rest).ok_or(Fault::Syntax)?;
        Ok(Practice::Mfmt(time, name(path)?))
    }),
    (Verb::Mff, |rest| NewFact::parse(rest).map(|(facts, path)| Practice::Mff(facts, path))),
    (Verb::Avbl, |rest| optional_name(rest).map(Practice::Avbl)),
    (Verb::Site, |rest| Site::parse(rest).map(Practice::Site)),
    (Verb::Clnt, |rest| text(rest).map(Practice::Clnt)),
    (Verb::Csid, |rest| text(rest).map(Practice::Csid)),
    (Verb::Host, |rest| host(rest.trim_ascii()).map(Practice::Host)),
    (Verb::Lang, |rest| Ok(Practice::Lang(text(rest).ok()))),
    (Verb::Cepr, |rest| match rest.trim_ascii() {
        b"" => Err(Fault::Missing),
        word if word.eq_ignore_ascii_case(b"ON") => Ok(Practice::Cepr(true)),
        word if word.eq_ignore_ascii_case(b"OFF") => Ok(Practice::Cepr(false)),
        _ => Err(Fault::Syntax),
    }),
];

impl Practice {
    /// Reads the argument of `verb`.
    pub(super) fn parse(verb: Verb, rest: &[u8]) -> Result<Self, Fault> {
        let parser = PARSERS.iter().find(|(known, _)| *known == verb);
        parser.map_or(Err(Fault::Unknown), |(_, parse)| parse(rest))
    }

    /// Returns the verb of the command.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Mfmt(..) => Verb::Mfmt,
            Self::Mff(..) => Verb::Mff,
            Self::Avbl(_) => Verb::Avbl,
            Self::Site(_) => Verb::Site,
            Self::Clnt(_) => Verb::Clnt,
            Self::Csid(_) => Verb::Csid,
            Self::Host(_) => Verb::Host,
            Self::Lang(_) => Verb::Lang,
            Self::Cepr(_) => Verb::Cepr,
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Mfmt(time, path) => {
                let time = facts_time(*time).unwrap_or_default();
                [time.as_bytes(), b" ", path.as_bytes()].concat()
            }
            Self::Mff(facts, path) => {
                let facts: String = facts.iter().map(NewFact::to_text).collect();
                [facts.as_bytes(), b" ", path.as_bytes()].concat()
            }
            Self::Avbl(path) => return path.as_ref().map(|path| path.as_bytes().to_vec()),
            Self::Site(site) => site.argument(),
            Self::Clnt(text) | Self::Csid(text) | Self::Host(text) => text.clone(),
            Self::Lang(language) => return language.clone(),
            Self::Cepr(on) => if *on { b"ON".as_slice() } else { b"OFF" }.to_vec(),
        })
    }
}

/// Splits `YYYYMMDDHHMMSS[.sss] path`.
pub(super) fn timed(rest: &[u8]) -> Option<(When, &[u8])> {
    let (time, path) = first_word(rest);
    let time = parse_time(std::str::from_utf8(time).ok()?)?;
    (!path.is_empty()).then_some((time, path))
}

/// Reads a text that must not be empty.
fn text(rest: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = rest.trim_ascii();
    if text.is_empty() { Err(Fault::Missing) } else { Ok(text.to_vec()) }
}

/// Reads the argument of HOST: a domain name or an address (RFC 7151 section 3.1).
fn host(word: &[u8]) -> Result<Vec<u8>, Fault> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_[]:%".contains(byte);
    match word {
        [] => Err(Fault::Missing),
        _ if word.len() <= MAX_HOST && word.iter().all(fits) => Ok(word.to_vec()),
        _ => Err(Fault::Syntax),
    }
}

/// Maximum number of bytes of a host name (RFC 1035).
const MAX_HOST: usize = 255;

/// A command about transfers that outlive their control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detached {
    /// DETA: the next transfer may go on without its control connection for so many seconds.
    Next(u64),
    /// STAT #id: how far such a transfer is.
    Status(TransferId),
    /// ABOR #id: end such a transfer.
    Abort(TransferId),
}

impl Detached {
    /// Reads the argument of STAT or ABOR, if it names a transfer. STAT of a file whose name looks like that can be
    /// written as `./name`.
    pub(super) fn about(verb: Verb, word: &[u8]) -> Option<Self> {
        let id = TransferId::from_hex(word.strip_prefix(b"#")?)?;
        Some(if verb == Verb::Abor { Self::Abort(id) } else { Self::Status(id) })
    }

    /// Returns the verb of the command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Next(_) => Verb::Deta,
            Self::Status(_) => Verb::Stat,
            Self::Abort(_) => Verb::Abor,
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(self) -> String {
        match self {
            Self::Next(seconds) => seconds.to_string(),
            Self::Status(id) | Self::Abort(id) => format!("#{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Fault, parse};
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn extensions_are_read_and_written() {
        let rate = Rate { bytes: 1000.try_into().unwrap(), group: None };
        let group = RateGroup::new([0xcd; 16]);
        let in_group = format!("1000 {}", "cd".repeat(16));
        for (verb, argument, expect) in [
            (Verb::Dgst, "sha-256", Ok(Extension::Dgst(Some(Algorithm::Sha256)))),
            (Verb::Dgst, "BLAKE3", Ok(Extension::Dgst(Some(Algorithm::Blake3)))),
            (Verb::Dgst, "off", Ok(Extension::Dgst(None))),
            (Verb::Dgst, "CRC-37", Err(Fault::Unserved)),
            (Verb::Dgst, "", Err(Fault::Missing)),
            (Verb::Rate, "1000", Ok(Extension::Rate(Some(rate)))),
            (Verb::Rate, &in_group, Ok(Extension::Rate(Some(Rate { group: Some(group), ..rate })))),
            (Verb::Rate, "1000 abc", Err(Fault::Syntax)),
            (Verb::Rate, "OFF", Ok(Extension::Rate(None))),
            (Verb::Rate, "0", Err(Fault::OutOfRange)),
            (Verb::Rate, "99999999999999999999", Err(Fault::OutOfRange)),
            (Verb::Rate, "fast", Err(Fault::Syntax)),
            (Verb::Prob, "r", Ok(Extension::Prob(Direction::Receive))),
            (Verb::Prob, "S", Ok(Extension::Prob(Direction::Send))),
            (Verb::Prob, "RS", Err(Fault::Syntax)),
            (Verb::Rsym, "on", Ok(Extension::Rsym(true))),
            (Verb::Rsym, "OFF", Ok(Extension::Rsym(false))),
            (Verb::Rsym, "", Err(Fault::Missing)),
            (Verb::Rsym, "maybe", Err(Fault::Syntax)),
        ] {
            let read = Extension::parse(verb, argument.as_bytes());
            assert_eq!(read, expect, "{argument}");
            if let Ok(extension) = read {
                let again = Extension::parse(extension.verb(), extension.argument().as_bytes());
                assert_eq!(again, Ok(extension), "{argument}");
            }
        }
    }

    #[test]
    fn they_are_read_as_they_are_written() {
        let id = TransferId::new([0xab; 16]);
        for command in [Detached::Next(3600), Detached::Status(id), Detached::Abort(id)] {
            let line = format!("{} {}", command.verb().name(), command.argument());
            for dialect in [Dialect::Rfc354, Dialect::Rfc959] {
                assert_eq!(parse(line.as_bytes(), dialect), Ok(Command::Detached(command)), "{line}");
            }
        }
    }

    #[test]
    fn what_names_no_transfer_is_a_file_or_nothing() {
        let parse = |line: &str| parse(line.as_bytes(), Dialect::Rfc959);
        assert_eq!(parse("ABOR #12"), Ok(Command::Abor));
        assert!(matches!(parse("STAT #12"), Ok(Command::Stat(Some(_)))));
        assert!(matches!(parse(&format!("STAT ./#{}", "0".repeat(32))), Ok(Command::Stat(Some(_)))));
        assert_eq!(parse("DETA").map_err(|error| error.fault), Err(Fault::Missing));
        assert_eq!(parse("DETA soon").map_err(|error| error.fault), Err(Fault::Syntax));
    }
}
