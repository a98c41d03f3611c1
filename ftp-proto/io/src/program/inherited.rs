//! Sockets that systemd has opened for this process (sd_listen_fds(3)).

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

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
pub fn take() -> io::Result<Vec<Inherited>> {
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
