//! Real subnets, routers and NAT: every host is a network namespace with an address of its own.

mod advice;
mod emulated;
mod hub;
mod misled;
mod published;
mod punched;
mod race;
mod relayed;
mod symmetric;
mod topologies;
mod walled;

use integration_tests::beside::each_of;
use integration_tests::foreign::{End, Hosts, Kind, Skipped, Who, shown};
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::user;

/// Where the source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// In a subnet that everybody reaches.
    Open,
    /// Behind NAT, where only its control port is published.
    Published,
    /// Behind NAT, and so is the user agent: nobody outside can connect to either.
    WithTheUser,
}

/// Whose servers the two are. Ours have the policy that they have by themselves.
#[derive(Clone, Copy, Debug)]
enum Servers {
    Ours,
    Theirs(Kind, [Hosts; 2]),
}

impl Servers {
    /// Starts the source (0) or the destination (1).
    fn start(self, end: usize, host: &Host, files: &[(&str, Vec<u8>)]) -> Result<End, Skipped> {
        let server = match self {
            Self::Ours => (Who::Ours, Hosts::Refused),
            Self::Theirs(kind, hosts) => (Who::Theirs(kind), hosts[end]),
        };
        start_on(host, &host.ip(), server, files)
    }
}

/// Starts a server at an address of this host.
pub(crate) fn start_on(
    host: &Host,
    ip: &str,
    (who, hosts): (Who, Hosts),
    files: &[(&str, Vec<u8>)],
) -> Result<End, Skipped> {
    if let Who::Theirs(kind) = who {
        // Fetched here, where there may be a network.
        kind.tool()?;
    }
    host.run(|| who.start_at(ip.parse().unwrap(), hosts, files))
}

/// One file from the source to the target arrives over this rung, verified.
fn goes(source: Source, servers: Servers, rung: &str) -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let two = network.host("target");
    let mut nat = if source == Source::Open { None } else { Some(network.nat("nat")?) };
    let mut inside = |network: &mut Network, name: &str| match nat.as_mut() {
        Some(nat) => network.host_behind(nat, name),
        None => network.host(name),
    };
    let one = inside(&mut network, "source");
    let at = if source == Source::WithTheUser { inside(&mut network, "user") } else { network.host("user") };
    let sent = sample(3_000_003);
    let from = servers.start(0, &one, &[("a.bin", sent.clone())])?;
    let to = servers.start(1, &two, &[])?;
    let mut url = from.url("a.bin");
    if let (Source::Published, Some(nat)) = (source, &nat) {
        network.publish(nat, from.address());
        url = url.replace(&one.ip(), &nat.outside().to_string());
    }
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "5s"]);
    let run = run.args([url, to.url("b.bin")]);
    let run = at.run(|| run.run());
    let shown = format!("{source:?}, {servers:?}\n{}", shown(&run, &from, &to, ""));
    assert_eq!(run.code(), Some(0), "{shown}");
    assert!(to.bytes("b.bin") == sent, "the copy differs\n{shown}");
    assert_eq!(to.names(), ["b.bin"], "{shown}");
    let summary = run.summary();
    let path = if rung == "user" { "user" } else { "direct" };
    assert_eq!((&summary["path"], &summary["rung"]), (&path.into(), &rung.into()), "{shown}");
    assert_ne!(summary["verified"], "none", "{shown}");
    if rung == "user" {
        let warned =
            run.events("warning").iter().any(|event| event["message"].to_string().contains("this host"));
        assert!(warned, "no warning says that the data passes this host\n{shown}");
    }
    Ok(())
}

const ANY: [Hosts; 2] = [Hosts::Allowed; 2];
const DIRECT: &str = "dest-listens";

/// Ours under the default policy, and others where they allow foreign hosts.
#[test]
fn servers_in_two_subnets_go_direct() {
    let all = [Servers::Ours, Servers::Theirs(Kind::Vsftpd, ANY), Servers::Theirs(Kind::Proftpd, ANY)];
    each_of(&all, |servers| or_skip!(goes(Source::Open, *servers, DIRECT)));
}

#[test]
fn ours_behind_nat_go_direct_for_the_proof_decides_who_connects() {
    or_skip!(goes(Source::Published, Servers::Ours, DIRECT));
}

#[test]
fn ours_behind_nat_with_the_user_go_direct_for_the_proof_needs_no_address() {
    or_skip!(goes(Source::WithTheUser, Servers::Ours, DIRECT));
}

#[test]
fn vsftpd_behind_nat_goes_direct_for_it_only_has_to_dial_out() {
    or_skip!(goes(Source::Published, Servers::Theirs(Kind::Vsftpd, ANY), DIRECT));
}

#[test]
fn vsftpd_behind_nat_that_names_no_foreign_host_goes_through_the_user_agent() {
    let servers = Servers::Theirs(Kind::Vsftpd, [Hosts::OnlyToAccept, Hosts::Allowed]);
    or_skip!(goes(Source::WithTheUser, servers, "user"));
}
