//! Names that a listing, a destination or another source of the same job may take for one: none of the files is lost.

use crate::trees::{copy, source};
use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Server, Site, USER, target};
use integration_tests::user::{Run, user};
use integration_tests::{or_skip, skip};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The line of LIST of a file, or a directory if `name` ends with `/`.
fn line(name: &str) -> String {
    match name.strip_suffix('/') {
        Some(name) => format!("drwxr-xr-x 2 ann ann 4096 Jan 01 2020 {name}"),
        None => format!("-rw-r--r-- 1 ann ann 1 Jan 01 2020 {name}"),
    }
}

/// The reply to a listing with these lines.
fn text(lines: &[String]) -> String {
    format!("150 opening ; connection ; text {}\\r\\n ; end ; 226 done", lines.join("\\r\\n"))
}

#[test]
fn h25_blanks_before_a_name_in_a_listing_are_settled_by_the_names() {
    let check = |names: &[&str], expect: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let script = format!(
            "LIST: {}\nNLST: {}\nSIZE d: 550 d: not a plain file\nCWD d: 250 there\nCWD /: 250 back",
            text(&[line(" x"), line("x"), line(" d/"), line("y")]),
            text(&names),
        );
        let peer = Peer::start("127.0.0.2", &script, MODERN);
        let run = user().args(["ls", "--json", &peer.url("d")]).run().exits(0);
        let mut found: Vec<String> =
            run.events("entry").iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
        found.sort();
        assert_eq!(found, expect, "{run}");
    };
    check(&[" x", "x", " d", "y"], &[" d", " x", "x", "y"]);
    // It fills a column.
    check(&["d", "y"], &["d", "x", "x", "y"]);
}

#[test]
fn h25_blanks_before_a_name_are_settled_by_mlsd_where_there_is_no_nlst() {
    let script = format!(
        "LIST: {}\nNLST: 502 no\nMLSD: {}\nSIZE d: 550 d: not a plain file\nCWD d: 250 there\nCWD /: 250 back",
        text(&[line(" x"), line("y")]),
        text(&["type=file;size=1;  x".to_owned(), "type=file;size=1; y".to_owned()]),
    );
    let peer = Peer::start("127.0.0.2", &script, MODERN);
    let run = user().args(["ls", "--json", &peer.url("d")]).run().exits(0);
    let names: Vec<_> = run.events("entry").iter().map(|entry| entry["name"].clone()).collect();
    assert_eq!(names, [" x", "y"], "{run}");
}

#[test]
fn h25_a_file_beside_one_with_a_leading_blank_is_verified_by_mlsd_where_there_is_no_size() {
    let retr = |bytes: usize| format!("150 opening ; connection ; data {bytes} ; end ; 226 sent");
    let long = "-rw-r--r-- 1 me us 2000 Apr 22 2024  x".to_owned();
    let script = format!(
        "RETR d/ x: {}\nRETR d/x: {}\nLIST: {}\nNLST: 502 no\nMLSD: {}\nFEAT: 502 no\nSIZE: 502 no\nMLST: 502 no\n\
         CWD d: 250 there\nCWD d/*: 550 no directory\nCWD /: 250 back",
        retr(2000),
        retr(1),
        text(&[long, line("x")]),
        text(&["type=file;size=2000;  x".to_owned(), "type=file;size=1; x".to_owned()]),
    );
    let (peer, to) = (Peer::start("127.0.0.2", &script, MODERN), target());
    for (source, dest, names) in [
        ("d/x", "one", &["one"][..]),
        ("d/%20x", "two", &["one", "two"]),
        ("d/", "t", &["one", "t/", "t/ x", "t/x", "two"]),
    ] {
        let run =
            copy(&["-r", "--path", "user", "--verify", "size", &peer.url(source), &to.url(dest)]).exits(0);
        assert_eq!(run.summary()["verified"], "size", "{run}");
        assert_eq!(to.names(), names, "{run}");
    }
    assert_eq!([to.bytes("t/ x").len(), to.bytes("t/x").len()], [2000, 1]);
}

