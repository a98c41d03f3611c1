//! What is seen of the data connections of an attempt: the addresses of both servers there, and how many strangers were
//! refused. It is as the servers and the relay tell it.

use crate::outcome::TransferFacts;
use ftp_proto::command::Command;
use ftp_proto::reply::{Reply, facts_of_peer};
use ftp_proto::transfer::Side;
use std::net::{IpAddr, SocketAddr};

/// What was seen so far. Of two values, the first one is that of the source.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    addresses: [Option<SocketAddr>; 2],
    strangers: [Option<u32>; 2],
}

impl Observed {
    /// A command was sent to a server that has its data connection with the other one: it may name the address of that one.
    pub(super) fn sent(&mut self, side: Side, command: &Command) {
        let named = |host: Option<IpAddr>, port| host.map(|host| SocketAddr::new(host, port));
        #[allow(clippy::wildcard_enum_match_arm, reason = "other commands name no address")]
        let at = match command {
            Command::Port(at) => Some(SocketAddr::V4(*at)),
            Command::Eprt(at) => Some(*at),
            Command::Sock(target) => named(target.host, target.port),
            _ => None,
        };
        if let Some(at) = at.filter(|at| at.port() != 0) {
            self.is_at(side.other(), at);
        }
    }

    /// A server has said how its transfer has ended: it may tell who the other end was, and how many strangers came.
    pub(super) fn heard(&mut self, side: Side, reply: &Reply) {
        let facts = facts_of_peer(&reply.lines);
        if let Some(peer) = facts.peer {
            self.is_at(side.other(), peer);
        }
        if let Some(count) = facts.strangers {
            self.refused(side, count);
        }
    }

    /// That server has this address at its data connection.
    pub(super) fn is_at(&mut self, side: Side, at: SocketAddr) {
        if let Some(address) = self.addresses.get_mut(place(side)) {
            *address = Some(at);
        }
    }

    /// So many more strangers were refused at the data port of that server.
    fn refused(&mut self, side: Side, count: u32) {
        if let Some(strangers) = self.strangers.get_mut(place(side)) {
            *strangers = Some(strangers.unwrap_or(0).saturating_add(count));
        }
    }

    /// So many strangers were refused there in all.
    pub(super) fn has_refused(&mut self, side: Side, count: u32) {
        if let Some(strangers) = self.strangers.get_mut(place(side)) {
            *strangers = Some(count);
        }
    }

    /// The same for a receipt.
    pub(super) fn facts(&self) -> TransferFacts {
        TransferFacts { addresses: self.addresses, strangers: self.strangers, ..TransferFacts::NONE }
    }
}

/// The place of a side in two values.
fn place(side: Side) -> usize {
    usize::from(side == Side::Destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::address::SockTarget;
    use ftp_proto::reply::Code;

    #[test]
    fn n12_the_addresses_are_those_that_commands_name_unless_a_server_knows_better() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let SocketAddr::V4(port) = at("192.0.2.2:7000") else { panic!("not of IPv4") };
        let mut observed = Observed::default();
        observed.sent(Side::Source, &Command::Port(port));
        assert_eq!(observed.facts().addresses, [None, Some(at("192.0.2.2:7000"))]);
        observed.sent(Side::Source, &Command::Eprt(at("[2001:db8::2]:1")));
        assert_eq!(observed.facts().addresses, [None, Some(at("[2001:db8::2]:1"))]);
        // A filter that names no port tells nothing.
        let filter = |port| Command::Sock(SockTarget { host: Some([192, 0, 2, 1].into()), port });
        observed.sent(Side::Destination, &filter(0));
        assert_eq!(observed.facts().addresses[0], None);
        observed.sent(Side::Destination, &filter(20));
        assert_eq!(observed.facts().addresses[0], Some(at("192.0.2.1:20")));
        let reply = |lines: &[&str]| Reply {
            code: Code(226),
            lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        };
        observed.heard(
            Side::Destination,
            &reply(&["Peer 198.51.100.1:40000 proven-by=rndz", "Strangers-refused 2", "Done."]),
        );
        observed.heard(Side::Destination, &reply(&["Strangers-refused 1", "Done."]));
        observed.heard(Side::Source, &reply(&["Done."]));
        let facts = observed.facts();
        assert_eq!(facts.addresses, [Some(at("198.51.100.1:40000")), Some(at("[2001:db8::2]:1"))]);
        assert_eq!(facts.strangers, [None, Some(3)]);
    }
}
