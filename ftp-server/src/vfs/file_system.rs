//! Which kind of file system a file is on (Linux).

use rustix::fd::AsFd;
use rustix::fs::fstatfs;

/// Whether opening, looking and reading wait for nothing but a disk of this host, so that nothing is waited for when
/// the kernel has cached it. Elsewhere another host or program is asked all the same.
pub(super) fn is_of_this_host(dir: impl AsFd) -> bool {
    fstatfs(dir).is_ok_and(|at| u64::try_from(at.f_type).is_ok_and(|kind| LOCAL.contains(&kind)))
}

/// Whether a file is in memory only.
pub(super) fn is_in_memory(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|at| u64::try_from(at.f_type) == Ok(TMPFS))
}

/// The numbers of file systems (Linux, `magic.h`).
const TMPFS: u64 = 0x0102_1994;
const EXT4: u64 = 0xef53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683e;
const F2FS: u64 = 0xf2f5_2010;
/// Those on a disk or in memory of this host.
const LOCAL: [u64; 5] = [TMPFS, EXT4, XFS, BTRFS, F2FS];
