//! The secret that proves who comes to a relay or a hub, as one line of text.
//!
//! ```text
//!  frt1.<name>.<expiry>.<base58>           a user; in older set-ups, the agents that he calls too
//!  frt2.<name>.<group>.<expiry>.<base58>   a user who calls the agents of a group
//!  fra1.<name>.<group>.<expiry>.<base58>   an agent of a group
//!
//!  expiry: seconds of UTC since 1970, 0 = never
//!  base58 of 32 random bytes and 4 bytes of SHA-256 over all the rest
//! ```
//!
//! The group matters at a hub alone: whoever is in a group calls its agents. A token of the first kind is in the group of
//! its own name.
//!
//! The line contains the secret, so its file must have mode 0600. It never crosses the network.

use crate::listing::When;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The 32 secret bytes of a token or ticket. They have no text in `Debug` and are overwritten in memory
/// when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Creates a secret from 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns a number that follows from the secret and does not show it.
    pub(super) fn number(&self) -> u64 {
        let Self(bytes) = self.derived(b"ftp-relay/1 number");
        bytes.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
    }

    /// Returns the secret of the join with this number, if this one is the seed of a user agent. Each number has another one, and
    /// none says anything about the others or the seed.
    #[must_use]
    pub fn of_join(&self, number: u64) -> Self {
        self.derived(&[b"ftp-relay/1 join ".as_slice(), &number.to_be_bytes()].concat())
    }

    /// Returns the secret that follows from this one for a purpose. It says nothing about this one.
    pub(super) fn derived(&self, purpose: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        // This fails only for an output of more than 255 hashes.
        let _ = Hkdf::<Sha256>::new(None, &self.0).expand(purpose, bytes.as_mut_slice());
        Self(*bytes)
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(***)")
    }
}

impl Drop for Secret32 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Who holds a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A user; in older set-ups, the agents that the user calls too.
    Anybody,
    /// A user who calls the agents of this group.
    UserOf(String),
    /// An agent of this group. The name of the token is that of the agent.
    AgentOf(String),
}

/// Under which name the holder of a token may join a hub as an agent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Joins {
    /// Under none: the token is one for users, or its group has tokens for agents.
    Never,
    /// Under the name of the token.
    AsToken,
    /// Under every name. Each user of the token may take the place of the agent.
    AsAnybody,
}

/// A token: who may use a relay, until when, and the secret that proves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    name: String,
    holder: Holder,
    expires: Option<When>,
    /// Whether it is what a hub has of another token.
    of_hub: bool,
    secret: Secret32,
}

/// Why a line is not a token. The texts never contain the line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The line does not begin with `frt1.`, `frt2.` or `fra1.`, nor as one of a hub: `fht1.`, `fht2.` or `fha1.`.
    #[error(
        "not a token: it does not begin with frt1., frt2. or fra1., nor as one of a hub with fht1., fht2. or fha1."
    )]
    Kind,
    /// The line does not have the fields of its kind.
    #[error(
        "not a token: frt1.NAME.EXPIRY.SECRET, or frt2 or fra1 with .NAME.GROUP.EXPIRY.SECRET was expected; fh for fr in those of a hub"
    )]
    Fields,
    /// The group has other characters or another length than allowed.
    #[error("a token's group has 1 to 64 letters, digits, - or _")]
    Group,
    /// The name has other characters or another length than allowed.
    #[error("a token's name has 1 to 64 letters, digits, - or _")]
    Name,
    /// The expiry is not a number.
    #[error("a token's expiry is a number of seconds")]
    Expiry,
    /// The secret has another length or was mistyped.
    #[error("the token is damaged: its checksum is wrong")]
    Damaged,
}

impl Token {
    /// Creates a token from 32 random bytes.
    ///
    /// # Errors
    ///
    /// Fails if the name has other characters than letters, digits, `-` and `_` or is not 1 to 64
    /// characters long, or if the expiry is not after 1970.
    pub fn new(name: &str, expires: Option<When>, bytes: [u8; 32]) -> Result<Self, TokenError> {
        if !is_name(name) {
            return Err(TokenError::Name);
        }
        if expires.is_some_and(|When(at)| at <= 0) {
            return Err(TokenError::Expiry);
        }
        let holder = Holder::Anybody;
        Ok(Self { name: name.to_owned(), holder, expires, of_hub: false, secret: Secret32::new(bytes) })
    }

