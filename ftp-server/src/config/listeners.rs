//! The listeners that the options name, or the two of a server without any such option.

use std::net::{Ipv4Addr, Ipv6Addr};

use ftp_proto::dialect::Dialect;
use ftp_proto::server::TlsStart;

use super::error::ConfigError;
use super::{Listen, Options};

/// The listeners to open. With a certificate the modern ones have explicit TLS.
pub(super) fn listeners(options: &Options, certificate: bool, errors: &mut Vec<ConfigError>) -> Vec<Listen> {
    let explicit = if certificate { TlsStart::Explicit } else { TlsStart::Never };
    let kinds = [
        (&options.listen, Dialect::Rfc959, explicit),
        (&options.listen_tls, Dialect::Rfc959, TlsStart::Implicit),
        (&options.listen_1973, Dialect::Rfc354, TlsStart::Never),
    ];
    let mut listeners: Vec<Listen> = Vec::new();
    for (addresses, dialect, begin) in kinds {
        listeners.extend(addresses.iter().map(|&address| Listen { address, dialect, begin, named: true }));
    }
    if listeners.is_empty() {
        let everywhere = [(Ipv4Addr::UNSPECIFIED, PORT).into(), (Ipv6Addr::UNSPECIFIED, PORT).into()];
        listeners.extend(everywhere.map(|address| Listen {
            address,
            dialect: Dialect::Rfc959,
            begin: explicit,
            named: false,
        }));
    }
    for (index, listen) in listeners.iter().enumerate() {
        let before = listeners.get(..index).unwrap_or_default();
        if listen.address.port() != 0 && before.iter().any(|other| other.address == listen.address) {
            errors.push(ConfigError::ListenTwice(listen.address));
        }
    }
    listeners
}

const PORT: u16 = 2121;
