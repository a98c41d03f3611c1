//! Candidates and failures in words: which one is tried, why, and why none works.

use super::assignment::{AttemptResult, GivenUp};
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{About, Failure, FtpUser, Kind};
use crate::ladder::{Candidate, Nearby, Refusal, Rung};
use crate::outcome::Protection;
use crate::report::Event;
use crate::session::{Session, kind_of};
use ftp_io::program::duration;
use ftp_proto::command::Verb;
use ftp_proto::manners::names_tls;
use ftp_proto::reply::{Blame, Reply};
use ftp_proto::transfer::{self, Cause, FailedPosture, Outcome, Party, Posture, RelayFault, Side, Stage};
use ftp_proto::wire::counted;
use std::time::Duration;

/// Who took part in the attempt.
pub(super) struct Ends<'a> {
    pub(super) source: &'a Session,
    pub(super) destination: &'a Session,
    /// The host in the middle, for people; `None` if the two servers exchange data with each other.
    pub(super) intermediary: Option<&'a str>,
}

impl Ends<'_> {
    fn of(&self, side: Side) -> &Session {
        side.of([self.source, self.destination])
    }

    /// Why a posture was given up, without secrets.
    fn cause(&self, posture: &FailedPosture) -> String {
        let session = self.of(posture.side);
        match &posture.cause {
            Cause::Refused(reply) => session.quote(reply),
            Cause::Unusable(reply, why) => format!("{why}: {}", session.quote(reply)),
            Cause::Policy(why, reply) => format!("{why}: {}", session.quote(reply)),
            Cause::Ended(end) => session.lost(end).to_string(),
            cause @ (Cause::Silent(_) | Cause::Data(_) | Cause::Relay(_) | Cause::Cancelled) => {
                self.concealed(&cause.to_string())
            }
        }
    }

    /// What somebody else has said, without the secrets of either end: a relay carries their control connections.
    fn concealed(&self, text: &str) -> String {
        self.source.concealed(&self.destination.concealed(text))
    }

    /// With whom an end exchanges data, for people.
    fn other(&self) -> &str {
        self.intermediary.unwrap_or("the other server")
    }

    /// What to do if an end refused to exchange data with the other server.
    fn foreign_advice(&self, failed: &transfer::Failure, reply: &Reply) -> Option<String> {
        let Stage::Command(verb) = failed.stage else { return None };
        let is_path = self.intermediary.is_none() && failed.blame == Blame::Path;
        self.of(failed.side).foreign_advice(verb, reply).filter(|_| is_path)
    }

    /// What to do if an end demands TLS for data, and the other one runs none.
    fn tls_advice(&self, failed: &transfer::Failure, reply: &Reply) -> Option<String> {
        let Stage::Command(verb) = failed.stage else { return None };
        let [end, other] = [failed.side, failed.side.other()].map(|side| self.of(side));
        let demands_tls = verb == Verb::Prot || names_tls(reply.text());
        let is_half_clear = self.intermediary.is_none() && end.runs_tls() && !other.runs_tls();
        (demands_tls && is_half_clear).then(|| {
            format!(
                "{} demands TLS for data, so --allow-clear-data cannot help: use TLS at {}",
                end.who(),
                other.who()
            )
        })
    }
}

/// Why the attempt failed, if it did. `stall` is how long nothing may move.
pub(super) fn failure(stall: Duration, ends: &Ends<'_>, ended: &AttemptResult) -> Option<Failure> {
    match (&ended.outcome, ended.given_up) {
        (Outcome::Moved { .. }, _) => None,
        (Outcome::Failed(_), Some(why)) => Some(given_up(stall, ends, why, ended.moved)),
        (Outcome::Failed(failed), None) => {
            Some(with_failed_posture(ends, ended, failed, failed_with(ends, failed)))
        }
    }
}

/// The failure, with the words for why the other posture of that server was given up before.
fn with_failed_posture(
    ends: &Ends<'_>,
    ended: &AttemptResult,
    failed: &transfer::Failure,
    failure: Failure,
) -> Failure {
    let Some(before) = ended.failed_postures.iter().rev().find(|before| before.side == failed.side) else {
        return failure;
    };
    let does = match before.posture {
        Posture::Passive => "listened for",
        Posture::Active => "was to connect to",
    };
    let before =
        format!("before, when {} {does} this host: {}", ends.of(before.side).who(), ends.cause(before));
    let said = failure.said.as_ref().map_or_else(|| before.clone(), |said| format!("{said} | {before}"));
    failure.said(said)
}

