//! Whether a command may run now, according to the row of its verb.

use super::bad_line;
use super::queue::Waiting;
use crate::command::verbs::{Busy, Login, ServerSupport};
use crate::command::{Command, Verb};
use crate::reply::Meaning;
use crate::server::ask::Event;
use crate::server::context::Context;
use crate::server::{login, tls};

/// What the row of a line's verb says: whether it is served, needs a login, is possible during a transfer
/// (`busy`). If not, the reply has been sent. A line without a verb may be said.
pub(super) fn may_run(cx: &mut Context, waiting: &Waiting, busy: bool) -> bool {
    let Some((verb, row)) = waiting.verb().and_then(|verb| Some((verb, verb.row()?))) else { return true };
    if row.served == ServerSupport::No || !tls::serves(&cx.config, verb) {
        bad_line::not_implemented(cx, verb);
    } else if matches!(verb, Verb::User | Verb::Pass) && tls::must_send_auth(cx) {
        if let Waiting::Command(Command::User(name)) = waiting
            && !std::mem::replace(&mut cx.told_clear_login, true)
        {
            cx.out.event(Event::LoginInClear { name: name.clone() });
        }
        cx.out.reply(Meaning::NotLoggedIn, "Send AUTH TLS first: nobody logs in in clear here");
    } else if row.login == Login::After && cx.user().is_none() {
        login::missing(cx);
    } else if waiting.moves_data() && tls::must_send_prot(cx) {
        cx.out.event(Event::DataInClear { verb });
        cx.out.reply(Meaning::DataInClear, "Send PBSZ 0 and PROT P first: no data in clear here");
    } else if row.busy == Busy::Refuse && busy {
        let text = format!("{} is not possible during a transfer", row.name); // B22
        cx.out.reply(Meaning::WhileTransfer, text);
    } else {
        return true;
    }
    false
}
