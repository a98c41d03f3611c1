//! Says that the server is ready: on standard output, and to systemd where that has started it.

use std::ffi::OsStr;
use std::io::{self, Write, stdout};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use anyhow::Context;

use crate::listen::Server;

/// One line for each listener, with the real port; then `READY=1`.
pub(super) fn announce(server: &Server) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    for (at, kind) in server.places() {
        text.push_str(&format!("listening on {at} ({kind})\n"));
    }
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot say on standard output that the server is ready")?;
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = notify(&socket)
    {
        tracing::warn!(%error, "cannot tell systemd that the server is ready");
    }
    Ok(())
}

/// The protocol of sd_notify(3).
fn notify(socket: &OsStr) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told_at_the_socket_that_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        notify(path.as_os_str()).unwrap();
        let mut told = [0; 32];
        let count = systemd.recv(&mut told).unwrap();
        assert_eq!(&told[..count], b"READY=1");
    }
}
