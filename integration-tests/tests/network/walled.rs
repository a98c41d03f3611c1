//! Servers of which only the control port can be reached. This program listens, and they connect to it.

use super::Servers;
use integration_tests::beside::each_of;
use integration_tests::foreign::{Hosts, Kind, Skipped, shown};
use integration_tests::net::Network;
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{Run, user};

fn goes(servers: Servers) -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [one, two, here] = ["source", "target", "user"].map(|name| network.host(name));
    let sent = sample(300_003);
    let from = servers.start(0, &one, &[("a.bin", sent.clone())])?;
    let to = servers.start(1, &two, &[])?;
    network.guard(&one, from.address().port());
    network.guard(&two, to.address().port());
    let run = |args: &[String]| -> Run {
        let run = user().file("u.bin", &sent).args(["--retries", "0", "--timeout", "10s"]);
        here.run(|| run.args(["--trace", "trace.txt"]).args(args).run())
    };
    let shown = |run: &Run| shown(run, &from, &to, "");
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
fn servers_behind_walls_connect_to_the_user() {
    let theirs = |kind| Servers::Theirs(kind, [Hosts::Refused; 2]);
    let servers = [Servers::Ours, theirs(Kind::Vsftpd), theirs(Kind::Proftpd), theirs(Kind::PureFtpd)];
    each_of(&servers, |servers| or_skip!(goes(*servers)));
}
