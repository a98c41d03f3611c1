//! A file is copied: nothing unverified ever stands under its final name.

use super::foresee::foresee;
use super::mover::{Load, shift};
use super::overwrite::{Decision, Overwrite};
use super::resume::{Begin, Tries};
use super::retry::Retries;
use super::seen;
use super::verify::{common, compare};
use super::{Done, Ends, Host, Item, Options, Verify};
use crate::app::App;
use crate::cli::Exit;
use crate::control::Facts;
use crate::problem::Problem;
use crate::report::{Event, Verified};
use ftp_io::copy::Look;
use ftp_proto::listing::Kind;
use ftp_proto::third_party::Store;

/// Copies one file, again and again as long as only time is lacking.
pub async fn copy(app: &App, ends: &mut Ends, item: &Item, options: Options) -> Result<Done, Problem> {
    let mut retries = Retries::new(app);
    // What is kept for a next try is of no use where there will be none.
    let mut tries = Tries::new(options.resume && app.waits.retries > 0);
    let mut first = true;
    loop {
        // What was known may be the reason for a failure: the second time it is asked again.
        // The same for a date that a listing has only for people.
        let dated = |facts: &Facts| facts.modified.is_some() || options.overwrite != Overwrite::Newer;
        let known = item.known.clone().filter(|facts| first && dated(facts));
        first = false;
        match once(app, ends, item, known, options, &mut tries).await {
            Ok(done) => {
                tries.discard(app, ends).await; // it was skipped this time
                return Ok(done);
            }
            Err(_) if app.stop.is_raised() && tries.attempts == 0 => return Err(Problem::interrupted()),
            Err(problem) => tries.after(app, ends, item, &mut retries, problem).await?,
        }
    }
}

async fn once(
    app: &App,
    ends: &mut Ends,
    item: &Item,
    known: Option<Facts>,
    options: Options,
    tries: &mut Tries,
) -> Result<Done, Problem> {
    tokio::try_join!(ends.source.ready(app), ends.destination.ready(app))?;
    let (source_name, dest_name) = ends.names(item);
    let (source, target) = {
        let Ends { source, destination, .. } = &mut *ends;
        let known = async {
            match known {
                Some(facts) => Ok(Some(facts)),
                None => source.facts(app, &item.source).await,
            }
        };
        tokio::try_join!(known, destination.facts(app, &item.destination))?
    };
    let source = readable(source, &source_name)?;
    ends.source.confirm(app, &item.source).await?;
    refuse_itself(ends, item, &source, target.as_ref())?;
    if target.as_ref().is_some_and(|facts| facts.kind == Kind::Directory) {
        return Err(Problem::new(Exit::Exists, format!("{dest_name} is a directory"))
            .advice("end DEST with / to copy into it, or choose another name"));
    }
    let size = source.size;
    match options.overwrite.decide(&source, target.as_ref()) {
        Decision::Copy => {}
        Decision::Skip => return Ok(skipped(Verified::None)),
        Decision::Exists => {
            return Err(Problem::new(Exit::Exists, format!("{dest_name} exists"))
                .advice("--overwrite always replaces it"));
        }
        Decision::Compare => {
            if let Some(algorithm) = common(app, ends, &[]).await? {
                let means = Verified::Hash(algorithm);
                match compare(app, ends, &item.source, &item.destination, means, size.unwrap_or(0)).await {
                    Ok(Ok(())) => return Ok(skipped(means)),
                    Err(problem) if matches!(problem.exit, Exit::Temporary | Exit::Interrupted) => {
                        return Err(problem);
                    }
                    // It is another one, or nobody can say: it is copied.
                    Ok(Err(_)) | Err(_) => {}
                }
            }
        }
    }
    let (means, look) = seen::means(app, ends, options, size).await?;
    app.events.say(Event::Plan {
        verb: "copy",
        source: source_name.clone(),
        dest: dest_name.clone(),
        size,
        verify: means,
        dry_run: options.deed.is_dry(),
    });
    if options.deed.is_dry() {
        let rung = foresee(app, ends, options).await?;
        let bytes = size.unwrap_or(0);
        return Ok(Done { bytes, rung: Some(rung), passage: None, verified: means, attempts: 0 });
    }
    let begin = tries.begin(app, ends, item, &source, means).await?;
    let load = Load {
        name: &source_name,
        source: &item.source,
        target: &item.destination,
        stored: &begin.attempt.stored,
        store: Store::Replace,
        size,
        before: begin.at,
        keeps: begin.keeps,
        allowed: options.allowed,
        look: if begin.at == 0 { look } else { Look::Away }, // it would see a part
    };
    let moved = shift(app, ends, &load).await;
    tries.note(&begin, &source, &moved);
    let (rung, verified) = match moved.result {
        Ok(rung) => {
            let passed = moved.sha256.as_deref();
            publish(app, ends, item, &begin, options.verify, passed, size).await.map(|by| (rung, by))
        }
        Err(problem) if problem.exit == Exit::Interrupted => Err(problem),
        Err(problem) => Err(problem.during(format_args!("cannot copy {source_name}"))),
    }?;
    tries.published();
    let bytes = size.unwrap_or(0);
    Ok(Done { bytes, rung: Some(rung), passage: tries.passage.take(), verified, attempts: tries.attempts })
}

