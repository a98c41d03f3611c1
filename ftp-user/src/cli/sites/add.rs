//! `sites add`, `sites edit` and `sites remove`, with their options: the settings are changed, comments and order are kept.

use super::super::General;
use super::super::job_options::{JobOptions, absolute};
use super::super::passwords::Passwords;
use super::secrets::{self, StoredPassword};
use super::shown;
use super::trial::{self, Trial};
use crate::config::{SITE_KEYS, change, parse, site_url};
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::job::Status;
use crate::place::{Names, Place, Site, check_name};
use crate::report::Event;
use clap::Args;
use ftp_io::program::size;
use ftp_io::program::terminal::Terminal;
use ftp_proto::wire::Secret;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use toml_edit::{Array, InlineTable, Value};

pub(super) async fn add(
    context: Context,
    passwords: &Passwords,
    general: &General,
    args: AddArgs,
) -> Result<Status> {
    let AddArgs { name, url, options } = args;
    check_name(&name).map_err(|why| bad_name(&name, why))?;
    if context.settings.named.find(&name).is_ok() {
        return Err(Failure::usage(format!("there is a site {name} already")).hint(format!(
            "{FtpUser} sites edit {name} --help tells how to change it; or choose another name"
        )));
    }
    let file = settings_file(general)?;
    let mut keys = options.keys(general)?;
    let has_source = keys.iter().any(|(key, _)| key.starts_with("password-"));
    let asks = url.is_none();
    let (url, mut password) = match url {
        Some(url) => taken_apart(&url)?,
        None => ask_url(&context).await?,
    };
    let has_user = site_url(&url)?.site.user.is_some();
    if password.is_some() && has_source {
        return Err(Failure::usage("the URL has a password, and another place for it is named")
            .hint("leave one of them out"));
    }
    if password.is_none() && has_user && !has_source && (asks || options.keyring) {
        password = ask_password(&context, &name).await?;
    }
    keys.insert(0, ("url".to_owned(), Some(Value::from(url))));
    if asks {
        let asks_for_password = has_user && !has_source;
        for tries in 1.. {
            let trial = tested(&context, passwords, &file, &name, &keys, password.clone()).await?;
            if trial.is_login_refused && asks_for_password && tries < TRIES {
                password = ask_password(&context, &name).await?;
            } else if trial.works() || is_wanted(&context, &name).await? {
                break;
            } else {
                return Ok(Status::Failed(Kind::Other));
            }
        }
    }
    let stored = stored(&file, &name, password.as_ref(), options.keyring)?;
    store(&file, &name, keys, stored, Failure::usage(format!("there is a site {name} already")))?;
    tell(&context, &file, &name, "added")
}

/// Why `name` cannot be added.
fn bad_name(name: &str, why: &str) -> Failure {
    if name.contains("://") {
        return Failure::usage("the name of a site stands before its URL")
            .hint(format!("{FtpUser} sites add NAME URL"));
    }
    Failure::usage(format!("{name:?} cannot be the name of a site: {why}"))
}

/// Adds a site with these keys and its password, or fails if `exists`.
pub(super) fn store(
    file: &Path,
    name: &str,
    mut keys: Vec<Key>,
    password: Option<StoredPassword>,
    exists: Failure,
) -> Result<()> {
    keys.extend(password.iter().map(|stored| stored.key.clone()));
    let added = change(file, |draft| match draft.before.find(name) {
        Ok(_) => Err(exists),
        Err(_) => draft.set(name, keys),
    });
    added.inspect_err(|_| password.iter().for_each(StoredPassword::undo))
}

pub(super) fn edit(context: &Context, general: &General, args: EditArgs) -> Result<Status> {
    let EditArgs { name, url, unset: gone, keep_password, options } = args;
    let (name, file) = (name.as_str(), &settings_file(general)?);
    context.settings.named.find(name)?;
    if options.keyring && url.is_none() {
        return Err(Failure::usage(
            "--keyring needs the password: in --url, or by sites remove and sites add",
        ));
    }
    let mut keys = options.keys(general)?;
    keys.extend(unset(&gone)?);
    let (mut moved_to, mut new_password) = (None, None);
    if let Some(url) = url {
        let (url, password) = taken_apart(&url)?;
        moved_to = Some(site_url(&url)?.site);
        keys.push(("url".to_owned(), Some(Value::from(url))));
        new_password = stored(file, name, password.as_ref(), options.keyring)?;
        keys.extend(new_password.iter().map(|stored| stored.key.clone()));
    }
    if keys.is_empty() {
        return Err(Failure::usage("sites edit changes nothing without an option").hint(format!(
            "{FtpUser} sites edit --help names them; the settings can be edited by hand too"
        )));
    }
    keys.extend(replaced(&keys));
    let has_new_password = keys.iter().any(|(key, _)| key.starts_with("password-"));
    let changed = change(file, |draft| {
        let old = draft.before.find(name)?.site.clone();
        if !has_new_password && !keep_password {
            refuse_old_password(name, &old, moved_to.as_ref())?;
        }
        draft.set(name, keys)?;
        Ok(old)
    });
    let old = changed.inspect_err(|_| new_password.iter().for_each(StoredPassword::undo))?;
    if has_new_password {
        secrets::remove(file, name, old.password_source())?;
    }
    tell(context, file, name, "changed")
}

