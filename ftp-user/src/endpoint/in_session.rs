//! The session that an end has, and those that were lost.

use super::host::Host;
use super::losses::Losses;
use crate::context::Context;
use crate::remote;
use crate::session::SessionId;
use ftp_proto::command::FileToSend;
use ftp_proto::wire::PathName;

impl Host {
    /// The number of its session, if one is open.
    pub fn session_id(&mut self) -> Option<SessionId> {
        match self {
            Self::Server(server) => server.session_id(),
            Self::Local(_) => None,
        }
    }

    /// Says goodbye on the sessions with the server that nobody uses.
    pub async fn quit_idle(&self) {
        if let Self::Server(server) = self {
            server.pool.quit_idle().await;
        }
    }

    /// Whether the session that it has is still open, as far as that is seen without a question. This host always is.
    pub async fn is_alive(&mut self, context: &Context) -> bool {
        match self {
            Self::Server(server) => server.is_connected(context).await,
            Self::Local(_) => true,
        }
    }

    /// Whether its listings tell as much of a file as a question for that file. Files of this host are looked at one by one.
    pub fn lists_facts(&mut self) -> bool {
        match self {
            Self::Server(server) => {
                server.open().is_some_and(|session| session.manners.capabilities.mlst.is_some())
            }
            Self::Local(_) => false,
        }
    }

    /// Whether each of these files of a directory is there as it is described. `false` says nothing: it is to be asked for alone,
    /// as all files of this host are.
    pub async fn are_same(
        &mut self,
        context: &Context,
        directory: &PathName,
        files: &[FileToSend],
    ) -> Vec<bool> {
        if let Self::Server(server) = self
            && let Ok(session) = server.session(context).await
        {
            return Box::pin(remote::are_same(session, directory, files)).await;
        }
        vec![false; files.len()]
    }

    /// Whether it deletes files of which a command says what they must be, and no others.
    pub fn deletes_if_same(&mut self) -> bool {
        match self {
            Self::Server(server) => server.open().is_some_and(|session| session.manners.deletes_if_same()),
            Self::Local(_) => false,
        }
    }

    /// Whether it removes no directory that has anything in it. Some servers remove everything.
    pub fn keeps_full_directories(&mut self) -> bool {
        match self {
            Self::Server(server) => server.open().is_some_and(|session| session.is_ours()),
            Self::Local(_) => true,
        }
    }

    /// The sessions that were lost, if it is a server.
    pub fn losses(&self) -> Option<&Losses> {
        match self {
            Self::Server(server) => Some(&server.pool.losses),
            Self::Local(_) => None,
        }
    }
}
