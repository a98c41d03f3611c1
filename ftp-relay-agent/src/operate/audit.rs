//! The audit: who came, what was carried between which hosts, what was refused, and why it ended. Each record is one
//! line of JSON in the file of `--audit`, and is counted by the metrics. There is never a secret in it, a name of a file, or
//! a byte that was carried.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::program::line_file::LineFile;
use ftp_proto::listing::{When, civil};
use ftp_proto::relay::message::{Code, End, LegId};
use ftp_proto::timer::Moment;
use serde::Serialize;

use super::metrics::Metrics;
pub use super::record::{Carried, EVENTS, LinkOwner, Newcomer, Record, Refusal};
use super::seldom::{MAX_TOKENS, OF_A_KIND, PAUSE, REFUSALS, SESSIONS, Seldom};
use super::session_log::Lines;
use crate::policy::Origin;

/// Takes all records of a relay. The default one only counts.
#[derive(Debug)]
pub struct Audit {
    /// What the records count.
    pub metrics: Metrics,
    file: Option<LineFile>,
    /// The lines of refusals that each token has had.
    refusals: Seldom<Option<String>>,
    /// The sessions with lines that each token has had.
    pub(super) sessions: Seldom<Option<String>>,
    /// The lines that each token has had of each kind of event, from sessions that have none of their own.
    pub(super) unlisted: Seldom<(Option<String>, &'static str)>,
    /// The lines that each token has had of each kind of event that it can cause within one session.
    flows: Seldom<(Option<String>, &'static str)>,
    /// The lines that each token has had of what it carries.
    pub(super) carries: Carries,
}

impl Default for Audit {
    fn default() -> Self {
        Self::new(Metrics::default(), None)
    }
}

impl Audit {
    /// An audit that counts, and writes lines if there is a file.
    pub fn new(metrics: Metrics, file: Option<LineFile>) -> Self {
        let (refusals, sessions) = (Seldom::new(REFUSALS), Seldom::new(SESSIONS));
        let (unlisted, flows) = (Seldom::new(OF_A_KIND), Seldom::new(OF_A_KIND));
        Self { metrics, file, refusals, sessions, unlisted, flows, carries: Carries::new() }
    }

    /// Records what has happened. Never waits: lines that the file does not take are lost and counted.
    pub fn record(&self, who: &LinkOwner, record: &Record<'_>) {
        self.record_after(0, who, record);
    }

    /// The same, after so many of its kind that have no line.
    pub(super) fn record_after(&self, untold: u64, who: &LinkOwner, record: &Record<'_>) {
        self.metrics.count(record);
        self.write(who, record, untold);
    }

    /// Writes the line of what was counted.
    pub(super) fn write(&self, who: &LinkOwner, record: &Record<'_>, untold: u64) {
        if let Some(file) = &self.file {
            file.add(line(who, record, untold, &time(Clock::today())));
        }
    }

    /// Records with a line if it is `due` one, and counts otherwise.
    pub(super) fn told(
        &self,
        due: Option<u64>,
        who: &LinkOwner,
        record: &Record<'_>,
        log: impl FnOnce(Option<u64>),
    ) {
        let Some(untold) = due else { return self.metrics.count(record) };
        log((untold > 0).then_some(untold));
        self.record_after(untold, who, record);
    }

    /// Records a refusal, if the token of `who` has a line left in its minute; `log` then writes that of the log, with the
    /// number of those that have none. The holder of a token can ask for what he does not get as fast as he writes, and
    /// would fill both; all refusals are counted.
    pub fn refused(&self, who: &LinkOwner, record: &Record<'_>, now: Moment, log: impl FnOnce(Option<u64>)) {
        self.told(self.refusals.due(who.token.clone(), now), who, record, log);
    }

    /// Records that a session was refused although its token was right.
    pub fn session_refused(&self, who: &LinkOwner, why: &Refusal, now: Moment) {
        self.refused(who, &Record::SessionRefused(why), now, |untold| {
            tracing::warn!(token = who.token, untold, "refused: {why}");
        });
    }

    /// Records what a session can cause as often as it likes. A token has some lines of each kind in a minute, whether its
    /// sessions are listed or not.
    pub fn of_flow(&self, who: &LinkOwner, record: &Record<'_>, now: Moment, log: impl FnOnce(Option<u64>)) {
        self.told(self.flows.due((who.token.clone(), record.name()), now), who, record, log);
    }

    /// Records that a call begins, and returns whether it has lines. It belongs to two sessions, and they may have ended:
    /// `log` lists them.
    pub fn call_begins(
        &self,
        who: &LinkOwner,
        record: &Record<'_>,
        now: Moment,
        log: impl FnOnce(Option<u64>),
    ) -> Lines {
        let due = self.due_to(who, record, now);
        self.told(due, who, record, log);
        Lines::of(due)
    }

    /// Records the end of a call: `log` lists its sessions.
    pub fn call_ends(
        &self,
        who: &LinkOwner,
        lines: Lines,
        (record, carried): (&Record<'_>, &Carried),
        log: impl FnOnce(),
    ) {
        self.told(lines.include_end(carried).then_some(0), who, record, |_| log());
    }

    /// How many like it had no line before, if what `who` carries to the targets of the record has one now.
    pub(super) fn due_to(&self, who: &LinkOwner, record: &Record<'_>, now: Moment) -> Option<u64> {
        self.carries.due(&(who.token.clone(), record.name()), record.targets(), now)
    }

    /// Tells the log and the file why a link was refused, if it is `due` a line, and how many such refusals had none
    /// before. Strangers cause them, so they could fill both; all are counted.
    pub fn denied(&self, who: &LinkOwner, reason: &str, due: Option<u64>) {
        let record = Record::LinkDenied { reason: reason.to_owned() };
        let Some(untold) = due else { return self.metrics.count(&record) };
        tracing::warn!(untold, "denied: {reason}");
        self.record_after(untold, who, &record);
    }

    /// Records that the program ends, and how much of what tokens did has no line and was counted by none.
    pub fn stopped(&self, record: &Record<'_>) {
        let of_kinds = self.unlisted.take_all().saturating_add(self.flows.take_all());
        let of_tokens = self.refusals.take_all().saturating_add(self.sessions.take_all());
        let untold = of_kinds.saturating_add(of_tokens).saturating_add(self.carries.take_all());
        if untold > 0 {
            tracing::info!(untold, "stopped");
        }
        self.record_after(untold, &LinkOwner::default(), record);
    }

    /// Opens the file again under its name: another program may have moved it away.
    pub fn reopen(&self) {
        if let Some(file) = &self.file {
            file.reopen();
        }
    }

    /// Lines that the file has not taken.
    pub fn lost(&self) -> u64 {
        self.file.as_ref().map_or(0, LineFile::lost)
    }
}

/// Why something was refused, and how many refusals before it have no line.
fn with_untold(reason: String, untold: u64) -> String {
    if untold == 0 { reason } else { format!("{reason}; {untold} earlier ones were not logged") }
}

/// One line. Keys without a value are left out.
#[derive(Serialize, Default)]
struct AuditLine<'a> {
    time: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a_to_b: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b_to_a: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    /// How many of its kind before this one have no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    untold: Option<u64>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn line(who: &LinkOwner, record: &Record<'_>, untold: u64, time: &str) -> String {
    let said = record.line();
    let line = AuditLine {
        time,
        event: record.name(),
        link: who.link,
        from: who.from,
        token: who.token.as_deref(),
        untold: (untold > 0 && said.reason.is_none()).then_some(untold),
        reason: said.reason.map(|reason| with_untold(reason, untold)),
        ..said
    };
    // Nothing in it can fail to be written.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

/// The time in UTC, as RFC 3339 has it.
fn time(now: When) -> String {
    civil(now).to_string()
}

impl<'a> Record<'a> {
    /// The name of the event. It never changes with what has happened.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LinkDenied { .. } => "link-denied",
            Self::SessionRefused(_) => "session-refused",
            Self::SessionOpened => "session-opened",
            Self::SessionRevoked(_) => "session-revoked",
            Self::RulesChanged => "rules-changed",
            Self::SessionEnded { .. } => "session-ended",
            Self::RequestRefused { .. } => "request-refused",
            Self::TunnelOpened { .. } => "tunnel-opened",
            Self::TunnelEnded { .. } => "tunnel-ended",
            Self::JoinOpened { .. } => "join-opened",
            Self::JoinEnded { .. } => "join-ended",
            Self::StrangerReset { .. } => "stranger-reset",
            Self::AgentJoined { .. } => "agent-joined",
            Self::SessionDismissed { .. } => "session-dismissed",
            Self::CallOpened { .. } => "call-opened",
            Self::CallEnded { .. } => "call-ended",
            Self::TimedOut(_) | Self::HubTimedOut(_) => "timed-out",
            Self::ProtocolBroken { .. } => "protocol-broken",
            Self::HubJoined => "hub-joined",
            Self::HubLost { .. } => "hub-lost",
            Self::RelayStarted => "relay-started",
            Self::HubStarted => "hub-started",
            Self::PolicyRead => "policy-read",
            Self::PolicyRefused { .. } => "policy-refused",
            Self::RelayStopped => "relay-stopped",
            Self::HubStopped => "hub-stopped",
        }
    }

    /// The keys that depend on the event.
    fn line(&self) -> AuditLine<'a> {
        let with = |result, reason: Option<String>| AuditLine { result, reason, ..AuditLine::default() };
        match self {
            Self::SessionOpened
            | Self::RulesChanged
            | Self::HubJoined
            | Self::RelayStarted
            | Self::HubStarted
            | Self::PolicyRead
            | Self::RelayStopped
            | Self::HubStopped => with(DONE, None),
            Self::LinkDenied { reason } | Self::PolicyRefused { reason } => {
                with(REFUSED, Some(reason.clone()))
            }
            Self::ProtocolBroken { reason } => with(CUT, Some((*reason).to_owned())),
            Self::HubLost { reason } => with(CUT, Some(reason.clone())),
            Self::SessionDismissed { code, text } => with(CUT, Some(reason(*code, text))),
            Self::AgentJoined { agent, .. } => AuditLine { agent: Some(agent), ..with(DONE, None) },
            Self::CallOpened { id, agent } => {
                AuditLine { id: Some(*id), agent: Some(agent), ..with(DONE, None) }
            }
            Self::CallEnded { id, agent, carried } => {
                AuditLine { id: Some(*id), agent: Some(agent), ..carried.line() }
            }
            Self::TimedOut(timer) => with(CUT, Some(timer.name().to_owned())),
            Self::HubTimedOut(timer) => with(CUT, Some(timer.name().to_owned())),
            Self::SessionRefused(why) => with(REFUSED, Some(why.to_string())),
            Self::SessionRevoked(why) => with(CUT, Some(why.to_string())),
            Self::SessionEnded { took } => AuditLine { seconds: Some(took.as_secs()), ..with(DONE, None) },
            Self::RequestRefused { id, code, why, target, text } => {
                let reason = why.map_or_else(|| reason(*code, text), |why| why.to_string());
                AuditLine { id: Some(*id), target: *target, ..with(REFUSED, Some(reason)) }
            }
            Self::TunnelOpened { id, target } => {
                AuditLine { id: Some(*id), target: Some(*target), ..with(DONE, None) }
            }
            Self::TunnelEnded { id, target, carried } => {
                AuditLine { id: Some(*id), target: Some(*target), ..carried.line() }
            }
            Self::JoinOpened { id, peers: [a, b] } => {
                AuditLine { id: Some(*id), a: *a, b: *b, ..with(DONE, None) }
            }
            Self::JoinEnded { id, peers: [a, b], carried } => {
                AuditLine { id: Some(*id), a: *a, b: *b, ..carried.line() }
            }
            Self::StrangerReset { id, leg, target } => {
                let reason = format!("not the host that leg {leg:?} waits for");
                AuditLine { id: Some(*id), target: Some(*target), ..with(REFUSED, Some(reason)) }
            }
        }
    }
}

