//! FEAT: what we offer and what was learnt of a server (RFC 2389).

use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::reply::Reply;

/// What a server said it can do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// SOCK (255).
    pub sock: bool,
    /// LSTN.
    pub lstn: bool,
    /// GSOC.
    pub gsoc: bool,
    /// RNDZ.
    pub rndz: bool,
    /// EPSV and EPRT. Servers without FEAT may still have it.
    pub epsv: bool,
    /// MLST/MLSD: the facts, lower case.
    pub mlst: Option<Vec<String>>,
    /// SIZE.
    pub size: bool,
    /// MDTM.
    pub mdtm: bool,
    /// REST STREAM.
    pub rest_stream: bool,
    /// UTF8.
    pub utf8: bool,
    /// HASH algorithms; the first is the selected one.
    pub hash: Vec<Algorithm>,
    /// OPTS STOR PARTIAL is understood (our own servers).
    pub partial: bool,
    /// Whether FEAT (or HELP in 1973) was answered at all.
    pub known: bool,
    /// Feature lines that are none of the above, trimmed.
    pub others: Vec<String>,
}

impl Capabilities {
    /// Reads the reply to FEAT (RFC 2389 3.2), or to HELP of a 1973 server.
    pub fn from_reply(dialect: Dialect, reply: &Reply) -> Self {
        let _ = (dialect, reply);
        Self::default()
    }
}

/// The feature lines of our server, without the leading blank: the same for FEAT and for HELP on
/// the 1973 listener.
pub fn offered(selected: Algorithm) -> Vec<String> {
    let _ = selected;
    Vec::new()
}
