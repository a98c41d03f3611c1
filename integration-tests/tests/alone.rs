//! `copy --detach`: both servers go on alone, and a later run of ftp-user waits for them, verifies the file and gives it
//! its name. Real processes.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::beside::each_beside;
use integration_tests::liar::{Liar, Lie};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User, job, user};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// What moves in some seconds at [`RATE`].
const LARGE: usize = 3_000_000;
/// Bytes per second.
const RATE: &str = "1MB";

/// Two servers and a state directory.
struct Scene {
    from: Server,
    to: Server,
    state: TempDir,
    is_private: bool,
}

fn scene() -> Scene {
    scene_of(false)
}

fn scene_of(is_private: bool) -> Scene {
    let secure = |site: Site| if is_private { site.tls() } else { site };
    let from = secure(Site::new("source")).file("a.bin", sample(LARGE)).file("d/b.bin", sample(10));
    let to = secure(Site::new("destination").at("127.0.0.3"));
    Scene { from: from.start(), to: to.start(), state: tempfile::tempdir().unwrap(), is_private }
}

impl Scene {
    /// A run with the state directory and the passwords of both servers.
    fn user(&self) -> User {
        job(self.state.path()).args(["--timeout", "5s"])
    }

    /// The copy with `--detach`, slow enough that it is seen under way.
    fn copy(&self, more: &[&str]) -> User {
        let url = |server: &Server, path: &str| match self.is_private {
            true => server.explicit_url(path),
            false => server.url(path),
        };
        let pins = [&self.from, &self.to].into_iter().filter(|_| self.is_private);
        let pins = pins.flat_map(|server| ["--pin".to_owned(), server.pin()]);
        let run = self.user().here(self.state.path()).args(["copy", "--detach", "--limit", RATE]);
        let run = run.args(pins).args(more);
        run.args([url(&self.from, "a.bin"), url(&self.to, "b.bin")])
    }

    fn detached(&self) -> Run {
        let run = self.copy(&[]).run().exits(0);
        let detached = &run.events("detached")[0];
        assert_eq!((&detached["path"], &detached["bytes"]), (&"direct".into(), &LARGE.into()), "{run}");
        let summary = run.summary();
        assert_eq!(
            (&summary["ok"], &summary["files"], &summary["detached"]),
            (&true.into(), &0.into(), &1.into())
        );
        assert!(!self.to.path("b.bin").exists(), "{run}");
        run
    }

    fn parts(&self) -> Vec<PathBuf> {
        let names = self.to.names().into_iter().filter(|name| name != "b.bin");
        names.map(|name| self.to.path(&name)).collect()
    }

    fn has_arrived(&self, bytes: u64) {
        until("bytes have arrived", || {
            self.parts().iter().any(|part| fs::metadata(part).is_ok_and(|facts| facts.len() >= bytes))
        });
    }

    fn job(&self) -> Value {
        let mut jobs = self.user().args(["jobs"]).run().exits(0).events("job");
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.remove(0)
    }

    fn state(&self) -> String {
        self.job()["state"].as_str().unwrap().to_owned()
    }

    fn resume(&self) -> Run {
        self.user().args(["resume", "last"]).run()
    }

    /// Waits until the trace of a run has these words.
    fn until_traced(&self, words: &str) {
        let trace = self.state.path().join("trace");
        until("the trace has that", || fs::read_to_string(&trace).is_ok_and(|text| text.contains(words)));
    }

    /// A run is killed at a moment of its trace, and a later one ends the job.
    fn is_ended_after_a_kill(&self, run: Started, moment: &str) {
        self.until_traced(moment);
        let killed = run.kill();
        let state = self.state();
        assert!(["detached", "interrupted"].contains(&state.as_str()), "{moment}: {state}\n{killed}");
        let run = self.resume().exits(0);
        self.is_done(&run);
    }

