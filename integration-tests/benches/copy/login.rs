//! Logins: how many clients a server has connect, log in, fetch 1 KiB and leave in a second, and what each
//! costs it.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use integration_tests::foreign::Kind;

use crate::client::Client;
use crate::contender::{CROWD, Contender, Door, Purpose};
use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::suite::turns;

const SMALL: &str = "small.bin";
const SIZE: usize = 1024;
/// Clients at the same time.
const CLIENTS: usize = 16;
/// How long a server has its turn in a round.
const TURN: Duration = Duration::from_millis(1_000);

/// The targets: times the rate of Pure-FTPd, and milliseconds of the processor for each client.
const SPEED: f64 = 2.0;
const CPU: f64 = 0.4;

/// What every round has shown of one server: clients in a second, and milliseconds of its processor time for each.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    costs: Vec<f64>,
}

impl Row {
    fn run(&mut self, server: &Contender) {
        let before = server.cpu();
        let start = Instant::now();
        let (door, name) = (server.door(), server.named(SMALL));
        let clients: usize = thread::scope(|scope| {
            let all: Vec<_> =
                (0..CLIENTS).map(|_| scope.spawn(|| visits(&door, &name, start + TURN))).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        let seconds = start.elapsed().as_secs_f64();
        self.rates.push(clients as f64 / seconds);
        self.costs.push(server.cpu().since(before).total() * 1000.0 / clients as f64);
    }
}

/// One client after the other until `end`, at least one; how many.
fn visits(door: &Door, name: &str, end: Instant) -> usize {
    let mut count = 0;
    while count == 0 || Instant::now() < end {
        let mut client = Client::login(door);
        assert_eq!(client.retrieve(name, read_all), SIZE as u64);
        client.ask("QUIT", "221");
        count += 1;
    }
    count
}

fn read_all(mut data: TcpStream) -> u64 {
    let (mut all, mut room) = (0, [0; 2 * SIZE]);
    while let read @ 1.. = data.read(&mut room).unwrap() {
        all += read as u64;
    }
    all
}

pub(crate) fn table(plan: &Plan, place: &Path) {
    let kinds = &[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
    let purpose = Purpose { kinds, tls: false, args: CROWD };
    let servers = Contender::all(plan, place, purpose, &|root| {
        std::fs::write(root.join(SMALL), [7; SIZE]).unwrap();
    });
    let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
    for server in &servers {
        visits(&server.door(), &server.named(SMALL), Instant::now());
    }
    for round in 0..plan.rounds {
        turns(round, servers.len()).for_each(|turn| rows[turn].run(&servers[turn]));
    }
    println!("login, RETR of 1 KiB, QUIT; {CLIENTS} clients at once, median (min - max)");
    println!("                             clients/s         CPU ms of the server for each");
    for (server, row) in servers.iter().zip(&rows) {
        let Spread { least, median, most } = Spread::of(&row.rates);
        let cost = Spread::of(&row.costs);
        println!("{:<12}   {median:6.0} ({least:5.0} - {most:5.0})   {cost:>22}", server.name);
    }
    let median = |row: &Row| Spread::of(&row.rates).median;
    let named = |name: &str| servers.iter().position(|server| server.name == name).map(|at| &rows[at]);
    if let Some(pure) = named(Kind::PureFtpd.name()) {
        let ratio = median(&rows[0]) / median(pure);
        println!("target: {ratio:.2} times the rate of pure-ftpd, at least {SPEED}: {}", met(ratio >= SPEED));
    }
    let best = servers.iter().zip(&rows).skip(1).filter(|(server, _)| server.name != "baseline");
    if let Some(best) = best.map(|(_, row)| Spread::of(&row.rates).most).max_by(f64::total_cmp) {
        println!("{:.2} times the best run of any other server", median(&rows[0]) / best);
    }
    let cost = Spread::of(&rows[0].costs).median;
    println!("target: {cost:.2} ms for each client, at most {CPU}: {}\n", met(cost <= CPU));
}
