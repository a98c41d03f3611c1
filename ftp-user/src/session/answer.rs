//! Final replies, what a refusal means, and why a session has ended, in words for people.

use super::connection::Session;
use super::open::wrong_server;
use super::tls::{self, SessionTls};
use crate::failure::{About, Failure, Kind, MAKE_ROOM};
use crate::place::{PasswordSource, Site};
use ftp_proto::client::{self, Security};
use ftp_proto::command::Verb;
pub use ftp_proto::manners::Answer;
use ftp_proto::manners::{names_a_limit, names_tls};
use ftp_proto::reply::{Blame, Class, NotFtp, Protocol, Reply, classify, failed_inside};
use ftp_proto::wire::show;

/// A session that has ended, for whoever has to say why.
pub(super) struct EndedSession<'a>(pub(super) &'a Session);

impl EndedSession<'_> {
    /// What a server has said that is no FTP, without secrets. They are removed before anything is cut or escaped.
    fn no_ftp(&self, error: &NotFtp) -> String {
        match error {
            NotFtp::NoCode(line) => {
                format!("expected a reply code, got \"{}\"", self.0.secrets.told(line).shortened())
            }
            NotFtp::NoGreeting(reply) => format!("expected a greeting, got \"{}\"", self.0.shown(reply)),
            NotFtp::TooLong(_) | _ => self.0.concealed(&error.to_string()),
        }
    }

    /// Converts the end of a session into a failure, if the server has shown that it speaks another protocol.
    fn wrong_server(&self, end: &client::Failure) -> Option<Failure> {
        let client::Failure::NotFtp(error) = end else { return None };
        let (there, said) = match error {
            NotFtp::NoCode(line) if self.0.manners.greeting.is_none() => {
                (Protocol::of_first_bytes(line)?, self.0.secrets.told(line).shortened().to_string())
            }
            NotFtp::NoGreeting(reply) => (Protocol::of_greeting(reply)?, self.0.shown(reply)),
            NotFtp::NoCode(_) | NotFtp::TooLong(_) | _ => return None,
        };
        Some(wrong_server(&self.0.title, there, Some(format!("it said \"{said}\"")), self.0.site.security))
    }

    /// Quotes a reply where the server was named before.
    fn it_said(&self, reply: &Reply) -> String {
        format!("it {}", self.0.said(reply))
    }

    /// Converts the end of this session into a failure.
    pub(super) fn failure(&self, end: &client::Failure) -> Failure {
        let (who, title) = (self.0.who(), &self.0.title);
        if let Some(refused) = &self.0.why_no_tls {
            return refused.clone();
        }
        if let Some(failure) = self.wrong_server(end) {
            return failure;
        }
        match end {
            client::Failure::NoGreeting => self.no_greeting(),
            client::Failure::ClosedEarly => Failure::new(
                Kind::Temporary,
                format!("{title} closed the connection before its FTP greeting"),
            )
            .hint("try again later; if this is a port of implicit TLS, use ftps://")
            .about(About::NoAnswer),
            client::Failure::TlsOnly => {
                Failure::new(Kind::Other, format!("{title} speaks TLS on this port from the first byte on"))
                    .hint("use ftps://")
            }
            client::Failure::Closed => {
                Failure::new(Kind::Temporary, format!("{who} closed the control connection"))
                    .hint("try again later")
            }
            client::Failure::NotFtp(error) => Failure::new(Kind::Other, format!("{who} does not speak FTP"))
                .said(self.no_ftp(error))
                .hint("check host and port"),
            client::Failure::Silent(timer) => Failure::new(
                Kind::Temporary,
                format!("{who} did not answer in time ({} timer)", timer.name()),
            )
            .hint("try again later, or raise --timeout"),
            client::Failure::TlsRefused(reply) => self.tls_refused(&who, reply),
            client::Failure::Injected => Failure::new(
                Kind::Untrusted,
                format!("{who}, or somebody in between, sent data in clear after its answer to AUTH"),
            )
            .hint("ask its operator; nothing of the login was sent"),
            client::Failure::DataInClear(reply) => {
                Failure::new(Kind::Other, format!("{who} does not protect data connections"))
                    .said(self.it_said(reply))
                    .hint("ask its operator for PROT P")
            }
            client::Failure::LoginRefused(reply) => self.no_login(&who, reply),
            client::Failure::PasswordNeeded(reply) => self.no_password(&who, reply),
            client::Failure::AccountNeeded(reply) => {
                let what = format!("the login as {} needs an account and none is configured", self.user());
                Failure::new(Kind::Refused, what)
                    .said(self.0.quote(reply))
                    .hint("add one to ~/.netrc (account NAME)")
            }
            client::Failure::Unavailable(reply) if self.demands_tls(reply) => self.no_login(&who, reply),
            client::Failure::Unavailable(reply) => {
                let hint = if names_a_limit(reply.text()) { FEWER_SESSIONS } else { "try again later" };
                let failure = Failure::new(Kind::Temporary, format!("{who} ended the session"))
                    .said(self.it_said(reply))
                    .hint(hint);
                // Who turns everybody away at the door has not greeted, and is asked once.
                match self.0.context.store.sites.has_greeted(&self.0.site.key()) {
                    true => failure,
                    false => failure.about(About::NoAnswer),
                }
            }
            client::Failure::OutOfStep => {
                Failure::new(Kind::Temporary, format!("the replies of {who} cannot be told apart any more"))
                    .hint("try again")
            }
            client::Failure::Quit => Failure::new(Kind::Other, format!("the session with {who} was closed")),
            _ => Failure::new(Kind::Other, format!("the session with {who} ended: {end}")),
        }
    }

    /// Converts a refusal of AUTH into a failure. `who` is the server.
    fn tls_refused(&self, who: &str, reply: &Reply) -> Failure {
        let is_for_now = classify(self.0.manners.dialect, Verb::Auth, reply.code) == Class::Later;
        let (kind, what, hint) = if is_for_now {
            (Kind::Temporary, "does not begin TLS now", ASK_FOR_TLS.to_owned())
        } else if SessionTls::of(self.0).was_offered() {
            let hint = format!(
                "somebody may be between; nothing of the login was sent. If its operator has given TLS up, {} \
                 permits sessions in clear",
                tls::forget(&self.0.site)
            );
            (Kind::Untrusted, "has offered TLS before, and does not offer it now", hint)
        } else if self.0.site.security == Security::Offered {
            let hint = "somebody may be between; nothing of the login was sent. If it has no TLS, write ftpes:// or \
                        ftps:// for the servers of the pins, or --no-tls";
            let what = "does not offer TLS, and a pin names a certificate that may be its own";
            (Kind::Untrusted, what, hint.to_owned())
        } else {
            (Kind::Other, "does not offer TLS", ASK_FOR_TLS.to_owned())
        };
        Failure::new(kind, format!("{who} {what}")).said(self.it_said(reply)).hint(hint)
    }

    /// The user who logs in, for people.
    fn user(&self) -> String {
        show(self.0.site.login())
    }

    /// The failure if nobody has told the password, with the lines of `.netrc` for the first servers of the run that lack theirs.
    fn no_password(&self, who: &str, reply: &Reply) -> Failure {
        let sites = [&self.0.site].into_iter().chain(&self.0.context.run.sites_without_password);
        let mut lines: Vec<String> = Vec::new();
        for line in sites.filter_map(Site::netrc_line) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let more = match lines.len().saturating_sub(MOST_LINES) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        lines.truncate(MOST_LINES);
        let hint = match &*lines {
            [] => "name a file with --password-file".to_owned(),
            [line] => format!("name a file with --password-file, or write it into ~/.netrc: {line}"),
            lines => format!("write a line into ~/.netrc for each server: {}{more}", lines.join(", ")),
        };
        Failure::new(Kind::Refused, format!("no password for {} at {who}", self.user()))
            .said(self.it_said(reply))
            .about(About::Login)
            .hint(hint)
    }

    /// Converts the refusal of a login into a failure. `who` is the server.
    fn no_login(&self, who: &str, reply: &Reply) -> Failure {
        let user = self.user();
        if self.demands_tls(reply) {
            let hint = if self.0.context.settings.takes_tls { "use ftpes://" } else { "leave --no-tls out" };
            let what = format!("the login as {user} failed, because {who} demands TLS");
            return Failure::new(Kind::Refused, what).said(self.it_said(reply)).hint(hint);
        }
        if failed_inside(reply) {
            let what = format!("{who} failed inside while {user} logged in");
            return Failure::new(Kind::Temporary, what)
                .said(self.it_said(reply))
                .about(About::NoAnswer)
                .hint("the user and the password are not to blame: ask its operator for its log");
        }
        if names_a_limit(reply.text()) {
            return Failure::new(Kind::Temporary, format!("{who} permits no more sessions of {user} now"))
                .said(self.it_said(reply))
                .hint(FEWER_SESSIONS);
        }
        let hint = match (&self.0.site.user, &self.0.site.password) {
            (None, _) => "name one: ftp://USER@host/path, with the password in ~/.netrc",
            (Some(_), None) => "check the user in the URL or in ~/.netrc",
            (Some(_), Some(_)) => {
                "check the user and the password, in the URL, in ~/.netrc or where else you have given them"
            }
        };
        let what = match self.0.site.user {
            None => format!("the login as {user} failed, and no user is known for {who}"),
            Some(_) => format!("the login as {user} failed at {who}"),
        };
        let hint = match (self.0.site.name(), self.0.site.password_source()) {
            (Some(name), Some(PasswordSource::File(file))) => {
                format!("check the user of the site {name} and its password in {}", file.display())
            }
            (Some(name), Some(PasswordSource::Command(_))) => {
                format!("check the user of the site {name} and what its password-command writes")
            }
            (Some(_), None) | (None, _) => hint.to_owned(),
        };
        Failure::new(Kind::Refused, what).said(self.it_said(reply)).about(About::Login).hint(hint)
    }

    /// Whether a session in clear was refused with words of TLS.
    fn demands_tls(&self, reply: &Reply) -> bool {
        !self.0.runs_tls() && names_tls(reply.text())
    }

    /// The failure if a server has not greeted.
    fn no_greeting(&self) -> Failure {
        let (title, patience) = (&self.0.title, self.0.context.settings.patience.reply.as_secs());
        let what = format!("{title} accepted the connection but sent no FTP greeting in {patience} s");
        let hint = match self.0.context.store.sites.has_greeted(&self.0.site.key()) {
            true => "it has greeted before: try again later, or ask its operator whether it hangs",
            false => "is this an FTP port? If it is a port of implicit TLS, use ftps://",
        };
        Failure::new(Kind::Temporary, what).hint(hint).about(About::NoAnswer)
    }
}

