//! The configuration of `run`, `join` and `hub`: [`Options`] as they are typed, a policy file, and [`Config`] as what
//! both mean.

mod options;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use ftp_io::program::log;
use ftp_io::program::settings::{self, Mistake, Mistakes, Outline, Reader, Scope, Table};
use ftp_io::socket::{Congestion, CongestionError};
use ftp_proto::policy::{Allowed, AllowedError};
use ftp_proto::relay::token::Token;
use ipnet::IpNet;
pub use options::{
    HubOptions, JoinOptions, LimitKeys, ListenAt, Operation, Options, Place, RuleKeys, RunOptions, Serves,
};
use toml::de::DeTable;

use crate::policy::{self, Bounds, Policy, Rule};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The policy file has mistakes.
    #[error(transparent)]
    File(#[from] Mistakes),
    /// Something is missing.
    #[error("{0} is missing: give it on the command line, or in the file of --config")]
    Missing(&'static str),
    /// The congestion control cannot be used.
    #[error("--congestion: {0}")]
    Congestion(#[from] CongestionError),
    /// The rules of the command line contradict each other.
    #[error("--allow: {0}")]
    Allow(#[from] AllowedError),
}

/// Everything that a verb has to know, checked and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: Vec<ListenAt>,
    /// The addresses of its connections with servers; those of `listen`, or of the route, if there is none.
    pub addresses: Vec<IpAddr>,
    /// The file that has the tokens.
    pub token_file: PathBuf,
    /// Who may do what.
    pub policy: Policy,
    /// What joined connections use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
    /// What is served.
    pub serves: Serves,
    /// What the operator sees.
    pub shown: OperatorView,
    outline: Outline,
}

/// What the operator sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorView {
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// The networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// The file of the audit, and its largest size.
    pub audit: Option<(PathBuf, u64)>,
    /// The form of the log.
    pub log_format: log::Format,
    /// The least important level that is logged.
    pub log_level: log::Level,
}

impl Config {
    /// What the options and the policy file say together. The command line beats the file.
    ///
    /// # Errors
    /// The file cannot be read or has mistakes, or something is missing.
    pub fn read<O: Options>(options: &O, path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut file = path.map(File::<O>::read).transpose()?.unwrap_or_default();
        let options: RunOptions = options.clone().into();
        Allowed::check_all(&options.allow)?;
        let options = options.over(std::mem::take(&mut file.options).into());
        if O::LISTENS && options.listen.is_empty() {
            return Err(ConfigError::Missing("--listen"));
        }
        options.congestion.as_ref().map_or(Ok(()), Congestion::check)?;
        let policy = file.policy(options.allow);
        let policy = policy.map_err(|mistake| Mistakes::new(path.unwrap_or(Path::new("")), vec![mistake]))?;
        Ok(Self {
            listen: options.listen,
            addresses: options.address,
            token_file: options.token_file.ok_or(ConfigError::Missing("--token-file"))?,
            policy: policy.with_data_ports(options.data_ports),
            congestion: options.congestion,
            serves: O::SERVES,
            shown: OperatorView::of(options.operation),
            outline: file.outline,
        })
    }

    /// What the policy file gives, and these tokens.
    pub fn outline(&self, tokens: &[Token]) -> Outline {
        self.outline.clone().with_names("token", tokens.iter().map(|token| token.name().to_owned()))
    }

    /// What was changed since the start and holds only after a restart.
    pub fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
        let (now, then) = (&self.shown, &started.shown);
        let changed = [
            ("listen", self.listen != started.listen),
            ("address", self.addresses != started.addresses),
            ("congestion", self.congestion != started.congestion),
            ("metrics", now.metrics != then.metrics),
            ("metrics-from", now.metrics_from != then.metrics_from),
            ("audit", now.audit != then.audit),
            ("log-format", now.log_format != then.log_format),
            ("log-level", now.log_level != then.log_level),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }

    /// What is likely not meant, where these are the names of the tokens.
    pub fn warnings<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
        let tokens: Vec<&str> = tokens.collect();
        let mut warnings = Vec::new();
        if let Some(identities) = self.policy.identities() {
            let identities: Vec<&str> = identities.collect();
            let without = |name: &&&str| !tokens.contains(*name);
            for name in identities.iter().filter(without) {
                warnings.push(format!("the policy names {name:?}, and no token has that name"));
            }
            for name in tokens.iter().filter(|name| !identities.contains(*name)) {
                warnings
                    .push(format!("the policy does not name the token {name:?}, which may do nothing here"));
            }
        }
        let reaches = |name: &&str| self.policy.terms(name).is_some_and(|terms| !terms.allow.is_empty());
        // If names do not fit, or there are none, that is the reason.
        let is_reason = warnings.is_empty() && !tokens.is_empty();
        if self.serves == Serves::Relay && is_reason && !tokens.iter().any(reaches) {
            warnings.push(
                "no server may be reached, so nothing is relayed; name servers with --allow".to_owned(),
            );
        }
        warnings
    }
}

