//! What the user agent remembers of its runs, and how it tells it: `why`, and what `--explain` knows.

use integration_tests::relay::Relay;
use integration_tests::site::{PASSWORD, Server, Site, sample, target};
use integration_tests::user::{Run, user};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn pair(args: &[&'static str]) -> (Server, Server) {
    let source = Site::new("source").at("127.0.0.2").file("a.bin", sample(100_000)).file("b.bin", b"b");
    (source.start(), Site::new("target").at("127.0.0.3").args(args.iter().copied()).start())
}

fn run(state: &Path, args: &[&str]) -> Run {
    user().args(["--retries", "0", "--state", state.to_str().unwrap()]).args(args).run()
}

#[test]
fn n14_why_tells_the_candidates_of_the_last_run_and_no_secret() {
    let state = tempfile::tempdir().unwrap();
    let (one, two) = pair(&[]);
    run(state.path(), &["copy", &one.url("a.bin"), &one.url("b.bin"), &two.url("")]).exits(0);
    let told = run(state.path(), &["why"]).exits(0);
    told.says("copy, 2 files done, 0 failed")
        .says("/a.bin: direct (destination listens) by LSTN and SOCK, clear, verified sha-256")
        .says("at 0.00 s direct (destination listens) by LSTN and SOCK: it moved the file")
        .says("not tried: another one moved the file first")
        .says("      direct (source listens) by LSTN and SOCK")
        .says("not through the relay: none is configured")
        .says("1 more race not shown");
    for name in ["journal.db", "journal.db-wal"] {
        let Ok(kept) = fs::read(state.path().join(name)) else { continue };
        let kept = String::from_utf8_lossy(&kept);
        assert!(!kept.contains(PASSWORD) && !kept.contains("RNDZ 0"), "{kept}");
    }
    let kept = state.path().join("journal.db");
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);

    let json = run(state.path(), &["--json", "why", "last"]).exits(0);
    let past = &json.events("run")[0];
    let race = &past["pairs"][0]["races"][0];
    assert_eq!((&past["verb"], &race["verified"]), (&"copy".into(), &"sha-256".into()), "{json}");
    let moved = &race["tried"][0];
    assert_eq!((&moved["rung"], &moved["fate"]), (&"dest-listens".into(), &"moved".into()), "{json}");
    assert!(moved["said"][1]["reply"].as_str().unwrap().starts_with("226 "), "{json}");
    let id = past["id"].as_str().unwrap();
    run(state.path(), &["why", id]).exits(0).says(id);
    let unknown = run(state.path(), &["why", "0"]).exits(3).says("jobs lists jobs");
    assert_eq!(unknown.stdout, [""; 0], "the error stands alone");
}

#[test]
fn n14_why_repeats_the_words_of_a_refusal() {
    let state = tempfile::tempdir().unwrap();
    let (one, two) = pair(&["--foreign", "never"]);
    run(state.path(), &["copy", "--path", "direct", &one.url("a.bin"), &two.url("")]).exits(6);
    let told = run(state.path(), &["why"]).exits(0);
    let told = told
        .says("copy, 0 files done, 1 failed")
        .says("/a.bin: no path has moved it whole")
        .says("failed after 0.")
        .says("not tried")
        .says("it shares a fault that another candidate has shown")
        .says("left out: --path direct does not allow it")
        .says("      through this host")
        .says("1 failed (cannot copy");
    assert_eq!(told.stdout.concat().matches("cannot copy").count(), 1, "{told}");
}

#[test]
fn a_record_that_is_missing_is_told_in_words_and_the_file_of_older_versions_is_not_read() {
    let state = tempfile::tempdir().unwrap();
    run(state.path(), &["why"]).exits(3).says("no run between two servers is remembered");
    fs::write(state.path().join("runs.json"), "{").unwrap();
    run(state.path(), &["why"]).exits(3).never_says("damaged");
    let (one, two) = pair(&[]);
    run(state.path(), &["copy", &one.url("b.bin"), &two.url("")]).exits(0);
    run(state.path(), &["why"]).exits(0).says("it moved the file");
}

#[test]
fn of_a_run_with_one_server_only_the_journal_knows_and_of_one_without_changes_nobody() {
    let state = tempfile::tempdir().unwrap();
    let (one, two) = pair(&[]);
    run(state.path(), &["copy", &one.url("b.bin"), "b.bin"]).exits(0);
    run(state.path(), &["copy", "--explain", &one.url("b.bin"), &two.url("")]).exits(0);
    // What the journal knows of the first one is no path between two servers.
    run(state.path(), &["why"]).exits(0).says("1 file: local").never_says("from ftp");
}

