//! What a directory holds. A server is asked by MLSD, else LIST, else NLST. Where a listing has only names, it is asked what each of them is, and names
//! that LIST cannot show are settled by NLST.

use super::listing::{Each, EntriesWithin, Listing};
use super::look::entry_at_server;
use crate::context::{Context, ListingLimit};
use crate::endpoint::{Host, LocalEnd};
use crate::failure::{self, Failure, Result};
use crate::place;
use crate::session::{Facts, Flow, Session, Transfer};
use ftp_io::connection::Connection;
use ftp_io::copy::{Lines, Meter, lines};
use ftp_io::program::size;
use ftp_proto::command::{Command, DataType};
use ftp_proto::deletion::{Learnt, SessionId};
use ftp_proto::listing::{Entry, Kind, Lister, When, cut, is_empty_listing};
use ftp_proto::manners::{
    self, CertainRows, EntriesInDoubt, Form, NamesByNlst, Shown, UnclearNames, first_shown_name,
    is_certain_directory, is_split, omitted,
};
use ftp_proto::reply::Blame;
use ftp_proto::wire::{ByteRange, PathName};
use std::collections::HashSet;
use std::io;
use tokio_stream::StreamExt;

/// Like [`Each`], with the command that has shown the entry.
pub(super) type EachOf<'a> = &'a mut (dyn FnMut(Form, Entry) + Send);

/// A directory of a server; without a path it is the login directory.
pub(super) struct RemoteDirectory<'a> {
    pub(super) session: &'a mut Session,
    pub(super) path: Option<&'a PathName>,
}

/// What came of listing a directory by one command. With a failure comes whose fault it is.
type ListResult<T = Listing> = Result<T, (Blame, Failure)>;

