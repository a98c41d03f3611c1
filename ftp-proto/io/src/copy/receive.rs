//! A connection to a file: splice where it can be, otherwise read and write.

use std::fs::File;
use std::io::{self, Write};

use super::burst::{Direction, Step, Work, run};
use super::data::{DataConnection, Detached};
use super::decode::Decoder;
#[cfg(test)]
use super::outcome::Coding;
use super::outcome::{Ended, Format, Moved};
#[cfg(target_os = "linux")]
use super::pipe::{Drained, Filled, LARGE, Pipe};
use super::sink::Sink;
use crate::meter::Meter;
use crate::tls::Data;

/// Writes what `data` brings to `file`, from the file's position on. Only a connection that was closed
/// in order is [`Ended::Whole`] (E10), inside TLS by close_notify. Gives the file back in any case. If
/// the copy does not succeed, or the future is dropped, the connection is reset.
pub async fn receive(
    data: impl Into<Data>,
    sink: impl Into<Sink>,
    format: impl Into<Format>,
    meter: &Meter,
) -> (Moved, File) {
    let format = format.into();
    let how =
        if format == Format::default() { How::first() } else { How::Coded(Box::new(Decoder::new(&format))) };
    receive_then(how, data.into(), sink.into(), format.keep, meter).await
}

#[cfg(test)]
pub(super) async fn receive_by(how: How, data: Data, sink: impl Into<Sink>, meter: &Meter) -> (Moved, File) {
    receive_then(how, data, sink.into(), false, meter).await
}

async fn receive_then(how: How, data: Data, sink: Sink, keep: bool, meter: &Meter) -> (Moved, File) {
    let connection = match DataConnection::open(data, meter).await {
        Ok(connection) => connection,
        Err(end) => return (Moved::plain(0, end), sink.file),
    };
    let how = how.under(connection.connection().has_tls());
    let (end, connection, work) = run(connection, Incoming { sink, how }, meter).await;
    let (end, kept) = match (end, connection) {
        (Ended::Whole, Some(connection)) if keep => connection.keep(meter).await,
        (Ended::Whole, Some(connection)) => {
            connection.close();
            (Ended::Whole, None)
        }
        (end, _) => (end, None),
    };
    let digest = work.how.digest();
    (Moved { digest, kept, ..Moved::plain(meter.moved(), end) }, work.sink.file)
}

/// A file that comes from a connection.
struct Incoming {
    sink: Sink,
    how: How,
}

/// How a file is received.
#[derive(Debug)]
pub(super) enum How {
    #[cfg(target_os = "linux")]
    Splice(Option<Pipe>),
    Buffered,
    /// The bytes on the connection are others than those of the file, or something is done with them.
    Coded(Box<Decoder>),
}

impl How {
    /// The fastest for files that travel as they are.
    fn first() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Splice(None);
        #[cfg(not(target_os = "linux"))]
        return Self::Buffered;
    }

    /// The same, or what comes closest to it inside TLS, where the kernel does not see the bytes.
    fn under(self, tls: bool) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) if tls => Self::Buffered,
            other => other,
        }
    }

    /// The digest that was computed, if one was wanted.
    fn digest(self) -> Option<(String, u64)> {
        match self {
            Self::Coded(decoder) => decoder.digest(),
            #[cfg(target_os = "linux")]
            Self::Splice(_) => None,
            Self::Buffered => None,
        }
    }
}

impl Work for Incoming {
    const DIRECTION: Direction = Direction::In;

    fn step(&mut self, connection: &mut Detached, buffer: &mut Vec<u8>, most: usize) -> Step {
        let Self { sink, how } = self;
        match how {
            #[cfg(target_os = "linux")]
            How::Splice(pipe) => {
                let (step, works) = splice(pipe, connection, sink, (buffer, most));
                if !works {
                    self.how = How::Buffered;
                }
                step
            }
            How::Buffered => match read(connection, buffer, most) {
                Ok([]) => Step::Ended(Ended::Whole),
                Ok(piece) => written(sink.write(piece), piece.len()),
                Err(error) => Step::failed(error),
            },
            How::Coded(decoder) => decoder.step(sink, PIECE.min(most), |most| read(connection, buffer, most)),
        }
    }
}

/// One pipe full, and whether splice works here; if not, nothing is lost.
#[cfg(target_os = "linux")]
fn splice(
    pipe: &mut Option<Pipe>,
    connection: &Detached,
    sink: &mut Sink,
    (buffer, most): (&mut Vec<u8>, usize),
) -> (Step, bool) {
    let pipe = match pipe {
        Some(pipe) => pipe,
        None => match Pipe::of(LARGE) {
            Some(new) => pipe.insert(new),
            None => return (Step::Moved(0), false),
        },
    };
    let filled = match pipe.fill(connection.socket(), most) {
        Filled::End => return (Step::Ended(Ended::Whole), true),
        Filled::Bytes(filled) => filled,
        Filled::Refused => return (Step::Moved(0), false),
        Filled::Failed(error) => return (Step::failed(error.into()), true),
    };
    if let Err(error) = sink.take(filled) {
        return (Step::Ended(Ended::File(error)), true);
    }
    match pipe.drain(&sink.file, filled) {
        Ok(Drained::All) => (Step::Moved(filled), true),
        Ok(Drained::Refused { left }) => {
            let rest = pipe.take(left, buffer).and_then(|rest| sink.file.write_all(rest));
            (written(rest, filled), false)
        }
        Err(error) => (Step::Ended(Ended::File(error)), true),
    }
}

/// What has come, at most `most` bytes.
fn read<'a>(connection: &mut Detached, buffer: &'a mut Vec<u8>, most: usize) -> io::Result<&'a [u8]> {
    buffer.resize(PIECE.min(most), 0);
    let read = connection.read(buffer)?;
    Ok(buffer.get(..read).unwrap_or_default())
}

fn written(result: io::Result<()>, bytes: usize) -> Step {
    match result {
        Ok(()) => Step::Moved(bytes),
        Err(error) => Step::Ended(Ended::File(error)),
    }
}

/// Bytes that are read at once where splice is not used.
const PIECE: usize = 256 * 1024;

/// All strategies, for the tests that compare them.
#[cfg(test)]
pub(super) fn all_strategies() -> Vec<How> {
    vec![How::first(), How::Buffered, How::Coded(Box::new(Decoder::new(&Coding::Ascii.into())))]
}

#[cfg(test)]
impl How {
    pub(super) fn again(&self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) => Self::Splice(None),
            Self::Buffered => Self::Buffered,
            Self::Coded(_) => Self::Coded(Box::new(Decoder::new(&Coding::Ascii.into()))),
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Self::Coded(_))
    }
}
