//! A large file inside TLS, down and up, with curl.

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::{Desk, Tool};
use integration_tests::performance::{BASELINE, SERVER};

use crate::contender::{CROWD, Contender, Door, KINDS_WITH_TLS, Purpose};
use crate::figures::GIB;
use crate::plan::{FILE, Plan};
use crate::process::cpu_seconds_of_children;
use crate::report::Report;
use crate::suite::turns;

const COPY: &str = "copy.bin";

/// Runs one copy: its rate, and what it has cost the servers.
pub(crate) fn measured(
    plan: &Plan,
    servers: &[Contender],
    work: &str,
    copy: impl FnOnce(),
    report: &mut Report,
) {
    let spent = || servers.iter().map(|server| server.cpu().total()).sum::<f64>();
    let (start, before) = (Instant::now(), spent());
    copy();
    let seconds = start.elapsed().as_secs_f64();
    report.moved(work, servers[0].name, plan.bytes(), (seconds, spent() - before));
}

/// Part `tls`; `file` is the large file.
pub(crate) fn curl(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let curl = Tool::debian("curl", &["curl"], "bin/curl");
    let Some(curl) = report.found("curl", curl) else { return };
    let purpose = Purpose { kinds: KINDS_WITH_TLS, tls: true, args: CROWD };
    let fill = |root: &Path| fs::hard_link(file, root.join(FILE)).unwrap();
    let servers = Contender::all(plan, place, purpose, &fill, report);
    let desk = Desk::new();
    let run = |server: &Contender, more: &[&str], name: &str| {
        let Door { at, user, password } = server.door();
        let (login, url) = (format!("{user}:{password}"), format!("ftp://{at}/{}", server.named(name)));
        let common = ["-sS", "--ssl-reqd", "-k", "--disable-eprt", "--user", &login];
        desk.run(&curl, &[&common, more, &[&url]].concat());
    };
    let file = file.to_str().unwrap();
    for (work, more, name) in
        [("curl down, PROT P", ["-o", "/dev/null"], FILE), ("curl up, PROT P", ["-T", file], COPY)]
    {
        for round in 0..plan.rounds {
            for turn in turns(round, servers.len()) {
                let server = &servers[turn];
                let before = cpu_seconds_of_children();
                measured(plan, std::slice::from_ref(server), work, || run(server, &more, name), report);
                // No server makes curl faster than what curl itself spends.
                if turn == 0 {
                    let own = cpu_seconds_of_children().since(before).total();
                    report.add(
                        &format!("{work}, curl itself"),
                        "CPU s/GiB",
                        "curl",
                        own / (plan.bytes() as f64 / GIB),
                    );
                }
                if name == COPY {
                    let copy = server.path(COPY);
                    assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
                    fs::remove_file(copy).unwrap();
                }
            }
        }
    }
}

pub(crate) fn is_peer(server: &Contender) -> bool {
    !matches!(server.name, SERVER | BASELINE)
}
