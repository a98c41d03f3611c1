//! Deletes and renames what a path names, never what a symbolic link there leads to. Nothing here decides whether it may
//! be deleted: see `check::Removal`.

use super::host::Host;
use super::local::local_path;
use crate::context::Context;
use crate::control::Facts;
use crate::failure::{Failure, Kind};
use ftp_proto::listing::{self, When};
use ftp_proto::wire::PathName;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path};

/// What a path names, where a symbolic link is one; `None` if that is nothing.
///
/// # Errors
/// Fails if it cannot be determined.
pub(crate) async fn entry(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<Option<Facts>, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.facts(path).await,
        Host::Local(_) => here(path),
    }
}

/// Deletes a file or a symbolic link at or below `root`. `Ok(false)` if it was not there.
///
/// # Errors
/// Fails if it may still be there. A directory is a failure as well.
pub(crate) async fn delete_entry(
    context: &Context,
    host: &mut Host,
    (root, path): (&PathName, &PathName),
) -> Result<bool, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.delete(path).await,
        Host::Local(_) => unlink(root, path, AtFlags::empty()),
    }
}

/// Removes an empty directory at or below `root`. `Ok(false)` if it was not there.
///
/// # Errors
/// Fails if it may still be there: it is not empty, or the host refuses.
pub(crate) async fn remove_directory(
    context: &Context,
    host: &mut Host,
    (root, path): (&PathName, &PathName),
) -> Result<bool, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.remove_directory(path).await,
        Host::Local(_) => unlink(root, path, AtFlags::REMOVEDIR),
    }
}

/// Renames what has the name `from`, if nothing has the name `to`.
///
/// # Errors
/// Fails if it was not renamed.
pub(crate) async fn rename_free(
    context: &Context,
    host: &mut Host,
    from: &PathName,
    to: &PathName,
) -> Result<(), Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.rename_free(from, to).await,
        Host::Local(_) => {
            let renamed = renameat_with(CWD, local_path(from), CWD, local_path(to), RenameFlags::NOREPLACE);
            renamed.map_err(|error| {
                let what = format!("cannot rename {} to {}", from.display(), to.display());
                let failure = Failure::of_this_host(what, &error.into());
                match error {
                    Errno::EXIST => failure.as_kind(Kind::Exists),
                    Errno::XDEV => failure.hint("they are on two file systems: use mv of this host"),
                    _ => failure,
                }
            })
        }
    }
}

/// Waits until a file of this host and its name are on the disk. A server is believed.
///
/// # Errors
/// Fails if this host cannot write them.
pub(crate) async fn make_durable(host: &Host, path: &PathName) -> Result<(), Failure> {
    if !host.is_local() {
        return Ok(());
    }
    let (path, name) = (local_path(path).to_owned(), path.display());
    let work = move || {
        std::fs::File::open(&path)?.sync_all()?;
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(above)?.sync_all()
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other);
    done.flatten().map_err(|error| Failure::of_this_host(format!("cannot write {name} to the disk"), &error))
}

/// Whether the listings of the host tell symbolic links from directories for certain.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn shows_links(context: &Context, host: &mut Host) -> Result<bool, Failure> {
    match host {
        Host::Server(server) => Ok(server.session(context).await?.shows_links()),
        Host::Local(_) => Ok(true),
    }
}

/// The login directory of a server, if it tells it. This host has none.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn login_directory(context: &Context, host: &mut Host) -> Result<Option<PathName>, Failure> {
    match host {
        Host::Server(server) => server.session(context).await?.login_directory().await,
        Host::Local(_) => Ok(None),
    }
}

