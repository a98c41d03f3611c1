//! The API of a daemon: a real one carries jobs between real servers, for people with tokens.

use integration_tests::certificate::Certificate;
use integration_tests::foreign::Tool;
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample, without_password};
use integration_tests::skip::Skipped;
use integration_tests::socket::{hold, port_free_everywhere, release, until};
use integration_tests::tls_client::TlsClient;
use integration_tests::user::{Run, Started, User, user};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use tempfile::TempDir;

const HOST: &str = "127.0.0.1";

/// Two servers, which the settings call `one` and `two`, and the state of a daemon.
pub(crate) struct Scene {
    pub(crate) from: Server,
    pub(crate) to: Server,
    pub(crate) state: TempDir,
    pub(crate) address: SocketAddr,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

pub(crate) fn scene() -> Scene {
    scene_of(Site::new("source").file("t/a", "a").file("large", sample(3_000_000)))
}

/// The same with this source.
pub(crate) fn scene_of(from: Site) -> Scene {
    let to = Site::new("destination").at("127.0.0.3");
    let address = SocketAddr::new(HOST.parse().unwrap(), port_free_everywhere(HOST));
    hold(address);
    let scene = Scene { from: from.start(), to: to.start(), state: tempfile::tempdir().unwrap(), address };
    scene.settings(&["one", "two"], &scene.to.url(""));
    scene
}

impl Scene {
    /// Writes the settings: the sites of the token `bob`, and where the site `two` is.
    fn settings(&self, sites: &[&str], two: &str) {
        let sites: Vec<String> = sites.iter().map(|site| format!("\"{site}\"")).collect();
        let text = format!(
            "[daemon]\nlisten = [\"{}\"]\nparallel = 1\nname = \"here\"\n\
             [sites.one]\nurl = \"{}\"\n[sites.two]\nurl = \"{}\"\n[tokens.bob]\nsites = [{}]\n",
            self.address,
            without_password(&self.from.url("")),
            without_password(two),
            sites.join(", ")
        );
        fs::write(self.state.path().join("settings.toml"), text).unwrap();
    }

    pub(crate) fn user(&self) -> User {
        let path = |name: &str| self.state.path().join(name).to_str().unwrap().to_owned();
        let user = user().logins(["127.0.0.2", "127.0.0.3"]);
        user.args(["--state", &path("state"), "--config", &path("settings.toml")])
    }

    /// What a user of another host types who has this token of the daemon.
    fn at_daemon(&self, token: &str, words: &[&str]) -> Run {
        self.of_daemon(token, words).run()
    }

    fn of_daemon(&self, token: &str, words: &[&str]) -> User {
        let url = format!("http://{}", self.address);
        let user = user().private_file("token", token).args(words);
        user.args(["--daemon", &url, "--token-file", "token"])
    }

    pub(crate) fn daemon(&self) -> Started {
        self.daemon_with(&[])
    }

    /// A daemon with more options.
    pub(crate) fn daemon_with(&self, options: &[&str]) -> Started {
        release(self.address);
        let daemon = self.user().args(["daemon"]).args(options).start();
        daemon.wait_for("carrying the jobs of the queue");
        until("it listens", || TcpStream::connect(self.address).is_ok());
        daemon
    }

    /// A new token.
    pub(crate) fn token(&self, scope: &str, name: &str) -> String {
        let run = self.user().args(["daemon", "token", "--scope", scope, "--name", name]).run().exits(0);
        run.stdout[0].clone()
    }

    pub(crate) fn ask(&self, token: &str, what: &str, body: Option<Value>) -> Answer {
        answer(TcpStream::connect(self.address).unwrap(), token, what, body)
    }

