//! A resolver that never answers: for a program that looks names up. It needs root, and `unshare`.

use crate::foreign::Skipped;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use tempfile::TempDir;

/// The files of a resolver that is silent, and of one name that needs none. It is silent until this is dropped.
#[derive(Debug)]
pub struct SilentNames {
    directory: TempDir,
    _resolver: UdpSocket,
}

impl SilentNames {
    /// A resolver that knows [`NAME`] as the host `known`, and says nothing about every other name.
    ///
    /// # Errors
    ///
    /// This host permits no port 53, or no mounts.
    pub fn new(known: &str) -> Result<Self, Skipped> {
        let free = (1..=250).find_map(|last| {
            let ip = Ipv4Addr::new(127, 0, 53, last);
            UdpSocket::bind((ip, 53)).ok().map(|socket| (ip, socket))
        });
        let (ip, resolver) = free.ok_or_else(|| Skipped("port 53 of a resolver needs root".into()))?;
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("resolv.conf"), format!("nameserver {ip}\n")).unwrap();
        fs::write(directory.path().join("hosts"), format!("{known} {NAME}\n")).unwrap();
        let names = Self { directory, _resolver: resolver };
        let tried = Command::new("sh").args(["-c", &format!("{} true", names.launcher())]).output();
        if !tried.is_ok_and(|output| output.status.success()) {
            return Err(Skipped("a mount namespace needs root and unshare".into()));
        }
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
