//! The journal in a PostgreSQL database.

use integration_tests::or_skip;
use integration_tests::postgres::Postgres;
use integration_tests::skip::Skipped;
use std::process::Command;

/// A server, if this run of the tests wants one.
fn server() -> Result<Postgres, Skipped> {
    match std::env::var_os("FTP_POSTGRES") {
        None => Err(Skipped("a database server is used by .ci/full postgres".to_owned())),
        Some(_) => Postgres::start(),
    }
}

#[test]
fn the_tests_of_the_journal_hold_in_a_database_too() {
    let server = or_skip!(server());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "test",
        "--locked",
        "-p",
        "ftp-user",
        "--features",
        "postgres",
        "--lib",
        "--",
        "journal",
        "state::",
    ]);
    cargo.env("FTP_USER_TEST_POSTGRES", server.url("postgres"));
    let status = cargo.status().unwrap();
    assert!(status.success(), "{}", server.log());
}

/// What a journal does while its server is away, and when it is there again.
#[cfg(feature = "postgres")]
mod away {
    use super::server;
    use ftp_io::clock::Clock;
    use ftp_user::id::JobId;
    use ftp_user::journal::{
        JobJournal, JobStart, Journal, JournalFailure, Queue, StoreUrl, StoredJob, Submitted,
    };
    use ftp_user::queue::Entry;
    use integration_tests::or_skip;
    use integration_tests::postgres::Postgres;
    use integration_tests::socket::until;
    use tokio::runtime::Builder;

    fn journal(server: &Postgres) -> Journal {
        let Ok(StoreUrl::Postgres(url)) = server.url("postgres").parse() else { panic!("it is a database") };
        Journal::in_database(url, None)
    }

    fn queue(server: &Postgres) -> Queue {
        journal(server).queue().unwrap()
    }

    fn stored() -> StoredJob {
        StoredJob { version: StoredJob::VERSION, verb: "copy".to_owned(), ..StoredJob::default() }
    }

    #[test]
    fn a_run_that_has_lost_its_connection_has_lost_its_job() {
        let mut server = or_skip!(server());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let begin = |server: &Postgres, resumes| {
            let (run, begun) =
                journal(server).begin(JobStart { id: JobId::new(1), job: stored(), resumes, lease: None });
            runtime.block_on(begun).map(|_| run)
        };
        let clock = Clock::start();
        let confirms = |run: &JobJournal| runtime.block_on(run.confirm_job(clock)).is_ok();
        let one = begin(&server, false).unwrap();
        assert!(one.is_shared() && confirms(&one));
        assert!(begin(&server, true).is_err(), "it is carried");
        server.stop();
        server.run();
        until("the loss is noticed", || !confirms(&one));
        let two = begin(&server, true).unwrap();
        assert!(confirms(&two) && !confirms(&one));
        assert!(one.why_missed().is_some() && two.why_missed().is_none());
    }

    fn submit(queue: &Queue, number: u64) -> Result<Submitted, JournalFailure> {
        queue.submit(JobId::new(number), stored(), &Entry::default())
    }

    #[test]
    fn a_queue_goes_on_when_its_server_is_there_again() {
        let mut server = or_skip!(server());
        let queue = queue(&server);
        for (round, is_killed) in (0..).zip([false, true]) {
            let [first, second] = [1, 2].map(|number| round * 10 + number);
            assert_eq!(submit(&queue, first), Ok(Submitted::New(JobId::new(first))));
            if is_killed {
                server.kill()
            } else {
                server.stop()
            }
            for _ in 0..3 {
                let away = submit(&queue, second).unwrap_err();
                let text = away.to_string();
                assert!(
                    matches!(away, JournalFailure::Unusable { .. }) && text.contains("postgres://"),
                    "{text}"
                );
            }
            server.run();
            assert_eq!(submit(&queue, second), Ok(Submitted::New(JobId::new(second))));
            assert!([first, second].iter().all(|id| queue.queued(JobId::new(*id)).unwrap().is_some()));
        }
    }
}

