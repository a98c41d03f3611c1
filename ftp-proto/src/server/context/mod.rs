//! What every part of a session works with: who is logged in, nonces for RNDZ, what a failure is called in a reply.

pub(crate) mod groups;
pub(crate) mod parameters;
pub(crate) mod path;
pub(crate) mod tls;

use super::ask::{Account, Answer, Ask, Event, FileFailure, Ticket, Uploading};
use super::config::{Config, Connection, Timer};
use super::outbox::Outbox;
use super::rights::{Right, Rights};
use super::sockets::Sockets;
use crate::address::unmapped;
use crate::command::Verb;
use crate::policy::{self, Asker, Foreign, Grant, RefusalReason, Rules};
use crate::reply::Meaning;
use crate::timer::{Moment, Timers};
use crate::wire::PathName;
use groups::Groups;
use hmac::{Hmac, KeyInit, Mac};
use parameters::Parameters;
use sha2::Sha256;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tls::TlsState;
use zeroize::Zeroizing;

/// The state that the parts of a session share. The session passes it to each of them.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) connection: Connection,
    /// The time of the input that is being handled.
    pub(crate) now: Moment,
    pub(crate) timers: Timers<Timer>,
    pub(crate) out: Outbox,
    pub(crate) login: Login,
    /// How many logins have failed on this connection.
    pub(crate) failed_logins: u32,
    /// The log knows that the client wanted to log in in clear.
    pub(crate) told_clear_login: bool,
    pub(crate) parameters: Parameters,
    /// Small files that wait for their names.
    pub(crate) groups: Groups,
    pub(crate) tls: TlsState,
    pub(crate) sockets: Sockets,
    pub(crate) nonces: Nonces,
}

/// A question to the driver that a command waits for, and what the answer is for.
#[derive(Debug)]
pub(crate) struct Question<T> {
    pub(crate) ticket: Ticket,
    pub(crate) purpose: T,
}

