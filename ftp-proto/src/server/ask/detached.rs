//! What a driver knows of a transfer that may outlive its control connection (DETA).

/// How far a transfer is that may outlive its control connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DetachedTransfer {
    /// How many bytes have moved.
    pub moved: u64,
    /// How many of them are known to be on stable storage.
    pub durable: u64,
    /// Whether it goes on.
    pub state: DetachedState,
}

/// Whether a transfer goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DetachedState {
    /// Its bytes do not move yet.
    Waiting,
    /// Its bytes move.
    Moving,
    /// The file is whole.
    Whole,
    /// The file is not whole; the text says why.
    Failed(String),
}
