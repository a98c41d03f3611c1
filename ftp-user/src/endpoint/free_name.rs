//! A name of this host gets another one that nothing has.

use super::identity::identity;
use rustix::fs::{AtFlags, RenameFlags, linkat, renameat_with, statat, unlinkat};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Gives what has the name `from` in a directory the name `to` in another one, which nothing has.
///
/// # Errors
///
/// It was not renamed; with [`Errno::EXIST`] if the name is taken.
pub(super) fn rename_free(from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> Result<(), Errno> {
    match renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        // Some file systems cannot promise it (NFS), nor can old systems.
        Err(error @ (Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)) => {
            link_free(from, to).map_err(|other| {
                // A directory has one name.
                if other == Errno::EXIST { other } else { error }
            })
        }
        renamed => renamed,
    }
}

/// The same for a file by a second name, after which the first one is removed.
fn link_free(from: (BorrowedFd<'_>, &Path), to: (BorrowedFd<'_>, &Path)) -> Result<(), Errno> {
    linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?;
    let look =
        |(directory, name): (BorrowedFd<'_>, &Path)| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    // Somebody may have put another file there meanwhile. It stays.
    match (look(from), look(to)) {
        (Ok(old), Ok(new)) if identity(&old) == identity(&new) => {
            unlinkat(from.0, from.1, AtFlags::empty()).inspect_err(|_| {
                // It keeps its first name, so the second one goes.
                let _ = unlinkat(to.0, to.1, AtFlags::empty());
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::fs;

    #[test]
    fn a_file_gets_a_name_that_is_free_also_where_the_system_cannot_promise_it() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("taken"), "taken").unwrap();
        for rename in [rename_free, link_free] {
            fs::write(at("a"), "a").unwrap();
            assert_eq!(rename((CWD, &at("a")), (CWD, &at("taken"))), Err(Errno::EXIST));
            rename((CWD, &at("a")), (CWD, &at("b"))).unwrap();
            assert_eq!((at("a").exists(), fs::read(at("b")).unwrap()), (false, b"a".to_vec()));
            fs::remove_file(at("b")).unwrap();
        }
        assert!(link_free((CWD, &at("directory")), (CWD, &at("other"))).is_err());
        assert_eq!(fs::read(at("taken")).unwrap(), b"taken");
        rename_free((CWD, &at("directory")), (CWD, &at("other"))).unwrap();
    }
}
