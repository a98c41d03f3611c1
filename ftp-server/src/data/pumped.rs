//! What a transfer has moved, and how its bytes cross the connection.

use ftp_io::copy::{Coding, CopyEnd, CopyReport, Encoding, Format, KeptConnection};
use ftp_io::os_error::words;
use ftp_proto::coding::BlockCodes;
use ftp_proto::command::{DataType, Mode};
use ftp_proto::digest::Digest;
use ftp_proto::server::ask::{Carried, End, TransferTerms};
use ftp_proto::wire::ByteRange;

use crate::vfs::{HeldGroup, io_failure};

/// What a transfer has moved.
#[derive(Debug)]
pub struct Pumped {
    /// How many bytes of the file or listing have moved.
    pub bytes: u64,
    /// Whether bytes of it stand under the name of a file now, whole or not.
    pub stored: bool,
    /// A group that was received, and is whole.
    pub group: Option<Box<HeldGroup>>,
    /// The connection, if it stays open for the next file.
    pub kept: Option<KeptConnection>,
    /// How the transfer ended.
    pub end: End,
}

impl Pumped {
    /// The same, which has carried this if it is whole.
    pub(super) fn with(self, carried: Carried) -> Self {
        if self.end.is_whole() { Self { end: End::Whole(carried), ..self } } else { self }
    }
}

/// What a copy of a file from `first` on means for the machine.
pub(super) fn ended(moved: CopyReport, terms: &TransferTerms, first: u64) -> Pumped {
    let end = match moved.end {
        CopyEnd::Whole => {
            let digest = terms.digest.zip(moved.digest).map(|(algorithm, (hex, count))| {
                (Digest { algorithm, hex }, ByteRange { first, length: Some(count) })
            });
            End::Whole(Carried::File(digest))
        }
        CopyEnd::Broken(error) => End::Broken(words(&error)),
        CopyEnd::Stopped => End::Stopped,
        CopyEnd::File(error) => End::Failed(io_failure(&error)),
    };
    Pumped { bytes: moved.bytes, stored: false, group: None, kept: moved.kept, end }
}

/// How a file crosses the connection.
pub(super) fn format(terms: &TransferTerms) -> Format {
    let coding = match terms.data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    };
    let encoding = match terms.mode {
        Mode::Stream | Mode::Unserved(_) => Encoding::None,
        Mode::Block => Encoding::Block(BlockCodes::of(terms.dialect)),
        Mode::Deflate => Encoding::Zlib,
    };
    let keep = terms.keep && matches!(encoding, Encoding::Block(_));
    Format { coding, encoding, keep, digest: terms.digest, limit: None }
}
