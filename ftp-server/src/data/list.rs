//! A directory as the lines of LIST, NLST or MLSD, made in pieces while they are sent.
//!
//! A piece is made on the thread that sends it, and the next one when the connection has taken it. A
//! listing whose reader is slow therefore holds an open directory and a piece, but no thread.

use std::io;
use std::ops::ControlFlow;

use ftp_io::copy::Pieces;
use ftp_proto::listing::{Pattern, When, write_facts_line, write_list_line};
use ftp_proto::server::ask::ListStyle;
use ftp_proto::wire::show;
use rustix::io::Errno;

use crate::vfs::{Detail, Listing, Next};

/// The lines of a listing, in pieces that end with a line end.
#[derive(Debug)]
pub(super) struct Lines {
    listing: Listing,
    style: ListStyle,
    /// Which names are listed; `None` is all of them.
    pattern: Option<Pattern>,
    today: When,
    /// Whether the first piece was made.
    begun: bool,
    omitted: Omitted,
    /// Whether something was not told because the server could not look at it.
    is_incomplete: bool,
}

/// The names that a listing left out because FTP cannot carry them.
#[derive(Debug, Default)]
struct Omitted {
    count: u64,
    /// The first ones, escaped.
    names: Vec<String>,
}

impl Omitted {
    fn add(&mut self, name: &[u8]) {
        self.count += 1;
        if self.names.len() < SHOWN {
            self.names.push(show(name));
        }
    }
}

