//! Places of this host that stay what they were when somebody looked at them.

use super::host::Host;
use crate::failure::{Failure, Kind, Result};
use crate::world::{OpenDirectory, above, local_path, replaced};
use ftp_proto::listing::Facts;
use ftp_proto::wire::PathName;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

/// A place of this host, from the moment when somebody looked at it: the directory that has its name stays open. Whoever puts
/// a symbolic link or another directory in its way, while a person is asked, changes nothing.
#[derive(Debug)]
pub(crate) struct HeldPlace {
    /// The directory that has the name of the place.
    pub(crate) above: OpenDirectory,
    /// What had the name.
    unique: Option<String>,
}

impl HeldPlace {
    /// Whether this is the place.
    pub(crate) fn is(&self, found: &Facts) -> bool {
        self.unique == found.unique
    }
}

/// The directories of this host that have the names of places. Each is opened once.
#[derive(Debug, Default)]
pub(crate) struct HeldDirectories(HashMap<PathBuf, OpenDirectory>);

impl HeldDirectories {
    /// Holds the place at `root`, which looked like `seen`. A server has none.
    ///
    /// # Errors
    ///
    /// The place was replaced since, its directory cannot be opened, or too many are open.
    pub(crate) fn place(&mut self, host: &Host, root: &PathName, seen: &Facts) -> Result<Option<HeldPlace>> {
        let path = local_path(root);
        let (Host::Local(_), Some(name)) = (host, path.file_name()) else { return Ok(None) };
        let cannot = |error: &io::Error| {
            Failure::of_this_host(format!("cannot open the directory of {}", root.display()), error)
        };
        let above = match self.0.get(above(path)) {
            Some(open) => open.clone(),
            None if self.0.len() >= MOST_DIRECTORIES => {
                let what = format!("the places are in more than {MOST_DIRECTORIES} directories of this host");
                return Err(Failure::new(Kind::Other, what).hint("delete them in several runs"));
            }
            None => {
                let path = above(path);
                let open = OpenDirectory::open(path).map_err(|error| cannot(&error))?;
                self.0.insert(path.to_owned(), open.clone());
                open
            }
        };
        let found = above.name(name).entry();
        let found = found.and_then(|found| found.ok_or_else(|| io::ErrorKind::NotFound.into()));
        let unique = found.map_err(|error| cannot(&error))?.unique;
        if seen.unique.is_some() && seen.unique != unique {
            return Err(replaced(root));
        }
        Ok(Some(HeldPlace { above, unique }))
    }
}

/// The largest number of directories that are open for places.
const MOST_DIRECTORIES: usize = 512;
