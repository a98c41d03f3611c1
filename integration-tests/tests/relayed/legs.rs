//! Who opens the data connection between a server and the relay: only the leg that failed is turned round.

use super::{copy, never, went};
use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::foreign::own_address;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::Relay;
use integration_tests::site::sample;
use integration_tests::user::Run;

/// What a scripted server says to PASV.
#[derive(Clone, Copy, Debug)]
enum Passive {
    /// It listens where it says.
    Reached,
    /// It says where it listens, and nobody answers there.
    Unreached,
    /// It does not know the command.
    Unknown,
}

/// What a scripted server says to PORT.
#[derive(Clone, Copy, Debug)]
enum Active {
    Connects,
    Refuses,
}

/// A server of a file of 1000 bytes. If it can listen, its first STOR is that of two servers that listen, and is answered
/// only after ABOR, as if the server waited for a data connection.
fn server(passive: Passive, active: Active) -> Peer {
    let host = own_address().to_string();
    let passive = match passive {
        Passive::Reached => "once STOR: await ABOR\n".to_owned(),
        // Nothing else uses the address, and no listener gets so low a port.
        Passive::Unreached => {
            let commas = host.replace('.', ",");
            format!("PASV: listen ; 227 Entering Passive Mode ({commas},4,1)\nonce STOR: await ABOR\n")
        }
        Passive::Unknown => "PASV: 502 not here\n".to_owned(),
    };
    let active = match active {
        Active::Connects => "",
        Active::Refuses => "PORT: 500 Illegal PORT command\n",
    };
    let rest = "SIZE a.bin: 213 1000\n\
        unrenamed SIZE *.ftp-user.part: 213 1000\n\
        STOR: 150 opening ; connection ; drain ; end ; 226 stored {stored} {ended}\n\
        ABOR: 426 stopped ; 226 done";
    Peer::start(&host, &format!("{passive}{active}{rest}"), MODERN)
}

/// How often a server was asked to listen for the relay, and to connect to it. The session through the relay is the
/// last one; the user's own session lists directories.
fn asked(peer: &Peer) -> (usize, usize) {
    let seen = peer.seen();
    let through_relay = seen.rsplit(|line| line == "connected").next().unwrap();
    let count = |verbs: [&str; 2]| {
        let verb = |line: &&String| line.split(' ').next().is_some_and(|verb| verbs.contains(&verb));
        through_relay.iter().filter(verb).count()
    };
    (count(["EPSV", "PASV"]), count(["EPRT", "PORT"]))
}

/// A copy through a relay between two servers, by turns.
fn relayed(from: &Peer, to: &Peer) -> Run {
    let hosts = [from, to].map(|peer| peer.address().ip().to_string());
    let relay = Relay::new().at(&own_address().to_string());
    let agent = hosts.iter().fold(relay, |relay, host| relay.server(host)).start();
    let run = copy(&agent).args(["--path", "relay", &from.url("a.bin"), &to.url("b.bin")]).run().exits(0);
    went(&run, "relay", "relay-source");
    to.moment("> 226 stored 1000 in order");
    run
}

/// A copy between two such servers, and how often the source and the destination were asked.
fn turned(servers: [(Passive, Active); 2]) -> ([(usize, usize); 2], String) {
    let [from, to] = servers.map(|(passive, active)| server(passive, active));
    let run = relayed(&from, &to);
    let shown = format!("{servers:?}\n{:#?}\n{:#?}\n{run}", from.seen(), to.seen());
    ([asked(&from), asked(&to)], shown)
}

#[test]
fn h17_two_servers_that_the_relay_cannot_connect_to_both_connect_to_it_in_the_next_step() {
    let (asked, shown) = turned([(Passive::Unreached, Active::Connects); 2]);
    assert_eq!(asked, [(1, 1); 2], "{shown}");
}

#[test]
fn h17_two_servers_that_cannot_listen_both_connect_to_the_relay_in_the_next_step() {
    let (asked, shown) = turned([(Passive::Unknown, Active::Connects); 2]);
    // Once one of them has refused, the other one need not be asked to listen.
    for (passive, active) in asked {
        assert!(passive <= 1 && active == 1, "{shown}");
    }
}

#[test]
fn h17_a_server_that_cannot_connect_is_asked_to_listen_again_and_the_other_one_is_not() {
    let (listens, connects) = ((Passive::Reached, Active::Refuses), (Passive::Unreached, Active::Connects));
    for (servers, expect) in
        [([connects, listens], [(1, 2), (2, 1)]), ([listens, connects], [(2, 1), (1, 2)])]
    {
        let (asked, shown) = turned(servers);
        assert_eq!(asked, expect, "{shown}");
    }
}

#[test]
fn r23_h17_our_servers_whose_data_ports_the_relay_refuses_connect_to_it_in_the_next_step() {
    let sent = sample(300_003);
    for dialect in [Rfc959, Rfc354] {
        // The port of another service, which no rule names.
        let refused = ["--passive-ports", "27017-27017"];
        let from = never().file("a.bin", &sent).args(refused).start();
        let to = never().args(refused).start();
        let relay = Relay::new().at(&own_address().to_string());
        let controls = [&from, &to].map(|server| server.address(dialect).to_string());
        let agent = controls.iter().fold(relay, |relay, control| relay.allow(control)).start();
        let run = copy(&agent).args(["--path", "relay", &from.url_of(dialect, "a.bin")]);
        let run = run.args([to.url_of(dialect, "b.bin")]).run().exits(0);
        went(&run, "relay", "relay-source");
        assert!(to.bytes("b.bin") == sent, "the copy differs: {run}");
        assert_eq!(to.names(), ["b.bin"], "{run}");
        let trace = run.text("trace.txt");
        for column in [0, 1] {
            let said = |verbs: [&str; 3]| {
                let words = trace.lines().filter_map(|line| line.split('|').nth(column)?.split_once("> "));
                words.filter(|(_, words)| verbs.iter().any(|verb| words.starts_with(verb))).count()
            };
            assert_eq!(said(["EPSV", "PASV", "LSTN"]), 1, "{column}: {trace}");
            assert_eq!(said(["EPRT", "PORT", "SOCK"]), 1, "{column}: {trace}");
        }
    }
}
