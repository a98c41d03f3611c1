//! What a reply means for the attempt: continue, an address, or a failure and who is to blame for it.

use super::outcome::{Cause, Unusable};
use super::request::Party;
use super::script::Step;
use crate::address::{parse_227, parse_229, parse_255};
use crate::client::Failure;
use crate::command::Verb;
use crate::policy::believe;
use crate::reply::{Blame, Class, Meaning, Reply, TlsFault, blame, ends_session, tls_fault, wants_pret};
use std::net::SocketAddr;

/// A reply to a command, with its class for that command.
#[derive(Clone, Debug)]
pub(super) struct ClassifiedReply {
    pub(super) reply: Reply,
    pub(super) class: Class,
}

/// What one reply before the transfer commands means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The final reply has yet to come.
    Wait,
    /// The step is done.
    Fine,
    /// The end listens at the first address (X of RFC 438). The second one is the address that it announced, if
    /// that cannot be meant.
    Listens(SocketAddr, Option<SocketAddr>),
    /// The end will connect from this port (Y of RFC 438), if it said so.
    ConnectsFrom(Option<u16>),
    /// The end requires PRET before it listens (H34).
    WantsPret,
    /// The attempt has failed.
    Bad(Cause, Blame),
}

/// Judges a reply to a command before the transfer commands.
pub(super) fn setup(step: Step, verb: Verb, party: &Party, answer: ClassifiedReply) -> Verdict {
    let ClassifiedReply { reply, class } = answer;
    match class {
        Class::Aside | Class::Preliminary => Verdict::Wait,
        // A server that does not know ACTV may not need it. If it does, a later step fails.
        _ if step == Step::Activate => Verdict::Fine,
        Class::More if step == Step::Rest => Verdict::Fine, // 350
        Class::More if step == Step::Announce => Verdict::Fine,
        // The digest is computed afterwards then.
        Class::More | Class::Later | Class::Refused
            if step == Step::Digest && !ends_session(party.dialect, reply.code) =>
        {
            Verdict::Fine
        }
        Class::Done => match step {
            Step::Listen => listens(verb, party, reply),
            Step::Port => match announced_port(party, &reply) {
                Some(port) => Verdict::ConnectsFrom(Some(port)),
                None => Verdict::Bad(Cause::Unusable(reply, Unusable::NoAddress), Blame::Path),
            },
            // H04: 200 is as good as 255. The port may come later, or never.
            Step::Connect => Verdict::ConnectsFrom(announced_port(party, &reply)),
            Step::Type
            | Step::Digest
            | Step::Activate
            | Step::Symmetric
            | Step::Sscn
            | Step::Pinc
            | Step::Rndz
            | Step::Announce
            | Step::Filter
            | Step::Rest => Verdict::Fine,
        },
        Class::More | Class::Later | Class::Refused => {
            if step == Step::Listen && !party.capabilities.pret && wants_pret(&reply) {
                return Verdict::WantsPret;
            }
            let blame = setup_blame(step, verb, party, &reply);
            // Some servers list PRET in FEAT but do not know it. PASV shows whether that matters.
            if step == Step::Announce && blame == Blame::Unsupported {
                return Verdict::Fine;
            }
            Verdict::Bad(Cause::Refused(reply), blame)
        }
    }
}

/// Whom to blame for a refusal. If a data port is refused, the path is to blame: another one may work.
fn setup_blame(step: Step, verb: Verb, party: &Party, reply: &Reply) -> Blame {
    let said = blame(party.dialect, verb, reply);
    match (step, said) {
        (_, Blame::Busy) if ends_session(party.dialect, reply.code) => Blame::Busy,
        (_, Blame::Login | Blame::Unsupported) | (Step::Type | Step::Announce, _) => said,
        (Step::Rest, _) => Blame::Unsupported, // the caller can start from zero
        (
            Step::Digest
            | Step::Activate
            | Step::Symmetric
            | Step::Port
            | Step::Sscn
            | Step::Pinc
            | Step::Rndz
            | Step::Listen
            | Step::Connect
            | Step::Filter,
            _,
        ) => Blame::Path,
    }
}

/// Whom to blame for the final reply of a transfer command. `None` means that the transfer is complete.
pub(super) fn transfer_blame(verb: Verb, party: &Party, answer: &ClassifiedReply) -> Option<Blame> {
    let said = blame(party.dialect, verb, &answer.reply);
    match answer.class {
        // No code of a 2xx is to blame; its words may be ("226 Transfer aborted").
        Class::Done if said == Blame::Peer => None,
        Class::More => Some(Blame::Peer), // no transfer command asks for another one
        Class::Aside | Class::Preliminary | Class::Done | Class::Later | Class::Refused => Some(said),
    }
}

/// Whom to blame when a session ends during the attempt.
pub(super) const fn end_blame(failure: &Failure) -> Blame {
    match failure {
        Failure::LoginRefused(_) | Failure::PasswordNeeded(_) | Failure::AccountNeeded(_) => Blame::Login,
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

/// Whether neither another path nor a later attempt can help.
pub(super) const fn is_decisive(blame: Blame) -> bool {
    match blame {
        Blame::Missing | Blame::File | Blame::Space | Blame::Login => true,
        Blame::Path | Blame::Busy | Blame::Unsupported | Blame::Peer => false,
    }
}

/// Whether the words of an end say why the attempt failed, whatever was told of the data connections before: neither another
/// path nor a later attempt can help, or the end demands its own TLS session (H17).
pub(super) fn says_why(cause: &Cause, blame: Blame) -> bool {
    let Cause::Refused(reply) = cause else { return is_decisive(blame) };
    is_decisive(blame) || tls_fault(reply) == Some(TlsFault::OwnSession)
}

/// Whether another command may still open the data connection, after one of them was refused. Not if the server has lied
/// about its address.
pub(super) const fn may_try_another(cause: &Cause, blame: Blame) -> bool {
    matches!(blame, Blame::Path | Blame::Unsupported) && !matches!(cause, Cause::Policy(..))
}

/// The address in the positive reply to LSTN, PASV or EPSV.
fn listens(verb: Verb, party: &Party, reply: Reply) -> Verdict {
    // 255 and 229 have no host. It is the address at which we reached the server.
    let here = |port| SocketAddr::new(party.address, port);
    if verb == Verb::Epsv
        && let Some(port) = find(&reply, parse_229)
    {
        return Verdict::Listens(here(port), None);
    }
    if let Some(port) = announced_port(party, &reply) {
        return Verdict::Listens(here(port), None);
    }
    if matches!(verb, Verb::Pasv | Verb::Cpsv)
        && let Some(announced) = find(&reply, parse_227)
    {
        // H08: a lying server could make the other one connect to a victim.
        let announced = SocketAddr::V4(announced);
        if party.given && announced.port() != 0 {
            return Verdict::Listens(here(announced.port()), None);
        }
        return match believe(party.address, announced) {
            Ok(to) => Verdict::Listens(to, Some(announced).filter(|announced| *announced != to)),
            Err(why) => Verdict::Bad(Cause::Policy(why, reply), Blame::Path),
        };
    }
    Verdict::Bad(Cause::Unusable(reply, Unusable::NoAddress), Blame::Path)
}

/// The port in a 255 reply of either dialect (H03).
pub(super) fn announced_port(party: &Party, reply: &Reply) -> Option<u16> {
    if reply.code == Meaning::Socket.code(party.dialect) { find(reply, parse_255) } else { None }
}

/// The first result of `parse` over the lines of a reply.
fn find<T>(reply: &Reply, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    reply.lines.iter().find_map(|line| parse(line))
}
