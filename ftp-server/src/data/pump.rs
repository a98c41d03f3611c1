//! One transfer: opens what was prepared, moves its bytes, and finishes the file.

use std::fs::File;

use ftp_io::copy::{self, Coding, Ended, Meter, Moved};
use ftp_io::os_error::words;
use ftp_proto::command::{DataType, Partial};
use ftp_proto::listing::When;
use ftp_proto::server::ask::{End, FileFailure, ListStyle};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use super::list::Lines;
use crate::vfs::{Listing, Prepared, Upload, io_failure};

/// A file or directory that is open for its transfer.
#[derive(Debug)]
pub enum Begun {
    /// A file to send.
    Send {
        /// Open for reading.
        file: File,
        /// The first byte to send.
        offset: u64,
    },
    /// A file to receive.
    Receive {
        /// Finishes the file afterwards.
        upload: Upload,
        /// Open for writing.
        file: File,
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
        Prepared::Send { file, offset } => Ok(Begun::Send { file, offset }),
        Prepared::Receive(target) => {
            target.begin(partial).map(|(upload, file)| Begun::Receive { upload, file })
        }
        Prepared::List { listing, style } => Ok(Begun::List { listing, style }),
    }
}

/// Moves bytes until the file or the connection ends or `meter` is stopped, and finishes the file.
/// Returns the number of bytes, and how it ended.
pub async fn pump(
    begun: Begun,
    conn: TcpStream,
    data_type: DataType,
    today: When,
    meter: Meter,
) -> (u64, End) {
    let coding = coding(data_type);
    match begun {
        Begun::Send { file, offset } => ended(copy::send(file, offset, conn, coding, &meter).await),
        Begun::List { listing, style } => {
            ended(copy::send_stream(Lines::new(listing, style, today), conn, &meter).await)
        }
        Begun::Receive { upload, file } => {
            let (moved, file) = copy::receive(conn, file, coding, &meter).await;
            let (bytes, end) = ended(moved);
            let whole = end == End::Whole;
            // E24: the reply comes after the file has its final name.
            let finished = spawn_blocking(move || upload.finish(file, whole)).await;
            match finished.unwrap_or(Err(FileFailure::Other)) {
                Err(failure) if whole => (bytes, End::Failed(failure)),
                Ok(()) | Err(_) => (bytes, end),
            }
        }
    }
}

fn ended(moved: Moved) -> (u64, End) {
    let end = match moved.end {
        Ended::Whole => End::Whole,
        Ended::Broken(error) => End::Broken(words(&error)),
        Ended::Stopped => End::Stopped,
        Ended::File(error) => End::Failed(io_failure(&error)),
    };
    (moved.bytes, end)
}

const fn coding(data_type: DataType) -> Coding {
    match data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    }
}
