//! Statements as PostgreSQL wants them.

/// A statement for PostgreSQL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Translated {
    /// Its text with numbered parameters.
    pub(super) text: String,
    /// Which value each of its parameters has: only those that the statement names.
    pub(super) values: Vec<usize>,
}

/// Gives parameters and literals of bytes the form of PostgreSQL: `?2` becomes `$1` where it is the first one, and `x'00ff'` becomes
/// `'\x00ff'::bytea`. Texts within quotes stay as they are.
pub(super) fn translate(statement: &str) -> Translated {
    let mut translated = Translated { text: String::with_capacity(statement.len() + 16), values: Vec::new() };
    let mut rest = statement;
    let mut is_word = false;
    while let Some(next) = rest.chars().next() {
        let (_, after) = rest.split_at(next.len_utf8());
        let quoted = after.strip_prefix('\'').and_then(|inside| inside.split_once('\''));
        rest = match (next, quoted) {
            ('x', Some((digits, after))) if !is_word => {
                translated.text.push_str(&format!("'\\x{digits}'::bytea"));
                after
            }
            ('\'', _) => {
                let (inside, after) = after.split_once('\'').unwrap_or((after, ""));
                translated.text.push_str(&format!("'{inside}'"));
                after
            }
            ('?', _) => {
                let end = after.find(|next: char| !next.is_ascii_digit()).unwrap_or(after.len());
                let (number, after) = after.split_at(end);
                translated.parameter(number.parse::<usize>().unwrap_or(1).saturating_sub(1));
                after
            }
            _ => {
                translated.text.push(next);
                after
            }
        };
        is_word = next.is_alphanumeric() || next == '_';
    }
    translated
}

impl Translated {
    fn parameter(&mut self, value: usize) {
        let known = self.values.iter().position(|known| *known == value);
        let number = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        self.text.push_str(&format!("${}", number + 1));
    }
}

/// Gives the types of columns the names that they have in PostgreSQL, and paths indexes that take a path of any length. Texts are
/// ordered by their bytes.
pub(super) fn table(create: &str) -> String {
    let create = INDEXES.into_iter().fold(create.to_owned(), |create, (all, head)| create.replace(all, head));
    let types = [("INTEGER", "BIGINT"), ("BLOB", "BYTEA"), ("TEXT", "TEXT COLLATE \"C\"")];
    let mut translated = String::with_capacity(create.len() + 64);
    for word in create.split_inclusive(|next: char| !next.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|next: char| !next.is_ascii_alphanumeric());
        let known = types.iter().find(|(name, _)| *name == bare).map_or(bare, |(_, known)| known);
        translated.push_str(known);
        translated.push_str(word.get(bare.len()..).unwrap_or_default());
    }
    translated
}

/// What takes the place of indexes of whole paths: a B-tree has values of at most some 2,700 bytes. Nobody but the holder of the lock
/// of all rows adds a path, and looks for it before.
const INDEXES: [(&str, &str); 2] = [
    (
        "CREATE UNIQUE INDEX items_by_place ON items (site, path, job);",
        "CREATE INDEX items_by_place ON items (site, substr(path, 1, 1024), job);",
    ),
    (
        ", PRIMARY KEY (job, path));",
        "); CREATE INDEX withheld_by_job ON withheld (job); CREATE INDEX withheld_by_path ON withheld USING hash (path);",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_bytes_are_written_as_postgresql_wants_them() {
        for (statement, text, values) in [
            ("SELECT 1", "SELECT 1", &[][..]),
            ("a = ?1 AND b > ?2", "a = $1 AND b > $2", &[0, 1]),
            ("SET b = ?6 WHERE id = ?1 AND c = ?6", "SET b = $1 WHERE id = $2 AND c = $1", &[5, 0]),
            ("a = '?1' OR b = 'it''s ?2' OR c = ?12", "a = '?1' OR b = 'it''s ?2' OR c = $1", &[11]),
            ("p IN (x'', x'2f0a') AND max'x'", "p IN ('\\x'::bytea, '\\x2f0a'::bytea) AND max'x'", &[]),
            ("s = 'ä?1' AND t = ?1", "s = 'ä?1' AND t = $1", &[0]),
        ] {
            assert_eq!(translate(statement), Translated { text: text.to_owned(), values: values.to_vec() });
        }
    }

    #[test]
    fn columns_have_the_types_of_postgresql() {
        let translated = table(crate::journal::table::DEFINITIONS);
        assert!(!translated.contains("path, job)") && !translated.contains("KEY (job, path"), "{translated}");
        let create = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB NOT NULL);";
        let expect = "CREATE TABLE t (id BIGINT PRIMARY KEY, a TEXT COLLATE \"C\", b BYTEA NOT NULL);";
        assert_eq!(table(create), expect);
    }
}
