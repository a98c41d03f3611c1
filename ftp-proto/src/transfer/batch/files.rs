//! What a batch is told: its files, and which of them have ended and how; how the data connection is opened, the digest, and how
//! much may be under way.

use crate::command::{Command, Pack};
use crate::digest::Algorithm;
use crate::listing::{Kind, When, told_facts};
use crate::rendezvous::RendezvousSecret;
use crate::reply::Reply;
use crate::transfer::request::{DataTls, Postures, Side};
use crate::wire::PathName;
use std::collections::VecDeque;
use std::time::Duration;

/// A file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchFile {
    /// Its path at the source.
    pub source: PathName,
    /// Its final name.
    pub target: PathName,
    /// Its size in bytes, as a listing has told it.
    pub size: u64,
    /// When it was modified, if a listing has told it exactly.
    pub modified: Option<When>,
    /// The server's own identity of it, if a listing has told that.
    pub unique: Option<String>,
    /// Whether something may have its final name, so that the destination is asked first.
    pub asks: bool,
    /// Whether the copy gets the time of its source.
    pub sets_time: bool,
}

/// How a file of a batch has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchEnd {
    /// It is verified by the digests of both servers, and has its final name.
    Published {
        /// The refusal of the command that sets its time.
        time_refused: Option<Reply>,
    },
    /// It is left to the caller.
    Left {
        /// Something may be stored under the name of its part.
        touched: bool,
        /// It may have its final name already: the server has not said what became of the renaming.
        may_be_done: bool,
    },
}

impl BatchEnd {
    /// Nothing was done with it.
    pub(in crate::transfer) const UNTOUCHED: Self = Self::Left { touched: false, may_be_done: false };
    /// Something may be stored under the name of its part, and no more than that.
    pub(in crate::transfer) const TOUCHED: Self = Self::Left { touched: true, may_be_done: false };
    /// It may have its final name, and nothing is stored under the name of its part.
    pub(super) const PERHAPS: Self = Self::Left { touched: false, may_be_done: true };
}

impl BatchFile {
    /// Whether a reply to MLST shows a file of this size.
    pub(super) fn is_shown(&self, reply: &Reply) -> bool {
        told_facts(&reply.lines)
            .is_some_and(|entry| entry.kind == Kind::File && entry.size == Some(self.size))
    }
}

/// The files of a batch. Each ends once.
#[derive(Debug, Default)]
pub(super) struct Files {
    list: Vec<BatchFile>,
    /// Which of them have not ended.
    open: Vec<bool>,
    /// How many that are.
    count: usize,
    /// The index of the first one that is in no group.
    first_ungrouped: usize,
    /// The digests of those that are verified.
    digests: Vec<Option<String>>,
    /// The ends that nobody was told of.
    ended: VecDeque<(usize, BatchEnd)>,
}

impl Files {
    /// Adds files, which are named by the next indices.
    pub(super) fn add_all(&mut self, files: Vec<BatchFile>) {
        self.list.extend(files);
        self.count += self.list.len() - self.open.len();
        self.open.resize(self.list.len(), true);
        self.digests.resize(self.list.len(), None);
    }

    pub(super) fn get(&self, index: usize) -> Option<&BatchFile> {
        self.list.get(index)
    }

    /// The first file that is in no group, and its index.
    pub(super) fn first_ungrouped(&self) -> Option<(usize, &BatchFile)> {
        self.list.get(self.first_ungrouped).map(|file| (self.first_ungrouped, file))
    }

    /// Whether something may have the name of one of the next files that are in no group.
    pub(super) fn ask_soon(&self) -> bool {
        self.list.iter().skip(self.first_ungrouped).take(Pack::MAX_FILES).any(|file| file.asks)
    }

    /// The first file that was in no group is in one now.
    pub(super) const fn group_first(&mut self) {
        self.first_ungrouped += 1;
    }

    /// The first file that is in no group ends, because none takes it.
    pub(super) fn leave_first(&mut self) {
        self.end(self.first_ungrouped, BatchEnd::UNTOUCHED);
        self.first_ungrouped += 1;
    }

    /// The files that are in no group end.
    pub(super) fn leave_ungrouped(&mut self) {
        while self.first_ungrouped().is_some() {
            self.leave_first();
        }
    }

    /// Whether all files have ended.
    pub(super) const fn are_over(&self) -> bool {
        self.count == 0
    }

