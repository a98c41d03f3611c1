//! From the greeting until commands may be sent: TLS, login, features.
//!
//! ```text
//! Greeting --300/220--> [Auth --234--> Securing] --> Login --230--> [Pbsz --> Prot] --> Features --> [Utf8] --> ready
//! ```
//!
//! USER, PASS and ACCT are in both dialects: 331 asks for an account in 1973 and for a password today (conformance H06).

use super::control::{Control, Owner, RENEWALS};
use super::{Event, Failure, Output, Security, Timer};
use crate::command::{Command, Opts, Verb};
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{
    Class, Code, Greeting, Meaning, NotFtp, Protocol, Reply, ReplyReader, ends_session, greeting, has_no_tls,
};
use crate::timer::Moment;
use crate::wire::Secret;

/// The set-up of a session. It has at most one command under way.
#[derive(Debug)]
pub(super) struct Setup {
    stage: Stage,
    /// What the server can do, as far as it has told.
    heard: Box<Capabilities>,
}

#[derive(Debug)]
enum Stage {
    /// The greeting is due.
    Greeting,
    /// AUTH was sent (RFC 4217 section 4).
    Auth,
    /// The driver runs the TLS handshake. Nothing may arrive in clear any more.
    Securing,
    /// USER, PASS or ACCT was sent.
    Login(Login),
    /// PBSZ was sent.
    Pbsz,
    /// PROT was sent.
    Prot,
    /// FEAT or HELP was sent.
    Features(Features),
    /// OPTS UTF8 was sent.
    Utf8,
}

impl Setup {
    /// Waits for the greeting from `now` on.
    pub(super) fn begin(now: Moment, control: &mut Control) -> Self {
        let patience = control.config.reply_timeout;
        control.timers.arm(Timer::Greeting, now + patience);
        control.timers.arm(Timer::Login, now + patience.saturating_mul(RENEWALS));
        Self { stage: Stage::Greeting, heard: Box::default() }
    }

    pub(super) const fn awaits_greeting(&self) -> bool {
        matches!(self.stage, Stage::Greeting)
    }

    pub(super) const fn awaits_tls(&self) -> bool {
        matches!(self.stage, Stage::Securing)
    }

    /// Takes a reply before the dialect is known.
    pub(super) fn greeting(&mut self, now: Moment, reply: Reply, control: &mut Control) {
        match greeting(reply.code) {
            // Nothing of the login is for such a server.
            Greeting::Speaks(_) if Protocol::of_greeting(&reply).is_some() => {
                control.end(Failure::NotFtp(NotFtp::NoGreeting(reply)));
            }
            Greeting::Speaks(dialect) => {
                *self.heard = Capabilities::of_greeting(dialect, &reply);
                control.takes_ahead = self.heard.takes_ahead;
                control.has_no_tls = dialect == Dialect::Rfc959 && has_no_tls(&reply);
                control.timers.disarm(Timer::Greeting);
                control.dialect = dialect;
                let is_offered = dialect == Dialect::Rfc959 && !control.has_no_tls;
                self.stage = match control.config.security {
                    Security::Offered if !is_offered => without_tls(now, control),
                    // Where TLS is demanded, a greeting excuses nobody.
                    Security::Explicit | Security::Offered => {
                        send(now, Verb::Auth, b"TLS", control);
                        Stage::Auth
                    }
                    Security::Clear | Security::Implicit => Stage::Login(Login::begin(now, control)),
                };
            }
            // The timer of the whole login bounds how often a server may ask for patience.
            Greeting::Wait => control.timers.arm(Timer::Greeting, now + control.config.reply_timeout),
            Greeting::Refused => control.end(Failure::Unavailable(reply)),
            Greeting::NotFtp => control.end(Failure::NotFtp(NotFtp::NoGreeting(reply))),
        }
    }

    /// Keeps a reply that is not the final one.
    pub(super) fn more(&mut self, reply: Reply) {
        if let Stage::Features(features) = &mut self.stage {
            features.more(reply.lines);
        }
    }

    /// Takes the final reply to the command under way. Returns the capabilities of the server once
    /// commands may be sent.
    pub(super) fn reply(
        &mut self,
        now: Moment,
        reply: Reply,
        class: Class,
        control: &mut Control,
    ) -> Option<Capabilities> {
        if control.skips_reply() {
            return None;
        }
        match &mut self.stage {
            Stage::Auth => self.auth_reply(now, reply, class, control),
            Stage::Login(login) => {
                if login.reply(now, reply, class, control) {
                    self.logged_in(now, control);
                }
            }
            // Some servers do not know PBSZ; the answer to PROT decides.
            Stage::Pbsz => {
                send(now, Verb::Prot, b"P", control);
                self.stage = Stage::Prot;
            }
            Stage::Prot if class == Class::Done => {
                self.stage = Stage::Features(Features::begin(now, control));
            }
            Stage::Prot => control.end(Failure::DataInClear(reply)),
            Stage::Features(features) if features.may_go_on(&reply, control) => {
                features.more(reply.lines);
                features.probe(now, control);
            }
            Stage::Features(features) => {
                features.reply(reply, class, control.dialect, &mut self.heard);
                return self.features_known(now, control);
            }
            // Any answer will do.
            Stage::Utf8 => return Some(self.ready(control)),
            Stage::Greeting | Stage::Securing => control.unasked(reply),
        }
        None
    }

    /// The TLS handshake is complete.
    pub(super) fn secured(&mut self, now: Moment, control: &mut Control) {
        if self.awaits_tls() {
            control.reader = ReplyReader::new();
            control.secured = true;
            self.stage = Stage::Login(Login::begin(now, control));
        }
    }