/// A server that drops blanks at the end of a line, as aioftp does: of `x` and `x ` in `d` a command reaches `x` alone.
fn dropping_blanks(rules: &str) -> Peer {
    let facts = |name: &str| format!("type=file;size=1; {name}");
    let script = format!(
        "{rules}\nMLSD d: {}\nMLSD: {}\nFEAT: 211-Features\\r\\n MLST type*;size*;\\r\\n211 End\nSIZE: 502 no\nMLST d: 250-a\\r\\n type=dir; d\\r\\n250 end\n\
         MLST d/x*: 250-a\\r\\n {}\\r\\n250 end\nMLST: 550 no such file\nCWD d: enter ; 250 in\nCWD / : 250 home\nCWD /: enter ; 250 back\n\
         CWD: 550 no such directory\nMKD: 550 exists\nDELE d: 550 a directory\nRETR: 150 opening ; connection ; data 1 ; end ; 226 sent",
        text(&[facts("x"), facts("x ")]),
        text(&["type=dir; d".to_owned()]),
        facts("x"),
    );
    Peer::start("127.0.0.2", &script, MODERN)
}

#[test]
fn h25_a_name_of_which_a_server_drops_blanks_is_not_taken_for_another() {
    let says = "drops blanks at the end of a name";
    for verb in ["rm", "stat", "cat", "hash"] {
        let peer = dropping_blanks("");
        user().args([verb, &peer.url("d/x%20")]).run().exits(7).says(says);
        assert!(peer.seen_of(&["DELE", "RETR"]).is_empty(), "{verb}");
    }
    let peer = dropping_blanks("");
    user().args(["rm", "-r", "--yes", &peer.url("d")]).run().exits(9).says(says);
    assert_eq!(peer.seen_of(&["DELE"]), ["DELE d", "DELE d/x"]);
    let (peer, to) = (dropping_blanks(""), target());
    let run = copy(&["-r", &peer.url("d/"), &to.url("t")]).exits(9).says(says);
    assert_eq!(to.names(), ["t/", "t/x"], "{run}");
    let (home, peer) = (user().file("new ", "a"), dropping_blanks(""));
    home.args(["copy", "./new ", &peer.url("d/new%20")]).run().exits(7).says(says);
    assert!(peer.seen_of(&["STOR", "RNTO"]).is_empty());
}

#[test]
fn h25_a_name_of_which_a_server_drops_dots_as_windows_does_is_not_taken_for_another() {
    let dropped = "drops dots and blanks at the end of names";
    // Of the second one PWD repeats what was typed. The third one refuses three dots, and reaches `d/x` by `d/x.` all the same.
    for rules in ["CWD /...: 250 home", "CWD /...: enter ; 250 home", ""] {
        let peer = dropping_blanks(rules);
        for name in ["x.", "x./y"] {
            let run = user().args(["rm", &peer.url(&format!("d/{name}"))]).run().exits(7);
            run.says(dropped);
        }
        assert!(peer.seen_of(&["DELE"]).is_empty(), "{rules}");
    }
    let peer = dropping_blanks(&another("x."));
    user().args(["rm", &peer.url("d/x.")]).run().exits(0);
    assert_eq!(peer.seen_of(&["DELE"]), ["DELE d/x."]);
}

/// The file of that name in `d` is another one than `x`.
fn another(name: &str) -> String {
    format!("MLST d/{name}: 250-a\\r\\n type=file;size=2; {name}\\r\\n250 end")
}

#[test]
fn h25_a_name_that_a_server_keeps_whole_is_deleted() {
    // The second one says the same of every directory.
    for rules in ["CWD / : 550 no such directory", "CWD .ftp-user.no-such-directory: 250 there"] {
        let peer = dropping_blanks(&format!("{}\n{rules}", another("x ")));
        user().args(["rm", &peer.url("d/x%20")]).run().exits(0);
        assert_eq!(peer.seen_of(&["DELE"]), ["DELE d/x "], "{rules}");
        // Nobody can tell two files that look the same from one.
        let peer = dropping_blanks(rules);
        user().args(["rm", &peer.url("d/x%20")]).run().exits(7).says("perhaps drops blanks");
        assert!(peer.seen_of(&["DELE"]).is_empty(), "{rules}");
    }
}

#[test]
fn h25_what_a_server_drops_is_not_guessed() {
    // It does not tell its directory, or does not enter it.
    for rules in ["PWD: 502 no", "CWD / : 550 no\nCWD /: 550 no"] {
        let peer = dropping_blanks(rules);
        let run = user().args(["rm", &peer.url("d/x%20")]).run().fails();
        assert!(peer.seen_of(&["DELE"]).is_empty(), "{rules}: {run}");
    }
}

#[test]
fn h25_a_listing_with_one_name_twice_is_a_failure_of_its_directory() {
    let script = format!(
        "LIST: {}\nNLST: 502 no\nSIZE d: 550 d: not a plain file\nSIZE: 213 1000\nCWD d: 250 there\nCWD /: 250 back",
        text(&[line("x"), line("x"), line("y")]),
    );
    let (peer, to) = (Peer::start("127.0.0.2", &script, MODERN), target());
    let run = copy(&["-r", "--path", "user", &peer.url("d/"), &to.url("t")]).exits(9);
    let run = run.says("1 name in it stands twice in the listing, and only the first of each is taken");
    assert_eq!(to.names(), ["t/", "t/x", "t/y"], "{run}");
}

