//! What programs get.

use super::client::{Daemon, Reply};
use super::fleet::job;
use crate::queue::{FileState, QueueState};
use crate::web::api::job::VERBS;
use crate::web::error::ErrorCode;
use crate::web::route::{Area, Method, Route, routes};
use crate::web::view::{FileView, JobView};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const COPY: &str = r#"{"verb":"copy","sources":["one:photos"],"dest":"two:","options":{"recursive":true}}"#;

#[tokio::test]
async fn each_route_answers_each_scope_as_the_contract_says() {
    let daemon = Daemon::start().await;
    let described = daemon.api("", "GET /api/v1/openapi.json", "").await.json();
    // The columns: no token, a wrong one, read, submit (ann), submit (bob), admin.
    for (what, body, expect) in [
        ("GET /api/v1/jobs", "", [401, 401, 200, 200, 200, 200]),
        ("GET /api/v1/jobs/a1", "", [401, 401, 200, 200, 404, 200]),
        ("GET /api/v1/jobs/none", "", [401, 401, 404, 404, 404, 404]),
        ("GET /api/v1/jobs/a1/files", "", [401, 401, 200, 200, 404, 200]),
        ("GET /api/v1/jobs/a1/why", "", [401, 401, 200, 200, 404, 200]),
        ("GET /api/v1/events?job=none", "", [401, 401, 404, 404, 404, 404]),
        ("POST /api/v1/jobs?dry-run=true", COPY, [401, 401, 403, 200, 403, 200]),
        ("POST /api/v1/jobs", COPY, [401, 401, 403, 201, 403, 201]),
        ("POST /api/v1/jobs/a1/pause", "", [401, 401, 403, 200, 404, 409]),
        ("POST /api/v1/jobs/a1/resume", "", [401, 401, 403, 200, 404, 409]),
        ("POST /api/v1/jobs/a1/cancel", "{}", [401, 401, 403, 200, 404, 409]),
        ("POST /api/v1/jobs/a1/retry", "", [401, 401, 403, 200, 404, 409]),
        ("GET /api/v1/sites", "", [401, 401, 200, 200, 200, 200]),
        ("GET /api/v1/pairs", "", [401, 401, 200, 200, 200, 200]),
        ("GET /api/v1/workers", "", [401, 401, 200, 200, 200, 200]),
        ("GET /api/v1/series", "", [401, 401, 200, 200, 200, 200]),
        ("POST /api/v1/series/s-ann/pause", "", [401, 401, 403, 200, 404, 200]),
        ("POST /api/v1/series/s-ann/resume", "", [401, 401, 403, 200, 404, 200]),
        ("DELETE /api/v1/series/s-ann", "", [401, 401, 403, 200, 404, 404]),
        ("GET /api/v1/openapi.json", "", [200, 200, 200, 200, 200, 200]),
        ("GET /healthz", "", [200, 200, 200, 200, 200, 200]),
        ("GET /metrics", "", [401, 401, 200, 403, 403, 200]),
        ("GET /api/v1/none", "", [404, 404, 404, 404, 404, 404]),
        ("PUT /api/v1/jobs", "", [405, 405, 405, 405, 405, 405]),
    ] {
        for (token, expect) in ["", "wrong", "reader", "ann", "bob", "root"].into_iter().zip(expect) {
            let reply = daemon.api(token, what, body).await;
            // Ten wrong tokens a minute are examined; the others are told nothing.
            let expect = if token == "wrong" && reply.status == 429 && expect == 401 { 429 } else { expect };
            assert_eq!(reply.status, expect, "{what} with {token:?}: {reply:?}");
            assert_eq!(reply.status == 405, reply.header("allow").is_some(), "{reply:?}");
            assert!(reply.status < 400 || !reply.code().is_empty(), "{reply:?}");
            check_description(&described, what, &reply);
        }
    }
}

