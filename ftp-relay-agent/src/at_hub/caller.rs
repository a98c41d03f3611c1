//! Calls to other agents, from wherever they are needed.

use ftp_proto::relay::message::Code;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::spot::Spot;

/// Calls other agents of the hub. Clones share the session.
#[derive(Clone, Debug)]
pub struct Caller(mpsc::Sender<Request>);

/// A call that is wanted.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) agent: String,
    pub(super) answer: oneshot::Sender<Result<Called, Uncalled>>,
}

/// A stream to an agent.
#[derive(Debug)]
pub struct Called {
    /// The connection with the hub, which carries what the agent sends.
    pub stream: TcpStream,
    /// The port from which it was made, for a direct connection with the agent.
    pub spot: Option<Spot>,
}

/// Why there is no stream to an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uncalled {
    /// The reason for the user agent.
    pub code: Code,
    /// More about it.
    pub text: String,
}

impl Uncalled {
    pub(super) fn lost() -> Self {
        Self { code: Code::Unreachable, text: "the session with the hub is lost".to_owned() }
    }
}

impl Caller {
    /// A caller, and what it wants.
    pub(super) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, requests) = mpsc::channel(MAX_REQUESTS);
        (Self(sender), requests)
    }

    /// A stream to an agent, on which nothing is proven yet.
    ///
    /// # Errors
    ///
    /// The hub refuses, the agent does not come, or there is no session with the hub.
    pub async fn call(&self, agent: &str) -> Result<Called, Uncalled> {
        let (answer, answered) = oneshot::channel();
        let request = Request { agent: agent.to_owned(), answer };
        self.0.try_send(request).map_err(|_| Uncalled::lost())?;
        answered.await.unwrap_or_else(|_| Err(Uncalled::lost()))
    }
}

/// Calls that wait for the session.
const MAX_REQUESTS: usize = 64;