/// Daemons that carry the jobs of one database.
#[cfg(feature = "postgres")]
mod daemons {
    use super::server;
    use crate::workers::slow_destination;
    use integration_tests::or_skip;
    use integration_tests::postgres::Postgres;
    use integration_tests::site::{Server, Site, sample, without_password};
    use integration_tests::socket::until;
    use integration_tests::user::{Started, User, user};
    use rustix::process::Signal;
    use serde_json::Value;
    use std::fs;

    /// The size of a file that takes seconds at the limit of these jobs.
    const LARGE: usize = 3_000_000;

    struct Scene {
        database: Postgres,
        from: Server,
        to: Server,
    }

    impl Scene {
        fn new(database: Postgres) -> Self {
            let from = Site::new("source").file("t/a", "a").file("t/large", sample(LARGE)).file("t/z", "z");
            Self { database, from: from.start(), to: Site::new("destination").at("127.0.0.3").start() }
        }

        /// A user of a host of its own.
        fn user(&self) -> User {
            self.local().args(["--store", &self.database.url("postgres")])
        }

        /// The same who does not name the database.
        fn local(&self) -> User {
            user().logins(["127.0.0.2", "127.0.0.3"]).args(["--json"])
        }

        fn daemon(&self, args: &[&str]) -> Started {
            let daemon = self.user().args(["daemon"]).args(args).start();
            daemon.wait_for("carrying the jobs of the queue");
            // It is told of changes from here on: a server that goes away earlier keeps it from starting.
            daemon.wait_for("listening on unix:");
            daemon
        }

        /// Submits a job with that destination.
        fn submit(&self, to: &str) -> String {
            self.submit_limited("1MB", to)
        }

        /// The same with this rate.
        fn submit_limited(&self, limit: &str, to: &str) -> String {
            let [from, to] = [self.from.url("t"), self.to.url(to)].map(|url| without_password(&url));
            let words = ["copy", "--queue", "--limit", limit, "-r", &from, &to];
            let run = self.user().args(words).run().exits(0);
            run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned()
        }

        fn job(&self, id: &str) -> Value {
            let jobs = self.user().args(["jobs"]).run().exits(0).events("job");
            jobs.into_iter().find(|job| job["id"] == *id).unwrap_or(Value::Null)
        }

        fn until_done(&self, id: &str) {
            until("done", || self.job(id)["state"] == "done");
            assert_eq!(self.to.names(), ["t/", "t/a", "t/large", "t/z"]);
            assert_eq!(self.to.bytes("t/large"), sample(LARGE));
        }

        /// A daemon that was stopped goes on when another one has done its job, and changes nothing of what is there since.
        fn wakes_too_late(&self, stopped: Started, id: &str) {
            // Whatever it still gives a final name would replace this.
            fs::write(self.to.path("t/large"), "newer").unwrap();
            stopped.running.signal(Signal::CONT);
            stopped.wait_for("a job has lost its lease");
            stopped.end_with(Signal::TERM).exits(0);
            assert_eq!(self.to.bytes("t/large"), b"newer");
            assert_eq!(self.to.names(), ["t/", "t/a", "t/large", "t/z"]);
            assert_eq!(self.job(id)["state"], "done");
        }

        fn until_a_part_has_arrived(&self) {
            until("a part has arrived", || {
                let is_large =
                    |name: &String| fs::metadata(self.to.path(name)).is_ok_and(|part| part.len() > 100_000);
                self.to.names().iter().any(is_large)
            });
        }
    }

    #[test]
    fn another_host_goes_on_with_what_a_killed_daemon_has_left() {
        let scene = Scene::new(or_skip!(server()));
        let one = scene.daemon(&["--name", "one"]);
        let id = scene.submit("");
        scene.until_a_part_has_arrived();
        let two = scene.daemon(&["--name", "two"]);
        one.kill();
        scene.until_done(&id);
        assert_eq!(scene.job(&id)["queue"]["tries"], 1);
        drop(two.end_with(Signal::TERM).says("has lost its worker: its next run takes over what is left"));
    }

