//! Completions and the manual page, from the same description as `--help`.

use std::io::{self, Write};

use anyhow::Context;
use clap::CommandFactory;

use super::{Cli, Exit};

/// Completions for `shell` on standard output.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ftp-relay-agent", &mut text);
    print(&text)
}

/// The manual page on standard output.
pub fn man() -> Result<(), Exit> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text).context("cannot write the manual page")?;
    print(&text)
}

/// Writes to standard output; a reader that has seen enough (a closed pipe) is no failure.
pub(super) fn print(text: &[u8]) -> Result<(), Exit> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("cannot write to standard output").into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
