//! Whether a file will be copied, as far as both ends have said it when they were asked about several files at once. It counts for the
//! copy of the file, and nobody keeps it.

use crate::route::Ends;
use crate::session::SessionId;
use ftp_proto::digest::{Algorithm, Digest};

/// Whether a file will be copied, by what both ends have said when they were asked about several files at once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) enum CopyForecast {
    /// They were not asked.
    #[default]
    NotAsked,
    /// It has to be copied, as far as they have said.
    MustBeCopied,
    /// It is not copied. The digest is there if one shows that.
    NotCopied(Option<Box<CommonDigest>>),
}

/// The digest that both ends have told, of a file and of what has its final name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct CommonDigest {
    digest: Digest,
    /// The sessions with the source and the destination in which it was told.
    sessions: [Option<SessionId>; 2],
}

impl CommonDigest {
    /// The digest that both ends have told in the sessions that they have; `None` if one has told none, or another one.
    pub(in crate::job) fn told(ends: &mut Ends, [there, here]: [Option<Digest>; 2]) -> Option<Self> {
        let digest = there.filter(|there| Some(there) == here.as_ref())?;
        Some(Self { digest, sessions: sessions(ends) })
    }

    /// The digest, if it is of that algorithm, and both ends still have the sessions in which they have told it.
    pub(in crate::job) fn still(self, ends: &mut Ends, algorithm: Algorithm) -> Option<Digest> {
        let counts = self.sessions == sessions(ends) && self.digest.algorithm == algorithm;
        counts.then_some(self.digest)
    }
}

/// The sessions that both ends have.
fn sessions(ends: &mut Ends) -> [Option<SessionId>; 2] {
    [ends.source.session_id(), ends.destination.session_id()]
}
