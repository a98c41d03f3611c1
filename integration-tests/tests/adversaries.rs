//! Holders of tokens who want what is not theirs: jobs of others, places of the daemon's host, and names that end where commands,
//! logs and texts are.

use crate::api::{scene, scene_of};
use integration_tests::site::{PASSWORD, Site};
use integration_tests::socket::until;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What people or programs would act on, and not show.
fn is_hidden(letter: char) -> bool {
    letter.is_control() && letter != '\n' || "\u{202e}\u{2028}".contains(letter)
}

/// All files below a directory, one behind the other.
fn everything_below(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => all.extend(everything_below(&entry.path())),
            kind if kind.is_file() => all.extend(fs::read(entry.path()).unwrap()),
            _ => {}
        }
    }
    all
}

#[test]
fn an_owner_learns_nothing_of_the_jobs_of_others_and_changes_none() {
    let scene = scene();
    let _daemon = scene.daemon();
    let (root, bob, eve) =
        (scene.token("admin", "root"), scene.token("submit", "bob"), scene.token("read", "eve"));
    let slow = scene.slow_job(&root);
    let every = json!({"verb": "sync", "sources": ["one:t"], "dest": "two:t", "every": "1d"});
    let series = scene.submit(&root, every);
    let verbs = ["pause", "resume", "cancel", "retry"].map(|verb| ("POST", format!("/{verb}")));
    let asks = ["", "/files", "/why"].map(|what| ("GET", what.to_owned()));
    for (method, what) in asks.iter().chain(&verbs) {
        let ask =
            |token: &str, id: &str| scene.ask(token, &format!("{method} /api/v1/jobs/{id}{what}"), None);
        let (others, none) = (ask(&bob, &slow), ask(&bob, "0123456789abcdef"));
        assert_eq!((others.status, none.status), (404, 404), "{method} {what}");
        assert_eq!(others.body, none.body, "{method} {what}");
        let by_reader = if *method == "GET" { 200 } else { 403 };
        assert_eq!(ask(&eve, &slow).status, by_reader, "{method} {what}");
        for id in
            ["-1", "18446744073709551616", "0", "%00", "%ff", "..%2f..", "1'%20OR%20'1'='1", &"a".repeat(300)]
        {
            assert_eq!(ask(&root, id).status, 404, "{method} {id} {what}");
        }
    }
    for (method, what) in [("POST", "/pause"), ("POST", "/resume"), ("DELETE", "")] {
        let ask = |id: &str| scene.ask(&bob, &format!("{method} /api/v1/series/{id}{what}"), None);
        let (others, none) = (ask(&series), ask("77"));
        assert_eq!((others.status, &others.body), (404, &none.body), "{method} {what}");
    }
    assert_eq!(scene.job(&root, &slow)["state"], "running");
    let cursor = |number: &str| format!("{number}-{slow}");
    for after in [
        "-1",
        "0",
        "-",
        "1--1",
        "%00",
        "1-00",
        "1-0000000000000000%00",
        &cursor("-1"),
        &cursor("1e3"),
        &cursor("9223372036854775807"),
        &cursor("18446744073709551615"),
        &cursor("18446744073709551616"),
        "-9223372036854775808--9223372036854775808",
        "0-9223372036854775808",
    ] {
        for list in ["jobs".to_owned(), format!("jobs/{slow}/files")] {
            let page = scene.ask(&root, &format!("GET /api/v1/{list}?after={after}"), None);
            assert!(
                page.status == 200 || page.body["error"]["code"] == "bad_value",
                "{list} {after}: {page:?}"
            );
        }
        let own = scene.ask(&bob, &format!("GET /api/v1/jobs?after={after}"), None);
        assert!(own.status == 400 || own.body["jobs"] == json!([]), "{after}: {own:?}");
    }
    let kept = everything_below(&scene.state.path().join("state"));
    for secret in [&*root, &bob, &eve, PASSWORD] {
        assert!(!kept.windows(secret.len()).any(|text| text == secret.as_bytes()), "the state has a secret");
    }
}

