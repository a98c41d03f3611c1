//! Names that a server may not keep as they are: what it shows is compared with what was asked for.

use super::list::list_each_at_server;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{self, Failure, Result};
use crate::place;
use crate::session::Session;
use ftp_proto::command::Command;
use ftp_proto::listing::Entry;
use ftp_proto::manners::{ShownName, entry_in, is_alike};
use ftp_proto::wire::PathName;

/// Checks that a file to be sent is the one that `path` names, and not another one that the server takes
/// for it. A server that cannot tell is believed.
///
/// # Errors
///
/// The server shows the file under another name.
pub async fn check_stored_name(context: &Context, host: &mut Host, path: &PathName) -> Result<()> {
    let Host::Server(server) = host else { return Ok(()) };
    match check_stored_name_at_server(server.session(context).await?, path).await {
        Err(failure) if failure.kind == failure::Kind::Unverified => Err(failure),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Checks that the server has stored the name of `path` unchanged: by MLST, or by the listing of its
/// directory. ASCII names are not checked. If one non-ASCII name is right, later ones are not checked.
///
/// # Errors
///
/// Fails if the server shows another name, or if it cannot be asked.
pub(super) async fn check_stored_name_at_server(session: &mut Session, path: &PathName) -> Result<()> {
    session.check_name(path).await?;
    if session.manners.keeps(path) {
        return Ok(());
    }
    let mut is_kept = false;
    if session.manners.capabilities.mlst.is_some() {
        let answer = session.ask(Command::Mlst(Some(path.clone()))).await?;
        if let Some(entry) = entry_in(&answer) {
            check_shown_name(session, path, &entry.name)?;
            is_kept = session.manners.names.has_kept(path);
        }
    }
    let Some((directory, name)) = first_non_ascii(path).filter(|_| !is_kept) else {
        return Ok(());
    };
    let mut is_shown = false;
    let mut look = |entry: Entry| is_shown |= is_alike(name.as_bytes(), entry.name.as_bytes());
    list_each_at_server(session, directory.as_ref(), &mut look).await?;
    if is_shown {
        session.manners.names.note_kept(path);
        return Ok(());
    }
    Err(changed(path, &format!("{} does not list it", session.title)))
}

/// Checks that MLST of `path` found that path. `shown` is the name in the reply.
pub(super) fn check_shown_name(session: &mut Session, path: &PathName, shown: &PathName) -> Result<()> {
    match session.manners.names.compare(path, shown) {
        ShownName::Kept | ShownName::Unclear => Ok(()),
        ShownName::Changed => {
            Err(changed(path, &format!("{} shows it as {}", session.title, shown.display())))
        }
    }
}

/// The failure if a server has another name than the one that was asked for.
fn changed(path: &PathName, why: &str) -> Failure {
    Failure::new(failure::Kind::Unverified, format!("{} is another name on the server", path.display()))
        .said(why)
        .hint("it cannot keep letters beyond ASCII: choose a name without them")
}

/// The first non-ASCII name of a path, and its directory.
fn first_non_ascii(path: &PathName) -> Option<(Option<PathName>, PathName)> {
    let (mut found, mut here) = (None, Some(path.clone()));
    while let Some(path) = here {
        let above = place::parent(&path).filter(|above| *above != path);
        if let Some(name) = place::base_name(&path).filter(|name| !name.as_bytes().is_ascii()) {
            found = Some((above.clone(), name));
        }
        here = above;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_non_ascii_name_is_looked_for_in_its_directory() {
        let check = |path: &str, expect: Option<(Option<&str>, &str)>| {
            let found = first_non_ascii(&PathName::from_user(path).unwrap());
            let found = found.map(|(directory, name)| (directory.map(|d| d.display()), name.display()));
            let expect = expect.map(|(directory, name)| (directory.map(str::to_owned), name.to_owned()));
            assert_eq!(found, expect, "{path}");
        };
        check("ż", Some((None, "ż")));
        check("/ż", Some((Some("/"), "ż")));
        check("d/ż/ó/a", Some((Some("d"), "ż")));
        check("/d/a", None);
    }
}
