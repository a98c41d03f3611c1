//! The proof that both ends of a TLS 1.3 connection hold the same secret, before either end says more.
//!
//! ```text
//!  client: First { key id, mac_c }  --->  keeps no state before mac_c is right
//!  server:      <---  LinkAnswer { mac_s }    the client believes nothing before mac_s is right
//!
//!  K     = HKDF-SHA-256(secret, "ftp-relay/1 <use>")         key id = the same with "ftp-relay/1 id <use>"
//!  mac_c = HMAC(K, "client" 0 E SHA-256(first frame with a zeroed mac))
//!  mac_s = HMAC(K, "server" 0 E SHA-256(answer frame with a zeroed mac) mac_c)
//! ```
//!
//! E is the exporter of this connection (RFC 9266). It is different for each connection, so no nonce is
//! needed, and somebody in the middle has two different ones. The certificate proves nothing and is
//! ignored.
//!
//! The proof is one frame in each direction and has no state to wait in, so it is a set of functions,
//! not a machine: the client calls [`hello`] and [`Pending::welcome`], the agent [`Keyring::accept`] and
//! [`Accepted::welcome`]. Whoever calls them bounds the time.

use super::frame::encode;
use super::message::{Text, VERSIONS};
use super::token::{Joins, Secret32, Token};
use crate::listing::When;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The ALPN name of the link. A connection with another name, or with none, is closed.
pub const ALPN: &[u8] = b"ftp-relay/1";
/// The same where the server is a hub ([`super::hub`]). A client that may meet either offers both, and knows by
/// the server's choice which token to prove.
pub const ALPN_HUB: &[u8] = b"ftp-relay-hub/1";
/// The same where the client is an agent that meets another one. Before the file they try to connect directly
/// ([`super::punch`]). An agent that cannot do that chooses [`ALPN`], and the file goes through the hub.
pub const ALPN_AGENTS: &[u8] = b"ftp-relay-agents/1";
/// The label of the TLS exporter (RFC 9266). Its context is empty and its length [`EXPORTER_LEN`].
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// The length of the exporter in bytes.
pub const EXPORTER_LEN: usize = 32;

/// The TLS exporter of one connection.
pub type Exporter = [u8; EXPORTER_LEN];

/// The first frame of the client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum First {
    /// The client wants a session; frames with messages follow.
    Session(Hello),
    /// The client wants to carry a tunnel; the tunnel's bytes follow the answer.
    Data(DataHello),
}

/// The proof that the client holds a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The lowest and the highest version that the client speaks.
    pub versions: (u16, u16),
    /// Identifies the token.
    pub key_id: [u8; 8],
    /// The client's proof, `mac_c`.
    pub mac: [u8; 32],
}

/// The proof that the client holds a ticket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DataHello {
    /// Identifies the ticket; see [`ticket_id`].
    pub id: [u8; 16],
    /// The client's proof, `mac_c`.
    pub mac: [u8; 32],
}

/// The first frame of the server. Answers without a proof are not trusted and end the connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LinkAnswer {
    /// The session begins.
    Welcome(Welcome),
    /// The link carries the tunnel; its bytes follow.
    Data {
        /// The server's proof, `mac_s`.
        mac: [u8; 32],
    },
    /// The token or ticket is unknown, wrong or expired. Only the server's log tells which.
    Denied,
    /// There is no common version; these are the lowest and the highest of the server.
    Versions(u16, u16),
}

/// What a session begins with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol in this session.
    pub version: u16,
    /// The program and version of the agent.
    pub build: Text,
    /// The user agent's address as the agent sees it.
    pub seen_as: SocketAddr,
    /// The longest time between two frames of the user agent, in milliseconds.
    pub ping_ms: u32,
    /// An end that receives nothing for this long ends the session, in milliseconds.
    pub dead_ms: u32,
    /// The server's proof, `mac_s`.
    pub mac: [u8; 32],
}

/// Why the client has no link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum LinkError {
    /// The server does not know the token, or the token has expired there.
    #[error("the relay does not accept this token")]
    Denied,
    /// The other end did not prove that it holds the token.
    #[error(
        "the other end did not prove that it holds the token: it is another relay, or somebody is in between"
    )]
    Unproven,
    /// There is no common version; these are the lowest and the highest of the server.
    #[error("the relay speaks versions {0} to {1}, this program {low} to {high}", low = VERSIONS.0, high = VERSIONS.1)]
    Versions(u16, u16),
    /// The answer belongs to another kind of link.
    #[error("the relay answered for another kind of link")]
    Unexpected,
}

/// Why a client was denied, for the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// No token has this key id.
    #[error("unknown token")]
    Unknown,
    /// The proof is wrong.
    #[error("wrong proof for token {0}")]
    WrongProof(String),
    /// The token has expired.
    #[error("token {0} has expired")]
    Expired(String),
    /// There is no common version; these are the lowest and the highest of the client.
    #[error("speaks versions {0} to {1} only")]
    Versions(u16, u16),
}