#[test]
fn a_token_reaches_no_place_of_the_host_of_the_daemon() {
    let scene = scene();
    let _daemon = scene.daemon();
    let (root, bob) = (scene.token("admin", "root"), scene.token("submit", "bob"));
    let refused = |body: &Value| {
        for token in [&root, &bob] {
            for what in ["POST /api/v1/jobs", "POST /api/v1/jobs?dry-run=true"] {
                let answer = scene.ask(token, what, Some(body.clone()));
                assert!([400, 403].contains(&answer.status), "{body}: {answer:?}");
            }
        }
    };
    for place in [
        "/etc/passwd",
        "./x",
        "../x",
        "x",
        "~/.netrc",
        "~root/x",
        "@list",
        "-",
        "--config=/etc/passwd",
        "//h/x",
        "[]/etc/passwd",
        "[]x",
        "[",
        "[one",
        "[/]x",
        "[one/..]x",
        "./one:x",
        ":x",
        "file:///etc/passwd",
        "FILE:/x",
        "unix:/run/x.sock",
        "sqlite:/tmp/x",
        "sqlite://x",
        "postgres://me@h/db",
        "http://h/",
        "ftp:/h/x",
        "ftp//h/x",
        "ftp://",
        "ftp://ann:pw@127.0.0.2/x",
        "ftp://h\0/",
        "one\0:x",
        "one:x\r\nDELE y",
        "ONE:x",
        " one:x",
        "one :x",
        "three:x",
        "one:ftp://h/x",
    ] {
        refused(&json!({"verb": "copy", "sources": [place], "dest": "two:"}));
        refused(&json!({"verb": "copy", "sources": ["one:t/a"], "dest": place}));
        refused(&json!({"verb": "move", "sources": ["one:t/a", place], "dest": "two:"}));
    }
    for place in
        ["/tmp/x", "x", "../x", "one:x", "three:x", "ftp://evil.example/x", "[]x", "--yes", "two:x\nDELE y"]
    {
        let options = json!({"delete": true, "backup-dir": place});
        refused(&json!({"verb": "sync", "sources": ["one:t"], "dest": "two:t", "options": options}));
    }
    for (key, value) in
        [("at", "--store=sqlite:/tmp/x"), ("at", "$(id)"), ("every", "--daemon=http://h"), ("id", "../x")]
    {
        let mut body = json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:"});
        body[key] = value.into();
        // A plan looks at no time.
        let answer = scene.ask(&bob, "POST /api/v1/jobs", Some(body));
        assert_eq!(answer.status, 400, "{key} {value}: {answer:?}");
    }
    assert_eq!(scene.ask(&root, "GET /api/v1/jobs", None).body["jobs"], json!([]));
    assert_eq!(scene.to.names(), Vec::<String>::new());
}

#[test]
fn a_name_is_no_command_no_line_of_a_log_and_no_text_of_a_terminal() {
    let scene = scene_of(
        Site::new("source")
            .file("t/a\n2026-11-28 ERROR forged", "1")
            .file("t/b\u{1b}[31mred\u{202e}\u{85}", "2")
            .file("t/$(touch pwned)", "3")
            .file("t/c\",\"job\":\"0000000000000000", "4")
            .file("t/-rf", "5"),
    );
    let place = scene.state.path();
    let (told, around) = (place.join("told"), place.join("around"));
    let command =
        format!("(env; echo \"$# $0 $*\") >> {}; (cat; echo) >> {}", around.display(), told.display());
    let daemon = scene.daemon_with(&["--on-end", &command]);
    let root = scene.token("admin", "root");
    let pwned = place.join("pwned");
    let evil = format!(
        "one:$(touch {0})`touch {0}`;touch {0};\u{1b}]0;title\u{7}\u{202e}\",\"job\":\"7",
        pwned.display()
    );
    let tree = json!({"verb": "copy", "sources": ["one:t"], "dest": "two:", "options": {"recursive": true}});
    let missing = json!({"verb": "copy", "sources": [evil], "dest": format!("two:{}", &evil[4..])});
    let ids = [tree, missing].map(|body| scene.submit(&root, body));
    let jobs = || -> Vec<Value> {
        let text = fs::read_to_string(&told).unwrap_or_default();
        text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
    };
    until("both ends were told", || jobs().len() == 2);
    for (job, id) in jobs().iter().zip(&ids) {
        assert_eq!((&job["id"], &job["owner"]), (&json!(id), &json!("root")), "{job}");
    }
    assert_eq!(fs::read_to_string(&told).unwrap().lines().count(), 2);
    assert_eq!(jobs()[1]["sources"], json!([evil]));
    let around = fs::read_to_string(&around).unwrap();
    let names = ["PATH=", "HOME=", "PWD=", "OLDPWD=", "SHLVL=", "_=", "0 /bin/sh "];
    assert!(around.lines().all(|line| names.iter().any(|name| line.starts_with(name))), "{around}");
    for words in [vec!["jobs"], vec!["why", &ids[0]], vec!["why", &ids[1]]] {
        let run = scene.user().args(&words).run().exits(0);
        assert!(!run.stdout.iter().any(|line| line.contains(is_hidden)), "{words:?}: {run}");
        assert!(!run.said.contains(is_hidden), "{words:?}: {run}");
    }
    // What is for programs has no line and no sequence of a terminal in it either.
    let run = scene.user().args(["--json", "why", &ids[1]]).run().exits(0);
    assert!(run.stdout.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{run}");
    assert!(!run.stdout.iter().any(|line| line.contains(|letter| letter < ' ')), "{run}");
    let log = daemon.running.said();
    assert!(!log.contains(is_hidden), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("2026-11-28 ERROR forged")), "{log}");
    assert!(!pwned.exists() && !Path::new("/pwned").exists(), "{log}");
    // What has a name that FTP can carry was copied under it.
    for (name, byte) in [("$(touch pwned)", b"3"), ("c\",\"job\":\"0000000000000000", b"4"), ("-rf", b"5")] {
        assert_eq!(scene.to.bytes(&format!("t/{name}")), byte, "{name}");
    }
}
