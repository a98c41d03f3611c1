//! What a job leaves to others: destinations that later jobs have claimed, and files that cannot be stored.

use crate::journal::scene;
use integration_tests::site::{Site, sample};
use integration_tests::user::user;
use std::fs;

#[test]
fn n8_resume_does_not_copy_over_what_a_later_job_has_stored() {
    let scene = scene();
    // Its directory has to stay.
    let _killed = scene.begin(&[]).kill();
    let large = scene.destination("copy/large.bin");
    let other = ["copy", "--overwrite", "always", &scene.from.url("t/a"), &large];
    scene.user().args(other).run().exits(0);
    let stored = scene.to.bytes("copy/large.bin");
    assert_eq!(stored.len(), 10_003);
    // The other files of the tree are copied.
    let run = scene.user().args(["resume"]).run().exits(9).says("is left alone: job").never_says(" retry ");
    assert!(scene.to.bytes("copy/large.bin") == stored, "{run}");
    assert!(scene.to.bytes("copy/z") == scene.from.bytes("t/z") && scene.parts().is_empty(), "{run}");
    let jobs = scene.jobs();
    assert_eq!((&jobs[0]["state"], &jobs[0]["given_over"]), (&"failed".into(), &1.into()), "{jobs:?}");
    let why = scene.user().args(["why", jobs[0]["id"].as_str().unwrap()]).run().exits(0);
    let left = why.events("receipt").into_iter().find(|told| told["state"] == "given-over").unwrap();
    assert!(left["why"].as_str().unwrap().contains(jobs[1]["id"].as_str().unwrap()), "{why}");
}

#[test]
fn n8_the_same_command_typed_again_leaves_nothing_of_the_killed_job_to_resume() {
    let scene = scene();
    let home = tempfile::tempdir().unwrap();
    let copy = || {
        let words = ["copy", &scene.from.url("t/large.bin"), &scene.destination("large.bin")];
        scene.user().here(home.path()).args(words)
    };
    let run = copy().start();
    scene.to.until_part(1);
    run.kill();
    copy().run().exits(0);
    let run = scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
    assert_eq!(run.events("file").len(), 0, "{run}");
    let jobs = scene.jobs();
    let states: Vec<&str> = jobs.iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "done"], "{jobs:?}");
}

/// The limit of failed proofs is ten ports of one target in an hour.
#[test]
fn b18_files_that_the_destination_refuses_do_not_close_the_path() {
    let from = Site::new("source").file("a.bin", sample(100)).start();
    let to = Site::new("destination").at("127.0.0.3").file("f", "no directory").start();
    let line = |dest: &str| format!("{}\t{}\n", from.url("a.bin"), to.url(dest));
    let refused: String = (0..12).map(|number| line(&format!("f/{number}"))).collect();
    let run = user().file("list", refused + &line("b.bin"));
    let run = run.args(["copy", "--json", "--path", "direct", "--from-file", "list"]).run().exits(9);
    let summary = run.summary();
    assert_eq!((&summary["files"], &summary["failed"]), (&1.into(), &12.into()), "{run}");
    assert_eq!(run.events("file")[0]["rung"], "dest-listens", "{run}");
    assert_eq!(to.bytes("b.bin"), sample(100));
}

#[test]
fn a_file_is_copied_to_nowhere() {
    let from = Site::new("source").file("a.bin", sample(100)).start();
    let run = user().args(["copy", "--json", &from.url("a.bin"), "/dev/null"]).run().exits(0);
    let file = &run.events("file")[0];
    assert_eq!((&file["dest"], &file["bytes"]), (&"/dev/null".into(), &100.into()), "{run}");
    assert_eq!(fs::read("/dev/null").unwrap(), b"");
}
