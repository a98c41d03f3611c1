//! What the directories of a sync may be.

use super::run::SyncRequest;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::claims::names;
use crate::job::removal::{Allowance, Consent, precious};
use crate::job::request::job::{is_one_host, refuse_nested};
use crate::job::retry::{ask, facts};
use crate::place::{self, Location};
use crate::route::Ends;
use crate::session::Facts;
use crate::world::{file_system, local_path, real_path};
use ftp_io::quoting::for_shell;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStringExt;

/// What both directories are.
#[derive(Debug)]
pub(super) struct SyncRoots {
    pub(super) source: Facts,
    /// `None` if the destination is not there.
    pub(super) destination: Option<Facts>,
}

/// Looks at both directories.
///
/// # Errors
///
/// They cannot be made equal: one is missing or no directory, or they contain each other.
pub(super) async fn check_roots(
    context: &Context,
    ends: &mut Ends,
    SyncRequest { source: from, destination: to, .. }: &SyncRequest,
) -> Result<SyncRoots> {
    let Ends { source, destination, .. } = ends;
    let (own, other) =
        tokio::try_join!(facts(context, source, &from.path), facts(context, destination, &to.path))?;
    let Some(own) = own else {
        return Err(Failure::new(Kind::Missing, format!("{from} does not exist"))
            .hint("check the path; nothing was changed"));
    };
    if own.kind != listing::Kind::Directory {
        return Err(Failure::usage(format!("{from} is not a directory"))
            .hint("copy copies files; sync makes two directories equal"));
    }
    other.as_ref().map_or(Ok(()), |found| files::check_directory(to, found.kind))?;
    if is_one_host(from, to) {
        let login = login(context, source).await?;
        let whole = |place: &Location| absolute(login.as_ref(), &place.path);
        refuse_nested((from, &whole(from)), (to, &whole(to)))?;
    }
    Ok(SyncRoots { source: own, destination: other })
}

/// Refuses a destination on this host in which nobody wants everything else to be deleted, unless somebody has said so.
pub(super) fn refuse_precious(context: &Context, to: &Location, allowance: Allowance) -> Result<()> {
    let what =
        if allowance.consent == Consent::Everything { None } else { precious(to, &context.run.own_files) };
    let Some(what) = what else { return Ok(()) };
    let what = format!("{to} {what}, and --delete would delete everything in it that the source lacks");
    Err(Failure::usage(what).hint("-n shows what would be deleted; --yes answers that this is meant"))
}

/// The login directory of an end, if it is a server that tells it.
pub(super) async fn login(context: &Context, host: &mut Host) -> Result<Option<PathName>> {
    ask!(context, host, files::login_directory(context, host))
}

/// Refuses a directory for old files that would be changed by this sync.
///
/// # Errors
///
/// It contains the destination, is in the source, is in the destination and not left out, or is on another file system.
pub(super) async fn refuse_backup(
    context: &Context,
    ends: &mut Ends,
    SyncRequest { source: from, destination: to, filter, .. }: &SyncRequest,
    directory: &PathName,
) -> Result<()> {
    let name = ends.destination.show(directory);
    let upwards = || {
        Failure::usage(format!("nobody can tell where --backup-dir {name} is: .. leads upwards"))
            .hint("write the paths of --backup-dir and of both directories without ..")
    };
    let mut real = async |path: &PathName| {
        let real = real(context, &mut ends.destination, path).await?;
        let leads_up = real.names().any(|name| name == b"..");
        if leads_up { Err(upwards()) } else { Ok(real) }
    };
    let (old, into) = (real(directory).await?, real(&to.path).await?);
    let source = if is_one_host(from, to) { Some(real(&from.path).await?) } else { None };
    let own_hint = |what: &str| {
        Failure::usage(format!("--backup-dir {name} {what}")).hint("name a directory of its own")
    };
    if into.is_at_or_below(&old) {
        return Err(own_hint("contains the destination"));
    }
    if source.is_some_and(|source| old.is_at_or_below(&source)) {
        return Err(own_hint("is in the source"));
    }
    if ends.destination.is_local() && file_system(&old) != file_system(&into) {
        return Err(Failure::usage(format!("--backup-dir {name} is on another file system than {to}"))
            .hint("what is kept there is renamed and not copied: name a directory on the same one"));
    }
    let Some(below) = old.relative_to(&into) else { return Ok(()) };
    let mut directories = std::iter::successors(Some(below.clone()), place::parent);
    if directories.any(|directory| !filter.enters(&directory)) {
        return Ok(());
    }
    let excluded = for_shell(format!("/{}/", below.display()));
    Err(Failure::usage(format!("--backup-dir {name} is in the destination"))
        .hint(format!("add --exclude {excluded}, or name a directory outside of it")))
}