    /// The copy has its name and all bytes, and nothing else is left of it.
    fn is_done(&self, run: &Run) {
        assert!(self.to.bytes("b.bin") == sample(LARGE), "bytes differ: {run}");
        assert_eq!(self.parts(), [""; 0].map(PathBuf::from), "{run}");
        assert_eq!(run.events("file")[0]["verified"], "sha-256", "{run}");
        assert_eq!(self.state(), "done", "{run}");
    }
}

#[test]
fn n9_both_servers_go_on_alone_and_resume_waits_verifies_and_renames() {
    for is_private in [false, true] {
        let scene = scene_of(is_private);
        let run = scene.detached();
        let job = scene.job();
        assert_eq!(job["state"], "detached", "{job}\n{run}");
        assert_eq!(job["transfer"]["total"], LARGE, "{job}");
        let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
        scene.is_done(&run);
        let file = &run.events("file")[0];
        assert_eq!((&file["path"], &file["attempts"]), (&"direct".into(), &1.into()), "{run}");
        let trace = run.text("trace");
        assert!(!trace.contains("> STOR") && trace.contains("> STAT #"), "nothing moves again: {trace}");
    }
}

/// Two servers that refuse each other, and a relay that both let in.
fn relayed_scene() -> (Scene, Agent) {
    let never = |site: Site| site.args(["--foreign", "never"]);
    let from = never(Site::new("source")).file("a.bin", sample(LARGE)).start();
    let to = never(Site::new("destination").at("127.0.0.3")).start();
    let relay = Relay::new().server("127.0.0.2").server("127.0.0.3").start();
    (Scene { from, to, state: tempfile::tempdir().unwrap(), is_private: false }, relay)
}

fn through(relay: &Agent) -> [String; 6] {
    let (address, file) = (relay.address.to_string(), relay.token_file.display().to_string());
    ["--path", "relay", "--relay", &address, "--relay-token-file", &file].map(str::to_owned)
}

#[test]
fn r46_a_detached_copy_goes_on_through_the_relay_when_the_user_agent_has_gone() {
    let (scene, relay) = relayed_scene();
    let options = through(&relay);
    let run = scene.copy(&options.each_ref().map(String::as_str)).run().exits(0);
    assert_eq!(run.events("detached")[0]["path"], "relay", "{run}");
    assert_eq!(scene.state(), "detached", "{run}");
    let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
    scene.is_done(&run);
    let file = &run.events("file")[0];
    assert_eq!((&file["path"], &file["attempts"]), (&"relay".into(), &1.into()), "{run}");
    let trace = run.text("trace");
    assert!(!trace.contains("> STOR") && trace.contains("> STAT #"), "nothing moves again: {trace}");
    relay.running.logs(" how=Eof");
    let joined = relay.running.said().matches(" joined ").count();
    assert_eq!(joined, 1, "{}", relay.running.said());
}

#[test]
fn r46_a_user_agent_that_is_killed_at_any_moment_of_such_a_copy_leaves_what_a_later_run_ends() {
    for moment in ["> DETA", "> STOR", "< 150"] {
        let (scene, relay) = relayed_scene();
        let options = [through(&relay).as_slice(), &["--trace".to_owned(), "trace".to_owned()]].concat();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let run = scene.copy(&options).start();
        scene.is_ended_after_a_kill(run, moment);
    }
}

#[test]
fn n9_the_coordinator_may_be_killed_at_any_moment() {
    // After its first command about the transfer, in the middle of the set-up, when it moves, when it is left alone.
    for moment in ["> DETA", "> RNDZ", "> STOR", "< 150"] {
        let scene = scene();
        let run = scene.copy(&["--trace", "trace"]).start();
        scene.is_ended_after_a_kill(run, moment);
    }
}

#[test]
fn n9_either_server_may_be_killed_while_the_transfer_is_set_up() {
    // After the first command about the transfer, when it is commanded, and when it moves.
    for moment in ["> DETA", "> STOR", "< 150"] {
        each_beside([true, false], |is_source| is_killed_at(moment, is_source));
    }
}

