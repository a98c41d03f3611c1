//! What is known of two servers before a candidate between them is chosen.

use super::considered;
use super::explain::{Description, intermediary, reasons, told};
use crate::account::{CandidateAccount, DataPath, Dials, Leg, Picture, PictureEnd, RouteAccount, THIS};
use crate::config::{Relay, Relays};
use crate::context::{Context, FoundAt, KnownRelays};
use crate::endpoint::{Host, Server};
use crate::failure::{About, Failure, Kind, Result};
use crate::ladder::{
    self, Allowed, Ascent, Candidate, DataProtection, Memory, Nearby, Refusal, Rung, ThroughRelay,
};
use crate::outcome::Protection;
use crate::place::Site;
use crate::relay;
use crate::report::{Event, THIS_HOST, Topic};
use crate::session::Session;
use crate::state::{Key, KnownPair};
use ftp_proto::address::Family;
use ftp_proto::transfer::race::{Entrant, Manner, Settings};
use ftp_proto::transfer::{Party, Posture, Side};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Two servers, the relays that may be used between them, and how their data must be protected.
pub(crate) struct Situation {
    source: (Site, Party),
    destination: (Site, Party),
    relays: Vec<Nearby>,
    /// The same relays, and what this run knows of them.
    configured: Relays,
    heard: KnownRelays,
    data: DataProtection,
    key: Key,
    /// Whether the address of both is known. Otherwise neither can be told to the other one.
    has_addresses: bool,
    /// Whether the job has a limit to which neither of them keeps: then the bytes have to pass this host.
    limit_needs_this_host: bool,
    /// The longer one of the round trips from here to the two servers.
    round_trip: Duration,
}

impl Situation {
    /// Asks both servers what they support, unless their sessions know it already.
    ///
    /// # Errors
    ///
    /// Fails if there is no session with one of them.
    pub(crate) async fn of(context: &Context, from: &mut Server, to: &mut Server) -> Result<Self> {
        tokio::try_join!(from.session(context), to.session(context))?;
        // A session that ends in this moment was closed by this program.
        Self::of_open(context, from, to).ok_or_else(Failure::interrupted)
    }

    /// What is known of two servers, if there are sessions with both.
    pub(crate) fn of_open(context: &Context, from: &mut Server, to: &mut Server) -> Option<Self> {
        let (from_site, to_site) = (from.site.clone(), to.site.clone());
        let (source, destination) = (from.open()?, to.open()?);
        let named = |session: &Session| {
            (
                format!("{}@{}", String::from_utf8_lossy(session.site.login()), session.title),
                session.addresses.peer,
            )
        };
        let key = Key {
            source: named(source),
            destination: named(destination),
            from: Key::network(source.addresses.local),
        };
        let round_trip = source.addresses.round_trip.max(destination.addresses.round_trip);
        let has_addresses = source.addresses.host.is_none() && destination.addresses.host.is_none();
        let (source, destination) = source.parties_with(destination);
        let keeps_to_rates = [&source, &destination].iter().any(|party| party.capabilities.has_line("RATE"));
        let unlimited = context.settings.limit.as_ref().filter(|_| !keeps_to_rates);
        if unlimited.is_some_and(|limit| !limit.told.swap(true, Ordering::Relaxed)) {
            context.run.events.warn(format!("{NO_RATE}; --path direct refuses that"));
        }
        Some(Self {
            limit_needs_this_host: unlimited.is_some(),
            configured: context.run.relays.clone(),
            heard: context.run.heard.clone(),
            relays: nearby(context, (&from_site, &source), (&to_site, &destination)),
            data: data_protection(context, &source, &destination),
            has_addresses,
            round_trip,
            key,
            source: (from_site, source),
            destination: (to_site, destination),
        })
    }

    /// The candidates of the allowed paths, in the order of the ladder.
    pub(crate) fn candidates(&self, allowed: Allowed) -> Vec<Candidate> {
        let mut candidates = self.ladder(allowed);
        candidates.retain(|candidate| self.hindrance(candidate).is_none());
        candidates
    }

