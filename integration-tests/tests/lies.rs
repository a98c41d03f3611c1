//! Servers that say that all is well, and it is not: nothing is lost by it, and no run calls it a success.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, copies, user};

const PATIENCE: [&str; 6] = ["--retries", "0", "--timeout", "2s", "--stall", "2s"];

/// A source that has `a.txt` of 1,000 bytes unless the script says something else.
fn source(script: &str) -> Peer {
    Peer::start("127.0.0.2", &format!("{script}\nSIZE a.txt: 213 1000\nMLST: 550 none"), MODERN)
}

/// A copy over an old file, at a destination that tells neither `unique` nor a digest, so that the old file is renamed aside
/// first. `after` is what it says of both names after it has answered 250 to the renaming.
fn replaced(after: &str) -> (Peer, Run) {
    let rules = "once SIZE *.part: 213 {stored}\n\
         once SIZE b.txt: 213 5\nonce SIZE b.txt: 213 5\nCWD *.txt: 550 no directory\nCWD: 250 there";
    let to = Peer::start("127.0.0.3", &format!("{rules}\n{after}"), MODERN);
    let from = source("");
    let run = copies(&["--overwrite", "always"], [from.url("a.txt"), to.url("b.txt")]).args(PATIENCE).run();
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    (to, run)
}

#[test]
fn an_old_file_gets_its_name_back_if_the_new_one_has_not_got_it() {
    for (after, is_aside) in [
        // It has renamed nothing but the old file.
        (
            "once SIZE b.txt: 550 no such file\nonce SIZE b.txt: 550 no such file\nSIZE b.txt: 213 5\nSIZE *.part: 213 1000",
            true,
        ),
        // It has lost the new file.
        (
            "once SIZE b.txt: 550 no such file\nonce SIZE b.txt: 550 no such file\nSIZE b.txt: 213 5\nSIZE *.part: 550 no such file",
            true,
        ),
        // It renames nothing at all.
        ("SIZE b.txt: 213 5\nSIZE *.part: 213 1000", false),
    ] {
        let old = if is_aside { "213 5" } else { "550 no such file" };
        let (to, run) = replaced(&format!("{after}\nSIZE *.old: {old}"));
        let run = run.exits(7).says("b.txt");
        let renamed = to.seen_of(&["RNTO"]);
        let [aside, new, back @ ..] = renamed.as_slice() else { panic!("{renamed:?}\n{run}") };
        assert_eq!(new, "RNTO b.txt", "{run}");
        assert!(back.len() == usize::from(is_aside) && back.iter().all(|line| line == "RNTO b.txt"), "{run}");
        let kept = aside.replace("RNTO", "DELE");
        assert!(aside.ends_with(".ftp-user.old") && !to.seen().contains(&kept), "{renamed:?}\n{run}");
    }
}

#[test]
fn an_old_file_is_not_deleted_for_a_new_one_that_has_lost_bytes() {
    let (to, run) = replaced(
        "once SIZE b.txt: 213 7\nonce SIZE b.txt: 550 no such file\nSIZE b.txt: 213 5\nSIZE *.part: 550 no such file\nSIZE *.old: 213 5",
    );
    let run = run.exits(7).says("had 7 bytes after it was renamed, and 1000 before");
    let renamed = to.seen_of(&["RNTO"]);
    assert!(
        renamed.len() == 4 && renamed[2].ends_with(".part") && renamed[3] == "RNTO b.txt",
        "{renamed:?}\n{run}"
    );
}

#[test]
fn an_old_file_is_deleted_when_the_new_one_is_seen_under_its_name() {
    let (to, run) = replaced("SIZE b.txt: 213 1000\nSIZE *.part: 550 no such file");
    drop(run.exits(0));
    let aside = to.seen_of(&["RNTO"])[0].replace("RNTO", "DELE");
    assert!(to.seen().contains(&aside), "{:?}", to.seen());
}

#[test]
fn what_is_printed_is_as_long_as_the_server_said() {
    let printed = |script: &str| {
        let from = source(script);
        user().args(["cat"]).args(["--timeout", "2s", "--stall", "2s"]).args([from.url("a.txt")]).run()
    };
    drop(printed("").exits(0));
    drop(printed("SIZE: 502 no").exits(0));
    for size in [999, 1_001, 20_000, 0] {
        let script = format!("SIZE a.txt: 213 {size}");
        let run = printed(&script).exits(7).says("was not read whole");
        drop(run.says(&format!("announced {size} bytes and sent 1000 bytes")));
    }
    // It grew while it was read.
    drop(printed("once SIZE a.txt: 213 999").exits(0));
}

#[test]
fn a_final_name_is_looked_for_once_where_mlst_can_tell() {
    let facts = "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;\\r\\n211 End\nSIZE *.part: 213 {stored}";
    let copied = |after: &str| {
        let rules = format!("{facts}\nonce MLST b.txt: 550 no such file\n{after}\nCWD: 250 there");
        let to = Peer::start("127.0.0.3", &rules, MODERN);
        let from = source("");
        let run = user().args(["copy", "--no-race"]).args(PATIENCE);
        (run.args([from.url("a.txt"), to.url("b.txt")]).run(), to)
    };
    let (run, _to) = copied("MLST *.txt: 250-here\\r\\n type=file;size=1000; b.txt\\r\\n250 end");
    drop(run.exits(0));
    let (run, to) = copied("MLST *.txt: 550 no such file");
    let run = run.exits(7).says("b.txt is not there").says("does not show it");
    assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"], "{run}");
}
