//! AUTH, PBSZ, PROT, CCC, SSCN, PINC (RFC 4217), and the handshake of the control connection.

use super::ask::{Answer, Ask, Event, Handshake, Ticket};
use super::config::{Config, Timer, TlsStart};
use super::context::Context;
use super::login;
use super::outbox::Outbox;
use crate::command::{Mechanism, Protection, Verb};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::wire::Fingerprint;
use std::ops::ControlFlow;

/// Whether this listener serves `verb`, as far as its dialect and TLS are concerned.
pub(super) const fn serves(config: &Config, verb: Verb) -> bool {
    let needs_tls = matches!(
        verb,
        Verb::Auth | Verb::Pbsz | Verb::Prot | Verb::Ccc | Verb::Sscn | Verb::Cpsv | Verb::Pinc
    );
    let has_tls = matches!(config.dialect, Dialect::Rfc959) && !matches!(config.tls.begin, TlsStart::Never);
    // The replies to PACK have several lines, which a client of 1973 would misread.
    let has_lines = matches!(config.dialect, Dialect::Rfc959);
    (has_tls || !needs_tls) && (has_lines || !matches!(verb, Verb::Pack))
}

/// Whether a client of today needs not send AUTH: this listener has no TLS, and takes a login in clear.
pub(super) const fn is_absent(config: &Config) -> bool {
    matches!(config.dialect, Dialect::Rfc959) && !serves(config, Verb::Auth) && !config.tls.required
}

/// Whether the client must send AUTH before it may log in.
pub(super) fn must_send_auth(cx: &Context) -> bool {
    cx.config.tls.required && !cx.tls.is_inside_tls()
}

/// Whether a transfer is refused because its data connection would be in clear.
pub(super) fn must_send_prot(cx: &Context) -> bool {
    needs_private_data(cx) && !cx.tls.private
}

/// Whether no data may go in clear, because of the listener or of the account.
fn needs_private_data(cx: &Context) -> bool {
    cx.config.tls.required || cx.user().is_some_and(|user| user.account.require_tls)
}

/// AUTH. Returns the handshake that the session waits for from now on. Nothing that was sent before it
/// counts any more: anybody could have sent it.
pub(super) fn auth(cx: &mut Context, mechanism: &Mechanism) -> Option<Ticket> {
    if cx.tls.is_inside_tls() {
        return cx.reply_only(Meaning::BadSequence, "The control connection is inside TLS already");
    }
    let old = match mechanism {
        Mechanism::Tls => false,
        Mechanism::Ssl => true,
        Mechanism::Unserved(_) => {
            return cx.reply_only(Meaning::ParameterNotImplemented, "Only AUTH TLS is served");
        }
    };
    login::reset(cx); // F02
    if old {
        cx.tls.make_data_private();
    }
    let last = cx.out.compose(Meaning::TlsBegins, &[b"Begin TLS now"]);
    Some(begin(cx, last))
}

/// The handshake that comes before the greeting of a listener for implicit TLS.
pub(super) fn implicit(cx: &mut Context) -> Ticket {
    cx.tls.make_data_private();
    begin(cx, Vec::new())
}

fn begin(cx: &mut Context, last: Vec<u8>) -> Ticket {
    let ticket = cx.out.ticket();
    cx.out.ask(Ask::Secure { ticket, last });
    cx.arm(Timer::Handshake, cx.config.timeouts.handshake);
    ticket
}

/// REIN: back to the state after the greeting (A23). TLS that AUTH has begun ends after the reply (F13,
/// RFC 4217 13); then the session waits for that.
pub(super) fn rein(cx: &mut Context) -> Option<Ticket> {
    login::reset(cx);
    if cx.config.tls.begin == TlsStart::Implicit {
        cx.tls.make_data_private();
    }
    let text = "All parameters are as at the start; log in again";
    if !cx.tls.is_inside_tls() || cx.config.tls.begin == TlsStart::Implicit {
        return cx.reply_only(Meaning::Reinitialized, text);
    }
    let last = cx.out.compose(Meaning::Reinitialized, &[text.as_bytes()]);
    let ticket = cx.out.ticket();
    cx.out.ask(Ask::Clear { ticket, last });
    cx.arm(Timer::Handshake, cx.config.timeouts.handshake);
    Some(ticket)
}

