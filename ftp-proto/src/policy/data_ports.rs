//! The data ports that the operator of a relay has named.

use std::str::FromStr;

/// What one `--data-ports` names: `PORT` or `PORT-PORT`, with commas between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataPorts(Vec<(u16, u16)>);

/// Why a text names no data ports.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is no list of data ports from 1024 to 65535, such as 40000-40999,50000-50099")]
pub struct DataPortsError(String);

impl FromStr for DataPorts {
    type Err = DataPortsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            let port = text.parse::<u16>().ok().filter(|port| *port >= FIRST_DATA_PORT);
            port.filter(|_| !text.starts_with('+'))
        };
        let range = |text: &str| {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            Some((port(low)?, port(high)?)).filter(|(low, high)| low <= high)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| DataPortsError(text.to_owned()))
    }
}

impl DataPorts {
    /// Whether `port` is one of them.
    pub(super) fn name(&self, port: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&port))
    }
}

/// Data ports begin here (RFC 2577 section 3).
pub(super) const FIRST_DATA_PORT: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_ports_are_read_as_the_manual_writes_them() {
        let ports: DataPorts = "40000-40999,50000".parse().unwrap();
        let named = [39_999, 40_000, 40_999, 41_000, 49_999, 50_000, 50_001].map(|port| ports.name(port));
        assert_eq!(named, [false, true, true, false, false, true, false]);
        assert!("1024-65535".parse::<DataPorts>().is_ok());
        for wrong in ["", "1023", "21-4000", "5000-4000", "4000-", "4000,", "+4000", "4000-70000", "any"] {
            assert!(wrong.parse::<DataPorts>().is_err(), "{wrong}");
        }
    }
}
