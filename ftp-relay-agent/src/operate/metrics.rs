//! Counters of the relay or the hub, in the text format of OpenMetrics, which Prometheus reads. No label comes from a user agent or
//! a file, so the number of series is bounded and no name is told.

use std::fmt;

use ftp_io::program::log::Lost;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::record::{Carried, Record, Refusal};
use crate::policy::Use;
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::message::End;

/// What the relay counts, from the records of its audit.
#[derive(Default)]
pub struct Metrics {
    log_lines_lost: Lost,
    links_denied: Counter,
    sessions: Counter,
    sessions_refused: Family<Reason, Counter>,
    sessions_revoked: Family<Reason, Counter>,
    refused: Family<CodeLabel, Counter>,
    ended: Family<Ended, Counter>,
    bytes: Family<Flow, Counter>,
    strangers: Counter,
    timeouts: Family<TimerLabel, Counter>,
    protocol_errors: Counter,
    policy_reads: Family<Done, Counter>,
    hub_joined: Gauge,
    hub_lost: Counter,
}

/// What the page tells beside what was counted.
#[derive(Clone, Debug)]
pub struct Now {
    /// How far the limits are used.
    pub uses: Vec<Use>,
    /// Links that have not proven anything yet.
    pub unproven: usize,
    /// Agents that have joined this hub.
    pub agents: usize,
    /// Lines that the audit has lost.
    pub audit_lines_lost: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The name of a code of refusals, a closed list.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CodeLabel {
    reason: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Ended {
    of: &'static str,
    how: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Flow {
    of: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct TimerLabel {
    timer: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Done {
    done: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

impl Metrics {
    /// Nothing was counted yet, except lines that the log has lost.
    pub fn new(log_lines_lost: Lost) -> Self {
        Self { log_lines_lost, ..Self::default() }
    }

    /// Counts what has happened.
    pub fn count(&self, record: &Record<'_>) {
        let of = |reason| Reason { reason };
        match record {
            Record::LinkDenied { .. } => {
                self.links_denied.inc();
            }
            Record::SessionOpened => {
                self.sessions.inc();
            }
            Record::SessionRefused(refusal) => {
                let reason = match refusal {
                    Refusal::Rule(why) => withdrawn(*why),
                    Refusal::Full(full) => full.limit(),
                };
                self.sessions_refused.get_or_create(&of(reason)).inc();
            }
            Record::SessionRevoked(why) => {
                self.sessions_revoked.get_or_create(&of(withdrawn(*why))).inc();
            }
            Record::RequestRefused { code, .. } => {
                self.refused.get_or_create(&CodeLabel { reason: format!("{code:?}") }).inc();
            }
            Record::TunnelEnded { carried, .. } => self.carried("tunnel", carried),
            Record::JoinEnded { carried, .. } => self.carried("join", carried),
            Record::CallEnded { carried, .. } => self.carried("call", carried),
            Record::HubJoined => {
                self.hub_joined.set(1);
            }
            Record::HubLost { .. } => {
                self.hub_joined.set(0);
                self.hub_lost.inc();
            }
            Record::StrangerReset { .. } => {
                self.strangers.inc();
            }
            Record::TimedOut(timer) => {
                self.timeouts.get_or_create(&TimerLabel { timer: timer.name() }).inc();
            }
            Record::HubTimedOut(timer) => {
                self.timeouts.get_or_create(&TimerLabel { timer: timer.name() }).inc();
            }
            Record::ProtocolBroken { .. } => {
                self.protocol_errors.inc();
            }
            Record::PolicyRead => {
                self.policy_reads.get_or_create(&Done { done: "yes" }).inc();
            }
            Record::PolicyRefused { .. } => {
                self.policy_reads.get_or_create(&Done { done: "no" }).inc();
            }
            // What is open now is told by the limits.
            Record::SessionEnded { .. }
            | Record::RulesChanged
            | Record::TunnelOpened { .. }
            | Record::JoinOpened { .. }
            | Record::CallOpened { .. }
            | Record::AgentJoined { .. }
            | Record::SessionDismissed { .. }
            | Record::RelayStarted
            | Record::RelayStopped
            | Record::HubStarted
            | Record::HubStopped => {}
        }
    }

    fn carried(&self, of: &'static str, carried: &Carried) {
        self.ended.get_or_create(&Ended { of, how: how(carried.how) }).inc();
        self.bytes.get_or_create(&Flow { of }).inc_by(carried.a_to_b.saturating_add(carried.b_to_a));
    }

    /// All counters as text.
    pub fn text(&self, now: &Now) -> String {
        let mut registry = Registry::with_prefix("ftp_relay");
        self.register(&mut registry, now);
        let mut page = String::new();
        // A String takes everything.
        let _ = text::encode(&mut page, &registry);
        page
    }

    fn register(&self, registry: &mut Registry, now: &Now) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the relay", version);
        let (used, bound) = (Family::<LimitLabel, Gauge>::default(), Family::<LimitLabel, Gauge>::default());
        for Use { kind, used: taken, bound: most } in &now.uses {
            let label = LimitLabel { limit: kind.name() };
            used.get_or_create(&label).set(number(*taken));
            bound.get_or_create(&label).set(number(*most));
        }
        registry.register("limit_used", "Sessions, tunnels, joins and calls that live now", used);
        registry.register("limit_bound", "How many of them there may be", bound);
        let unproven = ConstGauge::new(number(now.unproven));
        registry.register("links_unproven", "Links that have not proven anything yet", unproven);
        let denied = "Links that have not proven that they know a token or a ticket";
        registry.register("links_denied", denied, self.links_denied.clone());
        registry.register("sessions", "Sessions that have begun", self.sessions.clone());
        let refused = "Sessions that were refused although their token was right";
        registry.register("sessions_refused", refused, self.sessions_refused.clone());
        let revoked = "Sessions that ended because the operator withdrew what they may do";
        registry.register("sessions_revoked", revoked, self.sessions_revoked.clone());
        registry.register(
            "refused",
            "Grants, tunnels, joins and calls that were refused",
            self.refused.clone(),
        );
        registry.register("ended", "Tunnels, joins and calls that have ended", self.ended.clone());
        registry.register(
            "bytes",
            "Bytes that tunnels, joins and calls had passed on at their end",
            self.bytes.clone(),
        );
        registry.register("strangers", "Connections of other hosts at legs of joins", self.strangers.clone());
        registry.register("timeouts", "Waits of sessions that ended by their timer", self.timeouts.clone());
        let errors = "Sessions that sent what the protocol does not have";
        registry.register("protocol_errors", errors, self.protocol_errors.clone());
        registry.register("policy_reads", "Tokens and policy read again", self.policy_reads.clone());
        registry.register("agents", "Agents that have joined this hub", ConstGauge::new(number(now.agents)));
        registry.register("hub_joined", "Whether this agent is at its hub", self.hub_joined.clone());
        registry.register("hub_lost", "Sessions with its hub that have ended", self.hub_lost.clone());
        let lost = ConstCounter::new(self.log_lines_lost.lines());
        registry.register("log_lines_lost", "Lines that standard error did not take", lost);
        let lost = ConstCounter::new(now.audit_lines_lost);
        registry.register("audit_lines_lost", "Lines that the file of the audit did not take", lost);
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

const fn withdrawn(why: Withdrawn) -> &'static str {
    match why {
        Withdrawn::Expired => "expired",
        Withdrawn::Token => "token",
        Withdrawn::Rule => "rule",
    }
}

const fn how(end: End) -> &'static str {
    match end {
        End::Eof => "eof",
        End::Idle => "idle",
        End::Stalled => "stalled",
        End::Reset(_) => "reset",
        End::LimitBytes => "limit-bytes",
        End::LimitTime => "limit-time",
        End::Revoked => "revoked",
        End::Shutdown => "shutdown",
        End::NoGreeting => "no-greeting",
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Full, Kind, Level};
    use ftp_proto::relay::agent::Timer;
    use ftp_proto::relay::message::Code;
    use std::time::Duration;

    /// Each family has a value, since one without does not appear.
    fn counted() -> String {
        let metrics = Metrics::new(Lost::default());
        let full = Full::Count { level: Level::Whole, kind: Kind::Session, bound: 1 };
        let carried = Carried { a_to_b: 7, b_to_a: 3, how: End::Eof, took: Duration::ZERO };
        let [target, other] = ["192.0.2.7:1", "192.0.2.8:2"].map(|at| at.parse().unwrap());
        let peers = [Some(target), Some(other)];
        for record in [
            Record::SessionRefused(Refusal::Full(&full)),
            Record::SessionRevoked(Withdrawn::Rule),
            Record::RequestRefused { id: 1, code: Code::Denied, why: None, target: None, text: "eve" },
            Record::JoinEnded { id: 2, peers, carried },
            Record::TunnelEnded { id: 3, target, carried: Carried { how: End::Revoked, ..carried } },
            Record::TimedOut(Timer::Idle),
            Record::PolicyRead,
            Record::HubJoined,
            Record::CallEnded { id: 4, agent: "eve", carried },
            Record::LinkDenied { reason: "wrong proof for token eve".to_owned() },
        ] {
            metrics.count(&record);
        }
        let uses = vec![Use { kind: Kind::Join, used: 5, bound: 9 }];
        metrics.text(&Now { uses, unproven: 4, agents: 6, audit_lines_lost: 0 })
    }

    #[test]
    fn r43_what_has_happened_is_counted_under_labels_that_nobody_chooses() {
        let text = counted();
        for line in [
            "ftp_relay_limit_used{limit=\"joins\"} 5",
            "ftp_relay_limit_bound{limit=\"joins\"} 9",
            "ftp_relay_links_unproven 4",
            "ftp_relay_links_denied_total 1",
            "ftp_relay_sessions_refused_total{reason=\"sessions\"} 1",
            "ftp_relay_sessions_revoked_total{reason=\"rule\"} 1",
            "ftp_relay_refused_total{reason=\"Denied\"} 1",
            "ftp_relay_ended_total{of=\"join\",how=\"eof\"} 1",
            "ftp_relay_ended_total{of=\"tunnel\",how=\"revoked\"} 1",
            "ftp_relay_bytes_total{of=\"join\"} 10",
            "ftp_relay_ended_total{of=\"call\",how=\"eof\"} 1",
            "ftp_relay_agents 6",
            "ftp_relay_hub_joined 1",
            "ftp_relay_timeouts_total{timer=\"idle\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
        }
        assert!(!text.contains("eve") && !text.contains("192.0.2"), "{text}");
    }

    #[test]
    fn the_guide_has_a_row_for_each_metric_and_no_other() {
        let text = counted();
        let mut printed: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .map(|(name, kind)| match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
            .collect();
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/relay-beside-a-server.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        let rows = guide.lines().filter(|line| line.starts_with("| `ftp_relay_"));
        let mut told: Vec<String> = rows
            .flat_map(|row| row.split('|').nth(1).unwrap().split('`'))
            .filter(|word| word.starts_with("ftp_relay_"))
            .map(str::to_owned)
            .collect();
        printed.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, printed);
    }
}
