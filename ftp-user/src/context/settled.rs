//! What holds for the sessions with one site of the settings, where the command line says nothing else.

use super::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::place::{OnUnknown, Proxy, Site, SiteProxy};
use ftp_io::tls::Trust;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What holds for the sessions with the sites that a run uses, by their names. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SettledTerms(Arc<BTreeMap<String, Terms>>);

/// What the command line has said itself, so that no site says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TypedOptions {
    /// What `--trust` says.
    pub trust: bool,
    /// What `--proxy` says.
    pub proxy: bool,
}

/// What holds for the sessions with one site.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) trust: Trust,
    pub(super) how: Option<OnUnknown>,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// Places for sessions, and how many there are.
    sessions: Option<(Arc<Semaphore>, usize)>,
}

/// A place for a session with a site. Dropping it gives the place back.
#[derive(Debug)]
pub struct SessionPlace {
    _permit: OwnedSemaphorePermit,
}

impl SettledTerms {
    /// With what holds for that site. Its file of roots is read now.
    pub(super) fn with(&self, site: &Site, settings: &Settings) -> Result<Self> {
        let Settings { trust, proxy, typed, .. } = settings;
        let Some(named) = site.named.as_ref().filter(|named| !self.0.contains_key(&named.name)) else {
            return Ok(self.clone());
        };
        let trust = match &named.ca {
            Some(file) => trust.with_roots(file).map_err(|error| {
                let what = format!("cannot read the roots in {}: {error}", file.display());
                Failure::usage(what)
                    .hint(format!("ca of [sites.{}] names a file with certificates in PEM", named.name))
            })?,
            None if named.pins.is_empty() => trust.clone(),
            // A pin is for a name: those of the command line are for the others.
            None => Trust::pinned(named.pins.iter().copied()),
        };
        let proxy = match &named.proxy {
            Some(SiteProxy::None) if !typed.proxy => None,
            Some(SiteProxy::Through(proxy)) if !typed.proxy => Some(Arc::new(proxy.clone())),
            Some(SiteProxy::None | SiteProxy::Through(_)) | None => proxy.clone(),
        };
        let sessions = named.limits.sessions.map(|most| (Arc::new(Semaphore::new(most.get())), most.get()));
        let terms = Terms { trust, how: named.trust.filter(|_| !typed.trust), proxy, sessions };
        let mut all = (*self.0).clone();
        all.insert(named.name.clone(), terms);
        Ok(Self(Arc::new(all)))
    }

    /// What holds for the sessions with that site.
    pub(super) fn terms(&self, site: &Site) -> Option<&Terms> {
        self.0.get(site.name()?)
    }
}

impl Terms {
    /// A place for one more session; `None` if their number has no limit.
    pub(super) fn session_place(&self, site: &Site) -> Result<Option<SessionPlace>> {
        let Some((places, most)) = &self.sessions else { return Ok(None) };
        match Arc::clone(places).try_acquire_owned() {
            Ok(permit) => Ok(Some(SessionPlace { _permit: permit })),
            Err(_) => Err(Failure::new(
                Kind::Temporary,
                format!("all {most} sessions with {site} that the settings allow are in use"),
            )
            .hint("use a smaller --jobs, or raise sessions in the limits of the site")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::context::{Cancel, Context, UnknownCertificates};
    use std::path::Path;

    #[tokio::test]
    async fn where_nobody_may_be_asked_a_site_still_says_what_is_good() {
        for (default, of_site, expect) in [
            (OnUnknown::Keep, "known", OnUnknown::Refuse),
            (OnUnknown::Keep, "ask", OnUnknown::Refuse),
            (OnUnknown::Refuse, "new", OnUnknown::Keep),
            (OnUnknown::Ask, "new", OnUnknown::Keep),
        ] {
            let text = format!("[sites.lab]\nurl = \"ftp://h/\"\ntrust = \"{of_site}\"\n");
            let sites = parse(&text, Path::new("x.toml"), None).unwrap().sites;
            let lab = sites.find("lab").unwrap().site.clone();
            let mut context = Context::for_tests(Cancel::never());
            context.settings.named = sites;
            context.settings.unknown = UnknownCertificates::new(default);
            let mut context = context.for_inquiry();
            context.settle([&lab].into_iter()).unwrap();
            assert_eq!(context.at(&lab).settings.unknown.how, expect, "{default:?} {of_site}");
        }
    }
}
