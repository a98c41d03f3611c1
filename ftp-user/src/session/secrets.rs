//! The secrets that a session has sent. A server may repeat them in its replies, so they are removed from
//! every reply before anybody reads it.
//!
//! This is the one place where bytes of a server become text for people: [`Words`] are made nowhere else, and
//! `.clippy.toml` forbids `Reply::display`, which knows no secrets.

use crate::account::shortened;
use ftp_proto::reply::Reply;
use ftp_proto::wire::{RendezvousSecret, Secret, show};
use std::fmt;

/// What a server has said, for people: without the secrets of its session, and without what a terminal would obey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words(String);

impl Words {
    /// The same, cut to the length of a message.
    #[must_use]
    pub fn shortened(&self) -> Self {
        Self(shortened(&self.0))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secrets of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    /// The password and the account.
    login: Vec<Secret>,
    /// The secret of the last RNDZ, as it was written.
    rendezvous: Option<Secret>,
}

impl Secrets {
    /// The secrets of a login. One that is too short to be told from other text is left out.
    pub(crate) fn of_login<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut login: Vec<Secret> =
            secrets.into_iter().filter(|secret| secret.expose().len() >= SHORTEST).cloned().collect();
        login.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self { login, rendezvous: None }
    }

    /// Adds the secret of RNDZ, in the place of an earlier one.
    pub(crate) fn of_transfer(&mut self, secret: &RendezvousSecret) {
        self.rendezvous = Some(Secret::new(secret.to_hex().as_bytes()));
    }

    /// Returns a line of a reply with `***` for each secret in it, in any case of its letters.
    fn removed_from(&self, line: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(line.len());
        let mut rest = line;
        while let Some((first, others)) = rest.split_first() {
            match self.rendezvous.iter().chain(&self.login).find_map(|secret| after(rest, secret)) {
                Some(behind) => {
                    shown.extend_from_slice(b"***");
                    rest = behind;
                }
                None => {
                    shown.push(*first);
                    rest = others;
                }
            }
        }
        shown
    }

    /// A text of the server for people.
    pub(crate) fn told(&self, text: &[u8]) -> Words {
        Words(show(&self.removed_from(text)))
    }

    /// The code and the last line of a reply for people, for example `550 No such file`.
    pub(crate) fn told_reply(&self, reply: &Reply) -> Words {
        Words(format!("{:03} {}", reply.code.0, self.told(reply.text().trim_ascii())))
    }
}

/// What follows `secret` at the beginning of `text`; `None` if it does not begin with it.
fn after<'a>(text: &'a [u8], secret: &Secret) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(secret.expose().len())?;
    start.eq_ignore_ascii_case(secret.expose()).then_some(rest)
}

/// Bytes of the shortest secret that is looked for. A password that is also a word of the server's texts is removed from these as
/// well, because a repeated password cannot be told from the word.
const SHORTEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_removed_wherever_it_stands() {
        let known = ["secret", "abc", "secretpw"].map(Secret::new);
        let mut secrets = Secrets::of_login(&known);
        secrets.of_transfer(&RendezvousSecret::new([0xa7; 32]));
        let hex = "A7".repeat(32);
        let check = |line: &str, expect: &str| {
            assert_eq!(secrets.removed_from(line.as_bytes()), expect.as_bytes(), "{line}");
        };
        check("530 password was: secretpw", "530 password was: ***");
        check("SECRETsecretpw, secre", "******, secre");
        check(&format!("500 'RNDZ {hex}' unknown"), "500 'RNDZ ***' unknown");
        check("abc is too short", "abc is too short");
        check("", "");
    }

    #[test]
    fn what_a_server_has_told_shows_no_secret_and_nothing_that_a_terminal_obeys() {
        let secrets = Secrets::of_login(&[Secret::new("secret")]);
        assert_eq!(secrets.told(b"it is secret\x1b[31m\r").to_string(), "it is ***%1B[31m%0D");
        let reply = Reply { code: ftp_proto::reply::Code(550), lines: vec![b" no Secret\x07 ".to_vec()] };
        assert_eq!(secrets.told_reply(&reply).to_string(), "550 no ***%07");
    }
}