    /// Makes a job. Returns its id.
    pub(crate) fn submit(&self, token: &str, body: Value) -> String {
        let made = self.ask(token, "POST /api/v1/jobs", Some(body));
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn job(&self, token: &str, id: &str) -> Value {
        self.ask(token, &format!("GET /api/v1/jobs/{id}"), None).body
    }

    pub(crate) fn until_state(&self, token: &str, id: &str, state: &str) -> Value {
        until(state, || self.job(token, id)["state"] == *state);
        self.job(token, id)
    }

    /// A job that takes minutes, so that the next ones wait for it.
    pub(crate) fn slow_job(&self, token: &str) -> String {
        let slow =
            json!({"verb": "copy", "sources": ["one:large"], "dest": "two:", "options": {"limit": "10KB"}});
        let id = self.submit(token, slow);
        self.until_state(token, &id, "running");
        id
    }
}

/// Sends a request over a connection, and reads the answer.
fn answer(mut stream: impl Read + Write, token: &str, what: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut text = Vec::new();
    // TLS may end with the connection.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: serde_json::from_str(body).unwrap_or_else(|_| body.into()) }
}

#[test]
fn a_job_of_the_api_is_carried_and_shown_to_its_end() {
    let scene = scene();
    let daemon = scene.daemon();
    let (root, bob) = (scene.token("admin", "root"), scene.token("submit", "bob"));
    let eve = scene.token("read", "eve");
    let tree = |dest: &str| json!({"verb": "copy", "sources": ["one:t"], "dest": dest, "options": {"recursive": true}, "id": "x"});
    let plan = scene.ask(&bob, "POST /api/v1/jobs?dry-run=true", Some(tree("two:"))).body;
    assert!(plan["plan"].as_array().unwrap().iter().any(|one| one["source"] == "one:t/a"), "{plan}");
    let id = scene.submit(&bob, tree("two:"));
    let again = scene.ask(&bob, "POST /api/v1/jobs", Some(tree("two:")));
    assert_eq!((again.status, &again.body["id"]), (200, &Value::from(id.as_str())));
    assert_eq!(scene.ask(&bob, "POST /api/v1/jobs", Some(tree("two:other"))).status, 409);
    let mut hasty = tree("two:");
    hasty["priority"] = 3.into();
    assert_eq!(scene.ask(&bob, "POST /api/v1/jobs", Some(hasty)).status, 409);
    let of_root = scene.submit(&root, tree("two:root"));
    assert_ne!(of_root, id, "a name is for each owner");
    let done = scene.until_state(&eve, &id, "done");
    assert_eq!((&done["exit"], &done["owner"], &done["path"]), (&0.into(), &"bob".into(), &"direct".into()));
    assert_eq!(done["progress"]["files"], 1);
    assert_eq!(scene.to.bytes("t/a"), b"a");
    let files = scene.ask(&bob, &format!("GET /api/v1/jobs/{id}/files?state=done"), None).body;
    assert_eq!((&files["files"][0]["dest"], &files["next"]), (&"two:t/a".into(), &Value::Null));
    assert_eq!(scene.ask(&bob, &format!("GET /api/v1/jobs/{id}/why"), None).body["why"][0]["event"], "run");
    assert_eq!(scene.ask(&bob, &format!("GET /api/v1/jobs/{of_root}"), None).status, 404);
    let jobs = scene.ask(&bob, "GET /api/v1/jobs", None).body;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
    let refused = scene.ask(&eve, "POST /api/v1/jobs", Some(tree("two:")));
    assert_eq!(refused.status, 403);
    let missing = json!({"verb": "copy", "sources": ["one:none"], "dest": "two:"});
    let missing = scene.ask(&bob, "POST /api/v1/jobs?dry-run=true", Some(missing));
    assert_eq!(missing.status, 400, "{missing:?}");
    daemon.end_with(Signal::TERM).exits(0);
}

#[test]
fn a_token_that_is_revoked_ends_at_once_and_its_jobs_stay() {
    let scene = scene();
    let _daemon = scene.daemon();
    let (root, bob) = (scene.token("admin", "root"), scene.token("submit", "bob"));
    let id = scene.slow_job(&bob);
    let mut stream = TcpStream::connect(scene.address).unwrap();
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bob}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut events = Vec::new();
    let is_told = |events: &[u8]| String::from_utf8_lossy(events).contains(&format!("\"job\":\"{id}\""));
    while !is_told(&events) {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "the stream has ended");
        events.extend_from_slice(&piece[..length]);
    }
    let twice = scene.user().args(["daemon", "token", "--scope", "read", "--name", "bob"]).run().exits(8);
    twice.says("there is a token called bob already");
    scene.user().args(["daemon", "token", "--list"]).run().exits(0).says("bob submit").never_says(&bob);
    scene.user().args(["daemon", "token", "--revoke", "bob"]).run().exits(0);
    until("the token is refused", || scene.ask(&bob, "GET /api/v1/jobs", None).status == 401);
    stream.read_to_end(&mut events).unwrap();
    assert_eq!(scene.job(&root, &id)["owner"], "bob");
    scene.user().args(["daemon", "token", "--revoke", "bob"]).run().exits(3);
}

