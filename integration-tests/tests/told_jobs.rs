//! What jobs say of themselves: rates of resumed copies, causes of failures, sizes of files that were there, the directory
//! that an interrupted job has made, passwords of several jobs, and a reader that does not read.

use crate::journal::scene;
use integration_tests::binary::Program;
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Site, USER, names_below, sample, target};
use integration_tests::socket::until;
use integration_tests::terminal::answering;
use integration_tests::user::{Run, job, user};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

#[test]
fn what_an_earlier_run_has_moved_is_told_apart() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let run = scene.user().args(["resume"]).run().exits(0);
    let files = run.events("file");
    let before = |file: &serde_json::Value| file["before"].as_u64().unwrap_or(0);
    let resumed: Vec<_> = files.iter().filter(|file| before(file) > 0).collect();
    assert!(matches!(resumed.as_slice(), [file] if before(file) >= 500_000), "{run}");
    let summary = run.summary();
    assert_eq!(summary["before"], resumed[0]["before"], "{run}");
    assert!(summary["bytes"].as_u64() > summary["before"].as_u64(), "{run}");
}

#[test]
fn n8_jobs_tells_how_much_has_failed_and_why_also_of_directories() {
    let scene = scene();
    // A file is where a directory of the tree would be.
    fs::create_dir(scene.to.path("copy")).unwrap();
    fs::write(scene.to.path("copy/d"), "in the way").unwrap();
    let words = ["copy", "-r", "--exclude", "large.bin"].map(str::to_owned);
    let places = [scene.from.url("t/"), scene.destination("copy/")];
    let copy = || scene.user().args(words.clone()).args(places.clone());
    let run = copy().run().exits(9);
    let job = &scene.jobs()[0];
    assert_eq!(job["state"], "failed", "{run}");
    assert_eq!(job["failed"], run.summary()["failed"], "{job} {run}");
    assert!(job["why"].as_str().is_some_and(|why| why.contains("/d")), "{job}");
    let shown = scene.user().args(["jobs", "--json"]).run().exits(0);
    assert!(shown.events("job")[0]["failed"].as_u64() > Some(0), "{shown}");
    // What was there has its size, and nothing of it has moved.
    fs::remove_file(scene.to.path("copy/d")).unwrap();
    copy().run().exits(0);
    let why = scene.user().args(["why", "last"]).run().exits(0);
    let skipped: Vec<_> = why.events("receipt").into_iter().filter(|file| file["path"].is_null()).collect();
    assert_eq!(skipped.len(), 3, "{why}");
    for file in skipped {
        assert!(file["bytes"] == 0 && file["size"].as_u64() > Some(9_999), "{file}");
    }
    let job = scene.jobs().pop().unwrap();
    assert!(job["state"] == "done" && job["why"].is_null() && job["failed"] == 0, "{job}");
}

#[test]
fn n8_a_tree_that_goes_into_the_directory_of_an_interrupted_job_says_so() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let id = scene.jobs()[0]["id"].as_str().unwrap().to_owned();
    let words = ["copy", "-r", "--exclude", "large.bin"].map(str::to_owned);
    let again = scene.user().args(words).args([scene.from.url("t"), scene.destination("copy")]);
    let run = again.run().exits(0);
    let warning = format!("may have been made by job {id}");
    assert!(run.warnings().iter().any(|said| said.contains(&warning) && said.contains("resume")), "{run}");
    // The warning is right: the first job goes on in that directory.
    assert!(scene.to.path("copy/t/a").exists(), "{run}");
    scene.user().args(["resume", &id]).run().exits(0);
    fs::remove_dir_all(scene.to.path("copy/t")).unwrap();
    scene.is_whole(&run);
}

#[test]
fn n8_the_contents_of_a_tree_go_where_the_interrupted_job_put_them_without_a_warning() {
    let scene = scene();
    let _killed = scene.begin_words(&["copy", "-r"], ["t/", "copy"]).kill();
    let words = ["copy", "-r", "--exclude", "large.bin"].map(str::to_owned);
    let run = scene.user().args(words).args([scene.from.url("t/"), scene.destination("copy")]).run().exits(0);
    assert!(!run.warnings().iter().any(|said| said.contains("may have been made by job")), "{run}");
    assert!(scene.to.path("copy/a").exists() && !scene.to.path("copy/t").exists(), "{run}");
}

