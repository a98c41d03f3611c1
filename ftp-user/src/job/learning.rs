//! What the candidates of a file teach later runs: which one works, and on which rungs nothing arrives.

use crate::context::Context;
use crate::ladder::{Candidate, Rung};
use crate::state::Key;
use ftp_proto::timer::Moment;
use std::time::Duration;

/// On which direct rungs nothing has arrived, and no server said why.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Since when both ends of each candidate have had their transfer commands.
    since: Vec<(usize, Moment)>,
    rungs: Vec<Rung>,
}

/// Why it is asked whether nothing has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Occasion {
    /// Another candidate has won.
    Lost,
    /// It has failed.
    Failed,
}

impl Occasion {
    /// How long ago the transfer commands were sent, if nothing has arrived. What comes sooner is a refusal; a server
    /// that refuses without a word, and a firewall, let the others wait.
    const fn limit(self) -> Duration {
        match self {
            Self::Lost => Duration::from_millis(200),
            Self::Failed => Duration::from_secs(2),
        }
    }
}

impl Silence {
    /// A candidate starts, perhaps once more.
    pub(super) fn started(&mut self, index: usize) {
        self.since.retain(|(other, _)| *other != index);
    }

    /// Both ends of a candidate have their transfer commands.
    pub(super) fn connecting(&mut self, index: usize, now: Moment) {
        self.since.push((index, now));
    }

    /// A candidate ends without having moved anything.
    pub(super) fn ends(&mut self, index: usize, candidate: Candidate, occasion: Occasion, now: Moment) {
        let since = self.since.iter().find(|(other, _)| *other == index);
        let is_due = since.is_some_and(|(_, since)| now.since(*since) >= occasion.limit());
        let rung = candidate.rung();
        if is_due && matches!(candidate, Candidate::Direct(_)) && !self.rungs.contains(&rung) {
            self.rungs.push(rung);
        }
    }

    /// Remembers it for later runs, unless another candidate of the rung has worked.
    pub(super) fn remember(&self, context: &Context, key: &Key, works: impl Fn(Rung) -> bool) {
        let rungs: Vec<&str> =
            self.rungs.iter().filter(|rung| !works(**rung)).map(|rung| rung.name()).collect();
        if let Err(why) = context.pairs.silent(key, &rungs) {
            context.events.warn(format!("what is silent is not remembered: {why}"));
        }
    }
}

/// Remembers for later runs that a candidate has worked, if it is direct.
pub(super) fn remember(context: &Context, key: &Key, candidate: Candidate) {
    if let Some(label) = candidate.label()
        && let Err(why) = context.pairs.worked(key, &label, candidate.rung().name())
    {
        context.events.warn(format!("the path is not remembered: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::third_party::{DataTls, Opening, Roles, Side};

    #[test]
    fn nothing_arrived_if_the_transfer_commands_were_sent_long_ago() {
        let direct = |passive| {
            let (opening, tls) = (Opening::Pasv, DataTls::Clear);
            Candidate::Direct(Roles { passive, opening, filter: false, first: None, tls })
        };
        let at = |millis| Moment::START + Duration::from_millis(millis);
        let check = |candidate, occasion, sent: Option<u64>, now, expect: &[Rung]| {
            let mut silence = Silence::default();
            silence.started(0);
            if let Some(sent) = sent {
                silence.connecting(0, at(sent));
            }
            silence.ends(0, candidate, occasion, at(now));
            assert_eq!(silence.rungs, expect);
        };
        let source = direct(Side::Source);
        check(source, Occasion::Lost, Some(100), 300, &[Rung::SourceListens]);
        check(source, Occasion::Lost, Some(100), 299, &[]);
        check(source, Occasion::Lost, None, 9_000, &[]);
        check(source, Occasion::Failed, Some(0), 1_999, &[]);
        check(direct(Side::Destination), Occasion::Failed, Some(0), 2_000, &[Rung::DestListens]);
        check(Candidate::Through, Occasion::Failed, Some(0), 2_000, &[]);
    }
}
