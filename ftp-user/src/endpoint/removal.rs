//! Deletes and renames what a path names, never what a symbolic link there leads to. Nothing here decides whether it may
//! be deleted: see `job::Removal`.

use super::disk::{AskedDisk, make_stable_here};
use super::held::HeldPlace;
use super::host::Host;
use super::local_end::LocalEnd;
use crate::context::Context;
use crate::endpoint::files::{self, Lack, cannot_delete};
use crate::failure::{Failure, Result};
use crate::place;
use crate::session::{Facts, SessionId};
use crate::world::{LocalName, above, local_path, names_of, replaced};
use ftp_proto::deletion::{DeletePermit, Learnt, Presence, Witness};
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

/// What a path names, where a symbolic link is one; `None` if that is nothing.
///
/// # Errors
/// Fails if it cannot be determined.
pub(crate) async fn entry(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    match host {
        Host::Server(server) => files::facts(server.session(context).await?, path).await,
        Host::Local(end) => end.entry(path),
    }
}

/// Whether a host has something of each of these names, which its listing has not shown; `None` if it does not tell.
///
/// # Errors
/// Fails if it cannot be asked.
pub(crate) async fn have(
    context: &Context,
    host: &mut Host,
    paths: &[PathName],
) -> Result<Vec<Option<bool>>> {
    match host {
        Host::Server(server) => files::have(server.session(context).await?, paths).await,
        Host::Local(end) => Ok(paths.iter().map(|path| Some(end.entry(path).ok()?.is_some())).collect()),
    }
}

/// Whether a host lacks each of these names of a directory; `None` is the login directory. On this host a name is lacking only if
/// the system says so (ENOENT).
///
/// # Errors
/// Fails if the session is lost.
pub(crate) async fn lack(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &[PathName],
) -> Result<Learnt<Vec<Lack>>> {
    match host {
        Host::Server(server) => {
            let session = server.session(context).await?;
            let said = Box::pin(files::lack(session, directory, names)).await?;
            Ok(Learnt::new(said, session.id))
        }
        Host::Local(end) => {
            let presence = |name: &PathName| match end.entry(&place::join(directory, name)) {
                Ok(None) => Presence::Missing,
                Ok(Some(_)) => Presence::There,
                Err(_) => Presence::Unknown,
            };
            let lack = |presence| Lack { presence, witness: Witness::NotNeeded, is_listed_whole: true };
            Ok(Learnt::new(names.iter().map(|name| lack(presence(name))).collect(), SessionId::HERE))
        }
    }
}

/// What is deleted, and below which place of its host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PermittedName<'a> {
    /// The place. It and what is below it are entered without following a symbolic link.
    pub(crate) root: &'a PathName,
    /// What is deleted: the place, or something below it.
    pub(crate) permit: &'a DeletePermit,
    /// What keeps the place the same, on this host.
    pub(crate) held: Option<&'a HeldPlace>,
    /// What tells the file that may be deleted from others of this host, or where it leads if it is a symbolic link.
    pub(crate) seen: Option<&'a str>,
}

/// Refuses what this program needs itself: nothing of it is deleted or renamed, whatever was typed.
///
/// # Errors
/// Fails if `path` is one of its own files.
pub(super) fn refuse_own(path: &PathName, need: Option<&'static str>) -> Result<()> {
    let Some(what) = need else { return Ok(()) };
    let what = format!("{} stays as it is, because it belongs to {what} of ftp-user", path.display());
    Err(Failure::usage(what).hint("do it with a program of this host, if no ftp-user runs"))
}

