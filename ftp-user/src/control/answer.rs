//! Final replies, and what a refusal means to people.

use super::session::Session;
use crate::cli::Exit;
use crate::problem::Problem;
use ftp_proto::client::Failure;
use ftp_proto::command::Verb;
use ftp_proto::reply::{Blame, Class, Reply, blame, classify};

/// A final reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// What it is for its command.
    pub class: Class,
    /// The command.
    pub verb: Verb,
}

impl Answer {
    /// Whether the command was done.
    pub const fn is_done(&self) -> bool {
        matches!(self.class, Class::Done | Class::More)
    }
}

impl Session {
    /// The failure that a refusal is.
    pub fn refusal(&self, what: impl Into<String>, answer: &Answer) -> Problem {
        let blame = self.blame(answer);
        let problem = Problem::new(exit_of(blame), what).said(self.quote(&answer.reply));
        match advice(blame) {
            Some(advice) => problem.advice(advice),
            None => problem,
        }
    }

    /// Whose fault a refusal is.
    pub fn blame(&self, answer: &Answer) -> Blame {
        blame(self.dialect, answer.verb, &answer.reply)
    }

    /// `the source 127.0.0.2:2121 said "550 No such file"`.
    pub fn quote(&self, reply: &Reply) -> String {
        format!("the {} {} said \"{}\"", self.role.name(), self.title, reply.display())
    }

    /// The failure that the end of this session is.
    pub fn lost(&self, failure: &Failure) -> Problem {
        let who = format!("the {} {}", self.role.name(), self.title);
        let user = String::from_utf8_lossy(&self.login).into_owned();
        if let Some(refused) = &self.refused {
            return refused.clone();
        }
        match failure {
            Failure::Closed => Problem::new(Exit::Temporary, format!("{who} closed the control connection"))
                .advice("try again later"),
            Failure::NotFtp(heard) => Problem::new(Exit::Error, format!("{who} does not speak FTP"))
                .said(heard.as_str())
                .advice("check host and port"),
            Failure::Silent(timer) => Problem::new(
                Exit::Temporary,
                format!("{who} did not answer in time ({} timer)", timer.name()),
            )
            .advice("try again later, or raise --timeout"),
            Failure::TlsRefused(reply) => {
                let later = classify(self.dialect, Verb::Auth, reply.code) == Class::Later;
                let exit = if later { Exit::Temporary } else { Exit::Error };
                Problem::new(exit, format!("{who} does not begin TLS"))
                    .said(self.quote(reply))
                    .advice("ask its operator for TLS; nothing of the login was sent")
            }
            Failure::Injected => Problem::new(
                Exit::Untrusted,
                format!("{who}, or somebody between, went on in clear after its answer to AUTH"),
            )
            .advice("ask its operator; nothing of the login was sent"),
            Failure::DataInClear(reply) => {
                Problem::new(Exit::Error, format!("{who} does not protect data connections"))
                    .said(self.quote(reply))
                    .advice("ask its operator for PROT P")
            }
            Failure::LoginRefused(reply) => {
                Problem::new(Exit::Refused, format!("the login as {user} failed"))
                    .said(self.quote(reply))
                    .advice("check user and password in the URL or in ~/.netrc")
            }
            Failure::AccountNeeded(reply) => Problem::new(
                Exit::Refused,
                format!("the login as {user} needs an account and none is configured"),
            )
            .said(self.quote(reply))
            .advice("add one to ~/.netrc (account NAME)"),
            Failure::Unavailable(reply) => Problem::new(Exit::Temporary, format!("{who} ended the session"))
                .said(self.quote(reply))
                .advice("try again later"),
            Failure::OutOfStep => {
                Problem::new(Exit::Temporary, format!("the replies of {who} cannot be told apart any more"))
                    .advice("try again")
            }
            Failure::Quit => Problem::new(Exit::Error, format!("the session with {who} was closed")),
        }
    }
}

/// The exit code that a refusal means.
pub const fn exit_of(blame: Blame) -> Exit {
    match blame {
        Blame::Missing => Exit::Missing,
        Blame::File | Blame::Login => Exit::Refused,
        Blame::Space | Blame::Unsupported | Blame::Peer => Exit::Error,
        Blame::Path => Exit::NoPath,
        Blame::Busy => Exit::Temporary,
    }
}

/// What to do about a refusal.
pub(crate) const fn advice(blame: Blame) -> Option<&'static str> {
    match blame {
        Blame::Missing => Some("check the path"),
        Blame::File => Some("check the path and what this user may do there"),
        Blame::Space => Some("make room there"),
        Blame::Login => Some("check user and password"),
        Blame::Path => Some("no other way was left to try"),
        Blame::Busy => Some("try again later"),
        Blame::Unsupported => Some("this server cannot do that"),
        Blame::Peer => None,
    }
}
