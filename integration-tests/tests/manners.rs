//! The user agent against scripted servers whose single words do not say what is there, and against servers that
//! cannot rename, fall silent, or change a file while it is copied.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};

fn server(script: &str) -> Peer {
    Peer::start("127.0.0.2", script, MODERN)
}

/// What LIST of a directory says, as a rule for `argument`.
fn list(argument: &str, lines: &[&str]) -> String {
    let text: Vec<String> = lines.iter().map(|line| format!("{line}\\r\\n")).collect();
    format!("LIST{argument}: 150 here ; connection ; text {} ; end ; 226 done", text.concat())
}

const FILE: &str = "-rw-r--r-- 1 me us 42 Apr 22 2024 x";
const DIRECTORY: &str = "drwxr-xr-x 1 me us 4096 Apr 22 2024 x";
const OTHER: &str = "-rw-r--r-- 1 me us 7 Apr 22 2024 y";

/// What `stat` says of `x`: its type and size, or an exit code.
fn is(script: &str) -> (String, Run) {
    let peer = server(script);
    let run = user().args(["stat".to_owned(), "--json".to_owned(), peer.url("x")]).run();
    let shown = match run.events("entry").first() {
        Some(entry) => format!("{} {}", entry["type"], entry["size"]).replace('"', ""),
        None => run.code().unwrap().to_string(),
    };
    (shown, run)
}

#[test]
fn what_a_name_is_is_settled_by_more_than_one_word() {
    let no_feat = "FEAT: 502 not here";
    let check = |rules: &[&str], expect: &str| {
        let script = rules.join("\n");
        let (shown, run) = is(&script);
        assert_eq!(shown, expect, "{script}\n{run}");
    };
    // SIZE tells the size of a file, in whatever words.
    check(&["SIZE x: 213 42", "SIZE .: 550 no plain file"], "file 42");
    check(&["SIZE x: 213 42 Bytes"], "file 42");
    check(&["SIZE x: 213 File status", &list("", &["-rw-r--r-- 1 me us 0 Apr 22 2024 x"])], "file 0");
    // SIZE tells the size of directories too.
    check(&["SIZE x: 213 4096", "SIZE .: 213 4096", "CWD x: 250 in", "CWD /: 250 back"], "directory null");
    check(&["SIZE x: 213 42", "SIZE .: 213 4096", "CWD x: 550 no directory"], "file 42");
    // 450 and 550 for what does not exist, in words that nobody knows: the listing of its directory decides.
    for refusal in ["450 Failed to get size of file", "550 x: not a plain file.", "550 Nope"] {
        let size = format!("SIZE: {refusal}");
        let size = size.as_str();
        check(&[size, "CWD: 550 nope", &list("", &[OTHER])], "3");
        check(&[size, "CWD: 550 nope", &list("", &[OTHER, FILE])], "file 42");
        check(&[size, "CWD x: 250 in", "CWD /: 250 back"], "directory null");
        check(&[size, "CWD: 550 x: No such file or directory"], "3");
    }
    // MLST that says the same of a file that is missing and of one that is hidden (ProFTPD).
    let vague = "FEAT: 211-F\\r\\n MLST type*;size*;\\r\\n211 End\nMLST: 550 'x' cannot be listed";
    check(&[vague, "SIZE: 550 x: No such file or directory", "CWD: 550 x: No such file or directory"], "3");
    check(&[vague, "SIZE: 550 x: Permission denied", "CWD: 550 x: Permission denied"], "4");
    // CWD says 250 to whatever it is asked.
    let liar = "CWD .ftp-user.no-such-directory: 250 in\nCWD: 250 in";
    check(&["SIZE: 550 Nope", liar, &list("", &[OTHER])], "3");
    check(&["SIZE: 550 Nope", liar, &list("", &[DIRECTORY])], "directory 4096");
    check(&["SIZE: 213 42", liar, &list("", &[FILE])], "file 42");
    // No SIZE: the listing has one.
    check(&["SIZE: 502 what", "CWD: 550 nope", &list("", &[OTHER, FILE])], "file 42");
    check(&["SIZE: 502 what", "CWD: 550 No such directory", &list("", &[OTHER])], "3");
    // Neither SIZE nor listings: a transfer would tell.
    check(&["SIZE: 502 what", "CWD: 550 nope"], "file null");
    // MLST without FEAT, and without both.
    check(&[no_feat, "MLST x: 250-start\\r\\n Type=file;Size=42; x\\r\\n250 end"], "file 42");
    check(&[no_feat, "MLST x: 550 path does not exist"], "3");
    check(&[no_feat, "SIZE x: 213 42"], "file 42");
    // A refusal that has nothing to do with the name.
    check(&["SIZE: 550 Nope", "CWD: 550 nope", "LIST: 550 Nope"], "4");
}

