//! Listings of directories that the walk has not entered yet. A server of ours is asked for several at once; of other people's
//! servers, sessions beside that of the walk list them at the same time.

use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, Listing};
use crate::failure::Result;
use ftp_io::blocking::unless_cancelled;
use ftp_proto::listing::Entry;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::time::Duration;
use tokio::task::JoinSet;

/// A listing that waits until its directory is entered.
#[derive(Debug)]
pub(super) struct WaitingListing {
    listing: Listing,
    since: Moment,
}

/// Who lists the directories that are entered next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListedBy {
    /// The session of the walk, one directory when it is entered.
    Walk,
    /// The same session, which asks a server of ours for several at once.
    WalkTogether,
    /// Several sessions, each one directory at a time.
    Sessions,
}

/// Has directories listed before they are entered.
#[derive(Debug)]
pub(super) struct ListingsAhead {
    /// Bytes that are left for listings that wait.
    room: usize,
    /// How many directories were listed.
    directories: u64,
    /// How many names they have.
    names: u64,
    /// How many sessions there may be beside that of the walk.
    most: usize,
    /// Those of them that do nothing now.
    idle: Vec<Host>,
    /// How many are being opened.
    opening: usize,
    tasks: JoinSet<ListerEnd>,
}

/// What a session beside that of the walk has come to.
enum ListerEnd {
    Opened(Result<Host>),
    /// The directory with this index was listed.
    Listed(Lister, usize, Option<Listing>),
}

/// A host with a session that lists.
struct Lister {
    host: Host,
    /// Its session is that of the walk.
    is_own: bool,
}

impl ListingsAhead {
    /// Nothing was listed yet. No more than `most` sessions are opened beside that of the walk.
    pub(super) fn new(most: usize) -> Self {
        let (room, idle, tasks) = (ROOM, Vec::new(), JoinSet::new());
        Self { room, directories: 0, names: 0, most, idle, opening: 0, tasks }
    }

    /// Notes that a directory with so many names was listed.
    pub(super) const fn note(&mut self, names: u64) {
        self.directories += 1;
        self.names += names;
    }

    /// Who lists the next directories. Several sessions do only if `is_awaited`: somebody waits for what the walk finds. Otherwise
    /// others may need their sessions, and get them.
    pub(super) fn listed_by(&mut self, host: &mut Host, is_awaited: bool) -> ListedBy {
        if host.lists_at_once() {
            return ListedBy::WalkTogether;
        }
        let may_help = self.most > 0 && is_awaited && !host.is_local();
        if may_help && !host.may_list_at_once() && !host.mixes_sessions() {
            return ListedBy::Sessions;
        }
        self.give_back();
        ListedBy::Walk
    }

    /// How many directories are listed together, at least one. There must be room for twice the average number of names so far.
    pub(super) fn at_once(&self, by: ListedBy) -> usize {
        let names = self.names.div_ceil(self.directories.max(1)).max(1);
        let bytes = usize::try_from(names).unwrap_or(usize::MAX).saturating_mul(2 * BYTES_OF_ENTRY);
        match by {
            ListedBy::Walk => 1,
            ListedBy::WalkTogether | ListedBy::Sessions => (self.room / bytes).clamp(1, MOST_AT_ONCE),
        }
    }

    /// Lists the first of these directories together, and returns what they hold in this order. `None` in place of one that cannot be
    /// listed, or has too much: whoever lists it by itself learns why. `unentered`: how many directories are not entered yet, these
    /// included.
    pub(super) async fn list(
        &mut self,
        by: ListedBy,
        context: &Context,
        host: &mut Host,
        directories: &[PathName],
        unentered: usize,
    ) -> Vec<Option<WaitingListing>> {
        let since = context.world.clock.now();
        let listings = match by {
            ListedBy::Walk => Vec::new(),
            ListedBy::WalkTogether => {
                let listings = files::list_ahead(host, directories, self.room).await.into_iter();
                listings.map(|listing| listing.map(|listing| WaitingListing { listing, since })).collect()
            }
            ListedBy::Sessions => self.list_beside(context, host, directories, unentered).await,
        };
        let bytes = |waiting: &WaitingListing| waiting.listing.bytes_in_memory();
        self.room = self.room.saturating_sub(listings.iter().flatten().map(bytes).sum());
        listings
    }

