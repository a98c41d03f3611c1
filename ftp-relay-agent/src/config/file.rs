//! The policy file: the options of a verb under the same names, and tables for those who may use the relay.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use clap::Args;
use ftp_io::program::settings::{self, Mistake, Mistakes, Outline, Reader, Scope};
use toml::de::DeTable;

use super::keys::{LimitKeys, RuleKeys};
use super::options::{Options, Serves};
use crate::policy::{Bounds, Policy, Rule, Table};

/// What a policy file says. Every value in it is possible.
#[derive(Debug, Default)]
pub(super) struct File<O> {
    pub(super) options: O,
    pub(super) outline: Outline,
    whole: Bounds,
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
    pub(super) fn read(path: &Path) -> Result<Self, Mistakes> {
        let text = settings::text_of(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).map_err(|list| Mistakes::new(path, list))
    }

    pub(super) fn parse(text: &str, base: &Path) -> Result<Self, Vec<Mistake>> {
        let file = settings::read(text, |reader, table| {
            say_where_keys_belong::<O>(reader);
            let command = O::augment_args(clap::Command::new("ftp-relay-agent"));
            let scope = Scope { tables: TABLES.as_slice(), whose: "the policy has", base };
            let given = settings::given(reader, table, &command, scope);
            let options = settings::values(&given).unwrap_or_default();
            let whole = whole::<O>(reader, table, base);
            let groups = rules::<O>(reader, table, base, GROUPS, ("group", "a group has"));
            let identities = rules::<O>(reader, table, base, IDENTITIES, ("identity", "an identity has"));
            Self { options, outline: Outline::of(text), whole, groups, identities }
        })?;
        // The mistakes of single values come first.
        file.policy(Vec::new()).map(drop).map_err(|mistake| vec![mistake])?;
        Ok(file)
    }

    /// The policy, with the servers that may be reached where no table names any.
    pub(super) fn policy(&self, allow: Vec<ftp_proto::policy::Allowed>) -> Result<Policy, Mistake> {
        let rules = |list: &[LocatedTable]| list.iter().map(|placed| placed.rule.clone()).collect();
        let policy = Policy::new(allow, self.whole.clone(), rules(&self.groups), rules(&self.identities));
        policy.map_err(|(table, flaw)| {
            let placed = match table {
                Table::Group(index) => self.groups.get(index),
                Table::Identity(index) => self.identities.get(index),
            };
            let (line, column) = placed.map_or((0, 0), |placed| placed.at);
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
    use super::super::options::{HubOptions, RunOptions};
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
    }
}
