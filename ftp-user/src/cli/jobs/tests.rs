//! How jobs of the journal go on.

use super::super::asked::tests::stored;
use super::super::job_options::JobOptions;
use super::super::tests::read_typed;
use super::*;
use crate::journal::as_text::json_of;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

#[test]
fn a_job_of_the_queue_waits_for_a_relay_that_the_settings_lack() {
    let check = |words: &str, text: &str, expect: &str| {
        let job = record(&format!("copy {words} ftp://h/a ftp://i/b"), Path::new("/"));
        let settings = crate::config::parse(text, Path::new("/etc/x/config.toml"), None).unwrap();
        let found = line("jobs").general.unusable_relay(&job, &settings).unwrap_or_default();
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{words}: {found}");
    };
    let relay = "[[relays]]\nname = \"edge\"\naddress = \"192.0.2.9:2190\"\ntoken-file = \"none\"\n";
    check("--path relay", "", "no relay is known");
    check("", "", "");
    check("--path direct", relay, "");
    for words in ["--path relay", ""] {
        check(words, relay, "the relay edge cannot be used");
    }
    check("--path relay", "[relay]\nconsent = \"never\"\n", "no relay is known");
    let consent = |who: &str| format!("{}[relay]\nconsent = \"{who}\"\n", relay.replace("none", "/dev/null"));
    check("--path relay", &consent("never"), "allows none");
    // No settings put that right: its run tells it.
    for words in [
        "--path relay --relay 192.0.2.9:2190 --relay-token-file /nowhere/token",
        "--relay 192.0.2.9:2190 --relay-token-file /nowhere/token",
        "--path relay --relay-consent never",
        "--path relay --relay-consent ask",
    ] {
        check(words, "", "");
        check(words, relay, "");
    }
}

fn record(line: &str, directory: &Path) -> JobRecord {
    let job = stored(line);
    JobRecord::for_tests(1, StoredJob { directory: directory.to_owned(), ..job })
}

fn line(words: &str) -> Cli {
    read_typed(words).unwrap()
}

#[test]
fn a_job_that_cannot_be_given_up_names_how_to_forget_it() {
    for (kind, expect) in [(Kind::Temporary, true), (Kind::Interrupted, false), (Kind::Exists, false)] {
        let failure = or_forget(Failure::new(kind, "no answer").hint("try again"), JobId::new(5));
        let hint = failure.hint.unwrap_or_default();
        assert_eq!(hint.contains("try again; ftp-user cancel --forget"), expect, "{hint}");
    }
}

#[test]
fn how_long_a_resumed_job_waits_and_by_which_addresses_is_up_to_its_new_run() {
    let record = record("--timeout 7s --stall 7s -4 --retries 7 copy a b", Path::new("/"));
    let again = |options: &str| {
        let typed = line(&format!("resume {options}"));
        let JobOptions { v4, v6, timeout, stall, retries, .. } =
            typed.general.command("resume", &record).unwrap().general.job;
        (timeout.map(|time| time.as_secs()), stall.map(|time| time.as_secs()), retries, v4, v6)
    };
    assert_eq!(again(""), (Some(7), Some(7), Some(7), true, false));
    let replaced = again("--timeout 5s --retries 0 -6");
    assert_eq!(replaced, (Some(5), Some(7), Some(0), false, true));
}

#[test]
fn a_resumed_job_has_what_was_typed_and_else_the_defaults_of_today() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("own.toml");
    let text = "[defaults]\ntimeout = \"9s\"\nstall = \"9s\"\nretries = 9\nverify = \"size\"\noverwrite = \"never\"\n";
    std::fs::write(&settings, text).unwrap();
    let record = record("--config own.toml --timeout 7s copy --verify hash a b", directory.path());
    let resumed = line("--stall 5s resume");
    let cli = resumed.general.command("resume", &record).unwrap();
    let General { job, typed, .. } = &cli.general;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    assert_eq!((seconds(job.timeout), seconds(job.stall)), (Some(7), Some(5)));
    assert_eq!((job.retries, typed.retries), (Some(9), None), "a default is not typed");
    let shown = format!("{:?}", cli.verb);
    assert!(shown.contains("verify: Hash") && shown.contains("overwrite: Never"), "{shown}");
    // Another file of settings is that of the new run.
    std::fs::write(directory.path().join("new.toml"), "[defaults]\noverwrite = \"always\"\n").unwrap();
    let other = directory.path().join("new.toml");
    let resumed = line(&format!("resume --config {}", other.display()));
    let cli = resumed.general.command("resume", &record).unwrap();
    let shown = format!("{:?}", cli.verb);
    assert!(shown.contains("overwrite: Always"), "{shown}");
}

#[test]
fn options_that_name_files_depend_on_the_directory() {
    let check = |line: &str, expect| {
        let record = record(line, Path::new("/"));
        assert_eq!(names_a_relative_file(&record.job.options), expect, "{line}");
    };
    check("copy -r --id n --limit 5MB ftp://h/a ftp://i/b", false);
    check("copy --ca own.pem ftp://h/a ftp://i/b", true);
    check("--config=own.toml copy ftp://h/a ftp://i/b", true);
    check("copy --relay h:1 --relay-token-file t ftp://h/a ftp://i/b", true);
    check("copy --trace /tmp/tr --ca=/own.pem ftp://h/a ftp://i/b", false);
    check("copy --include ca ftp://h/a ftp://i/b", false);
    let of_bytes = |name: &[u8]| {
        let options = Map::from_iter([("ca".to_owned(), json_of(OsStr::from_bytes(name)))]);
        names_a_relative_file(&options)
    };
    assert!(of_bytes(b"\xff.pem") && !of_bytes(b"/\xff.pem"));
}
