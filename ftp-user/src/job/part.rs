//! The name under which an attempt stores a file. In the end the part gets its final name or is deleted.

use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::journal::PartId;
use crate::place;
use ftp_proto::wire::PathName;
use std::time::Duration;

/// A file that is not complete or not verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Its name: in the directory of the target, so that renaming it is enough to publish it.
    pub(super) stored: PathName,
    /// The final name of the file.
    pub(super) target: PathName,
}

/// A random number for a part.
pub(super) fn new_id() -> Result<PartId, Failure> {
    let number: [u8; 8] = ftp_io::random::bytes()
        .map_err(|error| Failure::new(Kind::Other, format!("no random number: {error}")))?;
    Ok(PartId(u64::from_be_bytes(number)))
}

/// What became of a part that was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Discarded {
    /// How many bytes were stored, if that is known.
    pub(super) bytes: Option<u64>,
    /// Whether nothing of it is left.
    pub(super) gone: bool,
}

impl Part {
    /// The part with that number.
    pub(super) fn new(id: PartId, target: &PathName) -> Result<Self, Failure> {
        let PartId(id) = id;
        let name = PathName::from_user(format!(".{id:016x}.ftp-user.part"))
            .map_err(|bad| Failure::new(Kind::Other, bad.to_string()))?;
        Ok(Self { stored: place::sibling(target, &name), target: target.clone() })
    }

    /// A part with a random number.
    pub(super) fn random(target: &PathName) -> Result<Self, Failure> {
        Self::new(new_id()?, target)
    }

    /// A file that is stored under its final name, because its server cannot rename.
    pub(super) fn in_place(target: &PathName) -> Self {
        Self { stored: target.clone(), target: target.clone() }
    }

    /// Renames it to its final name, unless it has that already.
    pub(super) async fn publish(&self, context: &Context, host: &mut Host) -> Result<(), Failure> {
        if self.stored == self.target {
            return host.check_stored_name(context, &self.target).await;
        }
        host.rename(context, &self.stored, &self.target).await
    }

    /// Deletes what may be stored. Ctrl-C does not interrupt it, but it ends after a short time.
    pub(super) async fn discard(&self, context: &Context, host: &mut Host) -> Discarded {
        let (cleanup, limit) = context.for_cleanup();
        let shown = host.show(&self.stored);
        let work = async {
            let size = host.size(&cleanup, &self.stored).await.ok().flatten();
            (size, host.delete(&cleanup, &self.stored).await)
        };
        discarded(context, limit, &shown, work).await
    }

    /// The same at a server.
    pub(super) async fn discard_at(&self, context: &Context, server: &mut Server) -> Discarded {
        let (cleanup, limit) = context.for_cleanup();
        let shown = format!("{} at {}", self.stored.display(), server.site);
        let work = async {
            match server.session(&cleanup).await {
                Ok(session) => {
                    let size = session.size(&self.stored).await.ok().flatten();
                    (size, session.delete(&self.stored).await.map(drop))
                }
                Err(failure) => (None, Err(failure)),
            }
        };
        discarded(context, limit, &shown, work).await
    }
}

/// Waits for the deletion of what is `shown`, and warns if it may still be there.
async fn discarded(
    context: &Context,
    limit: Duration,
    shown: &str,
    work: impl Future<Output = (Option<u64>, Result<(), Failure>)>,
) -> Discarded {
    let deadline = context.clock.now() + limit;
    let done = tokio::select! {
        done = work => Some(done),
        () = context.clock.sleep_until(Some(deadline)) => None,
    };
    let (bytes, deleted) = match done {
        Some((size, deleted)) => (size, deleted.map_err(|failure| failure.to_string())),
        None => (None, Err("the server did not answer in time".to_owned())),
    };
    let gone = deleted.is_ok();
    if let Err(why) = deleted {
        context.events.warn(format!("{shown} may still be there and can be deleted: {why}"));
    }
    Discarded { bytes, gone }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_stored_beside_its_target() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |target: &str, stored: &str| {
            let part = Part::new(PartId(0xab), &name(target)).unwrap();
            assert_eq!(part.stored, name(stored));
        };
        check("b.bin", ".00000000000000ab.ftp-user.part");
        check("dir/b.bin", "dir/.00000000000000ab.ftp-user.part");
        check("/b.bin", "/.00000000000000ab.ftp-user.part");
    }
}
