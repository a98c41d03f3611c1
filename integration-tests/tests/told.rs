//! Mistakes of people, told in one line: what failed, which end said what, what to do. No line repeats a secret.

use integration_tests::binary::Program;
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{self, Site, target};
use integration_tests::socket::free_port;
use integration_tests::user::{Run, user};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

/// The run says one line only, and it has all of these parts in this order. If the job stays in the journal, the command that
/// goes on follows.
fn one_line(run: &Run, parts: &[&str]) {
    one_line_of(run, !matches!(run.code(), Some(2..=4)), parts);
}

fn one_line_of(run: &Run, stays: bool, parts: &[&str]) {
    let mut lines: Vec<&str> = run.said.lines().collect();
    if stays {
        let last = lines.pop().unwrap_or_default();
        assert!(last.contains(" retry ") && last.contains(" tries again what has failed"), "{run}");
    }
    let [line] = lines[..] else { panic!("not one line\n{run}") };
    let mut rest = line;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing or too early\n{run}"));
        rest = &rest[at + part.len()..];
    }
}

fn copy(from: &str) -> Run {
    user().args(["copy", "--timeout", "5s", from, "b.bin"]).run()
}

#[test]
fn a_plain_server_behind_ftps_is_told_as_one() {
    let peer = Peer::start("127.0.0.2", "", MODERN);
    let run = copy(&peer.url("a.bin").replace("ftp://", "ftps://")).exits(1);
    let at = peer.address().to_string();
    one_line(&run, &[&at, "does not speak TLS on this port", "use ftpes:// if the server offers AUTH TLS"]);
    assert_eq!(peer.seen_of(&["USER", "PASS"]), [""; 0], "{:?}", peer.seen());
}

#[test]
fn a_server_without_auth_behind_ftpes_is_told_as_one() {
    let peer = Peer::start("127.0.0.2", "", MODERN);
    let run = copy(&peer.url("a.bin").replace("ftp://", "ftpes://")).exits(1);
    let at = peer.address().to_string();
    one_line(&run, &[&at, "does not offer TLS", "it said \"502 not here", "nothing of the login was sent"]);
    assert_eq!(run.said.matches(&at).count(), 1, "{run}");
    assert_eq!(peer.seen_of(&["USER", "PASS"]), [""; 0], "{:?}", peer.seen());
}

#[test]
fn a_missing_password_is_told_as_one() {
    // A server counts wrong passwords against the address, so that none is sent.
    let peer = Peer::start("127.0.0.2", "", MODERN);
    let run = copy(&format!("ftp://ann@{}/a.bin", peer.address())).exits(4);
    let at = peer.address().to_string();
    one_line(&run, &["no password for ann at", &at, "331 password", "~/.netrc"]);
    assert_eq!(peer.seen_of(&["PASS"]).len(), 0, "{run}");
}

#[test]
fn of_a_long_reply_the_middle_is_left_out() {
    let script = format!("PASS: 530 begin {} the end", "word ".repeat(80));
    let peer = Peer::start("127.0.0.2", &script, MODERN);
    let run = copy(&format!("ftp://ann:secret@{}/a.bin", peer.address())).exits(4);
    let line = run.said.lines().find(|line| line.contains("530 begin word")).unwrap();
    assert!(line.contains(" .. ") && line.contains(" the end\"") && line.len() < 400, "{run}");
}

#[test]
fn a_login_as_anonymous_that_was_not_meant_is_told_as_one() {
    let peer = Peer::start("127.0.0.2", "PASS: 530 Login incorrect", MODERN);
    let run = copy(&format!("ftp://{}/a.bin", peer.address())).exits(4);
    let at = peer.address().to_string();
    one_line(
        &run,
        &["the login as anonymous failed", "no user is known", &at, "530 Login incorrect", "ftp://USER@host"],
    );
}

#[test]
fn a_server_that_fails_inside_at_the_login_is_not_told_as_a_wrong_password() {
    let peer = Peer::start("127.0.0.2", "PASS: 500 OOPS: priv_sock_get_result", MODERN);
    let run = copy(&format!("ftp://ann:secret@{}/a.bin", peer.address())).exits(5);
    let at = peer.address().to_string();
    one_line(&run, &[&at, "failed inside while ann logged in", "500 OOPS", "not to blame"]);
}