#[tokio::test]
async fn a_name_or_last_stands_for_the_id_of_a_job_that_its_reader_may_see() {
    let daemon = Daemon::start().await;
    let named = |id: &str, owner: &str| JobView {
        name: Some("nightly".to_owned()),
        ..job(id, owner, QueueState::Running)
    };
    // Newest first.
    daemon.fleet.content().jobs = vec![
        job("b3", "bob", QueueState::Running),
        named("b2", "bob"),
        job("a2", "ann", QueueState::Running),
        named("a1", "ann"),
        JobView { name: Some("weekly".to_owned()), ..job("b1", "bob", QueueState::Running) },
    ];
    for (token, called, expect) in [
        ("ann", "last", "a2"),
        ("ann", "nightly", "a1"),
        ("ann", "a1", "a1"),
        ("bob", "nightly", "b2"),
        ("reader", "last", "b3"),
        ("reader", "nightly", "b2"),
    ] {
        let reply = daemon.api(token, &format!("GET /api/v1/jobs/{called}"), "").await;
        assert_eq!(reply.json()["id"], expect, "{token} {called}");
        let why = daemon.api(token, &format!("GET /api/v1/jobs/{called}/why"), "").await;
        assert_eq!(why.json()["why"][0]["id"], expect, "{token} {called}");
    }
    assert_eq!(daemon.api("ann", "POST /api/v1/jobs/last/pause", "").await.json()["id"], "a2");
    assert_eq!(daemon.api("ann", "GET /api/v1/jobs/b2", "").await.status, 404);
    assert_eq!(daemon.api("ann", "GET /api/v1/jobs/weekly", "").await.status, 404);
    assert_eq!(daemon.api("ann", "GET /api/v1/events?job=last", "").await.status, 404);
    // Who may change the jobs of all owners does not change one by chance.
    let change = async |called: &str| {
        let reply = daemon.api("root", &format!("POST /api/v1/jobs/{called}/pause"), "").await;
        (reply.status, reply.body)
    };
    assert_eq!(change("weekly").await.0, 200);
    for called in ["nightly", "last"] {
        let (status, body) = change(called).await;
        assert!(status == 409 && body.contains("id"), "{called}: {body}");
    }
    daemon.fleet.content().jobs.push(named("r1", "root"));
    for called in ["last", "nightly"] {
        let reply = daemon.api("root", &format!("GET /api/v1/jobs/{called}"), "").await;
        assert_eq!(reply.json()["id"], "r1", "{called}");
    }
    assert_eq!(daemon.api("root", "POST /api/v1/jobs/nightly/pause", "").await.json()["id"], "r1");
}

/// Checks that an answer is what the description of the API says.
fn check_description(described: &Value, what: &str, reply: &Reply) {
    let (method, target) = what.split_once(' ').unwrap();
    let path = target.split('?').next().unwrap();
    let is_path = |route: &&Route| {
        let mut parts = route.path.split('/').zip(path.split('/'));
        route.path.split('/').count() == path.split('/').count()
            && parts.all(|(known, asked)| known == asked || known == "{id}")
            && route.method.name().eq_ignore_ascii_case(method)
    };
    let Some(route) = routes().filter(|route| route.area == Area::Api).find(is_path) else { return };
    let operation = &described["paths"][route.path][route.method.name()];
    let answer = &operation["responses"][reply.status.to_string()];
    assert!(answer.is_object(), "{what}: {} is not described", reply.status);
    if let Some(schema) = answer["content"].get("application/json") {
        let schemas = &described["components"]["schemas"];
        super::schema::check(&schema["schema"], schemas, &reply.json())
            .unwrap_or_else(|why| panic!("{what}: {why}"));
    }
}

#[tokio::test]
async fn the_description_has_every_route_of_the_api_and_every_key() {
    let daemon = Daemon::start().await;
    let described = daemon.api("", "GET /api/v1/openapi.json", "").await.json();
    assert_eq!(described["openapi"], "3.1.0");
    for route in routes().filter(|route| route.area == Area::Api) {
        let operation = &described["paths"][route.path][route.method.name()];
        assert!(operation["responses"]["200"].is_object(), "{} {}", route.method.name(), route.path);
        for key in route.query {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|parameter| parameter["name"] == *key), "{key} of {}", route.path);
        }
    }
    let schemas = &described["components"]["schemas"];
    let job = json!(job("a", "b", QueueState::Done));
    for (name, value) in [("Job", &job), ("Job", &job["progress"])] {
        let known =
            if value.get("id").is_some() { &schemas[name] } else { &schemas[name]["properties"]["progress"] };
        for key in value.as_object().unwrap().keys() {
            assert!(known["properties"].get(key).is_some(), "{key}");
        }
    }
    let state = &schemas["Series"]["properties"]["last_state"]["enum"];
    let states = json!(QueueState::ALL.map(QueueState::name));
    assert_eq!(*state, json!(QueueState::ALL.map(Some).into_iter().chain([None]).collect::<Vec<_>>()));
    let codes: Vec<_> = ErrorCode::all().map(ErrorCode::name).collect();
    for (words, described) in [
        (states, &schemas["Job"]["properties"]["state"]),
        (json!(FileState::ALL), &schemas["File"]["properties"]["state"]),
        (json!(VERBS), &schemas["Job"]["properties"]["verb"]),
        (json!(VERBS), &schemas["NewJob"]["properties"]["verb"]),
        (json!(VERBS), &schemas["Series"]["properties"]["verb"]),
        (json!(codes), &schemas["Error"]["properties"]["error"]["properties"]["code"]),
    ] {
        assert_eq!(described["enum"], words);
    }
    let ids: Vec<_> = routes().map(|route| (route.method == Method::Get, route.path)).collect();
    assert!(ids.contains(&(true, "/healthz")));
}

