//! Servers that only a relay, or an agent at a hub, reaches: listings, trees and files of theirs come to this host. The user
//! agent has a proxy that connects to the relay or hub and to nothing else.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::own_address;
use integration_tests::hub::{Hub, Joined};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket;
use integration_tests::socks::{Conduct, Proxy};
use integration_tests::user::{Run, User, user};
use rustix::process::Signal;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SIZE: usize = 3_000_003;

/// What the user agent can connect to.
struct Reach {
    proxy: Proxy,
    address: SocketAddr,
    token_file: PathBuf,
}

impl Reach {
    fn only(address: SocketAddr, token_file: &Path) -> Self {
        let proxy = Proxy::start(&own_address().to_string(), Conduct::Only(address), &[]);
        Self { proxy, address, token_file: token_file.to_path_buf() }
    }

    fn user(&self, verb: &str) -> User {
        user()
            .args([verb, "--proxy", &self.proxy.url(), "--timeout", "30s", "--retries", "0"])
            .relay(self.address, &self.token_file)
    }

    /// The run has said that this host does not reach the server, and who does.
    fn says_who_reaches(&self, server: &Server, run: &Run) {
        let words = format!("{} does not answer here; the relay", server.address(Rfc959));
        assert!(run.warnings().iter().any(|warning| warning.contains(&words)), "{run}");
    }
}

fn site(files: &[(&str, &[u8])]) -> Site {
    let site = Site::new("behind").at(&own_address().to_string()).args(["--foreign", "never"]);
    files.iter().fold(site, |site, (name, bytes)| site.file(name, bytes))
}

/// A hub, and an agent that reaches the server.
fn hub_beside(server: &Server) -> (Hub, Joined, Reach) {
    let hub = Hub::start(&own_address().to_string());
    let agent = hub.join("zurich", &own_address().to_string(), &[&server.ip().to_string()]);
    let reach = Reach::only(hub.address, &hub.token_file);
    (hub, agent, reach)
}

fn relay_beside(server: &Server) -> (Agent, Reach) {
    let relay = Relay::new().at(&own_address().to_string()).server(&server.ip().to_string()).start();
    let reach = Reach::only(relay.address, &relay.token_file);
    (relay, reach)
}

/// A tree of this host.
fn tree(data: &[u8]) -> TempDir {
    let top = tempfile::tempdir().unwrap();
    fs::write(top.path().join("b.bin"), data).unwrap();
    fs::create_dir(top.path().join("c")).unwrap();
    fs::write(top.path().join("c/empty"), "").unwrap();
    top
}

#[test]
fn r55_listings_and_files_of_a_server_that_only_an_agent_reaches_come_through_the_hub() {
    let data = sample(SIZE);
    let server = site(&[("t/a.bin", &data), ("t/d/empty", b""), ("t/d/two words", b"hello")]).start();
    let (_hub, agent, reach) = hub_beside(&server);
    let listed = reach.user("ls").args([server.url("t")]).run().exits(0);
    let drawn = reach.user("tree").args([server.url("t")]).run().exits(0);
    drawn.says("two words");
    assert_eq!(listed.stdout, ["a.bin", "d"], "{listed}");
    reach.user("stat").args([server.url("t/a.bin")]).run().exits(0).says("3000003");
    let printed = reach.user("cat").args([server.url("t/d/two%20words")]).run().exits(0);
    assert_eq!(printed.stdout, ["hello"], "{printed}");

    let down = reach.user("copy").args(["--json", "-r", &server.url("t"), "all"]).run().exits(0);
    assert!(down.bytes("all/a.bin") == data, "{down}");
    assert_eq!((down.bytes("all/d/empty"), down.bytes("all/d/two words")), (Vec::new(), b"hello".to_vec()));
    assert_eq!(down.summary()["verified"], "sha-256", "{down}");
    reach.says_who_reaches(&server, &down);

    let new = tree(&data);
    let up = reach.user("copy").args(["--json", "-r", new.path().to_str().unwrap(), &server.url("up")]);
    let up = up.run().exits(0);
    assert!(server.bytes("up/b.bin") == data, "{up}");
    assert!(server.bytes("up/c/empty").is_empty(), "{up}");
    assert_eq!(up.summary()["verified"], "sha-256", "{up}");
    assert!(agent.running.said().contains("joined"), "{}", agent.running.said());
}

