//! How each record becomes a line of the log, and the names of all events.

use std::time::Duration;

use ftp_io::program::log::KEPT;
use ftp_proto::command::{Direction, Verb};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;

use super::{Record, Transfer};
use crate::limits::Limit;
use ftp_io::program::hook::HookFailure;

impl Record<'_> {
    /// The name of the event. It is the `message` of each of its lines and never changes with what has
    /// happened.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::TurnedAway(_) => "turned away",
            Self::BadHeader { .. } => "no PROXY header",
            Self::Displaced(_) => "session displaced",
            Self::NoPort { .. } => "no data port",
            Self::LoggedIn { .. } => "logged in",
            Self::LoggedOut => "logged out",
            Self::LoginFailed { .. } => "login failed",
            Self::LoginInClear { .. } => "login in clear refused",
            Self::DataInClear { .. } => "data in clear refused",
            Self::Refused { .. } => "data connection refused",
            Self::Stranger { .. } => "stranger closed",
            Self::GavePortsUp => "data ports given up",
            Self::GaveConnectionsUp => "data connections given up",
            Self::NotPrivate { .. } => "no TLS",
            Self::NotFtp(_) => "not FTP",
            Self::TimedOut(_) => "timed out",
            Self::Listed(Transfer { failure: None, .. }) => "listed",
            Self::Listed(_) => "listing failed",
            Self::Moved(transfer) => transfer.name(),
            Self::Copied { outcome: Ok(_), .. } => "copied",
            Self::Copied { .. } => "copying failed",
            Self::Changed { failure: None, .. } => "changed",
            Self::Changed { .. } => "change failed",
            Self::Hooked { failure: None, .. } => "hook done",
            Self::Hooked { .. } | Self::GroupHooksFailed { .. } => "hook failed",
            Self::Untold { .. } => "refusals without a line",
            Self::Kicked => "session kicked",
            Self::Detached { .. } => "transfer detached",
            Self::Ended { .. } => "session ended",
        }
    }

    /// Writes the record to the log: what was refused or has failed is a warning. Both forms of the log escape
    /// what could break a line.
    pub fn log(&self, user: Option<&[u8]>) {
        let (name, user) = (self.name(), user.map(text));
        match self {
            Self::Connected => tracing::debug!("{name}"),
            Self::TurnedAway(full) => tracing::warn!(why = full.to_string(), "{name}"),
            Self::BadHeader { from, why } => {
                tracing::warn!(from = from.to_string(), why = why.to_string(), "{name}");
            }
            Self::Displaced(full) => tracing::warn!(user, why = full.to_string(), "{name}"),
            Self::NoPort { owner, error } => {
                let (owner, limit) = (owner.to_string(), Limit::DataPorts.name());
                tracing::warn!(user, owner, limit, why = error, "{name}");
            }
            Self::LoginFailed { user, why, shown } => {
                let (why, certificate) = (why.to_string(), shown.map(|shown| shown.to_string()));
                tracing::warn!(user = text(user), why, certificate, "{name}");
            }
            Self::LoginInClear { user } => {
                tracing::warn!(user = text(user), why = "require-tls", "{name}");
            }
            Self::DataInClear { verb } => {
                tracing::warn!(user, command = verb.name(), why = "require-tls", "{name}");
            }
            Self::Refused { why, address } => {
                tracing::warn!(user, address = address.to_string(), why = why.to_string(), "{name}");
            }
            Self::Stranger { from } => tracing::warn!(user, from = from.to_string(), "{name}"),
            Self::GavePortsUp | Self::GaveConnectionsUp => {
                tracing::info!(user, why = "others need them", "{name}");
            }
            Self::NotPrivate { from, why } => tracing::warn!(user, from = from.to_string(), why, "{name}"),
            Self::NotFtp(protocol) => tracing::warn!(protocol, "{name}"),
            Self::TimedOut(timer) => tracing::info!(user, timer = timer.name(), "{name}"),
            Self::LoggedIn { private } => tracing::info!(user, tls = private, "{name}"),
            Self::LoggedOut => tracing::info!(user, "{name}"),
            Self::Listed(transfer) | Self::Moved(transfer) => transfer.log(user.as_deref(), name),
            Self::Changed { verb, path, to, failure } => {
                let (command, path) = (verb.name(), path.display());
                let to = to.map(PathName::display);
                match failure {
                    None => tracing::info!(target: KEPT, user, command, path, to, "{name}"),
                    // So clients find out which parents have to be made first.
                    Some(why @ (FileFailure::NotFound | FileFailure::Exists)) if *verb == Verb::Mkd => {
                        tracing::info!(target: KEPT, user, command, path, to, why = why.to_string(), "{name}");
                    }
                    Some(why) => {
                        tracing::warn!(target: KEPT, user, command, path, to, why = why.to_string(), "{name}");
                    }
                }
            }
            Self::Copied { from, to, outcome, took } => {
                let (path, to, seconds) = (from.display(), to.display(), plain_seconds(*took));
                match outcome {
                    Ok(bytes) => tracing::info!(target: KEPT, user, path, to, bytes, seconds, "{name}"),
                    Err(why) => {
                        tracing::warn!(target: KEPT, user, path, to, seconds, why = why.to_string(), "{name}");
                    }
                }
            }
            Self::Hooked { path, failure: None } => {
                tracing::debug!(user, path = path.display(), "{name}");
            }
            Self::Hooked { path, failure: Some(why) } => hook_failed(user.as_deref(), path, why, name),
            Self::GroupHooksFailed { paths, why } => group_hooks_failed(user.as_deref(), paths, why, name),
            Self::Untold { event, count } => tracing::warn!(user, event, count, "{name}"),
            Self::Kicked => tracing::info!(user, "{name}"),
            Self::Detached { id } => tracing::info!(user, transfer = id.to_string(), "{name}"),
            Self::Ended { took, sent, received, cause } => {
                let (seconds, why) = (took.as_secs(), cause.to_string());
                tracing::info!(user, seconds, sent, received, why, "{name}");
            }
        }
    }
}