    #[test]
    fn daemons_share_the_jobs() {
        let scene = Scene::new(or_skip!(server()));
        let daemons = ["one", "two"].map(|name| scene.daemon(&["--name", name, "--parallel", "1"]));
        let jobs = ["a", "b", "c", "d"].map(|name| scene.submit(name));
        daemons.iter().for_each(|daemon| daemon.wait_for("a job begins"));
        for job in &jobs {
            until("done", || scene.job(job)["state"] == "done");
        }
        // What they have learnt of the pair is in the database.
        let pairs = "SELECT count(*) FROM ftp_user.memory WHERE name = 'pairs' AND value LIKE '%127.0.0.2%'";
        assert_eq!(scene.database.number(pairs), Some(1));
        for daemon in &daemons {
            assert!(!daemon.home().join(".local/state/ftp-user/pairs.json").exists());
        }
        let mut begun = 0;
        for daemon in daemons {
            begun += daemon.end_with(Signal::TERM).exits(0).said.matches("a job begins").count();
        }
        assert_eq!(begun, jobs.len(), "each was carried once");
    }

    #[test]
    fn a_daemon_that_was_stopped_beyond_its_lease_publishes_nothing_when_it_goes_on() {
        let scene = Scene::new(or_skip!(server()));
        let one = scene.daemon(&["--name", "one"]);
        let id = scene.submit("");
        scene.until_a_part_has_arrived();
        let two = scene.daemon(&["--name", "two"]);
        one.running.signal(Signal::STOP);
        scene.until_done(&id);
        scene.wakes_too_late(one, &id);
        drop(two);
    }

    #[test]
    fn a_daemon_that_was_cut_off_gives_no_final_name_and_another_one_has_carried_its_jobs() {
        let mut scene = Scene::new(or_skip!(server()));
        let one = scene.daemon(&["--name", "one", "--drain-timeout", "10ms"]);
        let id = scene.submit("");
        scene.until_a_part_has_arrived();
        one.running.signal(Signal::STOP);
        // Its connections end, as if its host were not there any more.
        scene.database.stop();
        scene.database.run();
        let two = scene.daemon(&["--name", "two"]);
        scene.until_done(&id);
        scene.wakes_too_late(one, &id);
        drop(two);
    }

    #[test]
    fn a_job_goes_to_a_worker_that_has_its_sites() {
        let scene = Scene::new(or_skip!(server()));
        let settings = |to: &str| {
            let [from, to] = [&scene.from.url("t"), to].map(without_password);
            format!("[sites.from]\nurl = \"{from}\"\n[sites.to]\nurl = \"{to}\"\n")
        };
        let with = |to: &str| {
            scene.user().private_file("config.toml", settings(to)).args(["--config", "config.toml"])
        };
        let start = |user: User, name| {
            let daemon = user.args(["daemon", "--name", name]).start();
            daemon.wait_for("carrying the jobs of the queue");
            daemon
        };
        let elsewhere = scene.to.url("other");
        let one = start(with(&elsewhere), "one");
        let run = with(&scene.to.url("")).args(["copy", "--queue", "-r", "from:", "to:"]).run().exits(0);
        let id = run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned();
        // Nobody has these sites: the difference is named.
        until("a reason", || scene.job(&id)["state"] == "waiting");
        let job = scene.job(&id).to_string();
        let difference = format!("to was {}", without_password(&scene.to.url("")));
        assert!(job.contains("no daemon has all sites") && job.contains(&difference), "{job}");
        let two = start(with(&scene.to.url("")), "two");
        // What waits because of settings begins at once when a daemon starts.
        until("done", || scene.job(&id)["state"] == "done");
        one.end_with(Signal::TERM).exits(0);
        two.end_with(Signal::TERM).exits(0).says("a job begins");
    }

