//! Performs what the machine asks for, at once or by a task that reports to the session. The only
//! file that knows both vocabularies.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::connection::Connection;
use ftp_io::copy::{self, Allowance, Digests, Join, Meter};
use ftp_io::link::{self, Link};
use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_io::socket::Stream;
use ftp_proto::address::embedded;
use ftp_proto::relay::agent::{
    Answer, Arrival, Ask, ConnId, Flow, Input, JoinEnd, Opening, Route, Ticket, Work,
};
use ftp_proto::relay::message::Code;
use ftp_proto::relay::token::Secret32;
use tokio::task::{AbortHandle, JoinSet};

use super::lookups::Lookups;
use super::shared::{DialledConnection, Expectation, OwnSockets, Shared};
use super::tunnel::{Server, Tunnel, first_line};
use super::{Direct, Ends, Event, Reports, direct};
use crate::at_hub::{Called, Uncalled};
use crate::operate::tell_what_is_forbidden;
use crate::policy::{Dialling, Kind, Level, Share, Standing, Terms};

/// Performs the machine's questions and holds what comes of them. Dropping it ends every task of the
/// session and resets its connections.
pub(super) struct Performer {
    shared: Arc<Shared>,
    /// What the session's token may do and uses.
    standing: Standing,
    /// Given to the tasks.
    report: Reports,
    /// Answers that needed no wait.
    ready: VecDeque<(Ticket, Answer)>,
    /// Connections that are not joined.
    conns: HashMap<ConnId, Conn>,
    last_conn: u64,
    /// Tasks that listen, connect, resolve or carry.
    working: HashMap<Ticket, AbortHandle>,
    expected: HashMap<Ticket, Expectation>,
    /// The places of tunnels and joins.
    places: HashMap<Ticket, Share>,
    /// Joins that carry bytes.
    flows: HashMap<Ticket, Flowing>,
    tasks: JoinSet<()>,
}

/// A connection that is held and not read.
enum Conn {
    /// With a server, and what was read from it already.
    Server(Server),
    Link(Box<Link>),
}

/// A join whose bytes a task carries.
enum Flowing {
    /// Two data connections.
    Data(Join),
    /// A control connection, inside a link.
    Tunnel(Arc<Tunnel>),
}

