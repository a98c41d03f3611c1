//! What a command about files asks the driver, and who says the reply.

use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, FileAsk, Found};
use crate::server::context::{Context, Question};
use crate::server::timer::Timer;
use crate::server::transfer::abort;
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
    /// What the reply will mean, if the answer may take long.
    long: Option<Meaning>,
    /// The reply has begun, so that the client sees that the work goes on.
    begun: bool,
}

/// The question that a command waits for; `None` if its reply has been said.
pub(in crate::server) type Waits = Option<Question<Request>>;

/// Asks the driver, if the account has the rights for it; `reply` says what the driver has found.
pub(super) fn ask(
    cx: &mut Context,
    verb: Verb,
    name: PathName,
    ask: FileAsk,
    reply: fn(&mut Context, PathName, Found) -> Waits,
) -> Waits {
    if !cx.permits(verb, ask.needs()) {
        return None;
    }
    let request = Request { verb, name, reply, long: None, begun: false };
    Some(cx.question(request, |ticket| Ask::File { ticket, ask }))
}

/// The question takes long: while it waits, lines of a reply with `meaning` show that the work goes on
/// (draft-ietf-ftpext2-hash 3).
pub(super) fn long(cx: &mut Context, meaning: Meaning, waits: Waits) -> Waits {
    let mut question = waits?;
    question.purpose.long = Some(meaning);
    cx.arm(Timer::KeepAlive, cx.config.timeouts.keep_alive);
    Some(question)
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
        self.long.is_some()
    }

    /// Nothing has been said for a while.
    pub(in crate::server) fn keep_alive(&mut self, cx: &mut Context) {
        if let Some(meaning) = self.long {
            self.begun = true;
            cx.out.begin_reply(meaning, "Computing");
            cx.arm(Timer::KeepAlive, cx.config.timeouts.keep_alive);
        }
    }

    /// ABOR has ended the work. A reply that has begun must end with its own code.
    pub(in crate::server) fn aborted(&self, cx: &mut Context) {
        cx.timers.disarm(Timer::KeepAlive);
        match self.long {
            Some(meaning) if self.begun => {
                cx.out.reply(meaning, "No digest: aborted");
                cx.out.reply(Meaning::Aborted, "ABOR done");
            }
            Some(_) | None => abort::ended(cx),
        }
    }

    /// The file system has answered.
    pub(in crate::server) fn answered(self, cx: &mut Context, answer: Answer) -> Waits {
        cx.timers.disarm(Timer::KeepAlive);
        let Answer::File(found) = answer else {
            cx.unexpected(answer);
            return None;
        };
        match found {
            Ok(found) => (self.reply)(cx, self.name, found),
            Err(failure) => match self.long {
                Some(meaning) if self.begun => said(cx, meaning, format!("No digest: {failure}")),
                Some(_) | None => {
                    cx.refuse_file(self.verb, failure);
                    None
                }
            },
        }
    }
}
