//! The configuration of the sessions at a listener: its policy, dialect, TLS and timeouts.

use std::net::SocketAddr;

use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::policy::Rules;
use ftp_proto::server;

use super::listener::Listener;
use crate::config::Config;
use crate::limits::{MAX_DETACHED_TIME, MAX_HELD, MAX_OF_ONE_ADDRESS, MAX_PROVERS};
use crate::operate::public::PublicRule;

/// The policy of the server, whose own listeners are at `places`: none of them is ever a target (B19).
pub(super) fn rules(config: &Config, places: impl IntoIterator<Item = SocketAddr>) -> Rules {
    Rules {
        foreign: config.foreign,
        foreign_networks: config.foreign_networks.clone(),
        same_host: config.same_host.clone(),
        own_listeners: own_listeners(places, &config.public),
        exchanges: Vec::new(),
        relay: Vec::new(),
        data_ports: Vec::new(),
    }
}

/// The configuration of the sessions at a listener.
pub(super) fn for_listener(config: &Config, listener: &Listener, rules: Rules) -> server::Config {
    let tls = server::Tls {
        begin: listener.begin,
        required: config.require_tls,
        reuse: config.session_reuse,
        close_notify: config.close_notify,
    };
    server::Config {
        dialect: listener.dialect,
        gender: config.gender,
        defers_socket: config.defers_socket,
        rules,
        tls,
        strict_listen: config.strict_438_listen,
        timeouts: config.timeouts.clone(),
        max_held: MAX_HELD,
        max_provers: MAX_PROVERS,
        max_of_one_address: MAX_OF_ONE_ADDRESS,
        max_detached: MAX_DETACHED_TIME,
        copies: config.site_copy,
        has_hooks: config.hook.is_some(),
        software: concat!("ftp-server ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Every address of this server's own listeners: none of them is ever a target (B19). An address that
/// this host gets later is known from the control connections that come in through it.
fn own_listeners(places: impl IntoIterator<Item = SocketAddr>, public: &[PublicRule]) -> Vec<SocketAddr> {
    let everywhere = |at: SocketAddr| {
        socket::everywhere(at).unwrap_or_else(|error| {
            tracing::warn!(error = words(&error), "cannot list the addresses of this host");
            vec![at]
        })
    };
    let places: Vec<SocketAddr> = places.into_iter().collect();
    let seen = public.iter().filter_map(|rule| rule.host.address());
    let outside = seen.flat_map(|ip| places.iter().map(move |at| SocketAddr::new(ip, at.port())));
    places.iter().copied().flat_map(everywhere).chain(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::public::Host;

    #[test]
    fn b19_a_wildcard_listener_is_at_every_address_of_this_host() {
        let places = ["0.0.0.0:2121", "127.0.0.2:2173"].map(|at| at.parse().unwrap());
        let public = [PublicRule { networks: Vec::new(), host: Host::Address([192, 0, 2, 1].into()) }];
        let found = own_listeners(places, &public);
        for at in ["0.0.0.0:2121", "127.0.0.1:2121", "127.0.0.2:2173", "192.0.2.1:2121", "192.0.2.1:2173"] {
            assert!(found.contains(&at.parse().unwrap()), "{at}: {found:?}");
        }
    }
}
