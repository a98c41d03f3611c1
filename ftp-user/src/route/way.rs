//! One try of one candidate: the attempt is made, and what went wrong is put in words.

use super::load::Load;
use super::pair::Pair;
use super::relayed::{ByRelay, Circuit};
use super::through::{Told, Via};
use super::trouble;
use super::two::Ran;
use super::watch::{Subject, Watch};
use crate::context::Context;
use crate::control::Session;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::report::Passage;
use ftp_proto::command::{DataType, Verb};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{self, Cause, Outcome, Postures, Roles, Side, Stage, Store, Transfer};

/// How one candidate went.
pub(crate) struct Went {
    /// How it ended.
    pub(crate) ran: Ran,
    /// What went wrong, if something did.
    pub(crate) failure: Option<Failure>,
    /// The SHA-256 of what has passed this host.
    pub(crate) sha256: Option<String>,
    /// What has passed a relay.
    pub(crate) passage: Option<Passage>,
}

impl Went {
    fn new(context: &Context, source: &Session, destination: &Session, third: &str, ran: Ran) -> Self {
        let trouble = trouble::of(context, source, destination, third, &ran);
        let impostor = || source.impostor().or_else(|| destination.impostor());
        let failure = trouble.map(|failure| impostor().unwrap_or(failure));
        Self { ran, failure, sha256: None, passage: None }
    }
}

pub(crate) async fn direct(
    context: &Context,
    from: &mut Server,
    to: &mut Server,
    roles: Roles,
    load: &Load<'_>,
) -> Result<Went, Failure> {
    let site = to.site.clone();
    let (source, destination) = prepared(context, from, to, load).await?;
    for side in [Side::Source, Side::Destination] {
        let session = match side {
            Side::Source => &mut *source,
            Side::Destination => &mut *destination,
        };
        if let Some(answer) = session.protect(false).await? {
            let cause = Cause::Refused(answer.reply);
            let stage = Stage::Command(Verb::Prot);
            let failure = third_party::Failure { side, stage, cause, blame: Blame::Path, touched: false };
            let ran = Ran { outcome: Outcome::Failed(failure), given_up: None, moved: 0 };
            return Ok(Went::new(context, source, destination, THIS_HOST, ran));
        }
    }
    let subject = Subject {
        name: load.name.to_owned(),
        total: load.size,
        site: &site,
        stored: load.stored,
        before: load.before,
        skips: load.skips(),
    };
    let watch = Watch::new(context, source, destination, subject);
    let proven = source.capabilities.rndz && destination.capabilities.rndz;
    let transfer = transfer(load, if proven { Some(secret()?) } else { None });
    let ran = Pair::new(context, source, destination, transfer, roles, watch).run().await;
    note_type(source, destination, &ran);
    Ok(Went::new(context, source, destination, THIS_HOST, ran))
}

pub(crate) async fn by_relay(
    context: &Context,
    circuit: &mut Circuit,
    postures: Postures,
    load: &Load<'_>,
) -> Result<Went, Failure> {
    let (source, destination) = circuit.sessions();
    ready(source, destination, load).await?;
    let told = Told { name: load.name.to_owned(), total: load.size, skips: load.skips() };
    let transfer = transfer(load, if circuit.is_proven() { Some(secret()?) } else { None });
    let (ran, passage) = ByRelay::new(context, circuit, transfer, postures, told).run().await;
    let third = format!("the relay {}", passage.relay);
    let (source, destination) = circuit.sessions();
    Ok(Went { passage: Some(passage), ..Went::new(context, source, destination, &third, ran) })
}

pub(crate) async fn through(
    context: &Context,
    from: &mut Server,
    to: &mut Server,
    load: &Load<'_>,
) -> Result<Went, Failure> {
    let (source, destination) = prepared(context, from, to, load).await?;
    source.private_data().await?;
    destination.private_data().await?;
    let told = Told { name: load.name.to_owned(), total: load.size, skips: load.skips() };
    let (ran, sha256) =
        Via::new(context, source, destination, transfer(load, None), load.look, told).run().await;
    note_type(source, destination, &ran);
    Ok(Went { sha256, ..Went::new(context, source, destination, THIS_HOST, ran) })
}

/// Both sessions, before a transfer between them.
async fn prepared<'a>(
    context: &Context,
    from: &'a mut Server,
    to: &'a mut Server,
    load: &Load<'_>,
) -> Result<(&'a mut Session, &'a mut Session), Failure> {
    let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
    ready(source, destination, load).await?;
    source.note_type(None);
    destination.note_type(None);
    Ok((source, destination))
}

/// What both sessions have to know of this file, and to forget of others.
async fn ready(source: &mut Session, destination: &mut Session, load: &Load<'_>) -> Result<(), Failure> {
    if load.skips() == 0 {
        tokio::try_join!(source.forget_restart(), destination.forget_restart())?;
    }
    if load.store == Store::Replace {
        destination.partials(load.keeps).await?;
    }
    Ok(())
}

/// The machine has set TYPE I at both, unless it failed.
const fn note_type(source: &mut Session, destination: &mut Session, ran: &Ran) {
    if matches!(ran.outcome, Outcome::Moved { .. }) {
        source.note_type(Some(DataType::Image));
        destination.note_type(Some(DataType::Image));
    }
}

fn transfer(load: &Load<'_>, secret: Option<RendezvousSecret>) -> Transfer {
    Transfer {
        source_path: load.source.clone(),
        destination_path: load.stored.clone(),
        store: load.store,
        restart: Some(load.skips()).filter(|octets| *octets > 0),
        secret,
    }
}

/// A secret for one data connection.
fn secret() -> Result<RendezvousSecret, Failure> {
    ftp_io::random::octets()
        .map(RendezvousSecret::new)
        .map_err(|error| Failure::new(Kind::Other, format!("no random number could be had: {error}")))
}

const THIS_HOST: &str = "this host";
