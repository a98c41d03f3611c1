//! One session: a task that owns a machine, its link and every connection that it has asked for.
//!
//! ```text
//!   bytes, answers, arrivals, deadlines --> machine --> Send  --> link
//!                    ^                                   Event --> log
//!                    +-------- tasks of its own <------- Ask
//! ```

mod perform;
mod report;
mod tunnel;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ftp_io::copy::Exchange;
use ftp_io::link::Link;
use ftp_proto::relay::agent::{Answer, Config, ConnId, Input, Output, Session as Machine, Ticket};
use ftp_proto::relay::link::Accepted;
use ftp_proto::relay::message::Side;
use ftp_proto::timer::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsStream;

use crate::listen::{News, Shared};
use std::net::SocketAddr;
use tunnel::Tunnel;

/// Who has come, and has proven to hold a token.
#[derive(Debug)]
pub struct Guest {
    /// The link.
    pub link: Link,
    /// By which token.
    pub accepted: Accepted,
    /// The machine's configuration.
    pub config: Config,
    /// Tokens that go, the end of the relay.
    pub news: watch::Receiver<News>,
}

/// What the tasks of a session tell it.
#[derive(Debug)]
pub enum Happened {
    /// Octets of the link.
    Bytes(Vec<u8>),
    /// The link has ended.
    Lost,
    /// An answer.
    Answer(Ticket, Answer),
    /// A connection that was made.
    Connected(Ticket, TcpStream),
    /// A connection that came.
    Arrived {
        /// Of the listening.
        listener: Ticket,
        /// The connection.
        stream: TcpStream,
        /// Its other end.
        from: SocketAddr,
    },
    /// A tunnel's link.
    Attached {
        /// Of the expectation.
        ticket: Ticket,
        /// The link.
        link: Box<Link>,
    },
    /// One leg of a join has closed in order.
    HalfEof {
        /// The join.
        join: Ticket,
        /// Which.
        from: Side,
        /// Octets.
        bytes: u64,
    },
}

/// Runs the session until nothing of it is left.
pub async fn run(shared: Arc<Shared>, guest: Guest) {
    let Guest { link, accepted, config, news } = guest;
    let (happen, happened) = mpsc::channel(WAITING);
    let (stream, early) = link.into_stream();
    let (read, write) = split(stream);
    let mut tasks = JoinSet::new();
    let (say, said) = mpsc::channel(UNSENT);
    let writer = tokio::spawn(write_link(write, said));
    let told = happen.clone();
    tasks.spawn(async move {
        let (mut read, mut room) = (read, early);
        loop {
            if !room.is_empty() && told.send(Happened::Bytes(std::mem::take(&mut room))).await.is_err() {
                return;
            }
            room.resize(ROOM, 0);
            match read.read(&mut room).await {
                Ok(count @ 1..) => room.truncate(count),
                Ok(0) | Err(_) => break,
            }
        }
        // The session may have ended before.
        let _ = told.send(Happened::Lost).await;
    });
    let machine = Machine::new(shared.clock.now(), config);
    let session = Session {
        shared,
        machine,
        accepted,
        news,
        stopping: false,
        revoked: false,
        say: Some(say),
        behind: false,
        happen,
        happened,
        ready: VecDeque::new(),
        conns: HashMap::new(),
        last_conn: 0,
        working: HashMap::new(),
        expected: HashMap::new(),
        flows: HashMap::new(),
        tasks,
    };
    session.run().await;
    // Connections that were still held have been reset; the last words may still leave.
    let mut writer = writer;
    if tokio::time::timeout(LAST_WORDS, &mut writer).await.is_err() {
        writer.abort();
    }
}

