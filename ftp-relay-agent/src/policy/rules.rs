//! What the operator has written about the holders of tokens, and what it means for one of them. It reads no clock and
//! no file.
//!
//! ```text
//!   the whole relay or hub ── group ── group ── identity        each level bounds what is below it
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use ftp_proto::policy::{Allowed, AllowedError, DataPorts};
use ftp_proto::relay::agent;

use super::limits::{Limits, SESSION};

/// What one table of the policy says. `None` is what it does not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    /// Maximum number of sessions at the same time.
    pub sessions: Option<usize>,
    /// Maximum number of tunnels at the same time.
    pub tunnels: Option<usize>,
    /// Maximum number of joins at the same time.
    pub joins: Option<usize>,
    /// Maximum number of calls of a hub at the same time.
    pub calls: Option<usize>,
    /// Maximum number of tunnels and joins, or calls, that begin within a minute.
    pub starts: Option<u64>,
    /// Bytes per second, all together.
    pub rate: Option<NonZeroU64>,
    /// Maximum number of bytes within a day, all together.
    pub daily: Option<u64>,
    /// Bytes per second of each tunnel, join or call.
    pub each_rate: Option<NonZeroU64>,
    /// Maximum number of bytes of each tunnel, join or call.
    pub each_bytes: Option<u64>,
    /// Longest time of each tunnel, join or call.
    pub each_time: Option<Duration>,
}

/// One table: an identity, which is the name of a token, or a group of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// The name of the token or of the group.
    pub name: String,
    /// The group that it is in.
    pub parent: Option<String>,
    /// The servers that may be reached; empty means those of the parent.
    pub allow: Vec<Allowed>,
    /// The limits of this table.
    pub bounds: Bounds,
}

/// The policy of a relay or a hub.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    allow: Vec<Allowed>,
    data_ports: Vec<DataPorts>,
    whole: Bounds,
    groups: BTreeMap<String, Rule>,
    /// `None` if every token may use the relay.
    identities: Option<BTreeMap<String, Rule>>,
}

/// Which table has a mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// What stands above all tables.
    Whole,
    /// The group with this index.
    Group(usize),
    /// The identity with this index.
    Identity(usize),
}

/// Why tables are no policy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// Two tables of one kind have one name.
    #[error("the name {0:?} is used twice: choose another")]
    Twice(String),
    /// The parent does not exist.
    #[error("there is no group {0:?}: write [[groups]] with this name")]
    NoGroup(String),
    /// A group is in itself.
    #[error("the group {0:?} is in itself")]
    Circle(String),
    /// Too many groups are in each other.
    #[error("more than {MAX_LEVELS} groups are in each other")]
    TooDeep,
    /// Its rules contradict each other.
    #[error("allow: {0}")]
    Allow(#[from] AllowedError),
}

/// Who shares a limit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Level {
    /// All tokens of the relay or hub.
    Whole,
    /// The tokens of a group, and of the groups in it.
    Group(String),
    /// All sessions of one token.
    Identity(String),
}

/// What everybody below a level shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shared {
    /// Maximum number of sessions.
    pub sessions: usize,
    /// Maximum number of tunnels.
    pub tunnels: usize,
    /// Maximum number of joins.
    pub joins: usize,
    /// Maximum number of calls of a hub.
    pub calls: usize,
    /// Maximum number of tunnels and joins, or calls, that begin within a minute.
    pub starts: Option<u64>,
    /// Bytes per second.
    pub rate: Option<NonZeroU64>,
    /// Maximum number of bytes within a day.
    pub daily: Option<u64>,
}

/// What the holder of one token may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The servers that may be reached.
    pub allow: Vec<Allowed>,
    /// The data ports of these servers that user agents and other agents reach.
    pub data_ports: Vec<DataPorts>,
    /// Bytes per second of each tunnel, join or call.
    pub each_rate: Option<NonZeroU64>,
    /// Maximum number of bytes of each tunnel, join or call.
    pub each_bytes: Option<u64>,
    /// Longest time of each tunnel, join or call.
    pub each_time: Option<Duration>,
    /// What is shared, from the token to the whole relay or hub.
    pub levels: Vec<(Level, Shared)>,
}

impl Terms {
    /// The limits of a session at a relay. What is granted there has a longest time also where none is written.
    pub fn session(&self) -> agent::Limits {
        agent::Limits {
            bytes: self.each_bytes.unwrap_or(SESSION.bytes),
            life: self.each_time.map_or(SESSION.life, |time| time.min(SESSION.life)),
            ..SESSION
        }
    }
}

