//! One destination has one job, however it is spelled.

use crate::journal::scene;
use integration_tests::site::{Site, names_below, sample};
use integration_tests::socket::until;
use integration_tests::user::{job, user};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn n10_a_destination_at_a_server_is_claimed_in_all_its_spellings() {
    let scene = scene();
    let run = scene.begin(&["--timeout", "10m", "--stall", "10m"]);
    // It runs for as long as the others are asked.
    run.running.signal(Signal::STOP);
    for path in [
        "copy/large.bin",
        "./copy/large.bin",
        "copy//large.bin",
        "copy/./large.bin",
        // From the root, which is the login directory.
        "/copy/large.bin",
        "/copy/.//large.bin",
    ] {
        let other = ["copy", "--overwrite", "always", &scene.from.url("t/a"), &scene.destination(path)];
        drop(scene.user().args(other).run().exits(8).says("is claimed by job"));
    }
    run.running.signal(Signal::CONT);
    scene.is_whole(&run.end().exits(0));
}

#[test]
fn n10_a_destination_on_this_host_is_claimed_in_all_its_spellings() {
    let from = Site::new("source").file("large.bin", sample(3_000_000)).file("a", sample(100)).start();
    let (home, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(home.path().join("real")).unwrap();
    symlink("real", home.path().join("link")).unwrap();
    let copy = |name: &str, path: &str| {
        let run = user().here(home.path()).args(["--state", state.path().to_str().unwrap(), "--json"]);
        run.args(["copy", "--overwrite", "always", "--limit", "1MB", &from.url(name), path]).start()
    };
    let run = copy("large.bin", "real/f");
    until("a part is there", || fs::read_dir(home.path().join("real")).unwrap().count() > 0);
    run.running.signal(Signal::STOP);
    for path in ["real/f", "./real//f", "real/../real/f", "link/f", "./link/../real/./f"] {
        drop(copy("a", path).end().exits(8).says("is claimed by job"));
    }
    run.running.signal(Signal::CONT);
    drop(run.end().exits(0));
    assert_eq!(fs::read(home.path().join("real/f")).unwrap(), from.bytes("large.bin"));
}

#[test]
fn n10_what_is_appended_to_belongs_to_one_job_too() {
    let scene = scene();
    let copy = |path: &str| {
        let other = ["copy", "--overwrite", "always", &scene.from.url("t/a"), &scene.destination(path)];
        scene.user().args(other).run()
    };
    let append = |name: &str, path: &str| {
        let words = ["append", "--timeout", "10m", "--stall", "10m"];
        scene.user().args(words).args([scene.from.url(name), scene.destination(path)]).start()
    };
    drop(copy("grows").exits(0));
    // The rate of the destination leaves some seconds.
    let grown = || fs::metadata(scene.to.path("grows")).unwrap().len() > 500_000;
    let run = append("t/large.bin", "grows");
    until("something was appended", grown);
    run.running.signal(Signal::STOP);
    drop(copy("./grows").exits(8).says("is claimed by job"));
    drop(append("t/a", "/grows").end().exits(8).says("is claimed by job"));
    // It is seen as long as it runs. Nothing goes on with it.
    assert_eq!(scene.state_of("append"), ["running"]);
    drop(run.kill());
    assert!(scene.state_of("append").is_empty());
    drop(scene.user().args(["resume"]).run().exits(0).says("nothing to resume"));
    // A copy that runs keeps its destination from what is appended.
    let run = scene.begin(&["--timeout", "10m", "--stall", "10m"]);
    run.running.signal(Signal::STOP);
    drop(append("t/a", "copy//large.bin").end().exits(8).says("is claimed by job"));
    run.running.signal(Signal::CONT);
    scene.is_whole(&run.end().exits(0));
    // What is over claims nothing.
    drop(append("t/a", "copy/a").end().exits(0));
    drop(copy("grows").exits(0));
    assert!(scene.state_of("append").is_empty());
}

#[test]
fn n8_a_destination_to_which_a_link_leads_since_a_kill_is_the_same_one() {
    let names = ["a", "b", "c", "d", "e/f"];
    let site =
        names.iter().fold(Site::new("source"), |site, name| site.file(&format!("t/{name}"), sample(100_000)));
    let (from, home, state) = (site.start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copies = home.path().join("copies");
    fs::create_dir(&copies).unwrap();
    let words = ["copy", "-r", "-j1", "--limit", "100KB", &from.url("t/"), copies.to_str().unwrap()];
    let mut run = job(state.path()).args(words).start();
    run.wait_for_events("file", 1);
    let done = || job(state.path()).args(["jobs"]).run().exits(0).events("job")[0]["files"].as_u64();
    until("the journal has a file", || done() > Some(0));
    let killed = run.kill();
    fs::rename(&copies, home.path().join("moved")).unwrap();
    symlink("moved", &copies).unwrap();
    let resumed = job(state.path()).args(["resume"]).run().exits(0);
    assert!(!resumed.warnings().iter().any(|text| text.contains("delete it")), "{killed}\n{resumed}");
    assert_eq!(done(), Some(names.len() as u64), "{killed}\n{resumed}");
    for name in names {
        assert!(fs::read(copies.join(name)).unwrap() == sample(100_000), "{name}: {killed}\n{resumed}");
    }
    assert_eq!(names_below(&copies).len(), names.len() + 1, "{killed}\n{resumed}");
}
