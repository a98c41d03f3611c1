//! USER, PASS, ACCT in both dialects: 331 asks for an account in 1973 and for a password in 959 (H06).

use super::Failure;
use super::pipeline::Owner;
use super::session::{Session, State};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::reply::{Class, Code, Meaning, Reply};
use crate::timer::Moment;
use crate::wire::Secret;

/// The commands of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    User,
    Pass,
    Acct,
}

/// What was said so far: a server that asks for the same thing twice is refused, not obeyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Progress {
    password: bool,
    account: bool,
}

/// What follows a reply of the login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Say(Step),
    In,
    Refused,
}

/// What a final reply during the login asks for. RFC 385 lets a server say 330 again after PASS
/// ("330 Enter account"), so that what a 3yz wants depends on what it has had.
fn next(dialect: Dialect, said: Progress, code: Code, class: Class) -> Next {
    match class {
        Class::Done => Next::In,
        Class::More if code == Meaning::NeedAccount.code(dialect) && !said.account => Next::Say(Step::Acct),
        Class::More if !said.password => Next::Say(Step::Pass),
        Class::More if !said.account => Next::Say(Step::Acct),
        Class::More | Class::Aside | Class::Preliminary | Class::Later | Class::Refused => Next::Refused,
    }
}

impl Session {
    /// Says one of the three commands.
    pub(super) fn say_login(&mut self, now: Moment, step: Step) {
        let State::Login(said) = &mut self.state else { return };
        let command = match step {
            Step::User => Command::User(self.config.user.clone()),
            Step::Pass => {
                said.password = true;
                Command::Pass(self.config.password.clone())
            }
            Step::Acct => {
                said.account = true;
                Command::Acct(self.config.account.clone().unwrap_or_else(|| Secret::new(Vec::new())))
            }
        };
        self.write(now, Owner::Login, &command, None);
    }

    /// A final reply to one of the three commands.
    pub(super) fn login_heard(&mut self, now: Moment, reply: Reply, class: Class) {
        let State::Login(said) = self.state else { return };
        if reply.code == Meaning::Unavailable.code(self.dialect) {
            return self.end(Failure::Unavailable(reply));
        }
        match next(self.dialect, said, reply.code, class) {
            Next::In => self.logged_in(now),
            Next::Say(Step::Acct) if self.config.account.is_none() => {
                self.end(Failure::AccountNeeded(reply));
            }
            Next::Say(step) => self.say_login(now, step),
            Next::Refused => self.end(Failure::LoginRefused(reply)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h06_what_a_login_reply_asks_for_depends_on_the_dialect() {
        let new = Progress::default();
        let sent = Progress { password: true, account: false };
        let both = Progress { password: true, account: true };
        let check = |dialect, said, code, class, expect| {
            assert_eq!(next(dialect, said, Code(code), class), expect, "{dialect:?} {code}");
        };
        let (old, modern) = (Dialect::Rfc354, Dialect::Rfc959);
        check(old, new, 330, Class::More, Next::Say(Step::Pass));
        check(old, new, 331, Class::More, Next::Say(Step::Acct));
        check(old, sent, 330, Class::More, Next::Say(Step::Acct)); // RFC 385: "330 Enter account"
        check(modern, new, 331, Class::More, Next::Say(Step::Pass));
        check(modern, new, 332, Class::More, Next::Say(Step::Acct));
        check(modern, sent, 332, Class::More, Next::Say(Step::Acct));
        check(modern, both, 332, Class::More, Next::Refused);
        check(modern, both, 331, Class::More, Next::Refused);
        check(modern, new, 230, Class::Done, Next::In);
        check(modern, new, 232, Class::Done, Next::In); // RFC 2228
        check(old, both, 200, Class::Done, Next::In); // TENEX
        check(modern, sent, 530, Class::Refused, Next::Refused);
    }
}
