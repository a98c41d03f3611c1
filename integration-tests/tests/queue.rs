//! The queue: real daemons carry jobs between real servers, are killed, stopped and started again.

mod told;

use crate::observed::page_of;
use integration_tests::delay::Delayed;
use integration_tests::disk::{LoopDisk, SmallDisk};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, sample, without_password};
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User, user};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The size of a file that takes seconds at [`SLOW`].
const LARGE: usize = 3_000_000;
const SLOW: [&str; 2] = ["--limit", "1MB"];

struct Scene {
    from: Server,
    to: Server,
    state: PathBuf,
    /// Where the settings are, and what the tests write; also the state directory, if it is nowhere else.
    place: TempDir,
}

fn scene() -> Scene {
    scene_with(None)
}

/// The same with this state directory.
fn scene_with(state: Option<PathBuf>) -> Scene {
    let from = Site::new("source").file("t/a", "a").file("t/large", sample(LARGE)).file("t/z", "z");
    let to = Site::new("destination").at("127.0.0.3");
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("config.toml"), "").unwrap();
    let state = state.unwrap_or_else(|| place.path().join("state"));
    Scene { from: from.start(), to: to.start(), state, place }
}

impl Scene {
    fn user(&self) -> User {
        self.person().args(["--json"])
    }

    /// The same without `--json`.
    fn person(&self) -> User {
        let words = ["--state", self.state.to_str().unwrap(), "--config"];
        let user = user().logins(["127.0.0.2", "127.0.0.3"]);
        user.environment("TZ", "UTC").args(words).args([self.settings_file()])
    }

    fn settings_file(&self) -> PathBuf {
        self.place.path().join("config.toml")
    }

    /// Writes settings of two sites, `one` and `two`. These hold for the second.
    fn set(&self, of_two: &str) {
        let [one, two] = [self.source_url(""), self.destination_url("")];
        let text = format!("[sites.one]\nurl = \"{one}\"\n[sites.two]\nurl = \"{two}\"\n{of_two}");
        fs::write(self.settings_file(), text).unwrap();
    }

    /// A daemon that carries jobs.
    fn daemon(&self, args: &[&str]) -> Started {
        let daemon = self.user().args(["daemon"]).args(args).start();
        daemon.wait_for("carrying the jobs of the queue");
        daemon
    }

    /// Leaves a copy to the daemon. Returns its id.
    fn submit(&self, args: &[&str], from: &str, to: &str) -> String {
        id_of(&self.copy(args, from, to).exits(0))
    }

    /// Leaves a copy between the sites to the daemon. Returns its id.
    fn submit_at_sites(&self, args: &[&str]) -> String {
        id_of(&self.user().args(["copy", "--queue"]).args(args).run().exits(0))
    }

    fn copy(&self, args: &[&str], from: &str, to: &str) -> Run {
        let words = ["copy", "--queue"].iter().chain(args);
        self.user().args(words).args([self.source_url(from), self.destination_url(to)]).run()
    }

    /// A URL without a password.
    fn source_url(&self, path: &str) -> String {
        without_password(&self.from.url(path))
    }

    fn destination_url(&self, path: &str) -> String {
        without_password(&self.to.url(path))
    }

    fn job(&self, id: &str) -> Value {
        let jobs = self.user().args(["jobs"]).run().exits(0).events("job");
        jobs.into_iter().find(|job| job["id"] == *id).unwrap_or(Value::Null)
    }

    fn state(&self, id: &str) -> String {
        self.job(id)["state"].as_str().unwrap_or_default().to_owned()
    }

    fn until_state(&self, id: &str, state: &str) {
        until(state, || self.state(id) == state);
    }

    fn until_a_part_has_arrived(&self) {
        self.until_a_part_has_arrived_in("");
    }

    fn until_a_part_has_arrived_in(&self, directory: &str) {
        until("a part has arrived", || {
            let is_large = |name: &String| {
                name.starts_with(directory)
                    && fs::metadata(self.to.path(name)).is_ok_and(|part| part.len() > 100_000)
            };
            self.to.names().iter().any(is_large)
        });
    }

    fn verb(&self, verb: &str, id: &str) -> Run {
        self.user().args([verb, id]).run()
    }
}

