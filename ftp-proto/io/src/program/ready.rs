//! Tells that a service is ready: people on standard output, systemd at its socket.

use std::ffi::OsStr;
use std::io::{self, Write, stdout};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Writes the ready notice, whole lines, to standard output.
///
/// # Errors
///
/// Nobody can be told: whoever started the service would wait for ever.
pub fn announce(lines: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(lines.as_bytes()).and_then(|()| out.flush())
}

/// Sends `READY=1` to systemd if systemd started this process (sd_notify(3)).
///
/// # Errors
///
/// `NOTIFY_SOCKET` names a socket that does not take the message.
pub fn notify_systemd() -> io::Result<()> {
    std::env::var_os("NOTIFY_SOCKET").map_or(Ok(()), |socket| notify(&socket))
}

fn notify(socket: &OsStr) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address(socket)?).map(drop)
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(socket: &OsStr) {
        let systemd = UnixDatagram::bind_addr(&address(socket).unwrap()).unwrap();
        notify(socket).unwrap();
        let mut message = [0; 32];
        let count = systemd.recv(&mut message).unwrap();
        assert_eq!(&message[..count], b"READY=1");
    }

    #[test]
    fn systemd_is_told_at_the_socket_that_it_names() {
        let directory = tempfile::tempdir().unwrap();
        check(directory.path().join("notify").as_os_str());
        #[cfg(target_os = "linux")]
        check(format!("@ftp-io-notify-{}", std::process::id()).as_ref());
    }
}
