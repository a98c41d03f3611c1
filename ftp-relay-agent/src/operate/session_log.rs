//! What sessions tell the log and the audit. The holder of a token may come and go, and begin and end what he may have, as
//! fast as he likes, so the lines of each token within a minute are bounded. All events are counted, and the next line says
//! how many had none.

use std::time::Duration;

use ftp_proto::timer::Moment;

use super::audit::{Audit, Carried, LinkOwner, Record};

/// Whose lines those of one session are, and whether it has any. [`SessionLog::open`] makes it.
#[derive(Debug)]
pub struct SessionLog {
    who: LinkOwner,
    /// Whether the session has lines of its own by now.
    is_listed: bool,
}

impl SessionLog {
    /// Whose records they are.
    pub const fn who(&self) -> &LinkOwner {
        &self.who
    }

    /// Whether the session has lines of its own by now.
    pub const fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Begins the record of a session of `who`. Only some sessions of a token have lines of their own in a minute; the others
    /// get theirs when they do more ([`SessionLog::list`]).
    pub fn open(audit: &Audit, who: LinkOwner, now: Moment) -> Self {
        let due = audit.sessions.due(who.token.clone(), now);
        let session_log = Self { who, is_listed: due.is_some() };
        audit.told(due, &session_log.who, &Record::SessionOpened, |untold| {
            tracing::info!(token = session_log.who.token, untold, "session");
        });
        session_log
    }

    /// The session carries something that has a line, or is an `agent` that is called: it has lines from now on, also those that
    /// it did not have before.
    pub fn list(&mut self, audit: &Audit, agent: Option<&str>) {
        if std::mem::replace(&mut self.is_listed, true) {
            return;
        }
        tracing::info!(token = self.who.token, agent, "session, which had no line");
        audit.write(&self.who, &Record::SessionOpened, 0);
        if let Some(agent) = agent {
            audit.write(&self.who, &Record::AgentJoined { agent, replaced: false }, 0);
        }
    }

    /// Records that the session has become an agent. A token has some lines of unlisted ones in a minute; such a session
    /// is listed from then on. `log` writes the line of the log, with the number of those that have none.
    pub fn joined(&mut self, audit: &Audit, record: &Record<'_>, now: Moment, log: impl FnOnce(Option<u64>)) {
        let due = self.due(audit, record, now);
        if due.is_some() {
            self.list(audit, None);
        }
        audit.told(due, &self.who, record, log);
    }

    /// Records what a session does once. A token has some lines of each kind from unlisted ones in a minute.
    pub fn once(&self, audit: &Audit, record: &Record<'_>, now: Moment, log: impl FnOnce(Option<u64>)) {
        audit.told(self.due(audit, record, now), &self.who, record, log);
    }

    /// Records that a tunnel or join of the session begins, and returns whether it has lines.
    pub fn begins(
        &mut self,
        audit: &Audit,
        record: &Record<'_>,
        now: Moment,
        log: impl FnOnce(Option<u64>),
    ) -> Lines {
        let due = audit.due_to(&self.who, record, now);
        if due.is_some() {
            self.list(audit, None);
        }
        audit.told(due, &self.who, record, log);
        Lines::of(due)
    }

    /// Records the end of a tunnel or join.
    pub fn ends(
        &mut self,
        audit: &Audit,
        lines: Lines,
        (record, carried): (&Record<'_>, &Carried),
        log: impl FnOnce(),
    ) {
        let includes = lines.include_end(carried);
        if includes {
            self.list(audit, None);
        }
        audit.told(includes.then_some(0), &self.who, record, |_| log());
    }

    /// Records that the session has ended. If it has a line, that says how much of what its token carried had none, and so does
    /// the one that `log` writes.
    pub fn ended(&self, audit: &Audit, took: Duration, log: impl FnOnce(Option<u64>)) {
        let untold = || audit.carries.take_untold(self.who.token.as_deref(), &CARRIED);
        let due = self.is_listed.then(untold);
        audit.told(due, &self.who, &Record::SessionEnded { took }, log);
    }

    /// How many of its kind had no line before, if the session has one now.
    fn due(&self, audit: &Audit, record: &Record<'_>, now: Moment) -> Option<u64> {
        if self.is_listed {
            Some(0)
        } else {
            audit.unlisted.due((self.who.token.clone(), record.name()), now)
        }
    }
}

/// The events by which something begins that a token carries.
const CARRIED: [&str; 3] = ["tunnel-opened", "join-opened", "call-opened"];

/// Whether a tunnel, join or call has lines of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lines {
    /// It has: one for its beginning, one for its end.
    Own,
    /// Its token has no line left for it: it is counted. It has one for its end if it carries much.
    OnlyCounted,
}

