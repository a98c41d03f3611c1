//! Small files of a tree between servers of other people: the commands of the next file are sent while one moves.

use crate::batches::copy_between;
use crate::round_trips::round_trips;
use integration_tests::foreign::{End, Foreign, ForeignServer, Hosts, Kind, Skipped, Who};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::Run;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

const VSFTPD: Who = Who::Theirs(Kind::Vsftpd);
const PROFTPD: Who = Who::Theirs(Kind::Proftpd);

/// A tree of small files in three directories, the first one empty.
fn tree(count: usize) -> Vec<(String, Vec<u8>)> {
    (0..count).map(|number| (format!("tree/{}/{number}", number % 3), sample(number * 50))).collect()
}

fn start(who: Who, files: &[(String, Vec<u8>)]) -> Result<End, Skipped> {
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    who.start(Hosts::Allowed, &files)
}

/// How many round trips the worker has needed at the destination, where it has the only session.
fn trips(trace: &str) -> usize {
    round_trips(trace, 1).iter().map(|(_, at)| *at).max().unwrap_or_default()
}

/// Checks that the destination has the tree and nothing else.
fn is_whole(files: &[(String, Vec<u8>)], to: &End, run: &Run) {
    for (name, bytes) in files {
        assert!(to.bytes(name) == *bytes, "{name} differs: {run}\n{}", to.said());
    }
    let names = to.names().into_iter().filter(|name| !name.ends_with('/'));
    assert_eq!(names.count(), files.len(), "{run}");
}

#[test]
fn n16_small_files_between_servers_of_other_people_take_one_round_trip_each() {
    let pairs = [
        (VSFTPD, VSFTPD),
        (PROFTPD, PROFTPD),
        (VSFTPD, PROFTPD),
        (PROFTPD, VSFTPD),
        (Who::Ours, VSFTPD),
        (Who::Ours, PROFTPD),
        (VSFTPD, Who::Ours),
        (PROFTPD, Who::Ours),
    ];
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (source, destination) in pairs {
        let trips = [30, 130].map(|count| {
            let files = tree(count);
            let from = start(source, &files)?;
            for (name, _) in &files {
                let file = fs::File::options().write(true).open(from.path(name)).unwrap();
                file.set_modified(old).unwrap();
            }
            let to = start(destination, &[])?;
            let (run, trace) = copy_between([from.url("tree"), to.url("")], &[]);
            let run = run.exits(0);
            is_whole(&files, &to, &run);
            let copied = run.events("file");
            assert_eq!(copied.len(), count, "{run}");
            assert!(copied.iter().all(|file| file["verified"] == "size"), "{run}");
            for (name, _) in &files {
                assert_eq!(fs::metadata(to.path(name)).unwrap().modified().unwrap(), old, "{name}");
            }
            Ok(trips(&trace))
        });
        let [few, many] = trips;
        let (few, many): (usize, usize) = (or_skip!(few), or_skip!(many));
        // One for each file, and a few for each of some groups of files.
        let each = many - few;
        assert!(each <= 110, "{each} round trips for 100 files from {source:?} to {destination:?}");
    }
}

#[test]
fn n16_a_destination_that_only_connects_gets_small_files_from_a_source_that_listens() {
    let files = tree(60);
    let from = or_skip!(start(VSFTPD, &files));
    let to = or_skip!(VSFTPD.start(Hosts::OnlyToConnect, &[]));
    let (run, trace) = copy_between([from.url("tree"), to.url("")], &[]);
    let run = run.exits(0);
    is_whole(&files, &to, &run);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
    // A file that is copied alone begins with TYPE at both ends.
    let types = trace.matches("> TYPE I").count();
    assert!(types < files.len(), "{types}: {trace}");
}

/// A server of other people with a tree, of which one file cannot be read.
fn with_unreadable(
    kind: Kind,
    files: &[(String, Vec<u8>)],
    unreadable: &str,
) -> Result<ForeignServer, Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed);
    let server = files.iter().fold(server, |server, (name, bytes)| server.file(name, bytes)).start()?;
    fs::set_permissions(server.path(unreadable), fs::Permissions::from_mode(0o000)).unwrap();
    Ok(server)
}

#[test]
fn h16_a_file_that_cannot_be_read_fails_alone_and_leaves_nothing() {
    for kind in [Kind::Vsftpd, Kind::Proftpd] {
        let mut files = tree(40);
        let from = or_skip!(with_unreadable(kind, &files, "tree/1/16"));
        let to = or_skip!(start(Who::Theirs(kind), &[]));
        let (run, _) = copy_between([from.url("tree"), to.url("")], &["--timeout", "10s"]);
        let run = run.fails().says("tree/1/16");
        assert_eq!((run.events("file").len(), run.events("failed").len()), (39, 1), "{run}");
        files.retain(|(name, _)| name != "tree/1/16");
        is_whole(&files, &to, &run);
    }
}

#[test]
fn what_is_there_is_left_to_the_overwrite_rule() {
    let files = tree(40);
    for kind in [Kind::Vsftpd, Kind::Proftpd] {
        let from = or_skip!(start(Who::Theirs(kind), &files));
        let other = |rule: &str| {
            let to = Foreign::new(kind).foreign(Hosts::Allowed);
            let to = to.file("tree/1/4", b"other").directory("tree/0/6").start()?;
            let to = End::Theirs(Box::new(to));
            let (run, _) = copy_between([from.url("tree"), to.url("")], &["--overwrite", rule]);
            Ok((to, run))
        };
        // A directory has the name of one file.
        let (to, run) = or_skip!(other("always"));
        let run = run.fails().says("tree/0/6");
        assert_eq!((run.events("file").len(), run.events("failed").len()), (39, 1), "{run}");
        assert!(to.bytes("tree/1/4") == files[4].1, "{run}");
        let (to, run) = or_skip!(other("never"));
        let run = run.fails().says("exists");
        assert_eq!((run.events("file").len(), run.events("failed").len()), (38, 2), "{run}");
        assert_eq!(to.bytes("tree/1/4"), b"other", "{run}");
        assert!(!to.names().iter().any(|name| name.ends_with(".part")), "{run}");
    }
}
