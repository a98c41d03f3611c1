//! `sites test`: logs in at sites, and tells in one line each what works there and what to do about the rest.

use super::super::passwords::Passwords;
use super::places_of_names;
use crate::context::Context;
use crate::endpoint::files::{self, Foreign, ServerClock};
use crate::failure::{About, Failure, FtpUser, Kind, Result};
use crate::job::Status;
use crate::place::{self, Location, Place};
use crate::report::{Checked, Event, Verdict};
use crate::session::{Role, Session, SessionOpening};
use crate::world::random_number;
use ftp_proto::dialect::Dialect;
use ftp_proto::wire::{PathName, counted};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

pub(super) async fn run(mut context: Context, passwords: &Passwords, places: &[OsString]) -> Result<Status> {
    let places = places_of_names(&context, places)?;
    if places.iter().any(|place| place.as_bytes() == b"-") {
        return Err(Failure::usage("sites test needs names of sites"));
    }
    let locations = passwords.locations(&mut context, &places).await?;
    let mut status = Status::Done;
    for location in &locations {
        if context.run.cancel.is_cancelled() {
            return Err(Failure::interrupted());
        }
        for found in trial(&context, location).await.found {
            if found.verdict == Verdict::Bad {
                status = status.and(Status::Failed(Kind::Other));
            }
            let is_one_of_several = locations.len() > 1;
            context.run.events.say(Event::Checked(Checked { is_one_of_several, ..found }));
        }
    }
    Ok(status)
}

/// What was found out about a site.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// What works there and what does not.
    pub(super) found: Vec<Checked>,
    /// Whether its server refuses the login, so that another password may help.
    pub(super) is_login_refused: bool,
}

impl Trial {
    /// Whether everything works as it should.
    pub(super) fn works(&self) -> bool {
        !self.is_login_refused && self.found.iter().all(|found| found.verdict != Verdict::Bad)
    }
}

/// Finds out what works at a site. Nothing is left there.
pub(super) async fn trial(context: &Context, location: &Location) -> Trial {
    let Place::Remote(remote) = &location.place else {
        let what = format!("{location} is on this host");
        let found = vec![Checked::bad("place", what, "name a site, or a server with ftp://host/")];
        return Trial { found, is_login_refused: false };
    };
    let of = remote.site.to_string();
    let (mut found, mut is_login_refused) = (Vec::new(), false);
    match SessionOpening::new(context, &remote.site, Role::Server).open().await {
        Err(failure) => {
            is_login_refused = failure.about == About::Login;
            found.push(failed(part_of(&failure), failure));
        }
        Ok(mut session) => {
            opened(&mut found, &session);
            if let Err(failure) = asked(&mut found, &mut session, location).await {
                found.push(failed("session", failure));
            }
            Box::pin(session.quit()).await;
        }
    }
    let found = found.into_iter().map(|found| Checked { of: of.clone(), ..found }).collect();
    Trial { found, is_login_refused }
}

/// Which part of the beginning of a session has failed.
const fn part_of(failure: &Failure) -> &'static str {
    match (failure.kind, failure.about) {
        (Kind::Untrusted, _) => "certificate",
        (_, About::NoAnswer) => "connection",
        (_, About::Login) => "login",
        _ => "session",
    }
}

/// A failure as a finding.
fn failed(check: &'static str, failure: Failure) -> Checked {
    let hint = failure.hint.clone();
    let says = failure.why();
    Checked { hint, ..Checked::bad(check, says, "") }
}

/// What the open session shows by itself.
fn opened(found: &mut Vec<Checked>, session: &Session) {
    let answered = format!(
        "{}, a round trip takes {:.1} ms",
        session.title,
        session.addresses.round_trip.as_secs_f64() * 1e3
    );
    found.push(Checked::good("connection", answered));
    found.push(match files::certificate_seen(session) {
        None => Checked::note(
            "tls",
            "the server offers no TLS: passwords and files are in clear",
            "ask its operator for TLS",
        ),
        Some(seen) => {
            let which = seen.fingerprint.map_or_else(String::new, |print| format!(": {print}"));
            match seen.doubt {
                None => Checked::good("tls", format!("the certificate is good{which}")),
                Some(doubt) => Checked::note(
                    "tls",
                    format!("the certificate is accepted and not verified, {doubt}{which}"),
                    format!(
                        "compare it with what its operator says, and pin it: {FtpUser} sites edit NAME --pin SHA256:..."
                    ),
                ),
            }
        }
    });
    found.push(Checked::good("login", format!("as {}", String::from_utf8_lossy(session.site.login()))));
    found.push(features(session));
}

