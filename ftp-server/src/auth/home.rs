//! The directories of users.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ftp_proto::server::{Access, Rights};
use ftp_proto::wire::PathName;

use crate::vfs::{QuotaLimits, Roots, Tree};

/// Another directory at a path of what a user sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// The path, absolute.
    pub at: PathName,
    /// The directory that is mounted.
    pub dir: PathBuf,
    /// The rights there; `None` means those of the user.
    pub rights: Option<Rights>,
}

/// What a user sees of the disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Home {
    /// The directory that the user sees as `/`; `None` means that of the server.
    pub root: Option<PathBuf>,
    /// Other directories, each at a path of its own.
    pub mounts: Vec<Mount>,
    /// How much the user may store in all of them.
    pub quota: QuotaLimits,
}

impl Home {
    /// Every directory; `usual` is the root of the server.
    pub fn directories<'a>(&'a self, usual: &'a Path) -> impl Iterator<Item = &'a Path> {
        let root = self.root.as_deref().unwrap_or(usual);
        std::iter::once(root).chain(self.mounts.iter().map(|mount| mount.dir.as_path()))
    }

    /// What a user with these rights may do, and where.
    pub(super) fn access(&self, rights: Rights) -> Access {
        self.mounts.iter().fold(Access::everywhere(rights), |access, mount| {
            access.beneath(mount.at.clone(), mount.rights.unwrap_or(rights))
        })
    }

    /// Opens all directories.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) fn open(&self, roots: &Roots, usual: &Path) -> anyhow::Result<Arc<Tree>> {
        let open = |dir: &Path| {
            roots.open(dir).with_context(|| {
                format!("cannot use {}: it must be a directory that this process may enter", dir.display())
            })
        };
        let mut tree = roots.tree(open(self.root.as_deref().unwrap_or(usual))?);
        for mount in &self.mounts {
            let root = open(&mount.dir)?;
            tree = tree
                .mount(&mount.at, root)
                .map_err(|error| anyhow::anyhow!("cannot mount at {}: {error}", mount.at.display()))?;
        }
        let tree = tree.limited(self.quota).context("cannot count what its directories hold")?;
        Ok(Arc::new(tree))
    }
}
