//! Describes candidates to people: which one is tried, why, and why none works.

use crate::context::Context;
use crate::failure::Failure;
use crate::ladder::{Candidate, Nearby, Rung};
use crate::outcome::Protection;
use crate::report::Event;
use ftp_proto::transfer::{Party, Side};

/// A candidate, described for people.
pub(crate) struct Description<'a> {
    pub(crate) candidate: Candidate,
    /// The rung on which it stands, as far as it is known what its relay is.
    pub(crate) rung: Rung,
    /// The name of its relay, if it has one.
    pub(crate) relay: Option<&'a str>,
    /// Whether both servers prove themselves to each other with RNDZ.
    pub(crate) proven: bool,
    /// What protects the data on the whole path.
    pub(crate) protection: Protection,
    /// The end that runs no TLS although the other one does, if the data passes this host.
    clear_end: Option<Side>,
    /// Whether the source and the destination verify each other's certificate, if TLS is between them.
    verifies: Option<[bool; 2]>,
}

impl<'a> Description<'a> {
    /// A candidate between these two.
    pub(crate) fn new(
        (candidate, rung): (Candidate, Rung),
        relays: &'a [Nearby],
        source: &Party,
        destination: &Party,
    ) -> Self {
        let relay = candidate.relay().and_then(|relay| relays.get(relay)).map(|relay| relay.name.as_str());
        let parties = [source, destination];
        Self {
            candidate,
            rung,
            relay,
            proven: parties.iter().all(|party| party.capabilities.rndz),
            protection: Protection::of(match candidate.data_tls() {
                Some(tls) => tls.runs_tls(),
                None => parties.iter().all(|party| party.leaf.is_some()),
            }),
            clear_end: match (candidate, source.leaf.is_some(), destination.leaf.is_some()) {
                (Candidate::Through, true, false) => Some(Side::Destination),
                (Candidate::Through, false, true) => Some(Side::Source),
                (Candidate::Through, true, true) | (Candidate::Through, false, false) => None,
                (Candidate::Direct(_) | Candidate::Relay(_), ..) => None,
            },
            verifies: candidate.tls_client().map(|_| parties.map(|party| party.capabilities.pinc)),
        }
    }

    /// Reports that it is tried, and why.
    pub(crate) fn announce(&self, context: &Context, refused: &[String]) {
        context.run.events.say(Event::Path {
            rung: self.rung,
            relay: self.relay.map(str::to_owned),
            protection: self.protection,
            why: self.why(refused),
            account: None,
        });
    }

    /// Whether the data passes a third host.
    pub(crate) const fn has_intermediary(&self) -> bool {
        match self.candidate {
            Candidate::Direct(_) => false,
            Candidate::Relay(_) | Candidate::Through => true,
        }
    }

    /// Warns that the data passes a third host although the user has not asked for that.
    pub(crate) fn warn_of_intermediary(&self, context: &Context, refused: &[String]) {
        let why = if refused.is_empty() { NOTHING_IN_COMMON.to_owned() } else { refused.join(" | ") };
        let third = self.relay.map_or_else(|| "this host".to_owned(), |relay| intermediary(self.rung, relay));
        context.run.events.warn(format!("the data passes {third}, because no direct path works: {why}"));
    }

    /// Whether the data is inside TLS on one side of this host and in clear on the other one.
    pub(crate) const fn is_half_clear(&self) -> bool {
        self.clear_end.is_some()
    }

    /// Warns that the data is in clear on one side of this host.
    pub(crate) fn warn_of_clear_end(&self, context: &Context) {
        if let Some(end) = self.clear_end {
            context.run.events.warn(format!("{}, which runs no TLS", clear_between(end)));
        }
    }

    /// Why it failed, as a reason for the next candidate.
    pub(crate) fn refusal(&self, failure: &Failure) -> String {
        let relay = self.relay.map_or_else(String::new, |relay| format!(" {relay}"));
        let tls = self.candidate.tls().map_or_else(String::new, |tls| format!(", {tls}"));
        let words = self.rung.words();
        format!("{words}{relay}{tls}: {}", Failure { hint: None, ..failure.clone() })
    }

    /// Why it is tried.
    pub(crate) fn why(&self, refused: &[String]) -> String {
        let mut why = self.candidate.needs();
        if self.proven && !matches!(self.candidate, Candidate::Through) {
            why.push_str(", and RNDZ proves them to each other");
        }
        why.push_str(match self.verifies {
            None => "",
            Some([true, true]) => ", and each verifies the certificate of the other (PINC)",
            Some([true, false]) => ", and the source verifies the certificate of the destination (PINC)",
            Some([false, true]) => ", and the destination verifies the certificate of the source (PINC)",
            Some([false, false]) => ", and neither can verify the certificate of the other (PINC)",
        });
        if let Some(end) = self.clear_end {
            why.push_str(&format!(", and {}", clear_between(end)));
        }
        if let Some(last) = refused.last() {
            why.push_str(&format!("; before: {last}"));
        }
        why
    }
}

/// How people call a relay or a hub.
pub(super) fn intermediary(rung: Rung, name: &str) -> String {
    let what = if rung == Rung::Hub { "hub" } else { "relay" };
    format!("the {what} {name}")
}

const fn clear_between(end: Side) -> &'static str {
    match end {
        Side::Source => "the data is in clear between the source and this host",
        Side::Destination => "the data is in clear between this host and the destination",
    }
}

/// The reason if every candidate failed for an earlier file.
pub(crate) const FAILED_FOR_EARLIER_FILE: &str = "each candidate failed for an earlier file";
pub(super) const NOTHING_IN_COMMON: &str = "the two servers have no address family and no commands in common";