    /// The same token for this holder.
    ///
    /// # Errors
    ///
    /// Fails if the group has other characters than letters, digits, `-` and `_` or is not 1 to 64 characters long.
    pub fn with_holder(self, holder: Holder) -> Result<Self, TokenError> {
        if let Holder::UserOf(group) | Holder::AgentOf(group) = &holder
            && !is_name(group)
        {
            return Err(TokenError::Group);
        }
        Ok(Self { holder, ..self })
    }

    /// Reads a token from its line. White space around it is ignored.
    ///
    /// # Errors
    ///
    /// Fails if the line is not a token; see [`TokenError`].
    pub fn parse(line: &str) -> Result<Self, TokenError> {
        let (kind, rest) = line.trim().split_once('.').ok_or(TokenError::Kind)?;
        let (kind, of_hub) = match (kind.strip_prefix(TOKEN), kind.strip_prefix(OF_HUB)) {
            (Some(kind), _) => (kind, false),
            (None, Some(kind)) => (kind, true),
            (None, None) => return Err(TokenError::Kind),
        };
        let fields: Vec<&str> = rest.split('.').collect();
        let (name, holder, expiry, text) = match (kind, fields.as_slice()) {
            (ANYBODY, [name, expiry, text]) => (name, Holder::Anybody, expiry, text),
            (USER, [name, group, expiry, text]) => (name, Holder::UserOf((*group).to_owned()), expiry, text),
            (AGENT, [name, group, expiry, text]) => {
                (name, Holder::AgentOf((*group).to_owned()), expiry, text)
            }
            (ANYBODY | USER | AGENT, _) => return Err(TokenError::Fields),
            (_, _) => return Err(TokenError::Kind),
        };
        let plain =
            expiry.bytes().all(|byte| byte.is_ascii_digit()) && (*expiry == "0" || !expiry.starts_with('0'));
        let seconds: i64 = expiry.parse().ok().filter(|_| plain).ok_or(TokenError::Expiry)?;
        let mut bytes = Zeroizing::new([0; 36]);
        let length = bs58::decode(text).onto(bytes.as_mut_slice()).map_err(|_| TokenError::Damaged)?;
        let (secret, check) = bytes.split_first_chunk::<32>().ok_or(TokenError::Damaged)?;
        let token = Self::new(name, (seconds != 0).then_some(When(seconds)), *secret)?.with_holder(holder)?;
        let token = Self { of_hub, ..token };
        if length != bytes.len() || check != token.checksum() {
            return Err(TokenError::Damaged);
        }
        Ok(token)
    }

    /// Returns the line of the token, which contains the secret.
    pub fn line(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 36]);
        for (to, from) in bytes.iter_mut().zip(self.secret.bytes().iter().chain(&self.checksum())) {
            *to = *from;
        }
        let text = Zeroizing::new(bs58::encode(bytes.as_slice()).into_string());
        Zeroizing::new(format!("{}{}", self.prefix(), text.as_str()))
    }

    /// Returns the name of the token.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns who holds the token.
    pub const fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Returns whether it is the token of an agent.
    pub const fn is_of_agent(&self) -> bool {
        matches!(self.holder, Holder::AgentOf(_))
    }

    /// Returns whether it is what a hub has of another token: a line of `token --for-hub`. Older ones do not say so.
    pub const fn is_of_hub(&self) -> bool {
        self.of_hub
    }

    /// Returns whether both have the same secret for the same holder, whether or not they say that they are of a hub.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { of_hub: other.of_hub, ..self.clone() } == *other
    }

    /// Returns the group whose agents the holder calls, or is one of.
    pub fn group(&self) -> &str {
        match &self.holder {
            Holder::Anybody => &self.name,
            Holder::UserOf(group) | Holder::AgentOf(group) => group,
        }
    }

    /// Returns under which name the holder may join a hub that has these tokens.
    pub fn joins<'a>(&self, all: impl Iterator<Item = &'a Self>) -> Joins {
        let is_with = |token: &Self| token.is_of_agent() && token.group() == self.group();
        match self.holder {
            Holder::AgentOf(_) => Joins::AsToken,
            Holder::Anybody if !all.into_iter().any(is_with) => Joins::AsAnybody,
            Holder::Anybody | Holder::UserOf(_) => Joins::Never,
        }
    }

    /// Returns when the token expires, if it does.
    pub const fn expires(&self) -> Option<When> {
        self.expires
    }

    /// Returns whether the token has expired.
    pub fn is_expired(&self, today: When) -> bool {
        self.expires.is_some_and(|at| at <= today)
    }

    /// Returns the secret of the token.
    pub const fn secret(&self) -> &Secret32 {
        &self.secret
    }

    /// Returns the token with which a hub knows the holders of this one. It has the same name and expiry. What
    /// this one protects cannot be computed from it.
    #[must_use]
    pub fn for_hub(&self) -> Self {
        Self { secret: self.secret.derived(b"ftp-relay/1 hub"), of_hub: true, ..self.clone() }
    }

    fn prefix(&self) -> String {
        let expiry = self.expires.map_or(0, |When(at)| at);
        let of = if self.of_hub { OF_HUB } else { TOKEN };
        match &self.holder {
            Holder::Anybody => format!("{of}{ANYBODY}.{}.{expiry}.", self.name),
            Holder::UserOf(group) => format!("{of}{USER}.{}.{group}.{expiry}.", self.name),
            Holder::AgentOf(group) => format!("{of}{AGENT}.{}.{group}.{expiry}.", self.name),
        }
    }

    fn checksum(&self) -> [u8; 4] {
        let sum = Sha256::new().chain_update(self.prefix()).chain_update(self.secret.bytes()).finalize();
        let mut first = [0; 4];
        for (to, from) in first.iter_mut().zip(sum) {
            *to = from;
        }
        first
    }
}

