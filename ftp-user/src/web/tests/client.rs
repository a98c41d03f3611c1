//! A small HTTP client that says exactly what a test wants it to say, and a daemon to say it to.

use super::fleet::{TestFleet, job, token};
use crate::queue::{QueueState, Scope, moment};
use crate::web::serve::{Listener, WebSettings, serve};
use crate::web::view::{SeriesView, SiteView};
use ftp_io::socket;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A daemon before a queue in memory. It ends with the test.
pub(super) struct Daemon {
    pub(super) fleet: Arc<TestFleet>,
    pub(super) address: SocketAddr,
}

/// What a request was answered with.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of the error.
    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    /// The cookie that it sets.
    pub(super) fn cookie(&self) -> String {
        self.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// The secret in the forms of a page.
    pub(super) fn secret(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"form-secret\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_owned(), body: body.to_owned() })
    }
}

impl Daemon {
    pub(super) async fn start() -> Self {
        Self::start_with(WebSettings::default()).await
    }

    /// A daemon with some tokens, sites, jobs and a schedule.
    pub(super) async fn start_with(settings: WebSettings) -> Self {
        let fleet = Arc::new(TestFleet::default());
        {
            let mut content = fleet.content();
            content.tokens = vec![
                token("reader", Scope::Read, &[]),
                token("ann", Scope::Submit, &["one", "two"]),
                token("bob", Scope::Submit, &["one"]),
                token("root", Scope::Admin, &[]),
            ];
            content.sites = ["one", "two", "three"]
                .map(|name| SiteView {
                    name: name.into(),
                    url: format!("ftp://me@{name}.example/"),
                    workers: vec![],
                })
                .into();
            content.jobs = vec![job("a1", "ann", QueueState::Running), job("b1", "bob", QueueState::Running)];
            content.series = vec![series("s-ann", "ann"), series("s-bob", "bob")];
        }
        let listener = socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local().unwrap();
        let served: Arc<TestFleet> = Arc::clone(&fleet);
        let listeners = vec![Listener::Tcp { listener, tls: None }];
        tokio::spawn(serve(listeners, served, settings, std::future::pending()));
        Self { fleet, address }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, and reads until the other end closes.
    pub(super) async fn raw(&self, request: &[u8]) -> Option<Reply> {
        let mut stream = self.connect().await;
        // The other end may have answered before it has read all.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let mut buffer = [0; 65536];
        while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(5), stream.read(&mut buffer)).await {
            answer.extend_from_slice(&buffer[..read]);
        }
        Reply::parse(&answer)
    }

    /// Sends a request with these headers.
    pub(super) async fn ask(&self, what: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request =
            format!("{what} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let request = request + "\r\n" + body;
        self.raw(request.as_bytes()).await.unwrap_or_else(|| panic!("no answer to {what}"))
    }

    /// Sends a request of a program, with a token unless it is empty.
    pub(super) async fn api(&self, token: &str, what: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Content-Type", "application/json")];
        if !token.is_empty() {
            headers.push(("Authorization", bearer.as_str()));
        }
        self.ask(what, &headers, body).await
    }

    /// Exchanges a token for a cookie.
    pub(super) async fn log_in(&self, token: &str) -> String {
        let reply = self.form("", "", "/login", &format!("token={token}&next=/")).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        reply.cookie()
    }

    /// Sends a form as a browser does. Without an `origin` it is that of the daemon.
    pub(super) async fn form(&self, cookie: &str, origin: &str, place: &str, body: &str) -> Reply {
        let own = format!("http://{}", self.address);
        let origin = if origin.is_empty() { own.as_str() } else { origin };
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.ask(&format!("POST {place}"), &[kind, ("Origin", origin), ("Cookie", cookie)], body).await
    }

    /// Opens a page with a cookie.
    pub(super) async fn page(&self, cookie: &str, place: &str) -> Reply {
        self.ask(&format!("GET {place}"), &[("Cookie", cookie)], "").await
    }
}

fn series(id: &str, owner: &str) -> SeriesView {
    SeriesView {
        id: id.to_owned(),
        owner: owner.to_owned(),
        every: "daily@02:30".to_owned(),
        zone: "UTC".to_owned(),
        verb: "copy".to_owned(),
        sources: vec!["one:".to_owned()],
        dest: "two:".to_owned(),
        command: ["copy", "one:", "two:"].map(str::to_owned).into(),
        next: Some(moment(0)),
        ..SeriesView::default()
    }
}
