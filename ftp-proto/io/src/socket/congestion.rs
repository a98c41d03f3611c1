//! The congestion control of TCP: which one a connection uses, and what this host has for long lines.

use std::fmt;
#[cfg(target_os = "linux")]
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::sockopt;

use super::Stream;

/// A congestion control by the name that the kernel gives it, such as `cubic` or `bbr`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Congestion(Arc<str>);

impl FromStr for Congestion {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_of_name) {
            Ok(Self(name.into()))
        } else {
            Err("write a name as the kernel has it, like bbr: 1 to 15 letters, digits, '-', '_' or '.'")
        }
    }
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Congestion {
    /// Tries it with a socket that is not connected.
    ///
    /// # Errors
    ///
    /// The kernel does not have it, or this process may not use it.
    #[cfg(target_os = "linux")]
    pub fn check(&self) -> Result<(), CongestionError> {
        let v4 = super::open((Ipv4Addr::LOCALHOST, 0).into());
        // A host may lack one of the families.
        let socket = v4.or_else(|_| super::open((Ipv6Addr::LOCALHOST, 0).into()));
        let set = socket.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO));
        match set.and_then(|socket| sockopt::set_tcp_congestion(&socket, &self.0)) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(CongestionError::Missing(self.clone())),
            Err(Errno::PERM | Errno::ACCESS) => Err(CongestionError::Forbidden(self.clone())),
            Err(error) => Err(CongestionError::Refused(self.clone(), crate::os_error::words(&error.into()))),
        }
    }

    /// The same where no connection has such a choice.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn check(&self) -> Result<(), CongestionError> {
        Err(CongestionError::Refused(self.clone(), "this system has no such choice".to_owned()))
    }

    /// The name of what connections use if this was chosen; `None` if the system does not tell its own choice.
    pub fn in_force(chosen: Option<&Self>) -> Option<String> {
        chosen.map(ToString::to_string).or_else(|| TcpSettings::of_host().congestion)
    }

    /// Makes the connection use it from now on. If the kernel refuses, the connection keeps that of the system:
    /// [`Self::check`] has found out before whether it is there.
    pub fn apply(&self, stream: &Stream) {
        #[cfg(target_os = "linux")]
        if let Some(socket) = stream.tcp() {
            let _ = sockopt::set_tcp_congestion(socket, &self.0);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = stream;
    }
}

/// Why a congestion control cannot be used, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CongestionError {
    /// The kernel does not have it.
    #[error("the kernel has no congestion control {0}: load it as root (modprobe tcp_{0}), or name another")]
    Missing(Congestion),
    /// Only an administrator may use it.
    #[error(
        "this user may not use the congestion control {0}: add it to the list of sysctl net.ipv4.tcp_allowed_congestion_control"
    )]
    Forbidden(Congestion),
    /// The kernel has said something else.
    #[error("the congestion control {0} cannot be used: {1}")]
    Refused(Congestion, String),
}

/// What the system says of TCP on this host. What it does not tell is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpSettings {
    /// The congestion control of connections that choose none.
    pub congestion: Option<String>,
    /// The congestion controls that the kernel has.
    pub available: Vec<String>,
    /// Those of them that every user may use.
    pub allowed: Vec<String>,
    /// The largest buffer of a connection that sends, in bytes (`tcp_wmem`).
    pub send_buffer: Option<u64>,
    /// The largest buffer of a connection that receives, in bytes (`tcp_rmem`).
    pub receive_buffer: Option<u64>,
}

impl TcpSettings {
    /// Asks the system.
    pub fn of_host() -> Self {
        let text = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
        let names = |name: &str| {
            text(name).map(|all| all.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
        };
        let largest = |name: &str| text(name).as_deref().and_then(largest);
        Self {
            congestion: text("tcp_congestion_control").map(|name| name.trim().to_owned()),
            available: names("tcp_available_congestion_control"),
            allowed: names("tcp_allowed_congestion_control"),
            send_buffer: largest("tcp_wmem"),
            receive_buffer: largest("tcp_rmem"),
        }
    }
}

/// The last of three sizes: the smallest, the first, and the largest one.
fn largest(sizes: &str) -> Option<u64> {
    sizes.split_whitespace().nth(2)?.parse().ok()
}

/// Bytes of a name, without the zero byte that ends it (`TCP_CA_NAME_MAX`).
const LONGEST_NAME: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_odd_characters() {
        for name in ["bbr", "cubic", "dctcp-reno", "bpf_cubic", "BBRv3", "v1.2", "123456789012345"] {
            assert_eq!(name.parse::<Congestion>().map(|parsed| parsed.to_string()), Ok(name.to_owned()));
        }
        for name in ["", " ", "b r", "bbr\n", "bbr\0", "../bbr", "bbr;id", "bb\u{e9}", "1234567890123456"] {
            assert!(name.parse::<Congestion>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let bbr: Congestion = "bbr".parse().unwrap();
        let missing = CongestionError::Missing(bbr.clone()).to_string();
        assert!(missing.contains("modprobe tcp_bbr"), "{missing}");
        let forbidden = CongestionError::Forbidden(bbr).to_string();
        assert!(forbidden.contains("net.ipv4.tcp_allowed_congestion_control"), "{forbidden}");
    }

    #[test]
    fn the_largest_size_is_the_third() {
        assert_eq!(largest("4096\t16384\t4194304\n"), Some(4_194_304));
        for wrong in ["", "4096 16384", "4096 16384 many", "4096 16384 -1"] {
            assert_eq!(largest(wrong), None, "{wrong:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_connection_uses_what_was_chosen_and_keeps_what_it_has_if_that_is_refused() {
        let listener = super::super::listen("127.0.0.2:0".parse().unwrap()).unwrap();
        let to = listener.local().unwrap();
        let (dialled, accepted) = tokio::join!(super::super::connect(to.ip(), to), listener.accept());
        let (dialled, (_accepted, _)) = (dialled.unwrap(), accepted.unwrap());
        let in_force = || sockopt::tcp_congestion(dialled.tcp().unwrap()).unwrap();
        // Every Linux has Reno, and lets every user use it.
        let reno: Congestion = "reno".parse().unwrap();
        assert_eq!(reno.check(), Ok(()));
        reno.apply(&dialled);
        assert_eq!(in_force(), "reno");
        let none: Congestion = "no-such-one".parse().unwrap();
        assert_eq!(none.check(), Err(CongestionError::Missing(none.clone())));
        none.apply(&dialled);
        assert_eq!(in_force(), "reno");
    }
}
