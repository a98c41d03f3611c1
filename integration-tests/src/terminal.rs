//! `ftp-user` at a pseudo-terminal, which `script` of util-linux provides.

use crate::binary::Program;
use crate::foreign::Skipped;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `ftp-user` with `arguments`, words of the shell, for a person who types `answers`. What the run keeps is in
/// `state`. Returns what the person sees, and the exit code.
///
/// # Errors
///
/// This machine has no `script`.
pub fn at_a_terminal(state: &Path, arguments: &str, answers: &str) -> Result<(String, Option<i32>), Skipped> {
    let program = Program::User.path();
    let typed = format!("exec {} --retries 0 --state {} {arguments}", program.display(), state.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
    command.env("HOME", state).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| Skipped("there is no script(1)".into()))?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    drop(stdin);
    Ok((String::from_utf8_lossy(&ended.stdout).into_owned(), ended.status.code()))
}
