//! PACK LOOK: which names something has.

use ftp_proto::reply::LeftOut;
use ftp_proto::wire::{FileName, PathName};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;

/// Which of these names in a directory something has, by their numbers from 1. Some names mean other directories there.
pub(in crate::vfs) fn look(dir: &OwnedFd, mounts: &[PathName], names: &[FileName]) -> Vec<(u16, LeftOut)> {
    let looked = (1..).zip(names).filter_map(|(number, name)| {
        if mounts.contains(name.as_path()) {
            return Some((number, LeftOut::Taken));
        }
        match statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Some((number, LeftOut::Taken)),
            Err(Errno::NOENT) => None,
            Err(_) => Some((number, LeftOut::Refused)),
        }
    });
    looked.collect()
}
