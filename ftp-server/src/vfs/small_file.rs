//! A small file is read when it is opened: it needs no more visits to the disk.

use std::io::{self, ErrorKind};

use ftp_proto::wire::ByteRange;

/// What it means if a read brings less than was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ShortRead {
    /// The file ends there: it is on a file system of this host.
    Ends,
    /// Nothing: the next read tells.
    SaysNothing,
}

/// The part of a small file, unless it cannot be read or its size is not what it was.
pub(super) fn whole(
    size: u64,
    range: ByteRange,
    short: ShortRead,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|size| (1..=SMALL_FILE).contains(size))?;
    // One more than there should be: the end has to be seen.
    let mut bytes = vec![0; size + 1];
    let mut read = 0;
    loop {
        match read_at(bytes.get_mut(read..)?, u64::try_from(read).ok()?) {
            Ok(0) => break,
            Ok(count) => {
                read += count;
                if read == size && short == ShortRead::Ends {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let first = usize::try_from(range.first).ok()?.min(size);
    let end = range.length.and_then(|length| usize::try_from(length).ok());
    let end = end.and_then(|length| first.checked_add(length)).map_or(size, |end| end.min(size));
    (read == size).then(|| bytes.get(first..end).unwrap_or_default().to_vec())
}

/// Bytes of a file that is read when it is opened. So much fits into the empty buffer of a connection.
const SMALL_FILE: usize = 16 * 1024;
