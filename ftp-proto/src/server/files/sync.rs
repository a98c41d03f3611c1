//! SITE SYNC: what the account has stored, renamed or made is on stable storage before the reply is sent.

use super::question::{Long, Waits, long, perform, said};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::FileAsk;
use crate::server::context::Context;

/// What the reply says.
const SYNCED: &str = "Everything is on stable storage";

/// SITE SYNC. An account that may change nothing has stored nothing.
pub(super) fn sync(cx: &mut Context) -> Waits {
    if cx.may_change_nothing() {
        return said(cx, Meaning::Okay, SYNCED);
    }
    let waits = perform(cx, Verb::Site, FileAsk::Sync, Meaning::Okay, SYNCED);
    long(cx, Long::Sync, waits)
}
