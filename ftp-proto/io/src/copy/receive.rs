//! A connection to a file: splice where it can be, else read and write.

use std::fs::File;
use std::io::{self, Write};
use std::net;

use ftp_proto::coding::FromWire;

use super::burst::{Step, Way, Work, run};
use super::data::open;
#[cfg(target_os = "linux")]
use super::splice::{Drained, Filled, Pipe};
use super::{Coding, Ended, Meter, Moved};
use crate::connection::Layer;
use crate::tls::Data;

/// Writes what `conn` brings to `file`, from the file's position on. Only a connection that was
/// closed in order is [`Ended::Whole`] (E10), inside TLS by close_notify. Gives the file back, whatever happened; where the copy
/// does not succeed, or the future is dropped, the connection is reset.
pub async fn receive(conn: impl Into<Data>, file: File, coding: Coding, meter: &Meter) -> (Moved, File) {
    let how = match coding {
        Coding::Image => How::first(),
        Coding::Ascii => How::Ascii(FromWire::default()),
    };
    receive_by(how, conn.into(), file, meter).await
}

pub(super) async fn receive_by(how: How, conn: Data, file: File, meter: &Meter) -> (Moved, File) {
    let (conn, inside) = match open(conn, meter).await {
        Ok(opened) => opened,
        Err(end) => return (Moved { octets: 0, end }, file),
    };
    let how = how.under(inside.is_some());
    let (end, conn, mut work) = run(conn, Incoming { file, how, inside }, meter).await;
    if matches!(end, Ended::Whole) {
        if let (Some(inside), Some(stream)) = (&mut work.inside, conn.stream()) {
            // The peer may have gone; it has said all that it had to say.
            let _ = inside.close(stream);
        }
        conn.close();
    }
    (Moved { octets: meter.moved(), end }, work.file)
}

struct Incoming {
    file: File,
    how: How,
    inside: Option<Layer>,
}

#[derive(Debug)]
pub(super) enum How {
    #[cfg(target_os = "linux")]
    Splice(Option<Pipe>),
    Buffered,
    Ascii(FromWire),
}

impl How {
    /// The fastest for files that travel as they are.
    fn first() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Splice(None);
        #[cfg(not(target_os = "linux"))]
        return Self::Buffered;
    }

    /// The same, or what comes closest to it where the kernel does not see the file's octets.
    fn under(self, tls: bool) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) if tls => Self::Buffered,
            other => other,
        }
    }
}

impl Work for Incoming {
    const WAY: Way = Way::In;

    fn step(&mut self, conn: &net::TcpStream, room: &mut Vec<u8>) -> Step {
        match &mut self.how {
            #[cfg(target_os = "linux")]
            How::Splice(pipe) => {
                let (step, works) = splice(pipe, conn, &mut self.file, room);
                if !works {
                    self.how = How::Buffered;
                }
                step
            }
            How::Buffered => match read(conn, &mut self.inside, room) {
                Ok([]) => Step::Ended(Ended::Whole),
                Ok(piece) => written(self.file.write_all(piece), piece.len()),
                Err(error) => Step::failed(error),
            },
            How::Ascii(coding) => {
                let mut local = Vec::new();
                match read(conn, &mut self.inside, room) {
                    Ok([]) => {
                        coding.finish(&mut local);
                        match self.file.write_all(&local) {
                            Ok(()) => Step::Ended(Ended::Whole),
                            Err(error) => Step::Ended(Ended::File(error)),
                        }
                    }
                    Ok(piece) => {
                        coding.push(piece, &mut local);
                        written(self.file.write_all(&local), piece.len())
                    }
                    Err(error) => Step::failed(error),
                }
            }
        }
    }
}

/// One pipe full, and whether splice works here; where it does not nothing is lost.
#[cfg(target_os = "linux")]
fn splice(
    pipe: &mut Option<Pipe>,
    conn: &net::TcpStream,
    file: &mut File,
    room: &mut Vec<u8>,
) -> (Step, bool) {
    let pipe = match pipe {
        Some(pipe) => pipe,
        None => match Pipe::new() {
            Some(new) => pipe.insert(new),
            None => return (Step::Moved(0), false),
        },
    };
    let filled = match pipe.fill(conn) {
        Filled::End => return (Step::Ended(Ended::Whole), true),
        Filled::Octets(filled) => filled,
        Filled::Refused => return (Step::Moved(0), false),
        Filled::Failed(error) => return (Step::failed(error.into()), true),
    };
    match pipe.drain(file, filled) {
        Ok(Drained::All) => (Step::Moved(filled), true),
        Ok(Drained::Refused { left }) => {
            let rest = pipe.take(left, room).and_then(|rest| file.write_all(rest));
            (written(rest, filled), false)
        }
        Err(error) => (Step::Ended(Ended::File(error)), true),
    }
}

fn read<'a>(
    conn: &net::TcpStream,
    inside: &mut Option<Layer>,
    room: &'a mut Vec<u8>,
) -> io::Result<&'a [u8]> {
    room.resize(CHUNK, 0);
    let read = match inside {
        Some(inside) => inside.read(conn, room)?,
        None => rustix::io::read(conn, room.as_mut_slice())?,
    };
    Ok(room.get(..read).unwrap_or_default())
}

fn written(result: io::Result<()>, octets: usize) -> Step {
    match result {
        Ok(()) => Step::Moved(octets),
        Err(error) => Step::Ended(Ended::File(error)),
    }
}

/// One read of the connection, where splice is not used.
const CHUNK: usize = 256 * 1024;

/// All strategies, for the tests that compare them.
#[cfg(test)]
pub(super) fn every_way() -> Vec<How> {
    vec![How::first(), How::Buffered, How::Ascii(FromWire::default())]
}

#[cfg(test)]
impl How {
    pub(super) fn again(&self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) => Self::Splice(None),
            Self::Buffered => Self::Buffered,
            Self::Ascii(_) => Self::Ascii(FromWire::default()),
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Self::Ascii(_))
    }
}
