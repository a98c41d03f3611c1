//! Networks, ranges of ports and paths as people write them.

use std::ops::RangeInclusive;

pub(super) use ftp_io::program::args::network;
use ftp_proto::wire::PathName;

/// Reads a range of ports, `40000-40099`.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "write two ports from 1 to 65535, the lower first, like 40000-40099".to_owned();
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high): (u16, u16) = low.parse().ok().zip(high.parse().ok()).ok_or_else(wrong)?;
    if low == 0 || low > high { Err(wrong()) } else { Ok(low..=high) }
}

/// An absolute path as sessions have it: without `.`, `..` and needless slashes.
pub(super) fn path(text: &str) -> Result<PathName, &'static str> {
    const EXPECTED: &str = "write an absolute path below /, without .., like /in";
    let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if !text.starts_with('/') || names.is_empty() || names.contains(&"..") {
        return Err(EXPECTED);
    }
    PathName::from_wire(format!("/{}", names.join("/"))).map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_go_upwards() {
        assert_eq!(ports("40000-40099"), Ok(40000..=40099));
        assert_eq!(ports("7-7"), Ok(7..=7));
        for wrong in ["", "40000", "40099-40000", "0-5", "1-65536", "a-b", "1-2-3"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
