//! `copy`: files and trees between any two places.

use super::common::{Spot, TransferArgs, look, spots};
use crate::check::Overwrite;
use crate::context::Context;
use crate::control::{Facts, Role};
use crate::endpoint::{Host, Pools};
use crate::failure::{self, Failure};
use crate::job::tree::{self, Tally, Tree};
use crate::job::{Item, Options, Status};
use crate::ladder::Memory;
use crate::place::{self, Place};
use crate::route::Ends;
use clap::Args;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::ffi::OsString;

/// Copy files or trees between any two places
///
/// An existing directory, or a DEST that ends in /, receives SOURCE under its last name; a SOURCE
/// that ends in / means its contents; several SOURCEs need a directory.
#[derive(Args, Debug)]
#[command(override_usage = "ftp-user copy [OPTIONS] <SOURCE>... <DEST>")]
pub(super) struct CopyArgs {
    /// What to copy, then where to
    #[arg(required = true, num_args = 2.., value_names = ["SOURCE", "DEST"])]
    places: Vec<OsString>,
    /// Copy directories with everything in them
    #[arg(short)]
    recursive: bool,
    /// What to do with a file that is there (different: skip it if size and digest are equal)
    #[arg(long, value_enum, default_value_t = Overwrite::Different, value_name = "WHEN")]
    overwrite: Overwrite,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// What becomes of all sources.
#[derive(Clone, Copy)]
struct How {
    options: Options,
    recursive: bool,
    fail_fast: bool,
}

/// Runs it.
pub(super) async fn run(mut context: Context, args: CopyArgs) -> Status {
    let start = context.clock.now();
    let mut tally = Tally::new("copy", args.transfer.deed().is_dry());
    match prepare(&mut context, &args) {
        Ok((sources, dest, how)) => {
            tally.protect(sources.iter().chain([&dest]).all(|spot| spot.place.is_secured()));
            all(&context, sources, dest, how, &mut tally).await;
        }
        Err(failure) => tally.failed(String::new(), String::new(), failure),
    }
    tally.tell(&context.events, context.clock.now().since(start))
}

/// What can be refused before anything is sent to anybody.
fn prepare(context: &mut Context, args: &CopyArgs) -> Result<(Vec<Spot>, Spot, How), Failure> {
    let options = args.transfer.options(args.overwrite)?;
    let mut sources = spots(&args.places)?;
    let Some(dest) = sources.pop().filter(|_| !sources.is_empty()) else {
        return Err(Failure::usage("copy needs a SOURCE and a DEST"));
    };
    if matches!(dest.place, Place::Local(_))
        && let Some(local) = sources.iter().find(|source| matches!(source.place, Place::Local(_)))
    {
        return Err(Failure::usage(format!("{} and {} are both on this host", local.place, dest.place))
            .hint("use cp, or name a server with ftp://"));
    }
    for source in &sources {
        refuse_itself(source, &dest)?;
    }
    let places: Vec<&Spot> = sources.iter().chain([&dest]).collect();
    context.clear_data = args.transfer.allow_clear_data;
    context.relays = args.transfer.relays(&context.relays, &places)?;
    Ok((sources, dest, How { options, recursive: args.recursive, fail_fast: args.fail_fast }))
}

async fn all(context: &Context, sources: Vec<Spot>, dest: Spot, how: How, tally: &mut Tally) {
    let pools = Pools::default();
    let mut ends = Ends::new(Host::Local, dest.host(Role::Destination, &pools));
    let several = sources.len() > 1;
    let mut into = None;
    for source in sources {
        if !source.is_at(&ends.source) {
            std::mem::replace(&mut ends.source, source.host(Role::Source, &pools)).release();
            ends.memory = Memory::default();
            ends.circuit = None;
        }
        if several && into.is_none() {
            // A destination that cannot receive the first source receives no other.
            match receives(context, &mut ends.destination, &dest, several).await {
                Ok(found) => into = Some(found),
                Err(failure) => {
                    tally.failed(source.place.to_string(), dest.place.to_string(), failure);
                    break;
                }
            }
        }
        if let Err(failure) = one(context, &pools, &mut ends, &source, &dest, &mut into, how, tally).await {
            tally.failed(source.place.to_string(), dest.place.to_string(), failure);
        }
        if context.cancel.is_cancelled() || (how.fail_fast && tally.has_failed()) {
            break;
        }
    }
    ends.quit(context).await;
    if !context.cancel.is_cancelled() {
        pools.quit().await;
    }
}

/// What the destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Into {
    /// The name of the copy.
    Name,
    /// A directory that receives sources under their last names.
    Directory,
    /// The same, to be made.
    NewDirectory,
}