impl Lines {
    pub(super) const fn of(due: Option<u64>) -> Self {
        if due.is_some() { Self::Own } else { Self::OnlyCounted }
    }

    /// Whether the end has a line. What has carried much always has one: the traffic itself bounds such lines, and a large
    /// file is not hidden by many small ones.
    pub(super) const fn include_end(self, carried: &Carried) -> bool {
        match self {
            Self::Own => true,
            Self::OnlyCounted => carried.a_to_b.saturating_add(carried.b_to_a) >= MUCH,
        }
    }
}

/// So many bytes are worth a line of their own: it has less than a thousandth of them.
const MUCH: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use ftp_proto::relay::message::End;

    use super::*;
    use crate::operate::metrics::Now;

    fn who(token: &str) -> LinkOwner {
        LinkOwner { token: Some(token.to_owned()), ..LinkOwner::default() }
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// Ends a session and returns whether that has a line.
    fn has_end(audit: &Audit, session: &SessionLog) -> bool {
        let mut has = false;
        session.ended(audit, Duration::ZERO, |_| has = true);
        has
    }

    #[test]
    fn r43_a_token_that_comes_and_goes_fills_neither_the_log_nor_the_audit() {
        let audit = Audit::default();
        let told = |name: &str, times: u32, seconds| {
            let come = || has_end(&audit, &SessionLog::open(&audit, who(name), at(seconds)));
            (0..times).filter(|_| come()).count()
        };
        assert_eq!(told("eve", 10_000, 1), 120);
        assert_eq!(told("ann", 100, 1), 100, "the lines of others are theirs");
        assert_eq!(told("eve", 1, 61), 1);
    }

    #[test]
    fn r43_an_unlisted_session_that_joins_or_breaks_the_protocol_has_its_line() {
        let audit = Audit::default();
        let now = at(1);
        let unlisted = || SessionLog::open(&audit, who("eve"), now);
        assert!((0..10_000).all(|number| unlisted().is_listed() == (number < 120)));
        let joins = Record::AgentJoined { agent: "zurich", replaced: true };
        let mut agent = unlisted();
        let mut lines = Vec::new();
        agent.joined(&audit, &joins, now, |untold| lines.push(untold));
        assert!(has_end(&audit, &agent), "an agent with a line has one for its end");
        for _ in 0..1_000 {
            unlisted().joined(&audit, &joins, now, |untold| lines.push(untold));
        }
        assert_eq!(lines, [None; 60]);
        // What it does in another way is told nevertheless.
        let mut broken = 0;
        for _ in 0..1_000 {
            unlisted().once(&audit, &Record::ProtocolBroken { reason: "" }, now, |_| broken += 1);
        }
        assert_eq!(broken, 60);
        let mut called = unlisted();
        called.joined(&audit, &joins, now, |_| panic!("it has no line left"));
        assert!(!has_end(&audit, &called));
        called.list(&audit, Some("zurich"));
        assert!(has_end(&audit, &called), "an agent that was called has its lines");
        let later = at(61);
        called.joined(&audit, &joins, later, |untold| assert_eq!(untold, None, "it has lines of its own"));
        let (mut another, mut untold) = (SessionLog { who: who("eve"), is_listed: false }, None);
        another.joined(&audit, &joins, later, |count| untold = count);
        assert_eq!(untold, Some(1_002 - 60));
    }

    #[test]
    fn r43_a_token_fills_neither_the_log_nor_the_audit_with_what_it_carries() {
        let audit = Audit::default();
        let target = "192.0.2.7:21".parse().unwrap();
        let opened = Record::TunnelOpened { id: 1, target };
        let carry = |session: &mut SessionLog, bytes, now| {
            let mut lines = Vec::new();
            let has = session.begins(&audit, &opened, now, |untold| lines.push(untold));
            let carried = Carried { a_to_b: bytes, b_to_a: 7, how: End::Eof, took: Duration::ZERO };
            let record = Record::TunnelEnded { id: 1, target, carried };
            session.ends(&audit, has, (&record, &carried), || lines.push(None));
            lines
        };
        let mut eve = SessionLog::open(&audit, who("eve"), at(1));
        let lines: Vec<_> = (0..10_000).flat_map(|_| carry(&mut eve, 9, at(1))).collect();
        assert_eq!(lines, [None; 2 * 60]);
        assert_eq!(carry(&mut eve, 1 << 20, at(1)), [None], "much has a line for its end");
        let mut ann = SessionLog::open(&audit, who("ann"), at(1));
        assert_eq!(carry(&mut ann, 9, at(1)), [None; 2], "the lines of others are theirs");
        let join = Record::JoinOpened { id: 1, peers: [None, None] };
        assert_eq!(eve.begins(&audit, &join, at(1), |_| {}), Lines::Own, "of another kind");
        assert_eq!(carry(&mut eve, 9, at(61)), [Some(10_001 - 60), None]);
        let now = Now { uses: Vec::new(), unproven: 0, agents: 0, audit_lines_lost: 0 };
        let page = audit.metrics.text(&now);
        assert!(page.contains("ftp_relay_ended_total{of=\"tunnel\",how=\"eof\"} 10003\n"), "{page}");
    }

    #[test]
    fn r43_an_unlisted_session_is_told_by_what_it_carries_only_if_that_has_a_line() {
        let audit = Audit::default();
        let now = at(1);
        let target = "192.0.2.7:21".parse().unwrap();
        let tunnel = Record::TunnelOpened { id: 1, target };
        for _ in 0..200 {
            SessionLog::open(&audit, who("eve"), now);
        }
        let listed = |_| {
            let mut session = SessionLog::open(&audit, who("eve"), now);
            session.begins(&audit, &tunnel, now, |_| {});
            session.is_listed()
        };
        assert_eq!((0..1_000).map(listed).filter(|listed| *listed).count(), 60);
        let mut session = SessionLog::open(&audit, who("eve"), now);
        let has = session.begins(&audit, &tunnel, now, |_| {});
        let carried = Carried { a_to_b: 0, b_to_a: 1 << 30, how: End::Eof, took: Duration::ZERO };
        session.ends(&audit, has, (&Record::TunnelEnded { id: 1, target, carried }, &carried), || {});
        assert!(has_end(&audit, &session), "it has carried much");
    }

    #[test]
    fn r43_the_end_of_a_session_counts_what_its_token_carried_without_a_line() {
        let audit = Audit::default();
        let mut eve = SessionLog::open(&audit, who("eve"), at(1));
        let mut tunnel = |host: &str| {
            let target = format!("{host}:21").parse().unwrap();
            eve.begins(&audit, &Record::TunnelOpened { id: 1, target }, at(1), |_| {})
        };
        assert_eq!((0..75).filter(|_| tunnel("192.0.2.7") == Lines::Own).count(), 60);
        assert_eq!(tunnel("192.0.2.8"), Lines::Own, "nobody hides a host behind another one");
        assert_eq!(tunnel("192.0.2.7"), Lines::OnlyCounted);
        let mut ends = Vec::new();
        SessionLog::open(&audit, who("ann"), at(1)).ended(&audit, Duration::ZERO, |untold| ends.push(untold));
        eve.ended(&audit, Duration::ZERO, |untold| ends.push(untold));
        eve.ended(&audit, Duration::ZERO, |untold| ends.push(untold));
        assert_eq!(ends, [None, Some(1), None]);
    }

    #[test]
    fn a_call_has_lines_as_a_tunnel_has() {
        let audit = Audit::default();
        let call = Record::CallOpened { id: 1, agent: "zurich" };
        let lines = |name: &str, now| {
            (0..1_000).filter(|_| audit.call_begins(&who(name), &call, now, |_| {}) == Lines::Own).count()
        };
        assert_eq!((lines("eve", at(1)), lines("ann", at(1)), lines("eve", at(61))), (60, 60, 60));
    }
}
