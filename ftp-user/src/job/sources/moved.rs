//! A source that a resumed move does not find, or that is empty now: an earlier run has moved it, or it is not where it was,
//! as with a disk that is not mounted. The journal tells which: whoever takes a missing source for a moved one removes what
//! has arrived of it, and nothing copies the rest.

use super::destinations::leaves_root;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{About, Failure, Kind, Result};
use crate::job::moving::{DISK_AWAY, is_without_disk, refuse_without_directory};
use crate::job::retry::facts;
use crate::journal::FilesBelow;
use crate::place::{self, Location};
use crate::route::Ends;
use ftp_proto::listing;
use ftp_proto::wire::{PathName, counted};

/// What the journal says of the files of a directory of the source of a move that were begun.
async fn begun_files(context: &Context, source: &Host, directory: Option<&PathName>) -> FilesBelow {
    context.run.job_journal.files_below(prefix(source, directory), true).await.unwrap_or_default()
}

/// Why a source with these files that is not there is not taken for a moved one; `None` if it is. `stays`: it is a directory
/// that a move does not remove. Pure: the only place where it is decided.
fn why_not_moved(what: &str, files: &FilesBelow, stays: bool) -> Option<Failure> {
    let why = match *files {
        FilesBelow { unfinished: 0, finished: 0, .. } => {
            "nothing says that an earlier run has moved it".to_owned()
        }
        FilesBelow { unfinished: 0, finished: 1.., .. } if stays => {
            "a move of its contents leaves it there".to_owned()
        }
        FilesBelow { unfinished: 0, finished: 1.., .. } => return None,
        FilesBelow { unfinished, .. } => {
            format!("an earlier run has not finished {} of it", counted(unfinished, "file"))
        }
    };
    let failure = Failure::new(Kind::Missing, format!("{what}, and {why}")).about(About::Unfinished);
    let hint = match stays {
        true => {
            "mount its disk, or put it back where it was, before the job goes on; if it was deleted, make it again"
        }
        false => DISK_AWAY,
    };
    Some(failure.hint(hint))
}

/// Whether an earlier run of the job has moved a tree that is not there, and was killed when its root was removed already.
///
/// # Errors
///
/// The earlier run has not finished the files of the tree, or moves its contents alone.
pub(in crate::job) async fn tree(
    context: &Context,
    ends: &mut Ends,
    source: &Location,
    target: &PathName,
) -> Result<bool> {
    let files = begun_files(context, &ends.source, Some(&source.path)).await;
    if files == FilesBelow::default() {
        // A file, or a tree of which nothing was begun.
        let found = facts(context, &mut ends.destination, target).await?;
        if found.is_none_or(|found| found.kind != listing::Kind::Directory) {
            return Ok(false);
        }
    }
    if let Some(failure) = why_not_moved(&format!("{source} does not exist"), &files, !leaves_root(source)) {
        return Err(failure);
    }
    refuse_without_directory(context, &mut ends.source, &source.path, files.unique.as_deref()).await?;
    context.run.events.notice(format!("{source} is not there any more: an earlier run has moved it"));
    Ok(true)
}

/// Refuses the directory of a resumed job that has nothing in it, although an earlier run has not finished files of it: a
/// disk that is not mounted leaves an empty directory. A move deletes no source before the journal has the end of every copy: a
/// copy that was lost since, or not seen again, is looked at by the job that goes on.
pub(in crate::job) async fn refuse_emptied(
    context: &Context,
    host: &mut Host,
    source: &Location,
    moves: bool,
) -> Result<()> {
    if !context.run.job_journal.is_resumed() {
        return Ok(());
    }
    let below = prefix(host, Some(&source.path));
    let files = context.run.job_journal.files_below(below, moves).await.unwrap_or_default();
    if files.unfinished == 0 {
        // What copies only has nothing to lose there.
        return if moves { refuse_without_disk(context, host, &source.path, &files).await } else { Ok(()) };
    }
    let mut is_empty = true;
    files::list_each(context, host, &source.path, &mut |_| is_empty = false).await?;
    match why_not_moved(&format!("{source} is empty"), &files, false) {
        Some(failure) if is_empty => Err(failure),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a directory whose files an earlier run has finished, if the disk is not mounted on which they were: some may be there.
async fn refuse_without_disk(
    context: &Context,
    host: &mut Host,
    directory: &PathName,
    files: &FilesBelow,
) -> Result<()> {
    if !is_without_disk(context, host, directory, files.unique.as_deref()).await? {
        return Ok(());
    }
    let what = format!("{} is empty, and on another disk than its files were", host.show(directory));
    Err(Failure::new(Kind::Missing, what).about(About::Unfinished).hint(DISK_AWAY))
}

/// Whether an earlier run of the job has moved all that a pattern has matched. `missing` says that nothing matches it now,
/// and is returned if so.
///
/// # Errors
///
/// The earlier run has not finished the files of the directory, or the disk of the directory is not mounted.
pub(in crate::job) async fn matched(
    context: &Context,
    host: &mut Host,
    source: &Location,
    missing: Failure,
) -> Result<Failure> {
    let directory = place::parent(&source.path);
    let files = begun_files(context, host, directory.as_ref()).await;
    if let Some(failure) = why_not_moved(&missing.what, &files, false) {
        return Err(failure);
    }
    if let Some(directory) = directory {
        refuse_without_disk(context, host, &directory, &files).await?;
    }
    Ok(missing)
}

/// What it means that the directory of a pattern cannot be listed: no run removes it, so that one that is missing may be on a disk
/// that is away.
pub(in crate::job) async fn refuse_listing(
    context: &Context,
    host: &Host,
    source: &Location,
    failure: Failure,
) -> Failure {
    if failure.kind != Kind::Missing {
        return failure;
    }
    let directory = place::parent(&source.path);
    let files = begun_files(context, host, directory.as_ref()).await;
    why_not_moved(&failure.what, &files, true).unwrap_or(failure)
}

/// How many files earlier runs of the job have finished, if they have begun no others.
pub(in crate::job) async fn finished(context: &Context) -> u64 {
    let files = context.run.job_journal.files_below(String::new(), true).await.unwrap_or_default();
    if files.unfinished == 0 { files.finished } else { 0 }
}

/// What the names of all files below a directory begin with in the journal.
fn prefix(host: &Host, directory: Option<&PathName>) -> String {
    let Ok(any) = PathName::from_wire(vec![b'x']) else { return String::new() };
    let mut name = host.show(&place::join(directory, &any));
    name.pop();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n8_a_missing_source_was_moved_only_if_files_of_it_are_finished_and_none_is_unfinished() {
        for (finished, unfinished, stays, expect) in [
            (0, 0, false, Some("nothing says that an earlier run has moved it")),
            (3, 0, false, None),
            (3, 0, true, Some("a move of its contents leaves it there")),
            (3, 2, false, Some("has not finished 2 files of it")),
            (0, 1, true, Some("has not finished 1 file of it")),
        ] {
            let failure =
                why_not_moved("x does not exist", &FilesBelow { finished, unfinished, unique: None }, stays);
            assert_eq!(failure.is_some(), expect.is_some(), "{finished} {unfinished}");
            assert!(failure.is_none_or(|failure| failure.about == About::Unfinished
                && failure.what.ends_with(expect.unwrap_or_default())));
        }
    }
}
