//! One transfer: opens what was prepared, moves its bytes, and finishes the file.

use std::fs::File;

use ftp_io::connection::Connection;
use ftp_io::copy::{self, Coding, Ended, Format, Meter, Moved};
use ftp_io::os_error::words;
use ftp_proto::command::{DataType, Partial};
use ftp_proto::listing::When;
use ftp_proto::server::ask::{End, FileFailure, ListStyle};
use ftp_proto::wire::ByteRange;
use tokio::task::spawn_blocking;

use super::list::Lines;
use crate::vfs::{Listing, Prepared, Received, Upload, io_failure};

/// A file or directory that is open for its transfer.
#[derive(Debug)]
pub enum Begun {
    /// A file to send.
    Send {
        /// Open for reading.
        file: File,
        /// Which part of it.
        range: ByteRange,
    },
    /// A file to receive.
    Receive {
        /// Finishes the file afterwards.
        upload: Upload,
        /// Open for writing.
        file: File,
        /// How many bytes there may be.
        limit: Option<u64>,
    },
    /// A listing to send.
    List {
        /// Open for listing.
        listing: Listing,
        /// How the lines look.
        style: ListStyle,
    },
}

/// Opens what was prepared. For STOR and APPE this is the first thing that changes the disk.
///
/// # Errors
/// The file cannot be opened or made.
pub fn begin(prepared: Prepared, partial: Partial) -> Result<Begun, FileFailure> {
    match prepared {
        Prepared::Send { file, range } => Ok(Begun::Send { file, range }),
        Prepared::Receive(target) => {
            let limit = target.limit();
            target.begin(partial).map(|(upload, file)| Begun::Receive { upload, file, limit })
        }
        Prepared::List { listing, style } => Ok(Begun::List { listing, style }),
    }
}

/// What a transfer has moved.
#[derive(Debug)]
pub struct Pumped {
    /// How many bytes of the file or listing have moved.
    pub bytes: u64,
    /// How many names a listing left out because FTP cannot carry them.
    pub omitted: u64,
    /// How the transfer ended.
    pub end: End,
}

/// Moves bytes until the file or the connection ends or `meter` is stopped, and finishes the file.
pub async fn pump(begun: Begun, conn: Connection, data_type: DataType, today: When, meter: Meter) -> Pumped {
    let coding = coding(data_type);
    match begun {
        Begun::Send { file, range } => {
            let format = Format { coding, limit: range.length };
            ended(copy::send(file, range.first, conn, format, &meter).await)
        }
        Begun::List { listing, style } => {
            let lines = Lines::new(listing, style, today);
            let (moved, lines) = copy::send_pieces(lines, conn, &meter).await;
            Pumped { omitted: lines.omitted(), ..ended(moved) }
        }
        Begun::Receive { upload, file, limit } => {
            let (moved, file) = copy::receive(conn, file, Format { coding, limit }, &meter).await;
            let mut pumped = ended(moved);
            if limit.is_some() && pumped.end == End::Failed(FileFailure::NoSpace) {
                pumped.end = End::Failed(FileFailure::BeyondRange);
            }
            let received = match pumped.end {
                End::Whole => Received::Whole,
                End::Broken(_) | End::Stopped => Received::Broken,
                End::Failed(_) => Received::Failed,
            };
            // E24: the reply comes after the file has its final name.
            let finished = spawn_blocking(move || upload.finish(file, received)).await;
            match finished.unwrap_or(Err(FileFailure::Other)) {
                Err(failure) if received == Received::Whole => Pumped { end: End::Failed(failure), ..pumped },
                Ok(()) | Err(_) => pumped,
            }
        }
    }
}

fn ended(moved: Moved) -> Pumped {
    let end = match moved.end {
        Ended::Whole => End::Whole,
        Ended::Broken(error) => End::Broken(words(&error)),
        Ended::Stopped => End::Stopped,
        Ended::File(error) => End::Failed(io_failure(&error)),
    };
    Pumped { bytes: moved.bytes, omitted: 0, end }
}

const fn coding(data_type: DataType) -> Coding {
    match data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    }
}
