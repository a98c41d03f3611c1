//! What people type for other programs.

use super::super::tests::{read_typed, words};
use super::*;

#[test]
fn an_option_of_copy_at_another_place_says_where_it_belongs() {
    let check = |word: &str, typed: &str, expect: Option<&str>| {
        let found = misplaced(word, &words(typed)).map(|failure| failure.to_string());
        assert_eq!(found.as_deref(), expect, "{typed}");
    };
    check("ann:s3cret@h/a.bin", "append a b.bin ann:s3cret@h/a.bin", None);
    let own = "a job goes on with its own options, as they were typed";
    check(
        "--limit",
        "resume last --limit 100MB",
        Some(&format!("--limit is not an option of resume; {own}")),
    );
    let behind = "write it behind: ftp-user copy";
    check("-r", "-r copy a b", Some(&format!("-r stands before its verb; {behind} -r ...")));
    check(
        "--recursive",
        "--recursive copy a b",
        Some(&format!("--recursive stands before its verb; {behind} --recursive ...")),
    );
    check("--limit", "ls --limit 5 a", None);
    check("--delete", "copy -r --delete a b", Some("copy has no option --delete; it is an option of sync"));
    check("--detach", "sync --detach a b", Some("sync has no option --detach; it is an option of copy"));
    check(
        "--compare",
        "move --compare=size a b",
        Some("move has no option --compare; it is an option of sync"),
    );
    check("--nonsense", "copy --nonsense a b", None);
    check(
        "--jobs",
        "--jobs 4 sync a b",
        Some("--jobs stands before its verb; write it behind: ftp-user sync --jobs ..."),
    );
    check(
        "--daemon",
        "--daemon http://h jobs",
        Some("--daemon stands before its verb; write it behind: ftp-user jobs --daemon ..."),
    );
    check("--delete", "resume last --delete", Some(&format!("--delete is not an option of resume; {own}")));
}

#[test]
fn a_value_of_an_option_is_no_verb() {
    for (typed, expect) in [
        ("copy a b", Some((0, "copy"))),
        ("--config sync copy --bogus a b", Some((2, "copy"))),
        ("--trace man sync --bogus", Some((2, "sync"))),
        ("--id copy ls --bogus", Some((2, "ls"))),
        ("--id=copy ls --bogus", Some((1, "ls"))),
        ("--jobs 4 sync a b", Some((2, "sync"))),
        ("-r copy a b", Some((1, "copy"))),
        ("get sites x", Some((1, "sites"))),
        ("--config sync", None),
    ] {
        let found = verb_of(&words(typed));
        assert_eq!(found.as_ref().map(|(at, verb)| (*at, verb.as_str())), expect, "{typed}");
    }
}

#[test]
fn every_line_of_the_table_has_verbs_names_and_a_short_hint() {
    let command = Cli::command();
    let stands_for_several = [EACH, COMMAND_LINE, SHELL_LINE, EVERY_LINE];
    let is_verb = |verb: &str| stands_for_several.contains(&verb) || command.find_subcommand(verb).is_some();
    for line in ELSEWHERE.lines() {
        let columns: Vec<&str> = line.split(" | ").collect();
        let [verbs, names, hint] = columns[..] else { panic!("{line}") };
        assert!(verbs.split(' ').all(is_verb) && !names.is_empty() && hint.len() <= 160, "{line}");
    }
}

