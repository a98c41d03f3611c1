//! Tokens: which one is right, and how many wrong ones of one address are examined.

use super::ClientGroup;
use crate::web::fleet::TokenInfo;
use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The hash by which a token is known.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The token of this hash that is valid at `now`, in seconds since 1970. The time that it takes does not depend on how much of a
/// hash is right.
pub(crate) fn find<'t>(tokens: &'t [TokenInfo], digest: &[u8; 32], now: u64) -> Option<&'t TokenInfo> {
    let mut found = None;
    for token in tokens {
        if bool::from(token.token.digest.ct_eq(digest)) {
            found = Some(token);
        }
    }
    found.filter(|token| token.token.expires.is_none_or(|expires| expires > now))
}

/// The wrong tokens of each address within the last minute.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    by: Mutex<HashMap<ClientGroup, VecDeque<Moment>>>,
}

impl WrongTokens {
    /// Whether an address has had so many that no other one is examined.
    pub(crate) fn are_too_many(&self, who: ClientGroup, now: Moment) -> bool {
        let by = self.by.locked();
        match by.get(&who) {
            Some(times) => times.iter().filter(|at| !is_old(**at, now)).count() >= MOST_WRONG,
            None => {
                by.len() >= MOST_ADDRESSES
                    && by.values().all(|times| times.back().is_some_and(|at| !is_old(*at, now)))
            }
        }
    }

    /// Notes a wrong token.
    pub(crate) fn note(&self, who: ClientGroup, now: Moment) {
        let mut by = self.by.locked();
        if by.len() >= MOST_ADDRESSES {
            by.retain(|_, times| times.back().is_some_and(|at| !is_old(*at, now)));
        }
        if by.len() >= MOST_ADDRESSES && !by.contains_key(&who) {
            return;
        }
        let times = by.entry(who).or_default();
        times.retain(|at| !is_old(*at, now));
        times.push_back(now);
    }
}

fn is_old(at: Moment, now: Moment) -> bool {
    now.since(at) >= WINDOW
}

/// For how long a wrong token counts.
const WINDOW: Duration = Duration::from_secs(60);
/// The largest number of wrong tokens of one address in that time.
const MOST_WRONG: usize = 10;
/// The largest number of addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Scope;
    use crate::web::tests::fleet::token;
    use ftp_proto::address::Group;
    use std::net::IpAddr;

    #[test]
    fn ten_wrong_tokens_a_minute_of_one_address_are_examined() {
        let (wrong, now) = (WrongTokens::default(), Moment::START);
        let (one, two) = (ClientGroup::Address(Group::of(IpAddr::from([192, 0, 2, 1]))), ClientGroup::Socket);
        for _ in 0..10 {
            assert!(!wrong.are_too_many(one, now));
            wrong.note(one, now);
        }
        assert!(wrong.are_too_many(one, now) && !wrong.are_too_many(two, now));
        assert!(wrong.are_too_many(one, now + Duration::from_secs(59)));
        assert!(!wrong.are_too_many(one, now + Duration::from_secs(60)));
    }

    #[test]
    fn an_expired_token_is_a_wrong_one() {
        let mut tokens = ["a", "b"].map(|text| token(text, Scope::Read, &[]));
        tokens[1].token.expires = Some(100);
        let found = |text: &str, now| find(&tokens, &digest(text), now).map(|t| t.token.name.as_str());
        assert_eq!(found("a", 1000), Some("a"));
        assert_eq!(found("b", 99), Some("b"));
        assert_eq!(found("b", 100), None);
        assert_eq!(found("c", 0), None);
    }
}