#[test]
fn a_token_uses_only_its_sites_also_when_the_job_begins() {
    let scene = scene();
    let _daemon = scene.daemon();
    let (root, bob) = (scene.token("admin", "root"), scene.token("submit", "bob"));
    let copy = |source: &str| json!({"verb": "copy", "sources": [source], "dest": "two:copied"});
    let url = without_password(&scene.from.url("t/a"));
    for (source, status) in [
        ("three:a", 403),
        ("/etc/passwd", 400),
        ("ftp://eve@127.0.0.2/t/a", 403),
        ("ftp://ann:secret@127.0.0.2/t/a", 400),
    ] {
        assert_eq!(scene.ask(&bob, "POST /api/v1/jobs", Some(copy(source))).status, status, "{source}");
    }
    let slow = scene.slow_job(&root);
    let (by_site, by_url) = (scene.submit(&bob, copy("one:t/a")), scene.submit(&bob, copy(&url)));
    scene.settings(&["two"], &scene.to.url(""));
    let cancelled = scene.ask(&root, &format!("POST /api/v1/jobs/{slow}/cancel"), None);
    assert_eq!(cancelled.status, 200);
    for id in [by_site, by_url] {
        let failed = scene.until_state(&root, &id, "failed");
        assert_eq!(failed["exit"], 4, "{failed}");
        assert!(failed["cause"].as_str().unwrap().contains("does not permit"), "{failed}");
    }
    scene.until_state(&root, &slow, "cancelled");
    assert_eq!(scene.to.names(), Vec::<String>::new());
}

#[test]
fn a_token_gains_nothing_by_the_name_of_another_one() {
    let scene = scene();
    let daemon = scene.daemon();
    let (root, max) = (scene.token("admin", "root"), scene.token("admin", "max"));
    let slow = scene.slow_job(&root);
    let stolen = json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:stolen"});
    let id = scene.submit(&max, stolen);
    scene.user().args(["daemon", "token", "--revoke", "max"]).run().exits(0);
    let max = scene.token("submit", "max");
    for action in ["cancel", "retry", "pause"] {
        let changed = scene.ask(&max, &format!("POST /api/v1/jobs/{id}/{action}"), None);
        assert_eq!(changed.status, 403, "{action}: {changed:?}");
    }
    scene.ask(&root, &format!("POST /api/v1/jobs/{id}/pause"), None);
    scene.user().args(["daemon", "token", "--scope", "submit"]).run().exits(2).says("choose another --name");
    // A job of the API leaves the signals to the daemon.
    for _ in 0..2 {
        daemon.running.signal(Signal::HUP);
    }
    daemon.wait_for("the settings were read again");
    assert_eq!(scene.job(&root, &slow)["state"], "running");
    daemon.running.signal(Signal::TERM);
    daemon.end_with(Signal::TERM).exits(0);
}

