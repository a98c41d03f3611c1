//! Long work without I/O checks regularly whether it should stop.

use crate::context::Cancel;
use std::io;

/// Counts names, and asks now and then whether somebody has asked the program to stop.
#[derive(Debug)]
pub(in crate::job) struct StopCheck<'a> {
    cancel: &'a Cancel,
    names: u32,
}

impl<'a> StopCheck<'a> {
    /// No name was counted yet.
    pub(in crate::job) const fn new(cancel: &'a Cancel) -> Self {
        Self { cancel, names: 0 }
    }

    /// Counts a name.
    ///
    /// # Errors
    ///
    /// With [`io::ErrorKind::Interrupted`]: the work should stop.
    pub(in crate::job) fn count(&mut self) -> io::Result<()> {
        self.names = (self.names + 1) % PERIOD;
        match self.names == 0 && self.cancel.is_cancelled() {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}

/// The number of names between two questions.
const PERIOD: u32 = 1000;