/// Returns whether this may be the name of a token, or of an agent at a hub.
pub fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(letter)
}

/// The lines of tokens begin with it.
const TOKEN: &str = "fr";
/// The lines of what a hub has of them begin with it.
const OF_HUB: &str = "fh";
const ANYBODY: &str = "t1";
const USER: &str = "t2";
const AGENT: &str = "a1";
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r36_each_join_of_a_seed_has_a_secret_of_its_own() {
        let seed = Secret32::new([7; 32]);
        let secrets: Vec<Secret32> = (0..100).map(|number| seed.of_join(number)).collect();
        for (number, secret) in secrets.iter().enumerate() {
            assert!(*secret != seed && !secrets[..number].contains(secret), "{number}");
        }
        assert!(seed.of_join(1) == seed.of_join(1));
    }

    #[test]
    fn a_token_survives_its_line() {
        for expires in [None, Some(When(1_800_000_000))] {
            for bytes in [[0; 32], [0xff; 32], [0x5a; 32]] {
                let token = Token::new("edge-zrh_1", expires, bytes).unwrap();
                assert_eq!(Token::parse(&format!(" {}\r\n", token.line().as_str())), Ok(token));
            }
        }
    }

    #[test]
    fn r62_a_token_says_who_holds_it_and_in_which_group() {
        let plain = || Token::new("ann", None, [7; 32]).unwrap();
        let site = || "site-a".to_owned();
        for (holder, start, group) in [
            (Holder::Anybody, "frt1.ann.0.", "ann"),
            (Holder::UserOf(site()), "frt2.ann.site-a.0.", "site-a"),
            (Holder::AgentOf(site()), "fra1.ann.site-a.0.", "site-a"),
        ] {
            let token = plain().with_holder(holder.clone()).unwrap();
            assert!(token.line().starts_with(start), "{holder:?}");
            assert_eq!((Token::parse(&token.line()).as_ref(), token.group()), (Ok(&token), group));
            let hub = token.for_hub();
            assert_eq!((hub.holder(), hub.group()), (&holder, group));
            assert!(hub.line().starts_with(&start.replace("fr", "fh")), "{holder:?}");
            let parsed = Token::parse(&hub.line()).unwrap();
            assert!(parsed == hub && parsed.is_of_hub() && !token.is_of_hub(), "{holder:?}");
        }
        for group in ["", "a b", "a.b", &"x".repeat(65)] {
            assert_eq!(
                plain().with_holder(Holder::UserOf(group.to_owned())),
                Err(TokenError::Group),
                "{group}"
            );
        }
        // Older hubs have lines that begin as those of tokens.
        let hub = plain().for_hub();
        let older = Token { of_hub: false, ..hub.clone() };
        assert!(older.line().starts_with("frt1.ann.0.") && older.is_same(&hub) && !plain().is_same(&hub));
        assert_eq!(Token::parse(&hub.line().replace("fht1", "frt1")), Err(TokenError::Damaged));
        // The checksum covers the kind and the group.
        let agent = plain().with_holder(Holder::AgentOf(site())).unwrap().line().to_string();
        assert_eq!(Token::parse(&agent.replace("fra1", "frt2")), Err(TokenError::Damaged));
        assert_eq!(Token::parse(&agent.replace("site-a", "site-b")), Err(TokenError::Damaged));
        assert_eq!(Token::parse(&agent.replace(".site-a", "")), Err(TokenError::Fields));
    }

    #[test]
    fn r62_only_an_agents_own_token_joins_where_its_group_has_one() {
        let token = |name: &str, holder: Holder| {
            Token::new(name, None, [7; 32]).and_then(|token| token.with_holder(holder)).unwrap()
        };
        let (old, other) = (token("site", Holder::Anybody), token("else", Holder::Anybody));
        let user = token("ann", Holder::UserOf("site".to_owned()));
        let agent = token("edge", Holder::AgentOf("site".to_owned()));
        let all = [old, other, user, agent];
        let joins = |count: usize| all.each_ref().map(|token| token.joins(all.iter().take(count)));
        assert_eq!(joins(3), [Joins::AsAnybody, Joins::AsAnybody, Joins::Never, Joins::AsToken]);
        assert_eq!(joins(4), [Joins::Never, Joins::AsAnybody, Joins::Never, Joins::AsToken]);
    }

    #[test]
    fn a_line_with_one_wrong_character_anywhere_is_refused() {
        let line = Token::new("edge", Some(When(1_800_000_000)), [0x5a; 32]).unwrap().line();
        for at in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            assert!(Token::parse(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
        }
    }

    #[test]
    fn r30_the_token_of_a_hub_is_another_secret_under_the_same_name() {
        let token = Token::new("edge", Some(When(1_800_000_000)), [0x5a; 32]).unwrap();
        let hub = token.for_hub();
        assert_eq!((hub.name(), hub.expires()), (token.name(), token.expires()));
        assert_ne!(hub.secret(), token.secret());
        assert_eq!(hub, token.for_hub());
        assert_ne!(hub.for_hub(), hub);
    }

    #[test]
    fn errors_about_a_token_do_not_show_it() {
        let good = Token::new("edge", None, [1; 32]).unwrap().line().to_string();
        let secret = good.rsplit('.').next().unwrap();
        let check = |line: &str, expected| assert_eq!(Token::parse(line), Err(expected), "{line}");
        check("", TokenError::Kind);
        check("frt3.edge.0.x", TokenError::Kind);
        check("frt2.edge.0.x", TokenError::Fields);
        check("frt1.edge.0", TokenError::Fields);
        check(&format!("{good}.x"), TokenError::Fields);
        check(&format!("frt1..0.{secret}"), TokenError::Name);
        check(&format!("frt1.ed ge.0.{secret}"), TokenError::Name);
        check(&format!("frt1.{}.0.{secret}", "x".repeat(65)), TokenError::Name);
        check(&format!("frt1.edge.-1.{secret}"), TokenError::Expiry);
        check(&format!("frt1.edge.00.{secret}"), TokenError::Expiry);
        check(&format!("frt1.edge.99999999999999999999.{secret}"), TokenError::Expiry);
        check(&format!("frt1.edge.1.{secret}"), TokenError::Damaged);
        check("frt1.edge.0.", TokenError::Damaged);
        check("frt1.edge.0.0OIl", TokenError::Damaged);
        check(&format!("{good}1"), TokenError::Damaged);
    }

    #[test]
    fn a_token_has_no_debug_text_of_its_secret() {
        let token = Token::new("edge", None, [0x5a; 32]).unwrap();
        assert!(format!("{token:?}").contains("Secret32(***)"));
    }

    #[test]
    fn r27_a_token_ends_at_its_time() {
        let token = Token::new("edge", Some(When(1000)), [1; 32]).unwrap();
        assert!(!token.is_expired(When(999)));
        assert!(token.is_expired(When(1000)));
        assert!(!Token::new("edge", None, [1; 32]).unwrap().is_expired(When(i64::MAX)));
    }
}
