//! Runs that are killed before they have stored anything: `jobs` and `resume` know their jobs.

use integration_tests::site::{Site, sample};
use integration_tests::user::{User, user};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use tempfile::TempDir;

/// A server that answers until it hears that verb, and then nothing any more; it tells when. Without a verb it says nothing at all.
fn holds(verb: &'static str) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.3:0").unwrap();
    let (address, (met, is_met)) = (listener.local_addr().unwrap(), mpsc::channel());
    // It ends with the process.
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let met = met.clone();
            thread::spawn(move || converse(client, verb, &met));
        }
    });
    (address, is_met)
}

fn converse(mut client: TcpStream, verb: &str, met: &Sender<()>) {
    let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
    let mut heard = String::new();
    while !verb.is_empty() && (heard.is_empty() || !heard.starts_with(verb)) {
        let reply = match heard.get(..4) {
            None => "220 here",
            Some("USER") => "331 password",
            Some("PASS") => "230 in",
            Some(_) => "502 no",
        };
        if client.write_all(format!("{reply}\r\n").as_bytes()).is_err() {
            return;
        }
        let Some(line) = lines.next() else { return };
        heard = line;
    }
    let _ = met.send(());
    // The connection stays open until the client leaves.
    let _ = lines.next();
}

struct Scene {
    here: TempDir,
    state: TempDir,
}

impl Scene {
    fn new() -> Self {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("t")).unwrap();
        std::fs::write(here.path().join("t/a.bin"), sample(100)).unwrap();
        Self { here, state: tempfile::tempdir().unwrap() }
    }

    fn user(&self) -> User {
        let words = ["--state", self.state.path().to_str().unwrap(), "--json", "--timeout", "20s"];
        let user = user().logins(["127.0.0.2"]).login("127.0.0.3", "ann", "secret");
        user.here(self.here.path()).args(words)
    }

    fn jobs(&self, more: &[&str]) -> Vec<Value> {
        self.user().args(["jobs"]).args(more).run().exits(0).events("job")
    }
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("ftp://ann@{address}/{path}")
}

#[test]
fn n8_a_job_that_is_killed_while_its_first_server_has_not_said_a_word_is_found() {
    for verb in [&["copy", "-r"][..], &["move", "-r"], &["sync"]] {
        for held in ["", "USER", "PASS"] {
            let scene = Scene::new();
            let (address, is_met) = holds(held);
            let run = scene.user().args(verb).args(["t", &url(address, "n")]).start();
            is_met.recv().unwrap();
            run.kill();
            let jobs = scene.jobs(&[]);
            assert_eq!(jobs.len(), 1, "{verb:?} {held:?}: {jobs:?}");
            assert_eq!(jobs[0]["state"], "interrupted", "{verb:?} {held:?}: {jobs:?}");
            // It goes on, and is killed again.
            let run = scene.user().args(["resume"]).start();
            is_met.recv().unwrap();
            run.kill();
            assert_eq!(scene.jobs(&[])[0]["state"], "interrupted", "{verb:?} {held:?}");
        }
    }
}

#[test]
fn n8_killed_jobs_that_had_stored_nothing_take_no_place_from_each_other() {
    let scene = Scene::new();
    let (address, is_met) = holds("");
    let begin = |name: &str| {
        let run = scene.user().args(["copy", "-r", "t", &url(address, name)]).start();
        is_met.recv().unwrap();
        run.kill();
    };
    (0..7).for_each(|number| begin(&format!("n{number}")));
    assert_eq!(scene.jobs(&[]).len(), 7);
    // The same command again is the same job.
    begin("n3");
    let jobs = scene.jobs(&[]);
    assert!(jobs.len() == 7 && jobs.iter().all(|job| job["state"] == "interrupted"), "{jobs:?}");
}

#[test]
fn a_job_that_had_nothing_to_do_or_was_a_mistake_leaves_no_entry() {
    let scene = Scene::new();
    let at = Site::new("destination").at("127.0.0.2").file("n/a.bin", sample(100)).start();
    let to = |path: &str| url(at.address(ftp_proto::dialect::Dialect::Rfc959), path);
    let check = |words: &[&str], code: i32, expect: usize| {
        let run = scene.user().args(words).run().exits(code);
        let jobs = scene.jobs(&["--all"]);
        assert_eq!(jobs.len(), expect, "{words:?}: {jobs:?}\n{run}");
    };
    check(&["copy", "-r", "t/", &to("n/")], 0, 0);
    check(&["copy", "none", &to("n/")], 3, 0);
    check(&["copy", "--dry-run", "-r", "t", &to("new")], 0, 0);
    let wrong = to("n").replace("ann@", "ann:wrong@");
    check(&["copy", "-r", "t", &wrong], 4, 0);
    // One with a name is reported when it is asked for again.
    check(&["copy", "--id", "named", "-r", "t/", &to("n/")], 0, 1);
    check(&["copy", "-r", "t", &to("m/")], 0, 2);
}

#[test]
fn a_job_that_has_made_a_directory_or_deleted_something_has_an_entry() {
    let scene = Scene::new();
    let at =
        Site::new("destination").at("127.0.0.2").file("n/a.bin", sample(100)).file("n/more", "x").start();
    let to = |path: &str| url(at.address(ftp_proto::dialect::Dialect::Rfc959), path);
    std::fs::create_dir_all(scene.here.path().join("d/e")).unwrap();
    for (words, expect) in [
        (&["copy", "-r", "d", &to("e")][..], 1),
        (&["copy", "-r", "d/", &to("e/")], 1),
        (&["sync", "--delete", "--yes", "t/", &to("n")], 2),
        (&["sync", "--delete", "--yes", "t/", &to("n")], 2),
    ] {
        let run = scene.user().args(words).run().exits(0);
        let jobs = scene.jobs(&["--all"]);
        assert_eq!(jobs.len(), expect, "{words:?}: {jobs:?}\n{run}");
    }
}
