//! HASH: digests of files.

use super::question::{Waits, ask, said, unexpected};
use crate::command::Verb;
use crate::digest;
use crate::reply::Meaning;
use crate::server::ask::{FileAsk, Found};
use crate::server::context::Context;
use crate::wire::PathName;

/// HASH (draft-ietf-ftpext2-hash). The reply repeats the name as the client sent it.
pub(in crate::server) fn hash(cx: &mut Context, name: PathName) -> Waits {
    let path = cx.resolve(&name)?;
    let question = FileAsk::Hash(path, cx.parameters.algorithm);
    ask(cx, Verb::Hash, name, question, |cx, name, found| {
        let Found::Digest(digest, size) = found else { return unexpected(cx) };
        said(cx, Meaning::FileFact, digest::format_answer(&digest, size, name.as_bytes()))
    })
}
