//! Names that other programs give to verbs, and options that stand at another place.

use super::Cli;
use crate::failure::Failure;
use crate::place::nearest;
use crate::shell::Elsewhere;
use clap::CommandFactory;
use ftp_io::program::completion::{Part, Reader};
use std::ffi::OsString;

/// The failure if `word`, which the command line does not know, is one of them.
pub(super) fn later(word: &str, words: &[OsString]) -> Option<Failure> {
    match verb_of(words).as_ref().map(|(at, verb)| (*at, verb.as_str())) {
        // Behind it a word is no verb.
        Some((at, verb)) if words.iter().take(at).all(|before| before != word) => {
            if word.starts_with('-') {
                return None;
            }
            Some(Failure::usage(format!("{verb} has no {word}")).hint(hint(verb, word)?))
        }
        Some(_) | None => {
            let fails = || Failure::usage(format!("there is no verb {word}"));
            if VERBS_OF_THE_SHELL.contains(&word) {
                return Some(fails().hint(format!("ftp-user shell has {word}")));
            }
            let mut all = VERBS_OF_COMMAND_LINES.iter().chain(VERBS_ELSEWHERE);
            if let Some((_, verb)) = all.find(|(name, _)| *name == word) {
                return Some(fails().hint(format!("use {verb}")));
            }
            // clap finds nothing like a word of so few letters.
            let command = Cli::command();
            let verbs = command.get_subcommands().map(clap::Command::get_name).filter(|_| word.len() < 4);
            let meant = nearest(word, verbs)?;
            Some(fails().hint(format!("did you mean {meant}?")))
        }
    }
}

/// The verb of a command line that cannot be carried out, and where it stands. No value of an option is one, also if the option
/// is that of a verb and stands before it.
pub(super) fn verb_of(words: &[OsString]) -> Option<(usize, String)> {
    let mut command = Cli::command();
    command.build();
    let of_a_verb = |name: &str| {
        let takes = |arg: &clap::Arg| is_called(arg, name) && arg.get_action().takes_values();
        command.get_subcommands().any(|verb| verb.get_arguments().any(takes))
    };
    let mut reader = Reader::at(&command);
    let mut is_value = false;
    for (at, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        if std::mem::take(&mut is_value) {
            continue;
        }
        match reader.read(&word) {
            Part::Verb(verb) => return Some((at, verb.get_name().to_owned())),
            // A word of another program stands where a verb stands.
            Part::Operand(_) if command.find_subcommand(&*word).is_some() => {
                return Some((at, word.into_owned()));
            }
            Part::Option(None) => is_value = of_a_verb(&word),
            Part::Option(Some(_)) | Part::End | Part::ValueOf(..) | Part::Operand(_) => {}
        }
    }
    None
}

/// The failure if `word` is an option that other programs give to this verb.
pub(super) fn elsewhere(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    let (_, verb) = verb_of(words)?;
    let unknown = beside(name, &verb, words);
    let mut hints: Vec<&str> = unknown.iter().filter_map(|name| hint(&verb, name)).collect();
    hints.dedup();
    let fails = || Failure::usage(format!("{verb} has no option {}", unknown.join(" and no ")));
    (!hints.is_empty()).then(|| fails().hint(hints.join("; ")))
}

/// The unknown option and those that stand in one word with it: `-a` and `-z` of `-avz`. A word that has a hint is one option,
/// such as `-vb` of globus-url-copy.
fn beside(name: &str, verb: &str, words: &[OsString]) -> Vec<String> {
    let command = Cli::command();
    let of_verb = || command.find_subcommand(verb).into_iter().flat_map(clap::Command::get_arguments);
    let is_known = |option: &str| {
        option == "-h" || command.get_arguments().chain(of_verb()).any(|arg| is_called(arg, option))
    };
    // Digits are the value of the letter before them.
    let letters = |word: &str| -> Vec<String> {
        let letters = word.strip_prefix('-').unwrap_or_default().chars();
        letters.take_while(char::is_ascii_alphabetic).map(|letter| format!("-{letter}")).collect()
    };
    let mut texts = words.iter().filter_map(|word| word.to_str());
    let Some(word) = texts.find(|word| letters(word).iter().any(|option| option == name)) else {
        return vec![name.to_owned()];
    };
    if hint(verb, word).is_some() {
        return vec![word.to_owned()];
    }
    let mut unknown = letters(word);
    unknown.retain(|option| option == name || !is_known(option));
    unknown.dedup();
    unknown
}