#[test]
fn r55_inside_tls_the_data_of_such_a_server_ends_at_the_user_agent() {
    let data = sample(SIZE);
    let server = site(&[("t/a.bin", &data), ("t/d/empty", b"")]).tls().start();
    let (relay, reach) = relay_beside(&server);
    let pin = server.pin();
    let run = |verb: &str| reach.user(verb).args(["--pin", &pin]);
    let listed = run("ls").args([server.explicit_url("t")]).run().exits(0);
    assert_eq!(listed.stdout, ["a.bin", "d"], "{listed}");
    let down = run("copy").args(["--json", "-r", &server.explicit_url("t"), "all"]).run().exits(0);
    assert!(down.bytes("all/a.bin") == data, "{down}");
    assert_eq!(down.summary()["verified"], "sha-256", "{down}");
    let new = tree(&data);
    let up = run("copy").args(["--json", "-r", new.path().to_str().unwrap(), &server.explicit_url("up")]);
    let up = up.run().exits(0);
    assert!(server.bytes("up/b.bin") == data, "{up}");
    assert_eq!(up.summary()["verified"], "sha-256", "{up}");
    for word in ["a.bin", "b.bin", "RETR", "STOR", "MLSD", "PASS"] {
        assert!(!relay.running.said().contains(word), "{word}");
    }
}

#[test]
fn r03_r55_the_relay_reaches_a_server_of_the_other_family() {
    let server = Site::new("six").at("::1").args(["--foreign", "never"]).file("t/a.bin", "hello").start();
    let relay = Relay::new().at(&own_address().to_string()).also("[::1]:0").server("::1").start();
    let reach = Reach::only(relay.address, &relay.token_file);
    let down = reach.user("copy").args(["--json", "-r", &server.url("t"), "all"]).run().exits(0);
    assert_eq!(down.bytes("all/a.bin"), b"hello", "{down}");
}

#[test]
fn r33_r55_a_file_that_a_dead_agent_cuts_never_counts_as_whole() {
    let data = sample(40_000_000);
    for upload in [false, true] {
        let server = site(&[("a.bin", &data)]).start();
        let (_hub, agent, reach) = hub_beside(&server);
        let run = reach.user("copy").args(["--json", "--limit", "2MB"]);
        let run = match upload {
            false => run.args([server.url("a.bin"), "b.bin".to_owned()]).start(),
            true => run.file("c.bin", &data).args(["c.bin".to_owned(), server.url("b.bin")]).start(),
        };
        let half = |path: PathBuf| fs::metadata(path).is_ok_and(|facts| facts.len() >= 500_000);
        let begun = || match upload {
            false => fs::read_dir(run.home()).unwrap().any(|entry| half(entry.unwrap().path())),
            true => server.names().iter().any(|name| name != "a.bin" && half(server.path(name))),
        };
        socket::until("some of the file has arrived", begun);
        agent.running.signal(Signal::KILL);
        let run = run.end().fails();
        assert!(!run.names().contains(&"b.bin".to_owned()), "{run}");
        assert!(!server.names().contains(&"b.bin".to_owned()), "{run}");
    }
}

