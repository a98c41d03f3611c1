//! Counters of the server, in the text format of OpenMetrics, which Prometheus reads. No label comes from a
//! client, so the number of series is bounded.

use std::fmt;
use std::sync::Mutex;

use ftp_io::lock::Lock;
use ftp_io::program::log::Lost;
use ftp_proto::command::{Direction, Verb};
use ftp_proto::policy::Why;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::audit::{Record, Transfer};
use crate::auth::{NoLogin, Unfit};
use crate::limits::{NoPlace, Use};

/// What the server counts, from the records of its audit.
pub struct Metrics {
    sessions: Gauge,
    connections: Counter,
    turned_away: Family<Reason, Counter>,
    logins: Family<Done, Counter>,
    unfit: Family<Reason, Counter>,
    transfers: Family<CommandLabel, Counter>,
    bytes: Family<FlowLabel, Counter>,
    changes: Family<CommandLabel, Counter>,
    strangers: Counter,
    refused: Family<Reason, Counter>,
    timeouts: Family<TimerLabel, Counter>,
    without_tls: Counter,
    in_clear: Counter,
    not_ftp: Counter,
    ports_given_up: Counter,
    no_port: Counter,
    connections_given_up: Counter,
    detached: Counter,
    bad_headers: Counter,
    hooks: Family<Done, Counter>,
    limit_use: Family<LimitLabel, Gauge>,
    limit_bound: Family<LimitLabel, Gauge>,
    log_lines_lost: Lost,
    /// The pages are made one at a time, because gauges of limits are set for each.
    page: Mutex<()>,
}

/// A gauge of one limit, under the name of its option.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
    beyond: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: Text,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Done {
    done: Text,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CommandLabel {
    command: &'static str,
    done: Text,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct FlowLabel {
    direction: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct TimerLabel {
    timer: &'static str,
}

/// A value of a closed list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Text {
    Done(bool),
    Full(&'static str),
    Why(Why),
    Unfit(Unfit),
}

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Done(true) => "yes".encode(encoder),
            Self::Done(false) => "no".encode(encoder),
            Self::Full(full) => full.encode(encoder),
            Self::Why(why) => format!("{why:?}").encode(encoder),
            Self::Unfit(why) => format!("{why:?}").encode(encoder),
        }
    }
}

impl Metrics {
    /// Nothing was counted yet, except lines that the log has lost.
    pub fn new(log_lines_lost: Lost) -> Self {
        Self {
            sessions: Gauge::default(),
            connections: Counter::default(),
            turned_away: Family::default(),
            logins: Family::default(),
            unfit: Family::default(),
            transfers: Family::default(),
            bytes: Family::default(),
            changes: Family::default(),
            strangers: Counter::default(),
            refused: Family::default(),
            timeouts: Family::default(),
            without_tls: Counter::default(),
            in_clear: Counter::default(),
            not_ftp: Counter::default(),
            ports_given_up: Counter::default(),
            no_port: Counter::default(),
            connections_given_up: Counter::default(),
            detached: Counter::default(),
            bad_headers: Counter::default(),
            hooks: Family::default(),
            limit_use: Family::default(),
            limit_bound: Family::default(),
            log_lines_lost,
            page: Mutex::default(),
        }
    }

    /// Counts what has happened.
    pub fn count(&self, record: &Record<'_>) {
        let done = |done: bool| Done { done: Text::Done(done) };
        match record {
            Record::Connected => {
                self.sessions.inc();
                self.connections.inc();
            }
            Record::Ended { .. } => {
                self.sessions.dec();
            }
            Record::TurnedAway(full) | Record::Displaced(full) => self.full(*full),
            Record::NoPort { .. } => {
                self.no_port.inc();
            }
            // A second login is counted as one, and the end of a session is counted once.
            // What has no line was counted when it happened.
            Record::LoggedOut | Record::Kicked | Record::Untold { .. } => {}
            Record::LoggedIn { .. } => {
                self.logins.get_or_create(&done(true)).inc();
            }
            Record::LoginFailed { why, .. } => {
                self.logins.get_or_create(&done(false)).inc();
                if let NoLogin::Unfit(why) = why {
                    self.unfit.get_or_create(&Reason { reason: Text::Unfit(*why) }).inc();
                }
            }
            Record::LoginInClear { .. } | Record::DataInClear { .. } => {
                self.in_clear.inc();
            }
            Record::Listed(transfer) | Record::Moved(transfer) => self.transfer(transfer),
            Record::Changed { verb, failure, .. } => {
                self.changes.get_or_create(&command(*verb, failure.is_none())).inc();
            }
            Record::Copied { outcome, .. } => {
                self.changes.get_or_create(&command(Verb::Site, outcome.is_ok())).inc();
            }
            Record::Refused { why, .. } => {
                self.refused.get_or_create(&Reason { reason: Text::Why(*why) }).inc();
            }
            Record::Stranger { .. } => {
                self.strangers.inc();
            }
            Record::GavePortsUp => {
                self.ports_given_up.inc();
            }
            Record::Detached { .. } => {
                self.detached.inc();
            }
            Record::GaveConnectionsUp => {
                self.connections_given_up.inc();
            }
            Record::NotPrivate { .. } => {
                self.without_tls.inc();
            }
            Record::NotFtp(_) => {
                self.not_ftp.inc();
            }
            Record::BadHeader { .. } => {
                self.bad_headers.inc();
            }
            Record::Hooked { failure, .. } => {
                self.hooks.get_or_create(&done(failure.is_none())).inc();
            }
            Record::GroupHooksFailed { paths, .. } => {
                self.hooks.get_or_create(&done(false)).inc_by(paths.len() as u64);
            }
            Record::TimedOut(timer) => {
                self.timeouts.get_or_create(&TimerLabel { timer: timer.name() }).inc();
            }
        }
    }

