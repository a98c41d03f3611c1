//! Whether a command may be said now: what the row of its verb says.

use super::bad_line;
use crate::command::Verb;
use crate::command::verbs::{Busy, Login, Served};
use crate::reply::Meaning;
use crate::server::context::Context;
use crate::server::transfer::request::moves_data;
use crate::server::{login, tls};

/// What a verb's row says: whether it is served, needs a login, is possible during a transfer
/// (`busy`). If not, that has been said.
pub(super) fn may_run(cx: &mut Context, verb: Verb, busy: bool) -> bool {
    let Some(row) = verb.row() else { return true };
    if row.served == Served::No || !tls::serves(&cx.config, verb) {
        bad_line::not_implemented(cx, verb);
    } else if matches!(verb, Verb::User | Verb::Pass) && tls::must_send_auth(cx) {
        cx.out.reply(Meaning::NotLoggedIn, "Send AUTH TLS first: nobody logs in in clear here");
    } else if row.login == Login::After && cx.user().is_none() {
        login::missing(cx);
    } else if moves_data(verb) && tls::must_send_prot(cx) {
        cx.out.reply(Meaning::DataInClear, "Send PBSZ 0 and PROT P first: no data in clear here");
    } else if row.busy == Busy::Refuse && busy {
        let text = format!("{} is not possible during a transfer", row.name); // B22
        cx.out.reply(Meaning::WhileTransfer, text);
    } else {
        return true;
    }
    false
}