#[test]
fn refusals_that_a_listing_has_explained_are_understood_without_another_one() {
    let from = server("SIZE a.txt: 213 1000\nSIZE c.txt: 213 1000");
    let rules = format!(
        "SIZE *.txt: 450 Failed to get size of file\nCWD d: 250 in\nCWD /: 250 back\n{}",
        list("", &[OTHER])
    );
    let to = Peer::start("127.0.0.3", &rules, MODERN);
    let run =
        user().args(["copy", "--retries", "0"]).args([from.url("a.txt"), from.url("c.txt"), to.url("d/")]);
    let run = run.run().exits(0);
    assert_eq!(to.seen_of(&["LIST"]).len(), 1, "{run}");
}

#[test]
fn h25_a_directory_whose_name_ls_would_split_is_entered_before_it_is_listed() {
    let rules = format!("SIZE: 550 no plain file\nCWD x y: 250 in\nCWD /: 250 back\n{}", list("", &[OTHER]));
    let peer = server(&rules);
    let run = user().args(["ls".to_owned(), peer.url("x%20y")]).run().exits(0);
    assert_eq!(run.stdout, ["y"], "{run}");
    assert_eq!(peer.seen_of(&["LIST"]), ["LIST"], "{run}");
}

#[test]
fn h25_a_server_that_lists_the_current_directory_whatever_it_is_asked_is_entered_first() {
    let here = list(" t", &["drwxr-xr-x 1 me us 4096 Apr 22 2024 t", OTHER]);
    let rules =
        format!("SIZE: 550 no plain file\nCWD t: 250 in\nCWD /: 250 back\n{here}\n{}", list("", &[FILE]));
    let peer = server(&rules);
    let run = user().args(["ls".to_owned(), peer.url("t")]).run().exits(0);
    assert_eq!(run.stdout, ["x"], "{run}");
    assert_eq!(peer.seen_of(&["LIST"]), ["LIST t", "LIST"], "{run}");
    // A directory in which one of its own name is, of a server that looks at the argument.
    let rules = rules.replace(&list("", &[FILE]), &here.replace("LIST t:", "LIST:"));
    let peer = server(&rules);
    let run = user().args(["ls".to_owned(), peer.url("t")]).run().exits(0);
    assert_eq!(run.stdout, ["t", "y"], "{run}");
    // Without CWD nobody knows whose names these are.
    let root = here.replace("LIST t:", "LIST:");
    let peer = server(&format!("SIZE: 550 no plain file\nPWD: 502 no\nCWD: 502 no\n{here}\n{root}"));
    user().args(["ls".to_owned(), peer.url("t")]).run().fails().says("or another directory");
}

const SOURCE: &str = "SIZE a.txt: 213 1000";
const DESTINATION: &str = "SIZE *.txt: 550 no such file\nCWD: 550 no directory";

fn ends(source: &str, destination: &str) -> (Peer, Peer) {
    let from = server(&format!("{source}\n{SOURCE}"));
    (from, Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}"), MODERN))
}

fn copy(from: &Peer, to: &Peer, more: &[&str]) -> Run {
    let patience = ["--timeout", "2s", "--stall", "2s"];
    let run = user().args(["copy", "--json"]).args(patience).args(more);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run();
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    run
}

