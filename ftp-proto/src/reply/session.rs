//! Replies that may come out of order: the greeting, the end of the service, and the status of a
//! transfer.

use super::{Code, Meaning, Reply};
use crate::dialect::Dialect;

/// What the first reply of a server means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Greeting {
    /// The server is ready and speaks this dialect (H06).
    Speaks(Dialect),
    /// The greeting is still to come (120; 0xx announcements in 1973).
    Wait,
    /// The server does not accept clients now.
    Refused,
    /// No FTP server begins with this code.
    NotFtp,
}

/// Returns what `code` means as the first reply of a server.
pub fn greeting(code: Code) -> Greeting {
    if code == Meaning::Ready.code(Dialect::Rfc354) {
        return Greeting::Speaks(Dialect::Rfc354);
    }
    match code.0 / 100 {
        0 | 1 => Greeting::Wait,
        2 => Greeting::Speaks(Dialect::Rfc959), // RFC 1123 4.1.2.11: the first digit decides
        4 | 5 => Greeting::Refused,
        _ => Greeting::NotFtp,
    }
}

/// Returns whether a server with this greeting loses data that arrives before its STOR. pyftpdlib closes
/// a data connection that comes before the transfer command, and replies 150 while it waits for one.
pub fn loses_early(greeting: &Reply) -> bool {
    let words = greeting.lines.join(&b' ').to_ascii_lowercase();
    memchr::memmem::find(&words, b"pyftpdlib").is_some()
}

/// Returns whether a server with this greeting loses what comes on one session while data connections of others come and
/// go: a command is never answered, or data is never read. pyftpdlib 2.2.0 does, where it connects to the other end.
pub fn mixes_sessions(greeting: &Reply) -> bool {
    loses_early(greeting)
}

/// Returns whether a server with this greeting sends its preliminary reply only after it has connected or accepted.
/// vsftpd, ProFTPD and Pure-FTPd do.
pub fn starts_late(greeting: &Reply) -> bool {
    let words = greeting.lines.join(&b' ').to_ascii_lowercase();
    [&b"vsftpd"[..], b"proftpd", b"pure-ftpd"].iter().any(|name| memchr::memmem::find(&words, name).is_some())
}

/// Returns whether a server with this greeting does in order what comes in one piece, also what is behind a transfer command.
/// vsftpd reads nothing while a file moves. ProFTPD has read all of the piece before, and looks for more while a file moves:
/// a command that comes in a piece of its own is refused or done then.
pub fn queues_commands(greeting: &Reply) -> bool {
    let words = greeting.lines.join(&b' ').to_ascii_lowercase();
    [&b"vsftpd"[..], b"proftpd"].iter().any(|name| memchr::memmem::find(&words, name).is_some())
}

/// Returns whether this preliminary reply to a transfer command says that the data connection is open (RFC 959
/// section 4.2: 125). A 150 may come before it.
pub const fn is_open(dialect: Dialect, code: Code) -> bool {
    matches!(dialect, Dialect::Rfc959) && code.0 == 125
}

/// Returns whether a server with this greeting is known to take the commands of a login together: `ftp-server`. Others may
/// drop what comes before their reply, or take it for the next one's.
pub fn takes_ahead(greeting: &Reply) -> bool {
    greeting.lines.first().is_some_and(|line| line.trim_ascii_start().starts_with(b"ftp-server "))
}

/// The end of the greeting of an `ftp-server` that has no TLS at this listener. It would answer 502 to AUTH, and the login is
/// taken in clear.
pub(crate) const NO_TLS: &str = ", no TLS";

/// Returns whether a server with this greeting offers no TLS: an `ftp-server` that says so. A greeting is no more and no less
/// to be trusted than a refused AUTH, because neither is authenticated.
pub fn has_no_tls(greeting: &Reply) -> bool {
    takes_ahead(greeting) && greeting.lines.last().is_some_and(|line| line.ends_with(NO_TLS.as_bytes()))
}

/// Returns whether the server ends the session with this code, whatever command it answers (RFC 959
/// section 5.4: 421; RFC 354 and 454: 401, 430, 434 to 436).
pub fn ends_session(dialect: Dialect, code: Code) -> bool {
    code == Meaning::Unavailable.code(dialect)
        || (dialect == Dialect::Rfc354 && matches!(code.0, 430 | 434..=436))
}