#[test]
fn an_option_of_another_program_says_what_to_type() {
    let check = |word: &str, typed: &str, expect: &str| {
        let found = elsewhere(word, &words(typed)).map(|failure| failure.to_string()).unwrap_or_default();
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{typed}: {found}");
    };
    check("-f", "rm -rf ftp://h/x", "rm has no option -f; --yes");
    check("--force", "-v copy --force a b", "--overwrite always");
    check("-R", "ls -R a", "use tree");
    check("-h", "ls -lh a", "ls has no option -h; -l shows sizes in bytes");
    check("-r", "hash -r a", "hash takes files");
    check("-f", "probe -f a", "");
    check("--checksum", "copy --checksum a b", "--overwrite different, the default");
    check("--size-only", "sync --size-only a b", "--compare size");
    check("--remove-source-files", "copy --remove-source-files a b", "move deletes");
    check("--transfers", "move --transfers=4 a b", "-j N copies N files");
    check("--log-file", "ls --log-file=x a", "ls has no option --log-file; --trace FILE");
    check("--partial", "rm --partial a", "copy, move and sync go on");
    check("-P", "ls -P 21 a", "ls has no option -P; write the port into the URL");
    let both = "copy has no option -a and no -z; times are kept; --perms keeps the modes; there is none";
    check("-a", "copy -avz a b", both);
    check("-a", "copy -raj4 a b", "copy has no option -a; times are kept");
    check("-b", "copy -vb a b", "copy has no option -vb; leave it out");
    check("-c", "copy -cc 4 a b", "copy has no option -cc; -j N");
    check("-s", "copy -rst -f list", "copy has no option -rst; leave it out");
    check("-z", "copy -zz a b", "copy has no option -z; there is none: nothing is compressed on its way");
    check("--stream", "copy --stream a b", "-j N copies N files");
    check("-z", "cat -z a", "cat has no option -z; there is none");
    check("-c", "hash -c sums", "sha256sum -c");
    check("--detach", "sync --detach a b", "sync has no option --detach; sync needs this program");
    check("--from-file", "sync --from-file list", "sync takes one SOURCE");
    check("--delete", "copy -r --delete a b", "copy has no option --delete; sync SOURCE DEST --delete");
    check("--max-delete", "move --max-delete=5 a b", "move has no option --max-delete; sync");
    check("--compare", "copy --compare size a b", "sync --compare");
    check("--only-newer", "copy --only-newer a b", "--overwrite newer");
    check("--token-file", "copy --token-file t a b", "--relay-token-file FILE");
    check("--exclude-from", "sync --delete --exclude-from list a b", "--filter-from FILE reads");
    check("--backup-dir", "copy --backup-dir x a b", "sync --backup-dir");
    check("--max-depth", "copy --max-depth 2 a b", "--exclude 'DIR/**'");
    check("--existing", "sync --existing a b", "what DEST lacks is copied");
    check("-t", "ls -ltr a", "ls has no option -t and no -r; names are sorted");
    check("-L", "tree -L 2 a", "all levels are shown");
    check("--all", "series --all", "series alone lists them all");
}

#[test]
fn a_negative_number_is_called_so_and_the_help_is_that_of_the_part() {
    for (word, typed, expect) in [
        ("-5", "jobs --timeout -5", Some("--timeout -5: it must not be negative")),
        ("-1", "copy -j -1 a b", Some("-j -1: it must not be negative")),
        ("-5", "copy -r -5 a", None),
        ("-5", "-5 copy a b", None),
        ("-x", "copy --limit -x", None),
    ] {
        let found = negative(word, &words(typed)).map(|failure| failure.to_string());
        assert_eq!(found.as_deref(), expect, "{typed}");
    }
    for (typed, expect) in [
        ("daemon token --bogus", "daemon token"),
        ("-v sites import", "sites import"),
        ("sites", "sites"),
        ("copy sites import", "copy"),
        ("--config jobs ls", "ls"),
    ] {
        assert_eq!(page_of(&words(typed)), format!("ftp-user {expect} --help"), "{typed}");
    }
    assert_eq!(page_of(&words("--bogus")), "ftp-user --help");
}

#[test]
fn progress_and_colour_without_a_value_are_told_apart_from_other_mistakes() {
    let hint = |typed: &str| hint_of_mistake(&read_typed(typed).err()?, &words(typed));
    assert!(hint("copy --progress a b").is_some_and(|hint| hint.starts_with("leave it out")));
    assert!(hint("ls --color a").is_some_and(|hint| hint.starts_with("leave it out")));
    assert_eq!((hint("copy --jobs a b"), hint("copy --progress never a b")), (None, None));
}

#[test]
fn each_option_that_people_know_from_other_programs_has_a_hint_at_every_verb() {
    let options = "--checksum --update --partial --transfers --stats --log-file -u -c -z -P -L -C -l --parallel --checkers \
        --ignore-existing --size-only --remove-source-files --mirror --contimeout --human-readable";
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let verb = command.get_name();
        for option in options.split_whitespace() {
            let is_own = command.get_arguments().any(|arg| is_called(arg, option));
            let line = hint(verb, option);
            assert!(is_own || line.is_some_and(|line| line.len() < 140), "{verb} {option}: {line:?}");
        }
    }
}