/// What its features mean for copies.
fn features(session: &Session) -> Checked {
    let can = &session.manners.capabilities;
    if session.is_ours() {
        return Checked::good("features", "an ftp-server: proven data connections, digests while files move");
    }
    if session.manners.dialect == Dialect::Rfc354 {
        return Checked::note(
            "features",
            "it speaks the FTP of 1973",
            "copies verify by size, and broken ones begin again",
        );
    }
    let digests = !can.hash.is_empty() || !can.dgst.is_empty() || !can.x_digests.is_empty();
    let lacks: Vec<&str> = [
        (can.mlst.is_some(), "exact listings (MLSD)"),
        (can.size, "SIZE"),
        (can.mdtm, "exact times (MDTM)"),
        (can.rest_stream, "continuing (REST STREAM)"),
        (digests, "digests (HASH, XCRC...)"),
    ]
    .into_iter()
    .filter_map(|(has, what)| (!has).then_some(what))
    .collect();
    if lacks.is_empty() {
        return Checked::good("features", "exact listings, sizes, times, continuing and digests");
    }
    let hint = match (digests, can.rest_stream) {
        (false, _) => "copies verify by size, unless the other end has read the file",
        (true, false) => "a copy that broke off begins again",
        (true, true) => "times and sizes of files may be told late or not at all",
    };
    Checked::note("features", format!("it does not name {}", lacks.join(", ")), hint)
}

/// What it answers.
async fn asked(found: &mut Vec<Checked>, session: &mut Session, location: &Location) -> Result<()> {
    let directory = Some(&location.path).filter(|path| path.as_bytes() != b".");
    match files::list_at_server(session, directory).await {
        Ok(listing) => {
            let names = counted(listing.entries.len() as u64, "name");
            found.push(Checked::good("listing", format!("{location} has {names}")));
        }
        Err(failure) if session.is_over() => return Err(failure),
        Err(failure) => found.push(failed("listing", failure)),
    }
    found.push(clock(session, directory).await?);
    found.push(match files::takes_foreign(session).await? {
        Foreign::Proven => {
            let what = "files go from server to server if the other end proves itself (RNDZ)";
            Checked::good("third-party", what)
        }
        Foreign::Taken => {
            let what = "it takes the address of another server: files may go straight there";
            Checked::good("third-party", what)
        }
        Foreign::Refused(said, advice) => {
            let usual = "files go straight only where it listens; else through a relay or this host";
            let what = format!("it refuses the address of another server: {said}");
            Checked::note("third-party", what, advice.unwrap_or_else(|| usual.to_owned()))
        }
    });
    Ok(())
}

/// Whether the clocks agree.
async fn clock(session: &mut Session, directory: Option<&PathName>) -> Result<Checked> {
    let name = format!(".ftp-user.test-{:016x}", random_number()?);
    let name = PathName::from_user(name).map_err(|bad| Failure::new(Kind::Other, bad.to_string()))?;
    let path = place::join(directory, &name);
    Ok(match files::clock_of_server(session, &path).await? {
        ServerClock::Off(0) => Checked::good("clock", "it agrees with the clock of this host"),
        ServerClock::Off(off) if off.abs() <= TOLERANCE => {
            Checked::good("clock", format!("{} s from the clock of this host", off.abs()))
        }
        ServerClock::Off(off) => Checked::note(
            "clock",
            format!(
                "it is {} s {} this host",
                off.unsigned_abs(),
                if off > 0 { "ahead of" } else { "behind" }
            ),
            "--overwrite newer may be wrong; set the clocks of both (NTP)",
        ),
        ServerClock::Unseen => Checked::note(
            "clock",
            "the server shows no exact times",
            "--overwrite newer may be a day wrong; use --overwrite different",
        ),
        ServerClock::ReadOnly(said) => Checked::note(
            "clock",
            format!("it was not compared: nothing can be made there: {said}"),
            "that is right if the site is only read from",
        ),
    })
}

/// Seconds by which two clocks may differ.
const TOLERANCE: i64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_says_of_the_login_is_about_the_login() {
        let refused = Failure::new(Kind::Refused, "the login as ann failed");
        // A proxy or a relay refuses as well.
        assert_eq!(part_of(&refused), "session");
        assert_eq!(part_of(&refused.about(About::Login)), "login");
        assert_eq!(part_of(&Failure::new(Kind::Untrusted, "nobody vouches for it")), "certificate");
        let nobody = Failure::new(Kind::Temporary, "cannot connect").about(About::NoAnswer);
        assert_eq!(part_of(&nobody), "connection");
    }
}
