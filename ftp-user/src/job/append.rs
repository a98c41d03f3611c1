//! A file is appended to another, in place: nothing can be taken back, so that nothing is tried
//! again unless the destination is known to be as it was.

use super::item::{Done, Item};
use super::mover::transfer;
use super::options::{Mode, Options};
use super::patient::{again, connect_both};
use super::retry::Retry;
use crate::check::{Known, Verify, foresee, readable, refuse_itself};
use crate::context::Context;
use crate::failure::{self, Failure};
use crate::report::{Event, Relayed, Verified};
use crate::route::{Assignment, Ends};
use ftp_io::copy::Digest;
use ftp_proto::listing::Kind;
use ftp_proto::third_party::Store;
use ftp_proto::wire::PathName;

/// Appends one file.
pub(super) async fn append(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
) -> Result<Done, Failure> {
    let mut retry = Retry::new(&context.patience);
    let mut attempts = 0;
    let plan = loop {
        match plan(context, ends, item, options).await {
            Ok(plan) => break plan,
            Err(failure) => again(context, &mut retry, failure).await?,
        }
    };
    let (source_name, dest_name) = item.names(ends);
    context.events.say(Event::Plan {
        verb: "append",
        source: source_name.clone(),
        dest: dest_name.clone(),
        size: plan.size,
        verify: plan.means,
        dry_run: options.mode.is_dry(),
    });
    if options.mode.is_dry() {
        let rung = foresee(context, ends, options.allowed, options.mode == Mode::Explain).await?;
        return Ok(Done {
            bytes: plan.size.unwrap_or(0),
            rung: Some(rung),
            relayed: None,
            verified: plan.means,
            attempts: 0,
        });
    }
    let mut relayed: Option<Relayed> = None;
    loop {
        let assignment = Assignment {
            name: &source_name,
            source: &item.source,
            target: &item.destination,
            stored: &item.destination,
            store: Store::Append,
            size: plan.size,
            before: plan.before.unwrap_or(0),
            keeps: false,
            allowed: options.allowed,
            look: Digest::Off,
        };
        let moved = transfer(context, ends, &assignment).await;
        attempts += moved.attempts;
        Relayed::add(&mut relayed, moved.relayed);
        match moved.result {
            Ok(rung) => {
                verify(context, ends, item, &plan).await?;
                return Ok(Done {
                    bytes: plan.size.unwrap_or(0),
                    rung: Some(rung),
                    relayed,
                    verified: plan.means,
                    attempts,
                });
            }
            Err(failure) => {
                let failure = if failure.kind == failure::Kind::Interrupted {
                    failure
                } else {
                    failure.during(format_args!("cannot append {source_name}"))
                };
                let untold = failure.clone();
                let (failure, unchanged) =
                    report(context, ends, &item.destination, &plan, moved.touched, failure).await;
                if !unchanged {
                    return Err(failure);
                }
                again(context, &mut retry, failure).await?;
                // What was still on its way may have arrived since.
                let (failure, unchanged) =
                    report(context, ends, &item.destination, &plan, moved.touched, untold).await;
                if !unchanged {
                    return Err(failure);
                }
            }
        }
    }
}

/// What is known before anything is appended.
struct Plan {
    size: Option<u64>,
    /// What the destination has: 0 when it is not there.
    before: Option<u64>,
    means: Verified,
}

async fn plan(context: &Context, ends: &mut Ends, item: &Item, options: Options) -> Result<Plan, Failure> {
    connect_both(context, ends).await?;
    let (source_name, dest_name) = item.names(ends);
    let (source, target) = {
        let Ends { source, destination, .. } = &mut *ends;
        tokio::try_join!(source.facts(context, &item.source), destination.facts(context, &item.destination))?
    };
    let source = readable(source, &source_name)?;
    let one = Known { path: &item.source, facts: Some(&source) };
    refuse_itself(ends, one, Known { path: &item.destination, facts: target.as_ref() })?;
    let before = match &target {
        None => Some(0),
        Some(facts) if facts.kind == Kind::Directory => {
            return Err(
                Failure::usage(format!("{dest_name} is a directory")).hint("name the file to append to")
            );
        }
        Some(facts) => facts.size,
    };
    let means = match (options.verify, source.size, before) {
        (Verify::None, ..) => Verified::None,
        (Verify::Hash, ..) => {
            return Err(Failure::new(failure::Kind::Unverified, "append cannot be verified by hash yet"));
        }
        (Verify::Auto | Verify::Size, Some(_), Some(_)) => Verified::Size,
        (Verify::Auto | Verify::Size, ..) => {
            return Err(Failure::new(
                failure::Kind::Unverified,
                "a server does not say the size of its file, so that nothing could be verified",
            )
            .hint("--verify none appends without"));
        }
    };
    Ok(Plan { size: source.size, before, means })
}

async fn verify(context: &Context, ends: &mut Ends, item: &Item, plan: &Plan) -> Result<(), Failure> {
    let (Verified::Size, Some(size), Some(before)) = (plan.means, plan.size, plan.before) else {
        return Ok(());
    };
    let now = ends.destination.size(context, &item.destination).await?;
    if now == Some(before + size) {
        return Ok(());
    }
    let now = now.map_or_else(|| "an unknown number of".to_owned(), |now| now.to_string());
    Err(Failure::new(
        failure::Kind::Unverified,
        format!("{} is not as long as it must be", ends.destination.show(&item.destination)),
    )
    .said(format!("it had {before} bytes, {size} were to be appended, it has {now}"))
    .hint("look at both files before anything else is appended"))
}

/// After a failure: both sizes, and whether the destination is as it was.
async fn report(
    context: &Context,
    ends: &mut Ends,
    path: &PathName,
    plan: &Plan,
    touched: bool,
    failure: Failure,
) -> (Failure, bool) {
    let name = ends.destination.show(path);
    let (cleanup, limit) = context.for_cleanup();
    let deadline = Some(context.clock.now() + limit);
    let now = tokio::select! {
        size = ends.destination.size(&cleanup, path) => size.ok().flatten(),
        () = context.clock.sleep_until(deadline) => None,
    };
    // A file that is not there has no size, and none before either.
    let unchanged = if touched { now.is_some() && now == plan.before } else { true };
    if !touched {
        return (failure, unchanged);
    }
    let say =
        |size: Option<u64>| size.map_or_else(|| "an unknown number of".to_owned(), |size| size.to_string());
    let sizes = format!("{name} had {} bytes before and has {} now", say(plan.before), say(now));
    let hint = match failure.hint.clone() {
        Some(hint) if unchanged => format!("{sizes}; {hint}"),
        None if unchanged => sizes,
        // Whoever appends again has the begin of the source there twice.
        Some(_) | None => format!("{sizes}; look at it before anything is appended again"),
    };
    (failure.hint(hint), unchanged)
}
