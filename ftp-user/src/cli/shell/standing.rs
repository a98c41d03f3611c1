//! Nothing takes away what the shell stands in, by whichever name: places are compared by their real paths.

use super::lookup::{Lookup, local_path};
use crate::context::Cancel;
use crate::failure::Failure;
use crate::place::{Names, Place, Site};
use crate::shell::{Directory, stands_there};
use ftp_proto::wire::PathName;
use std::fs;
use std::os::unix::ffi::OsStringExt;

impl Lookup {
    /// Whether the operand `text` may be deleted, or get another name.
    ///
    /// # Errors
    ///
    /// It is what the shell stands in, or contains it, or has no name.
    pub(super) async fn check_removal(&self, text: &str, cancel: &Cancel) -> Result<(), Failure> {
        let (taken, standing, sites) = {
            let known = self.known.lock();
            known.scope.check_removal(text)?;
            (known.scope.taken_from(text), known.scope.standing(), known.scope.sites.clone())
        };
        for (parent, name) in taken {
            for current in &standing {
                if !are_of_one_host(&parent, current, &sites) {
                    continue;
                }
                let Some(at) = self.real(&parent, cancel).await? else { continue };
                let Some(current) = self.real(current, cancel).await? else { continue };
                if name.holds(&at, &current) {
                    return Err(stands_there(text));
                }
            }
        }
        Ok(())
    }

    /// The path of a directory without symbolic links, as far as it can be told.
    async fn real(&self, directory: &Directory, cancel: &Cancel) -> Result<Option<PathName>, Failure> {
        if directory.is_local() {
            let real = fs::canonicalize(local_path(directory)).ok();
            return Ok(real.and_then(|path| PathName::from_wire(path.into_os_string().into_vec()).ok()));
        }
        self.servers.real(directory, cancel).await
    }
}

/// Whether both directories are on one host, by whichever name.
fn are_of_one_host(one: &Directory, other: &Directory, sites: &Names) -> bool {
    if one.is_local() || other.is_local() {
        return one.is_local() && other.is_local();
    }
    match (site(one, sites), site(other, sites)) {
        (Some(one), Some(other)) => one.is_same(&other),
        (None, _) | (_, None) => false,
    }
}

fn site(directory: &Directory, sites: &Names) -> Option<Site> {
    match Place::parse_with(directory.place(false).as_bytes(), sites) {
        Ok(Place::Remote(remote)) => Some(remote.site),
        Ok(Place::Local(_)) | Err(_) => None,
    }
}