impl Context {
    pub(crate) fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self {
            now: Moment::START,
            timers: Timers::new(),
            out: Outbox::new(config.dialect),
            login: Login::Nobody,
            failed_logins: 0,
            told_clear_login: false,
            parameters: Parameters::default(),
            groups: Groups::default(),
            tls: TlsState::new(),
            sockets: Sockets::new(config.gender),
            nonces: Nonces::new(connection.entropy),
            config,
            connection,
        }
    }

    /// Sends the reply. Returns `None`, so that a command can end with it.
    pub(crate) fn reply_only<T>(&mut self, meaning: Meaning, text: impl AsRef<[u8]>) -> Option<T> {
        self.out.reply(meaning, text);
        None
    }

    /// Asks the driver something that later commands must wait for.
    pub(crate) fn question<T>(&mut self, purpose: T, ask: impl FnOnce(Ticket) -> Ask) -> Question<T> {
        let ticket = self.out.ticket();
        self.out.ask(ask(ticket));
        self.await_answer();
        Question { ticket, purpose }
    }

    /// Asks the driver for room for the hooks after uploads.
    pub(crate) fn ask_room(&mut self, ticket: Ticket, of: Uploading) {
        self.out.ask(Ask::Room { ticket, of });
        self.arm(Timer::Room, self.config.timeouts.room);
    }

    /// The driver owes an answer from now on.
    pub(crate) fn await_answer(&mut self) {
        self.arm(Timer::Question, self.config.timeouts.question);
    }

    /// Notes an answer of the wrong kind, which is an error of the driver.
    pub(crate) fn unexpected(&mut self, answer: Answer) {
        self.out.unwanted(answer);
        self.out.reply(Meaning::LocalError, "Local error");
    }

    /// Arms `timer` to fire after `wait`.
    pub(crate) fn arm(&mut self, timer: Timer, wait: Duration) {
        self.timers.arm(timer, self.now + wait);
    }

    /// Who is logged in, if somebody is.
    pub(crate) const fn user(&self) -> Option<&User> {
        match &self.login {
            Login::User(user) => Some(user),
            Login::Nobody | Login::Named(_) | Login::Charged(..) => None,
        }
    }

    /// Whether this data connection may exist, and on which terms.
    pub(crate) fn decide(&self, ask: &policy::Ask<'_>) -> Result<Grant, RefusalReason> {
        self.user().map_or(Err(RefusalReason::ForeignNever), |user| user.decide(ask))
    }

    /// The control connection's local address. All data sockets use it (dialect-1973 16.20).
    pub(crate) fn local_ip(&self) -> IpAddr {
        unmapped(self.connection.local.ip())
    }

    /// The client's address.
    pub(crate) fn peer_ip(&self) -> IpAddr {
        unmapped(self.connection.peer.ip())
    }

    /// Which of the rights that are needed, each at its path, the account lacks.
    pub(crate) fn lacks<'a>(
        &self,
        needed: impl IntoIterator<Item = (&'a PathName, Right)>,
    ) -> Option<FileFailure> {
        match self.user() {
            None => Some(FileFailure::Denied),
            Some(user) => user.account.access.missing(needed).map(|right| {
                let changes = !Rights::READ_ONLY.has(right);
                let only_reads = user.account.access.is_read_only();
                if changes && only_reads { FileFailure::ReadOnly } else { FileFailure::Lacks(right) }
            }),
        }
    }

    /// Whether the account may change nothing anywhere.
    pub(crate) fn may_change_nothing(&self) -> bool {
        self.user().is_none_or(|user| user.account.access.is_read_only())
    }

    /// The absolute path that `name` means. Returns `None` after sending a reply if the name is reserved.
    pub(crate) fn resolve(&mut self, name: &PathName) -> Option<PathName> {
        let path = path::resolve(&self.parameters.cwd, name);
        if path.is_err() {
            self.refuse_file(Verb::Retr, FileFailure::BadName);
        }
        path.ok()
    }

    /// The same for a name that may be left out, which means the working directory.
    pub(crate) fn resolve_or_cwd(&mut self, name: Option<&PathName>) -> Option<PathName> {
        match name {
            Some(name) => self.resolve(name),
            None => Some(self.parameters.cwd.clone()),
        }
    }

    /// The reply to `verb` when the file system has refused it.
    pub(crate) fn refuse_file(&mut self, verb: Verb, failure: FileFailure) {
        self.out.reply(meaning_of(verb, failure), failure.to_string());
    }

    /// A wait has ended by its timer.
    pub(crate) fn timed_out(&mut self, timer: Timer) {
        self.out.event(Event::TimedOut(timer));
    }
}

/// HMAC-SHA-256 in counter mode over the entropy of the connection: no two nonces are alike, and
/// none can be predicted.
pub(crate) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl Nonces {
    /// The nonces that follow from `entropy`.
    pub(crate) fn new(entropy: [u8; 32]) -> Self {
        Self { key: Zeroizing::new(entropy), counter: 0 }
    }

    /// The next nonce.
    pub(crate) fn next(&mut self) -> [u8; 23] {
        // RFC 2104 2: a key shorter than the block is padded with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(*self.key).for_each(|(b, k)| *b = k);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(b"ftp rendezvous nonce");
        mac.update(&self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        let mut nonce = [0; 23];
        nonce.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(n, byte)| *n = byte);
        nonce
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({} so far)", self.counter)
    }
}

