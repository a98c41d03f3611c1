//! A directory as the lines of LIST, NLST or MLSD, made in steps while they are sent.
//!
//! Each step borrows a thread of the blocking pool, fills one piece of bounded size, and gives the
//! thread back. The next step begins when the sender asks for the next piece. A listing whose reader
//! is slow therefore holds an open directory and a piece, but no thread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ftp_proto::listing::{When, facts_line, list_line};
use ftp_proto::server::ask::ListStyle;
use ftp_proto::wire::show;
use rustix::io::Errno;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_stream::Stream;

use crate::vfs::{Listing, Next};

/// The lines of a listing, in pieces that end with a line end. The stream ends after an error.
#[derive(Debug)]
pub(super) struct Lines {
    state: State,
    directory: String,
    omitted: Omitted,
}

/// The names that a listing left out because FTP cannot carry them.
#[derive(Debug, Default)]
struct Omitted {
    count: u64,
    /// The first ones, escaped.
    names: Vec<String>,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked for the next piece yet.
    Idle(Box<Reader>),
    /// A thread makes the next piece.
    Reading(JoinHandle<(Box<Reader>, Result<Piece, Errno>)>),
    /// There is nothing more.
    Ended,
}

/// Some lines of the listing.
#[derive(Debug)]
struct Piece {
    lines: Vec<u8>,
    /// The names that were left out between these lines.
    omitted: Omitted,
    /// Whether the listing ends with it.
    last: bool,
}

impl Lines {
    /// Lists in `style`; `today` decides how dates are written.
    pub(super) fn new(listing: Listing, style: ListStyle, today: When) -> Self {
        let directory = listing.shown_path();
        let state = State::Idle(Box::new(Reader { listing, style, today, begun: false }));
        Self { state, directory, omitted: Omitted::default() }
    }

    /// How many names were left out so far because FTP cannot carry them. Logs some of them.
    pub(super) fn omitted(&self) -> u64 {
        let Omitted { count, names } = &self.omitted;
        if *count > 0 {
            let (directory, names) = (&self.directory, names.join(" "));
            tracing::warn!(directory, omitted = count, names, "left out names that FTP cannot carry");
        }
        *count
    }
}

impl Omitted {
    fn add(&mut self, name: &[u8]) {
        self.count += 1;
        if self.names.len() < SHOWN {
            self.names.push(show(name));
        }
    }

    fn append(&mut self, other: Self) {
        self.count += other.count;
        let free = SHOWN.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(free));
    }
}

impl Stream for Lines {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(mut reader) => {
                    self.state = State::Reading(spawn_blocking(move || {
                        let piece = reader.step();
                        (reader, piece)
                    }));
                }
                State::Reading(mut thread) => {
                    let Poll::Ready(done) = Pin::new(&mut thread).poll(cx) else {
                        self.state = State::Reading(thread);
                        return Poll::Pending;
                    };
                    let (reader, piece) = done.map_err(io::Error::other)?;
                    let Piece { lines, omitted, last } = piece?;
                    self.omitted.append(omitted);
                    if !last {
                        self.state = State::Idle(reader);
                    }
                    if !lines.is_empty() {
                        return Poll::Ready(Some(Ok(lines)));
                    }
                }
            }
        }
    }
}

/// Reads a directory, a step at a time.
#[derive(Debug)]
struct Reader {
    listing: Listing,
    style: ListStyle,
    today: When,
    /// Whether the first step was made.
    begun: bool,
}

impl Reader {
    /// Makes the next piece. Blocks on the disk for a bounded number of names.
    fn step(&mut self) -> Result<Piece, Errno> {
        let (mut lines, mut omitted) = (Vec::with_capacity(PIECE), Omitted::default());
        if !std::mem::replace(&mut self.begun, true)
            && let ListStyle::Facts(wanted) = &self.style
            && let Some(current) = self.listing.current()
        {
            add(&mut lines, &facts_line(&current, wanted.as_deref()));
        }
        for _ in 0..NAMES {
            match self.next_line()? {
                Next::Found(line) => add(&mut lines, &line),
                Next::Hidden => {}
                Next::Omitted(name) => omitted.add(&name),
                Next::End => return Ok(Piece { lines, omitted, last: true }),
            }
            if lines.len() >= PIECE {
                break;
            }
        }
        Ok(Piece { lines, omitted, last: false })
    }

