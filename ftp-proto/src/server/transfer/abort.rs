//! What ABOR is answered, whatever is under way.

use crate::reply::Meaning;
use crate::server::context::Context;

/// Nothing moves: PASV and EPSV end (RFC 2428 3, D13), LSTN's listener stays (E08).
pub(in crate::server) fn nothing(cx: &mut Context) {
    cx.sockets.end_passive(&mut cx.out);
    cx.sockets.rendezvous = None;
    cx.out.reply(Meaning::NothingToAbort, "There is nothing to abort");
}

/// Something was ended that had moved nothing: its own reply comes first, then that of ABOR (E07).
pub(in crate::server) fn ended(cx: &mut Context) {
    cx.out.reply(Meaning::TransferAborted, "Aborted");
    cx.out.reply(Meaning::Aborted, "ABOR done");
}