/// What to use here instead of an option or a part of another program.
fn hint(verb: &str, name: &str) -> Option<&'static str> {
    let has = |all: &str, one: &str| all.split(' ').any(|known| known == one);
    let of = |verbs: &str| verbs == EACH || has(verbs, verb);
    let found = ELSEWHERE.iter().find(|(verbs, names, _)| of(verbs) && has(names, name));
    found.map(|(_, _, hint)| *hint)
}

/// The failure if `word` is an option of a verb that copies, and stands before its verb, or behind another one.
pub(super) fn misplaced(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    // Anything else may be a place with its password.
    if !name.starts_with('-') {
        return None;
    }
    let command = Cli::command();
    let has = |verb: &&str| {
        command.find_subcommand(verb).is_some_and(|verb| verb.get_arguments().any(|arg| is_called(arg, name)))
    };
    let owners: Vec<&str> = COPYING.into_iter().filter(has).collect();
    if owners.is_empty() {
        return None;
    }
    let (_, verb) = verb_of(words)?;
    match verb.as_str() {
        "resume" | "retry" | "cancel" => Some(
            Failure::usage(format!("{name} is no option of {verb}"))
                .hint("a job goes on with its own options, as they were typed"),
        ),
        verb if owners.contains(&verb) => Some(
            Failure::usage(format!("{name} stands before its verb"))
                .hint(format!("write it behind: ftp-user {verb} {name} ...")),
        ),
        verb if COPYING.contains(&verb) => Some(
            Failure::usage(format!("{verb} has no option {name}"))
                .hint(format!("it is an option of {}", owners.join(", "))),
        ),
        _ => None,
    }
}

/// Whether a person calls an option so.
fn is_called(arg: &clap::Arg, name: &str) -> bool {
    if arg.is_hide_set() {
        return false;
    }
    match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => name.chars().nth(1).is_some_and(|short| {
            arg.get_short() == Some(short)
                || arg.get_all_short_aliases().is_some_and(|all| all.contains(&short))
        }),
    }
}

/// The verbs that copy.
const COPYING: [&str; 4] = ["copy", "append", "move", "sync"];

/// Stands for every verb.
const EACH: &str = "";

