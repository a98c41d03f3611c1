//! `--proxy`: every connection of the user agent goes through a SOCKS5 proxy, which connects from its own address.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::{Skipped, Tool, own_address};
use integration_tests::or_skip;
use integration_tests::relay::Relay;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket;
use integration_tests::socks::{Conduct, Proxy};
use integration_tests::user::{Run, User, user};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

const SIZE: usize = 300_000;
/// A name that no name server knows.
const NOWHERE: &str = "only-the-proxy.invalid";

fn site() -> Site {
    Site::new("site").at(&own_address().to_string()).file("a.bin", sample(SIZE)).file("t/b.bin", "hello")
}

fn run(verb: &str, proxy: &str) -> User {
    user().args([verb, "--trace", "trace.txt", "--retries", "0", "--timeout", "10s", "--proxy", proxy])
}

fn proxy(conduct: Conduct) -> Proxy {
    Proxy::start(&own_address().to_string(), conduct, &[])
}

/// Every client of the server came from there.
fn seen_from(server: &Server, proxy: SocketAddr, run: &Run) {
    let said = server.running.said();
    let clients: Vec<&str> = said.lines().filter(|line| line.contains("logged in")).collect();
    let expect = format!("client={}:", proxy.ip());
    assert!(!clients.is_empty() && clients.iter().all(|line| line.contains(&expect)), "{said}\n{run}");
}

#[test]
fn i08_control_connections_and_passive_data_connections_go_through_the_proxy() {
    let (server, proxy) = (site().start(), proxy(Conduct::Works));
    let down = run("copy", &proxy.url()).args(["-r", &server.url(""), "all"]).run().exits(0);
    assert!(down.bytes("all/a.bin") == sample(SIZE), "{down}");
    let up = run("copy", &proxy.url()).file("c.bin", sample(SIZE));
    let up = up.args(["c.bin".to_owned(), server.url("c.bin")]).run().exits(0);
    assert!(server.bytes("c.bin") == sample(SIZE), "{up}");
    // The option also stands before the verb.
    let listed = user().args(["--proxy", &proxy.url(), "ls", &server.url("t")]).run().exits(0);
    assert_eq!(listed.stdout, ["b.bin"]);
    seen_from(&server, proxy.address, &listed);
    let control = server.address(Rfc959).to_string();
    let asked = proxy.asked();
    assert!(asked.iter().filter(|to| **to == control).count() >= 3, "one for each run: {asked:?}");
    assert!(asked.len() > 6, "control and data: {asked:?}");
}

#[test]
fn i08_two_servers_exchange_files_directly_although_their_user_is_behind_a_proxy() {
    let (from, to, proxy) = (site().start(), site().start(), proxy(Conduct::Works));
    let run = |path: &str| {
        let run = run("copy", &proxy.url()).args(["--json", "--path", path]);
        run.args([from.url("a.bin"), to.url(&format!("{path}.bin"))]).run().exits(0)
    };
    for (path, how) in [("auto", "direct"), ("user", "user")] {
        let run = run(path);
        assert_eq!(run.summary()["path"], how, "{run}");
        assert!(to.bytes(&format!("{path}.bin")) == sample(SIZE), "{run}");
        seen_from(&from, proxy.address, &run);
        seen_from(&to, proxy.address, &run);
    }
}

#[test]
fn i08_the_proxy_looks_up_a_name_that_this_host_does_not_know() {
    let (server, other) = (site().tls().start(), site().start());
    let proxy = Proxy::start(&own_address().to_string(), Conduct::Works, &[(NOWHERE, server.ip())]);
    let url = |url: String| url.replace(&server.ip().to_string(), NOWHERE);
    let down = run("copy", &proxy.url()).args([url(server.url("a.bin")), "b.bin".to_owned()]);
    let down = down.run().exits(0);
    assert!(down.bytes("b.bin") == sample(SIZE), "{down}");
    assert!(proxy.asked().iter().all(|to| to.starts_with(NOWHERE)), "{:?}", proxy.asked());
    // The certificate is verified for the name that was typed.
    let listed = run("ls", &proxy.url()).args(["--pin", &server.pin(), &url(server.explicit_url("t"))]);
    assert_eq!(listed.run().exits(0).stdout, ["b.bin"]);
    // Two servers cannot be told of each other, and the file takes the path that is left.
    let between = || run("copy", &proxy.url()).args(["--json", "--no-tls"]);
    let run = between().args([url(server.url("a.bin")), other.url("c.bin")]).run().exits(0);
    assert_eq!(run.summary()["path"], "user", "{run}");
    assert!(other.bytes("c.bin") == sample(SIZE), "{run}");
    let run = between().args(["--path", "direct", &url(server.url("a.bin")), &other.url("d.bin")]);
    run.run().exits(6).says("only the proxy knows the address");
}

#[test]
fn i08_a_relay_behind_the_proxy_is_used() {
    let never = ["--foreign", "never"];
    let (from, to) = (site().args(never).start(), site().args(never).start());
    let proxy = proxy(Conduct::Works);
    let relay = Relay::new().at(&own_address().to_string());
    let agent = relay.server(&from.ip().to_string()).server(&to.ip().to_string()).start();
    let run = run("copy", &proxy.url())
        .args(["--json", "--path", "relay"])
        .relay(agent.address, &agent.token_file)
        .args([from.url("a.bin"), to.url("b.bin")])
        .run()
        .exits(0);
    assert_eq!(run.summary()["path"], "relay", "{run}");
    assert!(to.bytes("b.bin") == sample(SIZE), "{run}");
    let links = proxy.asked().iter().filter(|to| **to == agent.address.to_string()).count();
    assert_eq!(links, 3, "the session and two tunnels: {:?}", proxy.asked());
    assert!(!agent.running.said().contains("from=127.0.0.1:"), "{}", agent.running.said());
}

