//! A file to a connection: sendfile where it can be, else read and write.

use std::fs::File;
use std::io;
use std::net;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use ftp_proto::coding::ToWire;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::burst::{Conn, Step, Way, Work, run};
use super::data::open;
use super::{Coding, Ended, Meter, Moved};
use crate::connection::Layer;
use crate::tls::Data;

/// Sends `file` from `offset` (octets of the file, whatever the coding) to its end, then closes the
/// connection in order. Where that does not succeed, or the future is dropped, the connection is
/// reset.
///
/// The whole file has gone when the peer has closed its side in turn; a peer that keeps it open is
/// given a second, a peer that resets it now has not got everything. Until then what it sends is read:
/// inside TLS that may be tickets, without which the next data connection would resume nothing.
pub async fn send(file: File, offset: u64, conn: impl Into<Data>, coding: Coding, meter: &Meter) -> Moved {
    let how = match coding {
        Coding::Image => How::first(),
        Coding::Ascii => How::Ascii(Encoder::default()),
    };
    send_by(how, file, offset, conn.into(), meter).await
}

pub(super) async fn send_by(how: How, file: File, offset: u64, conn: Data, meter: &Meter) -> Moved {
    let (conn, inside) = match open(conn, meter).await {
        Ok(opened) => opened,
        Err(end) => return Moved { octets: 0, end },
    };
    let work = Outgoing { file, offset, how: how.under(inside.is_some()), inside };
    let (ended, conn, work) = run(conn, work, meter).await;
    let end = match ended {
        Ended::Whole => finish(conn, work.inside, meter).await,
        Ended::Broken(_) | Ended::Stopped | Ended::File(_) => ended,
    };
    Moved { octets: meter.moved(), end }
}

/// Says that this was all, and waits for the peer to see it.
pub(super) async fn finish(conn: Conn, mut inside: Option<Layer>, meter: &Meter) -> Ended {
    let Some(stream) = conn.stream() else { return Ended::Stopped };
    if let Some(inside) = &mut inside
        && let Err(end) = said(inside, stream, meter).await
    {
        return end;
    }
    if let Err(error) = rustix::net::shutdown(stream, rustix::net::Shutdown::Write) {
        return Ended::Broken(error.into());
    }
    let seen = tokio::select! {
        () = meter.stopped() => return Ended::Stopped,
        seen = tokio::time::timeout(FAREWELL, peer_closes(stream, inside)) => seen,
    };
    if let Ok(Err(error)) = seen {
        return Ended::Broken(error);
    }
    conn.close();
    Ended::Whole
}

/// The rest of what TLS holds, and close_notify.
async fn said(inside: &mut Layer, stream: &TcpStream, meter: &Meter) -> Result<(), Ended> {
    let mut flush = inside.close(stream);
    while let Err(error) = flush {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(Ended::Broken(error));
        }
        flush = stream.try_io(Interest::WRITABLE, || inside.flush(stream));
        if flush.is_err() {
            tokio::select! {
                () = meter.stopped() => return Err(Ended::Stopped),
                ready = stream.ready(Interest::WRITABLE) => drop(ready.map_err(Ended::Broken)?),
            }
        }
    }
    Ok(())
}

async fn peer_closes(stream: &TcpStream, mut inside: Option<Layer>) -> io::Result<()> {
    let mut ignored = [0; 512];
    loop {
        let read = match &mut inside {
            // It has got everything, or it has not, and its server says so: how it ends this is its own affair.
            Some(inside) => match stream.try_io(Interest::READABLE, || inside.read(stream, &mut ignored)) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
            None => stream.try_read(&mut ignored),
        };
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.ready(Interest::READABLE).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

struct Outgoing {
    file: File,
    offset: u64,
    how: How,
    inside: Option<Layer>,
}

#[derive(Debug)]
pub(super) enum How {
    #[cfg(target_os = "linux")]
    Sendfile,
    Buffered,
    Ascii(Encoder),
}

impl How {
    /// The fastest for files that travel as they are.
    fn first() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Sendfile;
        #[cfg(not(target_os = "linux"))]
        return Self::Buffered;
    }

    /// The same, or what comes closest to it where the kernel must not see the file's octets.
    fn under(self, tls: bool) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sendfile if tls => Self::Buffered,
            other => other,
        }
    }
}

