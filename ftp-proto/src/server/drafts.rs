//! The commands of drafts, of today's practice and of this suite alone: who serves which.

use super::context::Context;
use super::files::{self, Waits};
use super::transfer::request::{self, Request};
use super::{inform, setup};
use crate::command::{Extension, Practice};
use crate::dialect::Dialect;
use crate::reply::Meaning;

/// Serves a command. Returns the question that it waits for, if its reply has not been sent.
pub(super) fn begin(cx: &mut Context, practice: Practice) -> Waits {
    match practice {
        Practice::Mfmt(time, name) => return files::mfmt(cx, time, &name),
        Practice::Mff(facts, name) => return files::mff(cx, &facts, &name),
        Practice::Avbl(name) => return files::avbl(cx, name.as_ref()),
        Practice::Site(site) => return files::site(cx, site),
        Practice::Clnt(_) => cx.out.reply(Meaning::Okay, "Noted"),
        Practice::Csid(_) => inform::csid(cx),
        Practice::Host(name) => inform::host(cx, &name),
        Practice::Lang(language) => inform::lang(cx, language.as_deref()),
        Practice::Cepr(on) => cx.parameters.set_names_address(on, &mut cx.out),
    }
    None
}

/// Serves a command of docs/protocol/extensions.md. Returns the transfer that it asks for.
pub(super) fn extension(cx: &mut Context, extension: Extension) -> Option<Request> {
    match extension {
        // The digest stands in a reply of several lines, which a client of 1973 would misread.
        Extension::Dgst(_) if cx.config.dialect == Dialect::Rfc354 => {
            cx.out.reply(Meaning::NotImplemented, "DGST is not implemented here");
        }
        Extension::Dgst(digest) => cx.parameters.set_digest(digest, &mut cx.out),
        Extension::Rate(rate) => cx.parameters.set_rate(rate, &mut cx.out),
        Extension::Rsym(on) => setup::rsym(cx, on),
        Extension::Prob(direction) => return request::prob(cx, direction),
    }
    None
}
