//! How far a job is: on terminals of several widths, without a terminal, and for programs.

use crate::workers::slow_destination;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Site, names_below, sample};
use integration_tests::terminal::{at_a_terminal, at_a_terminal_of};
use integration_tests::user::{Run, user};
use std::collections::BTreeSet;

/// A server with a directory of three files. One of them stops in its middle until it was seen there.
fn server() -> Peer {
    let rule = "150 opening ; accept ; data 700 ; pause 2500 ; data 700..1000 ; end ; 226 sent";
    with_three_files("127.0.0.2", rule)
}

/// A server with a directory of three files, that does this when it is asked for the second one.
pub(crate) fn with_three_files(address: &str, second: &str) -> Peer {
    let file = |name: &str| format!("type=file;size=1000;modify=20200101000000; {name}\\r\\n");
    let script = format!(
        "FEAT: 211-F\\r\\n SIZE\\r\\n MLST type*;size*;modify*;\\r\\n211 End\n\
         MLST t: 250-facts\\r\\n type=dir; t\\r\\n250 End\n\
         MLST t/: 250-facts\\r\\n type=dir; t\\r\\n250 End\n\
         MLST *: 250-facts\\r\\n type=file;size=1000;modify=20200101000000; x\\r\\n250 End\n\
         MLSD: 150 here ; accept ; text {}{}{} ; end ; 226 done\n\
         RETR t/b: {second}\n\
         ABOR: reset-data ; 426 aborted ; 226 done",
        file("a"),
        file("b"),
        file("c")
    );
    Peer::start(address, &script, MODERN)
}

/// What a terminal shows, line by line and drawing by drawing.
fn drawn(shown: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut letters = shown.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                // A sequence ends with its first letter.
                for letter in letters.by_ref() {
                    if letter.is_ascii_alphabetic() {
                        break;
                    }
                }
                plain.push('\n');
            }
            '\r' => plain.push('\n'),
            letter => plain.push(letter),
        }
    }
    plain.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_progress_of_a_tree_fits_into_thirty_columns_and_is_right_from_its_first_drawing() {
    let (from, home) = (server(), tempfile::tempdir().unwrap());
    let arguments =
        |to: &str| format!("copy -r --jobs 1 '{}' {}", from.url("t/"), home.path().join(to).display());
    let narrow = or_skip!(at_a_terminal_of(30, home.path(), &arguments("narrow")));
    let lines = drawn(&narrow.0);
    let drawings: Vec<&String> = lines.iter().filter(|line| line.contains("/")).collect();
    let drawings = &drawings[..drawings.len() - 1]; // the last line has a rate
    assert_eq!(narrow.1, Some(0), "{narrow:?}");
    // Nothing is promised while the listing may go on.
    let is_right = |line: &&&String| line.contains("/3 ") || (line.contains("+ ") && !line.contains(" %"));
    assert!(drawings.first().is_some_and(|line| line.contains("0/")), "{lines:#?}");
    assert_eq!(drawings.iter().filter(is_right).count(), drawings.len(), "{lines:#?}");
    assert!(drawings.iter().all(|line| line.chars().count() < 30), "{lines:#?}");
    // One file has ended, and of the next one 700 bytes are here.
    assert!(drawings.iter().any(|line| line.starts_with("1/3 56 %")), "{lines:#?}");
    let wide = or_skip!(at_a_terminal_of(100, home.path(), &arguments("wide")));
    let lines = drawn(&wide.0);
    assert!(lines.iter().any(|line| line.contains("1/3 56 % 1.66 KiB/2.93 KiB")), "{lines:#?}");
    // The bar is gone at the end.
    assert!(lines.last().is_some_and(|line| line.starts_with("copied 3 files")), "{lines:#?}");
}

#[test]
fn a_long_name_beyond_ascii_is_copied_and_listed_in_the_locale_c_and_thirty_columns() {
    let name = "größe 日本 a name that is longer than the terminal is wide.txt";
    let from = Site::new("source").file(&format!("t/{name}"), sample(1000)).start();
    let home = tempfile::tempdir().unwrap();
    let copy = format!("copy -r '{}' {}/t", from.url("t/"), home.path().display());
    let (shown, code) = or_skip!(at_a_terminal_of(30, home.path(), &copy));
    assert_eq!((code, names_below(&home.path().join("t"))), (Some(0), vec![name.to_owned()]), "{shown}");
    let (listed, _) = or_skip!(at_a_terminal_of(30, home.path(), &format!("ls '{}'", from.url("t"))));
    assert!(listed.contains(name), "{listed}");
}

#[test]
fn progress_is_neither_asked_for_nor_shown_where_it_is_of_no_use() {
    let (from, home) = (server(), tempfile::tempdir().unwrap());
    let arguments = format!("--quiet copy -r --jobs 1 '{}' {}/q", from.url("t/"), home.path().display());
    let (shown, _) = or_skip!(at_a_terminal(home.path(), &arguments, ""));
    assert!(!shown.contains("/3"), "{shown}");
    let run = user().args(["copy", "-r", "-n", "--progress", "always", &from.url("t/"), "t"]).run().exits(0);
    run.never_says(" of 3 files");
}

