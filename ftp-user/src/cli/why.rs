//! `why`: what an earlier run has tried, and why its files went as they did.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::history::PastRun;
use crate::job::Status;
use crate::report::Event;
use clap::Args;

/// Show which paths an earlier run has tried between two servers, and why its files took theirs
#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    /// last, or the id of a run
    #[arg(default_value = "last", value_name = "JOB|last")]
    run: String,
}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) fn run(context: Context, args: WhyArgs) -> Result<Status, Failure> {
    let runs = context.runs.kept().map_err(|why| Failure::new(Kind::Other, why))?;
    let found = find(&runs, &args.run)?;
    context.events.say(Event::Past(found.clone()));
    Ok(Status::Done)
}

/// The run with that id, or the last one.
fn find<'a>(runs: &'a [PastRun], which: &str) -> Result<&'a PastRun, Failure> {
    let found = if which == "last" { runs.last() } else { runs.iter().rfind(|run| run.id == which) };
    found.ok_or_else(|| {
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        if ids.is_empty() {
            return Failure::new(Kind::Missing, "no run between two servers is remembered")
                .hint("copy something first, with the same --state");
        }
        Failure::new(Kind::Missing, "no run with that id is remembered")
            .hint(format!("these are: {}", ids.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_id_or_as_the_last_one() {
        let run = |id: &str| PastRun { id: id.to_owned(), ..PastRun::default() };
        let runs = [run("a"), run("b")];
        let check = |which, expect: &str| assert_eq!(find(&runs, which).unwrap().id, expect);
        check("a", "a");
        check("last", "b");
        let failure = find(&runs, "c").unwrap_err();
        assert!(failure.kind == Kind::Missing && failure.to_string().contains("a b"), "{failure}");
        assert!(find(&[], "last").unwrap_err().to_string().contains("copy something first"));
    }
}