impl Carried {
    fn line(&self) -> AuditLine<'static> {
        let why = reason_of(self.how);
        AuditLine {
            a_to_b: Some(self.a_to_b),
            b_to_a: Some(self.b_to_a),
            seconds: Some(self.took.as_secs()),
            result: if why.is_some() { CUT } else { DONE },
            reason: why.map(str::to_owned),
            ..AuditLine::default()
        }
    }
}

/// The reason of a refusal. What the code says already is not repeated.
pub fn reason(code: Code, text: &str) -> String {
    let code = code.to_string();
    if text.is_empty() || text == code { code } else { format!("{code}: {text}") }
}

/// Why something was cut; `None` if both ends have closed it in order.
const fn reason_of(how: End) -> Option<&'static str> {
    Some(match how {
        End::Eof => return None,
        End::Idle => "no byte moved for too long",
        End::Stalled => "the receiver took nothing for too long",
        End::Reset(LegId::A) => "leg A was reset",
        End::Reset(LegId::B) => "leg B was reset",
        End::LimitBytes => "its bytes, or those of its token for a day, are used up",
        End::LimitTime => "its time is over",
        End::Revoked => "it was closed by the user agent or withdrawn by the operator",
        End::Shutdown => "the session or the relay has ended",
        End::NoGreeting => "the server did not greet as FTP servers do",
    })
}