    fn next_line(&mut self) -> Result<Next<Vec<u8>>, Errno> {
        match &self.style {
            ListStyle::Long => {
                let entry = self.listing.next_entry()?;
                Ok(entry.map(|entry| list_line(&entry, self.today)))
            }
            ListStyle::Facts(wanted) => {
                let entry = self.listing.next_entry()?;
                Ok(entry.map(|entry| facts_line(&entry, wanted.as_deref())))
            }
            ListStyle::Names { prefix } => {
                // E19: a line is what RETR takes. If the argument of NLST is a file, it is the line.
                let argument = prefix.strip_suffix(b"/").unwrap_or(prefix);
                let is_argument = !self.listing.is_directory() && !argument.is_empty();
                let name = self.listing.next_name()?;
                Ok(name.map(
                    |name| {
                        if is_argument { argument.to_vec() } else { [prefix, name.as_bytes()].concat() }
                    },
                ))
            }
        }
    }
}

fn add(lines: &mut Vec<u8>, line: &[u8]) {
    lines.extend_from_slice(line);
    lines.extend_from_slice(b"\r\n");
}

/// Bytes in a piece; the last line may exceed it.
const PIECE: usize = 16 * 1024;
/// Omitted names that the log shows.
const SHOWN: usize = 10;
/// Names that one step looks at, hidden ones included.
const NAMES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Prepared, Root, View};
    use ftp_proto::server::ask::Intent;
    use ftp_proto::server::{Access, Rights};
    use ftp_proto::wire::PathName;
    use std::sync::Arc;
    use tokio_stream::StreamExt;

    async fn listed(path: &str, style: ListStyle) -> Vec<String> {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("dir")).unwrap();
        std::fs::write(top.path().join("dir/file"), "content").unwrap();
        std::fs::write(top.path().join("dir/line\nfeed"), "").unwrap();
        std::fs::write(top.path().join("dir/carriage\rreturn"), "").unwrap();
        let view = View::new(&Arc::new(Root::open(top.path()).unwrap()), &Access::everywhere(Rights::ALL));
        let path = PathName::from_wire(path).unwrap();
        let (Prepared::List { listing, style }, None) = view.prepare(&path, &Intent::List(style)).unwrap()
        else {
            panic!("not prepared for listing");
        };
        let mut lines = Lines::new(listing, style, When(0));
        let pieces: Vec<_> = (&mut lines).map(Result::unwrap).collect().await;
        assert_eq!(lines.omitted(), if path.as_bytes() == b"/dir" { 2 } else { 0 });
        let text = String::from_utf8(pieces.concat()).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"));
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn names(prefix: &str) -> ListStyle {
        ListStyle::Names { prefix: prefix.into() }
    }

    #[tokio::test]
    async fn e19_names_can_be_used_in_retr() {
        assert_eq!(listed("/dir", names("")).await, ["file"]);
        assert_eq!(listed("/dir", names("dir/")).await, ["dir/file"]);
        assert_eq!(listed("/dir/file", names("dir/file/")).await, ["dir/file"]);
        assert_eq!(listed("/dir/file", names("")).await, ["file"]);
    }

    #[tokio::test]
    async fn e20_facts_come_with_the_directory_itself_first() {
        let wanted = Some(vec!["type".to_owned(), "size".to_owned()]);
        assert_eq!(
            listed("/dir", ListStyle::Facts(wanted)).await,
            ["type=cdir; .", "type=file;size=7; file"]
        );
    }

    #[tokio::test]
    async fn long_lines_are_those_of_ls() {
        let lines = listed("/", ListStyle::Long).await;
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with('d') && lines[0].ends_with(" dir"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_directory_is_read_piece_by_piece_and_nothing_is_lost_between_them() {
        let top = tempfile::tempdir().unwrap();
        for number in 0..2_000 {
            std::fs::write(top.path().join(format!("{number:0>200}")), "").unwrap();
        }
        let view = View::new(&Arc::new(Root::open(top.path()).unwrap()), &Access::everywhere(Rights::ALL));
        let root = PathName::root();
        let Ok((Prepared::List { listing, style }, _)) = view.prepare(&root, &Intent::List(names(""))) else {
            panic!("not prepared for listing");
        };
        let pieces: Vec<_> = Lines::new(listing, style, When(0)).map(Result::unwrap).collect().await;
        assert!(pieces.iter().all(|piece| piece.len() < PIECE + 256 && piece.ends_with(b"\r\n")));
        let text = String::from_utf8(pieces.concat()).unwrap();
        let found: std::collections::BTreeSet<_> = text.lines().collect();
        assert_eq!(found.len(), 2_000);
        assert!(pieces.len() > 20, "{} pieces", pieces.len());
    }
}