#[test]
fn what_other_programs_call_a_verb_is_told() {
    let check = |word: &str, typed: &str, expect: Option<&str>| {
        let found = later(word, &words(typed)).map(|failure| failure.to_string());
        match expect {
            Some(expect) => {
                assert!(found.as_ref().is_some_and(|found| found.contains(expect)), "{found:?}")
            }
            None => assert_eq!(found, None, "{word}"),
        }
    };
    check("mirror", "mirror a b", Some("use sync"));
    check("cp", "cp a b", Some("use copy"));
    check("check", "check one: two:", Some("use sync -n --compare hash"));
    check("config", "config", Some("use sites add, or sites import"));
    check("lsjson", "lsjson one:", Some("use ls --json"));
    check("rmdirs", "rmdirs one:", Some("use rm -r"));
    check("kill", "kill last", Some("use cancel"));
    check("stop", "stop last", Some("use cancel"));
    check("md5sum", "md5sum one:a", Some("use hash --alg md5"));
    check("import", "import lftp", Some("use sites import"));
    check("rcat", "rcat one:a", Some("use copy - PLACE"));
    check("cd", "cd one:", Some("there is no verb cd; ftp-user shell has cd"));
    check("rename", "rename a b", Some("use mv"));
    check("--incude", "--incude a b", None);
    check("copi", "copi a b", None);
    check("sl", "sl one:", Some("there is no verb sl; did you mean ls?"));
    check("cpoy", "help cpoy", Some("there is no verb cpoy; did you mean copy?"));
    check("cpoy", "--json help cpoy", Some("did you mean copy?"));
    check("cp", "help cp", Some("use copy"));
    check("delete", "help sites delete", Some("sites has no delete; use sites remove"));
    check("qqqqqqqq", "help qqqqqqqq", None);
    check("delete", "sites delete two", Some("sites has no delete; use sites remove"));
    check("rename", "-v sites rename one two", Some("sites has no rename; add it under its new name"));
    check("get", "sites get two", None);
    check("stop", "series stop 5", Some("series has no stop; series pause S"));
    check("rm", "series rm 5", Some("use series remove"));
    check("pause", "man series pause", Some("man has no pause; ftp-user man series has its parts, too"));
    check("imort", "sites imort x", Some("sites has no imort; did you mean sites import?"));
    check("remvoe", "series remvoe 5", Some("series has no remvoe; did you mean series remove?"));
    check("get", "get sites x", Some("use copy"));
    // Options are told by `elsewhere`, and by the others that know them.
    check("-f", "mv -f a b", None);
    check("--delete", "copy -r --delete a b", None);
}

#[test]
fn a_mistyped_option_is_answered_with_the_one_that_begins_so_or_is_most_like_it() {
    for (typed, expect) in [
        ("copy --que a b", Some("copy has no option --que; did you mean --queue?")),
        ("copy --queu a b", Some("did you mean --queue?")),
        ("copy --ever=15m a b", Some("copy has no option --ever; did you mean --every?")),
        ("copy --qeueu a b", Some("did you mean --queue?")),
        ("sync --max-delet 3 a b", Some("did you mean --max-delete?")),
        ("jobs --folow", Some("did you mean --follow?")),
        (
            "sites add --pasword-file x",
            Some("sites add has no option --pasword-file; did you mean --password-file?"),
        ),
        ("copy --jso a b", Some("did you mean --json?")),
        ("series --al", None),
        ("copy --nonsense a b", None),
        ("copy a --no-such-option", None),
    ] {
        let option = typed.split(' ').find(|word| word.starts_with("--")).unwrap();
        let found = mistyped(option, &words(typed)).map(|failure| failure.to_string());
        match (expect, &found) {
            (Some(expect), Some(found)) => assert!(found.contains(expect), "{typed}: {found}"),
            (expect, found) => assert_eq!(*found, expect.map(str::to_owned), "{typed}"),
        }
    }
}
