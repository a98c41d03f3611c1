//! What the operator of a server sets so that it exchanges data with another server (FXP).

use super::connection::Session;
use ftp_proto::command::Verb;
use ftp_proto::reply::Reply;

impl Session {
    /// What to do if the server refused, with this reply to this command, to exchange data with another server; `None` if the
    /// words are not about whom it may exchange data with.
    pub fn foreign_advice(&self, verb: Verb, reply: &Reply) -> Option<String> {
        let text = String::from_utf8_lossy(reply.text()).to_ascii_lowercase();
        let names_it = matches!(verb, Verb::Port | Verb::Eprt | Verb::Sock);
        let is_about = names_it || WORDS.iter().any(|words| text.contains(words));
        is_about.then(|| {
            let greeting = self.greeting.as_deref().unwrap_or_default();
            format!(
                "the {} {} must permit transfers between servers (FXP): {}",
                self.role.name(),
                self.title,
                option(greeting, self.is_ours())
            )
        })
    }
}

/// What refusals say if the other server came to a passive data port.
const WORDS: [&str; 4] = ["bad ip connecting", "foreign", "outside the networks", "peer address"];

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
}