#[tokio::test]
async fn a_job_has_exactly_the_fields_of_the_contract() {
    let daemon = Daemon::start().await;
    let job = daemon.api("ann", "GET /api/v1/jobs/a1", "").await.json();
    let keys: BTreeSet<_> = job.as_object().unwrap().keys().map(String::as_str).collect();
    let fields = "id name verb sources dest options owner priority series state exit cause wish created \
                  started ended next_try \
                  worker path failed progress";
    assert_eq!(keys, fields.split_whitespace().collect());
    let keys: BTreeSet<_> = job["progress"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, "files of bytes total rate remaining".split(' ').collect());
    assert!(job["created"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_refused_by_name() {
    let daemon = Daemon::start().await;
    let with = |key: &str, value: &str| COPY.replacen('{', &format!("{{\"{key}\":{value},"), 1);
    let option = |name: &str, value: &str| COPY.replace("\"recursive\":true", &format!("\"{name}\":{value}"));
    for (body, code, named) in [
        ("".to_owned(), ErrorCode::BadRequest, "JSON"),
        ("[]".to_owned(), ErrorCode::BadRequest, "object"),
        ("{}".to_owned(), ErrorCode::BadValue, "verb"),
        (COPY.replace("\"copy\"", "\"delete\""), ErrorCode::BadValue, "verb"),
        (COPY.replace("[\"one:photos\"]", "[]"), ErrorCode::BadValue, "sources"),
        (COPY.replace("\"two:\"", "\"two:\\r\\nDELE x\""), ErrorCode::BadValue, "dest"),
        (COPY.replace("one:", "ftp://me:secret@one.example/"), ErrorCode::BadValue, "password"),
        (COPY.replace("one:photos", "/etc/passwd"), ErrorCode::BadValue, "this host"),
        (with("extra", "1"), ErrorCode::UnknownKey, "extra"),
        (with("priority", "11"), ErrorCode::BadValue, "priority"),
        (with("priority", "\"1\""), ErrorCode::BadValue, "priority"),
        (with("at", "7"), ErrorCode::BadValue, "at"),
        (with("zone", "\"Nowhere/Here\""), ErrorCode::BadValue, "zone"),
        (with("id", "\"../x\""), ErrorCode::BadValue, "id"),
        (with("id", "\"\""), ErrorCode::BadValue, "id"),
        (with("id", "\"last\""), ErrorCode::BadValue, "id"),
        (with("id", "\"00000000000000AB\""), ErrorCode::BadValue, "id"),
        (with("at", "\"+1h\"").replacen('{', "{\"every\":\"15m\",", 1), ErrorCode::BadValue, "every"),
        (option("proxy", "\"socks5://x\""), ErrorCode::UnknownKey, "options.proxy"),
        (option("insecure", "true"), ErrorCode::UnknownKey, "options.insecure"),
        (option("relay", "\"x\""), ErrorCode::UnknownKey, "options.relay"),
        (option("recursive", "1"), ErrorCode::BadValue, "options.recursive"),
        (option("verify", "\"md5\""), ErrorCode::BadValue, "options.verify"),
        (option("retries", "-1"), ErrorCode::BadValue, "options.retries"),
        (option("jobs", "0"), ErrorCode::BadValue, "options.jobs"),
        (option("limit", "\"much\""), ErrorCode::BadValue, "options.limit"),
        (option("exclude", "[1]"), ErrorCode::BadValue, "options.exclude"),
        (option("delete", "true"), ErrorCode::BadValue, "options.delete"),
    ] {
        let reply = daemon.api("root", "POST /api/v1/jobs", &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code.name()), "{body}: {reply:?}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(named), "{named}: {reply:?}");
        assert!(!reply.body.contains("secret"));
    }
    let reply = daemon.api("root", "POST /api/v1/jobs", &COPY.replace("one:", "nine:")).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "unknown_site"));
    for (what, named) in [
        ("GET /api/v1/jobs?limit=1001", "limit"),
        ("GET /api/v1/jobs?limit=0", "limit"),
        ("GET /api/v1/jobs?state=lost", "state"),
        ("GET /api/v1/jobs?after=x", "after"),
        ("GET /api/v1/jobs?sort=up", "sort"),
        ("GET /api/v1/jobs/a1?x=", "x"),
        ("GET /api/v1/jobs?limit=1&limit=2", "limit"),
        ("GET /api/v1/jobs/a1/files?state=running", "state"),
        ("POST /api/v1/jobs?dry-run=perhaps", "dry-run"),
    ] {
        let reply = daemon.api("root", what, COPY).await;
        assert_eq!(reply.status, 400, "{what}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(named), "{named}: {reply:?}");
    }
    let reply = daemon.api("root", "POST /api/v1/jobs/a1/pause", "{\"now\":true}").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "unknown_key"));
}

