//! What the machine asks for, done: by a task that tells the session, or at once.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::copy::{Exchange, Meters, Parted, Which};
use ftp_io::socket;
use ftp_proto::relay::agent::{Answer, Ask, ConnId, Flow, JoinEnd, Ticket};
use ftp_proto::relay::message::{Code, Side};
use ftp_proto::relay::token::Secret32;
use tokio::net::{TcpStream, lookup_host};

use super::tunnel::Tunnel;
use super::{Conn, Flowing, Happened, Session};

impl Session {
    pub(super) fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Resolve { ticket, host, port } => {
                self.work(ticket, async move { resolve(ticket, host, port).await })
            }
            Ask::Route { ticket, to } => {
                let routes = to.into_iter().map(socket::route).collect();
                self.ready.push_back((ticket, Answer::Routes(routes)));
            }
            Ask::Listen { ticket, at } => self.listen(ticket, at),
            Ask::Unlisten(ticket) | Ask::Cancel(ticket) => {
                if let Some(task) = self.working.remove(&ticket) {
                    task.abort();
                }
            }
            Ask::Dial { ticket, from, to } => self.work(ticket, async move {
                match socket::connect(from, to).await {
                    Ok(stream) => {
                        socket::end_by_reset(&stream);
                        Happened::Connected(ticket, stream)
                    }
                    Err(error) => Happened::Answer(ticket, failed(&error)),
                }
            }),
            Ask::Reset(conn) => self.reset(conn),
            Ask::Expect { ticket, secret } => {
                let expectation = self.shared.expected.wait(secret, ticket, self.happen.clone());
                self.expected.insert(ticket, expectation);
            }
            Ask::Unexpect(ticket) => drop(self.expected.remove(&ticket)),
            Ask::Random(ticket) => {
                let answer = match ftp_io::random::octets() {
                    Ok(octets) => Answer::Random(Secret32::new(octets)),
                    Err(error) => failed(&error),
                };
                self.ready.push_back((ticket, answer));
            }
            Ask::Join { ticket, a, b, limit, stall } => self.join(ticket, (a, b), limit, stall),
            Ask::Progress { ticket, of } => {
                let flow = match self.flows.get(&of) {
                    Some(Flowing::Legs(exchange)) => {
                        let [taken_a, given_b, taken_b, given_a] = exchange.moved();
                        Flow { taken_a, given_b, taken_b, given_a }
                    }
                    Some(Flowing::Tunnel(tunnel)) => tunnel.flow(),
                    // It has just ended; its end is on the way.
                    None => return,
                };
                self.ready.push_back((ticket, Answer::Progress(flow)));
            }
            Ask::Stop(join) => match self.flows.get(&join) {
                Some(Flowing::Legs(exchange)) => exchange.stop(),
                Some(Flowing::Tunnel(tunnel)) => tunnel.stop(),
                None => {}
            },
        }
    }

    /// A task that ends with one thing to tell, and may be called off under its ticket.
    fn work(&mut self, ticket: Ticket, work: impl Future<Output = Happened> + Send + 'static) {
        let happen = self.happen.clone();
        let task = self.tasks.spawn(async move {
            let happened = work.await;
            // The session may have ended before.
            let _ = happen.send(happened).await;
        });
        self.working.insert(ticket, task);
    }

    fn listen(&mut self, ticket: Ticket, at: IpAddr) {
        let opened =
            socket::listen(SocketAddr::new(at, 0)).and_then(|listener| Ok((listener.local()?, listener)));
        let (place, listener) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.ready.push_back((ticket, failed(&error))),
        };
        let happen = self.happen.clone();
        let task = self.tasks.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, from)) => {
                        socket::end_by_reset(&stream);
                        if happen.send(Happened::Arrived { listener: ticket, stream, from }).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
        self.working.insert(ticket, task);
        self.ready.push_back((ticket, Answer::Listening(place)));
    }

    fn reset(&mut self, conn: ConnId) {
        match self.conns.remove(&conn) {
            Some(Conn::Plain(stream)) => socket::reset(stream),
            Some(Conn::Link(link)) => socket::end_by_reset(link.socket()),
            None => {}
        }
    }

    fn join(&mut self, ticket: Ticket, (a, b): (ConnId, ConnId), limit: u64, stall: Duration) {
        match (self.conns.remove(&a), self.conns.remove(&b)) {
            (Some(Conn::Plain(a)), Some(Conn::Plain(b))) => self.join_legs(ticket, a, b, limit, stall),
            (Some(Conn::Link(link)), Some(Conn::Plain(server))) => {
                prepare(&server, stall);
                let tunnel = Arc::new(Tunnel::new(limit));
                self.flows.insert(ticket, Flowing::Tunnel(Arc::clone(&tunnel)));
                self.work(ticket, async move { Happened::Answer(ticket, tunnel.run(*link, server).await) });
            }
            // The machine has given up one of them.
            (Some(_) | None, Some(_) | None) => {
                let how = JoinEnd::Stopped;
                self.ready.push_back((ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how }));
            }
        }
    }

    fn join_legs(&mut self, ticket: Ticket, a: TcpStream, b: TcpStream, limit: u64, stall: Duration) {
        for leg in [&a, &b] {
            prepare(leg, stall);
        }
        let (forth, back) = (Meters::default(), Meters::default());
        let exchange = Exchange { forth, back, limit, pipes: self.shared.pipes.clone() };
        self.flows.insert(ticket, Flowing::Legs(exchange.clone()));
        let happen = self.happen.clone();
        self.work(ticket, async move {
            let half = |which, bytes| {
                let from = side(which);
                // The session may have ended before.
                tokio::spawn(
                    async move { happen.send(Happened::HalfEof { join: ticket, from, bytes }).await },
                );
            };
            let parted = exchange.run(a, b, half).await;
            let [_, a_to_b, _, b_to_a] = exchange.moved();
            let how = match parted {
                Parted::Whole => JoinEnd::Whole,
                Parted::Broken(which, error) => {
                    tracing::debug!(%error, leg = ?side(which), "a leg failed");
                    JoinEnd::Leg(side(which))
                }
                Parted::Limit => JoinEnd::Limit,
                Parted::Stopped => JoinEnd::Stopped,
            };
            Happened::Answer(ticket, Answer::Ended { a_to_b, b_to_a, how })
        });
    }
}

