//! What replies say in words: whom a server exchanges data with, TLS, the number of sessions.

use super::Manners;
use crate::command::Verb;
use crate::reply::Reply;

/// The option with which the operator permits transfers between servers (FXP), if this reply to a command refuses one;
/// `None` if the words are not about whom the server may exchange data with.
pub fn foreign_option(manners: &Manners, verb: Verb, reply: &Reply) -> Option<&'static str> {
    let text = String::from_utf8_lossy(reply.text()).to_ascii_lowercase();
    let names_it = matches!(verb, Verb::Port | Verb::Eprt | Verb::Sock);
    let is_about = names_it || FOREIGN_WORDS.iter().any(|words| text.contains(words));
    is_about.then(|| option(manners.greeting.as_deref().unwrap_or_default(), manners.is_ours()))
}

/// What refusals say if the other server came to a passive data port.
const FOREIGN_WORDS: [&str; 4] = ["bad ip connecting", "foreign", "outside the networks", "peer address"];

/// The option of a server that greets in these words.
fn option(greeting: &str, is_ours: bool) -> &'static str {
    if is_ours {
        return "--foreign authenticated and --foreign-networks with the other server's address";
    }
    let greeting = greeting.to_ascii_lowercase();
    let found = OPTIONS.iter().find(|(name, _)| greeting.contains(name));
    found.map_or("docs/interoperability.md names the options of usual servers", |(_, option)| option)
}

/// Words of greetings, and the options of those servers.
const OPTIONS: [(&str, &str); 4] = [
    ("vsftpd", "port_promiscuous=YES and pasv_promiscuous=YES in vsftpd.conf"),
    ("proftpd", "AllowForeignAddress on in proftpd.conf"),
    ("pure-ftpd", "its option -w (--allowuserfxp)"),
    ("pyftpdlib", "permit_foreign_addresses = True in its handler"),
];

/// Whether the words of a refusal are about TLS, as vsftpd, ProFTPD, Pure-FTPd, FileZilla Server and our own servers say it.
pub fn names_tls(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.any(|word| matches!(word, "tls" | "ssl" | "ftps" | "ftpes" | "encryption" | "encrypted"))
}

/// Whether the words of a refusal are about the number of sessions, as ProFTPD (530), vsftpd, Pure-FTPd and pyftpdlib (421) say
/// it. Words about failed logins are none of them: to log in again would make that worse.
pub fn names_a_limit(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["too many", "maximum", "limit"])
        && has(&["client", "user", "connection", "session", "logged in"])
        && !has(&["attempt", "fail", "tries", "incorrect", "invalid", "password", "wrong", "bad "])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_greeting() {
        let check = |greeting, ours, expect: &str| {
            let found = option(greeting, ours);
            assert!(found.contains(expect), "{greeting}: {found}");
        };
        check("(vsFTPd 3.0.5)", false, "pasv_promiscuous");
        check("ProFTPD Server (Debian) [::ffff:127.0.0.1]", false, "AllowForeignAddress");
        check("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", false, "-w");
        check("pyftpdlib 1.5.9 ready.", false, "permit_foreign_addresses");
        check("Service ready", true, "--foreign authenticated");
        check("Service ready", false, "interoperability.md");
    }

    #[test]
    fn words_about_the_number_of_sessions_are_known() {
        for text in [
            "Sorry, the maximum number of clients (2) for this user are already connected.",
            "Sorry, the maximum number of clients (2) from your host are already connected.",
            "Sorry, the maximum number of allowed clients (2) are already connected.",
            "There are too many connections from your internet address.",
            "There are too many connected users, please try later.",
            "50 users (the maximum) are already logged in, sorry",
            "Too many connections (8) from this IP",
            "Too many connections. Service temporarily unavailable.",
            "Session limit reached",
        ] {
            assert!(names_a_limit(text.as_bytes()), "{text}");
        }
        for text in [
            "Login incorrect.",
            "Too many failed logins for this user.",
            "Maximum number of login attempts exceeded by this client",
            "Maximum disk quota limited",
            "User limited cannot log in: wrong password",
            "Service not available, closing control connection.",
        ] {
            assert!(!names_a_limit(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn words_of_tls_are_known_in_refusals_of_a_login() {
        for text in [
            "Send AUTH TLS first",
            "SSL/TLS required on the control channel",
            "Anonymous sessions must use encryption.",
            "Non-anonymous sessions must use encryption.",
            "Please reconnect using TLS security mechanisms.",
        ] {
            assert!(names_tls(text.as_bytes()), "{text}");
        }
        for text in ["Login incorrect.", "Too many users", "User hustler cannot log in"] {
            assert!(!names_tls(text.as_bytes()), "{text}");
        }
    }
}
