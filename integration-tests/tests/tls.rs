//! TLS of the user agent with scripted servers: what is refused, what is no end of a file, and that
//! nothing is said before it is known to whom.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Site, sample};
use integration_tests::tls_peer::{Sends, TlsPeer};
use integration_tests::user::{Run, User, copies, user};

fn run(verb: &str, peers: &[&TlsPeer]) -> User {
    let pins = peers.iter().flat_map(|peer| ["--pin".to_owned(), peer.pin()]);
    user().args([verb, "--retries", "0", "--timeout", "10s"]).args(pins)
}

/// How data that it was sent have ended.
fn ends(peer: &TlsPeer) -> Vec<String> {
    peer.heard().into_iter().filter(|line| line.starts_with("data: ")).collect()
}

fn nothing_arrived(run: &Run) {
    assert_eq!(run.names(), [""; 0], "{run}");
}

#[test]
fn data_that_ends_with_close_notify_is_a_whole_file() {
    let content = sample(300_000);
    let from = TlsPeer::start("127.0.0.2", Sends::InOrder, &content);
    let down = run("copy", &[&from]).args([from.url("a.bin"), "b.bin".to_owned()]).run().exits(0);
    assert!(down.bytes("b.bin") == content);
    let listed = run("ls", &[&from]).args([from.url("")]).run().exits(0);
    assert_eq!(listed.stdout, ["a.bin", "b.bin"]);
    let to = TlsPeer::start("127.0.0.3", Sends::InOrder, &content);
    run("copy", &[&from, &to]).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    assert_eq!(ends(&to), ["data: close_notify 300000"]);
}

#[test]
fn a_session_without_tickets_serves_until_another_is_there() {
    let to = TlsPeer::start("127.0.0.3", Sends::WithoutTickets, b"hello");
    let copy = ["a", "b", "c", "d", "e", "f"].iter().fold(run("copy", &[&to]), |copy, name| {
        copy.file(&format!("{name}.bin"), b"hello").args([format!("{name}.bin")])
    });
    copy.args([to.url("")]).run().exits(0);
    let heard = to.heard();
    let logins = |line: &str| heard.iter().filter(|heard| *heard == line).count();
    // One of them tries TLS 1.2, which the server does not know.
    assert_eq!(logins("AUTH TLS"), logins("USER ann") + 1, "{heard:?}");
    assert!(logins("USER ann") > 1, "{heard:?}");
    assert!(heard.windows(2).all(|lines| lines != ["AUTH TLS", "AUTH TLS"]), "{heard:?}");
    assert_eq!(ends(&to).len(), 6, "{heard:?}");
}

#[test]
fn i03_data_without_close_notify_are_no_file() {
    let content = "a line\n".repeat(30_000);
    let from = TlsPeer::start("127.0.0.2", Sends::Cut, content.as_bytes());
    let down = run("copy", &[&from]).args([from.url("a.bin"), "b.bin".to_owned()]).run();
    nothing_arrived(&down.exits(5).says("close_notify"));
    run("cat", &[&from]).args([from.url("a.bin")]).run().exits(5).says("close_notify");
    let listed = run("ls", &[&from]).args([from.url("")]).run().exits(5).says("close_notify");
    assert_eq!(listed.stdout, [""; 0]);
}

/// A copy from a source that ends its data like this fails with these words, and the destination hears of no end in order.
fn resets_the_destination(sends: Sends, words: &str) -> TlsPeer {
    let content = sample(300_000);
    let from = TlsPeer::start("127.0.0.2", sends, &content);
    let to = TlsPeer::start("127.0.0.3", Sends::InOrder, &content);
    run("copy", &[&from, &to]).args([from.url("a.bin"), to.url("b.bin")]).run().exits(5).says(words);
    assert_eq!(ends(&to).len(), 1, "{:?}", to.heard());
    assert!(ends(&to)[0].starts_with("data: reset "), "{:?}", to.heard());
    assert!(!to.heard().iter().any(|line| line.starts_with("RNTO")), "{:?}", to.heard());
    from
}

#[test]
fn i03_a_source_that_is_cut_short_is_no_whole_file_at_the_destination() {
    let from = resets_the_destination(Sends::Cut, "close_notify");
    let clear = Site::new("clear").at("127.0.0.3").start();
    run("copy", &[&from]).args([from.url("a.bin"), clear.url("b.bin")]).run().exits(5);
    assert_eq!(clear.names(), [""; 0]);
}

#[test]
fn i03_a_source_that_ends_in_order_and_then_says_426_gives_no_close_notify_to_the_destination() {
    let from = resets_the_destination(Sends::Half, "disk trouble");
    let down = run("copy", &[&from]).args([from.url("a.bin"), "b.bin".to_owned()]).run();
    nothing_arrived(&down.exits(5).says("disk trouble"));
}

#[test]
fn a_data_connection_shows_the_certificate_of_its_control_connection() {
    for sends in [Sends::AsAnother, Sends::AsAnotherAndGone] {
        let from = TlsPeer::start("127.0.0.2", sends, b"hello");
        for trust in [vec!["--pin".to_owned(), from.pin()], vec!["--insecure".to_owned()]] {
            let down =
                copies(&["--retries", "0", "--timeout", "10s"], [from.url("a.bin"), "b.bin".to_owned()])
                    .args(trust)
                    .run();
            nothing_arrived(&down.exits(11).says("another certificate"));
        }
    }
}

