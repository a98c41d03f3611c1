//! The link of a session with its user agent.

use std::future::pending;
use std::io;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::control::{Control, Read};
use ftp_io::link::Link;

/// The link, until it ends.
#[derive(Debug)]
pub(super) struct Frames {
    /// `None` once it has ended, or the user agent has fallen behind.
    control: Option<Control>,
    clock: Clock,
}

/// The user agent has stopped reading: more than the limit is unsent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Behind;

impl Frames {
    pub(super) fn new(link: Link, clock: Clock) -> io::Result<Self> {
        Ok(Self { control: Some(Control::new(link, ANSWERS)?), clock })
    }

    /// Queues a frame. Nothing is sent any more after [`Behind`].
    pub(super) fn queue(&mut self, frame: &[u8]) -> Result<(), Behind> {
        match &mut self.control {
            Some(control) if control.unsent() >= MAX_UNSENT => {
                self.control = None;
                Err(Behind)
            }
            Some(control) => {
                control.queue(frame, self.clock.now());
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Sends what is queued, as far as the connection takes it.
    pub(super) fn flush(&mut self) {
        if let Some(control) = &mut self.control {
            control.flush();
        }
    }

    /// Whether many answers wait: nothing that the user agent has said is heard before it has taken them.
    pub(super) fn is_full(&self) -> bool {
        self.control.as_ref().is_some_and(Control::is_full)
    }

    /// Sends what is queued, and reads nothing. Reports the end once and never returns after it.
    pub(super) async fn write(&mut self) -> Read {
        let Some(control) = &mut self.control else { return pending().await };
        let written = control.write().await;
        if written == Read::Closed {
            self.control = None;
        }
        written
    }

    /// Appends what has come to `heard`. Reports the end once and never returns after it.
    pub(super) async fn read(&mut self, heard: &mut Vec<u8>) -> Read {
        let Some(control) = &mut self.control else { return pending().await };
        let read = control.read_to(heard).await;
        if read == Read::Closed {
            self.control = None;
        }
        read
    }

    /// Sends what is unsent, if the user agent takes it soon, and closes the link.
    pub(super) async fn close(self) {
        if let Some(control) = self.control {
            control.close(&self.clock, LAST_FRAMES).await;
        }
    }
}

/// Bytes of answers that go out in one piece, and that may wait while the user agent is heard.
const ANSWERS: usize = 16 * 1024;
/// Bytes of frames that the user agent has not taken yet.
const MAX_UNSENT: usize = 256 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
