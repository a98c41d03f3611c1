//! Whether a command may run now, according to the row of its verb, and the replies to lines that are no command.

use super::queue::Waiting;
use crate::command::verbs::{Busy, Login, ServerSupport};
use crate::command::{Command, CommandError, Fault, Verb};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::server::ask::Event;
use crate::server::context::Context;
use crate::server::{login, setup, tls};

/// What the row of a line's verb says: whether it is served, needs a login, is possible during a transfer
/// (`busy`). If not, the reply has been sent. A line without a verb may be said.
pub(super) fn may_run(cx: &mut Context, waiting: &Waiting, busy: bool) -> bool {
    let Some((verb, row)) = waiting.verb().and_then(|verb| Some((verb, verb.row()?))) else { return true };
    if row.served == ServerSupport::No || !tls::serves(&cx.config, verb) {
        reply_not_implemented(cx, verb);
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

/// Says what is wrong with a line.
pub(super) fn reply_bad_line(cx: &mut Context, CommandError { verb, fault }: &CommandError) {
    let (meaning, text) = match fault {
        Fault::Unknown => (Meaning::Unrecognised, "That command is not known"),
        Fault::Empty if cx.config.dialect == Dialect::Rfc354 => (Meaning::Okay, "Blank line ignored"),
        Fault::Empty => (Meaning::Unrecognised, "A command was expected"),
        Fault::Syntax => (Meaning::Syntax, "That argument is not understood"),
        Fault::Missing => (Meaning::Missing, "An argument is missing"),
        // TENEX: "503 Host number out of range 0 - 255.", "503 Socket number out of range."
        Fault::UnknownHost => (Meaning::OutOfRange, "Host number out of range"),
        Fault::OutOfRange => (Meaning::OutOfRange, "Number out of range"),
        Fault::NotAPort => (Meaning::NotAPort, "That socket number is no port"),
        Fault::Unserved => (Meaning::ParameterNotImplemented, "That value is not served here"),
        Fault::BadName => (Meaning::Syntax, "A name cannot contain NUL or a line feed"),
    };
    if *verb == Some(Verb::Sock) {
        setup::drop_sock(cx); // B06
    }
    if *verb == Some(Verb::Rang) {
        cx.parameters.range = None; // draft-bryan-ftp-range 3
    }
    cx.out.reply(meaning, text);
}

/// The reply to a verb that is known but not served.
pub(super) fn reply_not_implemented(cx: &mut Context, verb: Verb) {
    cx.out.reply(Meaning::NotImplemented, format!("{} is not implemented here", verb.name()));
}
