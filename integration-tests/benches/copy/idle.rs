//! Idle sessions: what each costs in memory, and whether a transfer notices thousands of them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Instant;

use integration_tests::performance::{BASELINE, SERVER};
use integration_tests::raw::Raw;
use integration_tests::site::sample;
use integration_tests::tls_client::TlsClient;

use crate::client::{Client, drop_all};
use crate::contender::{CROWD, Contender, KINDS, KINDS_WITH_TLS, Purpose};
use crate::plan::Plan;
use crate::process::raise_descriptor_limit;
use crate::report::Report;
use crate::suite::turns;

/// Sessions of a server that has a process for each, and of pyftpdlib, which is slow to log them in.
const FEW: usize = 100;
const SOME: usize = 1_000;
/// Sessions are counted when so many parts of them are there.
const STEPS: usize = 4;
/// Clients that log in at the same time.
const THREADS: usize = 4;
const LARGE: &str = "large.bin";
const MIB: usize = 512;

pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    raise_descriptor_limit();
    memory(plan, place, None, report);
    memory(plan, place, Some(&TlsClient::new()), report);
    beside(plan, place, report);
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

fn memory(plan: &Plan, place: &Path, tls: Option<&TlsClient>, report: &mut Report) {
    let kinds = if tls.is_some() { KINDS_WITH_TLS } else { &KINDS };
    let purpose = Purpose { kinds, tls: tls.is_some(), args: CROWD };
    let (session, empty) = if tls.is_some() {
        ("idle session inside TLS (PSS)", "TLS server without sessions (PSS)")
    } else {
        ("idle session in clear (PSS)", "server without sessions (PSS)")
    };
    let servers = Contender::all(plan, place, purpose, &|_| {}, report);
    for server in &servers {
        let count = match server.name {
            SERVER | BASELINE => plan.sessions,
            "pyftpdlib" => SOME,
            _ => FEW,
        };
        let base = server.pss_kib();
        let mut sessions = Vec::new();
        for step in 1..=STEPS {
            let more = count * step / STEPS - sessions.len();
            sessions.extend(crowd(server, more, tls));
            let now = server.pss_kib() / 1024.0;
            if tls.is_none() {
                let what = ("server with idle sessions, how many", "MiB");
                report.curve(what, sessions.len() as f64, server.name, &[now]);
            }
        }
        let each = (server.pss_kib() - base) / sessions.len() as f64;
        report.add(session, "KiB", server.name, each);
        report.add(empty, "MiB", server.name, base / 1024.0);
    }
}

/// One server with idle sessions and one without, in turn.
fn beside(plan: &Plan, place: &Path, report: &mut Report) {
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
    for round in 0..=plan.rounds {
        for turn in turns(round, servers.len()) {
            let (start, before) = (Instant::now(), servers[turn].cpu());
            let bytes = clients[turn].retrieve(LARGE, |data| drop_all(&data));
            let (seconds, spent) = (start.elapsed().as_secs_f64(), servers[turn].cpu().since(before));
            // The first round does not count.
            if round > 0 {
                let name = [SERVER, "without sessions"][turn];
                report.moved("RETR beside idle sessions", name, bytes, (seconds, spent.total()));
            }
        }
    }
}
