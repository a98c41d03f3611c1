//! What stands between a user agent and two servers that it does not reach by itself.

use super::{End, own_address};
use crate::hub::{Hub, Joined};
use crate::relay::{Agent, Relay};
use crate::socks::{Conduct, Proxy};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Which of the two forms it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// One relay, which reaches both servers.
    Relay,
    /// A hub, and an agent beside each server: `zurich` beside the source, `berlin` beside the destination.
    Agents,
}

/// What was started of it. The user goes through a proxy, which lets him reach the relay, or the hub, and nobody else.
#[derive(Debug)]
pub struct Between {
    started: Started,
    proxy: Proxy,
}

#[derive(Debug)]
enum Started {
    Relay(Agent),
    Agents(Hub, [Joined; 2]),
}

impl Between {
    /// Starts it at addresses of its own.
    pub fn start(form: Form, from: &End, to: &End) -> Self {
        let own = || own_address().to_string();
        let started = match form {
            Form::Relay => {
                let relay = Relay::new().at(&own());
                Started::Relay(relay.server(&from.ip().to_string()).server(&to.ip().to_string()).start())
            }
            Form::Agents => {
                let hub = Hub::start(&own());
                let beside = [("zurich", from), ("berlin", to)]
                    .map(|(name, end)| hub.join(name, &own(), &[&end.ip().to_string()]));
                Started::Agents(hub, beside)
            }
        };
        let (address, _) = started.reached();
        let proxy = Proxy::start(&own(), Conduct::Only(address), &[]);
        Self { started, proxy }
    }

    /// The options by which a user reaches it.
    pub fn options(&self) -> [String; 6] {
        let (address, token_file) = self.started.reached();
        let token_file = token_file.display().to_string();
        let (proxy, address) = (self.proxy.url(), address.to_string());
        ["--proxy".into(), proxy, "--relay".into(), address, "--relay-token-file".into(), token_file]
    }

    /// All that its programs have said.
    pub fn said(&self) -> String {
        match &self.started {
            Started::Relay(agent) => agent.running.said(),
            Started::Agents(hub, [one, two]) => {
                [&hub.running, &one.running, &two.running].map(|it| it.said()).concat()
            }
        }
    }
}

impl Started {
    /// What the user reaches, and the file of its token.
    const fn reached(&self) -> (SocketAddr, &PathBuf) {
        match self {
            Self::Relay(agent) => (agent.address, &agent.token_file),
            Self::Agents(hub, _) => (hub.address, &hub.token_file),
        }
    }
}