impl Policy {
    /// A policy for all tokens.
    pub fn open(allow: Vec<Allowed>) -> Self {
        Self { allow, ..Self::default() }
    }

    /// A policy of these tables. Without identities every token may use the relay; else only those that have a table.
    ///
    /// # Errors
    ///
    /// The first mistake, and the table that has it.
    pub fn new(
        allow: Vec<Allowed>,
        whole: Bounds,
        groups: Vec<Rule>,
        identities: Vec<Rule>,
    ) -> Result<Self, (Table, Flaw)> {
        let tables = |table: fn(usize) -> Table, rules: &[Rule]| -> Result<(), (Table, Flaw)> {
            let check = |(index, rule): (usize, &Rule)| {
                Allowed::check_all(&rule.allow).map_err(|flaw| (table(index), flaw.into()))
            };
            rules.iter().enumerate().try_for_each(check)
        };
        Allowed::check_all(&allow).map_err(|flaw| (Table::Whole, flaw.into()))?;
        tables(Table::Group, &groups)?;
        tables(Table::Identity, &identities)?;
        let parents: Vec<(Table, Option<String>)> = (groups.iter().enumerate())
            .map(|(index, rule)| (Table::Group(index), rule.parent.clone()))
            .chain(
                identities
                    .iter()
                    .enumerate()
                    .map(|(index, rule)| (Table::Identity(index), rule.parent.clone())),
            )
            .collect();
        let groups = named(groups).map_err(|(index, flaw)| (Table::Group(index), flaw))?;
        let restricted = !identities.is_empty();
        let identities = named(identities).map_err(|(index, flaw)| (Table::Identity(index), flaw))?;
        let data_ports = Vec::new();
        let policy = Self { allow, data_ports, whole, groups, identities: restricted.then_some(identities) };
        for (table, parent) in parents {
            policy.above(parent.as_deref()).map_err(|flaw| (table, flaw))?;
        }
        Ok(policy)
    }

    /// The same policy, with these data ports of the servers.
    #[must_use]
    pub fn with_data_ports(self, data_ports: Vec<DataPorts>) -> Self {
        Self { data_ports, ..self }
    }

    /// What the token of this name may do; `None` if it may not use the relay.
    pub fn terms(&self, name: &str) -> Option<Terms> {
        let none = Rule::default();
        let rule = match &self.identities {
            Some(identities) => identities.get(name)?,
            None => &none,
        };
        // The parents were checked.
        let above = self.above(rule.parent.as_deref()).unwrap_or_default();
        let allow = [rule].into_iter().chain(above.iter().copied()).map(|rule| &rule.allow);
        let allow = allow.chain([&self.allow]).find(|allow| !allow.is_empty());
        let bounds: Vec<&Bounds> =
            [&rule.bounds].into_iter().chain(above.iter().map(|rule| &rule.bounds)).collect();
        let all = || bounds.iter().copied().chain([&self.whole]);
        let mut shared = Shared::whole(&self.whole);
        let mut levels = vec![(Level::Whole, shared)];
        for group in above.iter().rev() {
            shared = shared.of_group(&group.bounds);
            levels.push((Level::Group(group.name.clone()), shared));
        }
        levels.push((Level::Identity(name.to_owned()), shared.of_identity(&rule.bounds)));
        levels.reverse();
        Some(Terms {
            allow: allow.cloned().unwrap_or_default(),
            data_ports: self.data_ports.clone(),
            each_rate: all().filter_map(|bounds| bounds.each_rate).min(),
            each_bytes: all().filter_map(|bounds| bounds.each_bytes).min(),
            each_time: all().filter_map(|bounds| bounds.each_time).min(),
            levels,
        })
    }

