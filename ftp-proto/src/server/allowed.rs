//! Whether a command may be said now: what the row of its verb says.

use super::context::Context;
use super::login;
use super::transfer::request::moves_data;
use super::{mistake, security};
use crate::command::Verb;
use crate::command::verbs::{Busy, Login, Served};
use crate::reply::Meaning;

/// What a verb's row says: whether it is served, needs a login, is possible during a transfer
/// (`busy`). If not, that has been said.
pub(super) fn may_say(cx: &mut Context, verb: Verb, busy: bool) -> bool {
    let Some(row) = verb.row() else { return true };
    if row.served == Served::No || !security::serves(&cx.config, verb) {
        mistake::not_implemented(cx, verb);
    } else if matches!(verb, Verb::User | Verb::Pass) && security::must_begin(cx) {
        cx.out.reply(Meaning::NotLoggedIn, "Send AUTH TLS first: nobody logs in in clear here");
    } else if row.login == Login::After && cx.user().is_none() {
        login::missing(cx);
    } else if moves_data(verb) && security::must_protect(cx) {
        cx.out.reply(Meaning::DataInClear, "Send PBSZ 0 and PROT P first: no data in clear here");
    } else if row.busy == Busy::Refuse && busy {
        let text = format!("{} is not possible during a transfer", row.name); // B22
        cx.out.reply(Meaning::WhileTransfer, text);
    } else {
        return true;
    }
    false
}
