//! A password as a file has it: one line.

use super::places::private_file;
use crate::failure::Failure;
use ftp_io::named_file::Readable;
use ftp_proto::wire::Secret;
use std::path::Path;

/// The password in the first and only line of a file; `named_by` says who has named it.
pub(super) fn read(path: &Path, named_by: &str) -> Result<Secret, Failure> {
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