impl RemoteDirectory<'_> {
    /// Lists it by the best command that the server knows, and says which. Hands over the entries as they come: what is returned
    /// has none. If this fails, some may have been handed over.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed. A listing that is larger than the context allows is a failure.
    pub(super) async fn listed(&mut self, each: EachOf<'_>) -> Result<(Form, Listing)> {
        if let Some(refusal) = &self.session.no_listings {
            return Err(refusal.clone());
        }
        let (mut last, mut unreadable) = (None, None);
        for form in [Form::Mlsd, Form::List, Form::Nlst] {
            if form == Form::Mlsd && self.session.manners.capabilities.mlst.is_none() {
                continue;
            }
            let mut is_shown = false;
            let mut show = |entry| {
                is_shown = true;
                each(form, entry);
            };
            match self.list_as(form, &mut show).await {
                // If no line can be read, names are better than nothing.
                Ok(listing) if form == Form::List && listing.is_unreadable() => unreadable = Some(listing),
                Ok(listing) => return Ok((form, listing)),
                // Another command would show the same entries again.
                Err((Blame::Unsupported, failure)) if !is_shown => last = Some(failure),
                Err((_, failure)) => return Err(failure),
            }
        }
        if let Some(listing) = unreadable {
            return Ok((Form::List, listing));
        }
        let refusal = last.unwrap_or_else(|| Failure::new(failure::Kind::Other, "this server lists nothing"));
        self.session.no_listings = Some(refusal.clone());
        Err(refusal)
    }

    /// Lists it by one command, and hands over the entries.
    ///
    /// LIST and NLST may take their argument for something else than one name, and show nothing then with a positive reply. Of a
    /// directory that cannot be entered, vsftpd shows the directory itself, and some servers show the current one whatever they
    /// are asked. So a listing of these kinds is believed only of a directory that was entered.
    pub(super) async fn list_as(&mut self, form: Form, each: Each<'_>) -> ListResult {
        let argument = self.path.cloned();
        let Some(path) = self.path.filter(|_| form != Form::Mlsd) else {
            return self.list_argument(form, argument, each).await;
        };
        let looks_at_it = self.session.manners.lists_arguments;
        let first = first_shown_name(path).filter(|_| !looks_at_it);
        let mut shown = None;
        if !is_split(path.as_bytes()) && (first.is_some() || looks_at_it) {
            let mut entries = EntriesInDoubt::of(place::base_name(path), first, &mut *each);
            let listing = self.list_argument(form, argument, &mut |entry| entries.take(entry)).await?;
            shown = match entries.end() {
                Shown::Inside if listing.shows_nothing() => Some((listing, Vec::new())),
                Shown::Inside => {
                    self.session.manners.lists_arguments = true;
                    return Ok(listing);
                }
                Shown::Itself(held) => Some((listing, held)),
                Shown::Beside(false) => None,
                Shown::Beside(true) => return Err(other(doubtful(path))),
            };
        }
        if let Some(listing) = self.list_inside(form, path, &mut *each).await? {
            return Ok(listing);
        }
        // It cannot be entered and left again, so that its name is the only way to it.
        let Some((listing, held)) = shown else { return self.list_by_name(form, path, each).await };
        held.into_iter().for_each(each);
        Ok(listing)
    }

    /// Lists a directory that cannot be entered, of a server that was not seen to look at the argument.
    async fn list_by_name(&mut self, form: Form, path: &PathName, each: Each<'_>) -> ListResult {
        let mut entries = EntriesInDoubt::of(None, first_shown_name(path), each);
        let listing = self.list_argument(form, Some(path.clone()), &mut |entry| entries.take(entry)).await?;
        match entries.end() {
            Shown::Inside if !listing.shows_nothing() => Ok(listing),
            Shown::Inside | Shown::Itself(_) | Shown::Beside(_) => Err(other(doubtful(path))),
        }
    }

    /// Enters it, lists it without an argument and comes back. `None` if the server does not tell the way back, or
    /// does not know CWD.
    async fn list_inside(
        &mut self,
        form: Form,
        path: &PathName,
        each: Each<'_>,
    ) -> ListResult<Option<Listing>> {
        let session = &mut *self.session;
        let Some(home) = session.current().await.map_err(other)? else { return Ok(None) };
        let answer = session.ask(Command::Cwd(path.clone())).await.map_err(other)?;
        if !answer.is_done() {
            let blame = session.blame(&answer);
            if blame == Blame::Unsupported {
                return Ok(None);
            }
            return Err((blame, session.refusal(format!("cannot list {}", path.display()), &answer)));
        }
        let listing = self.list_argument(form, None, each).await;
        let session = &mut *self.session;
        if !session.is_over() {
            session.go_back(home.clone()).await.map_err(other)?;
        }
        let listing = listing?;
        // CWD may say 250 to the other name as well.
        let is_doubtful = is_split(path.as_bytes()) && listing.shows_nothing();
        if is_doubtful && session.enters_anything(home).await.map_err(other)? {
            return Err(other(doubtful(path)));
        }
        Ok(Some(listing))
    }

    /// Lists by a command with this argument.
    async fn list_argument(&mut self, form: Form, argument: Option<PathName>, each: Each<'_>) -> ListResult {
        let Self { session, path } = self;
        // MLSD sends its lines in the type in force (RFC 3659 section 7.3); the others send text.
        let data_type = if form == Form::Mlsd { DataType::Image } else { DataType::Ascii };
        session.set_type(data_type).await.map_err(other)?;
        let command = form.command(argument, session.manners.capabilities.hides_dot_names);
        let (meter, limit) = (Meter::default(), session.context.settings.listing);
        let blocks = if form == Form::Mlsd { session.begin_listing() } else { None };
        let lister = lister(form, session.context.world.today());
        let reading = |connection| {
            let taking = (limit, each);
            read(lines(connection, blocks, LONGEST_LINE, &meter), lister, taking, &meter)
        };
        let name = path.map_or_else(|| "the login directory".to_owned(), PathName::display);
        let what = || format!("cannot list {name}");
        let flow =
            Transfer::of(session).run((command, ByteRange::WHOLE), reading, &meter, &mut |_, _| ()).await;
        let (mut kept, mut is_broken) = (None, false);
        let flow = flow.map(|flow| match flow {
            Flow::Over((listing, connection), answer) => {
                kept = connection.filter(|_| answer.is_done());
                is_broken = matches!(listing, Err(Unread::Broken(_)));
                Flow::Over(listing, answer)
            }
            Flow::Lost((listing, _), failure) => Flow::Lost(listing, failure),
            Flow::Refused(answer) => Flow::Refused(answer),
        });
        session.note_listed(kept, is_broken);
        let (listing, answer) = match flow.map_err(other)? {
            Flow::Lost(_, failure) => return Err(other(failure)),
            Flow::Refused(answer) if is_empty_listing(&answer.reply) => return Ok(Listing::default()),
            Flow::Refused(answer) => {
                return Err((session.blame(&answer), session.refusal(what(), &answer)));
            }
            Flow::Over(listing, answer) => (listing, answer),
        };
        match listing {
            Err(Unread::TooLarge(why)) => {
                let failure = Failure::new(failure::Kind::Other, format!("{}: the listing {why}", what()));
                Err(other(failure.hint("the server may send a listing without end; ask its operator")))
            }
            _ if !answer.is_done() && !is_empty_listing(&answer.reply) => {
                Err((session.blame(&answer), session.refusal(what(), &answer)))
            }
            Err(Unread::Broken(error)) => {
                Err(other(Failure::new(failure::Kind::Temporary, format!("{}: {error}", what()))))
            }
            Ok(listing) => {
                Ok(Listing { omitted: omitted(&answer.reply), cut: cut(&answer.reply), ..listing })
            }
        }
    }

    /// Its names that are of interest, as they are; none if the server does not tell them.
    async fn names(&mut self, is_wanted: impl Fn(&PathName) -> bool + Send + Sync) -> Result<Vec<PathName>> {
        let mut names = Vec::new();
        let mut take = |entry: Entry| {
            if is_wanted(&entry.name) {
                names.push(entry.name);
            }
        };
        let mut listed = self.list_as(Form::Nlst, &mut take).await;
        // aioftp knows MLSD, which it does not announce, and no NLST.
        if matches!(listed, Err((Blame::Unsupported, _))) {
            listed = self.list_as(Form::Mlsd, &mut take).await;
        }
        match listed {
            Ok(_) => Ok(names),
            Err((_, failure)) if self.session.is_over() => Err(failure),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Some servers show `?` for what they cannot print, and blanks before a name may belong to it. What NLST does not
    /// settle stays as it was shown.
    pub(super) async fn settle(&mut self, entries: &mut [Entry]) -> Result<()> {
        if !entries.iter().any(is_unclear) {
            return Ok(());
        }
        let unclear = entries.iter().filter(|entry| is_unclear(entry));
        let shown = UnclearNames::new(unclear.map(|entry| &entry.name));
        let names = self.names(|name| shown.may_be(name)).await?;
        let names = NamesByNlst::new(&names);
        for entry in entries.iter_mut().filter(|entry| is_unclear(entry)) {
            if let Some(name) = names.meant(&entry.name, entry.blanks) {
                entry.name = name.clone();
            }
        }
        Ok(())
    }

    /// Asks what each name is, since a list of names does not say it. One that nobody can look at is there all the same.
    async fn look_at(&mut self, names: Vec<Entry>, each: Each<'_>) -> Result<()> {
        for shown in names {
            let found = entry_at_server(self.session, &place::join(self.path, &shown.name)).await?;
            let unknown = || Entry { kind: Kind::Other, ..shown.clone() };
            each(Entry { name: shown.name.clone(), ..found.unwrap_or_else(unknown) });
        }
        Ok(())
    }
}

/// The failure of a directory whose listing does not say what is in it.
fn doubtful(directory: &PathName) -> Failure {
    let what = format!("cannot list {}", directory.display());
    Failure::new(failure::Kind::Other, what)
        .said("the server shows nothing, or another directory: it may have taken the name for a pattern or another name")
        .hint("rename the directory")
}

fn other(failure: Failure) -> (Blame, Failure) {
    (Blame::Peer, failure)
}

/// What reads a listing of this form.
fn lister(form: Form, today: When) -> Lister {
    match form {
        Form::Mlsd => Lister::of_facts(),
        Form::List => Lister::of_list(today),
        Form::Nlst => Lister::of_names(),
    }
}

/// Why a listing was not read to its end.
#[derive(Debug)]
enum Unread {
    /// The connection broke.
    Broken(io::Error),
    /// The listing is larger than allowed.
    TooLarge(String),
}

/// Reads a listing to its end, whose bytes `meter` counts. With it comes its connection, if it has come in blocks and is whole.
async fn read(
    mut lines: Lines,
    lister: Lister,
    taking: (ListingLimit, Each<'_>),
    meter: &Meter,
) -> (Result<Listing, Unread>, Option<Connection>) {
    let listing = read_lines(&mut lines, lister, taking, meter).await;
    let kept = lines.into_kept().filter(|_| listing.is_ok());
    (listing, kept)
}

async fn read_lines(
    lines: &mut Lines,
    mut lister: Lister,
    (limit, each): (ListingLimit, Each<'_>),
    meter: &Meter,
) -> Result<Listing, Unread> {
    let (mut listing, mut read) = (Listing::default(), 0_u64);
    loop {
        // What comes without a pause would keep this task from seeing that it is to stop.
        read += 1;
        if read.is_multiple_of(LINES_WITHOUT_PAUSE) {
            tokio::task::yield_now().await;
        }
        let line = match meter.is_stopped() {
            true => None,
            false => tokio::select! {
                biased;
                line = lines.next() => line,
                () = meter.stopped() => None,
            },
        };
        let is_last = line.is_none();
        match line {
            Some(line) => lister.push(&line.map_err(Unread::Broken)?),
            None => lister.end(),
        }
        while let Some(found) = lister.next() {
            listing.take(found, each);
        }
        if meter.moved() > limit.bytes {
            return Err(Unread::TooLarge(format!("has more than {}", size::bytes(limit.bytes))));
        }
        if listing.len() > limit.entries {
            return Err(Unread::TooLarge(format!("has more than {} entries", limit.entries)));
        }
        if is_last {
            return Ok(listing);
        }
    }
}

const LONGEST_LINE: usize = 16 * 1024;
/// How many lines are read before others have their turn. Tokio lets a task read 128 times; then nothing else in it goes on either.
const LINES_WITHOUT_PAUSE: u64 = 32;
/// The entries of a directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list(context: &Context, host: &mut Host, path: &PathName) -> Result<Listing> {
    let mut entries = Vec::new();
    let listing = list_each(context, host, path, &mut |entry| entries.push(entry)).await?;
    Ok(Listing { entries, ..listing })
}

/// The entries of a directory, with the session that has told them.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn learn_listing(context: &Context, host: &mut Host, path: &PathName) -> Result<Learnt<Listing>> {
    let listing = list(context, host, path).await?;
    Ok(Learnt::new(listing, host.evidence_session().unwrap_or(SessionId::HERE)))
}

/// Hands over the entries of a directory, as they come where that can be. What is returned has none. If this fails, some
/// may have been handed over.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub async fn list_each(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    each: Each<'_>,
) -> Result<Listing> {
    match host {
        Host::Server(server) => list_each_at_server(server.session(context).await?, Some(path), each).await,
        Host::Local(end) => list_here(end, path, each),
    }
}

