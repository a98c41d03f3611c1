//! What several verbs need: places with their logins, hosts for them, options of copy and append.

use crate::check::{Overwrite, Verify};
use crate::config::{Authority, Relay, Relays};
use crate::context::Context;
use crate::control::{Facts, Role};
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{Deed, Options, Question};
use crate::ladder::Allowed;
use crate::place::{Local, Netrc, Place, Remote};
use clap::{Args, ValueEnum};
use ftp_proto::wire::PathName;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Options of copy and append.
#[derive(Args, Clone, Debug)]
pub(super) struct TransferArgs {
    /// How the copy is compared with its source (auto: as strongly as both ends can)
    #[arg(long, value_enum, default_value_t = Verify::Auto, value_name = "HOW")]
    verify: Verify,
    /// Which ways the octets may go
    #[arg(long, value_enum, default_value_t = Ways::Auto, value_name = "WAY")]
    path: Ways,
    /// A relay agent to use, before those of the settings; repeatable
    #[arg(long, value_name = "ADDR")]
    relay: Vec<Authority>,
    /// The file of the token that it knows, mode 0600; once for each --relay
    #[arg(long, value_name = "FILE")]
    relay_token_file: Vec<PathBuf>,
    /// Go on where a transfer broke off, if what is stored can be compared (the default)
    #[arg(long, overrides_with = "no_resume")]
    resume: bool,
    /// Begin each try with the first octet
    #[arg(long, overrides_with = "resume")]
    no_resume: bool,
    /// Let data go in clear from server to server although a control connection runs TLS
    #[arg(long)]
    pub(super) allow_clear_data: bool,
    /// Print what would be done; nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Print what would be done, by which way and why, and the ways after it; nothing is changed
    #[arg(long)]
    explain: bool,
}

/// The values of `--path`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Ways {
    /// The most direct one that works: from server to server, through a relay agent, through this host
    Auto,
    /// From server to server only
    Direct,
    /// Through a relay agent only
    Relay,
    /// Through this host only
    User,
    #[value(hide = true)]
    Symmetric,
}

impl TransferArgs {
    /// What was asked for, if it can be done.
    pub(super) fn options(&self, overwrite: Overwrite) -> Result<Options, Failure> {
        let allowed = match self.path {
            Ways::Auto => Ok(Allowed::Auto),
            Ways::Direct => Ok(Allowed::Direct),
            Ways::User => Ok(Allowed::User),
            Ways::Symmetric => Err("symmetric"),
            Ways::Relay => Ok(Allowed::Relay),
        };
        let allowed = allowed.map_err(|way| {
            Failure::usage(format!("--path {way} is not built in yet"))
                .hint("use auto, direct, relay or user")
        })?;
        let resume = self.resume || !self.no_resume;
        Ok(Options { verify: self.verify, overwrite, allowed, resume, deed: self.deed() })
    }

    /// The relays that may be used between these places, the typed ones first. Their token files are looked
    /// at, before anything is sent to anybody.
    pub(super) fn relays(&self, configured: &Relays, spots: &[&Spot]) -> Result<Relays, Failure> {
        let (relays, files) = (self.relay.len(), self.relay_token_file.len());
        if relays != files {
            return Err(Failure::usage(format!("{relays} --relay and {files} --relay-token-file"))
                .hint("give one --relay-token-file FILE for each --relay ADDR, in the same order"));
        }
        let pairs = self.relay.iter().cloned().zip(self.relay_token_file.iter().cloned());
        let typed = Relays::new(pairs.map(|(address, file)| Relay::unnamed(address, file)));
        let all = Relays::new(typed.iter().chain(configured).cloned());
        if self.path == Ways::Relay && all.is_empty() {
            return Err(Failure::usage("--path relay, and no relay is known")
                .hint("name one: --relay ADDR --relay-token-file FILE, or [[relays]] in the settings"));
        }
        typed.check()?;
        let wanted = match self.path {
            Ways::Auto | Ways::Relay => true,
            Ways::Direct | Ways::User | Ways::Symmetric => false,
        };
        if !wanted || spots.iter().any(|spot| matches!(spot.place, Place::Local(_))) {
            return Ok(Relays::default());
        }
        all.check()?;
        Ok(all)
    }

    /// Whether only a plan is wanted, or an explanation too.
    pub(super) const fn deed(&self) -> Deed {
        match (self.explain, self.dry_run) {
            (true, _) => Deed::Explain,
            (false, true) => Deed::Plan,
            (false, false) => Deed::Do,
        }
    }
}

/// A place, in the form that hosts understand.
#[derive(Debug)]
pub(super) struct Spot {
    /// The place as it was typed, its login completed.
    pub(super) place: Place,
    /// Its path there.
    pub(super) path: PathName,
    /// Whether it ends in `/`: the contents of a directory, or a directory to be.
    pub(super) contents: bool,
}

impl Spot {
    /// The host of the place.
    pub(super) fn host(&self, role: Role, pools: &Pools) -> Host {
        match &self.place {
            Place::Remote(remote) => Host::server(&remote.site, role, pools),
            Place::Local(_) => Host::Local,
        }
    }