    #[test]
    fn a_daemon_outlives_the_server_of_its_database() {
        let mut scene = Scene::new(or_skip!(server()));
        let daemon = scene.daemon(&[]);
        let id = scene.submit("");
        scene.until_a_part_has_arrived();
        scene.database.kill();
        daemon.wait_for("the journal cannot be used: no job begins until it can");
        scene.database.run();
        daemon.wait_for("the journal can be used again");
        until("an end or another try", || scene.job(&id)["state"] != "running");
        if scene.job(&id)["state"] == "waiting" {
            scene.user().args(["retry", &id]).run().exits(0);
        }
        scene.until_done(&id);
        daemon.end_with(Signal::TERM).exits(0);
    }

    #[test]
    fn a_job_waits_and_uses_up_no_try_while_what_is_known_of_servers_cannot_be_asked() {
        let scene = Scene::new(or_skip!(server()));
        let daemon = scene.daemon(&[]);
        scene.database.run_sql("ALTER TABLE ftp_user.memory RENAME TO aside");
        let id = scene.submit("");
        until("it waits", || scene.job(&id)["state"] == "waiting");
        let job = scene.job(&id);
        assert_eq!(job["queue"]["tries"], 0, "{job}");
        assert!(job.to_string().contains("it is not known which servers have TLS"), "{job}");
        assert_eq!(scene.to.names(), [""; 0]);
        scene.database.run_sql("ALTER TABLE ftp_user.aside RENAME TO memory");
        scene.user().args(["retry", &id]).run().exits(0);
        scene.until_done(&id);
        daemon.end_with(Signal::TERM).exits(0);
    }

    /// Asks which locks of names there are.
    const NAMES: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1179930710";

    #[test]
    fn one_daemon_has_a_name_as_long_as_it_lives() {
        let mut scene = Scene::new(or_skip!(server()));
        let one = scene.daemon(&["--name", "one"]);
        let second = || scene.user().args(["daemon", "--name", "one"]).run();
        second().exits(8).says("another daemon called one carries the jobs of this store").says("--name");
        let other = scene.daemon(&["--name", "other"]);
        assert_eq!(scene.database.number(NAMES), Some(2));
        one.kill();
        until("its name is free", || scene.database.number(NAMES) == Some(1));
        let again = scene.daemon(&["--name", "one"]);
        // The name stays its own when the server of the database is started again.
        scene.database.kill();
        again.wait_for("the journal cannot be used");
        scene.database.run();
        again.wait_for("the journal can be used again");
        scene.user().args(["daemon", "--name", "one"]).run().exits(8);
        for daemon in [again, other] {
            daemon.end_with(Signal::TERM).exits(0);
        }
        scene.daemon(&["--name", "one"]).end_with(Signal::TERM).exits(0);
    }

    #[test]
    fn what_becomes_of_a_job_is_followed_in_the_database() {
        let scene = Scene::new(or_skip!(server()));
        let follows = scene.user().args(["jobs", "--follow"]).start();
        let query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%FROM workers%' AND pid != pg_backend_pid()";
        until("it follows", || scene.database.number(query) == Some(1));
        let id = scene.submit("");
        follows.wait_for("\"state\":\"queued\"");
        let daemon = scene.daemon(&["--name", "one"]);
        follows.wait_for("\"state\":\"running\"");
        scene.until_done(&id);
        follows.wait_for("\"state\":\"done\"");
        daemon.end_with(Signal::TERM).exits(0);
        let run = follows.end_with(Signal::INT).exits(10);
        let told: Vec<Value> = run.events("job");
        assert!(told.iter().all(|job| job["id"] == *id && job["job"] == *id), "{told:?}");
        let of_state =
            |state: &str| told.iter().find(|job| job["state"] == *state).unwrap()["worker"].clone();
        assert_eq!((of_state("queued"), of_state("running")), (Value::Null, "one".into()));
    }

