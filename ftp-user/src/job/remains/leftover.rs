//! What a broken attempt leaves at the destination, and whether the next attempt can continue it (H21, H35).

use crate::check::has_changed;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::item::Item;
use crate::job::remains::part::Part;
use crate::job::remains::prefix::{self, Compared};
use crate::outcome::Verified;
use crate::report::Topic;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::counted;

/// What a broken attempt leaves at the destination: all that a later one must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct Leftover {
    /// What is stored.
    pub(in crate::job) part: Part,
    /// The facts of the source before its first byte was read. If they are not known, only the digest decides.
    pub(in crate::job) source: Option<Facts>,
}

/// What can be continued of a broken copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) enum Found {
    /// Nothing is stored.
    Nothing,
    /// So many bytes are stored, and more behind them may be wrong.
    Stored {
        /// The number of bytes.
        bytes: u64,
        /// Whether a digest has compared them with the source. If not, a digest of the whole copy will.
        compared: bool,
    },
    /// What is stored cannot be continued, and why.
    Useless(String),
}

impl Leftover {
    /// Decides what can be continued. `source` are the facts of the source now; `means` will verify the copy.
    pub(in crate::job) async fn look(
        &self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        means: Verified,
    ) -> Result<Found, Failure> {
        if self.source.as_ref().is_some_and(|before| has_changed(before, source)) {
            return Ok(Found::Useless("the source has changed since the last attempt".to_owned()));
        }
        let bytes = match (ends.destination.size(context, &self.part.stored).await?, source.size) {
            (None | Some(0), _) => return Ok(Found::Nothing),
            (Some(stored), Some(size)) if stored <= size => stored,
            (Some(stored), _) => {
                return Ok(Found::Useless(format!(
                    "{} stored, more than the source has",
                    counted(stored, "byte")
                )));
            }
        };
        if let Some(found) = self.compare(context, ends, item, bytes).await? {
            return Ok(found);
        }
        Ok(match means {
            Verified::Hash(_) => Found::Stored { bytes, compared: false },
            Verified::Size | Verified::None => Found::Useless(format!(
                "no digest can show whether what is stored ({}) is right",
                counted(bytes, "byte")
            )),
        })
    }

    /// What there is of it where it cannot be continued: nothing, if no byte was stored under its name.
    ///
    /// # Errors
    ///
    /// The destination cannot be asked.
    pub(in crate::job) async fn useless(&self, context: &Context, ends: &mut Ends) -> Result<Found, Failure> {
        let (host, path) = (&mut ends.destination, &self.part.stored);
        let is_stored = match host.size(context, path).await? {
            Some(bytes) => bytes > 0,
            None => host.tells_no_size(context, path).await?,
        };
        let why = || "it cannot be continued".to_owned();
        Ok(if is_stored { Found::Useless(why()) } else { Found::Nothing })
    }

    /// Compares what is stored with the beginning of the source, and finds out how much of it is right; `None` if no
    /// digest can.
    async fn compare(
        &self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        bytes: u64,
    ) -> Result<Option<Found>, Failure> {
        let files = Compared { source: &item.source, stored: &self.part.stored };
        let Some(right) = prefix::right(context, ends, files, bytes).await? else { return Ok(None) };
        let differs = format!("what is stored ({}) differs from the source", counted(bytes, "byte"));
        if right == 0 {
            return Ok(Some(Found::Useless(differs)));
        }
        if right < bytes {
            let text = format!("{differs}: the first {} are right and kept", counted(right, "byte"));
            context.run.events.warn_of(Topic::Prefix, ends.destination.name(), text);
        }
        Ok(Some(Found::Stored { bytes: right, compared: true }))
    }
}

/// Whether a broken copy could be continued at all: both ends can start in the middle of a file (REST STREAM;
/// REST of 1973 means something else), and a digest will show whether the copy is right.
pub(in crate::job) async fn can_continue(
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
        Verified::Size | Verified::None => prefix::algorithm(context, ends).await?.is_some(),
    })
}
