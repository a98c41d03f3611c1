//! The same file between two servers of other people, driven by the same user agent, beside two of
//! ours: in every round all of them, each round begun by another one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::site::Server;
use integration_tests::socket;
use integration_tests::user::user;

use crate::figures::GIB;
use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds, cpu_seconds_of_family};
use crate::report::Report;
use crate::suite::{Suite, copied, turns};

/// Two servers of a kind.
struct Pair<'a> {
    name: &'static str,
    ends: Ends<'a>,
    from: String,
    to: String,
    copy: PathBuf,
}

enum Ends<'a> {
    Ours(&'a [Server; 2]),
    /// With the number of processes that each has between copies.
    Theirs(Box<[(ForeignServer, usize); 2]>),
}

impl<'a> Pair<'a> {
    fn ours(servers: &'a [Server; 2]) -> Self {
        let [source, destination] = servers;
        let (from, to, copy) = (source.url(FILE), destination.url(FILE), destination.path(FILE));
        Self::new("ftp-server", Ends::Ours(servers), (from, to, copy))
    }

    /// Its source has the very file of ours under another name, so that memory holds it once.
    fn theirs(kind: Kind, place: &Path, file: &Path) -> Result<Self, Skipped> {
        // vsftpd's second process for each session leaves the first one's time to nobody. It logs no commands, as is usual.
        let extra = if kind == Kind::Vsftpd { "one_process_model=YES\nlog_ftp_protocol=NO" } else { "" };
        let start = || Foreign::new(kind).below(place).foreign(Hosts::Allowed).extra(extra).start();
        let (source, destination) = (start()?, start()?);
        fs::hard_link(file, source.path(FILE)).unwrap();
        let places = (source.url(FILE), destination.url(FILE), destination.path(FILE));
        let ends = [source, destination].map(|server| {
            let processes = at_rest(&server);
            (server, processes)
        });
        Ok(Self::new(kind.name(), Ends::Theirs(Box::new(ends)), places))
    }

    fn new(name: &'static str, ends: Ends<'a>, (from, to, copy): (String, String, PathBuf)) -> Self {
        Self { name, ends, from, to, copy }
    }

    /// One copy, in seconds.
    fn run(&self, plan: &Plan) -> f64 {
        copied(plan, user(), "direct", &self.from, (&self.to, &self.copy), "size").seconds
    }

    fn cpu(&self) -> [Cost; 2] {
        match &self.ends {
            Ends::Ours(servers) => servers.each_ref().map(|server| cpu_seconds(server.running.id())),
            Ends::Theirs(servers) => servers.as_ref().each_ref().map(|(server, processes)| {
                let mut spent = Cost::default();
                // A session's time is its parent's when it has ended.
                socket::until("the end of the session", || {
                    let (cost, count) = cpu_seconds_of_family(server.group());
                    spent = cost;
                    count <= *processes
                });
                spent
            }),
        }
    }
}

/// How many processes a server has when nobody is there; its start has left one for a moment.
fn at_rest(server: &ForeignServer) -> usize {
    let count = || cpu_seconds_of_family(server.group()).1;
    let mut last = count();
    let mut same = 0;
    socket::until("its rest", || {
        let now = count();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 50
    });
    last
}

/// All pairs in turn.
pub(crate) fn table(plan: &Plan, place: &Path, suite: &Suite, report: &mut Report) {
    // Other people's servers do not run as this user.
    fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    let mut pairs = vec![Pair::ours(&suite.servers)];
    for kind in [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib] {
        match Pair::theirs(kind, place, &suite.servers[0].path(FILE)) {
            Ok(pair) => pairs.push(pair),
            Err(Skipped(reason)) => report.skip(kind.name(), reason),
        }
    }
    // The first copy of each does not count.
    pairs.iter().for_each(|pair| _ = pair.run(plan));
    let gib = plan.bytes() as f64 / GIB;
    for round in 0..plan.rounds {
        for turn in turns(round, pairs.len()) {
            let pair = &pairs[turn];
            let before = pair.cpu();
            report.add("one file from server to server", "GiB/s", pair.name, gib / pair.run(plan));
            let after = pair.cpu();
            let [source, destination] = [0, 1].map(|end| after[end].since(before[end]).over(gib).total());
            report.add("one file, source and destination", "CPU s/GiB", pair.name, source + destination);
        }
    }
}
