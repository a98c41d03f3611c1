//! A file is copied: nothing unverified ever stands under its final name.

use super::attempt::Attempt;
use super::foresee::foresee;
use super::mover::{Load, shift};
use super::overwrite::{Decision, Overwrite};
use super::retry::Retries;
use super::seen;
use super::verify::{common, compare};
use super::{Done, Ends, Host, Item, Options, Verify};
use crate::app::App;
use crate::cli::Exit;
use crate::control::Facts;
use crate::problem::Problem;
use crate::report::{Event, Verified, octets};
use ftp_proto::listing::Kind;
use ftp_proto::third_party::Store;

/// Copies one file, again and again as long as only time is lacking.
pub async fn copy(app: &App, ends: &mut Ends, item: &Item, options: Options) -> Result<Done, Problem> {
    let mut retries = Retries::new(app);
    let (mut attempts, mut first) = (0, true);
    loop {
        // What was known may be the reason for a failure: the second time it is asked again.
        // The same for a date that a listing has only for people.
        let dated = |facts: &Facts| facts.modified.is_some() || options.overwrite != Overwrite::Newer;
        let known = item.known.clone().filter(|facts| first && dated(facts));
        first = false;
        match once(app, ends, item, known, options, &mut attempts).await {
            Ok(done) => return Ok(done),
            Err(_) if app.stop.is_raised() && attempts == 0 => return Err(Problem::interrupted()),
            Err(problem) => retries.after(problem).await?,
        }
    }
}

async fn once(
    app: &App,
    ends: &mut Ends,
    item: &Item,
    known: Option<Facts>,
    options: Options,
    attempts: &mut u32,
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
    let attempt = Attempt::new(&item.destination)?;
    let load = Load {
        name: &source_name,
        source: &item.source,
        target: &item.destination,
        stored: &attempt.stored,
        store: Store::Replace,
        size,
        before: 0,
        allowed: options.allowed,
        look,
    };
    let moved = shift(app, ends, &load).await;
    *attempts += moved.attempts;
    let result = match moved.result {
        Ok(rung) => {
            let passed = moved.sha256.as_deref();
            publish(app, ends, item, &attempt, options.verify, passed, size).await.map(|by| (rung, by))
        }
        Err(problem) if problem.exit == Exit::Interrupted => Err(problem),
        Err(problem) => Err(problem.during(format_args!("cannot copy {source_name}"))),
    };
    match result {
        Ok((rung, verified)) => {
            let bytes = size.unwrap_or(0);
            Ok(Done { bytes, rung: Some(rung), passage: moved.passage, verified, attempts: *attempts })
        }
        Err(problem) => {
            let left = if moved.touched { attempt.discard(app, &mut ends.destination).await } else { None };
            Err(interrupted(app, problem, left.unwrap_or(0).max(moved.octets)))
        }
    }
}

/// Verifies what was stored, also by the digest of what has passed this host, then gives it the final
/// name. Says what has verified it: a server that offers digests and then refuses one leaves the size,
/// unless a digest was asked for.
async fn publish(
    app: &App,
    ends: &mut Ends,
    item: &Item,
    attempt: &Attempt,
    verify: Verify,
    passed: Option<&str>,
    size: Option<u64>,
) -> Result<Verified, Problem> {
    let by = match passed {
        Some(sha256) => seen::prove(app, ends, item, &attempt.stored, verify, sha256, size).await?,
        None => verify.prove(app, ends, &item.source, &attempt.stored, size).await?,
    };
    attempt.publish(app, &mut ends.destination).await.map(|()| by)
}

/// Whoever interrupts wants to know how far it came and what is left (H33).
fn interrupted(app: &App, problem: Problem, moved: u64) -> Problem {
    if !app.stop.is_raised() {
        return problem;
    }
    // Servers are asked how far they are every few seconds only.
    let after = if moved == 0 { String::new() } else { format!(" after {moved} octets ({})", octets(moved)) };
    Problem::new(Exit::Interrupted, format!("interrupted{after}"))
        .advice("what was stored is deleted, run it again to copy the file")
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
