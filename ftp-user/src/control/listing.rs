//! What a directory holds: MLSD, else LIST, else NLST.

use super::data::Way;
use super::flow::Flow;
use super::session::Session;
use crate::cli::Exit;
use crate::place;
use crate::problem::Problem;
use ftp_io::copy::{Meter, lines};
use ftp_proto::command::{Command, DataType};
use ftp_proto::listing::{Entry, Kind, parse_facts, parse_unix};
use ftp_proto::reply::Blame;
use ftp_proto::wire::PathName;
use std::io;
use tokio_stream::StreamExt;

/// A directory's entries, without itself and its parent.
#[derive(Debug, Default)]
pub struct Listing {
    /// What could be read.
    pub entries: Vec<Entry>,
    /// Lines that could not.
    pub unread: usize,
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
    pub async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Problem> {
        let mut last = None;
        for form in [Form::Mlsd, Form::List, Form::Nlst] {
            if form == Form::Mlsd && self.capabilities.mlst.is_none() {
                continue;
            }
            match self.list_as(form, directory).await {
                Ok(listing) if form == Form::Nlst => return self.look_at(directory, listing).await,
                Ok(listing) => return Ok(listing),
                Err((Blame::Unsupported, problem)) => last = Some(problem),
                Err((_, problem)) => return Err(problem),
            }
        }
        Err(last.unwrap_or_else(|| Problem::new(Exit::Error, "this server lists nothing")))
    }

    /// Names alone do not say what they name.
    async fn look_at(&mut self, directory: Option<&PathName>, names: Listing) -> Result<Listing, Problem> {
        let mut listing = Listing { entries: Vec::new(), unread: names.unread };
        for Entry { name, .. } in names.entries {
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
    ) -> Result<Listing, (Blame, Problem)> {
        // MLSD is what it is (RFC 3659 7.3); the others are text.
        let data_type = if form == Form::Mlsd { DataType::Image } else { DataType::Ascii };
        self.set_type(data_type).await.map_err(other)?;
        let connection = self.open_data(Way::Down).await.map_err(other)?;
        let path = directory.cloned();
        let command = match form {
            Form::Mlsd => Command::Mlsd(path),
            Form::List => Command::List(path),
            Form::Nlst => Command::Nlst(path),
        };
        let meter = Meter::default();
        let read = async {
            let mut listing = Listing::default();
            let mut lines = lines(connection, LONGEST_LINE);
            loop {
                let line = tokio::select! {
                    line = lines.next() => line,
                    () = meter.stopped() => None,
                };
                let Some(line) = line else { return Ok(listing) };
                take(form, &line?, &mut listing);
            }
        };
        let what = || {
            let name = directory.map_or_else(|| "the login directory".to_owned(), PathName::display);
            format!("cannot list {name}")
        };
        match self.run(command, read, &meter, &mut |_| ()).await.map_err(other)? {
            Flow::Refused(answer) => Err((self.blame(&answer), self.refusal(what(), &answer))),
            Flow::Over(_, answer) if !answer.is_done() => {
                Err((self.blame(&answer), self.refusal(what(), &answer)))
            }
            Flow::Over(listing, _) => listing.map_err(|error: io::Error| {
                other(Problem::new(Exit::Temporary, format!("{}: {error}", what())))
            }),
        }
    }
}

fn other(problem: Problem) -> (Blame, Problem) {
    (Blame::Peer, problem)
}

fn take(form: Form, line: &[u8], listing: &mut Listing) {
    if line.is_empty() || (form == Form::List && line.starts_with(b"total ")) {
        return;
    }
    let entry = match form {
        Form::Mlsd => parse_facts(line),
        Form::List => parse_unix(line),
        Form::Nlst => named(line),
    };
    match entry {
        Some(entry) if matches!(entry.kind, Kind::Current | Kind::Parent) => {}
        Some(entry) if matches!(entry.name.as_bytes(), b"." | b"..") => {}
        Some(entry) => listing.entries.push(entry),
        None => listing.unread += 1,
    }
}

/// NLST may give paths.
fn named(line: &[u8]) -> Option<Entry> {
    let name = line.rsplit(|o| *o == b'/').next()?;
    Some(Entry {
        name: PathName::from_wire(name).ok()?,
        kind: Kind::Other,
        size: None,
        modified: None,
        mode: None,
        perm: None,
        unique: None,
    })
}

const LONGEST_LINE: usize = 16 * 1024;