    fn full(&self, full: NoPlace) {
        self.turned_away.get_or_create(&Reason { reason: Text::Full(full.name()) }).inc();
    }

    fn transfer(&self, transfer: &Transfer<'_>) {
        self.transfers.get_or_create(&command(transfer.verb, transfer.failure.is_none())).inc();
        let direction = match transfer.direction {
            Direction::Send => "sent",
            Direction::Receive => "received",
        };
        self.bytes.get_or_create(&FlowLabel { direction }).inc_by(transfer.bytes);
    }

    /// All counters as text, with how far the limits are used now.
    pub fn text(&self, uses: &[Use]) -> String {
        let _page = self.page.locked();
        self.limit_bound.clear();
        for Use { limit, used, bound } in uses {
            let label = LimitLabel { limit: limit.name(), beyond: limit.beyond().word() };
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            self.limit_use.get_or_create(&label).set(number(*used));
            if let Some(bound) = bound {
                self.limit_bound.get_or_create(&label).set(number(*bound));
            }
        }
        let mut registry = Registry::with_prefix("ftp_server");
        self.register(&mut registry);
        let mut page = String::new();
        // A String takes everything.
        let _ = text::encode(&mut page, &registry);
        page
    }

    fn register(&self, registry: &mut Registry) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the server", version);
        registry.register("sessions", "Control connections that live now", self.sessions.clone());
        registry.register("connections", "Control connections that were served", self.connections.clone());
        let away = "Connections that were turned away, and sessions that had to end, by the reason";
        registry.register("turned_away", away, self.turned_away.clone());
        registry.register("logins", "Logins, and those that failed", self.logins.clone());
        let unfit = "Failed logins whose password was right, by the term of the account that does not hold";
        registry.register("logins_unfit", unfit, self.unfit.clone());
        registry.register("transfers", "Transfers by command", self.transfers.clone());
        registry.register("bytes", "Bytes of files and listings, seen from the server", self.bytes.clone());
        registry.register("changes", "Names and facts of files that were changed", self.changes.clone());
        registry.register("strangers", "Strangers at data ports", self.strangers.clone());
        registry.register("data_refused", "Data connections that policy has refused", self.refused.clone());
        registry.register("timeouts", "Waits of sessions that ended by their timer", self.timeouts.clone());
        registry.register(
            "without_tls",
            "Connections on which TLS could not begin",
            self.without_tls.clone(),
        );
        let in_clear = "Logins and transfers that were refused because they were in clear";
        registry.register("clear_refused", in_clear, self.in_clear.clone());
        registry.register("not_ftp", "Clients that spoke another protocol", self.not_ftp.clone());
        registry.register(
            "ports_given_up",
            "Sessions that gave their data ports up",
            self.ports_given_up.clone(),
        );
        registry.register("data_ports_refused", "Data ports that could not be had", self.no_port.clone());
        registry.register(
            "detached",
            "Transfers that went on without their control connection",
            self.detached.clone(),
        );
        registry.register(
            "connections_given_up",
            "Sessions that closed what they kept between two files",
            self.connections_given_up.clone(),
        );
        registry.register(
            "bad_headers",
            "Connections without a right PROXY header",
            self.bad_headers.clone(),
        );
        registry.register("hooks", "Hooks after uploads", self.hooks.clone());
        registry.register("limit_used", "How far a limit is used now", self.limit_use.clone());
        registry.register("limit_bound", "The bound of a limit", self.limit_bound.clone());
        let lost = ConstCounter::new(self.log_lines_lost.lines());
        registry.register("log_lines_lost", "Lines that standard error did not take", lost);
    }
}

