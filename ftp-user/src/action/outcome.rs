//! What a verb has done, and what has failed.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::{FailedItem, Failures, Status};
use crate::report::{Change, Ended, Event, Events};
use ftp_io::clock::Clock;
use ftp_proto::listing;
use ftp_proto::timer::Moment;

/// What a verb has done so far.
#[derive(Debug)]
pub(super) struct Outcome {
    events: Events,
    verb: &'static str,
    dry_run: bool,
    clock: Clock,
    began: Moment,
    files: u64,
    directories: u64,
    bytes: u64,
    failures: Failures,
}

impl Outcome {
    /// Nothing is done yet.
    pub(super) fn new(context: &Context, verb: &'static str, dry_run: bool) -> Self {
        Self {
            events: context.run.events.clone(),
            verb,
            dry_run,
            clock: context.world.clock,
            began: context.world.clock.now(),
            files: 0,
            directories: 0,
            bytes: 0,
            failures: Failures::default(),
        }
    }

    /// Whether only a plan was asked for.
    pub(super) const fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// Counts a name that is done, without a word.
    pub(super) const fn count(&mut self, kind: listing::Kind, size: Option<u64>) {
        if matches!(kind, listing::Kind::Directory) {
            self.directories += 1;
        } else {
            self.files += 1;
            if let Some(size) = size {
                self.bytes = self.bytes.saturating_add(size);
            }
        }
    }

    /// Notes that a name was changed, or would be, and reports it. A plan is what a dry run was asked for.
    pub(super) async fn changed(
        &mut self,
        place: String,
        dest: Option<String>,
        (kind, size): (listing::Kind, Option<u64>),
    ) {
        self.count(kind, size);
        let (verb, dry_run) = (self.verb, self.dry_run);
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        if dry_run { self.events.deliver(change).await } else { self.events.say(change) }
    }

    /// Notes that a place has failed, and reports it.
    pub(super) fn failed(&mut self, place: String, failure: Failure) {
        let (kind, message) = (failure.kind, failure.to_string());
        self.events.say(Event::Failed { source: place.clone(), dest: String::new(), kind, message });
        self.failures.add(FailedItem { source: place, dest: String::new(), failure });
    }

    /// Whether somebody has asked the program to stop.
    pub(super) fn was_interrupted(&self) -> bool {
        self.failures.has(Kind::Interrupted)
    }

    /// Reports the causes of the failures, then the end.
    pub(super) fn end(self) -> Status {
        let Self { events, verb, dry_run, files, directories, bytes, failures, .. } = self;
        let failed = failures.count();
        if failed > 0 {
            events.say(Event::Causes(failures.causes()));
        }
        let seconds = self.clock.now().since(self.began).as_secs_f64();
        let ok = failed == 0;
        events.say(Event::Ended(Ended { verb, ok, dry_run, files, directories, bytes, seconds, failed }));
        Status::of_many(files + directories, &failures.kinds())
    }
}
