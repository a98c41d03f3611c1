//! `sites list`, `sites show` and `sites forget`: what is known of sites. No secret is shown.

use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::place::{PasswordSource, Place, Remote, Site};
use crate::report::{Event, ForgottenSite, SiteShown};
use ftp_io::program::size;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Lists the sites, one on a line.
pub(super) fn list(context: &Context) -> Result<Status> {
    for (name, place) in context.settings.named.iter() {
        context.run.events.say(Event::Site(shown(context, name, place, None)));
    }
    if context.settings.named.iter().next().is_none() {
        context.run.events.notice("no site is configured: ftp-user sites add NAME URL adds one");
    }
    Ok(Status::Done)
}

/// Shows everything that is set for sites.
pub(super) fn show(context: &Context, names: &[String]) -> Result<Status> {
    for name in names {
        let place = context.settings.named.find(name)?;
        let shown = shown(context, name, place, None);
        context.run.events.say(Event::Site(SiteShown { whole: true, ..shown }));
    }
    Ok(Status::Done)
}

/// A site as it is shown; `done` is what was done with it.
pub(super) fn shown(context: &Context, name: &str, place: &Remote, done: Option<&'static str>) -> SiteShown {
    let site = &place.site;
    let url = Site { named: None, ..site.clone() };
    let mut settings = Vec::new();
    let mut add =
        |key: &str, value: Option<String>| settings.extend(value.map(|value| (key.to_owned(), value)));
    if let Some(named) = &site.named {
        match &named.password {
            Some(PasswordSource::File(file)) => add("password-file", Some(file.display().to_string())),
            Some(PasswordSource::Command(words)) => add("password-command", Some(program(words))),
            None => {}
        }
        for (peer, address) in &named.addresses.0 {
            add(&format!("passive-address.{peer}"), Some(address.to_string()));
        }
        add("limits.rate", named.limits.rate.map(|rate| format!("{}/s", size::bytes(rate.get()))));
        add("limits.jobs", named.limits.jobs.map(|jobs| jobs.to_string()));
        add("limits.sessions", named.limits.sessions.map(|sessions| sessions.to_string()));
        add("ca", named.ca.as_ref().map(|ca| ca.display().to_string()));
        named.pins.iter().for_each(|pin| add("pin", Some(pin.to_string())));
        add("trust", named.trust.map(|trust| trust.name().to_owned()));
        add("proxy", named.proxy.as_ref().map(ToString::to_string));
        named.relays.iter().for_each(|relay| add("relay", Some(relay.clone())));
    }
    if let Ok(known) = context.store.sites.recall(&site.key()) {
        add("kept-certificate", known.certificate.map(|certificate| certificate.to_string()));
        if known.was_verified {
            add("known", Some("an authority has vouched for it".to_owned()));
        } else if known.offers_tls {
            add("known", Some("it offers TLS".to_owned()));
        }
    }
    SiteShown { name: name.to_owned(), url: url.show(&place.path), settings, done, whole: false }
}

/// The program that writes a password. Its arguments may be secrets, and so may every word of a line of the shell.
fn program(words: &[String]) -> String {
    match words {
        [shell, option, _] if shell == "/bin/sh" && option == "-c" => {
            "a line of the shell (not shown)".to_owned()
        }
        [program] => program.clone(),
        [program, ..] => format!("{program} (its arguments are not shown)"),
        [] => String::new(),
    }
}

/// Forgets what is known of servers.
pub(super) fn forget(context: &Context, places: &[OsString]) -> Result<Status> {
    let sites =
        places.iter().map(|text| match Place::parse_with(text.as_bytes(), &context.settings.named)? {
            Place::Remote(Remote { site, .. }) => Ok(site),
            Place::Local(_) => Err(Failure::usage("sites forget names servers")
                .hint("name one with ftp://host:port/, or with NAME: if it is a site of the settings")),
        });
    for site in sites.collect::<Result<Vec<_>>>()? {
        let known = context
            .store
            .sites
            .forget(&site.key())
            .map_err(|why| Failure::new(Kind::Other, why).hint("check the state directory (--state)"))?;
        context.run.events.say(Event::Forgotten(ForgottenSite { site: site.key(), known }));
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_password_command_is_shown() {
        let shown =
            |words: &[&str]| program(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(shown(&["/bin/sh", "-c", "GPG_PASS=hunter2 gpg -d x"]), "a line of the shell (not shown)");
        assert_eq!(shown(&["pass", "show", "lab"]), "pass (its arguments are not shown)");
        assert_eq!(shown(&["askpass"]), "askpass");
    }
}
