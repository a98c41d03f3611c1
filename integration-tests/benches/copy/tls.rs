//! A large file inside TLS, down and up, with curl.

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::{Desk, Kind, Skipped, Tool};

use crate::contender::{CROWD, Contender, Door, Purpose};
use crate::figures::{GIB, Spread, met};
use crate::plan::{FILE, Plan};
use crate::process::cpu_seconds_of_children;
use crate::suite::turns;

/// The targets with curl: times the best peer's rate, and how much of its processor time.
const SPEED: f64 = 1.2;
const CPU: f64 = 0.7;

const COPY: &str = "copy.bin";

/// GiB/s, and CPU seconds of the servers for one GiB, in each round.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) rates: Vec<f64>,
    pub(crate) costs: Vec<f64>,
}

impl Row {
    /// Runs one copy.
    pub(crate) fn run(&mut self, plan: &Plan, servers: &[&Contender], copy: impl FnOnce()) {
        let spent = || servers.iter().map(|server| server.cpu().total()).sum::<f64>();
        let (start, before) = (Instant::now(), spent());
        copy();
        let (seconds, gib) = (start.elapsed().as_secs_f64(), plan.bytes() as f64 / GIB);
        self.rates.push(gib / seconds);
        self.costs.push((spent() - before) / gib);
    }

    pub(crate) fn rate(&self) -> f64 {
        Spread::of(&self.rates).median
    }

    pub(crate) fn cost(&self) -> f64 {
        Spread::of(&self.costs).median
    }
}

/// Part `tls`; `file` is the large file.
pub(crate) fn curl(plan: &Plan, place: &Path, file: &Path) {
    let curl = match Tool::debian("curl", &["curl"], "bin/curl") {
        Ok(curl) => curl,
        Err(Skipped(reason)) => return println!("curl skipped: {reason}\n"),
    };
    let kinds = &[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd];
    let purpose = Purpose { kinds, tls: true, args: CROWD };
    let servers = Contender::all(plan, place, purpose, &|root| fs::hard_link(file, root.join(FILE)).unwrap());
    let desk = Desk::new();
    let run = |server: &Contender, more: &[&str], name: &str| {
        let Door { at, user, password } = server.door();
        let (login, url) = (format!("{user}:{password}"), format!("ftp://{at}/{}", server.named(name)));
        let common = ["-sS", "--ssl-reqd", "-k", "--disable-eprt", "--user", &login];
        desk.run(&curl, &[&common, more, &[&url]].concat());
    };
    let file = file.to_str().unwrap();
    for (way, more, name) in [("down", ["-o", "/dev/null"], FILE), ("up", ["-T", file], COPY)] {
        let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
        // What curl itself spends in each round with our server: no server makes it faster than that.
        let mut own = Vec::new();
        for round in 0..plan.rounds {
            for turn in turns(round, servers.len()) {
                let server = &servers[turn];
                let before = cpu_seconds_of_children();
                rows[turn].run(plan, &[server], || run(server, &more, name));
                if turn == 0 {
                    own.push(cpu_seconds_of_children().since(before).total() / (plan.bytes() as f64 / GIB));
                }
                if name == COPY {
                    let copy = server.path(COPY);
                    assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
                    fs::remove_file(copy).unwrap();
                }
            }
        }
        println!("{:<22}      GiB/s                CPU s/GiB of the server", format!("curl {way}, PROT P"));
        for (server, row) in servers.iter().zip(&rows) {
            println!("{:<22}   {}   {}", server.name, Spread::of(&row.rates), Spread::of(&row.costs));
        }
        let own = Spread::of(&own);
        println!(
            "curl itself, with ours                           {own}   (so no more than {:.2} GiB/s)",
            1.0 / own.median
        );
        let peers = || rows.iter().zip(&servers).filter(|(_, server)| is_peer(server)).map(|(row, _)| row);
        let best = peers().map(Row::rate).max_by(f64::total_cmp);
        let least = peers().map(Row::cost).min_by(f64::total_cmp);
        if let (Some(best), Some(least)) = (best, least) {
            let (speed, cpu) = (rows[0].rate() / best, rows[0].cost() / least);
            println!(
                "target: {speed:.2} times the best peer's rate, at least {SPEED}: {}",
                met(speed >= SPEED)
            );
            println!(
                "target: {cpu:.2} of the least CPU time of a peer, at most {CPU}: {}\n",
                met(cpu <= CPU)
            );
        }
    }
}

pub(crate) fn is_peer(server: &Contender) -> bool {
    !matches!(server.name, "ftp-server" | "baseline")
}