impl Performer {
    pub(super) fn new(shared: Arc<Shared>, standing: Standing, report: Reports) -> Self {
        Self {
            shared,
            standing,
            report,
            ready: VecDeque::new(),
            conns: HashMap::new(),
            last_conn: 0,
            working: HashMap::new(),
            expected: HashMap::new(),
            places: HashMap::new(),
            flows: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// The accounts of the token.
    pub(super) const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What the token may do.
    pub(super) fn terms(&self) -> &Terms {
        self.standing.terms()
    }

    /// What begins from now on is charged to these accounts.
    pub(super) fn renew(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// The next answer that needs no wait. Take these when the machine has nothing more to say.
    pub(super) fn next_answer(&mut self) -> Option<(Ticket, Answer)> {
        self.ready.pop_front()
    }

    /// Does what the machine asks, or starts it.
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Place { ticket, work } => self.place(ticket, work),
            Ask::Leave(place) => drop(self.places.remove(&place)),
            Ask::Resolve { ticket, host, port } => {
                let (lookups, of) = (self.shared.lookups.clone(), self.standing.identity());
                self.start(ticket, async move { resolve(ticket, (lookups, of), host, port).await });
            }
            Ask::Route { ticket, to } => {
                let route = |ip| Route { from: socket::route(ip), is_own: socket::is_own(embedded(ip)) };
                self.answer(ticket, Answer::Routes(to.into_iter().map(route).collect()));
            }
            Ask::Listen { ticket, at } => self.listen(ticket, at),
            Ask::Unlisten(ticket) | Ask::Cancel(ticket) => {
                if let Some(task) = self.working.remove(&ticket) {
                    task.abort();
                }
            }
            Ask::Dial { ticket, to, .. } if self.shared.own.has_leg(to) => {
                self.answer(ticket, Answer::Failed(Code::Denied, OWN_LEG.to_owned()));
            }
            Ask::Dial { ticket, from, to, work } => {
                let charged = (work == Work::Join).then(|| self.standing.dial());
                let own = self.shared.own.clone();
                self.start(ticket, async move { connect(ticket, from, to, own, charged).await });
            }
            Ask::Call { ticket, agent, secret } => {
                let shared = Arc::clone(&self.shared);
                self.start(ticket, async move { call(ticket, &shared, &agent, &secret).await });
            }
            Ask::Greeting { ticket, conn } => self.greeting(ticket, conn),
            Ask::Reset(conn) => self.reset(conn),
            Ask::Expect { ticket, secret } => {
                let expectation = self.shared.tickets.expect(secret, ticket, self.report.clone());
                self.expected.insert(ticket, expectation);
            }
            Ask::Unexpect(ticket) => drop(self.expected.remove(&ticket)),
            Ask::Random(ticket) => {
                let answer = match ftp_io::random::bytes() {
                    Ok(bytes) => Answer::Random(Secret32::new(bytes)),
                    Err(error) => failed(&error),
                };
                self.answer(ticket, answer);
            }
            Ask::Join { ticket, a, b, limit, opening, stall } => {
                self.join(ticket, (a, b), limit, (opening, stall));
            }
            Ask::Progress { ticket, of } => {
                // A join that has just ended has its answer on the way.
                if let Some(flow) = self.flows.get(&of).map(Flowing::flow) {
                    self.answer(ticket, Answer::Progress(flow));
                }
            }
            Ask::Stop(join) => match self.flows.get(&join) {
                Some(Flowing::Data(join)) => join.stop(),
                Some(Flowing::Tunnel(tunnel)) => tunnel.stop(),
                None => {}
            },
        }
    }

    /// Gives what a task has reported to `input`, which passes it to the machine. Whatever an event brings is dropped if the
    /// machine has cancelled the question after the task had answered it.
    pub(super) fn finish(&mut self, event: Event, input: impl FnOnce(Input<'_>)) {
        while self.tasks.try_join_next().is_some() {}
        if !self.has_owner(&event) {
            return discard(event);
        }
        match event {
            Event::Answer(ticket, answer) => {
                self.working.remove(&ticket);
                self.expected.remove(&ticket);
                if matches!(answer, Answer::Ended { .. }) {
                    self.flows.remove(&ticket);
                }
                input(Input::Answer(ticket, answer));
            }
            Event::Connected(ticket, server) => {
                let answer = match server.stream.local_addr() {
                    Ok(local) => Answer::Connected { conn: self.hold(Conn::Server(server)), local },
                    Err(error) => failed(&error),
                };
                input(Input::Answer(ticket, answer));
            }
            Event::Called(ticket, link, direct) => {
                let conn = self.hold(Conn::Link(link));
                let direct = direct.map(|direct| self.leave_hub(direct).both());
                input(Input::Answer(ticket, Answer::Called { conn, direct }));
            }
            Event::Greeted { ticket, conn, server } => {
                let answer = match server {
                    Ok(server) => {
                        self.conns.insert(conn, Conn::Server(server));
                        Answer::Greeted
                    }
                    Err((code, text)) => Answer::Failed(code, text),
                };
                input(Input::Answer(ticket, answer));
            }
            Event::Opened(join) => input(Input::Greeted { join }),
            Event::Arrived { listener, stream, from } => {
                let Ok(local) = stream.local_addr() else { return };
                let is_own = self.shared.own.has_dialled(from);
                let conn = self.hold(Conn::Server(Server { stream, said: Vec::new(), dialled: None }));
                input(Input::Arrived { listener, arrival: Arrival { conn, local, from, is_own } });
            }
            Event::Attached { ticket, link, direct } => {
                let conn = self.hold(Conn::Link(link));
                input(match direct.map(|direct| self.leave_hub(direct)) {
                    Some(Ends { local, peer }) => Input::Met { ticket, conn, local, peer },
                    None => Input::Attached { ticket, conn },
                });
            }
            Event::Digested { join, sha256: [a_to_b, b_to_a] } => {
                input(Input::Digested { join, a_to_b, b_to_a });
            }
            Event::HalfEof { join, from, bytes } => input(Input::HalfEof { join, from, bytes }),
        }
    }

    /// Whether the machine still waits for what the event brings. A task may have reported before it was cancelled.
    fn has_owner(&mut self, event: &Event) -> bool {
        match event {
            Event::Connected(ticket, _) | Event::Called(ticket, ..) | Event::Greeted { ticket, .. } => {
                self.working.remove(ticket).is_some()
            }
            Event::Arrived { listener, .. } => self.working.contains_key(listener),
            Event::Attached { ticket, .. } => self.expected.remove(ticket).is_some(),
            // They bring nothing that is held, and the machine knows what it waits for.
            Event::Answer(..) | Event::Opened(_) | Event::Digested { .. } | Event::HalfEof { .. } => true,
        }
    }

    /// The local address of a connection with a server.
    #[cfg(test)]
    pub(super) fn local_of(&self, conn: ConnId) -> SocketAddr {
        match &self.conns[&conn] {
            Conn::Server(server) => server.stream.local_addr().unwrap(),
            Conn::Link(_) => panic!("it is a link"),
        }
    }

    /// How many connections, tasks, waits, places and joins are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 5] {
        let Self { conns, working, expected, places, flows, .. } = self;
        [conns.len(), working.len(), expected.len(), places.len(), flows.len()]
    }

    /// An answer that needs no wait.
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.ready.push_back((ticket, answer));
    }