/// Options and parts of verbs of other programs: the verbs to which they are given, their names, and what to do here. The first
/// line that is right for a verb counts.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("sites", "rm del delete unlink", "use sites remove"),
    ("sites", "ls dir", "use sites list"),
    ("sites", "mv rename ren", "add it under its new name with sites add, then sites remove the old one"),
    ("rm", "-f --force", "--yes (-y) answers the question of rm -r; what is not there is always a failure"),
    ("rm", "-i --interactive -I", "rm -r asks unless --yes is given; -n shows what would be deleted"),
    ("mv", "-f --force", "mv replaces nothing: delete what has the name with ftp-user rm"),
    ("sync", "-r -R --recursive", "sync takes everything below SOURCE: leave it out"),
    ("sync", "--checksum -c", "--compare hash compares digests"),
    ("sync", "--size-only", "--compare size compares sizes only"),
    ("sync", "--mirror", "sync does it: leave it out; --delete deletes what only DEST has"),
    ("sync", "--remove-source-files", "sync leaves SOURCE as it is; move deletes what it has copied"),
    (
        "sync",
        "--update -u --only-newer --overwrite",
        "--compare says which files are the same; what differs is replaced, also by an older file",
    ),
    ("sync", "--ignore-existing", "--compare exists leaves alone what is there"),
    (
        "sync",
        "--detach",
        "sync needs this program until it ends: start it with nohup, or from cron; after an interruption the same command goes on",
    ),
    (
        "sync",
        "--from-file",
        "sync takes one SOURCE and one DEST: run it for each of them; copy --from-file takes a list",
    ),
    (
        "copy move",
        "--delete --max-delete",
        "sync SOURCE DEST --delete makes DEST like SOURCE; move deletes what it has copied from SOURCE",
    ),
    (
        "copy move",
        "--compare",
        "--overwrite says what happens to what is there; sync --compare copies only what differs",
    ),
    (
        "copy move",
        "--backup-dir",
        "use --overwrite never: files that are there stay; sync --backup-dir keeps what it replaces",
    ),
    (
        "copy move",
        "--checksum -c",
        "--overwrite different, the default, compares digests; what is stored of a file goes on",
    ),
    ("copy move sync", "-cd -create-dest -pp -nodcau", "leave it out: it is always so"),
    ("copy move sync", "-vb", "leave it out: a terminal shows a bar; --json is for programs"),
    ("copy move sync", "-cc", "-j N copies N files at the same time"),
    (
        "copy move sync",
        "-dcpriv",
        "write ftpes:// in the place of ftp://: files are inside TLS if the logins are",
    ),
    ("copy move sync", "-rst -rst-retries", "leave it out: it is always so; --retries N says how often"),
    ("copy move sync", "-sync -sync-level", "--overwrite different, the default of copy, compares digests"),
    (EACH, "-ipv6", "-6 reaches servers by IPv6 only"),
    ("copy move sync", "--bwlimit --limit-rate", "--limit RATE limits the speed"),
    (EACH, "--use-json-log", "--json prints a line of JSON for each event"),
    ("sync", "--delete-after --delete-before --delete-during", "--delete deletes after the copies"),
    ("sync copy move", "--inplace", "leave it out: a file is stored under another name until it is whole"),
    ("copy move sync", "-df -dumpfile -do", "leave it out: resume goes on with what is left"),
    ("copy move", "--update -u --only-newer", "--overwrite newer replaces only older files"),
    ("copy move", "--ignore-existing", "sync --compare exists copies only what DEST lacks"),
    ("copy move", "--size-only", "sync --compare size copies only files of another size"),
    ("copy", "--remove-source-files", "move deletes what it has copied and verified"),
    ("move", "--remove-source-files", "move does it: leave it out"),
    ("copy move", "--mirror", "sync SOURCE DEST --delete makes DEST like SOURCE"),
    ("sync copy move", "-a --archive --preserve", "times are kept; --perms keeps the modes"),
    ("sync copy move", "-p", "times are kept; --perms keeps the modes; one file is one stream"),
    ("sync copy move", "-l", "--limit RATE limits the speed; --links says what happens to symbolic links"),
    (
        "sync copy move",
        "-L --copy-links",
        "links to files are copied as files; --links follow enters those to directories",
    ),
    (
        "sync copy move",
        "--exclude-from --include-from --filter",
        "--filter-from FILE reads lines of - GLOB to leave files out, and of + GLOB to take them",
    ),
    ("sync copy move", "-x -X --exclude-glob", "--exclude GLOB leaves files out"),
    ("sync copy move", "-I --include-glob", "--include GLOB takes files"),
    ("sync copy move", "--min-age --max-age --min-size --max-size", "there is none: filters choose by name"),
    ("copy move", "--no-clobber", "use --overwrite never: files that are there stay"),
    ("sync", "-e", "--delete deletes what only DEST has; servers are reached by FTP"),
    ("sync copy move", "--existing --update-existing", "there is none: what DEST lacks is copied"),
    (
        "sync copy move",
        "--max-depth --depth --no-recursion",
        "--exclude 'DIR/**' leaves out what is in a directory; copy without -r takes no directory",
    ),
    ("sync copy move", "-b --backup --suffix", "sync --backup-dir DIR keeps what it replaces or deletes"),
    ("sync copy move", "-W --whole-file -S --sparse -B", "leave it out: it changes nothing here"),
    ("sync copy move", "-H --hard-links", "there is none: each name is copied as a file of its own"),
    ("sync copy move", "--safe-links --copy-unsafe-links", "--links says what happens to symbolic links"),
    (
        "sync copy move",
        "-o -g -D -O --omit-dir-times --numeric-ids",
        "leave it out: FTP does not tell or set it",
    ),
    (
        "sync copy move",
        "--ignore-errors --no-check-dest",
        "there is none: what fails is told, and the rest goes on",
    ),
    ("sync copy move", "--ignore-times", "copy --overwrite always copies each file again"),
    ("sync copy move", "--itemize-changes --list-only", "-n shows what would be done"),
    (
        "sync copy move",
        "--multi-thread-streams --tpslimit --buffer-size",
        "leave it out: it is chosen for each path",
    ),
    ("sync copy move", "--create-empty-src-dirs", "leave it out: it is always so"),
    ("copy move", "--parents --relative", "name the directory and filter: -r --include GLOB"),
    (EACH, "--contimeout --connect-timeout", "--timeout T is for connections and for each reply"),
    (EACH, "--human-readable", "leave it out: sizes are told so where people read them"),
    ("ls", "-t -S -r -1 -d", "names are sorted, one on each line; -l shows sizes and times"),
    ("tree", "--max-depth --depth -d", "there is none: name a directory that is deeper"),
    ("sync", "--delete-excluded", "there is none: what filters leave out stays at DEST"),
    ("sync", "--track-renames", "there is none: with --delete, what digests show as renamed is renamed"),
    ("sync copy move", "--no-perms --no-owner --no-group", "leave it out: only --perms keeps the modes"),
    ("sync copy move", "--reverse --fast-list --compare-dest", "there is none"),
    ("sync copy move", "--loop", "leave it out: the same command again goes on"),
    ("sync copy move", "--use-pget-n", "there is none: -j N copies N files at the same time"),
    ("sync copy move", "--files-from", "copy --from-file FILE reads lines of SOURCE, a tab, DEST"),
    ("sync copy move", "-e --rsh", "leave it out: servers are reached by FTP"),
    ("sync copy move", "-C", "nothing is compressed; --exclude leaves files out"),
    ("sync copy move", "-z --compress", "there is none: nothing is compressed on its way"),
    ("sync copy move", "--transfers --parallel --stream --streams", "-j N copies N files at the same time"),
    (
        "sync copy move",
        "--checkers",
        "there is none: many names are asked for at once; -j N copies N files at the same time",
    ),
    (
        "sync copy move",
        "-P",
        "-j N copies N files at the same time; a port stands in the URL (ftp://HOST:PORT/); what is stored of a file goes on",
    ),
    (
        "sync copy move append",
        "--partial --continue",
        "leave it out: what is stored of a file stays, and goes on",
    ),
    (
        "hash",
        "-c --check",
        "sha256sum -c checks its lines for files of this host; sync -n --compare hash compares trees",
    ),
    ("shell", "-c --command -e", "shell -f FILE carries out the lines of a file, or of standard input (-)"),
    ("ls", "-u -c", "names are sorted; -l shows when each was changed"),
    ("ls", "-C", "there is none: each name stands on its own line"),
    ("tree", "-L", "there is none: all levels are shown; name a directory that is deeper"),
    ("ls stat", "-L", "there is none: a link is shown as its server shows it"),
    (EACH, "--stats", "there is none: the last line sums up; --json tells it in numbers"),
    (EACH, "--log-file", "--trace FILE writes the dialogue with the servers; 2>FILE writes the messages"),
    (EACH, "--token-file", "--relay-token-file FILE has the token of a relay"),
    (EACH, "-P --port", "write the port into the URL: ftp://HOST:PORT/"),
    (EACH, "--user", "write the user into the URL: ftp://USER@HOST/"),
    (EACH, "--checksum", "hash prints digests; sync --compare hash compares them"),
    (EACH, "--update --ignore-existing --size-only", "copy has --overwrite, and sync has --compare"),
    (
        EACH,
        "--transfers --parallel --checkers",
        "there is none: -j of copy, move and sync is for files that are copied",
    ),
    (EACH, "--partial", "copy, move and sync go on with what is stored of a file"),
    (EACH, "--remove-source-files", "move deletes what it has copied and verified"),
    (EACH, "--mirror", "sync SOURCE DEST --delete makes DEST like SOURCE"),
    (EACH, "-u -c -z -L -C -l", "there is none"),
    ("copy", "-f", "--overwrite always replaces what is there; --from-file FILE takes a list of places"),
    ("copy append move", "-f --force", "--overwrite always replaces what is there"),
    ("copy append move sync mv", "-i --interactive", "there is none: -n shows what would be done"),
    ("ls", "-h --human-readable", "-l shows sizes in bytes"),
    ("ls stat", "-R -r --recursive", "use tree"),
    ("hash", "-r -R --recursive", "hash takes files, and patterns such as 'ftp://HOST/DIR/*'"),
    ("mkdir", "-m --mode", "the server chooses the mode of a new directory"),
];

