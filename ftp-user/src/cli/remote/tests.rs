//! What is asked of other daemons, and how their answers are shown.

use super::super::tests::read_typed;
use super::shown::{job_words, series_words};
use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_token_goes_in_clear_to_this_host_only() {
    for (text, authority) in [
        ("https://transfers.example", Some("transfers.example:443")),
        ("https://transfers.example:8990/", Some("transfers.example:8990")),
        ("https://[2001:db8::1]:8990", Some("[2001:db8::1]:8990")),
        ("http://127.0.0.1:8990", Some("127.0.0.1:8990")),
        ("http://localhost:8990", Some("localhost:8990")),
        ("http://transfers.example:8990", None),
        ("http://localhost.evil.example", None),
        ("https://ann:pw@transfers.example", None),
        ("https://transfers.example/jobs", None),
        ("ftp://transfers.example", None),
        ("transfers.example:8990", None),
    ] {
        let read = text.parse::<DaemonUrl>().ok();
        assert_eq!(read.map(|url| url.at.to_string()).as_deref(), authority, "{text}");
    }
}

#[test]
fn files_of_a_daemon_that_cannot_be_used_are_errors_of_usage() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, b"t0ken").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (token_file, daemon_ca) in
        [(directory.path(), None), (&token, Some(&token)), (&token, Some(&token.join("none")))]
    {
        let args = RemoteArgs {
            daemon: "https://transfers.example".parse().ok(),
            token_file: Some(token_file.to_path_buf()),
            daemon_ca: daemon_ca.cloned(),
            ..RemoteArgs::default()
        };
        let failure = Daemon::of(&args).err().unwrap();
        assert_eq!(failure.kind, Kind::Usage, "{failure}");
    }
    // Nothing is checked without TLS.
    let args = RemoteArgs {
        daemon: "http://localhost:8990".parse().ok(),
        token_file: Some(token),
        daemon_ca: None,
        daemon_pin: format!("SHA256:{}", "0".repeat(64)).parse().ok(),
    };
    assert!(args.daemon_pin.is_some());
    assert!(Daemon::of(&args).is_err_and(|failure| failure.to_string().contains("https://")));
}

#[test]
fn a_job_is_one_line_for_people_without_control_characters() {
    let job = json!({
        "id": "1", "state": "running", "owner": "ann", "verb": "copy", "sources": ["one:a\u{1b}"], "dest": "two:",
        "cause": null, "progress": {"files": 1, "bytes": 2048, "remaining": 90},
    });
    assert_eq!(job_words(&job), r"1 running ann 1 file (2.00 KiB), 90 s left: copy $'one:a\033' two:");
    let partial = json!({
        "id": "1", "name": "nightly", "state": "partial", "owner": "ann", "verb": "copy", "sources": ["one:a"],
        "dest": "two:", "failed": 2, "cause": null, "progress": {"files": 1, "bytes": 2048, "remaining": null},
    });
    assert_eq!(job_words(&partial), "1 nightly partial ann 1 file (2.00 KiB), 2 failed: copy one:a two:");
    let mut waiting = json!({
        "id": "1", "state": "waiting", "owner": "ann", "verb": "copy", "sources": ["one:a b"], "dest": "two:",
        "options": {"recursive": true, "limit": "1M"}, "cause": "no answer", "next_try": "2026-11-29T02:30:00Z",
    });
    let words = "1 waiting ann 0 files (0 B), tried again at 2026-11-29T02:30:00Z (no answer): copy --limit=1M --recursive 'one:a b' two:";
    assert_eq!(job_words(&waiting), words);
    waiting["wish"] = "cancel".into();
    assert!(job_words(&waiting).contains(", is being cancelled, tried again at "), "{}", job_words(&waiting));
    (waiting["wish"], waiting["state"]) = ("run".into(), "scheduled".into());
    assert!(job_words(&waiting).contains(", not before 2026-11-29T02:30:00Z ("), "{}", job_words(&waiting));
    assert!(with_event(&job, "job").starts_with("{\"event\":\"job\","));
}

#[test]
fn each_option_of_the_api_is_sent_as_the_api_takes_it() {
    let job = |words: &str| {
        let cli = read_typed(&format!("{words} one:a two:b")).unwrap();
        job_of(cli.verb.job().unwrap(), &cli.typed)
    };
    let with_values = "--include x --exclude y --links skip --backup-dir old --verify hash --limit 10GB --retries 2 \
        --timeout 1500ms --stall 9s --jobs 4 --streams 2 --max-delete 5 --compare hash";
    let lines = [
        (
            "copy -r --perms --overwrite newer --path relay --jobs auto --streams auto --allow-clear-data --times",
            8,
        ),
        (&format!("sync --delete --yes {with_values}"), 15),
    ];
    let mut sent = Vec::new();
    for (line, expect) in lines {
        let options = job(line).unwrap()["options"].clone();
        let read = crate::web::read_options(&options).unwrap_or_else(|error| panic!("{options}: {error}"));
        assert_eq!(read.len(), expect, "{options}");
        sent.extend(read.keys().cloned());
    }
    assert!(crate::web::OPTIONS.iter().all(|option| sent.iter().any(|name| name == option.name)), "{sent:?}");
    assert_eq!(job("--config c copy --no-times").unwrap()["options"], json!({"times": false}));
    for (words, option) in
        [("-4 copy", "-4"), ("--unseen 5s copy", "--unseen"), ("--no-tls copy", "--no-tls")]
    {
        let failure = job(words).unwrap_err();
        assert!(failure.what.starts_with(&format!("{option} cannot be sent")), "{failure}");
    }
    let mut typed = read_typed("copy one:a two:b").unwrap();
    typed.typed.insert("places".to_owned(), json!(["one:a", [116, 119, 111, 58, 255]]));
    let failure = job_of(typed.verb.job().unwrap(), &typed.typed).unwrap_err();
    assert!(failure.what.contains("is not UTF-8"), "{failure}");
}

#[test]
fn a_series_is_shown_as_that_of_this_host_is() {
    let series = json!({
        "id": "5", "every": "1d", "zone": "UTC", "next": "2026-11-29T08:06:00Z", "paused": false, "last_job": "7",
        "command": ["copy", "-r", "one:a b", "two:"],
    });
    assert_eq!(
        series_words(&series),
        "5 1d (UTC), next 2026-11-29T08:06:00Z, last 7: copy -r 'one:a b' two:"
    );
}
