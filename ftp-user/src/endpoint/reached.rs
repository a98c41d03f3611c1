//! A name that is deleted or renamed, as it was reached.

use super::host::Host;
use super::removal::{entry, refuse_own};
use crate::context::Context;
use crate::endpoint::files::{self, cannot_delete};
use crate::failure::{Failure, Kind, Result};
use crate::session::Facts;
use crate::world::{Files, LocalName, above, local_path};
use ftp_proto::deletion::DeletePermit;
use ftp_proto::wire::PathName;
use rustix::io::Errno;
use std::io;

/// A name of a host. On this host its directory stays open, so that what is looked at there is what is deleted or renamed
/// there, whatever is put in the way meanwhile. A server is asked by its path.
#[derive(Debug)]
pub(crate) struct ReachedName {
    path: PathName,
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
                match held.unwrap_or_else(|| in_its_directory(local.files(), path)) {
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

    /// The path of the name.
    pub(crate) const fn path(&self) -> &PathName {
        &self.path
    }

    /// What has the name, where a symbolic link is one; `None` if that is nothing.
    ///
    /// # Errors
    /// Fails if it cannot be determined.
    pub(crate) async fn facts(&self, context: &Context, host: &mut Host) -> Result<Option<Facts>> {
        match &self.here {
            Some(here) => {
                let what = || format!("cannot look at {}", self.path.display());
                here.entry().map_err(|error| Failure::of_this_host(what(), &error))
            }
            None => entry(context, host, &self.path).await,
        }
    }

    /// Refuses what this program needs itself.
    fn refuse_own(&self, context: &Context) -> Result<()> {
        match self.here {
            Some(_) => refuse_own(&self.path, context.run.own_files.needs_of_tree(local_path(&self.path))),
            None => Ok(()),
        }
    }

    /// Deletes it. `Ok(false)` if it was not there.
    ///
    /// # Errors
    /// Fails if it may still be there: the permit is for another name, or the host refuses.
    pub(crate) async fn delete(
        &self,
        context: &Context,
        host: &mut Host,
        permit: &DeletePermit,
    ) -> Result<bool> {
        if *permit.path() != self.path {
            let what = format!("{} is not {}", self.path.display(), permit.path().display());
            return Err(Failure::usage(what));
        }
        self.refuse_own(context)?;
        context.run.job_journal.note_change();
        match (&self.here, host) {
            (Some(here), _) => match here.remove(permit.kind()) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(Failure::of_this_host(cannot_delete(permit), &error)),
            },
            (None, Host::Server(server)) => files::delete(server.session(context).await?, permit).await,
            (None, Host::Local(_)) => Err(not_reached(&self.path)),
        }
    }

    /// Gives it the name `to`, if nothing has that. The directories above `to` are made.
    ///
    /// # Errors
    /// Fails if it was not renamed; with [`Kind::Exists`] if the name is taken.
    pub(crate) async fn rename_free(&self, context: &Context, host: &mut Host, to: &PathName) -> Result<()> {
        self.refuse_own(context)?;
        let what = || format!("cannot rename {} to {}", self.path.display(), to.display());
        let (Some(here), Host::Local(local)) = (&self.here, &*host) else {
            // RNTO replaces what has the name.
            if entry(context, host, to).await?.is_some() {
                return Err(Failure::new(Kind::Exists, format!("something has the name {}", to.display())));
            }
            host.make_parents(context, to).await?;
            let Host::Server(server) = host else { return Err(not_reached(&self.path)) };
            return files::rename_free(server.session(context).await?, &self.path, to).await;
        };
        let (files, held) = (local.files(), local.reach(to, true));
        let to = match held {
            Some(reached) => reached,
            None => {
                host.make_parents(context, to).await?;
                in_its_directory(files, to)
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

/// The failure if the way to a name is no directory any more.
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
fn in_its_directory(files: Files, path: &PathName) -> io::Result<LocalName> {
    let path = local_path(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    files.open_directory(above(path)).map(|directory| directory.name(name))
}

/// The failure if a name of this host was not reached.
fn not_reached(path: &PathName) -> Failure {
    Failure::new(Kind::Other, format!("the directory of {} is not open", path.display()))
}
