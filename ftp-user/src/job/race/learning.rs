//! What the candidates of a file teach later runs: which one works, and on which rungs nothing arrives.

use crate::context::Context;
use crate::ladder::{Allowed, Candidate, Rung};
use crate::report::{THIS_HOST, Topic};
use crate::state::Key;
use ftp_proto::timer::Moment;
use std::time::Duration;

/// Direct rungs on which no data connection was opened and no server gave a reason.
#[derive(Debug, Default)]
pub(in crate::job) struct SilentRungs {
    /// Since when both ends of each candidate have had their transfer commands.
    since: Vec<(usize, Moment)>,
    rungs: Vec<Rung>,
}

/// How a candidate has ended without moving anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum Ending {
    /// Another candidate has won.
    Lost,
    /// It has failed.
    Failed,
}

impl Ending {
    /// How long ago the transfer commands must have been sent. If a candidate ends sooner, it was refused. A server
    /// that refuses without a word, and a firewall, keep it waiting longer.
    const fn limit(self) -> Duration {
        match self {
            Self::Lost => Duration::from_millis(200),
            Self::Failed => Duration::from_secs(2),
        }
    }
}

impl SilentRungs {
    /// A candidate starts, perhaps once more.
    pub(in crate::job) fn started(&mut self, index: usize) {
        self.since.retain(|(other, _)| *other != index);
    }

    /// Both ends of a candidate have their transfer commands.
    pub(in crate::job) fn connecting(&mut self, index: usize, now: Moment) {
        self.since.push((index, now));
    }

    /// A candidate ends without having moved anything.
    pub(in crate::job) fn ends(&mut self, index: usize, candidate: Candidate, ending: Ending, now: Moment) {
        let since = self.since.iter().find(|(other, _)| *other == index);
        let is_due = since.is_some_and(|(_, since)| now.since(*since) >= ending.limit());
        let rung = candidate.rung();
        if is_due && matches!(candidate, Candidate::Direct(_)) && !self.rungs.contains(&rung) {
            self.rungs.push(rung);
        }
    }

    /// Remembers it for later runs, unless another candidate of the rung has worked.
    pub(in crate::job) fn remember(&self, context: &Context, key: &Key, works: impl Fn(Rung) -> bool) {
        let rungs: Vec<&str> =
            self.rungs.iter().filter(|rung| !works(**rung)).map(|rung| rung.name()).collect();
        if let Err(why) = context.store.pairs.note_silent(key, &rungs) {
            let text = format!("cannot remember for later runs that nothing arrived: {why}");
            context.run.events.warn_of(Topic::Memory, THIS_HOST, text);
        }
    }
}

/// Remembers for later runs that a candidate has worked, if it is direct. It is preferred by them unless it was the only
/// one that was allowed.
pub(in crate::job) fn remember(context: &Context, key: &Key, candidate: Candidate, allowed: Allowed) {
    let Some(label) = candidate.label() else { return };
    let rung = candidate.rung().name();
    let noted = match allowed.shows_the_best() {
        true => context.store.pairs.note_worked(key, &label, rung),
        false => context.store.pairs.note_open(key, rung),
    };
    if let Err(why) = noted {
        let text = format!("cannot remember for later runs which path works: {why}");
        context.run.events.warn_of(Topic::Memory, THIS_HOST, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::transfer::{DataTls, Opening, Roles, Side};

    #[test]
    fn nothing_arrived_if_the_transfer_commands_were_sent_long_ago() {
        let direct = |passive| {
            let (opening, tls) = (Opening::Pasv, DataTls::Clear);
            Candidate::Direct(Roles { passive, opening, filter: false, first: None, tls })
        };
        let at = |millis| Moment::START + Duration::from_millis(millis);
        let check = |candidate, ending, sent: Option<u64>, now, expect: &[Rung]| {
            let mut silent_rungs = SilentRungs::default();
            silent_rungs.started(0);
            if let Some(sent) = sent {
                silent_rungs.connecting(0, at(sent));
            }
            silent_rungs.ends(0, candidate, ending, at(now));
            assert_eq!(silent_rungs.rungs, expect);
        };
        let source = direct(Side::Source);
        check(source, Ending::Lost, Some(100), 300, &[Rung::SourceListens]);
        check(source, Ending::Lost, Some(100), 299, &[]);
        check(source, Ending::Lost, None, 9_000, &[]);
        check(source, Ending::Failed, Some(0), 1_999, &[]);
        check(direct(Side::Destination), Ending::Failed, Some(0), 2_000, &[Rung::DestListens]);
        check(Candidate::Through, Ending::Failed, Some(0), 2_000, &[]);
    }
}
