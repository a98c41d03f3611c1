//! What somebody evil sends: heads that two readers cut differently, targets and hosts of others, cookies, numbers and texts that no
//! honest client has.

use super::client::Daemon;
use crate::queue::QueueState;
use crate::web::serve::WebSettings;
use std::time::Duration;

/// A request that changes a job of `ann`, which nobody must find inside another one.
const HIDDEN: &str =
    "POST /api/v1/jobs/a1/cancel HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n";

/// Sends a head and what follows it, and returns the statuses of all answers until the daemon closes the connection. The job of `ann`
/// is as it was.
async fn statuses(daemon: &Daemon, head: &str, rest: &str) -> Vec<String> {
    let request = format!("{head}\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n{rest}");
    let reply = daemon.raw(request.as_bytes()).await;
    let text = reply.map(|reply| reply.head + "\r\n\r\n" + &reply.body).unwrap_or_default();
    let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3));
    let job = daemon.fleet.content().jobs.iter().find(|job| job.id == "a1").map(|job| job.state);
    assert_eq!(job, Some(QueueState::Running), "{head:?}: {text}");
    statuses.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_two_readers_would_cut_differently_is_one_request_or_none() {
    // It closes a connection without a request soon.
    let head_timeout = Duration::from_secs(1);
    let daemon = Daemon::start_with(WebSettings { head_timeout, ..WebSettings::default() }).await;
    let whole = format!("POST /api/v1/jobs/a1/pause HTTP/1.1\r\nContent-Length: {}", HIDDEN.len());
    // Whoever goes by the length sees one request here, and whoever goes by the chunks sees two.
    let chunks = format!("0\r\n\r\n{HIDDEN}");
    let length = format!("Content-Length: {}", chunks.len());
    let post = "POST /api/v1/jobs?dry-run=true HTTP/1.1\r\nContent-Type: application/json\r\n";
    for (head, rest, expect) in [
        // Two lengths, and lengths that are no number.
        (format!("{post}Content-Length: 0\r\n{length}"), &*chunks, "400"),
        (format!("{post}{length}\r\nContent-Length: 0"), &chunks, "400"),
        (format!("{post}Content-Length: 0, {}", chunks.len()), &chunks, "400"),
        (format!("{post}Content-Length: +5"), &chunks, "400"),
        (format!("{post}Content-Length: -1"), &chunks, "400"),
        (format!("{post}Content-Length: 0x5"), &chunks, "400"),
        (format!("{post}Content-Length: 99999999999999999999"), &chunks, "400"),
        // A length and chunks: the chunks count, and the connection ends (RFC 9112 section 6.3).
        (format!("{post}{length}\r\nTransfer-Encoding: chunked"), &chunks, "400"),
        (format!("{post}Transfer-Encoding: chunked\r\n{length}"), &chunks, "400"),
        // Codings that another reader may take for chunks.
        (format!("{post}Transfer-Encoding: chunked, identity"), &chunks, "400"),
        (format!("{post}Transfer-Encoding: xchunked"), &chunks, "400"),
        (format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), &chunks, "400"),
        (format!("{post}Transfer-Encoding : chunked"), &chunks, "400"),
        (format!("{post}Transfer-Encoding\r\n : chunked"), &chunks, "400"),
        (format!("{post}{length}\r\nX: a\r\n b"), &chunks, "400"),
        (
            format!(
                "{}\r\n{length}",
                post.trim_end().replace("1.1", "1.0") + "\r\nTransfer-Encoding: chunked"
            ),
            &chunks,
            "400",
        ),
        // Bodies that look like requests, where nobody reads a body.
        (format!("GET /healthz HTTP/1.1\r\nContent-Length: {}", HIDDEN.len()), HIDDEN, "200"),
        (format!("{whole}\r\nAuthorization: Bearer wrong"), HIDDEN, "401"),
        (whole.replace("POST", "PUT"), HIDDEN, "405"),
        (whole.replace("HTTP/1.1", "HTTP/1.1\r\nContent-Type: text/plain"), HIDDEN, "415"),
        (whole.replace("HTTP/1.1", "HTTP/1.1\r\nHost: evil.example"), HIDDEN, "421"),
    ] {
        assert_eq!(statuses(&daemon, &head, rest).await, [expect], "{head}");
    }
}

