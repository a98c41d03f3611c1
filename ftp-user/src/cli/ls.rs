//! `ls`: what a directory holds.

use super::passwords::Passwords;
use super::places::{EachPlace, missing};
use super::relays::RelayArgs;
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools, list};
use crate::failure::Failure;
use crate::job::{Question, Status};
use crate::place::{self, Location, Place, Remote, RemotePath};
use crate::report::{Event, Form, Label, Listed};
use clap::Args;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::collections::BTreeMap;
use std::ffi::OsString;

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

/// Runs the verb. If it is a union, the places are shown as one directory.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: LsArgs,
    is_union: bool,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    let form = if args.long { Form::Long } else { Form::Name };
    args.relays.apply(&mut context).await?;
    let pools = Pools::default();
    let mut each = EachPlace::of(&places);
    let mut all = Vec::new();
    for location in each.places(&context, &pools, places).await? {
        let mut host = Host::at(&location, Role::Server, &pools);
        let listed = listed(&context, &mut host, &location).await;
        host.release();
        let status = listed.map(|(entries, status)| {
            all.push((location.clone(), entries));
            status
        });
        each.ended(&context, &location, status)?;
        if !is_union {
            tell(&context, alone(std::mem::take(&mut all)), form).await;
        }
    }
    tell(&context, united(all), form).await;
    pools.quit().await;
    Ok(each.status())
}

/// What several places hold.
type Held = Vec<(Location, Vec<Entry>)>;

/// Tells entries with their labels.
async fn tell(context: &Context, entries: Vec<(Location, Entry, Label)>, form: Form) {
    for (location, entry, label) in entries {
        let place = location.to_string();
        context.events.deliver(Event::Listed(Listed { place, entry, form, label })).await;
    }
}

/// The entries of each place.
fn alone(held: Held) -> Vec<(Location, Entry, Label)> {
    let of = |(location, entries): (Location, Vec<Entry>)| {
        entries.into_iter().map(move |entry| (location.clone(), entry, Label::Name))
    };
    held.into_iter().flat_map(of).collect()
}

/// The entries of all places as those of one directory, in the order of their names. Directories that several places have are
/// one; of anything else that several have, each is called by its place.
fn united(held: Held) -> Vec<(Location, Entry, Label)> {
    let mut by_name: BTreeMap<PathName, Vec<(Location, Entry)>> = BTreeMap::new();
    for (location, entry, _) in alone(held) {
        by_name.entry(entry.name.clone()).or_default().push((location, entry));
    }
    let labelled = |(name, same): (PathName, Vec<(Location, Entry)>)| {
        let is_one = same.len() == 1;
        let are_directories = same.iter().all(|(_, entry)| entry.kind == Kind::Directory);
        same.into_iter().enumerate().map(move |(index, (location, entry))| {
            let label = match (is_one, are_directories) {
                (true, _) => Label::Name,
                (false, true) if index == 0 => Label::Name,
                (false, true) => Label::Hidden,
                (false, false) => Label::Place(typed(&location, &name)),
            };
            (location, entry, label)
        })
    };
    by_name.into_iter().flat_map(labelled).collect()
}

/// A name in a directory as the shell reads it, wherever that is.
fn typed(directory: &Location, name: &PathName) -> String {
    let above = Some(&directory.path).filter(|path| path.as_bytes() != b".");
    let path = place::join(above, name);
    match &directory.place {
        Place::Remote(Remote { site, .. }) => {
            site.show(&RemotePath { name: Some(path), contents: false, glob: None })
        }
        Place::Local(_) => format!("[]{}", path.display()),
    }
}

/// Lists a place. Second, whether that is all.
async fn listed(
    context: &Context,
    host: &mut Host,
    location: &Location,
) -> Result<(Vec<Entry>, Status), Failure> {
    let mut question = Question::new(context);
    let Found { mut entries, gaps, is_incomplete } = loop {
        question.connect(host).await?;
        match look(context, host, location).await {
            Ok(found) => break found,
            Err(failure) => question.again(failure).await?,
        }
    };
    for gap in gaps {
        context.events.warn(format!("{location}: {gap}"));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, if is_incomplete { Status::Partly } else { Status::Done }))
}

/// What is at a place.
struct Found {
    entries: Vec<Entry>,
    /// Why entries are missing.
    gaps: Vec<Failure>,
    is_incomplete: bool,
}

/// Asks once what is at `location`.
async fn look(context: &Context, host: &mut Host, location: &Location) -> Result<Found, Failure> {
    let facts = host.facts(context, &location.path).await?;
    let facts = facts.ok_or_else(|| missing(location))?;
    Ok(match facts.kind {
        Kind::Directory | Kind::Current | Kind::Parent => {
            let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
            let listing = match host {
                Host::Server(server) => server.session(context).await?.list(directory).await?,
                Host::Local(_) => list(context, host, &location.path).await?,
            };
            let is_incomplete = listing.is_incomplete();
            context.listed.note(&location.to_string(), None, &listing.entries, is_incomplete);
            Found { gaps: listing.gaps(), is_incomplete, entries: listing.entries }
        }
        Kind::File | Kind::Link | Kind::Other => {
            let entry = Entry {
                size: facts.size,
                modified: facts.modified,
                unique: facts.unique,
                ..Entry::new(location.path.clone(), facts.kind)
            };
            Found { entries: vec![entry], gaps: Vec::new(), is_incomplete: false }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;

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
                Label::Name => Some(entry.name.display()),
                Label::Place(place) => Some(place),
                Label::Hidden => None,
            };
            all.into_iter().filter_map(one).collect()
        };
        let expect = ["a", "ftp://h/pub/both", "[]/srv/both", "sub", "ftp://h/pub/x", "[]/srv/x", "y z"];
        assert_eq!(shown(united(held())), expect);
        assert_eq!(united(held()).len(), 8, "a program hears of each");
        assert_eq!(shown(alone(held())), ["a", "both", "sub", "x", "both", "sub", "x", "y z"]);
    }
}
