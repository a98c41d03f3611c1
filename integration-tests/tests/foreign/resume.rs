//! Sessions of foreign servers that are killed in mid-file: with a digest the copy goes on there, without
//! one it begins again.

use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind, Skipped};
use integration_tests::liar::{Liar, Lie};
use integration_tests::or_skip;
use integration_tests::site::{Site, sample};
use integration_tests::socket;
use integration_tests::user::{Run, job, user};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Slow enough to be caught in mid-file: 200 KiB per second.
const SLOW_VSFTPD: &str = "anon_max_rate=204800";
const SLOW_PROFTPD: &str = "TransferRate RETR 200";
const DIGESTS: &str = "LoadModule mod_digest.c";
const SIZE: usize = 600_000;

fn start(kind: Kind, extra: &str, file: Option<&[u8]>) -> Result<ForeignServer, Skipped> {
    let server = Foreign::new(kind).foreign(Hosts::Allowed).extra(extra);
    match file {
        Some(file) => server.file("a.bin", file).start(),
        None => server.start(),
    }
}

/// How much is stored at the destination, under whatever name.
fn stored(to: &ForeignServer) -> u64 {
    let sizes = to.names().into_iter().filter_map(|name| fs::metadata(to.path(&name)).ok());
    sizes.map(|found| found.len()).sum()
}

/// A copy whose source loses its sessions in mid-file, and what it said.
fn cut(from: &ForeignServer, to: &ForeignServer, path: &str) -> (Run, String) {
    let run = user()
        .args([
            "copy",
            "--json",
            "--retries",
            "3",
            "--timeout",
            "10s",
            "--trace",
            "trace.txt",
            "--path",
            path,
        ])
        .args([from.url("a.bin"), to.url("b.bin")])
        .start();
    socket::until("bytes on the disk", || stored(to) > 50_000);
    from.kill_sessions();
    let run = run.end();
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!("{run}\n{trace}\n-- source --\n{}\n-- destination --\n{}", from.said(), to.said());
    assert_eq!(run.code(), Some(0), "{shown}");
    assert!(to.bytes("b.bin") == sample(SIZE), "{shown}");
    assert_eq!(to.names(), ["b.bin"], "{shown}");
    (run, shown)
}

/// How many commands of this verb were sent to either end.
fn commands(shown: &str, verb: &str) -> usize {
    shown.matches(&format!("> {verb} ")).count()
}

#[test]
fn h35_proftpd_goes_on_where_its_session_was_killed() {
    let content = sample(SIZE);
    for path in ["direct", "user"] {
        let from = or_skip!(start(Kind::Proftpd, &format!("{SLOW_PROFTPD}\n{DIGESTS}"), Some(&content)));
        let to = or_skip!(start(Kind::Proftpd, DIGESTS, None));
        let (run, shown) = cut(&from, &to, path);
        assert_eq!((commands(&shown, "REST"), commands(&shown, "STOR")), (2, 2), "{shown}");
        // Its HASH ignores RANG, so that nothing but the whole copy is compared.
        assert!(commands(&shown, "RANG") > 0, "{shown}");
        drop(run.says("stored so far").never_says("from its first byte"));
    }
}

#[test]
fn h21_proftpd_that_refuses_to_continue_gets_the_file_from_its_first_byte() {
    let content = sample(SIZE);
    let from = or_skip!(start(Kind::Proftpd, &format!("{SLOW_PROFTPD}\n{DIGESTS}"), Some(&content)));
    let to = or_skip!(start(
        Kind::Proftpd,
        &format!("{DIGESTS}\n<Directory />\nAllowStoreRestart off\n</Directory>"),
        None
    ));
    let (run, shown) = cut(&from, &to, "direct");
    // Whichever end speaks first: the other one's words may lead to one more way.
    assert!(commands(&shown, "STOR") > 2, "{shown}");
    drop(run.says("stored so far").says("from its first byte"));
}

#[test]
fn h21_vsftpd_has_no_digest_so_that_nothing_goes_on() {
    let content = sample(SIZE);
    let from = or_skip!(start(Kind::Vsftpd, SLOW_VSFTPD, Some(&content)));
    let to = or_skip!(start(Kind::Vsftpd, "", None));
    let (run, shown) = cut(&from, &to, "direct");
    assert_eq!((commands(&shown, "REST"), commands(&shown, "DELE")), (0, 1), "{shown}");
    drop(run.never_says("stored so far"));
}

#[test]
fn n8_vsftpd_that_says_why_of_nothing_is_believed_that_nothing_is_stored() {
    let ours = Site::new("source").file("t/large", sample(300_000));
    let ours = (0..20).fold(ours, |site, number| site.file(&format!("t/{number}"), sample(5_000))).start();
    let to = or_skip!(start(Kind::Vsftpd, "", None));
    let state = tempfile::tempdir().unwrap();
    let url = to.url("").replace("%3A", ":");
    let (login, _) = url.trim_start_matches("ftp://").rsplit_once('@').unwrap();
    let (name, password) = login.split_once(':').unwrap();
    let ftp_user = || job(state.path()).login(to.address().ip(), name, password);
    let run = ftp_user()
        .args(["copy", "-r", "-j", "1", "--limit", "200KB"])
        .args([ours.url("t/"), to.url("t")])
        .start();
    socket::until("bytes on the disk", || stored(&to) > 50_000);
    let killed = run.kill();
    // Many files were claimed with names of their parts, and at most two of them have one.
    let run = ftp_user().args(["resume"]).run().exits(0);
    let shown = format!("{killed}\n{run}\n{}", to.said());
    let told = run.warnings();
    assert!(!told.iter().any(|text| text.contains("may still be there")), "{shown}");
    let anew = told.iter().filter(|text| text.contains("first byte")).count();
    assert!(anew <= 1 && !told.iter().any(|text| text.contains("first byte again")), "{shown}");
    assert!(!to.names().iter().any(|name| name.ends_with(".ftp-user.part")), "{shown}");
    assert!(to.bytes("t/large") == sample(300_000), "{shown}");
}