    /// Notes how a file has ended, unless it has.
    pub(super) fn end(&mut self, index: usize, end: BatchEnd) {
        if let Some(open) = self.open.get_mut(index)
            && std::mem::take(open)
        {
            self.count = self.count.saturating_sub(1);
            self.ended.push_back((index, end));
        }
    }

    /// Notes the digest that both servers have told of a file.
    pub(super) fn note_digest(&mut self, index: usize, digest: &str) {
        if let Some(place) = self.digests.get_mut(index) {
            *place = Some(digest.to_owned());
        }
    }

    /// The digest that both servers have told of a file.
    pub(super) fn digest(&self, index: usize) -> Option<&str> {
        self.digests.get(index)?.as_deref()
    }

    /// Notes how these files have ended.
    pub(super) fn end_all(&mut self, members: Vec<usize>, end: &BatchEnd) {
        for index in members {
            self.end(index, end.clone());
        }
    }

    /// The next end that nobody was told of.
    pub(super) fn next_end(&mut self) -> Option<(usize, BatchEnd)> {
        self.ended.pop_front()
    }
}

/// How the files of a batch are moved.
#[derive(Clone, Debug)]
pub struct BatchTerms {
    /// How the data connection is opened.
    pub opening: BatchOpening,
    /// What protects the data connection between the two servers. Except in clear, PROT P must be in force at both ends.
    pub tls: DataTls,
    /// The digest that both servers compute while a file moves.
    pub algorithm: Algorithm,
    /// How much may be under way.
    pub window: Window,
    /// How long both servers together may say nothing before the destination says that the data connection stands.
    pub connect: Duration,
    /// The same afterwards.
    pub silence: Duration,
}

/// How the data connection of a batch is opened.
#[derive(Clone, Debug)]
pub enum BatchOpening {
    /// One server listens, the other one connects to it, and both prove themselves.
    Direct {
        /// The end that listens.
        passive: Side,
        /// The secret of the data connection. It must be new, or that of the [unused listener](crate::client::UnusedListener) of
        /// the end that listens.
        secret: RendezvousSecret,
    },
    /// Each server has a data connection with a relay, which joins the two.
    Relayed {
        /// Which server listens for the relay, and which one connects to it.
        postures: Postures,
        /// The secret with which both servers prove themselves to each other. It must be new.
        secret: RendezvousSecret,
    },
    /// It is the connection of the batch, or of the single file, before. Its settings and its digest are in force, and no command has
    /// ended MODE B since.
    Kept,
    /// Each server has a data connection with the user agent, which copies. It proves nothing to its own user.
    Through {
        /// Which server listens for the user agent, and which one connects to it.
        postures: Postures,
    },
}

impl BatchOpening {
    /// The secret of the data connection, if the servers prove themselves.
    pub(super) const fn secret(&self) -> Option<&RendezvousSecret> {
        match self {
            Self::Direct { secret, .. } | Self::Relayed { secret, .. } => Some(secret),
            Self::Kept | Self::Through { .. } => None,
        }
    }

    /// Who opens each data connection with the host in the middle, if there is one.
    pub(super) const fn postures(&self) -> Option<Postures> {
        match self {
            Self::Direct { .. } | Self::Kept => None,
            Self::Relayed { postures, .. } | Self::Through { postures } => Some(*postures),
        }
    }
}

/// How much may be under way at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Commands without a reply at each server. `ftp-server` lets [`Command::MAX_WAITING`] wait.
    pub commands: usize,
    /// Bytes of their lines. `ftp-server` lets [`Command::MAX_WAITING_BYTES`] wait.
    pub line_bytes: usize,
    /// Bytes of files that were asked for and are not verified. A larger file goes alone.
    pub file_bytes: u64,
    /// Groups that the destination was told to store, and not yet to name. `ftp-server` holds
    /// [`Pack::MAX_HELD`].
    pub groups: usize,
}

impl Default for Window {
    /// What an `ftp-server` with its defaults takes.
    fn default() -> Self {
        Self {
            commands: Command::MAX_WAITING - SPARE_COMMANDS,
            line_bytes: Command::MAX_WAITING_BYTES - SPARE_BYTES,
            file_bytes: Pack::MAX_BYTES,
            groups: Pack::MAX_HELD,
        }
    }
}

/// A wait of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For the next reply of either server, for bytes that are seen to move, or for the host in the middle.
    Silence,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
        }
    }
}

/// Commands that are not under way, though a server lets them wait: room for those that are not of the batch.
const SPARE_COMMANDS: usize = 4;
/// The same for bytes of their lines.
const SPARE_BYTES: usize = 384;