impl Pieces for Lines {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        if !std::mem::replace(&mut self.begun, true)
            && let ListStyle::Facts(wanted) = &self.style
            && let Some(current) = self.listing.current()
        {
            write_facts_line(room, &current, wanted.as_deref());
            room.extend_from_slice(LINE_END);
        }
        for _ in 0..NAMES {
            match self.next_line(room).unwrap_or_else(|error| self.unread(error)) {
                Next::Found(()) => room.extend_from_slice(LINE_END),
                Next::Hidden => {}
                Next::Unknown(_) => self.is_incomplete = true,
                Next::Omitted(name) => self.omitted.add(&name),
                Next::End => return Ok(ControlFlow::Break(())),
            }
            if room.len() >= PIECE {
                break;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Lines {
    /// Lists in `style`; `today` decides how dates are written.
    pub(super) fn new(listing: Listing, style: ListStyle, today: When) -> Self {
        let (style, pattern) = match style {
            ListStyle::Matching { pattern, style } => (*style, Some(pattern)),
            whole @ (ListStyle::Long | ListStyle::Names { .. } | ListStyle::Facts(_)) => (whole, None),
        };
        Self {
            listing,
            style,
            pattern,
            today,
            begun: false,
            omitted: Omitted::default(),
            is_incomplete: false,
        }
    }

    /// The directory cannot be read to its end. What was read is told.
    fn unread(&mut self, error: Errno) -> Next<()> {
        tracing::warn!(directory = self.listing.shown_path(), %error, "cannot read a directory to its end");
        self.is_incomplete = true;
        Next::End
    }

    /// Whether something was not told because the server could not look at it. Logs names at which it could not.
    pub(super) fn is_incomplete(&self) -> bool {
        self.listing.log_unseen();
        self.is_incomplete
    }

    /// How many names were left out so far because FTP cannot carry them. Logs some of them.
    pub(super) fn omitted(&self) -> u64 {
        let Omitted { count, names } = &self.omitted;
        if *count > 0 {
            let (directory, names) = (self.listing.shown_path(), names.join(" "));
            tracing::warn!(directory, omitted = count, names, "left out names that FTP cannot carry");
        }
        *count
    }

    /// Appends the next line to `room`, without its end.
    fn next_line(&mut self, room: &mut Vec<u8>) -> Result<Next<()>, Errno> {
        let is_meant = |name: &[u8]| self.pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
        match &self.style {
            ListStyle::Long => Ok(match self.listing.next_entry(Detail::Shown)? {
                Next::Found(entry) if !is_meant(entry.name.as_bytes()) => Next::Hidden,
                Next::Unknown(name) if !is_meant(name.as_bytes()) => Next::Hidden,
                next @ (Next::Found(_) | Next::Hidden | Next::Unknown(_) | Next::Omitted(_) | Next::End) => {
                    next.map(|entry| write_list_line(room, entry, self.today))
                }
            }),
            // A pattern of a pattern is none.
            ListStyle::Matching { .. } => Ok(Next::End),
            ListStyle::Facts(wanted) => {
                let entry = self.listing.next_entry(Detail::Facts)?;
                Ok(entry.map(|entry| write_facts_line(room, entry, wanted.as_deref())))
            }
            ListStyle::Names { prefix } => {
                // E19: a line is what RETR takes. If the argument of NLST is a file, it is the line.
                let argument = prefix.strip_suffix(b"/").unwrap_or(prefix);
                let is_argument = !self.listing.is_directory() && !argument.is_empty();
                let next = self.listing.next_name()?;
                let is_hidden = matches!(&next, Next::Found(name) if !is_meant(name.as_bytes()));
                let name = if is_hidden { Next::Hidden } else { next };
                Ok(name.map(|name| {
                    if is_argument {
                        room.extend_from_slice(argument);
                    } else {
                        room.extend_from_slice(prefix);
                        room.extend_from_slice(name.as_bytes());
                    }
                }))
            }
        }
    }
}

/// The end of each line.
const LINE_END: &[u8] = b"\r\n";
/// Bytes in a piece; the last line may exceed it.
const PIECE: usize = 16 * 1024;
/// Omitted names that the log shows.
const SHOWN: usize = 10;
/// Names that are looked at for one piece, hidden ones included.
const NAMES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{PreparedTransfer, Roots, Tree, View};
    use ftp_proto::server::ask::Intent;
    use ftp_proto::server::{Access, Rights};
    use ftp_proto::wire::PathName;
    use std::sync::Arc;

    /// All pieces.
    fn pieces(lines: &mut Lines) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        loop {
            let mut piece = Vec::new();
            let next = lines.next(&mut piece).unwrap();
            pieces.push(piece);
            if next.is_break() {
                return pieces;
            }
        }
    }

    fn tree(top: &std::path::Path) -> Arc<Tree> {
        let roots = Roots::default();
        Arc::new(roots.tree(roots.open(top).unwrap()))
    }

    fn listed(path: &str, style: ListStyle) -> Vec<String> {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("dir")).unwrap();
        std::fs::write(top.path().join("dir/file"), "content").unwrap();
        std::fs::write(top.path().join("dir/line\nfeed"), "").unwrap();
        std::fs::write(top.path().join("dir/carriage\rreturn"), "").unwrap();
        let view = View::new(&tree(top.path()), &Access::everywhere(Rights::ALL));
        let path = PathName::from_wire(path).unwrap();
        let (PreparedTransfer::List { listing, style }, None) =
            view.prepare(&path, &Intent::List(style)).unwrap()
        else {
            panic!("not prepared for listing");
        };
        let mut lines = Lines::new(listing, style, When(0));
        let text = pieces(&mut lines).concat();
        assert_eq!(lines.omitted(), if path.as_bytes() == b"/dir" { 2 } else { 0 });
        let text = String::from_utf8(text).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"));
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn names(prefix: &str) -> ListStyle {
        ListStyle::Names { prefix: prefix.into() }
    }

    #[test]
    fn a_pattern_lists_the_names_that_match() {
        let matching = |pattern: &str, style| ListStyle::Matching {
            pattern: Pattern::parse(pattern.as_bytes()).unwrap(),
            style: Box::new(style),
        };
        assert_eq!(listed("/dir", matching("f*", names("dir/"))), ["dir/file"]);
        assert_eq!(listed("/dir", matching("*x", names("dir/"))), Vec::<String>::new());
        let lines = listed("/", matching("d?r", ListStyle::Long));
        assert!(lines.len() == 1 && lines[0].ends_with(" dir"), "{lines:?}");
    }

    #[test]
    fn e19_names_can_be_used_in_retr() {
        assert_eq!(listed("/dir", names("")), ["file"]);
        assert_eq!(listed("/dir", names("dir/")), ["dir/file"]);
        assert_eq!(listed("/dir/file", names("dir/file/")), ["dir/file"]);
        assert_eq!(listed("/dir/file", names("")), ["file"]);
    }

    #[test]
    fn e20_facts_come_with_the_directory_itself_first() {
        let wanted = Some(vec!["type".to_owned(), "size".to_owned()]);
        assert_eq!(listed("/dir", ListStyle::Facts(wanted)), ["type=cdir; .", "type=file;size=7; file"]);
    }

    #[test]
    fn long_lines_are_those_of_ls() {
        let lines = listed("/", ListStyle::Long);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with('d') && lines[0].ends_with(" dir"), "{lines:?}");
    }

    #[test]
    fn a_directory_is_read_piece_by_piece_and_nothing_is_lost_between_them() {
        let top = tempfile::tempdir().unwrap();
        for number in 0..2_000 {
            std::fs::write(top.path().join(format!("{number:0>200}")), "").unwrap();
        }
        let view = View::new(&tree(top.path()), &Access::everywhere(Rights::ALL));
        let root = PathName::root();
        let Ok((PreparedTransfer::List { listing, style }, _)) =
            view.prepare(&root, &Intent::List(names("")))
        else {
            panic!("not prepared for listing");
        };
        let pieces = pieces(&mut Lines::new(listing, style, When(0)));
        assert!(pieces.iter().all(|piece| piece.len() < PIECE + 256 && piece.ends_with(b"\r\n")));
        let text = String::from_utf8(pieces.concat()).unwrap();
        let found: std::collections::BTreeSet<_> = text.lines().collect();
        assert_eq!(found.len(), 2_000);
        assert!(pieces.len() > 20, "{} pieces", pieces.len());
    }
}
