//! What a surplus name is right before it is deleted. Servers look through a symbolic link when they are asked for one name,
//! so a link is looked for in the listing of its directory.

use crate::context::Context;
use crate::endpoint::{self, Host, Reached};
use crate::failure::Failure;
use crate::job::retrying::outage::asked;
use crate::place;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// The symbolic links of the directory of a server that was listed last.
#[derive(Debug, Default)]
pub(super) struct Links {
    last: Option<Directory>,
}

/// A directory that was listed.
#[derive(Debug)]
struct Directory {
    path: Option<PathName>,
    links: HashSet<PathName>,
    /// How often it was asked: somebody may have put a file in the place of a link meanwhile.
    asked: usize,
}

impl Links {
    /// What has the name now that its listing has shown as `seen`; `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// It cannot be determined.
    pub(super) async fn now(
        &mut self,
        context: &Context,
        host: &mut Host,
        reached: &Reached,
        seen: &Facts,
    ) -> Result<Option<Facts>, Failure> {
        if seen.kind == Kind::Link && !host.is_local() && self.has(context, host, reached.path()).await? {
            return Ok(Some(Facts { kind: Kind::Link, ..seen.clone() }));
        }
        asked(context, host, async |host| reached.facts(context, host).await).await
    }

    /// Whether the listing of its directory shows a symbolic link at `path`, and nothing else.
    async fn has(&mut self, context: &Context, host: &mut Host, path: &PathName) -> Result<bool, Failure> {
        let Some(name) = place::base_name(path) else { return Ok(false) };
        let directory = place::parent(path);
        if let Some(last) =
            self.last.as_mut().filter(|last| last.path == directory && last.asked < MOST_ASKED)
        {
            last.asked += 1;
            return Ok(last.links.contains(&name));
        }
        let names = asked(context, host, async |host| {
            endpoint::list_certain_links(context, host, directory.as_ref()).await
        });
        let links = names.await?;
        let is_there = links.contains(&name);
        self.last = Some(Directory { path: directory, links, asked: 1 });
        Ok(is_there)
    }
}

/// The number of names that are looked for in one listing.
const MOST_ASKED: usize = 100;