/// What is encoded and not yet sent.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    coding: ToWire,
    wire: Vec<u8>,
    sent: usize,
}

impl Work for Outgoing {
    const WAY: Way = Way::Out;

    fn step(&mut self, conn: &net::TcpStream, room: &mut Vec<u8>) -> Step {
        match &mut self.how {
            #[cfg(target_os = "linux")]
            How::Sendfile => match rustix::fs::sendfile(conn, &self.file, Some(&mut self.offset), AT_ONCE) {
                Ok(0) => Step::Ended(Ended::Whole),
                Ok(sent) => Step::Moved(sent),
                // This file system or kernel cannot; nothing has moved.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    self.how = How::Buffered;
                    Step::Moved(0)
                }
                Err(error) if is_of_file(error) => Step::Ended(Ended::File(error.into())),
                Err(error) => Step::failed(error.into()),
            },
            How::Buffered => {
                room.resize(CHUNK, 0);
                let piece = match read(&self.file, room, self.offset) {
                    Ok([]) => return Step::Ended(Ended::Whole),
                    Ok(piece) => piece,
                    Err(error) => return Step::Ended(Ended::File(error)),
                };
                match write(conn, &mut self.inside, piece) {
                    Ok(sent) => {
                        self.offset += sent as u64;
                        Step::Moved(sent)
                    }
                    Err(error) => Step::failed(error),
                }
            }
            How::Ascii(encoder) => {
                if encoder.sent == encoder.wire.len() {
                    room.resize(CHUNK, 0);
                    let piece = match read(&self.file, room, self.offset) {
                        Ok([]) => return Step::Ended(Ended::Whole),
                        Ok(piece) => piece,
                        Err(error) => return Step::Ended(Ended::File(error)),
                    };
                    self.offset += piece.len() as u64;
                    encoder.sent = 0;
                    encoder.wire.clear();
                    encoder.coding.push(piece, &mut encoder.wire);
                }
                let piece = encoder.wire.get(encoder.sent..).unwrap_or_default();
                match write(conn, &mut self.inside, piece) {
                    Ok(sent) => {
                        encoder.sent += sent;
                        Step::Moved(sent)
                    }
                    Err(error) => Step::failed(error),
                }
            }
        }
    }
}

fn read<'a>(file: &File, room: &'a mut [u8], offset: u64) -> io::Result<&'a [u8]> {
    loop {
        match file.read_at(room, offset) {
            Ok(read) => return Ok(room.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn write(conn: &net::TcpStream, inside: &mut Option<Layer>, piece: &[u8]) -> io::Result<usize> {
    match inside {
        Some(inside) => inside.write(conn, piece),
        None => Ok(rustix::io::write(conn, piece)?),
    }
}

/// sendfile tells failures of both sides by one number. These are never a connection's.
#[cfg(target_os = "linux")]
fn is_of_file(error: Errno) -> bool {
    matches!(error, Errno::IO | Errno::ISDIR | Errno::NXIO | Errno::STALE | Errno::OVERFLOW | Errno::BADF)
}

/// One call of sendfile; a connection rarely takes so much.
#[cfg(target_os = "linux")]
const AT_ONCE: usize = 8 * 1024 * 1024;

/// One piece of the file, where sendfile is not used.
const CHUNK: usize = 256 * 1024;

/// How long the peer may take to close its side after the end of the file.
const FAREWELL: Duration = Duration::from_secs(1);

/// All strategies, for the tests that compare them.
#[cfg(test)]
pub(super) fn every_way() -> Vec<How> {
    vec![How::first(), How::Buffered, How::Ascii(Encoder::default())]
}

#[cfg(test)]
impl How {
    pub(super) fn again(&self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sendfile => Self::Sendfile,
            Self::Buffered => Self::Buffered,
            Self::Ascii(_) => Self::Ascii(Encoder::default()),
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Self::Ascii(_))
    }
}
