//! What a directory holds: MLSD, else LIST, else NLST.

use super::flow::Flow;
use super::session::Session;
use crate::failure::{self, Failure};
use crate::place;
use ftp_io::clock::Clock;
use ftp_io::copy::{Meter, lines};
use ftp_proto::command::{Command, DataType, Direction};
use ftp_proto::listing::{Entry, Found, Kind, Lister, is_empty_listing};
use ftp_proto::reply::Blame;
use ftp_proto::wire::{PathName, show};
use std::io;
use tokio_stream::StreamExt;

/// A directory's entries, without itself and its parent.
#[derive(Debug, Default)]
pub struct Listing {
    /// What could be read.
    pub entries: Vec<Entry>,
    /// Lines that could not.
    pub unread: usize,
    /// Names that no entry can have: what to say of each.
    pub refused: Vec<String>,
}

/// The commands that list, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Mlsd,
    List,
    Nlst,
}

impl Session {
    /// Lists a directory; `None` is the one of the login.
    pub async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Failure> {
        let (mut last, mut riddle) = (None, None);
        for form in [Form::Mlsd, Form::List, Form::Nlst] {
            if form == Form::Mlsd && self.capabilities.mlst.is_none() {
                continue;
            }
            match self.list_as(form, directory).await {
                Ok(listing) if form == Form::Nlst => return self.look_at(directory, listing).await,
                // Lines in a format that nobody knows: names are better than nothing.
                Ok(listing) if form == Form::List && listing.is_riddle() => riddle = Some(listing),
                Ok(listing) => return Ok(listing),
                Err((Blame::Unsupported, failure)) => last = Some(failure),
                Err((_, failure)) => return Err(failure),
            }
        }
        if let Some(listing) = riddle {
            return Ok(listing);
        }
        Err(last.unwrap_or_else(|| Failure::new(failure::Kind::Other, "this server lists nothing")))
    }

    /// Names alone do not say what they name.
    async fn look_at(&mut self, directory: Option<&PathName>, names: Listing) -> Result<Listing, Failure> {
        let entries = names.entries;
        let mut listing = Listing { entries: Vec::new(), unread: names.unread, refused: names.refused };
        for Entry { name, .. } in entries {
            if let Some(found) = self.entry(&place::join(directory, &name)).await? {
                listing.entries.push(Entry { name, ..found });
            }
        }
        Ok(listing)
    }

    async fn list_as(
        &mut self,
        form: Form,
        directory: Option<&PathName>,
    ) -> Result<Listing, (Blame, Failure)> {
        // MLSD is what it is (RFC 3659 7.3); the others are text.
        let data_type = if form == Form::Mlsd { DataType::Image } else { DataType::Ascii };
        self.set_type(data_type).await.map_err(other)?;
        let path = directory.cloned();
        let command = match form {
            Form::Mlsd => Command::Mlsd(path),
            Form::List => Command::List(path),
            Form::Nlst => Command::Nlst(path),
        };
        let connection = self.open_data(Direction::Send, &command).await.map_err(other)?;
        let meter = Meter::default();
        let read = async {
            let mut listing = Listing::default();
            let mut lister = match form {
                Form::Mlsd => Lister::of_facts(),
                Form::List => Lister::of_list(Clock::today()),
                Form::Nlst => Lister::of_names(),
            };
            let mut lines = lines(connection, LONGEST_LINE, &meter);
            loop {
                let line = tokio::select! {
                    line = lines.next() => line,
                    () = meter.stopped() => None,
                };
                let is_last = line.is_none();
                match line {
                    Some(line) => lister.push(&line?),
                    None => lister.end(),
                }
                while let Some(found) = lister.next() {
                    listing.take(found);
                }
                if is_last {
                    return Ok(listing);
                }
            }
        };
        let what = || {
            let name = directory.map_or_else(|| "the login directory".to_owned(), PathName::display);
            format!("cannot list {name}")
        };
        match self.run(command, read, &meter, &mut |_| ()).await.map_err(other)? {
            Flow::Refused(answer) if is_empty_listing(&answer.reply) => Ok(Listing::default()),
            Flow::Refused(answer) => Err((self.blame(&answer), self.refusal(what(), &answer))),
            Flow::Over(_, answer) if !answer.is_done() && !is_empty_listing(&answer.reply) => {
                Err((self.blame(&answer), self.refusal(what(), &answer)))
            }
            Flow::Over(listing, _) => listing.map_err(|error: io::Error| {
                other(Failure::new(failure::Kind::Temporary, format!("{}: {error}", what())))
            }),
        }
    }
}

fn other(failure: Failure) -> (Blame, Failure) {
    (Blame::Peer, failure)
}

impl Listing {
    fn is_riddle(&self) -> bool {
        self.entries.is_empty() && self.refused.is_empty() && self.unread > 0
    }

    fn take(&mut self, found: Found) {
        match found {
            Found::Entry(entry) if matches!(entry.kind, Kind::Current | Kind::Parent) => {}
            Found::Entry(entry) => self.entries.push(entry),
            Found::Refused { name, why } => {
                self.refused.push(format!("the listing has an entry \"{}\": {why}", show(&name)));
            }
            Found::Unread(_) => self.unread += 1,
        }
    }
}

const LONGEST_LINE: usize = 16 * 1024;