/// Refuses to send the password of a server to another one, or as that of another user.
fn refuse_old_password(name: &str, old: &Site, new: Option<&Site>) -> Result<()> {
    match new {
        Some(new) if old.password_source().is_some() && !old.has_login_of(new) => {
            let what =
                format!("the password of {name} is for {}, and the new URL is for {}", old.url(), new.url());
            Err(Failure::usage(what).hint(
                "name the new password, --unset password-file (or password-command), or take the old one with --keep-password",
            ))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn remove(context: &Context, general: &General, names: &[String]) -> Result<Status> {
    let file = &settings_file(general)?;
    let mut places = Vec::new();
    for name in names {
        places.push((name, context.settings.named.find(name)?.clone()));
    }
    change(file, |draft| names.iter().try_for_each(|name| draft.remove(name).map(drop)))?;
    for (name, place) in places {
        let source = place.site.password_source();
        context.run.events.say(Event::Site(shown(context, name, &place, Some("removed"))));
        secrets::remove(file, name, source)?;
    }
    Ok(Status::Done)
}

/// The URL without its password, and the password.
fn taken_apart(url: &OsStr) -> Result<(String, Option<Secret>)> {
    let no_url = || {
        Failure::usage("a site is at a server, and this is no URL of one")
            .hint("write ftp://USER@HOST:PORT/PATH, ftpes:// or ftps://")
    };
    // HOST:PORT would be taken for a place at a site.
    if !url.as_bytes().windows(3).any(|three| three == b"://") {
        return Err(no_url());
    }
    let Place::Remote(mut remote) = Place::parse_with(url.as_bytes(), &Names::default())? else {
        return Err(no_url());
    };
    let password = remote.site.password.take();
    let glob = remote.path.glob.take();
    if glob.is_some() {
        return Err(Failure::usage("the URL of a site has no *, ? and [").hint("write %2A, %3F and %5B"));
    }
    Ok((remote.site.show(&remote.path), password))
}

/// Asks the person at the terminal where the site is.
async fn ask_url(context: &Context) -> Result<(String, Option<Secret>)> {
    for _ in 0..TRIES {
        let Some(terminal) = Terminal::open() else {
            return Err(Failure::usage("sites add needs a URL where there is no terminal")
                .hint(format!("{FtpUser} sites add NAME ftp://USER@HOST/PATH")));
        };
        let question = "Where is it (ftpes://USER@HOST/PATH, ftps:// or ftp://)? ".to_owned();
        let answer = context.run.cancel.unless_cancelled(terminal.line(question)).await?;
        match taken_apart(OsStr::new(answer.unwrap_or_default().trim())) {
            Ok(found) => return Ok(found),
            Err(failure) => context.run.events.warn(failure.to_string()),
        }
    }
    Err(Failure::usage("no URL was typed"))
}

/// Asks the person at the terminal for the password; nothing typed is no password.
async fn ask_password(context: &Context, name: &str) -> Result<Option<Secret>> {
    let Some(terminal) = Terminal::open() else { return Ok(None) };
    let question = format!("Password of {name} (empty: asked for at each use): ");
    context.run.cancel.unless_cancelled(terminal.secret(question)).await
}

/// Tests a site that is not stored yet, and tells what was found.
async fn tested(
    context: &Context,
    passwords: &Passwords,
    file: &Path,
    name: &str,
    keys: &[Key],
    password: Option<Secret>,
) -> Result<Trial> {
    let mut context = context.clone();
    let mut draft = crate::config::Draft::default();
    draft.set(name, keys.to_vec())?;
    context.settings.named = parse(&draft.text(), file, None)?.sites;
    let mut locations =
        passwords.locations_with(&mut context, &[format!("{name}:").into()], password).await?;
    let Some(location) = locations.pop() else { return Ok(Trial::default()) };
    let trial = trial::trial(&context, &location).await;
    for found in &trial.found {
        context.run.events.say(Event::Checked(found.clone()));
    }
    Ok(trial)
}

/// Whether the person at the terminal wants a site that does not work.
async fn is_wanted(context: &Context, name: &str) -> Result<bool> {
    let Some(terminal) = Terminal::open() else { return Ok(false) };
    let question = format!("Store {name} all the same?");
    context.run.cancel.unless_cancelled(terminal.confirm(question)).await
}

/// Stores a password, if there is one.
fn stored(
    file: &Path,
    name: &str,
    password: Option<&Secret>,
    keyring: bool,
) -> Result<Option<StoredPassword>> {
    let store = |password| match keyring {
        true => secrets::to_keyring(name, password),
        false => secrets::to_file(file, name, password),
    };
    password.map(store).transpose()
}

/// Tells what was done with a site, as it is in the settings now.
fn tell(context: &Context, file: &Path, name: &str, done: &'static str) -> Result<Status> {
    let settings = crate::config::load(Some(file), None)?;
    let mut context = context.clone();
    context.settings.named = settings.sites;
    let place = context.settings.named.find(name)?;
    context.run.events.say(Event::Site(shown(&context, name, place, Some(done))));
    Ok(Status::Done)
}

/// How often a person is asked for a URL, or for a password.
const TRIES: usize = 3;

/// A key of a site, and its value; `None` removes it.
pub(super) type Key = (String, Option<Value>);

/// What belongs to a site alone.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct SiteOptions {
    /// A program whose first line of output is the password: a line of /bin/sh
    #[arg(long, value_name = "COMMAND", conflicts_with = "keyring")]
    password_command: Option<String>,
    /// Keep the password in the keyring of this session (secret-tool), not in a file
    #[arg(long)]
    pub(super) keyring: bool,
    /// A relay of the settings that stands beside the site; repeatable
    #[arg(long, value_name = "NAME")]
    relay: Vec<String>,
    /// The address at which others reach its data connections; PEER is another site, or this-host; repeatable
    #[arg(long, value_name = "[PEER=]IP", value_parser = passive_address, hide_short_help = true)]
    passive_address: Vec<(Option<String>, IpAddr)>,
    /// Bytes per second of a job in which it takes part
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    rate: Option<NonZeroU64>,
    /// Files at the same time of such a job
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Sessions with it at the same time
    #[arg(long, value_name = "N", hide_short_help = true)]
    sessions: Option<NonZeroUsize>,
}

/// What `sites add` adds.
#[derive(Args, Debug)]
pub(in crate::cli) struct AddArgs {
    /// The name: 1 to 64 letters, digits, dots, dashes and underscores
    #[arg(value_name = "NAME", value_parser = super::site_name)]
    pub(super) name: String,
    /// Where it is, such as ftpes://ann@host/path. A password in it is stored in a file of its own (mode 0600)
    #[arg(value_name = "URL")]
    pub(super) url: Option<OsString>,
    #[command(flatten)]
    pub(super) options: SiteOptions,
}

/// What `sites edit` changes.
#[derive(Args, Debug)]
pub(in crate::cli) struct EditArgs {
    /// The name of the site
    #[arg(value_name = "SITE", value_parser = super::site_name)]
    pub(super) name: String,
    /// Where it is now. For another host, port or user it needs a new password, --unset or --keep-password
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<OsString>,
    /// Remove a setting, such as pin or rate; repeatable
    #[arg(long, value_name = "KEY")]
    pub(super) unset: Vec<String>,
    /// Send the stored password to the new URL as well
    #[arg(long, requires = "url")]
    pub(super) keep_password: bool,
    #[command(flatten)]
    pub(super) options: SiteOptions,
}

pub(super) fn settings_file(general: &General) -> Result<PathBuf> {
    general.settings_file().ok_or_else(|| {
        Failure::usage("there is no place for the settings").hint("name a file with --config, or set HOME")
    })
}

impl SiteOptions {
    /// The keys that these options set, and those of every verb that are stored with a site.
    pub(super) fn keys(&self, general: &General) -> Result<Vec<Key>> {
        let General { job: JobOptions { password_file, proxy, .. }, trust, .. } = general;
        if password_file.is_some() && (self.password_command.is_some() || self.keyring) {
            return Err(Failure::usage("--password-file is there, and another place for the password")
                .hint("leave one of them out"));
        }
        if proxy.as_ref().is_some_and(|proxy| proxy.login.is_some()) {
            let what = "the proxy has a password, which is not stored from the command line";
            return Err(Failure::usage(what).hint("write proxy into the settings by hand"));
        }
        let mut keys = Vec::new();
        let mut set = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| (key.to_owned(), Some(value))));
        };
        let number = |number: Option<NonZeroUsize>| {
            number.and_then(|number| i64::try_from(number.get()).ok()).map(Value::from)
        };
        set("password-file", password_file.as_deref().map(path).transpose()?.map(Value::from));
        set("password-command", self.password_command.as_deref().map(Value::from));
        set("ca", trust.ca.as_deref().map(path).transpose()?.map(Value::from));
        set("pin", one_or_list(&trust.pin.iter().map(ToString::to_string).collect::<Vec<_>>()));
        set("trust", trust.trust.map(|trust| trust.name().into()));
        set("proxy", proxy.as_ref().map(|proxy| format!("socks5://{proxy}").into()));
        set("relay", one_or_list(&self.relay));
        set("passive-address", addresses(&self.passive_address));
        set("limits.rate", self.rate.map(|rate| rate.to_string().into()));
        set("limits.jobs", number(self.jobs));
        set("limits.sessions", number(self.sessions));
        Ok(keys)
    }
}

