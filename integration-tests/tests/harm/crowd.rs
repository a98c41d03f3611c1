//! Crowds of addresses that guess passwords: somebody else's right login goes on.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site};
use integration_tests::socket::{answered, connect, until};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::accounts::user;

/// Where bob comes from.
const BOBS: &str = "127.0.0.8";

/// A server whose user bob has a slow hash.
fn site(name: &str, more: &str) -> Site {
    Site::new(name).config(&(more.to_owned() + &user("bob", "right", "")))
}

/// The `n`th address of a crowd whose first one is `first`.
fn address(first: [u8; 4], n: u32) -> IpAddr {
    Ipv4Addr::from_bits(u32::from_be_bytes(first) + n).into()
}

/// One wrong login each from so many addresses; none of them reads anything.
fn crowd(server: &Server, first: [u8; 4], count: u32) -> Vec<TcpStream> {
    let guess = |n| {
        let mut stream = connect(SocketAddr::new(address(first, n), 0), server.address(Rfc959));
        // The server may have turned the connection away already.
        let _ = stream.write_all(b"USER bob\r\nPASS wrong\r\n");
        stream
    };
    (0..count).map(guess).collect()
}

fn bob(server: &Server) -> Raw {
    server.connect_from(BOBS.parse().unwrap(), Rfc959)
}

/// His login is right while the crowd waits: hardly any of its guesses was answered before.
fn logs_in_before(server: &Server, crowd: &[TcpStream]) {
    bob(server).login("bob", "right");
    let refused = answered(crowd, "530");
    assert!(refused < crowd.len() / 4, "{refused} guesses were answered before the right password");
}

#[test]
fn a_thousand_wrong_logins_of_a_thousand_addresses_do_not_delay_a_right_one_of_another_network() {
    let site = site("crowd", "");
    let server = site.start();
    let crowd = crowd(&server, [127, 20, 0, 1], 1_000);
    logs_in_before(&server, &crowd);
    // Half of the door is for logins that are checked. Who is turned away may still be on his way in.
    until("400 are turned away", || answered(&crowd, "421") >= 400);
}

#[test]
fn a_known_address_is_preferred_to_a_crowd_of_its_own_network_also_after_a_kill() {
    let state = TempDir::new().unwrap();
    let site = site("known", "");
    let mut server = site.args(["--state", state.path().to_str().unwrap()]).start();
    bob(&server).login("bob", "right");
    let kept = state.path().join("known-addresses");
    until("the known address is kept", || kept.exists());
    server.die_and_return();
    let crowd = crowd(&server, [127, 0, 0, 20], 200);
    logs_in_before(&server, &crowd);
    let text = std::fs::read_to_string(kept).unwrap();
    assert!(text.starts_with("127.0.0.8 ") && text.ends_with(" 626f62\n"), "{text}");
    server.running.signal(Signal::TERM);
}

#[test]
fn a_right_login_that_waits_for_its_hash_is_not_the_one_that_gives_way_at_the_door() {
    let site = site("door", "max-unauthenticated = 40\n");
    let server = site.start();
    let mut before = crowd(&server, [127, 21, 0, 1], 15);
    let mut bob = bob(&server);
    bob.ask("USER bob", "331");
    bob.send("PASS right");
    before.extend(crowd(&server, [127, 22, 0, 1], 200));
    // Those that send nothing at all.
    let silent =
        (0..200).map(|n| connect(SocketAddr::new(address([127, 23, 0, 1], n), 0), server.address(Rfc959)));
    let _silent: Vec<_> = silent.collect();
    assert_eq!(bob.reply().code, 230);
    assert!(answered(&before, "421") > 100, "the door was full");
    bob.ask("NOOP", "200");
}
