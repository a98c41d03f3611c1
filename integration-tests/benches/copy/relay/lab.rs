//! Where source, relay and sink are: on one host, or on three with cables of the usual MTU between.

use std::net::IpAddr;

use integration_tests::foreign::Skipped;
use integration_tests::net::{Host, Network};

/// Three places.
pub(super) struct Lab {
    /// For the headline.
    pub(super) name: &'static str,
    addresses: [IpAddr; 3],
    /// None: this host.
    hosts: Option<[Host; 3]>,
    _network: Option<Network>,
}

/// One of the three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Source,
    Relay,
    Sink,
}

impl Lab {
    /// Three addresses of this host.
    pub(super) fn loopback() -> Self {
        let addresses = ["127.0.0.1", "127.0.0.9", "127.0.0.3"].map(|text| text.parse().unwrap());
        Self { name: "loopback", addresses, hosts: None, _network: None }
    }

    /// Three hosts, a router between them.
    pub(super) fn veth() -> Result<Self, Skipped> {
        let mut network = Network::new()?;
        let hosts = ["source", "relay", "sink"].map(|name| network.host(name));
        let addresses = hosts.each_ref().map(|host| host.ip().parse().unwrap());
        Ok(Self { name: "veth, MTU 1500", addresses, hosts: Some(hosts), _network: Some(network) })
    }

    pub(super) const fn ip(&self, end: End) -> IpAddr {
        let [source, relay, sink] = self.addresses;
        match end {
            End::Source => source,
            End::Relay => relay,
            End::Sink => sink,
        }
    }

    /// Does something there.
    pub(super) fn on<T: Send>(&self, end: End, work: impl FnOnce() -> T + Send) -> T {
        match (&self.hosts, end) {
            (None, _) => work(),
            (Some([source, _, _]), End::Source) => source.run(work),
            (Some([_, relay, _]), End::Relay) => relay.run(work),
            (Some([_, _, sink]), End::Sink) => sink.run(work),
        }
    }
}