    /// Lists them in several sessions. If enough directories wait, the number of sessions is doubled, and listing goes on meanwhile.
    async fn list_beside(
        &mut self,
        context: &Context,
        host: &mut Host,
        directories: &[PathName],
        unentered: usize,
    ) -> Vec<Option<WaitingListing>> {
        let mut listings: Vec<_> = directories.iter().map(|_| None).collect();
        let room = self.room / directories.len().max(1);
        let mut next = directories.iter().enumerate();
        let mut busy = 0;
        let other = host.beside();
        let mut own = Some(std::mem::replace(host, other));
        loop {
            let wanted =
                if next.len() > 0 { (unentered / DIRECTORIES_FOR_EACH_SESSION).min(self.most) } else { 0 };
            let open = self.idle.len() + usize::from(own.is_some()) + busy;
            while open + self.opening <= wanted && self.opening < open {
                self.open(context, host);
            }
            while next.len() > 0
                && let Some(lister) = Lister::next(&mut own, &mut self.idle)
                && let Some((index, directory)) = next.next()
            {
                busy += 1;
                self.tasks.spawn(lister.list(context.clone(), index, directory.clone(), room));
            }
            if busy == 0 {
                break;
            }
            match self.tasks.join_next().await.and_then(unless_cancelled) {
                Some(ListerEnd::Opened(opened)) => self.opened(opened, busy),
                Some(ListerEnd::Listed(Lister { host: mut lister, is_own }, index, listed)) => {
                    busy -= 1;
                    let since = context.world.clock.now();
                    if let Some(place) = listings.get_mut(index) {
                        *place = listed.map(|listing| WaitingListing { listing, since });
                    }
                    if is_own {
                        own = Some(lister);
                    } else if lister.is_connected() {
                        self.idle.push(lister);
                    } else {
                        // The server has ended it.
                        self.most = self.most.saturating_sub(1);
                    }
                }
                None => break,
            }
        }
        if let Some(own) = own {
            *host = own;
        }
        listings
    }

    /// Opens one more session.
    fn open(&mut self, context: &Context, host: &Host) {
        let (context, mut beside) = (context.clone(), host.beside());
        self.opening += 1;
        self.tasks.spawn(async move { ListerEnd::Opened(beside.connect(&context).await.map(|()| beside)) });
    }

    /// A session was opened, or the server did not permit it beside `busy` others: then no more are.
    fn opened(&mut self, opened: Result<Host>, busy: usize) {
        self.opening -= 1;
        match opened {
            Ok(opened) => self.idle.push(opened),
            Err(_) => self.most = self.most.min((self.idle.len() + busy).saturating_sub(1)),
        }
    }

    /// Leaves the sessions that do nothing to whoever needs them.
    fn give_back(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Some(ListerEnd::Opened(opened)) = unless_cancelled(ended) {
                self.opened(opened, 1);
            }
        }
        self.idle.drain(..).for_each(Host::release);
    }

    /// Takes a listing that has waited. Returns what the directory holds, unless that was long ago.
    pub(super) fn take(&mut self, waiting: WaitingListing, now: Moment) -> Option<Listing> {
        self.room += waiting.listing.bytes_in_memory();
        (now.since(waiting.since) < NEW_FOR).then_some(waiting.listing)
    }

    /// Ends: leaves the sessions to whoever needs them next, and gives up those that are being opened.
    pub(super) async fn release(mut self) {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Some(ListerEnd::Opened(Ok(host))) = unless_cancelled(ended) {
                host.release();
            }
        }
        self.idle.into_iter().for_each(Host::release);
    }
}

impl Lister {
    /// One that does nothing: that of the walk first, which exists in any case.
    fn next(own: &mut Option<Host>, beside: &mut Vec<Host>) -> Option<Self> {
        let is_own = own.is_some();
        let host = own.take().or_else(|| beside.pop())?;
        Some(Self { host, is_own })
    }

    async fn list(mut self, context: Context, index: usize, directory: PathName, room: usize) -> ListerEnd {
        let listing = files::list_within(&context, &mut self.host, &directory, room).await;
        ListerEnd::Listed(self, index, listing)
    }
}

/// The largest number of directories that are listed together.
const MOST_AT_ONCE: usize = 32;
/// How many directories must wait for each session: a login takes as long as two or three listings.
const DIRECTORIES_FOR_EACH_SESSION: usize = 4;
/// Bytes that listings may take that wait for their directories.
const ROOM: usize = 8 << 20;
/// The bytes that an entry takes in memory, with a name that is not short.
const BYTES_OF_ENTRY: usize = size_of::<Entry>() + 32;
/// How long a listing may wait for its directory. After that it is asked for again.
const NEW_FOR: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_directory_is_listed_whatever_the_others_hold() {
        for (names, expect) in [(0, 32), (10, 32), (1000, 20), (10_000, 2), (100_000, 1), (u64::MAX, 1)] {
            let mut ahead = ListingsAhead::new(7);
            ahead.note(names);
            assert_eq!(ahead.at_once(ListedBy::Sessions), expect, "{names}");
            assert_eq!(ahead.at_once(ListedBy::Walk), 1);
        }
    }
}
