//! The anonymous account: it may read, never write, and never name a foreign host.

use ftp_proto::policy::Foreign;
use ftp_proto::server::Account;
use ftp_proto::wire::Secret;

use super::Users;

/// The account that needs no password (`--anonymous`).
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl Users for Anonymous {
    fn login(&self, name: &[u8], _password: &Secret) -> Option<Account> {
        is_anonymous(name).then(|| Account {
            name: b"anonymous".to_vec(),
            anonymous: true,
            read_only: true,
            foreign: Foreign::Never,
        })
    }
}

/// Whether `name` is a name of the anonymous account: `anonymous` or `ftp`, in any case.
pub fn is_anonymous(name: &[u8]) -> bool {
    [b"anonymous".as_slice(), b"ftp"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_may_only_read_and_never_names_a_foreign_host() {
        for name in ["anonymous", "ftp", "FTP"] {
            let account = Anonymous.login(name.as_bytes(), &Secret::new("who@example.org")).unwrap();
            assert!(account.anonymous && account.read_only);
            assert_eq!(account.foreign, Foreign::Never);
        }
        assert_eq!(Anonymous.login(b"ann", &Secret::new("")), None);
    }
}