#[tokio::test]
async fn a_target_is_of_this_host_or_refused() {
    let daemon =
        Daemon::start_with(WebSettings { hosts: vec!["files.example".into()], ..WebSettings::default() })
            .await;
    let port = daemon.address.port();
    for (line, host, expect) in [
        ("GET /healthz", format!("127.0.0.1:{port}"), 200),
        ("GET /healthz", format!("localhost:{port}"), 200),
        ("GET /healthz", "files.example".to_owned(), 200),
        ("GET http://localhost/healthz", "localhost".to_owned(), 200),
        ("GET http://LOCALHOST/healthz", "localhost".to_owned(), 200),
        ("GET http://files.example/healthz", "files.example".to_owned(), 200),
        ("GET http://files.example/healthz", "localhost".to_owned(), 421),
        ("GET http://localhost/healthz", "evil.example".to_owned(), 421),
        ("GET http://evil.example/healthz", format!("127.0.0.1:{port}"), 421),
        ("GET http://evil.example/healthz", "localhost".to_owned(), 421),
        ("GET http://localhost@evil.example/healthz", "localhost".to_owned(), 421),
        ("GET http://evil.example@localhost/healthz", "localhost".to_owned(), 421),
        ("GET http://localhost:1/healthz", "localhost".to_owned(), 421),
        ("CONNECT evil.example:443", "localhost".to_owned(), 421),
        ("OPTIONS *", "localhost".to_owned(), 404),
        ("OPTIONS *", "evil.example".to_owned(), 421),
        ("TRACE /healthz", "localhost".to_owned(), 405),
        ("GET //evil.example/healthz", "localhost".to_owned(), 404),
        ("GET /./healthz", "localhost".to_owned(), 404),
        ("GET /api/v1/jobs/../../../healthz", "localhost".to_owned(), 404),
        ("GET /%68ealthz", "localhost".to_owned(), 404),
        // Names that an evil page may have pointed at this host.
        ("GET /healthz", format!("evil.example:{port}"), 421),
        ("GET /healthz", "evil.example".to_owned(), 421),
        ("GET /healthz", String::new(), 421),
        ("GET /healthz", "localhost\r\nHost: evil.example".to_owned(), 421),
        ("GET /healthz", "localhost.evil.example".to_owned(), 421),
        ("GET /healthz", "127.0.0.1.evil.example".to_owned(), 421),
        ("GET /healthz", format!("evil.example\r\nX-Forwarded-Host: localhost:{port}"), 421),
        ("GET /healthz", format!("evil.example\r\nForwarded: host=localhost:{port}"), 421),
        ("GET /healthz", format!("localhost, localhost:{port}"), 421),
        ("GET /healthz", "0.0.0.0".to_owned(), 421),
        ("GET /healthz", "127.0.0.1:1".to_owned(), 421),
        ("GET /healthz", format!("127.0.0.2:{port}"), 421),
        ("GET /healthz", format!("2130706433:{port}"), 421),
        ("GET /healthz", format!("[::ffff:127.0.0.1]:{port}"), 200),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let reply = daemon.raw(request.as_bytes()).await.unwrap_or_else(|| panic!("{line} {host}"));
        assert_eq!(reply.status, expect, "{line} {host}: {reply:?}");
    }
}

