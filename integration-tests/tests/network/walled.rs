//! Servers of which only the control port can be reached. This program listens, and they connect to it.

use super::Servers;
use integration_tests::foreign::{Hosts, Kind, Skipped};
use integration_tests::net::Network;
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{Run, user};

fn goes(servers: Servers) -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [one, two, here] = ["source", "target", "user"].map(|name| network.host(name));
    let sent = sample(300_003);
    let (from, source) = servers.start(0, &one, Some(&sent))?;
    let (to, target) = servers.start(1, &two, None)?;
    network.guard(&one, source.port());
    network.guard(&two, target.port());
    let run = |args: &[String]| -> Run {
        let run = user().file("u.bin", &sent).args(["--retries", "0", "--timeout", "10s"]);
        here.run(|| run.args(["--trace", "trace.txt"]).args(args).run())
    };
    let shown = |run: &Run| {
        let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
        format!("{servers:?}\n{run}\n{trace}\n-- source --\n{}\n-- target --\n{}", from.said(), to.said())
    };
    let word = String::from;
    let listed = run(&[word("ls"), from.url("")]);
    assert_eq!(
        (listed.code(), listed.stdout.as_slice()),
        (Some(0), &[word("a.bin")][..]),
        "{}",
        shown(&listed)
    );
    let down = run(&[word("copy"), from.url("a.bin"), word("a.bin")]);
    assert_eq!(down.code(), Some(0), "{}", shown(&down));
    assert!(down.bytes("a.bin") == sent, "{}", shown(&down));
    let up = run(&[word("copy"), word("u.bin"), to.url("u.bin")]);
    assert_eq!(up.code(), Some(0), "{}", shown(&up));
    assert!(to.bytes("u.bin") == sent, "{}", shown(&up));
    let through = run(&[word("copy"), word("--path"), word("user"), from.url("a.bin"), to.url("b.bin")]);
    assert_eq!(through.code(), Some(0), "{}", shown(&through));
    assert!(to.bytes("b.bin") == sent, "{}", shown(&through));
    Ok(())
}

#[test]
fn ours_behind_walls_connect_to_the_user() {
    or_skip!(goes(Servers::Ours));
}

#[test]
fn vsftpd_behind_walls_connects_to_the_user() {
    or_skip!(goes(Servers::Theirs(Kind::Vsftpd, [Hosts::Refused; 2])));
}

#[test]
fn proftpd_behind_walls_connects_to_the_user() {
    or_skip!(goes(Servers::Theirs(Kind::Proftpd, [Hosts::Refused; 2])));
}

#[test]
fn pure_ftpd_behind_walls_connects_to_the_user() {
    or_skip!(goes(Servers::Theirs(Kind::PureFtpd, [Hosts::Refused; 2])));
}
