//! A large file inside TLS: down and up with curl, and from server to server with lftp.

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::{Desk, Kind, Skipped, Tool};

use crate::contender::{CROWD, Contender, Door, Purpose, roots};
use crate::figures::{GIB, Spread, met};
use crate::plan::{FILE, Plan};
use crate::process::cpu_seconds_of_children;
use crate::suite::turns;

/// The targets with curl: times the best peer's rate, and how much of its processor time.
const SPEED: f64 = 1.2;
const CPU: f64 = 0.7;
/// The targets from server to server, beside ProFTPD.
const FXP_SPEED: f64 = 2.0;
const FXP_CPU: f64 = 0.6;

const COPY: &str = "copy.bin";
/// The directories of a copy from server to server.
const SHARED: &str = "shared";
const COPIED: &str = "copied";

/// GiB/s, and CPU seconds of the servers for one GiB, in each round.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    costs: Vec<f64>,
}

impl Row {
    /// Runs one copy.
    fn run(&mut self, plan: &Plan, servers: &[&Contender], copy: impl FnOnce()) {
        let spent = || servers.iter().map(|server| server.cpu().total()).sum::<f64>();
        let (start, before) = (Instant::now(), spent());
        copy();
        let (seconds, gib) = (start.elapsed().as_secs_f64(), plan.bytes() as f64 / GIB);
        self.rates.push(gib / seconds);
        self.costs.push((spent() - before) / gib);
    }

    fn rate(&self) -> f64 {
        Spread::of(&self.rates).median
    }

    fn cost(&self) -> f64 {
        Spread::of(&self.costs).median
    }
}

/// Part `tls`; `file` is the large file.
pub(crate) fn curl(plan: &Plan, place: &Path, file: &Path) {
    let curl = match Tool::debian("curl", &["curl"], "bin/curl") {
        Ok(curl) => curl,
        Err(Skipped(reason)) => return println!("curl skipped: {reason}\n"),
    };
    let kinds = &[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd];
    let purpose = Purpose { kinds, tls: true, args: CROWD };
    let servers = Contender::all(plan, place, purpose, &|root| fs::hard_link(file, root.join(FILE)).unwrap());
    let desk = Desk::new();
    let run = |server: &Contender, more: &[&str], name: &str| {
        let Door { at, user, password } = server.door();
        let (login, url) = (format!("{user}:{password}"), format!("ftp://{at}/{}", server.named(name)));
        let common = ["-sS", "--ssl-reqd", "-k", "--disable-eprt", "--user", &login];
        desk.run(&curl, &[&common, more, &[&url]].concat());
    };
    let file = file.to_str().unwrap();
    for (way, more, name) in [("down", ["-o", "/dev/null"], FILE), ("up", ["-T", file], COPY)] {
        let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
        // What curl itself spends in each round with our server: no server makes it faster than that.
        let mut own = Vec::new();
        for round in 0..plan.rounds {
            for turn in turns(round, servers.len()) {
                let server = &servers[turn];
                let before = cpu_seconds_of_children();
                rows[turn].run(plan, &[server], || run(server, &more, name));
                if turn == 0 {
                    own.push(cpu_seconds_of_children().since(before).total() / (plan.bytes() as f64 / GIB));
                }
                if name == COPY {
                    let copy = server.path(COPY);
                    assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
                    fs::remove_file(copy).unwrap();
                }
            }
        }
        println!("{:<22}      GiB/s                CPU s/GiB of the server", format!("curl {way}, PROT P"));
        for (server, row) in servers.iter().zip(&rows) {
            println!("{:<22}   {}   {}", server.name, Spread::of(&row.rates), Spread::of(&row.costs));
        }
        let own = Spread::of(&own);
        println!(
            "curl itself, with ours                           {own}   (so no more than {:.2} GiB/s)",
            1.0 / own.median
        );
        let peers = || rows.iter().zip(&servers).filter(|(_, server)| is_peer(server)).map(|(row, _)| row);
        let best = peers().map(Row::rate).max_by(f64::total_cmp);
        let least = peers().map(Row::cost).min_by(f64::total_cmp);
        if let (Some(best), Some(least)) = (best, least) {
            let (speed, cpu) = (rows[0].rate() / best, rows[0].cost() / least);
            println!(
                "target: {speed:.2} times the best peer's rate, at least {SPEED}: {}",
                met(speed >= SPEED)
            );
            println!(
                "target: {cpu:.2} of the least CPU time of a peer, at most {CPU}: {}\n",
                met(cpu <= CPU)
            );
        }
    }
}