#[test]
fn r35_r55_without_consent_no_relay_is_asked() {
    let server = site(&[("a.bin", b"hello")]).start();
    let (relay, reach) = relay_beside(&server);
    for verb in ["ls", "cat", "stat"] {
        let run = reach.user(verb).args(["--relay-consent", "never", &server.url("a.bin")]).run().exits(5);
        run.says("cannot connect to");
    }
    // Every verb, also where the settings forbid it.
    let settings = format!(
        "[relay]\nconsent = \"never\"\n[[relays]]\nname = \"r\"\naddress = \"{}\"\ntoken-file = \"{}\"\n",
        relay.address,
        relay.token_file.display()
    );
    for verb in ["tree", "hash", "rm", "mkdir", "mv", "stat"] {
        let words = [
            "--config",
            "c.toml",
            "--proxy",
            &reach.proxy.url(),
            "--retries",
            "0",
            verb,
            &server.url("a.bin"),
        ];
        let more = (verb == "mv").then(|| server.url("c.bin"));
        let run = user().file("c.toml", settings.clone()).args(words).args(more).run().exits(5);
        run.says("cannot connect to");
        let words = [verb, "--relay-consent", "never", "--proxy", &reach.proxy.url(), "--retries", "0"];
        let run = user().args(words).relay(relay.address, &relay.token_file).args([server.url("a.bin")]);
        let more = (verb == "mv").then(|| server.url("c.bin"));
        run.args(more).run().exits(5).says("cannot connect to");
    }
    let places = [server.url("a.bin"), "b.bin".to_owned()];
    reach.user("copy").args(["--relay-consent", "never"]).args(&places).run().exits(5);
    reach.user("copy").args(["--path", "user"]).args(&places).run().exits(5);
    assert!(!reach.proxy.asked().contains(&relay.address.to_string()), "{:?}", reach.proxy.asked());
}

#[test]
fn r55_a_token_whose_joins_are_taken_is_told_so_and_the_relay_answers_on() {
    let data = sample(20_000_000);
    let server = site(&[("a.bin", &data)]).start();
    let target = format!("{}:21,1024-65535", server.ip());
    let policy = format!("[[identities]]\nname = \"test\"\nallow = [\"{target}\"]\njoins = 1\n");
    let relay = Relay::new().at(&own_address().to_string()).policy(&policy).start();
    let reach = Reach::only(relay.address, &relay.token_file);
    let slow = reach.user("copy").args(["--limit", "1MB", &server.url("a.bin"), "b.bin"]).start();
    relay.running.logs(" joined ");
    reach.user("ls").args([server.url("")]).run().exits(5).says("makes no data connection now");
    reach.user("stat").args([server.url("a.bin")]).run().exits(0);
    let slow = slow.end_with(Signal::INT).fails();
    assert!(!slow.names().contains(&"b.bin".to_owned()), "{slow}");
    relay.running.logs("ended id=4");
    reach.user("ls").args([server.url("")]).run().exits(0).says("a.bin");
}

/// A relay that reaches these servers and connects to none of their data ports.
fn relay_without_data_ports(servers: &[IpAddr]) -> (Agent, Reach) {
    let relay = Relay::new().at(&own_address().to_string()).without_data_ports();
    let relay = servers.iter().fold(relay, |relay, server| relay.server(&server.to_string())).start();
    let reach = Reach::only(relay.address, &relay.token_file);
    (relay, reach)
}

#[test]
fn r23_r55_without_named_data_ports_a_server_connects_or_the_user_is_told_what_the_operator_has_to_do() {
    let server = site(&[("a.bin", b"hello")]).start();
    let rules = "PORT: 500 Illegal PORT command\nSIZE a.txt: 213 1000";
    let passive = Peer::start(&own_address().to_string(), rules, MODERN);
    let (relay, reach) = relay_without_data_ports(&[server.ip(), passive.ip()]);
    let printed = reach.user("cat").args([server.url("a.bin")]).run().exits(0);
    assert_eq!(printed.stdout, ["hello"], "{printed}");
    relay.running.logs("--data-ports");
    for (verb, place) in [("ls", ""), ("cat", "a.txt")] {
        let run = reach.user(verb).args([passive.url(place)]).run().fails();
        run.says("has to name the data ports of the server").says("Illegal PORT command");
    }
}