#[test]
fn an_old_file_that_rnto_would_not_replace_is_renamed_aside_and_deleted_last() {
    let part = "once SIZE *.part: 213 {stored}\nSIZE *.part: 550 no such file";
    let sizes = "once SIZE b.txt: 213 5\nonce SIZE b.txt: 213 5\nSIZE b.txt: 213 1000";
    let (from, to) = ends("", &format!("{sizes}\n{part}"));
    let run = copy(&from, &to, &["--overwrite", "always", "--retries", "0"]).exits(0);
    let dialogue = to.seen_of(&["RNFR", "RNTO", "DELE"]);
    // The server tells neither an identity nor a digest: no reply to RNTO would be believed.
    let [old, aside, part, last, gone] = &dialogue[..] else { panic!("{dialogue:?}\n{run}") };
    assert_eq!((old.as_str(), last.as_str()), ("RNFR b.txt", "RNTO b.txt"), "{run}");
    assert!(part.ends_with(".ftp-user.part"), "{part}");
    assert_eq!(aside.replace("RNTO", "DELE"), *gone, "{run}");
    assert!(aside.ends_with(".ftp-user.old"), "{aside}");
}

#[test]
fn an_old_file_is_put_back_when_the_new_one_does_not_get_its_name() {
    let sizes =
        "once SIZE b.txt: 213 5\nonce SIZE b.txt: 213 5\nSIZE b.txt: 550 no such file\nSIZE *.old: 213 5";
    let (from, to) = ends("", &format!("RNTO b.txt: 550 no\n{sizes}"));
    // Nothing is put back either, also not at the end of the run: the report says where the old file is.
    let run = copy(&from, &to, &["--overwrite", "always", "--retries", "0"]).exits(4).says(".ftp-user.old");
    assert_eq!(to.seen_of(&["RNTO"]).len(), 4, "{run}");
    let refuses = "once RNTO .*: 250 aside\nonce RNTO b.txt: 550 no";
    let (from, to) = ends("", &format!("{refuses}\n{sizes}"));
    let run = copy(&from, &to, &["--overwrite", "always", "--retries", "0"]).exits(4);
    let names = to.seen_of(&["RNTO", "DELE"]);
    assert_eq!(names.iter().filter(|line| *line == "RNTO b.txt").count(), 3, "{names:?}\n{run}");
    // Only the part is deleted.
    assert!(names.iter().all(|line| !line.starts_with("DELE") || line.ends_with(".part")), "{names:?}");
}

#[test]
fn a_server_that_cannot_rename_gets_the_final_name_in_place() {
    for refusal in ["RNFR: 502 not here", "RNFR: 500 what"] {
        let (from, to) =
            ends("", &format!("{refusal}\nonce SIZE b.txt: 550 no such file\nSIZE b.txt: 213 {{stored}}"));
        let run = copy(&from, &to, &["--retries", "0"]).exits(0).says("under its final name");
        let stored = to.seen_of(&["STOR", "DELE"]);
        assert!(stored.len() == 3 && stored[2] == "STOR b.txt", "{stored:?}\n{run}");
        assert_eq!(run.summary()["verified"], "size", "{run}");
    }
    // Not where it was forbidden, not over a file that exists, not after another refusal.
    let check = |rules: &str, more: &[&str], code| {
        let (from, to) = ends("", rules);
        let run = copy(&from, &to, &[&["--retries", "0"], more].concat()).exits(code);
        assert_eq!(to.seen_of(&["STOR"]).len(), 1, "{run}");
        assert_eq!(to.seen_of(&["DELE"]).len(), 1, "{run}");
    };
    check("RNFR: 502 not here", &["--in-place", "never"], 6);
    check("RNFR: 502 not here\nSIZE b.txt: 213 5", &["--overwrite", "always"], 6);
    check("RNFR: 550 not allowed", &[], 4);
    check("RNFR: 553 not allowed", &[], 4);
}

