//! Counters of the server, in the text format of OpenMetrics, which Prometheus reads. No label comes from a
//! client, so the number of series is bounded.

use std::borrow::Cow;

use ftp_io::program::log::LostLines;
use ftp_io::program::metrics::{
    self, Counter, Counters, Gauge, Gauges, Label, Registry, add, count, metric, set,
};
use ftp_proto::command::{Direction, Verb};

use super::audit::{Record, Transfer};
use crate::auth::NoLogin;
use crate::limits::Use;

/// What the server counts, from the records of its audit.
#[derive(Debug)]
pub struct Metrics {
    sessions: Gauge,
    connections: Counter,
    turned_away: Counters<1>,
    logins: Counters<1>,
    unfit: Counters<1>,
    transfers: Counters<2>,
    bytes: Counters<1>,
    changes: Counters<2>,
    strangers: Counter,
    refused: Counters<1>,
    timeouts: Counters<1>,
    without_tls: Counter,
    in_clear: Counter,
    not_ftp: Counter,
    ports_given_up: Counter,
    no_port: Counter,
    detached: Counter,
    connections_given_up: Counter,
    bad_headers: Counter,
    hooks: Counters<1>,
    counted: Registry,
    log_lines_lost: LostLines,
}

impl Metrics {
    /// Nothing was counted yet, except lines that the log has lost.
    pub fn new(log_lines_lost: LostLines) -> Self {
        let away = "Connections that were turned away, and sessions that had to end, by the reason";
        let unfit = "Failed logins whose password was right, by the term of the account that does not hold";
        let in_clear = "Logins and transfers that were refused because they were in clear";
        let kept = "Sessions that closed what they kept between two files";
        let mut counted = metrics::registry(PREFIX, "The version of the server", env!("CARGO_PKG_VERSION"));
        let all = &mut counted;
        Self {
            sessions: metric(all, "sessions", "Control connections that live now"),
            connections: metric(all, "connections", "Control connections that were served"),
            turned_away: metric(all, "turned_away", away),
            logins: metric(all, "logins", "Logins, and those that failed"),
            unfit: metric(all, "logins_unfit", unfit),
            transfers: metric(all, "transfers", "Transfers by command"),
            bytes: metric(all, "bytes", "Bytes of files and listings, seen from the server"),
            changes: metric(all, "changes", "Names and facts of files that were changed"),
            strangers: metric(all, "strangers", "Strangers at data ports"),
            refused: metric(all, "data_refused", "Data connections that policy has refused"),
            timeouts: metric(all, "timeouts", "Waits of sessions that ended by their timer"),
            without_tls: metric(all, "without_tls", "Connections on which TLS could not begin"),
            in_clear: metric(all, "clear_refused", in_clear),
            not_ftp: metric(all, "not_ftp", "Clients that spoke another protocol"),
            ports_given_up: metric(all, "ports_given_up", "Sessions that gave their data ports up"),
            no_port: metric(all, "data_ports_refused", "Data ports that could not be had"),
            detached: metric(all, "detached", "Transfers that went on without their control connection"),
            connections_given_up: metric(all, "connections_given_up", kept),
            bad_headers: metric(all, "bad_headers", "Connections without a right PROXY header"),
            hooks: metric(all, "hooks", "Hooks after uploads"),
            counted,
            log_lines_lost,
        }
    }