/// Verifies what was stored, also by the digest of what has passed this host, then gives it the final
/// name. Says what has verified it: a server that offers digests and then refuses one leaves the size,
/// unless a digest was asked for, or is all that could prove what another try has stored.
async fn publish(
    app: &App,
    ends: &mut Ends,
    item: &Item,
    begin: &Begin,
    verify: Verify,
    passed: Option<&str>,
    size: Option<u64>,
) -> Result<Verified, Problem> {
    let attempt = &begin.attempt;
    let by = match passed {
        Some(sha256) => seen::prove(app, ends, item, &attempt.stored, verify, sha256, size).await?,
        None => verify.prove(app, ends, &item.source, &attempt.stored, size).await?,
    };
    if !begin.is_proven(by) {
        return Err(Problem::new(
            Exit::Unverified,
            "no digest proves what was stored before the transfer broke",
        ));
    }
    attempt.publish(app, &mut ends.destination).await.map(|()| by)
}

pub(super) fn readable(facts: Option<Facts>, name: &str) -> Result<Facts, Problem> {
    let Some(facts) = facts else {
        return Err(Problem::new(Exit::Missing, format!("{name} does not exist")).advice("check the path"));
    };
    match facts.kind {
        Kind::File => Ok(facts),
        Kind::Directory | Kind::Current | Kind::Parent => {
            Err(Problem::usage(format!("{name} is a directory")).advice("-r copies trees"))
        }
        Kind::Link | Kind::Other => Err(Problem::new(Exit::Error, format!("{name} is no regular file"))),
    }
}

/// H32: a file is never copied to itself.
pub(super) fn refuse_itself(
    ends: &Ends,
    item: &Item,
    source: &Facts,
    target: Option<&Facts>,
) -> Result<(), Problem> {
    let one_host = match (&ends.source, &ends.destination) {
        (Host::Server(source), Host::Server(destination)) => source.site.is_same(&destination.site),
        (Host::Here, Host::Here) => true,
        (Host::Server(_), Host::Here) | (Host::Here, Host::Server(_)) => false,
    };
    let one_file = match (&source.unique, target.map(|target| &target.unique)) {
        (Some(source), Some(Some(target))) => source == target,
        _ => item.source == item.destination,
    };
    if one_host && (one_file || item.source == item.destination) {
        return Err(Problem::usage(format!("{} is source and destination", ends.source.show(&item.source)))
            .advice("choose another destination"));
    }
    Ok(())
}

const fn skipped(verified: Verified) -> Done {
    Done { bytes: 0, rung: None, passage: None, verified, attempts: 0 }
}
