//! `ls`, `stat` and `cat`: what a directory holds, what is known of a place, and what is in a file.

use super::transfer::{RelayArgs, rate_limit};
use crate::action::{FileLabels, Grouping, UnionEntry, VerbRun, read, refuse_slash, typed, united};
use crate::context::{Context, RateLimit};
use crate::endpoint::Host;
use crate::endpoint::files::{self, Listing};
use crate::failure::{Failure, Kind as FailureKind, Result};
use crate::job::{Question, Status, ask, connect, missing};
use crate::place::Location;
use crate::report::{Event, Form, Label, ListedEntry};
use clap::Args;
use ftp_io::program::output::output_file;
use ftp_io::program::size;
use ftp_proto::listing::Entry;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

/// List directories, one name per line
///
/// They are on servers or on this host.
#[derive(Args, Debug)]
pub(super) struct LsArgs {
    /// Directories or files
    #[arg(required = true, value_name = "PLACE")]
    pub(super) places: Vec<OsString>,
    /// With type, mode, size and date (UTC)
    #[arg(short)]
    long: bool,
    /// Names that begin with a dot, too: they are always listed
    #[arg(short, hide = true)]
    all: bool,
    #[command(flatten)]
    pub(super) relays: RelayArgs,
}

impl LsArgs {
    /// Runs the verb. Of several places the files come first, then each directory below its name.
    pub(super) async fn run(
        self,
        context: &Context,
        places: &[Location],
        grouping: Grouping,
        here: Option<&OsStr>,
    ) -> Status {
        let form = if self.long { Form::Long } else { Form::Name };
        let labels = FileLabels::new(here, &context.settings.named, places);
        let mut run = VerbRun::for_display(context);
        let all = run.targets(places).await;
        match grouping {
            Grouping::AsOne => tell_union(&mut run, &all, form).await,
            Grouping::Each => {
                let is_alone = places.len() == 1 && all.len() == 1;
                tell_each(&mut run, &all, &labels, form, is_alone).await;
            }
        }
        run.end().await
    }
}

/// Show the facts of files and directories
///
/// They are on servers or on this host.
#[derive(Args, Debug)]
pub(super) struct StatArgs {
    /// Files or directories
    #[arg(required = true, value_name = "PLACE")]
    pub(super) places: Vec<OsString>,
    #[command(flatten)]
    pub(super) relays: RelayArgs,
}

/// Shows the facts of these places.
pub(super) async fn stat(context: &Context, places: &[Location]) -> Status {
    let mut run = VerbRun::for_display(context);
    for location in run.targets(places).await {
        if let Some(entry) = run.at(&location, facts_of).await {
            run.note_shown(Status::Done);
            tell(context, listed(&location, entry, Form::Facts, Label::Name)).await;
        }
    }
    run.end().await
}

/// Tells what the places hold, one after the other. Only one alone has no heading.
async fn tell_each(run: &mut VerbRun<'_>, all: &[Location], labels: &FileLabels, form: Form, is_alone: bool) {
    let (mut is_first, mut directories) = (true, Vec::new());
    for location in all {
        match run.at(location, look).await {
            None => {}
            Some(None) => directories.push(location),
            Some(Some(entry)) => {
                tell(run.context, listed(location, entry, form, labels.label(location))).await;
                is_first = false;
            }
        }
    }
    for location in directories {
        let Some(entries) = run.at(location, list_directory).await else { continue };
        if !is_alone {
            let place = location.to_string();
            let heading = Event::Heading { place, is_first: std::mem::take(&mut is_first) };
            run.context.run.events.deliver(heading).await;
        }
        for entry in entries {
            tell(run.context, listed(location, entry, form, Label::Name)).await;
        }
    }
}

/// Tells what the places hold as one directory.
async fn tell_union(run: &mut VerbRun<'_>, all: &[Location], form: Form) {
    let mut held = Vec::new();
    for location in all {
        let found = run.at(location, entries).await;
        held.extend(found.map(|entries| (location.clone(), entries)));
    }
    if run.was_interrupted() {
        return;
    }
    for listed in as_one(held, form) {
        tell(run.context, listed).await;
    }
}

