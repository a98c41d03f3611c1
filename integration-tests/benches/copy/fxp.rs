//! A large file inside TLS from server to server, two of ours and two ProFTPD, commanded by lftp and by our user agent.

use std::fs;
use std::path::Path;

use integration_tests::foreign::{Desk, Kind, Skipped, Tool};
use integration_tests::user::user;

use crate::contender::{Contender, Door, Purpose, roots};
use crate::plan::{FILE, Plan};
use crate::report::Report;
use crate::suite::turns;
use crate::tls::{is_peer, measured};

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
fn two_of_each(
    plan: &Plan,
    place: &Path,
    file: &Path,
    report: &mut Report,
) -> (Vec<Contender>, Vec<Contender>) {
    let wide = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    let purpose = Purpose { kinds: &[Kind::Proftpd], tls: true, args: &wide };
    let mut start = |fill: &dyn Fn(&Path)| Contender::all(plan, place, purpose, fill, report);
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
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let (sources, destinations) = two_of_each(plan, place, file, report);
    let pairs: Vec<_> = sources.iter().zip(&destinations).collect();
    match Tool::debian("lftp", &["lftp"], "bin/lftp") {
        Ok(lftp) => rounds(plan, &Commander::Lftp(Box::new((Desk::new(), lftp))), pairs.clone(), report),
        Err(Skipped(reason)) => report.skip("lftp", reason),
    }
    rounds(plan, &Commander::UserAgent, pairs, report);
}

fn rounds(plan: &Plan, commander: &Commander, mut pairs: Vec<(&Contender, &Contender)>, report: &mut Report) {
    let copy = |(from, to): (&Contender, &Contender)| commander.copy(plan, from, to);
    // A pair of other people's servers that cannot be commanded so has no part in this.
    pairs.retain(|pair| match copy(*pair) {
        Ok(()) => true,
        Err(why) if is_peer(pair.0) => {
            report.skip(pair.0.name, why);
            false
        }
        Err(why) => panic!("{why}"),
    });
    let work = format!("PROT P from server to server by {}", commander.name());
    for round in 0..plan.rounds {
        for turn in turns(round, pairs.len()) {
            let pair = pairs[turn];
            measured(plan, &[pair.0, pair.1], &work, || copy(pair).unwrap(), report);
        }
    }
}