/// The second run finds every file there before any data connection is opened, on the path that the first one has shown.
#[test]
fn n14_where_every_small_file_was_there_why_calls_no_path_failed() {
    let names: Vec<String> = (0..9).map(|number| format!("t/{number}")).collect();
    let from = names.iter().fold(Site::new("source"), |site, name| site.file(name, name.as_bytes())).start();
    let to = target();
    let state = tempfile::tempdir().unwrap();
    run(state.path(), &["copy", "-r", &from.url("t"), &to.url("")]).exits(0);
    for name in ["", " again"] {
        let trace = state.path().join(format!("trace{name}"));
        let copy = ["--trace", trace.to_str().unwrap(), "copy", "-r", &from.url("t"), &to.url("")];
        run(state.path(), &copy).exits(0).says("9 files skipped");
        assert!(fs::read_to_string(trace).unwrap().contains("PACK LOOK"), "they go together first");
        run(state.path(), &["why", "last"])
            .exits(0)
            .never_says("failed after")
            .never_says("no path has moved it whole");
    }
}

#[test]
fn n12_why_gives_the_receipt_of_a_job() {
    let from = Site::new("source").file("t/a", "one").file("t/b", "three").start();
    let to = Site::new("target").at("127.0.0.3").file("t/b", "three").start();
    let state = tempfile::tempdir().unwrap();
    run(state.path(), &["copy", "-r", "--id", "night", &from.url("t"), &to.url("")]).exits(0);
    for name in ["night", "last"] {
        let told = run(state.path(), &["--json", "why", name]).exits(0);
        let job = &told.events("job")[0];
        assert_eq!(
            (&job["name"], &job["state"], &job["files"]),
            (&"night".into(), &"done".into(), &2.into()),
            "{told}"
        );
        let mut receipts = told.events("receipt");
        receipts.sort_by_key(|receipt| receipt["source"].as_str().map(str::to_owned));
        assert_eq!(receipts.len(), 2, "{told}");
        let copied = &receipts[0];
        assert!(
            copied["dest"].as_str().is_some_and(|dest| dest.ends_with("/t/a") && !dest.contains("sesame")),
            "{told}"
        );
        assert_eq!((&copied["path"], &copied["verified"]), (&"direct".into(), &"sha-256".into()), "{told}");
        assert_eq!(
            (&copied["bytes"], &copied["state"], &copied["job"]),
            (&3.into(), &"done".into(), &job["id"]),
            "{told}"
        );
        // The other one was there.
        assert_eq!(
            (&receipts[1]["path"], &receipts[1]["state"]),
            (&serde_json::Value::Null, &"done".into()),
            "{told}"
        );
    }
    run(state.path(), &["why", "night"])
        .exits(0)
        .says("1 file: direct, verified sha-256")
        .says("1 file: already there");
    // What failed is told with its reason.
    run(state.path(), &["copy", "--overwrite", "never", &from.url("t/a"), &to.url("t/a")]).exits(8);
    run(state.path(), &["why"]).exits(0).says("1 file: failed").says("exists");
    run(state.path(), &["why", "none"]).exits(3);
}

#[test]
fn n12_a_receipt_has_what_the_servers_have_told_of_a_file_that_moved_alone() {
    let state = tempfile::tempdir().unwrap();
    let (one, two) = pair(&[]);
    run(state.path(), &["copy", &one.url("a.bin"), &two.url("")]).exits(0);
    let told = run(state.path(), &["--json", "why"]).exits(0);
    let receipt = &told.events("receipt")[0];
    let digests = &receipt["digests"];
    assert_eq!(digests["algorithm"], "sha-256", "{told}");
    let digest = digests["source"].as_str().unwrap();
    assert!(digest.len() == 64 && digests["dest"] == digest, "{told}");
    assert_eq!(receipt["control"], json!({"source": "clear", "dest": "clear"}), "{told}");
    assert_eq!(receipt["data"], json!({"source": "clear", "dest": "clear"}), "{told}");
    // Both know the real address of the other one.
    let addresses = &receipt["addresses"];
    let host = |end: &str| addresses[end].as_str().unwrap().parse::<SocketAddr>().unwrap().ip().to_string();
    assert_eq!([host("source"), host("dest")], ["127.0.0.2", "127.0.0.3"], "{told}");
    assert_eq!(receipt["strangers"], json!({"source": 0, "dest": 0}), "{told}");
    assert_eq!((&receipt["attempts"], receipt.get("failure")), (&1.into(), None), "{told}");
    assert!(receipt["path_why"].as_str().unwrap().contains("both are proved to each other"), "{told}");
}