/// A tree with names that begin with blanks.
fn blanks_at(kind: Kind) -> Result<(), Skipped> {
    let names = ["t/ x", "t/x", "t/ d/f", "t/d/f", "t/lead/  a"];
    let from = names.iter().fold(Foreign::new(kind), |site, name| site.file(name, name)).start()?;
    let to = target();
    let run = copy(&["-r", &from.url("t/"), &to.url("t")]).exits(0);
    for name in names {
        assert_eq!(to.bytes(name), name.as_bytes(), "{run}");
    }
    Ok(())
}

#[test]
fn h25_names_that_begin_with_blanks_at_vsftpd() {
    or_skip!(blanks_at(Kind::Vsftpd));
}

#[test]
fn h25_names_that_begin_with_blanks_at_proftpd() {
    or_skip!(blanks_at(Kind::Proftpd));
}

#[test]
fn h35_a_destination_that_ignores_case_gets_one_of_two_names() {
    // It shows the first file also under the name of the second one. With the other listing it has changed the first name.
    for (shown, of) in [("Case", "Case"), ("case", "case")] {
        let script = format!(
            "LIST d: {}\nSIZE d: 550 d: not a plain file\nSIZE d/Case: 550 no such file\nSIZE d/case: 213 4\n\
             SIZE d/CASE: 213 4\nCWD d/*: 550 no directory\nCWD: 250 there\nMKD: 550 exists\nSIZE *.ftp-user.part: 213 1\n\
             STOR: 150 opening ; connection ; drain ; 226 stored",
            text(&[line(shown)]),
        );
        let to = Peer::start("127.0.0.3", &script, MODERN);
        let home = user().file("Case", "a").file("case", "b");
        let run =
            home.args(["copy", "-r", "--json", "--retries", "0", "--verify", "none", "--timeout", "5s"]);
        let run = run.args(["./", &to.url("d/")]).run().exits(9).says("only in upper and lower case");
        assert_eq!(to.seen_of(&["RNTO"]), ["RNTO d/Case"], "{of}: {run}");
    }
}

/// Copies these files, whose bytes are their names, to a destination that ignores case, as often as the first of `words` have it. The
/// destination has what came first, and no source is lost that is not there.
fn one_case(names: &[&str], words: &[&str], places: &[&str]) -> Result<(), Skipped> {
    let to = Foreign::pyftpdlib().foreign(Hosts::Allowed).extra("ignores-case").directory("d").start()?;
    let site = names.iter().fold(Site::new("source").at("127.0.0.2"), |site, name| site.file(name, name));
    let from = site.args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"]).start();
    let state = tempfile::tempdir().unwrap();
    for again in [false, false, true] {
        let run = user().login(from.ip(), USER, PASSWORD).login(to.address().ip(), to.user().0, to.user().1);
        let run = run.args(["--state", state.path().to_str().unwrap()]);
        let run = match again {
            true => run.args(["retry", "last"]).run(),
            false => {
                let places = places.iter().map(|place| from.url(place));
                run.args(words).args(places).args([to.url("d/")]).run()
            }
        };
        let run = run.says("only in upper and lower case");
        assert!(words[0] != "move" || !run.said.contains("is copied again"), "{run}");
        assert!(matches!(run.code(), Some(8 | 9)), "{run}");
        for name in names {
            let path = name.split_once('/').unwrap().1;
            let (copy, source) = (fs::read(to.path(&format!("d/{path}"))), fs::read(from.path(name)));
            // What has the name of a copy is that copy.
            assert!(copy.as_ref().map_or(true, |bytes| bytes == name.as_bytes()), "{name}: {copy:?} {run}");
            assert!(copy.is_ok() || source.is_ok_and(|bytes| bytes == name.as_bytes()), "{name}: {run}");
        }
    }
    Ok(())
}

#[test]
fn h35_no_copy_replaces_another_one_where_the_destination_ignores_case() {
    let files = ["t/Case", "t/a", "t/case"];
    or_skip!(one_case(&files, &["move", "-r"], &["t/"]));
    or_skip!(one_case(&files, &["move"], &["t/*"]));
    or_skip!(one_case(&files, &["copy", "--overwrite", "always"], &["t/case", "t/Case", "t/a"]));
    or_skip!(one_case(&files, &["sync"], &["t/"]));
    or_skip!(one_case(&["x/Case", "y/case"], &["move", "-r"], &["x/", "y/"]));
    or_skip!(one_case(&["t/D/f", "t/d/f"], &["move", "-r"], &["t/"]));
    or_skip!(one_case(&["t/D/f", "t/d/f"], &["move", "-r"], &["t/*"]));
}