/// The id of the job that a run has left to the daemon.
fn id_of(run: &Run) -> String {
    run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_daemon_carries_what_was_left_to_it_before_and_after_its_start() {
    let scene = scene();
    let first = scene.submit(&["-r"], "t", "");
    assert_eq!(scene.state(&first), "queued");
    let daemon = scene.daemon(&[]);
    scene.until_state(&first, "done");
    assert_eq!(scene.to.names(), ["t/", "t/a", "t/large", "t/z"]);
    let run = scene.copy(&["--wait", "--priority", "-3"], "t/none", "none").exits(3);
    assert!(run.said.contains("does not exist"), "{run}");
    let jobs = run.events("job");
    assert!(jobs.windows(2).all(|pair| pair[0]["state"] != pair[1]["state"]), "{run}");
    // A relative place is the one that was meant when it was typed.
    let here = scene.user().file("own", "mine");
    here.args(["copy", "--queue", "--wait", "own", &scene.destination_url("own")]).run().exits(0);
    assert_eq!(scene.to.bytes("own"), b"mine");
    let second = scene.user().args(["daemon"]).run().exits(8);
    let process = daemon.running.id().to_string();
    second.says(&format!("process {process} carries the jobs")).says("end it first");
    daemon.running.signal(Signal::HUP);
    daemon.wait_for("the settings were read again");
    daemon.end_with(Signal::TERM).exits(0);
}

#[test]
fn a_copy_whose_daemon_was_killed_is_finished_by_the_next_one() {
    let scene = scene();
    let daemon = scene.daemon(&[]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    daemon.kill();
    assert_eq!(scene.state(&id), "running", "nobody knows yet");
    assert!(scene.job(&id)["worker_lost"].is_string());
    for verb in [&["jobs"][..], &["why", &id]] {
        let run =
            scene.person().args(verb).run().exits(0).says("its daemon does not live any more").says(" lost ");
        assert!(!run.stdout.iter().any(|line| line.contains("running") || line.contains("/s,")), "{run}");
    }
    let forgets = scene.user().args(["cancel", "--forget", &id]).run().exits(2);
    drop(forgets.says("its daemon does not live any more").says("cancel it without --forget"));
    let daemon = scene.daemon(&[]);
    scene.until_state(&id, "done");
    assert_eq!(scene.to.names(), ["t/", "t/a", "t/large", "t/z"]);
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    assert_eq!(scene.job(&id)["queue"]["tries"], 1);
    daemon.end_with(Signal::INT).exits(0);
}

#[test]
fn what_runs_when_the_daemon_ends_goes_back_to_the_queue_and_uses_no_try_up() {
    let scene = scene();
    let daemon = scene.daemon(&["--drain-timeout", "10ms"]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    daemon.end_with(Signal::TERM).exits(0);
    let job = scene.job(&id);
    assert_eq!((&job["state"], &job["queue"]["tries"]), (&"queued".into(), &0.into()));
    // What a terminal has not begun it does not go on with.
    scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
    let daemon = scene.daemon(&[]);
    scene.until_state(&id, "done");
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    drop(daemon);
}

#[test]
fn a_job_stops_goes_on_and_is_given_up_as_its_owner_says() {
    let scene = scene();
    let daemon = scene.daemon(&["--parallel", "1"]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    let next = scene.submit(&["--priority", "-1"], "t/a", "second");
    scene.until_a_part_has_arrived();
    scene.verb("pause", &id).exits(0);
    scene.until_state(&id, "paused");
    scene.until_state(&next, "done");
    scene.verb("retry", &id).exits(2).says("it has not ended");
    scene.verb("resume", &id).exits(0);
    scene.until_state(&id, "running");
    scene.until_a_part_has_arrived();
    scene.verb("cancel", &id).exits(0);
    scene.until_state(&id, "cancelled");
    let parts = scene.to.names().into_iter().filter(|name| name.contains(".ftp-user.part"));
    assert_eq!(parts.count(), 0, "what it has left is removed");
    assert_eq!(scene.job(&id)["queue"]["exit"], 10);
    scene.verb("pause", &id).exits(2).says("it has ended");
    // Carried again, it does what is left.
    scene.verb("retry", &id).exits(0);
    scene.until_state(&id, "done");
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    drop(daemon);
}

#[test]
fn a_job_waits_for_a_server_that_is_away() {
    let mut scene = scene();
    scene.to.die();
    let daemon = scene.daemon(&[]);
    let id = scene.submit(&[], "t/a", "a");
    scene.until_state(&id, "waiting");
    let job = scene.job(&id);
    assert_eq!(job["queue"]["tries"], 1, "{job}");
    assert!(job["queue"]["cause"].as_str().unwrap().contains("127.0.0.3"), "{job}");
    scene.to.start_again();
    scene.verb("retry", &id).exits(0);
    scene.until_state(&id, "done");
    assert_eq!(scene.to.bytes("a"), b"a");
    drop(daemon);
}

#[test]
fn a_job_begins_at_its_time_and_not_before() {
    let scene = scene();
    let daemon = scene.daemon(&[]);
    let later = scene.submit(&["--at", "+1h"], "t/a", "later");
    let soon = scene.submit(&["--at", "+1s"], "t/a", "soon");
    scene.until_state(&soon, "done");
    assert_eq!(scene.state(&later), "scheduled");
    scene.verb("cancel", &later).exits(0);
    assert_eq!(scene.state(&later), "cancelled");
    assert_eq!(scene.to.names(), ["soon"]);
    drop(daemon);
}

#[test]
fn the_same_name_is_the_same_job() {
    let scene = scene();
    let id = scene.submit(&["--id", "night"], "t/a", "a");
    assert_eq!(scene.submit(&["--id", "night"], "t/a", "a"), id);
    scene.copy(&["--id", "night"], "t/z", "a").exits(2).says("asked for in other words");
    // A terminal neither runs it nor takes its name.
    for from in ["t/a", "t/z"] {
        let typed = scene.user().args(["copy", "--id", "night"]);
        let run = typed.args([scene.source_url(from), scene.destination_url("a")]).run().fails();
        assert!(run.said.contains("night"), "{run}");
    }
    scene.verb("retry", &id).exits(2).says("it has not ended");
    let agreed = scene.user().args(["retry", "--yes", &id]).run().exits(2);
    drop(agreed.says("a job of the queue"));
    // A nightly job of a terminal with the same places is another one.
    let typed = scene.user().args(["copy", &scene.source_url("t/a"), &scene.destination_url("a")]).run();
    drop(typed.exits(0));
    assert_eq!(scene.state(&id), "queued");
}

#[test]
fn what_no_daemon_can_carry_is_refused_before_it_is_in_the_queue() {
    let scene = scene();
    let (from, to) = (scene.source_url("t/a"), scene.destination_url("a"));
    let refused = |args: &[&str], words: &str| {
        let run = scene.user().args(["copy", "--queue"]).args(args).run().exits(2).says(words);
        assert!(!run.said.contains(PASSWORD), "{run}");
    };
    refused(&[&scene.from.url("t/a"), &to], "no password in it");
    refused(&["-", &to], "standard input");
    refused(&[&from, "-"], "standard");
    refused(&["-n", &from, &to], "leave out --queue");
    refused(&["--explain", &from, &to], "leave out --queue");
    refused(&["--detach", &from, &to], "leave out one of them");
    refused(&["--priority", "11", &from, &to], "-10 to 10");
    refused(&["--at", "25:00", &from, &to], "is not a time");
    refused(&["--at", "2001-01-01T00:00:00Z", &from, &to], "past");
    refused(&["nowhere:a", &to], "no site is called nowhere");
    refused(&["--relay-consent", "ask", &from, &to], "nobody is asked");
    let alone = scene.user().args(["copy", "--wait", &from, &to]).run();
    drop(alone.exits(2).says("--queue"));
    assert_eq!(scene.user().args(["jobs"]).run().events("job"), [Value::Null; 0]);
    // Without a daemon a person hears that nobody carries the job.
    scene.copy(&[], "t/a", "a").exits(0).says("no daemon is running");
    scene.verb("pause", "0123456789abcdef").exits(3).says("no job");
}

#[test]
fn what_a_job_has_left_is_removed_also_where_that_takes_long() {
    let scene = scene();
    let daemon = scene.daemon(&[]);
    let far = Delayed::url(&scene.to.url(""), Duration::from_millis(300));
    let far = without_password(&far);
    let words = ["copy", "--queue", "-r", "--limit", "1MB", &scene.source_url("t"), &far];
    let run = scene.user().args(words).run().exits(0);
    let id = run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned();
    scene.until_a_part_has_arrived();
    // It is looked for unwanted jobs several times while it is given up.
    scene.verb("cancel", &id).exits(0);
    scene.until_state(&id, "cancelled");
    assert!(!scene.to.names().iter().any(|name| name.contains(".ftp-user.part")), "{:?}", scene.to.names());
    drop(daemon);
}

#[test]
fn a_job_that_is_forgotten_is_carried_no_more() {
    let mut scene = scene();
    let daemon = scene.daemon(&["--drain-timeout", "10ms"]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    let run = scene.user().args(["cancel", "--forget", &id]).run().exits(2);
    drop(run.says("a daemon carries it"));
    daemon.end_with(Signal::TERM).exits(0);
    scene.to.die();
    let run = scene.user().args(["cancel", "--forget", &id]).run().exits(0);
    assert_eq!(run.says("nobody has removed").events("job").len(), 1);
    assert_eq!(scene.state(&id), "cancelled");
    scene.to.start_again();
    let daemon = scene.daemon(&[]);
    let other = scene.submit(&[], "t/a", "other");
    scene.until_state(&other, "done");
    assert_eq!(scene.state(&id), "cancelled");
    drop(daemon);
}

#[test]
fn a_series_makes_a_job_for_each_of_its_runs() {
    let scene = scene();
    let run = scene.user().args(["copy", "--queue", "--every", "1s"]);
    let run = run.args([scene.source_url("t/a"), scene.destination_url("a")]).run().exits(0);
    let id = run.events("series").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let daemon = scene.daemon(&[]);
    let runs = || {
        let jobs = scene.user().args(["jobs"]).run().exits(0).events("job");
        let is_run = |job: &&Value| job["queue"]["series"] == *id && job["state"] == "done";
        jobs.iter().filter(is_run).count()
    };
    until("two runs", || runs() >= 2);
    assert_eq!(scene.to.bytes("a"), b"a");
    let series = |words: &[&str]| scene.user().args(["series"]).args(words).run();
    series(&["pause", &id]).exits(0);
    assert_eq!(series(&[]).exits(0).events("series")[0]["paused"], true);
    assert_eq!(series(&["show", &id]).exits(0).events("job").len(), 1, "the job of its last run");
    series(&["resume", &id]).exits(0);
    let before = runs();
    until("another run", || runs() > before);
    series(&["remove", &id]).exits(0);
    assert_eq!(series(&["list"]).exits(0).events("series"), [Value::Null; 0]);
    series(&["show", &id]).exits(3).says("no series has this id");
    let refused = |every: &str, words: &str| {
        let run = scene.user().args(["copy", "--queue", "--every", every]);
        drop(run.args([scene.source_url("t/a"), scene.destination_url("a")]).run().exits(2).says(words));
    };
    refused("never", "never");
    refused("cron:0 0 31 2 *", "never");
    drop(daemon);
}

#[test]
fn what_a_failed_job_has_left_can_be_removed() {
    let mut scene = scene();
    let daemon = scene.daemon(&["--drain-timeout", "10ms"]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    scene.verb("pause", &id).exits(0);
    scene.until_state(&id, "paused");
    fs::remove_dir_all(scene.from.path("t")).unwrap();
    scene.verb("resume", &id).exits(0);
    until("an end", || ["failed", "partial"].contains(&scene.state(&id).as_str()));
    let is_part = |name: &String| name.contains(".ftp-user.part");
    assert!(scene.to.names().iter().any(is_part), "{:?}", scene.to.names());
    scene.verb("cancel", &id).exits(0);
    scene.until_state(&id, "cancelled");
    assert!(!scene.to.names().iter().any(is_part), "{:?}", scene.to.names());
    scene.to.die();
    drop(daemon);
}

#[test]
fn the_jobs_of_a_site_share_what_all_of_them_may_use() {
    let scene = scene();
    scene.set("max-jobs = 1\nlimit = \"100kB\"\n");
    let daemon = scene.daemon(&[]);
    let first = scene.submit_at_sites(&["-r", "one:t", "two:"]);
    scene.until_a_part_has_arrived();
    let second = scene.submit_at_sites(&["one:t/a", "two:second"]);
    let elsewhere = scene.submit(&[], "t/a", "third");
    scene.until_state(&elsewhere, "done");
    assert_eq!([&first, &second].map(|id| scene.state(id)), ["running", "queued"]);
    scene
        .verb("why", &second)
        .exits(0)
        .says("the site two has as many jobs as may use it at the same time (1)");
    let later = SystemTime::now() + Duration::from_secs(2);
    until("it has waited for seconds", || SystemTime::now() > later);
    let page = page_of(&scene.state);
    assert!(page.contains("ftp_user_longest_wait_seconds 0\n"), "a job that waits for a site counts: {page}");
    scene.verb("cancel", &first).exits(0);
    scene.until_state(&second, "done");
    assert_eq!(scene.to.bytes("second"), b"a");
    drop(daemon);
}

#[test]
fn a_site_is_used_in_its_hours() {
    let scene = scene();
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
    let at = |later: u64| format!("{:02}:{:02}", (minute + later) / 60 % 24, (minute + later) % 60);
    let closed = format!("hours = \"{}-{}\"\n", at(120), at(180));
    scene.set(&closed);
    let daemon = scene.daemon(&[]);
    let set = |settings: &str, times: usize| {
        scene.set(settings);
        daemon.running.signal(Signal::HUP);
        daemon.wait_for_times("the settings were read again", times);
    };
    let id = scene.submit_at_sites(&["-r", "one:t", "two:"]);
    scene.verb("why", &id).exits(0).says("the site two is open at").says(&at(120));
    // A job that names the server by its URL is not bound.
    let elsewhere = scene.submit(&[], "t/a", "third");
    scene.until_state(&elsewhere, "done");
    assert_eq!(scene.state(&id), "queued");
    set("hours = [\"00:00-24:00\"]\nlimit = \"400kB\"\n", 1);
    scene.until_a_part_has_arrived();
    set(&closed, 2);
    daemon.wait_for("the hours of its site are over");
    scene.until_state(&id, "queued");
    assert_eq!(scene.job(&id)["queue"]["tries"], 0);
    set("", 3);
    scene.until_state(&id, "done");
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    drop(daemon);
}

#[test]
fn a_program_learns_of_each_job_that_has_ended() {
    let scene = scene();
    let told = scene.place.path().join("told");
    let command = format!("cat >> {0}; echo >> {0}", told.display());
    let jobs = || -> Vec<Value> {
        let text = fs::read_to_string(&told).unwrap_or_default();
        let mut jobs: Vec<Value> = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        // One that was told when the daemon was killed may be told again.
        let mut known = HashSet::new();
        jobs.retain(|job| known.insert(job["id"].to_string()));
        jobs
    };
    let is = |job: &Value, id: &String, state: &str, exit: u8| {
        assert_eq!((&job["id"], &job["state"], &job["exit"]), (&json!(id), &json!(state), &json!(exit)));
    };
    let daemon = scene.daemon(&["--on-end", &command]);
    let one = scene.submit(&[], "t/a", "a");
    scene.until_state(&one, "done");
    let two = scene.submit(&[], "t/none", "none");
    until("two jobs were told", || jobs().len() == 2);
    is(&jobs()[0], &one, "done", 0);
    is(&jobs()[1], &two, "failed", 3);
    daemon.kill();
    let three = scene.submit(&[], "t/z", "z");
    scene.verb("cancel", &three).exits(0);
    let daemon = scene.daemon(&["--on-end", &command]);
    until("the third was told", || jobs().len() == 3);
    is(&jobs()[2], &three, "cancelled", 10);
    daemon.end_with(Signal::TERM).exits(0);
    // Nobody wants to know of this one.
    let daemon = scene.daemon(&[]);
    scene.submit(&["--wait"], "t/a", "b");
    daemon.end_with(Signal::TERM).exits(0);
    let daemon = scene.daemon(&["--on-end", &format!("{command}; echo no mail >&2; exit 3")]);
    scene.submit(&["--wait"], "t/a", "c");
    daemon.wait_for("no mail");
    assert_eq!(jobs().len(), 4);
    drop(daemon);
}

#[test]
fn a_full_disk_of_the_state_directory_loses_no_job() {
    let disk = or_skip!(SmallDisk::mount());
    let scene = scene_with(Some(disk.path().join("state")));
    let daemon = scene.daemon(&[]);
    let id = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    let ballast = disk.path().join("ballast");
    drop(fs::write(&ballast, sample(1 << 20)).unwrap_err());
    let refused = scene.copy(&[], "t/a", "a").exits(1);
    assert!(refused.said.contains("cannot be used"), "{refused}");
    daemon.wait_for("the journal cannot be used: no job begins until it can");
    fs::remove_file(ballast).unwrap();
    daemon.wait_for("the journal can be used again");
    until("an end", || ["done", "partial", "failed"].contains(&scene.state(&id).as_str()));
    if scene.state(&id) != "done" {
        scene.verb("retry", &id).exits(0);
        scene.until_state(&id, "done");
    }
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    assert_eq!(scene.to.names(), ["t/", "t/a", "t/large", "t/z"]);
    let next = scene.submit(&[], "t/a", "a");
    scene.until_state(&next, "done");
    drop(daemon);
}

#[test]
fn a_power_failure_loses_no_job() {
    let mut disk = or_skip!(LoopDisk::mount());
    let scene = scene_with(Some(disk.path().join("state")));
    let mut daemon = scene.daemon(&["--parallel", "1"]);
    let first = scene.submit(&[&["-r"], &SLOW[..]].concat(), "t", "");
    scene.until_a_part_has_arrived();
    // Its id was printed.
    let second = scene.submit(&["--priority", "3"], "t/a", "a");
    disk.loses_power(&mut daemon.running);
    assert_eq!([&first, &second].map(|id| scene.state(id)), ["running", "queued"]);
    let daemon = scene.daemon(&["--parallel", "1"]);
    for id in [&first, &second] {
        scene.until_state(id, "done");
    }
    assert_eq!(scene.to.names(), ["a", "t/", "t/a", "t/large", "t/z"]);
    assert_eq!(scene.to.bytes("t/large"), sample(LARGE));
    drop(daemon);
}

#[test]
fn the_store_of_the_settings_holds_for_commands_and_daemon_and_the_environment_counts_more() {
    let scene = scene();
    let stores = ["settings", "environment"].map(|name| scene.place.path().join(name));
    let [of_settings, of_environment] = stores.map(|path| format!("sqlite:{}/journal.db", path.display()));
    fs::write(scene.settings_file(), format!("[daemon]\nstore = \"{of_settings}\"\n")).unwrap();
    let elsewhere = || scene.user().environment("FTP_USER_STORE", &of_environment);
    let id = scene.submit(&[], "t/a", "b");
    let ids = |user: User| {
        let jobs = user.args(["jobs"]).run().exits(0).events("job");
        jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((ids(scene.user()), ids(elsewhere())), (vec![id.clone()], Vec::new()));
    let bad = scene.user().environment("FTP_USER_STORE", "no store").args(["jobs"]).run();
    bad.exits(2).says("stands in FTP_USER_STORE");
    let daemon = scene.daemon(&[]);
    until("done", || scene.job(&id)["state"] == "done");
    daemon.end_with(Signal::TERM).exits(0);
    // Nobody knows where the jobs are if the settings cannot be read.
    fs::write(scene.settings_file(), "[daemon]\nstore = 5\n").unwrap();
    scene.user().args(["jobs"]).run().exits(2);
    // Where they name no store, it is known.
    fs::write(scene.settings_file(), "[defaults]\ntimeout = 5x\n").unwrap();
    for words in [&["jobs"][..], &["why", "f00d"]] {
        let ended = scene.user().args(words).run();
        let warning = &ended.events("warning")[0]["message"];
        assert!(warning.as_str().unwrap().contains("the jobs are those of"), "{words:?}: {warning}");
    }
    for (words, code) in [
        (&["cancel", "last"][..], 3),
        (&["pause", "last"], 3),
        (&["copy", "--queue", "ftp://h/a", "ftp://h/b"], 2),
    ] {
        scene.user().args(words).run().exits(code);
    }
}
