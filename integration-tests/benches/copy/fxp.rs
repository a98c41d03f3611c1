//! A large file inside TLS from server to server, two of ours and two ProFTPD, commanded by lftp and by our user agent.

use std::fs;
use std::path::Path;

use integration_tests::foreign::{Desk, Kind, Skipped, Tool};
use integration_tests::user::user;

use crate::contender::{Contender, Door, Purpose, roots};
use crate::figures::{Spread, met};
use crate::plan::{FILE, Plan};
use crate::suite::turns;
use crate::tls::{Row, is_peer};

/// The targets, beside ProFTPD.
const SPEED: f64 = 2.0;
const CPU: f64 = 0.6;

/// The directories of a copy.
const SHARED: &str = "shared";
const COPIED: &str = "copied";

/// Who commands the two servers.
enum Commander {
    Lftp(Box<(Desk, Tool)>),
    UserAgent,
}

impl Commander {
    fn name(&self) -> &'static str {
        match self {
            Self::Lftp(_) => "lftp",
            Self::UserAgent => "ftp-user",
        }
    }

    /// Has the file copied straight from one server to the other, and deletes the copy.
    fn copy(&self, plan: &Plan, from: &Contender, to: &Contender) -> Result<(), String> {
        let done = match self {
            Self::Lftp(lftp) => mirror(&lftp.0, &lftp.1, from, to),
            Self::UserAgent => agent(from, to),
        };
        let copied = to.path(&format!("{COPIED}/{FILE}"));
        let length = fs::metadata(&copied).map_or(0, |file| file.len());
        drop(fs::remove_dir_all(to.path(COPIED)));
        done?;
        if length == plan.bytes() { Ok(()) } else { Err(format!("{length} bytes arrived")) }
    }
}

fn url(scheme: &str, server: &Contender, name: &str) -> String {
    let Door { at, user, password } = server.door();
    format!("{scheme}://{user}:{}@{at}/{name}", password.replace(':', "%3A"))
}

fn mirror(desk: &Desk, lftp: &Tool, from: &Contender, to: &Contender) -> Result<(), String> {
    // mirror copies files as they are; get may take them for text. Without its MODE Z the servers would compress.
    let script = format!(
        "set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ssl:verify-certificate no; \
         set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-fxp yes; \
         set ftp:use-fxp yes; set ftp:fxp-force yes; \
         set ftp:use-mode-z no; mirror {} {}",
        url("ftp", from, SHARED),
        url("ftp", to, COPIED),
    );
    let run = desk.try_run(lftp, &["--norc", "-c", &script], "");
    if run.code == Some(0) { Ok(()) } else { Err(format!("lftp: {}", run.stderr.trim())) }
}

fn agent(from: &Contender, to: &Contender) -> Result<(), String> {
    let (source, copy) = (url("ftpes", from, SHARED), url("ftpes", to, COPIED));
    let args = ["copy", "-r", "--path", "direct", "--insecure", "--verify", "size", &source, &copy];
    let run = user().args(args).run();
    if run.code() == Some(0) { Ok(()) } else { Err(format!("ftp-user: {}", run.said.trim())) }
}

/// Two servers of a kind: the sources, which have the large file, and the destinations.
fn two_of_each(plan: &Plan, place: &Path, file: &Path) -> (Vec<Contender>, Vec<Contender>) {
    let wide = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    let purpose = Purpose { kinds: &[Kind::Proftpd], tls: true, args: &wide };
    let start = |fill: &dyn Fn(&Path)| Contender::all(plan, place, purpose, fill);
    let sources = start(&|root| {
        fs::create_dir(root.join(SHARED)).unwrap();
        fs::hard_link(file, root.join(SHARED).join(FILE)).unwrap();
    });
    let destinations = start(&|_| {});
    // lftp pins no certificate, so our servers know each other's.
    let certificates = sources.iter().chain(&destinations).filter_map(Contender::certificate);
    let certificates: String = certificates.map(|path| fs::read_to_string(path).unwrap()).collect();
    fs::write(roots(place), certificates).unwrap();
    (sources, destinations)
}

/// Part `fxp`; `file` is the large file.
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path) {
    let (sources, destinations) = two_of_each(plan, place, file);
    let pairs: Vec<_> = sources.iter().zip(&destinations).collect();
    match Tool::debian("lftp", &["lftp"], "bin/lftp") {
        Ok(lftp) => rounds(plan, &Commander::Lftp(Box::new((Desk::new(), lftp))), pairs.clone()),
        Err(Skipped(reason)) => println!("lftp skipped: {reason}\n"),
    }
    rounds(plan, &Commander::UserAgent, pairs);
}

fn rounds(plan: &Plan, commander: &Commander, mut pairs: Vec<(&Contender, &Contender)>) {
    let copy = |(from, to): (&Contender, &Contender)| commander.copy(plan, from, to);
    // A pair of other people's servers that cannot be commanded so has no part in this.
    pairs.retain(|pair| match copy(*pair) {
        Ok(()) => true,
        Err(why) if is_peer(pair.0) => {
            println!("{} skipped: {why}", pair.0.name);
            false
        }
        Err(why) => panic!("{why}"),
    });
    let mut rows: Vec<Row> = pairs.iter().map(|_| Row::default()).collect();
    for round in 0..plan.rounds {
        for turn in turns(round, pairs.len()) {
            let pair = pairs[turn];
            rows[turn].run(plan, &[pair.0, pair.1], || copy(pair).unwrap());
        }
    }
    println!(
        "{:<22}      GiB/s                CPU s/GiB of both servers",
        format!("{}, PROT P", commander.name())
    );
    for ((from, _), row) in pairs.iter().zip(&rows) {
        println!("{:<22}   {}   {}", from.name, Spread::of(&row.rates), Spread::of(&row.costs));
    }
    if let Some((_, theirs)) = pairs.iter().zip(&rows).find(|((from, _), _)| is_peer(from)) {
        let (speed, cpu) = (rows[0].rate() / theirs.rate(), rows[0].cost() / theirs.cost());
        println!("target: {speed:.2} times ProFTPD's rate, at least {SPEED}: {}", met(speed >= SPEED));
        println!("target: {cpu:.2} of its CPU time, at most {CPU}: {}\n", met(cpu <= CPU));
    }
}