/// The job has made the directory, and then somebody else has stored a file there.
#[test]
fn a_server_that_cannot_rename_is_asked_about_each_file_of_a_new_directory() {
    let tree = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(tree.path().join(name), [b'x'; 1000]).unwrap();
    }
    let sizes = "once SIZE new/a: 550 no such file\nSIZE new/a: 213 {stored}\nSIZE new/b: 213 1000";
    let rules = format!("RNFR: 502 not here\nMKD: 257 made\n{sizes}");
    for rule in ["never", "newer"] {
        let to = Peer::start("127.0.0.3", &rules, MODERN);
        let run = user().args(["copy", "-r", "--json", "-j", "1", "--retries", "0", "--overwrite", rule]);
        run.args([&format!("{}/", tree.path().display()), &to.url("new")]).run();
        assert!(to.seen_of(&["STOR"]).iter().all(|stored| stored != "STOR new/b"), "{:?}", to.seen());
    }
}

#[test]
fn a_copy_in_place_that_is_not_right_leaves_nothing_under_the_final_name() {
    let sizes = "once SIZE b.txt: 550 no such file\nSIZE b.txt: 213 999";
    let (from, to) = ends("", &format!("RNFR: 502 not here\n{sizes}"));
    let run = copy(&from, &to, &["--retries", "0"]).exits(7);
    assert_eq!(to.seen_of(&["DELE"]).last().map(String::as_str), Some("DELE b.txt"), "{run}");
}

#[test]
fn a_copy_without_any_size_is_not_verified_and_says_so() {
    let (from, to) = ends("SIZE: 502 what\nCWD: 550 nope", "");
    let run = copy(&from, &to, &["--retries", "0"]).exits(0).says("is not verified");
    assert_eq!(run.summary()["verified"], "none", "{run}");
    for how in ["size", "hash"] {
        let (from, to) = ends("SIZE: 502 what\nCWD: 550 nope", "");
        let run = copy(&from, &to, &["--retries", "0", "--verify", how]).exits(7);
        assert_eq!(to.seen_of(&["STOR"]), [""; 0], "{run}");
    }
    // A listing tells it as well.
    let (from, to) = ends(
        &format!(
            "SIZE: 502 what\nCWD: 550 nope\n{}",
            list("", &["-rw-r--r-- 1 me us 1000 Apr 22 2024 a.txt"])
        ),
        "",
    );
    let run = copy(&from, &to, &["--retries", "0"]).exits(0);
    assert_eq!(run.summary()["verified"], "size", "{run}");
}

#[test]
fn a_copy_to_a_server_without_any_size_is_not_verified_and_says_so() {
    let unknown = "SIZE: 502 what\nCWD: 550 nope";
    let upload = |to: &Peer, how: &str| {
        let run = user().file("a.txt", "hello").args(["copy", "--json", "--retries", "0", "--verify", how]);
        run.args(["a.txt".to_owned(), to.url("b.txt")]).run()
    };
    let to = ends("", unknown).1;
    let run = upload(&to, "auto").exits(0).says("is not verified");
    let named = to.seen_of(&["RNTO"]).iter().filter(|line| line.ends_with(" b.txt")).count();
    assert_eq!((&run.summary()["verified"], named), (&"none".into(), 1), "{run}");
    let (from, to) = ends("", unknown);
    let run = copy(&from, &to, &["--retries", "0"]).exits(0).says("is not verified");
    assert_eq!(run.summary()["verified"], "none", "{run}");
    for how in ["size", "hash"] {
        let to = ends("", unknown).1;
        let run = upload(&to, how).exits(7);
        assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
    }
    // A server that knows sizes, and has no such file, has not stored it.
    let to = ends("", "SIZE *.part: 550 no such file").1;
    let run = upload(&to, "auto").exits(7);
    assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
}

#[test]
fn that_a_server_does_not_know_size_is_not_what_it_says_of_a_missing_file() {
    for unknown in ["SIZE: 500 what\nCWD: 550 nope", "SIZE: 502 what\nCWD: 550 nope"] {
        let shown = list("", &["-rw-r--r-- 1 me us 1000 Apr 22 2024 b.txt"]);
        let to = ends("", &format!("{unknown}\n{shown}")).1;
        let user = user().file("a.txt", "hello").file("b.txt", "hello").args(["copy", "--retries", "0"]);
        let run = user.args(["--overwrite", "never", "-j", "1", "a.txt", "b.txt", &to.url("")]).run();
        let run = run.exits(9).says("b.txt exists");
        assert!(to.seen_of(&["RNTO"]).iter().all(|line| !line.ends_with("b.txt")), "{run}");
    }
}

