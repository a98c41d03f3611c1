//! The sources of a copy, one after the other: each is a file or a tree, and goes where `cp` would put it.

use super::copy::copy;
use super::item::{Item, Target};
use super::options::Options;
use super::outage::facts;
use super::tally::Tally;
use super::tree::{Tree, is_below};
use crate::context::Context;
use crate::control::{Facts, Role};
use crate::endpoint::{Host, Pools};
use crate::failure::{self, Failure};
use crate::ladder::Memory;
use crate::place::{self, Location};
use crate::route::Ends;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// Copies all sources of a job.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    context: &'a Context,
    pools: &'a Pools,
    ends: Ends,
    destination: Location,
    /// What the destination is, as soon as it is known.
    receiver: Option<Receiver>,
    options: Options,
    tally: &'a mut Tally,
}

/// What the destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receiver {
    /// The name of the copy.
    Name,
    /// A directory that receives sources under their last names.
    Directory,
    /// A directory that is still to be made.
    NewDirectory,
}

impl<'a> Sources<'a> {
    pub(super) fn new(
        context: &'a Context,
        pools: &'a Pools,
        destination: Location,
        options: Options,
        tally: &'a mut Tally,
    ) -> Self {
        let ends = Ends::new(Host::Local(None), Host::at(&destination, Role::Destination, pools));
        Self { context, pools, ends, destination, receiver: None, options, tally }
    }

    /// Copies one source after the other.
    pub(super) async fn copy(mut self, sources: Vec<Location>) {
        let several = sources.len() > 1;
        for source in sources {
            self.go_to(&source);
            if several && self.receiver.is_none() {
                // If the destination cannot receive the first source, it cannot receive the others.
                match receiver(self.context, &mut self.ends.destination, &self.destination, true).await {
                    Ok((found, _)) => self.receiver = Some(found),
                    Err(failure) => {
                        self.failed(&source, failure);
                        break;
                    }
                }
            }
            if let Err(failure) = self.one(&source).await {
                self.failed(&source, failure);
            }
            let failed = self.options.fail_fast && self.tally.has_failed();
            if self.context.cancel.is_cancelled() || failed {
                break;
            }
        }
        self.ends.quit(self.context).await;
    }

    /// Makes the host of `source` the source of the next copy.
    fn go_to(&mut self, source: &Location) {
        if self.ends.source.is_at(source) {
            return;
        }
        let next = Host::at(source, Role::Source, self.pools);
        std::mem::replace(&mut self.ends.source, next).release();
        self.ends.memory = Memory::default();
        self.ends.circuit = None;
    }

    fn failed(&mut self, source: &Location, failure: Failure) {
        self.tally.failed(source.to_string(), self.destination.to_string(), failure);
    }

    async fn one(&mut self, source: &Location) -> Result<(), Failure> {
        let (known, receiver, found) = self.look(source).await?;
        let target = target(source, &self.destination, receiver != Receiver::Name);
        let is_tree = known.as_ref().is_some_and(|facts| facts.kind == Kind::Directory);
        self.refuse(source, &target, known.is_some(), is_tree)?;
        if receiver == Receiver::NewDirectory && known.is_some() && !self.options.mode.is_dry() {
            self.ends.destination.make_directories(self.context, &self.destination.path).await?;
            self.receiver = Some(Receiver::Directory);
        }
        if is_tree {
            let unique = known.and_then(|facts| facts.unique);
            let walker = Host::at(source, Role::Source, self.pools);
            let tree =
                Tree { source: source.path.clone(), unique, destination: target, options: self.options };
            tree.copy(self.context, &mut self.ends, walker, self.tally).await;
            return Ok(());
        }
        let item = Item {
            number: self.tally.next_number(),
            source: source.path.clone(),
            destination: target,
            known,
            target: if receiver == Receiver::Name { found } else { Target::Unknown },
        };
        let (from, to) = item.names(&self.ends);
        let mut copied = copy(self.context, &mut self.ends, &item, self.options).await;
        if receiver == Receiver::Name
            && copied.as_ref().is_err_and(may_lack_parent)
            && self.parents(&item).await
        {
            copied = copy(self.context, &mut self.ends, &item, self.options).await;
        }
        self.tally.file(&self.context.events, from, to, copied);
        Ok(())
    }

