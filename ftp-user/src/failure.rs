//! What went wrong, for people: what failed, which end said what, what to do about it.

use crate::id::JobId;
use ftp_io::lock::Lock;
use ftp_io::program::secret::without_passwords;
use ftp_io::quoting::for_shell;
use ftp_io::simulated;
use ftp_proto::wire::Fingerprint;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Mutex;
use std::{fmt, io};

pub use ftp_io::os_error::words;

/// A result whose error is a failure for people, unless another one is named.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A failure that ends a verb or a file.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Failure {
    /// What kind of failure it is: decisions depend on this alone.
    pub kind: Kind,
    /// What has failed.
    pub what: String,
    /// Which end said what.
    pub said: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// What the failure is about.
    pub about: About,
}

/// What a failure is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize)]
pub enum About {
    /// The file or the question at hand. Another file may succeed.
    #[default]
    Operation,
    /// A server that has not answered: no connection was made, no greeting came, or it failed inside at the login.
    NoAnswer,
    /// A login that a server refuses: another password may succeed.
    Login,
    /// A relay that has not answered in this run: there is no session with it.
    NoRelay,
    /// A relay that has answered in this run, or an agent that has reached a server in it: it is away, or has no room.
    Relay,
    /// A relay that may not connect to the data port of a server: only its operator can permit that.
    DataPorts,
    /// A server that was given up after all retries. Nothing else is tried there.
    GivenUp,
    /// A source that has changed while it was copied. The next attempt may find it at rest.
    Changed,
    /// A source that is not there, though an earlier run has begun to move it. It may be there when the next run looks.
    Unfinished,
    /// A certificate that nobody vouches for. The person at the terminal may accept it.
    Unknown(Fingerprint),
    /// A server that does not know RNFR, so that no part gets its final name.
    NoRename,
    /// A destination that refuses to give a part its final name.
    NotNamed,
    /// A directory of one tree that is the root of the other one, as far as its identity tells.
    Nested,
    /// A file that was to be replaced, and has another name now. Another run looks for it.
    OldFile,
    /// What the command asks for: the same job fails again, another command need not.
    Command,
    /// A file that a later job of the journal has taken over. This job does not touch it any more.
    TakenOver,
    /// A destination that another job has claimed which goes on: once that has ended, it is free.
    Claimed(JobId),
    /// A destination that has no room for the file. Another one that is no smaller will not fit either.
    NoRoom,
}

/// What to do where a file has no room.
pub const MAKE_ROOM: &str = "make room there, or ask the operator for a larger quota";

/// This program in a command that a message names: with the options that say where jobs and sites are kept, if they were typed,
/// so that the command works as it is printed.
#[derive(Clone, Copy, Debug)]
pub struct FtpUser;

/// Those options, with a blank before each.
static TYPED: Mutex<String> = Mutex::new(String::new());

impl FtpUser {
    /// From now on commands have these options, each with the path that was typed behind it. A simulation has several programs in
    /// one process, and theirs have none.
    pub fn set_options<'a>(options: impl IntoIterator<Item = (&'a str, Option<&'a Path>)>) {
        if simulated::host().is_none() {
            let typed = options.into_iter().filter_map(|(option, path)| Some((option, path?)));
            *TYPED.locked() = typed.map(|(option, path)| format!(" {option} {}", for_shell(path))).collect();
        }
    }
}

impl fmt::Display for FtpUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ftp-user{}", TYPED.locked())
    }
}

impl Failure {
    /// A failure with nothing but its sentence.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), said: None, hint: None, about: About::Operation }
    }

    /// A mistake in what was typed.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// The user has asked for what only another command can do, whatever becomes of the files.
    pub(crate) fn of_command(what: impl Into<String>) -> Self {
        Self::usage(what).about(About::Command)
    }

    /// The user has asked for nothing to be replaced (`--overwrite never`), and something is there.
    pub(crate) fn not_replaced(what: impl Into<String>) -> Self {
        Self::new(Kind::Exists, what).about(About::Command).hint("--overwrite always replaces it")
    }

    /// Somebody asked the program to stop.
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// Adds which end said what.
    #[must_use]
    pub fn said(mut self, words: impl Into<String>) -> Self {
        self.said = Some(words.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do, if that is known.
    #[must_use]
    pub fn hint_if(self, hint: Option<impl Into<String>>) -> Self {
        Self { hint: hint.map(Into::into).or(self.hint), ..self }
    }

    /// The failure as the reason of another one, which says what to do.
    pub fn why(&self) -> String {
        Self { hint: None, ..self.clone() }.to_string()
    }

    /// The same failure as another kind, because the caller knows what it means for the file. Decisions that
    /// follow depend on the new kind.
    #[must_use]
    pub const fn as_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Turns a missing name into a refusal, where the source is not what is missing.
    #[must_use]
    pub fn not_missing(self) -> Self {
        if self.kind == Kind::Missing { self.as_kind(Kind::Refused) } else { self }
    }

    /// Sets what the failure is about.
    #[must_use]
    pub const fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// The same failure, told as the failure of something larger.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.what = if self.what.is_empty() { what.to_string() } else { format!("{what}: {}", self.what) };
        self
    }

    /// The same failure, told as the failure of something larger. An interruption stays one word: the user
    /// knows what it interrupted.
    #[must_use]
    pub fn during_unless_interrupted(self, what: impl fmt::Display) -> Self {
        if self.kind == Kind::Interrupted { self } else { self.during(what) }
    }

    /// The same without the passwords of URLs, as it is shown.
    #[must_use]
    pub fn concealed(self) -> Self {
        let conceal = |text: String| without_passwords(&text);
        Self { what: conceal(self.what), said: self.said.map(conceal), hint: self.hint.map(conceal), ..self }
    }

    /// Whether nothing more is done after it, also with other files: the server was given up, or somebody has asked the
    /// program to stop.
    pub fn ends_the_work(&self) -> bool {
        self.kind == Kind::Interrupted || self.about == About::GivenUp
    }
}