#[test]
fn a_netrc_that_others_may_read_is_told_as_one() {
    let home = user().file(".netrc", "machine 127.0.0.2 login ann password s3cret\n");
    let run = home.args(["copy", "ftp://ann@127.0.0.2:1/a.bin", "b.bin"]).run().exits(2).never_says("s3cret");
    one_line(&run, &["others may read or write", ".netrc", "chmod 600"]);
}

#[test]
fn a_server_that_sends_far_more_than_it_announced_is_told_as_one() {
    let script = "SIZE a.bin: 213 3\n\
                  RETR: 150 opening ; connection ; data 20000000 ; pause 3000 ; 426 broken";
    let peer = Peer::start("127.0.0.2", script, MODERN);
    let run = copy(&peer.url("a.bin")).exits(7);
    one_line(&run, &["sends more than the 3 bytes that it announced", "check the file"]);
    assert!(run.names().is_empty(), "{run}");
}

#[test]
fn a_pipe_and_a_socket_stay_what_they_are() {
    let from = Site::new("special").file("a.bin", "content").start();
    let home = tempfile::tempdir().unwrap();
    let (pipe, socket) = (home.path().join("pipe"), home.path().join("socket"));
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    let before = |path: &Path| std::fs::symlink_metadata(path).unwrap().file_type();
    for path in [&pipe, &socket] {
        let kind = before(path);
        for verb in ["copy", "append"] {
            let run = user().args([verb, &from.url("a.bin")]).args([path]).run().exits(8);
            let shown = path.display().to_string();
            let parts = [&shown, "is a device, a pipe or a socket", "another name"];
            // An append is in the journal only while it runs.
            one_line_of(&run, verb == "copy", &parts);
            assert_eq!(before(path), kind, "{run}");
        }
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2);
}

#[test]
fn a_second_copy_that_no_digest_spares_says_why_it_copies_and_what_helps() {
    let to = Peer::start("127.0.0.3", &format!("SIZE: 213 5\n{MODERN}"), MODERN);
    let run = user().file("a.txt", "hello").args(["copy", "a.txt", &to.url("b.txt")]).run();
    let run = run.says("b.txt is copied again: it has the size of its source, and no digest shows");
    drop(run.says("; ftp-user sync compares times"));
}

