//! The queue: how many jobs a second its store takes, gives out and ends; what one daemon carries beside as many commands; how fast a
//! tree is copied by daemons; how fast page and API answer with many jobs in the store; and what the daemon has in memory.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ftp_user::id::{JobId, WorkerId};
#[cfg(feature = "postgres")]
use ftp_user::journal::StoreUrl;
use ftp_user::journal::{Journal, Leases, Queue, StoredJob, TakenJob};
use ftp_user::queue::{Entry, Submission};
use integration_tests::performance::USER;
use integration_tests::postgres::Postgres;
use integration_tests::site::{PASSWORD, sample, without_password};
use integration_tests::socket::{port_free_everywhere, until};
use integration_tests::user::{Started, User, user_at};
use rusqlite::Connection;
use serde_json::Value;

use crate::plan::Plan;
use crate::process::{pss_kib, raise_descriptor_limit};
use crate::report::Report;
use crate::suite::{Suite, turns};

/// Jobs of one round of the store.
const JOBS: u64 = 1_500;
/// Jobs that one daemon carries in a round, and commands beside them.
const CARRIED: usize = 200;
/// How many run at the same time.
const PARALLEL: usize = 8;
/// Bytes of each file of a tree.
const FILE_BYTES: usize = 4096;
/// Jobs in the store when page and API are asked, and how often each of them is.
const STORED: u64 = 100_000;
const ASKED: usize = 200;
/// Owners of these jobs: none has more than 10,000 that have not ended.
const OWNERS: u64 = 20;
/// Jobs that wait, and listeners, when the memory is measured.
const WAITING: u64 = 10_000;
const LISTENERS: usize = 1_000;
/// Commits of one job: it is submitted, begins and ends.
const COMMITS: u64 = 3;
/// Workers of a database, and submitters.
#[cfg(feature = "postgres")]
const CROWD: usize = 8;
/// The shortest time between two looks for jobs, as in a daemon.
const SHORT_PAUSE: Duration = Duration::from_millis(20);
/// What takes a row to its next state, whatever others do meanwhile.
#[cfg(feature = "postgres")]
const BARE: &str = "UPDATE bare SET state = state + 1
    WHERE id = (SELECT id FROM bare WHERE state < 3 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);";

pub(crate) fn table(plan: &Plan, place: &Path, suite: &Suite, report: &mut Report) {
    raise_descriptor_limit();
    let server = match cfg!(feature = "postgres") {
        true => Postgres::start_durable().map_err(|skipped| skipped.0),
        false => Err("this build has no PostgreSQL (--features postgres)".to_owned()),
    };
    store(plan, place, report);
    match &server {
        Ok(server) => shared_store(plan, server, report),
        Err(why) => report.skip("the queue in a database", why),
    }
    carried(plan, place, suite, report);
    trees(plan, place, suite, server.as_ref().ok(), report);
    answers(place, suite, report);
    memory(place, suite, report);
}

fn queue(directory: &Path) -> Queue {
    Journal::at(Some(directory.to_path_buf()), |_| None).queue().unwrap()
}

fn job() -> StoredJob {
    StoredJob { version: StoredJob::VERSION, verb: "copy".to_owned(), ..StoredJob::default() }
}

