//! USER, PASS, REIN: the login.

use super::ask::{Account, Answer, Ask, Event};
use super::context::{Context, Question};
use super::parameters::Parameters;
use super::timer::Timer;
use super::user::{Login, User};
use crate::reply::Meaning;
use crate::wire::Secret;
use std::ops::ControlFlow;

/// How many failed logins close a connection (RFC 2577 5).
const MAX_FAILED_LOGINS: u32 = 5;

/// A login that the driver checks: the name that USER gave.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

/// USER. The reply is always the same, so that nobody learns which names exist (RFC 2577 6).
pub(super) fn user(cx: &mut Context, name: Vec<u8>) {
    cx.privacy.pin = None;
    cx.sockets.reset(&mut cx.out); // A22; TYPE and the like stay (dialect-1973 section 3)
    cx.parameters.forget_choices();
    cx.login = Login::Named(name);
    cx.out.reply(Meaning::NeedPassword, "Password, please");
}

/// PASS: asks the driver whether the password is right.
pub(super) fn pass(cx: &mut Context, password: Secret) -> Option<Question<Request>> {
    let Login::Named(user) = &mut cx.login else {
        cx.out.reply(Meaning::BadSequence, "USER comes before PASS");
        return None;
    };
    let user = std::mem::take(user);
    cx.login = Login::Nobody;
    let certificate = cx.privacy.leaf();
    Some(cx.question(Request(user.clone()), |ticket| Ask::Login { ticket, user, password, certificate }))
}

/// Forgets the login and everything that commands have set.
pub(super) fn reset(cx: &mut Context) {
    cx.sockets.reset(&mut cx.out);
    cx.privacy.reset();
    cx.parameters = Parameters::default();
    cx.login = Login::Nobody;
}

impl Request {
    /// Handles the driver's answer. Returns Break if the session must end.
    pub(super) fn answered(self, cx: &mut Context, answer: Answer) -> ControlFlow<()> {
        let Answer::Login(account) = answer else {
            cx.unexpected(answer);
            return ControlFlow::Continue(());
        };
        match account {
            Some(account) => logged_in(cx, account),
            None => self.failed(cx),
        }
    }

    fn failed(self, cx: &mut Context) -> ControlFlow<()> {
        cx.failed_logins += 1;
        cx.out.event(Event::LoginFailed { name: self.0 });
        if cx.failed_logins >= MAX_FAILED_LOGINS {
            cx.out.reply(Meaning::TooManyTries, "Too many wrong logins, goodbye");
            return ControlFlow::Break(());
        }
        cx.out.reply(Meaning::LoginWrong, "User name or password is wrong");
        ControlFlow::Continue(())
    }
}

fn logged_in(cx: &mut Context, account: Account) -> ControlFlow<()> {
    cx.failed_logins = 0;
    cx.parameters.cwd = Parameters::default().cwd;
    cx.out.event(Event::LoggedIn { name: account.name.clone() });
    cx.login = Login::User(User::new(account, &cx.config, &cx.connection));
    cx.timers.disarm(Timer::Login);
    cx.out.reply(Meaning::LoggedIn, "Logged in");
    ControlFlow::Continue(())
}
