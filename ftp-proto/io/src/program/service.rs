//! A service and its supervisor: sockets that systemd has opened (sd_listen_fds(3)), and notices of readiness for people on
//! standard output and for systemd at its socket.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write, stdout};
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use listenfd::ListenFd;

use crate::clock::since_boot;
use crate::os_error::words;

/// Writes the ready notice to standard output: one line for each listener, with its address and its kind.
///
/// # Errors
///
/// Standard output cannot be written. The service must end then, because the program that waits for the notice
/// would wait forever.
pub fn announce(listeners: impl Iterator<Item = (impl Display, &'static str)>) -> io::Result<()> {
    let lines: String = listeners.map(|(at, kind)| format!("listening on {at} ({kind})\n")).collect();
    let mut out = stdout().lock();
    out.write_all(lines.as_bytes()).and_then(|()| out.flush())
}

/// What systemd is told (sd_notify(3)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The service is ready, or has read its settings again.
    Ready,
    /// It reads its settings again. [`Self::Ready`] follows, also if they were not usable.
    Reloading,
    /// It is on its way to its end.
    Stopping,
}

/// Tells systemd, if systemd started this process. It is logged if `NOTIFY_SOCKET` names a socket that does not take the
/// message.
pub fn tell_systemd(notice: Notice) {
    let told = std::env::var_os("NOTIFY_SOCKET").map_or(Ok(()), |socket| notify(&socket, notice));
    if let Err(error) = told {
        tracing::warn!(?notice, error = words(&error), "cannot tell systemd how the program is");
    }
}

fn notify(socket: &OsStr, notice: Notice) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(notice.message().as_bytes(), &address(socket)?).map(drop)
}

impl Notice {
    fn message(self) -> String {
        match self {
            Self::Ready => "READY=1".to_owned(),
            // systemd wants to know when, on its own clock.
            Self::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", since_boot().as_micros()),
            Self::Stopping => "STOPPING=1".to_owned(),
        }
    }
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

/// A listening socket, and what the unit calls it.
#[derive(Debug)]
pub struct Inherited {
    /// `FileDescriptorName=` of the unit. Without that key it is the name of the unit itself, like
    /// `ftp-server.socket`; without systemd it may be empty.
    pub name: String,
    /// The socket itself.
    pub socket: TcpListener,
}

/// Takes the sockets of this process; there are none a second time. Call it before there is another thread,
/// because it changes the environment.
///
/// # Errors
///
/// One of the descriptors is no TCP socket. The text says which.
pub fn take_sockets() -> io::Result<Vec<Inherited>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default();
        if let Some(socket) = passed.take_tcp_listener(index)? {
            sockets.push(Inherited { name, socket });
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(socket: &OsStr) {
        let systemd = UnixDatagram::bind_addr(&address(socket).unwrap()).unwrap();
        for (notice, expect) in
            [(Notice::Ready, "READY=1"), (Notice::Reloading, "RELOADING=1"), (Notice::Stopping, "STOPPING=1")]
        {
            notify(socket, notice).unwrap();
            let mut message = [0; 64];
            let count = systemd.recv(&mut message).unwrap();
            let message = std::str::from_utf8(&message[..count]).unwrap();
            assert_eq!(message.lines().next(), Some(expect));
            let time = message.lines().nth(1).map(|line| line.strip_prefix("MONOTONIC_USEC=").unwrap());
            assert_eq!(
                time.is_some_and(|time| time.parse::<u64>().unwrap() > 0),
                notice == Notice::Reloading
            );
        }
    }

    #[test]
    fn systemd_is_told_at_the_socket_that_it_names() {
        let directory = tempfile::tempdir().unwrap();
        check(directory.path().join("notify").as_os_str());
        #[cfg(target_os = "linux")]
        check(format!("@ftp-io-notify-{}", std::process::id()).as_ref());
    }
}
