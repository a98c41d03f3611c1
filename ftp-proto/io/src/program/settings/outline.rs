//! Which keys a file gives. A file that was cut off in the middle is often still one without a mistake; what it does not
//! give any more shows it.

use std::collections::BTreeSet;

use toml::de::DeTable;

/// The keys and the tables of a file, without their values. A table of a list is named by its `name`, its `at`, or its
/// number: `users "ann"`.
///
/// ```
/// use ftp_io::program::settings::Outline;
///
/// let before = Outline::of("require-tls = true\n[[users]]\nname = \"ann\"\nnetworks = [\"192.0.2.0/24\"]\n");
/// let after = Outline::of("[[users]]\nname = \"ann\"\n");
/// assert_eq!(before.lost_in(&after), ["require-tls", "networks of users \"ann\""]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline(BTreeSet<Vec<String>>);

impl Outline {
    /// The outline of a file with this text; nothing if the text is not TOML.
    pub fn of(text: &str) -> Self {
        let mut keys = BTreeSet::new();
        if let Ok(table) = DeTable::parse(text) {
            gather(table.get_ref(), &[], &mut keys);
        }
        Self(keys)
    }

    /// The same, with tables of the list `list` that have these names. They stand in another file.
    #[must_use]
    pub fn with_names(mut self, list: &str, names: impl Iterator<Item = String>) -> Self {
        self.0.extend(names.map(|name| vec![format!("{list} {name:?}")]));
        self
    }

    /// What is here and not in `new`, in the order of the tables. Of a table that is gone its keys are not told.
    pub fn lost_in(&self, new: &Self) -> Vec<String> {
        let is_lost = |path: &&Vec<String>| {
            let above = path.split_last().map_or(&[][..], |(_, above)| above);
            !new.0.contains(*path) && (above.is_empty() || new.0.contains(above))
        };
        let words = |path: &Vec<String>| path.iter().rev().cloned().collect::<Vec<_>>().join(" of ");
        self.0.iter().filter(is_lost).map(words).collect()
    }

    /// Takes `new` in place of this outline, and warns in the log of what is gone.
    pub fn renew(&mut self, new: Self) {
        let lost = self.lost_in(&new);
        *self = new;
        let more = match lost.len().saturating_sub(MAX_TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let told = lost.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
        if !lost.is_empty() {
            tracing::warn!("gone since the files were read last: {told}{more}");
        }
    }
}

fn gather(table: &DeTable<'_>, above: &[String], keys: &mut BTreeSet<Vec<String>>) {
    let mut found = |name: String, table: Option<&DeTable<'_>>| {
        let path = [above, &[name]].concat();
        if let Some(table) = table {
            gather(table, &path, keys);
        }
        keys.insert(path);
    };
    for (key, value) in table {
        let key = key.get_ref().as_ref();
        let list = value.get_ref().as_array().into_iter().flatten();
        let tables: Vec<&DeTable<'_>> = list.filter_map(|item| item.get_ref().as_table()).collect();
        if tables.is_empty() {
            found(key.to_owned(), value.get_ref().as_table());
        }
        for (number, table) in (1..).zip(tables) {
            let name = ["name", "at"].iter().find_map(|name| table.get(*name)?.get_ref().as_str());
            let number = || format!("{key} {number}");
            found(name.map_or_else(number, |name| format!("{key} {name:?}")), Some(table));
        }
    }
}

/// So much that is gone is told in one line of the log.
const MAX_TOLD: usize = 20;