/// How the program ends, and what it says, when a reader has read so many bytes of its output and gone.
fn ends_without_reader(words: &[&str], read: usize) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut program = Command::new(Program::User.path());
    program.args(words).env("HOME", home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().unwrap();
    // Of no jobs there is nothing to read.
    let _ = running.stdout.take().unwrap().read(&mut vec![0; read]).unwrap();
    let ended = running.wait_with_output().unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn a_reader_that_goes_away_costs_no_file_and_no_words() {
    let from = Site::new("source").directory("t").start();
    for number in 0..600 {
        std::fs::write(from.path(&format!("t/{number:0120}")), "x").unwrap();
    }
    let to = target();
    let (tree, dest) = (from.url("t"), to.url(""));
    let hashed = from.url("t/*");
    for words in [
        &["ls", "-l", &tree][..],
        &["tree", &tree],
        &["hash", &hashed],
        &["copy", "-r", "--json", &tree, &dest],
        &["jobs", "--json"],
    ] {
        assert_eq!(ends_without_reader(words, 1), (Some(0), String::new()), "{words:?}");
    }
    assert_eq!(std::fs::read_dir(to.path("t")).unwrap().count(), 600);
    // A failure keeps its status although the reader has gone.
    let (status, said) = ends_without_reader(&["ls", &tree, &from.url("none")], 0);
    assert!(status == Some(9) && said.contains("/none does not exist"), "{status:?} {said}");
    let (one, none) = (from.url(&format!("t/{:0120}", 1)), from.url("none"));
    // Two results have no reader, and the failure between them has one.
    let (status, said) = ends_without_reader(&["hash", &one, &none, &one, &one], 0);
    assert!(status == Some(9) && said.contains("/none does not exist"), "{status:?} {said}");
    // A failure that cannot be told as an event is told all the same.
    let mut program = Command::new(Program::User.path());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = program.args(["--json", "cancel", "none"]).env("HOME", "/").stdout(full).output().unwrap();
    assert!(!ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn of_several_places_the_one_whose_server_is_away_is_named() {
    let from = Site::new("source").file("a", "a").start();
    let away = format!("ftp://ann:x@127.0.0.3:{}/one/b", free_port("127.0.0.3"));
    let named = away.replace(":x@", "@");
    for word in ["ls", "stat", "cat", "hash", "tree", "rm", "mkdir"] {
        let run = user().args([word, "--retries", "0", &from.url("a"), &away]).run().fails();
        run.says(&format!("{named}: "));
    }
}

#[test]
fn a_full_local_disk_is_told_as_one() {
    let disk = or_skip!(SmallDisk::mount());
    let from = Site::new("full").file("a.bin", site::sample(3 << 20)).start();
    let target = disk.path().join("b.bin");
    let run = user().args(["copy", &from.url("a.bin")]).args([&target]).run().exits(1);
    let shown = target.display().to_string();
    one_line(&run, &["cannot copy", " to ", "cannot write", &shown, "no space left on device", "make room"]);
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
}

#[test]
fn the_doctor_sees_a_disk_without_room() {
    let disk = or_skip!(SmallDisk::mount());
    std::fs::set_permissions(disk.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let doctor = || user().args(["doctor", "--state"]).args([disk.path()]).run();
    doctor().says(" has 0 jobs").never_says("no new file");
    let filled = std::fs::write(disk.path().join("full"), vec![0; 2 << 20]);
    assert!(filled.is_err(), "the disk is full");
    doctor().fails().says("takes no new file: no space left on device").says("make room");
}

#[test]
fn all_files_are_not_called_done_where_a_name_cannot_be_carried() {
    let (to, local) = (Site::new("to").start(), tempfile::tempdir().unwrap());
    for name in ["a", "b\nc"] {
        std::fs::write(local.path().join(name), "x").unwrap();
    }
    let run = user().args(["copy", "-r"]).args([local.path()]).args([to.url("t")]).run();
    // The name that FTP cannot carry is none of the files that were found.
    run.exits(9).says("1 file failed").never_says(" are done");
}

#[test]
fn what_cannot_be_read_as_a_place_is_never_repeated_with_its_secret() {
    for place in [
        "ann:s3cret@127.0.0.2/a.bin",
        "[ann:s3cret@127.0.0.2]a.bin",
        "ftp:ann:s3cret@127.0.0.2/a.bin",
        "ftp:/ann:s3cret@127.0.0.2/a.bin",
        " ftp://ann:s3cret@127.0.0.2/a.bin",
        "x/ftp://ann:s3cret@127.0.0.2/a.bin",
        "http://ann:s3cret@127.0.0.2/a.bin",
        "ftp://ann:s3cret@127.0.0.2:0/a.bin",
        "ftp://ann:s3cret@/a.bin",
        "ftp://ann:s3cret@127.0.0.2/a\n.bin",
        "ftp://ann:s3cret@127.0.0.2/a%zz",
        "ftp://ann:s3%zzcret@127.0.0.2/a",
        "ftp://ann:s3cret\n@127.0.0.2/a",
        "x/\nann:s3cret@127.0.0.2/a",
        "ftp//ann:s3cret@127.0.0.2/a.bin",
        "FTP:ann:s3cret@127.0.0.2/a.bin",
        "x/ann:s3cret@127.0.0.2/a.bin",
    ] {
        let run = user().args(["copy", place, "b.bin"]).run().exits(2);
        assert!(!run.said.contains("s3") && !run.said.contains("cret"), "{place:?}\n{run}");
        user().args(["ls", place]).run().exits(2).never_says("cret");
    }
}

#[test]
fn a_url_in_the_place_of_something_else_is_never_repeated_with_its_secret() {
    const URL: &str = "ftp://ann:s3cret@127.0.0.2/a.bin";
    for arguments in [
        &[URL, "b.bin"][..],
        &["copy", "--retries", URL, "a", "b"],
        &["copy", "--timeout", URL, "a", "b"],
        &["copy", "--relay", URL, "a", "b"],
        &["copy", "--overwrite", URL, "a", "b"],
        &["append", URL, "b.bin", URL],
        &["append", "a", "b.bin", "ann:s3cret@127.0.0.2/a.bin"],
        &["ftp//ann:s3cret@127.0.0.2/a.bin"],
        &[
            "copy",
            "--relay",
            "127.0.0.2:1",
            "--relay-token-file",
            URL,
            "ftp://127.0.0.2/a",
            "ftp://127.0.0.3/b",
        ],
        &["copy", "--json", "ftp//ann:s3cret@127.0.0.2/a.bin", "b"],
    ] {
        user().args(arguments).run().exits(2).never_says("s3cret");
    }
}
