//! The table of docs/protocol/policy.md, cell by cell: every policy, kind of user, class of address, command
//! and evidence. What must come out is written here as the page says it, not as the decision computes it.

use super::*;
use crate::command::Direction;
use std::net::{IpAddr, SocketAddr};

/// The classes of addresses, each with an example, for a user at a public address of a public server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// The other end of the control connection, or an address of `--same-host`.
    Own,
    /// A public address of the same family.
    Public,
    /// A private network.
    Private,
    /// Loopback, of this server.
    Loopback,
    /// Link-local, unspecified, multicast or broadcast.
    Special,
}

/// Each address with its class, and whether `--foreign-networks` lists it where that was given.
const ADDRESSES: [(&str, Class, bool); 18] = [
    ("198.51.100.7", Class::Own, false),
    ("::ffff:198.51.100.7", Class::Own, false),
    ("198.51.100.77", Class::Own, false),
    ("192.0.2.9", Class::Public, true),
    ("8.8.8.8", Class::Public, false),
    ("203.0.113.1", Class::Public, false),
    ("2001:db8:2::9", Class::Public, true),
    ("2001:db8:3::9", Class::Public, false),
    ("64:ff9b::8.8.8.8", Class::Public, false),
    ("10.1.2.3", Class::Private, true),
    ("192.168.1.9", Class::Private, false),
    ("100.64.0.1", Class::Private, false),
    ("fd00::1", Class::Private, false),
    ("2002:c0a8:101::1", Class::Private, false),
    ("127.0.0.1", Class::Loopback, false),
    ("169.254.169.254", Class::Special, false),
    ("0.0.0.0", Class::Special, false),
    ("224.0.0.1", Class::Special, false),
];

/// A file that no rule is about.
const ANY: RequestedTransfer<'_> =
    RequestedTransfer { direction: Direction::Send, path: None, private: false };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Policy {
    Never,
    Proven,
    /// `--foreign authenticated`
    Any,
    /// The same with `--foreign-networks`
    Listed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    /// PORT, EPRT, SOCK, RSYM.
    Target,
    /// SOCK after LSTN, PASV or EPSV.
    Filter,
    /// A connection at PASV, EPSV, CPSV or LSTN without SOCK.
    Arrival,
    /// The same with a SOCK that names this very socket.
    ArrivalNamed,
    /// The same with a SOCK that names another one.
    ArrivalOther,
    /// RETR, STOR, APPE, STOU, MLFL, PROB.
    File,
    /// LIST, NLST, MLSD.
    Listing,
}

const POLICIES: [Policy; 4] = [Policy::Never, Policy::Proven, Policy::Any, Policy::Listed];
const COMMANDS: [Command; 7] = [
    Command::Target,
    Command::Filter,
    Command::Arrival,
    Command::ArrivalNamed,
    Command::ArrivalOther,
    Command::File,
    Command::Listing,
];
const EVIDENCE: [Evidence; 4] =
    [Evidence::None, Evidence::Rendezvous, Evidence::PinnedLeaf, Evidence::ResumedSession];

fn rules(policy: Policy) -> Rules {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let (foreign, foreign_networks) = match policy {
        Policy::Never => (Foreign::Never, None),
        Policy::Proven => (Foreign::Proven, None),
        Policy::Any => (Foreign::Authenticated, None),
        Policy::Listed => {
            (Foreign::Authenticated, Some(nets(&["192.0.2.0/24", "2001:db8:2::/48", "10.0.0.0/8"])))
        }
    };
    Rules { foreign, foreign_networks, same_host: nets(&["198.51.100.64/27"]), ..Rules::default() }
}

/// The question of a command about `address`, port 40000.
fn question(command: Command, ip: IpAddr, evidence: Evidence) -> Ask<'static> {
    let socket = SocketAddr::new(ip, 40_000);
    let other = SocketAddr::new([192, 0, 2, 200].into(), 40_000);
    let arrival = |filter| Ask::Arrival { from: socket, filter, evidence };
    match command {
        Command::Target => Ask::Target { to: socket, evidence },
        Command::Filter => Ask::Filter { host: ip, evidence },
        Command::Arrival => arrival(Filter::Open),
        Command::ArrivalNamed => arrival(Filter::Socket(socket)),
        Command::ArrivalOther => arrival(Filter::Socket(other)),
        Command::File => Ask::Transfer { peer: ip, cargo: Cargo::File, moved: ANY, evidence },
        Command::Listing => Ask::Transfer { peer: ip, cargo: Cargo::Listing, moved: ANY, evidence },
    }
}

/// What the page says. `None` is a refusal.
fn page(
    policy: Policy,
    anonymous: bool,
    (class, listed): (Class, bool),
    command: Command,
    evidence: Evidence,
) -> Option<Grant> {
    let proof = evidence == Evidence::Rendezvous;
    let passive = !matches!(command, Command::Target | Command::Filter);
    // "The same with SOCK as filter: must match SOCK", whatever else holds.
    if command == Command::ArrivalOther {
        return None;
    }
    // A passive data connection that resumed the control connection's TLS session is the own host's.
    if passive && evidence == Evidence::ResumedSession || class == Class::Own {
        return Some(Grant::Own);
    }
    // "Under `never`, and for anonymous accounts, both foreign columns are refused"; listings never go
    // abroad.
    if policy == Policy::Never || anonymous || command == Command::Listing {
        return None;
    }
    // "Any address may try; the proof decides": where nobody is named, and for the transfer that follows.
    if proof && matches!(command, Command::Arrival | Command::File) {
        return Some(Grant::AfterProof);
    }
    let listed = listed && policy == Policy::Listed;
    match class {
        Class::Special | Class::Loopback => return None,
        Class::Private if !listed => return None,
        Class::Own | Class::Private | Class::Public => {}
    }
    match policy {
        Policy::Never => None,
        Policy::Proven => proof.then_some(Grant::AfterProof),
        Policy::Any if command == Command::Arrival => None,
        Policy::Listed if !listed => None,
        Policy::Any | Policy::Listed => Some(if proof { Grant::AfterProof } else { Grant::Foreign }),
    }
}

#[test]
fn b18_the_table_of_the_page_holds_for_every_policy_user_address_command_and_evidence() {
    let mut cells = 0;
    for policy in POLICIES {
        for anonymous in [false, true] {
            let asker = Asker {
                peer: [198, 51, 100, 7].into(),
                scope: 0,
                local: [203, 0, 113, 1].into(),
                proxied: false,
                anonymous,
            };
            for (text, class, listed) in ADDRESSES {
                for (command, evidence) in
                    COMMANDS.into_iter().flat_map(|command| EVIDENCE.map(|evidence| (command, evidence)))
                {
                    let ask = question(command, text.parse().unwrap(), evidence);
                    let found = decide(&rules(policy), &asker, &ask).ok();
                    let wanted = page(policy, anonymous, (class, listed), command, evidence);
                    assert_eq!(found, wanted, "{policy:?} {anonymous} {text} {command:?} {evidence:?}");
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 4 * 2 * 18 * 7 * 4);
}
