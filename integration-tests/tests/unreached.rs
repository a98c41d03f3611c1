//! Jobs that a server has ended: it went away, or refused the login. When it is back, they go on or are given up.

use crate::journal::{Scene, scene};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use rustix::process::Signal;

/// Ends a run by the death of its destination in the middle of a file.
fn dies(scene: &mut Scene) -> Run {
    let run = scene.begin(&["--retries", "0", "--timeout", "5s"]);
    kill_destination(scene);
    run.end().fails()
}

fn kill_destination(scene: &mut Scene) {
    scene.to.running.signal(Signal::KILL);
    scene.to.running.wait();
}

fn job(scene: &Scene) -> String {
    scene.jobs()[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn n8_a_job_whose_server_dies_stays_interrupted_until_the_server_is_back() {
    let mut scene = scene();
    let run = dies(&mut scene);
    let run = run.says(&format!(" retry {}", job(&scene)));
    assert_eq!(scene.state_of_the_job(), "interrupted", "{run}");
    // Any number of runs that do not reach it change nothing, and none of them is a success.
    for _ in 0..2 {
        let run = scene.user().args(["resume"]).run().exits(5).says("connection refused");
        assert_eq!((scene.state_of_the_job().as_str(), scene.parts().len()), ("interrupted", 1), "{run}");
    }
    scene.to.start_again();
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
    assert_eq!(scene.state_of_the_job(), "done");
}

#[test]
fn n8_a_job_whose_server_dies_is_given_up_when_the_server_is_back() {
    let mut scene = scene();
    let _ended = dies(&mut scene);
    scene.user().args(["cancel", "last"]).run().exits(5);
    assert_eq!((scene.state_of_the_job().as_str(), scene.parts().len()), ("interrupted", 1));
    scene.to.start_again();
    let run = scene.user().args(["cancel", "last"]).run().exits(0);
    assert_eq!((scene.state_of_the_job().as_str(), scene.parts().len()), ("cancelled", 0), "{run}");
}

#[test]
fn n8_a_job_that_goes_on_without_its_password_stays_interrupted() {
    let scene = scene();
    let _killed = scene.begin(&[]).kill();
    let state = scene.state.path().to_str().unwrap();
    let run = user().args(["--state", state, "--json", "resume"]).run().exits(4);
    assert_eq!(scene.state_of_the_job(), "interrupted", "{run}");
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_a_job_with_a_name_takes_over_what_was_left_when_its_server_died() {
    let mut scene = scene();
    let home = tempfile::tempdir().unwrap();
    let state = scene.state.path().to_str().unwrap().to_owned();
    let places = [scene.from.url("t"), scene.destination("copy")];
    let again = || {
        let words = ["--state", &state, "--json", "copy", "-r", "--retries", "0", "--id", "nightly"];
        user().here(home.path()).args(words).args(&places)
    };
    let run = again().start();
    until("a part has arrived", || !scene.parts().is_empty());
    kill_destination(&mut scene);
    run.end().fails();
    scene.to.start_again();
    let run = again().run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_what_is_left_of_a_file_that_is_gone_is_removed_by_the_run_that_ends_the_job() {
    let mut scene = scene();
    let _ended = dies(&mut scene);
    scene.to.start_again();
    std::fs::remove_file(scene.from.path("t/large.bin")).unwrap();
    let run = scene.user().args(["resume"]).run().exits(0);
    scene.is_whole(&run);
}

#[test]
fn n8_a_job_that_has_begun_nothing_leaves_nothing_to_resume() {
    let scene = scene();
    let wrong = scene.destination("copy").replace("s3cret", "mistyped");
    scene.user().args(["copy", "-r", &scene.from.url("t"), &wrong]).run().exits(4);
    assert!(scene.jobs().is_empty(), "it has ended with 4 before it stored anything: {:?}", scene.jobs());
    scene.user().args(["resume"]).run().exits(0).says("there is nothing to resume");
}