    /// Handles the end of the reply timeout. Returns whether the set-up goes on all the same.
    pub(super) fn reply_timeout(&mut self, now: Moment, control: &mut Control) -> bool {
        if let Stage::Features(features) = &mut self.stage { features.timeout(now, control) } else { false }
    }

    /// Takes the final reply to AUTH. Bytes in clear behind it could come from anybody, and would be
    /// read as what the server says inside TLS.
    fn auth_reply(&mut self, now: Moment, reply: Reply, class: Class, control: &mut Control) {
        if ends_session(control.dialect, reply.code) {
            control.end(Failure::Unavailable(reply));
        } else if control.config.security == Security::Offered && matches!(reply.code.0, 202 | 500..=599) {
            self.stage = without_tls(now, control);
        } else if class != Class::Done {
            // A server that does not implement AUTH says so (202, 5yz). One that has TLS, and not now (431), is never taken for
            // one that has none, and neither is one whose reply is of no class (RFC 959 section 4.2 ends with 5yz).
            control.end(Failure::TlsRefused(reply));
        } else if control.reader.has_unread() {
            control.end(Failure::Injected);
        } else {
            self.stage = Stage::Securing;
            control.timers.arm(Timer::Reply, now + control.config.reply_timeout);
            control.output(Output::StartTls);
        }
    }

    /// With TLS, data connections are to be private as well (RFC 4217 section 9).
    fn logged_in(&mut self, now: Moment, control: &mut Control) {
        self.stage = if control.secured {
            send(now, Verb::Pbsz, b"0", control);
            Stage::Pbsz
        } else {
            Stage::Features(Features::begin(now, control))
        };
    }

    /// RFC 2640 section 3.1 lets clients assume UTF-8, but some servers expect OPTS UTF8
    /// (modern-servers 9).
    fn features_known(&mut self, now: Moment, control: &mut Control) -> Option<Capabilities> {
        if self.heard.utf8 && control.dialect == Dialect::Rfc959 {
            control.send_in_setup(now, &Command::Opts(Opts::Utf8));
            self.stage = Stage::Utf8;
            return None;
        }
        Some(self.ready(control))
    }

    fn ready(&mut self, control: &mut Control) -> Capabilities {
        control.timers.disarm(Timer::Login);
        *std::mem::take(&mut self.heard)
    }
}

/// Begins the login in clear, because the server has no TLS.
fn without_tls(now: Moment, control: &mut Control) -> Stage {
    control.event(Event::TlsAbsent);
    Stage::Login(Login::begin(now, control))
}

/// Sends a command that has no type of its own.
fn send(now: Moment, verb: Verb, argument: &[u8], control: &mut Control) {
    control.send_in_setup(now, &Command::Other(verb, argument.to_vec()));
}

/// The number of lines that are kept of what comes before HELP's final reply.
const HELP_LINES: usize = 1000;

/// FEAT or HELP is under way.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// The lines that came before the final reply: TENEX answers HELP with many replies of one line.
    lines: Vec<Vec<u8>>,
    /// NOOP was sent to find the end of HELP, or of what a server says to FEAT.
    probed: bool,
}

impl Features {
    /// Sends the command.
    pub(super) fn begin(now: Moment, control: &mut Control) -> Self {
        let command = match control.dialect {
            Dialect::Rfc354 => Command::Help(None),
            Dialect::Rfc959 => Command::Feat,
        };
        control.send_in_setup(now, &command);
        Self::default()
    }

    /// Keeps the lines of a reply that is not the final one.
    pub(super) fn more(&mut self, lines: Vec<Vec<u8>>) {
        if self.lines.len() < HELP_LINES {
            self.lines.extend(lines);
        }
    }

    /// Whether the reply to FEAT may be the first one of several: some servers forget the hyphen of a list, or send each
    /// feature in a reply of its own (thinFTP). Each further one would be taken for the reply to the next command.
    fn may_go_on(&self, reply: &Reply, control: &Control) -> bool {
        let is_one_line = reply.lines.len() == 1 && self.lines.len() < HELP_LINES;
        let is_listing =
            control.dialect == Dialect::Rfc959 && reply.code == Meaning::Features.code(control.dialect);
        // What was sent ahead is answered before NOOP would be.
        is_listing && is_one_line && !control.takes_ahead
    }

    /// Sends NOOP. If it was sent before, its reply is still to come.
    fn probe(&mut self, now: Moment, control: &mut Control) {
        if std::mem::replace(&mut self.probed, true) {
            control.pipeline.push(Owner::Setup, &Command::Noop, None);
            control.watch(now);
        } else {
            control.send(now, Owner::Setup, &Command::Noop, None);
        }
    }

    /// Takes the final reply, to FEAT, HELP or NOOP, and adds what the server can do.
    fn reply(&mut self, mut reply: Reply, class: Class, dialect: Dialect, heard: &mut Capabilities) {
        let mut lines = std::mem::take(&mut self.lines);
        if self.probed {
            reply = Reply { code: Meaning::Features.code(dialect), lines };
        } else if class == Class::Done {
            lines.append(&mut reply.lines);
            reply.lines = lines;
        } else {
            return;
        }
        heard.learn(dialect, &reply);
    }

    /// Handles the end of the reply timeout. RFC 354 promises no end of HELP, so if only 0xx and 1xx
    /// lines came, NOOP finds it. Returns whether that was the case.
    pub(super) fn timeout(&mut self, now: Moment, control: &mut Control) -> bool {
        if self.lines.is_empty() || self.probed {
            return false;
        }
        control.pipeline.finish(0);
        self.probe(now, control);
        true
    }
}

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
