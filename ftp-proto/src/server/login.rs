//! USER, PASS, ACCT, REIN: the login.

use super::ask::{Account, Answer, Ask, Event};
use super::config::Timer;
use super::context::parameters::Parameters;
use super::context::{Context, Login, LoginMethod, Question, User};
use crate::reply::Meaning;
use crate::wire::Secret;
use std::ops::ControlFlow;
use subtle::ConstantTimeEq;

/// How many failed logins close a connection (RFC 2577 5).
const MAX_FAILED_LOGINS: u32 = 5;

/// A login that the driver checks.
#[derive(Debug)]
pub(super) struct Request {
    /// The name that USER gave.
    user: Vec<u8>,
    by: LoginMethod,
}

/// USER. Unless the certificate of the client logs in, the reply is always the same, so that it does not show
/// which names exist (RFC 2577 section 7).
pub(super) fn user(cx: &mut Context, user: Vec<u8>) -> Option<Question<Request>> {
    cx.tls.pin = None;
    cx.sockets.reset(&mut cx.out); // A22; TYPE and the like stay (dialect-1973 section 3)
    cx.parameters.forget_choices();
    log_out(cx);
    let Some(certificate) = cx.tls.leaf() else {
        need_password(cx, user);
        return None;
    };
    let request = Request { user: user.clone(), by: LoginMethod::Certificate };
    Some(cx.question(request, |ticket| Ask::Recognise { ticket, user, certificate }))
}

fn need_password(cx: &mut Context, user: Vec<u8>) {
    cx.login = Login::Named(user);
    cx.out.reply(Meaning::NeedPassword, "Password, please");
}

/// PASS: asks the driver whether the password is right.
pub(super) fn pass(cx: &mut Context, password: Secret) -> Option<Question<Request>> {
    let user = match &mut cx.login {
        Login::Named(user) => std::mem::take(user),
        // Many clients send PASS without waiting for the reply to USER.
        Login::User(user) if user.by == LoginMethod::Certificate => {
            return cx.reply_only(Meaning::Superfluous, "No password is needed");
        }
        Login::Nobody | Login::Charged(..) | Login::User(_) => {
            return cx.reply_only(Meaning::BadSequence, "USER comes before PASS");
        }
    };
    cx.login = Login::Nobody;
    let certificate = cx.tls.leaf();
    let request = Request { user: user.clone(), by: LoginMethod::Password };
    Some(cx.question(request, |ticket| Ask::Login { ticket, user, password, certificate }))
}

/// ACCT: what the transfers of the user are charged to, where the account asks for it. Breaks if the session
/// must end. After a wrong answer the login begins again with USER, so that each guess needs the password.
pub(super) fn acct(cx: &mut Context, given: &Secret) -> ControlFlow<()> {
    match std::mem::take(&mut cx.login) {
        Login::Charged(account, by) => match &account.charged_to {
            Some(due) if !bool::from(due.expose().ct_eq(given.expose())) => {
                cx.out.ask(Ask::LogOut);
                refused(cx, account.name, true)
            }
            Some(_) | None => logged_in(cx, *account, by),
        },
        other @ (Login::Nobody | Login::Named(_) | Login::User(_)) => {
            cx.login = other;
            cx.out.reply(Meaning::Superfluous, "No account is needed");
            ControlFlow::Continue(())
        }
    }
}

/// The reply to a command that needs a login: what is missing.
pub(super) fn missing(cx: &mut Context) {
    match cx.login {
        Login::Charged(..) => cx.out.reply(Meaning::NeedAccount, "Send ACCT first"),
        Login::Nobody | Login::Named(_) | Login::User(_) => {
            cx.out.reply(Meaning::NotLoggedIn, "Log in with USER and PASS first");
        }
    }
}

/// Forgets the login and everything that commands have set.
pub(super) fn reset(cx: &mut Context) {
    cx.sockets.reset(&mut cx.out);
    cx.tls.reset();
    cx.parameters = Parameters::default();
    log_out(cx);
}

/// Logs out. The driver then charges the session to its address, and removes what was held for the account.
fn log_out(cx: &mut Context) {
    cx.groups.end(&mut cx.out);
    match std::mem::take(&mut cx.login) {
        Login::User(_) => {
            cx.out.ask(Ask::LogOut);
            cx.out.event(Event::LoggedOut);
        }
        // For the driver the login had ended well.
        Login::Charged(..) => cx.out.ask(Ask::LogOut),
        Login::Nobody | Login::Named(_) => {}
    }
}

impl Request {
    /// Handles the driver's answer. Returns Break if the session must end.
    pub(super) fn answered(self, cx: &mut Context, answer: Answer) -> ControlFlow<()> {
        let Answer::Login(account) = answer else {
            cx.unexpected(answer);
            return ControlFlow::Continue(());
        };
        match (account, self.by) {
            (Some(account), by) if account.charged_to.is_some() => {
                cx.login = Login::Charged(Box::new(account), by);
                cx.out.reply(Meaning::NeedAccount, "Account, please");
                ControlFlow::Continue(())
            }
            (Some(account), by) => logged_in(cx, account, by),
            (None, LoginMethod::Certificate) => {
                need_password(cx, self.user);
                ControlFlow::Continue(())
            }
            (None, LoginMethod::Password) => refused(cx, self.user, false),
        }
    }
}

/// A password was wrong, or what `acct` has named.
fn refused(cx: &mut Context, name: Vec<u8>, acct: bool) -> ControlFlow<()> {
    cx.failed_logins += 1;
    cx.out.event(Event::LoginFailed { name, acct });
    if cx.failed_logins >= MAX_FAILED_LOGINS {
        cx.out.reply(Meaning::TooManyTries, "Too many wrong logins, goodbye");
        return ControlFlow::Break(());
    }
    cx.out.reply(Meaning::LoginWrong, "User name or password is wrong");
    ControlFlow::Continue(())
}

fn logged_in(cx: &mut Context, account: Account, by: LoginMethod) -> ControlFlow<()> {
    cx.failed_logins = 0;
    cx.parameters.cwd = Parameters::default().cwd;
    let private = cx.tls.is_inside_tls();
    cx.out.event(Event::LoggedIn { name: account.name.clone(), private });
    cx.login = Login::User(Box::new(User::new(account, by, &cx.config, &cx.connection)));
    cx.timers.disarm(Timer::Login);
    match by {
        LoginMethod::Certificate => cx.out.reply(Meaning::Recognised, "Logged in by certificate"),
        LoginMethod::Password => cx.out.reply(Meaning::LoggedIn, "Logged in"),
    }
    ControlFlow::Continue(())
}
