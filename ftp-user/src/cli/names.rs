//! Verbs on files and directories where they are, on servers and on this host.

use super::ShellSession;
use super::ls::{CatArgs, LsArgs, StatArgs, stat};
use super::passwords::Passwords;
use super::places::refuse_site_like;
use super::transfer::RelayArgs;
use crate::action::{self, Remove};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::job::Status;
use crate::place::Location;
use clap::{Args, Subcommand};
use ftp_proto::digest::Algorithm;
use std::ffi::OsString;

/// A verb that works on places where they are.
#[derive(Debug, Subcommand)]
pub(super) enum PlaceVerb {
    Ls(LsArgs),
    Tree(TreeArgs),
    Stat(StatArgs),
    Cat(CatArgs),
    Mkdir(MkdirArgs),
    Rm(RmArgs),
    Mv(MvArgs),
    Hash(HashArgs),
}

impl PlaceVerb {
    /// The places as they were typed, and the relays through which their servers may be reached.
    fn typed(&self) -> (&[OsString], &RelayArgs) {
        match self {
            Self::Ls(LsArgs { places, relays, .. })
            | Self::Tree(TreeArgs { places, relays })
            | Self::Stat(StatArgs { places, relays })
            | Self::Cat(CatArgs { places, relays, .. })
            | Self::Mkdir(MkdirArgs { places, relays, .. })
            | Self::Rm(RmArgs { places, relays, .. })
            | Self::Mv(MvArgs { places, relays, .. })
            | Self::Hash(HashArgs { places, relays, .. }) => (places, relays),
        }
    }

    /// Runs the verb. Consumes the context: the report ends when its last clone is dropped.
    pub(super) async fn run(
        self,
        mut context: Context,
        passwords: &Passwords,
        shell: &ShellSession,
    ) -> Result<Status> {
        let (typed, relays) = self.typed();
        if let Self::Rm(_) = self {
            refuse_site_like(&typed.iter().collect::<Vec<_>>(), &context.settings.named)?;
        }
        let mut places = relays.locations(&mut context, passwords, typed).await?;
        let (grouping, here) = (shell.grouping, shell.here.as_deref());
        match self {
            Self::Ls(args) => Ok(args.run(&context, &places, grouping, here).await),
            Self::Tree(_) => Ok(action::draw(&context, &places, grouping).await),
            Self::Stat(_) => Ok(stat(&context, &places).await),
            Self::Cat(args) => args.run(context, &places).await,
            Self::Mkdir(MkdirArgs { parents, dry_run, .. }) => {
                // A new directory has no name that exists: nothing in it is a pattern.
                let places: Vec<Location> = places.into_iter().map(Location::literal).collect();
                Ok(action::make_directories(&context, &places, parents, dry_run).await)
            }
            Self::Rm(RmArgs { recursive, yes, dry_run, .. }) => {
                Ok(action::remove(&context, &Remove { places, recursive, asks: !yes, dry_run }).await)
            }
            Self::Mv(MvArgs { dry_run, .. }) => {
                let destination =
                    places.pop().ok_or_else(|| Failure::usage("mv needs a SOURCE and a DEST"))?;
                Ok(action::rename(&context, &places, &destination.literal(), dry_run).await)
            }
            Self::Hash(args) => Ok(action::hash(&context, &places, args.alg, here).await),
        }
    }
}

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
