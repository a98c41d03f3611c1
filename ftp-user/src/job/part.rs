//! The name under which one attempt stores, and what becomes of it: published or deleted.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::place;
use ftp_proto::wire::PathName;

/// One attempt to store a file under its final name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Where it is stored: beside the target, so that a rename is enough to publish it.
    pub(super) stored: PathName,
    /// The final name.
    pub(super) target: PathName,
}

/// What became of an attempt that is not published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Discarded {
    /// The bytes that were stored, where it can be known.
    pub(super) bytes: Option<u64>,
    /// Nothing of it is left.
    pub(super) gone: bool,
}

impl Part {
    /// A name that nobody else has.
    pub(super) fn new(target: &PathName) -> Result<Self, Failure> {
        let bytes: [u8; 8] = ftp_io::random::bytes()
            .map_err(|error| Failure::new(Kind::Other, format!("no random number could be had: {error}")))?;
        Self::named(u64::from_be_bytes(bytes), target)
    }

    fn named(id: u64, target: &PathName) -> Result<Self, Failure> {
        let name = PathName::from_user(format!(".{id:016x}.ftp-user.part"))
            .map_err(|bad| Failure::new(Kind::Other, bad.to_string()))?;
        Ok(Self { stored: place::sibling(target, &name), target: target.clone() })
    }

    /// Gives it the final name.
    pub(super) async fn publish(&self, context: &Context, host: &mut Host) -> Result<(), Failure> {
        host.rename(context, &self.stored, &self.target).await
    }

    /// Deletes what may have been stored, whatever the reason. Nobody's wish to stop interrupts it; a
    /// short limit does.
    pub(super) async fn discard(&self, context: &Context, host: &mut Host) -> Discarded {
        let (cleanup, limit) = context.for_cleanup();
        let work = async {
            let size = host.size(&cleanup, &self.stored).await.ok().flatten();
            (size, host.delete(&cleanup, &self.stored).await)
        };
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
            context.events.warn(format!("{} may still be there: {why}", host.show(&self.stored)));
        }
        Discarded { bytes, gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_stored_beside_its_target() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |target: &str, stored: &str| {
            let attempt = Part::named(0xab, &name(target)).unwrap();
            assert_eq!(attempt.stored, name(stored));
        };
        check("b.bin", ".00000000000000ab.ftp-user.part");
        check("dir/b.bin", "dir/.00000000000000ab.ftp-user.part");
        check("/b.bin", "/.00000000000000ab.ftp-user.part");
    }
}