/// The entries of a directory, or the entry of a file.
async fn entries(run: &mut VerbRun<'_>, host: &mut Host, location: &Location) -> Result<Vec<Entry>> {
    match look(run, host, location).await? {
        None => list_directory(run, host, location).await,
        Some(entry) => Ok(vec![entry]),
    }
}

/// The facts of a place, as an entry.
async fn facts_of(run: &mut VerbRun<'_>, host: &mut Host, location: &Location) -> Result<Entry> {
    let found = ask!(run.context, host, async {
        match host {
            Host::Server(server) => {
                files::entry_at_server(server.session(run.context).await?, &location.path).await
            }
            Host::Local(_) => entry(run.context, host, location).await,
        }
    })?;
    let entry = found.ok_or_else(|| missing(location))?;
    refuse_slash(location, entry.kind).map(|()| entry)
}

/// Looks at a place. Returns its entry, which counts as shown; `None` is a directory.
async fn look(run: &mut VerbRun<'_>, host: &mut Host, location: &Location) -> Result<Option<Entry>> {
    let entry = ask!(run.context, host, async {
        entry(run.context, host, location).await?.ok_or_else(|| missing(location))
    })?;
    if entry.kind.is_directory() {
        return Ok(None);
    }
    refuse_slash(location, entry.kind)?;
    run.note_shown(Status::Done);
    Ok(Some(entry))
}

/// Lists a directory, in the order of the names. It counts as shown.
async fn list_directory(run: &mut VerbRun<'_>, host: &mut Host, location: &Location) -> Result<Vec<Entry>> {
    let context = run.context;
    let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
    let mut listing: Listing = ask!(context, host, async {
        match host {
            Host::Server(server) => files::list_at_server(server.session(context).await?, directory).await,
            Host::Local(_) => files::list(context, host, &location.path).await,
        }
    })?;
    context.run.listed.note(&location.to_string(), None, &listing.entries, listing.is_incomplete());
    for gap in listing.gaps() {
        context.run.events.warn(format!("{location}: {gap}"));
    }
    run.note_shown(if listing.is_incomplete() { Status::Partly } else { Status::Done });
    listing.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing.entries)
}

/// The entries of all places as those of one directory. A name that several places have is shown with its place, unless it is a
/// directory.
fn as_one(held: Vec<(Location, Vec<Entry>)>, form: Form) -> Vec<ListedEntry> {
    let labelled = |UnionEntry { first: (location, entry), others, has_namesake }: UnionEntry<Location>| {
        let label = if has_namesake { Label::Place(typed(&location, &entry.name)) } else { Label::Name };
        let hidden = move |(location, entry)| listed(&location, entry, form, Label::Hidden);
        std::iter::once(listed(&location, entry, form, label)).chain(others.into_iter().map(hidden))
    };
    united(held).into_iter().flat_map(labelled).collect()
}

fn listed(location: &Location, entry: Entry, form: Form, label: Label) -> ListedEntry {
    ListedEntry { place: location.to_string(), entry, form, label }
}

async fn tell(context: &Context, listed: ListedEntry) {
    context.run.events.deliver(Event::Listed(listed)).await;
}

/// Asks once for the facts of a place, as an entry; `None` if nothing is there.
async fn entry(context: &Context, host: &mut Host, location: &Location) -> Result<Option<Entry>> {
    let facts = files::facts(context, host, &location.path).await?;
    Ok(facts.map(|facts| Entry {
        size: facts.size,
        modified: facts.modified,
        mode: facts.mode,
        unique: facts.unique,
        ..Entry::new(location.path.clone(), facts.kind)
    }))
}

/// Print files to standard output
///
/// They are on servers or on this host.
#[derive(Args, Debug)]
pub(super) struct CatArgs {
    /// Files to print
    #[arg(required = true, value_name = "PLACE")]
    pub(super) places: Vec<OsString>,
    /// Read no more bytes per second, of all files together: 500KB, 2M
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    limit: Option<NonZeroU64>,
    #[command(flatten)]
    pub(super) relays: RelayArgs,
}

