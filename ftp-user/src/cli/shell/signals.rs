//! Signals while the shell runs: an interruption ends the command that runs, a wish to end ends the shell.

use crate::failure::{Failure, Kind};
use ftp_io::signal::{Asked, Stop};
use tokio::sync::watch;

/// What was heard so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ReceivedSignals {
    /// The number of interruptions.
    interrupts: u64,
    /// Whether the shell should end.
    pub(super) is_end: bool,
}

/// Listens for signals.
#[derive(Clone, Debug)]
pub(super) struct Signals(watch::Receiver<ReceivedSignals>);

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// The system refuses the handlers.
    pub(super) fn start() -> Result<Self, Failure> {
        let mut stop = Stop::new()
            .and_then(Stop::with_hangup)
            .map_err(|error| Failure::new(Kind::Other, format!("cannot watch for signals: {error}")))?;
        let (sender, receiver) = watch::channel(ReceivedSignals::default());
        tokio::spawn(async move {
            loop {
                let asked = stop.next().await;
                sender.send_modify(|heard| match asked {
                    Asked::Interrupt => heard.interrupts += 1,
                    Asked::End => heard.is_end = true,
                });
            }
        });
        Ok(Self(receiver))
    }

    /// Whether the shell should end.
    pub(super) fn is_end(&self) -> bool {
        self.0.borrow().is_end
    }

    /// Forgets what was heard: it was about an earlier command. A wish to end is never forgotten.
    pub(super) fn forget(&mut self) {
        self.0.mark_unchanged();
        if self.is_end() {
            self.0.mark_changed();
        }
    }

    /// Returns at the next signal.
    pub(super) async fn next(&mut self) -> ReceivedSignals {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }

    /// Returns when the shell should end.
    pub(super) async fn end(&mut self) {
        while !self.is_end() {
            self.next().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn heard_at_once(signals: &mut Signals) -> Option<ReceivedSignals> {
        match pin!(signals.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(heard) => Some(heard),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_interruption_of_an_earlier_command_is_forgotten_and_a_wish_to_end_is_not() {
        let (sender, receiver) = watch::channel(ReceivedSignals::default());
        let mut signals = Signals(receiver);
        sender.send_modify(|heard| heard.interrupts += 1);
        signals.forget();
        assert_eq!(heard_at_once(&mut signals), None);
        // It comes between two commands: before the second one begins.
        sender.send_modify(|heard| heard.is_end = true);
        signals.forget();
        assert_eq!(heard_at_once(&mut signals), Some(ReceivedSignals { interrupts: 1, is_end: true }));
    }
}
