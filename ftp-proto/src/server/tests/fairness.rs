//! Who gives way at a listener when strangers crowd it, before the transfer command and after it (C28).

use super::Harness;
use super::harness::{FOREIGN, OWN, config, connection, modern, seconds};
use crate::command::Direction;
use crate::server::ask::{ConnId, Event};
use crate::server::config::Timer;
use std::time::Duration;

const SECRET: [u8; 32] = [7; 32];
/// A right hello, as anybody can make one.
const HELLO: &[u8; 32] = b"RNDZ1\r\n\0\0abcdefghijklmnopqrstuvw";

/// A listener with a secret, before its transfer command.
fn listens() -> (Harness, u16) {
    let mut h = modern();
    h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
    let port = h.port("LSTN R");
    (h, port)
}

/// The same after the transfer command.
fn waits() -> (Harness, u16) {
    let (mut h, port) = listens();
    h.check("STOR c", &[]);
    (h, port)
}

/// A connection from each of these hosts of 203.0.113.0/24, a millisecond apart.
fn arrive(h: &mut Harness, port: u16, hosts: &[u8]) -> Vec<ConnId> {
    let one = |host: &u8| {
        h.pass(Duration::from_millis(1));
        h.arrive(port, &format!("203.0.113.{host}:1"))
    };
    hosts.iter().map(one).collect()
}

fn say_hello(h: &mut Harness, conns: &[ConnId]) {
    for conn in conns {
        h.bytes(*conn, HELLO);
    }
}

/// Which of these connections are closed, by their position.
fn closed(h: &Harness, conns: &[ConnId]) -> Vec<usize> {
    (0..conns.len()).filter(|n| !h.open.contains(&conns[*n])).collect()
}

#[test]
fn silent_candidates_go_first_and_the_longest_silent_one_before_all() {
    let (mut h, port) = waits();
    let conns = arrive(&mut h, port, &[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5]);
    say_hello(&mut h, &conns[..4]);
    say_hello(&mut h, &conns[6..15]);
    arrive(&mut h, port, &[6, 7]);
    assert_eq!(closed(&h, &conns), [4, 5], "although others hold more places");
    arrive(&mut h, port, &[8]);
    assert_eq!(closed(&h, &conns), [4, 5, 15]);
    assert_eq!((h.open.len(), h.strangers()), (16, 3));
}

#[test]
fn then_the_newest_of_the_address_that_holds_most_goes() {
    let (mut h, port) = waits();
    let conns = arrive(&mut h, port, &[1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 7]);
    say_hello(&mut h, &conns);
    arrive(&mut h, port, &[8]);
    assert_eq!(closed(&h, &conns), [4]);
}

#[test]
fn on_a_tie_the_oldest_of_all_goes() {
    let (mut h, port) = waits();
    let hosts: Vec<u8> = (1..=16).collect();
    let conns = arrive(&mut h, port, &hosts);
    say_hello(&mut h, &conns);
    let newcomer = arrive(&mut h, port, &[17]);
    assert_eq!(closed(&h, &conns), [0]);
    h.prove(newcomer[0], SECRET, Direction::Send);
    assert!(h.is_moving());
}

#[test]
fn four_candidates_of_one_address_prove_at_the_same_time_and_a_fifth_takes_the_place_of_the_oldest() {
    let (mut h, port) = waits();
    let conns = arrive(&mut h, port, &[1, 1, 1, 1]);
    say_hello(&mut h, &conns);
    let fifth = arrive(&mut h, port, &[1]);
    assert_eq!(closed(&h, &conns), [0]);
    h.prove(fifth[0], SECRET, Direction::Send);
    assert!(h.is_moving(), "those that came before do not keep the right one out");
}

#[test]
fn all_addresses_of_an_ipv6_network_count_as_one() {
    let mut h =
        Harness::over(config(), connection("[2001:db8:7::7]:50000", "[2001:db8:1::1]:21")).logged_in();
    h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
    let port = h.port("EPSV");
    h.check("STOR c", &[]);
    for n in 0..9 {
        h.arrive(port, &format!("[2001:db8:66::{n:x}:1]:1"));
    }
    assert_eq!((h.open.len(), h.strangers()), (4, 5));
    h.arrive(port, "[2001:db8:66:1::1]:1");
    assert_eq!((h.open.len(), h.strangers()), (5, 5));
}

