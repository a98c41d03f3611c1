//! A directory as the lines of LIST, NLST or MLSD, made while they are sent: the reader of the
//! directory is never more than a few pieces ahead of the connection.

use std::ops::ControlFlow;

use ftp_io::copy::Meter;
use ftp_proto::listing::{Entry, When, facts_line, list_line};
use ftp_proto::server::ask::{FileFailure, ListStyle};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;

use crate::vfs::Listing;

/// The lines, gathered into pieces, and whether reading the directory failed. It stops `meter` when
/// it does, so that what was sent until then is not taken for the whole.
pub(super) fn lines(
    listing: Listing,
    style: ListStyle,
    today: When,
    meter: Meter,
) -> (ReceiverStream<Vec<u8>>, JoinHandle<Option<FileFailure>>) {
    let (pieces, stream) = mpsc::channel(AHEAD);
    let reader = spawn_blocking(move || {
        let failure = write(listing, style, today, &mut Gather { pieces, piece: Vec::new() }).err();
        if failure.is_some() {
            meter.stop();
        }
        failure
    });
    (ReceiverStream::new(stream), reader)
}

fn write(listing: Listing, style: ListStyle, today: When, out: &mut Gather) -> Result<(), FileFailure> {
    match style {
        ListStyle::Long => listing.entries(|entry| out.line(list_line(&entry, today)))?,
        ListStyle::Names { prefix } => {
            // E19: what RETR takes. The argument of NLST may be a file: then it is the whole line.
            let file = (!listing.is_directory() && !prefix.is_empty())
                .then(|| prefix.strip_suffix(b"/").unwrap_or(&prefix).to_vec());
            listing.names(|name| match &file {
                Some(argument) => out.line(argument.clone()),
                None => out.line([&prefix, name.as_bytes()].concat()),
            })?;
        }
        ListStyle::Facts(wanted) => {
            let line = |entry: &Entry| facts_line(entry, wanted.as_deref());
            if let Some(current) = listing.current()
                && out.line(line(&current)).is_break()
            {
                return Ok(());
            }
            listing.entries(|entry| out.line(line(&entry)))?;
        }
    }
    // Whether somebody still wants it no longer matters.
    let _ = out.flush();
    Ok(())
}

/// Gathers lines into pieces for the sender.
struct Gather {
    pieces: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl Gather {
    /// Adds a line; breaks when nobody wants more.
    fn line(&mut self, line: Vec<u8>) -> ControlFlow<()> {
        self.piece.extend_from_slice(&line);
        self.piece.extend_from_slice(b"\r\n");
        if self.piece.len() < PIECE { ControlFlow::Continue(()) } else { self.flush() }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        let piece = std::mem::take(&mut self.piece);
        if piece.is_empty() || self.pieces.blocking_send(piece).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

const PIECE: usize = 16 * 1024;
const AHEAD: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Prepared, Root, View};
    use ftp_proto::server::ask::Intent;
    use ftp_proto::wire::PathName;
    use std::sync::Arc;
    use tokio_stream::StreamExt;

    async fn listed(path: &str, style: ListStyle) -> Vec<String> {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("dir")).unwrap();
        std::fs::write(top.path().join("dir/file"), "content").unwrap();
        std::fs::write(top.path().join("dir/line\nfeed"), "").unwrap();
        let view = View::new(&Arc::new(Root::open(top.path()).unwrap()), false);
        let path = PathName::from_wire(path).unwrap();
        let (Prepared::List { listing, style }, None) = view.prepare(&path, &Intent::List(style)).unwrap()
        else {
            panic!("not prepared for listing");
        };
        let (lines, failed) = lines(listing, style, When(0), Meter::default());
        let text = lines.collect::<Vec<_>>().await.concat();
        assert_eq!(failed.await.unwrap(), None);
        let text = String::from_utf8(text).unwrap();
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
    async fn a_directory_is_read_no_further_than_somebody_wants_it() {
        let top = tempfile::tempdir().unwrap();
        for number in 0..2_000 {
            std::fs::write(top.path().join(format!("{number:0>200}")), "").unwrap();
        }
        let view = View::new(&Arc::new(Root::open(top.path()).unwrap()), false);
        let root = PathName::root();
        let Ok((Prepared::List { listing, style }, _)) = view.prepare(&root, &Intent::List(names(""))) else {
            panic!("not prepared for listing");
        };
        let (lines, failed) = lines(listing, style, When(0), Meter::default());
        drop(lines);
        assert_eq!(failed.await.unwrap(), None, "the reader ends when nobody wants more");
    }
}
