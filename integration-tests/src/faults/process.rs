//! What the system knows of a process: its descriptors, and the ports at which it listens.

use std::collections::BTreeMap;
use std::fs;

/// The state of a socket that listens, and of one with a connection, as /proc/net/tcp has them.
const LISTENS: &str = "0A";
const CONNECTED: &str = "01";

/// The sockets of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sockets {
    /// The number of all its descriptors.
    pub(super) descriptors: usize,
    /// The ports at which it listens, sorted.
    pub(super) listens: Vec<u16>,
    /// The number of its connections.
    pub(super) connected: usize,
}

impl Sockets {
    /// Those of a process that runs.
    pub(super) fn of(process: u32) -> Self {
        let all = tcp();
        let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let links: Vec<String> = entries
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .map(|link| link.to_string_lossy().into_owned())
            .collect();
        let sockets = links.iter().filter_map(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
        let sockets: Vec<&(u16, String)> = sockets.filter_map(|inode| all.get(inode)).collect();
        let in_state = |wanted: &'static str| -> Vec<u16> {
            sockets.iter().filter(|(_, state)| state == wanted).map(|(port, _)| *port).collect()
        };
        let mut listens = in_state(LISTENS);
        listens.sort_unstable();
        Self { descriptors: links.len(), listens, connected: in_state(CONNECTED).len() }
    }
}

/// The local port and the state of every TCP socket of this host, by inode.
fn tcp() -> BTreeMap<String, (u16, String)> {
    let mut all = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = words[..] else { continue };
            let port = local.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok());
            if let (Some(port), Some(inode)) = (port, words.get(9)) {
                all.insert((*inode).to_owned(), (port, state.to_owned()));
            }
        }
    }
    all
}

/// Whether a process that was started here has ended. It may not have been waited for.
pub(super) fn has_ended(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}
