//! RETR, STOR, APPE, LIST, NLST, MLSD: what a transfer command asks for.

use crate::command::{DataType, Direction, Verb};
use crate::dialect::Dialect;
use crate::listing::Pattern;
use crate::policy::{Cargo, RequestedTransfer};
use crate::reply::Meaning;
use crate::server::ask::{Event, Intent, ListStyle, TransferFailure};
use crate::server::context::Context;
use crate::server::context::path::is_part_of_agent;
use crate::timer::Moment;
use crate::wire::{ByteRange, PathName, hex};
use std::net::SocketAddr;

/// What a transfer command asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) verb: Verb,
    /// The absolute path of the file or directory.
    pub(super) path: PathName,
    pub(super) intent: Intent,
    pub(super) data_type: DataType,
    /// When the command came.
    pub(super) since: Moment,
}

impl Request {
    /// The direction of the data, seen from this server.
    pub(super) const fn direction(&self) -> Direction {
        self.intent.direction()
    }

    /// Tells the log that no byte moves, and why.
    pub(super) fn tell_refused(&self, cx: &mut Context, why: impl Into<TransferFailure>) {
        self.tell(cx, Some(0), None, Some(why.into()));
    }

    /// Tells the log how the transfer ended: the bytes that moved, the other end, and why the file is not
    /// whole.
    pub(super) fn tell(
        &self,
        cx: &mut Context,
        bytes: Option<u64>,
        peer: Option<SocketAddr>,
        failure: Option<TransferFailure>,
    ) {
        self.tell_of(cx, (self.path.clone(), bytes), peer, failure);
    }

    /// Tells the log the same of one file of a group.
    pub(super) fn tell_of(
        &self,
        cx: &mut Context,
        (path, bytes): (PathName, Option<u64>),
        peer: Option<SocketAddr>,
        failure: Option<TransferFailure>,
    ) {
        cx.out.event(Event::Transfer {
            verb: self.verb,
            path,
            direction: self.direction(),
            data_type: self.data_type,
            bytes,
            took: cx.now.since(self.since),
            peer,
            private: cx.tls.private,
            failure,
        });
    }

    /// What moves, as the rules of exchange judge it.
    pub(super) fn moved(&self, private: bool) -> RequestedTransfer<'_> {
        let path = Some(&self.path).filter(|_| !self.is_probe());
        RequestedTransfer { direction: self.direction(), path, private }
    }

    /// The name that this server has chosen for the file (STOU).
    pub(super) fn unique_name(&self) -> Option<&[u8]> {
        let path = self.path.as_bytes();
        (self.verb == Verb::Stou).then(|| path.rsplit(|byte| *byte == b'/').next()).flatten()
    }

    /// Whether only the data connection is wanted (PROB).
    pub(super) const fn is_probe(&self) -> bool {
        matches!(self.intent, Intent::Probe(_))
    }

    /// The same listing of the names that match: for an argument that names nothing and has a pattern in its
    /// last part (`NLST *.txt`).
    pub(super) fn by_pattern(&self) -> Option<Self> {
        let Intent::List(style) = &self.intent else { return None };
        let path = self.path.as_bytes();
        let cut = path.iter().rposition(|byte| *byte == b'/')?;
        let pattern = Pattern::parse(path.get(cut + 1..)?)?;
        let style = match style {
            ListStyle::Long => ListStyle::Long,
            ListStyle::Names { prefix } => {
                let argument = prefix.strip_suffix(b"/").unwrap_or(prefix);
                let cut = argument.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
                ListStyle::Names { prefix: argument.get(..cut)?.to_vec() }
            }
            ListStyle::Facts(_) | ListStyle::Matching { .. } => return None,
        };
        let parent = PathName::from_wire(path.get(..cut.max(1))?).ok()?;
        let intent = Intent::List(ListStyle::Matching { pattern, style: Box::new(style) });
        Some(Self { path: parent, intent, verb: self.verb, data_type: self.data_type, since: self.since })
    }

    /// What the data connection carries.
    pub(super) const fn cargo(&self) -> Cargo {
        match self.intent {
            Intent::List(_) => Cargo::Listing,
            Intent::Send { .. }
            | Intent::Replace
            | Intent::WriteAt { .. }
            | Intent::WriteRange { .. }
            | Intent::Append
            | Intent::SendGroup { .. }
            | Intent::StoreGroup { .. }
            | Intent::Probe(_) => Cargo::File,
        }
    }
}

/// The direction of the data of a transfer command, seen from this server.
pub(crate) const fn direction_of(verb: Verb) -> Option<Direction> {
    if matches!(verb, Verb::Retr | Verb::List | Verb::Nlst | Verb::Mlsd) {
        Some(Direction::Send)
    } else if matches!(verb, Verb::Stor | Verb::Appe | Verb::Stou | Verb::Mlfl) {
        Some(Direction::Receive)
    } else {
        None
    }
}

