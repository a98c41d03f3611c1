//! Long lines between the two servers, and from each of them to the user agent: one large file (T17) and small ones (T19).
//!
//! Every pair of hosts has a line of its own. Those of the user agent lose nothing. Each run has new lines with the same losses.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use integration_tests::foreign::{Desk, Foreign, ForeignServer, Hosts, Kind, Skipped, Tool};
use integration_tests::line::{Line, Lines};
use integration_tests::net::{Host, Network};
use integration_tests::performance::USER;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::user;

use crate::plan::Plan;
use crate::report::Report;
use crate::suite::turns;

/// Bits per second of all lines.
const RATE: u64 = 100_000_000;
/// Milliseconds of a round trip.
const ROUND_TRIPS: [u64; 3] = [20, 100, 200];
/// One packet in a thousand is lost on most lines.
const LOSS_ONE_IN: u64 = 1_000;
/// Lines with other losses: milliseconds, one packet in so many is lost, and whether a target needs all rounds.
const LOSSY: [(u64, u64, bool); 4] =
    [(100, 10_000, true), (100, 1_000, false), (100, 100, false), (200, 100, true)];

/// The large file, and a smaller one for those who need minutes for that.
const LARGE: &str = "large.bin";
const LARGE_MIB: usize = 256;
const SMALLER: &str = "smaller.bin";
const SMALLER_MIB: usize = 32;
/// The small files.
const TREE: &str = "tree";
const FILES: usize = 500;
const LENGTH: usize = 20_000;
/// Seconds that a copy may take: the large file at 5 Mbit/s.
const PATIENCE: u64 = 450;
/// The name of the copy.
const COPY: &str = "copy";

/// Three hosts and the servers on two of them.
struct LineHosts {
    servers: [Server; 2],
    globus: Option<Globus>,
    lftp: Option<(Desk, Tool)>,
    at: [Host; 3],
    network: Network,
}

/// Two servers of Globus, and its client.
struct Globus {
    servers: [ForeignServer; 2],
    desk: Desk,
    tool: Tool,
}