/// Deletes a name at or below a place. `Ok(false)` if it was not there.
///
/// # Errors
/// Fails if it may still be there: it is not what the permit is for, a directory is not empty, or the host refuses.
pub(crate) async fn delete(context: &Context, host: &mut Host, name: PermittedName<'_>) -> Result<bool> {
    context.run.job_journal.note_change();
    match host {
        Host::Server(server) => files::delete(server.session(context).await?, name.permit).await,
        Host::Local(end) => {
            let path = name.permit.path();
            // A file of this host is looked at before, and what is seen there stands in `seen`.
            if name.permit.only_if().is_some() {
                return Err(replaced(path));
            }
            refuse_own(path, context.run.own_files.needs(local_path(path)))?;
            unlink(end, name)
        }
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
) -> Result<()> {
    match host {
        Host::Server(server) => files::rename_free(server.session(context).await?, from, to).await,
        Host::Local(end) => {
            refuse_own(from, context.run.own_files.needs_of_tree(local_path(from)))?;
            let renamed = match (end.reach(from, false), end.reach(to, false)) {
                (Some(from), Some(to)) => from.and_then(|from| from.rename_free(&to?)),
                (None, _) | (_, None) => end.files().name(from).rename_free(&end.files().name(to)),
            };
            renamed.map_err(|error| {
                let what = format!("cannot rename {} to {}", from.display(), to.display());
                let failure = Failure::of_this_host(what, &error);
                match error.kind() == io::ErrorKind::CrossesDevices {
                    true => failure.hint("they are on two file systems: use mv of this host"),
                    false => failure,
                }
            })
        }
    }
}

/// Deletes names, each as [`delete`] does. A server that takes commands ahead is told many at once. If its session is lost,
/// these are the first ones only.
pub(crate) async fn delete_all(
    context: &Context,
    host: &mut Host,
    names: &[PermittedName<'_>],
) -> Vec<Result<bool>> {
    if let Host::Server(server) = host {
        let permits: Vec<&DeletePermit> = names.iter().map(|name| name.permit).collect();
        return match server.session(context).await {
            Ok(session) => Box::pin(files::delete_all(session, &permits)).await,
            Err(_) => Vec::new(),
        };
    }
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        all.push(delete(context, host, *name).await);
    }
    all
}

/// Waits until files and their names are on stable storage, as far as that can be known: those of this host, and all that
/// an `ftp-server` has. Another server cannot be asked. A server that does not answer is asked no second time about the same
/// files: it may have told a failure.
pub(crate) async fn make_stable(context: &Context, host: &mut Host, paths: &[&PathName]) -> AskedDisk {
    let server = match host {
        Host::Server(server) => server,
        Host::Local(end) => return make_stable_here(end.files(), paths).await,
    };
    let pool = Arc::clone(&server.pool);
    let asked = async { files::make_stable(server.session(context).await?).await };
    pool.disk.ask(context.world.clock, asked).await
}

/// Whether the listings of the host tell symbolic links from directories for certain.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn shows_links(context: &Context, host: &mut Host) -> Result<bool> {
    host.learn(context, true, |session| session.manners.shows_links()).await
}

/// The login directory of a server, if it tells it. This host has none.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn login_directory(context: &Context, host: &mut Host) -> Result<Option<PathName>> {
    let Host::Server(server) = host else { return Ok(None) };
    let told = server.session(context).await?.current().await?;
    if let Some(directory) = &told {
        server.pool.note_login_directory(directory);
    }
    Ok(told)
}

