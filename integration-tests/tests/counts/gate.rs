//! The gate: everything is counted and compared.

use super::table::{Count, Row, Table};
use super::valgrind::Valgrind;
use super::{relay, server, user};
use integration_tests::{or_skip, skip};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// Something that is counted.
struct Operation {
    name: &'static str,
    /// How often it is done in the shorter run. The longer one does it twice as often, and the difference counts: neither the start of
    /// the program nor what it does once belongs to it.
    times: usize,
    /// Starts the program, does it so often, and ends the program.
    run: fn(&Valgrind, usize) -> Count,
}

const fn operation(name: &'static str, times: usize, run: fn(&Valgrind, usize) -> Count) -> Operation {
    Operation { name, times, run }
}

static OPERATIONS: [Operation; 11] = [
    operation("server: login", 20, server::login),
    operation("server: send a file of 1 KiB", 20, server::send),
    operation("server: receive a file of 1 KiB", 40, server::receive),
    operation("server: list 1,000 names", 2, server::list),
    operation("server: send 1 MiB inside TLS", 8, server::send_private),
    operation("server: receive 1 MiB inside TLS", 8, server::receive_private),
    operation("user agent: copy a file of 1 KiB of a tree", 150, user::copy_tree),
    operation("user agent: copy a file of 1 KiB", 5, user::copy_files),
    operation("user agent: list 1,000 names", 1, user::list),
    operation("relay agent: answer a frame", 50, relay::frame),
    operation("relay agent: pass 1 MiB on", 6, relay::join),
];

impl Operation {
    /// What it costs once.
    fn count(&self, valgrind: &Valgrind) -> Count {
        let few = (self.run)(valgrind, self.times);
        let many = (self.run)(valgrind, 2 * self.times);
        let each = |many: f64, few: f64| (many - few) / f64::from(u32::try_from(self.times).unwrap());
        Count { instructions: each(many.instructions, few.instructions), calls: each(many.calls, few.calls) }
    }

    /// What it costs, for a comparison with its row: the median of three where one count does not pass.
    fn judge(&self, valgrind: &Valgrind, row: Option<&Row>) -> Count {
        let first = self.count(valgrind);
        if row.is_some_and(|row| row.increases(first).is_empty() && !row.is_less(first)) {
            return first;
        }
        let all = [first, self.count(valgrind), self.count(valgrind)];
        Count {
            instructions: median(all.map(|count| count.instructions)),
            calls: median(all.map(|count| count.calls)),
        }
    }
}

fn median(mut values: [f64; 3]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[1]
}

/// Counts what was chosen, as many operations at the same time as there are processors. Whatever an operation starts has one
/// processor.
fn count_all(valgrind: &Valgrind, table: &Table, chosen: &[&'static Operation]) -> Vec<Count> {
    let allowed = sched_getaffinity(None).unwrap();
    let processors = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).take(chosen.len());
    let waiting = Mutex::new(chosen.iter().enumerate());
    let counts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for processor in processors {
            let (waiting, counts) = (&waiting, &counts);
            scope.spawn(move || {
                let mut only = CpuSet::new();
                only.set(processor);
                sched_setaffinity(None, &only).unwrap();
                let next = || waiting.lock().unwrap().next();
                while let Some((at, operation)) = next() {
                    let count = operation.judge(valgrind, table.row(operation.name));
                    counts.lock().unwrap().push((at, count));
                }
            });
        }
    });
    let mut counts = counts.into_inner().unwrap();
    counts.sort_by_key(|(at, _)| *at);
    counts.into_iter().map(|(_, count)| count).collect()
}

#[test]
fn no_operation_costs_more_than_the_table_says() {
    let valgrind = or_skip!(Valgrind::find());
    let is_update = std::env::var_os("UPDATE_COUNTS").is_some();
    let made_with = made_with(&valgrind);
    let mut table = Table::parse(&fs::read_to_string(path()).unwrap());
    if table.made_with != made_with {
        if !is_update {
            skip!(format!("the counts are those of {}, here is {made_with}", table.made_with));
        }
        table = Table { made_with, rows: Vec::new() };
    }
    let wanted = std::env::var("FTP_COUNTS").unwrap_or_default();
    let chosen: Vec<_> = OPERATIONS.iter().filter(|operation| operation.name.contains(&wanted)).collect();
    let mut wrong = Vec::new();
    for (operation, count) in chosen.iter().zip(count_all(&valgrind, &table, &chosen)) {
        eprintln!(
            "{}: {:.0} instructions, {:.2} system calls",
            operation.name, count.instructions, count.calls
        );
        match table.row(operation.name) {
            Some(row) if row.is_less(count) => eprintln!("{}: the table has more", operation.name),
            Some(row) => wrong.extend(row.increases(count)),
            None => wrong.push(format!("{}: it is not in the table", operation.name)),
        }
        table.note(operation.name, count);
    }
    if is_update {
        fs::write(path(), table.print()).unwrap();
    } else {
        assert!(wrong.is_empty(), "{}\n{HOW}", wrong.join("\n"));
    }
}

#[test]
fn each_row_is_an_operation_and_has_a_reason() {
    let table = Table::parse(&fs::read_to_string(path()).unwrap());
    let rows: Vec<&str> = table.rows.iter().map(|row| row.operation.as_str()).collect();
    assert_eq!(rows, OPERATIONS.iter().map(|operation| operation.name).collect::<Vec<_>>());
    let without: Vec<&Row> = table.rows.iter().filter(|row| row.lacks_reason()).collect();
    assert!(without.is_empty(), "write the reason in place of ?: {without:?}");
}

/// What a count depends on beside the sources.
fn made_with(valgrind: &Valgrind) -> String {
    let first = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let said =
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        said.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    let profile = std::env::current_exe().unwrap();
    let profile =
        profile.ancestors().nth(2).and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
    let (rustc, glibc) = (first("rustc", "--version"), first("getconf", "GNU_LIBC_VERSION"));
    format!("{rustc}, {profile}, {}, {glibc}, {}", processor(), valgrind.version())
}

/// Which instructions the libraries choose for digests and TLS.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let more = if std::is_x86_feature_detected!("avx2") { " with AVX2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let more = "";
    format!("{}{more}", std::env::consts::ARCH)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

const HOW: &str = "Find the cause. If the cost is worth it: UPDATE_COUNTS=1 cargo test -p integration-tests --test counts, then write the reason into integration-tests/counts.txt";
