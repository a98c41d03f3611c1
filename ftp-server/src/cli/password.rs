//! `hash-password`: a password from a terminal or standard input, and its hash.

use std::io::{IsTerminal, Read, Write};

use anyhow::{Context, ensure};
use ftp_io::program::output;
use ftp_io::program::terminal::Silence;
use zeroize::Zeroizing;

use crate::auth::PasswordHash;

/// Reads a password and prints its hash.
///
/// # Errors
/// There is no password, the two that were typed differ, or nothing can be read or printed.
pub fn print_hash() -> anyhow::Result<()> {
    let password = if std::io::stdin().is_terminal() { typed()? } else { piped()? };
    ensure!(!password.is_empty(), "there is no password: type one, or give one on standard input");
    let hash = PasswordHash::of(&password)?;
    Ok(output::print(format!("{}\n", hash.text()).as_bytes())?)
}

/// The first line of standard input.
fn piped() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().take(LIMIT).read_to_end(&mut bytes).context("cannot read the password")?;
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

/// A password that is typed twice, without echo.
fn typed() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let _silence = Silence::begin(std::io::stdin()).context("cannot silence the terminal")?;
    let first = ask("Password: ")?;
    let second = ask("Again: ")?;
    ensure!(first == second, "the two passwords differ: nothing was hashed");
    Ok(first)
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    eprint!("{prompt}");
    std::io::stderr().flush().ok();
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    eprintln!();
    Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).as_bytes().to_vec()))
}

/// Bytes that are read of standard input.
const LIMIT: u64 = 64 * 1024;
