//! Old files at servers that rename to no name that is taken: each is renamed aside for an instant. Whatever happens in that
//! instant, it gets its name back, or the new file is verified under its name.

use crate::standard::with_input;
use integration_tests::beside::each_beside;
use integration_tests::keeper::{Fate, NoOverwriteServer};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User, user};
use tempfile::TempDir;

/// The size of the new file.
const SIZE: usize = 100_000;
/// The old file.
const OLD: &[u8] = b"old";

/// A source, a destination with an old file, and a state directory.
struct Scene {
    from: Server,
    to: NoOverwriteServer,
    state: TempDir,
}

fn scene() -> Scene {
    let from = Site::new("source").file("a.bin", sample(SIZE)).start();
    let to = NoOverwriteServer::start(Site::new("destination").at("127.0.0.3").file("b.bin", OLD));
    Scene { from, to, state: tempfile::tempdir().unwrap() }
}

impl Scene {
    fn user(&self, timeout: &str) -> User {
        let state = self.state.path().to_str().unwrap();
        user().logins([self.from.ip(), self.to.ip()]).args(["--json", "--state", state, "--timeout", timeout])
    }

    fn copy(&self, timeout: &str, more: &[&str]) -> Started {
        let run = self.user(timeout).args(["copy", "--overwrite", "always", "--path", "user"]).args(more);
        run.args([self.from.url("a.bin"), self.to.url("b.bin")]).start()
    }

    fn resume(&self) -> Run {
        self.user("20s").args(["resume"]).run()
    }

    /// How the job stands.
    fn job(&self) -> String {
        let run = self.user("20s").args(["jobs", "--all"]).run().exits(0);
        run.events("job")[0]["state"].as_str().unwrap().to_owned()
    }

    /// The new file has the name, and nothing else is there.
    fn is_new(&self, run: &Run) {
        assert_eq!(self.to.names(), ["b.bin"], "{run}");
        assert!(self.to.bytes("b.bin") == self.from.bytes("a.bin"), "{run}");
    }

    /// The old file has its name, and nothing else is there.
    fn is_old(&self, run: &Run) {
        assert_eq!(self.to.names(), ["b.bin"], "{run}");
        assert_eq!(self.to.bytes("b.bin"), OLD, "{run}");
    }

    /// The name of the old file, which was renamed aside.
    fn old_name(&self) -> Option<String> {
        self.to.names().into_iter().find(|name| name.ends_with(".ftp-user.old"))
    }
}

/// At which renaming something happens, by the end of the name.
const ASIDE: (&str, &str) = ("RNTO", ".old");
const FINAL: (&str, &str) = ("RNTO", "b.bin");

#[test]
fn n8_an_old_file_is_put_in_order_in_the_same_run_however_the_session_is_lost() {
    each_beside([ASIDE, FINAL, ("DELE", ".old")], |(verb, end)| {
        for (fate, timeout) in [
            (Fate::LostBefore, "20s"),
            (Fate::LostAfter, "20s"),
            (Fate::HangsBefore, "2s"),
            (Fate::HangsAfter, "2s"),
        ] {
            let scene = scene();
            scene.to.meets(verb, end, fate);
            let run = scene.copy(timeout, &[]).end().exits(0);
            assert!(scene.to.has_met(), "{verb} {end} {fate:?}: {run}");
            scene.is_new(&run);
            assert_eq!(scene.job(), "done", "{verb} {end} {fate:?}: {run}");
        }
    });
}

#[test]
fn n8_an_old_file_gets_its_name_back_before_a_run_without_retries_ends() {
    for (verb, end) in [ASIDE, FINAL] {
        for fate in [Fate::LostBefore, Fate::HangsBefore] {
            let scene = scene();
            scene.to.meets(verb, end, fate);
            let run = scene.copy("2s", &["--retries", "0"]).end().exits(5).never_says(".ftp-user.old");
            assert!(scene.to.has_met(), "{verb} {end} {fate:?}: {run}");
            scene.is_old(&run);
        }
    }
}

#[test]
fn n8_a_job_with_an_old_file_aside_stays_resumable_and_says_where_the_file_is() {
    // The new file has the name, and this run has not looked at it any more.
    let scene = scene();
    scene.to.meets(FINAL.0, FINAL.1, Fate::LostAfter);
    let run = scene.copy("20s", &["--retries", "0"]).end().exits(5);
    let old = scene.old_name().unwrap();
    assert_eq!(scene.to.bytes(&old), OLD, "{run}");
    let told = run.warnings();
    assert!(told.iter().any(|text| text.contains(&old) && text.contains("resume")), "{told:?}\n{run}");
    assert_eq!(scene.job(), "interrupted", "{run}");
    scene.is_new(&scene.resume().exits(0));
    assert_eq!(scene.job(), "done");
}

