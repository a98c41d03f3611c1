//! What the operator of a relay or a hub sees: a line for each event, and the page of the metrics.

use crate::socket::until;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// The lines of the audit in this directory, as soon as these events are among them.
pub fn audit(directory: &Path, events: &[&str]) -> Vec<Value> {
    let mut lines = Vec::new();
    until(&format!("the audit has {events:?}"), || {
        let text = fs::read_to_string(directory.join("audit.log")).unwrap_or_default();
        let whole = text.lines().filter(|_| text.ends_with('\n'));
        lines = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
        events.iter().all(|event| lines.iter().any(|line: &Value| line["event"] == *event))
    });
    lines
}

/// The first line of this event.
pub fn find<'a>(lines: &'a [Value], event: &str) -> &'a Value {
    lines.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event} in {lines:?}"))
}

/// The page of the metrics.
pub fn page(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}