    /// What both ends can do on the allowed paths.
    fn ladder(&self, allowed: Allowed) -> Vec<Candidate> {
        ladder::candidates(&self.source.1, &self.destination.1, allowed, &self.relays, self.data)
    }

    /// Why a candidate cannot be used although both ends can do it.
    fn hindrance(&self, candidate: &Candidate) -> Option<&'static str> {
        match candidate {
            _ if self.limit_needs_this_host && candidate.rung() != Rung::User => Some(NO_RATE),
            Candidate::Direct(_) if !self.has_addresses => Some(NO_ADDRESS),
            Candidate::Direct(_) | Candidate::Relay(_) | Candidate::Through => None,
        }
    }

    /// How reports call the destination.
    pub(crate) fn destination(&self) -> String {
        self.destination.0.to_string()
    }

    /// Under which key the pair is remembered.
    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// The candidates as the race sees them, and how it is run.
    pub(crate) fn race(&self, ascent: &Ascent, manner: Manner) -> (Vec<Entrant>, Settings) {
        let entrants = ladder::entrants(ascent, &self.source.1, &self.destination.1, self.round_trip);
        let setup = SETUP.max(self.round_trip.saturating_mul(10));
        (entrants, Settings { manner, setup, together: TOGETHER, ..Settings::default() })
    }

    /// Tells `memory` what earlier runs know of this pair, unless this run knows something already.
    pub(crate) fn recall(&self, context: &Context, memory: &mut Memory, allowed: Allowed) {
        if !memory.is_new() {
            return;
        }
        match context.store.pairs.recall(&self.key) {
            Ok(KnownPair { worked, silent }) => {
                let named = |label: &str| {
                    let mut candidates = self.candidates(allowed).into_iter();
                    candidates.find(|candidate| candidate.label().as_deref() == Some(label))
                };
                let worked = worked.and_then(|(label, age)| Some((named(&label)?, age)));
                let silent = silent.into_iter();
                let silent = silent.filter_map(|(rung, age)| Some((Rung::direct(&rung)?, age)));
                memory.recall(worked, silent.collect());
            }
            Err(why) => context.run.events.warn_of(Topic::Memory, THIS_HOST, why),
        }
    }

    /// The candidates that would be tried, in the order of `ascent`, with what `memory` says of them.
    fn usable(&self, ascent: &Ascent, memory: &Memory) -> Vec<CandidateAccount> {
        let mut candidates = ascent.candidates.to_vec();
        candidates.dedup_by(|one, two| one.is_of_one_relay(two));
        let account =
            |candidate| CandidateAccount { memory: memory.says(candidate), ..self.account(candidate) };
        candidates.into_iter().map(account).collect()
    }

    /// The candidates that cannot be used, each with the reason.
    pub(crate) fn unusable(&self, allowed: Allowed) -> Vec<CandidateAccount> {
        let mut all = self.ladder(allowed);
        let others =
            considered::unusable(&self.source.1, &self.destination.1, allowed, &self.relays, self.data, &all);
        all.dedup_by(|one, two| one.is_of_one_relay(two));
        let hindered = all.into_iter().filter_map(|candidate| {
            let why = Some(self.hindrance(&candidate)?.to_owned());
            Some(CandidateAccount { why, ..self.account(candidate) })
        });
        hindered.chain(others).collect()
    }

    /// The candidate as it is kept and shown, before it has started.
    pub(crate) fn account(&self, candidate: Candidate) -> CandidateAccount {
        considered::account(candidate, self.rung(candidate), &self.relays)
    }

    /// The rung of a candidate: at a relay that is known to be a hub, that of hubs.
    pub(crate) fn rung(&self, candidate: Candidate) -> Rung {
        let relay = candidate.relay().and_then(|index| self.configured.get(index));
        let found = relay.and_then(|relay| self.heard.found_at(&relay.address.to_string()));
        if found == Some(FoundAt::Hub) { Rung::Hub } else { candidate.rung() }
    }

    /// Asks the relays of these candidates whether they are hubs, unless that is known.
    pub(super) async fn recognize(&self, context: &Context, candidates: &[Candidate]) {
        for relay in candidates.iter().filter_map(Candidate::relay) {
            if let Some(relay) = self.configured.get(relay) {
                relay::recognize(context, relay).await;
            }
        }
    }

    /// Why some of the allowed paths cannot be used, if so.
    pub(crate) fn limitation(&self, allowed: Allowed) -> Option<&'static str> {
        if self.limit_needs_this_host && allowed != Allowed::User {
            return Some(NO_RATE);
        }
        let limitation = self.data.limitation(&self.source.1, &self.destination.1);
        let is_between = matches!(allowed, Allowed::Auto | Allowed::Direct | Allowed::Symmetric);
        let nameless = (is_between && !self.has_addresses).then_some(NO_ADDRESS);
        limitation.or(nameless)
    }

    /// Describes a candidate between these servers.
    pub(crate) fn describe(&self, candidate: Candidate) -> Description<'_> {
        let parties = [&self.source.1, &self.destination.1];
        Description::new((candidate, self.rung(candidate)), &self.relays, parties)
    }

    /// The path of a candidate between these servers, to be drawn.
    pub(crate) fn picture(&self, candidate: Candidate) -> Picture {
        let private = [&self.source.1, &self.destination.1].map(|party| party.leaf.is_some());
        let [source, destination] = private;
        let whole = self.describe(candidate).protection() == Protection::Private;
        let leg = |dials, is_private| Leg { dials, is_private };
        let path = match candidate {
            Candidate::Direct(_) => DataPath::Direct(leg(Dials::between_servers(candidate.rung()), whole)),
            Candidate::Through => DataPath::Through {
                host: THIS.to_owned(),
                source: leg(Dials::Either, source),
                destination: leg(Dials::Either, destination),
            },
            Candidate::Relay(ThroughRelay { relay, roles, .. }) => {
                let name = self.relays.get(relay).map_or("", |relay| relay.name.as_str());
                let [above, below] = match (roles.postures.source, roles.postures.destination) {
                    (Posture::Passive, Posture::Passive) => [Dials::Below, Dials::Above],
                    (Posture::Passive, Posture::Active) => [Dials::Below, Dials::Below],
                    (Posture::Active, Posture::Passive) => [Dials::Above, Dials::Above],
                    (Posture::Active, Posture::Active) => [Dials::Above, Dials::Below],
                };
                DataPath::Through {
                    host: intermediary(self.rung(candidate), name),
                    source: leg(above, whole),
                    destination: leg(below, whole),
                }
            }
        };
        let end = |(name, _): &(String, _), is_private| PictureEnd { name: name.clone(), is_private };
        Picture {
            source: end(&self.key.source, source),
            destination: end(&self.key.destination, destination),
            path,
        }
    }

    /// The failure if no candidate is left. `refused` are the reasons.
    pub(crate) fn no_path(&self, allowed: Allowed, refused: &[Refusal]) -> Failure {
        let one_family = Family::of(self.source.1.address) == Family::of(self.destination.1.address);
        let failure = Failure::new(Kind::NoPath, "no path between the two servers works");
        let failure = failure.said(reasons(refused));
        let told = told(refused).map(|told| (told.failure.about, told.failure.hint.clone()));
        let advice = match (allowed, told) {
            (Allowed::Direct, Some((_, Some(advice)))) if one_family => Some(advice + ", or use --path auto"),
            (Allowed::Relay, Some((_, advice))) | (Allowed::Auto, Some((About::DataPorts, advice))) => advice,
            (_, _) => None,
        };
        if let Some(advice) = advice {
            return failure.hint(advice);
        }
        // The reasons name the option that permits it, and nothing was asked of a server.
        if self.limitation(allowed).is_some() && self.candidates(allowed).is_empty() {
            return failure;
        }
        failure.hint(match allowed {
            Allowed::Direct if !one_family => {
                "reach both by addresses of one family (-4 or -6), or use --path auto"
            }
            Allowed::Direct => {
                "allow transfers between servers (FXP) at one of them, or use --path auto"
            }
            Allowed::Symmetric => {
                "--path auto uses every path; both servers must know RSYM, and be reached by one address family"
            }
            Allowed::Relay => {
                "check what the relay may reach (its --allow), and that both servers let it transfer files; or use --path auto"
            }
            Allowed::Auto | Allowed::User => "can this host reach their data ports?",
        })
    }
}