#[test]
fn an_old_file_whose_source_is_gone_is_kept_as_long_as_the_source_may_come_back() {
    let scene = scene();
    scene.to.meets(FINAL.0, FINAL.1, Fate::LostAfter);
    scene.copy("20s", &["--retries", "0"]).end().exits(5);
    let (old, source) = (scene.old_name().unwrap(), scene.from.path("a.bin"));
    let away = source.with_extension("away");
    std::fs::rename(&source, &away).unwrap();
    for _ in 0..2 {
        let run = scene.resume().exits(3);
        let told = run.warnings();
        let tells = |text: &&String| text.contains(&old) && text.contains("delete it if");
        assert_eq!(told.iter().filter(tells).count(), 1, "{told:?}\n{run}");
        assert!(told.iter().all(|text| !text.contains("is verified")), "{told:?}\n{run}");
        assert_eq!(scene.to.bytes(&old), OLD, "{run}");
    }
    std::fs::rename(&away, &source).unwrap();
    scene.is_new(&scene.resume().exits(0));
    assert_eq!((scene.job(), scene.old_name()), ("done".into(), None));
}

#[test]
fn n8_an_old_file_of_a_server_that_does_not_come_back_in_time_is_put_in_order_later() {
    for verb in ["resume", "cancel"] {
        let scene = scene();
        scene.to.goes_away(true);
        scene.to.meets(FINAL.0, FINAL.1, Fate::LostBefore);
        let run = scene.copy("2s", &["--retries", "0"]).end().exits(5);
        let old = scene.old_name().unwrap();
        let told = run.warnings();
        assert!(told.iter().any(|text| text.contains(&old) && text.contains("resume")), "{told:?}\n{run}");
        assert_eq!(scene.job(), "interrupted", "{run}");
        scene.to.goes_away(false);
        if verb == "resume" {
            scene.is_new(&scene.resume().exits(0));
        } else {
            scene.is_old(&scene.user("20s").args(["cancel", "last"]).run().exits(0));
        }
    }
}

#[test]
fn n8_an_old_file_gets_its_name_back_after_ctrl_c() {
    let scene = scene();
    scene.to.meets(FINAL.0, FINAL.1, Fate::HangsBefore);
    let run = scene.copy("20s", &[]);
    until("the new file is about to get the name", || scene.to.has_met());
    run.interrupt();
    let run = run.end().exits(10);
    assert_eq!(scene.old_name(), None, "{run}");
    assert_eq!(scene.to.bytes("b.bin"), OLD, "{run}");
    scene.is_new(&scene.resume().exits(0));
}

#[test]
fn n8_an_old_file_is_deleted_by_resume_if_the_run_was_killed_before_it_was() {
    let scene = scene();
    scene.to.meets("DELE", ".old", Fate::HangsBefore);
    let run = scene.copy("20s", &[]);
    until("the old file is about to be deleted", || scene.to.has_met());
    let killed = run.kill();
    assert!(scene.old_name().is_some(), "{killed}");
    scene.is_new(&scene.resume().exits(0));
}

#[test]
fn n8_an_old_file_of_a_job_that_is_forgotten_is_named() {
    let scene = scene();
    scene.to.meets(FINAL.0, FINAL.1, Fate::HangsBefore);
    let run = scene.copy("20s", &[]);
    until("the new file is about to get the name", || scene.to.has_met());
    let killed = run.kill();
    let old = scene.old_name().unwrap_or_else(|| panic!("{killed}"));
    let run = scene.user("20s").args(["cancel", "--forget", "last"]).run().exits(0);
    let told = run.warnings();
    let tells = |text: &String| text.contains(&old) && text.contains("rename it back if nothing is called");
    assert!(told.iter().any(tells), "{told:?}\n{run}");
    assert_eq!(scene.to.bytes(&old), OLD, "{run}");
}

#[test]
fn an_old_file_gets_its_name_back_if_the_new_one_has_lost_bytes_under_it() {
    let scene = scene();
    scene.to.meets(FINAL.0, FINAL.1, Fate::Truncated);
    let run = scene.copy("20s", &["--retries", "0"]).end().exits(7);
    assert!(scene.to.has_met(), "{run}");
    scene.is_old(&run);
}

#[test]
fn an_old_file_that_standard_input_should_replace_gets_its_name_back() {
    for (fate, code) in [(Fate::LostBefore, 5), (Fate::Truncated, 7)] {
        let scene = scene();
        scene.to.meets(FINAL.0, FINAL.1, fate);
        let args = ["copy", "--overwrite", "always", "--timeout", "5s", "-", &scene.to.url("b.bin")];
        let run = with_input(&sample(SIZE), &args);
        assert_eq!(run.status.code(), Some(code), "{run:?}");
        assert!(scene.to.has_met(), "{fate:?}: {run:?}");
        assert_eq!((scene.to.names(), scene.to.bytes("b.bin")), (vec!["b.bin".to_owned()], OLD.to_vec()));
    }
}