async fn receives(context: &Context, host: &mut Host, dest: &Spot, several: bool) -> Result<Into, Failure> {
    let found = look(context, host, &dest.path).await?;
    match (&found, dest.contents, several) {
        (Some(facts), ..) if facts.kind == Kind::Directory => Ok(Into::Directory),
        (None, true, _) => Ok(Into::NewDirectory),
        (_, false, false) => Ok(Into::Name),
        (Some(_), ..) => Err(Failure::new(failure::Kind::Exists, format!("{} is no directory", dest.place))),
        (None, false, true) => Err(Failure::usage(format!(
            "several sources need a directory, and {} does not exist",
            dest.place
        ))
        .hint("end it with / to have it made")),
    }
}

fn is_directory(facts: Option<&Facts>) -> bool {
    facts.is_some_and(|facts| facts.kind == Kind::Directory)
}

async fn one(
    context: &Context,
    pools: &Pools,
    ends: &mut Ends,
    source: &Spot,
    dest: &Spot,
    into: &mut Option<Into>,
    how: How,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let Ends { source: from, destination: to, .. } = &mut *ends;
    let (facts, found) = match *into {
        Some(into) => (look(context, from, &source.path).await?, into),
        // Both ends are asked at once where nothing is known yet.
        None => tokio::try_join!(look(context, from, &source.path), receives(context, to, dest, false))?,
    };
    *into = Some(found);
    let target = target(source, dest, found != Into::Name);
    let tree = is_directory(facts.as_ref());
    if tree && !how.recursive {
        return Err(Failure::usage(format!("{} is a directory", source.place)).hint("-r copies trees"));
    }
    if tree && source.is_at(&ends.destination) && tree::is_below(&source.path, &target) {
        return Err(Failure::usage(format!("{} would be copied into itself", source.place))
            .hint("choose another destination"));
    }
    if !tree && source.contents && facts.is_some() {
        return Err(
            Failure::usage(format!("{} is no directory", source.place)).hint("leave out the / at its end")
        );
    }
    if found == Into::NewDirectory && facts.is_some() && !how.options.deed.is_dry() {
        ends.destination.make_directory(context, &dest.path).await?;
        *into = Some(Into::Directory);
    }
    if tree {
        let tree = Tree {
            source: &source.path,
            destination: &target,
            options: how.options,
            fail_fast: how.fail_fast,
        };
        tree::copy(context, ends, source.host(Role::Source, pools), tree, tally).await;
    } else {
        let item = Item { source: source.path.clone(), destination: target, known: facts };
        tree::file(context, ends, &item, how.options, tally).await;
    }
    Ok(())
}

/// Where a source goes.
fn target(source: &Spot, dest: &Spot, into: bool) -> PathName {
    let name = if source.contents { None } else { place::base_name(&source.path) };
    match name {
        Some(name) if into => place::join(here(&dest.path), &name),
        Some(_) | None => dest.path.clone(),
    }
}

/// `.` is written as nothing: names of files are shorter without it.
fn here(path: &PathName) -> Option<&PathName> {
    if path.as_bytes() == b"." { None } else { Some(path) }
}

/// H32, as far as it can be seen without asking: the same server, user and path.
pub(super) fn refuse_itself(source: &Spot, dest: &Spot) -> Result<(), Failure> {
    let same = match (&source.place, &dest.place) {
        (Place::Remote(one), Place::Remote(two)) => one.site.is_same(&two.site) && source.path == dest.path,
        (Place::Local(one), Place::Local(two)) => one.path == two.path,
        (Place::Remote(_), Place::Local(_)) | (Place::Local(_), Place::Remote(_)) => false,
    };
    if same {
        return Err(Failure::usage(format!("{} is source and destination", source.place))
            .hint("choose another destination"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_and_files_go_where_cp_puts_them() {
        let check = |source: &str, dest: &str, into: bool, expect: &str| {
            let mut spots = spots(&[source.into(), dest.into()]).unwrap();
            let (dest, source) = (spots.pop().unwrap(), spots.pop().unwrap());
            assert_eq!(target(&source, &dest, into).display(), expect, "{source:?} {dest:?} {into}");
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

    #[test]
    fn h32_a_place_is_never_copied_to_itself() {
        let check = |source: &str, dest: &str, refused: bool| {
            let mut spots = spots(&[source.into(), dest.into()]).unwrap();
            let (dest, source) = (spots.pop().unwrap(), spots.pop().unwrap());
            assert_eq!(refuse_itself(&source, &dest).is_err(), refused, "{source:?} {dest:?}");
        };
        check("ftp://u@h/a", "ftp://u@H:21/a", true);
        check("ftp://u@h/a", "ftp://u@h/b", false);
        check("ftp://u@h/a", "ftp://v@h/a", false);
        check("ftp://u@h:2121/a", "ftp://u@h:2122/a", false);
    }
}