    /// Counts what has happened.
    pub fn count(&self, record: &Record<'_>) {
        let reason = |reason: String| [("reason", Cow::from(reason))];
        match record {
            Record::Connected => {
                self.sessions.inc();
                add(&self.connections, 1);
            }
            Record::Ended { .. } => {
                self.sessions.dec();
            }
            Record::TurnedAway(full) | Record::Displaced(full) => {
                count(&self.turned_away, [("reason", full.name().into())]);
            }
            Record::NoPort { .. } => add(&self.no_port, 1),
            // A second login is counted as one, and the end of a session is counted once.
            // What has no line was counted when it happened.
            Record::LoggedOut | Record::Kicked | Record::Untold { .. } => {}
            Record::LoggedIn { .. } => count(&self.logins, [done(true)]),
            Record::LoginFailed { why, .. } => {
                count(&self.logins, [done(false)]);
                if let NoLogin::Unfit(why) = why {
                    count(&self.unfit, reason(format!("{why:?}")));
                }
            }
            Record::LoginInClear { .. } | Record::DataInClear { .. } => add(&self.in_clear, 1),
            Record::Listed(transfer) | Record::Moved(transfer) => self.transfer(transfer),
            Record::Changed { verb, failure, .. } => {
                count(&self.changes, [command(*verb), done(failure.is_none())]);
            }
            Record::Copied { outcome, .. } => {
                count(&self.changes, [command(Verb::Site), done(outcome.is_ok())]);
            }
            Record::Refused { why, .. } => count(&self.refused, reason(format!("{why:?}"))),
            Record::Stranger { .. } => add(&self.strangers, 1),
            Record::GavePortsUp => add(&self.ports_given_up, 1),
            Record::Detached { .. } => add(&self.detached, 1),
            Record::GaveConnectionsUp => add(&self.connections_given_up, 1),
            Record::NotPrivate { .. } => add(&self.without_tls, 1),
            Record::NotFtp(_) => add(&self.not_ftp, 1),
            Record::BadHeader { .. } => add(&self.bad_headers, 1),
            Record::Hooked { failure, .. } => count(&self.hooks, [done(failure.is_none())]),
            Record::GroupHooksFailed { paths, .. } => {
                add(&self.hooks.get_or_create(&[done(false)]), paths.len() as u64);
            }
            Record::TimedOut(timer) => count(&self.timeouts, [("timer", timer.name().into())]),
        }
    }

    fn transfer(&self, transfer: &Transfer<'_>) {
        count(&self.transfers, [command(transfer.verb), done(transfer.failure.is_none())]);
        let direction = match transfer.direction {
            Direction::Send => "sent",
            Direction::Receive => "received",
        };
        add(&self.bytes.get_or_create(&[("direction", direction.into())]), transfer.bytes);
    }

    /// All counters as text, with how far the limits are used now.
    pub fn text(&self, uses: &[Use]) -> String {
        let mut now = Registry::with_prefix(PREFIX);
        let all: Gauges<2> = metric(&mut now, "limit_used", "How far a limit is used now");
        let bounds: Gauges<2> = metric(&mut now, "limit_bound", "The bound of a limit");
        for Use { limit, used, bound } in uses {
            let labels = [("limit", limit.name().into()), ("beyond", limit.beyond().word().into())];
            set(&all.get_or_create(&labels), *used);
            if let Some(bound) = bound {
                set(&bounds.get_or_create(&labels), *bound);
            }
        }
        let lost = "Lines that standard error did not take";
        metrics::known(&mut now, "log_lines_lost", lost, self.log_lines_lost.lines());
        metrics::page(&self.counted, &now)
    }
}

fn command(verb: Verb) -> Label {
    ("command", verb.name().into())
}

fn done(done: bool) -> Label {
    ("done", if done { "yes" } else { "no" }.into())
}

/// What the names of all metrics begin with.
const PREFIX: &str = "ftp_server";

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ftp_proto::policy::RefusalReason;

    use super::*;
    use crate::auth::Unfit;
    use crate::limits;
    use crate::limits::NoPlace;
    use crate::operate::audit::Cause;

    #[test]
    fn what_has_happened_is_counted_under_labels_that_no_client_chooses() {
        let metrics = Metrics::new(LostLines::default());
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
        metrics.count(&Record::Refused { why: RefusalReason::LowPort, address: ([192, 0, 2, 7], 25).into() });
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
        let metrics = Metrics::new(LostLines::default());
        // A family without a value does not appear.
        let full = NoPlace::Banned { minutes: 1 };
        metrics.count(&Record::Displaced(full));
        metrics.count(&Record::LoggedIn { private: true });
        let unfit = NoLogin::Unfit(Unfit::Expired);
        metrics.count(&Record::LoginFailed { user: b"eve", why: unfit, shown: None });
        metrics.count(&Record::Refused { why: RefusalReason::LowPort, address: ([192, 0, 2, 7], 25).into() });
        count(&metrics.transfers, [command(Verb::Stor), done(true)]);
        count(&metrics.bytes, [("direction", "sent".into())]);
        count(&metrics.changes, [command(Verb::Dele), done(true)]);
        count(&metrics.timeouts, [("timer", "idle".into())]);
        count(&metrics.hooks, [done(true)]);
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
