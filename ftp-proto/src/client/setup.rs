//! From the greeting until commands may be sent: TLS, login, features.
//!
//! ```text
//! Greeting --300/220--> [Auth --234--> Securing] --> Login --230--> [Pbsz --> Prot] --> Features --> [Utf8] --> ready
//! ```

use super::control::{Control, Owner, RENEWALS};
use super::login::Login;
use super::{Event, Failure, Output, Security, Timer};
use crate::command::{Command, Opts, Verb};
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{
    Class, Greeting, NotFtp, Protocol, Reply, ReplyReader, ends_session, greeting, has_no_tls, loses_early,
    mixes_sessions, queues_commands, starts_late, takes_ahead,
};
use crate::timer::Moment;

/// The set-up of a session. It has at most one command under way.
#[derive(Debug)]
pub(super) struct Setup {
    stage: Stage,
    /// What only the greeting tells.
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
    /// OPTS UTF8 was sent, after FEAT said this.
    Utf8(Capabilities),
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
                control.takes_ahead = dialect == Dialect::Rfc959 && takes_ahead(&reply);
                control.has_no_tls = dialect == Dialect::Rfc959 && has_no_tls(&reply);
                control.timers.disarm(Timer::Greeting);
                control.dialect = dialect;
                *self.heard = Capabilities {
                    loses_early: loses_early(&reply),
                    mixes_sessions: mixes_sessions(&reply),
                    queues_commands: queues_commands(&reply),
                    starts_late: starts_late(&reply),
                    ..Capabilities::default()
                };
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
            Stage::Features(features) => {
                let capabilities = features.reply(reply, class, control.dialect);
                return self.features_known(now, capabilities, control);
            }
            // Any answer will do.
            Stage::Utf8(capabilities) => {
                let capabilities = std::mem::take(capabilities);
                return Some(self.ready(capabilities, control));
            }
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
        } else if control.config.security == Security::Offered && (500..=599).contains(&reply.code.0) {
            self.stage = without_tls(now, control);
        } else if class != Class::Done {
            // A server that has TLS, and not now (431), is never taken for one that has none, and neither is one whose
            // reply is of no class (RFC 959 section 4.2 ends with 5yz).
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
    fn features_known(
        &mut self,
        now: Moment,
        capabilities: Capabilities,
        control: &mut Control,
    ) -> Option<Capabilities> {
        if capabilities.utf8 && control.dialect == Dialect::Rfc959 {
            control.send_in_setup(now, &Command::Opts(Opts::Utf8));
            self.stage = Stage::Utf8(capabilities);
            return None;
        }
        Some(self.ready(capabilities, control))
    }

    fn ready(&self, capabilities: Capabilities, control: &mut Control) -> Capabilities {
        control.timers.disarm(Timer::Login);
        let Capabilities { loses_early, mixes_sessions, queues_commands, starts_late, .. } = *self.heard;
        let takes_ahead = control.takes_ahead;
        Capabilities {
            loses_early,
            mixes_sessions,
            queues_commands,
            starts_late,
            takes_ahead,
            ..capabilities
        }
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
    /// NOOP was sent to find the end of HELP.
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

    /// Takes the final reply, to FEAT, HELP or NOOP, and returns what the server can do.
    pub(super) fn reply(&mut self, mut reply: Reply, class: Class, dialect: Dialect) -> Capabilities {
        let mut lines = std::mem::take(&mut self.lines);
        if self.probed {
            reply.lines = lines;
        } else if class == Class::Done {
            lines.append(&mut reply.lines);
            reply.lines = lines;
        } else {
            return Capabilities::default();
        }
        Capabilities::from_reply(dialect, &reply)
    }

    /// Handles the end of the reply timeout. RFC 354 promises no end of HELP, so if only 0xx and 1xx
    /// lines came, NOOP finds it. Returns whether that was the case.
    pub(super) fn timeout(&mut self, now: Moment, control: &mut Control) -> bool {
        if self.lines.is_empty() || self.probed {
            return false;
        }
        self.probed = true;
        control.pipeline.finish(0);
        control.send(now, Owner::Setup, &Command::Noop, None);
        true
    }
}
