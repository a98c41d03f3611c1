//! What hostile ones say, and where they stand.

use super::scenario::{Manners, Obstacle, Target};
use super::world::World;
use ftp_proto::address::SockTarget;
use ftp_proto::command::Command;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::server::ask::Ending;
use ftp_proto::transfer::Side;
use std::net::{IpAddr, SocketAddr};

impl World {
    /// Where a bounce aims at.
    pub(super) fn stranger_address(&self) -> SocketAddr {
        let host: &str = if self.scenario.v6 { "2001:db8:66::66" } else { "203.0.113.66" };
        SocketAddr::new(host.parse().expect("an address"), 5_555)
    }

    /// What stands at an address that is no listener of a server or a relay.
    pub(super) fn stands_at(&self, at: SocketAddr) -> Option<Target> {
        if self.scenario.is_hostile() {
            return self.victim_at(at);
        }
        self.bounce_target().filter(|_| at == self.stranger_address())
    }

    /// What stands at an address of the victim of a hostile account.
    fn victim_at(&self, at: SocketAddr) -> Option<Target> {
        let all = [
            Target::Closed,
            Target::Dead,
            Target::Listener(Manners::Silent),
            Target::Listener(Manners::Garbage),
            Target::Listener(Manners::Banner),
            Target::Listener(Manners::Mirror),
            Target::Listener(Manners::Guess),
            Target::Listener(Manners::Leave(Ending::Close)),
            Target::Listener(Manners::Leave(Ending::Reset)),
            Target::Listener(Manners::Web),
        ];
        let here = at.ip() == self.stranger_address().ip();
        here.then(|| all[usize::from(at.port()) % all.len()])
    }

    fn bounce_target(&self) -> Option<Target> {
        if self.has(Obstacle::LyingPassive) {
            return Some(Target::Listener(Manners::Silent));
        }
        self.scenario
            .obstacles
            .iter()
            .find_map(|obstacle| if let Obstacle::Bounce(target) = obstacle { Some(*target) } else { None })
    }

    /// What a hostile coordinator says instead: another secret, another target.
    pub(super) fn twist(&mut self, side: Side, command: Command) -> Command {
        if let Command::Rndz(Some(_)) = command
            && self.has(Obstacle::WrongSecret(side))
        {
            return Command::Rndz(Some(RendezvousSecret::new(self.random.array())));
        }
        let bounces = |obstacle: &Obstacle| matches!(obstacle, Obstacle::Bounce(_));
        if !self.scenario.is_active(side) || !self.scenario.obstacles.iter().any(bounces) {
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
    pub(super) fn lie(&mut self, side: Side, bytes: Vec<u8>) -> Vec<u8> {
        let bytes = self.lie_about_files(side, bytes);
        let lies = side == self.scenario.roles.passive && self.has(Obstacle::LyingPassive);
        if !lies || !bytes.starts_with(b"227") {
            return bytes;
        }
        let commas = |ip: IpAddr| ip.to_string().replace('.', ",");
        let (own, other) = (commas(self.address(side)), commas(self.stranger_address().ip()));
        String::from_utf8_lossy(&bytes).replace(&own, &other).into_bytes()
    }
}