fn is_killed_at(moment: &str, is_source: bool) {
    let mut scene = scene();
    let run = scene.copy(&["--trace", "trace", "--retries", "3"]).start();
    scene.until_traced(moment);
    let server = if is_source { &mut scene.from } else { &mut scene.to };
    server.die_and_return();
    // Another attempt moves it, or a later run does.
    let run = run.end();
    assert!(matches!(run.code(), Some(0 | 5)), "{moment}, source: {is_source}: {run}");
    let resumed = scene.resume();
    assert_eq!(resumed.code(), Some(0), "{moment}, source: {is_source}: {run}\n{resumed}");
    scene.is_done(&resumed);
}

#[test]
fn n9_a_whole_file_that_the_destination_has_forgotten_is_compared_and_no_byte_is_sent_again() {
    let mut scene = scene();
    let detached = scene.detached();
    scene.to.running.logs("received user=\"ann\"");
    // After an hour, or a restart, the server knows nothing of it any more.
    scene.to.die_and_return();
    let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
    scene.is_done(&run);
    let trace = run.text("trace");
    let (asked, end) = (trace.contains("> STAT #"), format!("> REST {LARGE} "));
    let behind_it = trace.lines().filter(|line| format!("{line} ").contains(&end)).count();
    assert!(asked && behind_it == 2, "{trace}\n{detached}\n{run}");
}

#[test]
fn n9_a_fifth_transfer_of_an_account_waits_and_nothing_of_it_is_stored() {
    let scene = scene();
    let begin = |name: &str| {
        let run = scene.user().here(scene.state.path()).args(["--retries", "0", "copy", "--detach"]);
        let run = run.args(["--limit", "100kB", "--id", name]);
        run.args([scene.from.url("a.bin"), scene.to.url(name)]).run()
    };
    for name in ["one", "two", "three", "four"] {
        drop(begin(name).exits(0));
    }
    let stored = scene.to.names().len();
    let run = begin("five").exits(5).says("too many transfers");
    assert_eq!(scene.to.names().len(), stored, "{run}");
    let state = |name: &str| {
        let jobs = scene.user().args(["jobs"]).run().exits(0).events("job");
        let job = jobs.iter().find(|job| job["name"] == name).cloned();
        job.unwrap_or_else(|| panic!("{name}: {jobs:?}"))["state"].clone()
    };
    // Both servers were there, and one of them had no time: the job goes on later.
    assert_eq!((state("four"), state("five")), ("detached".into(), "interrupted".into()), "{run}");
    // One that is cancelled makes room.
    drop(scene.user().args(["cancel", "two"]).run().exits(0));
    let run = begin("six").exits(0);
    assert_eq!(state("six"), "detached", "{run}");
    for name in ["one", "three", "four", "five", "six"] {
        drop(scene.user().args(["cancel", name]).run().exits(0));
    }
    assert_eq!(scene.to.names(), [""; 0]);
}

#[test]
fn n9_a_server_that_restarts_loses_nothing_of_what_has_arrived() {
    for is_source in [true, false] {
        let mut scene = scene();
        let detached = scene.detached();
        scene.has_arrived(500_000);
        let server = if is_source { &mut scene.from } else { &mut scene.to };
        server.die_and_return();
        let run = scene.user().args(["--trace", "trace", "resume"]).run().exits(0);
        scene.is_done(&run);
        let trace = run.text("trace");
        let middle = trace.lines().filter(|line| line.contains("> REST ") && !line.contains("> REST 0"));
        assert_eq!(middle.count(), 2, "both ends go on in the middle: {trace}\n{detached}\n{run}");
    }
}

#[test]
fn n9_while_a_server_is_gone_the_job_stays_and_goes_on_later() {
    let mut scene = scene();
    scene.detached();
    scene.has_arrived(500_000);
    scene.to.running.signal(Signal::KILL);
    scene.to.running.wait();
    let run = scene.user().args(["--retries", "0", "resume"]).run().exits(5);
    assert_eq!(scene.job()["state"], "detached", "{run}");
    scene.to.start_again();
    let run = scene.resume().exits(0);
    scene.is_done(&run);
}