fn timers(h: &Harness) -> Vec<Timer> {
    let timed_out = |event: &Event| if let Event::TimedOut(timer) = event { Some(*timer) } else { None };
    h.events.iter().filter_map(timed_out).collect()
}

#[test]
fn the_hello_is_due_5_seconds_after_the_connection_and_the_proof_5_seconds_after_the_hello() {
    let (mut h, port) = waits();
    let silent = h.arrive(port, "203.0.113.1:1");
    let slow = h.arrive(port, "203.0.113.2:1");
    let hasty = h.arrive(port, "203.0.113.3:1");
    h.bytes(hasty, HELLO);
    h.pass(seconds(4));
    h.bytes(slow, &HELLO[..31]);
    h.pass(Duration::from_millis(999));
    h.bytes(slow, &HELLO[31..]);
    assert_eq!(h.open, [silent, slow, hasty]);
    h.pass(Duration::from_millis(1));
    assert_eq!((h.open.clone(), h.strangers()), (vec![slow], 2));
    h.pass(Duration::from_millis(4998));
    assert_eq!(h.open, [slow]);
    h.pass(Duration::from_millis(1));
    assert_eq!((h.open.len(), h.strangers()), (0, 3));
    let mut fired = timers(&h);
    fired.dedup();
    assert!(fired.contains(&Timer::Hello) && fired.ends_with(&[Timer::Proof]), "{fired:?}");
    assert_eq!(h.take(), Vec::<String>::new(), "the wait goes on");
    let right = h.arrive(port, &format!("{FOREIGN}:40127"));
    h.prove(right, SECRET, Direction::Send);
    assert!(h.is_moving());
    h.pass(seconds(20));
    assert!(!timers(&h)[fired.len()..].iter().any(|timer| matches!(timer, Timer::Hello | Timer::Proof)));
}

#[test]
fn the_hello_of_a_held_connection_is_due_5_seconds_after_the_transfer_command() {
    let (mut h, port) = listens();
    let held = h.arrive(port, "203.0.113.1:1");
    h.pass(seconds(30));
    h.check("STOR c", &[]);
    h.pass(Duration::from_millis(4999));
    assert_eq!(h.open, [held]);
    h.pass(Duration::from_millis(1));
    assert_eq!(h.open, []);
}

#[test]
fn c28_held_connections_are_shared_fairly_too() {
    let (mut h, port) = listens();
    let conns = arrive(&mut h, port, &[1, 1, 1, 1, 2, 2, 2, 3]);
    arrive(&mut h, port, &[4]);
    assert_eq!(closed(&h, &conns), [3], "the newest of the address that holds most");
    arrive(&mut h, port, &[5]);
    assert_eq!(closed(&h, &conns), [0, 3], "the oldest of those that hold most");
    let own = arrive(&mut h, port, &[3]);
    assert_eq!(closed(&h, &conns), [0, 3, 6], "3 does not hold most yet");
    arrive(&mut h, port, &[3]);
    assert_eq!((closed(&h, &conns), closed(&h, &own)), (vec![0, 3, 6, 7], vec![]), "its own oldest one");
    assert_eq!((h.open.len(), h.strangers()), (8, 4));
}

#[test]
fn c28_a_peer_that_comes_after_held_strangers_of_its_own_address_gets_in() {
    let (mut h, port) = listens();
    let strangers = arrive(&mut h, port, &[9, 9, 9, 9]);
    let peer = arrive(&mut h, port, &[9]);
    assert_eq!(closed(&h, &strangers), [0]);
    h.check("STOR c", &[]);
    h.prove(peer[0], SECRET, Direction::Send);
    assert!(h.is_moving());
}

#[test]
fn without_a_proof_the_connection_that_came_first_stays() {
    let mut h = modern();
    let port = h.port("LSTN R");
    let conns: Vec<_> = (0..9).map(|n| h.arrive(port, &format!("{OWN}:{}", 5000 + n))).collect();
    assert_eq!(closed(&h, &conns), [8]);
}
