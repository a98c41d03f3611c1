//! This program listens itself: where a server does not listen, or its data ports cannot be reached, the server
//! connects to this host. For files of this host, listings, and each end of a copy through this host.

use integration_tests::peer::{MODERN, OLD, Peer};
use integration_tests::site::{sample, target};
use integration_tests::socket;
use integration_tests::user::{Run, user};
use std::thread;

/// A server like vsftpd with `pasv_enable=NO`.
const NEVER_LISTENS: &str = "PASV: 550 Permission denied.\nEPSV: 550 Permission denied.";
/// A server behind a firewall that refuses connections to its data ports. Nobody listens at a port that low.
const WALLED: &str = "PASV: 227 Entering Passive Mode (127,0,0,2,4,1)\nEPSV: 500 what";
/// A server that listens, and does not like who comes.
const CHOOSY: &str =
    "EPSV: 500 what\nPASV: listen ; 227 Entering Passive Mode ({commas})\nonce RETR: 425 Security: Bad IP connecting.
once STOR: 425 Security: Bad IP connecting.\nonce LIST: 425 Security: Bad IP connecting.";
const FILE: &str = "SIZE a.txt: 213 1000\nSIZE c.txt: 213 1000\nSIZE b.txt: 550 no such file";
/// Nothing here waits so long: it is for a machine under load.
const PATIENCE: [&str; 6] = ["--retries", "0", "--timeout", "30s", "--stall", "30s"];
/// For what never comes.
const SOON: [&str; 4] = ["--retries", "0", "--timeout", "3s"];

fn server(ip: &str, rules: &str) -> Peer {
    Peer::start(ip, &format!("{rules}\n{FILE}"), MODERN)
}

fn copy(args: &[String]) -> Run {
    user().args(["copy", "--json"]).args(PATIENCE).args(args).run()
}

#[test]
fn a_file_comes_from_a_server_that_does_not_listen_or_cannot_be_reached() {
    for rules in [NEVER_LISTENS, WALLED, CHOOSY] {
        let from = server("127.0.0.2", rules);
        let run = copy(&[from.url("a.txt"), "a.txt".into()]).exits(0);
        assert_eq!(run.bytes("a.txt"), sample(1000), "{rules}\n{run}");
        assert_eq!((run.summary()["path"].clone(), from.seen_of(&["PORT"]).len()), ("local".into(), 1));
    }
}

#[test]
fn a_file_goes_to_a_server_that_does_not_listen_or_cannot_be_reached() {
    for rules in [NEVER_LISTENS, WALLED, CHOOSY] {
        let to = server("127.0.0.2", rules);
        let run = user().file("a.txt", sample(1000)).args(["copy", "--json"]).args(PATIENCE);
        let run = run.args(["a.txt".to_owned(), to.url("b.txt")]).run().exits(0);
        assert_eq!((to.seen_of(&["PORT"]).len(), to.seen_of(&["RNTO"]).len()), (1, 1), "{rules}\n{run}");
    }
}

#[test]
fn a_listing_comes_from_a_server_that_does_not_listen_or_cannot_be_reached() {
    let list =
        "LIST: 150 here ; connection ; text -rw-r--r-- 1 u g 7 Jan 1 2020 seven\\r\\n ; end ; 226 listed";
    for rules in [NEVER_LISTENS, WALLED, CHOOSY] {
        let from = server("127.0.0.2", &format!("{rules}\n{list}"));
        let run = user().args(["ls", "--timeout", "30s"]).args([from.url("")]).run();
        let run = run.exits(0);
        assert_eq!(run.stdout, ["seven"], "{rules}\n{run}");
    }
}

#[test]
fn the_second_file_does_not_try_again_what_was_in_vain_for_the_first() {
    let from = server("127.0.0.2", WALLED);
    let run = copy(&[from.url("a.txt"), from.url("c.txt"), "./".into()]).exits(0);
    assert_eq!(run.summary()["files"], 2, "{run}");
    assert_eq!((from.seen_of(&["PASV"]).len(), from.seen_of(&["PORT"]).len()), (1, 2), "{run}");
}

#[test]
fn a_server_that_can_do_neither_is_told_in_both_its_words() {
    let unable = "PASV: 550 Permission denied.\nRETR: 425 Cannot connect to you.";
    let from = server("127.0.0.2", unable);
    let run = copy(&[from.url("a.txt"), "a.txt".into()]).exits(6);
    drop(run.says("550 Permission denied.").says("425 Cannot connect to you.").says("firewall or NAT"));
    // Nobody comes, and nothing is said.
    let from = server(
        "127.0.0.2",
        "PASV: 550 Permission denied.\nRETR: 150 opening\nABOR: 426 stopped\\r\\n226 aborted",
    );
    let run =
        user().args(["copy", "--json"]).args(SOON).args([from.url("a.txt"), "a.txt".into()]).run().exits(6);
    drop(run.says("550 Permission denied.").says("did not connect to this host in time (connect timer)"));
}

