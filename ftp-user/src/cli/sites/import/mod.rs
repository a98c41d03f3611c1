//! `sites import`: the servers that other programs know. Nothing that is there is overwritten, and what this program has no
//! word for is named.

mod filezilla;
mod rclone;

use super::super::General;
use super::add::{Key, settings_file, store};
use super::secrets;
use crate::config::site_url;
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::job::Status;
use crate::place::{Netrc, Place, Remote, check_name, escaped};
use crate::report::{Event, SiteShown};
use clap::{Args, ValueEnum};
use ftp_io::named_file::{LARGEST_SETTINGS, NamedFile, Readable};
use ftp_io::quoting::for_shell;
use ftp_proto::wire::Secret;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use toml_edit::Value;
use zeroize::Zeroizing;

/// Options of the import.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// The program that knows them
    #[arg(value_enum, value_name = "PROGRAM")]
    from: From,
    /// Its file, if it is not the usual one
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print what would be added; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// A program that knows servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum From {
    /// Bookmarks of lftp (~/.local/share/lftp/bookmarks or ~/.lftp/bookmarks)
    Lftp,
    /// FTP remotes of rclone (~/.config/rclone/rclone.conf)
    Rclone,
    /// The site manager of FileZilla (~/.config/filezilla/sitemanager.xml)
    Filezilla,
    /// The machines of ~/.netrc
    Netrc,
}

impl From {
    /// The usual files, below the home directory.
    const fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Lftp => &[".local/share/lftp/bookmarks", ".lftp/bookmarks"],
            Self::Rclone => &[".config/rclone/rclone.conf"],
            Self::Filezilla => &[".config/filezilla/sitemanager.xml", ".filezilla/sitemanager.xml"],
            Self::Netrc => &[".netrc"],
        }
    }

    /// The usual file that is there.
    fn file(self) -> Result<PathBuf> {
        let home = ftp_io::simulated::variable("HOME").map(PathBuf::from).unwrap_or_default();
        let all: Vec<PathBuf> = self.usual().iter().map(|name| home.join(name)).collect();
        all.iter().find(|file| file.exists()).cloned().ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|file| file.display().to_string()).collect();
            Failure::new(Kind::Missing, format!("there is no file {}", names.join(" and no file ")))
                .hint(format!("name it: {FtpUser} sites import PROGRAM FILE"))
        })
    }
}

pub(super) fn run(context: &Context, general: &General, args: &ImportArgs) -> Result<Status> {
    let settings = &settings_file(general)?;
    let is_usual = args.file.is_none();
    let file = args.file.clone().map_or_else(|| args.from.file(), Ok)?;
    let text = text(&file, args.from)?;
    let all = read(args.from, &text, is_usual)
        .map_err(|why| Failure::usage(format!("cannot import {}: {why}", file.display())))?;
    let mut names = BTreeSet::new();
    let mut ends = Vec::new();
    for found in &all {
        let end = import(context, settings, found, &mut names, args.dry_run);
        if let Err(failure) = &end {
            context.run.events.warn(failure.to_string());
        }
        ends.push(match end {
            Ok(()) => ImportEnd::Added,
            Err(failure) if failure.kind == Kind::Exists => ImportEnd::Known,
            Err(_) if found.refused.is_some() => ImportEnd::NoSite,
            Err(_) => ImportEnd::Failed,
        });
    }
    let file = file.display();
    let nothing = match (ends.contains(&ImportEnd::Known), ends.is_empty()) {
        _ if ends.contains(&ImportEnd::Added) => return Ok(status_of(&ends)),
        (true, _) => {
            let are_all = ends.iter().all(|end| *end == ImportEnd::Known);
            let others = if are_all { "" } else { "other " };
            format!("nothing was added: the settings have the {others}servers of {file} already")
        }
        (false, true) => format!("nothing was added: {file} names no FTP server"),
        (false, false) => format!("nothing was added: no server of {file} can be a site"),
    };
    context.run.events.warn(nothing);
    Ok(status_of(&ends))
}

/// How the import of one server has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ImportEnd {
    /// It is a site now.
    Added,
    /// It was a site already, and stays as it is.
    Known,
    /// It is none that this program could reach.
    NoSite,
    /// It could not be added.
    Failed,
}

/// The status of an import whose servers have ended so. One that has found nothing to add and nothing that is there is `Missing`.
fn status_of(ends: &[ImportEnd]) -> Status {
    if ends.contains(&ImportEnd::Failed) {
        return Status::Partly;
    }
    let is_there = |end: &ImportEnd| matches!(end, ImportEnd::Added | ImportEnd::Known);
    if ends.iter().any(is_there) { Status::Done } else { Status::Failed(Kind::Missing) }
}

