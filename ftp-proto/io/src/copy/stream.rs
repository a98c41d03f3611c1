//! A listing to a connection, as it is made.

use std::io;
use std::ops::ControlFlow;

use super::burst::{Direction, Finished, Step, Work, run};
use super::data::{DataConnection, Detached};
use super::encode::ModeWriter;
use super::outcome::{CopyEnd, CopyReport, Encoding};
use crate::meter::Meter;
use crate::tls::Data;

/// What makes a listing, a piece at a time, while it is sent.
pub trait Pieces: Send + 'static {
    /// Appends the next piece to `room`, line ends included, and says whether another one may follow.
    /// A piece may be empty. This may block on the disk, but not for long: a transfer that is to stop
    /// waits for it.
    ///
    /// # Errors
    /// The listing cannot be read further. What is in `room` is not sent.
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>>;

    /// Whether the bytes mark their own end.
    fn mark_end(&self) -> bool {
        false
    }
}

/// A listing that does not cross the connection as it is (MODE B, MODE Z).
#[derive(Debug)]
pub struct Encoded<P> {
    pieces: P,
    writer: Option<ModeWriter>,
    plain: Vec<u8>,
}

impl<P> Encoded<P> {
    /// Encodes what `pieces` makes.
    pub fn new(pieces: P, encoding: Encoding) -> Self {
        Self { pieces, writer: ModeWriter::new(encoding), plain: Vec::new() }
    }

    /// What makes the listing.
    pub fn into_inner(self) -> P {
        self.pieces
    }
}

impl<P: Pieces> Pieces for Encoded<P> {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let Some(writer) = &mut self.writer else { return self.pieces.next(room) };
        self.plain.clear();
        let more = self.pieces.next(&mut self.plain)?;
        writer.encode(&self.plain, more.is_break(), room)?;
        Ok(more)
    }

    fn mark_end(&self) -> bool {
        self.writer.is_some()
    }
}

/// Sends all `pieces`, then closes the connection in order, or keeps it if `keep` ([`CopyReport::kept`]). A piece is made and sent on one thread that
/// may block, and the next one is not made before the connection has taken it. So a peer that does not
/// read costs one piece and no thread. An error in `pieces` ends the copy as [`CopyEnd::File`]. Unless all
/// of it was sent, or if the future is dropped, the connection is reset.
///
/// Returns `pieces`, unless the connection was not there to begin with.
pub async fn send_pieces<P: Pieces>(
    pieces: P,
    data: impl Into<Data>,
    keep: bool,
    meter: &Meter,
) -> (CopyReport, P) {
    let connection = match DataConnection::open_to_send(data.into(), meter).await {
        Ok(connection) => connection,
        Err(end) => return (CopyReport::plain(0, end), pieces),
    };
    let work = Outgoing { pieces, piece: Vec::new(), sent: 0, last: false };
    let Finished { end, connection, work } = run(connection, work, meter).await;
    let (end, kept) = match (end, connection) {
        (CopyEnd::Whole, Some(connection)) if keep => connection.keep(meter).await,
        (CopyEnd::Whole, Some(connection)) => (connection.finish(work.pieces.mark_end(), meter).await, None),
        (end, _) => (end, None),
    };
    (CopyReport { kept, ..CopyReport::plain(meter.moved(), end) }, work.pieces)
}

/// A listing on its way to a connection.
struct Outgoing<P> {
    pieces: P,
    /// The piece that is being sent.
    piece: Vec<u8>,
    /// How much of it the connection has taken.
    sent: usize,
    /// Whether no other piece follows it.
    last: bool,
}

impl<P: Pieces> Work for Outgoing<P> {
    const DIRECTION: Direction = Direction::Out;
    /// A directory takes a hundred times as long as a file of the same length. Each burst costs two changes of the
    /// thread: four times as many take 2 to 3 % more of the processor.
    const QUOTA: usize = 1024 * 1024;

    fn step(&mut self, connection: &mut Detached, _: &mut Vec<u8>, most: usize) -> Step {
        if self.sent == self.piece.len() {
            if self.last {
                return Step::Ended(CopyEnd::Whole);
            }
            self.piece.clear();
            self.sent = 0;
            match self.pieces.next(&mut self.piece) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => self.last = true,
                Err(error) => return Step::Ended(CopyEnd::File(error)),
            }
        }
        let rest = self.piece.get(self.sent..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        if rest.is_empty() {
            return Step::Moved(0);
        }
        match connection.write(rest) {
            Ok(sent) => {
                self.sent += sent;
                Step::Moved(sent)
            }
            Err(error) => Step::failed(error),
        }
    }
}