fn entry(owner: &str, due: u64) -> Entry {
    let submission = Submission { owner: owner.to_owned(), ..Submission::default() };
    Entry { submission, created: now(), due, ..Entry::default() }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Jobs that are submitted, begin and end, each durably, beside as many bare commits.
fn store(plan: &Plan, place: &Path, report: &mut Report) {
    for round in 0..=plan.rounds {
        let directory = tempfile::tempdir_in(place).unwrap();
        let (seconds, late) = ends(|| queue(directory.path()), 1);
        let commits = commits(directory.path());
        if round > 0 {
            report.add("99 of 100 jobs ended after", "s", USER, late);
            report.add("jobs submitted, begun and ended", "jobs/s", USER, JOBS as f64 / seconds);
            report.add("jobs submitted, begun and ended", "jobs/s", "bare commits", JOBS as f64 / commits);
        }
    }
}

/// The same with several workers and submitters of one database, beside a loop that has a row go through as many states.
#[cfg(feature = "postgres")]
fn shared_store(plan: &Plan, server: &Postgres, report: &mut Report) {
    server.run_sql("CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, state INTEGER)");
    for round in 0..=plan.rounds {
        let url = server.make_database(&format!("round{round}"));
        let StoreUrl::Postgres(url) = url.parse().unwrap() else { panic!("it is a database") };
        let (seconds, late) = ends(|| Journal::in_database(url.clone(), None).queue().unwrap(), CROWD);
        server.run_sql(&format!("INSERT INTO bare (state) SELECT 0 FROM generate_series(1, {JOBS})"));
        let start = Instant::now();
        server.repeat(BARE, CROWD as u64, JOBS * COMMITS);
        let bare = start.elapsed().as_secs_f64();
        if round > 0 {
            let what = "jobs of a database, 8 workers";
            report.add("99 of 100 jobs of a database ended after", "s", USER, late);
            report.add(what, "jobs/s", USER, JOBS as f64 / seconds);
            report.add(what, "jobs/s", "bare loop", JOBS as f64 / bare);
        }
    }
}

#[cfg(not(feature = "postgres"))]
fn shared_store(_: &Plan, _: &Postgres, _: &mut Report) {}

/// So many submitters, which share the connection of a daemon as the clients of its API do, and as many workers, each with a connection
/// of its own. Returns the seconds of all jobs, and after how many of them 99 of 100 jobs had ended.
fn ends(open: impl Fn() -> Queue + Sync, crowd: usize) -> (f64, f64) {
    // The first connection makes the tables.
    let api = open();
    let (start, ended) = (Instant::now(), AtomicU64::new(0));
    // How often a job was submitted or has ended: a worker that finds none waits for the next time.
    let (changes, changed) = (Mutex::new(0_u64), Condvar::new());
    let note_change = || {
        *changes.lock().unwrap() += 1;
        changed.notify_all();
    };
    let submit = |first: u64| {
        let submit = |id: u64| {
            let begun = start.elapsed();
            api.submit(JobId::new(id), job(), &entry("ann", now())).unwrap();
            note_change();
            (id, begun)
        };
        (first..=JOBS).step_by(crowd).map(submit).collect::<Vec<_>>()
    };
    let carry = |id: u64| {
        let queue = open();
        let worker = Leases::of(&queue, WorkerId::new(id));
        let mut done = Vec::new();
        while ended.load(Ordering::Relaxed) < JOBS {
            let (before, looked_at) = (*changes.lock().unwrap(), Instant::now());
            let taken = worker.take(PARALLEL, &[], |_, _| true).unwrap().readable;
            if taken.is_empty() {
                let is_early = |now: &mut u64| *now == before && ended.load(Ordering::Relaxed) < JOBS;
                let changes = changed.wait_while(changes.lock().unwrap(), is_early).unwrap();
                let is_open = |_: &mut u64| ended.load(Ordering::Relaxed) < JOBS;
                let pause = SHORT_PAUSE.saturating_sub(looked_at.elapsed());
                drop(changed.wait_timeout_while(changes, pause, is_open).unwrap());
                continue;
            }
            let end = |taken: &TakenJob| (taken.lease, |entry: &mut Entry, now| entry.end(0, None, now));
            let written = worker.end(taken.iter().map(end).collect()).unwrap();
            assert!(written.iter().all(Option::is_some));
            ended.fetch_add(taken.len() as u64, Ordering::Relaxed);
            note_change();
            let at = start.elapsed();
            done.extend(taken.iter().map(|taken| (taken.lease.job.number(), at)));
        }
        done
    };
    thread::scope(|scope| {
        let (submit, carry) = (&submit, &carry);
        let numbers = 1..=crowd as u64;
        let submitters: Vec<_> = numbers.clone().map(|first| scope.spawn(move || submit(first))).collect();
        let workers: Vec<_> = numbers.map(|id| scope.spawn(move || carry(id))).collect();
        let submitted: HashMap<u64, Duration> =
            submitters.into_iter().flat_map(|one| one.join().unwrap()).collect();
        let done: Vec<_> = workers.into_iter().flat_map(|one| one.join().unwrap()).collect();
        assert_eq!(done.len() as u64, JOBS);
        let mut took: Vec<f64> = done.iter().map(|(id, at)| (*at - submitted[id]).as_secs_f64()).collect();
        took.sort_by(f64::total_cmp);
        (start.elapsed().as_secs_f64(), took[took.len() * 99 / 100])
    })
}

/// As many durable commits of one row, as fast as SQLite does them. Returns the seconds.
fn commits(directory: &Path) -> f64 {
    let sql = Connection::open(directory.join("bare.db")).unwrap();
    sql.pragma_update(None, "journal_mode", "WAL").unwrap();
    sql.pragma_update(None, "synchronous", "FULL").unwrap();
    sql.execute_batch("CREATE TABLE bare (id INTEGER PRIMARY KEY, state INTEGER)").unwrap();
    let mut put = sql.prepare("INSERT OR REPLACE INTO bare VALUES (?1, ?2)").unwrap();
    let start = Instant::now();
    for id in 0..JOBS {
        for state in 0..COMMITS {
            put.execute([id.cast_signed(), state.cast_signed()]).unwrap();
        }
    }
    start.elapsed().as_secs_f64()
}

/// A daemon with a state directory of its own below `place`. `store`: the URL of a shared store, if it has none of its own.
struct Queued<'a> {
    suite: &'a Suite,
    home: tempfile::TempDir,
    address: SocketAddr,
    store: Option<String>,
}