/// The relays that may be used, and the end that each is near.
fn nearby(context: &Context, source: (&Site, &Party), destination: (&Site, &Party)) -> Vec<Nearby> {
    let of = |relay: &Relay| {
        let beside = |(site, party): (&Site, &Party)| relay.is_near(site, party.address);
        let near = Side::BOTH.into_iter().find(|side| beside(side.of([source, destination])));
        Nearby { name: relay.name.clone(), near }
    };
    context.run.relays.iter().map(of).collect()
}

/// How the data between two servers must be protected.
fn data_protection(context: &Context, source: &Party, destination: &Party) -> DataProtection {
    match source.leaf.is_some() || destination.leaf.is_some() {
        false => DataProtection::Clear,
        true if context.settings.clear_data => DataProtection::Permitted,
        true => DataProtection::Private,
    }
}

/// Returns the rung that would be tried first, and reports it with its reason. With `explain`, the report has all candidates.
///
/// # Errors
///
/// Fails if there is no session with a server, or no candidate between two servers.
pub(crate) async fn first_rung(
    context: &Context,
    source: &mut Host,
    destination: &mut Host,
    allowed: Allowed,
    explain: bool,
) -> Result<Rung> {
    let (rung, relay, protection, why, account) = match (source, destination) {
        (Host::Server(from), Host::Server(to)) => {
            let situation = Situation::of(context, from, to).await?;
            let mut memory = Memory::default();
            situation.recall(context, &mut memory, allowed);
            let manner = if context.settings.race { Manner::Beside } else { Manner::Turns };
            let (ascent, _) = memory.ascend(situation.candidates(allowed), manner, context.world.clock.now());
            let candidate = ascent.candidates.first().copied().ok_or_else(|| {
                let limitation: Vec<Refusal> =
                    situation.limitation(allowed).map(Refusal::from).into_iter().collect();
                situation.no_path(allowed, &limitation)
            })?;
            // What is explained is what would be tried, and who carries it.
            let explained = if explain { &ascent.candidates[..] } else { std::slice::from_ref(&candidate) };
            situation.recognize(context, explained).await;
            let description = situation.describe(candidate);
            let relay = description.relay.map(str::to_owned);
            let mut why = description.why(&[]);
            if let Some(memory) = memory.says(candidate) {
                why = format!("{why}; {memory}");
            }
            let account = explain.then(|| RouteAccount {
                tried: [situation.usable(&ascent, &memory), situation.unusable(allowed)].concat(),
                picture: Some(Box::new(situation.picture(candidate))),
                ..RouteAccount::default()
            });
            (description.rung, relay, description.protection(), why, account)
        }
        (source, destination) => {
            let private = source.is_secured(context).await? && destination.is_secured(context).await?;
            let account = explain.then(RouteAccount::default);
            (Rung::Local, None, Protection::of(private), "one end is this host".to_owned(), account)
        }
    };
    context
        .run
        .events
        .deliver(Event::Path { route: rung, relay, protection, why, account: account.map(Box::new) })
        .await;
    Ok(rung)
}

/// Why only this host can keep to a rate.
const NO_RATE: &str = "neither server keeps to the rate of --limit (RATE), so files have to pass this host";
/// Why two servers are not told of each other.
const NO_ADDRESS: &str =
    "only the proxy knows the address of a server, so the servers cannot be told of each other";
/// How long the commands before the transfer commands may take before the next candidate starts.
const SETUP: Duration = Duration::from_secs(1);
/// The largest number of sessions that a race has with each server at the same time.
const TOGETHER: usize = 6;
