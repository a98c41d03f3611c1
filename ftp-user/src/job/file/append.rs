//! One file is appended to another, in place. Nothing can be taken back, so another attempt is only made if the
//! destination is known to be unchanged.

use crate::context::Context;
use crate::endpoint::{both, files};
use crate::failure::{self, Failure, Result};
use crate::job::Item;
use crate::job::check::{Verify, readable, refuse_itself, replaceable};
use crate::job::part::in_time;
use crate::job::race::{Transferred, transfer};
use crate::job::request::job::{Mode, Options};
use crate::job::retry::{Question, connect_both};
use crate::outcome::{FileCopy, FileEnd, Verified};
use crate::report::Event;
use crate::route::{self, Assignment, Ends};
use ftp_proto::listing::Kind;
use ftp_proto::transfer::Store;
use ftp_proto::wire::counted;

/// Appends one file.
pub(in crate::job) async fn append(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
) -> Result<FileCopy> {
    let mut question = Question::new(context);
    let plan = loop {
        match plan(context, ends, item, options).await {
            Ok(plan) => break plan,
            Err(failure) => question.again(failure).await?,
        }
    };
    let (source, dest) = item.names(ends);
    let dry_run = options.mode.is_dry();
    let Plan { size, means: verify, .. } = plan;
    let told = Event::Plan { verb: "append", source, dest, size, verify, dry_run };
    context.run.events.plan(told, dry_run).await;
    let mut done = FileCopy::skipped(size, verify);
    if dry_run {
        let explain = options.mode == Mode::Explain;
        let Ends { source, destination, .. } = ends;
        let rung = route::first_rung(context, source, destination, options.allowed, explain).await?;
        done.end = FileEnd::Moved(rung);
        return Ok(done);
    }
    let mut appending = Appending { context, ends, item, plan };
    loop {
        let moved = appending.attempt(options).await;
        moved.count.add_to(&mut done);
        match moved.result {
            Ok(rung) => {
                appending.verify().await?;
                return Ok(FileCopy { end: FileEnd::Moved(rung), ..done });
            }
            Err(failure) => appending.after(&mut question, failure, moved.count.touched).await?,
        }
    }
}

/// A file while it is appended.
struct Appending<'a> {
    context: &'a Context,
    ends: &'a mut Ends,
    item: &'a Item,
    plan: Plan,
}

impl Appending<'_> {
    async fn attempt(&mut self, options: Options) -> Transferred {
        let Item { source, destination, .. } = self.item;
        let (name, target) = self.item.names(self.ends);
        let assignment = Assignment {
            store: Store::Append,
            before: self.plan.before.unwrap_or(0),
            allowed: options.allowed,
            ..Assignment::new(name.clone(), source, destination, self.plan.size)
        };
        let moved = transfer(self.context, self.ends, &assignment).await;
        moved.during(format_args!("cannot append {name} to {target}"))
    }

    /// After a failed attempt: waits for the next one, or returns the failure if there is none. If the
    /// attempt may have `touched` the destination, its size is checked before the wait and after it.
    async fn after(&mut self, question: &mut Question<'_>, failure: Failure, touched: bool) -> Result<()> {
        if !touched {
            return question.again(failure).await;
        }
        let untold = failure.clone();
        let failure = self.unchanged_or(failure).await?;
        question.again(failure).await?;
        // What was still on its path may have arrived since.
        self.unchanged_or(untold).await.map(drop)
    }

    /// Adds both sizes to `failure`. If the destination has changed, or nobody can say, it is an error.
    async fn unchanged_or(&mut self, failure: Failure) -> Result<Failure> {
        let Self { context, ends, item, plan } = self;
        let name = ends.destination.show(&item.destination);
        let (cleanup, end) = context.for_cleanup();
        let size = files::size(&cleanup, &mut ends.destination, &item.destination);
        let now = in_time(context, end, size).await.ok().flatten();
        // A file that does not exist has no size, and had none before.
        let unchanged = now.is_some() && now == plan.before;
        let sizes = format!("{name} had {} before and has {} now", number(plan.before), number(now));
        let hint = match failure.hint.clone() {
            Some(hint) if unchanged => format!("{sizes}; {hint}"),
            None if unchanged => sizes,
            // Appending again would store the beginning of the source twice.
            Some(_) | None => format!("{sizes}; look at it before anything is appended again"),
        };
        let failure = failure.hint(hint);
        if unchanged { Ok(failure) } else { Err(failure) }
    }

    /// Compares the size of the destination with the sum of both sizes before.
    async fn verify(&mut self) -> Result<()> {
        let Plan { size: Some(size), before: Some(before), means: Verified::Size } = self.plan else {
            return Ok(());
        };
        let path = &self.item.destination;
        let now = files::size(self.context, &mut self.ends.destination, path).await?;
        if now == Some(before + size) {
            return Ok(());
        }
        let name = self.ends.destination.show(path);
        Err(Failure::new(failure::Kind::Unverified, format!("{name} does not have the expected size"))
            .said(format!(
                "it had {}, {size} were to be appended, and it has {} now",
                number(Some(before)),
                number(now)
            ))
            .hint("look at both files before anything else is appended"))
    }
}

/// A size in words.
fn number(size: Option<u64>) -> String {
    size.map_or_else(|| "an unknown size".to_owned(), |size| counted(size, "byte"))
}

/// What is known before anything is appended.
struct Plan {
    size: Option<u64>,
    /// The size of the destination; 0 if it does not exist.
    before: Option<u64>,
    means: Verified,
}

async fn plan(context: &Context, ends: &mut Ends, item: &Item, options: Options) -> Result<Plan> {
    connect_both(context, ends).await?;
    let (source_name, dest_name) = item.names(ends);
    let Ends { source: from, destination: to, .. } = &mut *ends;
    let looks = both(files::facts(context, from, &item.source), files::facts(context, to, &item.destination));
    let (source, target) = looks.await?;
    let source = readable(source, &source_name)?;
    refuse_itself(ends, item, &source, target.as_ref())?;
    let before = match &target {
        None => Some(0),
        Some(facts) if facts.kind == Kind::Directory => {
            return Err(
                Failure::of_command(format!("{dest_name} is a directory")).hint("name the file to append to")
            );
        }
        Some(facts) => {
            replaceable(Some(facts), &dest_name)?;
            facts.size
        }
    };
    let means = match (options.verify, source.size, before) {
        (Verify::None, ..) => Verified::None,
        (Verify::Hash, ..) => {
            return Err(Failure::new(failure::Kind::Unverified, "append cannot be verified by hash"));
        }
        (Verify::Auto | Verify::Size, Some(_), Some(_)) => Verified::Size,
        (Verify::Auto | Verify::Size, ..) => {
            return Err(Failure::new(
                failure::Kind::Unverified,
                "a server does not tell the size of its file, so nothing could be verified",
            )
            .hint("--verify none appends without verifying"));
        }
    };
    Ok(Plan { size: source.size, before, means })
}