/// Verbs that the shell alone has.
const VERBS_OF_THE_SHELL: &[&str] =
    &["cd", "composite", "fg", "history", "lcd", "lpwd", "pwd", "status", "wait", "where"];

/// Verbs of other programs that are typed on a command line, and what they are called here.
const VERBS_OF_COMMAND_LINES: Elsewhere = &[
    ("config", "sites add, or sites import for what other programs know"),
    ("open", "shell"),
    ("connect", "shell"),
    ("kill", "cancel"),
    ("version", "--version"),
    ("size", "stat"),
    ("du", "tree --json, whose entries have their sizes"),
    ("lsf", "ls"),
    ("lsl", "ls -l"),
    ("lsjson", "ls --json"),
    ("ncdu", "tree --json, whose entries have their sizes"),
    ("rmdirs", "rm -r, which also deletes what is in a directory"),
    ("cleanup", "cancel: it removes what a job that was interrupted has left"),
    ("obscure", "sites add --keyring, or a password in ~/.netrc (mode 0600)"),
    ("mount", "copy, sync or shell: nothing is mounted"),
    ("pget", "copy"),
    ("queue", "jobs"),
    ("copyto", "copy"),
    ("deletefile", "rm"),
    ("hashsum", "hash, and hash --alg NAME for another algorithm"),
    ("import", "sites import"),
    ("moveto", "move"),
    ("purge", "rm -r"),
    ("touch", "copy --overwrite never - PLACE </dev/null for an empty file"),
    ("rcat", "copy - PLACE"),
    ("lsd", "ls -l, which shows what is a directory"),
    ("cryptcheck", "sync -n --compare hash to compare two trees: nothing is encrypted at a server"),
    ("bisync", "copy -r --overwrite newer A/ B/, and then B/ A/: the newer file of each name goes to both"),
    ("listremotes", "sites list"),
    ("serve", "ftp-server, a program of its own"),
    ("about", "sites test, which tells what a server can do: servers do not tell how much room there is"),
    ("stop", "cancel"),
];