#[test]
fn h21_pure_ftpd_has_no_digest_so_that_what_it_has_stored_is_not_continued() {
    let content = sample(SIZE);
    let from = or_skip!(start(Kind::Proftpd, &format!("{SLOW_PROFTPD}\n{DIGESTS}"), Some(&content)));
    let to = or_skip!(start(Kind::PureFtpd, "", None));
    let (run, shown) = cut(&from, &to, "user");
    assert_eq!((commands(&shown, "REST"), commands(&shown, "DELE")), (0, 1), "{shown}");
    drop(run.never_says("stored so far"));
}

#[test]
fn n8_proftpd_that_replaces_no_file_keeps_the_old_one_until_the_new_one_is_verified() {
    let content = sample(SIZE);
    for is_lost in [false, true] {
        let from = or_skip!(start(Kind::Proftpd, DIGESTS, Some(&content)));
        let to = Foreign::proftpd().foreign(Hosts::Allowed).replaces_nothing().file("b.bin", "old");
        let to = or_skip!(to.start());
        // The reply to the renaming that counts is lost with its session.
        let may_lie = AtomicBool::new(is_lost);
        let liar = Liar::before(to.address(), move |command, reply| {
            let is_named = command == "RNTO b.bin" && reply.starts_with("250");
            if is_named && may_lie.swap(false, Ordering::Relaxed) { Lie::Closes } else { Lie::None }
        });
        let url = to.url("b.bin").replace(&to.address().to_string(), &liar.address().to_string());
        let run = user().args(["copy", "--json", "--path", "user", "--overwrite", "always", "-v"]);
        let run = run.args([from.url("a.bin"), url]).run().exits(0);
        let shown = format!("{run}\n{}", to.said());
        assert_eq!(to.names(), ["b.bin"], "{shown}");
        assert!(to.bytes("b.bin") == content, "{shown}");
        let is_again = run.warnings().iter().any(|text| text.contains("trying again"));
        assert_eq!(is_again, is_lost, "{shown}");
    }
}

#[test]
fn n12_a_receipt_of_files_whose_commands_are_pipelined_tells_what_proftpd_has_told_of_each() {
    let digests = || Foreign::proftpd().foreign(Hosts::Allowed).extra(DIGESTS);
    let names: Vec<String> = (0..30).map(|number| format!("t/{number}")).collect();
    let from = names.iter().fold(digests(), |server, name| server.file(name, name.as_bytes()));
    let (from, to) = (or_skip!(from.start()), or_skip!(digests().start()));
    let state = tempfile::tempdir().unwrap();
    let ftp_user = || user().args(["--state", state.path().to_str().unwrap()]);
    ftp_user().args(["copy", "-r"]).args([from.url("t"), to.url("")]).run().exits(0);
    let told = ftp_user().args(["--json", "why"]).run().exits(0);
    let receipts = told.events("receipt");
    assert_eq!(receipts.len(), names.len(), "{told}");
    let mut seen = HashSet::new();
    for receipt in &receipts {
        let digests = &receipt["digests"];
        assert_eq!((&digests["source"], digests["source"].is_string()), (&digests["dest"], true), "{told}");
        seen.insert(digests["dest"].as_str().unwrap().to_owned());
        assert_eq!(receipt["control"], json!({"source": "clear", "dest": "clear"}), "{told}");
        assert_eq!(receipt["data"], json!({"source": "clear", "dest": "clear"}), "{told}");
        assert_eq!((&receipt["path"], &receipt["attempts"]), (&"direct".into(), &1.into()), "{told}");
        assert!(receipt["path_why"].is_string() && receipt.get("failure").is_none(), "{told}");
    }
    assert_eq!(seen.len(), names.len(), "each file has its own: {told}");
}

#[test]
fn a_directory_that_vsftpd_cannot_enter_has_failed_and_is_not_in_itself() {
    let server = Foreign::new(Kind::Vsftpd).foreign(Hosts::Allowed).file("t/a", "a").file("t/closed/b", "b");
    let server = or_skip!(server.file("t/d/d/c", "c").start());
    // The owner of this test may be root, whom no mode keeps out; the server is not.
    fs::set_permissions(server.path("t/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(server.path("t/closed"), Some(0), Some(0)).unwrap();
    }
    let here = tempfile::tempdir().unwrap();
    let copy = here.path().join("copy");
    let run = user().args(["copy", "-r", "--json", &server.url("t/"), copy.to_str().unwrap()]).run();
    fs::set_permissions(server.path("t/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run.code(), Some(9), "{run}\n{}", server.said());
    assert!(run.said.contains("t/closed") && !run.said.contains("closed/closed"), "{run}");
    // One that has one directory of its own name is itself.
    assert_eq!(fs::read(copy.join("d/d/c")).unwrap(), b"c", "{run}");
    assert!(!copy.join("closed/closed").exists(), "{run}");
}