#[test]
fn h35_names_that_differ_in_case_only_are_copied_where_they_are_two() {
    let from = source(&["t/Case", "t/case", "t/CASE", "t/D/f", "t/d/f", "t/g", "t/\u{d6}", "t/\u{f6}/f"]);
    for way in [
        &["copy", "-r", "t/"][..],
        &["copy", "-r", "t/D", "t/d", "t/[Ccg]*", "t/\u{d6}", "t/\u{f6}"],
        &["sync", "t/"],
    ] {
        // The first name is there, and the others are new; then all are there.
        let to = target();
        fs::create_dir(to.path("t")).unwrap();
        fs::write(to.path("t/Case"), "old").unwrap();
        for change in ["", "more"] {
            for name in ["t/case", "t/d/f"] {
                fs::write(from.path(name), format!("{name}{change}")).unwrap();
            }
            let (options, places) = way.split_at(way.iter().position(|word| word.contains('/')).unwrap());
            let places = places.iter().map(|place| from.url(place));
            let run = user().args(options).args(places).args([to.url("t/")]).run().exits(0);
            for name in ["t/Case", "t/case", "t/CASE", "t/D/f", "t/d/f"] {
                assert_eq!(to.bytes(name), fs::read(from.path(name)).unwrap(), "{name} {run}");
            }
        }
        assert_eq!(to.names(), from.names());
    }
}

#[test]
fn h35_two_sources_with_one_name_in_their_trees_do_not_replace_each_other() {
    let (from, to) = (source(&["x/same", "x/one", "y/same", "y/two"]), target());
    let run = copy(&["-r", &from.url("x/"), &from.url("y/"), &to.url("ms/")]).exits(9);
    let run = run.says("would replace the copy of another source");
    assert_eq!(to.names(), ["ms/", "ms/one", "ms/same", "ms/two"], "{run}");
    assert_eq!(to.bytes("ms/same"), b"x/same", "{run}");
    // The same line twice is no harm.
    for (second, code) in [("x/one", 0), ("y/two", 9)] {
        let to = target();
        let lines = [("x/one", "out"), (second, "out")];
        let list: Vec<String> =
            lines.iter().map(|(name, out)| format!("{}\t{}\n", from.url(name), to.url(out))).collect();
        let home = user().private_file("list", list.concat());
        let run = home.args(["copy", "--json", "--from-file", "list"]).run().exits(code);
        assert_eq!(to.bytes("out"), b"x/one", "{run}");
    }
}

#[test]
fn h25_a_server_that_replaces_what_is_no_utf8_gets_no_such_name() {
    let script = "FEAT: 211-Features\\r\\n MLST type*;size*;\\r\\n211 End\nSIZE d: 550 d: not a plain file\n\
        MLST d/uml*: 250-here\\r\\n type=file;size=1; /d/uml\u{fffd}\\r\\n250 end\nMLST *.part: 250-here\\r\\n type=file;size=1; /d/p\\r\\n250 end\n\
        CWD d/*: 550 no directory\nCWD: 250 there\nMKD: 550 exists\nSIZE *.ftp-user.part: 213 1\n\
        STOR: 150 opening ; connection ; drain ; 226 stored";
    let to = Peer::start("127.0.0.3", script, MODERN);
    let home = user();
    fs::write(home.home().join(OsStr::from_bytes(b"uml\xfc")), "a").unwrap();
    let run =
        home.args(["copy", "--json", "--retries", "0", "--overwrite", "always", "--verify", "none", "-r"]);
    run.args(["./", &to.url("d/")]).run().fails().says("another name on the server");
}

#[test]
fn h35_the_root_of_a_server_is_not_copied_into_itself() {
    let from = source(&["a", "d/b"]);
    for (source, target) in [("", "all"), ("", "d/all/"), ("/", "all")] {
        let run = copy(&["-r", &from.url(source), &from.url(target)]).exits(2);
        let run = run.says("would be copied into itself");
        assert_eq!(from.names(), ["a", "d/", "d/b"], "{source:?} {target}: {run}");
    }
}

