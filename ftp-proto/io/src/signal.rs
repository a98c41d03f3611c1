//! Signals that ask this process to stop, or to read its settings again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM. Make this once and early: from then on the two signals no longer end the process
/// by themselves.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Starts to listen for both signals.
    ///
    /// # Errors
    ///
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns at the next of the two signals. The first asks to end in order, the second (call it
    /// again) to end at once.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP. Make this once and early: from then on the signal no longer ends the process.
#[derive(Debug)]
pub struct Reload(Signal);

impl Reload {
    /// Starts to listen for the signal.
    ///
    /// # Errors
    ///
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Returns at the next signal.
    pub async fn wait(&mut self) {
        self.0.recv().await;
    }
}
