//! A resolver that leaves most names unanswered: for a program that looks names up. It needs root, and `unshare`.

use crate::foreign::Skipped;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;
use tempfile::TempDir;

/// The files of the resolver: `resolv.conf` and `hosts`.
#[derive(Debug)]
pub struct SilentNames {
    directory: TempDir,
}

impl SilentNames {
    /// A resolver that knows [`NAME`] as the host `known`, answers NXDOMAIN for [`UNKNOWN`], and nothing for any other name.
    /// `options` is another line of `resolv.conf`.
    ///
    /// # Errors
    ///
    /// This host permits no port 53, or no mounts.
    pub fn new(known: &str, options: &str) -> Result<Self, Skipped> {
        let free = (1..=250).find_map(|last| {
            let ip = Ipv4Addr::new(127, 0, 53, last);
            UdpSocket::bind((ip, 53)).ok().map(|socket| (ip, socket))
        });
        let (ip, resolver) = free.ok_or_else(|| Skipped("port 53 of a resolver needs root".into()))?;
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("resolv.conf"), format!("nameserver {ip}\n{options}\n")).unwrap();
        fs::write(directory.path().join("hosts"), format!("{known} {NAME}\n")).unwrap();
        let names = Self { directory };
        let tried = Command::new("sh").args(["-c", &format!("{} true", names.launcher())]).output();
        if !tried.is_ok_and(|output| output.status.success()) {
            return Err(Skipped("a mount namespace needs root and unshare".into()));
        }
        thread::spawn(move || deny(&resolver));
        Ok(names)
    }

    /// A line of a shell that begins a program with this resolver.
    pub fn launcher(&self) -> String {
        let at = self.directory.path().display();
        let mount = |file: &str| format!("mount --bind {at}/{file} /etc/{file}");
        let (resolver, hosts) = (mount("resolv.conf"), mount("hosts"));
        format!("exec unshare --mount sh -c '{resolver} && {hosts} && exec \"$0\" \"$@\"'")
    }
}

/// The name that is known.
pub const NAME: &str = "server.test";

/// A name of which the resolver says that it does not exist.
pub const UNKNOWN: &str = "unknown.test";

/// Answers questions about [`UNKNOWN`] with NXDOMAIN (RFC 1035, section 4.1.1).
fn deny(resolver: &UdpSocket) {
    let mut datagram = [0; 512];
    while let Ok((length, from)) = resolver.recv_from(&mut datagram) {
        let question = &mut datagram[..length];
        if question.windows(8).any(|name| name == b"\x07unknown") {
            question[2..4].copy_from_slice(&[0x81, 0x83]);
            drop(resolver.send_to(question, from));
        }
    }
}