fn here(path: &PathName) -> Result<Option<Facts>, Failure> {
    let found = match std::fs::symlink_metadata(local_path(path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::of_this_host(format!("cannot look at {}", path.display()), &error));
        }
    };
    let kind = match found.file_type() {
        kind if kind.is_symlink() => listing::Kind::Link,
        kind if kind.is_dir() => listing::Kind::Directory,
        kind if kind.is_file() => listing::Kind::File,
        _ => listing::Kind::Other,
    };
    Ok(Some(Facts {
        kind,
        size: found.is_file().then_some(found.len()),
        modified: Some(When(found.mtime())),
        unique: Some(format!("{}-{}", found.dev(), found.ino())),
        mode: Some(found.permissions().mode() & 0o7777),
    }))
}

/// Removes a name of this host. From `root` on no symbolic link is followed, also one that has just been put there.
fn unlink(root: &PathName, path: &PathName, flags: AtFlags) -> Result<bool, Failure> {
    let what = || match flags.contains(AtFlags::REMOVEDIR) {
        true => format!("cannot remove the directory {}", path.display()),
        false => format!("cannot delete {}", path.display()),
    };
    let removed = directory_of(local_path(root), local_path(path))
        .and_then(|(directory, name)| Ok(unlinkat(directory, name, flags)?));
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::of_this_host(what(), &error)),
    }
}

/// The directory that has the last name of `path`, opened without following a symbolic link from `root` on.
fn directory_of<'a>(root: &'a Path, path: &'a Path) -> io::Result<(OwnedFd, &'a OsStr)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let below = path.strip_prefix(root).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut last = root.file_name();
    let above = match last {
        Some(_) => root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        // What is in the current directory, or in one that is called by `..`, was asked for.
        None => root,
    };
    let mut directory = openat(CWD, above, flags, Mode::empty())?;
    for component in below.components() {
        let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
        if let Some(entered) = last {
            directory = openat(&directory, entered, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        last = Some(name);
    }
    last.map(|last| (directory, last)).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn name(path: &Path) -> PathName {
        PathName::from_user(path.as_os_str().as_bytes()).unwrap()
    }

    #[test]
    fn no_link_at_or_below_the_place_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::create_dir_all(at("outside/deep")).unwrap();
        std::fs::create_dir_all(at("tree/real")).unwrap();
        std::fs::write(at("outside/f"), b"kept").unwrap();
        std::fs::write(at("tree/real/f"), b"gone").unwrap();
        symlink("../outside", at("tree/link")).unwrap();
        symlink("tree", at("alias")).unwrap();
        let delete = |root: &str, path: &str| unlink(&name(&at(root)), &name(&at(path)), AtFlags::empty());
        assert!(delete("tree", "tree/link/f").is_err());
        assert!(delete("alias", "alias/real/f").is_err(), "the place is a link");
        assert!(delete("tree", "outside/f").is_err(), "it is not below the place");
        assert!(delete("tree", "tree/../outside/f").is_err());
        assert!(unlink(&name(&at("tree")), &name(&at("tree/link/deep")), AtFlags::REMOVEDIR).is_err());
        assert!(delete("tree", "tree/real/f").unwrap());
        assert!(!delete("tree", "tree/real/f").unwrap(), "it is gone already");
        assert!(delete("tree", "tree/link").unwrap(), "the link itself");
        assert!(at("outside/f").exists() && at("outside/deep").exists());
        assert!(delete("alias", "alias").unwrap());
        assert!(at("tree/real").exists());
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::write(at("a"), b"a").unwrap();
        std::fs::write(at("b"), b"b").unwrap();
        let context = Context::for_tests(crate::context::Cancel::never());
        let mut host = Host::Local(None);
        let taken = rename_free(&context, &mut host, &name(&at("a")), &name(&at("b"))).await.unwrap_err();
        assert_eq!(taken.kind, Kind::Exists, "{taken}");
        rename_free(&context, &mut host, &name(&at("a")), &name(&at("c"))).await.unwrap();
        assert_eq!(
            (std::fs::read(at("b")).unwrap(), std::fs::read(at("c")).unwrap()),
            (vec![b'b'], vec![b'a'])
        );
    }
}
