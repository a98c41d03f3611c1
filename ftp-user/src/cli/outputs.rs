//! Where output goes: what can be shown at standard output, and the file of `--trace`.

use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::report::Screen;
use ftp_io::named_file::{is_of_another_user, open_to_write};
use ftp_io::program::output;
use rustix::termios::tcgetwinsize;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::{File, Permissions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Says something on standard error beside the events of a run.
pub(super) fn complain(message: impl Display) {
    output::complain("ftp-user", message);
}

/// Prints lines that have their ends.
pub(super) fn print(text: &str) -> Result<Status> {
    output::print(text.as_bytes()).map(|()| Status::Done).map_err(|error| Failure::not_printed(&error))
}

/// What can be shown at standard output. `color` says that standard error has colour, and `always` that what is no terminal
/// has it too. What is no terminal has 80 columns.
pub(super) fn screen(color: bool, always: bool) -> Screen {
    let columns = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    Screen {
        columns: columns.filter(|columns| *columns > 0).unwrap_or(COLUMNS),
        unicode: is_utf8(|name| std::env::var_os(name)),
        color: color && (always || io::stdout().is_terminal()),
    }
}

/// Whether the locale has UTF-8. The first of these variables that is set decides (POSIX, chapter 8.2).
fn is_utf8(get: impl Fn(&str) -> Option<OsString>) -> bool {
    let mut found = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(get);
    let locale = found.find(|value| value != OsStr::new("")).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Columns of what is no terminal.
const COLUMNS: usize = 80;

/// The file of `--trace`, empty. Only this user may read it: a dialogue names files and users.
pub(super) fn create_trace(path: &Path) -> Result<File> {
    open(path).map_err(|error| {
        Failure::of_this_host(format!("cannot write the trace {}", path.display()), &error)
            .as_kind(Kind::Other)
            .hint("name a file that this user may write and nobody else owns")
    })
}

/// Opens the file. What was there is looked at when it is open, so that nobody can exchange it afterwards.
fn open(path: &Path) -> io::Result<File> {
    // A new file is made at this name and at no other: a link to nothing is not followed.
    match open_to_write(File::options().create_new(true).mode(0o600), path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let file = open_to_write(&mut File::options(), path)?;
    let (facts, named) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    let is_named = (named.dev(), named.ino()) == (facts.dev(), facts.ino());
    // It may be a device or a pipe, and links lead to those of this process (/dev/stderr).
    let is_kept = facts.is_file() || (facts.file_type().is_fifo() && is_named);
    if !is_kept {
        return Ok(file);
    }
    if !is_named {
        return Err(io::Error::other("it is a symbolic link to a file"));
    }
    if is_of_another_user(facts.uid(), rustix::process::geteuid().as_raw()) {
        return Err(io::Error::other("another user owns it, and could read it"));
    }
    if facts.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_whether_more_than_ascii_can_be_shown() {
        for (set, expect) in [
            (&[("LANG", "en_US.UTF-8")][..], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "C")], false),
            (&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8"), ("LANG", "C")], true),
            (&[], false),
        ] {
            let get = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            assert_eq!(is_utf8(get), expect, "{set:?}");
        }
    }

    #[test]
    fn only_its_user_can_read_a_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        create_trace(&path).unwrap();
        assert_eq!(mode(), 0o600);

        std::fs::write(&path, "what was there").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        create_trace(&path).unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o600, vec![]));

        // Scripts read other kinds as something about the files that are copied.
        let failure = create_trace(&directory.path().join("none/trace")).unwrap_err();
        assert!(failure.to_string().contains("no such file or directory"), "{failure}");
        assert_eq!(failure.kind, Kind::Other);
        assert!(create_trace(Path::new("/dev/null")).is_ok());

        // The target may be anybody's file, and must keep its content and mode.
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        std::fs::write(&target, "what was there").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(create_trace(&link).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(std::fs::read(&target).unwrap(), b"what was there");
        std::fs::remove_file(&target).unwrap();
        assert!(create_trace(&link).is_err() && !target.exists(), "a link to nothing makes nothing");
    }

    #[test]
    fn a_file_of_another_user_gets_no_trace() {
        if !rustix::process::geteuid().is_root() {
            return; // nobody else can give a file away
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        std::fs::write(&path, "what was there").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let failure = create_trace(&path).unwrap_err();
        assert!(failure.to_string().contains("another user owns it"), "{failure}");
        assert_eq!(failure.kind, Kind::Other);
        let facts = std::fs::metadata(&path).unwrap();
        assert_eq!(
            (facts.permissions().mode() & 0o777, std::fs::read(&path).unwrap()),
            (0o666, b"what was there".to_vec())
        );
    }
}