#[tokio::test]
async fn a_repeated_id_makes_no_second_job_and_another_job_is_a_conflict() {
    let daemon = Daemon::start().await;
    let named = COPY.replacen('{', "{\"id\":\"run7\",", 1);
    let first = daemon.api("ann", "POST /api/v1/jobs", &named).await;
    let again = daemon.api("ann", "POST /api/v1/jobs", &named).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = daemon.api("ann", "POST /api/v1/jobs", &named.replace("photos", "music")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
    let plan = daemon.api("ann", "POST /api/v1/jobs?dry-run=true", COPY).await;
    assert_eq!(plan.json()["plan"][0]["event"], "plan");
    assert_eq!(daemon.fleet.content().jobs.len(), 3);
}

#[tokio::test]
async fn pages_of_jobs_have_each_of_250_jobs_once() {
    let daemon = Daemon::start().await;
    let ids: Vec<String> = (0..250).map(|number| format!("j{number}")).collect();
    daemon.fleet.content().jobs = ids.iter().map(|id| job(id, "ann", QueueState::Done)).collect();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let slice =
            daemon.api("ann", &format!("GET /api/v1/jobs?limit=40&state=done{after}"), "").await.json();
        let jobs = slice["jobs"].as_array().unwrap();
        assert!(jobs.len() <= 40);
        seen.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match slice["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn a_submit_token_sees_only_what_is_its_owners() {
    let daemon = Daemon::start().await;
    let ids = |reply: Reply, list: &str, key: &str| -> Vec<String> {
        let all = reply.json()[list].as_array().unwrap().clone();
        all.iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    for (token, jobs, sites, series) in [
        ("ann", vec!["a1"], vec!["one", "two"], vec!["s-ann"]),
        ("bob", vec!["b1"], vec!["one"], vec!["s-bob"]),
        ("reader", vec!["a1", "b1"], vec!["one", "two", "three"], vec!["s-ann", "s-bob"]),
    ] {
        assert_eq!(ids(daemon.api(token, "GET /api/v1/jobs", "").await, "jobs", "id"), jobs);
        assert_eq!(ids(daemon.api(token, "GET /api/v1/sites", "").await, "sites", "name"), sites);
        assert_eq!(ids(daemon.api(token, "GET /api/v1/series", "").await, "series", "id"), series);
    }
    assert!(ids(daemon.api("ann", "GET /api/v1/jobs?owner=bob", "").await, "jobs", "id").is_empty());
    assert_eq!(ids(daemon.api("root", "GET /api/v1/jobs?owner=bob", "").await, "jobs", "id"), ["b1"]);
}

#[tokio::test]
async fn files_are_listed_by_their_state() {
    let daemon = Daemon::start().await;
    let file = |state| FileView {
        source: "one:a".into(),
        dest: "two:a".into(),
        state,
        bytes: 1,
        attempts: 1,
        ..FileView::default()
    };
    daemon.fleet.content().files.insert("a1".into(), vec![file(FileState::Done), file(FileState::Failed)]);
    let files = daemon.api("ann", "GET /api/v1/jobs/a1/files?state=failed", "").await.json();
    assert_eq!(
        (files["files"].as_array().unwrap().len(), &files["files"][0]["state"]),
        (1, &json!("failed"))
    );
    assert!(files["next"].is_null());
}

#[tokio::test]
async fn a_store_that_is_away_is_503() {
    let daemon = Daemon::start().await;
    daemon.fleet.content().is_away = true;
    let reply = daemon.api("ann", "GET /api/v1/jobs", "").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
    assert_eq!(daemon.api("", "GET /healthz", "").await.status, 200);
}

#[tokio::test]
async fn a_head_is_an_answer_without_its_body() {
    let daemon = Daemon::start().await;
    let reply = daemon.api("ann", "HEAD /api/v1/jobs", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert!(reply.header("content-length").unwrap().parse::<u64>().unwrap() > 100);
}