/// The handshake of the control connection, or its end, is over. Breaks if it has failed: nothing can be said.
pub(super) fn secured(cx: &mut Context, answer: Answer) -> ControlFlow<()> {
    cx.timers.disarm(Timer::Handshake);
    if let Answer::Secured(Handshake { leaf, .. }) = answer {
        cx.tls.secured(leaf);
        return ControlFlow::Continue(());
    }
    if let Answer::Cleared = answer {
        cx.tls.cleared();
        return ControlFlow::Continue(());
    }
    if let Answer::Failed(why) = answer {
        cx.out.event(Event::NotPrivate { from: cx.connection.peer, why });
    }
    ControlFlow::Break(())
}

/// PBSZ. With TLS nothing is protected in pieces, so the size is always 0 (RFC 4217 8).
pub(super) fn pbsz(cx: &mut Context) {
    if needs_tls(cx) {
        return;
    }
    cx.tls.pbsz = true;
    cx.out.reply(Meaning::Okay, "PBSZ=0");
}

/// PROT (RFC 4217 9).
pub(super) fn prot(cx: &mut Context, level: Protection) {
    if needs_tls(cx) {
        return;
    }
    if !cx.tls.pbsz {
        return cx.out.reply(Meaning::BadSequence, "Send PBSZ 0 first"); // F01
    }
    match level {
        Protection::Private => {
            cx.tls.private = true;
            cx.out.reply(Meaning::Okay, "Data connections are private");
        }
        Protection::Clear if needs_private_data(cx) => {
            cx.out.reply(Meaning::SecurityDenied, "Data connections must be private here");
        }
        Protection::Clear => {
            cx.tls.private = false;
            cx.out.reply(Meaning::Okay, "Data connections are in clear");
        }
        Protection::Unserved => cx.out.reply(Meaning::LevelNotServed, "TLS has only the levels C and P"),
        Protection::Unknown => cx.out.reply(Meaning::ParameterNotImplemented, "No such level"),
    }
}

/// CCC: refused, because a host between the two ends could go on in the name of the user (F09).
pub(super) fn ccc(cx: &mut Context) {
    if !needs_tls(cx) {
        cx.out.reply(Meaning::SecurityDenied, "The control connection stays private");
    }
}

/// SSCN: sets who is the TLS client where files move, or tells it (F04).
pub(super) fn sscn(cx: &mut Context, client: Option<bool>) {
    if needs_tls(cx) {
        return;
    }
    if let Some(client) = client {
        cx.tls.client = client;
    }
    let method = if cx.tls.client { "CLIENT" } else { "SERVER" };
    cx.out.reply(Meaning::Okay, format!("SSCN:{method} METHOD"));
}

/// PINC: names the certificate that the other end must show.
pub(super) fn pinc(cx: &mut Context, pin: Option<Fingerprint>) {
    if needs_tls(cx) {
        return;
    }
    cx.tls.pin = pin;
    let text = match pin {
        Some(_) => "The other end of data connections must show that certificate",
        None => "Any certificate",
    };
    cx.out.reply(Meaning::Okay, text);
}

/// Whether the control connection is in clear. If it is, the refusal was sent.
pub(super) fn needs_tls(cx: &mut Context) -> bool {
    let clear = !cx.tls.is_inside_tls();
    if clear {
        say_needs_tls(&mut cx.out);
    }
    clear
}

fn say_needs_tls(out: &mut Outbox) {
    out.reply(Meaning::BadSequence, "Send AUTH TLS first");
}
