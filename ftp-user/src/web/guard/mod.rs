//! Who may not: hosts, tokens, cookies, forms, and whom connections are counted for.

pub(crate) mod host;
pub(crate) mod sessions;
pub(crate) mod tokens;

use super::call::Peer;
use super::error::{ApiError, ErrorCode, Result};
use super::fleet::{Caller, Fleet};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use ftp_io::clock::{Clock, since_1970};
use ftp_proto::address::Group;
pub use sessions::random as new_token;
use sessions::{Session, Sessions};
use std::fmt;
use std::net::IpAddr;
pub use tokens::digest as token_digest;
use tokens::{WrongTokens, digest};

/// Whom a connection and a wrong token are counted for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ClientGroup {
    /// A host, or a network of IPv6.
    Address(Group),
    /// All who come over a socket of this host.
    Socket,
}

impl fmt::Display for ClientGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(group) => group.fmt(f),
            Self::Socket => f.write_str("a socket of this host"),
        }
    }
}

/// What the guard remembers between requests.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The clock by which sessions end.
    pub(crate) clock: Clock,
    /// The sessions of browsers.
    pub(crate) sessions: Sessions,
    /// The wrong tokens of the last minute.
    wrong: WrongTokens,
}

impl Default for Guard {
    fn default() -> Self {
        Self { clock: Clock::start(), sessions: Sessions::default(), wrong: WrongTokens::default() }
    }
}

/// Who asks, and by what it is known.
#[derive(Clone, Debug)]
pub(crate) struct KnownCaller {
    /// Who it is.
    pub(crate) caller: Caller,
    /// How it has shown that.
    pub(crate) proof: CallerProof,
}

/// How a caller has shown who it is.
#[derive(Clone, Debug)]
pub(crate) enum CallerProof {
    /// It is the daemon's user, at its own socket.
    OwnSocket,
    /// It has sent the token with this hash.
    Token([u8; 32]),
    /// It has sent the cookie of a session.
    Session(Session),
}

impl KnownCaller {
    /// The session of a browser, if that is the proof.
    pub(crate) const fn session(&self) -> Option<&Session> {
        match &self.proof {
            CallerProof::Session(session) => Some(session),
            CallerProof::OwnSocket | CallerProof::Token(_) => None,
        }
    }
}

impl Guard {
    /// Who asks; `None` if the request does not say so.
    ///
    /// # Errors
    ///
    /// The token is wrong, or one of too many wrong ones.
    pub(crate) fn know(
        &self,
        fleet: &dyn Fleet,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<Option<KnownCaller>> {
        if let Some(user) = &peer.user {
            return Ok(Some(KnownCaller { caller: Caller::local(user), proof: CallerProof::OwnSocket }));
        }
        if let Some(value) = headers.get(AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer);
            let token = token.unwrap_or_default();
            let caller = self.examine(fleet, peer.who, token)?;
            return Ok(Some(KnownCaller { caller, proof: CallerProof::Token(digest(token)) }));
        }
        let Some(session) = cookie(headers).and_then(|cookie| self.sessions.find(&cookie, self.clock.now()))
        else {
            return Ok(None);
        };
        let tokens = fleet.tokens();
        Ok(tokens::find(&tokens, &session.token, since_1970().as_secs()).map(|token| KnownCaller {
            caller: Caller::of_token(token),
            proof: CallerProof::Session(session.clone()),
        }))
    }

    /// The holder of a token. Right ones are always found; what counts is how often an address was wrong.
    ///
    /// # Errors
    ///
    /// The token is wrong, or one of too many wrong ones.
    pub(crate) fn examine(&self, fleet: &dyn Fleet, who: ClientGroup, token: &str) -> Result<Caller> {
        let digest = digest(token);
        if let Some(token) = tokens::find(&fleet.tokens(), &digest, since_1970().as_secs()) {
            return Ok(Caller::of_token(token));
        }
        if self.wrong.are_too_many(who, self.clock.now()) {
            return Err(ApiError::new(ErrorCode::TooMany, "too many wrong tokens from this address")
                .hint("wait a minute"));
        }
        // It may have been made just now.
        if let Some(token) = tokens::find(&fleet.renewed_tokens()?, &digest, since_1970().as_secs()) {
            return Ok(Caller::of_token(token));
        }
        self.wrong.note(who, self.clock.now());
        tracing::warn!(from = %who, "somebody has sent a wrong token");
        Err(ApiError::new(ErrorCode::Unauthorized, "this token is unknown, or has ended")
            .hint("ftp-user daemon token makes one"))
    }
}

/// No token was sent.
pub(crate) fn unauthorized() -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, "a token is needed")
        .hint("send Authorization: Bearer TOKEN; ftp-user daemon token makes one")
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// The value of the session's cookie. If there are several, none counts.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = all.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == sessions::COOKIE).then(|| value.to_owned())
    });
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// The `Host` of a request that was meant for this listener.
///
/// # Errors
///
/// It names another host, or none.
pub(crate) fn own_host(headers: &HeaderMap, peer: &Peer, names: &[String]) -> Result<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none()).and_then(|host| host.to_str().ok());
    let own = host.filter(|host| host::is_own(host, peer.local, names, peer.is_tls));
    own.map(str::to_owned).ok_or_else(|| {
        ApiError::new(ErrorCode::WrongHost, "this is not the host that the request names")
            .hint("use the address of the listener or localhost, or start the daemon with --host NAME")
    })
}

/// Whether a form stood on a page of this listener.
///
/// # Errors
///
/// The `Origin` is missing or another one.
pub(crate) fn same_origin(headers: &HeaderMap, host: &str, peer: &Peer) -> Result<()> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| host::is_same_origin(origin, host, peer.is_tls)) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Forbidden, "the form did not come from this page")
        .hint("open the page again and send the form from there"))
}

/// The address that the nearest proxy has seen.
pub(crate) fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}
