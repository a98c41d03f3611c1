//! Bookmarks of lftp: a name, a blank or a tab, and a URL in each line.

use super::found::Found;
use crate::place::{Place, Remote};
use ftp_proto::client::Security;

/// Reads the file.
pub(super) fn read(text: &str) -> Vec<Found> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    // A tab ends a name that has blanks.
    let parts = |line: &str| match line.split_once('\t').or_else(|| line.split_once(' ')) {
        Some((name, url)) => one(name, url.trim()),
        None => Found::refused(line, "it has no URL"),
    };
    lines.map(parts).collect()
}

fn one(name: &str, url: &str) -> Found {
    match Place::parse(url.as_bytes()) {
        Ok(Place::Remote(Remote { site, path })) => Found {
            name: name.to_owned(),
            scheme: match site.security {
                // ftp:// of lftp takes TLS where it is offered, as it does here.
                Security::Clear | Security::Offered => "ftp",
                Security::Explicit => "ftpes",
                Security::Implicit => "ftps",
            },
            port: Some(site.port),
            host: site.host,
            user: site.user,
            password: site.password,
            path: path.name.map_or_else(Vec::new, |name| name.as_bytes().to_vec()),
            ..Found::default()
        },
        Ok(Place::Local(_)) => Found::refused(name, "its URL is a path of this host"),
        Err(failure) => Found::refused(name, failure.what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_a_name_and_a_url() {
        let found = read("# x\nlab\tftp://ann:s3%40cret@h:2121/pub/\nweb http://h/\n\nsec ftps://h/\n");
        let shown: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.url(), one.refused.clone())).collect();
        assert_eq!(shown[0], ("lab", "ftp://ann@h:2121/pub".to_owned(), None));
        assert_eq!(found[0].password.as_ref().unwrap().expose(), b"s3@cret");
        assert_eq!((shown[1].0, shown[1].2.as_deref()), ("web", Some("http:// is not supported")));
        assert_eq!(shown[2].1, "ftps://h:990/");
        let odd = read("broken\n\tftp://h/\nlab ftp://h:99999/\n");
        let why: Vec<_> = odd.iter().map(|one| one.refused.as_deref().unwrap_or("-")).collect();
        assert!(why[0] == "it has no URL" && why[1] == "-" && why[2].contains("port"), "{why:?}");
    }
}
