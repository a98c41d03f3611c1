//! A process that was started by root goes on as somebody else.

use std::ffi::CString;
use std::io;

use nix::unistd::{Uid, User, geteuid, getuid, initgroups, setgid, setuid};

/// Goes on as the user `name`, with the groups of that user, in all threads of the process and for good. Does
/// nothing if the process already runs as `name`.
///
/// # Errors
///
/// There is no such user, the user is root, or this process may not change who it is.
pub fn run_as(name: &str) -> io::Result<()> {
    let user = find(name)?;
    if is(user.uid) {
        return Ok(());
    }
    // The groups first: nobody but root may change them.
    initgroups(&CString::new(name)?, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    if is(user.uid) { Ok(()) } else { Err(io::Error::other("the system has kept another user")) }
}

/// Whether there is a user `name` to go on as. The present user of the process does not matter.
///
/// # Errors
///
/// There is no such user, or the user is root.
pub fn may_run_as(name: &str) -> io::Result<()> {
    find(name).map(drop)
}

/// Whether this process is root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

fn find(name: &str) -> io::Result<User> {
    let user = User::from_name(name)?.ok_or_else(|| io::Error::other("there is no such user"))?;
    if user.uid.is_root() {
        return Err(io::Error::other("that user is root, so nothing would be given up"));
    }
    Ok(user)
}

fn is(uid: Uid) -> bool {
    getuid() == uid && geteuid() == uid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_on_as_root_or_as_somebody_who_is_not_there() {
        for name in ["root", "no such user", "", "a\0b"] {
            assert!(run_as(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_process_of_that_user_stays_as_it_is() {
        let own = User::from_uid(getuid()).unwrap().unwrap();
        assert_eq!(run_as(&own.name).is_ok(), !own.uid.is_root());
    }
}
