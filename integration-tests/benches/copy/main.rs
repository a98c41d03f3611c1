//! Measures the programs beside those of other people and beside the fastest that the machine can do: `cargo bench -p
//! integration-tests`. `cargo bench -p integration-tests -- --help` has the options.
//!
//! Each part runs in interleaved rounds, because machines are noisy and only the ratio within one round means something.
//! What it measures goes into one collection, of which the text, the JSON and docs/performance.md are made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark says what it measures, or fails"
)]

mod client;
mod contender;
mod direct;
mod drain;
mod figures;
mod files;
mod first;
mod fxp;
mod guesses;
mod idle;
mod insiders;
mod limit;
mod lines;
mod listings;
mod login;
mod moves;
mod peers;
mod plan;
mod process;
mod queue;
mod relay;
mod report;
mod shell;
mod start;
mod suite;
mod sync;
mod through;
mod tls;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use integration_tests::performance::{RESULTS, Results, Run, pages};
use plan::{FILE, Options, Plan};
use report::Report;
use suite::{ENDS, Suite};

/// A part of the benchmark.
struct Part {
    name: &'static str,
    quick: QuickWork,
    /// Whether it moves the large file.
    moves_file: bool,
    run: fn(&Bench<'_>, &mut Report),
}

/// What a part does in a quick run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QuickWork {
    /// It takes too long.
    None,
    /// Its work depends on the sizes of the plan.
    Less,
    /// It does all of its work, in fewer rounds.
    All,
}

/// What every part has.
struct Bench<'a> {
    plan: &'a Plan,
    place: &'a Path,
    suites: &'a [Suite],
}

impl Bench<'_> {
    /// The large file.
    fn file(&self) -> PathBuf {
        self.suites[0].servers[0].path(FILE)
    }
}

const fn part(name: &'static str, quick: QuickWork, run: fn(&Bench<'_>, &mut Report)) -> Part {
    Part { name, quick, moves_file: false, run }
}

const fn of_file(name: &'static str, run: fn(&Bench<'_>, &mut Report)) -> Part {
    Part { name, quick: QuickWork::Less, moves_file: true, run }
}

