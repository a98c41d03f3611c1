//! A user agent, a relay and two servers at four addresses. Both servers are as they are by themselves:
//! each takes data connections with the host of its control connection only.

use super::{End, Skipped, Who, own_address, shown};
use crate::relay::{Agent, Relay};
use crate::user::{Run, User, user};

/// Two servers and the relay between them. The user agent comes from 127.0.0.1, where nobody else is.
#[derive(Debug)]
pub struct RelayedPair {
    /// The server that sends.
    pub from: End,
    /// The server that receives.
    pub to: End,
    /// The relay between them.
    pub agent: Agent,
}

impl RelayedPair {
    /// Starts all three; the source has these files.
    pub fn start(from: Who, to: Who, files: &[(&str, Vec<u8>)]) -> Result<Self, Skipped> {
        let from = from.start(from.most_closed(), files)?;
        let to = to.start(to.most_closed(), &[])?;
        Ok(Self::around(from, to))
    }

    /// A relay that may reach these two and nobody else.
    pub fn around(from: End, to: End) -> Self {
        let relay = Relay::new().at(&own_address().to_string());
        let agent = relay.server(&from.ip().to_string()).server(&to.ip().to_string()).start();
        Self { from, to, agent }
    }

    /// A run of `ftp-user copy` that knows the relay, without its places.
    pub fn copy(&self) -> User {
        let run = user().args(["copy", "--no-race", "--json", "--trace", "trace.txt", "--retries", "0"]);
        run.args(["--timeout", "30s", "--stall", "30s"])
            .relay(self.agent.address, &self.agent.token_file)
            .args(Who::without_tls(&[self.from.who(), self.to.who()]))
    }

    /// All that is known, for a person who has to find out.
    pub fn shown(&self, run: &Run) -> String {
        let agent = format!("-- relay --\n{}", self.agent.running.said());
        shown(run, &self.from, &self.to, &agent)
    }
}