#[tokio::test]
async fn a_cookie_counts_alone_and_only_as_it_was_set() {
    let daemon = Daemon::start().await;
    let cookie = daemon.log_in("ann").await;
    let (name, value) = cookie.split_once('=').unwrap();
    for (cookies, expect) in [
        (cookie.clone(), 200),
        (format!("theme=dark; {cookie}"), 200),
        // A page of another path or host has set one of the same name.
        (format!("{name}=evil; {cookie}"), 401),
        (format!("{cookie}; {cookie}"), 401),
        (format!("{cookie}\r\nCookie: {name}=evil"), 401),
        (format!("{name}=\"{value}\""), 401),
        (format!("{}={value}", name.to_uppercase()), 401),
        (format!("x{cookie}"), 401),
        (format!("{cookie}\r\nAuthorization: Bearer wrong"), 401),
    ] {
        let reply = daemon.ask("GET /api/v1/jobs", &[("Cookie", &cookies)], "").await;
        assert_eq!(reply.status, expect, "{cookies}");
    }
    // Nobody is logged in or out by a page of somebody else.
    let host = daemon.address.to_string();
    for origin in
        ["null", "http://evil.example", "http://localhost", &format!("http://{host}.evil.example"), &host]
    {
        for (cookie, place, body) in
            [("", "/login", "token=bob"), (&*cookie, "/login", "token=bob"), (&cookie, "/logout", "")]
        {
            let reply = daemon.form(cookie, origin, place, body).await;
            assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{origin} {place}");
        }
    }
    // A session is no token, and a token is no session.
    assert_eq!(daemon.api(value, "GET /api/v1/jobs", "").await.status, 401);
    let as_cookie = daemon.ask("GET /api/v1/jobs", &[("Cookie", &format!("{name}=ann"))], "").await;
    assert_eq!(as_cookie.status, 401);
}

#[tokio::test]
async fn a_wrong_token_is_counted_for_the_address_of_the_connection() {
    let daemon = Daemon::start_with(WebSettings { trust_proxy: true, ..WebSettings::default() }).await;
    for number in 0..12 {
        let (token, from) = (format!("Bearer wrong{number}"), format!("192.0.2.{number}"));
        let headers =
            [("Authorization", &*token), ("X-Forwarded-For", &from), ("Forwarded", "for=192.0.2.9")];
        let reply = daemon.ask("GET /api/v1/jobs", &headers, "").await;
        assert_eq!(reply.status, if number < 10 { 401 } else { 429 }, "{number}");
    }
}