/// Asks a server of ours for the listings of the first of these directories together, and returns them in this order. `None` in place
/// of one that it refuses, or that needs more than what is left of `room` bytes: whoever lists it by itself learns why.
pub async fn list_ahead(host: &mut Host, directories: &[PathName], room: usize) -> Vec<Option<Listing>> {
    let Some(session) = host.open_session() else { return Vec::new() };
    list_ahead_at_server(session, directories, room).await
}

/// The same in this session of a server.
pub async fn list_ahead_at_server(
    session: &mut Session,
    directories: &[PathName],
    mut room: usize,
) -> Vec<Option<Listing>> {
    let mut listings = Vec::new();
    if session.list_ahead(directories).await.is_err() {
        return listings;
    }
    for path in directories {
        if !session.awaits_listing() || session.is_over() {
            break;
        }
        let mut within = EntriesWithin::new(room);
        let mut directory = RemoteDirectory { session: &mut *session, path: Some(path) };
        let listing = directory.list_as(Form::Mlsd, &mut |entry| within.take(entry)).await.ok();
        let listing = listing.and_then(|listing| within.listing(listing));
        room -= listing.as_ref().map_or(0, Listing::bytes_in_memory);
        listings.push(listing);
    }
    // Otherwise one may have ended where another one ends.
    let is_clear = !session.is_over() && session.is_listing_over().await;
    if is_clear { listings } else { vec![None; listings.len()] }
}

