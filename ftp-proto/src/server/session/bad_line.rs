//! The reply to a line that is no command.

use crate::command::{CommandError, Fault, Verb};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::server::context::Context;
use crate::server::setup;

/// Says what is wrong with a line.
pub(super) fn reply(cx: &mut Context, CommandError { verb, fault }: &CommandError) {
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
pub(super) fn not_implemented(cx: &mut Context, verb: Verb) {
    cx.out.reply(Meaning::NotImplemented, format!("{} is not implemented here", verb.name()));
}
