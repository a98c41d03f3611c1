//! What is open for a transfer before there is a data connection.

use std::fs::File;

use ftp_proto::server::ask::ListStyle;
use ftp_proto::wire::ByteRange;

use super::group::{GroupSource, GroupTarget};
use super::list::Listing;
use super::quota::CountedFile;
use super::upload::Target;

/// A file or directory that was checked for a transfer, before there is a data connection (RFC 614.3).
#[derive(Debug)]
pub enum Prepared {
    /// A file to send.
    Send {
        /// Open for reading.
        file: File,
        /// Which part of it.
        range: ByteRange,
        /// All of that part, if it is small: it needs no more visits to the disk.
        whole: Option<Vec<u8>>,
        /// Counts the file until it is closed.
        counted: Option<CountedFile>,
    },
    /// A file to receive; nothing was changed yet.
    Receive(Target),
    /// A group of small files to send.
    SendGroup(GroupSource),
    /// A group of small files to receive; nothing was changed yet.
    ReceiveGroup(GroupTarget),
    /// A listing to send.
    List {
        /// Open for listing.
        listing: Listing,
        /// How the lines look.
        style: ListStyle,
    },
}

impl Prepared {
    /// Whether it is open already: a file to receive has still to be made.
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Send { .. } | Self::SendGroup(_) | Self::List { .. } => true,
            Self::Receive(_) | Self::ReceiveGroup(_) => false,
        }
    }

    /// Whether a file to receive is made on a file system of this host.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Send { .. } | Self::SendGroup(_) | Self::List { .. } => false,
            Self::Receive(target) => target.is_near(),
            Self::ReceiveGroup(target) => target.is_near(),
        }
    }
}
