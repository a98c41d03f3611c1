//! The judge of deletions: what must have been seen, and in which session, before one name may be deleted, or renamed out of
//! the way. Pure: whoever deletes has asked the servers, hands over what they have said, and gets a [`DeletePermit`] or the
//! reason why the name stays.
//!
//! | module | question |
//! |---|---|
//! | `absence` | does a server surely lack a name? |
//! | `amount` | is so much deleted that somebody has to agree? |
//! | `judge` | may this name go, and if not, why does it stay? |
//! | `moved` | may the source of a moved file go? |
//! | `withheld` | is what has a name now what somebody has agreed to delete? |
//!
//! Three rules hold for everything that is deleted:
//!
//! * Evidence ends with the session that gave it ([`Learnt`]). A server that was away may show another disk.
//! * A name whose state is unknown is kept.
//! * A permit is for one path and one command. No evidence is needed for a place that was named, for a symbolic link that is shown
//!   as a directory, and for a directory of a host that removes it only if it is empty.
//!
//! ```
//! use ftp_proto::deletion::{DeletePermit, Learnt, ListedEntry, ReasonToKeep, RemovalKind, SessionId};
//! use ftp_proto::listing::Kind;
//! use ftp_proto::wire::PathName;
//!
//! let root = PathName::from_user("tree")?;
//! let below = PathName::from_user("a.txt")?;
//! let (first, second) = (SessionId::new(1), SessionId::new(2));
//! let entry = ListedEntry { kind: Kind::File, is_listing_whole: true };
//! let seen = Learnt::new(entry, first);
//! assert!(DeletePermit::for_listed(&root, (&below, RemovalKind::File), &seen, first).is_ok());
//! let later = DeletePermit::for_listed(&root, (&below, RemovalKind::File), &seen, second);
//! assert_eq!(later, Err(ReasonToKeep::Stale));
//! # Ok::<(), ftp_proto::wire::BadName>(())
//! ```

mod absence;
mod amount;
mod judge;
mod moved;
mod withheld;

pub use absence::{Answers, ExistenceQuestion, MissingWords, Presence};
pub use amount::{Amount, AmountTally, LargeDeletions};
pub use judge::{
    DeletePermit, Learnt, ListedEntry, ReasonToKeep, RemovalKind, SameFile, SessionId, SurplusEvidence,
    Witness, has_changed, is_as_listed, path_below,
};
pub use moved::{CopyProof, CopyState, ExpectedCopy, MoveEvidence, SourceNow, StableStorage};
pub use withheld::WithheldName;