impl OperatorView {
    fn of(operation: Operation) -> Self {
        let size = operation.audit_size.unwrap_or(AUDIT_SIZE);
        Self {
            metrics: operation.metrics,
            metrics_from: operation.metrics_from,
            audit: operation.audit.map(|path| (path, size)),
            log_format: operation.log_format.unwrap_or_default(),
            log_level: operation.log_level.unwrap_or_default(),
        }
    }
}

/// The tables of a policy file, as clap knows their keys.
pub fn tables() -> Vec<Table> {
    use clap::Args;
    let keys = |command: fn(clap::Command) -> clap::Command| command(clap::Command::new("keys"));
    let limits: Vec<clap::Id> =
        keys(LimitKeys::augment_args).get_arguments().map(|arg| arg.get_id().clone()).collect();
    let without_limits = |mut command: clap::Command| {
        for limit in &limits {
            command = command.mut_arg(limit, |arg| arg.hide(true));
        }
        command
    };
    let table = |heading, text, keys| Table { heading, text, keys };
    vec![
        table(
            "[limits]",
            "What all tokens share. An identity has a quarter of what it shares with others, unless its own table says \
             otherwise; a rate is not divided, because those who wait for it have their turns.",
            keys(LimitKeys::augment_args),
        ),
        table(
            "[[groups]]",
            "What some tokens share, once for each group. Every key of `[limits]` is a key of a group, too: what is \
             shared is shared by everybody in the group, and of the keys that begin with `max-` the strictest holds.",
            without_limits(keys(RuleKeys::augment_args)),
        ),
        table(
            "[[identities]]",
            "What the holder of one token may do, once for each. If there is any, a token without a table may not use \
             the relay or the hub. Every key of `[limits]` is a key of an identity, too.",
            without_limits(keys(RuleKeys::augment_args)).mut_args(|arg| match arg.get_id() == "name" {
                true => arg.help("The name of the token"),
                false => arg,
            }),
        ),
    ]
}

/// How large the file of an audit becomes.
const AUDIT_SIZE: u64 = 64 * 1024 * 1024;

/// What a policy file says. Every value in it is possible.
#[derive(Debug, Default)]
struct File<O> {
    options: O,
    outline: Outline,
    whole: Bounds,
    /// Where the key `allow` of the whole file stands.
    allow_at: (usize, usize),
    groups: Vec<LocatedTable>,
    identities: Vec<LocatedTable>,
}

/// A table and where it stands.
#[derive(Clone, Debug)]
struct LocatedTable {
    rule: Rule,
    at: (usize, usize),
}

impl<O: Options> File<O> {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// All mistakes of the file, each with its place.
    fn read(path: &Path) -> Result<Self, Mistakes> {
        let text = settings::text_of(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).map_err(|list| Mistakes::new(path, list))
    }

