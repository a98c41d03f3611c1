//! A directory as the lines of LIST, NLST or MLSD, made while they are sent: the reader of the
//! directory is never more than a few pieces ahead of the connection.

use std::ops::ControlFlow;

use ftp_io::copy::Meter;
use ftp_proto::listing::{Entry, When, facts_line, list_line};
use ftp_proto::server::ask::{FileFailure, ListStyle};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;

use crate::vfs::Listing;

/// The lines, gathered into pieces, and whether reading the directory failed. It stops `meter` when
/// it does, so that what was sent until then is not taken for the whole.
pub(super) fn lines(
    listing: Listing,
    style: ListStyle,
    today: When,
    meter: Meter,
) -> (ReceiverStream<Vec<u8>>, JoinHandle<Option<FileFailure>>) {
    let (pieces, stream) = mpsc::channel(AHEAD);
    let reader = spawn_blocking(move || {
        let failure = write(listing, style, today, &mut Gather { pieces, piece: Vec::new() }).err();
        if failure.is_some() {
            meter.stop();
        }
        failure
    });
    (ReceiverStream::new(stream), reader)
}

fn write(listing: Listing, style: ListStyle, today: When, out: &mut Gather) -> Result<(), FileFailure> {
    match style {
        ListStyle::Long => listing.entries(|entry| out.line(list_line(&entry, today)))?,
        ListStyle::Names { prefix } => {
            // E19: what RETR takes. The argument of NLST may be a file: then it is the whole line.
            let file = (!listing.is_directory() && !prefix.is_empty())
                .then(|| prefix.strip_suffix(b"/").unwrap_or(&prefix).to_vec());
            listing.names(|name| match &file {
                Some(argument) => out.line(argument.clone()),
                None => out.line([&prefix, name.as_bytes()].concat()),
            })?;
        }
        ListStyle::Facts(wanted) => {
            let line = |entry: &Entry| facts_line(entry, wanted.as_deref());
            if let Some(current) = listing.current()
                && out.line(line(&current)).is_break()
            {
                return Ok(());
            }
            listing.entries(|entry| out.line(line(&entry)))?;
        }
    }
    // Whether somebody still wants it no longer matters.
    let _ = out.flush();
    Ok(())
}

/// Gathers lines into pieces for the sender.
struct Gather {
    pieces: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl Gather {
    /// Adds a line; breaks when nobody wants more.
    fn line(&mut self, line: Vec<u8>) -> ControlFlow<()> {
        self.piece.extend_from_slice(&line);
        self.piece.extend_from_slice(b"\r\n");
        if self.piece.len() < PIECE { ControlFlow::Continue(()) } else { self.flush() }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        let piece = std::mem::take(&mut self.piece);
        if piece.is_empty() || self.pieces.blocking_send(piece).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

const PIECE: usize = 16 * 1024;
const AHEAD: usize = 2;
