//! Many files: a walk finds them one after the other, each is copied, and a tally is kept.

mod name;
mod tally;
mod walk;

pub use name::{Unusable, usable};
pub use tally::Tally;
pub use walk::{Visit, walk};

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::job::{self, Done, Item, Options, Question};
use crate::place;
use crate::report::Event;
use crate::route::Ends;
use ftp_proto::wire::PathName;
use tokio_stream::StreamExt;

/// What to copy, and how.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// The directory at the source; its contents are copied.
    pub source: &'a PathName,
    /// The directory at the destination that receives them. It is made if it is not there.
    pub destination: &'a PathName,
    /// How each file is copied.
    pub options: Options,
    /// The first failure ends it.
    pub fail_fast: bool,
}

/// Copies a tree; `walker` is a second session at the source. Failures are in the tally.
pub async fn copy(context: &Context, ends: &mut Ends, walker: Host, tree: Tree<'_>, tally: &mut Tally) {
    if let Err(failure) = make(context, ends, tree.destination, tree.options).await {
        tally.failed(ends.source.show(tree.source), ends.destination.show(tree.destination), failure);
        return;
    }
    let mut visits = walk(context.clone(), walker, tree.source.clone());
    // Directories that could not be made: nothing in them can be copied either.
    let mut lost: Vec<PathName> = Vec::new();
    while let Some(visit) = visits.next().await {
        let below = |path: &PathName| lost.iter().any(|lost| is_below(lost, path));
        match visit {
            Visit::Directory(path) if !below(&path) => {
                let target = place::join(Some(tree.destination), &path);
                if let Err(failure) = make(context, ends, &target, tree.options).await {
                    tally.failed(
                        shown(&ends.source, tree.source, &path),
                        ends.destination.show(&target),
                        failure,
                    );
                    lost.push(path);
                }
            }
            Visit::File(path, known) if !below(&path) => {
                let item = Item {
                    source: place::join(Some(tree.source), &path),
                    destination: place::join(Some(tree.destination), &path),
                    known,
                };
                file(context, ends, &item, tree.options, tally).await;
            }
            Visit::Directory(path) | Visit::File(path, _) => {
                let failure = Failure::new(Kind::Other, "its directory could not be made");
                let target = place::join(Some(tree.destination), &path);
                tally.failed(
                    shown(&ends.source, tree.source, &path),
                    ends.destination.show(&target),
                    failure,
                );
            }
            Visit::Skipped(path, why) => {
                context.events.warn(format!("{} is skipped: {why}", shown(&ends.source, tree.source, &path)));
            }
            Visit::Failed(path, failure) => {
                let name = path.map_or_else(
                    || ends.source.show(tree.source),
                    |path| shown(&ends.source, tree.source, &path),
                );
                let failure = failure.during(&name);
                tally.failed(name, ends.destination.show(tree.destination), failure);
            }
        }
        if context.cancel.is_cancelled() || (tree.fail_fast && tally.has_failed()) {
            break;
        }
    }
    if context.cancel.is_cancelled() && !tally.was_interrupted() {
        tally.failed(
            ends.source.show(tree.source),
            ends.destination.show(tree.destination),
            Failure::interrupted().hint("run it again: what is done is skipped"),
        );
    }
}

/// Copies one file and counts it.
pub async fn file(context: &Context, ends: &mut Ends, item: &Item, options: Options, tally: &mut Tally) {
    let (source, dest) = item.names(ends);
    match job::copy(context, ends, item, options).await {
        Ok(done) => {
            tally.done(&done);
            if !options.deed.is_dry() {
                say(context, source, dest, done);
            }
        }
        Err(failure) => tally.failed(source, dest, failure),
    }
}

/// Says that a file is done.
pub fn say(context: &Context, source: String, dest: String, done: Done) {
    let Done { bytes, rung, passage, verified, attempts } = done;
    context.events.say(Event::File { source, dest, bytes, rung, passage, verified, attempts });
}

async fn make(context: &Context, ends: &mut Ends, path: &PathName, options: Options) -> Result<(), Failure> {
    if options.deed.is_dry() {
        return Ok(());
    }
    let mut question = Question::new(context);
    loop {
        question.connect(&mut ends.destination).await?;
        match ends.destination.make_directory(context, path).await {
            Ok(()) => return Ok(()),
            Err(failure) => question.again(failure).await?,
        }
    }
}

fn shown(host: &Host, root: &PathName, path: &PathName) -> String {
    host.show(&place::join(Some(root), path))
}

/// Whether `path` is in the directory `directory`, at any depth.
pub fn is_below(directory: &PathName, path: &PathName) -> bool {
    let directory = directory.as_bytes();
    let rest = path.as_bytes().strip_prefix(directory);
    rest.is_some_and(|rest| rest.starts_with(b"/") || (directory.ends_with(b"/") && !rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_a_directory_is_below_it() {
        let check = |directory: &str, path: &str, expect| {
            let name = |text: &str| PathName::from_user(text).unwrap();
            assert_eq!(is_below(&name(directory), &name(path)), expect, "{directory} {path}");
        };
        check("a", "a/b", true);
        check("a", "a/b/c", true);
        check("/", "/a", true);
        check("a", "a", false);
        check("a", "ab", false);
        check("a/b", "a", false);
    }
}
