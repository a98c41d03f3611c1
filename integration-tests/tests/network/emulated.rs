//! Files over emulated lines, and what the emulator does to packets.

use integration_tests::line::{Line, Lines, OneWay};
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::site::{Site, sample};
use integration_tests::user::user;
use std::fs;
use std::time::Duration;

/// A line that carries 1,000 bytes in a millisecond, with a queue of 10,000.
const fn line() -> Line {
    Line {
        rate: 8_000_000,
        delay: milliseconds(50),
        lost_one_in: None,
        late_one_in: None,
        slow: None,
        queue: 10_000,
        congestion: None,
    }
}

const fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// When the packets of a burst arrive.
fn arrivals(line: Line, packets: usize) -> Vec<u128> {
    let mut direction = OneWay::new(line, 7);
    (0..packets).for_each(|_| direction.send(&[0; 1000], Duration::ZERO));
    let mut arrivals = Vec::new();
    while let Some(due) = direction.next() {
        assert_eq!(direction.arrived(due - Duration::from_nanos(1)), None);
        assert!(direction.arrived(due).is_some());
        arrivals.push(due.as_millis());
    }
    arrivals
}

#[test]
fn packets_leave_at_the_rate_and_arrive_after_the_delay() {
    assert_eq!(arrivals(line(), 3), [51, 52, 53]);
}

#[test]
fn packets_beyond_the_queue_are_dropped() {
    assert_eq!(arrivals(line(), 15), (51..=60).collect::<Vec<_>>());
}

#[test]
fn an_idle_line_saves_nothing_up() {
    let mut direction = OneWay::new(line(), 7);
    for now in [0, 500] {
        direction.send(&[0; 1000], milliseconds(now));
        assert_eq!(direction.next(), Some(milliseconds(now + 51)));
        assert!(direction.arrived(milliseconds(now + 51)).is_some());
    }
}

#[test]
fn a_lost_packet_has_used_its_share_of_the_rate_and_a_seed_loses_the_same_packets() {
    let lossy = Line { lost_one_in: Some(10), queue: 1_000_000, ..line() };
    let arrived = arrivals(lossy, 1_000);
    assert!((850..950).contains(&arrived.len()), "{} of 1,000 arrived", arrived.len());
    assert!(arrived.iter().all(|time| (51..=1050).contains(time)), "the rate is that of all packets");
    assert_eq!(arrived, arrivals(lossy, 1_000));
}

#[test]
fn a_line_is_slow_for_a_time() {
    let slow = Line { slow: Some([milliseconds(0), milliseconds(15)]), ..line() };
    assert_eq!(arrivals(slow, 5), [60, 70, 71, 72, 73]);
}

#[test]
fn a_late_packet_arrives_behind_others() {
    let mut direction = OneWay::new(Line { late_one_in: Some(5), queue: 1_000_000, ..line() }, 7);
    (0..100).for_each(|number| direction.send(&[number; 1000], Duration::ZERO));
    let mut numbers = Vec::new();
    while let Some(due) = direction.next() {
        numbers.extend(direction.arrived(due).iter().map(|packet| packet[0]));
    }
    let behind =
        |number: &u8| numbers.iter().position(|other| other == number).unwrap() > usize::from(*number) + 5;
    assert!((10..30).contains(&(0..100).filter(behind).count()), "{numbers:?}");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<u8>>());
}

/// A file of 16 MiB over a line of this kind, over as many connections as help.
fn is_whole_over(line: Line, prepare: impl Fn(&Host)) {
    let mut network = or_skip!(Network::new());
    let hosts = ["source", "destination", "user"].map(|name| network.lone_host(name));
    let [source, destination, user_host] = &hosts;
    hosts.iter().for_each(prepare);
    let pairs = [[source, destination], [user_host, source], [user_host, destination]];
    let _lines = or_skip!(Lines::between(&network, &pairs.map(|pair| (pair, line)), 1));
    let bytes = sample(4099).repeat((16 << 20) / 4099);
    let start =
        |host: &Host| host.run(|| Site::new(host.name()).at(&host.ip()).file(host.name(), &bytes).start());
    let (from, to) = (start(source), start(destination));
    let copy = user().args(["copy", "--json", "--path", "direct", "--streams", "auto", "--verify", "hash"]);
    let copy = copy.args([from.url("source"), to.url("copy")]);
    let run = user_host.run(|| copy.run()).exits(0);
    assert_eq!(run.summary()["path"], "direct", "{run}");
    assert!(to.bytes("copy") == bytes, "{run}");
}

/// 100 Mbit/s and 20 ms.
fn usual() -> Line {
    Line::new(100_000_000, milliseconds(20))
}

#[test]
fn a_file_is_whole_over_a_line_that_loses_packets_and_confuses_their_order() {
    is_whole_over(Line { lost_one_in: Some(500), late_one_in: Some(100), ..usual() }, |_| {});
}

#[test]
fn a_file_is_whole_over_a_line_whose_rate_falls_to_a_tenth_and_comes_back() {
    is_whole_over(Line { slow: Some([milliseconds(500), milliseconds(3000)]), ..usual() }, |_| {});
}

#[test]
fn a_file_is_whole_behind_a_middlebox_that_drops_window_scaling() {
    // Without the option in one of the two SYNs nobody scales (RFC 7323 section 2.2).
    let drop = || fs::write("/proc/sys/net/ipv4/tcp_window_scaling", "0").unwrap();
    is_whole_over(usual(), |host| host.run(drop));
}
