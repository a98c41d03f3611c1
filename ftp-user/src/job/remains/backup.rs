//! Old files that are kept under other names before they are replaced or deleted.

use crate::context::Context;
use crate::endpoint::{Host, Reached};
use crate::failure::{Failure, Kind};
use crate::place;
use crate::report::{Change, Event};
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// The directory for what is replaced or deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct Backup {
    directory: PathName,
}

impl Backup {
    /// Old files go below `directory`, at the host of the destination.
    pub(in crate::job) const fn below(directory: PathName) -> Self {
        Self { directory }
    }

    /// The name that the old file at `path` below the destination gets.
    pub(in crate::job) fn of(&self, path: &PathName) -> PathName {
        place::join(Some(&self.directory), path)
    }
}

/// Gives the old file at `target` the name under which it is kept, and tells that. `size` is its size in bytes. Returns whether
/// it was there.
///
/// # Errors
///
/// It has its old name, and may not be replaced.
pub(in crate::job) async fn keep_old(
    context: &Context,
    host: &mut Host,
    target: &PathName,
    (kept_as, size): (&PathName, Option<u64>),
) -> Result<bool, Failure> {
    let old = host.show(target);
    let stays = |failure: Failure| {
        failure.during_unless_interrupted(format!("{old} is not replaced, because it cannot be kept"))
    };
    // What is not there any more need not be kept.
    let Some(reached) = Reached::at(host, target).map_err(stays)? else { return Ok(false) };
    let kept = keep(context, host, &reached, kept_as).await.map_err(stays)?;
    let dest = Some(host.show(&kept));
    let (verb, kind, dry_run) = ("backup", listing::Kind::File, false);
    context.run.events.say(Event::Changed(Change { verb, place: old, dest, kind, size, dry_run }));
    Ok(true)
}

/// Renames the `old` file to `kept_as`, or to the next number of it that is free, so that nothing is replaced. The directories
/// above it are made. Returns the name that it has now.
///
/// # Errors
///
/// It has its old name.
pub(in crate::job) async fn keep(
    context: &Context,
    host: &mut Host,
    old: &Reached,
    kept_as: &PathName,
) -> Result<PathName, Failure> {
    for number in 0..MOST {
        let name = numbered(kept_as, number)?;
        match old.rename_free(context, host, &name).await {
            Err(failure) if failure.kind == Kind::Exists => {}
            renamed => return renamed.map(|()| name),
        }
    }
    let what = format!("{} and {MOST} numbers of it are taken", kept_as.display());
    Err(Failure::new(Kind::Exists, what).hint("choose another --backup-dir, such as one with the date"))
}

/// The name with a number at its end; the first one is the name itself.
fn numbered(name: &PathName, number: usize) -> Result<PathName, Failure> {
    if number == 0 {
        return Ok(name.clone());
    }
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(format!(".~{number}~").as_bytes());
    PathName::from_wire(bytes).map_err(|bad| Failure::usage(bad.to_string()))
}

/// How many old files of one name are kept.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    #[tokio::test]
    async fn old_files_of_one_name_are_all_kept() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let name = |path: &str| PathName::from_user(at(path).as_os_str().as_bytes()).unwrap();
        let context = Context::for_tests(Cancel::never());
        let mut host = Host::Local(LocalEnd::Typed);
        let backup = Backup::below(name("old"));
        for (number, expect) in ["old/d/f", "old/d/f.~1~", "old/d/f.~2~"].into_iter().enumerate() {
            fs::write(at("f"), number.to_string()).unwrap();
            let to = backup.of(&PathName::from_user("d/f").unwrap());
            let old = Reached::at(&host, &name("f")).unwrap().unwrap();
            let kept = keep(&context, &mut host, &old, &to).await.unwrap();
            assert_eq!(kept, name(expect));
            assert_eq!(fs::read_to_string(at(expect)).unwrap(), number.to_string());
            assert!(!at("f").exists());
        }
    }
}
