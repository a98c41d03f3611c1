//! The secrets that a session has sent. A server may repeat them in its replies, so they are removed from
//! every reply before anybody reads it.

use ftp_proto::reply::Reply;
use ftp_proto::wire::{RendezvousSecret, Secret};

/// The secrets of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// The password and the account.
    login: Vec<Secret>,
    /// The secret of the last RNDZ, as it was written.
    rendezvous: Option<Secret>,
}

impl Secrets {
    /// The secrets of a login. One that is too short to be told from other text is left out.
    pub(super) fn of_login<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut login: Vec<Secret> =
            secrets.into_iter().filter(|secret| secret.expose().len() >= SHORTEST).cloned().collect();
        login.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self { login, rendezvous: None }
    }

    /// Adds the secret of RNDZ, in the place of an earlier one.
    pub(super) fn of_transfer(&mut self, secret: &RendezvousSecret) {
        self.rendezvous = Some(Secret::new(secret.to_hex().as_bytes()));
    }

    /// Returns a line of a reply with `***` for each secret in it, in any case of its letters.
    pub(super) fn removed_from(&self, line: &[u8]) -> Vec<u8> {
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

    /// Returns a reply without the secrets.
    pub(super) fn removed_from_reply(&self, reply: &Reply) -> Reply {
        let lines = reply.lines.iter().map(|line| self.removed_from(line)).collect();
        Reply { lines, ..reply.clone() }
    }
}

/// What follows `secret` at the beginning of `text`; `None` if it does not begin with it.
fn after<'a>(text: &'a [u8], secret: &Secret) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(secret.expose().len())?;
    start.eq_ignore_ascii_case(secret.expose()).then_some(rest)
}

/// Bytes of the shortest secret that is looked for.
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
}
