//! Where a try of one file begins, and what a broken one leaves for the next (H21, H35).
//!
//! ```text
//!  a try breaks off --> what it has stored is kept --> the next try asks again: the source's facts,
//!        |                                             the size of what is stored, its digest
//!        | nothing could go on there                        |                  |
//!        '--> deleted                                  goes on there     from the first byte, said aloud
//! ```
//!
//! Nobody trusts a size: a try goes on only where a digest compares what is stored with the begin of
//! the source before, or the whole copy with the whole source afterwards. What was wrong is found out
//! then, and the file is copied once more from its first byte. All of it ends with this run: what is
//! left when no try is left is deleted, for nobody would find it again without a journal of
//! [`Left`]s.

use super::item::Item;
use super::mover::Moved;
use super::part::Part;
use super::patient::wait;
use super::retry::{Event, Next, Retry};
use crate::check::common;
use crate::context::Context;
use crate::control::Facts;
use crate::failure::{self, Failure};
use crate::report::{Relayed, Verified};
use crate::route::Ends;
use ftp_io::program::size;

/// The attempts of one file.
#[derive(Debug)]
pub(super) struct Attempts {
    /// How often bytes were sent, or may have been.
    pub(super) count: u32,
    /// What has passed a relay in all of them.
    pub(super) relayed: Option<Relayed>,
    /// Whether a try may go on where another one broke off.
    resume: bool,
    left: Option<Left>,
    /// Whether what is left is of use.
    keeps: bool,
    /// Bytes that are stored, as far as it was seen.
    seen: u64,
    last: Last,
    /// Something could not be deleted, which was said.
    behind: bool,
}

/// What a broken try has left at the destination: all that a later one needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Left {
    part: Part,
    /// The source, as it was before the first byte.
    source: Facts,
}

/// The last try, if it came as far as to move something.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Last {
    /// It went on where another one had broken off.
    continued: bool,
    /// An end did not go on there.
    refused: bool,
}

/// Where a try begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Start {
    /// The name that it stores under.
    pub(super) part: Part,
    /// The bytes that are there already.
    pub(super) at: u64,
    /// Whether a try after it may go on where it breaks off.
    pub(super) keeps: bool,
    /// A digest has compared the bytes that are there.
    compared: bool,
}

impl Start {
    /// Whether `by` proves the copy: sizes prove nothing of bytes that were stored by another try.
    pub(super) fn is_proven(&self, by: Verified) -> bool {
        self.at == 0 || self.compared || matches!(by, Verified::Hash(_))
    }
}

impl Attempts {
    /// No attempt has been made.
    pub(super) fn new(resume: bool) -> Self {
        Self {
            count: 0,
            relayed: None,
            resume,
            left: None,
            keeps: false,
            seen: 0,
            last: Last::default(),
            behind: false,
        }
    }

    /// Where the next one begins. `means` will verify the whole.
    pub(super) async fn start(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        means: Verified,
    ) -> Result<Start, Failure> {
        let keeps = self.resume && can_go_on(context, ends, source, means).await?;
        if let Some(left) = self.left.clone() {
            let found = if keeps {
                left.look(context, ends, item, source, means).await?
            } else {
                Err("it cannot be continued".to_owned())
            };
            match found {
                // Our own server keeps what comes under a new name only.
                Ok((0, _)) => drop(self.discard(context, ends).await),
                Ok((at, compared)) => return Ok(Start { part: left.part, at, keeps, compared }),
                Err(why) => self.start_over(context, ends, item, &why).await,
            }
        }
        Ok(Start { part: Part::new(&item.destination)?, at: 0, keeps, compared: false })
    }

    /// Notes how one went.
    pub(super) fn note(&mut self, start: &Start, source: &Facts, moved: &Moved) {
        self.count += moved.attempts;
        Relayed::add(&mut self.relayed, moved.relayed.clone());
        let seen = start.at.saturating_add(moved.bytes).min(source.size.unwrap_or(u64::MAX));
        (self.keeps, self.seen) = (start.keeps, seen);
        self.last = Last { continued: start.at > 0, refused: moved.refused };
        if moved.touched && self.left.is_none() {
            self.left = Some(Left { part: start.part.clone(), source: source.clone() });
        }
    }

