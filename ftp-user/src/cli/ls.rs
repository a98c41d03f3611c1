//! `ls`: what a directory holds.

use super::passwords::Passwords;
use super::places::{EachPlace, missing, no_directory};
use super::relays::RelayArgs;
use crate::action::{FileLabels, Grouping, UnionEntry, typed, united};
use crate::context::Context;
use crate::endpoint::{Host, Pools, list};
use crate::failure::Failure;
use crate::job::{Question, Status};
use crate::place::Location;
use crate::remote;
use crate::remote::Listing;
use crate::report::{Event, Form, Label, Listed};
use crate::session::Role;
use clap::Args;
use ftp_proto::listing::{Entry, Kind};
use std::ffi::{OsStr, OsString};

/// List directories on servers and on this host, one name per line
#[derive(Args, Debug)]
pub(super) struct LsArgs {
    /// Directories or files
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// With type, mode, size and date (UTC)
    #[arg(short)]
    long: bool,
    /// Names that begin with a dot, too: they are always listed
    #[arg(short, hide = true)]
    all: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb. Of several places the files come first, then each directory below its name.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: LsArgs,
    (grouping, here): (Grouping, Option<&OsStr>),
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    let form = if args.long { Form::Long } else { Form::Name };
    args.relays.apply(&mut context).await?;
    let pools = Pools::default();
    let mut each = EachPlace::new();
    let typed = places.len();
    let labels = FileLabels::new(here, &context.settings.named.names, &places);
    let all = each.places(&context, &pools, places).await?;
    let mut lister = Lister { context: &context, pools: &pools, labels, each, form };
    match grouping {
        Grouping::AsOne => lister.tell_union(all).await?,
        Grouping::Each => {
            let is_alone = typed == 1 && all.len() == 1;
            lister.tell_each(all, is_alone).await?;
        }
    }
    let status = lister.each.status();
    pools.quit().await;
    Ok(status)
}

/// The places that are listed one after the other.
struct Lister<'a> {
    context: &'a Context,
    pools: &'a Pools,
    /// What files are called.
    labels: FileLabels,
    each: EachPlace,
    form: Form,
}

impl Lister<'_> {
    /// Tells what the places hold. Only one alone has no heading.
    async fn tell_each(&mut self, all: Vec<Location>, is_alone: bool) -> Result<(), Failure> {
        let mut is_first = true;
        let mut directories = Vec::new();
        for location in all {
            let mut host = Host::at(&location, Role::Server, self.pools);
            let found = look(self.context, &mut host, &location).await;
            host.release();
            match found {
                Ok(At::Directory) => directories.push(location),
                Ok(At::Name(entry)) => {
                    self.each.ended(self.context, &location, Ok(Status::Done))?;
                    let label = self.labels.label(&location);
                    tell(self.context, vec![(location, *entry, label)], self.form).await;
                    is_first = false;
                }
                Err(failure) => self.each.ended(self.context, &location, Err(failure))?,
            }
        }
        for location in directories {
            let listed = self.directory(&location).await;
            let status = match &listed {
                Ok((_, status)) => Ok(*status),
                Err(failure) => Err(failure.clone()),
            };
            self.each.ended(self.context, &location, status)?;
            let Ok((entries, _)) = listed else { continue };
            if !is_alone {
                let place = location.to_string();
                let heading = Event::Heading { place, is_first: std::mem::take(&mut is_first) };
                self.context.run.events.deliver(heading).await;
            }
            tell(self.context, alone(location, entries), self.form).await;
        }
        Ok(())
    }

    /// Tells what the places hold as one directory.
    async fn tell_union(&mut self, all: Vec<Location>) -> Result<(), Failure> {
        let mut held = Held::new();
        for location in all {
            let mut host = Host::at(&location, Role::Server, self.pools);
            let found = look(self.context, &mut host, &location).await;
            host.release();
            let listed = match found {
                Ok(At::Directory) => self.directory(&location).await,
                Ok(At::Name(entry)) => Ok((vec![*entry], Status::Done)),
                Err(failure) => Err(failure),
            };
            let status = listed.map(|(entries, status)| {
                held.push((location.clone(), entries));
                status
            });
            self.each.ended(self.context, &location, status)?;
        }
        tell(self.context, as_one(held), self.form).await;
        Ok(())
    }

    /// What a directory holds. Second, whether that is all.
    async fn directory(&self, location: &Location) -> Result<(Vec<Entry>, Status), Failure> {
        let mut host = Host::at(location, Role::Server, self.pools);
        let listed = listed(self.context, &mut host, location).await;
        host.release();
        listed
    }
}

/// What several places hold.
type Held = Vec<(Location, Vec<Entry>)>;

