//! `copy --from-file` that is killed: the list is a job as every other copy.

use crate::journal::{Scene, kill, scene};
use integration_tests::site::names_below;
use integration_tests::socket::until;
use integration_tests::user::{Run, Started, User};
use std::fs;

/// A run that copies a tree to a name that is not there, then the large file, then a file into a directory.
fn copy(scene: &Scene) -> User {
    let list = scene.state.path().join("list");
    let line = |from: &str, to: &str| format!("{}\t{}\n", scene.from.url(from), scene.destination(to));
    let lines = [line("t/d", "tree"), line("t/large.bin", "one/large.bin"), line("t/a", "two/")];
    fs::write(&list, lines.concat()).unwrap();
    scene.user().args(["copy", "-r", "--from-file", list.to_str().unwrap()])
}

/// Starts it, and returns in the middle of the large file.
fn begin(scene: &Scene) -> Started {
    let run = copy(scene).start();
    until("a part of the large file has arrived", || {
        scene.parts().iter().any(|part| fs::metadata(part).is_ok_and(|facts| facts.len() > 500_000))
    });
    run
}

/// Everything is where the list says, and nothing else is there.
fn is_whole(scene: &Scene, run: &Run) {
    let mut names = names_below(&scene.to.path(""));
    names.retain(|name| !name.ends_with('/'));
    assert_eq!(names, ["one/large.bin", "tree/c", "tree/e/f", "two/a"], "{run}");
    for (from, to) in [("t/large.bin", "one/large.bin"), ("t/d/e/f", "tree/e/f"), ("t/a", "two/a")] {
        assert!(scene.from.bytes(from) == scene.to.bytes(to), "{to}: {run}");
    }
}

#[test]
fn n8_a_list_whose_run_was_killed_goes_on_and_leaves_no_part() {
    let scene = scene();
    let _killed = kill(begin(&scene));
    assert_eq!(scene.state_of_the_job(), "interrupted");
    let run = scene.user().args(["resume"]).run().exits(0);
    is_whole(&scene, &run);
    assert_eq!(scene.state_of_the_job(), "done");
}

#[test]
fn n8_the_same_list_again_takes_over_what_a_killed_run_has_left_and_cancel_removes_it() {
    let scene = scene();
    kill(begin(&scene));
    let list = scene.state.path().join("list");
    let lines = fs::read_to_string(&list).unwrap();
    // Without the tree, whose name is that of a directory now.
    let rest: Vec<&str> = lines.lines().skip(1).collect();
    fs::write(&list, rest.join("\n")).unwrap();
    let words = ["copy", "-r", "--from-file", list.to_str().unwrap()];
    let run = scene.user().args(words).run().exits(0);
    is_whole(&scene, &run);
    fs::remove_file(scene.to.path("one/large.bin")).unwrap();
    let _killed = kill(begin(&scene));
    scene.user().args(["cancel", "last"]).run().exits(0);
    assert!(scene.parts().is_empty(), "{:?}", scene.parts());
}