    /// Whether `host` is the one of this place, so that its session can be used again.
    pub(super) fn is_at(&self, host: &Host) -> bool {
        match (&self.place, host) {
            (Place::Remote(remote), Host::Server(server)) => remote.site == server.site,
            (Place::Local(_), Host::Local) => true,
            (Place::Remote(_), Host::Local) | (Place::Local(_), Host::Server(_)) => false,
        }
    }
}

/// Reads places; all of them, before anything is sent to anybody.
pub(super) fn spots(places: &[OsString]) -> Result<Vec<Spot>, Failure> {
    let netrc = netrc();
    places.iter().map(|text| spot(text, &netrc)).collect()
}

fn spot(text: &OsString, netrc: &Netrc) -> Result<Spot, Failure> {
    match Place::parse(text.as_bytes())? {
        Place::Remote(Remote { site, path }) => Ok(Spot {
            contents: path.contents,
            path: path.or_here()?,
            place: Place::Remote(Remote { site: site.known_to(netrc), path }),
        }),
        Place::Local(Local { path, contents }) => {
            let octets = path.clone().into_os_string().into_vec();
            let name = PathName::from_user(octets)
                .map_err(|bad| Failure::usage(format!("{}: {bad}", path.display())))?;
            Ok(Spot { contents, path: name, place: Place::Local(Local { path, contents }) })
        }
    }
}

/// Nobody must have one, and it may be unreadable: then it knows nobody.
fn netrc() -> Netrc {
    std::env::var_os("HOME")
        .and_then(|home| std::fs::read_to_string(std::path::Path::new(&home).join(".netrc")).ok())
        .map_or_else(Netrc::default, |text| Netrc::parse(&text))
}

/// The facts of a place, asked again as long as only time is lacking.
pub(super) async fn look(
    context: &Context,
    host: &mut Host,
    path: &PathName,
) -> Result<Option<Facts>, Failure> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match host.facts(context, path).await {
            Ok(facts) => return Ok(facts),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// Only a server can be asked.
pub(super) fn on_a_server(spot: &Spot, verb: &str) -> Result<(), Failure> {
    match &spot.place {
        Place::Remote(_) => Ok(()),
        Place::Local(local) => Err(Failure::new(
            Kind::Usage,
            format!("{} is on this host, and {verb} asks servers", local.path.display()),
        )
        .hint("name a server with ftp://host/path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use ftp_proto::relay::token::Token;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        transfer: TransferArgs,
    }

    const EDGE: &str = "192.0.2.9:2190";

    /// The relays that may be used between `places`, with one of the settings if `configured`; `TOKEN` is a
    /// good token file.
    fn relays(words: &str, configured: bool, places: &str) -> Result<Vec<String>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        write(&file, Token::new("ann", None, [7; 32]).unwrap().line().as_str()).unwrap();
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let words = words.replace("TOKEN", file.to_str().unwrap());
        let typed = Typed::try_parse_from(["copy"].into_iter().chain(words.split_whitespace())).unwrap();
        let edge = configured.then(|| Relay::unnamed(EDGE.parse().unwrap(), file));
        let places: Vec<OsString> = places.split_whitespace().map(OsString::from).collect();
        let spots = spots(&places).unwrap();
        let spots: Vec<&Spot> = spots.iter().collect();
        let relays = typed.transfer.relays(&Relays::new(edge), &spots)?;
        Ok(relays.iter().map(|relay| relay.name.clone()).collect())
    }

    #[test]
    fn typed_relays_come_before_those_of_the_settings() {
        const SERVERS: &str = "ftp://127.0.0.2/a ftp://127.0.0.3/b";
        const TYPED: &str = "--relay h:1 --relay-token-file TOKEN --relay h:2 --relay-token-file TOKEN";
        let check = |words: &str, configured, places, expect: &[&str]| {
            assert_eq!(relays(words, configured, places).unwrap(), expect, "{words}");
        };
        check("", false, SERVERS, &[]);
        check("", true, SERVERS, &[EDGE]);
        check(TYPED, false, SERVERS, &["h:1", "h:2"]);
        check(TYPED, true, SERVERS, &["h:1", "h:2", EDGE]);
        check("--path relay", true, SERVERS, &[EDGE]);
        check("--path direct", true, SERVERS, &[]);
        check("--path user", true, SERVERS, &[]);
        check("", true, "ftp://127.0.0.2/a ./b", &[]);
    }

    #[test]
    fn relays_that_cannot_be_used_are_a_usage_error_that_says_why() {
        const SERVERS: &str = "ftp://127.0.0.2/a ftp://127.0.0.3/b";
        let check = |words: &str, expect: &str| {
            let failure = relays(words, false, SERVERS).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            assert!(failure.to_string().contains(expect), "{failure}");
        };
        check("--relay h:1", "1 --relay and 0 --relay-token-file");
        check("--relay-token-file TOKEN", "0 --relay and 1 --relay-token-file");
        check(
            "--relay h:1 --relay-token-file TOKEN --relay h:2",
            "one --relay-token-file FILE for each --relay ADDR",
        );
        check("--path relay", "--relay ADDR --relay-token-file FILE");
        check("--relay h:1 --relay-token-file TOKEN.none", "the relay h:1 cannot be used");
    }
}
