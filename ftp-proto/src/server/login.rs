//! USER, PASS, REIN, QUIT: who is there, and the way out.

use super::ask::{Account, Ask, Event};
use super::session::Session;
use super::state::{Asked, Member, Parameters, Stage, Work, narrower};
use crate::dialect::Dialect;
use crate::policy::{Asker, Rules};
use crate::reply::Meaning;
use crate::timer::Timer;
use crate::wire::Secret;
use std::net::SocketAddr;

/// Wrong passwords of one connection before it is closed (RFC 2577 5).
const MAX_WRONG_LOGINS: u32 = 5;

impl Session {
    /// USER: always the same answer, so that nobody learns which names exist (RFC 2577 6).
    pub(super) fn user(&mut self, name: Vec<u8>) {
        self.sockets.reset(&mut self.out); // A22; TYPE and the like stay (dialect-1973 section 3)
        self.parameters.rest = None; // E14
        self.stage = Stage::Named(name);
        self.out.reply(Meaning::NeedPassword, "Password, please");
    }

    /// PASS.
    pub(super) fn pass(&mut self, password: Secret) {
        let Stage::Named(user) = &mut self.stage else {
            return self.out.reply(Meaning::BadSequence, "USER comes before PASS");
        };
        let user = std::mem::take(user);
        self.stage = Stage::Nobody;
        self.question(Asked::Login(user.clone()), |ticket| Ask::Login { ticket, user, password });
    }

    /// The driver knows them, or not.
    pub(super) fn logged_in(&mut self, name: Vec<u8>, account: Option<Account>) {
        let Some(account) = account else { return self.wrong_login(name) };
        let peer = self.connection.peer;
        let scope = match peer {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let asker = Asker {
            peer: self.peer_ip(),
            scope,
            local: self.local_ip(),
            proxied: false,
            anonymous: account.anonymous,
        };
        let rules = Rules {
            foreign: narrower(self.config.rules.foreign, account.foreign),
            ..self.config.rules.clone()
        };
        self.wrong_logins = 0;
        self.parameters.cwd = Parameters::default().cwd;
        self.out.event(Event::LoggedIn { name: account.name.clone() });
        self.stage = Stage::In(Member { account, rules, asker });
        self.timers.disarm(Timer::Login);
        self.out.reply(Meaning::LoggedIn, "Logged in");
    }

    fn wrong_login(&mut self, name: Vec<u8>) {
        self.wrong_logins += 1;
        self.out.event(Event::LoginFailed { name });
        if self.wrong_logins >= MAX_WRONG_LOGINS {
            self.out.reply(Meaning::TooManyTries, "Too many wrong logins, goodbye");
            self.end();
        } else {
            self.out.reply(Meaning::LoginWrong, "User name or password is wrong");
        }
    }

    /// REIN: as after the greeting (A23).
    pub(super) fn rein(&mut self) {
        self.sockets.reset(&mut self.out);
        self.parameters = Parameters::default();
        self.stage = Stage::Nobody;
        self.out.reply(Meaning::Reinitialized, "All parameters are as at the start; log in again");
    }

    /// QUIT, BYE. During a transfer BYE of 1973 is answered at once, the rest after the result (A21).
    pub(super) fn quit(&mut self) {
        if matches!(self.work, Work::Transfer(_)) && self.config.dialect == Dialect::Rfc354 {
            if !self.leaving {
                self.out.reply(Meaning::GoodbyeLater, "Goodbye when the transfer is done");
            }
            self.leaving = true;
        } else {
            self.out.reply(Meaning::Goodbye, "Goodbye");
            self.end();
        }
    }

    /// Whether this account may change files; the refusal is said.
    pub(super) fn may_write(&mut self) -> bool {
        let may = self.member().is_some_and(|member| !member.account.read_only);
        if !may {
            self.out.reply(Meaning::Denied, super::ask::FileFailure::ReadOnly.to_string());
        }
        may
    }
}