#[tokio::test]
async fn a_body_of_json_has_bounds_and_one_meaning() {
    let daemon = Daemon::start().await;
    let with = |more: &str| format!(r#"{{"verb":"copy","sources":["one:a"],"dest":"two:"{more}}}"#);
    let deep =
        |open: &str, close: &str| format!(",\"options\":{}{}", open.repeat(10_000), close.repeat(10_000));
    for (body, expect) in [
        (with(&deep("[", "]")), 400),
        (with(&deep("{\"a\":", "}").replace(":}", ":1}")), 400),
        ("[".repeat(100_000), 400),
        (with(",\"priority\":18446744073709551616"), 400),
        (with(",\"priority\":-9223372036854775809"), 400),
        (with(",\"priority\":1e400"), 400),
        (with(",\"priority\":1.0"), 400),
        (with(",\"priority\":1e0"), 400),
        (with(",\"options\":{\"retries\":4294967296}"), 400),
        (with(",\"options\":{\"retries\":1e3}"), 400),
        (with(",\"options\":{\"retries\":NaN}"), 400),
        (with(",\"at\":\"\\ud800\""), 400),
        (with(",\"at\":\"a\\u0000b\""), 400),
        (with(",\"at\":\"a\\nb\""), 400),
        (with(",\"\\u0000\":1"), 400),
        (with(" "), 201),
        (with("") + "{}", 400),
        (with("") + "\u{0}", 400),
        ("\u{feff}".to_owned() + &with(""), 400),
        // What stands last counts, for the check as for the job.
        (with(",\"dest\":\"three:\""), 403),
        (with(",\"sources\":[\"/etc/passwd\"]"), 400),
        (with(",\"verb\":\"delete\""), 400),
        (with(",\"options\":{\"recursive\":true},\"options\":{\"proxy\":\"x\"}"), 400),
    ] {
        let before = daemon.fleet.content().jobs.len();
        let reply = daemon.api("ann", "POST /api/v1/jobs", &body).await;
        let start: String = body.chars().take(120).collect();
        assert_eq!(reply.status, expect, "{start}: {reply:?}");
        assert!(reply.body.len() < 4096, "{start}");
        assert_eq!(daemon.fleet.content().jobs.len() - before, usize::from(expect == 201), "{start}");
    }
    let raw = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"at\":\"\xff\xfe\"}";
    assert_eq!(daemon.raw(raw).await.unwrap().status, 400);
}

#[tokio::test]
async fn what_a_name_has_in_it_stays_out_of_heads() {
    let daemon = Daemon::start().await;
    let cookie = daemon.log_in("ann").await;
    for place in [
        "/jobs/a1%0d%0aSet-Cookie:%20x=y",
        "/jobs/x%0d%0a%0d%0a%3Cscript%3E",
        "/?site=%0d%0aSet-Cookie:%20x=y",
        "/login?next=/%0d%0aSet-Cookie:%20x=y",
        "/assets/%0d%0aSet-Cookie:%20x=y",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/jobs/%00",
        "/jobs/%ff",
        "/jobs/a1%2fcancel",
    ] {
        for (cookie, is_known) in [(&*cookie, true), ("", false)] {
            let page = daemon.page(cookie, place).await;
            let sets = page.head.to_lowercase().contains("\nset-cookie");
            assert!(!sets && !page.body.contains("<script>"), "{place}: {page:?}");
            assert!([200, 303, 404].contains(&page.status), "{place}: {page:?}");
            let location = page.header("location").unwrap_or_default();
            assert!(is_known || location.is_empty() || location.starts_with("/login?next=%2F"), "{location}");
        }
    }
    for next in [
        "/%0d%0aSet-Cookie:x",
        "%2f%2fevil.example",
        "",
        "//evil.example/",
        "https://evil.example/",
        "https:evil.example",
        "/%5cevil.example",
        "javascript:x",
    ] {
        let reply = daemon.form("", "", "/login", &format!("token=ann&next={next}")).await;
        assert_eq!((reply.status, reply.header("location").as_deref()), (303, Some("/")), "{next}");
    }
}

#[tokio::test]
async fn a_page_changes_nothing_of_others_and_tells_nothing_of_them() {
    let daemon = Daemon::start().await;
    let cookie = daemon.log_in("bob").await;
    let body = format!("form-secret={}", daemon.page(&cookie, "/").await.secret());
    for action in ["pause", "resume", "cancel", "retry"] {
        let others = daemon.form(&cookie, "", &format!("/jobs/a1/{action}"), &body).await;
        let none = daemon.form(&cookie, "", &format!("/jobs/none/{action}"), &body).await;
        assert_eq!((others.status, &others.body), (404, &none.body), "{action}");
    }
    for action in ["pause", "resume", "remove"] {
        let others = daemon.form(&cookie, "", &format!("/series/s-ann/{action}"), &body).await;
        assert_eq!(others.status, 404, "{action}");
    }
    // The form has each field once, and no field of anything else.
    let copy = format!("{body}&verb=copy&source-site=one&source-path=a&dest-site=one&dest-path=b&do=start");
    for more in
        ["&dest-site=two", "&option-proxy=x", "&owner=ann", "&form-secret=x", "&option-relay=", "&id=a&id=b"]
    {
        let refused = daemon.form(&cookie, "", "/new", &(copy.clone() + more)).await;
        assert_eq!(refused.status, 400, "{more}");
    }
    for site in ["two", "", "[two]", "ftp://me@two.example/"] {
        let other = copy.replace("source-site=one", &format!("source-site={site}"));
        let refused = daemon.form(&cookie, "", "/new", &other).await;
        assert!([400, 403].contains(&refused.status), "{site}: {}", refused.status);
    }
    let content = daemon.fleet.content();
    assert_eq!((content.jobs.len(), content.series.len()), (2, 2));
    assert!(content.jobs.iter().all(|job| job.state == QueueState::Running));
}
