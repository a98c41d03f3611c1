//! Commands of drafts and of today's practice that have no place in RFC 959.

use super::fact::NewFact;
use super::fault::Fault;
use super::site::Site;
use super::verbs::Verb;
use super::word::{first_word, name, optional_name};
use crate::calendar::{When, facts_time, parse_time};
use crate::wire::PathName;

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
