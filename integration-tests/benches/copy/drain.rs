//! A large file to a client that takes it without copying: what the server's side alone can do, beside the
//! limit program and other servers; and what a digest on the way costs.

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::Kind;

use crate::client::{Client, drop_all};
use crate::contender::{CROWD, Contender, Purpose};
use crate::figures::{GIB, Spread, met, ratios};
use crate::limit;
use crate::plan::{FILE, Plan};
use crate::suite::turns;

/// The targets: the rate as a part of the limit's, and what of it a digest may take.
const SPEED: f64 = 0.9;
const LOSS: f64 = 0.15;

/// What every round has shown: GiB/s, and CPU seconds for one GiB.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    costs: Vec<f64>,
}

impl Row {
    fn add(&mut self, plan: &Plan, seconds: f64, cpu: f64) {
        let gib = plan.bytes() as f64 / GIB;
        self.rates.push(gib / seconds);
        self.costs.push(cpu / gib);
    }

    fn print(&self, name: &str) {
        println!("{name:<16}   {}   {}", Spread::of(&self.rates), Spread::of(&self.costs));
    }
}

fn retrieve(plan: &Plan, server: &Contender, before: Option<&str>) -> (f64, f64) {
    let spent = server.cpu();
    let mut client = Client::login(&server.door());
    if let Some(command) = before {
        client.ask(command, "200");
    }
    let start = Instant::now();
    let bytes = client.retrieve(&server.named(FILE), |data| drop_all(&data));
    let seconds = start.elapsed().as_secs_f64();
    client.ask("QUIT", "221");
    assert_eq!(bytes, plan.bytes());
    (seconds, server.cpu().since(spent).total())
}

/// Part `drain`; `file` is the large file.
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path) {
    let kinds = &[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
    let purpose = Purpose { kinds, tls: false, args: CROWD };
    let servers = Contender::all(plan, place, purpose, &|root| fs::hard_link(file, root.join(FILE)).unwrap());
    let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
    let mut bound = Row::default();
    for round in 0..plan.rounds {
        for turn in turns(round, servers.len() + 1) {
            match servers.get(turn) {
                Some(server) => {
                    let (seconds, cpu) = retrieve(plan, server, None);
                    rows[turn].add(plan, seconds, cpu);
                }
                None => {
                    let (seconds, spent) = limit::drained(file);
                    bound.add(plan, seconds, spent.total());
                }
            }
        }
    }
    println!(
        "RETR of {}, dropped         GiB/s                CPU s/GiB",
        crate::figures::size(plan.bytes())
    );
    servers.iter().zip(&rows).for_each(|(server, row)| row.print(server.name));
    bound.print("limit");
    let ratio = ratios(&rows[0].rates, &bound.rates);
    println!("target: {ratio} of the limit, at least {SPEED}: {}\n", met(ratio.median >= SPEED));
}

/// Part `digest`; `file` is the large file.
pub(crate) fn digests(plan: &Plan, place: &Path, file: &Path) {
    let purpose = Purpose { kinds: &[], tls: false, args: CROWD };
    let fill = |root: &Path| fs::hard_link(file, root.join(FILE)).unwrap();
    let server = Contender::ours("digest", None, place, purpose, &fill);
    let ways = [("no digest", None), ("BLAKE3", Some("DGST BLAKE3")), ("SHA-256", Some("DGST SHA-256"))];
    let mut rows = ways.map(|_| Row::default());
    for round in 0..plan.rounds {
        for turn in turns(round, ways.len()) {
            let (seconds, cpu) = retrieve(plan, &server, ways[turn].1);
            rows[turn].add(plan, seconds, cpu);
        }
    }
    println!("RETR with a digest          GiB/s                CPU s/GiB");
    ways.iter().zip(&rows).for_each(|((name, _), row)| row.print(name));
    let loss = 1.0 - ratios(&rows[1].rates, &rows[0].rates).median;
    println!("target: BLAKE3 takes {loss:.2} of the rate, at most {LOSS}: {}\n", met(loss <= LOSS));
}
