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
        Ok(Self { control: Some(Control::new(link, MAX_UNSENT)?), clock })
    }

    /// Sends a frame. Nothing is sent any more after [`Behind`].
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), Behind> {
        match &mut self.control {
            Some(control) if control.is_full() => {
                self.control = None;
                Err(Behind)
            }
            Some(control) => {
                control.send(frame, self.clock.now());
                Ok(())
            }
            None => Ok(()),
        }
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

/// Bytes of frames that the user agent has not taken yet.
const MAX_UNSENT: usize = 256 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
