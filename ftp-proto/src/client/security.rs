//! TLS (RFC 4217): AUTH before anything is said of the user, PBSZ and PROT after the login.

use super::login;
use super::pipeline::Owner;
use super::session::{Session, State};
use super::{Failure, Output};
use crate::command::{Command, Verb};
use crate::reply::{Class, Reply, ends_session};
use crate::timer::{Moment, Timer};

/// What protects a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Security {
    /// Nothing.
    #[default]
    Clear,
    /// TLS from AUTH on (RFC 4217 4); a server that refuses it hears no name and no password.
    Explicit,
    /// TLS from the first octet on, which is the driver's to do before the greeting.
    Implicit,
}

impl Security {
    /// Whether a login goes over TLS.
    pub const fn is_secured(self) -> bool {
        match self {
            Self::Clear => false,
            Self::Explicit | Self::Implicit => true,
        }
    }
}

impl Session {
    /// The greeting has decided the dialect: AUTH or USER.
    pub(super) fn begin_login(&mut self, now: Moment) {
        match self.config.security {
            Security::Explicit => {
                self.state = State::Auth;
                self.write(now, Owner::Auth, &Command::Other(Verb::Auth, b"TLS".to_vec()), None);
            }
            Security::Clear | Security::Implicit => self.say_user(now),
        }
    }

    fn say_user(&mut self, now: Moment) {
        self.state = State::Login(login::Progress::default());
        self.say_login(now, login::Step::User);
    }

    /// The final reply to AUTH. What came after it in clear could be anybody's, and would be taken for
    /// what the server says inside TLS.
    pub(super) fn auth_heard(&mut self, now: Moment, reply: Reply, class: Class) {
        if ends_session(self.dialect, reply.code) {
            self.end(Failure::Unavailable(reply));
        } else if class != Class::Done {
            self.end(Failure::TlsRefused(reply));
        } else if self.has_unread() {
            self.end(Failure::Injected);
        } else {
            self.state = State::Securing;
            self.timers.arm(Timer::Reply, now + self.config.reply_timeout);
            self.out.push_back(Output::StartTls);
        }
    }

    /// TLS stands after [`Output::StartTls`]: what goes in and out from now on is inside it.
    pub fn secured(&mut self, now: Moment) {
        if matches!(self.state, State::Securing) {
            self.read_anew();
            self.say_user(now);
        }
    }

    /// Logged in: the data connections are to be private, too (RFC 4217 9).
    pub(super) fn logged_in(&mut self, now: Moment) {
        if self.config.security.is_secured() {
            self.state = State::Protecting;
            self.write(now, Owner::Pbsz, &Command::Other(Verb::Pbsz, b"0".to_vec()), None);
        } else {
            self.ask_features(now);
        }
    }

    /// PBSZ has an answer. Some servers do not want it; what PROT says counts.
    pub(super) fn pbsz_heard(&mut self, now: Moment) {
        self.write(now, Owner::Prot, &Command::Other(Verb::Prot, b"P".to_vec()), None);
    }

    /// PROT has an answer.
    pub(super) fn prot_heard(&mut self, now: Moment, reply: Reply, class: Class) {
        if class == Class::Done {
            self.ask_features(now);
        } else {
            self.end(Failure::DataInClear(reply));
        }
    }
}
