//! `hash`: digests of files on servers and on this host.

use super::passwords::Passwords;
use super::relays::RelayArgs;
use crate::action;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use clap::Args;
use ftp_proto::digest::Algorithm;
use std::ffi::{OsStr, OsString};

/// Print digests of files, in the lines of sha256sum
///
/// A server computes the digest of its own file where it can. Where it cannot, the file is read and hashed here, which is
/// said once for each server.
#[derive(Args, Debug)]
pub(super) struct HashArgs {
    /// Files to hash
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// The digest: sha-256, sha-512, sha-1, md5, blake3, crc32 or crc32c
    #[arg(long, value_name = "A", default_value = "sha-256", value_parser = algorithm)]
    alg: Algorithm,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Reads the name of an algorithm, with or without its dash.
fn algorithm(name: &str) -> Result<Algorithm, String> {
    let plain = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let known = Algorithm::ALL.into_iter().find(|known| plain(known.name()) == plain(name));
    known.ok_or_else(|| {
        let names: Vec<String> =
            Algorithm::ALL.iter().map(|known| known.name().to_ascii_lowercase()).collect();
        format!("not one of {}", names.join(", "))
    })
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: HashArgs,
    here: Option<&OsStr>,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    Ok(action::hash(&context, &places, args.alg, here).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_the_names_of_other_programs_too() {
        for (name, expect) in [
            ("sha-256", Some(Algorithm::Sha256)),
            ("SHA256", Some(Algorithm::Sha256)),
            ("sha1", Some(Algorithm::Sha1)),
            ("crc32c", Some(Algorithm::Crc32c)),
            ("sha", None),
            ("", None),
        ] {
            assert_eq!(algorithm(name).ok(), expect, "{name}");
        }
    }
}
