//! Standard output and standard error. Either may be closed or lead to a reader that has gone.

use super::secret;
use crate::simulated::{self, Host};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, StderrLock, StdoutLock, Write, stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Standard output or standard error; on a host of a simulation, what the simulation reads.
#[derive(Debug)]
pub enum Writer {
    /// Standard output of this process.
    Out(StdoutLock<'static>),
    /// Standard error of this process.
    Err(StderrLock<'static>),
    /// Both of a simulated program.
    Simulated(Arc<dyn Host>),
}

/// Standard output, for this thread alone.
pub fn out() -> Writer {
    simulated::host().map_or_else(|| Writer::Out(stdout().lock()), Writer::Simulated)
}

/// Standard output, for the bytes of a file.
///
/// # Errors
///
/// It is closed, or the system has no descriptor left.
pub fn output_file() -> io::Result<File> {
    match simulated::host() {
        Some(host) => host.output(),
        None => stdout().as_fd().try_clone_to_owned().map(File::from),
    }
}

/// Standard input, for the bytes of a file.
///
/// # Errors
///
/// It is closed, or the system has no descriptor left.
pub fn input_file() -> io::Result<File> {
    match simulated::host() {
        Some(host) => host.input(),
        None => stdin().as_fd().try_clone_to_owned().map(File::from),
    }
}

/// Standard error, for this thread alone.
pub fn err() -> Writer {
    simulated::host().map_or_else(|| Writer::Err(stderr().lock()), Writer::Simulated)
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Out(out) => out.write(bytes),
            Self::Err(err) => err.write(bytes),
            Self::Simulated(host) => {
                host.print(bytes);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Out(out) => out.flush(),
            Self::Err(err) => err.flush(),
            Self::Simulated(_) => Ok(()),
        }
    }
}

/// Writes `text` to standard output. A reader that has seen enough and closed the pipe is no error.
///
/// # Errors
///
/// Whatever else keeps the text from being written, such as a full disk.
pub fn print(text: &[u8]) -> io::Result<()> {
    let mut out = out();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `program: message` and a line end to standard error, if that is open. Passwords of URLs are left out.
pub fn complain(program: &str, message: impl Display) {
    let message = secret::without_passwords(&message.to_string());
    let _ = writeln!(err(), "{program}: {message}");
}

/// Whether standard error may be coloured: it is a terminal, and `NO_COLOR` is unset or empty.
pub fn is_coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
