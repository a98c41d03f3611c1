//! TLS under a copy: its octets pass a buffer, and only close_notify is the end of a file (I03).

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsFd;

use rustls::ClientConnection;

use super::burst::Conn;
use super::{Ended, Meter};
use crate::tls::{Data, Stream, cut_short};

/// TLS on a connection whose handshake is done. Nothing here waits: what cannot be done now is
/// [`io::ErrorKind::WouldBlock`].
#[derive(Debug)]
pub(super) struct Inside {
    session: Box<ClientConnection>,
    /// What has come and TLS has not taken yet.
    came: Vec<u8>,
    taken: usize,
}

impl Inside {
    fn new(mut session: ClientConnection) -> Self {
        session.set_buffer_limit(Some(PIECE));
        Self { session: Box::new(session), came: Vec::new(), taken: 0 }
    }

    /// Octets of the file; 0 is its end. An end without close_notify is
    /// [`io::ErrorKind::UnexpectedEof`].
    pub(super) fn read(&mut self, socket: &impl AsFd, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(socket)?,
                read => return read.map_err(cut_short),
            }
        }
    }

    /// More of what the peer has sent, at least its end.
    fn receive(&mut self, socket: &impl AsFd) -> io::Result<()> {
        if self.taken == self.came.len() {
            self.came.resize(PIECE, 0);
            self.taken = 0;
            let came = rustix::io::read(socket, self.came.as_mut_slice());
            self.came.truncate(*came.as_ref().unwrap_or(&0));
            came?;
        }
        let mut rest = self.came.get(self.taken..).unwrap_or_default();
        self.taken += self.session.read_tls(&mut rest)?;
        let processed = self.session.process_new_packets();
        // A new key, or what the peer has done wrong: nobody waits until it has gone.
        let _ = self.flush(socket);
        processed.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Takes some of `piece`; it may still be here when this returns.
    pub(super) fn write(&mut self, socket: &impl AsFd, piece: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.session.writer().write(piece)?;
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(taken),
        }
    }

    /// Sends what is still here.
    pub(super) fn flush(&mut self, socket: &impl AsFd) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Wire(socket))?;
        }
        Ok(())
    }

    /// Says that nothing more will come, as far as the connection takes it.
    pub(super) fn farewell(&mut self, socket: &impl AsFd) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush(socket)
    }
}

/// A data connection as copies use it: the socket, and TLS where there is TLS. It is reset when it is
/// dropped, from before the handshake on: nobody takes that for close_notify.
pub(super) async fn open(data: Data, meter: &Meter) -> Result<(Conn, Option<Inside>), Ended> {
    let private = match data {
        Data::Clear(stream) => return Ok((Conn::new(stream), None)),
        Data::Private(private) => private,
    };
    crate::socket::end_by_reset(private.socket());
    tokio::select! {
        () = meter.stopped() => Err(Ended::Stopped),
        shaken = private.shake() => {
            let (stream, session) = shaken.map(Stream::into_parts).map_err(Ended::Broken)?;
            Ok((Conn::new(stream), Some(Inside::new(session))))
        }
    }
}

/// A socket for rustls.
struct Wire<'a, S>(&'a S);

impl<S: AsFd> Write for Wire<'_, S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, octets)?)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(self.0, pieces)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One read of the socket, and what TLS may keep.
const PIECE: usize = 64 * 1024;