#[test]
fn i11_a_stranger_who_comes_first_is_reset_and_the_server_is_waited_for() {
    let slow = "RETR: until STRANGER ; 150 opening ; dial ; data 1000 ; end ; 226 sent";
    let from = server("127.0.0.2", &format!("{NEVER_LISTENS}\n{slow}"));
    let run =
        user().args(["copy", "--json"]).args(PATIENCE).args([from.url("a.txt"), "a.txt".into()]).start();
    from.wait_for("RETR");
    let port = from.seen_of(&["PORT"]).pop().unwrap();
    let fields: Vec<u16> = port.rsplit(',').take(2).map(|field| field.parse().unwrap()).collect();
    let at = format!("127.0.0.1:{}", fields[1] * 256 + fields[0]).parse().unwrap();
    for _ in 0..3 {
        assert!(socket::is_turned_away("127.0.0.9:0".parse().unwrap(), at), "it gets nothing");
    }
    from.note("STRANGER");
    let run = run.end().exits(0);
    assert_eq!(run.bytes("a.txt"), sample(1000), "{run}");
}

#[test]
fn a_copy_through_this_host_turns_the_end_whose_data_connection_fails_and_no_other() {
    for (source, destination, ports) in [
        (NEVER_LISTENS, "", [1, 0]),
        ("", NEVER_LISTENS, [0, 1]),
        (NEVER_LISTENS, NEVER_LISTENS, [1, 1]),
        (WALLED, "", [1, 0]),
        (CHOOSY, "", [1, 0]),
        ("", CHOOSY, [0, 1]),
        (WALLED, NEVER_LISTENS, [1, 1]),
    ] {
        let (from, to) = (server("127.0.0.2", source), server("127.0.0.3", destination));
        let run = user().args(["copy", "--json", "--path", "user"]).args(PATIENCE);
        let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
        assert_eq!([&from, &to].map(|peer| peer.seen_of(&["PORT"]).len()), ports, "{run}");
        assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
        assert_eq!([&from, &to].map(|peer| peer.seen_of(&["USER"]).len()), [1, 1], "{run}");
    }
}

#[test]
fn a_copy_through_this_host_fails_in_the_words_of_the_end_that_can_do_neither() {
    let unable = "PASV: 550 Permission denied.\nRETR: 425 Cannot connect to you.";
    let (from, to) = (server("127.0.0.2", unable), server("127.0.0.3", ""));
    let run = user().args(["copy", "--path", "user"]).args(PATIENCE);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(6);
    let run = run.says("425 Cannot connect to you.").says("550 Permission denied.");
    assert_eq!(to.seen_of(&["STOR", "RNTO"]), [""; 0], "{run}");
}

/// A server of 1973 that knows only SOCK, as TENEX did.
const TENEX: &str = "LSTN: 506 not implemented\nPASV: 506 not implemented\nHELP: 200 none";

#[test]
fn a_server_of_1973_that_knows_only_sock_connects_to_this_host() {
    let told = "SOCK: target ; 255 SOCK {sock}";
    // H04: the older servers say 200, and name their socket when the transfer begins.
    let later = "SOCK: target ; 200 Socket command accepted.
        RETR: 255 SOCK {sock} ; 250 started ; dial ; data 1000 ; end ; 252 Transfer completed.";
    for rules in [told, later] {
        let from = Peer::start("127.0.0.2", &format!("{TENEX}\n{rules}"), OLD);
        let run = copy(&["--verify".into(), "none".into(), from.url("a.txt"), "a.txt".into()]).exits(0);
        assert_eq!(run.bytes("a.txt"), sample(1000), "{run}");
    }
    let to = Peer::start("127.0.0.2", TENEX, OLD);
    let run = user().file("a.txt", sample(1000)).args(["copy", "--verify", "none"]).args(PATIENCE);
    drop(run.args(["a.txt".to_owned(), to.url("b.txt")]).run().exits(0));
    // It tells nothing of a file, so what may have the name is renamed aside first.
    let renamed = to.seen_of(&["RNTO"]);
    assert_eq!(renamed.iter().filter(|line| line.ends_with(" b.txt")).count(), 1, "{renamed:?}");
}

