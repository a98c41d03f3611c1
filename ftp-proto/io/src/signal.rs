//! Signals that ask this process to stop, or to read its settings again.

use std::io;

use tokio::signal::unix::{self, Signal, SignalKind};

use crate::simulated;

/// SIGINT and SIGTERM, and SIGHUP where a closed terminal has to end the program. Make this once and early: from then
/// on these signals no longer end the process by themselves.
#[derive(Debug)]
pub struct Stop {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Stop {
    /// Starts to listen for both signals.
    ///
    /// # Errors
    ///
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup: None })
    }

    /// Listens for SIGHUP, too, unless it was ignored when the program started (`nohup`).
    ///
    /// # Errors
    ///
    /// The system refuses the handler.
    pub fn with_hangup(self) -> io::Result<Self> {
        let hangup = if is_hangup_ignored() { None } else { signal(SignalKind::hangup())? };
        Ok(Self { hangup, ..self })
    }

    /// Returns at the next of these signals. The first asks to end in order, the second (call it
    /// again) to end at once.
    pub async fn wait(&mut self) {
        self.next().await;
    }

    /// The same, and says which it was: a program that carries out one command after the other goes on behind an interruption.
    pub async fn next(&mut self) -> StopRequest {
        tokio::select! {
            biased;
            () = heard(self.interrupt.as_mut()) => StopRequest::Interrupt,
            () = heard(self.terminate.as_mut()) => StopRequest::End,
            () = heard(self.hangup.as_mut()) => StopRequest::End,
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopRequest {
    /// What is done now should stop: SIGINT.
    Interrupt,
    /// The program should end: SIGTERM, or SIGHUP because its terminal was closed.
    End,
}

/// Listens for a signal. A simulated host has none: its programs are ended from outside.
fn signal(kind: SignalKind) -> io::Result<Option<Signal>> {
    if simulated::host().is_some() { Ok(None) } else { unix::signal(kind).map(Some) }
}

/// Returns at the next signal; never if there is none to wait for.
async fn heard(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// From now on a file that reaches the largest size that this process may write (RLIMIT_FSIZE) is an error of that file
/// (EFBIG). The signal that comes with it would end the process, and with it everybody else's files. Call this in a runtime.
///
/// # Errors
///
/// The system refuses the handler.
pub fn survive_large_files() -> io::Result<()> {
    // The handler stays for as long as the process lives.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Whether this process ignores SIGHUP, as the system tells it. Where it does not tell, the signal is not ignored.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Whether the mask `SigIgn` of a process (proc_pid_status(5)) has SIGHUP, which is its first bit.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// SIGHUP. Make this once and early: from then on the signal no longer ends the process.
#[derive(Debug)]
pub struct Reload(Option<Signal>);

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
        heard(self.0.as_mut()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_a_process_tells_whether_it_ignores_sighup() {
        let check = |status: &str, expect| assert_eq!(ignores_hangup(status), expect, "{status:?}");
        check("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n", false);
        check("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n", true);
        check("SigIgn:\tnothing\n", false);
        check("", false);
    }
}
