//! Describes candidates to people: which one is tried, why, and why none works.

use crate::config::Relay;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::ladder::{Allowed, Candidate, Data, Nearby};
use crate::place::Site;
use crate::report::{Event, Protection};
use ftp_proto::address::Family;
use ftp_proto::third_party::{Party, Side};

/// The relays that may be used, and the end that each is near.
pub(crate) fn nearby(
    context: &Context,
    source: (&Site, &Party),
    destination: (&Site, &Party),
) -> Vec<Nearby> {
    let of = |relay: &Relay| {
        let beside = |(site, party): (&Site, &Party)| relay.is_near(site, party.address);
        let near = if beside(source) {
            Some(Side::Source)
        } else if beside(destination) {
            Some(Side::Destination)
        } else {
            None
        };
        Nearby { name: relay.name.clone(), near }
    };
    context.relays.iter().map(of).collect()
}

/// How the data between two sites must be protected.
pub(crate) fn data(context: &Context, source: &Site, destination: &Site) -> Data {
    match source.security.is_secured() || destination.security.is_secured() {
        false => Data::Clear,
        true if context.clear_data => Data::Permitted,
        true => Data::Private,
    }
}

/// A candidate, described for people.
pub(crate) struct Description<'a> {
    pub(crate) candidate: Candidate,
    /// The name of its relay, if it has one.
    pub(crate) relay: Option<&'a str>,
    /// Whether both servers prove themselves to each other with RNDZ.
    pub(crate) proven: bool,
    /// What protects the data on the whole path.
    pub(crate) protection: Protection,
}

impl<'a> Description<'a> {
    /// A candidate between these two.
    pub(crate) fn new(
        candidate: Candidate,
        relays: &'a [Nearby],
        source: (&Site, &Party),
        destination: (&Site, &Party),
    ) -> Self {
        let relay = candidate.relay().and_then(|relay| relays.get(relay)).map(|relay| relay.name.as_str());
        let legs = [source.0, destination.0];
        Self {
            candidate,
            relay,
            proven: source.1.capabilities.rndz && destination.1.capabilities.rndz,
            protection: Protection::of(
                candidate == Candidate::Through && legs.iter().all(|site| site.security.is_secured()),
            ),
        }
    }

    /// Reports that it is tried, and why.
    pub(crate) fn announce(&self, context: &Context, refused: &[String]) {
        context.events.say(Event::Path {
            rung: self.candidate.rung(),
            relay: self.relay.map(str::to_owned),
            protection: self.protection,
            why: self.why(refused),
            considered: Vec::new(),
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
        let third = self.relay.map_or_else(|| "this host".to_owned(), |relay| format!("the relay {relay}"));
        context.events.warn(format!("the data passes {third}, because no direct path works: {why}"));
    }

    /// Why it failed, as a reason for the next candidate.
    pub(crate) fn refusal(&self, failure: &Failure) -> String {
        let relay = self.relay.map_or_else(String::new, |relay| format!(" {relay}"));
        format!("{}{relay}: {}", self.candidate.rung().words(), Failure { hint: None, ..failure.clone() })
    }

    /// Why it is tried.
    pub(crate) fn why(&self, refused: &[String]) -> String {
        let mut why = self.candidate.needs();
        if self.proven && !matches!(self.candidate, Candidate::Through) {
            why.push_str(", and RNDZ proves them to each other");
        }
        if let Some(last) = refused.last() {
            why.push_str(&format!("; before: {last}"));
        }
        why
    }
}

/// The failure when no candidate is left.
pub(crate) fn no_path(allowed: Allowed, refused: &[String], one_family: bool) -> Failure {
    let failure = Failure::new(Kind::NoPath, "no path between the two servers works");
    let said = if refused.is_empty() { NOTHING_IN_COMMON.to_owned() } else { refused.join(" | ") };
    failure.said(said).hint(match allowed {
        Allowed::Direct if !one_family => {
            "reach both by addresses of one family (-4 or -6), or let the data pass this host (--path auto)"
        }
        Allowed::Direct => {
            "allow transfers between servers (FXP) at one of them, or let the data pass this host \
             (--path auto)"
        }
        Allowed::Relay => {
            "check what the relay may reach (its --allow), and that both servers let it transfer files; \
             --path auto also lets the data pass this host"
        }
        Allowed::Auto | Allowed::User => "check that the data ports of both can be reached from here",
    })
}

/// Whether this program reaches both by the same address family.
pub(crate) fn one_family(source: &Party, destination: &Party) -> bool {
    Family::of(source.address) == Family::of(destination.address)
}

/// The reason if every candidate failed for an earlier file.
pub(crate) const KNOWN: &str = "each candidate failed for an earlier file";
const NOTHING_IN_COMMON: &str = "the two servers have no address family and no commands in common";
