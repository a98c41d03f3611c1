//! When and from where a user may log in.

use std::net::IpAddr;

use ftp_proto::address::unmapped;
use ftp_proto::listing::When;
use ipnet::IpNet;

/// When and from where a user may log in. The default permits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// The networks of the clients; empty means every network.
    pub networks: Vec<IpNet>,
    /// The first moment at which the account exists no more.
    pub expires: Option<When>,
    /// Whether the control connection must be inside TLS.
    pub require_tls: bool,
}

/// Why a user may not log in although the password is right. It stands in the log only: the client is
/// told the same as after a wrong password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// The client is outside the networks of the account.
    #[error("the client is outside the networks of the account")]
    Network,
    /// The account has expired.
    #[error("the account has expired")]
    Expired,
    /// The account logs in inside TLS only.
    #[error("the account logs in inside TLS only")]
    Clear,
}

impl Terms {
    /// Whether a client at `from` may log in `now`; `private` says that it is inside TLS.
    ///
    /// # Errors
    /// The first term that does not hold.
    pub fn admit(&self, from: IpAddr, now: When, private: bool) -> Result<(), Unfit> {
        let from = unmapped(from);
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&from)) {
            Err(Unfit::Network)
        } else if self.expires.is_some_and(|expires| now.0 >= expires.0) {
            Err(Unfit::Expired)
        } else if self.require_tls && !private {
            Err(Unfit::Clear)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_has_to_hold() {
        let terms = Terms {
            networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            expires: Some(When(1_000)),
            require_tls: true,
        };
        let check = |from: &str, now: i64, private: bool, expect: Result<(), Unfit>| {
            assert_eq!(terms.admit(from.parse().unwrap(), When(now), private), expect, "{from} {now}");
        };
        check("192.0.2.7", 999, true, Ok(()));
        check("::ffff:192.0.2.7", 999, true, Ok(()));
        check("2001:db8::7", 999, true, Ok(()));
        check("198.51.100.7", 999, true, Err(Unfit::Network));
        check("192.0.2.7", 1_000, true, Err(Unfit::Expired));
        check("192.0.2.7", 999, false, Err(Unfit::Clear));
        assert_eq!(Terms::default().admit("198.51.100.7".parse().unwrap(), When(i64::MAX), false), Ok(()));
    }
}
