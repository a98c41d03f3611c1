//! `sites`: servers that have a name, and what is known of servers.

mod add;
mod import;
mod options;
mod secrets;
mod shown;
mod trial;

use self::options::{AddArgs, EditArgs};
use super::General;
use super::passwords::Passwords;
use crate::context::Context;
use crate::failure::Result;
use crate::job::Status;
use clap::{Args, Subcommand};
use std::ffi::OsString;

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
        #[arg(required = true, value_name = "SITE")]
        names: Vec<String>,
    },
    /// Give a server a name. Without URL it asks for everything at the terminal, tests the site, and stores it then
    Add(AddArgs),
    /// Change what is set for a site
    Edit(EditArgs),
    /// Remove sites from the settings, with the passwords that were stored for them
    Remove {
        /// The names of sites
        #[arg(required = true, value_name = "SITE")]
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
        /// Servers, such as ftp://host:port/ or NAME:; the path and the user do not matter
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
        SitesVerb::List => shown::list(&context),
        SitesVerb::Show { names } => shown::show(&context, &names),
        SitesVerb::Add(args) => Box::pin(add::add(context, passwords, general, args)).await,
        SitesVerb::Edit(args) => add::edit(&context, general, args),
        SitesVerb::Remove { names } => add::remove(&context, general, &names),
        SitesVerb::Test { places } => Box::pin(trial::run(context, passwords, &places)).await,
        SitesVerb::Import(args) => import::run(&context, general, &args),
        SitesVerb::Forget { places } => shown::forget(&context, &places),
    }
}
