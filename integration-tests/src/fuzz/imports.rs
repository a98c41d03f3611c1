//! Files of other programs from which `sites import` takes servers.

use super::input::choice;
use super::places::password;
use ftp_user::cli::imported_sites;
use ftp_user::place::{Place, RemotePath, check_name};
use std::collections::HashSet;

/// The bookmarks of lftp, the remotes of rclone, the site manager of FileZilla, or a `.netrc`.
///
/// What becomes a site has a name of its own, and a URL without a password and without control characters, which is shown as it is
/// read. What is said of the others has no password.
pub fn imports(data: &[u8]) {
    let (program, data) = choice(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let program = ["lftp", "rclone", "filezilla", "netrc"][usize::from(program) % 4];
    let sites = match imported_sites(program, text) {
        Ok(sites) => sites,
        Err(why) => return assert!(!why.contains(['\r', '\n']), "{why:?}"),
    };
    let mut names = HashSet::new();
    for site in sites {
        let (name, url) = match site {
            Ok(site) => site,
            Err(failure) => {
                let said = failure.to_string();
                let mut secrets = text.lines().filter_map(|line| password(line.as_bytes()));
                let secret =
                    secrets.find(|secret| text.matches(secret).count() == 1 && said.contains(secret));
                // Elsewhere no URL has a password, and a blank ends a name of lftp, which may be half of a password then.
                let secret =
                    secret.filter(|secret| program == "lftp" && !secret.contains(char::is_whitespace));
                assert_eq!(secret, None, "{said}");
                continue;
            }
        };
        check_name(&name).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(url.bytes().all(|byte| (b'!'..=b'~').contains(&byte) || !byte.is_ascii()), "{url:?}");
        let Ok(Place::Remote(remote)) = Place::parse(url.as_bytes()) else { panic!("no place: {url}") };
        assert!(remote.site.password.is_none() && remote.path.glob.is_none(), "{url}");
        let shown = format!("{}{}", remote.site.url(), remote.path);
        let Ok(Place::Remote(again)) = Place::parse(shown.as_bytes()) else { panic!("no place: {shown}") };
        // A URL omits names that are `.`.
        let steps = |path: &RemotePath| -> Vec<Vec<u8>> {
            let Some(path) = &path.name else { return Vec::new() };
            let names = path.as_bytes().split(|byte| *byte == b'/');
            names.filter(|name| *name != b".").map(<[u8]>::to_vec).collect()
        };
        assert_eq!(
            (&again.site, steps(&again.path)),
            (&remote.site, steps(&remote.path)),
            "{url} is shown as {shown}"
        );
        assert!(names.insert(name), "two sites have one name");
    }
}