/// Returns whether the code can answer STAT and cannot answer a transfer command. During a transfer a
/// server answers STAT first (RFC 959 section 4.1.3; in 1973 with 1xx lines and a final 200).
pub fn is_status(dialect: Dialect, code: Code) -> bool {
    match dialect {
        Dialect::Rfc354 => matches!(code.0, 100..=200),
        Dialect::Rfc959 => matches!(code.0, 211..=213),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h06_the_greeting_decides_the_dialect() {
        let check = |code, expect| assert_eq!(greeting(Code(code)), expect, "{code}");
        check(300, Greeting::Speaks(Dialect::Rfc354));
        check(220, Greeting::Speaks(Dialect::Rfc959));
        check(120, Greeting::Wait);
        check(0, Greeting::Wait);
        check(421, Greeting::Refused);
        check(401, Greeting::Refused);
        check(530, Greeting::Refused);
        check(354, Greeting::NotFtp);
        check(666, Greeting::NotFtp);
    }

    #[test]
    fn a_server_that_loses_early_bytes_is_known_by_its_greeting() {
        let check = |text: &str, expect| {
            let greeting = Reply { code: Code(220), lines: vec![text.as_bytes().to_vec()] };
            assert_eq!((loses_early(&greeting), mixes_sessions(&greeting)), (expect, expect), "{text}");
        };
        check("pyftpdlib 2.2.0 ready.", true);
        check("Welcome to our files (pyftpdlib)", true);
        check("(vsFTPd 3.0.3)", false);
    }

    #[test]
    fn servers_that_say_150_when_the_connection_stands_are_known_by_their_greeting() {
        let check = |text: &str, expect| {
            let greeting = Reply { code: Code(220), lines: vec![text.as_bytes().to_vec()] };
            assert_eq!(starts_late(&greeting), expect, "{text}");
            let queues = expect && !text.contains("Pure");
            assert_eq!(queues_commands(&greeting), queues, "{text}");
        };
        check("(vsFTPd 3.0.3)", true);
        check("ProFTPD Server (Debian) [192.0.2.1]", true);
        check("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", true);
        check("pyftpdlib 2.2.0 ready.", false);
        check("Microsoft FTP Service", false);
    }

    #[test]
    fn t14_only_our_own_server_can_say_that_it_has_no_tls() {
        let check = |text: &str, expect| {
            let greeting = Reply { code: Code(220), lines: vec![text.as_bytes().to_vec()] };
            assert_eq!(has_no_tls(&greeting), expect, "{text}");
        };
        check("ftp-server 0.1.0 ready, no TLS", true);
        check("ftp-server 0.1.0 ready", false);
        check("ftp-server 0.1.0 ready, no TLS yet", false);
        check("Welcome, no TLS", false);
    }

    #[test]
    fn only_125_says_that_the_connection_is_open() {
        assert!(is_open(Dialect::Rfc959, Code(125)) && !is_open(Dialect::Rfc959, Code(150)));
        assert!(!is_open(Dialect::Rfc354, Code(125)));
    }

    #[test]
    fn a_farewell_is_known_in_each_dialect() {
        assert!(ends_session(Dialect::Rfc959, Code(421)));
        assert!(ends_session(Dialect::Rfc354, Code(401)));
        assert!(ends_session(Dialect::Rfc354, Code(435)));
        assert!(!ends_session(Dialect::Rfc959, Code(434)));
        assert!(!ends_session(Dialect::Rfc354, Code(450)));
    }

    #[test]
    fn no_reply_of_a_transfer_is_a_status() {
        for dialect in [Dialect::Rfc354, Dialect::Rfc959] {
            for meaning in [
                Meaning::Started,
                Meaning::Transferred,
                Meaning::TransferAborted,
                Meaning::CannotConnect,
                Meaning::NotFound,
                Meaning::NoSpace,
                Meaning::LocalError,
            ] {
                assert!(!is_status(dialect, meaning.code(dialect)), "{dialect:?} {meaning:?}");
            }
            for meaning in [Meaning::SystemStatus, Meaning::FileStatus, Meaning::StatusEnd] {
                assert!(is_status(dialect, meaning.code(dialect)), "{dialect:?} {meaning:?}");
            }
        }
    }
}
