//! `sites list` and `sites show`: what the settings say of sites. No secret is shown.

use crate::config::{Profile, SiteProxy};
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use crate::place::{PasswordSource, Remote, Site};
use crate::report::{Event, SiteShown};
use ftp_io::program::size;

/// Lists the sites, one on a line.
pub(super) fn list(context: &Context) -> Result<Status, Failure> {
    for (name, place) in context.settings.named.names.iter() {
        context.run.events.say(Event::Site(shown(context, name, place, None)));
    }
    if context.settings.named.names.iter().next().is_none() {
        context.run.events.notice("no site is configured: ftp-user sites add NAME URL adds one");
    }
    Ok(Status::Done)
}

/// Shows everything that is set for sites.
pub(super) fn show(context: &Context, names: &[String]) -> Result<Status, Failure> {
    for name in names {
        let place = context.settings.named.names.find(name)?;
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
    let mut add = |key: &str, value: String| settings.push((key.to_owned(), value));
    if let Some(named) = &site.named {
        match &named.password {
            Some(PasswordSource::File(file)) => add("password-file", file.display().to_string()),
            Some(PasswordSource::Command(words)) => add("password-command", program(words)),
            None => {}
        }
        for (peer, address) in &named.addresses.0 {
            add(&format!("passive-address.{peer}"), address.to_string());
        }
        let limits = named.limits;
        if let Some(rate) = limits.rate {
            add("limits.rate", format!("{}/s", size::bytes(rate.get())));
        }
        if let Some(jobs) = limits.jobs {
            add("limits.jobs", jobs.to_string());
        }
        if let Some(sessions) = limits.sessions {
            add("limits.sessions", sessions.to_string());
        }
    }
    if let Some(profile) = context.settings.named.profile(name) {
        of_profile(profile, &mut add);
    }
    if let Ok(known) = context.store.sites.recall(&site.key()) {
        if let Some(certificate) = known.certificate {
            add("kept-certificate", certificate.to_string());
        }
        if known.was_verified {
            add("known", "an authority has vouched for it".to_owned());
        } else if known.offers_tls {
            add("known", "it offers TLS".to_owned());
        }
    }
    SiteShown { name: name.to_owned(), url: url.show(&place.path), settings, done, whole: false }
}

fn of_profile(profile: &Profile, add: &mut impl FnMut(&str, String)) {
    let Profile { ca, pins, trust, proxy, relays } = profile;
    if let Some(ca) = ca {
        add("ca", ca.display().to_string());
    }
    for pin in pins {
        add("pin", pin.to_string());
    }
    if let Some(trust) = trust {
        add("trust", trust.name().to_owned());
    }
    match proxy {
        Some(SiteProxy::None) => add("proxy", "none".to_owned()),
        Some(SiteProxy::Through(proxy)) => add("proxy", format!("socks5://{proxy}")),
        None => {}
    }
    for relay in relays {
        add("relay", relay.clone());
    }
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
