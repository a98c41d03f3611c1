//! The data ports of a session, and its data connections: how they are opened, read, written, secured and closed.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use ftp_io::connection::Connection;
use ftp_io::os_error::words;
use ftp_io::socket::{self, ACCEPT_RETRY_DELAY, Congestion, Listener, Stream};
use ftp_proto::address::Parity;
use ftp_proto::server::ask::{Answer, ConnId, DataTls, Ending, Ticket};
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::context::{Context, WorkResult};
use super::resources::Resources;
use crate::limits::{DataPort, MAX_ANONYMOUS_PORTS};
use crate::operate::audit::Record;

/// Listens on a reserved port, from which connections may be made at the same time (RSYM). Gives its number.
pub(super) fn listen(
    cx: &mut Context,
    ticket: Ticket,
    (reservation, connects): (Ticket, bool),
) -> Option<u16> {
    let held = &mut cx.held;
    let reserved = &held.reservations.get(&reservation)?.reserved;
    let listener = if connects { reserved.listen_and_connect() } else { reserved.listen() };
    match listener {
        Ok(listener) => {
            let port = reserved.port();
            held.listen(ticket, DataListener::new(listener, cx.shared.congestion.clone()));
            Some(port)
        }
        Err(error) => {
            tracing::warn!(error = words(&error), at = %reserved.local(), "cannot listen on a data port");
            None
        }
    }
}

/// Connects to `to`; with `from`, from that reserved port or not at all (B03).
pub(super) fn connect(
    cx: &mut Context,
    ticket: Ticket,
    from: Option<Ticket>,
    (local, to): (IpAddr, SocketAddr),
) {
    let (held, congestion) = (&mut cx.held, cx.shared.congestion.clone());
    let from = from.map(|from| held.reservations.get(&from).map(|port| Arc::clone(&port.reserved)));
    held.start(ticket, async move {
        let connected = match from {
            Some(Some(reserved)) => reserved.connect(to).await,
            Some(None) => Err(io::Error::other("the reserved port is gone")),
            None => socket::connect(local, to).await,
        };
        WorkResult::Connected(ticket, connected.inspect(|stream| prepare(stream, congestion.as_ref())))
    });
}

/// Prepares a new data connection: it ends by reset, and uses the congestion control of the operator.
fn prepare(stream: &Stream, congestion: Option<&Congestion>) {
    socket::end_by_reset(stream);
    if let Some(congestion) = congestion {
        congestion.apply(stream);
    }
}

/// Closes a connection, even while it is being read.
pub(super) fn close(held: &mut Resources, conn: ConnId, how: Ending) {
    if !held.end_kept(conn)
        && let Some(stream) = held.remove(conn)
    {
        match how {
            Ending::Close => socket::end_in_order(stream.socket()),
            Ending::Reset => {}
        }
    }
}

/// Writes a hello or a proof. It fits into the empty buffer of a new connection; if it does not,
/// the connection is broken, and its reader finds out.
pub(super) fn write(held: &Resources, conn: ConnId, bytes: &[u8]) {
    if let Some(stream) = held.borrow(conn)
        && !stream.write_at_once(bytes)
    {
        let _ = stream.socket().shut_down(Shutdown::Both);
    }
}

/// Begins TLS on a data connection. It is out of reach until that is done.
pub(super) fn secure(cx: &mut Context, ticket: Ticket, (conn, how): (ConnId, DataTls)) {
    let (Some(connection), Some(tls)) = (cx.held.take(conn), cx.tls.clone()) else {
        return cx.answer(ticket, Answer::Failed("the data connection is gone".to_owned()));
    };
    cx.held.read(conn, async move {
        let secured = match connection.into_plain() {
            Some(stream) => tls.data(stream, how).await,
            None => Err(io::Error::other("the connection is inside TLS already")),
        };
        WorkResult::Secured(ticket, conn, secured)
    });
}

/// Reads at most `limit` bytes from a connection.
pub(super) fn read(held: &mut Resources, conn: ConnId, limit: usize) {
    let Some(stream) = held.borrow(conn) else { return };
    held.read(conn, async move { WorkResult::Read(conn, read_once(&stream, limit).await) });
}

async fn read_once(stream: &Connection, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; limit];
    loop {
        match stream.try_read(&mut bytes) {
            Ok(count) => {
                bytes.truncate(count);
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.socket().readable().await?,
            Err(error) => return Err(error),
        }
    }
}

