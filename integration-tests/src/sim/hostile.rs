//! A hostile account: it sends any commands in any order, at both servers at once, and aims at a victim.

use super::SIDES;
use super::place::user_address;
use super::user::Phase;
use super::world::{Event, World};
use ftp_proto::transfer::Side;
use std::net::IpAddr;
use std::time::Duration;

/// Lines that need no address. `#` becomes 64 hex digits, `%` the certificate of the victim.
const LINES: [&str; 32] = [
    "SSCN ON",
    "SSCN OFF",
    "PINC SHA-256 #",
    "PINC SHA-256 %",
    "PINC OFF",
    "CPSV",
    "PROT C",
    "PROT P",
    "RNDZ #",
    "RNDZ",
    "LSTN R",
    "LSTN S",
    "PASV",
    "EPSV",
    "EPSV ALL",
    "ACTV",
    "GSOC",
    "REST 1",
    "ABOR",
    "ABOR",
    "RETR from",
    "RETR from",
    "RETR none",
    "STOR new",
    "APPE new",
    "LIST",
    "NLST",
    "MLSD",
    "STAT",
    "NOOP",
    "TYPE I",
    "REIN",
];
const TRANSFERS: [&str; 3] = ["RETR from", "STOR new", "APPE new"];
/// The ports of the victim. What stands there depends on the number.
const PORTS: std::ops::Range<u64> = 5_550..5_580;

impl World {
    /// Both sessions log in, and the script begins.
    pub(super) fn begin_hostilities(&mut self) {
        self.user.phase = Phase::Over;
        for side in SIDES {
            self.greet(side);
            if self.scenario.tls.is_none() {
                self.log_in(side);
            }
            self.hosts.at_mut(side).script = 10 + self.random.length(90);
            self.schedule_within(Duration::from_secs(1), Event::Script(side));
        }
    }

    fn log_in(&mut self, side: Side) {
        let user = self.scenario.account;
        let private = if self.scenario.tls.is_some() { "PBSZ 0\r\nPROT P\r\n" } else { "" };
        let password = super::host::PASSWORD_TEXT;
        let lines = format!("USER {user}\r\nPASS {password}\r\nTYPE I\r\n{private}");
        self.user_sends(side, lines.into_bytes());
    }

    /// The next line of the script, or several at once.
    pub(super) fn script_goes_on(&mut self, side: Side) {
        if self.hosts.at(side).is_gone() {
            return self.user_closes(side);
        }
        let left = &mut self.hosts.at_mut(side).script;
        if *left == 0 {
            return if self.random.once_in(2) { self.cut(side) } else { self.user_closes(side) };
        }
        *left -= 1;
        let lines = if self.random.once_in(3) { vec![self.some_line()] } else { self.some_attack() };
        for line in lines {
            self.say(side, format!("> {line}"));
            if line == "REIN" {
                self.user_sends(side, b"REIN\r\n".to_vec());
                if self.scenario.tls.is_none() {
                    self.log_in(side);
                }
            } else {
                self.user_sends(side, format!("{line}\r\n").into_bytes());
            }
        }
        let pause = self.random.pick([0, 0, 1, 300, 4_000, 20_000]);
        self.schedule_within(Duration::from_millis(pause), Event::Script(side));
    }

    /// A whole attack: a secret, a target, a transfer, and sometimes an early end.
    fn some_attack(&mut self) -> Vec<String> {
        let mut lines = vec![self.fill("RNDZ #"), self.some_target()];
        if self.scenario.tls.is_some() && self.random.once_in(2) {
            let pin = self.fill("PINC SHA-256 %");
            lines.splice(0..0, ["SSCN ON".to_owned(), pin]);
        }
        if self.random.once_in(4) {
            lines.push("REST 1".to_owned());
        }
        lines.push(self.random.pick(TRANSFERS).to_owned());
        if self.random.once_in(8) {
            lines.push("ABOR".to_owned());
        }
        lines
    }

    fn some_line(&mut self) -> String {
        if self.random.once_in(3) {
            return self.some_target();
        }
        let line = self.random.pick(LINES);
        self.fill(line)
    }

    fn fill(&mut self, line: &str) -> String {
        let secret: [u8; 32] = self.random.array();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let victim = super::tls::leaf_of_stranger().to_hex();
        line.replace('#', &hex).replace('%', &victim)
    }

    /// A command that names a target: mostly the victim, or the other server, this one, or this very host.
    fn some_target(&mut self) -> String {
        let victim = self.stranger_address().ip();
        let [source, destination] = SIDES.map(|side| self.address(side));
        let own = user_address(&self.scenario);
        let ip = self.random.pick([victim, victim, victim, victim, source, destination, own]);
        let port = PORTS.start + self.random.below(PORTS.end - PORTS.start);
        let comma = |ip: IpAddr| ip.to_string().replace('.', ",");
        match (self.random.below(3), ip) {
            (0, IpAddr::V4(_)) => format!("PORT {},{},{}", comma(ip), port >> 8, port & 0xff),
            (1, ip) => format!("EPRT |{}|{ip}|{port}|", if ip.is_ipv4() { 1 } else { 2 }),
            (_, ip) => format!("SOCK {ip},{port}"),
        }
    }

    /// What a server says to a hostile account.
    pub(super) fn hostile_hears(&mut self, side: Side, piece: Option<&[u8]>) {
        match piece {
            Some(bytes) => {
                let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
                self.say(side, format!("< {text}"));
                // Nothing that is said before the handshake is heard.
                if self.scenario.tls.is_some() && text.starts_with("220 ") {
                    self.log_in(side);
                }
            }
            None => self.user_closes(side),
        }
    }
}
