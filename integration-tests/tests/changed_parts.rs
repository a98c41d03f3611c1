//! Of a large file that has changed, only the changed parts are sent, and all rules of a copy hold.

use crate::accounts::user as account;
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::site::{Server, Site, names_below};
use integration_tests::socket::until;
use integration_tests::user::{Run, User, job};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// The size of the large file, which has chunks of 1 MiB.
const LARGE: usize = 24 * MIB;
/// Where it has changed.
const CHANGED: [usize; 3] = [5, 20 * MIB + 7, 21 * MIB - 1];

/// Bytes of which no two chunks are the same.
fn sample(count: usize) -> Vec<u8> {
    let mut bytes = integration_tests::site::sample(4099).repeat(count / 4099 + 1);
    bytes.truncate(count);
    bytes
}

/// Changes a byte.
fn change(path: &Path, at: usize) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
}

/// Two servers with the same large file, which has then changed at one of them.
struct Scene {
    from: Server,
    to: Server,
    state: TempDir,
}

fn scene_at(to: Site) -> Scene {
    let large = sample(LARGE);
    let from = Site::new("source").file("t/large", &large).file("t/small", "small").start();
    let to = to.at("127.0.0.3").file("t/large", &large).start();
    for at in CHANGED {
        change(&from.path("t/large"), at);
    }
    let old = OpenOptions::new().write(true).open(to.path("t/large")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    Scene { from, to, state: tempfile::tempdir().unwrap() }
}

fn scene() -> Scene {
    scene_at(Site::new("destination"))
}

impl Scene {
    fn user(&self) -> User {
        job(self.state.path())
    }

    /// Makes both directories equal, and returns the trace as well.
    fn sync(&self, words: &[&str]) -> (Run, String) {
        self.sync_to(&self.to.url("t"), words)
    }

    fn sync_to(&self, dest: &str, words: &[&str]) -> (Run, String) {
        let home = tempfile::tempdir().unwrap();
        let run = self.user().here(home.path()).args(["--trace", "trace.txt", "sync", "--retries", "0"]);
        let run = run.args(words).args([&self.from.url("t"), dest]).run();
        (run, fs::read_to_string(home.path().join("trace.txt")).unwrap())
    }

    fn is_equal(&self, run: &Run) {
        assert_eq!(names_below(&self.to.path("t")), names_below(&self.from.path("t")), "{run}");
        assert!(self.to.bytes("t/large") == self.from.bytes("t/large"), "{run}");
    }

    /// Looks at the destination until it has what the source has now. It never has anything else but what it had.
    fn is_as_before_until_it_is_equal(&self) {
        let (old, new) = (sample(LARGE), self.from.bytes("t/large"));
        until("the destination is equal", || {
            let now = self.to.bytes("t/large");
            assert!(now == old || now == new, "a mixture has the final name");
            now == new
        });
    }

    fn is_as_before(&self, run: &Run) {
        assert!(self.to.bytes("t/large") == sample(LARGE), "{run}");
    }
}

/// The event of the large file.
fn large(run: &Run) -> serde_json::Value {
    run.events("file").into_iter().find(|file| file["bytes"].as_u64() > Some(5)).unwrap()
}

#[test]
fn only_the_changed_chunks_of_a_large_file_are_sent_and_the_whole_is_verified() {
    let scene = scene();
    let (run, trace) = scene.sync(&[]);
    let run = run.exits(0);
    scene.is_equal(&run);
    let file = large(&run);
    assert_eq!(file["changed_parts"], 2 * MIB as u64, "{run}");
    assert_eq!(
        (&file["bytes"], &file["before"]),
        (&(LARGE as u64).into(), &((LARGE - 2 * MIB) as u64).into())
    );
    assert_eq!((&file["verified"], &file["attempts"]), (&"sha-256".into(), &1.into()), "{run}");
    // What both servers have moved of it.
    assert_eq!(trace.matches(&format!("Bytes {MIB}")).count(), 4, "{trace}");
    assert_eq!(trace.matches("> SITE CPTO t/.").count(), 1, "{trace}");
    assert_eq!(trace.matches("> RETR t/large").count(), 2, "{trace}");
    // Nothing has changed since.
    let (run, trace) = scene.sync(&[]);
    assert_eq!(run.exits(0).summary()["skipped"], 2, "{trace}");
}

#[test]
fn what_was_appended_is_sent_and_a_file_that_has_become_shorter_is_sent_whole() {
    let scene = scene();
    let file = OpenOptions::new().write(true).open(scene.from.path("t/large")).unwrap();
    file.write_all_at(&sample(3 * MIB + 1), LARGE as u64).unwrap();
    let (run, _) = scene.sync(&[]);
    let run = run.exits(0);
    scene.is_equal(&run);
    assert_eq!(large(&run)["changed_parts"], (5 * MIB + 1) as u64, "{run}");
    file.set_len((LARGE - 1) as u64).unwrap();
    let (run, trace) = scene.sync(&[]);
    let run = run.exits(0);
    scene.is_equal(&run);
    assert!(large(&run)["changed_parts"].is_null() && !trace.contains("SITE CPTO"), "{run}");
}

#[test]
fn a_file_is_sent_whole_where_nobody_can_or_wants_to_send_its_parts() {
    for (site, words) in [
        (Site::new("destination").args(["--no-site-copy"]), &[][..]),
        (Site::new("destination"), &["--changed-parts", "never"]),
        (Site::new("destination"), &["--verify", "size"]),
    ] {
        let scene = scene_at(site);
        let (run, trace) = scene.sync(words);
        let run = run.exits(0);
        scene.is_equal(&run);
        assert!(large(&run)["changed_parts"].is_null() && !trace.contains("SITE CPTO"), "{words:?} {run}");
        assert_eq!(trace.matches("> RETR t/large").count(), 1, "{words:?}");
    }
    // A copy does so only if it is asked to.
    let scene = scene();
    let copy = |words: &[&str]| {
        let run = scene.user().args(["copy", "--overwrite", "always"]).args(words);
        run.args([scene.from.url("t/large"), scene.to.url("t/large")]).run().exits(0)
    };
    assert_eq!(large(&copy(&["--changed-parts", "auto"]))["changed_parts"], 2 * MIB as u64);
    assert!(large(&copy(&[]))["changed_parts"].is_null());
}

#[test]
fn a_quota_that_has_no_room_for_a_copy_beside_the_old_file_leaves_that_as_it_was() {
    let scene =
        scene_at(Site::new("destination").config(&account("eve", "s3cret", "quota-bytes = \"30MiB\"")));
    let (run, trace) = scene.sync_to(&scene.to.url("t").replace("ann:open%3Asesame", "eve:s3cret"), &[]);
    let run = run.fails();
    scene.is_as_before(&run);
    assert!(trace.contains("Quota of bytes reached"), "{trace}");
    assert_eq!(names_below(&scene.to.path("t")), ["large", "small"], "{run}");
}

#[test]
fn a_run_that_is_killed_while_parts_are_sent_goes_on() {
    // Before the first range, and between the two.
    for seen in ["SITE CPTO", "RETR t/large"] {
        let scene = scene();
        let home = tempfile::tempdir().unwrap();
        let run = scene.user().here(home.path()).args(["--trace", "trace.txt", "sync", "--limit", "500KB"]);
        let run = run.args([scene.from.url("t"), scene.to.url("t")]).start();
        let trace = || fs::read_to_string(home.path().join("trace.txt")).unwrap_or_default();
        until("parts are sent", || trace().contains(&format!("> {seen}")));
        let run = run.kill();
        scene.is_as_before(&run);
        let resumed = scene.user().args(["resume"]).run().exits(0);
        scene.is_equal(&resumed);
    }
}

#[test]
fn a_source_that_changes_while_parts_are_sent_is_never_mixed_with_what_it_was() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let run = scene.user().here(home.path()).args(["--trace", "trace.txt", "sync", "--limit", "2MB"]);
    let run = run.args([scene.from.url("t"), scene.to.url("t")]).start();
    let trace = || fs::read_to_string(home.path().join("trace.txt")).unwrap_or_default();
    until("parts are sent", || trace().contains("> RETR t/large"));
    change(&scene.from.path("t/large"), 10 * MIB);
    scene.is_as_before_until_it_is_equal();
    let run = run.end();
    let run = if run.code() == Some(0) { run } else { scene.user().args(["resume"]).run().exits(0) };
    scene.is_equal(&run);
}

#[test]
fn a_copy_within_a_server_is_answered_logged_and_counted_as_an_upload() {
    let log = tempfile::tempdir().unwrap();
    let log = log.path().join("xferlog");
    let server = Site::new("server").file("a", sample(3 * MIB)).directory("d");
    let server = server.args(["--xferlog", log.to_str().unwrap()]).start();
    let mut raw = server.login(Rfc959);
    raw.ask("SITE CPFR a", "350");
    raw.ask("SITE CPTO d/b", "250");
    assert!(server.bytes("d/b") == server.bytes("a"));
    raw.ask("SITE CPTO d/b", "503");
    raw.ask("SITE CPFR d", "550");
    raw.ask("SITE CPFR a", "350");
    raw.ask("SITE CPTO a", "550");
    let line = || fs::read_to_string(&log).unwrap_or_default();
    until("the copy is in the xferlog", || line().contains("/d/b b _ i r ann"));
    assert!(line().contains(&format!(" {} /d/b ", 3 * MIB)), "{}", line());
}
