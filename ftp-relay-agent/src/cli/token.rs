//! `token`: a new secret, as one line.

use anyhow::Context;
use ftp_io::clock::Clock;
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
    /// How long it is valid [default: forever]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    expires: Option<std::time::Duration>,
}

/// Prints a new token.
///
/// # Errors
/// The name cannot be used, or the system has no random numbers.
pub fn token(options: &Options) -> Result<(), Exit> {
    let When(today) = Clock::today();
    let expires = options.expires.map(|life| When(today.saturating_add_unsigned(life.as_secs())));
    let secret = Zeroizing::new(ftp_io::random::bytes::<32>().context("the system has no random numbers")?);
    let token = Token::new(&options.name, expires, *secret).map_err(|error| Exit::Usage(error.into()))?;
    print(Zeroizing::new(format!("{}\n", token.line().as_str())).as_bytes())
}