#[test]
fn without_a_terminal_progress_is_a_line_every_few_seconds() {
    let from = server();
    let run = user()
        .args(["copy", "-r", "--jobs", "1", "--progress", "always", &from.url("t/"), "t"])
        .run()
        .exits(0);
    let said: Vec<&str> =
        run.said.lines().filter(|line| line.contains(" of ") && line.contains(" files")).collect();
    let first = said[0].rsplit("ftp-user: ").next().unwrap_or_default();
    // A name and a rate may follow if the line is late.
    let is_right = first.contains("found so far") || first.starts_with("0 of 3 files, 0 B of 2.93 KiB (0 %)");
    assert!(first.starts_with("0 of ") && is_right, "{run}");
    // Nobody is told of every file.
    assert!(said.len() < 4, "{run}");
    user()
        .args(["copy", "-r", &from.url("t/"), "t"])
        .run()
        .exits(0)
        .never_says(" files found so far")
        .never_says(" of 3 files");
}

/// 200 files of so many bytes that move together for some seconds, since their destination takes no more in a second.
fn together(size: usize, rate: &str, options: &[&str]) -> Run {
    let names = (0..200).map(|number| format!("t/{number}"));
    let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(size))).start();
    let (to, netrc) = slow_destination(rate);
    let url = to.url("").replace("ann:open%3Asesame@", "eve@");
    let run = user().private_file(".netrc", &netrc).args(["copy", "-r"]).args(options);
    run.args([&from.url("t"), &url]).run().exits(0)
}

/// The events tell several times in the middle how many bytes there are, and promise nothing absurd.
fn programs_see_small_files_move(path: &str, size: usize, rate: &str) {
    let run = together(size, rate, &["--json", "--path", path]);
    let told = run.events("progress");
    let (one, all) = (size as u64, 200 * size as u64);
    let bytes: BTreeSet<u64> = told.iter().filter_map(|told| told["job_bytes"].as_u64()).collect();
    let between = bytes.iter().filter(|bytes| (2 * one..all - 2 * one).contains(bytes));
    assert!(between.count() > 2, "{run}");
    assert!(bytes.iter().all(|bytes| *bytes <= all), "{run}");
    assert!(told.iter().all(|told| told["remaining"].as_u64() < Some(3600)), "{run}");
    assert_eq!(run.events("file").len(), 200, "{run}");
}

#[test]
fn small_files_that_move_together_show_how_far_they_are_while_they_move() {
    programs_see_small_files_move("direct", 8192, "200KB");
}

#[test]
fn small_files_that_move_together_through_this_host_show_how_far_they_are() {
    // What waits in the buffers of this host has passed it: these are more bytes.
    programs_see_small_files_move("user", 128 << 10, "4MB");
}

#[test]
fn small_files_that_move_together_grow_from_line_to_line() {
    let run = together(8192, "200KB", &["--progress", "always"]);
    let percent = |line: &str| -> Option<u64> {
        let before = line.rsplit_once(" %)")?.0;
        before.rsplit_once('(')?.1.parse().ok()
    };
    let told: Vec<u64> = run.said.lines().filter_map(percent).collect();
    assert!(told.len() >= 2 && told.is_sorted(), "{run}");
    assert!(told.iter().any(|percent| (5..100).contains(percent)), "{run}");
    run.never_says("h left");
}

#[test]
fn programs_are_told_how_far_the_file_and_its_job_are() {
    let from = server();
    let run = user().args(["copy", "-r", "--jobs", "1", "--json", &from.url("t/"), "t"]).run().exits(0);
    let told = run.events("progress");
    let told = told.iter().find(|told| told["bytes"] == 700).unwrap();
    assert_eq!(told["total"], 1000, "{run}");
    assert!(told["source"].as_str().is_some_and(|source| source.ends_with("/t/b")), "{run}");
    assert_eq!((&told["files"], &told["of"], &told["more"]), (&1.into(), &3.into(), &false.into()), "{run}");
    assert_eq!((&told["job_bytes"], &told["job_total"]), (&1700.into(), &3000.into()), "{run}");
}

#[test]
fn several_files_under_way_add_up() {
    let from = server();
    let run = user().args(["copy", "-r", "--jobs", "3", "--json", &from.url("t/"), "t"]).run().exits(0);
    let told = run.events("progress");
    let bytes = |told: &serde_json::Value| told["job_bytes"].as_u64();
    let ended = |told: &serde_json::Value| told["files"].as_u64().map(|files| 1000 * files);
    let halves: Vec<_> = told.iter().filter(|told| told["bytes"] == 700).collect();
    assert!(!halves.is_empty(), "{run}");
    assert!(halves.iter().all(|told| bytes(told) == ended(told).map(|ended| ended + 700)), "{run}");
    assert!(told.iter().all(|told| told["of"] == 3 && told["job_total"] == 3000), "{run}");
}