/// A connection through which octets will flow: small pieces at once, a vanished peer is noticed.
fn prepare(stream: &TcpStream, stall: Duration) {
    let tuned = socket::control(stream).and_then(|()| socket::vanishes_after(stream, stall));
    if let Err(error) = tuned {
        // It will fail by itself when it is used.
        tracing::debug!(%error, "cannot tune a connection");
    }
}

async fn resolve(ticket: Ticket, host: String, port: u16) -> Happened {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let found: io::Result<Vec<SocketAddr>> = match literal {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => lookup_host((host, port)).await.map(|found| found.take(MOST_ADDRESSES).collect()),
    };
    let answer = match found {
        Ok(addresses) if !addresses.is_empty() => Answer::Resolved(addresses),
        Ok(_) => Answer::Failed(Code::Resolve, "the name has no address".to_owned()),
        Err(error) => Answer::Failed(Code::Resolve, error.to_string()),
    };
    Happened::Answer(ticket, answer)
}

fn failed(error: &io::Error) -> Answer {
    use io::ErrorKind as Kind;
    let refused = error.kind() == Kind::ConnectionRefused;
    let no_way = [Kind::HostUnreachable, Kind::NetworkUnreachable, Kind::TimedOut, Kind::ConnectionReset];
    let code = if refused {
        Code::ConnectionRefused
    } else if no_way.contains(&error.kind()) {
        Code::Unreachable
    } else {
        Code::Internal
    };
    Answer::Failed(code, error.to_string())
}

const fn side(which: Which) -> Side {
    match which {
        Which::A => Side::A,
        Which::B => Side::B,
    }
}

/// Of one name.
const MOST_ADDRESSES: usize = 16;
/// Out of descriptors: some will be closed.
const PAUSE: Duration = Duration::from_millis(100);
