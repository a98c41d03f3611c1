//! Standard output and standard error. Either may be closed or lead to a reader that has gone.

use super::secret;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write, stderr, stdout};

/// Writes `text` to standard output. A reader that has seen enough and closed the pipe is no error.
///
/// # Errors
///
/// Whatever else keeps the text from being written, such as a full disk.
pub fn print(text: &[u8]) -> io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `program: message` and a line end to standard error, if that is open. Passwords of URLs are left out.
pub fn complain(program: &str, message: impl Display) {
    let message = secret::without_passwords(&message.to_string());
    let _ = writeln!(stderr().lock(), "{program}: {message}");
}

/// Whether standard error may be coloured: it is a terminal, and `NO_COLOR` is unset or empty.
pub fn is_coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
