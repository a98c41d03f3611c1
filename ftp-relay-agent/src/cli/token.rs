//! `token`: a new secret, as one line.

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::program::duration;
use ftp_proto::listing::When;
use ftp_proto::relay::token::Token;
use zeroize::Zeroizing;

use super::{Exit, print};

/// What a token is to be.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Whose it is, as the relay's log says
    #[arg(long, value_name = "NAME", default_value = "relay")]
    name: String,
    /// When it ends (for ever, when absent)
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    expires: Option<std::time::Duration>,
}

/// Prints it.
pub fn token(options: &Options) -> Result<(), Exit> {
    let When(today) = Clock::today();
    let expires = options.expires.map(|life| When(today.saturating_add_unsigned(life.as_secs())));
    let octets = Zeroizing::new(ftp_io::random::octets::<32>().context("cannot draw a secret")?);
    let token = Token::new(&options.name, expires, *octets).map_err(|error| Exit::Usage(error.into()))?;
    print(Zeroizing::new(format!("{}\n", token.line().as_str())).as_bytes())
}
