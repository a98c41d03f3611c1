//! When and from where a user may log in.

use std::net::IpAddr;

use ftp_proto::address::unmapped;
use ftp_proto::listing::When;
use ftp_proto::wire::Fingerprint;
use ipnet::IpNet;

/// Where a login comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The address of the client.
    pub from: IpAddr,
    /// Whether the control connection is inside TLS.
    pub private: bool,
    /// The certificate that the client has shown there.
    pub certificate: Option<Fingerprint>,
}

/// When and from where a user may log in. The default permits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LoginTerms {
    /// The networks of the clients; empty means every network.
    pub networks: Vec<IpNet>,
    /// When the account expires: from this moment on it cannot log in.
    pub expires: Option<When>,
    /// Whether the control connection must be inside TLS.
    pub require_tls: bool,
    /// The certificates of which the client must show one on the control connection; empty means that it
    /// needs none.
    pub certificates: Vec<Fingerprint>,
}

/// Why a user may not log in although the password or the certificate is right. It is only logged: the client
/// is told the same as after a wrong password.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
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
    /// The client has shown no certificate of the account.
    #[error("the client has shown no certificate of the account")]
    Certificate,
}

/// Why somebody does not log in. It stands in the log only: the client is told the same in every case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NoLogin {
    /// There is no account of this name.
    #[error("no account has this name")]
    NoAccount,
    /// The password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The account has no password, and the client has not shown its certificate.
    #[error("the account has no password, and the client has shown none of its certificates")]
    NoPassword,
    /// The password is right, but ACCT has named something else than the account needs.
    #[error("ACCT has not named what the account needs")]
    WrongAcct,
    /// PAM has not answered in time.
    #[error("PAM takes too long")]
    PamTooSlow,
    /// A term of the account does not hold.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl LoginTerms {
    /// Whether a login from `origin` may be at `now`.
    ///
    /// # Errors
    /// The first term that does not hold.
    pub fn admit(&self, origin: Origin, now: When) -> Result<(), Unfit> {
        let from = unmapped(origin.from);
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&from)) {
            Err(Unfit::Network)
        } else if self.expires.is_some_and(|expires| now.0 >= expires.0) {
            Err(Unfit::Expired)
        } else if self.require_tls && !origin.private {
            Err(Unfit::Clear)
        } else if !self.certificates.is_empty() && !self.knows(origin.certificate) {
            Err(Unfit::Certificate)
        } else {
            Ok(())
        }
    }

    /// Whether this certificate is one of the account's.
    pub fn knows(&self, certificate: Option<Fingerprint>) -> bool {
        certificate.is_some_and(|certificate| self.certificates.contains(&certificate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_has_to_hold() {
        let terms = LoginTerms {
            networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            expires: Some(When(1_000)),
            require_tls: true,
            certificates: Vec::new(),
        };
        let check = |from: &str, now: i64, private: bool, expect: Result<(), Unfit>| {
            let origin = Origin { from: from.parse().unwrap(), private, certificate: None };
            assert_eq!(terms.admit(origin, When(now)), expect, "{from} {now}");
        };
        check("192.0.2.7", 999, true, Ok(()));
        check("::ffff:192.0.2.7", 999, true, Ok(()));
        check("2001:db8::7", 999, true, Ok(()));
        check("198.51.100.7", 999, true, Err(Unfit::Network));
        check("192.0.2.7", 1_000, true, Err(Unfit::Expired));
        check("192.0.2.7", 999, false, Err(Unfit::Clear));
        let anywhere = Origin { from: [198, 51, 100, 7].into(), private: false, certificate: None };
        assert_eq!(LoginTerms::default().admit(anywhere, When(i64::MAX)), Ok(()));
    }

    #[test]
    fn one_of_the_certificates_is_enough_and_none_is_not() {
        let [first, second, other] = [1, 2, 3].map(|n| Fingerprint::of(&[n]));
        let terms = LoginTerms { certificates: vec![first, second], ..LoginTerms::default() };
        let check = |certificate: Option<Fingerprint>, expect: Result<(), Unfit>| {
            let origin = Origin { from: [192, 0, 2, 7].into(), private: true, certificate };
            assert_eq!(terms.admit(origin, When(0)), expect, "{certificate:?}");
        };
        check(Some(first), Ok(()));
        check(Some(second), Ok(()));
        check(Some(other), Err(Unfit::Certificate));
        check(None, Err(Unfit::Certificate));
        assert!(!LoginTerms::default().knows(Some(first)), "an empty list knows nobody");
    }
}