    /// The copy has its final name: nothing is left.
    pub(super) fn published(&mut self) {
        self.left = None;
    }

    /// After a failed attempt: waits for the next one, or returns `failure` if there is none. What the next
    /// attempt cannot continue is deleted.
    pub(super) async fn after(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        retry: &mut Retry,
        failure: Failure,
    ) -> Result<(), Failure> {
        let last = std::mem::take(&mut self.last);
        let wrong = last.continued && (last.refused || failure.kind == failure::Kind::Unverified);
        let event = if wrong && !context.cancel.is_cancelled() {
            Event::StoredIsWrong
        } else {
            Event::Failed(&failure)
        };
        let next = retry.after(event);
        let mut stored = None;
        let given_up = match next {
            Next::Attempt => {
                self.resume = false;
                self.start_over(context, ends, item, &failure.to_string()).await;
                return Ok(());
            }
            Next::Wait { .. } => {
                let mut plan = String::new();
                if !self.keeps {
                    stored = self.discard(context, ends).await;
                } else if self.left.is_some() {
                    stored = self.stored(context, ends).await;
                    plan = match stored {
                        Some(stored) => format!(", going on after {stored} bytes ({})", size::bytes(stored)),
                        None => ", going on with what is stored".to_owned(),
                    };
                }
                wait(context, &failure, next, &plan).await.err()
            }
            Next::GiveUp => Some(failure),
        };
        let Some(failure) = given_up else { return Ok(()) };
        let seen = stored.into_iter().chain(self.discard(context, ends).await).max();
        Err(interrupted(context, failure, seen.unwrap_or(0).max(self.seen), self.behind))
    }

    /// Deletes what is left, and says how many bytes that were, where it can be known.
    pub(super) async fn discard(&mut self, context: &Context, ends: &mut Ends) -> Option<u64> {
        let discarded = self.left.take()?.part.discard(context, &mut ends.destination).await;
        self.behind |= !discarded.gone;
        discarded.bytes
    }

    async fn start_over(&mut self, context: &Context, ends: &mut Ends, item: &Item, why: &str) {
        let name = ends.source.show(&item.source);
        context.events.warn(format!("{why}; {name} is copied from its first byte"));
        self.discard(context, ends).await;
    }

    /// How much is stored, if the destination is still there to be asked.
    async fn stored(&self, context: &Context, ends: &mut Ends) -> Option<u64> {
        let left = self.left.as_ref()?;
        let host = &mut ends.destination;
        if !host.is_connected() {
            return None;
        }
        let deadline = context.clock.now() + context.patience.reply.min(ASKING);
        tokio::select! {
            size = host.size(context, &left.part.stored) => size.ok().flatten(),
            () = context.clock.sleep_until(Some(deadline)) => None,
        }
    }
}

impl Left {
    /// How many bytes of it are right, and whether a digest says so; or why it is of no use.
    async fn look(
        &self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        means: Verified,
    ) -> Result<Result<(u64, bool), String>, Failure> {
        if has_changed(&self.source, source) {
            return Ok(Err("the source has changed since the last try".to_owned()));
        }
        let path = &self.part.stored;
        let at = match (ends.destination.size(context, path).await?, source.size) {
            (None | Some(0), _) => return Ok(Ok((0, false))),
            (Some(stored), Some(size)) if stored <= size => stored,
            (Some(stored), _) => return Ok(Err(format!("{stored} bytes are stored, which are too many"))),
        };
        if ends.source.knows_prefixes()
            && let Some(algorithm) = common(context, ends, &[]).await?
        {
            let Ends { source: from, destination: to, .. } = ends;
            let (there, here) = tokio::try_join!(
                from.prefix_digest(context, algorithm, &item.source, at),
                to.digest(context, algorithm, path, at)
            )?;
            if let (Ok(there), Ok(here)) = (there, here) {
                return Ok(if there.hex.eq_ignore_ascii_case(&here.hex) {
                    Ok((at, true))
                } else {
                    Err(format!("the {at} bytes that are stored are not those of the source"))
                });
            }
        }
        // A wrong one is found out in the end.
        Ok(match means {
            Verified::Hash(_) => Ok((at, false)),
            Verified::Size | Verified::None => {
                Err(format!("no digest shows whether the {at} bytes that are stored are right"))
            }
        })
    }
}

