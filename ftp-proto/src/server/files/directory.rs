//! CWD, CDUP, PWD, MKD, RMD: directories.

use super::question::{Waits, ask, said, unexpected};
use crate::command::Verb;
use crate::reply::Meaning;
use crate::server::ask::{FileAnswer, FileAsk};
use crate::server::context::Context;
use crate::server::context::path;
use crate::wire::PathName;

/// CWD: changes the working directory.
pub(in crate::server) fn cwd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    enter(cx, path)
}

/// CDUP: changes to the parent of the working directory.
pub(in crate::server) fn cdup(cx: &mut Context) -> Waits {
    let path = path::parent(&cx.parameters.cwd);
    enter(cx, path)
}

fn enter(cx: &mut Context, path: PathName) -> Waits {
    ask(cx, Verb::Cwd, path.clone(), FileAsk::Enter(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        let text = [path.quoted().as_slice(), b" is the working directory"].concat();
        cx.parameters.cwd = path;
        said(cx, Meaning::DirectoryDone, text)
    })
}

/// PWD: names the working directory.
pub(in crate::server) fn pwd(cx: &mut Context) {
    let text = [cx.parameters.cwd.quoted().as_slice(), b" is the working directory"].concat();
    cx.out.reply(Meaning::DirectoryName, text);
}

/// MKD: makes a directory.
pub(in crate::server) fn mkd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    ask(cx, Verb::Mkd, path.clone(), FileAsk::MakeDirectory(path), |cx, path, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryName, [path.quoted().as_slice(), b" made"].concat())
    })
}

/// RMD: removes an empty directory.
pub(in crate::server) fn rmd(cx: &mut Context, name: &PathName) -> Waits {
    let path = path::plain(cx.resolve(name)?);
    ask(cx, Verb::Rmd, path.clone(), FileAsk::RemoveDirectory(path), |cx, _, found| {
        let FileAnswer::Done = found else { return unexpected(cx) };
        said(cx, Meaning::DirectoryDone, "Directory removed")
    })
}
