//! One prepared file over one connection: open it, move its octets, give it its name.

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

/// A file that is open: from here on octets move.
#[derive(Debug)]
pub enum Begun {
    /// To send.
    Send {
        /// The file.
        file: File,
        /// Where to start.
        offset: u64,
    },
    /// To receive.
    Receive {
        /// What becomes of it.
        upload: Upload,
        /// Where the octets go.
        file: File,
    },
    /// To list.
    List {
        /// The directory.
        listing: Listing,
        /// How it is written.
        style: ListStyle,
    },
}

/// Opens what was prepared; for STOR and APPE this is the first thing that touches the disk.
pub fn begin(prepared: Prepared, partial: Partial) -> Result<Begun, FileFailure> {
    match prepared {
        Prepared::Send { file, offset } => Ok(Begun::Send { file, offset }),
        Prepared::Receive(target) => {
            target.begin(partial).map(|(upload, file)| Begun::Receive { upload, file })
        }
        Prepared::List { listing, style } => Ok(Begun::List { listing, style }),
    }
}

/// Moves the octets until the end, the connection's or the meter's, and finishes the file.
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
            let (octets, end) = ended(moved);
            let whole = end == End::Whole;
            // E24: the answer comes after the file has its name.
            let finished = spawn_blocking(move || upload.finish(file, whole)).await;
            match finished.unwrap_or(Err(FileFailure::Other)) {
                Err(failure) if whole => (octets, End::Failed(failure)),
                Ok(()) | Err(_) => (octets, end),
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
    (moved.octets, end)
}

const fn coding(data_type: DataType) -> Coding {
    match data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    }
}