#[test]
fn h37_a_1973_server_that_connects_from_another_socket_than_it_announced_is_refused() {
    for rules in [
        "SOCK: target ; 255 SOCK 4",
        "SOCK: target ; 200 ok\nRETR: 255 SOCK 4 ; 250 started ; dial ; data 1000 ; end ; 252 ok",
    ] {
        let from = Peer::start("127.0.0.2", &format!("{TENEX}\n{rules}"), OLD);
        let run = copy(&["--verify".into(), "none".into(), from.url("a.txt"), "a.txt".into()]);
        drop(run.exits(6).says("the server announced port 4 and came from"));
        let (from, to) = (Peer::start("127.0.0.2", &format!("{TENEX}\n{rules}"), OLD), target());
        let run = user().args(["copy", "--path", "user"]).args(PATIENCE);
        let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(6).says("(socket verification)");
        assert_eq!(to.names(), [""; 0], "{run}");
    }
}

#[test]
fn over_ipv6_the_server_is_told_with_eprt() {
    let rules = "EPSV: 550 Permission denied.\nEPRT: target ; 200 noted";
    let from = server("::1", rules);
    let run = copy(&[from.url("a.txt"), "a.txt".into()]).exits(0);
    assert_eq!((run.bytes("a.txt"), from.seen_of(&["EPRT"]).len()), (sample(1000), 1), "{run}");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_server_that_does_not_come() {
    let from = server("127.0.0.2", "PASV: 550 Permission denied.\nRETR: 150 opening");
    let run = user().args(["copy", "--timeout", "60s"]).args([from.url("a.txt"), "a.txt".into()]).start();
    from.wait_for("> 150 opening");
    run.interrupt();
    drop(thread::spawn(move || run.end()).join().unwrap().exits(10));
}

/// Somebody at the address of the server connects before its transfer command. The server comes later.
const EARLY: &str = "PORT: unlisten ; target ; dial ; text EVIL ; end ; 200 noted
RETR: 150 opening ; dial ; data 1000 ; end ; 226 sent\nSTOR: 150 opening ; dial ; drain ; 226 stored";
/// Two connections come after the transfer command: before and after the preliminary reply, or both before it.
const TWICE: [&str; 2] = [
    "RETR: dial ; 150 opening ; dial ; data 1000 ; end ; 226 sent\nSTOR: dial ; 150 opening ; dial ; drain ; 226 stored",
    "RETR: dial ; dial ; 150 opening ; data 1000 ; end ; 226 sent\nSTOR: dial ; dial ; 150 opening ; drain ; 226 stored",
];

#[test]
fn who_connects_before_the_transfer_command_is_not_the_server() {
    let early = server("127.0.0.2", &format!("{NEVER_LISTENS}\n{EARLY}"));
    let run = copy(&[early.url("a.txt"), "a.txt".into()]).exits(0);
    assert_eq!(run.bytes("a.txt"), sample(1000), "{run}");
    let run = user().file("a.txt", sample(1000)).args(["copy"]).args(PATIENCE);
    drop(run.args(["a.txt".to_owned(), early.url("b.txt")]).run().exits(0));
    // The same for a copy through this host, whichever end it is.
    for (source, destination) in [(EARLY, ""), ("", EARLY)] {
        let [from, to] = [("127.0.0.2", source), ("127.0.0.3", destination)].map(|(at, rules)| {
            let refuses = if rules.is_empty() { "" } else { NEVER_LISTENS };
            server(at, &format!("{refuses}\n{rules}"))
        });
        let run = user().args(["copy", "--json", "--path", "user"]).args(PATIENCE);
        let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(0);
        assert_eq!(run.summary()["bytes"], 1000, "{run}");
    }
}

#[test]
fn a_second_connection_of_the_servers_address_ends_the_transfer_and_nothing_is_kept() {
    for twice in TWICE {
        let peer = server("127.0.0.2", &format!("{NEVER_LISTENS}\n{twice}"));
        let run = copy(&[peer.url("a.txt"), "a.txt".into()]).exits(7).says("somebody else");
        assert_eq!(run.names(), [""; 0], "{run}");
        let run = user().file("a.txt", sample(1000)).args(["copy"]).args(PATIENCE);
        let run = run.args(["a.txt".to_owned(), peer.url("b.txt")]).run().exits(7).says("somebody else");
        assert_eq!(peer.seen_of(&["RNTO"]), [""; 0], "{run}");
        // The same for a copy through this host, whichever end it is.
        for (source, destination) in [(twice, ""), ("", twice)] {
            let [from, to] = [("127.0.0.3", source), ("127.0.0.4", destination)]
                .map(|(at, rules)| server(at, &format!("{NEVER_LISTENS}\n{rules}")));
            let run = user().args(["copy", "--path", "user"]).args(PATIENCE);
            let run = run.args([from.url("a.txt"), to.url("b.txt")]).run().exits(7).says("somebody else");
            assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
        }
    }
}
