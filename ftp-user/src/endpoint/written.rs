//! What is written at a destination of this host. Below a directory that is held, no symbolic link is followed, and nobody
//! can put another directory in the way; elsewhere a path is used that was checked.

use super::local::{self, check_directory, check_file, local_path};
use super::local_end::in_the_way;
use super::opened::{LocalRoot, OpenName};
use crate::failure::Failure;
use ftp_proto::listing::When;
use ftp_proto::transfer::Store;
use ftp_proto::wire::PathName;
use rustix::fs::{AtFlags, OFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Opens a file to write. What an earlier run has left is continued if `continues`, and else written from its start.
///
/// # Errors
///
/// It cannot be opened, or what is continued is another file.
pub(crate) fn open_to_write(
    root: Option<&LocalRoot>,
    path: &PathName,
    (store, continues): (Store, bool),
) -> io::Result<File> {
    let file = match held(root, path) {
        Some(name) => {
            let flags = match (store, continues) {
                (Store::Append, _) => OFlags::APPEND | OFlags::CREATE,
                (Store::Replace, false) => OFlags::CREATE | OFlags::TRUNC,
                (Store::Replace, true) => OFlags::NONBLOCK,
            };
            name?.open(OFlags::WRONLY | OFlags::NOFOLLOW | flags)?
        }
        None => {
            let mut options = OpenOptions::new();
            match (store, continues) {
                (Store::Append, _) => options.append(true).create(true),
                (Store::Replace, false) => options.write(true).create(true).truncate(true),
                // A link may have taken the name of what an earlier run has left: what it leads to is another file.
                (Store::Replace, true) => options
                    .write(true)
                    .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()),
            };
            options.open(local_path(path))?
        }
    };
    if store == Store::Replace && continues {
        let facts = file.metadata()?;
        if !facts.is_file() || facts.nlink() != 1 {
            return Err(io::Error::other("what an earlier run has left there is another file now"));
        }
    }
    Ok(file)
}

/// Renames a finished copy.
pub(super) fn rename(root: Option<&LocalRoot>, from: &PathName, to: &PathName) -> Result<(), Failure> {
    match (held(root, from), held(root, to)) {
        (Some(from), Some(name)) => from
            .and_then(|from| from.rename(&name?))
            .map_err(|error| cannot(format!("cannot rename the finished copy to {}", to.display()), &error)),
        (None, _) | (_, None) => {
            check_file(root.map(LocalRoot::path), to)?;
            local::rename(from, to)
        }
    }
}

/// Deletes a file. Returns whether it was there.
pub(super) fn delete(root: Option<&LocalRoot>, path: &PathName) -> Result<bool, Failure> {
    let Some(name) = held(root, path) else {
        check_file(root.map(LocalRoot::path), path)?;
        return local::delete(path);
    };
    match name.and_then(|name| name.remove(AtFlags::empty())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot(format!("cannot delete {}", path.display()), &error))
        }
        deleted => Ok(deleted.is_ok()),
    }
}

/// Makes a directory, unless it is there.
pub(super) fn make_directory(root: Option<&LocalRoot>, path: &PathName) -> Result<(), Failure> {
    let Some(name) = held(root, path) else {
        check_directory(root.map(LocalRoot::path), path)?;
        return local::make_directory(path);
    };
    name.and_then(|name| name.make_directory())
        .map_err(|error| cannot(format!("cannot make the directory {}", path.display()), &error))
}

/// Sets when a file or directory was modified last.
pub(super) fn set_modified(root: Option<&LocalRoot>, path: &PathName, time: When) -> Result<(), Failure> {
    let Some(name) = held(root, path) else { return local::set_modified(path, time) };
    name.and_then(|name| name.set_modified(time))
        .map_err(|error| cannot(format!("cannot set the time of {}", path.display()), &error))
}

/// Sets the permission bits of a file or directory.
pub(super) fn set_mode(root: Option<&LocalRoot>, path: &PathName, mode: u32) -> Result<(), Failure> {
    let Some(name) = held(root, path) else { return local::set_mode(path, mode) };
    name.and_then(|name| name.set_mode(mode))
        .map_err(|error| cannot(format!("cannot set the permissions of {}", path.display()), &error))
}

/// The failure to do something at a name below a directory that is held.
fn cannot(what: String, error: &io::Error) -> Failure {
    in_the_way(what, error, "remove the link, or name its directory as the destination")
}

/// The name below a directory that is held; `None` if it is below none.
fn held(root: Option<&LocalRoot>, path: &PathName) -> Option<io::Result<OpenName>> {
    root?.reach(path, false)
}

#[cfg(test)]
mod tests {
    use super::super::opened::OpenDirectory;
    use super::*;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    #[test]
    fn nothing_is_written_through_a_link_that_has_taken_the_place_of_a_directory() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let name = |path: &Path| PathName::from_user(path.as_os_str().as_bytes()).unwrap();
        for directory in ["tree/sub", "victim"] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        let path = name(&at("tree"));
        let root = LocalRoot::at(path.clone());
        let seen = local::facts(&path).unwrap().unwrap();
        root.hold(vec![OpenDirectory::seen(&path, &seen).unwrap()]);
        let root = Some(&root);
        let (part, file) = (name(&at("tree/sub/part")), name(&at("tree/sub/file")));
        let from_start = (Store::Replace, false);
        let copy = |contents: &[u8]| {
            open_to_write(root, &part, from_start).unwrap().write_all(contents).unwrap();
            set_modified(root, &part, When(1_000_000_000)).unwrap();
            set_mode(root, &part, 0o640).unwrap();
            rename(root, &part, &file).unwrap();
        };
        copy(b"first, and longer");
        copy(b"second");
        make_directory(root, &name(&at("tree/sub/new"))).unwrap();
        make_directory(root, &name(&at("tree/sub/new"))).unwrap();
        let facts = std::fs::metadata(at("tree/sub/file")).unwrap();
        assert_eq!((facts.mtime(), facts.permissions().mode() & 0o777), (1_000_000_000, 0o640));
        assert_eq!(std::fs::read(at("tree/sub/file")).unwrap(), b"second");
        // A link has the name of the part.
        std::fs::write(at("victim/file"), "kept").unwrap();
        symlink("../../victim/file", at("tree/sub/part")).unwrap();
        assert!(open_to_write(root, &part, from_start).is_err());
        assert!(open_to_write(root, &part, (Store::Append, false)).is_err());
        assert!(set_mode(root, &part, 0o777).is_err());
        std::fs::write(at("victim/part"), "kept").unwrap();
        let before = std::fs::metadata(at("victim/file")).unwrap();
        // A link has the name of the directory.
        std::fs::rename(at("tree/sub"), at("tree/was")).unwrap();
        symlink("../victim", at("tree/sub")).unwrap();
        assert!(open_to_write(root, &part, from_start).is_err());
        assert!(rename(root, &part, &file).is_err() && delete(root, &part).is_err());
        assert!(set_modified(root, &file, When(1)).is_err() && set_mode(root, &file, 0o777).is_err());
        assert!(make_directory(root, &name(&at("tree/sub/more"))).is_err());
        let mut names: Vec<_> =
            std::fs::read_dir(at("victim")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["file", "part"]);
        for kept in ["victim/file", "victim/part"] {
            assert_eq!(std::fs::read(at(kept)).unwrap(), b"kept");
        }
        let after = std::fs::metadata(at("victim/file")).unwrap();
        assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
    }
}
