//! Who has no business here: connects to listening ports, stands where a bounce aims at, lies.

use super::scenario::{Manners, Target, Trouble};
use super::wire::{End, Owner};
use super::world::{Event, World};
use ftp_proto::address::SockTarget;
use ftp_proto::command::Command;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::server::ask::Ending;
use ftp_proto::third_party::Side;
use std::net::{IpAddr, SocketAddr};

impl World {
    /// Where a bounce aims at.
    pub(super) fn stranger_address(&self) -> SocketAddr {
        let host: &str = if self.scenario.v6 { "2001:db8:66::66" } else { "203.0.113.66" };
        SocketAddr::new(host.parse().expect("an address"), 5_555)
    }

    /// What stands there.
    pub(super) fn bounce_target(&self) -> Option<Target> {
        if self.has(Trouble::LyingPassive) {
            return Some(Target::Listener(Manners::Silent));
        }
        self.scenario
            .troubles
            .iter()
            .find_map(|trouble| if let Trouble::Bounce(target) = trouble { Some(*target) } else { None })
    }

    /// A listener has opened: whoever scans for it finds it.
    pub(super) fn strangers_notice(&mut self, at: SocketAddr) {
        for number in 0..self.scenario.strangers.len() {
            let when = self.now + self.scenario.strangers[number].after;
            self.schedule(when, Event::Stranger { number, at });
        }
    }

    pub(super) fn stranger_comes(&mut self, number: usize, at: SocketAddr) {
        let Some(&(side, listener)) = self.wire.listeners.get(&at) else { return };
        let stranger = self.scenario.strangers[number];
        let host: IpAddr =
            if stranger.at_peer { self.address(side.other()) } else { self.stranger_address().ip() };
        let port = u16::try_from(20_000 + self.random.below(10_000)).unwrap_or(20_000);
        let from = SocketAddr::new(host, port);
        let owner = self.new_conn(side);
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(Owner::Stranger(stranger.manners), from), End::new(owner, at)]);
        self.accepted(conn, owner, Some(listener), from);
        self.stranger_begins(conn, 0, stranger.manners);
    }

    pub(super) fn stranger_begins(&mut self, conn: usize, end: usize, manners: Manners) {
        match manners {
            Manners::Silent | Manners::Mirror => {}
            Manners::Garbage => {
                let garbage = self.random.octets(100);
                self.send_data(conn, end, garbage);
            }
            Manners::Banner => self.send_data(conn, end, b"220 mail.example ESMTP\r\n".to_vec()),
            Manners::Guess => {
                let mut octets = b"RNDZ1\r\n\0\0".to_vec();
                octets.extend(self.random.octets(23 + 32));
                self.send_data(conn, end, octets);
            }
            Manners::Leave(how) => self.close_end(conn, end, how),
        }
    }

    pub(super) fn stranger_hears(&mut self, conn: usize, end: usize, manners: Manners) {
        let this = self.wire.end_mut(conn, end);
        let octets: Vec<u8> = this.inbox.drain(..).collect();
        let over = this.over.is_some();
        if manners == Manners::Mirror && !octets.is_empty() && !this.shut {
            self.send_data(conn, end, octets);
        }
        if over {
            self.close_end(conn, end, Ending::Close);
        }
    }

    /// What a hostile coordinator says instead: another secret, another target.
    pub(super) fn twist(&mut self, side: Side, command: Command) -> Command {
        if let Command::Rndz(Some(_)) = command
            && self.has(Trouble::WrongSecret(side))
        {
            return Command::Rndz(Some(RendezvousSecret::new(self.random.array())));
        }
        let bounces = |trouble: &Trouble| matches!(trouble, Trouble::Bounce(_));
        if side == self.scenario.roles.passive || !self.scenario.troubles.iter().any(bounces) {
            return command;
        }
        let aim = self.stranger_address();
        if let Command::Sock(_) = command {
            return Command::Sock(SockTarget { host: Some(aim.ip()), port: aim.port() });
        }
        match (&command, aim) {
            (Command::Port(_), SocketAddr::V4(aim)) => Command::Port(aim),
            (Command::Eprt(_), _) => Command::Eprt(aim),
            _ => command,
        }
    }

    /// What a lying server says instead of its own address in a 227.
    pub(super) fn lie(&mut self, side: Side, octets: Vec<u8>) -> Vec<u8> {
        let lies = side == self.scenario.roles.passive && self.has(Trouble::LyingPassive);
        if !lies || !octets.starts_with(b"227") {
            return octets;
        }
        let commas = |ip: IpAddr| ip.to_string().replace('.', ",");
        let (own, other) = (commas(self.address(side)), commas(self.stranger_address().ip()));
        String::from_utf8_lossy(&octets).replace(&own, &other).into_bytes()
    }
}