    /// Makes what is missing above the destination of a file. Returns whether anything was; the failure of the copy tells
    /// the rest.
    async fn parents(&mut self, item: &Item) -> bool {
        if item.target != Target::Known(None) || self.options.mode.is_dry() {
            return false;
        }
        let made = self.ends.destination.make_parents(self.context, &item.destination).await;
        made.unwrap_or(false)
    }

    /// What the source is, what the destination is, and what it has just said of itself. If nothing is known yet, both
    /// ends are asked at once.
    async fn look(&mut self, source: &Location) -> Result<(Option<Facts>, Receiver, Target), Failure> {
        let Ends { source: from, destination: to, .. } = &mut self.ends;
        let known = facts(self.context, from, &source.path);
        let (known, (receiver, target)) = match self.receiver {
            Some(receiver) => (known.await?, (receiver, Target::Unknown)),
            None => tokio::try_join!(known, receiver(self.context, to, &self.destination, false))?,
        };
        self.receiver = Some(receiver);
        Ok((known, receiver, target))
    }

    /// Refuses a source that is not what its place says, or that would be copied into itself.
    fn refuse(
        &self,
        source: &Location,
        target: &PathName,
        exists: bool,
        is_tree: bool,
    ) -> Result<(), Failure> {
        if is_tree && !self.options.recursive {
            return Err(Failure::usage(format!("{source} is a directory")).hint("copy -r copies trees"));
        }
        if is_tree && self.ends.destination.is_at(source) && is_below(&source.path, target) {
            return Err(Failure::usage(format!("{source} would be copied into itself"))
                .hint("choose another destination"));
        }
        if !is_tree && source.contents && exists {
            return Err(
                Failure::usage(format!("{source} is not a directory")).hint("leave out the / at its end")
            );
        }
        Ok(())
    }
}

/// Whether a copy may have failed because there is no directory that could receive it. Asked only after a failure, so
/// that the usual copy costs no round trip more.
const fn may_lack_parent(failure: &Failure) -> bool {
    matches!(failure.kind, failure::Kind::Refused | failure::Kind::Other)
}

/// What the destination is, and what is there. With `several` sources it must be a directory.
async fn receiver(
    context: &Context,
    host: &mut Host,
    destination: &Location,
    several: bool,
) -> Result<(Receiver, Target), Failure> {
    let found = facts(context, host, &destination.path).await?;
    let receiver = match (&found, destination.contents, several) {
        (Some(facts), ..) if facts.kind == Kind::Directory => Ok(Receiver::Directory),
        (None, true, _) => Ok(Receiver::NewDirectory),
        (_, false, false) => Ok(Receiver::Name),
        (Some(_), ..) => {
            Err(Failure::new(failure::Kind::Exists, format!("{destination} is not a directory"))
                .hint("choose a directory, or copy one file"))
        }
        (None, false, true) => {
            Err(Failure::usage(format!("several sources need a directory, and {destination} does not exist"))
                .hint("end it with / to have it made"))
        }
    }?;
    Ok((receiver, Target::Known(found)))
}

/// Where a source goes. `into` says that the destination is a directory.
fn target(source: &Location, destination: &Location, into: bool) -> PathName {
    let name = if source.contents { None } else { place::base_name(&source.path) };
    match name {
        Some(name) if into => place::join(unless_here(&destination.path), &name),
        Some(_) | None => destination.path.clone(),
    }
}

/// Leaves out `.`, so that the names of files are shorter.
fn unless_here(path: &PathName) -> Option<&PathName> {
    if path.as_bytes() == b"." { None } else { Some(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;

    #[test]
    fn trees_and_files_go_where_cp_puts_them() {
        let location = |text: &str| Location::parse(text.as_bytes(), &Netrc::default()).unwrap();
        let check = |source: &str, dest: &str, into: bool, expect: &str| {
            let found = target(&location(source), &location(dest), into);
            assert_eq!(found.display(), expect, "{source:?} {dest:?} {into}");
        };
        check("ftp://a/x/f", "ftp://b/g", false, "g");
        check("ftp://a/x/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "ftp://b/d/", true, "d/f");
        check("ftp://a/x/f", "ftp://b/", true, "f");
        check("ftp://a/x/f", "ftp://b", true, "f");
        check("ftp://a/x/f", "ftp://b//", true, "/f");
        check("ftp://a/x/", "ftp://b/d", true, "d");
        check("ftp://a//", "ftp://b/d", true, "d");
        check("dir/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "./d", true, "./d/f");
    }
}
