//! What the settings of another program say of one server; the bookmarks of lftp and `.netrc`, which are plain lists of them.

use crate::place::{Netrc, Place, Remote};
use ftp_proto::client::Security;
use ftp_proto::wire::Secret;
use toml_edit::Value;

/// A server of another program.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportedSite {
    /// Its name there.
    pub(super) name: String,
    /// The scheme of its URL here.
    pub(super) scheme: &'static str,
    /// Its host, an IPv6 literal without brackets.
    pub(super) host: String,
    /// The port, if one is set.
    pub(super) port: Option<u16>,
    /// Who logs in.
    pub(super) user: Option<Vec<u8>>,
    /// The password, if it is known there.
    pub(super) password: Option<Secret>,
    /// The path, absolute or relative to the login directory.
    pub(super) path: Vec<u8>,
    /// Other keys of a site.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// What this program has no word for.
    pub(super) unmapped: Vec<String>,
    /// Why it cannot be a site at all.
    pub(super) refused: Option<String>,
}

impl ImportedSite {
    /// A server that cannot be a site.
    pub(super) fn refused(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), refused: Some(why.into()), ..Self::default() }
    }

    /// Its URL, without the password.
    pub(super) fn url(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{}@", encoded(user, b"")));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        let path = encoded(&self.path, b"/");
        format!("{}://{user}{host}{port}/{path}", self.scheme)
    }
}

/// Everything but letters, digits, `-_.~` and `kept` percent-encoded.
fn encoded(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The port that another program has noted; 0 is the usual one.
pub(super) fn port(text: &str) -> Result<Option<u16>, String> {
    let port: u16 = text.parse().map_err(|_| format!("its port {text} is not between 1 and 65535"))?;
    Ok(Some(port).filter(|port| *port != 0))
}

/// Decodes base64 of either alphabet, with or without `=` at its end.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Reads the file.
pub(super) fn read_lftp(text: &str) -> Vec<ImportedSite> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    // A tab ends a name that has blanks.
    let parts = |line: &str| match line.split_once('\t').or_else(|| line.split_once(' ')) {
        Some((name, url)) => one(name, url.trim()),
        None => ImportedSite::refused(line, "it has no URL"),
    };
    lines.map(parts).collect()
}

fn one(name: &str, url: &str) -> ImportedSite {
    match Place::parse(url.as_bytes()) {
        Ok(Place::Remote(Remote { site, path })) => ImportedSite {
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
            ..ImportedSite::default()
        },
        Ok(Place::Local(_)) => ImportedSite::refused(name, "its URL is a path of this host"),
        Err(failure) => ImportedSite::refused(name, failure.what),
    }
}

/// Reads the file. The passwords of the usual file stay there: it is asked at each use. Those of another are taken.
pub(super) fn read_netrc(text: &str, is_usual: bool) -> Vec<ImportedSite> {
    let netrc = Netrc::parse(text);
    let one = |(host, login): (Option<&str>, &crate::place::Login)| {
        let Some(host) = host else {
            return ImportedSite::refused("default", "the entry default names no machine");
        };
        let unmapped = match login.account {
            Some(_) if !is_usual => vec!["account".to_owned()],
            Some(_) | None => Vec::new(),
        };
        ImportedSite {
            name: host.to_owned(),
            scheme: "ftp",
            host: host.to_owned(),
            user: Some(login.user.clone()).filter(|user| !user.is_empty()),
            password: login.password.clone().filter(|_| !is_usual),
            unmapped,
            ..ImportedSite::default()
        }
    };
    let macros = netrc.macros().iter().map(|name| ImportedSite::refused(name, "it is a macro"));
    netrc.entries().map(one).chain(macros).collect()
}

#[cfg(test)]
mod found_tests {
    use super::*;

    #[test]
    fn a_url_has_everything_encoded_that_is_no_plain_letter() {
        let found = ImportedSite {
            scheme: "ftpes",
            host: "::1".into(),
            port: Some(2121),
            user: Some(b"a@b".to_vec()),
            path: b"/x y".to_vec(),
            ..ImportedSite::default()
        };
        assert_eq!(found.url(), "ftpes://a%40b@[::1]:2121//x%20y");
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expect) in [("", ""), ("czNjcmV0", "s3cret"), ("czNjcmU=", "s3cre"), ("czNjcg", "s3cr")] {
            assert_eq!(base64(text).as_deref(), Some(expect.as_bytes()), "{text}");
        }
        assert_eq!(base64("-_+/"), Some(vec![0xfb, 0xff, 0xbf].into_iter().collect::<Vec<u8>>()));
        assert_eq!(base64("a b"), None);
    }
}

#[cfg(test)]
mod lftp_tests {
    use super::*;

    #[test]
    fn a_bookmark_is_a_name_and_a_url() {
        let found = read_lftp("# x\nlab\tftp://ann:s3%40cret@h:2121/pub/\nweb http://h/\n\nsec ftps://h/\n");
        let shown: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.url(), one.refused.clone())).collect();
        assert_eq!(shown[0], ("lab", "ftp://ann@h:2121/pub".to_owned(), None));
        assert_eq!(found[0].password.as_ref().unwrap().expose(), b"s3@cret");
        assert_eq!((shown[1].0, shown[1].2.as_deref()), ("web", Some("http:// is not supported")));
        assert_eq!(shown[2].1, "ftps://h:990/");
        let odd = read_lftp("broken\n\tftp://h/\nlab ftp://h:99999/\n");
        let why: Vec<_> = odd.iter().map(|one| one.refused.as_deref().unwrap_or("-")).collect();
        assert!(why[0] == "it has no URL" && why[1] == "-" && why[2].contains("port"), "{why:?}");
    }
}

#[cfg(test)]
mod netrc_tests {
    use super::*;

    #[test]
    fn each_machine_is_a_site_and_the_usual_file_keeps_its_passwords() {
        let text =
            "machine h.example login ann password s3cret account x\ndefault login anonymous password y\n";
        let usual = read_netrc(text, true);
        assert_eq!(
            (usual[0].name.as_str(), usual[0].url()),
            ("h.example", "ftp://ann@h.example/".to_owned())
        );
        assert!(usual[0].password.is_none() && usual[1].refused.is_some());
        let with_macro = read_netrc(&format!("{text}macdef init\ncd /pub\n\nmachine last.example\n"), true);
        let refused = with_macro.iter().filter_map(|found| found.refused.as_deref());
        assert_eq!(refused.collect::<Vec<_>>(), ["the entry default names no machine", "it is a macro"]);
        assert_eq!((with_macro.len(), with_macro[3].name.as_str()), (4, "init"));
        let other = read_netrc(text, false);
        assert_eq!(other[0].password.as_ref().unwrap().expose(), b"s3cret");
        assert_eq!(other[0].unmapped, ["account"]);
    }
}