#[test]
fn n9_cancel_ends_it_at_both_ends_and_removes_what_has_arrived() {
    let scene = scene();
    scene.detached();
    scene.has_arrived(100_000);
    let run = scene.user().args(["cancel", "last"]).run().exits(0);
    assert_eq!((scene.to.names(), scene.state().as_str()), (Vec::<String>::new(), "cancelled"), "{run}");
    scene.user().args(["resume", "last"]).run().exits(2);
    // Both sessions are over: an account may have four such transfers, and these are four more.
    for _ in 0..4 {
        scene.copy(&[]).run().exits(0);
        scene.user().args(["cancel", "last"]).run().exits(0);
    }
}

#[test]
fn n9_ctrl_c_while_waiting_leaves_the_transfer_alone() {
    let scene = scene();
    scene.detached();
    let run = scene.user().args(["--trace", "trace", "resume"]).start();
    let trace = run.home().join("trace");
    until("it waits", || fs::read_to_string(&trace).is_ok_and(|text| text.contains("State moving")));
    let run = run.end_with(Signal::INT).exits(10).says("goes on");
    assert_eq!(scene.state(), "detached", "{run}");
    let run = scene.resume().exits(0);
    scene.is_done(&run);
}

#[test]
fn n9_no_other_copy_takes_the_place_of_a_detached_one() {
    let scene = scene();
    scene.detached();
    let job = scene.job()["id"].as_str().unwrap().to_owned();
    for source in ["a.bin", "d/b.bin"] {
        let run = scene.user().args(["copy", &scene.from.url(source), &scene.to.url("b.bin")]).run().exits(8);
        let run = run.says(&format!("is claimed by job {job}, whose transfer goes on without this program"));
        assert!(!scene.to.path("b.bin").exists(), "{run}");
    }
    // Nor does the same command, typed again.
    scene.copy(&[]).run().exits(8).says(&job);
    let run = scene.user().args(["resume", &job]).run().exits(0);
    assert!(scene.to.bytes("b.bin") == sample(LARGE) && scene.parts().is_empty(), "{run}");
}

#[test]
fn n9_a_destination_that_says_for_ever_that_a_transfer_moves_does_not_hold_resume() {
    for (bytes, why) in [(1_u64 << 50, "more has come than its source announced"), (7, "it moved nothing")] {
        let scene = scene();
        let liar = Liar::before(scene.to.address(Rfc959), move |command, _| match command {
            _ if command.starts_with("STAT #") => {
                Lie::Says(format!("211-Transfer\r\n Bytes {bytes}\r\n Durable 0\r\n State moving\r\n211 End"))
            }
            _ => Lie::None,
        });
        let places = [scene.from.url("a.bin"), liar.url("b.bin")];
        let copy = scene.user().here(scene.state.path()).args(["copy", "--detach", "--limit", RATE]);
        copy.args(places).run().exits(0);
        let run = scene.user().args(["--stall", "2s", "resume", "last"]).run().exits(0);
        assert!(run.warnings().iter().any(|warning| warning.contains(why)), "{why}: {run}");
        assert!(scene.to.bytes("b.bin") == sample(LARGE) && scene.parts().is_empty(), "{run}");
    }
}

#[test]
fn n9_a_server_that_cannot_go_on_alone_is_named_before_anything_is_stored() {
    let scene = scene();
    for is_source in [true, false] {
        let ip = if is_source { "127.0.0.4" } else { "127.0.0.5" };
        let peer =
            Peer::start(ip, &format!("SIZE a.bin: 213 1000\nSIZE *: 550 no such file\n{MODERN}"), MODERN);
        let (source, dest) = match is_source {
            true => (peer.url("a.bin"), scene.to.url("b.bin")),
            false => (scene.from.url("a.bin"), peer.url("b.bin")),
        };
        let run = scene.user().args(["copy", "--detach", &source, &dest]).run().exits(6);
        let who = if is_source { "the source 127.0.0.4" } else { "the destination 127.0.0.5" };
        let run = run.says(who).says("leave out --detach");
        assert!(peer.seen_of(&["STOR", "RETR", "DELE"]).is_empty(), "{run}");
    }
    assert_eq!(scene.to.names(), [""; 0]);
}