#[test]
fn n8_resume_asks_for_a_password_once_for_all_jobs() {
    let to = Site::new("destination").start();
    let state = tempfile::tempdir().unwrap();
    for name in ["a.bin", "b.bin"] {
        let run = user().file(name, sample(2_500_000)).args(["--state", state.path().to_str().unwrap()]);
        let run = run.args(["copy", "--limit", "500KB", name, &to.url(name)]).here(state.path());
        fs::write(state.path().join(name), sample(2_500_000)).unwrap();
        let run = run.start();
        until("a part has arrived", || {
            let begun = |part: &PathBuf| fs::metadata(part).is_ok_and(|facts| facts.len() > 100_000);
            to.parts().iter().filter(|part| begun(part)).count() > usize::from(name == "b.bin")
        });
        run.kill();
    }
    let at = to.address(ftp_proto::dialect::Dialect::Rfc959);
    let question = format!("Password of {USER} at {at}: ");
    let (said, code) = or_skip!(answering(state.path(), "resume", &question, &format!("{PASSWORD}\n")));
    assert_eq!((code, said.matches(&question).count()), (Some(0), 1), "{said}");
    assert!(to.bytes("a.bin") == sample(2_500_000) && to.bytes("b.bin") == sample(2_500_000), "{said}");
    // Each result names its job, and where that goes.
    for name in ["a.bin", "b.bin"] {
        let result = said.lines().find(|line| line.contains(&format!("/{name}: copied 1 file")));
        assert!(result.is_some_and(|line| line.contains("job ")), "{name}: {said}");
    }
}

#[test]
fn a_copy_waits_for_no_reader_of_its_output() {
    const FILES: usize = 400;
    let mut from = Site::new("source");
    for number in 0..FILES {
        from = from.file(&format!("t/a-file-with-a-name-of-some-length-{number:04}"), b"x");
    }
    let (from, to) = (from.start(), Site::new("destination").at("127.0.0.3").start());
    let state = tempfile::tempdir().unwrap();
    let mut copy = Program::User.command();
    copy.env("HOME", state.path()).args(["--state", state.path().to_str().unwrap(), "--json", "copy", "-r"]);
    copy.args([from.url("t"), to.url("copy")]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = copy.spawn().unwrap();
    // A pipe holds 64 KiB, which is less than these files have to say.
    until("the job is done, although nobody reads", || {
        let jobs = user().args(["--state", state.path().to_str().unwrap(), "--json", "jobs"]).run();
        jobs.events("job").iter().any(|job| job["state"] == "done")
    });
    assert_eq!(names_below(&to.path("copy")).len(), FILES);
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(said.matches("\"event\":\"file\"").count(), FILES);
    assert!(ended.status.success() && said.len() > 64 << 10, "{said}");
    assert!(said.lines().last().is_some_and(|line| line.contains("\"event\":\"summary\"")), "{said}");
}

/// The number of the job that `retry` goes on with, if the run names it.
fn to_retry(run: &Run) -> Option<&str> {
    run.said.rsplit_once(" retry ")?.1.split(' ').next()
}

#[test]
fn what_was_never_begun_ends_with_the_command_that_tries_again_where_the_journal_keeps_it() {
    let from = Site::new("source").file("t/a", "a").file("t/b", "b").start();
    let mut to = target();
    to.die();
    let state = tempfile::tempdir().unwrap();
    let again = || job(state.path());
    let tree = [from.url("t"), to.url("t")];
    let copy = |words: &[&str], [from, to]: &[String; 2]| again().args(words).args([from, to]).run();
    let run = copy(&["copy", "-r"], &tree).exits(5);
    let retry = to_retry(&run).expect("a command").to_owned();
    let other = copy(&["copy"], &[from.url("t/a"), to.url("a")]).exits(5);
    assert_ne!(to_retry(&other).expect("a command"), retry, "{other}");
    to.start_again();
    again().args(["retry", &retry]).run().exits(0);
    assert_eq!((to.bytes("t/a"), to.bytes("t/b")), (b"a".to_vec(), b"b".to_vec()));
    // An append begins nothing that could go on, and a mistake of the command line leaves no entry unless it has a name.
    let mistake = [from.url("none"), to.url("none")];
    assert_eq!(to_retry(&copy(&["append"], &mistake).exits(3)), None);
    assert_eq!(to_retry(&copy(&["copy"], &mistake).exits(3)), None);
    let named = copy(&["copy", "--id", "nightly"], &mistake).exits(3);
    again().args(["retry", to_retry(&named).expect("a command")]).run().exits(3);
}

#[test]
fn a_program_reads_of_each_failure_of_a_job_verb_once() {
    let state = tempfile::tempdir().unwrap();
    for (words, code) in [
        (&["why", "nope"][..], 3),
        (&["resume", "nope"], 3),
        (&["retry", "nope"], 3),
        (&["cancel", "nope"], 3),
        (&["pause", "nope"], 3),
        (&["series", "show", "nope"], 3),
        (&["jobs", "--follow"], 5),
    ] {
        let run = job(state.path()).args(words).run().exits(code);
        let failed = run.events("failed");
        assert!(failed.len() == 1 && failed[0]["exit"] == code, "{run}");
        assert_eq!(run.said.lines().count(), 1, "{run}");
        // A person reads the same words.
        let message = failed[0]["message"].as_str().unwrap();
        let person = user().args(["--state", state.path().to_str().unwrap()]).args(words);
        person.run().exits(code).says(&format!("ftp-user: {message}\n"));
    }
}