/// Removes a name of this host. From the place on no symbolic link is followed, also one that has just been put there.
fn unlink(end: &LocalEnd, name: PermittedName<'_>) -> Result<bool> {
    let PermittedName { root, permit, seen, .. } = name;
    let path = permit.path();
    let reached = match end.reach(path, false) {
        Some(reached) => reached.map(Some),
        None => directory_of(end, name),
    };
    let removed = reached.and_then(|name| match name {
        Some(name) => match seen.map_or(Ok(true), |seen| name.is(seen))? {
            true => name.remove(permit.kind()).map(Ok),
            false => Ok(Err(path)),
        },
        None => Ok(Err(root)),
    });
    match removed {
        Ok(Ok(())) => Ok(true),
        Ok(Err(other)) => Err(replaced(other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::of_this_host(cannot_delete(permit), &error)),
    }
}

/// The last name of a path in its directory, which is opened without following a symbolic link from the place on; `None` if
/// the place is another one than it was.
fn directory_of(end: &LocalEnd, name: PermittedName<'_>) -> io::Result<Option<LocalName>> {
    let PermittedName { root, permit, held, .. } = name;
    let (root, path) = (local_path(root), local_path(permit.path()));
    let below = path.strip_prefix(root).ok().and_then(names_of).ok_or(io::ErrorKind::InvalidInput)?;
    let is_held = |found: &Facts| held.is_none_or(|held| held.is(found));
    let (mut directory, place) = match (held, root.file_name()) {
        (Some(held), Some(name)) => (held.above.clone(), Some(name)),
        (None, Some(name)) => (end.files().open_directory(above(root))?, Some(name)),
        // What is in the current directory, or in one that is called by `..`, was asked for.
        (_, None) => (end.files().open_directory(root)?, None),
    };
    if let (Some(_), Some(name)) = (held, place)
        && !is_held(&directory.name(name).entry()?.ok_or(io::ErrorKind::NotFound)?)
    {
        return Ok(None);
    }
    let names: Vec<&OsStr> = place.into_iter().chain(below).collect();
    let (last, above) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
    for (depth, name) in above.iter().enumerate() {
        directory = directory.enter(name)?;
        if depth == 0 && place.is_some() && !is_held(&directory.facts()?) {
            return Ok(None);
        }
    }
    Ok(Some(directory.name(last)))
}

#[cfg(test)]
mod tests {
    use super::super::held::HeldDirectories;
    use super::*;
    use crate::failure::Kind;
    use crate::world::Files;
    use ftp_proto::deletion::RemovalKind;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const HERE: LocalEnd = LocalEnd::Typed(Files::Real);

    fn name(path: &Path) -> PathName {
        PathName::from_user(path.as_os_str().as_bytes()).unwrap()
    }

    fn entry_here(path: &PathName) -> Facts {
        HERE.entry(path).unwrap().unwrap()
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
        let remove = |root: &str, path: &str, kind| {
            let (root, permit) = (name(&at(root)), DeletePermit::for_named(name(&at(path)), kind));
            unlink(&HERE, PermittedName { root: &root, permit: &permit, held: None, seen: None })
        };
        let delete = |root: &str, path: &str| remove(root, path, RemovalKind::File);
        assert!(delete("tree", "tree/link/f").is_err());
        assert!(delete("alias", "alias/real/f").is_err(), "the place is a link");
        assert!(delete("tree", "outside/f").is_err(), "it is not below the place");
        assert!(delete("tree", "tree/../outside/f").is_err());
        assert!(remove("tree", "tree/link/deep", RemovalKind::Directory).is_err());
        assert!(delete("tree", "tree/real/f").unwrap());
        assert!(!delete("tree", "tree/real/f").unwrap(), "it is gone already");
        assert!(delete("tree", "tree/link").unwrap(), "the link itself");
        assert!(at("outside/f").exists() && at("outside/deep").exists());
        assert!(delete("alias", "alias").unwrap());
        assert!(at("tree/real").exists());
    }

    #[test]
    fn a_place_that_is_replaced_while_somebody_is_asked_is_not_the_place() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for tree in ["att/Docs/sub", "victim/Docs/sub"] {
            std::fs::create_dir_all(at(tree)).unwrap();
            std::fs::write(at(tree).join("f"), b"f").unwrap();
        }
        let root = name(&at("att/Docs"));
        let host = Host::Local(HERE);
        let mut all = HeldDirectories::default();
        let held = all.place(&host, &root, &entry_here(&root)).unwrap();
        let delete = |path: &str, kind| {
            let permit = DeletePermit::for_named(name(&at(path)), kind);
            let held = held.as_ref();
            unlink(&HERE, PermittedName { root: &root, permit: &permit, held, seen: None })
        };
        // The directory above it gets another meaning.
        std::fs::rename(at("att"), at("moved")).unwrap();
        symlink("victim", at("att")).unwrap();
        assert!(delete("att/Docs/sub/f", RemovalKind::File).unwrap());
        assert!(!at("moved/Docs/sub/f").exists() && at("victim/Docs/sub/f").exists());
        // The place itself is another directory.
        std::fs::rename(at("moved/Docs"), at("moved/old")).unwrap();
        std::fs::rename(at("victim/Docs"), at("moved/Docs")).unwrap();
        for (path, kind) in [("att/Docs/sub/f", RemovalKind::File), ("att/Docs", RemovalKind::Directory)] {
            assert_eq!(delete(path, kind).unwrap_err().kind, Kind::Unverified, "{path}");
        }
        assert!(at("moved/Docs/sub/f").exists());
        // What somebody has looked at is not what is there now.
        let seen = entry_here(&name(&at("moved/old")));
        assert!(all.place(&host, &name(&at("moved/Docs")), &seen).is_err());
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::write(at("a"), b"a").unwrap();
        std::fs::write(at("b"), b"b").unwrap();
        let context = Context::for_tests(crate::context::Cancel::never());
        let mut host = Host::Local(HERE);
        let taken = rename_free(&context, &mut host, &name(&at("a")), &name(&at("b"))).await.unwrap_err();
        assert_eq!(taken.kind, Kind::Exists, "{taken}");
        rename_free(&context, &mut host, &name(&at("a")), &name(&at("c"))).await.unwrap();
        assert_eq!(
            (std::fs::read(at("b")).unwrap(), std::fs::read(at("c")).unwrap()),
            (vec![b'b'], vec![b'a'])
        );
    }
}