/// Verbs of other programs, and what they are called here: for the command line and for the shell.
pub(super) const VERBS_ELSEWHERE: Elsewhere = &[
    ("explain", "copy --explain"),
    ("cp", "copy"),
    ("scp", "copy"),
    ("get", "copy"),
    ("put", "copy"),
    ("dir", "ls"),
    ("list", "ls"),
    ("check", "sync -n --compare hash to compare two trees, or probe to ask what servers can do"),
    ("mirror", "sync"),
    ("rsync", "sync"),
    ("mov", "mv, or move between servers"),
    ("ren", "mv"),
    ("unlink", "rm"),
    ("more", "cat"),
    ("less", "cat"),
    ("find", "tree"),
    ("type", "cat"),
    ("nlist", "ls"),
    ("mget", "copy"),
    ("mput", "copy"),
    ("reget", "copy: it goes on with what is stored"),
    ("reput", "copy: it goes on with what is stored"),
    ("mrm", "rm"),
    ("cls", "ls"),
    ("bookmark", "sites"),
    ("site", "sites"),
    ("del", "rm"),
    ("delete", "rm"),
    ("rmdir", "rm -r, which also deletes what is in a directory"),
    ("upload", "copy"),
    ("download", "copy"),
    ("diff", "sync -n --compare hash to compare two trees"),
    ("md", "mkdir"),
    ("rename", "mv"),
    ("sha256sum", "hash"),
    ("md5sum", "hash --alg md5"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_copy_at_another_place_says_where_it_belongs() {
        let check = |word: &str, typed: &str, expect: Option<&str>| {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let found = misplaced(word, &words).map(|failure| failure.to_string());
            assert_eq!(found.as_deref(), expect, "{typed}");
        };
        check("ann:s3cret@h/a.bin", "append a b.bin ann:s3cret@h/a.bin", None);
        let own = "a job goes on with its own options, as they were typed";
        check(
            "--limit",
            "resume last --limit 100MB",
            Some(&format!("--limit is no option of resume; {own}")),
        );
        let behind = "write it behind: ftp-user copy";
        check("-r", "-r copy a b", Some(&format!("-r stands before its verb; {behind} -r ...")));
        check(
            "--recursive",
            "--recursive copy a b",
            Some(&format!("--recursive stands before its verb; {behind} --recursive ...")),
        );
        check("--limit", "ls --limit 5 a", None);
        check(
            "--delete",
            "copy -r --delete a b",
            Some("copy has no option --delete; it is an option of sync"),
        );
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
        check("--delete", "resume last --delete", Some(&format!("--delete is no option of resume; {own}")));
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
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let found = verb_of(&words);
            assert_eq!(found.as_ref().map(|(at, verb)| (*at, verb.as_str())), expect, "{typed}");
        }
    }

    #[test]
    fn an_option_of_another_program_says_what_to_type() {
        let check = |word: &str, typed: &str, expect: &str| {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let found = elsewhere(word, &words).map(|failure| failure.to_string()).unwrap_or_default();
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
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let found = later(word, &words).map(|failure| failure.to_string());
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
        check("delete", "sites delete two", Some("sites has no delete; use sites remove"));
        check("rename", "-v sites rename one two", Some("sites has no rename; add it under its new name"));
        check("get", "sites get two", None);
        check("get", "get sites x", Some("use copy"));
        // Options are told by `elsewhere`, and by the others that know them.
        check("-f", "mv -f a b", None);
        check("--delete", "copy -r --delete a b", None);
    }
}
