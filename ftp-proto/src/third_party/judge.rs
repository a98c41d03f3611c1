//! What a reply means for the attempt: go on, an address, or whose fault it is.

use super::script::Step;
use super::{Cause, Heard, Party};
use crate::address::{parse_227, parse_229, parse_255};
use crate::client::Failure;
use crate::command::Verb;
use crate::policy::believe;
use crate::reply::{Blame, Class, Meaning, Reply, blame, ends_session, wants_pret};
use std::net::SocketAddr;

/// The verdict on one reply of the set-up.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The final reply is still to come.
    Wait,
    /// On to the next step.
    Fine,
    /// It listens here: X of RFC 438. Where it announced another host, which cannot be meant, that.
    Listens(SocketAddr, Option<SocketAddr>),
    /// It will connect from this port: Y of RFC 438.
    ConnectsFrom(Option<u16>),
    /// It wants PRET before it listens (H34).
    WantsPret,
    /// The attempt is over.
    Bad(Cause, Blame),
}

/// Judges a reply to a step of the set-up.
pub(super) fn setup(step: Step, verb: Verb, party: &Party, heard: Heard) -> Verdict {
    let Heard { reply, class } = heard;
    match class {
        Class::Aside | Class::Preliminary => Verdict::Wait,
        // A server that does not know ACTV may do without it; if not, the attempt shows it.
        _ if step == Step::Activate => Verdict::Fine,
        Class::More if step == Step::Rest => Verdict::Fine, // 350
        Class::More if step == Step::Announce => Verdict::Fine,
        Class::Done => match step {
            Step::Listen => listens(verb, party, reply),
            // H04: 200 is as good; the number may come later, or never.
            Step::Connect => Verdict::ConnectsFrom(number(party, &reply)),
            Step::Type | Step::Activate | Step::Rndz | Step::Announce | Step::Filter | Step::Rest => {
                Verdict::Fine
            }
        },
        Class::More | Class::Later | Class::Refused => {
            if step == Step::Listen && !party.capabilities.pret && wants_pret(&reply) {
                return Verdict::WantsPret;
            }
            let blame = setup_blame(step, verb, party, &reply);
            // It says so in FEAT and does not know it: PASV will show whether it matters.
            if step == Step::Announce && blame == Blame::Unsupported {
                return Verdict::Fine;
            }
            Verdict::Bad(Cause::Refused(reply), blame)
        }
    }
}

/// The blame for a refusal: a data socket that is refused is a way that is closed, and another way
/// may be open.
fn setup_blame(step: Step, verb: Verb, party: &Party, reply: &Reply) -> Blame {
    let said = blame(party.dialect, verb, reply);
    match (step, said) {
        (_, Blame::Busy) if ends_session(party.dialect, reply.code) => Blame::Busy,
        (_, Blame::Login | Blame::Unsupported) | (Step::Type | Step::Announce, _) => said,
        (Step::Rest, _) => Blame::Unsupported, // the caller starts from zero
        (Step::Activate | Step::Rndz | Step::Listen | Step::Connect | Step::Filter, _) => Blame::Path,
    }
}

/// The blame for the final reply of a transfer command; `None`: it is complete.
pub(super) fn transfer_blame(verb: Verb, party: &Party, heard: &Heard) -> Option<Blame> {
    let said = blame(party.dialect, verb, &heard.reply);
    match heard.class {
        // No code of a 2xx is to blame; its words may be ("226 Transfer aborted").
        Class::Done if said == Blame::Peer => None,
        Class::More => Some(Blame::Peer), // no transfer command asks for another one
        Class::Aside | Class::Preliminary | Class::Done | Class::Later | Class::Refused => Some(said),
    }
}

/// The blame for a session that ended in the middle.
pub(super) const fn end_blame(failure: &Failure) -> Blame {
    match failure {
        Failure::LoginRefused(_) | Failure::AccountNeeded(_) => Blame::Login,
        Failure::NotFtp(_)
        | Failure::TlsOnly
        | Failure::OutOfStep
        | Failure::TlsRefused(_)
        | Failure::Injected
        | Failure::DataInClear(_) => Blame::Peer,
        Failure::NoGreeting
        | Failure::ClosedEarly
        | Failure::Closed
        | Failure::Silent(_)
        | Failure::Unavailable(_)
        | Failure::Quit => Blame::Busy,
    }
}

/// Whether a blame settles the matter: no other way and no later time helps.
pub(super) const fn is_decisive(blame: Blame) -> bool {
    match blame {
        Blame::Missing | Blame::File | Blame::Space | Blame::Login => true,
        Blame::Path | Blame::Busy | Blame::Unsupported | Blame::Peer => false,
    }
}

/// The address in the positive reply to LSTN, PASV or EPSV.
fn listens(verb: Verb, party: &Party, reply: Reply) -> Verdict {
    // 255 and 229 carry no host: it is the one we reached the server at.
    let here = |port| SocketAddr::new(party.address, port);
    if verb == Verb::Epsv
        && let Some(port) = find(&reply, parse_229)
    {
        return Verdict::Listens(here(port), None);
    }
    if let Some(port) = number(party, &reply) {
        return Verdict::Listens(here(port), None);
    }
    if verb == Verb::Pasv
        && let Some(announced) = find(&reply, parse_227)
    {
        // H08: a lying server could aim the other one at a victim.
        let announced = SocketAddr::V4(announced);
        return match believe(party.address, announced) {
            Ok(to) => Verdict::Listens(to, Some(announced).filter(|announced| *announced != to)),
            Err(why) => Verdict::Bad(Cause::Policy(why, reply), Blame::Path),
        };
    }
    Verdict::Bad(Cause::Unusable(reply, "it does not say where it listens"), Blame::Path)
}

/// The number in a 255 reply of either dialect (H03).
pub(super) fn number(party: &Party, reply: &Reply) -> Option<u16> {
    if reply.code == Meaning::Socket.code(party.dialect) { find(reply, parse_255) } else { None }
}

/// The first line in which `parse` finds something.
fn find<T>(reply: &Reply, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    reply.lines.iter().find_map(|line| parse(line))
}