/// A source with a directory of such a name, whose listing vsftpd shows empty: it does not know Telnet (RFC 854), and takes
/// the byte that is sent twice for two.
fn directory_that_cannot_be_named() -> Result<ForeignServer, Skipped> {
    let from = Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed).file("s/plain/f", "f").start()?;
    let directory = iac(from.path("s"));
    if fs::create_dir(&directory).is_ok() {
        fs::write(directory.join("f"), "f").unwrap();
    }
    Ok(from)
}

fn iac(below: PathBuf) -> PathBuf {
    below.join(OsStr::from_bytes(b"\xffd"))
}

#[test]
fn h25_a_directory_that_vsftpd_takes_for_another_name_is_a_failure_and_not_empty() {
    let from = or_skip!(directory_that_cannot_be_named());
    if !iac(from.path("s")).exists() {
        skip!("this file system keeps only names in UTF-8");
    }
    let to = target();
    let run = copy(&["-r", &from.url("s"), &to.url("")]).exits(9).says("%FFd");
    assert_eq!(to.bytes("s/plain/f"), b"f", "{run}");
    // What the source has under that name is deleted nowhere.
    let kept = iac(to.path("t"));
    fs::create_dir_all(&kept).unwrap();
    fs::write(kept.join("f"), "f").unwrap();
    fs::write(to.path("t/more"), "more").unwrap();
    let words = ["sync", "--json", "--retries", "0", "--delete", &from.url("s"), &to.url("t")];
    let run = user().args(words).run().exits(9).says("where the source could not be listed");
    assert!(kept.join("f").exists() && !to.path("t/more").exists(), "{run}");
    assert_eq!(to.bytes("t/plain/f"), b"f", "{run}");
}

/// A source with the file `s/f` and the directory `s/d`, whose listing by its name is empty.
fn shows_nothing_of(directory: &str) -> Peer {
    let script = [
        &format!("LIST s: {}", text(&[line("d/"), line("f")])),
        "LIST s/d: 150 opening ; connection ; end ; 226 done",
        directory,
        "SIZE s/f: 213 1\nSIZE: 550 not a file\nRETR s/f: 150 here ; connection ; text f ; end ; 226 done",
        "CWD s: enter ; 250 in\nCWD /: enter ; 250 in\nCWD: 550 no such directory",
    ];
    Peer::start("127.0.0.2", &script.join("\n"), MODERN)
}

fn synced_from(from: &Peer, to: &Server) -> Run {
    let words = ["--delete", "--path", "user", "--verify", "size", &from.url("s"), &to.url("t")];
    user().args(["sync", "--json", "--retries", "0"]).args(words).run()
}

#[test]
fn h25_a_directory_that_is_shown_empty_by_its_name_is_entered() {
    let to = || Site::new("target").at("127.0.0.3").file("t/d/y", "y").start();
    // It is not there under that name.
    let (from, at) = (shows_nothing_of(""), to());
    let run = synced_from(&from, &at)
        .exits(9)
        .says("where the source could not be listed")
        .says("no such directory");
    assert_eq!((at.bytes("t/d/y"), at.bytes("t/f").len()), (b"y".to_vec(), 1), "{run}");
    // Something is in it.
    let inside = format!("CWD s/d: enter ; 250 in\nLIST: {}\nSIZE s/d/g: 213 1", text(&[line("g")]));
    let (from, at) = (
        shows_nothing_of(&format!("{inside}\nRETR s/d/g: 150 here ; connection ; text g ; end ; 226 done")),
        to(),
    );
    let run = synced_from(&from, &at).exits(0);
    assert_eq!(at.names(), ["t/", "t/d/", "t/d/g", "t/f"], "{run}");
    // It is empty.
    let empty = "CWD s/d: enter ; 250 in\nLIST: 150 opening ; connection ; end ; 226 done";
    let (from, at) = (shows_nothing_of(empty), to());
    let run = synced_from(&from, &at).exits(0);
    assert_eq!(at.names(), ["t/", "t/d/", "t/f"], "{run}");
}

#[test]
fn a_file_of_this_host_whose_name_has_a_line_feed_fails_alone() {
    let at = Site::new("target").start();
    let here = user().file("a", "a").file("b\nb", "b").file("c", "c");
    let run = here.args(["copy", "a", "b\nb", "c", &at.url("n/")]).run().exits(9);
    run.says(r"b\nb: its name has a line feed");
    assert_eq!(at.names(), ["n/", "n/a", "n/c"]);
    let run =
        user().file("a", "a").file("b\nb", "b").args(["copy", "a", "b\nb", &at.url("m/")]).run().exits(9);
    assert_eq!(at.names(), ["m/", "m/a", "n/", "n/a", "n/c"], "{run}");
}