#[test]
fn n12_a_receipt_has_what_the_servers_have_told_of_files_that_moved_together() {
    let names = (0..30).map(|number| format!("t/{number}"));
    let from = names.fold(Site::new("source").tls(), |site, name| site.file(&name, name.as_bytes())).start();
    let to = Site::new("target").at("127.0.0.3").tls().start();
    let state = tempfile::tempdir().unwrap();
    let urls = [from.explicit_url("t"), to.explicit_url("")];
    run(state.path(), &["--trust", "new", "copy", "-r", &urls[0], &urls[1]]).exits(0);
    let told = run(state.path(), &["--json", "why"]).exits(0);
    let receipts = told.events("receipt");
    assert_eq!(receipts.len(), 30, "{told}");
    let mut digests = HashSet::new();
    for receipt in &receipts {
        digests.insert(receipt["digests"]["dest"].as_str().unwrap().to_owned());
        assert_eq!(receipt["digests"]["dest"], receipt["digests"]["source"], "{told}");
        assert!(receipt["control"]["source"].as_str().unwrap().starts_with("TLSv1.3 TLS13_AES_"), "{told}");
        assert_eq!(receipt["data"], json!({"source": "PROT P", "dest": "PROT P"}), "{told}");
        assert!(receipt["addresses"]["dest"].as_str().unwrap().starts_with("127.0.0.3:"), "{told}");
        assert_eq!(receipt["strangers"], json!({"source": 0, "dest": 0}), "{told}");
        assert_eq!(receipt["attempts"], 1, "{told}");
        assert!(receipt["path_why"].is_string(), "{told}");
    }
    assert_eq!(digests.len(), 30, "each file has its own: {told}");
}

#[test]
fn n12_a_receipt_of_a_file_that_passes_this_host_has_the_tls_of_both_data_connections() {
    let from = Site::new("source").tls().file("a", "one").start();
    let to = Site::new("target").at("127.0.0.3").tls().start();
    let here = tempfile::tempdir().unwrap();
    let copy = here.path().join("copy");
    for (path, dest) in [("user", to.explicit_url("")), ("auto", copy.to_str().unwrap().to_owned())] {
        let state = tempfile::tempdir().unwrap();
        let words = ["--trust", "new", "copy", "--path", path, &from.explicit_url("a"), &dest];
        run(state.path(), &words).exits(0);
        let told = run(state.path(), &["--json", "why"]).exits(0);
        let receipt = &told.events("receipt")[0];
        assert!(receipt["data"]["source"].as_str().unwrap().starts_with("TLSv1.3 TLS13_AES_"), "{told}");
        assert_eq!(receipt["data"]["dest"].is_string(), path == "user", "{told}");
        assert!(receipt["addresses"]["source"].as_str().unwrap().starts_with("127.0.0.2:"), "{told}");
        assert!(receipt.get("strangers").is_none(), "no server counts those of its own user: {told}");
    }
}

#[test]
fn n12_a_receipt_of_a_copy_through_a_relay_has_what_the_relay_has_seen() {
    let site = |name: &str, ip: &str| Site::new(name).at(ip).args(["--foreign", "never"]);
    let (from, to) =
        (site("source", "127.0.0.2").file("a", "one").start(), site("target", "127.0.0.3").start());
    let hosts = [from.ip().to_string(), to.ip().to_string()];
    let relay = Relay::new().at("127.0.0.4").server(&hosts[0]).server(&hosts[1]).start();
    let state = tempfile::tempdir().unwrap();
    let words = ["copy", "--path", "relay", "--relay", &relay.address.to_string(), "--relay-token-file"];
    let token = relay.token_file.to_str().unwrap();
    run(state.path(), &[&words[..], &[token, &from.url("a"), &to.url("")]].concat()).exits(0);
    let told = run(state.path(), &["--json", "why"]).exits(0);
    let receipt = &told.events("receipt")[0];
    for (end, host) in ["source", "dest"].into_iter().zip(hosts) {
        assert!(receipt["addresses"][end].as_str().unwrap().starts_with(&format!("{host}:")), "{told}");
        assert_eq!(
            (&receipt["strangers"][end], &receipt["data"][end]),
            (&0.into(), &"clear".into()),
            "{told}"
        );
    }
    assert_eq!(receipt["path"], "relay", "{told}");
}