/// The path of a directory without symbolic links and `..`, as far as it is there and its host tells it.
async fn real(context: &Context, host: &mut Host, path: &PathName) -> Result<PathName> {
    let login = login(context, host).await?;
    let path = absolute(login.as_ref(), path);
    let path = match host {
        Host::Server(_) => path,
        Host::Local(_) => PathName::from_wire(names::directory_at(host, &path)).unwrap_or(path),
    };
    let mut rest = Vec::new();
    let mut next = Some(path.clone());
    while let Some(above) = next {
        let found = match host {
            Host::Server(_) => ask!(context, host, files::real_directory(context, host, &above))?,
            Host::Local(_) => real_path(local_path(&above))
                .ok()
                .flatten()
                .and_then(|real| PathName::from_user(real.into_os_string().into_vec()).ok()),
        };
        if let Some(real) = found {
            return Ok(rest.iter().rev().fold(real, |real, name| place::join(Some(&real), name)));
        }
        // Behind `..` nobody knows what is above.
        let Some(name) = place::base_name(&above) else { break };
        rest.push(name);
        next = place::parent(&above);
    }
    Ok(path)
}

/// A path that does not depend on the login directory, if that is known.
pub(super) fn absolute(login: Option<&PathName>, path: &PathName) -> PathName {
    match login {
        Some(login) if path.as_bytes() == b"." => login.clone(),
        Some(login) if !path.is_absolute() => place::join(Some(login), path),
        Some(_) | None => path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::Pools;
    use crate::job::request::filter::Filter;
    use crate::job::request::job::{Options, SyncRules};
    use crate::place::tests::location;
    use crate::session::Role;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn a_directory_for_old_files_is_not_in_the_destination_by_another_name() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", home.path().display()),
        };
        for directory in ["bk/in", "zz", "src"] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        symlink("bk/in", home.path().join("alias")).unwrap();
        let (source, destination) = (location("ftp://127.0.0.1:1/src"), location(&at("bk")));
        let (rules, options) = (SyncRules::default(), Options::default());
        let mut request = SyncRequest { source, destination, rules, options, filter: Filter::default() };
        let context = Context::for_tests(Cancel::never());
        let pools = Pools::default();
        let ends = |SyncRequest { source, destination, .. }: &SyncRequest| {
            let destination = Host::at(destination, Role::Destination, &pools);
            Ends::new(Host::at(source, Role::Source, &pools), destination)
        };
        for (directory, excluded, expect) in [
            ("old/today", None, None),
            ("bk/old", None, Some("is in the destination")),
            ("zz/../bk/old", None, Some("add --exclude /old/")),
            ("bk/../bk/old", None, Some("add --exclude /old/")),
            ("alias/old", None, Some("add --exclude /in/old/")),
            ("bk/old", Some("/old/"), None),
            ("zz/../bk/old", Some("/old/"), None),
            ("missing/../bk/old", Some("/old/"), Some("..")),
            ("bk", None, Some("contains the destination")),
            // Nothing can be made there: it is only looked at.
            ("/proc/old", None, Some("is on another file system than")),
            ("", None, Some("contains the destination")),
        ] {
            let directory = PathName::from_user(at(directory)).unwrap();
            let excluded: Vec<String> = excluded.into_iter().map(str::to_owned).collect();
            request.filter = Filter::new(&[], &excluded).unwrap();
            let found = refuse_backup(&context, &mut ends(&request), &request, &directory).await;
            let is_right = match (&found, expect) {
                (Err(failure), Some(words)) => failure.to_string().contains(words),
                (found, expect) => found.is_ok() && expect.is_none(),
            };
            assert!(is_right, "{} {excluded:?}: {found:?}", directory.display());
        }
    }
}