/// The value of a key that may have several.
fn one_or_list(texts: &[String]) -> Option<Value> {
    match texts {
        [] => None,
        [one] => Some(one.as_str().into()),
        all => Some(all.iter().map(String::as_str).collect::<Array>().into()),
    }
}

/// The value of `passive-address`: an address for all peers, or one for each.
fn addresses(typed: &[(Option<String>, IpAddr)]) -> Option<Value> {
    match typed {
        [] => None,
        [(None, address)] => Some(address.to_string().into()),
        pairs => {
            let mut table = InlineTable::new();
            for (peer, address) in pairs {
                table.insert(peer.as_deref().unwrap_or("*"), address.to_string().into());
            }
            Some(table.into())
        }
    }
}

/// The keys that lose their values when these keys get new ones.
pub(super) fn replaced(keys: &[Key]) -> Vec<Key> {
    const EITHER: [[&str; 2]; 2] = [["password-file", "password-command"], ["ca", "pin"]];
    let has = |wanted: &str| keys.iter().any(|(key, value)| key == wanted && value.is_some());
    let all = EITHER.into_iter().flat_map(|[one, other]| [(one, other), (other, one)]);
    all.filter(|(new, old)| has(new) && !has(old)).map(|(_, old)| (old.to_owned(), None)).collect()
}

