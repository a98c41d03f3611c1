//! A file is copied: nothing unverified ever stands under its final name.

use super::mover::transfer;
use super::patient::connect_both;
use super::resume::{Begin, Tries};
use super::retry::Retry;
use super::{Deed, Done, Item, Options};
use crate::check::{self, Decision, Overwrite, Verify, common, compare, foresee};
use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::Host;
use crate::failure::{self, Failure};
use crate::report::{Event, Verified};
use crate::route::{Ends, Load};
use ftp_io::copy::Digest;
use ftp_proto::listing::Kind;
use ftp_proto::third_party::Store;

/// Copies one file, again and again as long as only time is lacking.
pub async fn copy(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
) -> Result<Done, Failure> {
    let mut retry = Retry::new(&context.patience);
    // What is kept for a next try is of no use where there will be none.
    let mut tries = Tries::new(options.resume && context.patience.retries > 0);
    let mut first = true;
    loop {
        // What was known may be the reason for a failure: the second time it is asked again.
        // The same for a date that a listing has only for people.
        let dated = |facts: &Facts| facts.modified.is_some() || options.overwrite != Overwrite::Newer;
        let known = item.known.clone().filter(|facts| first && dated(facts));
        first = false;
        match once(context, ends, item, known, options, &mut tries).await {
            Ok(done) => {
                tries.discard(context, ends).await; // it was skipped this time
                return Ok(done);
            }
            Err(_) if context.cancel.is_cancelled() && tries.attempts == 0 => {
                return Err(Failure::interrupted());
            }
            Err(failure) => tries.after(context, ends, item, &mut retry, failure).await?,
        }
    }
}

async fn once(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    known: Option<Facts>,
    options: Options,
    tries: &mut Tries,
) -> Result<Done, Failure> {
    connect_both(context, ends).await?;
    let (source_name, dest_name) = item.names(ends);
    let (source, target) = {
        let Ends { source, destination, .. } = &mut *ends;
        let known = async {
            match known {
                Some(facts) => Ok(Some(facts)),
                None => source.facts(context, &item.source).await,
            }
        };
        tokio::try_join!(known, destination.facts(context, &item.destination))?
    };
    let source = readable(source, &source_name)?;
    ends.source.confirm(context, &item.source).await?;
    refuse_itself(ends, item, &source, target.as_ref())?;
    if target.as_ref().is_some_and(|facts| facts.kind == Kind::Directory) {
        return Err(Failure::new(failure::Kind::Exists, format!("{dest_name} is a directory"))
            .hint("end DEST with / to copy into it, or choose another name"));
    }
    let size = source.size;
    match options.overwrite.decide(&source, target.as_ref()) {
        Decision::Copy => {}
        Decision::Skip => return Ok(skipped(Verified::None)),
        Decision::Exists => {
            return Err(Failure::new(failure::Kind::Exists, format!("{dest_name} exists"))
                .hint("--overwrite always replaces it"));
        }
        Decision::Compare => {
            if let Some(algorithm) = common(context, ends, &[]).await? {
                let means = Verified::Hash(algorithm);
                match compare(context, ends, &item.source, &item.destination, means, size.unwrap_or(0)).await
                {
                    Ok(Ok(())) => return Ok(skipped(means)),
                    Err(failure)
                        if matches!(failure.kind, failure::Kind::Temporary | failure::Kind::Interrupted) =>
                    {
                        return Err(failure);
                    }
                    // It is another one, or nobody can say: it is copied.
                    Ok(Err(_)) | Err(_) => {}
                }
            }
        }
    }
    let (means, look) = check::means(context, ends, options.verify, options.allowed, size).await?;
    context.events.say(Event::Plan {
        verb: "copy",
        source: source_name.clone(),
        dest: dest_name.clone(),
        size,
        verify: means,
        dry_run: options.deed.is_dry(),
    });
    if options.deed.is_dry() {
        let rung = foresee(context, ends, options.allowed, options.deed == Deed::Explain).await?;
        let bytes = size.unwrap_or(0);
        return Ok(Done { bytes, rung: Some(rung), passage: None, verified: means, attempts: 0 });
    }
    let begin = tries.begin(context, ends, item, &source, means).await?;
    let load = Load {
        name: &source_name,
        source: &item.source,
        target: &item.destination,
        stored: &begin.part.stored,
        store: Store::Replace,
        size,
        before: begin.at,
        keeps: begin.keeps,
        allowed: options.allowed,
        look: if begin.at == 0 { look } else { Digest::Off }, // it would see a part
    };
    let moved = transfer(context, ends, &load).await;
    tries.note(&begin, &source, &moved);
    let (rung, verified) = match moved.result {
        Ok(rung) => {
            let passed = moved.sha256.as_deref();
            publish(context, ends, item, &begin, options.verify, passed, size).await.map(|by| (rung, by))
        }
        Err(failure) if failure.kind == failure::Kind::Interrupted => Err(failure),
        Err(failure) => Err(failure.during(format_args!("cannot copy {source_name}"))),
    }?;
    tries.published();
    let bytes = size.unwrap_or(0);
    Ok(Done { bytes, rung: Some(rung), passage: tries.passage.take(), verified, attempts: tries.attempts })
}

