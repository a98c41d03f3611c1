//! What one holder of a token asks of a hub, and what others notice of it.

use ftp_io::link::{Link, hub_session};
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::message::Text;
use ftp_proto::relay::token::Token;
use integration_tests::hub::Hub;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// A session that says what a test wants.
pub(super) struct Session {
    link: Link,
    said: u32,
    reader: FrameReader,
}

impl Session {
    pub(super) async fn start(hub: &Hub, role: Role) -> Self {
        Self::start_with(hub, &hub.token, role).await
    }

    /// The same with another token.
    pub(super) async fn start_with(hub: &Hub, token: &Token, role: Role) -> Self {
        let stream = TcpStream::connect(hub.address).await.unwrap();
        let (link, _) = hub_session(stream, token).await.unwrap();
        let mut session = Self { link, said: 0, reader: FrameReader::new() };
        session.say(vec![ToHub::Introduce { role, build: Text::of("test") }]).await;
        session
    }

    /// Says all of it at once.
    pub(super) async fn say(&mut self, messages: Vec<ToHub>) {
        let mut bytes = Vec::new();
        for body in messages {
            self.said += 1;
            bytes.extend(encode(&Frame { seq: self.said, body }).unwrap());
        }
        self.link.send(&bytes).await.unwrap();
    }

    pub(super) async fn hear(&mut self) -> FromHub {
        let mut room = [0; 4_096];
        loop {
            if let Some(Frame { body, .. }) = self.reader.message::<Frame<FromHub>>().unwrap() {
                return body;
            }
            let count = self.link.receive(&mut room).await.unwrap();
            assert_ne!(count, 0, "the hub has cut the session off");
            self.reader.push(&room[..count]);
        }
    }
}

#[test]
fn a_session_that_asks_far_ahead_is_answered_as_it_takes_the_answers_and_others_are_not_behind_it() {
    const AGENTS: usize = 10;
    const QUESTIONS: usize = 1_000;
    let hub = Hub::start("127.0.0.9");
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let role = Role::Agent { name: Text::of(&format!("{number:064}")), boot: 1 };
            let mut agent = Session::start(&hub, role).await;
            assert_eq!(agent.hear().await, FromHub::Joined { replaced: false });
            agents.push(agent);
        }
        let mut asks = Session::start(&hub, Role::User { name: Text::of("asks") }).await;
        asks.say(vec![ToHub::Agents; QUESTIONS]).await;
        agents[0].say(vec![ToHub::Ping { t: 7 }]).await;
        assert!(matches!(agents[0].hear().await, FromHub::Pong { t: 7, .. }));
        for number in 0..QUESTIONS {
            let FromHub::Agents(names) = asks.hear().await else { panic!("no answer to question {number}") };
            assert_eq!(names.len(), AGENTS);
        }
    });
}