/// Tells entries with their labels.
async fn tell(context: &Context, entries: Vec<(Location, Entry, Label)>, form: Form) {
    for (location, entry, label) in entries {
        let place = location.to_string();
        context.run.events.deliver(Event::Listed(Listed { place, entry, form, label })).await;
    }
}

/// The entries of a place, each by its name.
fn alone(location: Location, entries: Vec<Entry>) -> Vec<(Location, Entry, Label)> {
    entries.into_iter().map(|entry| (location.clone(), entry, Label::Name)).collect()
}

/// The entries of all places as those of one directory. Of anything but a directory that several have, each is called by
/// its place.
fn as_one(held: Held) -> Vec<(Location, Entry, Label)> {
    let labelled = |UnionEntry { first: (location, entry), others, has_namesake }: UnionEntry<Location>| {
        let label = match has_namesake {
            true => Label::Place(typed(&location, &entry.name)),
            false => Label::Name,
        };
        let others = others.into_iter().map(|(location, entry)| (location, entry, Label::Hidden));
        std::iter::once((location, entry, label)).chain(others)
    };
    united(held).into_iter().flat_map(labelled).collect()
}

/// What is at a place.
enum At {
    Directory,
    /// Anything else has a name.
    Name(Box<Entry>),
}

/// Asks what is at a place.
async fn look(context: &Context, host: &mut Host, location: &Location) -> Result<At, Failure> {
    let mut question = Question::new(context);
    let facts = loop {
        question.connect(host).await?;
        match host.facts(context, &location.path).await {
            Ok(facts) => break facts.ok_or_else(|| missing(location))?,
            Err(failure) => question.again(failure).await?,
        }
    };
    match facts.kind {
        Kind::Directory | Kind::Current | Kind::Parent => Ok(At::Directory),
        Kind::File | Kind::Link | Kind::Other if location.contents => Err(no_directory(location)),
        Kind::File | Kind::Link | Kind::Other => Ok(At::Name(Box::new(Entry {
            size: facts.size,
            modified: facts.modified,
            mode: facts.mode,
            unique: facts.unique,
            ..Entry::new(location.path.clone(), facts.kind)
        }))),
    }
}

/// Lists a directory. Second, whether that is all.
async fn listed(
    context: &Context,
    host: &mut Host,
    location: &Location,
) -> Result<(Vec<Entry>, Status), Failure> {
    let mut question = Question::new(context);
    let listing = loop {
        question.connect(host).await?;
        match entries(context, host, location).await {
            Ok(listing) => break listing,
            Err(failure) => question.again(failure).await?,
        }
    };
    let is_incomplete = listing.is_incomplete();
    context.run.listed.note(&location.to_string(), None, &listing.entries, is_incomplete);
    for gap in listing.gaps() {
        context.run.events.warn(format!("{location}: {gap}"));
    }
    let mut entries = listing.entries;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, if is_incomplete { Status::Partly } else { Status::Done }))
}

/// Asks once what is in the directory `location`.
async fn entries(context: &Context, host: &mut Host, location: &Location) -> Result<Listing, Failure> {
    let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
    match host {
        Host::Server(server) => remote::list(server.session(context).await?, directory).await,
        Host::Local(_) => list(context, host, &location.path).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;
    use ftp_proto::wire::PathName;

    #[test]
    fn a_name_that_several_directories_have_is_shown_with_its_place() {
        let at = |place: &str, names: &[&str]| {
            let entry = |name: &&str| match name.strip_suffix('/') {
                Some(name) => Entry::new(PathName::from_user(name).unwrap(), Kind::Directory),
                None => Entry::new(PathName::from_user(*name).unwrap(), Kind::File),
            };
            let location = Location::parse(place.as_bytes(), &Netrc::default()).unwrap();
            (location, names.iter().map(entry).collect())
        };
        let held = || {
            vec![at("ftp://h/pub", &["a", "both", "sub/", "x/"]), at("/srv", &["both", "sub/", "x", "y z"])]
        };
        let shown = |all: Vec<(Location, Entry, Label)>| -> Vec<String> {
            let one = |(_, entry, label): (Location, Entry, Label)| match label {
                Label::Name | Label::Path(_) => Some(entry.name.display()),
                Label::Place(place) => Some(place),
                Label::Hidden => None,
            };
            all.into_iter().filter_map(one).collect()
        };
        let expect = ["a", "ftp://h/pub/both", "[]/srv/both", "sub", "ftp://h/pub/x", "[]/srv/x", "y z"];
        assert_eq!(shown(as_one(held())), expect);
        assert_eq!(as_one(held()).len(), 8, "a program hears of each");
        let each = held().into_iter().flat_map(|(location, entries)| alone(location, entries)).collect();
        assert_eq!(shown(each), ["a", "both", "sub", "x", "both", "sub", "x", "y z"]);
    }
}