#[test]
fn a_source_that_changes_while_it_is_copied_is_copied_again_and_reported() {
    const FEAT: &str = "FEAT: 211-F\\r\\n SIZE\\r\\n MDTM\\r\\n211 End";
    const BEFORE: &str = "once MDTM a.txt: 213 20240101000000";
    // Of the same size, at another time: the second attempt finds it at rest.
    let (from, to) = ends(&format!("{FEAT}\n{BEFORE}\nMDTM a.txt: 213 20240101000005"), "");
    let run = copy(&from, &to, &["--retries", "1"]).exits(0).says("has changed while it was copied");
    assert_eq!(run.events("file")[0]["attempts"], 2, "{run}");
    assert_eq!((to.seen_of(&["DELE"]).len(), to.seen_of(&["RNTO"]).len()), (1, 1), "{run}");
    // It changes always.
    let times: Vec<String> = (0..8).map(|n| format!("once MDTM a.txt: 213 2024010100000{n}")).collect();
    let (from, to) = ends(&format!("{FEAT}\n{}", times.join("\n")), "");
    let run = copy(&from, &to, &["--retries", "1"]).exits(7).says("has changed while it was copied");
    assert_eq!((to.seen_of(&["DELE"]).len(), to.seen_of(&["RNTO"]).len()), (2, 0), "{run}");
    // It has grown, so the sizes differ.
    let (from, to) = ends(&format!("{FEAT}\nonce SIZE a.txt: 213 900\nMDTM: 550 no"), "SIZE *.part: 213 900");
    copy(&from, &to, &["--retries", "0"]).exits(7).says("has changed while it was copied");
}

#[test]
fn a_control_connection_that_is_lost_in_mid_file_is_opened_again_and_a_whole_file_is_kept() {
    let feat = "FEAT: 211-F\\r\\n SIZE\\r\\n211 End";
    let check = |source: &str, destination: &str, stored: u32, attempts: u32| {
        let (from, to) = ends(
            &format!("{feat}\n{source}"),
            &format!("{destination}\nonce SIZE *.part: 213 {stored}\nSIZE *.part: 213 1000"),
        );
        let run = copy(&from, &to, &["--retries", "2", "--path", "direct"]).exits(0);
        assert_eq!(run.events("file")[0]["attempts"], attempts, "{source} {destination}\n{run}");
        assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
    };
    // The source has said that all is sent, and then the destination is gone or says nothing.
    let gone = "once STOR: 150 opening ; connection ; drain ; close";
    check("", gone, 1000, 1);
    check("", "once STOR: 150 opening ; connection ; drain ; hang", 1000, 1);
    check("", "once STOR: 150 opening ; connection ; drain ; 421 Idle ; close", 1000, 1);
    // The destination has the whole file, and the source is gone.
    check("once RETR: 150 opening ; connection ; data 1000 ; end ; hang", "", 1000, 1);
    // It is not whole yet: its server still stores what has come.
    check("", gone, 500, 1);
}

#[test]
fn h19_an_answer_to_abor_that_comes_twice_never_slips_into_the_next_command() {
    for replies in [
        "502 Command not allowed ; 502 Command not allowed: ABOR",
        "500 Invalid UTF8 in command ; 500 once more",
    ] {
        let (from, to) = ends(
            &format!(
                "SIZE c.txt: 213 1000\nonce RETR: 550 Permission denied\nABOR: {replies}\nNOOP: 200 here"
            ),
            &format!("CWD d: 250 in\nCWD /: 250 back\nABOR: {replies}\nNOOP: 200 here"),
        );
        let run = user().args(["copy", "--retries", "0", "--timeout", "2s", "--json"]);
        let run = run.args([from.url("a.txt"), from.url("c.txt"), to.url("d/")]).run().exits(9);
        assert_eq!(run.summary()["files"], 1, "{replies}\n{run}");
        // Both sessions are in step and go on.
        assert_eq!((from.seen_of(&["USER"]).len(), to.seen_of(&["USER"]).len()), (1, 1), "{replies}\n{run}");
    }
}