/// Whether a broken copy can be continued at all: both ends skip bytes (REST STREAM, which no server
/// of 1973 means by REST), and a digest will tell whether it was right.
async fn can_go_on(
    context: &Context,
    ends: &mut Ends,
    source: &Facts,
    means: Verified,
) -> Result<bool, Failure> {
    if source.size.is_none()
        || !ends.source.restarts(context).await?
        || !ends.destination.restarts(context).await?
    {
        return Ok(false);
    }
    Ok(match means {
        Verified::Hash(_) => true,
        Verified::Size | Verified::None => {
            ends.source.knows_prefixes() && common(context, ends, &[]).await?.is_some()
        }
    })
}

/// H21: another size, time or identity is another file. What a listing did not say is no difference.
fn has_changed(before: &Facts, now: &Facts) -> bool {
    fn differ<T: PartialEq>(before: Option<T>, now: Option<T>) -> bool {
        matches!((before, now), (Some(before), Some(now)) if before != now)
    }
    before.size != now.size
        || differ(before.modified, now.modified)
        || differ(before.unique.as_ref(), now.unique.as_ref())
}

/// Whoever interrupts wants to know how far it came and what is left (H33).
fn interrupted(context: &Context, failure: Failure, moved: u64, behind: bool) -> Failure {
    if !context.cancel.is_cancelled() {
        return failure;
    }
    // Servers are asked how far they are every few seconds only.
    let after =
        if moved == 0 { String::new() } else { format!(" after {moved} bytes ({})", size::bytes(moved)) };
    Failure::new(failure::Kind::Interrupted, format!("interrupted{after}")).hint(if behind {
        "run it again to copy the file"
    } else {
        "what was stored is deleted, run it again to copy the file"
    })
}

/// For an answer that only serves to be told.
const ASKING: std::time::Duration = std::time::Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::digest::Algorithm;
    use ftp_proto::listing::{Kind, When};
    use ftp_proto::wire::PathName;

    fn facts(size: u64, modified: Option<i64>, unique: Option<&str>) -> Facts {
        let unique = unique.map(str::to_owned);
        Facts { kind: Kind::File, size: Some(size), modified: modified.map(When), unique }
    }

    #[test]
    fn h21_a_source_of_another_size_time_or_identity_has_changed() {
        let check = |before: Facts, now: Facts, expect| {
            assert_eq!(has_changed(&before, &now), expect, "{before:?} {now:?}");
        };
        check(facts(5, Some(1), Some("a")), facts(5, Some(1), Some("a")), false);
        check(facts(5, Some(1), None), facts(6, Some(1), None), true);
        check(facts(5, Some(1), None), facts(5, Some(2), None), true);
        check(facts(5, None, Some("a")), facts(5, None, Some("b")), true);
        // A listing had only a date for people.
        check(facts(5, None, None), facts(5, Some(2), Some("b")), false);
    }

    #[test]
    fn h21_a_size_proves_no_octet_that_another_try_has_stored() {
        let part = Part::new(&PathName::from_user("f").unwrap()).unwrap();
        let check = |at, compared, by, expect| {
            let start = Start { part: part.clone(), at, keeps: true, compared };
            assert_eq!(start.is_proven(by), expect, "{at} {compared} {by:?}");
        };
        check(0, false, Verified::Size, true);
        check(1, false, Verified::Size, false);
        check(1, false, Verified::None, false);
        check(1, false, Verified::Hash(Algorithm::Md5), true);
        check(1, true, Verified::Size, true);
    }
}
