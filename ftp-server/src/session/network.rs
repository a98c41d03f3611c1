//! The data connections of a session: how they are opened, read, written, secured and closed.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;

use ftp_io::connection::Connection;
use ftp_io::os_error::words;
use ftp_io::{socket, tls};
use ftp_proto::server::ask::{Answer, ConnId, DataTls, Ending, Ticket};
use socket2::SockRef;

use super::done::Done;
use super::resources::Resources;

/// Listens on a reserved port, from which connections may be made at the same time (RSYM). Gives its number.
pub(super) fn listen(
    held: &mut Resources,
    ticket: Ticket,
    (reservation, connects): (Ticket, bool),
) -> Option<u16> {
    let reserved = &held.reservations.get(&reservation)?.reserved;
    let listener = if connects { reserved.listen_and_connect() } else { reserved.listen() };
    match listener {
        Ok(listener) => {
            let port = reserved.port();
            held.listen(ticket, listener);
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
    held: &mut Resources,
    ticket: Ticket,
    from: Option<Ticket>,
    (local, to): (IpAddr, SocketAddr),
) {
    let from = from.map(|from| held.reservations.get(&from).map(|port| Arc::clone(&port.reserved)));
    held.start(ticket, async move {
        let connected = match from {
            Some(Some(reserved)) => reserved.connect(to).await,
            Some(None) => Err(io::Error::other("the reserved port is gone")),
            None => socket::connect(local, to).await,
        };
        Done::Connected(ticket, connected.inspect(socket::end_by_reset))
    });
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
        let _ = SockRef::from(stream.socket()).shutdown(Shutdown::Both);
    }
}

/// Begins TLS on a data connection. It is out of reach until that is done. If it is gone already, this is
/// the answer.
pub(super) fn secure(
    held: &mut Resources,
    tls: Option<Arc<tls::Session>>,
    ticket: Ticket,
    (conn, how): (ConnId, DataTls),
) -> Option<Answer> {
    let (Some(connection), Some(tls)) = (held.take(conn), tls) else {
        return Some(Answer::Failed("the data connection is gone".to_owned()));
    };
    held.read(conn, async move {
        let secured = match connection.into_plain() {
            Some(stream) => tls.data(stream, how).await,
            None => Err(io::Error::other("the connection is inside TLS already")),
        };
        Done::Secured(ticket, conn, secured)
    });
    None
}

/// Reads at most `limit` bytes from a connection.
pub(super) fn read(held: &mut Resources, conn: ConnId, limit: usize) {
    let Some(stream) = held.borrow(conn) else { return };
    held.read(conn, async move { Done::Read(conn, read_once(&stream, limit).await) });
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
