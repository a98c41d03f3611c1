//! Who may not.

use super::client::Daemon;
use crate::web::guard::forwarded;
use crate::web::serve::{Listener, UnixTrust, WebSettings, serve};
use ftp_io::socket::LocalListener;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

#[tokio::test]
async fn a_request_for_another_host_is_421_on_every_route() {
    let daemon = Daemon::start().await;
    for path in ["/healthz", "/api/v1/jobs", "/login"] {
        for (host, expect) in [("localhost", 200), ("evil.example", 421)] {
            let headers = [("Host", host), ("Authorization", "Bearer root")];
            let reply = daemon.ask(&format!("GET {path}"), &headers, "").await;
            assert_eq!(reply.status, expect, "{host} {path}");
        }
    }
    let none = daemon.raw(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(none.status, 421);
}

#[tokio::test]
async fn wrong_tokens_are_limited_and_right_ones_always_answered() {
    let daemon = Daemon::start().await;
    for number in 0..15 {
        let reply = daemon.api(&format!("wrong{number}"), "GET /api/v1/jobs", "").await;
        assert_eq!(reply.status, if number < 10 { 401 } else { 429 }, "{number}");
        assert_eq!(reply.header("www-authenticate").is_some(), number < 10);
    }
    assert_eq!(daemon.api("ann", "GET /api/v1/jobs", "").await.status, 200);
    assert_eq!(daemon.form("", "", "/login", "token=wrong").await.status, 429);
    daemon.log_in("ann").await;
    let basic = daemon.ask("GET /api/v1/jobs", &[("Authorization", "Basic YTpi")], "").await;
    assert_eq!(basic.status, 429);
}

#[tokio::test]
async fn bodies_and_heads_that_are_too_large_are_refused() {
    let daemon = Daemon::start().await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(daemon.api("ann", "POST /api/v1/jobs", &large).await.status, 413);
    let chunked = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(17);
    let reply = daemon.raw((chunked.to_owned() + &chunk + "0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    for (length, expect) in [(15_000, 200), (17_000, 431), (40_000, 431)] {
        let reply = daemon.ask("GET /healthz", &[("X-Long", &"x".repeat(length))], "").await;
        assert_eq!(reply.status, expect, "{length}");
    }
    let long = format!("GET /healthz?{}", "x".repeat(17_000));
    assert_eq!(daemon.ask(&long, &[], "").await.status, 431);
}

#[tokio::test]
async fn a_body_of_another_type_is_415() {
    let daemon = Daemon::start().await;
    for (path, kind) in [
        ("/api/v1/jobs", "text/plain"),
        ("/api/v1/jobs", "application/x-www-form-urlencoded"),
        ("/login", "text/plain"),
    ] {
        let headers = [("Content-Type", kind), ("Authorization", "Bearer ann")];
        assert_eq!(daemon.ask(&format!("POST {path}"), &headers, "{}").await.status, 415, "{path} {kind}");
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_408() {
    let head_timeout = Duration::from_millis(300);
    let daemon = Daemon::start_with(WebSettings { head_timeout, ..WebSettings::default() }).await;
    let reply = daemon.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (408, "timeout"));
    assert!(daemon.raw(b"").await.is_none(), "an idle connection closes without a word");
    let two = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal";
    let both = daemon.raw(two.as_bytes()).await.unwrap();
    assert!(both.status == 200 && both.body.contains("HTTP/1.1 408"), "{both:?}");
}

#[tokio::test]
async fn a_full_house_gives_way_only_to_other_addresses() {
    let daemon = Daemon::start_with(WebSettings { connections: 2, ..WebSettings::default() }).await;
    let (mut first, _second) = (daemon.connect().await, daemon.connect().await);
    assert!(daemon.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_none());
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_form_needs_the_secret_of_its_session_and_the_same_origin() {
    let daemon = Daemon::start().await;
    let cookie = daemon.log_in("ann").await;
    let other = daemon.page(&daemon.log_in("ann").await, "/").await.secret();
    let secret = daemon.page(&cookie, "/").await.secret();
    let good = format!("form-secret={secret}");
    for (origin, body, expect) in [
        ("", String::new(), 403),
        ("", "form-secret=".to_owned(), 403),
        ("", format!("form-secret={other}"), 403),
        ("null", good.clone(), 403),
        ("http://evil.example", good.clone(), 403),
        ("http://localhost:1", good.clone(), 403),
        ("", good.clone(), 303),
    ] {
        let reply = daemon.form(&cookie, origin, "/jobs/a1/pause", &body).await;
        assert_eq!(reply.status, expect, "{origin} {body}");
    }
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let no_origin = daemon.ask("POST /jobs/a1/resume", &[kind, ("Cookie", &cookie)], &good).await;
    assert_eq!(no_origin.status, 403);
    let api = [("Content-Type", "application/json"), ("Cookie", cookie.as_str())];
    assert_eq!(daemon.ask("POST /api/v1/jobs/a1/resume", &api, "").await.status, 403);
    assert_eq!(daemon.ask("GET /api/v1/jobs", &api, "").await.status, 200);
    assert_eq!(daemon.form("", "http://evil.example", "/login", "token=ann").await.status, 403);
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_with_logout() {
    let daemon = Daemon::start().await;
    let reply = daemon.form("", "", "/login", "token=ann&next=/jobs/a1?a%3Db").await;
    assert_eq!(reply.header("location").as_deref(), Some("/jobs/a1?a=b"));
    let cookie = reply.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|have| have == part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS: {cookie}");
    let cookie = reply.cookie();
    let secret = daemon.page(&cookie, "/").await.secret();
    let out = daemon.form(&cookie, "", "/logout", &format!("form-secret={secret}")).await;
    assert_eq!((out.status, daemon.page(&cookie, "/").await.status), (303, 303));
    let cookie = daemon.log_in("bob").await;
    assert_eq!(daemon.page(&cookie, "/").await.status, 200);
    daemon.fleet.content().tokens.retain(|token| token.token.name != "bob");
    let reply = daemon.page(&cookie, "/jobs/b1").await;
    assert_eq!(reply.header("location").as_deref(), Some("/login?next=%2Fjobs%2Fb1"));
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_guard() {
    let daemon = Daemon::start().await;
    for path in ["/healthz", "/login", "/", "/none", "/api/v1/none", "/api/v1/jobs"] {
        let reply = daemon.ask(&format!("GET {path}"), &[], "").await;
        let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'";
        assert_eq!(reply.header("content-security-policy").as_deref(), Some(policy), "{path}");
        assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(reply.header("referrer-policy").as_deref(), Some("same-origin"));
    }
}

#[tokio::test]
async fn metrics_are_open_to_the_addresses_that_may_read_them() {
    let metrics_from = Arc::new(|address: IpAddr| address.is_loopback());
    let daemon = Daemon::start_with(WebSettings { metrics_from, ..WebSettings::default() }).await;
    let reply = daemon.api("", "GET /metrics", "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("ftp_user_jobs 2"));
    assert_eq!(daemon.api("", "GET /api/v1/jobs", "").await.status, 401);
}

#[tokio::test]
async fn the_own_socket_needs_no_token_and_may_name_files_of_this_host() {
    let daemon = Daemon::start().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let uid = std::fs::metadata(directory).unwrap().uid();
    let mut listeners = Vec::new();
    for (name, trust) in [
        ("own", UnixTrust::SameUser { name: "me".to_owned(), uid }),
        ("other", UnixTrust::SameUser { name: "me".to_owned(), uid: uid + 1 }),
        ("proxy", UnixTrust::Proxy),
    ] {
        let path = directory.join(name);
        listeners.push(Listener::Unix { listener: LocalListener::open(&path).unwrap(), trust });
    }
    let settings = WebSettings { trust_proxy: true, ..WebSettings::default() };
    tokio::spawn(serve(listeners, Arc::clone(&daemon.fleet) as Arc<_>, settings, std::future::pending()));
    let body = r#"{"verb":"copy","sources":["/srv/a"],"dest":"one:"}"#;
    for (name, expect) in [("own", "HTTP/1.1 201"), ("other", ""), ("proxy", "HTTP/1.1 401")] {
        let mut stream = UnixStream::connect(directory.join(name)).await.unwrap();
        let request = format!(
            "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with(expect) && (expect.is_empty() == answer.is_empty()), "{name}: {answer}");
    }
    let content = daemon.fleet.content();
    assert_eq!(content.jobs[0].owner, "me");
    assert_eq!(content.looks, 1, "whoever has come to the own socket may have changed the store");
}

#[test]
fn a_peer_behind_a_proxy_is_its_last_address() {
    let mut headers = axum::http::HeaderMap::new();
    assert_eq!(forwarded(&headers), None);
    headers.append("x-forwarded-for", "192.0.2.1, 198.51.100.7".parse().unwrap());
    assert_eq!(forwarded(&headers), Some("198.51.100.7".parse().unwrap()));
    headers.append("x-forwarded-for", "203.0.113.9".parse().unwrap());
    assert_eq!(forwarded(&headers), Some("203.0.113.9".parse().unwrap()));
}