#[test]
fn a_job_waits_while_its_sites_are_not_those_that_it_was_submitted_with() {
    let scene = scene();
    let _daemon = scene.daemon();
    let root = scene.token("admin", "root");
    let slow = scene.slow_job(&root);
    let id = scene.submit(&root, json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:copied"}));
    scene.settings(&["two"], &scene.to.url("elsewhere/"));
    scene.ask(&root, &format!("POST /api/v1/jobs/{slow}/cancel"), None);
    let waiting = scene.until_state(&root, &id, "waiting");
    assert!(waiting["cause"].as_str().unwrap().starts_with("the site two was ftp://"), "{waiting}");
    let why = scene.ask(&root, &format!("GET /api/v1/jobs/{id}/why"), None).body;
    assert!(why.to_string().contains("the site two was"), "{why}");
    scene.settings(&["two"], &scene.to.url(""));
    assert_eq!(scene.ask(&root, &format!("POST /api/v1/jobs/{id}/retry"), None).status, 200);
    scene.until_state(&root, &id, "done");
    assert_eq!(scene.to.bytes("copied"), b"a");
}

#[test]
fn a_series_is_made_paused_and_removed() {
    let scene = scene();
    let _daemon = scene.daemon();
    let root = scene.token("admin", "root");
    let every = json!({"verb": "sync", "sources": ["one:t"], "dest": "two:t", "every": "1d"});
    let id = scene.submit(&root, every);
    let path = |action: &str| format!("/api/v1/series/{id}{action}");
    assert_eq!(scene.ask(&root, &format!("POST {}", path("/pause")), None).body["paused"], true);
    assert_eq!(scene.ask(&root, "GET /api/v1/series", None).body["series"][0]["every"], "1d");
    assert_eq!(scene.ask(&root, &format!("DELETE {}", path("")), None).status, 200);
    assert_eq!(scene.ask(&root, &format!("DELETE {}", path("")), None).status, 404);
}

#[test]
fn a_client_that_is_generated_from_the_description_works() {
    let wanted = std::env::var_os("FTP_BROWSER")
        .ok_or_else(|| Skipped("a client is generated by .ci/full page".into()));
    or_skip!(wanted);
    let python = or_skip!(Tool::python("openapi-python-client"));
    let scene = scene();
    let _daemon = scene.daemon();
    let root = scene.token("admin", "root");
    let place = scene.state.path();
    let described = scene.ask("", "GET /api/v1/openapi.json", None).body;
    fs::write(place.join("openapi.json"), described.to_string()).unwrap();
    fs::write(place.join("plain.yml"), "post_hooks: []\n").unwrap();
    let run = |words: &[&str]| {
        let output = python.command().args(words).current_dir(place).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        said
    };
    let generator = "from openapi_python_client.cli import app; app()";
    let words = ["generate", "--path", "openapi.json", "--output-path", "client", "--meta", "none"];
    run(&[&["-c", generator][..], &words, &["--config", "plain.yml"]].concat());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/api_client.py");
    let said = run(&[script, ".", &format!("http://{}", scene.address), &root]);
    assert!(said.contains("all is as it is described"), "{said}");
    assert_eq!(scene.to.bytes("t/a"), b"a");
}

#[test]
fn what_one_owner_may_ask_for_has_bounds() {
    let scene = scene();
    let _daemon = scene.daemon();
    let (bob, eve) = (scene.token("submit", "bob"), scene.token("submit", "eve"));
    let copy =
        |options: Value| json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:x", "options": options});
    let patterns = |number: usize| vec!["*.txt".to_owned(); number];
    let answer = |options| scene.ask(&bob, "POST /api/v1/jobs?dry-run=true", Some(copy(options)));
    assert_eq!(answer(json!({"recursive": true, "exclude": patterns(257)})).status, 400);
    let long = answer(json!({"recursive": true, "exclude": ["x".repeat(70_000)]}));
    assert_eq!(long.status, 400, "{long:?}");
    let huge = answer(json!({"recursive": true, "exclude": ["x".repeat(1 << 20)]}));
    assert_eq!(huge.status, 413, "{huge:?}");
    let every = || json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:x", "every": "1d"});
    let made: Vec<u16> =
        (0..101).map(|_| scene.ask(&bob, "POST /api/v1/jobs", Some(every())).status).collect();
    let (last, others) = made.split_last().unwrap();
    assert!(*last == 429 && others.iter().all(|status| *status == 201), "{made:?}");
    assert_eq!(scene.ask(&eve, "POST /api/v1/jobs", Some(every())).status, 403, "it has no sites");
}

#[test]
fn files_of_a_job_come_in_pages_that_have_each_file_once() {
    let scene = scene();
    fs::create_dir(scene.from.path("many")).unwrap();
    for number in 0..620 {
        fs::write(scene.from.path(&format!("many/{number:03}")), "x").unwrap();
    }
    let _daemon = scene.daemon();
    let root = scene.token("admin", "root");
    let id = scene.submit(
        &root,
        json!({"verb": "copy", "sources": ["one:many"], "dest": "two:", "options": {"recursive": true}}),
    );
    scene.until_state(&root, &id, "done");
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page =
            scene.ask(&root, &format!("GET /api/v1/jobs/{id}/files?state=done&limit=100{after}"), None);
        let files = page.body["files"].as_array().unwrap();
        names.extend(files.iter().map(|file| file["source"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        assert_eq!(files.len(), 100);
        after = format!("&after={next}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 620);
    let none = scene.ask(&root, &format!("GET /api/v1/jobs/{id}/files?state=failed"), None).body;
    assert_eq!((none["files"].as_array().unwrap().len(), &none["next"]), (0, &Value::Null));
}

#[test]
fn a_token_is_revoked_and_events_come_while_the_daemon_ends() {
    let scene = scene();
    let daemon = scene.daemon();
    let (root, bob) = (scene.token("admin", "root"), scene.token("submit", "bob"));
    let slow = scene.slow_job(&root);
    daemon.running.signal(Signal::TERM);
    daemon.wait_for("no job begins any more");
    let waits = scene.submit(&root, json!({"verb": "copy", "sources": ["one:t/a"], "dest": "two:x"}));
    scene.user().args(["daemon", "token", "--revoke", "bob"]).run().exits(0);
    until("the token is refused", || scene.ask(&bob, "GET /api/v1/jobs", None).status == 401);
    assert_eq!(scene.ask(&root, "GET /api/v1/workers", None).body["workers"][0]["draining"], true);
    assert_eq!(scene.job(&root, &waits)["state"], "queued");
    let cancelled = scene.ask(&root, &format!("POST /api/v1/jobs/{slow}/pause"), None);
    assert_eq!(cancelled.status, 200);
    daemon.end_with(Signal::TERM).exits(0);
}

#[test]
fn the_own_user_needs_no_token_and_may_name_files_of_this_host() {
    let scene = scene();
    let _daemon = scene.daemon();
    let own = || UnixStream::connect(scene.state.path().join("state/daemon.sock")).unwrap();
    let file = scene.state.path().join("mine");
    fs::write(&file, "mine").unwrap();
    let copy = json!({"verb": "copy", "sources": [file.to_str().unwrap()], "dest": "two:"});
    let id =
        answer(own(), "", "POST /api/v1/jobs", Some(copy.clone())).body["id"].as_str().unwrap().to_owned();
    let show = format!("GET /api/v1/jobs/{id}");
    until("done", || answer(own(), "", &show, None).body["state"] == "done");
    assert_eq!(scene.to.bytes("mine"), b"mine");
    assert_eq!(scene.ask("", "POST /api/v1/jobs", Some(copy)).status, 401);
}

#[test]
fn other_hosts_need_tls_and_a_certificate_serves_them() {
    let scene = scene();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = held.local_addr().unwrap().to_string();
    scene.user().args(["daemon", "--listen", &at]).run().exits(1).says("choose another address or port");
    let run = scene.user().args(["daemon", "--listen", "0.0.0.0:0"]).run().exits(2);
    run.says("would send tokens in clear");
    let certificate = Certificate::of("127.0.0.1".parse().unwrap());
    let user =
        scene.user().private_file("cert.pem", &certificate.pem).private_file("key.pem", &certificate.key_pem);
    release(scene.address);
    let tls = ["daemon", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let daemon = user.args(tls).start();
    daemon.wait_for(&format!("listening on https://{}", scene.address));
    let made = scene.user().args(["daemon", "token", "--scope", "read", "--name", "eve"]).run().exits(0);
    let token = &made.stdout[0];
    let ask = || {
        let client = TlsClient::new().naming(&["h2", "http/1.1"]);
        answer(client.begin(TcpStream::connect(scene.address).unwrap()), token, "GET /api/v1/workers", None)
    };
    assert_eq!(ask().body["workers"][0]["name"], "here");
}

#[test]
fn another_host_leaves_jobs_to_a_daemon_and_steers_them() {
    let scene = scene();
    let _daemon = scene.daemon();
    let token = scene.token("submit", "bob");
    let run = |words: &[&str]| scene.at_daemon(&token, words);
    let copy = ["copy", "--queue", "-r", "one:t", "two:"];
    let id = run(&[&copy[..], &["--wait", "--id", "x"]].concat()).exits(0).stdout[0].clone();
    assert_eq!(scene.to.bytes("t/a"), b"a");
    let again = run(&[&copy[..], &["--id", "x"]].concat()).exits(0).says("the queue has this job already");
    assert_eq!(again.stdout[0], id);
    run(&["jobs"]).exits(0).says(&format!("{id} x done bob 1 file (1 B): copy --recursive one:t two:"));
    for called in [&id, "x", "last"] {
        let why = run(&["--json", "why", called]).exits(0);
        assert_eq!(why.events("job")[0]["id"], id, "{called}");
        assert_eq!(scene.user().args(["--json", "why", called]).run().exits(0).events("job")[0]["id"], id);
    }
    run(&["copy", "--queue", "--wait", "one:none", "two:"]).exits(3).says("does not exist");
    let slow = scene.slow_job(&token);
    let waits = ["--json", "copy", "--queue", "--wait", "-r", "one:t", "two:later"];
    let waits = scene.of_daemon(&token, &waits).start();
    waits.wait_for("\"queued\"");
    waits.end_with(Signal::INT).exits(10).says("stays in the queue");
    run(&["cancel", "last"]).exits(0);
    run(&["pause", &slow]).exits(0);
    scene.until_state(&token, &slow, "paused");
    run(&["resume", &slow]).exits(0);
    scene.until_state(&token, &slow, "running");
    let follows = scene.user().args(["--json", "jobs", "--follow"]).start();
    // It tells what comes: something has to come, until it follows.
    until("it follows", || {
        run(&["pause", &slow]).exits(0);
        run(&["resume", &slow]).exits(0);
        follows.running.said().contains(&slow)
    });
    run(&["cancel", &slow]).exits(0);
    scene.until_state(&token, &slow, "cancelled");
    follows.wait_for("\"cancelled\"");
    let followed = follows.end_with(Signal::INT).exits(10);
    assert!(!followed.said.contains(" goes on"), "nobody is advised to resume what was paused: {followed}");
    run(&["copy", "--queue", "--every", "1d", "one:t", "two:"]).exits(0);
    let series = run(&["--json", "series"]).exits(0).events("series");
    assert_eq!(run(&["series"]).exits(0).stdout, scene.user().args(["series"]).run().exits(0).stdout);
    run(&["series", "remove", series[0]["id"].as_str().unwrap()]).exits(0).says("its runs stay");
    let tuned =
        ["--timeout", "9s", "--stall", "9s", "-j", "2", "--streams", "2", "--no-times", "--limit", "9GB"];
    run(&[&copy[..], &tuned, &["--wait"]].concat()).exits(0);
    run(&["why", "last"]).exits(0).says("--no-times").says("--timeout=9000ms").says("--streams=2");
    run(&["retry", "last", "--yes"]).exits(2).says("this is a job of the queue");
    for option in ["--trace", "--state", "--store=sqlite:journal.db"] {
        let name = option.split('=').next().unwrap();
        let words = [&["jobs", option][..], if name == option { &["there"] } else { &[] }].concat();
        run(&words).exits(2).says(&format!("leave out {name}, or --daemon"));
    }
    // The same status and advice as for a job of this host, without the directories of the daemon.
    run(&["pause", &id])
        .exits(2)
        .says("cannot pause job")
        .says(&format!("; ftp-user why {id} tells how it stands"));
    scene.user().args(["pause", &id]).run().exits(2).says(&format!("why {id} tells how it stands"));
    run(&["retry", "0123456789abcdef"])
        .exits(3)
        .says("there is no such job; jobs, with the same --daemon, lists");
}

#[test]
fn the_times_of_a_job_are_those_of_whoever_types_them_at_another_host() {
    let scene = scene();
    let _daemon = scene.daemon();
    let token = scene.token("submit", "bob");
    let made = |when: [&str; 2]| {
        let words = [&["--json", "copy", "--queue", "one:t", "two:"][..], &when].concat();
        scene.of_daemon(&token, &words).environment("TZ", "XST-9").run().exits(0).events("job")[0].clone()
    };
    // They mean the same everywhere, also to a daemon that does not know the zone.
    assert_ne!(made(["--every", "1d"])["zone"], "XST-9");
    assert!(made(["--at", "02:30"])["next_try"].as_str().unwrap().ends_with("T17:30:00Z"));
    let series = made(["--every", "daily@02:30"]);
    assert!(series["next"].as_str().unwrap().ends_with("T17:30:00Z"), "{series}");
    assert_eq!(series["zone"], "XST-9");
    let at_night = ["copy", "--queue", "--at", "02:30", "one:t", "two:"];
    for user in [scene.user().args(at_night), scene.of_daemon(&token, &at_night)] {
        user.environment("TZ", "Nowhere/Land").run().exits(2).says("TZ=Nowhere/Land names no time zone");
    }
}

#[test]
fn what_another_host_cannot_ask_of_a_daemon_is_refused_in_one_sentence() {
    let scene = scene();
    let _daemon = scene.daemon();
    let token = scene.token("submit", "bob");
    let run = |words: &[&str]| scene.at_daemon(&token, words);
    run(&["copy", "one:t", "two:"]).exits(2).says("add --queue");
    run(&["copy", "--queue", "./here", "two:"]).exits(2).says("is a place of this host");
    run(&["copy", "--queue", "three:t", "two:"]).exits(4).says("does not permit");
    run(&["copy", "--queue", "--proxy", "socks5://127.0.0.1:1", "one:t", "two:"])
        .exits(2)
        .says("--proxy cannot be sent");
    scene.at_daemon("0123", &["jobs"]).exits(4).says("this token is unknown, or has ended");
    let away = user().private_file("token", &token).args([
        "jobs",
        "--daemon",
        "http://127.0.0.1:1",
        "--token-file",
        "token",
    ]);
    away.run().exits(5).says("cannot be reached").says("check that it runs");
    for scheme in ["http", "https"] {
        let server = without_password(&scene.from.url("")).replacen("ftp://ann@", "", 1);
        let url = format!("{scheme}://{server}");
        let other =
            user().private_file("token", &token).args(["jobs", "--daemon", &url, "--token-file", "token"]);
        let run = other.run().exits(1).says("name the address at which ftp-user daemon --listen");
        assert_eq!(run.said.trim().lines().count(), 1, "{run}");
    }
}

#[test]
fn a_daemon_whose_settings_have_mistakes_takes_no_job_and_knows_those_that_it_has() {
    let scene = scene();
    let _daemon = scene.daemon();
    let token = scene.token("submit", "bob");
    let job = json!({"verb": "copy", "sources": ["one:t"], "dest": "two:"});
    let named = json!({"verb": "copy", "sources": ["one:t"], "dest": "two:", "id": "once", "at": "+1h"});
    let made = scene.ask(&token, "POST /api/v1/jobs", Some(named.clone()));
    assert_eq!(made.status, 201, "{made:?}");
    fs::write(scene.state.path().join("settings.toml"), "[deamon]\n").unwrap();
    // What was made before is no new job.
    let again = scene.ask(&token, "POST /api/v1/jobs", Some(named));
    assert_eq!((again.status, &again.body["id"]), (200, &made.body["id"]), "{again:?}");
    for path in ["/api/v1/jobs", "/api/v1/jobs?dry-run=true"] {
        let refused = scene.ask(&token, &format!("POST {path}"), Some(job.clone()));
        assert_eq!((refused.status, &refused.body["error"]["code"]), (503, &"unavailable".into()));
        assert!(refused.body["error"]["hint"].as_str().unwrap().contains("the request is not at fault"));
    }
}