/// All parts in their order. The last one leaves many local ports behind that nobody can use for a minute.
const PARTS: [Part; 24] = [
    of_file("limit", |bench, report| direct::table(bench.plan, bench.suites, report)),
    part("start", QuickWork::All, |bench, report| start::table(bench.plan, bench.suites, report)),
    of_file("peers", |bench, report| peers::table(bench.plan, bench.place, &bench.file(), report)),
    of_file("through", |bench, report| through::table(bench.plan, bench.suites, report)),
    of_file("relay", |bench, report| relay::table(bench.plan, &bench.file(), report)),
    part("crowd", QuickWork::None, |bench, report| relay::crowd(bench.plan, report)),
    part("insiders", QuickWork::None, |bench, report| insiders::table(bench.plan, report)),
    part("list", QuickWork::Less, |bench, report| listings::table(bench.plan, bench.place, report)),
    part("files", QuickWork::All, |bench, report| files::table(bench.plan, bench.suites, report)),
    part("tree", QuickWork::All, |bench, report| tree::table(bench.plan, bench.place, report)),
    part("move", QuickWork::None, |bench, report| moves::table(bench.plan, bench.suites, report)),
    part("sync", QuickWork::Less, |bench, report| sync::table(bench.plan, &bench.suites[0], report)),
    part("shell", QuickWork::All, |bench, report| shell::table(bench.plan, report)),
    part("idle", QuickWork::Less, |bench, report| idle::table(bench.plan, bench.place, report)),
    part("guesses", QuickWork::None, |bench, report| guesses::table(bench.plan, bench.place, report)),
    of_file("drain", |bench, report| drain::table(bench.plan, bench.place, &bench.file(), report)),
    of_file("digest", |bench, report| drain::digests(bench.plan, bench.place, &bench.file(), report)),
    of_file("tls", |bench, report| tls::curl(bench.plan, bench.place, &bench.file(), report)),
    part("first", QuickWork::None, |bench, report| first::table(bench.plan, report)),
    part("queue", QuickWork::None, |bench, report| {
        queue::table(bench.plan, bench.place, &bench.suites[0], report)
    }),
    part("latency", QuickWork::None, |bench, report| lines::small_files(bench.plan, bench.place, report)),
    part("lines", QuickWork::None, |bench, report| lines::table(bench.plan, bench.place, report)),
    of_file("fxp", |bench, report| fxp::table(bench.plan, bench.place, &bench.file(), report)),
    part("login", QuickWork::All, |bench, report| login::table(bench.plan, bench.place, report)),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if limit::is_part(&args) {
        limit::part(&args);
        return ExitCode::SUCCESS;
    }
    if relay::is_part(&args) {
        relay::part(&args);
        return ExitCode::SUCCESS;
    }
    if !args.iter().any(|arg| arg == "--bench" || arg == "--help") {
        println!("the benchmark takes minutes and runs only with: cargo bench -p integration-tests");
        return ExitCode::SUCCESS;
    }
    match benchmark(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// Runs the parts that are asked for, and shows and keeps their results.
///
/// # Errors
///
/// A file of results is named that is not there, or the page is asked for and the tree has changes.
fn benchmark(options: &Options) -> Result<(), String> {
    let plan = Plan::of(options);
    let asked = |part: &&Part| match &options.parts[..] {
        [] => !(plan.is_quick && part.quick == QuickWork::None),
        names => names.iter().any(|name| name == part.name),
    };
    let parts: Vec<&Part> = PARTS.iter().filter(asked).collect();
    if options.page && !Run::here(false, false).is_of_a_commit() {
        return Err("--page needs a clean tree, whose commit the page names: commit or stash the changes \
                    (docs/performance* does not count)"
            .to_owned());
    }
    // What cannot be read is told before the work of minutes.
    let read =
        |file: &PathBuf| Results::read(file).map_err(|why| format!("cannot read {}: {why}", file.display()));
    let before = options.compare.as_ref().map(read).transpose()?;
    let kept = options.json.as_ref().filter(|file| file.exists()).map(read).transpose()?;
    let start = Instant::now();
    let results = run(&plan, &parts);
    println!("\n{} parts took {:.0} s", parts.len(), start.elapsed().as_secs_f64());
    if let Some(file) = &options.json {
        let mut all = kept.unwrap_or_default();
        all.merge(results.clone());
        all.write(file).unwrap();
    }
    if let Some(before) = before {
        report::compare(&results, &before);
    }
    if options.page {
        write_page(results);
    }
    Ok(())
}

fn run(plan: &Plan, parts: &[&Part]) -> Results {
    let place = plan.place();
    ENDS.iter().for_each(|end| fs::create_dir(place.path().join(end)).unwrap());
    if parts.iter().any(|part| part.moves_file) {
        plan.write_file(&place.path().join(ENDS[0]).join(FILE));
    }
    let mut suites = vec![Suite::start(None, place.path())];
    suites.extend(plan.baseline.iter().map(|programs| Suite::start(Some(programs), place.path())));
    println!(
        "{} rounds, files of {} in {} ({})",
        plan.rounds,
        figures::size(plan.bytes()),
        place.path().parent().unwrap().display(),
        process::file_system(place.path()),
    );
    if let Some(baseline) = &plan.baseline {
        println!("baseline: the programs in {}", baseline.display());
    }
    let bench = Bench { plan, place: place.path(), suites: &suites };
    let mut report = Report::new();
    for part in parts {
        if !plan.is_quick {
            process::wait_for_local_ports();
        }
        report.begin(plan.is_small && part.quick != QuickWork::All, plan.is_quick);
        (part.run)(&bench, &mut report);
        report.end(part.name);
    }
    report.results
}

/// Puts the parts that did the whole work into the page.
fn write_page(mut results: Results) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    results.parts.retain(|_, part| !part.run.is_small);
    let mut kept = Results::read(&top.join(RESULTS)).unwrap_or_default();
    kept.merge(results);
    kept.write(&top.join(RESULTS)).unwrap();
    for page in pages(top).unwrap() {
        fs::write(top.join(page.path), page.text).unwrap();
    }
}
