//! TLS of a session: which certificates are accepted or kept, its control connection, and the data connections that resume it.

use super::connection::{Role, Session};
use super::dial::within;
use crate::context::Context;
use crate::failure::{About, Failure, FtpUser, Kind, Result};
use crate::place::{OnUnknown, Site};
use crate::report::Event;
use crate::state::{KeptPin, KnownSite};
use ftp_io::control::Control;
use ftp_io::quoting::for_shell;
use ftp_io::tls::{Client, Doubt, Fingerprint, Handshake, Refusal, Trust, Versions};
use ftp_proto::client::Security;
use std::io;
use std::time::Duration;

/// Whether the session with a site begins TLS. A site that has had it once must offer it again, and so must one for
/// which a certificate was named; one that has said in this run that it offers none is not asked again.
///
/// # Errors
///
/// It is not known what is known of the site.
pub(super) fn security(context: &Context, site: &Site) -> Result<Security> {
    Ok(match site.security {
        Security::Offered if !context.settings.takes_tls => Security::Clear,
        Security::Offered if known(context, site)?.has_tls() => Security::Explicit,
        Security::Offered if context.settings.demands_tls => Security::Explicit,
        Security::Offered if context.store.sites.is_in_clear(&site.key()) => Security::Clear,
        asked @ (Security::Clear | Security::Offered | Security::Explicit | Security::Implicit) => asked,
    })
}

/// TLS towards a site, where its URL asks for it, or where it may be offered. The trace says how each handshake went.
pub(super) fn client(
    context: &Context,
    site: &Site,
    role: Role,
    versions: Versions,
    title: &str,
) -> Result<Option<Client>> {
    if security(context, site)? == Security::Clear {
        return Ok(None);
    }
    let (events, clock, title) = (context.run.events.clone(), context.world.clock, title.to_owned());
    let tell = move |Handshake { version, resumed, .. }| {
        let how = if resumed { "resumed" } else { "new session" };
        let line = format!("* {version}, {how}");
        let title = title.clone();
        events.say(Event::Dialogue { side: role.side(), title, at: clock.now(), line });
    };
    Client::new(&trust(context, site)?, &site.host, versions, tell).map(Some).map_err(|error| {
        Failure::new(Kind::Other, format!("TLS cannot be used with {}: {error}", site.authority()))
    })
}

/// TLS of one session, for whoever begins it, or has to say why there is none.
pub(super) struct SessionTls<'a> {
    context: &'a Context,
    site: &'a Site,
    /// `None` if it is not used.
    client: Option<&'a Client>,
    /// The server, for people.
    who: String,
}

impl<'a> SessionTls<'a> {
    /// TLS of this session.
    pub(super) fn of(session: &'a Session) -> Self {
        let Session { context, site, tls, .. } = session;
        Self { context, site, client: tls.as_ref(), who: session.who() }
    }

    /// Begins TLS on the control connection, in bounded time. Inside a tunnel it begins inside that of the link.
    pub(super) async fn secure(&self, control: Option<Control>) -> Result<Control> {
        let who = &self.who;
        let (Some(connection), Some(client)) = (control.and_then(Control::into_connection), self.client)
        else {
            return Err(Failure::new(Kind::Other, format!("TLS cannot begin with {who} now")));
        };
        match within(self.context, self.context.settings.patience.reply, client.connect(connection)).await {
            Some(Ok(connection)) => {
                note(self.context, self.site, who, client)?;
                Control::new(connection, UNSENT).map_err(|error| self.refused(&Refusal::Failed(error)))
            }
            Some(Err(refusal)) => Err(self.refused(&refusal)),
            None if self.context.run.cancel.is_cancelled() => Err(Failure::interrupted()),
            None if self.site.security == Security::Implicit => {
                Err(Failure::new(Kind::Temporary, format!("{who} did not begin TLS in time"))
                    .hint("is this a port of implicit TLS? If so, try again later, or raise --timeout")
                    .about(About::NoAnswer))
            }
            None => Err(Failure::new(Kind::Temporary, format!("{who} did not begin TLS in time"))
                .hint("try again later, or raise --timeout")),
        }
    }

    /// Whether the server has offered TLS in an earlier session, which its URL does not ask for.
    pub(super) fn was_offered(&self) -> bool {
        self.site.security == Security::Offered
            && known(self.context, self.site).is_ok_and(|known| known.has_tls())
    }

