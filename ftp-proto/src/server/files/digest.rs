//! HASH, XCRC and its relatives: digests of files, or of the part that RANG or the command names.

use super::question::{Long, Waits, ask, long, said, unexpected};
use crate::command::{Verb, XDigest};
use crate::digest;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk};
use crate::server::context::Context;
use crate::wire::{ByteRange, PathName};

/// HASH (draft-ietf-ftpext2-hash). The reply repeats the name as the client sent it.
pub(in crate::server) fn hash(cx: &mut Context, name: PathName) -> Waits {
    let range = cx.parameters.take_range();
    let path = cx.resolve(&name)?;
    let question = FileAsk::Hash { path, algorithm: cx.parameters.algorithm, range };
    let waits = ask(cx, Verb::Hash, name, question, |cx, name, found| {
        let FileAnswer::Digest(digest, range) = found else { return unexpected(cx) };
        said(cx, Meaning::FileFact, digest::format_answer(&digest, range, name.as_bytes()))
    });
    long(cx, Long::Digest(Meaning::FileFact), waits)
}

/// XCRC and its relatives. Clients look for the hexadecimal digits alone, in upper case.
pub(in crate::server) fn x_digest(
    cx: &mut Context,
    digest: XDigest,
    name: PathName,
    range: Option<ByteRange>,
) -> Waits {
    let noted = cx.parameters.take_range();
    let path = cx.resolve(&name)?;
    let range = range.unwrap_or(noted);
    let question = FileAsk::Hash { path, algorithm: digest.algorithm(), range };
    let waits = ask(cx, digest.verb(), name, question, |cx, _, found| {
        let FileAnswer::Digest(digest, _) = found else { return unexpected(cx) };
        said(cx, Meaning::FileDigest, digest.hex.to_ascii_uppercase())
    });
    long(cx, Long::Digest(Meaning::FileDigest), waits)
}
