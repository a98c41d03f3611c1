//! PACK LOOK, SAME and DELETE: which names something has, which files are what a client says of them, and what is done to those.

use ftp_proto::command::FileToSend;
use ftp_proto::reply::LeftOut;
use ftp_proto::wire::{FileName, PathName};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;

use super::source::{is_as_listed, why_not_sent};
use crate::vfs::entry::regular;

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

/// Which of these files in a directory are not what is said of them, by their numbers from 1. No link is followed. `then` is done
/// to the others, by their names; the system may refuse it.
pub(in crate::vfs) fn compare(
    dir: &OwnedFd,
    mounts: &[PathName],
    files: &[FileToSend],
    then: impl Fn(&[u8]) -> Result<(), Errno>,
) -> Vec<(u16, LeftOut)> {
    let state = |file: &FileToSend| {
        if mounts.contains(file.name.as_path()) {
            return Err(LeftOut::Gone);
        }
        let found = statat(dir, file.name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(why_not_sent)?;
        regular(&found).map_err(|_| LeftOut::Gone)?;
        if !is_as_listed(file, &found) {
            return Err(LeftOut::Changed);
        }
        then(file.name.as_bytes()).map_err(why_not_sent)
    };
    (1..).zip(files).filter_map(|(number, file)| Some((number, state(file).err()?))).collect()
}