/// What a directory of a server holds. `None` if it cannot be listed, or that needs more than `room` bytes: whoever lists it again
/// learns why.
pub async fn list_within(
    context: &Context,
    host: &mut Host,
    directory: &PathName,
    room: usize,
) -> Option<Listing> {
    let Host::Server(server) = host else { return None };
    let session = server.session(context).await.ok()?;
    let mut within = EntriesWithin::new(room);
    let listing =
        list_each_at_server(session, Some(directory), &mut |entry| within.take(entry)).await.ok()?;
    within.listing(listing)
}

/// Lists a directory; `None` is the login directory.
///
/// # Errors
///
/// Why it cannot be listed. A listing that is larger than the context allows is a failure.
pub async fn list_at_server(session: &mut Session, directory: Option<&PathName>) -> Result<Listing> {
    let mut entries = Vec::new();
    let listing = list_each_at_server(session, directory, &mut |entry| entries.push(entry)).await?;
    Ok(Listing { entries, ..listing })
}

/// Lists a directory and hands over its entries as they come, but names that have to be asked for at the end. What is
/// returned has none. If this fails, some may have been handed over.
///
/// # Errors
///
/// Why it cannot be listed. A listing that is larger than the context allows is a failure.
pub async fn list_each_at_server(
    session: &mut Session,
    directory: Option<&PathName>,
    each: Each<'_>,
) -> Result<Listing> {
    let mut unsettled = Vec::new();
    let mut sort = |form, entry| match form {
        Form::Mlsd => each(entry),
        Form::List if !is_unclear(&entry) => each(entry),
        Form::List | Form::Nlst => unsettled.push(entry),
    };
    let mut directory = RemoteDirectory { session, path: directory };
    let (form, listing) = directory.listed(&mut sort).await?;
    match form {
        Form::Mlsd => {}
        Form::List => {
            directory.settle(&mut unsettled).await?;
            unsettled.into_iter().for_each(each);
        }
        Form::Nlst => directory.look_at(unsettled, each).await?,
    }
    Ok(listing)
}