/// The servers in the text of a file.
fn read(from: From, text: &str, is_usual: bool) -> Result<Vec<ImportedSite>, String> {
    match from {
        From::Lftp => Ok(read_lftp(text)),
        From::Rclone => rclone::read(text).map_err(str::to_owned),
        From::Filezilla => filezilla::read(text),
        From::Netrc => Ok(read_netrc(text, is_usual)),
    }
}

/// The name and the URL of each server in the text of a file of `lftp`, `rclone`, `filezilla` or `netrc`, or why it is not imported.
///
/// # Errors
///
/// The program is none of these, or the text is not one of its files.
pub fn imported_sites(program: &str, text: &str) -> Result<Vec<Result<(String, String)>>, String> {
    let all = read(<From as ValueEnum>::from_str(program, false)?, text, false)?;
    let mut names = BTreeSet::new();
    Ok(all.iter().map(|found| found.named(&mut names)).collect())
}

/// The text of the file. One with secrets that others may write is refused, and so is a netrc that others may read.
fn text(file: &Path, from: From) -> Result<Zeroizing<String>> {
    let cannot =
        |error: &std::io::Error| Failure::of_this_host(format!("cannot read {}", file.display()), error);
    let opened = NamedFile::open(file, Readable::File).map_err(|error| cannot(&error))?;
    let bits = if from == From::Netrc { 0o077 } else { 0o022 };
    let facts = opened.facts();
    if opened.is_of_another_user() || facts.permissions().mode() & bits != 0 {
        return Err(Failure::usage(format!(
            "others own {} or may {} it",
            file.display(),
            if bits == 0o077 { "read or write" } else { "write" }
        ))
        .hint(format!("make it yours alone: chmod 600 {}", for_shell(file))));
    }
    let bytes = opened.read(LARGEST_SETTINGS).map_err(|error| cannot(&error))?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("cannot read {}: it is not UTF-8", file.display())))?;
    Ok(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
}

/// The name for an entry of the file: with its user if an earlier entry has the same one.
fn free_name(found: &ImportedSite, names: &mut BTreeSet<String>) -> Result<String> {
    let user = found.user.as_deref().unwrap_or_default();
    let short = match plain(&found.name) {
        // A site whose name is one letter would look like a drive.
        letter if letter.len() == 1 => plain(&format!("{letter}-{}", found.host)),
        name => name,
    };
    let long = || plain(&format!("{short}-{}", String::from_utf8_lossy(user)));
    let is_free = |name: &String| !names.contains(name);
    let name = Some(short.clone())
        .filter(is_free)
        .or_else(|| Some(long()).filter(|name| !user.is_empty() && is_free(name)));
    let name = name.ok_or_else(|| {
        let what =
            format!("{} is not imported: an earlier entry of the file has the name {short}", found.name);
        Failure::usage(what).hint(how_to_add())
    })?;
    names.insert(name.clone());
    Ok(name)
}

/// What to do about a server that is not imported.
fn how_to_add() -> String {
    format!("{FtpUser} sites -h shows how to add it")
}

fn import(
    context: &Context,
    settings: &Path,
    found: &ImportedSite,
    names: &mut BTreeSet<String>,
    is_dry: bool,
) -> Result<()> {
    let (name, url) = found.named(names)?;
    if context.settings.named.find(&name).is_ok() {
        return Err(exists(&name));
    }
    if !found.unmapped.is_empty() {
        context.run.events.warn(format!("of {name} these are not imported: {}", found.unmapped.join(", ")));
    }
    if !is_dry {
        let mut keys: Vec<Key> = vec![("url".to_owned(), Some(Value::from(url.as_str())))];
        keys.extend(found.keys.iter().map(|(key, value)| ((*key).to_owned(), Some(value.clone()))));
        let password = found.password.as_ref().filter(|_| found.user.is_some());
        let stored = password.map(|password| secrets::to_file(settings, &name, password)).transpose()?;
        store(settings, &name, keys, stored, exists(&name))?;
    }
    let done = if is_dry { "would add" } else { "added" };
    let shown = SiteShown { name, url, settings: Vec::new(), done: Some(done), whole: false };
    context.run.events.say(Event::Site(shown));
    Ok(())
}

fn exists(name: &str) -> Failure {
    Failure::new(Kind::Exists, format!("{name} is a site already, and stays as it is"))
}

/// The name with a dash for everything that no name of a site has.
fn plain(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.trim().chars().map(letter).collect();
    name.trim_start_matches(['-', '_', '.']).chars().take(LONGEST).collect()
}

