//! The table of counts: how it is read, written, and compared with what was counted.

use std::fmt::Write;

/// What one operation costs, on average of those that were counted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Count {
    /// Instructions outside the scheduler.
    pub(crate) instructions: f64,
    /// System calls that do not only wait.
    pub(crate) calls: f64,
}

/// A row of the table.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) operation: String,
    count: Count,
    /// Why the numbers are what they are: the reason of the last increase.
    reason: String,
}

/// The table in the repository.
#[derive(PartialEq, Debug)]
pub(crate) struct Table {
    /// What the counts were made with.
    pub(crate) made_with: String,
    pub(crate) rows: Vec<Row>,
}

/// So much more is an increase. Counts vary by less than a third of it.
const TOLERANCE: f64 = 0.03;
/// An update leaves a number that differs by less: nobody has to read a change that is none.
const SAME: f64 = 0.01;
/// What is less than half a call for each operation can be chance.
const HALF_A_CALL: f64 = 0.5;
/// In place of a reason that somebody has to write.
const NO_REASON: &str = "?";

impl Table {
    pub(crate) fn parse(text: &str) -> Self {
        let made_with =
            text.lines().find_map(|line| line.strip_prefix(MADE_WITH)).expect("what it was made with");
        let rows = text.lines().filter(|line| !line.starts_with('#') && line.contains('|')).skip(1);
        Self { made_with: made_with.to_owned(), rows: rows.map(Row::parse).collect() }
    }

    pub(crate) fn print(&self) -> String {
        let width = self.rows.iter().map(|row| row.operation.len()).max().unwrap_or_default();
        let mut text = format!("{HEAD}{MADE_WITH}{}\n\n", self.made_with);
        writeln!(text, "{:width$} | instructions | system calls | reason of the last increase", "operation")
            .unwrap();
        for Row { operation, count: Count { instructions, calls }, reason } in &self.rows {
            writeln!(text, "{operation:width$} | {instructions:>12.0} | {calls:>12.1} | {reason}").unwrap();
        }
        text
    }

    /// The row of an operation.
    pub(crate) fn row(&self, operation: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.operation == operation)
    }

    /// Notes what an operation costs now. A new one gets the last row.
    pub(crate) fn note(&mut self, operation: &str, count: Count) {
        match self.rows.iter_mut().find(|row| row.operation == operation) {
            Some(row) => *row = row.updated(count),
            None => self.rows.push(Row::new(operation, count)),
        }
    }
}

impl Row {
    /// The row of a new operation.
    fn new(operation: &str, count: Count) -> Self {
        Self { operation: operation.to_owned(), count, reason: NO_REASON.to_owned() }
    }

    fn parse(line: &str) -> Self {
        let cells: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
        let [operation, instructions, calls, reason] = cells.try_into().unwrap_or_else(|_| panic!("{line}"));
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{line}"));
        let count = Count { instructions: number(instructions), calls: number(calls) };
        Self { operation: operation.to_owned(), count, reason: reason.to_owned() }
    }

    /// The row after a count: with new numbers where they differ, and a question instead of the reason where one is more.
    fn updated(&self, count: Count) -> Self {
        let is_same = more(count.instructions, self.count.instructions).abs() <= SAME;
        let instructions = if is_same { self.count.instructions } else { count.instructions };
        let is_same = (count.calls - self.count.calls).abs() <= HALF_A_CALL;
        let calls = if is_same { self.count.calls } else { count.calls };
        let reason = if self.increases(count).is_empty() { self.reason.as_str() } else { NO_REASON };
        let operation = self.operation.clone();
        Self { operation, count: Count { instructions, calls }, reason: reason.to_owned() }
    }

    /// What is more than the table permits.
    pub(crate) fn increases(&self, count: Count) -> Vec<String> {
        let (old, new) = (self.count.instructions, count.instructions);
        let mut found = Vec::new();
        if more(new, old) > TOLERANCE {
            let percent = more(new, old) * 100.0;
            found.push(format!(
                "{}: {new:.0} instructions, {percent:.1} % more than {old:.0}",
                self.operation
            ));
        }
        let (old, new) = (self.count.calls, count.calls);
        if more(new, old) > TOLERANCE && new - old > HALF_A_CALL {
            let percent = more(new, old) * 100.0;
            found.push(format!(
                "{}: {new:.1} system calls, {percent:.1} % more than {old:.1}",
                self.operation
            ));
        }
        found
    }

    /// Whether something has become so much less that the table should say it.
    pub(crate) fn is_less(&self, count: Count) -> bool {
        let calls =
            more(count.calls, self.count.calls) < -TOLERANCE && self.count.calls - count.calls > HALF_A_CALL;
        more(count.instructions, self.count.instructions) < -TOLERANCE || calls
    }

    /// Whether nobody has written yet why a number has increased.
    pub(crate) fn lacks_reason(&self) -> bool {
        self.reason.is_empty() || self.reason == NO_REASON
    }
}

/// How much more the new number is, as a part of the old one.
fn more(new: f64, old: f64) -> f64 {
    (new - old) / old
}

const HEAD: &str = "\
# What one operation of the programs costs (docs/testing.md, Counts). To write it again:
#
#     UPDATE_COUNTS=1 cargo test -p integration-tests --test counts
#
# A number that has increased gets ? as its reason. Write the reason in its place; the test fails until then.
";
const MADE_WITH: &str = "# Counted with: ";

#[cfg(test)]
mod tests {
    use super::*;

    fn count(instructions: f64, calls: f64) -> Count {
        Count { instructions, calls }
    }

    fn row() -> Row {
        Row { operation: "a login".into(), count: count(100_000.0, 20.0), reason: "first count".into() }
    }

    #[test]
    fn three_percent_more_fails_and_less_does_not() {
        for (instructions, calls, fails) in [
            (100_000.0, 20.0, 0),
            (102_900.0, 20.4, 0),
            (50_000.0, 10.0, 0),
            (103_100.0, 20.0, 1),
            (100_000.0, 21.0, 1),
            (200_000.0, 40.0, 2),
        ] {
            let found = row().increases(count(instructions, calls));
            assert_eq!(found.len(), fails, "{instructions} {calls}: {found:?}");
        }
        let found = row().increases(count(105_000.0, 20.0));
        assert_eq!(found, ["a login: 105000 instructions, 5.0 % more than 100000"]);
    }

    #[test]
    fn a_number_that_is_lowered_by_five_percent_fails() {
        let counted = count(100_000.0, 20.0);
        let table = Table::parse(&Table { made_with: "this".into(), rows: vec![row()] }.print());
        assert!(table.rows[0].increases(counted).is_empty());
        let lowered = table.print().replace("100000", "95000");
        assert_eq!(Table::parse(&lowered).rows[0].increases(counted).len(), 1, "{lowered}");
        let lowered = table.print().replace(" 20.0 ", " 19.0 ");
        assert_eq!(Table::parse(&lowered).rows[0].increases(counted).len(), 1, "{lowered}");
    }

    #[test]
    fn an_update_asks_for_a_reason_where_a_number_has_increased() {
        assert_eq!(row().updated(count(100_900.0, 20.4)), row());
        let fewer = Row { count: count(90_000.0, 19.0), ..row() };
        assert!(row().is_less(count(90_000.0, 19.0)) && !row().is_less(count(99_000.0, 19.8)));
        assert_eq!(row().updated(count(90_000.0, 19.0)), fewer);
        let more = row().updated(count(110_000.0, 20.0));
        assert_eq!(more, Row { count: count(110_000.0, 20.0), reason: "?".into(), ..row() });
        assert!(more.lacks_reason() && !row().lacks_reason());
    }
}
