//! What a hostile account sends to a server.

use super::PASSWORD;
use super::plan::Plan;
use crate::sim::random::Random;
use std::net::SocketAddr;

impl Plan {
    /// A login and commands that a number chooses; some of them name these ports, at which somebody may listen.
    pub(super) fn hostile_words(&self, choice: u64, ports: &[SocketAddr]) -> String {
        let mut random = Random::new(choice);
        let names: Vec<&String> = self.source.keys().chain(self.destination.keys()).collect();
        let mut text = format!("USER eve\r\nPASS {PASSWORD}\r\n");
        for _ in 0..1 + random.below(20) {
            let name = format!("tree/{}", names[random.length(names.len() - 1)]);
            let words = match ports.get(random.length(2 * ports.len())) {
                Some(port) => {
                    let verb = random.pick(["EPRT |1|", "SOCK "]);
                    format!("{verb}{}|{}|\r\nRETR NAME", port.ip(), port.port())
                }
                None => random.pick(COMMANDS).to_owned(),
            };
            text += &words.replace("NAME", &name);
            text += "\r\n";
        }
        text
    }
}

/// What it sends; `NAME` is that of a file.
const COMMANDS: [&str; 18] = [
    "DELE NAME",
    "STOR NAME",
    "APPE NAME",
    "RNFR NAME\r\nRNTO NAME.eve",
    "MFMT 20200101000000 NAME",
    "MKD NAME.eve",
    "RMD tree",
    "SITE COPY NAME NAME.eve",
    "SITE CHMOD 000 NAME",
    "SITE SYNC",
    "LSTN R",
    "RNDZ 0 00000000000000000000000000000000",
    "PASV\r\nRETR NAME",
    "ABOR",
    "LIST -R tree",
    "REIN",
    "RATE 1",
    "PACK DELETE",
];
