//! Passwords that PAM checks, where the program is built with the feature `pam`. PAM may take long, and may
//! hang: call it from a thread that no session waits for.

use std::sync::Arc;

use ftp_proto::wire::Secret;

use super::users::Entry;

/// Whether the program is built with PAM.
pub const HAS_PAM: bool = cfg!(feature = "pam");

/// A password that PAM is to check. For a user that does not exist PAM is asked as well, so that the time
/// tells not which names there are.
#[derive(Debug)]
pub struct PamCheck {
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) service: Arc<str>,
    pub(super) user: Vec<u8>,
    pub(super) password: Secret,
}

impl PamCheck {
    /// Asks PAM. May block indefinitely.
    pub fn run(self) -> Option<Arc<Entry>> {
        let right = system::verify(&self.service, &self.user, &self.password);
        self.entry.filter(|_| right)
    }
}

#[cfg(feature = "pam")]
mod system {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;

    use ftp_proto::wire::Secret;
    use nonstick::{AuthnFlags, ConversationAdapter, ErrorCode, Result, Transaction, TransactionBuilder};

    /// What the modules are told: the password, and nothing else.
    struct Answers<'a>(&'a Secret);

    impl ConversationAdapter for Answers<'_> {
        fn prompt(&self, _: impl AsRef<OsStr>) -> Result<OsString> {
            // The name is known already; other prompts cannot be answered, so they fail.
            Err(ErrorCode::ConversationError)
        }

        fn masked_prompt(&self, _: impl AsRef<OsStr>) -> Result<OsString> {
            Ok(OsStr::from_bytes(self.0.expose()).to_owned())
        }

        fn error_msg(&self, message: impl AsRef<OsStr>) {
            tracing::debug!(message = %message.as_ref().to_string_lossy(), "PAM");
        }

        fn info_msg(&self, message: impl AsRef<OsStr>) {
            tracing::debug!(message = %message.as_ref().to_string_lossy(), "PAM");
        }
    }

    /// Whether the service takes the password, and the account may be used now.
    pub(super) fn verify(service: &str, user: &[u8], password: &Secret) -> bool {
        // Neither can be told to PAM.
        if service.contains('\0') || user.contains(&0) || password.expose().contains(&0) {
            return false;
        }
        let checked = TransactionBuilder::new_with_service(service)
            .username(OsStr::from_bytes(user))
            .build(Answers(password).into_conversation())
            .and_then(|mut transaction| {
                transaction.authenticate(AuthnFlags::empty())?;
                transaction.account_management(AuthnFlags::empty())
            });
        if let Err(error) = &checked {
            tracing::info!(user = %String::from_utf8_lossy(user), %error, "PAM refuses");
        }
        checked.is_ok()
    }
}

#[cfg(not(feature = "pam"))]
mod system {
    use ftp_proto::wire::Secret;

    /// Always false: the configuration refuses users of PAM in a program without it.
    pub(super) const fn verify(_: &str, _: &[u8], _: &Secret) -> bool {
        false
    }
}
