//! Opens paths without `openat2`, one component after the other. The kernel follows no symbolic link,
//! and `..` means the directory that was opened before, never what the disk says.

use std::collections::VecDeque;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Whose symbolic links are followed. Who may write in a directory can put a link where another directory was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LinksOf {
    /// Those of every user.
    Anybody,
    /// Those of root, of the user that runs the server, and of the owner of the directory in which they are.
    Trusted {
        /// The user that runs the server.
        server: u32,
    },
}

impl LinksOf {
    /// Links that no stranger has made.
    pub(super) fn server() -> Self {
        Self::Trusted { server: geteuid().as_raw() }
    }

    /// Whether a link of `owner` is followed, which is in a directory of `directory`.
    const fn may_follow(self, owner: u32, directory: u32) -> bool {
        match self {
            Self::Anybody => true,
            Self::Trusted { server } => owner == 0 || owner == server || owner == directory,
        }
    }
}

/// Opens `path` beneath `root` as `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS` would. A link that is not followed
/// is refused (`EACCES`).
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    links_of: LinksOf,
) -> Result<OwnedFd, Errno> {
    let mut rest: VecDeque<Vec<u8>> = components(path).collect();
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == b".." {
            above.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let here = above.last().map_or(root, AsFd::as_fd);
        let last = rest.is_empty();
        let found = openat(here, &*name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&found)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            above.push(found);
        } else if kind == FileType::Symlink && !(last && flags.contains(OFlags::NOFOLLOW)) {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            if links_of != LinksOf::Anybody && !links_of.may_follow(stat.st_uid, fstat(here)?.st_uid) {
                return Err(Errno::ACCESS);
            }
            let target = readlinkat(&found, "", Vec::new())?.into_bytes();
            if target.first() == Some(&b'/') {
                return Err(Errno::XDEV);
            }
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(component);
            }
        } else if last {
            // The name may have been exchanged since: NOFOLLOW keeps a link from being followed.
            return openat(here, &*name, flags | OFlags::NOFOLLOW, Mode::empty());
        } else {
            return Err(Errno::NOTDIR);
        }
    }
    openat(above.last().map_or(root, AsFd::as_fd), ".", flags & !OFlags::NOFOLLOW, Mode::empty())
}

fn components(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec)
}

/// Symbolic links that are followed; as many as Linux follows.
pub(super) const MAX_LINKS: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_strangers_are_not_followed_where_something_changes() {
        let trusted = LinksOf::Trusted { server: 14 };
        for (links, owner, directory, expect) in [
            (trusted, 0, 14, true),
            (trusted, 14, 14, true),
            (trusted, 14, 1000, true),
            (trusted, 1000, 1000, true),
            (trusted, 1001, 14, false),
            (trusted, 1001, 1000, false),
            (trusted, 1001, 0, false),
            (LinksOf::Anybody, 1001, 0, true),
        ] {
            assert_eq!(links.may_follow(owner, directory), expect, "{links:?} {owner} {directory}");
        }
    }
}
