//! Bytes that cannot be guessed: for rendezvous secrets, names of attempts, the order of ports.

use std::io;

/// Returns `N` bytes of the operating system's generator.
///
/// ```
/// assert_ne!(ftp_io::random::bytes::<16>()?, ftp_io::random::bytes::<16>()?);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The operating system has no generator.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    match crate::simulated::host() {
        None => getrandom::fill(&mut bytes).map_err(io::Error::from)?,
        Some(host) => host.random(&mut bytes),
    }
    Ok(bytes)
}