#[test]
fn n9_one_password_is_not_sent_to_the_servers_of_two_detached_jobs() {
    let scene = scene();
    scene.detached();
    let (source, dest) = (scene.from.url("a.bin"), scene.to.url("c.bin"));
    scene.user().args(["copy", "--detach", "--limit", RATE, &source, &dest]).run().exits(0);
    let jobs = || scene.user().args(["jobs"]);
    let run = jobs().environment("FTP_USER_PASSWORD", "of-another-server").run().exits(2);
    run.says("2 jobs and one password (FTP_USER_PASSWORD)");
    assert_eq!(jobs().run().exits(0).events("job").len(), 2);
}

#[test]
fn n9_jobs_and_cancel_need_the_password_of_the_destination_alone_and_jobs_says_why_it_could_not_ask() {
    let mut scene = scene();
    scene.detached();
    scene.has_arrived(100_000);
    let state = scene.state.path().to_str().unwrap().to_owned();
    // The URLs had the passwords, and the journal has none.
    let without = || user().args(["--state", &state, "--timeout", "5s", "--json"]);
    let with = || without().logins(["127.0.0.3"]);
    let job = |run: User| run.args(["jobs"]).run().exits(0).events("job")[0].clone();
    let asked = job(with());
    assert!(asked["transfer"]["bytes"].as_u64() > Some(0) && asked["not_asked"].is_null(), "{asked}");
    let unasked = job(without());
    assert!(unasked["not_asked"].as_str().is_some_and(|why| why.contains("password")), "{unasked}");
    assert_eq!((&unasked["state"], &unasked["transfer"]), (&"detached".into(), &Value::Null));
    // One password might be that of the source.
    let one = || without().private_file("secret", "of-the-source").args(["--password-file", "secret"]);
    let unasked = job(one());
    assert!(unasked["not_asked"].as_str().is_some_and(|why| why.contains("lack theirs")), "{unasked}");
    one().args(["cancel", "last"]).run().exits(2).says("lack theirs").says("~/.netrc");
    assert!(!scene.parts().is_empty());
    scene.to.die_and_return();
    let forgotten = job(with());
    assert!(forgotten["transfer"]["bytes"].as_u64() > Some(0), "what is stored: {forgotten}");
    with().args(["cancel", "last"]).run().exits(0);
    assert!(scene.parts().is_empty(), "{:?}", scene.parts());
}

#[test]
fn n9_what_cannot_be_detached_is_a_usage_error() {
    let scene = scene();
    let (from, to) = (scene.from.url("a.bin"), scene.to.url("b.bin"));
    let trees = [scene.from.url("d"), scene.to.url("d2")];
    for args in [
        vec!["-r", &trees[0], &trees[1]],
        vec![&from, &from, &trees[1]],
        vec![&from, "here.bin"],
        vec![&from, "-"],
        vec!["--path", "user", &from, &to],
        vec!["--path", "relay", &from, &to],
    ] {
        scene.user().args(["copy", "--detach"]).args(&args).run().exits(2);
    }
    let dry = scene.user().args(["copy", "--detach", "-n", &from, &to]).run().exits(0);
    assert_eq!(dry.summary()["path"], "direct", "{dry}");
    assert_eq!(scene.to.names(), [""; 0]);
}

#[test]
fn n9_without_a_journal_nothing_is_detached() {
    let scene = scene();
    let no_state = scene.state.path().join("file");
    fs::write(&no_state, "no directory").unwrap();
    let run = user().args(["--state", no_state.to_str().unwrap(), "copy", "--detach"]);
    run.args([scene.from.url("a.bin"), scene.to.url("b.bin")]).run().exits(1).says("no journal");
    assert_eq!(scene.to.names(), [""; 0]);
}
