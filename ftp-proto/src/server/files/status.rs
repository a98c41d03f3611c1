//! STAT of a path.

use super::question::{Waits, ask, unexpected};
use crate::command::Verb;
use crate::listing::{Kind, facts_line};
use crate::reply::Meaning;
use crate::server::ask::{FileAsk, Found};
use crate::server::context::Context;
use crate::wire::PathName;

/// How many entries of a directory STAT shows on the control connection.
const MAX_STATUS_ENTRIES: usize = 200;

/// STAT of a path: the facts of a file, or the entries of a directory.
pub(in crate::server) fn stat(cx: &mut Context, name: &PathName) -> Waits {
    let path = cx.resolve(name)?;
    ask(cx, Verb::Stat, path.clone(), FileAsk::Facts(path), |cx, path, found| {
        let Found::Entry(mut entry) = found else { return unexpected(cx) };
        if matches!(entry.kind, Kind::Directory | Kind::Current | Kind::Parent) {
            let question = FileAsk::List(path.clone(), MAX_STATUS_ENTRIES);
            return ask(cx, Verb::Stat, path, question, say_entries);
        }
        entry.name = path.clone();
        say_entries(cx, path, Found::Entries(vec![entry], false))
    })
}

fn say_entries(cx: &mut Context, _: PathName, found: Found) -> Waits {
    let Found::Entries(entries, more) = found else { return unexpected(cx) };
    let facts = cx.parameters.facts.as_deref();
    let mut lines: Vec<Vec<u8>> =
        entries.iter().take(MAX_STATUS_ENTRIES).map(|entry| facts_line(entry, facts)).collect();
    if more || entries.len() > MAX_STATUS_ENTRIES {
        lines.push(b"and more: send MLSD".to_vec());
    }
    cx.out.status(Meaning::FileStatus, "Status", &lines);
    None
}
