//! `token`: a new secret, as one line.

use std::path::PathBuf;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::link::token_file;
use ftp_io::program::duration;
use ftp_proto::listing::When;
use ftp_proto::relay::token::Token;
use zeroize::Zeroizing;

use super::exit::{Exit, print};

/// What the token is for.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The name of its holder in the relay's log
    #[arg(long, value_name = "NAME", default_value = "relay")]
    name: String,
    /// Print what a hub needs of the tokens in this file, instead of a new one; it lets their holders meet, and opens
    /// nothing that they protect
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "expires"])]
    for_hub: Option<PathBuf>,
    /// How long it is valid [default: forever]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    expires: Option<std::time::Duration>,
}

/// Prints a new token, or what a hub needs of others.
///
/// # Errors
/// The name cannot be used, the file cannot be read, or the system has no random numbers.
pub fn token(options: &Options) -> Result<(), Exit> {
    if let Some(file) = &options.for_hub {
        for token in token_file::read(file).map_err(anyhow::Error::from)? {
            print(Zeroizing::new(format!("{}\n", token.for_hub().line().as_str())).as_bytes())?;
        }
        return Ok(());
    }
    let When(today) = Clock::today();
    let expires = options.expires.map(|life| When(today.saturating_add_unsigned(life.as_secs())));
    let secret = Zeroizing::new(ftp_io::random::bytes::<32>().context("the system has no random numbers")?);
    let token = Token::new(&options.name, expires, *secret).map_err(|error| Exit::Usage(error.into()))?;
    print(Zeroizing::new(format!("{}\n", token.line().as_str())).as_bytes())
}