#[test]
fn i08_a_proxy_gets_the_user_and_the_password_and_nobody_else_does() {
    let (server, proxy) = (site().start(), proxy(Conduct::Asks("ann", "s3c:r@t")));
    let ls = |login: &str| {
        let url = format!("socks5://{login}{}", proxy.address);
        run("ls", &url).args(["-v", &server.url("t")]).run()
    };
    let listed = ls("ann:s3c%3ar%40t@").exits(0);
    assert_eq!(listed.stdout, ["b.bin"]);
    let trace = listed.text("trace.txt");
    let name = proxy.address.to_string();
    for run in [
        ls("").exits(4).says("demands a login").says(&name),
        ls("ann:wr0ng@").exits(4).says("refuses its user and password").says(&name),
    ] {
        assert!(!run.said.contains("wr0ng") && !run.said.contains("s3c"), "{run}");
    }
    assert!(!trace.contains("s3c") && !listed.said.contains("s3c"), "{trace}\n{listed}");
    let wrong = user().args(["ls", "--proxy", "socks5://ann:s3cret@host", &server.url("t")]).run().exits(2);
    wrong.says("write HOST:PORT").never_says("s3cret");
}

#[test]
fn i08_a_proxy_that_refuses_dies_or_lies_is_named_with_its_reply() {
    let server = site().start();
    let nobody = SocketAddr::new(own_address(), 0);
    let nobody = SocketAddr::new(nobody.ip(), socket::free_port(&nobody.ip().to_string()));
    let check = |proxy: String, code, words: &str| {
        let run = run("ls", &proxy).args([server.url("t")]).run().exits(code);
        run.says(words).says(proxy.trim_start_matches("socks5://"));
    };
    check(proxy(Conduct::Replies(2)).url(), 4, "said \"connection not allowed by ruleset\"");
    check(proxy(Conduct::Replies(1)).url(), 5, "said \"general SOCKS server failure\"");
    check(proxy(Conduct::Replies(4)).url(), 5, "said \"host unreachable\"");
    check(proxy(Conduct::Replies(5)).url(), 5, "said \"connection refused\"");
    check(proxy(Conduct::Replies(99)).url(), 5, "refused with the reply 99, which RFC 1928 does not know");
    check(proxy(Conduct::Lies).url(), 1, "does not speak SOCKS5");
    check(proxy(Conduct::Dies).url(), 5, "closed the connection");
    check(format!("socks5://{nobody}"), 5, "cannot connect to the proxy");
    assert!(!server.running.said().contains("logged in"), "{}", server.running.said());
}

#[test]
fn i08_a_proxy_that_says_nothing_is_given_up_in_time() {
    let (server, proxy) = (site().start(), proxy(Conduct::Silent));
    let silent = user().args(["ls", "--retries", "0", "--timeout", "1s", "--proxy", &proxy.url()]);
    silent.args([server.url("t")]).run().exits(5).says("no answer in time").says(&proxy.address.to_string());
}

#[test]
fn i08_a_proxy_that_refuses_data_connections_is_told_and_nothing_is_stored() {
    let (server, proxy) = (site().start(), proxy(Conduct::WorksOnce));
    let down = run("copy", &proxy.url()).args([server.url("a.bin"), "b.bin".to_owned()]).run().fails();
    let down = down.says("connection not allowed by ruleset").says(&proxy.address.to_string());
    assert!(!down.names().contains(&"b.bin".to_owned()), "{down}");
}

/// microsocks, which ends with the test.
struct Micro(Child);

impl Drop for Micro {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn microsocks(login: &[&str]) -> Result<(Micro, SocketAddr), Skipped> {
    let tool = Tool::debian("microsocks", &["microsocks"], "bin/microsocks")?;
    let ip = own_address().to_string();
    let at = SocketAddr::new(ip.parse().unwrap(), socket::free_port(&ip));
    let mut command = Command::new(tool.program());
    command.args(["-i", &ip, "-b", &ip, "-p", &at.port().to_string()]).args(login).envs(tool.environment());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let micro = Micro(child);
    let from = SocketAddr::from(([127, 0, 0, 1], 0));
    socket::until("microsocks listens", || socket::try_connect(from, at).is_ok());
    Ok((micro, at))
}

#[test]
fn i08_microsocks_carries_copies_with_and_without_a_login() {
    for login in [&[][..], &["-u", "ann", "-P", "s3cret"]] {
        let (_micro, at) = or_skip!(microsocks(login));
        let url =
            if login.is_empty() { format!("socks5://{at}") } else { format!("socks5://ann:s3cret@{at}") };
        let server = site().start();
        let down = run("copy", &url).args(["-r", &server.url(""), "all"]).run().exits(0);
        assert!(down.bytes("all/a.bin") == sample(SIZE), "{down}");
        seen_from(&server, at, &down);
    }
}
