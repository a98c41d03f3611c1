//! A hub or a relay that the test itself plays, to say what no honest one says. It holds the token that it should hold.

use crate::relay::BadFrame;
use crate::socket::WATCHDOG;
use ftp_io::clock::Clock;
use ftp_io::link::{Acceptor, Link};
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::link::{First, Keyring, Welcome, accept_data};
use ftp_proto::relay::message::Text;
use ftp_proto::relay::token::{Secret32, Token};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// One that listens.
#[derive(Debug)]
pub struct Impostor {
    listener: TcpListener,
    acceptor: Acceptor,
    tokens: Keyring,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A session of an agent or a user agent with it. `In` is what it hears.
#[derive(Debug)]
pub struct Talk<In> {
    link: Link,
    said: u32,
    reader: FrameReader,
    heard: PhantomData<In>,
}

impl Impostor {
    /// A hub at this address, which knows what a hub should know of a token.
    pub async fn hub(ip: &str, token: &Token) -> Self {
        Self::listen(ip, Acceptor::hub().unwrap(), token.for_hub()).await
    }

    /// A relay at this address.
    pub async fn relay(ip: &str, token: &Token) -> Self {
        Self::listen(ip, Acceptor::new().unwrap(), token.clone()).await
    }

    async fn listen(ip: &str, acceptor: Acceptor, token: Token) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, acceptor, tokens: Keyring::new([token]), address }
    }

    /// The next connection.
    pub async fn connection(&self) -> TcpStream {
        timeout(WATCHDOG, self.listener.accept()).await.expect("somebody connects").unwrap().0
    }

    /// The next link. Who is told to start over, or has waited too long, leaves a
    /// connection before its handshake has ended.
    async fn accepted(&self) -> AcceptedLink {
        loop {
            let stream = self.connection().await;
            let seen_as = stream.peer_addr().unwrap();
            if let Ok((link, first)) = self.acceptor.accept(stream).await {
                return AcceptedLink { seen_as, link, first };
            }
        }
    }

    /// Begins the session of the next link.
    pub async fn session<In: DeserializeOwned>(&self) -> Talk<In> {
        let AcceptedLink { seen_as, mut link, first } = self.accepted().await;
        let First::Session(hello) = first else { panic!("no session: {first:?}") };
        let token = self.tokens.accept(&hello, link.exporter(), Clock::today()).unwrap();
        let (version, build) = (token.version, Text::of("impostor"));
        let welcome = Welcome { version, build, seen_as, ping_ms: 20_000, dead_ms: 45_000, mac: [0; 32] };
        link.send(&token.welcome(welcome)).await.unwrap();
        Talk { link, said: 0, reader: FrameReader::new(), heard: PhantomData }
    }

    /// The next link, which proves this ticket.
    pub async fn attached(&self, ticket: &Secret32) -> Link {
        let AcceptedLink { mut link, first, .. } = self.accepted().await;
        let First::Data(hello) = first else { panic!("no ticket: {first:?}") };
        let accepted = accept_data(ticket, &hello, link.exporter()).expect("the right ticket");
        link.send(&accepted.data()).await.unwrap();
        link
    }
}

/// A link whose handshake has ended.
#[derive(Debug)]
struct AcceptedLink {
    /// From where it comes.
    seen_as: SocketAddr,
    link: Link,
    /// Its first message.
    first: First,
}

impl<In: DeserializeOwned> Talk<In> {
    /// Says a message.
    pub async fn say(&mut self, body: impl Serialize) {
        self.said += 1;
        // The other end may have gone.
        drop(self.link.send(&encode(&Frame { seq: self.said, body }).unwrap()).await);
    }

    /// Says what no session may say.
    pub async fn say_badly(&mut self, said: &BadFrame) {
        drop(self.link.send(said.bytes()).await);
    }

    /// The next message; `None` once the session has ended.
    pub async fn hear(&mut self) -> Option<In> {
        let mut room = [0; 4_096];
        loop {
            if let Some(Frame { body, .. }) = self.reader.message::<Frame<In>>().unwrap() {
                return Some(body);
            }
            let read = timeout(WATCHDOG, self.link.receive(&mut room)).await.expect("a message, or the end");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.reader.push(&room[..count]),
            }
        }
    }

    /// Waits until the other end has ended the session.
    pub async fn ended(&mut self) {
        while self.hear().await.is_some() {}
    }

    /// Ends it in order.
    pub async fn close(&mut self) {
        self.link.close().await;
    }
}
