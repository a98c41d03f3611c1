//! Places of this host that stay what they were when somebody looked at them.

use super::host::Host;
use super::identity::{DIRECTORY, above, identity, replaced, unique};
use super::local::local_path;
use crate::failure::{Failure, Kind};
use crate::session::Facts;
use ftp_proto::wire::PathName;
use rustix::fs::{AtFlags, CWD, Mode, openat, statat};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// A place of this host, from the moment when somebody looked at it: the directory that has its name stays open. Whoever puts
/// a symbolic link or another directory in its way, while a person is asked, changes nothing.
#[derive(Debug)]
pub(crate) struct Held {
    above: Arc<OwnedFd>,
    /// The device and the number of what had the name.
    identity: (u64, u64),
}

impl Held {
    /// The directory that has the name of the place.
    pub(super) fn above(&self) -> io::Result<OwnedFd> {
        self.above.try_clone()
    }

    /// Whether this is the place.
    pub(super) fn is(&self, identity: (u64, u64)) -> bool {
        self.identity == identity
    }
}

/// The directories of this host that have the names of places. Each is opened once.
#[derive(Debug, Default)]
pub(crate) struct HeldDirectories(HashMap<PathBuf, Arc<OwnedFd>>);

impl HeldDirectories {
    /// Holds the place at `root`, which looked like `seen`. A server has none.
    ///
    /// # Errors
    ///
    /// The place was replaced since, its directory cannot be opened, or too many are open.
    pub(crate) fn place(
        &mut self,
        host: &Host,
        root: &PathName,
        seen: &Facts,
    ) -> Result<Option<Held>, Failure> {
        let path = local_path(root);
        let Some(name) = path.file_name().filter(|_| host.is_local()) else { return Ok(None) };
        let cannot = |error: &io::Error| {
            Failure::of_this_host(format!("cannot open the directory of {}", root.display()), error)
        };
        let above = match self.0.get(above(path)) {
            Some(open) => Arc::clone(open),
            None if self.0.len() >= MOST_DIRECTORIES => {
                let what = format!("the places are in more than {MOST_DIRECTORIES} directories of this host");
                return Err(Failure::new(Kind::Other, what).hint("delete them in several runs"));
            }
            None => {
                let path = above(path);
                let open = openat(CWD, path, DIRECTORY, Mode::empty());
                let open = Arc::new(open.map_err(|error| cannot(&error.into()))?);
                self.0.insert(path.to_owned(), Arc::clone(&open));
                open
            }
        };
        let found = statat(&above, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| cannot(&error.into()))?;
        let identity = identity(&found);
        if seen.unique.as_ref().is_some_and(|seen| *seen != unique(identity)) {
            return Err(replaced(root));
        }
        Ok(Some(Held { above, identity }))
    }
}

/// The largest number of directories that are open for places.
const MOST_DIRECTORIES: usize = 512;
