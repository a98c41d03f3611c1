//! What changes names because somebody has asked for it: RMD, and RNFR with RNTO.

use super::session::Session;
use crate::failure::{self, Failure};
use ftp_proto::command::Command;
use ftp_proto::wire::PathName;

impl Session {
    /// Whether its listings tell symbolic links from directories for certain, as those of `ftp-server` do.
    pub const fn shows_links(&self) -> bool {
        self.capabilities.takes_ahead
    }

    /// The login directory, if PWD tells it. A session is always there between two questions.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn login_directory(&mut self) -> Result<Option<PathName>, Failure> {
        self.current().await
    }

    /// Removes an empty directory. `Ok(false)` if it was not there.
    ///
    /// # Errors
    ///
    /// The server refuses to remove it, or no final reply came.
    pub async fn remove_directory(&mut self, path: &PathName) -> Result<bool, Failure> {
        let answer = self.ask(Command::Rmd(path.clone())).await?;
        self.has_removed(&answer, || format!("cannot remove the directory {}", path.display()))
    }

    /// Renames a file or directory. Whoever asks has seen that nothing has the new name; a server may replace what has
    /// got it since.
    ///
    /// # Errors
    ///
    /// The server refuses it, or has stored it under another name; then it is renamed back.
    pub async fn rename_free(&mut self, from: &PathName, to: &PathName) -> Result<(), Failure> {
        self.ask_rename(from, to).await?;
        let named = self.check_stored_name(to).await;
        if named.is_err() && !self.is_over() {
            self.ask_rename(to, from).await?;
        }
        named
    }

    async fn ask_rename(&mut self, from: &PathName, to: &PathName) -> Result<(), Failure> {
        let what = || format!("cannot rename {} to {}", from.display(), to.display());
        let first = self.ask(Command::Rnfr(from.clone())).await?;
        if !first.is_done() {
            return Err(self.refusal(what(), &first));
        }
        let second = self.ask(Command::Rnto(to.clone())).await?;
        if second.is_done() {
            return Ok(());
        }
        let failure = self.refusal(what(), &second);
        // What is missing now is the directory of the new name.
        Err(if failure.kind == failure::Kind::Missing {
            failure.as_kind(failure::Kind::Refused)
        } else {
            failure
        })
    }
}
