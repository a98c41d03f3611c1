//! Counters of the relay or the hub, in the text format of OpenMetrics, which Prometheus reads. No label comes from a user agent or
//! a file, so the number of series is bounded and no name is told.

use ftp_io::program::log::LostLines;
use ftp_io::program::metrics::{self, Counter, Counters, Gauge, Gauges, Registry, add, count, metric, set};
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::message::End;

use super::record::{Carried, Record, Refusal};
use crate::policy::Use;

/// What the relay counts, from the records of its audit.
#[derive(Debug)]
pub struct Metrics {
    links_denied: Counter,
    sessions: Counter,
    sessions_refused: Counters<1>,
    sessions_revoked: Counters<1>,
    refused: Counters<1>,
    ended: Counters<2>,
    bytes: Counters<1>,
    strangers: Counter,
    timeouts: Counters<1>,
    protocol_errors: Counter,
    policy_reads: Counters<1>,
    hub_joined: Gauge,
    hub_lost: Counter,
    counted: Registry,
    log_lines_lost: LostLines,
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

impl Default for Metrics {
    fn default() -> Self {
        Self::new(LostLines::default())
    }
}

impl Metrics {
    /// Nothing was counted yet, except lines that the log has lost.
    pub fn new(log_lines_lost: LostLines) -> Self {
        let denied = "Links that have not proven that they know a token or a ticket";
        let refused = "Sessions that were refused although their token was right";
        let revoked = "Sessions that ended because the operator withdrew what they may do";
        let bytes = "Bytes that tunnels, joins and calls had passed on at their end";
        let mut counted = metrics::registry(PREFIX, "The version of the relay", env!("CARGO_PKG_VERSION"));
        let all = &mut counted;
        Self {
            links_denied: metric(all, "links_denied", denied),
            sessions: metric(all, "sessions", "Sessions that have begun"),
            sessions_refused: metric(all, "sessions_refused", refused),
            sessions_revoked: metric(all, "sessions_revoked", revoked),
            refused: metric(all, "refused", "Grants, tunnels, joins and calls that were refused"),
            ended: metric(all, "ended", "Tunnels, joins and calls that have ended"),
            bytes: metric(all, "bytes", bytes),
            strangers: metric(all, "strangers", "Connections of other hosts at legs of joins"),
            timeouts: metric(all, "timeouts", "Waits of sessions that ended by their timer"),
            protocol_errors: metric(
                all,
                "protocol_errors",
                "Sessions that sent what the protocol does not have",
            ),
            policy_reads: metric(all, "policy_reads", "Tokens and policy read again"),
            hub_joined: metric(all, "hub_joined", "Whether this agent is at its hub"),
            hub_lost: metric(all, "hub_lost", "Sessions with its hub that have ended"),
            counted,
            log_lines_lost,
        }
    }

    /// Counts what has happened.
    pub fn count(&self, record: &Record<'_>) {
        match record {
            Record::LinkDenied { .. } => add(&self.links_denied, 1),
            Record::SessionOpened => add(&self.sessions, 1),
            Record::SessionRefused(refusal) => {
                let reason = match refusal {
                    Refusal::Rule(why) => withdrawn(*why),
                    Refusal::Full(full) => full.limit(),
                };
                count(&self.sessions_refused, [("reason", reason.into())]);
            }
            Record::SessionRevoked(why) => {
                count(&self.sessions_revoked, [("reason", withdrawn(*why).into())]);
            }
            // The name of a code of refusals, a closed list.
            Record::RequestRefused { code, .. } => {
                count(&self.refused, [("reason", format!("{code:?}").into())]);
            }
            Record::TunnelEnded { carried, .. } => self.carried("tunnel", carried),
            Record::JoinEnded { carried, .. } => self.carried("join", carried),
            Record::CallEnded { carried, .. } => self.carried("call", carried),
            Record::HubJoined => set(&self.hub_joined, 1),
            Record::HubLost { .. } => {
                set(&self.hub_joined, 0);
                add(&self.hub_lost, 1);
            }
            Record::StrangerReset { .. } => add(&self.strangers, 1),
            Record::TimedOut(timer) => count(&self.timeouts, [("timer", timer.name().into())]),
            Record::HubTimedOut(timer) => count(&self.timeouts, [("timer", timer.name().into())]),
            Record::ProtocolBroken { .. } => add(&self.protocol_errors, 1),
            Record::PolicyRead => count(&self.policy_reads, [("done", "yes".into())]),
            Record::PolicyRefused { .. } => count(&self.policy_reads, [("done", "no".into())]),
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
        count(&self.ended, [("of", of.into()), ("how", how(carried.how).into())]);
        let bytes = carried.a_to_b.saturating_add(carried.b_to_a);
        add(&self.bytes.get_or_create(&[("of", of.into())]), bytes);
    }

    /// All counters as text, with what is true `now`.
    pub fn text(&self, now: &Now) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        let all = &mut registry;
        let used: Gauges<1> = metric(all, "limit_used", "Sessions, tunnels, joins and calls that live now");
        let bounds: Gauges<1> = metric(all, "limit_bound", "How many of them there may be");
        for Use { kind, used: taken, bound } in &now.uses {
            let labels = [("limit", kind.name().into())];
            set(&used.get_or_create(&labels), *taken);
            set(&bounds.get_or_create(&labels), *bound);
        }
        set(&metric(all, "links_unproven", "Links that have not proven anything yet"), now.unproven);
        set(&metric(all, "agents", "Agents that have joined this hub"), now.agents);
        let (log, audit) =
            ("Lines that standard error did not take", "Lines that the file of the audit did not take");
        metrics::known(all, "log_lines_lost", log, self.log_lines_lost.lines());
        metrics::known(all, "audit_lines_lost", audit, now.audit_lines_lost);
        metrics::page(&self.counted, &registry)
    }
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

/// What the names of all metrics begin with.
const PREFIX: &str = "ftp_relay";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Full, Kind, Level};
    use ftp_proto::relay::agent::Timer;
    use ftp_proto::relay::message::Code;
    use std::time::Duration;

    /// Each family has a value, since one without does not appear.
    fn counted() -> String {
        let metrics = Metrics::new(LostLines::default());
        let refusal = Full::Count { level: Level::Whole, kind: Kind::Session, bound: 1 }.into();
        let carried = Carried { a_to_b: 7, b_to_a: 3, how: End::Eof, took: Duration::ZERO };
        let [target, other] = ["192.0.2.7:1", "192.0.2.8:2"].map(|at| at.parse().unwrap());
        let peers = [Some(target), Some(other)];
        for record in [
            Record::SessionRefused(&refusal),
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