/// Reads the keys of `--unset`. A limit has its own name too, as the option that sets it.
pub(super) fn unset(keys: &[String]) -> Result<Vec<Key>> {
    let mut unset = Vec::new();
    for key in keys {
        let key = match key.as_str() {
            limit @ ("rate" | "jobs" | "sessions") => format!("limits.{limit}"),
            key => key.to_owned(),
        };
        let outer = key.split('.').next().unwrap_or_default();
        if key == "url" {
            return Err(Failure::usage("a site needs its url").hint("use --url, or sites remove"));
        }
        if !SITE_KEYS.contains(&outer) || (outer != key && outer != "limits" && outer != "passive-address") {
            return Err(Failure::usage(format!("a site has no key {key}"))
                .hint(format!("the keys are {}", SITE_KEYS.join(", "))));
        }
        unset.push((key, None));
    }
    Ok(unset)
}

/// A path that does not depend on the current directory.
fn path(file: &Path) -> Result<String> {
    let whole = absolute(Some(file)).unwrap_or_default();
    whole.into_os_string().into_string().map_err(|_| {
        Failure::usage(format!("{} is not UTF-8, so the settings cannot name it", file.display()))
    })
}

fn passive_address(text: &str) -> Result<(Option<String>, IpAddr), String> {
    let (peer, address) = match text.split_once('=') {
        Some((peer, address)) => (Some(peer.to_owned()), address),
        None => (None, text),
    };
    let address = address.trim_matches(['[', ']']).parse();
    address.map(|address| (peer, address)).map_err(|_| "write IP or PEER=IP, like lab=10.0.0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_no_name_of_a_site_either() {
        for typed in ["127.0.0.2:2121", "host", "ann:s3cret@host:21/x", "./file", "[lab]x", "x://h/"] {
            let failure = taken_apart(OsStr::new(typed)).unwrap_err().to_string();
            assert!(
                !failure.contains("no site is called") && !failure.contains("s3cret"),
                "{typed}: {failure}"
            );
        }
        let (url, password) = taken_apart(OsStr::new("ftp://ann:s3cret@127.0.0.2:2121/x")).unwrap();
        assert_eq!((url.as_str(), password.is_some()), ("ftp://ann@127.0.0.2:2121/x", true));
    }

    #[test]
    fn a_limit_is_unset_by_the_name_of_its_option_too() {
        let found =
            |key: &str| unset(&[key.to_owned()]).ok().and_then(|mut keys| keys.pop()).map(|(key, _)| key);
        for (typed, expect) in [
            ("rate", Some("limits.rate")),
            ("jobs", Some("limits.jobs")),
            ("sessions", Some("limits.sessions")),
            ("limits.rate", Some("limits.rate")),
            ("limits", Some("limits")),
            ("pin", Some("pin")),
            ("colour", None),
            ("url", None),
        ] {
            assert_eq!(found(typed).as_deref(), expect, "{typed}");
        }
    }
}