fn command(verb: Verb, done: bool) -> CommandLabel {
    CommandLabel { command: verb.name(), done: Text::Done(done) }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::limits;
    use crate::operate::audit::Cause;

    #[test]
    fn what_has_happened_is_counted_under_labels_that_no_client_chooses() {
        let metrics = Metrics::new(Lost::default());
        metrics.count(&Record::Connected);
        metrics.count(&Record::LoginFailed { user: b"eve\"\n", why: NoLogin::NoAccount, shown: None });
        metrics.count(&Record::LoggedIn { private: true });
        metrics.count(&Record::LoggedIn { private: true });
        let unfit = NoLogin::Unfit(Unfit::Expired);
        metrics.count(&Record::LoginFailed { user: b"eve", why: unfit, shown: None });
        let from = IpAddr::from([192, 0, 2, 7]);
        let full = NoPlace::Reached(limits::Limit::Sessions);
        metrics.count(&Record::TurnedAway(full));
        metrics.count(&Record::Displaced(NoPlace::Banned { minutes: 1 }));
        let owner = limits::Owner::new(None, from);
        metrics.count(&Record::NoPort { owner: &owner, error: "none".to_owned() });
        metrics.count(&Record::Refused { why: Why::LowPort, address: ([192, 0, 2, 7], 25).into() });
        let uses = [
            Use { limit: limits::Limit::Sessions, used: 1, bound: Some(7) },
            Use { limit: limits::Limit::DataPorts, used: 2, bound: None },
        ];
        let text = metrics.text(&uses);
        for line in [
            "ftp_server_sessions 1",
            "ftp_server_connections_total 1",
            "ftp_server_limit_used{limit=\"max-sessions\",beyond=\"gives-way\"} 1",
            "ftp_server_limit_bound{limit=\"max-sessions\",beyond=\"gives-way\"} 7",
            "ftp_server_limit_used{limit=\"passive-ports\",beyond=\"gives-way\"} 2",
            "ftp_server_logins_total{done=\"yes\"} 2",
            "ftp_server_logins_total{done=\"no\"} 2",
            "ftp_server_logins_unfit_total{reason=\"Expired\"} 1",
            "ftp_server_turned_away_total{reason=\"max-sessions\"} 1",
            "ftp_server_turned_away_total{reason=\"banned\"} 1",
            "ftp_server_data_refused_total{reason=\"LowPort\"} 1",
            "ftp_server_log_lines_lost_total 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
        }
        assert!(text.contains("ftp_server_data_ports_refused_total 1"), "{text}");
        assert!(!text.contains("turned_away_total{reason=\"passive-ports\""), "{text}");
        assert!(!text.contains("eve") && !text.contains("192.0.2.7"), "{text}");
        assert!(!text.contains("limit_bound{limit=\"passive-ports\""), "{text}");
        let ended =
            Record::Ended { took: std::time::Duration::ZERO, sent: 0, received: 0, cause: Cause::Quit };
        metrics.count(&ended);
        assert!(metrics.text(&[]).contains("ftp_server_sessions 0"));
    }

    #[test]
    fn the_guide_has_a_row_for_each_metric_and_no_other() {
        let metrics = Metrics::new(Lost::default());
        // A family without a value does not appear.
        let full = NoPlace::Banned { minutes: 1 };
        metrics.count(&Record::Displaced(full));
        metrics.count(&Record::LoggedIn { private: true });
        let unfit = NoLogin::Unfit(Unfit::Expired);
        metrics.count(&Record::LoginFailed { user: b"eve", why: unfit, shown: None });
        metrics.count(&Record::Refused { why: Why::LowPort, address: ([192, 0, 2, 7], 25).into() });
        metrics.transfers.get_or_create(&command(Verb::Stor, true)).inc();
        metrics.bytes.get_or_create(&FlowLabel { direction: "sent" }).inc();
        metrics.changes.get_or_create(&command(Verb::Dele, true)).inc();
        metrics.timeouts.get_or_create(&TimerLabel { timer: "idle" }).inc();
        metrics.hooks.get_or_create(&Done { done: Text::Done(true) }).inc();
        let text = metrics.text(&[Use { limit: limits::Limit::Sessions, used: 1, bound: Some(7) }]);
        let mut printed: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .map(|(name, kind)| match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
            .collect();
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/operate.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        let rows = guide.lines().filter(|line| line.starts_with("| `ftp_server_"));
        let mut told: Vec<String> = rows
            .flat_map(|row| row.split('|').nth(1).unwrap().split('`'))
            .filter(|word| word.starts_with("ftp_server_"))
            .map(str::to_owned)
            .collect();
        printed.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, printed);
    }
}