impl Denial {
    /// Returns the frame that answers the client.
    pub fn answer(&self) -> Vec<u8> {
        let answer = match self {
            Self::Unknown | Self::WrongProof(_) | Self::Expired(_) => LinkAnswer::Denied,
            Self::Versions(..) => LinkAnswer::Versions(VERSIONS.0, VERSIONS.1),
        };
        encode(&answer).unwrap_or_default()
    }
}

/// A proof whose answer the client awaits.
#[derive(Debug)]
pub struct Pending(Proof);

/// Begins a session: returns the client's first frame, and what checks the answer.
pub fn hello(secret: &Secret32, exporter: &Exporter) -> (Vec<u8>, Pending) {
    let key = Key::session(secret);
    let unsigned = Hello { versions: VERSIONS, key_id: key.short_id(), mac: [0; 32] };
    let mac = key.client(exporter, &First::Session(unsigned.clone()));
    let first = encode(&First::Session(Hello { mac, ..unsigned })).unwrap_or_default();
    (first, Pending(Proof { key, exporter: *exporter, mac_c: mac }))
}

/// Begins the link of a tunnel: returns the client's first frame, and what checks the answer.
pub fn data_hello(ticket: &Secret32, exporter: &Exporter) -> (Vec<u8>, Pending) {
    let key = Key::data(ticket);
    let unsigned = DataHello { id: key.id, mac: [0; 32] };
    let mac = key.client(exporter, &First::Data(unsigned.clone()));
    let first = encode(&First::Data(DataHello { mac, ..unsigned })).unwrap_or_default();
    (first, Pending(Proof { key, exporter: *exporter, mac_c: mac }))
}

/// Returns the id under which a ticket is announced on a link.
pub fn ticket_id(ticket: &Secret32) -> [u8; 16] {
    Key::data(ticket).id
}

impl Pending {
    /// Checks the answer to [`hello`].
    ///
    /// # Errors
    ///
    /// Fails if the server denied the client, did not prove itself, or has no common version.
    pub fn welcome(&self, answer: LinkAnswer) -> Result<Welcome, LinkError> {
        match answer {
            LinkAnswer::Welcome(welcome) => {
                let unsigned = Welcome { mac: [0; 32], ..welcome.clone() };
                self.check(&LinkAnswer::Welcome(unsigned), &welcome.mac)?;
                let (low, high) = VERSIONS;
                if (low..=high).contains(&welcome.version) { Ok(welcome) } else { Err(LinkError::Unexpected) }
            }
            LinkAnswer::Denied => Err(LinkError::Denied),
            LinkAnswer::Versions(low, high) => Err(LinkError::Versions(low, high)),
            LinkAnswer::Data { .. } => Err(LinkError::Unexpected),
        }
    }

    /// Checks the answer to [`data_hello`].
    ///
    /// # Errors
    ///
    /// Fails if the server denied the client or did not prove itself.
    pub fn data(&self, answer: &LinkAnswer) -> Result<(), LinkError> {
        match answer {
            LinkAnswer::Data { mac } => self.check(&LinkAnswer::Data { mac: [0; 32] }, mac),
            LinkAnswer::Denied => Err(LinkError::Denied),
            LinkAnswer::Versions(low, high) => Err(LinkError::Versions(*low, *high)),
            LinkAnswer::Welcome(_) => Err(LinkError::Unexpected),
        }
    }

    fn check(&self, unsigned: &LinkAnswer, mac: &[u8; 32]) -> Result<(), LinkError> {
        let right = bool::from(self.0.server(unsigned).ct_eq(mac));
        if right { Ok(()) } else { Err(LinkError::Unproven) }
    }
}

/// The tokens that an agent accepts.
#[derive(Debug, Default)]
pub struct Keyring(Vec<(Key, Token)>);

/// A client whose proof was right.
#[derive(Debug)]
pub struct Accepted {
    /// The name of the token; empty for a ticket.
    pub name: String,
    /// The group whose agents the holder calls, or is one of; empty for a ticket.
    pub group: String,
    /// Under which name the holder may join a hub.
    pub joins: Joins,
    /// The version of the protocol to use.
    pub version: u16,
    /// When the token expires, if it does.
    pub expires: Option<When>,
    proof: Proof,
}

impl Keyring {
    /// Creates a keyring from tokens.
    pub fn new(tokens: impl IntoIterator<Item = Token>) -> Self {
        Self(tokens.into_iter().map(|token| (Key::session(token.secret()), token)).collect())
    }

    /// Returns whether the token of an accepted session is still in the keyring.
    pub fn knows(&self, accepted: &Accepted) -> bool {
        self.0.iter().any(|(key, _)| key.id == accepted.proof.key.id)
    }