#[test]
fn a_dry_run_tells_programs_what_it_tells_people() {
    let from = server();
    let copy = |more: &[&str]| {
        user().args([&["copy", "-r", "-n"], more].concat()).args([&from.url("t/"), "t"]).run().exits(0)
    };
    let (people, programs) = (copy(&[]), copy(&["--json"]));
    let would = people.stdout.iter().filter(|line| line.starts_with("would copy ftp://")).count();
    let paths = people.stdout.iter().filter(|line| line.trim().starts_with("path: ")).count();
    assert_eq!(would, 3, "{people}");
    assert_eq!(programs.events("plan").len(), would, "{programs}");
    // People read once what holds for all of them.
    assert_eq!((paths, programs.events("path").len()), (1, would), "{people}\n{programs}");
    let plan = &programs.events("plan")[0];
    assert_eq!((&plan["bytes"], &plan["verify"]), (&1000.into(), &"size".into()), "{programs}");
    assert_eq!(
        (&programs.summary()["files"], &programs.summary()["dry_run"]),
        (&3.into(), &true.into()),
        "{programs}"
    );
    assert_eq!(programs.events("file").len(), 0, "{programs}");
}

/// What a plan of `--json` says, in the words for people.
fn plans_in_words(run: &Run) -> Vec<String> {
    let plans = run.events("plan");
    let in_words = plans.iter().map(|plan| {
        let [verb, source, dest, verify] =
            ["verb", "source", "dest", "verify"].map(|key| plan[key].as_str().unwrap());
        format!("would {verb} {source} to {dest}, {} B, verify: {verify}", plan["bytes"])
    });
    in_words.collect()
}

#[test]
fn a_dry_run_with_json_has_the_verbs_places_paths_and_failures_of_the_one_in_words() {
    let from =
        Site::new("source").file("t/new", "new").file("t/same", "same").file("t/d/other", "other").start();
    let to = Site::new("target").at("127.0.0.3").file("t/same", "same").file("t/d/other", "!").start();
    for (verb, rule, plans, failures, skipped) in
        [("copy", "different", 2, 0, 1), ("copy", "never", 1, 2, 0), ("move", "always", 3, 0, 0)]
    {
        let run = |more: &[&str]| {
            let run = user().args([&[verb, "-r", "-n", "--overwrite", rule, "-j", "1"], more].concat());
            run.args([&from.url("t"), &to.url("")]).run()
        };
        let (people, programs) = (run(&[]), run(&["--json"]));
        assert_eq!(people.code(), programs.code(), "{people}\n{programs}");
        let in_words = plans_in_words(&programs);
        assert_eq!(in_words.len(), plans, "{programs}");
        let would: Vec<_> = people.stdout.iter().filter(|line| line.starts_with("would ")).collect();
        let (summary, would) = would.split_last().unwrap();
        assert_eq!(would.iter().map(|line| line.as_str()).collect::<Vec<_>>(), in_words, "{people}");
        let paths: Vec<_> = people.stdout.iter().filter_map(|line| line.strip_prefix("  path: ")).collect();
        // People read it once, programs at each file.
        let told = programs.events("path");
        assert_eq!((paths.len(), told.len()), (1, plans), "{people}\n{programs}");
        let mut whys = told.iter().map(|path| path["why"].as_str().unwrap());
        assert!(whys.all(|why| paths[0].ends_with(why)), "{people}\n{programs}");
        let failed = programs.events("failed");
        assert_eq!(failed.len(), failures, "{programs}");
        // People read a cause once, and then the names.
        let is_told = |(at, failed): (usize, &serde_json::Value)| {
            let key = if at == 0 { "message" } else { "source" };
            people.said.contains(failed[key].as_str().unwrap())
        };
        assert!(failed.iter().enumerate().all(is_told), "{people}\n{programs}");
        assert_eq!(programs.summary()["skipped"], skipped, "{programs}");
        assert_eq!(summary.contains("1 file skipped"), skipped == 1, "{people}");
    }
}

#[test]
fn a_transfer_that_nobody_sees_is_told_and_given_up_by_its_own_timer() {
    let moves = "150 opening ; connection ; await ABOR\nABOR: reset-data ; 426 aborted ; 226 done";
    let from = Peer::start("127.0.0.2", &format!("SIZE: 213 100000000\nRETR: {moves}"), MODERN);
    let to = Peer::start("127.0.0.3", &format!("SIZE: 550 no such file\nSTOR: {moves}"), MODERN);
    let run = user().args(["copy", "--retries", "0", "--path", "direct", "--stall", "1s", "--unseen", "1s"]);
    let run = run.args([from.url("a.bin"), to.url("b.bin")]).run().exits(5);
    run.says("neither server reports the progress of ")
        .says("given up after another 1 s (--unseen T")
        .says("for 2 s (unseen timer)");
}
