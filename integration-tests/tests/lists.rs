//! `copy --from-file` that is killed: the list is a job as every other copy.

use crate::journal::{Scene, scene};
use crate::through::end_with_peak_kib;
use integration_tests::site::{Server, Site, names_below, target};
use integration_tests::user::{Run, Started, User, user};
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
    scene.to.until_part(500_000);
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
    let _killed = begin(&scene).kill();
    assert_eq!(scene.state_of_the_job(), "interrupted");
    let run = scene.user().args(["resume"]).run().exits(0);
    is_whole(&scene, &run);
    assert_eq!(scene.state_of_the_job(), "done");
}

#[test]
fn n8_the_same_list_again_takes_over_what_a_killed_run_has_left_and_cancel_removes_it() {
    let scene = scene();
    begin(&scene).kill();
    let list = scene.state.path().join("list");
    let lines = fs::read_to_string(&list).unwrap();
    // Without the tree, whose name is that of a directory now.
    let rest: Vec<&str> = lines.lines().skip(1).collect();
    fs::write(&list, rest.join("\n")).unwrap();
    let words = ["copy", "-r", "--from-file", list.to_str().unwrap()];
    let run = scene.user().args(words).run().exits(0);
    is_whole(&scene, &run);
    fs::remove_file(scene.to.path("one/large.bin")).unwrap();
    let _killed = begin(&scene).kill();
    scene.user().args(["cancel", "last"]).run().exits(0);
    assert!(scene.parts().is_empty(), "{:?}", scene.parts());
}

/// So many lines that copy the file `a` of a server to names of another one, of more than 1,000 bytes each.
fn long_lines(from: &Server, to: &Server, count: usize) -> String {
    let above = format!("{}/", "d".repeat(250)).repeat(4);
    let line = |number: usize| {
        format!("{}\t{}\n", from.url("a"), to.url(&format!("{above}{}/{number}", number / 100)))
    };
    (0..count).map(line).collect()
}

/// How a run with that list ends, and how much memory it needed.
fn run_with(list: &str, words: &[&str]) -> (Run, u64) {
    let run = user().file("list", list).args(["copy", "--json", "--from-file", "list"]).args(words);
    end_with_peak_kib(run.start())
}

#[test]
fn a_list_of_many_lines_takes_as_little_memory_as_a_short_one() {
    let (from, to) = (Site::new("source").file("a", "a").start(), target());
    let (short, of_few) = run_with(&long_lines(&from, &to, 10), &["--dry-run"]);
    assert_eq!(short.exits(0).summary()["files"], 10);
    let lines = long_lines(&from, &to, 8_000);
    let (long, of_many) = run_with(&lines, &["--dry-run"]);
    assert_eq!(long.exits(0).summary()["files"], 8_000);
    // Those that are looked at together are bounded. All lines would need ten times as much.
    assert!((1..of_few + (16 << 10)).contains(&of_many), "{of_few} KiB and {of_many} KiB");
    // They are all read before anything is asked, and do not stay in memory meanwhile either.
    let wrong = format!("{}no pair\n", lines.repeat(5));
    let (wrong, of_all) = run_with(&wrong, &[]);
    wrong.exits(2).says("list line 40001: it has 1 field");
    assert!((1..of_few + (8 << 10)).contains(&of_all), "{of_few} KiB and {of_all} KiB");
    assert!(to.names().is_empty());
}