    fn hold(&mut self, conn: Conn) -> ConnId {
        self.last_conn += 1;
        let id = ConnId(self.last_conn);
        self.conns.insert(id, conn);
        id
    }

    /// Ends the connection through the hub in order, beside the direct one.
    fn leave_hub(&mut self, Direct { ends, left }: Direct) -> Ends {
        self.tasks.spawn(direct::leave(*left));
        ends
    }

    /// Starts a task that ends with one report, and can be cancelled by its ticket.
    fn start(&mut self, ticket: Ticket, work: impl Future<Output = Event> + Send + 'static) {
        let report = self.report.clone();
        // Otherwise the task has room for it twice: before it begins and while it runs.
        let work = Box::pin(work);
        let task = self.tasks.spawn(async move {
            let event = work.await;
            // The session may have ended before.
            let _ = report.send(Box::new(event)).await;
        });
        self.working.insert(ticket, task);
    }

    fn place(&mut self, ticket: Ticket, work: Work) {
        let kind = match work {
            Work::Tunnel => Kind::Tunnel,
            Work::Join => Kind::Join,
        };
        let answer = match self.standing.take(kind) {
            Ok(share) => {
                self.places.insert(ticket, share);
                Answer::Admitted
            }
            Err(full) => Answer::Failed(Code::Busy, full.to_string()),
        };
        self.answer(ticket, answer);
    }

    /// Lets the server of a tunnel speak first.
    fn greeting(&mut self, ticket: Ticket, conn: ConnId) {
        match self.conns.remove(&conn) {
            Some(Conn::Server(server)) => self.start(ticket, async move {
                let server = first_line(server).await;
                Event::Greeted { ticket, conn, server }
            }),
            // The machine has reset it before.
            Some(Conn::Link(_)) | None => {
                self.answer(ticket, Answer::Failed(Code::Internal, "no connection".to_owned()));
            }
        }
    }

