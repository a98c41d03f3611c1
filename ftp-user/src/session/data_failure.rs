//! Why there is no data connection.

use crate::failure::Failure;

/// Why there is no data connection with a server, and whose fault it is.
#[derive(Clone, Debug)]
pub enum DataFailure {
    /// Nobody answers at the port, nobody comes to it, or it cannot be opened. If the other end listens, there may be one.
    Path(Failure),
    /// The relay that reaches the server makes none now, whoever listens.
    Relay(Failure),
}

impl DataFailure {
    /// The failure, where it does not matter whose fault it is.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Path(failure) | Self::Relay(failure) => failure,
        }
    }
}