    /// Checks the first frame of a session. An unknown token takes as much time as a wrong proof.
    ///
    /// # Errors
    ///
    /// Fails if the token is unknown or expired, the proof is wrong, or there is no common version.
    pub fn accept(&self, hello: &Hello, exporter: &Exporter, today: When) -> Result<Accepted, Denial> {
        let known = self.0.iter().find(|(key, _)| key.short_id() == hello.key_id);
        let dummy = || Key { id: [0; 16], key: Zeroizing::new([0; 32]) };
        let key = known.map_or_else(dummy, |(key, _)| key.clone());
        let expected = key.client(exporter, &First::Session(Hello { mac: [0; 32], ..hello.clone() }));
        let right = bool::from(expected.ct_eq(&hello.mac));
        let (_, token) = known.ok_or(Denial::Unknown)?;
        if !right {
            return Err(Denial::WrongProof(token.name().to_owned()));
        }
        if token.is_expired(today) {
            return Err(Denial::Expired(token.name().to_owned()));
        }
        let (low, high) = hello.versions;
        let version = high.min(VERSIONS.1);
        if version < low.max(VERSIONS.0) {
            return Err(Denial::Versions(low, high));
        }
        let proof = Proof { key, exporter: *exporter, mac_c: hello.mac };
        let joins = token.joins(self.0.iter().map(|(_, token)| token));
        let (name, group) = (token.name().to_owned(), token.group().to_owned());
        Ok(Accepted { name, group, joins, version, expires: token.expires(), proof })
    }
}

/// Checks the first frame of a tunnel's link against the ticket with its id. Returns `None` if it is
/// wrong.
pub fn accept_data(ticket: &Secret32, hello: &DataHello, exporter: &Exporter) -> Option<Accepted> {
    let key = Key::data(ticket);
    let expected = key.client(exporter, &First::Data(DataHello { mac: [0; 32], id: hello.id }));
    let right = key.id == hello.id && bool::from(expected.ct_eq(&hello.mac));
    let proof = Proof { key, exporter: *exporter, mac_c: hello.mac };
    right.then(|| Accepted {
        name: String::new(),
        group: String::new(),
        joins: Joins::Never,
        version: VERSIONS.1,
        expires: None,
        proof,
    })
}

impl Accepted {
    /// Returns the answer to the first frame of a session, with `mac` filled in.
    pub fn welcome(&self, welcome: Welcome) -> Vec<u8> {
        let unsigned = Welcome { mac: [0; 32], ..welcome };
        let mac = self.proof.server(&LinkAnswer::Welcome(unsigned.clone()));
        encode(&LinkAnswer::Welcome(Welcome { mac, ..unsigned })).unwrap_or_default()
    }

    /// Returns the answer to the first frame of a tunnel's link.
    pub fn data(&self) -> Vec<u8> {
        let mac = self.proof.server(&LinkAnswer::Data { mac: [0; 32] });
        encode(&LinkAnswer::Data { mac }).unwrap_or_default()
    }
}

/// What both ends know of one proof.
#[derive(Debug)]
struct Proof {
    key: Key,
    exporter: Exporter,
    mac_c: [u8; 32],
}

impl Proof {
    fn server(&self, unsigned: &LinkAnswer) -> [u8; 32] {
        self.key.mac(&[b"server\0", &self.exporter, &hash(unsigned), &self.mac_c])
    }
}

/// The keys that are derived from a secret for one use.
#[derive(Clone)]
struct Key {
    id: [u8; 16],
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Key {
    fn session(secret: &Secret32) -> Self {
        Self::derive(secret, b"ftp-relay/1 session", b"ftp-relay/1 id session")
    }

    fn data(secret: &Secret32) -> Self {
        Self::derive(secret, b"ftp-relay/1 data", b"ftp-relay/1 id data")
    }

    fn derive(secret: &Secret32, for_key: &[u8], for_id: &[u8]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret.bytes());
        let (mut id, mut key) = ([0; 16], Zeroizing::new([0; 32]));
        // This fails only for an output of more than 255 hashes.
        let _ = hkdf.expand(for_id, &mut id);
        let _ = hkdf.expand(for_key, key.as_mut_slice());
        Self { id, key }
    }

    fn short_id(&self) -> [u8; 8] {
        let mut short = [0; 8];
        for (to, from) in short.iter_mut().zip(self.id) {
            *to = from;
        }
        short
    }

    fn client(&self, exporter: &Exporter, unsigned: &First) -> [u8; 32] {
        self.mac(&[b"client\0", exporter, &hash(unsigned)])
    }

    fn mac(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut key = Zeroizing::new([0; 64]); // HMAC pads a key to its hash's block
        for (to, from) in key.iter_mut().zip(self.key.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*key).into());
        for piece in pieces {
            mac.update(piece);
        }
        mac.finalize().into_bytes().into()
    }
}

fn hash<M: Serialize>(message: &M) -> [u8; 32] {
    Sha256::digest(encode(message).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests;
