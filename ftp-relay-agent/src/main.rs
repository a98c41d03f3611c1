//! The program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ftp_relay_agent::run()
}