/// Whether a verb is a transfer command, served or not. Some of the commands of PACK are.
pub(crate) const fn moves_data(verb: Verb) -> bool {
    direction_of(verb).is_some() || matches!(verb, Verb::Prob | Verb::Pack)
}

/// RETR of `range`. Returns `None` if the command was refused and the reply was sent; so do all of these.
pub(crate) fn retr(cx: &mut Context, name: &PathName, range: ByteRange) -> Option<Request> {
    file(cx, Verb::Retr, name, range, Intent::Send { range })
}

/// STOR. After REST or RANG the file is written in place (RFC 3659 5.4, draft-bryan-ftp-range 4.3);
/// otherwise the new file is written beside the old one and then replaces it. Several sessions may write ranges of the part of a
/// user agent at the same time.
pub(crate) fn stor(cx: &mut Context, name: &PathName, range: ByteRange) -> Option<Request> {
    let is_part = cx.config.dialect == Dialect::Rfc959 && is_part_of_agent(name);
    let intent = match range {
        ByteRange::WHOLE => Intent::Replace,
        ByteRange { length: Some(_), .. } if is_part => Intent::WriteRange { range },
        ByteRange { .. } => Intent::WriteAt { range },
    };
    file(cx, Verb::Stor, name, range, intent)
}

/// PROB: a data connection as a transfer would have it, and nothing more.
pub(crate) fn prob(cx: &mut Context, direction: Direction) -> Option<Request> {
    let (path, data_type) = (cx.parameters.cwd.clone(), cx.parameters.data_type);
    let (intent, since) = (Intent::Probe(direction), cx.now);
    permitted(cx, Request { verb: Verb::Prob, path, intent, data_type, since })
}

/// STOU: a new file in the working directory, whose name cannot be guessed. The preliminary reply tells the
/// name (RFC 1123 4.1.2.9).
pub(crate) fn stou(cx: &mut Context) -> Option<Request> {
    let random = cx.nonces.next();
    let name = PathName::from_wire(format!("stou-{}", hex(random.get(..8)?))).ok()?;
    file(cx, Verb::Stou, &name, ByteRange::WHOLE, Intent::Replace)
}

/// APPE. It writes at the end of the file, so a restart point contradicts it (E14).
pub(crate) fn appe(cx: &mut Context, name: &PathName, range: ByteRange) -> Option<Request> {
    if range != ByteRange::WHOLE {
        return cx
            .reply_only(Meaning::BadSequence, "APPE writes at the end of the file; send STOR after REST");
    }
    file(cx, Verb::Appe, name, range, Intent::Append)
}

/// LIST, whose options the parser has removed.
pub(crate) fn list(cx: &mut Context, name: Option<&PathName>) -> Option<Request> {
    listing(cx, Verb::List, name, ListStyle::Long)
}

/// NLST. RETR takes every name as it is listed (E19).
pub(crate) fn nlst(cx: &mut Context, name: Option<&PathName>) -> Option<Request> {
    let mut prefix = name.map_or_else(Vec::new, |name| name.as_bytes().to_vec());
    if prefix.last().is_some_and(|&last| last != b'/') {
        prefix.push(b'/');
    }
    listing(cx, Verb::Nlst, name, ListStyle::Names { prefix })
}

/// MLSD (RFC 3659 7).
pub(crate) fn mlsd(cx: &mut Context, name: Option<&PathName>) -> Option<Request> {
    let facts = cx.parameters.facts.clone();
    listing(cx, Verb::Mlsd, name, ListStyle::Facts(facts))
}

fn file(cx: &mut Context, verb: Verb, name: &PathName, range: ByteRange, intent: Intent) -> Option<Request> {
    let data_type = cx.parameters.data_type;
    // A restart point counts bytes of the file; in TYPE A those on the connection differ.
    if range != ByteRange::WHOLE && data_type == DataType::Ascii {
        let text = "REST and RANG need TYPE I: send TYPE I, REST or RANG, and this command again";
        return cx.reply_only(Meaning::ParametersConflict, text);
    }
    if cx.parameters.digest.is_some() && data_type == DataType::Ascii {
        return cx.reply_only(Meaning::ParametersConflict, "DGST needs TYPE I");
    }
    let path = cx.resolve(name)?;
    permitted(cx, Request { verb, path, intent, data_type, since: cx.now })
}

/// The lines of a listing end with CR LF, whatever the TYPE is (E18).
fn listing(cx: &mut Context, verb: Verb, name: Option<&PathName>, style: ListStyle) -> Option<Request> {
    let path = cx.resolve_or_cwd(name)?;
    let (intent, data_type, since) = (Intent::List(style), DataType::Ascii, cx.now);
    permitted(cx, Request { verb, path, intent, data_type, since })
}

/// The request, if the account has the right for it.
pub(super) fn permitted(cx: &mut Context, request: Request) -> Option<Request> {
    let Some(failure) = cx.lacks([(&request.path, request.intent.needs())]) else { return Some(request) };
    cx.refuse_file(request.verb, failure);
    request.tell_refused(cx, failure);
    None
}
