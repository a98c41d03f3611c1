//! What `doctor` says of this host and long lines: the congestion control of TCP, and buffers.

use crate::report::Checked;
use ftp_io::program::{duration, size};
use ftp_io::socket::{CongestionError, TcpSettings};
use std::str::FromStr;
use std::time::Duration;

/// A line: how much it carries, and its round-trip time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Bytes per second.
    rate: u64,
    round_trip: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self { rate: 12_500_000, round_trip: Duration::from_millis(100) }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "write a rate in bytes per second and a round-trip time, like 12MB,100ms".to_owned();
        let (rate, round_trip) = text.split_once(',').ok_or_else(wrong)?;
        Ok(Self { rate: size::parse_rate(rate)?.get(), round_trip: duration::parse(round_trip)? })
    }
}

impl Line {
    /// The buffers that it needs: what waits for its acknowledgement, and what is sent meanwhile. BBR has three times as much
    /// under way when it begins, and the system wakes a sender when a third of its buffer is free.
    fn buffer(self) -> u64 {
        let in_flight = u128::from(self.rate).saturating_mul(self.round_trip.as_millis()) / 1_000;
        u64::try_from(in_flight).unwrap_or(u64::MAX).saturating_mul(BUFFERS)
    }

    fn words(self) -> String {
        let mbits = self.rate as f64 * 8.0 / 1e6;
        format!("{} Mbit/s with {} ms", (mbits * 10.0).round() / 10.0, self.round_trip.as_millis())
    }
}

/// What `doctor` says of them. `chosen` is the congestion control of the settings, and why it cannot be used.
pub(super) fn findings(
    tcp: &TcpSettings,
    chosen: Option<(&str, Option<CongestionError>)>,
    line: Line,
) -> Vec<Checked> {
    let mut all = Vec::new();
    all.extend(match chosen {
        Some((_, Some(refused))) => Some(Checked::bad(
            CONGESTION,
            refused.to_string(),
            "until then data connections use that of the system",
        )),
        Some((name, None)) => Some(in_use(tcp, name)),
        None => tcp.congestion.as_deref().map(|name| in_use(tcp, name)),
    });
    all.extend(tcp.send_buffer.zip(tcp.receive_buffer).map(|(send, receive)| buffers(send, receive, line)));
    all
}

/// What the congestion control does that is in use, and what another would bring.
fn in_use(tcp: &TcpSettings, name: &str) -> Checked {
    let has = |names: &[String]| names.iter().any(|name| name.starts_with(BBR));
    if name.starts_with(BBR) {
        return Checked::good(CONGESTION, format!("{name}: single losses do not slow it down"));
    }
    let first = if has(&tcp.allowed) {
        ""
    } else if has(&tcp.available) {
        "add bbr to sysctl net.ipv4.tcp_allowed_congestion_control, "
    } else {
        "modprobe tcp_bbr, "
    };
    let says = format!("{name}: each loss slows it down ({FIGURES})");
    let hint = format!(
        "for such lines {first}congestion = \"bbr\" in [network], and --congestion bbr of servers; bbr takes from its \
         neighbours, and --streams helps as well"
    );
    Checked::note(CONGESTION, says, hint)
}

/// Whether the buffers are large enough for the line.
fn buffers(send: u64, receive: u64, line: Line) -> Checked {
    let needed = line.buffer();
    let says = format!(
        "tcp_wmem up to {}, tcp_rmem up to {}; {} needs {}",
        size::bytes(send),
        size::bytes(receive),
        line.words(),
        size::bytes(needed)
    );
    let set = |name: &str, has: u64, first: &str| {
        let to = needed.checked_next_power_of_two().unwrap_or(needed);
        (has < needed).then(|| format!("sysctl -w net.ipv4.{name}=\"{first} {to}\""))
    };
    let small: Vec<String> = set("tcp_wmem", send, "4096 16384")
        .into_iter()
        .chain(set("tcp_rmem", receive, "4096 131072"))
        .collect();
    if small.is_empty() {
        return Checked::good(BUFFER, says);
    }
    Checked::note(BUFFER, says, format!("{}, if this host has such a line", small.join(" and ")))
}

