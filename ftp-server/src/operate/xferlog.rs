//! The xferlog: a line for each file that was sent, received or deleted, in the form of wu-ftpd that
//! tools for statistics read.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use ftp_io::clock::Clock;
use ftp_io::program::line_file::{LineFile, Options};
use ftp_proto::address::unmapped;
use ftp_proto::command::{DataType, Direction, Verb};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::audit::{Record, Transfer};

/// An open xferlog.
#[derive(Debug)]
pub struct XferLog(LineFile);

/// Who has moved or deleted a file.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The name of the account.
    pub user: &'a [u8],
    /// Whether it is the anonymous account.
    pub anonymous: bool,
    /// The client's address.
    pub from: IpAddr,
}

impl XferLog {
    /// Opens the file at `path` for appending; only this user may write it.
    ///
    /// # Errors
    /// The file cannot be opened, or the system refuses a thread.
    pub fn open(path: &Path) -> io::Result<Self> {
        let options = Options { name: "xferlog", path: path.to_owned(), mode: 0o640, largest: None };
        LineFile::open(options).map(Self)
    }

    /// Opens the file again under its name: another program may have moved it away.
    pub fn reopen(&self) {
        self.0.reopen();
    }

    /// Adds the line of `record`, if it has one.
    pub fn add(&self, record: &Record<'_>, who: &Actor<'_>) {
        let now = Timestamp::from_second(Clock::today().0).unwrap_or_default();
        let now = now.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y").to_string();
        if let Some(line) = line(record, who, &now) {
            self.0.add(line);
        }
    }
}

/// The line of a record at the time `now`; `None` if it is about no file.
fn line(record: &Record<'_>, who: &Actor<'_>, now: &str) -> Option<String> {
    let (path, bytes, seconds, ascii, direction, whole) = match record {
        Record::Moved(Transfer { path, bytes, took, data_type, direction, failure, peer, .. }) => {
            peer.as_ref()?; // nothing has begun to move
            let direction = match direction {
                Direction::Send => 'o',
                Direction::Receive => 'i',
            };
            let ascii = *data_type == DataType::Ascii;
            (path, *bytes, took.as_secs(), ascii, direction, failure.is_none())
        }
        // As an upload of the copy.
        Record::Copied { to, outcome: Ok(bytes), took, .. } => (to, *bytes, took.as_secs(), false, 'i', true),
        Record::Changed { verb: Verb::Dele, path, failure: None, .. } => (path, 0, 0, false, 'd', true),
        Record::Connected
        | Record::TurnedAway(_)
        | Record::BadHeader { .. }
        | Record::Displaced(_)
        | Record::NoPort { .. }
        | Record::LoggedIn { .. }
        | Record::LoggedOut
        | Record::LoginFailed { .. }
        | Record::LoginInClear { .. }
        | Record::DataInClear { .. }
        | Record::Kicked
        | Record::Untold { .. }
        | Record::Refused { .. }
        | Record::Stranger { .. }
        | Record::GavePortsUp
        | Record::GaveConnectionsUp
        | Record::NotPrivate { .. }
        | Record::NotFtp(_)
        | Record::TimedOut(_)
        | Record::Listed(_)
        | Record::Copied { .. }
        | Record::Changed { .. }
        | Record::Hooked { .. }
        | Record::GroupHooksFailed { .. }
        | Record::Detached { .. }
        | Record::Ended { .. } => return None,
    };
    let from = unmapped(who.from);
    let path = word(path.as_bytes());
    let user = word(who.user);
    let kind = if ascii { 'a' } else { 'b' };
    let access = if who.anonymous { 'a' } else { 'r' };
    let end = if whole { 'c' } else { 'i' };
    Some(format!(
        "{now} {seconds} {from} {bytes} {path} {kind} _ {direction} {access} {user} ftp 0 * {end}\n"
    ))
}

/// One word of a line: blanks and what cannot be shown are underscores, as other servers have them.
fn word(bytes: &[u8]) -> String {
    let shown = |c: char| if c.is_whitespace() || is_escaped(c) { '_' } else { c };
    String::from_utf8_lossy(bytes).chars().map(shown).collect()
}

/// Whether the text log escapes this character inside a name: it writes names as [`std::fmt::Debug`] has them.
/// These are control characters, and those that change the order or the look of others (U+202E).
fn is_escaped(c: char) -> bool {
    // Not the first character, as marks that combine with another one are shown.
    let escaped = ['a', c].into_iter().collect::<String>().escape_debug().count();
    escaped > 2 && !matches!(c, '"' | '\'' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::wire::PathName;

    const NOW: &str = "Fri Nov 20 12:00:00 2026";

    fn check(record: &Record<'_>, anonymous: bool, expect: Option<&str>) {
        let who = Actor { user: b"ann b", anonymous, from: "::ffff:192.0.2.7".parse().unwrap() };
        let expect = expect.map(|rest| format!("{NOW} {rest}\n"));
        assert_eq!(line(record, &who, NOW), expect, "{record:?}");
    }

    #[test]
    fn what_is_about_a_file_has_a_line_and_no_name_breaks_it() {
        let path = PathName::from_wire("/a b\tc").unwrap();
        let stored = Transfer::stored(&path);
        let expect = "2 192.0.2.7 7 /a_b_c b _ i r ann_b ftp 0 * c";
        check(&Record::Moved(stored), false, Some(expect));
        let broken = "broken".into();
        let sent = Transfer {
            verb: Verb::Retr,
            direction: Direction::Send,
            data_type: DataType::Ascii,
            failure: Some(&broken),
            ..stored
        };
        check(&Record::Moved(sent), true, Some("2 192.0.2.7 7 /a_b_c a _ o a ann_b ftp 0 * i"));
        check(&Record::Moved(Transfer { peer: None, ..stored }), false, None);
        check(&Record::Listed(Transfer { verb: Verb::List, ..sent }), false, None);
        let odd =
            PathName::from_wire("/a\u{202e}b\u{2066}\u{200b}\u{7}'\"\\\u{e9}e\u{301}\u{2028}z").unwrap();
        let expect = "2 192.0.2.7 7 /a_b___'\"\\\u{e9}e\u{301}_z b _ i r ann_b ftp 0 * c";
        check(&Record::Moved(Transfer { path: &odd, ..stored }), false, Some(expect));
        let deleted = |failure| Record::Changed { verb: Verb::Dele, path: &path, to: None, failure };
        check(&deleted(None), false, Some("0 192.0.2.7 0 /a_b_c b _ d r ann_b ftp 0 * c"));
        check(&deleted(Some(ftp_proto::server::ask::FileFailure::Denied)), false, None);
    }
}