impl<'a> Queued<'a> {
    fn new(place: &Path, suite: &'a Suite) -> Self {
        let address = SocketAddr::new("127.0.0.1".parse().unwrap(), port_free_everywhere("127.0.0.1"));
        Self { suite, home: tempfile::tempdir_in(place).unwrap(), address, store: None }
    }

    fn user(&self) -> User {
        let user = logged_in(self.suite.user()).args(["--state", self.home.path().to_str().unwrap()]);
        self.store.iter().fold(user, |user, url| user.args(["--store", url]))
    }

    fn daemon(&self, parallel: usize) -> Started {
        let listen = self.address.to_string();
        let parallel = parallel.to_string();
        let name = format!("daemon-{}", self.address.port());
        let words =
            ["daemon", "--name", &name, "--listen", &listen, "--parallel", &parallel, "--log-level", "warn"];
        let daemon = self.user().args(words).start();
        until("it listens", || TcpStream::connect(self.address).is_ok());
        daemon
    }

    fn token(&self) -> String {
        let words = ["daemon", "token", "--scope", "admin", "--name", "bench"];
        self.user().args(words).run().exits(0).stdout[0].clone()
    }

    fn ask(&self, token: &str, what: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(head(token, what, body).as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 20"), "{what}: {text}");
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// With the passwords of both servers.
fn logged_in(user: User) -> User {
    let netrc = |host| format!("machine {host} login ann password {PASSWORD}\n");
    user.private_file(".netrc", netrc("127.0.0.2") + &netrc("127.0.0.3"))
}

fn head(token: &str, what: &str, body: &str) -> String {
    format!(
        "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nAuthorization: Bearer {token}\r\n\r\n{body}",
        body.len()
    )
}

/// Copies of one small file by a daemon, beside as many commands.
fn carried(plan: &Plan, place: &Path, suite: &Suite, report: &mut Report) {
    let [from, to] = &suite.servers;
    fs::write(from.path("small"), "small").unwrap();
    let queued = Queued::new(place, suite);
    let daemon = queued.daemon(PARALLEL);
    let token = queued.token();
    let [source, dest] = [from.url("small"), to.url("small")].map(|url| without_password(&url));
    let urls = |number: usize| [source.clone(), format!("{dest}{number}")];
    for round in 0..=plan.rounds {
        let start = Instant::now();
        for number in 0..CARRIED {
            let [source, dest] = urls(number);
            let body = format!(
                "{{\"verb\":\"copy\",\"sources\":[\"{source}\"],\"dest\":\"{dest}\",\"options\":{{\"overwrite\":\"always\"}}}}"
            );
            queued.ask(&token, "POST /api/v1/jobs", &body);
        }
        let all = CARRIED * (round + 1);
        until("all are done", || {
            let metrics = queued.ask(&token, "GET /metrics", "");
            metrics.contains(&format!("state=\"done\"}} {all}\n"))
        });
        let daemon_took = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let state = queued.home.path().to_str().unwrap();
        let user = suite.program();
        thread::scope(|scope| {
            for worker in 0..PARALLEL {
                let urls = &urls;
                scope.spawn(move || {
                    for number in (worker..CARRIED).step_by(PARALLEL) {
                        let user = logged_in(user_at(user)).args(["--state", state]);
                        user.args(["copy", "-q", "--overwrite", "always"]).args(urls(number)).run().exits(0);
                    }
                });
            }
        });
        if round > 0 {
            let commands = CARRIED as f64 / start.elapsed().as_secs_f64();
            report.add(
                "copies of one small file, 8 at a time",
                "jobs/s",
                "daemon",
                CARRIED as f64 / daemon_took,
            );
            report.add("copies of one small file, 8 at a time", "jobs/s", "commands", commands);
        }
    }
    drop(daemon);
}

/// Who copies a tree: a command, or daemons.
struct TreeContender {
    name: &'static str,
    daemons: usize,
    has_database: bool,
}

const TREE_CONTENDERS: [TreeContender; 4] = [
    TreeContender { name: "copy", daemons: 0, has_database: false },
    TreeContender { name: "1 worker", daemons: 1, has_database: false },
    TreeContender { name: "1 worker of a database", daemons: 1, has_database: true },
    TreeContender { name: "4 workers of a database", daemons: 4, has_database: true },
];

impl TreeContender {
    /// Copies the tree. Returns the seconds.
    fn copy(&self, hosts: &[Queued<'_>], urls: &[String; 2]) -> f64 {
        let daemons: Vec<Started> =
            hosts.iter().take(self.daemons).map(|host| host.daemon(PARALLEL)).collect();
        let words = if daemons.is_empty() { &[][..] } else { &["--queue", "--wait"] };
        let start = Instant::now();
        hosts[0].user().args(["copy", "-q", "-r"]).args(words).args(urls).run().exits(0);
        start.elapsed().as_secs_f64()
    }
}

/// A tree of many small files, by a command and by daemons.
fn trees(plan: &Plan, place: &Path, suite: &Suite, server: Option<&Postgres>, report: &mut Report) {
    let [from, to] = &suite.servers;
    let (tree, copied) = (from.path("many"), to.path("copied"));
    fs::create_dir(&tree).unwrap();
    let content = sample(FILE_BYTES);
    (0..plan.entries).for_each(|file| fs::write(tree.join(format!("{file:07}")), &content).unwrap());
    let urls = [from.url("many"), to.url("copied")].map(|url| without_password(&url));
    let what = format!("{} x 4 KiB by the queue", plan.entries);
    for round in 0..=plan.rounds {
        for turn in turns(round, TREE_CONTENDERS.len()) {
            let contender = &TREE_CONTENDERS[turn];
            let store = match (contender.has_database, server) {
                (false, _) => None,
                (true, Some(server)) => Some(server.make_database(&format!("tree{round}_{turn}"))),
                (true, None) => continue,
            };
            let host = |_| Queued { store: store.clone(), ..Queued::new(place, suite) };
            let hosts: Vec<Queued<'_>> = (0..contender.daemons.max(1)).map(host).collect();
            let seconds = contender.copy(&hosts, &urls);
            assert_eq!(fs::read_dir(&copied).unwrap().count(), plan.entries);
            fs::remove_dir_all(&copied).unwrap();
            if round > 0 {
                report.add(&what, "files/s", contender.name, plan.entries as f64 / seconds);
            }
        }
    }
    fs::remove_dir_all(&tree).unwrap();
}

/// Fills a store: nobody carries these jobs before next year.
fn fill(directory: &Path, jobs: u64, owners: u64) {
    let queue = queue(directory);
    for id in 1..=jobs {
        let owner = format!("owner{}", id % owners);
        queue.submit(JobId::new(id), job(), &entry(&owner, now() + 366 * 86_400)).unwrap();
    }
}

/// How fast page and API answer.
fn answers(place: &Path, suite: &Suite, report: &mut Report) {
    let queued = Queued::new(place, suite);
    fill(queued.home.path(), STORED, OWNERS);
    let token = queued.token();
    let daemon = queued.daemon(PARALLEL);
    let one = JobId::new(STORED / 2);
    for what in [
        "/api/v1/jobs?limit=100".to_owned(),
        "/api/v1/jobs?limit=100&owner=owner7".to_owned(),
        "/api/v1/jobs?limit=100&state=done".to_owned(),
        format!("/api/v1/jobs/{one}"),
        format!("/api/v1/jobs/{one}/files"),
        "/api/v1/workers".to_owned(),
        "/metrics".to_owned(),
    ] {
        let mut took: Vec<f64> = (0..ASKED)
            .map(|_| {
                let start = Instant::now();
                drop(queued.ask(&token, &format!("GET {what}"), ""));
                start.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        took.sort_by(f64::total_cmp);
        // Each question is a round of the row.
        report.add("answers with 100,000 jobs, median", "ms", USER, took[ASKED / 2]);
        report.add("answers with 100,000 jobs, 99 of 100", "ms", USER, took[ASKED * 99 / 100]);
    }
    drop(daemon);
}

/// What the daemon has in memory with many jobs that wait and many listeners.
fn memory(place: &Path, suite: &Suite, report: &mut Report) {
    let queued = Queued::new(place, suite);
    fill(queued.home.path(), WAITING, 2);
    let token = queued.token();
    let daemon = queued.daemon(PARALLEL);
    let process = daemon.running.id();
    let before = pss_kib(process) / 1024.0;
    let listeners: Vec<TcpStream> = (0..LISTENERS)
        .map(|_| {
            let mut stream = TcpStream::connect(queued.address).unwrap();
            stream.write_all(head(&token, "GET /api/v1/events", "").as_bytes()).unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let jobs: Value = serde_json::from_str(&queued.ask(&token, "GET /api/v1/jobs?limit=1000", "")).unwrap();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1000);
    let after = pss_kib(process) / 1024.0;
    drop((daemon, listeners));
    report.add("daemon with 10,000 jobs that wait (PSS)", "MiB", USER, before);
    report.add("daemon with 10,000 jobs and 1,000 listeners (PSS)", "MiB", USER, after);
}
