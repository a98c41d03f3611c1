//! Names of files that are still being received. No client sees or uses them.

pub(super) use ftp_proto::server::is_partial;

use std::io;

use ftp_proto::command::Pack;
use rustix::fs::Mode;

/// A new name that cannot be guessed.
///
/// # Errors
/// The operating system has no random numbers.
pub(super) fn partial_name() -> io::Result<Vec<u8>> {
    ftp_io::random::bytes().map(ftp_proto::server::partial_name)
}

/// Whether a file in the temporary directory of a group may have this name: its number, from 1 on.
pub(super) fn is_in_group(name: &[u8]) -> bool {
    let is_plain = !name.starts_with(b"0") && name.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(name).ok().and_then(|digits| digits.parse::<usize>().ok());
    is_plain && number.is_some_and(|number| number <= Pack::MAX_FILES)
}

/// The mode of such a directory: its files are of no concern to others until they have their names.
pub(super) const GROUP: Mode = Mode::RWXU;
