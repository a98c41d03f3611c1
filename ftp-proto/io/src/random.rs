//! Octets that nobody can guess: rendezvous numbers, attempt names, port order.

use std::io;

/// `N` octets of the operating system's generator.
///
/// ```
/// assert_ne!(ftp_io::random::octets::<16>()?, ftp_io::random::octets::<16>()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn octets<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(io::Error::from)?;
    Ok(octets)
}