#[test]
fn r55_the_cause_that_the_operator_can_cure_is_told_before_the_last_one() {
    let never_connects = || {
        let rules = "PORT: 500 Illegal PORT command\nEPRT: 500 Illegal EPRT command\nSIZE a.txt: 213 1000";
        Peer::start(&own_address().to_string(), rules, MODERN)
    };
    let (from, to) = (never_connects(), never_connects());
    let hub = Hub::start(&own_address().to_string());
    let join = |name: &str, peer: &Peer| {
        hub.join_without_data_ports(name, &own_address().to_string(), &[&peer.ip().to_string()])
    };
    let _agents = [join("zurich", &from), join("berlin", &to)];
    let reach = Reach::only(hub.address, &hub.token_file);
    for path in ["relay", "auto"] {
        let run =
            reach.user("copy").args(["--path", path, &from.url("a.txt"), &to.url("b.txt")]).run().exits(6);
        run.says("the operator of the relay has to name the data ports").says("see its --data-ports");
    }
}

/// A server like vsftpd with `pasv_enable=NO`.
const NEVER_LISTENS: &str = "PASV: 550 Permission denied.\nEPSV: 550 Permission denied.
LIST: 150 here ; connection ; text -rw-r--r-- 1 u g 7 Jan 1 2020 seven\\r\\n ; end ; 226 listed
SIZE a.txt: 213 1000\nSIZE c.txt: 213 1000\nSIZE b.txt: 550 no such file";

fn never_listens(rules: &str) -> Peer {
    Peer::start(&own_address().to_string(), &format!("{rules}\n{NEVER_LISTENS}"), MODERN)
}

#[test]
fn r55_a_server_that_does_not_listen_connects_to_its_relay() {
    let [one, two] = [never_listens(""), never_listens("")];
    let (_relay, reach) = relay_without_data_ports(&[one.ip(), two.ip()]);
    let listed = reach.user("ls").args([one.url("")]).run().exits(0);
    assert_eq!(listed.stdout, ["seven"], "{listed}");
    // The second file does not ask for a passive port again.
    let down = reach.user("copy").args(["--json", &one.url("a.txt"), &one.url("c.txt"), "./"]).run().exits(0);
    assert_eq!((down.bytes("a.txt"), down.bytes("c.txt")), (sample(1000), sample(1000)), "{down}");
    assert_eq!((one.seen_of(&["PASV"]).len(), one.seen_of(&["PORT"]).len()), (2, 3), "{down}");
    let up = reach.user("copy").file("u.txt", sample(1000)).args(["u.txt".to_owned(), two.url("b.txt")]);
    let up = up.run().exits(0);
    assert_eq!((two.seen_of(&["PORT"]).len(), two.seen_of(&["RNTO"]).len()), (1, 1), "{up}");
}

#[test]
fn r55_a_server_that_does_not_listen_connects_to_its_agent_at_the_hub() {
    let from = never_listens("");
    let hub = Hub::start(&own_address().to_string());
    let _agent = hub.join("zurich", &own_address().to_string(), &[&from.ip().to_string()]);
    let reach = Reach::only(hub.address, &hub.token_file);
    let down = reach.user("copy").args(["--json", &from.url("a.txt"), "a.txt"]).run().exits(0);
    assert_eq!(down.bytes("a.txt"), sample(1000), "{down}");
    assert_eq!(from.seen_of(&["PORT"]).len(), 1, "{down}");
}

#[test]
fn r55_a_server_that_never_comes_to_the_relay_is_told_in_both_its_words() {
    let unable = never_listens("RETR: 425 Cannot connect to you.");
    // Somebody at the address of the server is faster than the server.
    let early = "PORT: unlisten ; target ; dial ; text EVIL ; end ; 200 noted";
    let early = never_listens(&format!("{early}\nRETR: 150 opening ; dial ; data 1000 ; end ; 226 sent"));
    let (_relay, reach) = relay_without_data_ports(&[unable.ip(), early.ip()]);
    let run = reach.user("copy").args([unable.url("a.txt"), "a.txt".into()]).run().exits(6);
    drop(run.says("550 Permission denied.").says("425 Cannot connect to you."));
    let run = reach.user("copy").args([early.url("a.txt"), "a.txt".into()]).run().fails();
    assert!(!run.names().contains(&"a.txt".to_owned()), "{run}");
}
