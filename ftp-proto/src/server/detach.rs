//! DETA: the next transfer may outlive its control connection, and what a later session of the same account
//! asks about it (extensions, "DETA").

use super::ask::{Answer, Ask, DetachedState, DetachedTransfer};
use super::context::parameters::DetachPermit;
use super::context::{Context, Question};
use crate::command::Detached;
use crate::reply::Meaning;
use crate::wire::TransferId;
use std::time::Duration;

/// What the driver was asked.
#[derive(Debug)]
pub(super) enum Request {
    /// A place for the next transfer.
    Next(DetachPermit),
    /// How far a transfer is.
    Status(TransferId),
    /// To end a transfer.
    Abort,
}

/// Serves a command. Returns the question that it waits for, if its reply has not been sent.
pub(super) fn begin(cx: &mut Context, command: Detached) -> Option<Question<Request>> {
    match command {
        Detached::Next(seconds) => next(cx, seconds),
        Detached::Status(id) => Some(about(cx, Request::Status(id), id, false)),
        Detached::Abort(id) => Some(about(cx, Request::Abort, id, true)),
    }
}

/// DETA. Anonymous users have no identity by which a later session could be matched.
fn next(cx: &mut Context, seconds: u64) -> Option<Question<Request>> {
    let time = Duration::from_secs(seconds);
    cx.parameters.detach = None;
    if cx.user().is_none_or(|user| user.account.anonymous) {
        return cx.reply_only(Meaning::Denied, "DETA is for users with a name");
    }
    if seconds == 0 || time > cx.config.max_detached {
        let text = format!("Not between 1 and {} seconds", cx.config.max_detached.as_secs());
        return cx.reply_only(Meaning::OutOfRange, text);
    }
    let random = cx.nonces.next();
    let id = TransferId::new(std::array::from_fn(|at| random.get(at).copied().unwrap_or_default()));
    Some(cx.question(Request::Next(DetachPermit { id, time }), |ticket| Ask::Detach { ticket, id }))
}

fn about(cx: &mut Context, request: Request, id: TransferId, stop: bool) -> Question<Request> {
    cx.question(request, |ticket| Ask::Detached { ticket, id, stop })
}

impl Request {
    /// The driver has answered.
    pub(super) fn answered(self, cx: &mut Context, answer: Answer) {
        match (self, answer) {
            (Self::Next(leave), Answer::Detach(true)) => {
                cx.parameters.detach = Some(leave);
                cx.out.reply(Meaning::Okay, leave.id.to_string());
            }
            (Self::Next(_), Answer::Detach(false)) => {
                let text = "Too many transfers of this account that may outlive their control connection";
                cx.out.reply(Meaning::TooMany, text);
            }
            (Self::Status(_) | Self::Abort, Answer::Detached(None)) => {
                cx.out.reply(Meaning::NotFound, "There is no such transfer of this account");
            }
            (Self::Status(id), Answer::Detached(Some(transfer))) => say_status(cx, id, &transfer),
            (Self::Abort, Answer::Detached(Some(DetachedTransfer { state, .. }))) => match state {
                DetachedState::Waiting | DetachedState::Moving => {
                    cx.out.reply(Meaning::Aborted, "The transfer ends");
                }
                DetachedState::Whole | DetachedState::Failed(_) => {
                    cx.out.reply(Meaning::NothingToAbort, "The transfer has ended before");
                }
            },
            (Self::Next(_) | Self::Status(_) | Self::Abort, answer) => cx.unexpected(answer),
        }
    }
}

fn say_status(cx: &mut Context, id: TransferId, transfer: &DetachedTransfer) {
    let DetachedTransfer { moved, durable, state } = transfer;
    let state = match state {
        DetachedState::Waiting => "waiting".to_owned(),
        DetachedState::Moving => "moving".to_owned(),
        DetachedState::Whole => "complete".to_owned(),
        DetachedState::Failed(why) => format!("failed: {why}"),
    };
    let lines = [format!("Bytes {moved}"), format!("Durable {durable}"), format!("State {state}")];
    cx.out.status(Meaning::SystemStatus, &format!("Transfer {id}"), &lines);
}