/// Somebody who has files copied.
#[derive(Clone, Copy)]
enum LineContender {
    /// `ftp-user` with a number of data connections for one file; with its default if it is not given.
    User(Option<&'static str>),
    /// `globus-url-copy` with an option and its number.
    Globus([&'static str; 2]),
    /// `lftp` with one file after the other, or so many at once.
    Lftp(Option<&'static str>),
}

const STREAMS: LineContender = LineContender::User(Some("16"));
const PARALLEL: LineContender = LineContender::Globus(["-p", "16"]);

impl LineContender {
    fn name(self) -> String {
        match self {
            Self::User(None) => USER.to_owned(),
            Self::User(Some(streams)) => format!("{USER} --streams {streams}"),
            Self::Globus([option, number]) => format!("globus {option} {number}"),
            Self::Lftp(None) => "lftp".to_owned(),
            Self::Lftp(Some(files)) => format!("lftp mirror -P{files}"),
        }
    }

    /// Has a file or a tree copied, and says how many seconds it took.
    fn copy(self, hosts: &LineHosts, name: &str) -> Result<f64, String> {
        let is_tree = name == TREE;
        let [from, to] = &hosts.servers;
        let (from, to) = (from.url(name), to.url(COPY));
        let ran = |code: Option<i32>, said: &str| match code {
            Some(0) => Ok(()),
            code => Err(format!("exit {code:?}: {}", said.trim())),
        };
        let globus = hosts.globus.as_ref().map(|globus| (&globus.desk, &globus.tool, globus.urls(name)));
        let lftp = hosts.lftp.as_ref();
        let [.., at] = &hosts.at;
        at.run(|| {
            let start = Instant::now();
            match (self, globus, lftp) {
                (Self::User(streams), ..) => {
                    // Its events of progress show the harness that it is alive.
                    // What nobody verifies by digests moves over one connection, each small file alone.
                    let agent = user().args(["--json", "copy", "--path", "direct", "--verify", "hash"]);
                    let agent = agent.args(is_tree.then_some("-r"));
                    let agent = agent.args(streams.map(|number| format!("--streams={number}")));
                    let run = agent.args([from, to]).run();
                    ran(run.code(), &run.said)?;
                }
                (Self::Globus(option), Some((desk, tool, [from, to])), _) => {
                    let recursive = ["-r", "-pp"].iter().filter(|_| is_tree);
                    let args = option.iter().chain(recursive).chain(&["-cd", "-fast"]).copied();
                    let args: Vec<&str> = args.chain([&*from, &*to]).collect();
                    let run = desk.try_run(tool, &args, "");
                    ran(run.code, &run.stderr)?;
                }
                (Self::Lftp(files), _, Some((desk, tool))) => {
                    let work = match files {
                        Some(files) => format!("mirror -P{files} {from} {to}"),
                        None => format!("get {from} -o {to}"),
                    };
                    let script = format!(
                        "set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ftp:ssl-allow no; \
                         set ftp:use-fxp yes; set ftp:fxp-force yes; set ftp:use-mode-z no; {work}"
                    );
                    let run = desk.try_run(tool, &["--norc", "-c", &script], "");
                    ran(run.code, &run.stderr)?;
                }
                (Self::Globus(_) | Self::Lftp(_), ..) => return Err("it is not there".to_owned()),
            }
            Ok(start.elapsed().as_secs_f64())
        })
    }
}

impl Globus {
    fn start(hosts: &[Host; 3], network: &Network, place: &Path) -> Result<Self, Skipped> {
        let tool = Tool::debian("globus-url-copy", &["globus-gass-copy-progs"], "bin/globus-url-copy")?;
        Kind::Globus.tool()?;
        hosts.iter().for_each(|host| host.answer_dns_with_nxdomain(network));
        let [source, destination, _] = hosts;
        let start = |host: &Host| {
            let server = Foreign::globus().below(place).foreign(Hosts::Allowed).at(&host.ip());
            host.run(|| server.start())
        };
        Ok(Self {
            servers: [start(source)?, start(destination)?],
            desk: Desk::new().with_patience(PATIENCE),
            tool,
        })
    }

    /// Its paths begin at the root of the file system. A directory ends with a slash.
    fn urls(&self, name: &str) -> [String; 2] {
        let slash = if name == TREE { "/" } else { "" };
        let [from, to] = &self.servers;
        [(from, name), (to, COPY)].map(|(server, name)| {
            let (user, password) = server.user();
            let (at, path) = (server.address(), server.path(name));
            format!("ftp://{user}:{}@{at}{}{slash}", password.replace(':', "%3A"), path.display())
        })
    }
}

impl LineHosts {
    /// Starts them in a directory of their own. `fill` makes the files of a source.
    fn start(place: &Path, fill: fn(&Path), report: &mut Report) -> Result<Self, Skipped> {
        fs::create_dir(place).unwrap();
        let mut network = Network::new()?;
        let hosts = ["source", "destination", "user"].map(|name| network.lone_host(name));
        for host in &hosts {
            // What one run has learnt of a peer must not help the next one.
            host.run(|| fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1").unwrap());
        }
        let [source, destination, _] = &hosts;
        let servers = [source, destination].map(|host| open_server(host, place));
        let globus = report.found("globus-url-copy", Globus::start(&hosts, &network, place));
        let lftp = Tool::debian("lftp", &["lftp"], "bin/lftp").map(|tool| (Desk::new(), tool));
        let lftp = report.found("lftp", lftp);
        let started = Self { servers, globus, lftp, at: hosts, network };
        let [sources, _] = started.places("");
        sources.iter().for_each(|place| fill(place));
        Ok(started)
    }

    /// Where a name is at the sources, and at the destinations.
    fn places(&self, name: &str) -> [Vec<std::path::PathBuf>; 2] {
        [0, 1].map(|end| {
            let globus = self.globus.iter().map(|globus| globus.servers[end].path(name));
            std::iter::once(self.servers[end].path(name)).chain(globus).collect()
        })
    }

    /// Has the work done over lines of this kind between the servers, and deletes the copy, which must be whole.
    fn run(&self, contender: LineContender, name: &str, line: Line) -> Result<f64, String> {
        let [source, destination, user] = &self.at;
        let lossless = Line { lost_one_in: None, ..line };
        let pairs =
            [([source, destination], line), ([user, source], lossless), ([user, destination], lossless)];
        let _lines = Lines::between(&self.network, &pairs, 1).map_err(|Skipped(why)| why)?;
        let seconds = contender.copy(self, name);
        let mut whole = false;
        for path in &self.places(COPY)[1] {
            whole |= size(path) == size(&self.servers[0].path(name));
            drop(fs::remove_file(path));
            drop(fs::remove_dir_all(path));
        }
        let seconds = seconds?;
        if whole { Ok(seconds) } else { Err("the copy is not whole".to_owned()) }
    }
}

/// A server of ours that lets lftp have it connect to the other one.
fn open_server(host: &Host, place: &Path) -> Server {
    let directory = place.join(format!("lines-{}", host.name()));
    fs::create_dir_all(&directory).unwrap();
    let args = ["--foreign", "authenticated", "--foreign-networks", "10.0.0.0/8"];
    let site = Site::new(host.name()).at(&host.ip()).args(args);
    host.run(|| site.start_in(directory))
}

/// The bytes of a file, or of all files of a directory.
fn size(path: &Path) -> u64 {
    let all = fs::read_dir(path).map(|all| all.map(|file| file.unwrap().metadata().unwrap().len()).sum());
    all.unwrap_or_else(|_| fs::metadata(path).map_or(0, |file| file.len()))
}

fn write_large(place: &Path) {
    let block = sample(1 << 20);
    fs::write(place.join(LARGE), block.repeat(LARGE_MIB)).unwrap();
    fs::write(place.join(SMALLER), block.repeat(SMALLER_MIB)).unwrap();
}

fn write_tree(place: &Path) {
    let block = sample(LENGTH);
    fs::create_dir(place.join(TREE)).unwrap();
    (0..FILES).for_each(|file| fs::write(place.join(TREE).join(format!("{file:03}.bin")), &block).unwrap());
}

/// One place on an axis: a line, and what goes over it.
struct Point<'a> {
    /// What is measured, and its unit.
    what: (&'a str, &'a str),
    at: f64,
    line: Line,
    name: &'a str,
}

impl Point<'_> {
    /// Runs all contenders in turns. A contender that fails is skipped.
    fn run(&self, hosts: &LineHosts, rounds: usize, contenders: &[LineContender], report: &mut Report) {
        let mut values = vec![Vec::new(); contenders.len()];
        for round in 0..rounds {
            for turn in turns(round, contenders.len()) {
                match hosts.run(contenders[turn], self.name, self.line) {
                    Ok(seconds) => values[turn].push(self.value(hosts, seconds)),
                    Err(why) => {
                        report
                            .skip(&format!("{} {}, {}", self.what.0, self.at, contenders[turn].name()), why);
                    }
                }
            }
        }
        for (contender, values) in contenders.iter().zip(values) {
            report.curve(self.what, self.at, &contender.name(), &values);
        }
    }

    fn value(&self, hosts: &LineHosts, seconds: f64) -> f64 {
        match self.what {
            (_, "s") => seconds,
            _ => size(&hosts.servers[0].path(self.name)) as f64 * 8.0 / 1e6 / seconds,
        }
    }
}

fn line_of(milliseconds: u64) -> Line {
    Line::new(RATE, Duration::from_millis(milliseconds))
}

/// Part `latency`: small files over lines that lose nothing.
pub(crate) fn small_files(plan: &Plan, place: &Path, report: &mut Report) {
    let hosts = LineHosts::start(&place.join("latency"), write_tree, report);
    let Some(hosts) = report.found("long lines", hosts) else { return };
    for milliseconds in ROUND_TRIPS {
        let line = line_of(milliseconds).with_congestion("cubic");
        let what = ("500 x 20 kB, 100 Mbit/s, rtt in ms", "s");
        let point = Point { what, at: milliseconds as f64, line, name: TREE };
        let contenders = [LineContender::User(None), LineContender::Globus(["-cc", "8"])];
        point.run(&hosts, plan.rounds, &contenders, report);
        point.run(&hosts, 1, &[LineContender::Lftp(Some("8"))], report);
    }
}

/// Part `lines`: one file over lines that lose packets.
pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    let hosts = LineHosts::start(&place.join("lines"), write_large, report);
    let Some(hosts) = report.found("long lines", hosts) else { return };
    let rounds = plan.rounds;
    for milliseconds in ROUND_TRIPS {
        let at = milliseconds as f64;
        let line = line_of(milliseconds).with_congestion("cubic").with_losses(LOSS_ONE_IN);
        let what = ("one file, 100 Mbit/s, 0.1 % loss, cubic, rtt in ms", "Mbit/s");
        let point = Point { what, at, line, name: LARGE };
        point.run(&hosts, rounds, &[STREAMS, PARALLEL], report);
        let what = ("32 MiB, 100 Mbit/s, 0.1 % loss, cubic, rtt in ms", "Mbit/s");
        let point = Point { what, at, line, name: SMALLER };
        let auto = LineContender::User(Some("auto"));
        point.run(&hosts, 1, &[LineContender::User(None), auto, LineContender::Lftp(None)], report);
    }
    for (milliseconds, one_in, is_target) in LOSSY {
        let line = line_of(milliseconds).with_losses(one_in).with_congestion("cubic");
        let name = format!("one file, 100 Mbit/s, {milliseconds} ms, cubic, loss in %");
        let point = Point { what: (&name, "Mbit/s"), at: 100.0 / one_in as f64, line, name: LARGE };
        point.run(&hosts, if is_target { rounds } else { 1 }, &[STREAMS, PARALLEL], report);
    }
    let alone = LineContender::User(None);
    for milliseconds in ROUND_TRIPS {
        let line = line_of(milliseconds).with_losses(LOSS_ONE_IN).with_congestion("bbr");
        let what = ("one file, 100 Mbit/s, 0.1 % loss, bbr, rtt in ms", "Mbit/s");
        let point = Point { what, at: milliseconds as f64, line, name: LARGE };
        point.run(&hosts, rounds, &[alone, LineContender::Lftp(None)], report);
    }
    let line = line_of(100).with_losses(10_000).with_congestion("bbr");
    let what = ("one file, 100 Mbit/s, 100 ms, bbr, loss in %", "Mbit/s");
    Point { what, at: 0.01, line, name: LARGE }.run(&hosts, rounds, &[alone], report);
}
