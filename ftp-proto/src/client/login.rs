//! USER, PASS and ACCT in both dialects: 331 asks for an account in 1973 and for a password today
//! (conformance H06).

use super::control::Control;
use super::{Event, Failure};
use crate::command::{Command, Opts, Verb};
use crate::dialect::Dialect;
use crate::reply::{Class, Code, Meaning, Reply};
use crate::timer::Moment;
use crate::wire::Secret;

/// A login that is under way. It knows what was sent, because a server that asks for the same thing
/// twice has refused it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Login {
    password: bool,
    account: bool,
    /// The commands of the usual course were sent together with USER.
    together: bool,
}

/// The commands of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    User,
    Pass,
    Acct,
}

/// What follows a reply during the login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Send(Step),
    LoggedIn,
    Refused,
}

impl Login {
    /// Sends USER and begins the login. A server that is known to take them gets all commands of the usual course
    /// together; what a reply makes needless is skipped later. In clear, only a server that has no TLS gets the password
    /// before it asks for it: any other may demand TLS, refuse USER, and then nobody on the path sees the password.
    pub(super) fn begin(now: Moment, control: &mut Control) -> Self {
        let mut login = Self::default();
        login.send(now, Step::User, control);
        if let Some(password) = control.config.password.clone()
            && control.takes_ahead
            && (control.secured || control.has_no_tls)
        {
            login.together = true;
            control.send_ahead(now, &Command::Pass(password));
            if control.secured {
                control.send_ahead(now, &Command::Other(Verb::Pbsz, b"0".to_vec()));
                control.send_ahead(now, &Command::Other(Verb::Prot, b"P".to_vec()));
            }
            features_ahead(now, control);
            // ACCT would come after what the caller sends, which would be refused before it.
            if control.config.account.is_none() {
                control.takes_more = true;
                control.event(Event::TakesMore);
            }
        }
        login
    }

    /// Takes a final reply to one of the three commands. Returns whether the user is logged in.
    pub(super) fn reply(&mut self, now: Moment, reply: Reply, class: Class, control: &mut Control) -> bool {
        if reply.code == Meaning::Unavailable.code(control.dialect) {
            control.end(Failure::Unavailable(reply));
            return false;
        }
        match self.next(control.dialect, reply.code, class) {
            Next::LoggedIn => return true,
            Next::Send(Step::Acct) if control.config.account.is_none() => {
                control.end(Failure::AccountNeeded(reply));
            }
            Next::Send(Step::Pass) if control.config.password.is_none() => {
                control.end(Failure::PasswordNeeded(reply));
            }
            Next::Send(step) => self.send(now, step, control),
            Next::Refused => control.end(Failure::LoginRefused(reply)),
        }
        false
    }

    fn send(&mut self, now: Moment, step: Step, control: &mut Control) {
        let config = &control.config;
        let command = match step {
            Step::User => Command::User(config.user.clone()),
            Step::Pass => {
                self.password = true;
                Command::Pass(config.password.clone().unwrap_or_else(|| Secret::new(Vec::new())))
            }
            Step::Acct => {
                self.account = true;
                Command::Acct(config.account.clone().unwrap_or_else(|| Secret::new(Vec::new())))
            }
        };
        control.send_in_setup(now, &command);
        if step == Step::Pass && control.takes_ahead && !self.together {
            features_ahead(now, control);
        }
    }

    /// What a final reply asks for. RFC 385 lets a server send 330 again after PASS ("330 Enter
    /// account"), so the meaning of a 3yz depends on what was sent before.
    fn next(self, dialect: Dialect, code: Code, class: Class) -> Next {
        match class {
            Class::Done => Next::LoggedIn,
            Class::More if code == Meaning::NeedAccount.code(dialect) && !self.account => {
                Next::Send(Step::Acct)
            }
            Class::More if !self.password => Next::Send(Step::Pass),
            Class::More if !self.account => Next::Send(Step::Acct),
            Class::More | Class::Aside | Class::Preliminary | Class::Later | Class::Refused => Next::Refused,
        }
    }
}

/// Asks for the features before the login is over.
fn features_ahead(now: Moment, control: &mut Control) {
    control.send_ahead(now, &Command::Feat);
    control.send_ahead(now, &Command::Opts(Opts::Utf8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h06_what_a_login_reply_asks_for_depends_on_the_dialect() {
        let new = Login::default();
        let sent = Login { password: true, ..new };
        let both = Login { password: true, account: true, ..new };
        let check = |dialect, login: Login, code, class, expect| {
            assert_eq!(login.next(dialect, Code(code), class), expect, "{dialect:?} {code}");
        };
        let (old, modern) = (Dialect::Rfc354, Dialect::Rfc959);
        check(old, new, 330, Class::More, Next::Send(Step::Pass));
        check(old, new, 331, Class::More, Next::Send(Step::Acct));
        check(old, sent, 330, Class::More, Next::Send(Step::Acct)); // RFC 385: "330 Enter account"
        check(modern, new, 331, Class::More, Next::Send(Step::Pass));
        check(modern, new, 332, Class::More, Next::Send(Step::Acct));
        check(modern, sent, 332, Class::More, Next::Send(Step::Acct));
        check(modern, both, 332, Class::More, Next::Refused);
        check(modern, both, 331, Class::More, Next::Refused);
        check(modern, new, 230, Class::Done, Next::LoggedIn);
        check(modern, new, 232, Class::Done, Next::LoggedIn); // RFC 2228
        check(old, both, 200, Class::Done, Next::LoggedIn); // TENEX
        check(modern, sent, 530, Class::Refused, Next::Refused);
    }
}
