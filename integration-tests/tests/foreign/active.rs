//! Servers of other people that refuse passive mode: they connect to this program.

use integration_tests::beside::each_of;
use integration_tests::foreign::{Begin, Foreign, ForeignServer, Kind, Skipped, own_address};
use integration_tests::hub::Hub;
use integration_tests::or_skip;
use integration_tests::relay::Relay;
use integration_tests::site::sample;
use integration_tests::socks::{Conduct, Proxy};
use integration_tests::user::{User, user};

fn run(verb: &str, servers: &[&ForeignServer]) -> User {
    let user = user().args([verb, "--trace", "trace.txt", "--timeout", "30s"]);
    servers
        .iter()
        .filter(|server| server.url("").starts_with("ftpes"))
        .fold(user, |user, server| user.args(["--pin".to_owned(), server.certificate().fingerprint()]))
}

/// A server that refuses passive mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NeverListens {
    Vsftpd,
    Proftpd,
}

impl NeverListens {
    fn server(self, tls: bool) -> Foreign {
        let started = |kind| if tls { Foreign::new(kind).tls(Begin::Explicit) } else { Foreign::new(kind) };
        match self {
            Self::Vsftpd => started(Kind::Vsftpd).extra("pasv_enable=NO"),
            // It has no option for it. With TLS 1.3 it closes after an upload without reading its peer's tickets.
            Self::Proftpd => started(Kind::Proftpd)
                .extra("<Limit PASV EPSV>\nDenyAll\n</Limit>\nTLSVerifyServer off\nTLSProtocol TLSv1.2"),
        }
    }
}

/// What reaches the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Between {
    /// This host.
    Nothing,
    /// One relay.
    Relay,
    /// A hub, and an agent beside each server.
    Agents,
}

/// A listing, a file from a server, a file to it, and one from one to the other. Where only a relay, or an agent beside it, reaches
/// a server, it connects to that. Inside TLS both demand sessions of their own, so a file from one to the other passes this host.
fn never_listens(servers: NeverListens, tls: bool, between: Between) -> Result<(), Skipped> {
    let content = sample(300_000);
    let server = || servers.server(tls);
    let (one, two) = (server().file("a.bin", &content).start()?, server().start()?);
    let own = || own_address().to_string();
    let ips = [&one, &two].map(|server| server.address().ip().to_string());
    let (hub, relay);
    let _beside;
    let reached = match between {
        Between::Nothing => None,
        Between::Agents => {
            hub = Hub::start(&own());
            _beside =
                [("zurich", &ips[0]), ("berlin", &ips[1])].map(|(name, ip)| hub.join(name, &own(), &[ip]));
            Some((hub.address, &hub.token_file))
        }
        Between::Relay => {
            relay = Relay::new().at(&own()).without_data_ports().server(&ips[0]).server(&ips[1]).start();
            Some((relay.address, &relay.token_file))
        }
    };
    let proxied = reached.map(|reached| (Proxy::start(&own(), Conduct::Only(reached.0), &[]), reached));
    let run = |verb: &str, servers: &[&ForeignServer]| {
        let run = run(verb, servers);
        proxied.iter().fold(run, |run, (proxy, (address, token_file))| {
            run.args(["--proxy", &proxy.url()]).relay(*address, token_file)
        })
    };
    let check = |run: integration_tests::user::Run| {
        let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
        let shown = format!("{run}\n{trace}\n{}\n{}", one.said(), two.said());
        assert_eq!(run.code(), Some(0), "{shown}");
        assert!(trace.contains("> PORT "), "{shown}");
        // TLS: this program is the client, and resumes the session of the control connection.
        assert_eq!(trace.contains(", resumed"), tls, "{shown}");
        (run, shown)
    };
    let (listed, shown) = check(run("ls", &[&one]).args([one.url("")]).run());
    assert_eq!(listed.stdout, ["a.bin"], "{shown}");
    let (down, shown) = check(run("copy", &[&one]).args([one.url("a.bin"), "a.bin".into()]).run());
    assert!(down.bytes("a.bin") == content, "{shown}");
    let up = run("copy", &[&two]).file("u.bin", &content).args(["u.bin".to_owned(), two.url("u.bin")]);
    let (_, shown) = check(up.run());
    assert!(two.bytes("u.bin") == content, "{shown}");
    let path: &[&str] = if between == Between::Nothing { &["--path", "user"] } else { &[] };
    let through = run("copy", &[&one, &two]).args(path).args([one.url("a.bin"), two.url("b.bin")]);
    let (_, shown) = check(through.run());
    assert!(two.bytes("b.bin") == content, "{shown}");
    Ok(())
}

#[test]
fn i02_r55_a_server_without_passive_mode_connects_to_whoever_reaches_it_and_tls_resumes() {
    let cases = [
        (NeverListens::Vsftpd, false, Between::Nothing),
        (NeverListens::Vsftpd, true, Between::Nothing),
        (NeverListens::Vsftpd, true, Between::Relay),
        (NeverListens::Vsftpd, true, Between::Agents),
        (NeverListens::Proftpd, true, Between::Relay),
        (NeverListens::Proftpd, true, Between::Agents),
    ];
    each_of(&cases, |(servers, tls, between)| or_skip!(never_listens(*servers, *tls, *between)));
}
