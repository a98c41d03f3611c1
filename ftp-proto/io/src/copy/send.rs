//! A file to a connection: sendfile where it can be, otherwise read and write. A small file that is in memory needs no
//! thread.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use ftp_proto::digest::Algorithm;
#[cfg(target_os = "linux")]
use rustix::io::Errno;
use tokio::io::{AsyncWriteExt, Interest};

use super::burst::{Finished, Step, Work, run};
use super::coding::{EncodedFile, Encoder};
use super::data::{DataConnection, Detached};
use super::{Coding, CopyEnd, CopyReport, Encoding, Format, room};
use crate::hash::Digester;
use crate::meter::Meter;
use crate::tls::Data;

/// Sends `file` from `offset` (bytes of the file, whatever the coding) to its end or to the limit of
/// `format`, then closes the
/// connection in order or keeps it, as `format` says. If that does not succeed, or the future is dropped, the connection is reset. The connection is also reset if the file shrinks ([`io::ErrorKind::UnexpectedEof`]): what was sent is not whole.
///
/// The whole file has gone when the peer has closed its side in turn. A peer that keeps it open is
/// given a second. A peer that resets it now has not got everything, unless it can tell: the encoding marks the end
/// of the file, or inside TLS close_notify does, and the system has sent all of it. Until then what the peer sends
/// is read: inside TLS that may be tickets, without which the next data connection would resume nothing.
pub async fn send(
    file: File,
    offset: u64,
    data: impl Into<Data>,
    format: impl Into<Format>,
    meter: &Meter,
) -> CopyReport {
    let format = format.into();
    let end = format.limit.map_or(u64::MAX, |limit| offset.saturating_add(limit));
    let as_it_is = (format.coding, format.encoding, format.keep) == (Coding::Image, Encoding::None, false);
    let how = match format.digest {
        None if as_it_is => SendStrategy::first(),
        Some(algorithm) if as_it_is => SendStrategy::Digested(Box::new(Digested::new(algorithm))),
        None | Some(_) => SendStrategy::Coded(Box::new(Encoder::new(&format))),
    };
    send_then(how, (file, offset..end), data.into(), &format, meter).await
}

#[cfg(test)]
pub(super) async fn send_by(
    how: SendStrategy,
    file: (File, Range<u64>),
    data: Data,
    meter: &Meter,
) -> CopyReport {
    send_then(how, file, data, &Format::default(), meter).await
}

async fn send_then(
    how: SendStrategy,
    (file, part): (File, Range<u64>),
    data: Data,
    format: &Format,
    meter: &Meter,
) -> CopyReport {
    let connection = match DataConnection::open_to_send(data, meter).await {
        Ok(connection) => connection,
        Err(end) => return CopyReport::plain(0, end),
    };
    let how = how.under(connection.connection().has_tls());
    let least = file.metadata().map_or(0, |now| now.len()).min(part.end);
    let work = Outgoing { file, part, least, how };
    let Finished { end, connection, work } = run(connection, work, meter).await;
    let (end, kept) =
        DataConnection::conclude(connection, end, (format.keep, format.encoding.marks_end()), meter).await;
    let digest = work.how.digest();
    CopyReport { digest, kept, ..CopyReport::plain(meter.moved(), end) }
}

/// A file on its way to a connection.
struct Outgoing {
    file: File,
    /// What of it has not been read yet.
    part: Range<u64>,
    /// Where it ends at the earliest: its size when the copy began.
    least: u64,
    how: SendStrategy,
}

/// How a file is sent.
#[derive(Debug)]
pub(super) enum SendStrategy {
    #[cfg(target_os = "linux")]
    Sendfile,
    Buffered,
    /// It is digested on its way.
    Digested(Box<Digested>),
    /// The bytes on the connection are others than those of the file, or something is done with them.
    Coded(Box<Encoder>),
}

impl SendStrategy {
    /// The fastest for files that travel as they are.
    fn first() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Sendfile;
        #[cfg(not(target_os = "linux"))]
        return Self::Buffered;
    }

    /// The same, or what comes closest to it inside TLS, where the kernel must not see the bytes.
    fn under(self, tls: bool) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sendfile if tls => Self::Buffered,
            other => other,
        }
    }

    /// The digest that was computed, if one was wanted.
    fn digest(self) -> Option<(String, u64)> {
        match self {
            Self::Digested(digested) => Some(digested.finish()),
            Self::Coded(encoder) => encoder.digest(),
            #[cfg(target_os = "linux")]
            Self::Sendfile => None,
            Self::Buffered => None,
        }
    }
}

impl Work for Outgoing {
    const INTEREST: Interest = Interest::WRITABLE;

