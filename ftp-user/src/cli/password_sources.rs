//! Where passwords are that a file or the settings name: a file with one line, or a program that writes it.

use super::passwords::VARIABLE;
use super::places::private_file;
use crate::context::Cancel;
use crate::failure::{Failure, Kind, words};
use crate::place::{PasswordSource, Site};
use ftp_io::named_file::Readable;
use ftp_proto::wire::Secret;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The password of a site.
///
/// # Errors
///
/// The file cannot be read, or the program fails, writes no password, or takes too long.
pub(super) async fn password(
    source: &PasswordSource,
    site: &Site,
    cancel: &Cancel,
) -> Result<Secret, Failure> {
    match source {
        PasswordSource::File(path) => of_file(path, &format!("password-file of {site}")),
        PasswordSource::Command(words) => of_program(words, site, cancel).await,
    }
}

/// The first line that a program writes. It may ask at the terminal. If this run ends, so does the program.
async fn of_program(command: &[String], site: &Site, cancel: &Cancel) -> Result<Secret, Failure> {
    let from = format!("password-command of {site}");
    let failed = |why: String| {
        Failure::new(Kind::Refused, format!("{from} failed")).said(why).hint("run the program by hand")
    };
    let (program, arguments) = command.split_first().ok_or_else(|| failed("it is empty".to_owned()))?;
    let child = Command::new(program)
        .args(arguments)
        // The password of another server is none of its business.
        .env_remove(VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Running(child.map_err(|error| failed(format!("{program}: {}", words(&error))))?);
    let (sender, receiver) = oneshot::channel();
    if let Some(output) = child.0.stdout.take() {
        thread::spawn(move || sender.send(first_line(output)));
    }
    let line = match cancel.unless_cancelled(timeout(PATIENCE, receiver)).await? {
        Ok(Ok(line)) => line.map_err(|error| failed(words(&error)))?,
        Ok(Err(_)) => return Err(failed("it has no output".to_owned())),
        Err(_) => return Err(failed(format!("it wrote nothing within {} s", PATIENCE.as_secs()))),
    };
    // It has closed its output, or its line is there: a program that goes on is not waited for.
    let status = child.ended().await.map_err(|error| failed(words(&error)))?;
    if let Some(status) = status.filter(|status| !status.success()) {
        return Err(failed(format!("it ended with {status}")));
    }
    let password = Secret::new(line.as_slice());
    check(&password, &from).map_err(|failure| failure.as_kind(Kind::Refused))?;
    Ok(password)
}

/// A program. Dropping it ends it.
struct Running(Child);

impl Running {
    /// How it has ended, if it ends soon.
    async fn ended(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        for _ in 0..TRIES {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// The first line of what a program writes, without its end. No buffer but this one keeps it.
fn first_line(mut output: ChildStdout) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8]);
    while output.read(byte.as_mut())? == 1 && *byte != [b'\n'] {
        if line.len() == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
        line.extend_from_slice(byte.as_ref());
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    // What follows, such as the other lines of `pass show`, is read so that the program can write it.
    let _ = io::copy(&mut output.take(MOST_IGNORED), &mut io::sink());
    Ok(line)
}

/// How long a program may take: it may ask a person for a passphrase.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a program that has written its line is looked at, and the pause between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);
/// The longest password in bytes.
const LONGEST: usize = 4096;
/// Bytes behind the password that are read.
const MOST_IGNORED: u64 = 1 << 20;

/// The password in the first and only line of a file; `named_by` says who has named it.
pub(super) fn of_file(path: &Path, named_by: &str) -> Result<Secret, Failure> {
    let name = path.display().to_string();
    let bytes = private_file(path, Readable::FileOrPipe)?.ok_or_else(|| {
        Failure::usage(format!("there is no file {name}")).hint(format!("{named_by} names it"))
    })?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let password = Secret::new(line.strip_suffix(b"\r").unwrap_or(line));
    check(&password, &name)?;
    Ok(password)
}

/// Refuses what no FTP command can carry. `from` says where it is.
pub(super) fn check(password: &Secret, from: &str) -> Result<(), Failure> {
    let bytes = password.expose();
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{from} holds no password")));
    }
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(Failure::usage(format!("the password in {from} contains CR, LF or NUL"))
            .hint("a password is one line"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    async fn found(line: &str) -> Result<String, Failure> {
        let Ok(Place::Remote(remote)) = Place::parse(b"ftp://ann@h/") else { panic!() };
        let words = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
        let source = PasswordSource::Command(words);
        let found = password(&source, &remote.site, &Cancel::never()).await?;
        Ok(String::from_utf8_lossy(found.expose()).into_owned())
    }

    #[tokio::test]
    async fn the_first_line_of_a_program_is_the_password() {
        for (line, expect) in [
            ("echo s3cret", "s3cret"),
            ("printf ' s3 cret \\r\\nurl: x\\n'", " s3 cret "),
            ("printf s3cret", "s3cret"),
        ] {
            assert_eq!(found(line).await.as_deref(), Ok(expect), "{line}");
        }
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_without_what_it_wrote() {
        for (line, expect) in [
            ("echo s3cret; exit 3", "exit status: 3"),
            ("true", "holds no password"),
            ("exec /no/such/program s3cret", "ended with"),
        ] {
            let failure = found(line).await.unwrap_err();
            assert_eq!(failure.kind, Kind::Refused, "{failure}");
            let said = failure.to_string();
            assert!(said.contains(expect) && !said.contains("s3cret"), "{line}: {said}");
        }
    }
}
