//! What names are at an end, and whether what was stored there is on its disk.

use super::disk::{AskedDisk, make_stable_here};
use super::files::{self, Lack};
use super::host::Host;
use crate::context::Context;
use crate::failure::Result;
use crate::place;
use crate::session::{Facts, SessionId};
use ftp_proto::deletion::{Learnt, Presence, Witness};
use ftp_proto::wire::PathName;
use std::sync::Arc;

/// What a path names, where a symbolic link is one; `None` if that is nothing.
///
/// # Errors
/// Fails if it cannot be determined.
pub(crate) async fn entry(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    match host {
        Host::Server(server) => files::facts(server.session(context).await?, path).await,
        Host::Local(end) => end.entry(path),
    }
}

/// Whether a host has something of each of these names, which its listing has not shown; `None` if it does not tell.
///
/// # Errors
/// Fails if it cannot be asked.
pub(crate) async fn have(
    context: &Context,
    host: &mut Host,
    paths: &[PathName],
) -> Result<Vec<Option<bool>>> {
    match host {
        Host::Server(server) => files::have(server.session(context).await?, paths).await,
        Host::Local(end) => Ok(paths.iter().map(|path| Some(end.entry(path).ok()?.is_some())).collect()),
    }
}

/// Whether a host lacks each of these names of a directory; `None` is the login directory. On this host a name is lacking only if
/// the system says so (ENOENT).
///
/// # Errors
/// Fails if the session is lost.
pub(crate) async fn lack(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &[PathName],
) -> Result<Learnt<Vec<Lack>>> {
    match host {
        Host::Server(server) => {
            let session = server.session(context).await?;
            let said = Box::pin(files::lack(session, directory, names)).await?;
            Ok(Learnt::new(said, session.id))
        }
        Host::Local(end) => {
            let presence = |name: &PathName| match end.entry(&place::join(directory, name)) {
                Ok(None) => Presence::Missing,
                Ok(Some(_)) => Presence::There,
                Err(_) => Presence::Unknown,
            };
            let lack = |presence| Lack { presence, witness: Witness::NotNeeded, is_listed_whole: true };
            Ok(Learnt::new(names.iter().map(|name| lack(presence(name))).collect(), SessionId::HERE))
        }
    }
}

/// Waits until files and their names are on stable storage, as far as that can be known: those of this host, and all that
/// an `ftp-server` has. Another server cannot be asked. A server that does not answer is asked no second time about the same
/// files: it may have told a failure.
pub(crate) async fn make_stable(context: &Context, host: &mut Host, paths: &[&PathName]) -> AskedDisk {
    let server = match host {
        Host::Server(server) => server,
        Host::Local(end) => return make_stable_here(end.files(), paths).await,
    };
    let pool = Arc::clone(&server.pool);
    let asked = async { files::make_stable(server.session(context).await?).await };
    pool.disk.ask(context.world.clock, asked).await
}

/// Whether the listings of the host tell symbolic links from directories for certain.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn shows_links(context: &Context, host: &mut Host) -> Result<bool> {
    host.learn(context, true, |session| session.manners.shows_links()).await
}

/// The login directory of a server, if it tells it. This host has none.
///
/// # Errors
/// Fails if the server cannot be asked.
pub(crate) async fn login_directory(context: &Context, host: &mut Host) -> Result<Option<PathName>> {
    let Host::Server(server) = host else { return Ok(None) };
    let told = server.session(context).await?.current().await?;
    if let Some(directory) = &told {
        server.pool.note_login_directory(directory);
    }
    Ok(told)
}