#[test]
fn another_certificate_fails_a_copy_through_this_host_too() {
    for sends in [Sends::AsAnother, Sends::AsAnotherAndGone] {
        let honest = TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello");
        let other = TlsPeer::start("127.0.0.3", sends, b"hello");
        let copied = run("copy", &[&honest, &other]).args([other.url("a.bin"), honest.url("b.bin")]).run();
        copied.exits(11).says("another certificate");
        assert!(!honest.heard().iter().any(|line| line.starts_with("RNTO")), "{:?}", honest.heard());
        assert!(!ends(&honest).iter().any(|end| end.contains("close_notify")), "{:?}", honest.heard());
    }
}

#[test]
fn nobody_logs_in_before_the_certificate_is_known() {
    let peer = TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello");
    let wrong = format!("SHA256:{}", "0".repeat(64));
    user().args(["ls", &peer.url("")]).run().exits(11).says(&format!("--pin {}", peer.pin()));
    user().args(["ls", "--pin", &wrong, &peer.url("")]).run().exits(11).says(&peer.pin());
    user().args(["copy", &peer.url("a.bin"), "b.bin"]).run().exits(11);
    assert_eq!(peer.heard(), ["AUTH TLS"; 3]);
}

/// Nobody has heard who logs in.
fn no_login_was_sent(peer: &Peer) {
    assert_eq!(peer.seen_of(&["USER", "PASS"]), [""; 0], "{:?}", peer.seen());
}

#[test]
fn a_server_that_refuses_auth_hears_no_user() {
    let peer = Peer::start("127.0.0.2", "", MODERN);
    let url = |scheme: &str| peer.url("a.bin").replace("ftp://", &format!("{scheme}://"));
    user().args(["copy", &url("ftpes"), "b.bin"]).run().exits(1).says("does not offer TLS");
    no_login_was_sent(&peer);
    // It greets in clear.
    user().args(["copy", &url("ftps"), "b.bin"]).run().exits(1).says("does not speak TLS on this port");
    no_login_was_sent(&peer);
}

#[test]
fn a_server_that_has_no_tls_now_may_have_it_later() {
    let peer = Peer::start("127.0.0.2", "AUTH: 431 not now", MODERN);
    let url = peer.url("a.bin").replace("ftp://", "ftpes://");
    user()
        .args(["copy", "--no-race", "--retries", "1", &url, "b.bin"])
        .run()
        .exits(5)
        .says("does not begin TLS now");
    assert_eq!(peer.seen_of(&["AUTH"]).len(), 2, "{:?}", peer.seen());
    no_login_was_sent(&peer);
}

#[test]
fn what_is_put_in_after_the_answer_to_auth_is_never_believed() {
    let peer = Peer::start("127.0.0.2", "AUTH: 234 go\\r\\n331 password\\r\\n230 in", MODERN);
    let url = peer.url("a.bin").replace("ftp://", "ftpes://");
    user().args(["copy", &url, "b.bin"]).run().exits(11).says("in clear after its answer");
    no_login_was_sent(&peer);
}

#[test]
fn a_server_that_never_begins_tls_is_given_up() {
    let peer = Peer::start("127.0.0.2", "AUTH: 234 go ; until never", MODERN);
    let url = peer.url("a.bin").replace("ftp://", "ftpes://");
    user()
        .args(["copy", "--no-race", "--timeout", "1s", "--retries", "0", &url, "b.bin"])
        .run()
        .exits(5)
        .says("TLS in time");
    no_login_was_sent(&peer);
}

/// A copy between two servers that need not protect the data between them.
fn unprotected(pins: [String; 2]) -> User {
    let words = ["--json", "copy", "--no-race", "--retries", "0", "--timeout", "20s", "--path", "direct"];
    let pins = pins.into_iter().flat_map(|pin| ["--pin".to_owned(), pin]);
    user().args(words).args(["--allow-clear-data"]).args(pins)
}

#[test]
fn h36_under_tls_stat_goes_to_our_own_server_and_others_are_asked_by_a_second_session() {
    let asked = |peer: &TlsPeer, verb: &str| {
        peer.heard().iter().filter(|line| line.split(' ').next() == Some(verb)).count()
    };
    // Of two servers of other people the destination is asked for the size, in a session of its own.
    let content = sample(300_000);
    let from = TlsPeer::start("127.0.0.2", Sends::InOrder, &content);
    // It is told once a second what is stored, so the third question comes when the first second is over and was told.
    let to = TlsPeer::start("127.0.0.3", Sends::WhenAsked(3), &content);
    let run = unprotected([from.pin(), to.pin()]).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    assert_eq!(ends(&to), ["data: end 300000"], "{run}");
    assert_eq!([asked(&from, "STAT"), asked(&to, "STAT")], [0; 2], "{run}\n{:?}", to.heard());
    assert_eq!((asked(&to, "AUTH"), asked(&to, "USER")), (2, 2), "{run}\n{:?}", to.heard());
    assert!(run.events("progress").iter().any(|told| told["bytes"] == 300_000), "{run}");
    // A source of our own, which protects the data as well, tells what it has sent.
    let open = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    let from = Site::new("source").tls().args(open).file("a.bin", &content).start();
    let to = TlsPeer::start("127.0.0.3", Sends::WhenAsked(1), &content);
    let home = tempfile::tempdir().unwrap();
    let trace = home.path().join("trace");
    let run = unprotected([from.pin(), to.pin()]).args(["--trace", trace.to_str().unwrap()]);
    let run = run.args([from.explicit_url("a.bin"), to.url("b.bin")]).run().exits(0);
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("> STAT") && asked(&to, "STAT") == 0, "{run}\n{trace}");
    assert_eq!(ends(&to), ["data: close_notify 300000"], "{run}");
}
