//! Ports for many connections: lftp's mirror opens several for each file, and Linux keeps those of ended ones for a minute.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;

use integration_tests::foreign::Skipped;
use integration_tests::net::Network;

/// The largest tree for which the ports of a host suffice as it is.
const FEW: usize = 5_000;

/// Does `work` with these trees in a network of its own, where all ports may be used and ended connections are forgotten
/// at once. Without root this host has the smaller trees only.
pub(super) fn with_many<T: Send>(
    trees: Vec<usize>,
    work: impl FnOnce(&[usize], Option<String>) -> T + Send,
) -> T {
    let host = Network::new().map(|mut network| (network.host("trees"), network));
    match host {
        Ok((host, _network)) => host.run(|| {
            fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535").unwrap();
            fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "1").unwrap();
            // Ended connections that are kept slow down those who come later: what one contender leaves would cost the
            // next one up to ten times the processor time for a file.
            fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "64").unwrap();
            answer_for_name_servers();
            work(&trees, None)
        }),
        Err(Skipped(reason)) => {
            let (few, many): (Vec<usize>, _) = trees.into_iter().partition(|count| *count <= FEW);
            let missing =
                (!many.is_empty()).then(|| format!("{many:?} files need more local ports, and {reason}"));
            work(&few, missing)
        }
    }
}

/// Answers at the addresses of this host's name servers that no name exists: nobody else answers in a network of its own,
/// and Globus does not start before it knows whether its addresses have names.
fn answer_for_name_servers() {
    let settings = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = settings.lines().filter_map(|line| line.strip_prefix("nameserver"));
    for server in servers.filter_map(|server| server.trim().parse::<Ipv4Addr>().ok()) {
        if !server.is_loopback() {
            let address = format!("{server}/32");
            let added = Command::new("ip").args(["address", "add", &address, "dev", "lo"]).status().unwrap();
            assert!(added.success());
        }
        let socket = UdpSocket::bind((server, 53)).unwrap();
        thread::spawn(move || {
            let mut message = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut message) {
                let Some(answer) = message.get_mut(..length).filter(|message| message.len() >= 12) else {
                    continue;
                };
                // The question comes back as an answer: NXDOMAIN, with no records (RFC 1035 section 4.1.1).
                answer[2..4].copy_from_slice(&[0x81, 0x83]);
                answer[6..12].fill(0);
                let _ = socket.send_to(answer, from);
            }
        });
    }
}