fn failed_with(ends: &Ends<'_>, failed: &transfer::Failure) -> Failure {
    let session = ends.of(failed.side);
    let who = session.who();
    let asked = stage(failed.stage);
    let new = |what: String| Failure::new(kind(failed), what);
    match &failed.cause {
        Cause::Refused(reply) => {
            let failure = match failed.stage {
                Stage::Command(Verb::Retr | Verb::Stor | Verb::Appe | Verb::Stou) => {
                    new(format!("{asked} failed")).said(session.quote(reply))
                }
                // The names of commands are in the trace and in `why`.
                Stage::Command(_) | Stage::DataConnection | Stage::Relay | Stage::Attempt => {
                    new(session.quote(reply))
                }
            };
            let failure = failure.about(crate::session::about(failed.blame));
            let advice = ends.tls_advice(failed, reply).or_else(|| ends.foreign_advice(failed, reply));
            failure.hint_if(crate::session::hint(failed.blame)).hint_if(advice)
        }
        Cause::Unusable(reply, why) => {
            new(format!("{asked} failed: {why}")).said(session.quote(reply)).hint("ask its operator")
        }
        Cause::Policy(why, reply) => new(why.to_string())
            .said(session.quote(reply))
            .hint("ask its operator to announce the right address"),
        Cause::Silent(timer) => {
            new(format!("{who} did not answer in time while {asked} ({} timer)", timer.name()))
                .hint("try again later, or raise --timeout")
        }
        // The host in the middle noticed it. The server has said nothing.
        Cause::Data(fault) => {
            let connection = format!("the data connection of {who} with {} failed", ends.other());
            let what = match failed.stage {
                Stage::DataConnection => connection,
                Stage::Command(_) | Stage::Relay | Stage::Attempt => {
                    format!("{asked} failed, because {connection}")
                }
            };
            new(what).said(ends.concealed(&fault.to_string())).hint("try again later")
        }
        Cause::Relay(fault) => new(format!("{} did not transfer the file", ends.other()))
            .said(ends.concealed(&fault.to_string()))
            .hint(relay_advice(fault)),
        Cause::Ended(failure) => session.lost(failure),
        Cause::Cancelled => Failure::new(Kind::Interrupted, "cancelled"),
    }
}

/// What to do if a relay has moved nothing: a refusal stays one until somebody changes what the relay may reach.
const fn relay_advice(fault: &RelayFault) -> &'static str {
    match fault {
        RelayFault::Refused(_) | RelayFault::NoAddress => {
            "check what the relay may reach (its --allow), and that both servers let it transfer files; or use another relay"
        }
        RelayFault::Lost(_) | RelayFault::Silent => "try again later, or use another relay",
    }
}

/// The failure of an attempt in which a relay may not connect to the data port of a server.
pub(super) fn data_ports(failure: Failure) -> Failure {
    let what = failure.said.unwrap_or(failure.what);
    Failure::new(failure.kind, what).about(About::DataPorts).hint("see its --data-ports")
}

/// What was being done, for people: the names of commands are in the trace and in `why`.
const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Command(Verb::Retr) => "reading the file",
        Stage::Command(Verb::Stor | Verb::Appe | Verb::Stou) => "storing the file",
        Stage::Command(_) => "preparing the transfer",
        Stage::DataConnection => "opening the data connection",
        Stage::Relay => "asking the relay",
        Stage::Attempt => "transferring the file",
    }
}

/// Why this program gave the attempt up.
fn given_up(stall: Duration, ends: &Ends<'_>, why: GivenUp, moved: u64) -> Failure {
    let stalled = match why {
        GivenUp::Interrupted | GivenUp::Lost | GivenUp::Enough | GivenUp::Detached => {
            return Failure::interrupted();
        }
        GivenUp::Stalled(None) => "nothing moved between the servers".to_owned(),
        GivenUp::Stalled(Some(Side::Source)) => format!("{} sent nothing", ends.source.who()),
        GivenUp::Stalled(Some(Side::Destination)) => format!("{} accepted nothing", ends.destination.who()),
        GivenUp::Unseen(time) => {
            let time = duration::words(stall.saturating_add(time));
            let what = format!("nobody has seen anything move between the servers for {time} (unseen timer)");
            return Failure::new(Kind::Temporary, what).hint("try again later, or raise --unseen");
        }
        GivenUp::TooMuch(announced) => return files::sends_too_much(ends.source, announced),
    };
    let seconds = stall.as_secs();
    let what = format!("{stalled} for {seconds} s (stall timer), after {}", counted(moved, "byte"));
    Failure::new(Kind::Temporary, what).hint("try again later, or raise --stall")
}