/// Reserves a data port. If none is free, others may have to give one back first; `needed` is signalled when
/// this session has to.
pub(super) fn reserve(
    cx: &mut Context,
    needed: &Arc<Notify>,
    ticket: Ticket,
    (at, parity): (IpAddr, Parity),
) {
    if !may_reserve(cx, 1) {
        return cx.answer(ticket, Answer::Port(None));
    }
    let ports = Arc::clone(&cx.shared.shares.ports);
    let (owner, needed) = (cx.client.owner.clone(), Arc::clone(needed));
    cx.start(
        ticket,
        async move { WorkResult::Reserved(ticket, ports.reserve(at, owner, &needed, parity).await) },
    );
}

/// Reserves two data ports in the same way.
pub(super) fn reserve_pair(cx: &mut Context, needed: &Arc<Notify>, tickets: [Ticket; 2], at: IpAddr) {
    let [ticket, _] = tickets;
    if !may_reserve(cx, 2) {
        return cx.answer(ticket, Answer::Port(None));
    }
    let ports = Arc::clone(&cx.shared.shares.ports);
    let (owner, needed) = (cx.client.owner.clone(), Arc::clone(needed));
    cx.start(ticket, async move {
        WorkResult::ReservedPair(tickets, ports.reserve_pair(at, owner, &needed).await)
    });
}

/// Data ports were reserved under these names; the machine is told the first one.
pub(super) fn reserved<const N: usize>(held: &mut Resources, ports: [(Ticket, DataPort); N]) -> Answer {
    let number = ports.first().map(|(_, port)| port.reserved.port());
    held.reservations.extend(ports);
    Answer::Port(number)
}

/// Answers that no data port could be reserved.
pub(super) fn no_port(cx: &Context, error: &io::Error) -> Answer {
    cx.shared.record(&Record::NoPort { owner: &cx.client.owner, error: words(error) });
    Answer::Port(None)
}

/// Whether the session may have `more` data ports.
fn may_reserve(cx: &Context, more: usize) -> bool {
    !cx.client.owner.is_anonymous() || cx.held.reservations.len() + more <= MAX_ANONYMOUS_PORTS
}

/// A data port where peers may connect.
#[derive(Debug)]
pub(super) struct DataListener {
    listener: Listener,
    /// What its connections use; `None` means the choice of the system.
    congestion: Option<Congestion>,
    /// The rest after `accept` has failed.
    pause: Option<Pin<Box<Sleep>>>,
}

impl DataListener {
    pub(super) const fn new(listener: Listener, congestion: Option<Congestion>) -> Self {
        Self { listener, congestion, pause: None }
    }

    /// The next connection, which is prepared.
    fn poll_accept(&mut self, cx: &mut task::Context<'_>) -> Poll<(Stream, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, from)) => {
                    prepare(&stream, self.congestion.as_ref());
                    return Poll::Ready((stream, from));
                }
                Err(error) => {
                    tracing::warn!(error = words(&error), "cannot accept a data connection");
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_RETRY_DELAY)));
                }
            }
        }
    }
}

/// A connection that has come to a data port.
pub(super) struct Arrival {
    pub(super) listener: Ticket,
    pub(super) stream: Stream,
    pub(super) from: SocketAddr,
}

/// The next connection at any of these data ports.
pub(super) fn poll_accept(
    listeners: &mut HashMap<Ticket, DataListener>,
    cx: &mut task::Context<'_>,
) -> Poll<Arrival> {
    for (ticket, listening) in listeners {
        if let Poll::Ready((stream, from)) = listening.poll_accept(cx) {
            return Poll::Ready(Arrival { listener: *ticket, stream, from });
        }
    }
    Poll::Pending
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::poll_fn;

    use ftp_io::socket::{Ports, TcpSettings};
    use rustix::net::sockopt::tcp_congestion;

    use super::*;

    #[tokio::test]
    async fn a_data_connection_uses_what_the_operator_has_chosen_else_what_the_system_has() {
        // Every Linux has Reno, and lets every user use it.
        let of_system = TcpSettings::of_host().congestion.unwrap();
        for (chosen, expect) in [(Some("reno"), "reno"), (None, of_system.as_str())] {
            let reserved = Ports::new(None).reserve([127, 0, 0, 2].into(), Parity::Any).unwrap();
            let chosen: Option<Congestion> = chosen.map(|name| name.parse().unwrap());
            let mut listener = DataListener::new(reserved.listen().unwrap(), chosen);
            let connecting = socket::connect([127, 0, 0, 3].into(), reserved.local());
            let (connected, (accepted, _)) = tokio::join!(connecting, poll_fn(|cx| listener.poll_accept(cx)));
            assert_eq!(tcp_congestion(accepted.tcp().unwrap()).unwrap(), expect);
            drop(connected);
        }
    }
}