/// What was asked for was done, as far as the relay sees it.
const DONE: &str = "done";
/// It was not begun.
const REFUSED: &str = "refused";
/// It was begun and did not end in order.
const CUT: &str = "cut";

/// Which lines the tokens have had in their minute for what they carry.
///
/// The first of a token to a host or agent within a minute has its lines whatever else was told, so a host cannot be hidden
/// behind many connections to another one.
#[derive(Debug)]
pub(super) struct Carries {
    lines: Seldom<Key>,
    reached: Mutex<HashMap<Key, Reached>>,
}

/// The name of a token and of an event.
type Key = (Option<String>, &'static str);

/// What a token has reached since a moment.
#[derive(Debug)]
struct Reached {
    since: Moment,
    targets: HashSet<Target>,
    /// Whether there was one more than are remembered.
    is_full: bool,
}

/// Where something is carried to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Target {
    /// A server, whatever its port.
    Host(IpAddr),
    /// An agent at a hub.
    Agent(String),
}

/// Whether a target is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Visit {
    First,
    Again,
    /// It may be new: no more are remembered. This is told once in a minute.
    OneTooMany,
}

impl Carries {
    pub(super) fn new() -> Self {
        Self { lines: Seldom::new(OF_A_KIND), reached: Mutex::default() }
    }