fn is_peer(server: &Contender) -> bool {
    !matches!(server.name, "ftp-server" | "baseline")
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
    // lftp pins no certificate, so the servers of ours vouch for each other.
    let certificates = sources.iter().chain(&destinations).filter_map(Contender::certificate);
    let certificates: String = certificates.map(|path| fs::read_to_string(path).unwrap()).collect();
    fs::write(roots(place), certificates).unwrap();
    (sources, destinations)
}

/// Has lftp copy the file straight from one server to the other, and deletes the copy.
fn between(desk: &Desk, lftp: &Tool, plan: &Plan, from: &Contender, to: &Contender) -> Result<(), String> {
    let url = |server: &Contender, name: &str| {
        let Door { at, user, password } = server.door();
        format!("ftp://{user}:{}@{at}/{name}", password.replace(':', "%3A"))
    };
    // mirror copies files as they are; get may take them for text. Without its MODE Z the servers would compress.
    let script = format!(
        "set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ssl:verify-certificate no; \
         set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-fxp yes; \
         set ftp:use-fxp yes; set ftp:fxp-force yes; \
         set ftp:use-mode-z no; mirror {} {}",
        url(from, SHARED),
        url(to, COPIED),
    );
    let (code, _, said) = desk.try_run(lftp, &["--norc", "-c", &script], "");
    let copied = to.path(&format!("{COPIED}/{FILE}"));
    let length = fs::metadata(&copied).map_or(0, |file| file.len());
    drop(fs::remove_dir_all(to.path(COPIED)));
    let whole = code == Some(0) && length == plan.bytes();
    if whole { Ok(()) } else { Err(format!("lftp: {}", said.trim())) }
}

/// Part `fxp`; `file` is the large file.
pub(crate) fn fxp(plan: &Plan, place: &Path, file: &Path) {
    let lftp = match Tool::debian("lftp", &["lftp"], "bin/lftp") {
        Ok(lftp) => lftp,
        Err(Skipped(reason)) => return println!("lftp skipped: {reason}\n"),
    };
    let (sources, destinations) = two_of_each(plan, place, file);
    let desk = Desk::new();
    let copy = |(from, to): (&Contender, &Contender)| between(&desk, &lftp, plan, from, to);
    let mut pairs: Vec<_> = sources.iter().zip(&destinations).collect();
    // A pair of other people's servers that lftp cannot use has no part in this.
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
    println!("lftp FXP, PROT P              GiB/s                CPU s/GiB of both servers");
    for ((from, _), row) in pairs.iter().zip(&rows) {
        println!("{:<22}   {}   {}", from.name, Spread::of(&row.rates), Spread::of(&row.costs));
    }
    if let Some((_, theirs)) = pairs.iter().zip(&rows).find(|((from, _), _)| is_peer(from)) {
        let (speed, cpu) = (rows[0].rate() / theirs.rate(), rows[0].cost() / theirs.cost());
        println!(
            "target: {speed:.2} times ProFTPD's rate, at least {FXP_SPEED}: {}",
            met(speed >= FXP_SPEED)
        );
        println!("target: {cpu:.2} of its CPU time, at most {FXP_CPU}: {}\n", met(cpu <= FXP_CPU));
    }
}
