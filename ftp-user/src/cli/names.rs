//! Verbs on names where they are: `mkdir`, `rm`, `mv`, `hash` and `tree`, on servers and on this host.

use super::passwords::Passwords;
use super::places::refuse_site_like;
use super::transfer::RelayArgs;
use crate::action::{self, Grouping, Remove};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::job::Status;
use crate::place::Location;
use clap::Args;
use ftp_proto::digest::Algorithm;
use std::ffi::{OsStr, OsString};

/// Make directories
///
/// They are on servers or on this host.
#[derive(Args, Debug)]
pub(super) struct MkdirArgs {
    /// Directories to make
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Make those above them too; a directory that is there is no failure
    #[arg(short, long)]
    parents: bool,
    /// Print what would be made; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

impl MkdirArgs {
    pub(super) async fn run(self, mut context: Context, passwords: &Passwords) -> Result<Status> {
        let places = self.relays.locations(&mut context, passwords, &self.places).await?;
        // A new directory has no name that exists: nothing in it is a pattern.
        let places: Vec<Location> = places.into_iter().map(Location::literal).collect();
        Ok(action::make_directories(&context, &places, self.parents, self.dry_run).await)
    }
}

/// Delete files, and with -r directories
///
/// They are on servers or on this host. rm -r finds everything first, tells how much it is and asks; without a terminal it
/// wants --yes. A symbolic link is deleted itself, never what it leads to. The root of a server and a login directory are
/// never deleted: name what is in them. *, ? and [...] in the last name of a URL match names at its server; %2A, %3F and %5B stand for the characters.
#[derive(Args, Debug)]
pub(super) struct RmArgs {
    /// What to delete
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Delete directories with everything in them
    #[arg(short, long, visible_short_alias = 'R')]
    recursive: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print what would be deleted; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

impl RmArgs {
    pub(super) async fn run(self, mut context: Context, passwords: &Passwords) -> Result<Status> {
        refuse_site_like(&self.places.iter().collect::<Vec<_>>(), &context.settings.named)?;
        let places = self.relays.locations(&mut context, passwords, &self.places).await?;
        let asked = Remove { places, recursive: self.recursive, asks: !self.yes, dry_run: self.dry_run };
        Ok(action::remove(&context, &asked).await)
    }
}

/// Rename files and directories of one host
///
/// It is a server or this host. An existing directory receives SOURCE under its last name; several SOURCEs need a directory.
/// Nothing that exists is replaced. *, ? and [...] in the last name of a URL that is a SOURCE match names at its server.
#[derive(Args, Debug)]
#[command(override_usage = "ftp-user mv [OPTIONS] <SOURCE>... <DEST>")]
pub(super) struct MvArgs {
    /// What to rename, then its new name or a directory
    #[arg(required = true, num_args = 2.., value_names = ["SOURCE", "DEST"])]
    places: Vec<OsString>,
    /// Print what would be renamed; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

impl MvArgs {
    pub(super) async fn run(self, mut context: Context, passwords: &Passwords) -> Result<Status> {
        let mut sources = self.relays.locations(&mut context, passwords, &self.places).await?;
        let Some(destination) = sources.pop() else {
            return Err(Failure::usage("mv needs a SOURCE and a DEST"));
        };
        Ok(action::rename(&context, &sources, &destination.literal(), self.dry_run).await)
    }
}

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

impl HashArgs {
    pub(super) async fn run(
        self,
        mut context: Context,
        passwords: &Passwords,
        here: Option<&OsStr>,
    ) -> Result<Status> {
        let places = self.relays.locations(&mut context, passwords, &self.places).await?;
        Ok(action::hash(&context, &places, self.alg, here).await)
    }
}

/// Draw directories with everything in them
///
/// They are on servers or on this host. Directories end in /, symbolic links in @; no link is followed.
#[derive(Args, Debug)]
pub(super) struct TreeArgs {
    /// Directories to draw
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    #[command(flatten)]
    relays: RelayArgs,
}

impl TreeArgs {
    pub(super) async fn run(
        self,
        mut context: Context,
        passwords: &Passwords,
        grouping: Grouping,
    ) -> Result<Status> {
        let places = self.relays.locations(&mut context, passwords, &self.places).await?;
        Ok(action::draw(&context, &places, grouping).await)
    }
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