    /// What is served, in words: the servers and the data ports of these tokens. Tokens with the same servers share a line,
    /// and so do all of them where the policy names none. Tokens without a server have no line.
    pub fn served<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
        let list = |rules: &[Allowed]| rules.iter().map(Allowed::to_string).collect::<Vec<_>>().join(" ");
        let ports = match self.data_ports.as_slice() {
            [] => "no data ports are allowed, so the servers have to connect to this host".to_owned(),
            ports => format!(
                "at data ports {}",
                ports.iter().map(DataPorts::to_string).collect::<Vec<_>>().join(",")
            ),
        };
        if self.identities.is_none() {
            let line = (!self.allow.is_empty()).then(|| format!("{}, {ports}", list(&self.allow)));
            return line.into_iter().collect();
        }
        let mut of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in tokens {
            if let Some(terms) = self.terms(name).filter(|terms| !terms.allow.is_empty()) {
                of.entry(list(&terms.allow)).or_default().push(name);
            }
        }
        of.into_iter()
            .map(|(servers, names)| format!("for {}: {servers}, {ports}", names.join(", ")))
            .collect()
    }

    /// Whether a level has limits of its own that last.
    pub fn knows(&self, level: &Level) -> bool {
        match level {
            Level::Whole => true,
            Level::Group(name) => self.groups.contains_key(name),
            Level::Identity(name) => {
                self.identities.as_ref().is_none_or(|identities| identities.contains_key(name))
            }
        }
    }

    /// The names of the identities; `None` if every token may use the relay.
    pub fn identities(&self) -> Option<impl Iterator<Item = &str>> {
        self.identities.as_ref().map(|identities| identities.keys().map(String::as_str))
    }

    /// The groups from this one to the outermost.
    fn above<'a>(&'a self, mut parent: Option<&'a str>) -> Result<Vec<&'a Rule>, Flaw> {
        let mut above: Vec<&'a Rule> = Vec::new();
        while let Some(name) = parent {
            let group = self.groups.get(name).ok_or_else(|| Flaw::NoGroup(name.to_owned()))?;
            if above.iter().any(|other| other.name == group.name) {
                return Err(Flaw::Circle(name.to_owned()));
            }
            if above.len() >= MAX_LEVELS {
                return Err(Flaw::TooDeep);
            }
            above.push(group);
            parent = group.parent.as_deref();
        }
        Ok(above)
    }
}

impl Shared {
    fn whole(bounds: &Bounds) -> Self {
        let Limits { sessions, tunnels, joins, calls, .. } = Limits::USUAL;
        Self { sessions, tunnels, joins, calls, starts: None, rate: None, daily: None }.of_group(bounds)
    }

    /// A group has what its parent has, unless it says otherwise.
    fn of_group(self, bounds: &Bounds) -> Self {
        Self {
            sessions: bounds.sessions.unwrap_or(self.sessions),
            tunnels: bounds.tunnels.unwrap_or(self.tunnels),
            joins: bounds.joins.unwrap_or(self.joins),
            calls: bounds.calls.unwrap_or(self.calls),
            starts: bounds.starts.or(self.starts),
            rate: bounds.rate.or(self.rate),
            daily: bounds.daily.or(self.daily),
        }
    }

    /// An identity has a quarter of what its parent has, unless it says otherwise, so that others have something left. A
    /// rate needs no quarter, because its sharers have their turns.
    fn of_identity(self, bounds: &Bounds) -> Self {
        let part = |whole: Option<u64>| whole.map(|whole| whole.div_ceil(4));
        let quarter = Self {
            sessions: Limits::share(self.sessions),
            tunnels: Limits::share(self.tunnels),
            joins: Limits::share(self.joins),
            calls: Limits::share(self.calls),
            starts: part(self.starts),
            daily: part(self.daily),
            rate: self.rate,
        };
        quarter.of_group(bounds)
    }
}

/// Rules by their names.
fn named(rules: Vec<Rule>) -> Result<BTreeMap<String, Rule>, (usize, Flaw)> {
    let mut all = BTreeMap::new();
    for (index, rule) in rules.into_iter().enumerate() {
        if all.contains_key(&rule.name) {
            return Err((index, Flaw::Twice(rule.name)));
        }
        all.insert(rule.name.clone(), rule);
    }
    Ok(all)
}

