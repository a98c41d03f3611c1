//! The certificate of a server: whether it is accepted, kept or refused, by what is known of its site.

use super::certificate_words::changed;
use super::dial::within;
use crate::context::Context;
use crate::failure::{About, Failure, Kind};
use crate::place::{OnUnknown, Site};
use crate::state::{Kept, KnownSite};
use ftp_io::program::terminal::Terminal;
use ftp_io::tls::{Client, Fingerprint, Trust};
use ftp_proto::client::Security;
use std::time::Duration;

/// What is known of a site from earlier sessions.
///
/// # Errors
///
/// The file of that cannot be believed. Then no session begins.
pub(super) fn known(context: &Context, site: &Site) -> Result<KnownSite, Failure> {
    context.store.sites.recall(&site.key()).map_err(|why| {
        Failure::new(Kind::Other, format!("it is not known which servers have TLS, and by which certificate: {why}"))
            .hint(
                "repair the file (your own, mode 0600), or name another directory with --state; if you move it away, no server is known any more to have TLS, and certificates are kept anew",
            )
    })
}

/// Whether an authority has vouched for the site before, and roots still decide.
pub(super) fn was_verified(context: &Context, site: &Site) -> bool {
    context.settings.trust.is_by_roots() && known(context, site).is_ok_and(|known| known.was_verified)
}

/// Which certificates are accepted from a site. One that nobody vouches for is admitted under `ftp://`, where the
/// alternative is no TLS at all, and under `--trust new`; but not if an authority has vouched for the site before.
///
/// # Errors
///
/// It is not known what is known of the site.
pub(super) fn trust(context: &Context, site: &Site) -> Result<Trust, Failure> {
    let known = known(context, site)?;
    let trust = match known.certificate {
        Some(kept) => context.settings.trust.clone().with_kept(kept),
        None => context.settings.trust.clone(),
    };
    let anybody = site.security == Security::Offered || context.settings.unknown.how == OnUnknown::Keep;
    Ok(if anybody && !known.was_verified { trust.admitting() } else { trust })
}

/// Notes what a session that runs TLS has shown of the site. `who` is the server, for people.
///
/// # Errors
///
/// Another run has kept another certificate meanwhile.
pub(super) fn note(context: &Context, site: &Site, who: &str, client: &Client) -> Result<(), Failure> {
    let doubt = client.doubt();
    if let (Some(doubt), Some(certificate)) = (&doubt, client.certificate()) {
        return keep(context, site, who, certificate, &doubt.to_string());
    }
    let verified = doubt.is_none() && context.settings.trust.is_by_roots();
    let verified = verified && known(context, site)?.certificate.is_none();
    if let Err(why) = context.store.sites.note_tls(&site.key(), verified) {
        context.run.events.warn(why);
    }
    Ok(())
}

fn keep(
    context: &Context,
    site: &Site,
    who: &str,
    certificate: Fingerprint,
    why: &str,
) -> Result<(), Failure> {
    let told = |how: &str| {
        context.run.events.warn(format!(
            "the certificate of {who} is accepted and not verified: {why}; it is {certificate}{how}"
        ));
    };
    match context.store.sites.keep(&site.key(), certificate) {
        Ok(Kept::Now) => told(", and from now on no other is accepted"),
        Ok(Kept::ForThisRun) => told("; there is no state directory to keep it in (--state)"),
        Ok(Kept::Before) => {}
        Ok(Kept::Other(kept)) => return Err(changed(site, who, kept, certificate, Some(why))),
        Err(not_kept) => told(&format!("; {not_kept}")),
    }
    Ok(())
}

/// Asks the person at the terminal about a certificate that nobody vouches for, if that is what `failure` is about.
/// Returns whether it was accepted; then it is kept.
pub(super) async fn ask_person(context: &Context, site: &Site, failure: &Failure) -> bool {
    let About::Unknown(certificate) = failure.about else { return false };
    if context.settings.unknown.how != OnUnknown::Ask {
        return false;
    }
    let mut refused = context.settings.unknown.refused.lock().await;
    let asked = (site.key(), certificate);
    if refused.contains(&asked) {
        return false;
    }
    if known(context, site).is_ok_and(|known| known.certificate == Some(certificate)) {
        return true;
    }
    let Some(terminal) = Terminal::open() else { return false };
    let question = format!("{}\nIt is {certificate}\nAccept it, and keep it for later runs?", failure.what);
    let answer = within(context, NO_LIMIT, terminal.confirm(question)).await;
    if answer != Some(true) {
        refused.insert(asked);
        return false;
    }
    match context.store.sites.keep(&site.key(), certificate) {
        Ok(Kept::Now | Kept::Before) => true,
        Ok(Kept::ForThisRun) => {
            context.run.events.warn("there is no state directory (--state), so the certificate is not kept");
            true
        }
        Ok(Kept::Other(_)) => false,
        Err(why) => {
            context.run.events.warn(why);
            true
        }
    }
}

/// A person may think as long as it takes. Ctrl-C ends that.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);
