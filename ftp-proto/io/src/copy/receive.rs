//! A connection to a file: splice where it can be, else read and write.

use std::fs::File;
use std::io::{self, Write};
use std::net;

use ftp_proto::coding::FromWire;
use rustix::io::Errno;
use tokio::net::TcpStream;

use super::burst::{Conn, Step, Way, Work, run};
#[cfg(target_os = "linux")]
use super::splice::{Drained, Filled, Pipe};
use super::{Coding, Ended, Meter, Moved};

/// Writes what `conn` brings to `file`, from the file's position on. Only a connection that was
/// closed in order is [`Ended::Whole`] (E10). Gives the file back, whatever happened; where the copy
/// does not succeed, or the future is dropped, the connection is reset.
pub async fn receive(conn: TcpStream, file: File, coding: Coding, meter: &Meter) -> (Moved, File) {
    let how = match coding {
        Coding::Image => How::first(),
        Coding::Ascii => How::Ascii(FromWire::default()),
    };
    receive_by(how, conn, file, meter).await
}

pub(super) async fn receive_by(how: How, conn: TcpStream, file: File, meter: &Meter) -> (Moved, File) {
    let (end, conn, work) = run(Conn::new(conn), Incoming { file, how }, meter).await;
    if matches!(end, Ended::Whole) {
        conn.close();
    }
    (Moved { octets: meter.moved(), end }, work.file)
}

struct Incoming {
    file: File,
    how: How,
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
            How::Buffered => match read(conn, room) {
                Ok([]) => Step::Ended(Ended::Whole),
                Ok(piece) => written(self.file.write_all(piece), piece.len()),
                Err(error) => unread(error),
            },
            How::Ascii(coding) => {
                let mut local = Vec::new();
                match read(conn, room) {
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
                    Err(error) => unread(error),
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
        Filled::Failed(error) => return (unread(error), true),
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

fn read<'a>(conn: &net::TcpStream, room: &'a mut Vec<u8>) -> Result<&'a [u8], Errno> {
    room.resize(CHUNK, 0);
    let read = rustix::io::read(conn, room.as_mut_slice())?;
    Ok(room.get(..read).unwrap_or_default())
}

fn unread(error: Errno) -> Step {
    match error {
        Errno::AGAIN => Step::Wait,
        Errno::INTR => Step::Moved(0),
        other => Step::Ended(Ended::Broken(other.into())),
    }
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