    fn step(&mut self, connection: &mut Detached, buffer: &mut Vec<u8>, most: usize) -> Step {
        let Self { file, part, how, .. } = self;
        let step = match how {
            #[cfg(target_os = "linux")]
            SendStrategy::Sendfile => {
                let (step, works) = sendfile(file, part, connection, most);
                if !works {
                    self.how = SendStrategy::Buffered;
                }
                step
            }
            SendStrategy::Buffered => buffered(file, (part, most), connection, buffer),
            SendStrategy::Digested(digested) => digested.step(file, (part, most), connection, buffer),
            SendStrategy::Coded(encoder) => encoder.step(connection, PIECE.min(most), |most| {
                let piece = read(file, buffer, part, most)?;
                part.start += piece.len() as u64;
                Ok(piece)
            }),
        };
        match step {
            Step::Ended(CopyEnd::Whole) if self.part.start < self.least => {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, super::SHORTER);
                Step::Ended(CopyEnd::File(error))
            }
            step @ (Step::Moved(_) | Step::Wait | Step::Ended(_)) => step,
        }
    }
}

/// One call of sendfile, and whether that works with this file; if not, nothing has moved.
#[cfg(target_os = "linux")]
fn sendfile(file: &File, part: &mut Range<u64>, connection: &Detached, most: usize) -> (Step, bool) {
    let most = at_once(part, AT_ONCE.min(most));
    if most == 0 {
        return (Step::Ended(CopyEnd::Whole), true);
    }
    let Some(socket) = connection.socket().descriptor() else { return (Step::Moved(0), false) };
    match rustix::fs::sendfile(socket, file, Some(&mut part.start), most) {
        Ok(0) => (Step::Ended(CopyEnd::Whole), true),
        Ok(sent) => (Step::Moved(sent), true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => (Step::Moved(0), false),
        Err(error) if is_of_file(error) => (Step::Ended(CopyEnd::File(error.into())), true),
        Err(error) => (Step::failed(error.into()), true),
    }
}

fn buffered(
    file: &File,
    (part, most): (&mut Range<u64>, usize),
    connection: &mut Detached,
    buffer: &mut Vec<u8>,
) -> Step {
    // What the connection does not take would have to be read again.
    let room = match connection.room() {
        Ok(room) => room,
        Err(error) => return Step::failed(error),
    };
    let piece = match read(file, buffer, part, most.min(room)) {
        Ok([]) => return Step::Ended(CopyEnd::Whole),
        Ok(piece) => piece,
        Err(error) => return Step::Ended(CopyEnd::File(error)),
    };
    Step::sent(connection.write(piece), |sent| part.start += sent as u64)
}

/// How much of `part` is taken at once, and at most `most`.
fn at_once(part: &Range<u64>, most: usize) -> usize {
    usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX).min(most)
}

/// The next piece of the file, of at most `most` bytes; nothing at the end of `part` or of the file.
fn read<'a>(file: &File, buffer: &'a mut Vec<u8>, part: &Range<u64>, most: usize) -> io::Result<&'a [u8]> {
    let read = read_at(file, room(buffer, at_once(part, most.min(PIECE))), part.start)?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Reads what the file has at `at`. A read that a signal interrupts is repeated.