impl Transfer<'_> {
    /// The name of the event for a file.
    const fn name(&self) -> &'static str {
        match (self.failure, self.direction) {
            (None, Direction::Send) => "sent",
            (None, Direction::Receive) => "received",
            (Some(_), Direction::Send) => "sending failed",
            (Some(_), Direction::Receive) => "receiving failed",
        }
    }

    fn log(&self, user: Option<&str>, name: &str) {
        let Self { verb, path, bytes, took, peer, private, failure, .. } = self;
        let (command, path, seconds) = (verb.name(), path.display(), plain_seconds(*took));
        let (peer, tls) = (peer.map(|peer| peer.to_string()), *private);
        match failure {
            None => {
                tracing::info!(target: KEPT, user, command, path, bytes, seconds, peer, tls, whole = true, "{name}");
            }
            Some(failure) => {
                let (whole, why) = (false, &failure.why);
                tracing::warn!(target: KEPT, user, command, path, bytes, seconds, peer, tls, whole, why, "{name}");
            }
        }
    }
}

fn hook_failed(user: Option<&str>, path: &PathName, why: &HookFailure, name: &str) {
    tracing::error!(target: KEPT, user, path = path.display(), why = why.to_string(), "{name}");
}

fn group_hooks_failed(user: Option<&str>, paths: &[PathName], why: &HookFailure, name: &str) {
    let ((directory, names), count, why) = (group(paths), paths.len(), why.to_string());
    tracing::error!(target: KEPT, user, count, directory, names, why, "{name}");
}

/// Seconds in steps of a tenth of a millisecond. Smaller numbers would stand in exponent form in the text log.
fn plain_seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10_000.0
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The events of the audit, each on a line: its name, the level of its lines, and what has happened. For the reference.
pub const EVENTS: &str = include_str!("events.txt");

/// The directory of the files of a group, which they share, and the names of the first [`NAMES`] of them. Blanks of a name
/// are told from those between names.
fn group(paths: &[PathName]) -> (String, String) {
    let split = |path: &PathName| {
        let shown = path.display();
        let (directory, name) = shown.rsplit_once('/').unwrap_or(("", &shown));
        (format!("{directory}/"), format!("{name:?}"))
    };
    let directory = paths.first().map(|path| split(path).0).unwrap_or_default();
    let names: Vec<String> = paths.iter().take(NAMES).map(|path| split(path).1).collect();
    let more = if paths.len() > NAMES { " and more" } else { "" };
    (directory, names.join(" ") + more)
}

/// How many names of a group stand in one line.
const NAMES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_of_transfers_are_plain_decimals() {
        let shown = |nanoseconds| format!("{:?}", plain_seconds(Duration::from_nanos(nanoseconds)));
        for (nanoseconds, text) in [
            (0, "0.0"),
            (49_000, "0.0"),
            (90_800, "0.0001"),
            (1_250_000, "0.0013"),
            (90_061_500_000_000, "90061.5"),
        ] {
            assert_eq!(shown(nanoseconds), text);
        }
    }

    #[test]
    fn a_line_about_a_group_has_its_directory_once_and_its_first_names() {
        let paths = |count: u16| -> Vec<PathName> {
            (0..count).map(|n| PathName::from_wire(format!("/long/way/a {n}")).unwrap()).collect()
        };
        assert_eq!(group(&paths(2)), ("/long/way/".to_owned(), r#""a 0" "a 1""#.to_owned()));
        let (directory, names) = group(&paths(255));
        assert_eq!((directory.as_str(), names.matches("\"a ").count()), ("/long/way/", 10));
        assert!(names.ends_with(r#""a 9" and more"#), "{names}");
        assert_eq!(group(&[PathName::from_wire("/x").unwrap()]), ("/".to_owned(), r#""x""#.to_owned()));
    }
}