    fn parse(text: &str, base: &Path) -> Result<Self, Vec<Mistake>> {
        let file = settings::read(text, |reader, table| {
            say_where_keys_belong::<O>(reader);
            let command = O::augment_args(clap::Command::new("ftp-relay-agent"));
            let scope = Scope { tables: TABLES.as_slice(), whose: "the policy has", base };
            let given = settings::given(reader, table, &command, scope);
            let options = settings::values(&given).unwrap_or_default();
            let allow = given.iter().find(|given| given.name == "allow");
            let allow_at = allow.map_or((0, 0), |given| reader.place(&given.at));
            let whole = whole::<O>(reader, table, base);
            let groups = rules::<O>(reader, table, base, GROUPS, ("group", "a group has"));
            let identities = rules::<O>(reader, table, base, IDENTITIES, ("identity", "an identity has"));
            Self { options, outline: Outline::of(text), whole, allow_at, groups, identities }
        })?;
        // The mistakes of single values come first.
        let RunOptions { allow, .. } = file.options.clone().into();
        file.policy(allow).map(drop).map_err(|mistake| vec![mistake])?;
        Ok(file)
    }

    /// The policy, with the servers that may be reached where no table names any.
    fn policy(&self, allow: Vec<Allowed>) -> Result<Policy, Mistake> {
        let rules = |list: &[LocatedTable]| list.iter().map(|placed| placed.rule.clone()).collect();
        let policy = Policy::new(allow, self.whole.clone(), rules(&self.groups), rules(&self.identities));
        policy.map_err(|(table, flaw)| {
            let place = match table {
                policy::Table::Whole => Some(self.allow_at),
                policy::Table::Group(index) => self.groups.get(index).map(|placed| placed.at),
                policy::Table::Identity(index) => self.identities.get(index).map(|placed| placed.at),
            };
            let (line, column) = place.unwrap_or_default();
            Mistake { line, column, what: flaw.to_string() }
        })
    }
}

/// Tells the reader of every key in which table it belongs. An option belongs above all tables.
fn say_where_keys_belong<O: Options>(reader: &mut Reader<'_>) {
    let limits = LimitKeys::augment_args(clap::Command::new("limits"));
    for key in limits.get_arguments().filter_map(clap::Arg::get_long) {
        reader.belongs(key, "in [limits], [[groups]] or [[identities]]");
    }
    let options = O::augment_args(clap::Command::new("ftp-relay-agent"));
    for option in options.get_arguments().filter_map(clap::Arg::get_long) {
        reader.belongs(option, "at the top of the file, above the first table");
    }
}

