//! Carries out what may be deleted or renamed: what a path names, never what a symbolic link there leads to. Nothing here
//! decides whether that may be: a [`Removal`] or a permit of the judge says so.

use super::permitted::Removal;
use crate::context::Context;
use crate::endpoint::files::{self, cannot_delete};
use crate::endpoint::{Host, LocalEnd};
use crate::failure::{Failure, Kind, Result};
use crate::session::Facts;
use crate::world::{LocalName, OpenDirectory, above, local_path, names_of, replaced};
use ftp_proto::deletion::{DeletePermit, ReasonToKeep};
use ftp_proto::wire::PathName;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;

impl Removal {
    /// Whether what was seen of it counts now.
    ///
    /// # Errors
    ///
    /// Its session has ended.
    fn is_current(&self, host: &mut Host) -> Result<()> {
        if self.session.is_none() || self.session == host.evidence_session() {
            return Ok(());
        }
        let why = ReasonToKeep::Stale;
        let what = format!("{} stays, because {why}", self.path().display());
        Err(Failure::new(Kind::Temporary, what).hint(why.hint()))
    }

    /// Deletes it. `Ok(false)` if it was not there.
    ///
    /// # Errors
    ///
    /// It may still be there. If the session that has told what it is has ended, nothing was sent.
    pub(crate) async fn carry_out(&self, context: &Context, host: &mut Host) -> Result<bool> {
        self.is_current(host)?;
        self.delete(context, host).await
    }

    /// Deletes several, many at once where a server takes commands ahead. Returns what came of each; of the first ones only if
    /// the session is lost; `None` if nothing was sent, because it had ended before.
    pub(crate) async fn carry_out_all(
        context: &Context,
        host: &mut Host,
        all: &[Self],
    ) -> Option<Vec<Result<bool>>> {
        let is_open = host.evidence_session().is_some();
        if !is_open || all.iter().any(|removal| removal.is_current(host).is_err()) {
            return None;
        }
        if let Host::Server(server) = host {
            let permits: Vec<&DeletePermit> = all.iter().map(|removal| &removal.permit).collect();
            return Some(match server.session(context).await {
                Ok(session) => Box::pin(files::delete_all_at_server(session, &permits)).await,
                Err(_) => Vec::new(),
            });
        }
        let mut each = Vec::with_capacity(all.len());
        for removal in all {
            each.push(removal.delete(context, host).await);
        }
        Some(each)
    }

    async fn delete(&self, context: &Context, host: &mut Host) -> Result<bool> {
        context.confirm_job().await?;
        context.run.job_journal.note_change();
        match host {
            Host::Server(server) => {
                files::delete_at_server(server.session(context).await?, &self.permit).await
            }
            Host::Local(end) => {
                // A file of this host is looked at before, and what is seen there stands in `seen`.
                if self.permit.only_if().is_some() {
                    return Err(replaced(self.path()));
                }
                refuse_own(self.path(), context.run.own_files.needs(local_path(self.path())))?;
                self.unlink(end)
            }
        }
    }

    /// Removes it from this host. From its place on no symbolic link is followed, also one that has just been put there.
    fn unlink(&self, end: &LocalEnd) -> Result<bool> {
        let path = self.path();
        let reached = match end.reach(path, false) {
            Some(reached) => reached.map(Some),
            None => self.in_its_directory(),
        };
        let removed = reached.and_then(|name| match name {
            Some(name) => match self.seen.as_deref().map_or(Ok(true), |seen| name.is(seen))? {
                true => name.remove(self.permit.kind()).map(|()| Ok(true)),
                false => Ok(Err(replaced(path))),
            },
            None => Ok(Err(replaced(&self.scope.root))),
        });
        deleted_here(&self.permit, removed)
    }