    /// What was not sent, and how a server whose TLS does not work can be used, if its URL does not ask for TLS.
    fn in_clear_by_option(&self) -> &'static str {
        match self.site.security {
            Security::Clear | Security::Offered => {
                "nothing of the login was sent, and --no-tls uses it in clear"
            }
            Security::Explicit | Security::Implicit => "nothing of the login was sent",
        }
    }

    /// Why there is no TLS, for people.
    pub(super) fn refused(&self, refusal: &Refusal) -> Failure {
        let who = &self.who;
        match refusal {
            Refusal::Untrusted { fingerprint, why } => {
                let was_verified = was_verified(self.context, self.site);
                untrusted(self.site, who, *fingerprint, why, was_verified)
            }
            Refusal::Changed { kept, fingerprint, why } => {
                let why = why.as_ref().map(ToString::to_string);
                changed(self.site, who, *kept, *fingerprint, why.as_deref())
            }
            Refusal::Another(_) => {
                Failure::new(Kind::Untrusted, format!("the data connection is not with {who}"))
                    .said(refusal.to_string())
                    .hint("somebody may be between; ask its operator")
            }
            Refusal::NotTls if self.site.security == Security::Implicit => {
                Failure::new(Kind::Other, format!("{who} does not speak TLS on this port"))
                    .hint("use ftpes:// if the server offers AUTH TLS, or the port of implicit TLS (990)")
            }
            Refusal::NotTls => {
                let kind = if self.was_offered() { Kind::Untrusted } else { Kind::Other };
                Failure::new(kind, format!("{who} agreed to begin TLS, and then sent something else"))
                    .hint(format!("ask its operator; {}", self.in_clear_by_option()))
            }
            Refusal::NothingInCommon(error) => {
                Failure::new(Kind::Other, format!("{who} and this program have no version of TLS in common"))
                    .said(error.to_string())
                    .hint(format!(
                        "ask its operator for a certificate, and for TLS 1.2 or 1.3; {}",
                        self.in_clear_by_option()
                    ))
            }
            Refusal::CertificateDemanded => {
                Failure::new(Kind::Refused, format!("{who} demands a certificate of its client"))
                    .hint("ask its operator for a login without one: ftp-user has no certificate of its own")
            }
            Refusal::Failed(error) => {
                let lasting =
                    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
                let exit = if lasting { Kind::Other } else { Kind::Temporary };
                let failure = Failure::new(exit, format!("TLS with {who} failed: {error}"));
                // The server has offered it.
                match self.site.security {
                    Security::Offered if lasting => failure.hint(format!(
                        "ask its operator for TLS 1.2 or 1.3 with a usual certificate; {}",
                        self.in_clear_by_option()
                    )),
                    Security::Offered | Security::Clear | Security::Explicit | Security::Implicit => failure
                        .hint("check host and port, and whether it is ftpes:// (AUTH TLS) or ftps:// (from the start)"),
                }
            }
        }
    }
}

/// Maximum number of bytes that wait to be sent; the machine never has that many commands under way.
pub(super) const UNSENT: usize = 1024 * 1024;

/// What is known of a site from earlier sessions.
///
/// # Errors
///
/// The file of that cannot be believed, or the database is away. Then no session begins.
fn known(context: &Context, site: &Site) -> Result<KnownSite> {
    context.store.sites.recall(&site.key()).map_err(|why| nothing_known(context, why))
}

/// The failure if it is not known what is known of sites. If a database is away that could give the job to another host, the run is
/// interrupted, as by its journal.
fn nothing_known(context: &Context, why: Failure) -> Failure {
    let is_interrupted = why.kind == Kind::Temporary && context.run.job_journal.is_shared();
    let why = if is_interrupted { why.as_kind(Kind::Interrupted) } else { why };
    let hint = why.hint.clone();
    why.during("it is not known which servers have TLS, and by which certificate")
        .hint("repair it (your own; mode 0600, a directory 0700), or name another --state; to move it away forgets all certificates")
        .hint_if(hint)
}

/// Whether an authority has vouched for the site before, and roots still decide.
fn was_verified(context: &Context, site: &Site) -> bool {
    context.settings.trust.is_by_roots() && known(context, site).is_ok_and(|known| known.was_verified)
}

