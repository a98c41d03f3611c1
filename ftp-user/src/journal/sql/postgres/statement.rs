//! Statements as PostgreSQL wants them.

use tokio_postgres::types::Type;

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
    translate_with(statement, |number| format!("${number}"))
}

/// The text of a statement that does with many rows of values what this one does with one: it has an array for each parameter. `types`
/// are those of its parameters. `None`: it neither asks, nor adds a row, nor deletes by its values, nor changes the one whose `id` is its
/// first value.
pub(super) fn for_many(statement: &str, types: &[Type]) -> Option<String> {
    let kind = |kind: &Type| match *kind {
        Type::INT8 => Some("BIGINT"),
        Type::TEXT => Some("TEXT"),
        Type::BYTEA => Some("BYTEA"),
        _ => None,
    };
    let column = |(number, of): (usize, &Type)| {
        Some(format!("unnest(CAST(${number} AS {}[])) AS v{number}", kind(of)?))
    };
    let columns = (1..).zip(types).map(column).collect::<Option<Vec<_>>>()?.join(", ");
    // In `FROM`, `unnest` would have the server store all rows before it uses the first one.
    let rows = format!("(SELECT {columns}) AS given");
    let Translated { text, .. } = translate_with(statement, |number| format!("given.v{number}"));
    if text.starts_with("SELECT ") {
        // So the server finds the rows of each as if it were asked for that alone.
        let number = "CAST(generate_subscripts($1, 1) AS BIGINT) AS given_number";
        return Some(format!(
            "SELECT given.given_number, found.* FROM (SELECT {columns}, {number}) AS given, LATERAL ({text} OFFSET 0) AS found"
        ));
    }
    if let Some((table, rest)) = text.split_once(" VALUES (") {
        let (values, rest) = rest.split_once(')')?;
        return (!values.contains('(')).then(|| format!("{table} SELECT {values} FROM {rows}{rest}"));
    }
    if let Some((table, condition)) =
        text.strip_prefix("DELETE FROM ").and_then(|of| of.split_once(" WHERE "))
    {
        // Of a question within it, the server would look at all rows for each of the values.
        let is_simple = !condition.contains("SELECT");
        return is_simple.then(|| format!("DELETE FROM {table} USING {rows} WHERE {condition}"));
    }
    // The first values differ: so no row is changed by two of them.
    let (_, behind) = statement.split_once(" WHERE id = ?1")?;
    let (changes, rest) = text.strip_prefix("UPDATE ")?.split_once(" WHERE id = ")?;
    (!behind.starts_with(|next: char| next.is_ascii_digit()))
        .then(|| format!("UPDATE {changes} FROM {rows} WHERE id = {rest}"))
}

/// The same with parameters that are written so.
fn translate_with(statement: &str, parameter: impl Fn(usize) -> String) -> Translated {
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
                let value = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
                let number = translated.number_of(value);
                translated.text.push_str(&parameter(number));
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
    /// The number of the parameter that has this value: the first one is 1.
    fn number_of(&mut self, value: usize) -> usize {
        let known = self.values.iter().position(|known| *known == value);
        let index = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        index + 1
    }
}

/// Gives the types of columns the names that they have in PostgreSQL, and paths indexes that take a path of any length. Texts are
/// ordered by their bytes.
pub(super) fn table(create: &str) -> String {
    let create =
        REPLACED.into_iter().fold(create.to_owned(), |create, (all, head)| create.replace(all, head));
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

/// What takes the place of some definitions.
///
/// * Indexes have the beginnings of paths: a B-tree has values of at most some 2,700 bytes. Nobody but the holder of the lock of all rows
///   adds a path, and looks for it before.
/// * The index of the files of a job ends in their keys, as every index of SQLite does, so that a page of files is read in its order.
const REPLACED: [(&str, &str); 3] = [
    (
        "CREATE UNIQUE INDEX items_by_place ON items (site, path, job);",
        "CREATE INDEX items_by_place ON items (site, substr(path, 1, 1024), job);",
    ),
    (
        "CREATE INDEX items_by_job ON items (job, state);",
        "CREATE INDEX items_by_job ON items (job, state, id);",
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
    fn a_statement_with_many_rows_has_an_array_for_each_parameter() {
        let columns = "SELECT unnest(CAST($1 AS BIGINT[])) AS v1, unnest(CAST($2 AS BYTEA[])) AS v2";
        let given = format!("({columns}) AS given");
        for (statement, expected) in [
            (
                "INSERT INTO t (id, a) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
                Some(format!(
                    "INSERT INTO t (id, a) SELECT given.v1, given.v2 FROM {given} ON CONFLICT (id) DO NOTHING"
                )),
            ),
            (
                "UPDATE t SET a = ?2, b = ?2 WHERE id = ?1 AND c = 'x'",
                Some(format!(
                    "UPDATE t SET a = given.v1, b = given.v1 FROM {given} WHERE id = given.v2 AND c = 'x'"
                )),
            ),
            (
                "SELECT b FROM t WHERE id = ?1 AND a = ?2",
                Some(format!(
                    "SELECT given.given_number, found.* FROM ({columns}, CAST(generate_subscripts($1, 1) AS BIGINT) AS given_number) AS given, LATERAL (SELECT b FROM t WHERE id = given.v1 AND a = given.v2 OFFSET 0) AS found"
                )),
            ),
            ("INSERT INTO t (id, a) VALUES (max(?1), ?2)", None),
            ("UPDATE t SET a = ?2 WHERE b = ?1", None),
            ("UPDATE t SET a = ?1 WHERE id = ?2", None),
            ("UPDATE t SET a = ?1 WHERE id = ?12", None),
            (
                "DELETE FROM t WHERE id = ?1 AND a = ?2",
                Some(format!("DELETE FROM t USING {given} WHERE id = given.v1 AND a = given.v2")),
            ),
            ("DELETE FROM t WHERE id IN (SELECT b FROM u WHERE c = ?1 AND a = ?2)", None),
        ] {
            assert_eq!(for_many(statement, &[Type::INT8, Type::BYTEA]), expected, "{statement}");
        }
        assert_eq!(for_many("SELECT b FROM t WHERE c = ?1", &[Type::BOOL]), None);
    }

    #[test]
    fn columns_have_the_types_of_postgresql() {
        let translated = table(crate::journal::table::DEFINITIONS);
        assert!(translated.contains("(job, state, id)"), "{translated}");
        assert!(!translated.contains("path, job)") && !translated.contains("KEY (job, path"), "{translated}");
        let create = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB NOT NULL);";
        let expect = "CREATE TABLE t (id BIGINT PRIMARY KEY, a TEXT COLLATE \"C\", b BYTEA NOT NULL);";
        assert_eq!(table(create), expect);
    }
}