fn read_at(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(room, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Whether the file has failed. sendfile reports failures of both sides by one number; these are never
/// a connection's.
#[cfg(target_os = "linux")]
fn is_of_file(error: Errno) -> bool {
    matches!(error, Errno::IO | Errno::ISDIR | Errno::NXIO | Errno::STALE | Errno::OVERFLOW | Errno::BADF)
}

/// Bytes of one call of sendfile; a connection rarely takes so much.
#[cfg(target_os = "linux")]
const AT_ONCE: usize = 8 * 1024 * 1024;

/// Bytes that are read at once where sendfile is not used.
const PIECE: usize = 256 * 1024;

/// All strategies, for the tests that compare them.
#[cfg(test)]
pub(super) fn all_strategies() -> Vec<SendStrategy> {
    let digested = SendStrategy::Digested(Box::new(Digested::new(Algorithm::Blake3)));
    vec![
        SendStrategy::first(),
        SendStrategy::Buffered,
        digested,
        SendStrategy::Coded(Box::new(Encoder::new(&Coding::Ascii.into()))),
    ]
}

#[cfg(test)]
impl SendStrategy {
    pub(super) fn again(&self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sendfile => Self::Sendfile,
            Self::Buffered => Self::Buffered,
            Self::Digested(_) => Self::Digested(Box::new(Digested::new(Algorithm::Blake3))),
            Self::Coded(_) => Self::Coded(Box::new(Encoder::new(&Coding::Ascii.into()))),
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Self::Coded(_))
    }
}

/// The digest of a file that is read once, into a buffer from which it is digested and sent.
#[derive(Debug)]
pub(super) struct Digested {
    digester: Digester,
    /// How many bytes were digested.
    count: u64,
    /// How many of them were not sent yet.
    ahead: usize,
}

impl Digested {
    /// Begins the digest of what is sent.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { digester: Digester::new(algorithm), count: 0, ahead: 0 }
    }

    /// The digest, and the number of its bytes.
    pub(super) fn finish(self) -> (String, u64) {
        (self.digester.hex(), self.count)
    }

    /// Sends what was digested; if all of it has gone, reads and digests the next piece first. `part` is what of
    /// the file was not sent. At most `most` bytes are sent.
    pub(super) fn step(
        &mut self,
        file: &File,
        (part, most): (&mut Range<u64>, usize),
        connection: &mut Detached,
        buffer: &mut Vec<u8>,
    ) -> Step {
        let rest = match self.rest(file, part, buffer) {
            Ok([]) => return Step::Ended(CopyEnd::Whole),
            Ok(rest) => rest,
            Err(error) => return Step::Ended(CopyEnd::File(error)),
        };
        Step::sent(connection.write(rest.get(..most).unwrap_or(rest)), |sent| {
            part.start += sent as u64;
            self.ahead = self.ahead.saturating_sub(sent);
        })
    }

    /// What was digested and not sent; nothing at the end of the file.
    fn rest<'a>(&mut self, file: &File, part: &Range<u64>, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        if self.ahead == 0 {
            buffer.resize(at_once(part, DIGESTED_PIECE), 0);
            let read = read_at(file, buffer, part.start)?;
            buffer.truncate(read);
            self.digester.update(buffer);
            self.ahead = buffer.len();
            self.count += buffer.len() as u64;
        } else if buffer.is_empty() {
            // A transfer that waits keeps no buffer, so the rest of its piece is read again. If it has changed, the
            // digest is not that of what is sent, and the other end finds that they differ.
            buffer.resize(self.ahead, 0);
            match file.read_exact_at(buffer, part.start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(io::Error::new(error.kind(), super::SHORTER));
                }
                read => read?,
            }
        }
        Ok(buffer.get(buffer.len().saturating_sub(self.ahead)..).unwrap_or_default())
    }
}

/// Bytes that are digested at once. They stay in the processor's own cache until they are digested and sent.
const DIGESTED_PIECE: usize = 128 * 1024;

/// Sends `bytes`, which are a whole file or the part of it that is wanted, then closes the connection in order or
/// keeps it, as `format` says. If that does not succeed, or the future is dropped, the connection is reset. As with
/// [`send`](super::send) the peer has to close its side in turn.
///
/// Everything that `format` wants is done at once, so it takes the time that a small file takes.
pub async fn send_whole(
    bytes: &[u8],
    data: impl Into<Data>,
    format: impl Into<Format>,
    meter: &Meter,
) -> CopyReport {
    let format = format.into();
    let EncodedFile { wire, digest } = match Encoder::new(&format).encode_whole(bytes) {
        Ok(encoded) => encoded,
        Err(error) => return CopyReport::plain(0, CopyEnd::File(error)),
    };
    let mut connection = match DataConnection::open(data.into(), meter).await {
        Ok(connection) => connection,
        Err(end) => return CopyReport::plain(0, end),
    };
    let end = write(&wire, &mut connection, meter).await.err().unwrap_or(CopyEnd::Whole);
    let ends = (format.keep, format.encoding.marks_end());
    let (end, kept) = DataConnection::conclude(Some(connection), end, ends, meter).await;
    CopyReport { digest, kept, ..CopyReport::plain(meter.moved(), end) }
}

async fn write(bytes: &[u8], connection: &mut DataConnection, meter: &Meter) -> Result<(), CopyEnd> {
    let mut rest = bytes;
    // Nearly always a new connection takes everything, though nobody knows yet that it is ready.
    if meter.allowance().is_ok_and(|most| most >= rest.len()) && !meter.is_stopped() {
        match connection.connection().write_now(rest) {
            Ok(count) => rest = advance(rest, count, meter),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(CopyEnd::Broken(error)),
        }
    }
    while !rest.is_empty() {
        let most = meter.turn().await.ok_or(CopyEnd::Stopped)?;
        let piece = rest.get(..most).unwrap_or(rest);
        let written = meter.unless_stopped(connection.connection_mut().write(piece)).await;
        let count = written.ok_or(CopyEnd::Stopped)?.map_err(CopyEnd::Broken)?;
        rest = advance(rest, count, meter);
    }
    Ok(())
}

/// Counts what has moved. Returns what follows it.
fn advance<'a>(bytes: &'a [u8], count: usize, meter: &Meter) -> &'a [u8] {
    meter.add(count);
    bytes.get(count..).unwrap_or_default()
}
