//! What ABOR is answered, whatever is under way.

use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::server::context::Context;

/// Nothing moves: PASV and EPSV end (RFC 2428 3, D13), LSTN's listener stays (E08). Today's reply is 226
/// (RFC 959 4.1.3, the first case of ABOR): clients whose data connection broke just before they said ABOR
/// wait for it.
pub(in crate::server) fn idle(cx: &mut Context) {
    end_passive(cx);
    let meaning = match cx.config.dialect {
        Dialect::Rfc354 => Meaning::NothingToAbort,
        Dialect::Rfc959 => Meaning::Aborted,
    };
    cx.out.reply(meaning, "There is nothing to abort");
}

/// Another ABOR has been heard, and its replies are still to come: 226 would be taken for one of them.
pub(in crate::server) fn again(cx: &mut Context) {
    end_passive(cx);
    cx.out.reply(Meaning::NothingToAbort, "There is nothing to abort");
}

fn end_passive(cx: &mut Context) {
    cx.sockets.end_passive(&mut cx.out);
    cx.sockets.rendezvous = None;
}

/// Something was ended that had moved nothing: its own reply comes first, then that of ABOR (E07).
pub(in crate::server) fn ended(cx: &mut Context) {
    cx.out.reply(Meaning::TransferAborted, "Aborted");
    cx.out.reply(Meaning::Aborted, "ABOR done");
}