    #[test]
    fn the_rate_of_a_job_is_known_to_another_daemon() {
        let scene = Scene::new(or_skip!(server()));
        let one = scene.daemon(&["--name", "one", "--parallel", "1"]);
        let id = scene.submit_limited("300KB", "");
        until("it runs", || scene.job(&id)["state"] == "running");
        let two = scene.daemon(&["--name", "two"]);
        let state = two.home().join(".local/state/ftp-user");
        let follows = scene.local().args(["--state", state.to_str().unwrap(), "jobs", "--follow"]).start();
        until("the rate is in the database", || scene.job(&id)["progress"]["rate"].is_u64());
        follows.wait_for("\"worker\":\"one\"");
        follows.wait_for("\"job_bytes\"");
        scene.until_done(&id);
        assert!(scene.job(&id)["progress"].is_null());
        for daemon in [one, two] {
            daemon.end_with(Signal::TERM).exits(0);
        }
        let run = follows.end();
        let rates = run.events("progress");
        assert!(
            !rates.is_empty() && rates.iter().all(|told| told["job"] == *id && told["worker"] == "one"),
            "{rates:?}"
        );
    }

    /// A tree of which one worker has enough for half a minute, for every 100 files.
    struct TreeScene {
        scene: Scene,
        files: usize,
        netrc: String,
    }

    impl TreeScene {
        fn new(database: Postgres, files: usize) -> Self {
            let names = (0..files).map(|number| format!("t/{}/{number}", number % 3));
            let from =
                names.fold(Site::new("source"), |site, name| site.file(&name, sample(1_200_000))).start();
            let (to, netrc) = slow_destination("4MB");
            Self { scene: Scene { database, from, to }, files, netrc }
        }

        fn user(&self) -> User {
            let user = user().private_file(".netrc", self.netrc.clone());
            user.args(["--json", "--store", &self.scene.database.url("postgres")])
        }

        fn daemon(&self, name: &str) -> Started {
            let daemon = self.user().args(["daemon", "--name", name, "--parallel", "1"]).start();
            daemon.wait_for("carrying the jobs of the queue");
            daemon
        }

        /// Has the first daemon begin a job, and the second one a part of it.
        fn shared(&self, verb: &str) -> (Started, Started, String) {
            let from = without_password(&self.scene.from.url("t"));
            let to = self.scene.to.url("").replace("ann:open%3Asesame@", "eve@");
            let one = self.daemon("one");
            let run = self.user().args([verb, "--queue", "-r", &from, &to]).run().exits(0);
            let id = run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned();
            one.wait_for("a job begins");
            let two = self.daemon("two");
            two.wait_for("a job begins");
            (one, two, id)
        }

        fn until_done(&self, id: &str) {
            until("done", || self.scene.job(id)["state"] == "done");
            let names = self.scene.to.names();
            assert_eq!(names.iter().filter(|name| !name.ends_with('/')).count(), self.files, "{names:?}");
            for name in names.iter().filter(|name| !name.ends_with('/')) {
                assert!(self.scene.to.bytes(name) == sample(1_200_000), "{name}");
            }
        }

        fn parts(&self) -> Option<u64> {
            self.scene.database.number("SELECT count(*) FROM ftp_user.tree_parts")
        }
    }

    #[test]
    fn a_part_of_a_tree_is_carried_by_whoever_has_room() {
        for verb in ["copy", "move"] {
            let tree = TreeScene::new(or_skip!(server()), 100);
            let (one, two, id) = tree.shared(verb);
            tree.until_done(&id);
            let job = tree.scene.job(&id);
            assert_eq!((&job["files"], &job["failed"]), (&100.into(), &0.into()), "{job}");
            if verb == "move" {
                assert_eq!(tree.scene.from.names(), Vec::<String>::new());
            }
            assert_eq!(tree.parts(), Some(0));
            let [one, two] = [one, two].map(|daemon| daemon.end_with(Signal::TERM).exits(0));
            assert!(one.said.contains("part=0") && !two.said.contains("part=0"), "{two}");
        }
    }

