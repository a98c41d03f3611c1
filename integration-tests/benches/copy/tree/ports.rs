//! Ports for many connections: lftp's mirror opens several for each file, and Linux keeps those of ended ones for a minute.

use std::fs;

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
        Ok((host, network)) => {
            host.answer_dns_with_nxdomain(&network);
            host.run(|| {
                fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535").unwrap();
                fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "1").unwrap();
                // Ended connections that are kept slow down those who come later: what one contender leaves would cost the
                // next one up to ten times the processor time for a file.
                fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "64").unwrap();
                work(&trees, None)
            })
        }
        Err(Skipped(reason)) => {
            let (few, many): (Vec<usize>, _) = trees.into_iter().partition(|count| *count <= FEW);
            let missing =
                (!many.is_empty()).then(|| format!("{many:?} files need more local ports, and {reason}"));
            work(&few, missing)
        }
    }
}