    fn listen(&mut self, ticket: Ticket, at: IpAddr) {
        let opened =
            socket::listen(SocketAddr::new(at, 0)).and_then(|listener| Ok((listener.local()?, listener)));
        let (address, listener) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.answer(ticket, failed(&error)),
        };
        let (report, leg) = (self.report.clone(), self.shared.own.open(address));
        let task = self.tasks.spawn(async move {
            let _open = leg;
            loop {
                match listener.accept().await {
                    Ok((stream, from)) => {
                        socket::end_by_reset(&stream);
                        let arrived = Event::Arrived { listener: ticket, stream, from };
                        if report.send(Box::new(arrived)).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = words(&error), "cannot accept a data connection");
                        tokio::time::sleep(socket::ACCEPT_RETRY_DELAY).await;
                    }
                }
            }
        });
        self.working.insert(ticket, task);
        self.answer(ticket, Answer::Listening(address));
    }

    fn reset(&mut self, conn: ConnId) {
        match self.conns.remove(&conn) {
            Some(Conn::Server(server)) => socket::reset(server.stream),
            Some(Conn::Link(link)) => socket::end_by_reset(link.socket()),
            None => {}
        }
    }

    fn join(
        &mut self,
        ticket: Ticket,
        (a, b): (ConnId, ConnId),
        limit: u64,
        (opening, stall): (Opening, Duration),
    ) {
        match (self.conns.remove(&a), self.conns.remove(&b)) {
            (Some(a), Some(b)) if matches!(opening, Opening::Data | Opening::Digested) => {
                let digests = (opening == Opening::Digested).then(Digests::default);
                self.join_data(ticket, (a, b), limit, stall, digests);
            }
            (Some(Conn::Link(link)), Some(Conn::Server(server))) => {
                prepare(&server.stream, stall);
                let allowance = Allowance::new(limit, self.standing.volumes());
                let tunnel = Arc::new(Tunnel::new(allowance, Meter::limited(self.standing.limiters())));
                self.flows.insert(ticket, Flowing::Tunnel(Arc::clone(&tunnel)));
                let report = self.report.clone();
                self.start(ticket, async move {
                    // The session may have ended before.
                    let opened = async || drop(report.send(Box::new(Event::Opened(ticket))).await);
                    Event::Answer(ticket, tunnel.run(*link, server, opening, opened).await)
                });
            }
            // The machine has reset one of them before.
            (Some(_) | None, Some(_) | None) => {
                let how = JoinEnd::Stopped;
                self.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how });
            }
        }
    }

    fn join_data(
        &mut self,
        ticket: Ticket,
        (a, b): (Conn, Conn),
        limit: u64,
        stall: Duration,
        digests: Option<Digests>,
    ) {
        let ((a, of_a), (b, of_b)) = (a.into_connection(), b.into_connection());
        for conn in [&a, &b] {
            prepare(conn.socket(), stall);
            self.shared.congestion.iter().for_each(|congestion| congestion.apply(conn.socket()));
        }
        let join = self.standing.join(limit, self.shared.pipes.clone(), digests);
        self.flows.insert(ticket, Flowing::Data(join.clone()));
        let report = self.report.clone();
        self.start(ticket, async move {
            let told = report.clone();
            let half = |from, bytes| {
                // The session may have ended before.
                let half = Box::new(Event::HalfEof { join: ticket, from, bytes });
                tokio::spawn(async move { told.send(half).await });
            };
            let end = join.run(a, b, half).await;
            drop((of_a, of_b));
            tell_what_is_forbidden();
            let [_, a_to_b, _, b_to_a] = join.moved();
            let how = match end {
                copy::JoinEnd::Whole => JoinEnd::Whole,
                copy::JoinEnd::Broken(leg, error) => {
                    tracing::debug!(error = words(&error), ?leg, "a joined connection failed");
                    JoinEnd::Leg(leg)
                }
                copy::JoinEnd::Limit => JoinEnd::Limit,
                copy::JoinEnd::Stopped => JoinEnd::Stopped,
            };
            let digests = join.digests.as_ref().filter(|_| how == JoinEnd::Whole).and_then(Digests::both);
            if let Some(sha256) = digests {
                // The session may have ended before.
                let _ = report.send(Box::new(Event::Digested { join: ticket, sha256 })).await;
            }
            Event::Answer(ticket, Answer::Ended { a_to_b, b_to_a, how })
        });
    }
}

impl Conn {
    /// A data connection, of which nothing was read, and whether the relay has made it.
    fn into_connection(self) -> (Connection, Option<DialledConnection>) {
        match self {
            Self::Server(Server { stream, dialled, .. }) => (stream.into(), dialled),
            Self::Link(link) => ((*link).into(), None),
        }
    }
}

