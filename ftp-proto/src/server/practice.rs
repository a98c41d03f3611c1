//! The commands of drafts and of today's practice: who serves which.

use super::context::Context;
use super::files::{self, Waits};
use super::inform;
use crate::command::Practice;
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
