//! Listings of directories that the walk has not entered yet. A server of ours is asked for several at once; of other people's
//! servers, sessions beside that of the walk list them at the same time.

use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, Listing};
use crate::failure::{Failure, Result};
use ftp_proto::listing::Entry;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::panic::resume_unwind;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// A listing that waits until its directory is entered.
#[derive(Debug)]
pub(super) struct WaitingListing {
    listing: Listing,
    since: Moment,
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
    tasks: JoinSet<TaskEnd>,
}

/// What a task has come to.
enum TaskEnd {
    Opened(Result<Host>),
    /// The host has listed the directory with this index.
    Listed(Host, usize, Option<Listing>),
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

    /// How many directories may be listed together. Twice as much as directories had in them until now must find room.
    pub(super) fn at_once(&self, host: &mut Host) -> usize {
        if !host.lists_at_once() && (host.is_local() || self.most == 0) {
            return 1;
        }
        let names = self.names.div_ceil(self.directories.max(1)).max(1);
        let bytes = usize::try_from(names).unwrap_or(usize::MAX).saturating_mul(2 * BYTES_OF_ENTRY);
        MOST_AT_ONCE.min(self.room / bytes)
    }

    /// Lists the first of these directories together, if that can be, and returns what they hold in this order. `None` in place of
    /// one that cannot be listed, or has too much: whoever lists it by itself learns why. Sessions are opened for it only if
    /// `is_slow`: somebody waits for what the walk finds. With them, `waiting` directories wait to be entered.
    pub(super) async fn list(
        &mut self,
        context: &Context,
        host: &mut Host,
        directories: &[PathName],
        is_slow: bool,
        waiting: usize,
    ) -> Vec<Option<WaitingListing>> {
        let listings = if host.lists_at_once() {
            files::list_ahead(host, directories, self.room).await
        } else if self.most > 0 && is_slow && !host.is_local() && !host.mixes_sessions() {
            self.list_beside(context, host, directories, waiting).await
        } else {
            // Others may need the sessions.
            self.idle.drain(..).for_each(Host::release);
            Vec::new()
        };
        let since = context.world.clock.now();
        let waiting = |listing| WaitingListing { listing, since };
        let listings: Vec<_> = listings.into_iter().map(|listing| listing.map(waiting)).collect();
        let bytes: usize =
            listings.iter().flatten().map(|waiting: &WaitingListing| waiting.listing.bytes_in_memory()).sum();
        self.room = self.room.saturating_sub(bytes);
        listings
    }

    /// Lists them in several sessions. Where each has enough to do, with those that wait elsewhere, twice as many are opened, and
    /// nobody waits for them.
    async fn list_beside(
        &mut self,
        context: &Context,
        host: &mut Host,
        directories: &[PathName],
        waiting: usize,
    ) -> Vec<Option<Listing>> {
        let mut listings = vec![None; directories.len()];
        let room = self.room / directories.len().max(1);
        let mut next = directories.iter().enumerate();
        let mut listing = 0;
        let other = host.beside();
        self.idle.push(std::mem::replace(host, other));
        loop {
            let wanted = if next.len() > 0 { (waiting / ENOUGH).min(self.most) } else { 0 };
            let open = self.idle.len() + listing;
            while open + self.opening <= wanted && self.opening < open {
                self.open(context, host);
            }
            while let Some(mut lister) = self.idle.pop_if(|_| next.len() > 0)
                && let Some((index, directory)) = next.next()
            {
                let directory = directory.clone();
                listing += 1;
                self.tasks.spawn(async move {
                    let listing = files::list_within(&mut lister, &directory, room).await;
                    TaskEnd::Listed(lister, index, listing)
                });
            }
            if listing == 0 {
                break;
            }
            let Some(ended) = self.tasks.join_next().await else { break };
            match task_end(ended) {
                TaskEnd::Opened(opened) => {
                    self.opening -= 1;
                    match opened {
                        Ok(opened) => self.idle.push(opened),
                        // The server permits no more.
                        Err(_) => self.most = (self.idle.len() + listing).saturating_sub(1),
                    }
                }
                TaskEnd::Listed(mut lister, index, listed) => {
                    listing -= 1;
                    if let Some(place) = listings.get_mut(index) {
                        *place = listed;
                    }
                    if lister.is_connected() {
                        self.idle.push(lister);
                    }
                }
            }
        }
        if let Some(connected) = self.idle.pop() {
            *host = connected;
        }
        listings
    }

    /// Opens one more session.
    fn open(&mut self, context: &Context, host: &Host) {
        let (context, mut beside) = (context.clone(), host.beside());
        self.opening += 1;
        self.tasks.spawn(async move { TaskEnd::Opened(beside.connect(&context).await.map(|()| beside)) });
    }

    /// Takes a listing that has waited. Returns what the directory holds, unless that was long ago.
    pub(super) fn take(&mut self, waiting: WaitingListing, now: Moment) -> Option<Listing> {
        self.room += waiting.listing.bytes_in_memory();
        (now.since(waiting.since) < NEW_FOR).then_some(waiting.listing)
    }

    /// Leaves the sessions to whoever needs them next.
    pub(super) fn release(self) {
        self.idle.into_iter().for_each(Host::release);
    }
}

/// What a task has returned. If it has panicked, so does this one.
fn task_end(joined: Result<TaskEnd, JoinError>) -> TaskEnd {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(end) => end,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => TaskEnd::Opened(Err(Failure::interrupted())),
    }
}

/// The largest number of directories that are listed together.
const MOST_AT_ONCE: usize = 32;
/// How many directories must wait for each session that is opened: a login takes as long as two or three listings.
const ENOUGH: usize = 4;
/// Bytes that listings may take that wait for their directories.
const ROOM: usize = 8 << 20;
/// The bytes that an entry takes in memory, with a name that is not short.
const BYTES_OF_ENTRY: usize = size_of::<Entry>() + 32;
/// How long a listing may wait for its directory. After that it is asked for again.
const NEW_FOR: Duration = Duration::from_secs(30);
