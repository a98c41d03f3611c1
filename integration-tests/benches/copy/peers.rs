//! The same file between two servers of other people, driven by the same user agent, beside two of
//! ours: in every round all of them, each round begun by another one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::site::Server;
use integration_tests::socket;
use integration_tests::user::user;

use crate::figures::{GIB, met};
use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds, cpu_seconds_of_family};
use crate::suite::{Suite, copied, turns};

/// How fast beside the best peer of a round, at the median; and for how much of the least CPU time.
const SPEED: f64 = 1.05;
const CPU: f64 = 0.95;

/// Two servers of a kind.
struct Pair<'a> {
    name: &'static str,
    ends: Ends<'a>,
    from: String,
    to: String,
    copy: PathBuf,
    rates: Vec<f64>,
    spent: [Cost; 2],
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
        Self { name, ends, from, to, copy, rates: Vec::new(), spent: [Cost::default(); 2] }
    }

    /// One copy; whether it counts is the caller's to say.
    fn run(&mut self, plan: &Plan, counts: bool) {
        let before = self.cpu();
        let to = (self.to.as_str(), self.copy.as_path());
        let seconds = copied(plan, user(), "direct", &self.from, to, "size").seconds;
        if counts {
            let after = self.cpu();
            for (index, spent) in self.spent.iter_mut().enumerate() {
                spent.add(after[index].since(before[index]));
            }
            self.rates.push(plan.bytes() as f64 / GIB / seconds);
        }
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

    /// CPU seconds of both servers for one GiB.
    fn cost(&self, gib: f64) -> f64 {
        self.spent.iter().map(|cost| cost.over(gib * self.rates.len() as f64).total()).sum()
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
pub(crate) fn table(plan: &Plan, place: &Path, suite: &Suite) {
    // Other people's servers do not run as this user.
    fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    let mut pairs = vec![Pair::ours(&suite.servers)];
    for kind in [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib] {
        match Pair::theirs(kind, place, &suite.servers[0].path(FILE)) {
            Ok(pair) => pairs.push(pair),
            Err(Skipped(reason)) => println!("{} skipped: {reason}", kind.name()),
        }
    }
    if pairs.len() == 1 {
        return println!("nobody to compare with\n");
    }
    pairs.iter_mut().for_each(|pair| pair.run(plan, false));
    print!("round");
    pairs.iter().for_each(|pair| print!("   {:>10}", pair.name));
    println!("   GiB/s; ours / best peer");
    let mut ratios = Vec::new();
    for round in 0..plan.rounds {
        turns(round, pairs.len()).for_each(|turn| pairs[turn].run(plan, true));
        let rates: Vec<f64> = pairs.iter().map(|pair| pair.rates[round]).collect();
        let best = rates[1..].iter().copied().fold(0.0, f64::max);
        ratios.push(rates[0] / best);
        print!("{:5}", round + 1);
        rates.iter().for_each(|rate| print!("   {rate:10.2}"));
        println!("   {:22.2}", rates[0] / best);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("\nratio: min {:.2}, median {median:.2}, max {:.2}", ratios[0], ratios[ratios.len() - 1]);
    println!("target: median at least {SPEED}: {}\n", met(median >= SPEED));
    costs(plan, &pairs);
}

fn costs(plan: &Plan, pairs: &[Pair<'_>]) {
    let gib = plan.bytes() as f64 / GIB;
    println!("CPU s/GiB    source   destination    both");
    for pair in pairs {
        let [source, destination] = pair.spent.map(|cost| cost.over(gib * pair.rates.len() as f64).total());
        println!("{:<10}   {source:6.2}   {destination:11.2}   {:5.2}", pair.name, pair.cost(gib));
    }
    let best = pairs[1..].iter().map(|pair| pair.cost(gib)).fold(f64::INFINITY, f64::min);
    let share = pairs[0].cost(gib) / best;
    println!("target: ours {share:.2} of the best peer's, at most {CPU}: {}\n", met(share <= CPU));
}