/// The length of the longest name of a site.
const LONGEST: usize = 64;

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

    /// Its name here, which none of these `names` is, and its URL.
    fn named(&self, names: &mut BTreeSet<String>) -> Result<(String, String)> {
        // The name may be a URL with a password, which is not shown, and becomes no part of a name.
        let may_have_password = self.name.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
        let called = match self.name.trim() {
            "" => "a server without a name",
            _ if may_have_password => &format!("a server of {}", self.host),
            _ => &self.name,
        };
        let refused = |why: &str| Failure::usage(format!("{called} is not imported: {why}"));
        if let Some(why) = &self.refused {
            return Err(refused(why));
        }
        // It would be a part of the path, or of the user.
        if self.host.contains(['/', '@']) {
            return Err(refused("its host is neither a name nor an address").hint(how_to_add()));
        }
        if may_have_password {
            return Err(refused("its name may have a password in it").hint(how_to_add()));
        }
        let (name, url) = (free_name(self, names)?, self.url());
        check_name(&name)
            .map(|()| site_url(&url).map(drop))
            .map_err(|why| refused(why).hint(how_to_add()))?
            .map_err(|failure| failure.during(format_args!("{called} is not imported")))?;
        Ok((name, url))
    }

    /// Its URL, without the password.
    pub(super) fn url(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{}@", escaped(user, b"")));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        let path = escaped(&self.path, b"/");
        format!("{}://{user}{host}{port}/{path}", self.scheme)
    }
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
            // ftp:// of lftp takes TLS where it is offered, as it does here.
            scheme: site.scheme(),
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
    let macros = netrc.macros.iter().map(|name| ImportedSite::refused(name, "it is a macro"));
    netrc.entries().map(one).chain(macros).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_that_finds_no_site_does_not_succeed() {
        use ImportEnd::{Added, Failed, Known, NoSite};
        let missing = Status::Failed(Kind::Missing);
        for (ends, expect) in [
            (&[][..], missing),
            (&[NoSite, NoSite], missing),
            (&[NoSite, Known], Status::Done),
            (&[Added, NoSite], Status::Done),
            (&[Added, Failed], Status::Partly),
            (&[Failed, NoSite], Status::Partly),
        ] {
            assert_eq!(status_of(ends), expect, "{ends:?}");
        }
    }

    #[test]
    fn a_second_entry_of_one_name_has_its_user_in_its_name() {
        let mut names = BTreeSet::new();
        let mut name = |name: &str, user: Option<&str>| {
            let user = user.map(|user| user.as_bytes().to_vec());
            let host = "h.example".to_owned();
            let found = ImportedSite { name: name.to_owned(), user, host, ..ImportedSite::default() };
            free_name(&found, &mut names)
        };
        assert_eq!(name("ho", Some("ann")).unwrap(), "ho");
        assert_eq!(name("ho", Some("bob")).unwrap(), "ho-bob");
        let failure = name("ho", Some("bob")).unwrap_err().to_string();
        assert!(
            failure.contains("ho is not imported: an earlier entry of the file has the name ho"),
            "{failure}"
        );
        assert_eq!(name("q", None).unwrap(), "q-h.example");
        assert_eq!(name("z\u{fc}rich", None).unwrap(), "z-rich");
        let failure = name("z\u{f6}rich", None).unwrap_err().to_string();
        assert!(failure.contains("z\u{f6}rich is not imported"), "{failure}");
    }

    #[test]
    fn names_of_other_programs_become_plain() {
        for (name, expect) in [("Lab 1", "Lab-1"), ("_x/y", "x-y"), ("z\u{fc}rich", "z-rich"), ("a", "a")] {
            assert_eq!(plain(name), expect);
        }
    }

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
    fn a_host_is_no_other_part_of_a_url() {
        let hosts = [
            "h.example/pub",
            "bob@h.example",
            "h.example:2121",
            "h.example?x",
            "h.example#x",
            "h example",
            "h\\example",
        ];
        for host in hosts {
            let text = format!("[lab]\ntype = ftp\nhost = {host}\nuser = ann\n");
            let found = imported_sites("rclone", &text).unwrap();
            let said = found[0].as_ref().map_err(ToString::to_string);
            assert!(matches!(&said, Err(said) if said.contains("lab is not imported")), "{host}: {said:?}");
        }
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expect) in [("", ""), ("czNjcmV0", "s3cret"), ("czNjcmU=", "s3cre"), ("czNjcg", "s3cr")] {
            assert_eq!(base64(text).as_deref(), Some(expect.as_bytes()), "{text}");
        }
        assert_eq!(base64("-_+/"), Some(vec![0xfb, 0xff, 0xbf].into_iter().collect::<Vec<u8>>()));
        assert_eq!(base64("a b"), None);
    }

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

    #[test]
    fn what_is_said_of_a_bookmark_has_no_password() {
        for line in [
            "ftp://ann:s3cret@h/",
            "ann:s3cret@h",
            "ftp://ann:s3cret@h/ lab",
            "ftp://ann:s3cret@h/ ftp://h/",
            "ann:s3cret@h\tftp://h/",
            "lab ann:s3cret@h",
            "ftp://ann:s3cret\u{b}@h/=",
        ] {
            let found = imported_sites("lftp", &format!("# bookmarks\n{line}\n")).unwrap();
            let said = format!("{:?}", found[0].as_ref().map_err(ToString::to_string));
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

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