impl fmt::Display for Failure {
    /// One line. The passwords of URLs, mistyped ones too, are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_passwords(&self.what))?;
        if let Some(said) = &self.said {
            write!(f, ": {}", without_passwords(said))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The kind of a failure. Decisions depend on it, never on the words of a failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
pub enum Kind {
    /// Any error that is none of the others: unknown host, full disk, not FTP.
    Other,
    /// Wrong usage, a malformed place, or CR, LF or NUL in a name.
    Usage,
    /// The source, or the job, does not exist.
    Missing,
    /// A server refused: login or permission.
    Refused,
    /// A temporary failure: the same may work later.
    Temporary,
    /// No path between the two ends within what was allowed.
    NoPath,
    /// Verification failed. Nothing is left under the final name.
    Unverified,
    /// The destination exists, or another job has claimed it or runs this one.
    Exists,
    /// The user or the system asked the program to stop.
    Interrupted,
    /// A certificate is not trusted, or a relay and this program do not hold the same token.
    Untrusted,
}

impl Kind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; Self::Untrusted as usize + 1] = [
        Self::Other,
        Self::Usage,
        Self::Missing,
        Self::Refused,
        Self::Temporary,
        Self::NoPath,
        Self::Unverified,
        Self::Exists,
        Self::Interrupted,
        Self::Untrusted,
    ];

    /// The heading above all failures of this kind.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Other => "other errors",
            Self::Usage => "names or options that cannot be used",
            Self::Missing => "not found",
            Self::Refused => "refused",
            Self::Temporary => "temporary failures",
            Self::NoPath => "no path between the two ends",
            Self::Unverified => "verification failed",
            Self::Exists => "destination exists or is claimed",
            Self::Interrupted => "interrupted",
            Self::Untrusted => "certificate or relay not trusted",
        }
    }
}

impl Failure {
    /// The failure if the directory for temporary files of this host takes no more. `what` cannot be kept there.
    pub fn of_temporary_files(what: &str, error: &io::Error) -> Self {
        Self::of_this_host(format!("{what} cannot be kept in the directory for temporary files"), error)
            .hint("set TMPDIR to a directory with room")
    }

    /// Standard output cannot be written.
    pub fn not_printed(error: &io::Error) -> Self {
        Self::of_this_host("cannot write to standard output", error)
    }

    /// Converts an error of this host's file system into a failure.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O errors are not ours")]
    pub fn of_this_host(what: impl Into<String>, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Refused,
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Kind::Refused,
            io::ErrorKind::AlreadyExists => Kind::Exists,
            _ => Kind::Other,
        };
        let failure = Self::new(kind, what).said(format!("this host said \"{}\"", words(error)));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                failure.hint(MAKE_ROOM).about(About::NoRoom)
            }
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_never_repeats_a_password() {
        let failure = Failure::new(Kind::Other, "cannot open the token file ftp//ann:s3cret@h/a").said("no");
        assert_eq!(failure.to_string(), "cannot open the token file ftp//ann:***@h/a: no");
    }

    #[test]
    fn a_failure_is_told_in_one_line_of_three_parts() {
        let failure = Failure::new(Kind::Refused, "cannot store b.bin")
            .said("the destination 127.0.0.3:2121 said \"553 Permission denied\"")
            .hint("choose a directory that this user may write");
        assert_eq!(
            failure.to_string(),
            "cannot store b.bin: the destination 127.0.0.3:2121 said \"553 Permission denied\"; \
             choose a directory that this user may write"
        );
    }
}
