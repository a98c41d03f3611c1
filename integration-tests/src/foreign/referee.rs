//! An independent client that judges what has arrived: Python's ftplib fetches the files, and their digests are compared.

use super::fetch::Tool;
use super::pair::End;
use super::tls::Begin;
use crate::site::{PASSWORD, USER};
use crate::skip::Skipped;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

/// Whether data with this server are in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Logins and data are in clear.
    InClear,
    /// TLS begins with AUTH.
    InsideTls,
}

/// Has ftplib fetch these files from a server, and compares them.
///
/// # Errors
///
/// [`Skipped`] if there is no Python.
///
/// # Panics
///
/// If one differs or cannot be fetched.
pub fn ftplib_fetches(end: &End, files: &[(&str, Vec<u8>)], judged: Protection) -> Result<(), Skipped> {
    Referee::of(end, judged).fetches(files)
}

/// What ftplib needs to log in.
#[derive(Clone, Debug)]
pub struct Referee {
    at: SocketAddr,
    user: String,
    password: String,
    prefix: &'static str,
    kind: &'static str,
}

impl Referee {
    /// The one that logs in to this server.
    pub fn of(end: &End, judged: Protection) -> Self {
        let ((user, password), prefix) = match end {
            End::Ours(_) => ((USER, PASSWORD), ""),
            End::Theirs(server) => (server.user(), server.prefix()),
        };
        if let End::Theirs(server) = end {
            assert_ne!(server.begin(), Some(Begin::Implicit), "ftplib begins TLS with AUTH");
        }
        let kind = if judged == Protection::InsideTls { "explicit" } else { "clear" };
        Self { at: end.address(), user: user.into(), password: password.into(), prefix, kind }
    }

    /// The same as [`ftplib_fetches`].
    ///
    /// # Errors
    ///
    /// [`Skipped`] if there is no Python.
    ///
    /// # Panics
    ///
    /// If a file differs or cannot be fetched.
    pub fn fetches(&self, files: &[(&str, Vec<u8>)]) -> Result<(), Skipped> {
        let python = Tool::plain_python()?;
        let mut command = python.command();
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/referee.py"));
        command.args([&self.at.ip().to_string(), &self.at.port().to_string(), self.kind, &self.user]);
        command.env("REFEREE_PASSWORD", &self.password).env("PYTHONIOENCODING", "utf-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let named = |path: &str| format!("{}{path}", self.prefix);
        let paths: String = files.iter().map(|(path, _)| format!("{}\n", named(path))).collect();
        child.stdin.take().unwrap().write_all(paths.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected: String = files.iter().map(|(path, bytes)| line(&named(path), bytes)).collect();
        assert_eq!(said, expected, "ftplib has fetched something else: {why}");
        assert!(output.status.success(), "ftplib: {why}");
        Ok(())
    }
}

/// What the script prints for a file.
fn line(path: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest} {path}\n")
}
