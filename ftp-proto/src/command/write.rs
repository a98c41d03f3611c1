//! A [`Command`] becomes a line, for the user agent.

use super::Command;
use crate::dialect::Dialect;

impl Command {
    /// The line for a server that speaks `dialect`, with CR LF, names Telnet-escaped
    /// (CR as CR NUL, 0xFF doubled).
    pub fn to_line(&self, dialect: Dialect) -> Vec<u8> {
        let _ = dialect;
        Vec::new()
    }

    /// The same for logs and traces: the arguments of PASS, ACCT and RNDZ are masked (H38).
    pub fn redacted(&self, dialect: Dialect) -> String {
        let _ = dialect;
        String::new()
    }
}