const CONGESTION: &str = "congestion";
const BUFFER: &str = "buffers";
const BBR: &str = "bbr";
/// Rates that one connection has reached (docs/performance.md).
const FIGURES: &str = "of 100 Mbit/s with 100 ms and 0.1 % loss cubic gets 8, bbr 86";
/// How many times the bytes under way a buffer holds (docs/performance.md).
const BUFFERS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    fn tcp(in_use: &str, available: &str, allowed: &str) -> TcpSettings {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        TcpSettings {
            congestion: Some(in_use.to_owned()),
            available: names(available),
            allowed: names(allowed),
            send_buffer: Some(4 << 20),
            receive_buffer: Some(6 << 20),
        }
    }

    #[test]
    fn what_is_said_of_the_congestion_control_follows_from_the_facts() {
        let bbr = || "bbr".parse().unwrap();
        let (missing, forbidden) = (CongestionError::Missing(bbr()), CongestionError::Forbidden(bbr()));
        let (none, good) = (None, Some(("bbr", None)));
        for (host, chosen, verdict, part) in [
            (tcp("bbr", "reno bbr", "reno bbr"), none.clone(), Verdict::Good, "bbr: "),
            (tcp("cubic", "reno cubic", "reno cubic"), none.clone(), Verdict::Note, "modprobe tcp_bbr, "),
            (tcp("cubic", "cubic bbr", "cubic"), none.clone(), Verdict::Note, "add bbr to sysctl"),
            (tcp("cubic", "cubic bbr", "cubic bbr"), none.clone(), Verdict::Note, "such lines congestion"),
            (tcp("cubic", "cubic bbr", "cubic bbr"), good, Verdict::Good, "bbr: "),
            (tcp("bbr", "bbr cubic", "bbr cubic"), Some(("cubic", None)), Verdict::Note, "cubic: "),
            (tcp("cubic", "cubic", "cubic"), Some(("bbr", Some(missing))), Verdict::Bad, "modprobe tcp_bbr"),
            (tcp("cubic", "cubic bbr", "cubic"), Some(("bbr", Some(forbidden))), Verdict::Bad, "may not use"),
        ] {
            let found = findings(&host, chosen.clone(), Line::default());
            let [congestion, _] = found.as_slice() else { panic!("{found:?}") };
            let said = format!("{}; {}", congestion.says, congestion.hint.as_deref().unwrap_or_default());
            assert_eq!((congestion.verdict, said.contains(part)), (verdict, true), "{chosen:?}: {said}");
        }
        assert_eq!(findings(&TcpSettings::default(), None, Line::default()), [], "nothing is known");
    }

    #[test]
    fn buffers_are_compared_with_the_line() {
        for (line, verdict, parts) in [
            ("1MB,100ms", Verdict::Good, ["8 Mbit/s with 100 ms needs", ""]),
            ("12500000,100ms", Verdict::Note, ["needs 4.77 MiB", "tcp_wmem=\"4096 16384 8388608\", if"]),
            (
                "12500000,200ms",
                Verdict::Note,
                ["needs 9.54 MiB", " and sysctl -w net.ipv4.tcp_rmem=\"4096 131072 16777216\""],
            ),
            ("1TB,10s", Verdict::Note, ["8000000 Mbit/s", "tcp_rmem"]),
        ] {
            let found = buffers(4 << 20, 6 << 20, line.parse().unwrap());
            let said = format!("{}; {}", found.says, found.hint.as_deref().unwrap_or_default());
            assert_eq!(found.verdict, verdict, "{line}: {said}");
            assert!(parts.iter().all(|part| said.contains(part)), "{line}: {said}");
        }
    }

    #[test]
    fn a_line_is_a_rate_and_a_time() {
        for wrong in ["", "12MB", "12MB,", ",100ms", "0,100ms", "12MB,100", "12MB;100ms", "12MB,100ms,1"] {
            let read = wrong.parse::<Line>();
            // A time without a unit is in seconds.
            assert_eq!(read.is_ok(), wrong == "12MB,100", "{wrong}: {read:?}");
        }
        assert_eq!("12500000,100ms".parse(), Ok(Line::default()));
        assert_eq!(Line { rate: u64::MAX, round_trip: Duration::MAX }.buffer(), u64::MAX);
    }
}
