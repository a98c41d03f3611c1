//! What readers of events get.

use super::client::Daemon;
use crate::web::event_log::MOST_EVENTS;
use crate::web::serve::{Listener, WebSettings, serve};
use ftp_io::socket;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A reader of events.
struct Reader {
    stream: TcpStream,
    text: String,
}

impl Reader {
    async fn open(daemon: &Daemon, token: &str, query: &str, last: Option<&str>) -> Self {
        let mut reader = Self::ask(daemon, token, query, last).await;
        reader.until("the stream begins").await;
        reader
    }

    async fn ask(daemon: &Daemon, token: &str, query: &str, last: Option<&str>) -> Self {
        let mut stream = daemon.connect().await;
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n{last}\r\n",
            daemon.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, text: String::new() }
    }

    /// Reads until a text has come, and returns what came before its end.
    async fn until(&mut self, text: &str) -> String {
        while !self.text.contains(text) {
            let mut buffer = [0; 65536];
            let read = timeout(Duration::from_secs(5), self.stream.read(&mut buffer)).await;
            let read = read.unwrap_or_else(|_| panic!("{text:?} did not come: {}", self.text)).unwrap();
            assert_ne!(read, 0, "{text:?} did not come: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        let end = self.text.find(text).unwrap() + text.len();
        self.text.drain(..end).collect()
    }

    /// Reads until the other end closes.
    async fn ends(&mut self) -> bool {
        let mut rest = Vec::new();
        timeout(Duration::from_secs(4), self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}

fn tell(daemon: &Daemon, job: &str, owner: &str, number: u64) {
    daemon.fleet.tell(job, owner, json!({"event": "progress", "job": job, "worker": "w", "files": number}));
}

#[tokio::test]
async fn a_reader_gets_the_events_that_it_may_read_and_has_asked_for() {
    let daemon = Daemon::start().await;
    let mut ann = Reader::open(&daemon, "ann", "", None).await;
    let mut one = Reader::open(&daemon, "reader", "?job=b1", None).await;
    for number in 0..3 {
        tell(&daemon, "a1", "ann", number);
        tell(&daemon, "b1", "bob", number);
    }
    let of_ann = ann.until("\"files\":2").await;
    assert!(of_ann.contains("id: 1\ndata: {") && !of_ann.contains("\"b1\""), "{of_ann}");
    let of_one = one.until("\"files\":2").await;
    assert!(!of_one.contains("\"a1\"") && of_one.contains("id: 6\n"), "{of_one}");
    assert_eq!(daemon.api("ann", "GET /api/v1/events?job=b1", "").await.status, 404);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_and_resets_when_that_is_too_old() {
    let daemon = Daemon::start().await;
    for number in 1..=5 {
        tell(&daemon, "a1", "ann", number);
    }
    let mut reader = Reader::open(&daemon, "ann", "", Some("3")).await;
    let text = reader.until("\"files\":5").await;
    assert!(
        text.contains("\"files\":4") && !text.contains("\"files\":3") && !text.contains("reset"),
        "{text}"
    );
    for number in 6..=MOST_EVENTS as u64 + 10 {
        tell(&daemon, "a1", "ann", number);
    }
    // What is no number names no event that the reader has got.
    for last in ["3", "1000000", "18446744073709551615", "99999999999999999999", "-1", "a1", "1e3"] {
        let mut reader = Reader::open(&daemon, "ann", "", Some(last)).await;
        tell(&daemon, "a1", "ann", 99_999);
        let text = reader.until("\"files\":99999").await;
        let first = text.find("data: ").unwrap();
        assert!(text[first..].starts_with("data: {\"event\":\"reset\"}"), "{text}");
        assert!(!text.contains("\"files\":1000\""), "{text}");
    }
}

#[tokio::test]
async fn names_cannot_break_a_frame() {
    let daemon = Daemon::start().await;
    let mut reader = Reader::open(&daemon, "ann", "", None).await;
    let name = "x\n\nid: 7\ndata: {\"event\":\"job\"}\r\n\r\u{2028}\u{85}\u{0}";
    daemon.fleet.tell("a1", "ann", json!({"event": "file", "job": "a1", "source": name, "end": 1}));
    let text = reader.until("\n\n").await + &reader.until("\n\n").await;
    let data: Vec<_> = text.lines().filter(|line| line.starts_with("data: ")).collect();
    assert_eq!(data.len(), 1, "{text}");
    let object: serde_json::Value = serde_json::from_str(&data[0]["data: ".len()..]).unwrap();
    assert_eq!(object["source"], name);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let daemon = Daemon::start().await;
    let mut reader = Reader::open(&daemon, "ann", "", None).await;
    daemon.fleet.content().tokens.retain(|token| token.token.name != "ann");
    assert!(reader.ends().await);
}

#[tokio::test]
async fn streams_end_with_the_daemon() {
    let daemon = Daemon::start().await;
    let listener = socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local().unwrap();
    let (tell_stop, stop) = tokio::sync::oneshot::channel::<()>();
    let stop = async { drop(stop.await) };
    let listeners = vec![Listener::Tcp { listener, tls: None }];
    let fleet = std::sync::Arc::clone(&daemon.fleet) as std::sync::Arc<_>;
    let served = tokio::spawn(serve(listeners, fleet, WebSettings::default(), stop));
    let daemon = Daemon { address, ..daemon };
    let mut reader = Reader::open(&daemon, "ann", "", None).await;
    tell_stop.send(()).unwrap();
    timeout(Duration::from_secs(2), served).await.unwrap().unwrap();
    assert!(reader.ends().await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn streams_have_seats_of_their_own() {
    let settings = WebSettings { connections: 2, streams: 3, ..WebSettings::default() };
    let daemon = Daemon::start_with(settings).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Reader::open(&daemon, "ann", "", None).await);
    }
    let reply = daemon.api("ann", "GET /api/v1/events", "").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
    assert_eq!(daemon.api("ann", "GET /api/v1/jobs", "").await.status, 200);
    readers.pop();
    // The daemon notices the end of the last one when it can.
    while Reader::ask(&daemon, "ann", "", None).await.until("\r\n").await.contains("503") {}
}