impl CatArgs {
    pub(super) async fn run(self, mut context: Context, places: &[Location]) -> Result<Status> {
        let limit = rate_limit(places.iter(), self.limit);
        let limit = limit.map(|rate| RateLimit::new(rate, NonZeroUsize::MIN, context.world));
        context.settings.limit = limit.transpose()?.map(Arc::new);
        let mut run = VerbRun::for_display(&context);
        for location in run.targets(places).await {
            let mut host = run.host(&location);
            let printed = print_file(&context, &mut host, &location).await;
            host.quit().await;
            match printed {
                Ok(Ok(())) => run.note_shown(Status::Done),
                Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => break,
                Ok(Err(error)) => return Err(Failure::not_printed(&error)),
                Err(failure) => run.failed(&location, failure),
            }
            if run.was_interrupted() {
                break;
            }
        }
        Ok(run.end().await)
    }
}

/// Prints a file. The inner error says why standard output takes nothing more.
async fn print_file(context: &Context, host: &mut Host, location: &Location) -> Result<io::Result<()>> {
    let mut question = Question::new(context);
    loop {
        connect(context, host).await?;
        if location.contents
            && let Some(facts) = files::facts(context, host, &location.path).await?
        {
            refuse_slash(location, facts.kind)?;
        }
        let mut moved = 0;
        let out = output_file().map_err(|error| Failure::not_printed(&error))?;
        match read(context, host, &location.path, out, None, &mut moved).await {
            // What was printed cannot be taken back.
            Err(failure) if moved == 0 => {
                refuse_directory(context, host, location, &failure).await?;
                question.again(failure).await?;
            }
            Err(failure) if failure.kind == FailureKind::Unverified => {
                return Err(failure.hint("what was printed cannot be taken back: copy the file"));
            }
            printed => return printed.map(|printed| printed.map(drop)),
        }
    }
}

/// Asks what a place is that was refused: servers say that in words of their own.
async fn refuse_directory(
    context: &Context,
    host: &mut Host,
    location: &Location,
    failure: &Failure,
) -> Result<()> {
    if !matches!(failure.kind, FailureKind::Refused | FailureKind::Missing | FailureKind::Other) {
        return Ok(());
    }
    match files::facts(context, host, &location.path).await {
        Ok(Some(facts)) if facts.kind.is_directory() => {
            Err(Failure::usage(format!("{location} is a directory"))
                .hint("cat takes files; ls lists directories, and copy -r copies them"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::location;
    use ftp_proto::listing::Kind;
    use ftp_proto::wire::PathName;

    #[test]
    fn a_name_that_several_directories_have_is_shown_with_its_place() {
        let at = |place: &str, names: &[&str]| {
            let entry = |name: &&str| match name.strip_suffix('/') {
                Some(name) => Entry::new(PathName::from_user(name).unwrap(), Kind::Directory),
                None => Entry::new(PathName::from_user(*name).unwrap(), Kind::File),
            };
            (location(place), names.iter().map(entry).collect())
        };
        let held = || {
            vec![at("ftp://h/pub", &["a", "both", "sub/", "x/"]), at("/srv", &["both", "sub/", "x", "y z"])]
        };
        let one = |listed: ListedEntry| match listed.label {
            Label::Name | Label::Path(_) => Some(listed.entry.name.display()),
            Label::Place(place) => Some(place),
            Label::Hidden => None,
        };
        let shown: Vec<String> = as_one(held(), Form::Name).into_iter().filter_map(one).collect();
        let expect = ["a", "ftp://h/pub/both", "[]/srv/both", "sub", "ftp://h/pub/x", "[]/srv/x", "y z"];
        assert_eq!(shown, expect);
        assert_eq!(as_one(held(), Form::Name).len(), 8, "a program hears of each");
    }
}
