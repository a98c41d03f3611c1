//! What only the greeting of a server tells.

use super::Capabilities;
use crate::dialect::Dialect;
use crate::reply::{Reply, takes_ahead};

impl Capabilities {
    /// Reads the greeting, which names the program.
    pub fn of_greeting(dialect: Dialect, greeting: &Reply) -> Self {
        let words = greeting.lines.join(&b' ').to_ascii_lowercase();
        let names = |word: &str| memchr::memmem::find(&words, word.as_bytes()).is_some();
        let (vsftpd, proftpd, pyftpdlib) = (names("vsftpd"), names("proftpd"), names("pyftpdlib"));
        let begins_as_proftpd = greeting.lines.first().is_some_and(|line| line.starts_with(b"ProFTPD "));
        Self {
            // It closes a data connection that comes before the transfer command, and replies 150 while it waits for one.
            loses_early: pyftpdlib,
            // pyftpdlib 2.2.0, where it connects to the other end: a command is never answered, or data is never read.
            mixes_sessions: pyftpdlib,
            // vsftpd reads nothing while a file moves. ProFTPD has read all of the piece before, and looks for more while a
            // file moves: a command that comes in a piece of its own is refused or done then.
            queues_commands: vsftpd || proftpd,
            // `LIST -a` is for vsftpd, which says `(vsFTPd 3.0.3)`, and ProFTPD, whose first line begins with its name.
            // Others may take `-a` for a name, and with it Pure-FTPd tells nothing of a disk that fails.
            hides_dot_names: names("(vsftpd ") || begins_as_proftpd,
            may_hide_links: proftpd, // with `ShowSymlinks off`
            starts_late: vsftpd || proftpd || names("pure-ftpd"),
            takes_ahead: dialect == Dialect::Rfc959 && takes_ahead(greeting),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Code;

    #[test]
    fn pyftpdlib_vsftpd_proftpd_and_pure_ftpd_are_known_by_their_greeting() {
        let check = |text: &str, starts_late| {
            let greeting = Reply { code: Code(220), lines: vec![text.as_bytes().to_vec()] };
            let expected = Capabilities {
                loses_early: text.contains("pyftpdlib"),
                mixes_sessions: text.contains("pyftpdlib"),
                queues_commands: starts_late && !text.contains("Pure"),
                hides_dot_names: text.starts_with("(vsFTPd") || text.starts_with("ProFTPD"),
                may_hide_links: text.contains("ProFTPD"),
                starts_late,
                ..Capabilities::default()
            };
            assert_eq!(Capabilities::of_greeting(Dialect::Rfc959, &greeting), expected, "{text}");
        };
        check("(vsFTPd 3.0.3)", true);
        check("ProFTPD Server (Debian) [192.0.2.1]", true);
        check("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", true);
        check("Behind this is a vsftpd", true);
        check("Behind this is a ProFTPD", true);
        check("pyftpdlib 2.2.0 ready.", false);
        check("Welcome to our files (pyftpdlib)", false);
        check("Microsoft FTP Service", false);
    }
}
