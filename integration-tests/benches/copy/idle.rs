//! Idle sessions: what each costs in memory, and whether a transfer notices thousands of them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Instant;

use integration_tests::foreign::Kind;
use integration_tests::raw::Raw;
use integration_tests::site::sample;
use integration_tests::tls_client::TlsClient;

use crate::client::{Client, drop_all};
use crate::contender::{CROWD, Contender, Purpose};
use crate::figures::{GIB, Spread, met, ratios};
use crate::plan::Plan;
use crate::process::raise_descriptor_limit;
use crate::suite::turns;

/// Sessions of a server that has a process for each, and of pyftpdlib, which is slow to log them in.
const FEW: usize = 100;
const SOME: usize = 1_000;
/// Clients that log in at the same time.
const THREADS: usize = 4;
/// The targets: KiB for each session in clear and inside TLS, and MiB without any.
const PLAIN: f64 = 8.0;
const PRIVATE: f64 = 40.0;
const BASE: f64 = 12.0;
/// The target: the rate beside idle sessions, as a part of the rate without them.
const SPEED: f64 = 0.95;

const LARGE: &str = "large.bin";
const MIB: usize = 512;

pub(crate) fn table(plan: &Plan, place: &Path) {
    raise_descriptor_limit();
    println!("idle sessions      sessions   KiB of each   base MiB   (PSS)");
    memory(plan, place, None);
    memory(plan, place, Some(&TlsClient::new()));
    beside(plan, place);
}

/// Has `count` clients log in and say nothing more.
fn crowd(server: &Contender, count: usize, tls: Option<&TlsClient>) -> Vec<Raw> {
    let door = &server.door();
    thread::scope(|scope| {
        let share = |number: usize| count / THREADS + usize::from(number < count % THREADS);
        let all: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn(move || (0..share(number)).map(|_| door.enter(tls)).collect::<Vec<_>>())
            })
            .collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    })
}

fn memory(plan: &Plan, place: &Path, tls: Option<&TlsClient>) {
    let all = [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
    // TLS of pyftpdlib is not prepared.
    let kinds = if tls.is_some() { &all[..3] } else { &all[..] };
    let purpose = Purpose { kinds, tls: tls.is_some(), args: CROWD };
    let (word, most) = if tls.is_some() { ("TLS", PRIVATE) } else { ("plain", PLAIN) };
    let servers = Contender::all(plan, place, purpose, &|_| {});
    let mut ours = None;
    for server in &servers {
        let count = match server.name {
            "ftp-server" | "baseline" => plan.sessions,
            "pyftpdlib" => SOME,
            _ => FEW,
        };
        let base = server.pss_kib();
        let sessions = crowd(server, count, tls);
        let each = (server.pss_kib() - base) / sessions.len() as f64;
        ours.get_or_insert((each, base / 1024.0));
        println!("{:<12} {word:<5} {count:8}   {each:11.1}   {:8.1}", server.name, base / 1024.0);
    }
    if let Some((each, base)) = ours {
        println!("target: {each:.1} KiB for each, at most {most}: {}", met(each <= most));
        println!("target: {base:.1} MiB without sessions, at most {BASE}: {}\n", met(base <= BASE));
    }
}

/// One server with idle sessions and one without, in turn.
fn beside(plan: &Plan, place: &Path) {
    let fill = |root: &Path| {
        let mut file = File::create(root.join(LARGE)).unwrap();
        let block = sample(1 << 20);
        (0..MIB).for_each(|_| file.write_all(&block).unwrap());
    };
    let purpose = Purpose { kinds: &[], tls: false, args: CROWD };
    let server = |name| Contender::ours(name, None, place, purpose, &fill);
    let servers = [server("crowded"), server("quiet")];
    let _sessions = crowd(&servers[0], plan.sessions, None);
    let mut clients = servers.each_ref().map(|server| Client::login(&server.door()));
    let mut rates = [Vec::new(), Vec::new()];
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..=plan.rounds {
        for turn in turns(round, servers.len()) {
            let (start, before) = (Instant::now(), servers[turn].cpu());
            let bytes = clients[turn].retrieve(LARGE, |data| drop_all(&data)) as f64;
            let (seconds, spent) = (start.elapsed().as_secs_f64(), servers[turn].cpu().since(before));
            // The first round does not count.
            if round > 0 {
                rates[turn].push(bytes / GIB / seconds);
                costs[turn].push(spent.total() / (bytes / GIB));
            }
        }
    }
    println!("RETR beside idle sessions   sessions   GiB/s   CPU s/GiB");
    for (turn, sessions) in [plan.sessions, 0].into_iter().enumerate() {
        let (rate, cost) = (Spread::of(&rates[turn]).median, Spread::of(&costs[turn]).median);
        println!("{:<25}   {sessions:8}   {rate:5.2}   {cost:9.2}", "ftp-server");
    }
    let ratio = ratios(&rates[0], &rates[1]);
    println!("target: {ratio} of the rate, at least {SPEED}: {}\n", met(ratio.median >= SPEED));
}
