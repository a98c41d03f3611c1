//! What a listing has shown, and why it may not show everything.

use crate::account::shortened;
use crate::failure::{self, Failure};
use ftp_proto::listing::{Cut, Entry, Kind, ListingItem};
use ftp_proto::wire::{counted, show};

/// The entries of a directory, without itself and its parent.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The entries that could be read, unless they were handed over.
    pub entries: Vec<Entry>,
    /// The number of lines that could not be read.
    pub unread: usize,
    /// The number of names that the server left out, since FTP cannot carry them.
    pub omitted: usize,
    /// The first of those names, if this host has left them out: FTP cannot carry them either.
    pub here: Vec<String>,
    /// Entries with a name that no file can have: what to say about each of the first `REFUSED_TOLD`.
    pub refused: Vec<String>,
    /// The number of the others.
    pub more_refused: usize,
    /// The number of entries that a server has shown.
    pub taken: usize,
    /// Why it is not all that is there, as the server says.
    pub cut: Option<Cut>,
    /// Whether it shows the directory itself or its parent: then there is such a directory.
    pub shows_itself: bool,
}

/// Takes the entries of a listing as they come.
pub type Each<'a> = &'a mut (dyn FnMut(Entry) + Send);

/// The entries of a listing, as far as they need at most so many bytes.
pub(super) struct EntriesWithin {
    room: usize,
    entries: Vec<Entry>,
    /// The bytes of all entries, also of those that are left out.
    bytes: usize,
}

impl EntriesWithin {
    pub(super) const fn new(room: usize) -> Self {
        Self { room, entries: Vec::new(), bytes: 0 }
    }

    pub(super) fn take(&mut self, entry: Entry) {
        self.bytes += bytes_in_memory(&entry);
        if self.bytes <= self.room {
            self.entries.push(entry);
        }
    }

    /// The listing with its entries, if there is room for both.
    pub(super) fn listing(self, listing: Listing) -> Option<Listing> {
        let listing = Listing { entries: self.entries, ..listing };
        (self.bytes.max(listing.bytes_in_memory()) <= self.room).then_some(listing)
    }
}

impl Listing {
    /// Why the listing does not show everything that is there. Each reason is a failure of the directory.
    pub fn gaps(&self) -> Vec<Failure> {
        let refused = self.refused.iter().map(|why| Failure::usage(why.clone()));
        let mut gaps: Vec<Failure> = refused.collect();
        if self.more_refused > 0 {
            let what =
                format!("the listing has {} that no file can have", number(self.more_refused, "more name"));
            gaps.push(Failure::usage(what));
        }
        if self.unread > 0 {
            let what = format!(
                "the listing is incomplete: it has {} that cannot be read",
                number(self.unread, "line")
            );
            gaps.push(Failure::new(failure::Kind::Other, what));
        }
        if self.omitted > 0 {
            gaps.push(self.omission());
        }
        match self.cut {
            Some(Cut::Unopened) => gaps.push(
                Failure::new(failure::Kind::Refused, "its server could not open the directory")
                    .hint("nobody knows what is in it; its operator can say who may read it"),
            ),
            Some(Cut::Short) => gaps.push(
                Failure::new(
                    failure::Kind::Other,
                    "the listing is incomplete: the server shows no more names",
                )
                .hint("its operator can raise the number (Pure-FTPd: LimitRecursion)"),
            ),
            None => {}
        }
        gaps
    }

    /// Leaves out a name of this host.
    pub(super) fn leave_out(&mut self, name: &[u8]) {
        self.omitted += 1;
        if self.here.len() < NAMED_HERE {
            self.here.push(shortened(&show(name)));
        }
    }

    /// The failure of a directory with names that FTP cannot carry.
    fn omission(&self) -> Failure {
        let what = format!(
            "the listing is incomplete: it leaves out {} that FTP cannot carry",
            number(self.omitted, "name")
        );
        if self.here.is_empty() {
            return Failure::new(failure::Kind::Other, what)
                .hint("rename what has CR, LF or NUL in its name; an ftp-server logs such names");
        }
        let more = if self.omitted > self.here.len() { ", ..." } else { "" };
        Failure::new(failure::Kind::Other, format!("{what}: {}{more}", self.here.join(", ")))
            .hint("rename what has CR (%0D) or LF (%0A) in its name")
    }

    /// Whether the listing does not show everything that is there, for one of the reasons in [`Self::gaps`].
    pub const fn is_incomplete(&self) -> bool {
        self.unread > 0 || self.omitted > 0 || !self.refused.is_empty() || self.cut.is_some()
    }

    /// Whether lines came, and none of them could be read.
    pub(super) fn is_unreadable(&self) -> bool {
        self.taken == 0 && self.refused.is_empty() && self.unread > 0
    }

    /// Whether it looks like that of an empty directory, and of one that is not there.
    pub(super) fn shows_nothing(&self) -> bool {
        self.len() == 0 && !self.shows_itself && !self.is_incomplete()
    }

    /// The bytes that its entries and texts take in memory.
    pub fn bytes_in_memory(&self) -> usize {
        let texts: usize = self.refused.iter().chain(&self.here).map(String::len).sum();
        self.entries.iter().map(bytes_in_memory).sum::<usize>() + texts
    }

    /// The number of lines.
    pub(super) fn len(&self) -> usize {
        self.taken + self.unread + self.refused.len() + self.more_refused
    }

    pub(super) fn take(&mut self, found: ListingItem, each: Each<'_>) {
        match found {
            ListingItem::Entry(entry) if matches!(entry.kind, Kind::Current | Kind::Parent) => {
                self.shows_itself = true
            }
            ListingItem::Entry(entry) => {
                self.taken += 1;
                each(entry);
            }
            ListingItem::Refused { .. } if self.refused.len() >= REFUSED_TOLD => self.more_refused += 1,
            ListingItem::Refused { name, why } => {
                let name = shortened(&show(&name));
                self.refused.push(format!("the listing has an entry \"{name}\": {why}"));
            }
            ListingItem::Unread(_) => self.unread += 1,
        }
    }
}

/// The bytes that an entry takes in memory.
pub(super) fn bytes_in_memory(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.name.as_bytes().len() + entry.unique.as_ref().map_or(0, String::len)
}

fn number(number: usize, thing: &str) -> String {
    counted(u64::try_from(number).unwrap_or(u64::MAX), thing)
}

/// How many names of this host that FTP cannot carry are told.
const NAMED_HERE: usize = 10;
/// How many names that no file can have are told one by one.
pub(super) const REFUSED_TOLD: usize = 100;
