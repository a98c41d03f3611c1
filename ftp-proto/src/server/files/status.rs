//! STAT of a path: what LIST sends, on the control connection. Some clients list by it.

use super::question::{Waits, ask, unexpected};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk};
use crate::server::context::Context;
use crate::wire::PathName;

/// How many entries of a directory STAT shows on the control connection.
const MAX_STATUS_ENTRIES: usize = 200;

/// STAT of a path: a file, or the entries of a directory.
pub(in crate::server) fn stat(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Stat, path.clone(), FileAsk::List(path, MAX_STATUS_ENTRIES), |cx, _, found| {
        let FileAnswer::Lines { lines, more, omitted } = found else { return unexpected(cx) };
        let mut last = String::from("End");
        if more {
            last.push_str(", and there is more: send MLSD");
        }
        if omitted > 0 {
            last.push_str(&format!("; omitted {omitted}")); // FTP cannot carry these names
        }
        cx.out.listing(Meaning::FileStatus, "Status", &lines, &last);
        None
    })
}