/// Adds the names of which a row of a server's listing shows a symbolic link; `None` is the login directory. This host is
/// not asked: it tells what a name is.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn list_links(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &mut HashSet<PathName>,
) -> Result<()> {
    let Host::Server(server) = host else { return Ok(()) };
    let mut note = |entry: Entry| {
        if entry.kind == Kind::Link {
            names.insert(entry.name);
        }
    };
    list_each_at_server(server.session(context).await?, directory, &mut note).await.map(drop)
}

/// The names in a directory of a server that are symbolic links for certain; `None` is the login directory.
///
/// # Errors
/// Fails if the directory cannot be listed.
pub(crate) async fn list_certain_links(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<HashSet<PathName>> {
    let Host::Server(server) = host else { return Ok(HashSet::new()) };
    let mut rows = CertainRows::default();
    let mut note = |entry: Entry| rows.note(entry.name, entry.kind == Kind::Link);
    let listing = list_each_at_server(server.session(context).await?, directory, &mut note).await?;
    Ok(rows.certain(listing.is_incomplete()))
}

/// The names in a directory of a server that LIST shows as directories for certain, with their rights, and so not as
/// symbolic links; `None` is the login directory. MLSD may look through links.
///
/// # Errors
/// Fails if the directory cannot be listed so.
pub(crate) async fn list_real_directories(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
) -> Result<HashSet<PathName>> {
    let Host::Server(server) = host else { return Ok(HashSet::new()) };
    let mut directory = RemoteDirectory { session: server.session(context).await?, path: directory };
    let shows_dot_names = directory.session.manners.capabilities.hides_dot_names;
    let mut rows = CertainRows::default();
    let mut note =
        |entry: Entry| rows.note(entry.name.clone(), is_certain_directory(&entry, shows_dot_names));
    let listing = directory.list_as(Form::List, &mut note).await.map_err(|(_, failure)| failure)?;
    Ok(rows.certain(listing.is_incomplete()))
}

/// Whether the listings of the host tell symbolic links from directories for certain.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn shows_links(context: &Context, host: &mut Host) -> Result<bool> {
    host.learn(context, true, |session| session.manners.shows_links()).await
}

