//! The machine of a session and what performs its questions, together, at times of the test's choosing.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one message and skips the others")]

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::{Config, Input, Output, Session as Machine};
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::link::ticket_id;
use ftp_proto::relay::message::{Code, FromAgent, GrantPurpose, Id, Target, Text, ToAgent};
use ftp_proto::relay::token::Secret32;
use ftp_proto::timer::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

mod owners;

use super::perform::Performer;
use super::{Event, Shared};
use crate::operate::audit::Audit;
use crate::policy::Policy;

/// A session whose link is the test.
struct Bench {
    shared: Arc<Shared>,
    machine: Machine,
    performer: Performer,
    events: mpsc::Receiver<Box<Event>>,
    now: Moment,
    said: u32,
    reader: FrameReader,
    heard: Vec<FromAgent>,
}

impl Bench {
    fn start() -> Self {
        let shared = Arc::new(Shared::new(Arc::new(Audit::default()), None, None));
        let standing = shared.accounts.standing(Policy::default().terms("test").expect("everybody may"));
        let (report, events) = mpsc::channel(8);
        let here = "127.0.0.1".parse().unwrap();
        let relay = vec!["127.0.0.0/8:1024-65535".parse().unwrap()];
        let rules = Rules { relay, ..Rules::default() };
        let now = shared.clock.now();
        Self {
            machine: Machine::new(now, Config { rules, ..Config::new(here, here) }),
            performer: Performer::new(Arc::clone(&shared), standing, report),
            shared,
            events,
            now,
            said: 0,
            reader: FrameReader::new(),
            heard: Vec::new(),
        }
    }

    fn say(&mut self, body: ToAgent) {
        self.said += 1;
        let frame = encode(&Frame { seq: self.said, body }).unwrap();
        self.machine.input(self.now, Input::Bytes(&frame));
        self.drain();
    }

    /// Performs what the machine asks for at once.
    fn drain(&mut self) {
        loop {
            match self.machine.poll() {
                Output::Send(frame) => {
                    self.reader.push(&frame);
                    while let Some(Frame { body, .. }) = self.reader.message().unwrap() {
                        self.heard.push(body);
                    }
                }
                Output::More => self.machine.input(self.now, Input::Next),
                Output::Ask(ask) => self.performer.perform(ask),
                Output::Event(_) => {}
                Output::Close => panic!("the session has ended: {:?}", self.heard),
                Output::Wait(_) => match self.performer.next_answer() {
                    Some((ticket, answer)) => self.machine.input(self.now, Input::Answer(ticket, answer)),
                    None => return,
                },
            }
        }
    }

    /// What was heard for which `wanted` gives something.
    async fn hears<T>(&mut self, wanted: impl Fn(&FromAgent) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.heard.iter().find_map(&wanted) {
                return found;
            }
            let event = self.events.recv().await.unwrap();
            let now = self.now;
            self.performer.finish(*event, |input| self.machine.input(now, input));
            self.drain();
        }
    }

    /// So much time passes.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.machine.input(self.now, Input::Timeout);
        self.drain();
    }

    /// Whether a link with this ticket would be let in, if its proof is right.
    fn expects(&self, ticket: &Secret32) -> bool {
        let mut is_there = false;
        let claimed = self.shared.tickets.claim(&ticket_id(ticket), |_| {
            is_there = true;
            None
        });
        assert!(claimed.is_none());
        is_there
    }
}

/// A server that greets, and how its connection ends.
async fn greeter() -> (u16, impl Future<Output = io::Result<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"220 here\r\n").await?;
        stream.read(&mut [0]).await
    });
    (port, async move { served.await.unwrap() })
}

#[tokio::test]
async fn r29_a_ticket_is_good_for_30_seconds_and_then_opens_nothing_and_resets_the_server() {
    let (port, ended) = greeter().await;
    let mut bench = Bench::start();
    let purpose = GrantPurpose::Tunnel(Target { host: Text::of("127.0.0.1"), port });
    let (max_bytes, max_ms) = (u64::MAX, 86_400_000);
    bench.say(ToAgent::Grant { id: Id(1), purpose, max_bytes, max_ms, uses: 1 });
    bench.say(ToAgent::Tunnel { id: Id(2), grant: Id(1) });
    let ticket = bench
        .hears(|heard| match heard {
            FromAgent::TunnelReady { ticket, .. } => Some(ticket.clone()),
            FromAgent::Refused { .. } => panic!("{heard:?}"),
            _ => None,
        })
        .await;
    bench.pass(Duration::from_millis(29_999));
    assert!(bench.expects(&ticket));
    bench.pass(Duration::from_millis(1));
    assert!(!bench.expects(&ticket), "it comes late");
    bench.hears(|heard| matches!(heard, FromAgent::Refused { code: Code::Expired, .. }).then_some(())).await;
    let error = ended.await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
