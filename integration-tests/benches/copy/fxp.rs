//! A large file inside TLS from server to server, two of ours and two ProFTPD, commanded by lftp and by our user agent.

use std::fs;
use std::path::Path;

use integration_tests::foreign::{Desk, Kind, Tool};
use integration_tests::user::user;

use crate::contender::{Contender, Pair, Purpose, roots};
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

fn mirror(desk: &Desk, lftp: &Tool, from: &Contender, to: &Contender) -> Result<(), String> {
    // mirror copies files as they are; get may take them for text. Without its MODE Z the servers would compress.
    let script = format!(
        "set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ssl:verify-certificate no; \
         set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-fxp yes; \
         set ftp:use-fxp yes; set ftp:fxp-force yes; \
         set ftp:use-mode-z no; mirror {} {}",
        from.door().url("ftp", SHARED),
        to.door().url("ftp", COPIED),
    );
    let run = desk.try_run(lftp, &["--norc", "-c", &script], "");
    if run.code == Some(0) { Ok(()) } else { Err(format!("lftp: {}", run.stderr.trim())) }
}

fn agent(from: &Contender, to: &Contender) -> Result<(), String> {
    let (source, copy) = (from.door().url("ftpes", SHARED), to.door().url("ftpes", COPIED));
    let args = ["copy", "-r", "--path", "direct", "--insecure", "--verify", "size", &source, &copy];
    let run = user().args(args).run();
    if run.code() == Some(0) { Ok(()) } else { Err(format!("ftp-user: {}", run.said.trim())) }
}

/// Two servers of a kind: the source has the large file.
fn two_of_each(plan: &Plan, place: &Path, file: &Path, report: &mut Report) -> Vec<Pair> {
    let wide = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    let purpose = Purpose { kinds: &[Kind::Proftpd], tls: true, args: &wide };
    let fill = |root: &Path| {
        fs::create_dir(root.join(SHARED)).unwrap();
        fs::hard_link(file, root.join(SHARED).join(FILE)).unwrap();
    };
    let pairs = Pair::all(plan, place, purpose, &fill, report);
    // lftp pins no certificate, so our servers know each other's.
    let certificates = pairs.iter().flat_map(|pair| &pair.ends).filter_map(Contender::certificate);
    let certificates: String = certificates.map(|path| fs::read_to_string(path).unwrap()).collect();
    fs::write(roots(place), certificates).unwrap();
    pairs
}

/// Part `fxp`; `file` is the large file.
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let pairs = two_of_each(plan, place, file, report);
    let lftp = Tool::debian("lftp", &["lftp"], "bin/lftp");
    if let Some(lftp) = report.found("lftp", lftp) {
        rounds(plan, &Commander::Lftp(Box::new((Desk::new(), lftp))), &pairs, report);
    }
    rounds(plan, &Commander::UserAgent, &pairs, report);
}

fn rounds(plan: &Plan, commander: &Commander, pairs: &[Pair], report: &mut Report) {
    let copy = |pair: &Pair| commander.copy(plan, &pair.ends[0], &pair.ends[1]);
    let mut able = Vec::new();
    for pair in pairs {
        // A pair of other people's servers that cannot be commanded so has no part in this.
        match copy(pair) {
            Ok(()) => able.push(pair),
            Err(why) if is_peer(&pair.ends[0]) => report.skip(pair.name(), why),
            Err(why) => panic!("{why}"),
        }
    }
    let work = format!("PROT P from server to server by {}", commander.name());
    for round in 0..plan.rounds {
        for turn in turns(round, able.len()) {
            let pair = able[turn];
            measured(plan, &pair.ends, &work, || copy(pair).unwrap(), report);
        }
    }
}