/// Verifies what was stored, also by the digest of what has passed this host, then gives it the final
/// name. Says what has verified it: a server that offers digests and then refuses one leaves the size,
/// unless a digest was asked for, or is all that could prove what another try has stored.
async fn publish(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    begin: &Begin,
    verify: Verify,
    passed: Option<&str>,
    size: Option<u64>,
) -> Result<Verified, Failure> {
    let part = &begin.part;
    let by = match passed {
        Some(sha256) => check::prove(context, ends, &item.source, &part.stored, verify, sha256, size).await?,
        None => verify.prove(context, ends, &item.source, &part.stored, size).await?,
    };
    if !begin.is_proven(by) {
        return Err(Failure::new(
            failure::Kind::Unverified,
            "no digest proves what was stored before the transfer broke",
        ));
    }
    part.publish(context, &mut ends.destination).await.map(|()| by)
}

pub(super) fn readable(facts: Option<Facts>, name: &str) -> Result<Facts, Failure> {
    let Some(facts) = facts else {
        return Err(
            Failure::new(failure::Kind::Missing, format!("{name} does not exist")).hint("check the path")
        );
    };
    match facts.kind {
        Kind::File => Ok(facts),
        Kind::Directory | Kind::Current | Kind::Parent => {
            Err(Failure::usage(format!("{name} is a directory")).hint("-r copies trees"))
        }
        Kind::Link | Kind::Other => {
            Err(Failure::new(failure::Kind::Other, format!("{name} is no regular file")))
        }
    }
}

/// H32: a file is never copied to itself.
pub(super) fn refuse_itself(
    ends: &Ends,
    item: &Item,
    source: &Facts,
    target: Option<&Facts>,
) -> Result<(), Failure> {
    let one_host = match (&ends.source, &ends.destination) {
        (Host::Server(source), Host::Server(destination)) => source.site.is_same(&destination.site),
        (Host::Local, Host::Local) => true,
        (Host::Server(_), Host::Local) | (Host::Local, Host::Server(_)) => false,
    };
    let one_file = match (&source.unique, target.map(|target| &target.unique)) {
        (Some(source), Some(Some(target))) => source == target,
        _ => item.source == item.destination,
    };
    if one_host && (one_file || item.source == item.destination) {
        return Err(Failure::usage(format!("{} is source and destination", ends.source.show(&item.source)))
            .hint("choose another destination"));
    }
    Ok(())
}

const fn skipped(verified: Verified) -> Done {
    Done { bytes: 0, rung: None, passage: None, verified, attempts: 0 }
}