/// The meaning of `failure` in the reply to `verb`.
pub(crate) const fn meaning_of(verb: Verb, failure: FileFailure) -> Meaning {
    match failure {
        FileFailure::NotFound => Meaning::NotFound,
        FileFailure::NotDirectory if matches!(verb, Verb::Mlsd) => Meaning::Syntax, // RFC 3659 7.2.1
        FileFailure::Changed if is_digest(verb) => Meaning::FileBusy,
        FileFailure::Denied
        | FileFailure::ReadOnly
        | FileFailure::Lacks(_)
        | FileFailure::IsDirectory
        | FileFailure::NotDirectory
        | FileFailure::NotRegular
        | FileFailure::SameFile
        | FileFailure::NotEmpty => Meaning::Denied,
        FileFailure::Exists => Meaning::NameTaken,
        FileFailure::BadName | FileFailure::OtherRoot | FileFailure::LeadsUp => Meaning::BadName,
        FileFailure::Busy => Meaning::FileBusy,
        FileFailure::HooksWait | FileFailure::HeldGroups | FileFailure::RangeWriters => Meaning::TooMany,
        FileFailure::BeyondEnd => Meaning::RestTooFar,
        FileFailure::NoSpace
        | FileFailure::KeptFree
        | FileFailure::QuotaBytes
        | FileFailure::QuotaFiles
        | FileFailure::DiskQuota
        | FileFailure::MaxFileSize
        | FileFailure::TooLarge
        | FileFailure::BeyondRange => Meaning::NoSpace,
        FileFailure::Changed
        | FileFailure::NotTheGroup
        | FileFailure::OtherDirectory
        | FileFailure::NotSynced
        | FileFailure::Incomplete
        | FileFailure::Stopped
        | FileFailure::Other => Meaning::LocalError,
    }
}

/// Whether `verb` computes a digest.
const fn is_digest(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Hash | Verb::Xcrc | Verb::Xmd5 | Verb::Xsha | Verb::Xsha1 | Verb::Xsha256 | Verb::Xsha512
    )
}

/// How far the login is.
#[derive(Debug, Default)]
pub(crate) enum Login {
    /// USER has not been sent.
    #[default]
    Nobody,
    /// USER gave this name; PASS must follow.
    Named(Vec<u8>),
    /// The password was right, and ACCT must follow (B23).
    Charged(Box<Account>, LoginMethod),
    /// Somebody is logged in.
    User(Box<User>),
}

/// How somebody shows who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LoginMethod {
    /// By the certificate of the control connection, after USER.
    Certificate,
    /// By a password, after PASS.
    Password,
}

/// Somebody who is logged in.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) account: Account,
    /// How the login was.
    pub(crate) by: LoginMethod,
    /// The operator's rules, with the account's foreign policy where that is narrower.
    pub(crate) rules: Rules,
    asker: Asker,
}

impl User {
    /// The user of `account` on this connection.
    pub(crate) fn new(account: Account, by: LoginMethod, config: &Config, connection: &Connection) -> Self {
        let scope = match connection.peer {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let asker = Asker {
            peer: unmapped(connection.peer.ip()),
            scope,
            local: unmapped(connection.local.ip()),
            proxied: connection.proxied,
            anonymous: account.anonymous,
        };
        let foreign = narrower(config.rules.foreign, account.foreign);
        let exchanges = account.exchanges.clone();
        Self { account, by, rules: Rules { foreign, exchanges, ..config.rules.clone() }, asker }
    }

    /// Whether this data connection may exist, and on which terms.
    pub(crate) fn decide(&self, ask: &policy::Ask<'_>) -> Result<Grant, RefusalReason> {
        policy::decide(&self.rules, &self.asker, ask)
    }
}

/// The narrower of two foreign policies.
const fn narrower(a: Foreign, b: Foreign) -> Foreign {
    match (a, b) {
        (Foreign::Never, _) | (_, Foreign::Never) => Foreign::Never,
        (Foreign::Proven, _) | (_, Foreign::Proven) => Foreign::Proven,
        (Foreign::Authenticated, Foreign::Authenticated) => Foreign::Authenticated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_nonces_are_alike_and_each_session_has_its_own() {
        let mut seen = HashSet::new();
        for entropy in [[1; 32], [2; 32]] {
            let mut nonces = Nonces::new(entropy);
            for _ in 0..100 {
                assert!(seen.insert(nonces.next()));
            }
        }
    }
}