    /// Something begins that a token carries to these `targets`. Returns `None` if it has to go without a line, and otherwise
    /// how many of its kind had none before.
    pub(super) fn due(&self, key: &Key, targets: Vec<Target>, now: Moment) -> Option<u64> {
        let visit = self.visit(key, targets, now);
        let due = self.lines.due(key.clone(), now);
        if visit == Visit::OneTooMany {
            let (token, event) = key;
            tracing::warn!(
                token,
                event,
                most = MAX_TARGETS,
                "too many hosts within a minute: some have no line"
            );
        }
        match (due, visit) {
            // It was counted as one without a line.
            (None, Visit::First) => Some(self.lines.take_untold(key).saturating_sub(1)),
            (due, _) => due,
        }
    }

    /// How many tunnels, joins and calls of this token had no line, if that is to be told now.
    pub(super) fn take_untold(&self, token: Option<&str>, events: &[&'static str]) -> u64 {
        let of = |event: &&'static str| self.lines.take_untold(&(token.map(str::to_owned), *event));
        events.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The same of all tokens.
    pub(super) fn take_all(&self) -> u64 {
        self.lines.take_all()
    }

    fn visit(&self, key: &Key, targets: Vec<Target>, now: Moment) -> Visit {
        let mut all = self.reached.locked();
        let counts = |reached: &Reached| now.since(reached.since) < PAUSE;
        if !all.get(key).is_some_and(counts) {
            all.remove(key);
            if all.len() >= MAX_TOKENS {
                all.retain(|_, reached| counts(reached));
            }
            if all.len() >= MAX_TOKENS {
                return Visit::Again;
            }
        }
        let new = || Reached { since: now, targets: HashSet::new(), is_full: false };
        let Reached { targets: known, is_full, .. } = all.entry(key.clone()).or_insert_with(new);
        let mut visit = Visit::Again;
        for target in targets {
            if known.contains(&target) {
                continue;
            }
            if known.len() < MAX_TARGETS {
                known.insert(target);
                visit = Visit::First;
            } else if !std::mem::replace(is_full, true) && visit == Visit::Again {
                visit = Visit::OneTooMany;
            }
        }
        visit
    }
}

/// How many hosts or agents of one token and kind are remembered within a minute.
const MAX_TARGETS: usize = 256;

#[cfg(test)]
mod tests;