/// One frame after the other; a user agent that takes none for long is dead for the machine.
async fn write_link(mut write: WriteHalf<TlsStream<TcpStream>>, mut said: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = said.recv().await {
        if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
    // The other end may have gone: nobody can be told.
    let _ = write.shutdown().await;
}

struct Session {
    shared: Arc<Shared>,
    machine: Machine,
    accepted: Accepted,
    news: watch::Receiver<News>,
    stopping: bool,
    revoked: bool,
    /// Towards the link; gone with it.
    say: Option<mpsc::Sender<Vec<u8>>>,
    /// The user agent has not taken what was said for long: as good as gone.
    behind: bool,
    /// Given to tasks.
    happen: mpsc::Sender<Happened>,
    happened: mpsc::Receiver<Happened>,
    /// Answers that need no wait.
    ready: VecDeque<(Ticket, Answer)>,
    /// Connections that nobody uses yet.
    conns: HashMap<ConnId, Conn>,
    last_conn: u64,
    /// Tasks that listen, dial, resolve.
    working: HashMap<Ticket, AbortHandle>,
    expected: HashMap<Ticket, crate::listen::Expectation>,
    /// What flows.
    flows: HashMap<Ticket, Flowing>,
    tasks: JoinSet<()>,
}

/// A connection that is held, unread.
enum Conn {
    Plain(TcpStream),
    Link(Box<Link>),
}

/// A join whose bytes a task carries.
enum Flowing {
    Legs(Exchange),
    Tunnel(Arc<Tunnel>),
}

enum Next {
    Happened(Happened),
    News,
    Deadline,
}

impl Session {
    async fn run(mut self) {
        while let Some(deadline) = self.drain() {
            if let Some((ticket, answer)) = self.ready.pop_front() {
                self.input(Input::Answer(ticket, answer));
                continue;
            }
            if std::mem::take(&mut self.behind) {
                self.input(Input::Closed);
                continue;
            }
            while self.tasks.try_join_next().is_some() {}
            match self.wait(deadline).await {
                Next::Happened(happened) => self.happened(happened),
                Next::News => self.heed(),
                Next::Deadline => self.input(Input::Timeout),
            }
        }
        tracing::info!(token = self.accepted.name, "session ended");
    }

    async fn wait(&mut self, deadline: Option<Moment>) -> Next {
        tokio::select! {
            biased;
            // The relay itself keeps the other end: it changes, it does not go, before all sessions have.
            Ok(()) = self.news.changed() => Next::News,
            // The session itself keeps the other end.
            Some(happened) = self.happened.recv() => Next::Happened(happened),
            () = self.shared.clock.sleep_until(deadline) => Next::Deadline,
        }
    }

    /// Does what the machine says until it waits; `None`: it is over.
    fn drain(&mut self) -> Option<Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::Send(bytes) => self.send(bytes),
                Output::Ask(ask) => self.perform(ask),
                Output::Event(event) => report::tell(&event),
                Output::Close => return None,
                Output::Wait(deadline) => return Some(deadline),
            }
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if self.say.as_ref().is_some_and(|say| say.try_send(bytes).is_err()) {
            self.say = None;
            self.behind = true;
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.shared.clock.now(), input);
    }

    fn heed(&mut self) {
        let (known, stopping) = {
            let news = self.news.borrow_and_update();
            (news.tokens.knows(&self.accepted), news.stopping)
        };
        if !known && !std::mem::replace(&mut self.revoked, true) {
            tracing::warn!(token = self.accepted.name, "the token is gone: the session ends");
            self.input(Input::Revoked);
        }
        if stopping && !std::mem::replace(&mut self.stopping, true) {
            self.input(Input::Shutdown);
        }
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Bytes(bytes) => self.input(Input::Bytes(&bytes)),
            Happened::Lost => self.input(Input::Closed),
            Happened::Answer(ticket, answer) => {
                self.working.remove(&ticket);
                if matches!(answer, Answer::Ended { .. }) {
                    self.flows.remove(&ticket);
                }
                self.input(Input::Answer(ticket, answer));
            }
            Happened::Connected(ticket, stream) => {
                self.working.remove(&ticket);
                let Ok(local) = stream.local_addr() else { return };
                let conn = self.hold(Conn::Plain(stream));
                self.input(Input::Answer(ticket, Answer::Connected { conn, local }));
            }
            Happened::Arrived { listener, stream, from } => {
                let Ok(local) = stream.local_addr() else { return };
                let conn = self.hold(Conn::Plain(stream));
                self.input(Input::Arrived { listener, conn, local, from });
            }
            Happened::Attached { ticket, link } => {
                self.expected.remove(&ticket);
                let conn = self.hold(Conn::Link(link));
                self.input(Input::Attached { ticket, conn });
            }
            Happened::HalfEof { join, from, bytes } => self.input(Input::HalfEof { join, from, bytes }),
        }
    }

    fn hold(&mut self, conn: Conn) -> ConnId {
        self.last_conn += 1;
        let id = ConnId(self.last_conn);
        self.conns.insert(id, conn);
        id
    }
}

/// What tasks may tell ahead of the session.
const WAITING: usize = 64;
/// Frames that a user agent has yet to take.
const UNSENT: usize = 1_024;
const ROOM: usize = 16 * 1024;
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(2);