#[test]
fn h17_a_550_that_means_a_foreign_address_leads_to_the_next_path() {
    let (from, to) = ends("", "once STOR: 550 Remote addresses do not match");
    let run = copy(&from, &to, &["--retries", "0"]).exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
}

/// A tree `t` whose LIST shows these names, whose NLST tells those, and that has files under the latter alone.
fn tree_of(shown: &[&str], told: &[&str]) -> (Peer, Run) {
    let lines: Vec<String> =
        shown.iter().map(|name| format!("-rw-r--r-- 1 me us 1000 Apr 22 2024 {name}\\r\\n")).collect();
    let names: Vec<String> = told.iter().map(|name| format!("{name}\\r\\n")).collect();
    let files: Vec<String> = told
        .iter()
        .map(|name| format!("SIZE t/{name}: 213 1000\nRETR t/{name}: 150 opening ; connection ; data 1000 ; end ; 226 sent"))
        .collect();
    let peer = server(&format!(
        "{}\nRETR: 550 No such file\nSIZE: 550 no plain file\nCWD t: 250 in\nCWD /: 250 back\n\
         LIST: 150 here ; connection ; text {} ; end ; 226 done\n\
         NLST: 150 here ; connection ; text {} ; end ; 226 done",
        files.join("\n"),
        lines.concat(),
        names.concat()
    ));
    let run = user().args(["copy", "-r", "--retries", "0", "--timeout", "2s", &peer.url("t"), "t"]).run();
    (peer, run)
}

#[test]
fn h25_a_leading_blank_that_list_has_dropped_is_told_by_nlst() {
    let (peer, run) = tree_of(&["x", "y"], &[" x", "y"]);
    let run = run.exits(0);
    assert_eq!(run.names(), ["t/", "t/ x", "t/y"], "{run}");
    assert_eq!(peer.seen_of(&["NLST"]).len(), 1, "{run}");
    // NLST does not know it either: it is missing, and that is asked once for the whole directory.
    let (peer, run) = tree_of(&["x", "y", "z"], &["y"]);
    let run = run.exits(9).says("No such file");
    assert_eq!(run.names(), ["t/", "t/y"], "{run}");
    assert_eq!(peer.seen_of(&["NLST"]).len(), 1, "{run}");
}

#[test]
fn h25_a_question_mark_for_what_cannot_be_printed_is_settled_by_nlst() {
    // A scripted server drops what is beyond ASCII from command lines, so `stat` is enough to see the name.
    let lines = "-rw-r--r-- 1 me us 5 Apr 22 2024 ??w.txt\\r\\n-rw-r--r-- 1 me us 5 Apr 22 2024 what?\\r\\n";
    let peer = server(&format!(
        "SIZE: 550 no plain file\nCWD t: 250 in\nCWD /: 250 back\n\
         LIST: 150 here ; connection ; text {lines} ; end ; 226 done\n\
         NLST: 150 here ; connection ; text \u{17c}w.txt\\r\\nwhat?\\r\\n ; end ; 226 done"
    ));
    let run = user().args(["ls".to_owned(), peer.url("t")]).run().exits(0);
    assert_eq!(run.stdout, ["what?", "\u{17c}w.txt"], "{run}");
    // Without NLST the names stay as they were shown.
    let peer = server(&format!(
        "SIZE: 550 no plain file\nCWD t: 250 in\nCWD /: 250 back\n\
         LIST: 150 here ; connection ; text {lines} ; end ; 226 done\nNLST: 502 not here"
    ));
    let run = user().args(["ls".to_owned(), peer.url("t")]).run().exits(0);
    assert_eq!(run.stdout, ["??w.txt", "what?"], "{run}");
}