    #[test]
    fn a_part_whose_worker_was_stopped_beyond_its_lease_is_carried_by_the_next_run() {
        // The other one has enough to do until the lease has expired, and has offered another part that nobody takes.
        let tree = TreeScene::new(or_skip!(server()), 250);
        let (one, two, id) = tree.shared("copy");
        let stored = || tree.scene.to.names().into_iter().find(|name| name.ends_with(".part"));
        until("a part is under way", || stored().is_some());
        two.running.signal(Signal::STOP);
        until("the run that has lost the part has ended", || tree.scene.job(&id)["queue"]["tries"] == 1);
        tree.until_done(&id);
        let last = "t/0/99";
        fs::write(tree.scene.to.path(last), "newer").unwrap();
        two.running.signal(Signal::CONT);
        two.wait_for("a job has lost its lease");
        two.end_with(Signal::TERM).exits(0);
        assert_eq!(tree.scene.to.bytes(last), b"newer");
        assert_eq!(stored(), None);
        one.end_with(Signal::TERM).exits(0);
    }

    #[test]
    fn whoever_carries_a_part_goes_on_with_the_job_of_a_killed_daemon() {
        let tree = TreeScene::new(or_skip!(server()), 100);
        let (one, two, id) = tree.shared("copy");
        one.kill();
        tree.until_done(&id);
        assert_eq!(tree.parts(), Some(0));
        two.end_with(Signal::TERM).exits(0);
    }
}

/// What hosts that share a database know together of servers.
#[cfg(feature = "postgres")]
mod memory {
    use super::server;
    use integration_tests::certificate::Certificate;
    use integration_tests::or_skip;
    use integration_tests::postgres::Postgres;
    use integration_tests::tls_peer::{Sends, TlsPeer};
    use integration_tests::user::{User, user};
    use std::fs;

    /// A user of a host of its own.
    fn host(database: &Postgres) -> User {
        user().args(["--retries", "0", "--timeout", "10s", "--store", &database.url("postgres")])
    }

    #[test]
    fn a_certificate_that_one_host_has_kept_holds_for_all_of_them() {
        let mut database = or_skip!(server());
        let peer = TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello");
        let url = peer.clear_url("");
        let ls = || host(&database).args(["ls", &url]).run();
        ls().exits(0).says("accepted and not verified").says("from now on no other is accepted");
        ls().exits(0).never_says("not verified");
        peer.show(&Certificate::of(peer.address().ip()));
        ls().exits(11).says("has changed");
        host(&database).args(["sites", "forget", &url]).run().exits(0).says("forgotten of");
        ls().exits(0).says("from now on no other is accepted");
        assert_eq!(database.number("SELECT count(*) FROM ftp_user.memory"), Some(1));
        let before = peer.heard().len();
        database.stop();
        let away = host(&database).args(["ls", &url]).run().exits(5);
        drop(away.says("it is not known which servers have TLS").says("check that the server runs"));
        assert_eq!(peer.heard().len(), before, "{:?}", peer.heard());
    }

    #[test]
    fn a_certificate_that_was_kept_before_there_was_a_database_is_taken_into_it() {
        let database = or_skip!(server());
        let peer = TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello");
        let url = peer.clear_url("");
        let state = tempfile::tempdir().unwrap();
        let entry =
            format!("[{{\"site\":\"{}\",\"certificate\":\"{}\",\"at\":1}}]", peer.address(), peer.pin());
        fs::write(state.path().join("sites.json"), entry).unwrap();
        peer.show(&Certificate::of(peer.address().ip()));
        let here = || host(&database).args(["--state", state.path().to_str().unwrap()]);
        let refused = || host(&database).args(["ls", &url]).run().exits(11).says("has changed");
        here().args(["ls", &url]).run().exits(11).says("has changed");
        drop(refused());
        here().args(["sites", "forget", &url]).run().exits(0).says("forgotten of");
        here().args(["ls", &url]).run().exits(0).says("from now on no other is accepted");
    }
}
