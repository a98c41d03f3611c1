//! Logins: how many clients a server has connect, log in, fetch 1 KiB and leave in a second, and what each
//! costs it.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::contender::{CROWD, Contender, Door, KINDS, Purpose};
use crate::plan::Plan;
use crate::report::Report;
use crate::suite::turns;

const SMALL: &str = "small.bin";
const SIZE: usize = 1024;
/// Clients at the same time.
const CLIENTS: usize = 16;
/// How long a server has its turn in a round.
const TURN: Duration = Duration::from_millis(1_000);

fn run(server: &Contender, report: &mut Report) {
    let before = server.cpu();
    let start = Instant::now();
    let (door, name) = (server.door(), server.named(SMALL));
    let clients: usize = thread::scope(|scope| {
        let all: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| visits(&door, &name, start + TURN))).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    let seconds = start.elapsed().as_secs_f64();
    let cost = server.cpu().since(before).total() * 1000.0;
    report.add("login, RETR of 1 KiB, QUIT, 16 at once", "clients/s", server.name, clients as f64 / seconds);
    report.add("login, RETR of 1 KiB, QUIT, each", "CPU ms", server.name, cost / clients as f64);
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

pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    let purpose = Purpose { kinds: &KINDS, tls: false, args: CROWD };
    let fill = |root: &Path| std::fs::write(root.join(SMALL), [7; SIZE]).unwrap();
    let servers = Contender::all(plan, place, purpose, &fill, report);
    for server in &servers {
        visits(&server.door(), &server.named(SMALL), Instant::now());
    }
    for round in 0..plan.rounds {
        turns(round, servers.len()).for_each(|turn| run(&servers[turn], report));
    }
}
