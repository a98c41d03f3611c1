//! What a command about files asks the driver, and who says the reply.

use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, FileAsk, Found};
use crate::server::context::{Context, Question};
use crate::wire::PathName;

/// A question about files.
#[derive(Debug)]
pub(in crate::server) struct Request {
    /// The command that asks.
    verb: Verb,
    /// The path or the name that its reply is about.
    name: PathName,
    /// Says the reply. Returns the next question if the command has another one.
    reply: fn(&mut Context, PathName, Found) -> Waits,
}

/// The question that a command waits for; `None` if its reply has been said.
pub(in crate::server) type Waits = Option<Question<Request>>;

/// The path of something that the account may change.
pub(super) fn writable(cx: &mut Context, name: &PathName) -> Option<PathName> {
    if cx.may_write() { cx.resolve(name) } else { None }
}

/// Asks the driver; `reply` says what it has found.
pub(super) fn ask(
    cx: &mut Context,
    verb: Verb,
    name: PathName,
    ask: FileAsk,
    reply: fn(&mut Context, PathName, Found) -> Waits,
) -> Waits {
    Some(cx.question(Request { verb, name, reply }, |ticket| Ask::File { ticket, ask }))
}

pub(super) fn said(cx: &mut Context, meaning: Meaning, text: impl AsRef<[u8]>) -> Waits {
    cx.out.reply(meaning, text);
    None
}

/// The driver has found something else than it was asked for.
pub(super) fn unexpected(cx: &mut Context) -> Waits {
    said(cx, Meaning::LocalError, "Local error")
}

impl Request {
    /// Whether the answer may take so long that ABOR must not wait for it.
    pub(in crate::server) const fn is_long(&self) -> bool {
        matches!(self.verb, Verb::Hash)
    }

    /// The file system has answered.
    pub(in crate::server) fn answered(self, cx: &mut Context, answer: Answer) -> Waits {
        let Answer::File(found) = answer else {
            cx.unexpected(answer);
            return None;
        };
        match found {
            Ok(found) => (self.reply)(cx, self.name, found),
            Err(failure) => {
                cx.refuse_file(self.verb, failure);
                None
            }
        }
    }
}