impl Flowing {
    fn flow(&self) -> Flow {
        match self {
            Self::Data(join) => {
                let [taken_a, given_b, taken_b, given_a] = join.moved();
                Flow { taken_a, given_b, taken_b, given_a }
            }
            Self::Tunnel(tunnel) => tunnel.flow(),
        }
    }
}

/// Resets what an event brings that has no owner.
fn discard(event: Event) {
    match event {
        Event::Connected(_, Server { stream, .. })
        | Event::Arrived { stream, .. }
        | Event::Greeted { server: Ok(Server { stream, .. }), .. } => socket::reset(stream),
        Event::Called(_, link, _) | Event::Attached { link, .. } => socket::end_by_reset(link.socket()),
        Event::Greeted { server: Err(_), .. }
        | Event::Answer(..)
        | Event::Opened(_)
        | Event::Digested { .. }
        | Event::HalfEof { .. } => {}
    }
}

/// Connects to a server. If a data port refuses, or does not answer until somebody gives up, that is charged to `charged`.
async fn connect(
    ticket: Ticket,
    from: IpAddr,
    to: SocketAddr,
    own: OwnSockets,
    charged: Option<Dialling>,
) -> Event {
    match socket::connect_noting(from, to, |local| own.dial(local)).await {
        Ok((stream, dialled)) => {
            charged.into_iter().for_each(Dialling::is_innocent);
            socket::end_by_reset(&stream);
            Event::Connected(ticket, Server { stream, said: Vec::new(), dialled: Some(dialled) })
        }
        Err(error) => {
            if !matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut) {
                charged.into_iter().for_each(Dialling::is_innocent);
            }
            Event::Answer(ticket, failed(&error))
        }
    }
}

/// Calls another agent at the hub, proves the secret to it, and tries to connect to it directly.
async fn call(ticket: Ticket, shared: &Shared, agent: &str, secret: &Secret32) -> Event {
    let failed = |code, text| Event::Answer(ticket, Answer::Failed(code, text));
    let Some(caller) = &shared.caller else {
        return failed(Code::Unsupported, "it has joined no hub".to_owned());
    };
    let Called { stream, spot } = match caller.call(agent).await {
        Ok(called) => called,
        Err(Uncalled { code, text }) => return failed(code, text),
    };
    let link = match link::meet(stream, secret).await {
        Ok(link) => link,
        Err(error) => return failed(Code::NotPaired, error.to_string()),
    };
    match direct::upgrade(shared, None, link, secret, spot).await {
        Ok((link, direct)) => {
            socket::end_by_reset(link.socket());
            Event::Called(ticket, Box::new(link), direct)
        }
        Err(text) => failed(Code::NotPaired, text.to_owned()),
    }
}

/// Tunes a connection that is about to be joined: small pieces are sent at once, and a peer that has
/// vanished is noticed.
fn prepare(stream: &Stream, stall: Duration) {
    let tuned = socket::control(stream).and_then(|()| socket::vanishes_after(stream, stall));
    if let Err(error) = tuned {
        // It will fail when it is used.
        tracing::debug!(error = words(&error), "cannot tune a connection");
    }
}

/// Looks a name up, for a session of this token.
async fn resolve(ticket: Ticket, (lookups, of): (Lookups, Level), host: String, port: u16) -> Event {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let found = match literal {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => lookups.addresses(&of, host, port).await,
    };
    let answer = found.map_or_else(|why| Answer::Failed(Code::Resolve, why), Answer::Resolved);
    Event::Answer(ticket, answer)
}

fn failed(error: &io::Error) -> Answer {
    use io::ErrorKind as Kind;
    let refused = error.kind() == Kind::ConnectionRefused;
    let unreachable =
        [Kind::HostUnreachable, Kind::NetworkUnreachable, Kind::TimedOut, Kind::ConnectionReset];
    let code = if refused {
        Code::ConnectionRefused
    } else if unreachable.contains(&error.kind()) {
        Code::Unreachable
    } else {
        Code::Internal
    };
    Answer::Failed(code, words(error))
}

/// Why a listener of the relay is not dialled.
const OWN_LEG: &str = "a data connection of the relay is awaited there";
