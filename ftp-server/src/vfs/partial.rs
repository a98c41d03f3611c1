//! Names of files that are still being received: `.ftp-<32 hex>.part` (extensions, "Names under way").
//! No client sees or uses them.

use std::io;

/// Whether `name` is the name of a file that is still being received.
pub(super) fn is_partial(name: &[u8]) -> bool {
    let middle = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    middle.is_some_and(|hex| hex.len() == 2 * RANDOM && hex.iter().all(u8::is_ascii_hexdigit))
}

/// A new name that nobody can guess.
///
/// # Errors
/// The operating system has no random numbers.
pub(super) fn partial_name() -> io::Result<Vec<u8>> {
    let random = ftp_io::random::bytes::<RANDOM>()?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([PREFIX, hex.as_bytes(), SUFFIX].concat())
}

const PREFIX: &[u8] = b".ftp-";
const SUFFIX: &[u8] = b".part";
/// Random bytes in a name.
const RANDOM: usize = 16;