/// Which certificates are accepted from a site. One that nobody vouches for is admitted under `ftp://`, where the
/// alternative is no TLS at all, and under `--trust new`; but not if an authority has vouched for the site before.
///
/// # Errors
///
/// It is not known what is known of the site.
fn trust(context: &Context, site: &Site) -> Result<Trust> {
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
/// Another run has kept another certificate meanwhile, or the database is away and may have another one.
fn note(context: &Context, site: &Site, who: &str, client: &Client) -> Result<()> {
    let doubt = client.doubt();
    if let (Some(doubt), Some(certificate)) = (&doubt, client.certificate()) {
        return keep(context, site, who, certificate, &doubt.to_string());
    }
    let verified = doubt.is_none() && context.settings.trust.is_by_roots();
    let verified = verified && known(context, site)?.certificate.is_none();
    if let Err(why) = context.store.sites.note_tls(&site.key(), verified) {
        context.run.events.warn(why.to_string());
    }
    Ok(())
}

fn keep(context: &Context, site: &Site, who: &str, certificate: Fingerprint, why: &str) -> Result<()> {
    let told = |how: &str| {
        context.run.events.warn(format!(
            "the certificate of {who} is accepted and not verified: {why}; it is {certificate}{how}"
        ));
    };
    match context.store.sites.keep(&site.key(), certificate) {
        Ok(KeptPin::Now) => told(", and from now on no other is accepted"),
        Ok(KeptPin::ForThisRun) => told("; there is no state directory to keep it in (--state)"),
        Ok(KeptPin::Before) => {}
        Ok(KeptPin::Other(kept)) => return Err(changed(site, who, kept, certificate, Some(why))),
        Ok(KeptPin::Unwritten(why)) => told(&format!("; {why}")),
        Err(why) => return Err(nothing_known(context, why)),
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
    let Some(terminal) = context.world.terminal() else { return false };
    let question = format!("{}\nIt is {certificate}\nAccept it, and keep it for later runs?", failure.what);
    let answer = within(context, NO_LIMIT, terminal.confirm(question)).await;
    if answer != Some(true) {
        refused.insert(asked);
        return false;
    }
    match context.store.sites.keep(&site.key(), certificate) {
        Ok(KeptPin::Now | KeptPin::Before) => true,
        Ok(KeptPin::ForThisRun) => {
            context.run.events.warn("there is no state directory (--state), so the certificate is not kept");
            true
        }
        Ok(KeptPin::Other(_)) => false,
        Ok(KeptPin::Unwritten(why)) => {
            context.run.events.warn(why);
            true
        }
        Err(why) => {
            context.run.events.warn(nothing_known(context, why).to_string());
            false
        }
    }
}

/// A person may think as long as it takes. Ctrl-C ends that.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// The failure if a certificate is not trusted. `was_verified` is whether an authority has vouched for the server before.
fn untrusted(site: &Site, who: &str, fingerprint: Fingerprint, why: &Doubt, was_verified: bool) -> Failure {
    let what = format!("the certificate of {who} is not trusted: {why}");
    let failure = Failure::new(Kind::Untrusted, what).said(format!("it is {fingerprint}"));
    let accepting = accepting(site, fingerprint);
    if was_verified {
        return failure.about(About::Unknown(fingerprint)).hint(format!(
            "an authority vouched for this server before: is somebody between, or --ca missing? {accepting} accepts it, {} forgets it",
            forget(site)
        ));
    }
    let hint = match why {
        Doubt::Expired(_) => format!(
            "check the clock of this host, and ask its operator to renew it; {accepting} accepts it as it is"
        ),
        Doubt::NotYet(_) => format!("check the clock of this host; {accepting} accepts it as it is"),
        Doubt::OtherHost(_) => {
            format!("use the name that it is for; {accepting} accepts it for this server")
        }
        Doubt::Authority => format!(
            "ask its operator for one that is no authority (basicConstraints CA:FALSE); {accepting} accepts it as it is"
        ),
        Doubt::NotPinned => {
            let beside = if site.has_pins() { "" } else { " beside the others" };
            return failure
                .hint(format!("ask its operator whether it has changed; {accepting}{beside} accepts it"));
        }
        Doubt::UnknownIssuer | Doubt::Other(_) | _ => format!(
            "ask its operator whether that is right; {accepting} accepts it, --trust new keeps it for later runs"
        ),
    };
    failure.about(About::Unknown(fingerprint)).hint(hint)
}

/// The failure if a server shows another certificate than the one that was kept. `why` is what the roots say against
/// the new one.
fn changed(site: &Site, who: &str, kept: Fingerprint, now: Fingerprint, why: Option<&str>) -> Failure {
    let vouched = match why {
        None => ", for which an authority vouches that this host trusts",
        Some(_) => "",
    };
    Failure::new(Kind::Untrusted, format!("the certificate of {who} has changed"))
        .said(format!("it was {kept}, it is {now} now{vouched}"))
        .hint(format!(
            "somebody may be between; ask its operator. If this is right, {}",
            match site.name() {
                Some(_) => format!("{} accepts it", accepting(site, now)),
                None => format!("{} forgets the old one", forget(site)),
            }
        ))
}

/// How a certificate is accepted: by an option, or by the settings of a site, which the options of a command line do not change.
fn accepting(site: &Site, fingerprint: Fingerprint) -> String {
    match site.name() {
        Some(name) => format!("{FtpUser} sites edit {name} --pin {fingerprint}"),
        None => format!("--pin {fingerprint}"),
    }
}

/// The command that forgets a site.
pub(super) fn forget(site: &Site) -> String {
    let place = format!("{}://{}/", site.scheme(), site.authority());
    format!("{FtpUser} sites forget {}", for_shell(place))
}