/// The path of a file that is not there under the name that LIST has shown: some servers drop leading blanks there.
/// `None` if NLST does not settle it.
///
/// # Errors
///
/// Fails if the session is lost.
pub async fn with_blanks(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<PathName>> {
    let (Host::Server(server), Some(shown)) = (host, place::base_name(path)) else { return Ok(None) };
    let directory = place::parent(path);
    let session = server.session(context).await?;
    if session.manners.capabilities.mlst.is_some() {
        return Ok(None); // MLSD shows names as they are
    }
    let is_like_it = |name: &PathName| name.as_bytes().trim_ascii_start() == shown.as_bytes();
    let names = RemoteDirectory { session, path: directory.as_ref() }.names(is_like_it).await?;
    Ok(manners::with_blanks(&names, &shown).map(|name| place::join(directory.as_ref(), name)))
}

/// Whether NLST may show another name.
fn is_unclear(entry: &Entry) -> bool {
    entry.blanks > 0 || entry.name.as_bytes().contains(&b'?')
}

/// A directory of this host, in the order of names unless it is large.
fn list_here(end: &LocalEnd, path: &PathName, each: Each<'_>) -> Result<Listing> {
    let (mut listing, mut sorted) = (Listing::default(), Vec::new());
    let listed = end.list(path, |file_name, facts| {
        // A name with a line feed.
        let Ok(name) = PathName::from_wire(file_name) else { return listing.leave_out(file_name) };
        sorted.push(entry(name, facts));
        if sorted.len() > MOST_SORTED {
            sorted.drain(..).for_each(&mut *each);
        }
    });
    listed.map_err(|error| end.failed(format!("cannot list {}", path.display()), &error))?;
    sorted.sort_by(|a: &Entry, b: &Entry| a.name.cmp(&b.name));
    sorted.into_iter().for_each(each);
    Ok(listing)
}

/// The entry of a name that looks like this.
fn entry(name: PathName, facts: Facts) -> Entry {
    let mut entry = Entry::new(name, facts.kind);
    if matches!(facts.kind, Kind::File | Kind::Directory) {
        (entry.size, entry.modified) = (facts.size, facts.modified);
        (entry.unique, entry.mode) = (facts.unique, facts.mode);
    }
    entry
}

/// A directory with more entries is read a piece at a time, in no order.
const MOST_SORTED: usize = 10_000;

#[cfg(test)]
mod tests;