/// What to do if a server has no TLS where it is demanded.
const ASK_FOR_TLS: &str = "ask its operator for TLS; nothing of the login was sent";

/// What to do if a server has enough sessions.
const FEWER_SESSIONS: &str = "fewer sessions help: --jobs 1, or limits = { sessions = N } of its site in the settings; end others of this user, or try again later";

/// The kind of failure that a refusal is.
pub const fn kind_of(blame: Blame) -> Kind {
    match blame {
        Blame::Missing => Kind::Missing,
        Blame::File | Blame::Login => Kind::Refused,
        Blame::Space | Blame::Unsupported | Blame::Peer => Kind::Other,
        Blame::Path => Kind::NoPath,
        Blame::Busy => Kind::Temporary,
    }
}

/// What a refusal is about.
pub(crate) const fn about(blame: Blame) -> About {
    if matches!(blame, Blame::Space) { About::NoRoom } else { About::Operation }
}

/// What to do about a refusal.
pub(crate) const fn hint(blame: Blame) -> Option<&'static str> {
    match blame {
        Blame::Missing => Some("check the path"),
        Blame::File => Some("check the path and what this user may do there"),
        Blame::Space => Some(MAKE_ROOM),
        Blame::Login => Some("check user and password"),
        Blame::Path => Some("check the network between the two ends"),
        Blame::Busy => Some("try again later"),
        Blame::Unsupported => Some("this server cannot do that"),
        Blame::Peer => None,
    }
}

/// The largest number of lines of `.netrc` in one message.
const MOST_LINES: usize = 5;
