//! A large file to a client that takes it without copying: what the server's side alone can do, beside the
//! limit program and other servers; and what a digest on the way costs.

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::performance::SERVER;

use crate::client::{Client, drop_all};
use crate::contender::{CROWD, Contender, KINDS, Purpose};
use crate::limit;
use crate::plan::{FILE, Plan};
use crate::report::Report;
use crate::suite::turns;

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
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let purpose = Purpose { kinds: &KINDS, tls: false, args: CROWD };
    let fill = |root: &Path| fs::hard_link(file, root.join(FILE)).unwrap();
    let servers = Contender::all(plan, place, purpose, &fill, report);
    for round in 0..plan.rounds {
        for turn in turns(round, servers.len() + 1) {
            let (name, taken) = match servers.get(turn) {
                Some(server) => (server.name, retrieve(plan, server, None)),
                None => {
                    let (seconds, spent) = limit::drained(file);
                    ("limit", (seconds, spent.total()))
                }
            };
            report.moved("RETR that is dropped", name, plan.bytes(), taken);
        }
    }
}

/// Part `digest`; `file` is the large file.
pub(crate) fn digests(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let purpose = Purpose { kinds: &[], tls: false, args: CROWD };
    let fill = |root: &Path| fs::hard_link(file, root.join(FILE)).unwrap();
    let server = Contender::ours("digest", None, place, purpose, &fill);
    let digests = [("no digest", None), (SERVER, Some("DGST BLAKE3")), ("SHA-256", Some("DGST SHA-256"))];
    for round in 0..plan.rounds {
        for turn in turns(round, digests.len()) {
            let (name, command) = digests[turn];
            let taken = retrieve(plan, &server, command);
            report.moved("RETR with BLAKE3", name, plan.bytes(), taken);
        }
    }
}
