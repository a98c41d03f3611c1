//! `sites`: servers that have a name, and what is known of servers.

mod add;
mod import;
mod secrets;
mod trial;

use self::add::{AddArgs, EditArgs};
pub use self::import::imported_sites;
use super::General;
use super::passwords::Passwords;
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Result};
use crate::job::Status;
use crate::place::{Authority, PasswordSource, Place, Remote, Site};
use crate::report::{Event, ForgottenSite, SiteShown};
use clap::{Args, Subcommand};
use ftp_io::program::size;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Name servers, test them, and forget what is known of them
///
/// NAME:path and [NAME]path are then places at a server. --password-file, --ca, --pin, --trust and --proxy belong to the
/// site that is added or edited.
#[derive(Args, Debug)]
pub(super) struct SitesArgs {
    #[command(subcommand)]
    what: SitesVerb,
}

#[derive(Subcommand, Debug)]
enum SitesVerb {
    /// List the sites of the settings
    List,
    /// Show what is set for sites, without secrets
    Show {
        /// The names of sites
        #[arg(required = true, value_name = "SITE", value_parser = site_name)]
        names: Vec<String>,
    },
    /// Give a server a name. Without URL it asks for everything at the terminal, tests the site, and stores it then
    Add(AddArgs),
    /// Change what is set for a site
    Edit(EditArgs),
    /// Remove sites from the settings, with the passwords that were stored for them
    Remove {
        /// The names of sites
        #[arg(required = true, value_name = "SITE", value_parser = site_name)]
        names: Vec<String>,
    },
    /// Log in at sites and tell what works there: connection, TLS, features, clock, copies from server to server
    Test {
        /// Names of sites, or URLs
        #[arg(required = true, value_name = "SITE")]
        places: Vec<OsString>,
    },
    /// Add the servers that another program knows. Sites that are there stay as they are
    Import(import::ImportArgs),
    /// Forget the certificates of servers, and that they have offered TLS
    Forget {
        /// Servers, such as ftp://host:port/, host:port or NAME:; the path and the user do not matter
        #[arg(required = true, value_name = "PLACE")]
        places: Vec<OsString>,
    },
}

impl SitesArgs {
    /// Whether the verb makes the settings if they are not there.
    pub(super) const fn makes_settings(&self) -> bool {
        matches!(self.what, SitesVerb::Add(_) | SitesVerb::Import(_))
    }
}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) async fn run(
    context: Context,
    passwords: &Passwords,
    general: &General,
    args: SitesArgs,
) -> Result<Status> {
    match args.what {
        SitesVerb::List => list(&context),
        SitesVerb::Show { names } => show(&context, &names),
        SitesVerb::Add(args) => Box::pin(add::add(context, passwords, general, args)).await,
        SitesVerb::Edit(args) => add::edit(&context, general, args),
        SitesVerb::Remove { names } => add::remove(&context, general, &names),
        SitesVerb::Test { places } => Box::pin(trial::run(context, passwords, &places)).await,
        SitesVerb::Import(args) => import::run(&context, general, &args),
        SitesVerb::Forget { places } => forget(&context, &places),
    }
}

pub(super) fn list(context: &Context) -> Result<Status> {
    for (name, place) in context.settings.named.iter() {
        context.run.events.say(Event::Site(shown(context, name, place, None)));
    }
    if context.settings.named.iter().next().is_none() {
        context.run.events.notice(format!("no site is configured: {FtpUser} sites -h shows how to add one"));
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

/// The name of a site, which may be typed with its colon.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn site_name(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.strip_suffix(':').unwrap_or(text).to_owned())
}

/// The places of a command line that names sites: a name alone is the site, too.
fn places_of_names(context: &Context, places: &[OsString]) -> Result<Vec<OsString>> {
    let names = &context.settings.named;
    let of_name = |place: &OsString| match place.to_str() {
        Some(name) if !name.contains([':', '/', '[']) => {
            names.find(name).map(|_| OsString::from(format!("{name}:")))
        }
        // A server, as ls and errors name it.
        Some(address) if names.find(address.split(':').next().unwrap_or_default()).is_err() => {
            let authority = address.parse::<Authority>();
            Ok(authority.map_or_else(|_| place.clone(), |at| OsString::from(format!("ftp://{at}/"))))
        }
        Some(_) | None => Ok(place.clone()),
    };
    places.iter().map(of_name).collect()
}

pub(super) fn forget(context: &Context, places: &[OsString]) -> Result<Status> {
    let places = places_of_names(context, places)?;
    let sites =
        places.iter().map(|text| match Place::parse_with(text.as_bytes(), &context.settings.named)? {
            Place::Remote(Remote { site, .. }) => Ok(site),
            Place::Local(_) => Err(Failure::usage("sites forget names servers")
                .hint("name one with ftp://host:port/, or with NAME: if it is a site of the settings")),
        });
    for site in sites.collect::<Result<Vec<_>>>()? {
        let known = context.store.sites.forget(&site.key()).map_err(|why| {
            let hint = why.hint.clone();
            why.hint("check the state directory (--state)").hint_if(hint)
        })?;
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
