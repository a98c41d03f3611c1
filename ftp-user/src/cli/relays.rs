//! The options that say which relays may be used.

use super::passwords::Passwords;
use crate::config::{Consent, Relay, RelayAddress, Relays, check_tokens};
use crate::context::Context;
use crate::failure::Failure;
use crate::journal::as_text;
use crate::place::Location;
use clap::Args;
use ftp_io::program::terminal::Terminal;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

/// Options that name relays.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(super) struct RelayArgs {
    /// A relay agent or a hub to use, before those of the settings: HOST:PORT, or unix:/PATH for one of this host; repeatable
    #[arg(long, value_name = "ADDR")]
    #[serde(with = "as_text")]
    relay: Vec<RelayAddress>,
    /// File with the relay's token (mode 0600), once for each --relay
    #[arg(long, value_name = "FILE")]
    #[serde(with = "as_text")]
    relay_token_file: Vec<PathBuf>,
    /// Which relays data may pass: none, those for which you say yes at the terminal, or those that this command line
    /// and the settings name; default: [relay] consent of the settings, else own
    #[arg(long, value_enum, value_name = "WHO")]
    relay_consent: Option<Consent>,
}

impl RelayArgs {
    /// The consent of the command line, or else of the settings.
    pub(super) fn consent(&self, settings: Consent) -> Consent {
        self.relay_consent.unwrap_or(settings)
    }

    /// The relays of the command line.
    ///
    /// # Errors
    ///
    /// There is not one token file for each of them.
    pub(super) fn typed(&self) -> Result<Relays, Failure> {
        let (relays, files) = (self.relay.len(), self.relay_token_file.len());
        if relays != files {
            return Err(Failure::usage(format!("{relays} --relay and {files} --relay-token-file"))
                .hint("give one --relay-token-file FILE for each --relay ADDR, in the same order"));
        }
        let pairs = self.relay.iter().cloned().zip(self.relay_token_file.iter().cloned());
        Ok(pairs.map(|(address, file)| Relay::unnamed(address, file)).collect())
    }

    /// The relays through which servers may be reached from this host. Those of the settings are looked at when they are
    /// needed. A person is asked about those of the command line only, because most servers answer without a relay.
    ///
    /// # Errors
    ///
    /// A relay of the command line cannot be used.
    pub(super) fn to_reach_servers(&self, configured: &Relays, consent: Consent) -> Result<Relays, Failure> {
        let typed = self.typed()?;
        check_tokens(&typed)?;
        Ok(match consent {
            Consent::Never => Relays::default(),
            Consent::Ask => typed,
            Consent::Own | Consent::Any => typed.iter().chain(configured.iter()).cloned().collect(),
        })
    }

    /// The places of a verb with their passwords. Sets in `context` through which relays their servers may be reached.
    ///
    /// # Errors
    ///
    /// A place or a relay of the command line cannot be used, or the person has interrupted the run.
    pub(super) async fn locations(
        &self,
        context: &mut Context,
        passwords: &Passwords,
        places: &[OsString],
    ) -> Result<Vec<Location>, Failure> {
        let locations = passwords.locations(context, places).await?;
        self.apply(context).await?;
        Ok(locations)
    }

    /// Sets in `context` through which relays its servers may be reached.
    ///
    /// # Errors
    ///
    /// A relay of the command line cannot be used, or the person has interrupted the run.
    pub(super) async fn apply(&self, context: &mut Context) -> Result<(), Failure> {
        let consent = self.consent(context.settings.relay_consent);
        let relays = self.to_reach_servers(&context.settings.known_relays, consent)?;
        context.run.relays = permitted(context, relays, consent).await?;
        Ok(())
    }
}

/// The relays that may be used. If a person has to be asked, nothing has been sent to any of them yet.
///
/// # Errors
///
/// The person has interrupted the run.
pub(super) async fn permitted(
    context: &Context,
    relays: Relays,
    consent: Consent,
) -> Result<Relays, Failure> {
    if consent != Consent::Ask || relays.is_empty() {
        return Ok(relays);
    }
    let mut permitted = Vec::new();
    for relay in relays.iter() {
        let Some(terminal) = Terminal::open() else {
            context.run.events.warn("--relay-consent ask needs a terminal, so no relay is used");
            break;
        };
        let address = relay.address.to_string();
        let name = if relay.name == address { address } else { format!("{} ({address})", relay.name) };
        let question = format!("May the data pass the relay {name} if there is no direct path?");
        if context.run.cancel.unless_cancelled(terminal.confirm(question)).await? {
            permitted.push(relay.clone());
        }
    }
    Ok(permitted.into())
}