    /// Its name in its directory, which is opened without following a symbolic link from the place on; `None` if the place is
    /// another one than it was.
    fn in_its_directory(&self) -> io::Result<Option<LocalName>> {
        let (root, path, held) = (local_path(&self.scope.root), local_path(self.path()), self.scope.keeper());
        let below = path.strip_prefix(root).ok().and_then(names_of).ok_or(io::ErrorKind::InvalidInput)?;
        let is_held = |found: &Facts| held.is_none_or(|held| held.is(found));
        let (mut directory, place) = match (held, root.file_name()) {
            (Some(held), Some(name)) => (held.above.clone(), Some(name)),
            (None, Some(name)) => (OpenDirectory::open(above(root))?, Some(name)),
            // What is in the current directory, or in one that is called by `..`, was asked for.
            (_, None) => (OpenDirectory::open(root)?, None),
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
}

/// Renames what has the name `from`, if nothing has the name `to`.
pub(crate) async fn rename_free(
    context: &Context,
    host: &mut Host,
    from: &PathName,
    to: &PathName,
) -> Result<()> {
    refuse_taken(context, host, to).await?;
    match host {
        Host::Server(server) => files::rename_free_at_server(server.session(context).await?, from, to).await,
        Host::Local(end) => {
            refuse_own(from, context.run.own_files.needs_of_tree(local_path(from)))?;
            let renamed = match (end.reach(from, false), end.reach(to, false)) {
                (Some(from), Some(to)) => from.and_then(|from| from.rename_free(&to?)),
                (None, _) | (_, None) => LocalName::typed(from).rename_free(&LocalName::typed(to)),
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

/// Refuses a name that something has at a server: RNTO replaces it. This host renames to no name that is taken.
///
/// # Errors
/// Fails with [`Kind::Exists`] if the name is taken.
async fn refuse_taken(context: &Context, host: &mut Host, to: &PathName) -> Result<()> {
    if !host.is_local() && files::facts_of_name(context, host, to).await?.is_some() {
        return Err(Failure::new(Kind::Exists, format!("something has the name {}", to.display())));
    }
    Ok(())
}

/// Refuses what this program needs itself: nothing of it is deleted or renamed, whatever was typed.
fn refuse_own(path: &PathName, need: Option<&'static str>) -> Result<()> {
    let Some(what) = need else { return Ok(()) };
    let what = format!("{} stays as it is, because it belongs to {what} of ftp-user", path.display());
    Err(Failure::usage(what).hint("do it with a program of this host, if no ftp-user runs"))
}

/// A name of a host. On this host its directory stays open, so that what is looked at there is what is deleted or renamed
/// there, whatever is put in the way meanwhile. A server is asked by its path.
#[derive(Debug)]
pub(crate) struct ReachedName {
    pub(crate) path: PathName,
    here: Option<LocalName>,
}

impl ReachedName {
    /// Reaches the name at `path`; `None` if its directory on this host is not there.
    ///
    /// # Errors
    ///
    /// A directory on the way to it cannot be opened, or is a symbolic link below one that is held (see [`Host::hold`]).
    pub(crate) fn at(host: &Host, path: &PathName) -> Result<Option<Self>> {
        let here = match host {
            Host::Server(_) => None,
            Host::Local(local) => {
                let held = local.reach(path, false);
                match held.unwrap_or_else(|| in_its_directory(path)) {
                    Ok(here) => Some(here),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => {
                        return Err(no_directory_there(format!("cannot reach {}", path.display()), &error));
                    }
                }
            }
        };
        Ok(Some(Self { path: path.clone(), here }))
    }

    /// What has the name, where a symbolic link is one; `None` if that is nothing.
    pub(crate) async fn facts(&self, context: &Context, host: &mut Host) -> Result<Option<Facts>> {
        match &self.here {
            Some(here) => {
                let what = || format!("cannot look at {}", self.path.display());
                here.entry().map_err(|error| Failure::of_this_host(what(), &error))
            }
            None => files::facts_of_name(context, host, &self.path).await,
        }
    }

    /// Refuses what this program needs itself.
    fn refuse_own(&self, context: &Context) -> Result<()> {
        match self.here {
            Some(_) => refuse_own(&self.path, context.run.own_files.needs_of_tree(local_path(&self.path))),
            None => Ok(()),
        }
    }

    /// Deletes it, if it is still what `seen` says, as far as this host can tell. `Ok(false)` if it was not there.
    ///
    /// # Errors
    /// Fails if it may still be there: the permit is for another name, it was replaced, or the host refuses.
    pub(crate) async fn delete(
        &self,
        context: &Context,
        host: &mut Host,
        permit: &DeletePermit,
        seen: &Facts,
    ) -> Result<bool> {
        if *permit.path() != self.path {
            let what = format!("{} is not {}", self.path.display(), permit.path().display());
            return Err(Failure::usage(what));
        }
        self.refuse_own(context)?;
        context.confirm_job().await?;
        context.run.job_journal.note_change();
        match (&self.here, host) {
            (Some(here), _) => {
                // Since it was looked at, the other end and the store were asked.
                let removed = here.entry().and_then(|now| match now {
                    Some(now) if now != *seen => Ok(Err(replaced(&self.path))),
                    Some(_) => here.remove(permit.kind()).map(|()| Ok(true)),
                    None => Ok(Ok(false)),
                });
                deleted_here(permit, removed)
            }
            (None, Host::Server(server)) => {
                files::delete_at_server(server.session(context).await?, permit).await
            }
            (None, Host::Local(_)) => Err(not_reached(&self.path)),
        }
    }

    /// Gives it the name `to`, if nothing has that. The directories above `to` are made.
    ///
    /// # Errors
    /// Fails if it was not renamed; with [`Kind::Exists`] if the name is taken.
    pub(crate) async fn rename_free(&self, context: &Context, host: &mut Host, to: &PathName) -> Result<()> {
        self.refuse_own(context)?;
        context.confirm_job().await?;
        let what = || format!("cannot rename {} to {}", self.path.display(), to.display());
        let (Some(here), Host::Local(local)) = (&self.here, &*host) else {
            refuse_taken(context, host, to).await?;
            files::make_parents(context, host, to).await?;
            let Host::Server(server) = host else { return Err(not_reached(&self.path)) };
            return files::rename_free_at_server(server.session(context).await?, &self.path, to).await;
        };
        let to = match local.reach(to, true) {
            Some(reached) => reached,
            None => {
                files::make_parents(context, host, to).await?;
                in_its_directory(to)
            }
        };
        let to = to.map_err(|error| no_directory_there(what(), &error))?;
        here.rename_free(&to).map_err(|error| {
            let failure = Failure::of_this_host(what(), &error);
            match error.kind() == io::ErrorKind::CrossesDevices {
                true => failure.hint("they are on two file systems; name a place on the same one"),
                false => failure,
            }
        })
    }
}

/// What a deletion on this host has come to: `Ok(false)` if nothing was there.
fn deleted_here(permit: &DeletePermit, removed: io::Result<Result<bool>>) -> Result<bool> {
    match removed {
        Ok(removed) => removed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::of_this_host(cannot_delete(permit), &error)),
    }
}

/// The failure if the way to a name is no longer a directory.
fn no_directory_there(what: String, error: &io::Error) -> Failure {
    let failure = Failure::of_this_host(what, error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOTDIR | Errno::LOOP) => {
            failure.hint("a symbolic link or a file is where a directory was; nothing was changed there")
        }
        Some(_) | None => failure,
    }
}

/// The name at `path`, whose directory is opened now.
fn in_its_directory(path: &PathName) -> io::Result<LocalName> {
    let path = local_path(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    OpenDirectory::open(above(path)).map(|directory| directory.name(name))
}

/// The failure if a name of this host was not reached.
fn not_reached(path: &PathName) -> Failure {
    Failure::new(Kind::Other, format!("the directory of {} is not open", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::scope::Scope;
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::{HeldDirectories, Links};
    use crate::failure::About;
    use crate::place::tests::path as name;
    use ftp_proto::deletion::RemovalKind;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const HERE: LocalEnd = LocalEnd::Typed;

    fn removal(scope: Scope, path: &Path, kind: RemovalKind) -> Removal {
        Removal { scope, permit: DeletePermit::for_named(name(path), kind), seen: None, session: None }
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
        let remove =
            |root: &str, path: &str, kind| removal(Scope::at(&name(at(root))), &at(path), kind).unlink(&HERE);
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
        let root = name(at("att/Docs"));
        let host = Host::Local(HERE);
        let mut all = HeldDirectories::default();
        let held = all.place(&host, &root, &entry_here(&root)).unwrap();
        let scope = Scope::at(&root).held(held);
        let delete = |path: &str, kind| removal(scope.clone(), &at(path), kind).unlink(&HERE);
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
        let seen = entry_here(&name(at("moved/old")));
        assert!(all.place(&host, &name(at("moved/Docs")), &seen).is_err());
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::write(at("a"), b"a").unwrap();
        std::fs::write(at("b"), b"b").unwrap();
        let context = Context::for_tests(Cancel::never());
        let mut host = Host::Local(HERE);
        let taken = rename_free(&context, &mut host, &name(at("a")), &name(at("b"))).await.unwrap_err();
        assert_eq!(taken.kind, Kind::Exists, "{taken}");
        rename_free(&context, &mut host, &name(at("a")), &name(at("c"))).await.unwrap();
        assert_eq!(
            (std::fs::read(at("b")).unwrap(), std::fs::read(at("c")).unwrap()),
            (vec![b'b'], vec![b'a'])
        );
    }

    #[tokio::test]
    async fn a_move_sends_and_deletes_the_file_that_was_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for directory in ["tree/a", "tree/b"] {
            std::fs::create_dir_all(at(directory)).unwrap();
            std::fs::write(at(directory).join("f"), directory).unwrap();
        }
        symlink("a/f", at("tree/link")).unwrap();
        let root = name(at("tree"));
        let context = Context::for_tests(Cancel::never());
        let seen = HERE.facts(&root).unwrap().unwrap();
        let tree = Host::Local(HERE).reading(&root, &seen, Links::Files).unwrap();
        let Host::Local(tree) = tree else { panic!("{tree:?}") };
        for end in [HERE, tree] {
            let path = name(at("tree/a/f"));
            let seen = end.facts(&path).unwrap().unwrap().unique;
            let swap = || {
                for (from, to) in [("tree/a", "tree/c"), ("tree/b", "tree/a"), ("tree/c", "tree/b")] {
                    std::fs::rename(at(from), at(to)).unwrap();
                }
            };
            let mut host = Host::Local(end.clone());
            // Two directories of the tree change their places.
            swap();
            let failure = end.open_to_send(&path, seen.as_deref()).unwrap_err();
            assert_eq!(failure.about, About::Changed, "{end:?}: {failure}");
            let of = |path: &str| {
                let file = removal(Scope::at(&root), &at(path), RemovalKind::File);
                Removal { seen: seen.clone(), ..file }
            };
            assert!(of("tree/a/f").carry_out(&context, &mut host).await.is_err(), "{end:?}");
            assert!(at("tree/a/f").exists() && at("tree/b/f").exists());
            swap();
            let mut text = String::new();
            end.open_to_send(&path, seen.as_deref()).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "tree/a", "{end:?}");
            // Of a link to the file, the link is deleted.
            assert!(of("tree/link").carry_out(&context, &mut host).await.unwrap());
            assert!(at("tree/a/f").exists() && !at("tree/link").exists());
            symlink("a/f", at("tree/link")).unwrap();
        }
    }
}
