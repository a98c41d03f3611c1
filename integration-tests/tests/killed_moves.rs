//! Moves that were killed while their source had another name: it gets its own back when the job goes on, and when it is given up.

use super::moves::bytes_of;
use integration_tests::site::{Server, Site, target};
use integration_tests::user::{Run, job};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

/// The name that a job gives to a source for a moment.
fn aside(job: &str, path: &str) -> String {
    let seed = 0xcbf2_9ce4_8422_2325 ^ u64::from_str_radix(job, 16).unwrap();
    let hash = path.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("t/.{hash:016x}.ftp-user.part")
}

/// A move that was killed when its source had another name.
struct KilledMove {
    from: Server,
    to: Server,
    state: TempDir,
    /// Where its source is.
    aside: PathBuf,
    /// It has the directory in which the job was typed.
    _killed: Run,
}

/// `None` if it was done before it was killed.
fn killed_move([verb, option, source, target]: [&str; 4]) -> Option<KilledMove> {
    let is_link = option.contains("--links");
    let file = if is_link { "real" } else { "t/a" };
    let from = Site::new("source").file(file, bytes_of("a")).directory("t").start();
    if is_link {
        symlink("../real", from.path("t/a")).unwrap();
    }
    let (to, state) = (self::target(), tempfile::tempdir().unwrap());
    let places = [from.url(source), to.url(target)];
    let run = job(state.path()).args([verb]).args(option.split(' '));
    let list = state.path().join("list");
    fs::write(&list, places.join("\t")).unwrap();
    let mut run = match option.contains("--from-file") {
        true => run.args([list.to_str().unwrap()]),
        false => run.args(&places),
    }
    .start();
    run.wait_for_events("file", 1);
    let killed = run.kill();
    let known = job(state.path()).args(["jobs"]).run();
    assert!(!known.events("job").is_empty(), "{killed:?} {known}");
    let id = known.events("job")[0]["id"].as_str().unwrap().to_owned();
    if known.events("job")[0]["state"] == "done" {
        return None;
    }
    // As if it had been killed a moment later.
    let aside = from.path(&aside(&id, "t/a"));
    fs::create_dir_all(from.path("t")).unwrap();
    if from.path("t/a").exists() {
        fs::rename(from.path("t/a"), &aside).unwrap();
    } else if is_link {
        symlink("../real", &aside).unwrap();
    } else {
        fs::write(&aside, bytes_of("a")).unwrap();
    }
    Some(KilledMove { from, to, state, aside, _killed: killed })
}

/// A tree, also one with a link, a file, patterns of one file, which gets a directory or another name, and a list; and where the copy
/// is.
const KILLED_MOVES: [([&str; 4], &str); 7] = [
    (["move", "-r", "t", "t"], "t/a"),
    (["move", "-r --links files", "t", "t"], "t/a"),
    (["move", "-j1", "t/a", "n/a"], "n/a"),
    (["move", "-j1", "t/*", "n/"], "n/a"),
    (["move", "-j1", "t/a*", "n/b"], "n/b"),
    (["move", "-j1 --from-file", "t/a", "n/a"], "n/a"),
    (["move", "-r --from-file", "t", "t"], "t/a"),
];

#[test]
fn a_source_that_a_killed_move_has_left_under_another_name_gets_its_own_back() {
    for (words, copy) in KILLED_MOVES {
        let Some(KilledMove { from, to, state, aside, _killed }) = killed_move(words) else { continue };
        let run = job(state.path()).args(["resume"]).run().exits(0);
        assert!(to.bytes(copy) == bytes_of("a"), "{words:?}: {run}");
        assert!(!aside.exists() && !from.path("t/a").exists(), "{words:?}: {run}");
        let names = to.names();
        assert!(names.iter().all(|name| !name.ends_with(".part")), "{names:?}: {run}");
    }
}

#[test]
fn a_source_that_a_killed_move_has_left_under_another_name_gets_its_own_back_when_the_job_is_given_up() {
    for (words, _) in KILLED_MOVES {
        let Some(KilledMove { from, to: _to, state, aside, _killed }) = killed_move(words) else { continue };
        let run = job(state.path()).args(["cancel", "last"]).run().exits(0);
        assert!(from.bytes("t/a") == bytes_of("a") && !aside.exists(), "{run}");
    }
}

#[test]
fn what_somebody_makes_under_the_name_of_a_source_is_not_replaced_by_it() {
    for (words, copy) in KILLED_MOVES {
        for verb in ["resume", "cancel"] {
            let Some(KilledMove { from, to, state, aside, _killed }) = killed_move(words) else { continue };
            fs::write(from.path("t/a"), "of somebody").unwrap();
            let run = job(state.path()).args([verb, "last"]).run();
            let copies = [from.path("t/a"), to.path(copy), aside];
            let found: Vec<Vec<u8>> = copies.iter().filter_map(|path| fs::read(path).ok()).collect();
            for content in [bytes_of("a"), b"of somebody".to_vec()] {
                assert!(found.contains(&content), "{words:?} {verb}: {run}");
            }
        }
    }
}
