//! What a transfer has moved, and how its bytes cross the connection.

use ftp_io::copy::{Coding, Ended, Format, Kept, Moved, Packing};
use ftp_io::os_error::words;
use ftp_proto::coding::BlockCodes;
use ftp_proto::command::{DataType, Mode};
use ftp_proto::digest::Digest;
use ftp_proto::reply::Packed;
use ftp_proto::server::ask::{End, TransferTerms};
use ftp_proto::wire::ByteRange;

use crate::vfs::{HeldGroup, io_failure};

/// What a transfer has moved.
#[derive(Debug)]
pub struct Pumped {
    /// How many bytes of the file or listing have moved.
    pub bytes: u64,
    /// How many names a listing left out because FTP cannot carry them.
    pub omitted: u64,
    /// The digest that was asked for, of a file that is whole.
    pub digest: Option<(Digest, ByteRange)>,
    /// What became of each file of a group that is whole.
    pub packed: Vec<Packed>,
    /// A group that was received, and its number.
    pub group: Option<(u32, Box<HeldGroup>)>,
    /// The connection, if it stays open for the next file.
    pub kept: Option<Kept>,
    /// How the transfer ended.
    pub end: End,
}

/// What a copy of a file from `first` on means for the machine.
pub(super) fn ended(moved: Moved, terms: &TransferTerms, first: u64) -> Pumped {
    let end = match moved.end {
        Ended::Whole => End::Whole,
        Ended::Broken(error) => End::Broken(words(&error)),
        Ended::Stopped => End::Stopped,
        Ended::File(error) => End::Failed(io_failure(&error)),
    };
    let digest = terms.digest.zip(moved.digest).filter(|_| end == End::Whole);
    let digest = digest.map(|(algorithm, (hex, count))| {
        (Digest { algorithm, hex }, ByteRange { first, length: Some(count) })
    });
    let (packed, group) = (Vec::new(), None);
    Pumped { bytes: moved.bytes, omitted: 0, digest, packed, group, kept: moved.kept, end }
}

/// How a file crosses the connection.
pub(super) fn format(terms: &TransferTerms) -> Format {
    let coding = match terms.data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    };
    let packing = match terms.mode {
        Mode::Stream | Mode::Unserved(_) => Packing::None,
        Mode::Block => Packing::Block(BlockCodes::of(terms.dialect)),
        Mode::Deflate => Packing::Zlib,
    };
    let keep = terms.keep && matches!(packing, Packing::Block(_));
    Format { coding, packing, keep, digest: terms.digest, limit: None }
}