fn whole<O: Options>(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Bounds {
    let Some((at, table)) = reader.table(table, LIMITS) else { return Bounds::default() };
    let scope = Scope { tables: &[], whose: "the limits have", base };
    let read = settings::section::<LimitKeys>(reader, table, &at, scope);
    let Some((keys, places)) = read else { return Bounds::default() };
    refuse_others::<O>(reader, &places);
    keys.into()
}

/// Refuses the keys that mean something for the other kind of service alone.
fn refuse_others<O: Options>(reader: &mut Reader<'_>, places: &BTreeMap<String, Range<usize>>) {
    let (keys, what): (&[&str], &str) = match O::SERVES {
        Serves::Relay => (&["calls"], "a relay has tunnels and joins; calls are those of a hub"),
        Serves::Hub => {
            (&["allow", "joins", "tunnels"], "a hub has calls, and each agent decides itself what it reaches")
        }
    };
    for place in keys.iter().filter_map(|key| places.get(*key)) {
        reader.wrong(place.clone(), what);
    }
}

/// The tables of groups, or those of identities: their name, and what one of them is called.
fn rules<O: Options>(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    base: &Path,
    tables: &str,
    (one, whose): (&str, &str),
) -> Vec<LocatedTable> {
    let mut all = Vec::new();
    for (at, table) in reader.tables(table, tables, one) {
        let scope = Scope { tables: &[], whose, base };
        let Some((keys, places)) = settings::section::<RuleKeys>(reader, table, &at, scope) else { continue };
        let RuleKeys { name, parent, allow, limits } = keys;
        let rule = Rule { name, parent, allow, bounds: limits.into() };
        refuse_others::<O>(reader, &places);
        all.push(placed(reader, rule, &at, &places));
    }
    all
}

/// Where the mistakes of a table are told: at its parent if it names one, else at its name.
fn placed(
    reader: &mut Reader<'_>,
    rule: Rule,
    at: &Range<usize>,
    places: &BTreeMap<String, Range<usize>>,
) -> LocatedTable {
    if rule.allow.is_empty()
        && let Some(empty) = places.get("allow")
    {
        reader.wrong(empty.clone(), "allow names no server: leave the key out for those of the parent");
    }
    let place = places.get("name").cloned().unwrap_or_else(|| at.clone());
    LocatedTable { rule, at: reader.place(&place) }
}

const LIMITS: &str = "limits";
const GROUPS: &str = "groups";
const IDENTITIES: &str = "identities";
const TABLES: [&str; 3] = [LIMITS, GROUPS, IDENTITIES];

#[cfg(test)]
mod tests {
    use super::options::{HubOptions, RunOptions};
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        check_for::<RunOptions>(text, expected);
    }

    fn check_for<O: Options>(text: &str, expected: &[&str]) {
        let told = match File::<O>::parse(text, Path::new("/etc")) {
            Ok(_) => Vec::new(),
            Err(mut mistakes) => {
                mistakes.sort();
                mistakes.iter().map(ToString::to_string).collect()
            }
        };
        let right =
            told.len() == expected.len() && told.iter().zip(expected).all(|(told, part)| told.contains(part));
        assert!(right, "{text}\n{told:?}");
    }

    #[test]
    fn a_policy_is_read_with_groups_and_identities() {
        let text = "
            listen = [\"192.0.2.5:2190\"]
            token-file = \"relay.token\"
            allow = [\"192.0.2.0/24\", \"198.51.100.7:21,2100-2199\"]
            [limits]
            joins = 100
            rate = \"100MB/s\"
            [[groups]]
            name = \"staff\"
            bytes-per-day = \"500GiB\"
            [[identities]]
            name = \"ann\"
            parent = \"staff\"
            allow = [\"203.0.113.7\"]
            max-rate = \"10MB\"
            max-time = \"2h\"
            [[identities]]
            name = \"bob\"
        ";
        let file = File::<RunOptions>::parse(text, Path::new("/etc")).unwrap();
        assert_eq!(file.options.token_file.as_deref(), Some(Path::new("/etc/relay.token")));
        let policy = file.policy(file.options.allow.clone()).unwrap();
        let ann = policy.terms("ann").unwrap();
        assert_eq!(ann.each_rate.map(u64::from), Some(10_000_000));
        assert_eq!(ann.session().life.as_secs(), 7_200);
        assert_eq!(ann.levels.len(), 3);
        assert_eq!(policy.terms("bob").unwrap().allow.len(), 2);
        assert_eq!(policy.terms("eve"), None);
    }

    #[test]
    fn servers_are_missed_only_if_somebody_may_come_and_none_is_named() {
        let check = |allow: &str, tokens: &[&str], expect: bool| {
            let allow = allow.split_whitespace().map(|target| target.parse().unwrap()).collect();
            let token_file = Some(PathBuf::from("relay.token"));
            let listen = vec!["127.0.0.1:0".parse().unwrap()];
            let options = RunOptions { allow, token_file, listen, ..RunOptions::default() };
            let warnings = Config::read(&options, None).unwrap().warnings(tokens.iter().copied());
            let is_missed = warnings.iter().any(|warning| warning.contains("name servers with --allow"));
            assert_eq!(is_missed, expect, "{allow:?} {tokens:?}: {warnings:?}", allow = options.allow);
        };
        check("", &["ann"], true);
        check("192.0.2.0/24", &["ann"], false);
        // The token of an agent is none of a user, who may come later.
        check("192.0.2.0/24", &[], false);
    }

    #[test]
    fn a_congestion_control_that_cannot_be_had_is_no_configuration() {
        let read = |name: &str| {
            let (token_file, listen) = (Some("relay.token".into()), vec!["127.0.0.1:0".parse().unwrap()]);
            let congestion = Some(name.parse().unwrap());
            Config::read(&RunOptions { congestion, token_file, listen, ..RunOptions::default() }, None)
        };
        // Every Linux has Reno, and lets every user use it.
        assert_eq!(read("reno").unwrap().congestion, Some("reno".parse().unwrap()));
        let refused = read("no-such-one").unwrap_err().to_string();
        assert!(refused.starts_with("--congestion: the kernel has no congestion control"), "{refused}");
        check("congestion = \"../bbr\"\n", &["1:14: write a name as the kernel has it"]);
    }

    #[test]
    fn the_keys_of_a_hub_are_those_of_a_hub() {
        let text =
            "listen = [\"[::]:443\"]\n[limits]\ncalls = 100\n[[identities]]\nname = \"ann\"\ncalls = 7\n";
        let file = File::<HubOptions>::parse(text, Path::new("/etc")).unwrap();
        let ann = file.policy(Vec::new()).unwrap().terms("ann").unwrap();
        let calls: Vec<usize> = ann.levels.iter().map(|(_, shared)| shared.calls).collect();
        assert_eq!(calls, [7, 100]);
        check("[limits]\ncalls = 1\n", &["2:9: a relay has tunnels and joins"]);
        let joins = "[limits]\njoins = 1\n[[identities]]\nname = \"ann\"\nallow = [\"192.0.2.7\"]\n";
        check_for::<HubOptions>(joins, &["2:9: a hub has calls", "5:9: a hub has calls"]);
        check_for::<HubOptions>("allow = [\"192.0.2.7\"]\n", &["1:1: unknown key \"allow\""]);
    }

    #[test]
    fn every_mistake_is_told_with_its_line_and_column() {
        check("allow = [\"192.0.2.0/24\"]\n", &[]);
        check("allow = [\"example.net\"]\n", &["1:10: example.net is neither a network nor an address"]);
        check("\nrate = \"1MB\"\n", &["2:1: \"rate\" does not belong here: write it in [limits]"]);
        check("[limits]\nrate = \"fast\"\njoins = 0\n", &["2:8: write a number of bytes", "3:9: "]);
        check("[[identities]]\nparent = \"x\"\n", &["1:1: name is missing"]);
        check("[[identities]]\nname = \"ann\"\nlisten = []\n", &["3:1: \"listen\" does not belong here"]);
        check("[[identities]]\nname = \"ann\"\nallow = []\n", &["3:9: allow names no server"]);
        check("[[identities]]\nname = \"ann\"\nparent = \"staff\"\n", &["2:8: there is no group \"staff\""]);
        let twice = "[[identities]]\nname = \"ann\"\n[[identities]]\nname = \"ann\"\n";
        check(twice, &["4:8: the name \"ann\" is used twice"]);
        check("[[groups]]\nname = \"a\"\nparent = \"a\"\n", &["2:8: the group \"a\" is in itself"]);
        check("[identities]\n", &["1:1: write [[identities]], once for each identity"]);
        check("joins == 1\n", &["1:8: "]);
        let twice = "[\"203.0.113.5=10.0.0.5\", \"203.0.113.5=10.0.0.6\"]\n";
        check(&format!("allow = {twice}"), &["1:9: allow: 203.0.113.5 leads to two servers"]);
        let of_ann = format!("[[identities]]\nname = \"ann\"\nallow = {twice}");
        check(&of_ann, &["2:8: allow: 203.0.113.5 leads to two servers"]);
        check(
            "allow = [\"203.0.113.5=10.0.0.0/8\"]\n",
            &["1:10: 10.0.0.0/8 is a network: write the address"],
        );
    }
}