/// Maximum number of groups that are in each other; each of them is asked for every piece of a file.
const MAX_LEVELS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, parent: Option<&str>, bounds: Bounds) -> Rule {
        Rule { name: name.to_owned(), parent: parent.map(str::to_owned), allow: Vec::new(), bounds }
    }

    fn allow(text: &str) -> Vec<Allowed> {
        text.split_whitespace().map(|text| text.parse().unwrap()).collect()
    }

    fn shared(terms: &Terms, level: usize) -> &Shared {
        &terms.levels[level].1
    }

    #[test]
    fn a_policy_that_allows_nothing_has_no_lines() {
        assert_eq!(Policy::default().served(["ann"].into_iter()), Vec::<String>::new());
        let named = Policy {
            identities: Some(BTreeMap::from([("ann".to_owned(), Rule::default())])),
            ..Policy::default()
        };
        assert_eq!(named.served(["ann"].into_iter()), Vec::<String>::new());
    }

    #[test]
    fn without_identities_every_token_has_a_quarter_of_everything() {
        let policy = Policy::open(allow("192.0.2.0/24"));
        let terms = policy.terms("ann").unwrap();
        assert_eq!(terms.allow, allow("192.0.2.0/24"));
        let levels: Vec<&Level> = terms.levels.iter().map(|(level, _)| level).collect();
        assert_eq!(levels, [&Level::Identity("ann".to_owned()), &Level::Whole]);
        assert_eq!(
            (shared(&terms, 0).sessions, shared(&terms, 0).tunnels, shared(&terms, 0).joins),
            (256, 512, 256)
        );
        assert_eq!((shared(&terms, 1).sessions, shared(&terms, 1).joins), (1_024, 1_024));
        assert_eq!(terms.each_rate, None);
        assert!(policy.knows(&Level::Identity("eve".to_owned())));
    }

    #[test]
    fn r27_with_identities_a_token_without_one_may_nothing() {
        let policy = Policy::new(
            allow("192.0.2.0/24"),
            Bounds::default(),
            vec![],
            vec![rule("ann", None, Bounds::default())],
        );
        let policy = policy.unwrap();
        assert!(policy.terms("ann").is_some() && policy.terms("eve").is_none());
        assert!(!policy.knows(&Level::Identity("eve".to_owned())));
    }

    #[test]
    fn the_targets_are_those_of_the_nearest_level_that_names_some() {
        let staff = Rule { allow: allow("198.51.100.0/24"), ..rule("staff", None, Bounds::default()) };
        let ann = Rule { allow: allow("203.0.113.7"), ..rule("ann", Some("staff"), Bounds::default()) };
        let rules =
            vec![ann, rule("bob", Some("staff"), Bounds::default()), rule("eve", None, Bounds::default())];
        let policy = Policy::new(allow("192.0.2.0/24"), Bounds::default(), vec![staff], rules).unwrap();
        for (name, expected) in [("ann", "203.0.113.7"), ("bob", "198.51.100.0/24"), ("eve", "192.0.2.0/24")]
        {
            assert_eq!(policy.terms(name).unwrap().allow, allow(expected), "{name}");
        }
    }

    #[test]
    fn limits_are_inherited_and_those_of_each_transfer_are_the_strictest() {
        let number = |number: u64| NonZeroU64::new(number);
        let whole = Bounds { joins: Some(100), daily: Some(1_000), ..Bounds::default() };
        let staff =
            Bounds { joins: Some(8), each_bytes: Some(50), each_rate: number(7), ..Bounds::default() };
        let bob = Bounds { joins: Some(8), each_bytes: Some(90), each_rate: number(3), ..Bounds::default() };
        let rules = vec![rule("ann", Some("staff"), Bounds::default()), rule("bob", Some("staff"), bob)];
        let policy = Policy::new(vec![], whole, vec![rule("staff", None, staff)], rules).unwrap();
        let (ann, bob) = (policy.terms("ann").unwrap(), policy.terms("bob").unwrap());
        let joins: Vec<usize> = (0..3).map(|level| shared(&ann, level).joins).collect();
        assert_eq!(joins, [2, 8, 100]);
        let daily: Vec<Option<u64>> = (0..3).map(|level| shared(&ann, level).daily).collect();
        assert_eq!(daily, [Some(250), Some(1_000), Some(1_000)]);
        assert_eq!(shared(&bob, 0).joins, 8);
        assert_eq!((ann.session().bytes, ann.each_rate), (50, number(7)));
        assert_eq!((bob.session().bytes, bob.each_rate), (50, number(3)));
    }

    #[test]
    fn tables_that_make_no_sense_are_refused() {
        let group = |name, parent| rule(name, parent, Bounds::default());
        let check = |groups, identities, expected| {
            assert_eq!(Policy::new(vec![], Bounds::default(), groups, identities).unwrap_err(), expected);
        };
        let twice = Flaw::Twice("ann".to_owned());
        check(vec![], vec![group("ann", None), group("ann", None)], (Table::Identity(1), twice));
        let none = Flaw::NoGroup("staff".to_owned());
        check(vec![], vec![group("ann", Some("staff"))], (Table::Identity(0), none));
        let circle = vec![group("a", None), group("b", Some("c")), group("c", Some("b"))];
        check(circle, vec![], (Table::Group(1), Flaw::Circle("c".to_owned())));
        let names: Vec<String> = (0..=MAX_LEVELS).map(|n| n.to_string()).collect();
        let deep =
            (0..=MAX_LEVELS).map(|n| group(&names[n], n.checked_sub(1).map(|n| names[n].as_str()))).collect();
        check(deep, vec![group("ann", Some("8"))], (Table::Identity(0), Flaw::TooDeep));
    }
}