fn kind(failed: &transfer::Failure) -> Kind {
    match (kind_of(failed.blame), failed.side) {
        // A 550 from the destination does not mean that the source file is missing.
        (Kind::Missing, Side::Destination) => Kind::Refused,
        _ if failed.blame == Blame::Unsupported => Kind::NoPath,
        (kind, _) => kind,
    }
}

/// A candidate, described for people.
pub(crate) struct Description<'a> {
    pub(crate) candidate: Candidate,
    /// The rung on which it stands, as far as it is known what its relay is.
    pub(crate) rung: Rung,
    /// The name of its relay, if it has one.
    pub(crate) relay: Option<&'a str>,
    /// The source and the destination.
    parties: [&'a Party; 2],
}

impl<'a> Description<'a> {
    /// A candidate between these two.
    pub(super) fn new(
        (candidate, rung): (Candidate, Rung),
        relays: &'a [Nearby],
        parties: [&'a Party; 2],
    ) -> Self {
        let relay = candidate.relay().and_then(|relay| relays.get(relay)).map(|relay| relay.name.as_str());
        Self { candidate, rung, relay, parties }
    }

    /// What protects the data on the whole path.
    pub(crate) fn protection(&self) -> Protection {
        Protection::of(match self.candidate.data_tls() {
            Some(tls) => tls.runs_tls(),
            None => self.parties.iter().all(|party| party.leaf.is_some()),
        })
    }

    /// The end that runs no TLS although the other one does, if the data passes this host.
    fn clear_end(&self) -> Option<Side> {
        let runs_tls = |side: Side| side.of(self.parties).leaf.is_some();
        let is_alone = |side: &Side| !runs_tls(*side) && runs_tls(side.other());
        Side::BOTH.into_iter().find(is_alone).filter(|_| self.candidate == Candidate::Through)
    }

    /// Reports that it is tried, and why.
    pub(crate) fn announce(&self, context: &Context, refused: &[Refusal]) {
        context.run.events.say(Event::Path {
            route: self.rung,
            relay: self.relay.map(str::to_owned),
            protection: self.protection(),
            why: self.why(refused),
            account: None,
        });
    }

    /// Whether the data passes a third host.
    pub(crate) const fn has_intermediary(&self) -> bool {
        !matches!(self.candidate, Candidate::Direct(_))
    }

    /// Warns that the data passes a third host although the user has not asked for that.
    pub(crate) fn warn_of_intermediary(&self, context: &Context, refused: &[Refusal]) {
        let why = reasons(refused);
        let third = self.relay.map_or_else(|| "this host".to_owned(), |relay| intermediary(self.rung, relay));
        context.run.events.warn(format!("the data passes {third}, because no direct path works: {why}"));
    }

    /// Whether the data is inside TLS on one side of this host and in clear on the other one.
    pub(crate) fn is_half_clear(&self) -> bool {
        self.clear_end().is_some()
    }

    /// Warns that the data is in clear on one side of this host.
    pub(crate) fn warn_of_clear_end(&self, context: &Context) {
        if let Some(end) = self.clear_end() {
            context.run.events.warn(format!("{}, which runs no TLS", clear_between(end)));
        }
    }

    /// Why it failed, as a reason for the next candidate.
    pub(crate) fn refusal(&self, failure: &Failure) -> Refusal {
        let relay = self.relay.map_or_else(String::new, |relay| format!(" {relay}"));
        Refusal { candidate: Some(format!("{}{relay}", self.rung.words())), failure: failure.clone() }
    }

    /// Why it is tried.
    pub(crate) fn why(&self, refused: &[Refusal]) -> String {
        let mut why = self.candidate.needs();
        let proven = self.parties.iter().all(|party| party.capabilities.rndz);
        if proven && self.candidate != Candidate::Through {
            why.push_str(", and both are proved to each other");
        }
        let verifies = self.candidate.tls_client().map(|_| self.parties.map(|party| party.capabilities.pinc));
        why.push_str(match verifies {
            None => "",
            Some([true, true]) => ", and each verifies the certificate of the other",
            Some([true, false]) => ", and the source verifies the certificate of the destination",
            Some([false, true]) => ", and the destination verifies the certificate of the source",
            Some([false, false]) => ", and neither can verify the certificate of the other",
        });
        if let Some(end) = self.clear_end() {
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

fn clear_between(end: Side) -> &'static str {
    end.of([
        "the data is in clear between the source and this host",
        "the data is in clear between this host and the destination",
    ])
}

/// The reason that is told: that of the last candidate, unless the operator of a relay can help.
pub(super) fn told(refused: &[Refusal]) -> Option<&Refusal> {
    refused.iter().rfind(|refusal| refusal.failure.about == About::DataPorts).or(refused.last())
}

/// Why no candidate works: one reason, and how many others there are.
pub(super) fn reasons(refused: &[Refusal]) -> String {
    let Some(why) = told(refused).map(|told| told.failure.why()) else { return NOTHING_IN_COMMON.to_owned() };
    match refused.iter().filter(|other| other.failure.why() != why).count() {
        0 => why,
        count => format!("{why}, and {} ({FtpUser} why)", counted(count as u64, "other reason")),
    }
}

/// The reason if every candidate failed for an earlier file.
pub(crate) const FAILED_FOR_EARLIER_FILE: &str = "each candidate failed for an earlier file";
/// The reason if a third host was faster than all direct paths.
pub(crate) const SILENT_SO_FAR: &str = "the servers have not connected to each other so far";
const NOTHING_IN_COMMON: &str = "the two servers have no address family and no commands in common";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder;
    use crate::session::{Role, session_of};
    use ftp_proto::reply::Code;
    use ftp_proto::transfer::{DataFault, Unusable};

    #[test]
    fn the_last_reason_is_told_and_the_others_are_counted() {
        let check = |refused: &[&str], expect: &str| {
            let refused: Vec<Refusal> = refused.iter().map(|&reason| reason.into()).collect();
            assert_eq!(reasons(&refused), expect);
        };
        check(&[], NOTHING_IN_COMMON);
        check(&["no: 504", "no: 504"], "no: 504");
        let failure = Failure::new(Kind::NoPath, "denied").about(About::DataPorts);
        assert_eq!(
            reasons(&[Refusal { candidate: None, failure }, "500".into()]),
            "denied, and 1 other reason (ftp-user why)"
        );
        check(&["no: 504", SILENT_SO_FAR], &format!("{SILENT_SO_FAR}, and 1 other reason (ftp-user why)"));
    }

    #[test]
    fn only_what_may_pass_by_itself_is_to_be_tried_again_later() {
        for (fault, is_for_now) in [
            (RelayFault::Refused("11 denied".to_owned()), false),
            (RelayFault::NoAddress, false),
            (RelayFault::Lost("it is busy".to_owned()), true),
            (RelayFault::Silent, true),
        ] {
            assert_eq!(relay_advice(&fault).contains("later"), is_for_now, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn no_failure_of_an_attempt_shows_a_password_of_either_end() {
        let source = Box::pin(session_of("sourcesecret", Role::Source, &[])).await;
        let destination = Box::pin(session_of("targetsecret", Role::Destination, &[])).await;
        let ends = Ends { source: &source, destination: &destination, intermediary: Some("the relay") };
        let words = || "sourcesecret and TARGETsecret".to_owned();
        let reply = |text: &str| Reply { code: Code(550), lines: vec![text.as_bytes().to_vec()] };
        let own = [(Side::Source, "sourcesecret"), (Side::Destination, "targetsecret")];
        let quoted = own.into_iter().flat_map(|(side, secret)| {
            let refused = Cause::Refused(reply(secret));
            [(side, refused), (side, Cause::Unusable(reply(secret), Unusable::NoAddress))]
        });
        let told = [
            Cause::Data(DataFault::Failed(words())),
            Cause::Relay(RelayFault::Refused(words())),
            Cause::Relay(RelayFault::Lost(words())),
        ];
        let told = Side::BOTH.into_iter().flat_map(|side| told.clone().map(|cause| (side, cause)));
        for (side, cause) in quoted.chain(told) {
            for stage in [Stage::Command(Verb::Retr), Stage::DataConnection, Stage::Relay] {
                let failed = ladder::failed(side, stage, cause.clone(), Blame::Path);
                let failed_posture = FailedPosture { side, posture: Posture::Passive, cause: cause.clone() };
                let mut ended = AttemptResult::early(Outcome::Failed(failed));
                ended.failed_postures.push(failed_posture);
                let shown = failure(Duration::ZERO, &ends, &ended).unwrap().to_string();
                assert!(shown.contains("***"), "{shown}");
                assert!(!shown.to_lowercase().contains("secret"), "{shown}");
            }
        }
    }
}
